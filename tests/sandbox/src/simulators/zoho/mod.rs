//! An org at Zoho CRM: its leads and contacts with everything that ever happened to them, the part of its API that gives
//! tokens and reads and writes records, and its channel, whose notifications echo a token.

mod card;
mod delivery;
mod org;
mod records;
mod routes;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::Clock;

pub use delivery::subscription;
pub use org::{Counters, HAND};
pub use records::{Change, Kind, Record};

use super::exchange::{Call, Reception};
use super::fault::Faults;
use super::outbox::{self, Event, Subscription};
use super::report::DeliveryReport;
use crate::kept::{Keeper, Part, StoreError};
use org::Org;

/// What an org is like.
#[derive(Debug, Clone)]
pub struct ZohoSetup {
    /// The channel that tells of its records.
    pub channel_id: u64,
    /// The client whose refresh token is good.
    pub client_id: String,
    /// That client's secret, and the refresh token: `CLIENT_SECRET:REFRESH_TOKEN`.
    pub credential: String,
    /// Where all chance comes from.
    pub seed: u64,
    /// Which share of the notifications is delivered twice, `0.0..=1.0`.
    pub duplicate_share: f64,
    /// How long a search doesn't see what was created.
    pub search_lag: Duration,
    /// How long every answer takes, by the simulator's clock.
    pub latency: Duration,
}

impl Default for ZohoSetup {
    fn default() -> Self {
        Self {
            channel_id: 1_000_000_068_001,
            client_id: "1000.SIMULATED".to_owned(),
            credential: "simulated-client-secret:simulated-refresh-token".to_owned(),
            seed: 1,
            duplicate_share: 0.0,
            search_lag: Duration::ZERO,
            latency: Duration::ZERO,
        }
    }
}

/// An org. What a test or a person does to it goes through these methods, what a program does through HTTP.
pub struct Zoho {
    setup: ZohoSetup,
    http: reqwest::Client,
    reception: Reception,
    org: Keeper<Org>,
}

impl Zoho {
    /// An empty org that sends what it has to tell with `http`, and whose API is at this address.
    pub fn new(clock: Arc<dyn Clock>, setup: ZohoSetup, http: reqwest::Client, api_domain: &str) -> Self {
        let reception = Reception::new(clock, setup.latency);
        let org = Keeper::new(Org::new(&setup, api_domain));
        Self { setup, http, reception, org }
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

    /// Tells of records from now on. What is still to be delivered goes to the new place, too.
    pub fn subscribe(&self, subscription: Subscription) {
        self.org.lock().outbox.subscribe(subscription);
    }

    /// One more field of leads and contacts, or another kind for one that is there.
    pub fn define_field(&self, name: &str, kind: Kind) {
        self.org.lock().fields.insert(name.to_owned(), kind);
    }

    /// An administrator deletes a field: naming it is an error.
    pub fn remove_field(&self, name: &str) {
        self.org.lock().fields.remove(name);
    }

    /// No access token that was given so far is good any longer.
    pub fn revoke_tokens(&self) {
        self.org.lock().token = None;
    }

    /// A lead is created at the screen.
    ///
    /// # Panics
    ///
    /// When Zoho would refuse the values.
    pub fn create_lead<N: Into<String>, V: Into<String>>(&self, values: impl IntoIterator<Item = (N, V)>) -> String {
        self.create("Leads", values)
    }

    /// A contact is created at the screen.
    ///
    /// # Panics
    ///
    /// When Zoho would refuse the values.
    pub fn create_contact<N: Into<String>, V: Into<String>>(&self, values: impl IntoIterator<Item = (N, V)>) -> String {
        self.create("Contacts", values)
    }

    fn create<N: Into<String>, V: Into<String>>(
        &self,
        module: &str,
        values: impl IntoIterator<Item = (N, V)>,
    ) -> String {
        let values = values.into_iter().map(|(name, value)| (name.into(), value.into().into())).collect();
        let created = self.org.lock().create(module, &values, HAND, self.now());
        created.expect("Zoho takes the record")
    }

    /// A value is typed in at the screen; an empty one clears the field.
    ///
    /// # Panics
    ///
    /// When there is no such record, or Zoho would refuse the value.
    pub fn edit(&self, id: &str, field: &str, value: &str) {
        self.org.lock().edit_by_hand(id, field, value, self.now()).expect("Zoho takes the edit");
    }

    /// A record is deleted at the screen. Whether there was one.
    pub fn delete(&self, id: &str) -> bool {
        self.org.lock().delete(id, self.now())
    }

    /// A record, if it is there.
    pub fn record(&self, id: &str) -> Option<Record> {
        self.org.lock().records.get(id).cloned()
    }

    /// All leads and contacts, by their ids.
    pub fn records(&self) -> Vec<Record> {
        self.org.lock().records.values().cloned().collect()
    }

    /// What the API was used for so far.
    pub fn counters(&self) -> Counters {
        Counters { received: self.reception.calls(), ..self.org.lock().counters.clone() }
    }

    /// Delivers everything that is due, and waits for the answers. What isn't accepted is kept for a later call.
    pub async fn deliver(&self) -> DeliveryReport {
        outbox::deliver(self).await
    }

    /// Notifications that are still to be delivered, due or not.
    pub fn pending_events(&self) -> Vec<Event> {
        self.org.lock().outbox.waiting()
    }

    /// Notifications that were given up.
    pub fn lost_events(&self) -> Vec<Event> {
        self.org.lock().outbox.lost()
    }

    fn now(&self) -> Timestamp {
        self.reception.clock.now()
    }
}
