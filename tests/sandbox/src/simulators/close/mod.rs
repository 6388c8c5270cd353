//! An organization at Close: its contacts and leads with everything that ever happened to them, the part of its API that
//! reads and writes contacts, its limit by the second, and its signed webhooks.

mod card;
mod contacts;
mod delivery;
mod fields;
mod organization;
mod routes;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::Clock;

pub use contacts::{Change, Contact};
pub use delivery::{signature_key, subscription};
pub use fields::{CITY, COUNTRY, DO_NOT_CALL, INDUSTRY, Kind, LAST_ENRICHED};
pub use organization::Counters;

use super::exchange::{Call, Reception};
use super::fault::Faults;
use super::outbox::{self, Event, Subscription};
use super::report::DeliveryReport;
use crate::kept::{Keeper, Part, StoreError};
use organization::Organization;

/// What an organization is like.
#[derive(Debug, Clone)]
pub struct CloseSetup {
    /// Its id.
    pub organization_id: String,
    /// The key that opens its API.
    pub api_key: String,
    /// Whose key it is.
    pub user_id: String,
    /// How many calls there may be in a second.
    pub calls_per_second: u64,
    /// Where all chance comes from.
    pub seed: u64,
    /// Which share of the events is delivered twice, `0.0..=1.0`.
    pub duplicate_share: f64,
    /// How long a search doesn't see what was created.
    pub search_lag: Duration,
    /// How long every answer takes, by the simulator's clock.
    pub latency: Duration,
}

impl Default for CloseSetup {
    fn default() -> Self {
        Self {
            organization_id: "orga_simulated0organization".to_owned(),
            api_key: "simulated-api-key".to_owned(),
            user_id: "user_simulated0leadgate".to_owned(),
            calls_per_second: 60,
            seed: 1,
            duplicate_share: 0.0,
            search_lag: Duration::ZERO,
            latency: Duration::ZERO,
        }
    }
}

/// A user at Close's own screens.
pub const USER: &str = "user_simulated0person";

/// An organization. What a test or a person does to it goes through these methods, what a program does through HTTP.
pub struct Close {
    setup: CloseSetup,
    http: reqwest::Client,
    reception: Reception,
    organization: Keeper<Organization>,
}

impl Close {
    /// An empty organization that sends what it has to tell with `http`.
    pub fn new(clock: Arc<dyn Clock>, setup: CloseSetup, http: reqwest::Client) -> Self {
        let reception = Reception::new(clock, setup.latency);
        let organization = Keeper::new(Organization::new(&setup));
        Self { setup, http, reception, organization }
    }

    /// Goes on with the organization that was kept here, and keeps it here from now on.
    pub(crate) fn keep_in(&self, part: Part) -> Result<(), StoreError> {
        self.organization.keep_in(part)
    }

    /// What it is told to do wrong.
    pub fn faults(&self) -> &Faults {
        &self.reception.faults
    }

    /// Calls `hook` before each API call is carried out, in the place of an earlier hook.
    pub fn on_call(&self, hook: impl Fn(&Call) + Send + Sync + 'static) {
        self.reception.on_call(Arc::new(hook));
    }

    /// Tells of contacts from now on. What is still to be delivered goes to the new place, too.
    pub fn subscribe(&self, subscription: Subscription) {
        self.organization.lock().outbox.subscribe(subscription);
    }

    /// One more field, or another kind for a field that is there.
    pub fn define_field(&self, name: &str, kind: Kind) {
        self.organization.lock().fields.define(name, kind);
    }

    /// An administrator deletes a field: naming it is an error.
    pub fn remove_field(&self, name: &str) {
        self.organization.lock().fields.remove(name);
    }

    /// Whether what is refused is refused without a word about the field.
    pub fn refuse_silently(&self, silently: bool) {
        self.organization.lock().refuses_silently = silently;
    }

    /// A contact is created at the screen. `email` and `phone` become entries, `company` a lead.
    ///
    /// # Panics
    ///
    /// When Close would refuse the values.
    pub fn create_contact<N: Into<String>, V: Into<String>>(&self, values: impl IntoIterator<Item = (N, V)>) -> String {
        let values = values.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self.organization.lock().create_by_hand(&values, self.now()).expect("Close takes the contact")
    }

    /// A value is typed in at the screen; an empty one clears the field. Of `email` and `phone`, it becomes the first entry,
    /// before those that are there.
    ///
    /// # Panics
    ///
    /// When there is no such contact, or Close would refuse the value.
    pub fn edit(&self, id: &str, property: &str, value: &str) {
        self.organization.lock().edit_by_hand(id, property, value, self.now()).expect("Close takes the edit");
    }

    /// A contact is deleted at the screen. Whether there was one.
    pub fn delete(&self, id: &str) -> bool {
        self.organization.lock().delete(id, self.now())
    }

    /// A contact, if it is there.
    pub fn contact(&self, id: &str) -> Option<Contact> {
        self.organization.lock().contacts.get(id).cloned()
    }

    /// All contacts, by their ids.
    pub fn contacts(&self) -> Vec<Contact> {
        self.organization.lock().contacts.values().cloned().collect()
    }

    /// What the lead of a contact is called, which is the company.
    pub fn company_of(&self, id: &str) -> Option<String> {
        let organization = self.organization.lock();
        let lead = organization.contacts.get(id)?.value("lead_id")?;
        organization.leads.get(&lead).cloned().filter(|name| !name.is_empty())
    }

    /// How many leads there are.
    pub fn leads(&self) -> usize {
        self.organization.lock().leads.len()
    }

    /// What the API was used for so far.
    pub fn counters(&self) -> Counters {
        Counters { received: self.reception.calls(), ..self.organization.lock().counters.clone() }
    }

    /// Delivers everything that is due, and waits for the answers. What isn't accepted is kept for a later call.
    pub async fn deliver(&self) -> DeliveryReport {
        outbox::deliver(self).await
    }

    /// Events that are still to be delivered, due or not.
    pub fn pending_events(&self) -> Vec<Event> {
        self.organization.lock().outbox.waiting()
    }

    /// Events that were given up.
    pub fn lost_events(&self) -> Vec<Event> {
        self.organization.lock().outbox.lost()
    }

    fn now(&self) -> Timestamp {
        self.reception.clock.now()
    }
}
