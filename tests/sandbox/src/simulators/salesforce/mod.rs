//! A Salesforce org: its leads, contacts and accounts with everything that ever happened to them, its token endpoint, the
//! part of its REST API that reads and writes several records at once, its limit of calls in a day, and what its flows
//! send: Outbound Messages, and the callouts of the Apex class in `infra/salesforce/`.

mod collections;
mod delivery;
mod message;
mod oauth;
mod org;
mod outbox;
mod records;
mod routes;
mod schema;
mod subscription;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::Clock;

pub use org::{Counters, Refusal};
pub use outbox::Event;
pub use records::{Change, Record};
pub use schema::Kind;
pub use subscription::{NOTIFICATIONS_MAX, Road, Subscription};

use super::exchange::{Call, Reception};
use super::fault::Faults;
use crate::kept::{Keeper, Part, StoreError};
use org::Org;

/// What signs the tokens that ask for tokens. It opens nothing but simulated orgs.
pub const JWT_PRIVATE_KEY: &str = include_str!("jwt_private_key.pem");
const JWT_PUBLIC_KEY: &str = include_str!("jwt_public_key.pem");

/// What an org is like.
#[derive(Debug, Clone)]
pub struct SalesforceSetup {
    /// Its id, in the long form.
    pub organization_id: String,
    /// The app's consumer key.
    pub client_id: String,
    /// The app's consumer secret.
    pub client_secret: String,
    /// The integration user's name, for tokens that are asked for with a JWT.
    pub username: String,
    /// The integration user.
    pub user_id: String,
    /// How long a token is good.
    pub session_timeout: Duration,
    /// How many API calls there are in 24 hours.
    pub daily_calls: u64,
    /// Where all chance comes from.
    pub seed: u64,
    /// Which share of the events is delivered twice, `0.0..=1.0`.
    pub duplicate_share: f64,
    /// How long every answer takes, by the simulator's clock.
    pub latency: Duration,
}

impl Default for SalesforceSetup {
    fn default() -> Self {
        Self {
            organization_id: "00D000000000001EAA".to_owned(),
            client_id: "simulated-consumer-key".to_owned(),
            client_secret: "simulated-consumer-secret".to_owned(),
            username: "leadgate@acme.example".to_owned(),
            user_id: "005000000000001AAA".to_owned(),
            session_timeout: Duration::from_secs(2 * 60 * 60),
            daily_calls: 100_000,
            seed: 1,
            duplicate_share: 0.0,
            latency: Duration::ZERO,
        }
    }
}

/// The consumer key of another app, with the same secret: what it saves is as if a person had.
pub const OTHER_APP: &str = "simulated-other-consumer-key";

/// A person at Salesforce's own screens.
pub const PERSON: &str = "005000000000009AAA";

/// An org. What a test or a person does to it goes through these methods, what an app does through HTTP.
pub struct Salesforce {
    setup: SalesforceSetup,
    http: reqwest::Client,
    reception: Reception,
    org: Keeper<Org>,
    /// Where it is served.
    instance_url: OnceLock<String>,
}

impl Salesforce {
    /// An empty org that sends what it has to tell with `http`.
    pub fn new(clock: Arc<dyn Clock>, setup: SalesforceSetup, http: reqwest::Client) -> Self {
        let reception = Reception::new(clock, setup.latency);
        let org = Keeper::new(Org::new(setup.seed));
        Self { setup, http, reception, org, instance_url: OnceLock::new() }
    }

    /// It is served here, and says so along with each token.
    pub fn serve_at(&self, url: &str) {
        // It is told once, when its world starts.
        let _ = self.instance_url.set(url.to_owned());
    }

    /// Goes on with the org that was kept here, and keeps it here from now on.
    pub(crate) fn keep_in(&self, part: Part) -> Result<(), StoreError> {
        self.org.keep_in(part)
    }

    /// What it is told to do wrong.
    pub fn faults(&self) -> &Faults {
        &self.reception.faults
    }

    /// Calls `hook` before each API call is carried out, in the place of an earlier hook.
    pub fn on_call(&self, hook: impl Fn(&Call) + Send + Sync + 'static) {
        self.reception.on_call(Arc::new(hook));
    }

    /// Tells of leads and contacts from now on. What is still to be delivered goes to the new place, too.
    pub fn subscribe(&self, subscription: Subscription) {
        self.org.lock().outbox.subscribe(subscription);
    }

    /// One more field of leads and contacts, or another kind for one that is there.
    pub fn define_field(&self, name: &str, kind: Kind) {
        self.org.lock().schema.define(name, kind);
    }

    /// An administrator deletes a field, or takes it out of the integration user's sight: naming it is an error.
    pub fn remove_field(&self, name: &str) {
        self.org.lock().schema.remove(name);
    }

    /// A person creates a lead.
    ///
    /// # Panics
    ///
    /// When Salesforce would refuse the values.
    pub fn create_lead<N: Into<String>, V: Into<String>>(&self, fields: impl IntoIterator<Item = (N, V)>) -> String {
        self.create("Lead", fields)
    }

    /// A person creates a contact at an account of this name.
    ///
    /// # Panics
    ///
    /// When Salesforce would refuse the values.
    pub fn create_contact<N: Into<String>, V: Into<String>>(
        &self,
        account: &str,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> String {
        let account = self.create("Account", [("Name", account)]);
        let fields = fields.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.create("Contact", fields.chain([("AccountId".to_owned(), account)]))
    }

    fn create<N: Into<String>, V: Into<String>>(
        &self,
        object: &str,
        fields: impl IntoIterator<Item = (N, V)>,
    ) -> String {
        let values = fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self.org.lock().create(object, &values, PERSON, self.now()).expect("Salesforce takes the record")
    }

    /// A person sets a field of a record; an empty value clears it.
    ///
    /// # Panics
    ///
    /// When there is no such record, or Salesforce would refuse the value.
    pub fn edit(&self, id: &str, field: &str, value: &str) {
        let values = BTreeMap::from([(field.to_owned(), value.to_owned())]);
        self.org.lock().update(id, &values, PERSON, self.now()).expect("Salesforce takes the edit");
    }

    /// A person converts a lead. The contact that it becomes, with the lead's values.
    ///
    /// # Panics
    ///
    /// When there is no such lead.
    pub fn convert(&self, lead: &str) -> String {
        self.org.lock().convert(lead, PERSON, self.now()).expect("there is such a lead")
    }

    /// A person deletes a record. Whether there was one.
    pub fn delete(&self, id: &str) -> bool {
        self.org.lock().delete(id, PERSON, self.now())
    }

    /// A record is deleted because the person asked for it, and the org tells of that. Whether there was one.
    pub fn forget(&self, id: &str) -> bool {
        self.org.lock().forget(id, PERSON, self.now())
    }

    /// All records of a kind that aren't deleted.
    pub fn records(&self, object: &str) -> Vec<Record> {
        let org = self.org.lock();
        org.records.values().filter(|record| record.object == object && !record.is_deleted).cloned().collect()
    }

    /// A record, also a deleted one.
    pub fn record(&self, id: &str) -> Option<Record> {
        self.org.lock().records.get(id).cloned()
    }

    /// Every token that was given ends.
    pub fn revoke_tokens(&self) {
        self.org.lock().tokens.clear();
    }

    /// Others make so many API calls.
    pub fn others_call(&self, calls: u64) {
        let now = self.now();
        self.org.lock().meter.others(calls, now);
    }

    /// What the API was used for so far.
    pub fn counters(&self) -> Counters {
        Counters { received: self.reception.calls(), ..self.org.lock().counters.clone() }
    }

    /// Events that are still to be delivered, due or not.
    pub fn pending_events(&self) -> Vec<Event> {
        self.org.lock().outbox.waiting()
    }

    /// Events that were given up.
    pub fn lost_events(&self) -> Vec<Event> {
        self.org.lock().outbox.lost()
    }

    fn now(&self) -> Timestamp {
        self.reception.clock.now()
    }
}
