//! A company at Pipedrive: its persons and organizations with everything that ever happened to them, the part of its API
//! (version 2) that reads and writes persons, the budget of a day, and its webhooks (version 2), which come with a user and
//! a password.

mod company;
mod delivery;
mod fields;
mod persons;
mod routes;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::Clock;

pub use company::Counters;
pub use delivery::subscription;
pub use fields::{CITY, COUNTRY, DO_NOT_CALL, INDUSTRY, Kind, LAST_ENRICHED};
pub use persons::{Change, Person};

use super::exchange::{Call, Reception};
use super::fault::Faults;
use super::outbox::{self, Event, Subscription};
use super::report::DeliveryReport;
use crate::kept::{Keeper, Part, StoreError};
use company::Company;

/// What a company is like.
#[derive(Debug, Clone)]
pub struct PipedriveSetup {
    /// Its number.
    pub company_id: u64,
    /// The token that opens its API.
    pub token: String,
    /// Whose token it is.
    pub user_id: u64,
    /// How many tokens there are in a day.
    pub daily_budget: u64,
    /// Where all chance comes from.
    pub seed: u64,
    /// Which share of the events is delivered twice, `0.0..=1.0`.
    pub duplicate_share: f64,
    /// How long a search doesn't see what was created.
    pub search_lag: Duration,
    /// How long every answer takes, by the simulator's clock.
    pub latency: Duration,
}

impl Default for PipedriveSetup {
    fn default() -> Self {
        Self {
            company_id: 7_654_321,
            token: "simulated-api-token".to_owned(),
            user_id: 18_487_521,
            daily_budget: 3_000_000,
            seed: 1,
            duplicate_share: 0.0,
            search_lag: Duration::ZERO,
            latency: Duration::ZERO,
        }
    }
}

/// A person at Pipedrive's own screens.
pub const PERSON: u64 = 999;

/// A company. What a test or a person does to it goes through these methods, what a program does through HTTP.
pub struct Pipedrive {
    setup: PipedriveSetup,
    http: reqwest::Client,
    reception: Reception,
    company: Keeper<Company>,
}

impl Pipedrive {
    /// An empty company that sends what it has to tell with `http`.
    pub fn new(clock: Arc<dyn Clock>, setup: PipedriveSetup, http: reqwest::Client) -> Self {
        let reception = Reception::new(clock, setup.latency);
        let company = Keeper::new(Company::new(setup.company_id, setup.seed));
        Self { setup, http, reception, company }
    }

    /// Goes on with the company that was kept here, and keeps it here from now on.
    pub(crate) fn keep_in(&self, part: Part) -> Result<(), StoreError> {
        self.company.keep_in(part)
    }

    /// What it is told to do wrong.
    pub fn faults(&self) -> &Faults {
        &self.reception.faults
    }

    /// Calls `hook` before each API call is carried out, in the place of an earlier hook.
    pub fn on_call(&self, hook: impl Fn(&Call) + Send + Sync + 'static) {
        self.reception.on_call(Arc::new(hook));
    }

    /// Tells of persons from now on. What is still to be delivered goes to the new place, too.
    pub fn subscribe(&self, subscription: Subscription) {
        self.company.lock().outbox.subscribe(subscription);
    }

    /// One more custom field, or another kind for a field that is there.
    pub fn define_field(&self, name: &str, kind: Kind) {
        self.company.lock().fields.define(name, kind);
    }

    /// An administrator deletes a field: naming it is an error.
    pub fn remove_field(&self, name: &str) {
        self.company.lock().fields.remove(name);
    }

    /// Whether what is refused is refused without a word about the field.
    pub fn refuse_silently(&self, silently: bool) {
        self.company.lock().refuses_silently = silently;
    }

    /// A person is created at the screen. `email` and `phone` become the primary entries, `company` an organization.
    ///
    /// # Panics
    ///
    /// When Pipedrive would refuse the values.
    pub fn create_person<N: Into<String>, V: Into<String>>(&self, values: impl IntoIterator<Item = (N, V)>) -> String {
        let values = values.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self.company.lock().create_by_hand(&values, self.now()).expect("Pipedrive takes the person")
    }

    /// A value is typed in at the screen; an empty one clears the field. Of `email` and `phone`, it becomes the primary
    /// entry, beside those that are there.
    ///
    /// # Panics
    ///
    /// When there is no such person, or Pipedrive would refuse the value.
    pub fn edit(&self, id: &str, property: &str, value: &str) {
        self.company.lock().edit_by_hand(id, property, value, self.now()).expect("Pipedrive takes the edit");
    }

    /// A person is deleted at the screen. Whether there was one.
    pub fn delete(&self, id: &str) -> bool {
        self.company.lock().delete(id, None, self.now())
    }

    /// A person is merged into another at the screen: what the other lacks, it gets. Whether there were both.
    pub fn merge(&self, id: &str, into: &str) -> bool {
        self.company.lock().merge(id, into, self.now())
    }

    /// A person, also a deleted one.
    pub fn person(&self, id: &str) -> Option<Person> {
        self.company.lock().persons.get(id).cloned()
    }

    /// All persons that aren't deleted.
    pub fn persons(&self) -> Vec<Person> {
        self.company.lock().persons.values().filter(|person| !person.is_deleted).cloned().collect()
    }

    /// Others use so much of the day's budget.
    pub fn others_use(&self, tokens: u64) {
        let now = self.now();
        self.company.lock().budget.take(tokens, u64::MAX, now);
    }

    /// What the API was used for so far.
    pub fn counters(&self) -> Counters {
        Counters { received: self.reception.calls(), ..self.company.lock().counters.clone() }
    }

    /// Delivers everything that is due, and waits for the answers. What isn't accepted is kept for a later call.
    pub async fn deliver(&self) -> DeliveryReport {
        outbox::deliver(self).await
    }

    /// Events that are still to be delivered, due or not.
    pub fn pending_events(&self) -> Vec<Event> {
        self.company.lock().outbox.waiting()
    }

    /// Events that were given up.
    pub fn lost_events(&self) -> Vec<Event> {
        self.company.lock().outbox.lost()
    }

    fn now(&self) -> Timestamp {
        self.reception.clock.now()
    }
}
