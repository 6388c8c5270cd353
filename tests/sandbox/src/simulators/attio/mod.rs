//! A workspace at Attio: its people and companies with everything that ever happened to them, the part of its API that
//! reads and writes people, its limits by the second, and its signed webhooks.

mod attributes;
mod delivery;
mod people;
mod routes;
#[cfg(test)]
mod tests;
mod workspace;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::Clock;

pub use attributes::{Kind, attribute_id};
pub use delivery::subscription;
pub use people::{Change, Person};
pub use workspace::Counters;

use super::exchange::{Call, Reception};
use super::fault::Faults;
use super::outbox::{self, Event, Subscription};
use super::report::DeliveryReport;
use crate::kept::{Keeper, Part, StoreError};
use workspace::Workspace;

/// What a workspace is like.
#[derive(Debug, Clone)]
pub struct AttioSetup {
    /// Its id.
    pub workspace_id: String,
    /// What it calls the object "people" in events.
    pub people_object_id: String,
    /// The token that opens its API.
    pub token: String,
    /// What events call that token.
    pub actor_id: String,
    /// How many calls that read there may be in a second.
    pub reads_per_second: u64,
    /// How many that write.
    pub writes_per_second: u64,
    /// Where all chance comes from.
    pub seed: u64,
    /// Which share of the events is delivered twice, `0.0..=1.0`.
    pub duplicate_share: f64,
    /// How long a query by an address doesn't see who was created.
    pub search_lag: Duration,
    /// How long every answer takes, by the simulator's clock.
    pub latency: Duration,
}

impl Default for AttioSetup {
    fn default() -> Self {
        Self {
            workspace_id: "14beef7a-99f7-4534-a87e-70b564330a4c".to_owned(),
            people_object_id: "97052eb9-e65e-443f-a297-f2d9a4a7f795".to_owned(),
            token: "simulated-access-token".to_owned(),
            actor_id: "5e1b6a0c-0d3f-4c7a-9a38-2f4f6a3f0b11".to_owned(),
            reads_per_second: 100,
            writes_per_second: 25,
            seed: 1,
            duplicate_share: 0.0,
            search_lag: Duration::ZERO,
            latency: Duration::ZERO,
        }
    }
}

/// A member of the workspace at Attio's own screens.
pub const MEMBER: &str = "50cf242c-7fa3-4cad-87d0-75b1af71c57b";

/// A workspace. What a test or a person does to it goes through these methods, what a program does through HTTP.
pub struct Attio {
    setup: AttioSetup,
    http: reqwest::Client,
    reception: Reception,
    workspace: Keeper<Workspace>,
}

impl Attio {
    /// An empty workspace that sends what it has to tell with `http`.
    pub fn new(clock: Arc<dyn Clock>, setup: AttioSetup, http: reqwest::Client) -> Self {
        let reception = Reception::new(clock, setup.latency);
        let workspace = Keeper::new(Workspace::new(&setup));
        Self { setup, http, reception, workspace }
    }

    /// Goes on with the workspace that was kept here, and keeps it here from now on.
    pub(crate) fn keep_in(&self, part: Part) -> Result<(), StoreError> {
        self.workspace.keep_in(part)
    }

    /// What it is told to do wrong.
    pub fn faults(&self) -> &Faults {
        &self.reception.faults
    }

    /// Calls `hook` before each API call is carried out, in the place of an earlier hook.
    pub fn on_call(&self, hook: impl Fn(&Call) + Send + Sync + 'static) {
        self.reception.on_call(Arc::new(hook));
    }

    /// Tells of people from now on. What is still to be delivered goes to the new place, too.
    pub fn subscribe(&self, subscription: Subscription) {
        self.workspace.lock().outbox.subscribe(subscription);
    }

    /// One more attribute, or another kind for one that is there.
    pub fn define_attribute(&self, slug: &str, kind: Kind) {
        self.workspace.lock().attributes.define(slug, kind);
    }

    /// An administrator deletes an attribute: naming it is an error.
    pub fn remove_attribute(&self, slug: &str) {
        self.workspace.lock().attributes.remove(slug);
    }

    /// Whether what is refused is refused without a word about the attribute.
    pub fn refuse_silently(&self, silently: bool) {
        self.workspace.lock().refuses_silently = silently;
    }

    /// A person is created at the screen. `company` becomes a company, `first_name` and `last_name` the name.
    ///
    /// # Panics
    ///
    /// When Attio would refuse the values.
    pub fn create_person<N: Into<String>, V: Into<String>>(&self, values: impl IntoIterator<Item = (N, V)>) -> String {
        let values = values.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self.workspace.lock().create_by_hand(&values, self.now()).expect("Attio takes the person")
    }

    /// A value is typed in at the screen; an empty one clears the attribute. Of several values, it becomes the first one,
    /// before those that are there.
    ///
    /// # Panics
    ///
    /// When there is no such person, or Attio would refuse the value.
    pub fn edit(&self, id: &str, slug: &str, value: &str) {
        self.workspace.lock().edit_by_hand(id, slug, value, self.now()).expect("Attio takes the edit");
    }

    /// A person is deleted at the screen. Whether there was one.
    pub fn delete(&self, id: &str) -> bool {
        self.workspace.lock().delete(id, self.now())
    }

    /// Two people are merged at the screen: a new record holds the values of both. Its id, if there were both.
    pub fn merge(&self, id: &str, other: &str) -> Option<String> {
        self.workspace.lock().merge(id, other, self.now())
    }

    /// A person, if they are there.
    pub fn person(&self, id: &str) -> Option<Person> {
        self.workspace.lock().people.get(id).cloned()
    }

    /// All people, by their ids.
    pub fn people(&self) -> Vec<Person> {
        self.workspace.lock().people.values().cloned().collect()
    }

    /// What the API was used for so far.
    pub fn counters(&self) -> Counters {
        Counters { received: self.reception.calls(), ..self.workspace.lock().counters.clone() }
    }

    /// Delivers everything that is due, and waits for the answers. What isn't accepted is kept for a later call.
    pub async fn deliver(&self) -> DeliveryReport {
        outbox::deliver(self).await
    }

    /// Events that are still to be delivered, due or not.
    pub fn pending_events(&self) -> Vec<Event> {
        self.workspace.lock().outbox.waiting()
    }

    /// Events that were given up.
    pub fn lost_events(&self) -> Vec<Event> {
        self.workspace.lock().outbox.lost()
    }

    fn now(&self) -> Timestamp {
        self.reception.clock.now()
    }
}
