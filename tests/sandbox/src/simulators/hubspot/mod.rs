//! A HubSpot portal with one app: its contacts with everything that ever happened to them, its REST API under the paths
//! of v3 and under the date-based ones, its limits and its webhooks.

mod batch;
mod companies;
mod contacts;
mod delivery;
mod limits;
mod lists;
mod oauth;
mod portal;
mod records;
mod routes;
mod schema;
mod search;
pub mod signature;
mod subscription;
#[cfg(test)]
mod tests;
mod webhooks;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::Clock;

pub use contacts::{Contact, Source, Version};
pub use limits::Limits;
pub use portal::{Counters, Refusal};
pub use schema::{Kind, Violation, formatted_phone};
pub use subscription::{EVENTS_MAX, Format, RETRIES_MAX, RETRY_SPREAD, Subscription};
pub use webhooks::Event;

use super::exchange::{Call, Reception};
use super::fault::Faults;
pub use super::report::DeliveryReport;
use crate::kept::{Keeper, Part, StoreError};
use portal::Portal;

/// What a portal is like.
#[derive(Debug, Clone)]
pub struct HubSpotSetup {
    /// The app's access token, as the API wants it.
    pub token: String,
    /// An OAuth app's client id, and its secret with a refresh token after a colon.
    pub client_id: String,
    /// See `client_id`.
    pub client_secret: String,
    /// How long the app's tokens are good.
    pub token_life: Duration,
    /// The account.
    pub portal_id: u64,
    /// The app that the token belongs to, and to which webhooks are sent.
    pub app_id: u64,
    /// Where all chance comes from: two portals with one seed and one history behave the same.
    pub seed: u64,
    /// Which share of the events is delivered twice, `0.0..=1.0`.
    pub duplicate_share: f64,
    /// What the plan allows.
    pub limits: Limits,
    /// How long every answer takes, by the simulator's clock.
    pub latency: Duration,
}

impl Default for HubSpotSetup {
    fn default() -> Self {
        Self {
            token: "simulated-access-token".to_owned(),
            client_id: "simulated-client-id".to_owned(),
            client_secret: "simulated-client-secret:simulated-refresh-token".to_owned(),
            token_life: Duration::from_secs(30 * 60),
            portal_id: 62_515,
            app_id: 54_321,
            seed: 1,
            duplicate_share: 0.0,
            limits: Limits::unlimited(),
            latency: Duration::ZERO,
        }
    }
}

/// A portal. What a test or a person does to it goes through these methods, what an app does through HTTP.
pub struct HubSpot {
    setup: HubSpotSetup,
    http: reqwest::Client,
    reception: Reception,
    portal: Keeper<Portal>,
}

impl HubSpot {
    /// An empty portal that posts its webhooks with `http`.
    pub fn new(clock: Arc<dyn Clock>, setup: HubSpotSetup, http: reqwest::Client) -> Self {
        let reception = Reception::new(clock, setup.latency);
        let portal = Keeper::new(Portal::new(setup.portal_id, setup.app_id, setup.seed));
        Self { setup, http, reception, portal }
    }

    /// Goes on with the portal that was kept here, and keeps it here from now on.
    pub(crate) fn keep_in(&self, part: Part) -> Result<(), StoreError> {
        self.portal.keep_in(part)
    }

    /// What it is told to do wrong.
    pub fn faults(&self) -> &Faults {
        &self.reception.faults
    }

    /// Calls `hook` before each API call is carried out, in the place of an earlier hook: the moment for a person to
    /// change something between an app's read and its write.
    pub fn on_call(&self, hook: impl Fn(&Call) + Send + Sync + 'static) {
        self.reception.on_call(Arc::new(hook));
    }

    /// Tells the app about contacts from now on. What is still to be delivered goes to the new place, too.
    pub fn subscribe(&self, subscription: Subscription) {
        self.portal.lock().outbox.subscribe(Some(subscription));
    }

    /// Tells the app nothing any more. What is still to be delivered waits for another subscription.
    pub fn unsubscribe(&self) {
        self.portal.lock().outbox.subscribe(None);
    }

    /// One more property of contacts, for any text.
    pub fn define_property(&self, name: &str) {
        self.define_property_as(name, Kind::Text);
    }

    /// One more property of contacts, or another kind for one that is there.
    pub fn define_property_as(&self, name: &str, kind: Kind) {
        self.portal.lock().schema.define(name, kind);
    }

    /// An administrator deletes a property: naming it in a write is an error from now on.
    pub fn remove_property(&self, name: &str) {
        self.portal.lock().schema.remove(name);
    }

    /// Somebody creates a contact.
    ///
    /// # Panics
    ///
    /// When HubSpot would refuse the values. [`HubSpot::try_create_contact`] says so instead.
    pub fn create_contact<N, V>(&self, properties: impl IntoIterator<Item = (N, V)>) -> String
    where
        N: Into<String>,
        V: Into<String>,
    {
        self.try_create_contact(properties, &Source::person()).expect("HubSpot takes the contact")
    }

    /// Somebody creates a contact, if HubSpot takes it.
    pub fn try_create_contact<N, V>(
        &self,
        properties: impl IntoIterator<Item = (N, V)>,
        source: &Source,
    ) -> Result<String, Refusal>
    where
        N: Into<String>,
        V: Into<String>,
    {
        let values = properties.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let id = self.portal.lock().create(&values, source, self.now())?;
        Ok(id.to_string())
    }

    /// A contact that was there before the app was subscribed: nothing is told of its creation.
    ///
    /// # Panics
    ///
    /// When HubSpot would refuse it.
    pub fn contact_from_before<N, V>(&self, properties: impl IntoIterator<Item = (N, V)>) -> String
    where
        N: Into<String>,
        V: Into<String>,
    {
        let values = properties.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let mut portal = self.portal.lock();
        let subscription = portal.outbox.subscription();
        portal.outbox.subscribe(None);
        let created = portal.create(&values, &Source::person(), self.now());
        portal.outbox.subscribe(subscription.map(|there| (*there).clone()));
        created.expect("HubSpot takes the contact").to_string()
    }

    /// A person sets a property of a contact; an empty value clears it.
    ///
    /// # Panics
    ///
    /// When there is no such contact, or HubSpot would refuse the value. [`HubSpot::try_edit`] says so instead.
    pub fn edit(&self, id: &str, property: &str, value: &str) {
        self.try_edit(id, property, value, &Source::person()).expect("HubSpot takes the edit");
    }

    /// Somebody sets a property of a contact, if HubSpot takes it.
    pub fn try_edit(&self, id: &str, property: &str, value: &str, source: &Source) -> Result<(), Refusal> {
        let values = BTreeMap::from([(property.to_owned(), value.to_owned())]);
        self.portal.lock().update(number(id)?, &values, source, self.now())
    }

    /// A person moves a contact to the recycle bin. Whether there was one.
    pub fn delete(&self, id: &str) -> bool {
        number(id).is_ok_and(|id| self.portal.lock().archive(id, &Source::person(), self.now()))
    }

    /// A person merges the second contact into the first. The id of what they become, if both are there.
    pub fn merge(&self, first: &str, second: &str) -> Option<String> {
        let both = [number(first).ok()?, number(second).ok()?];
        let merged = self.portal.lock().merge(both, &Source::person(), self.now());
        merged.map(|id| id.to_string())
    }

    /// A contact is deleted for good because the person asked for it. Whether there was one.
    pub fn privacy_delete(&self, id: &str) -> bool {
        number(id).is_ok_and(|id| self.portal.lock().forget(id, &Source::person(), self.now()))
    }

    /// A contact, also from the recycle bin.
    pub fn contact(&self, id: &str) -> Option<Contact> {
        self.portal.lock().contacts.get(number(id).ok()?).cloned()
    }

    /// The contacts that aren't deleted, in the order in which they were created.
    pub fn contacts(&self) -> Vec<Contact> {
        self.portal.lock().contacts.all(false).cloned().collect()
    }

    /// What the API was used for so far.
    pub fn counters(&self) -> Counters {
        Counters { received: self.reception.calls(), ..self.portal.lock().counters.clone() }
    }

    /// Events that are still to be delivered, due or not.
    pub fn pending_events(&self) -> Vec<Event> {
        self.portal.lock().outbox.waiting()
    }

    /// Events that were given up after the last retry.
    pub fn lost_events(&self) -> Vec<Event> {
        self.portal.lock().outbox.lost()
    }

    fn now(&self) -> Timestamp {
        self.reception.clock.now()
    }
}

fn number(id: &str) -> Result<u64, Refusal> {
    id.parse().map_err(|_| Refusal::NotFound)
}
