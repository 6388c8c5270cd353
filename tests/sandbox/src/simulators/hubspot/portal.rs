//! What may happen to a portal's contacts, whoever does it, and what follows from it.

use std::collections::BTreeMap;

use fastrand::Rng;
use jiff::Timestamp;

use super::companies::{Associations, FIRST_COMPANY_ID};
use super::contacts::{Contacts, FIRST_ID, Source};
use super::limits::Meter;
use super::schema::{Schema, Violation};
use super::webhooks::{About, Happening, Outbox};
use crate::kept::{Keep, Kept, Table};

/// Why HubSpot doesn't do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such contact.
    #[error("there is no such contact")]
    NotFound,
    /// A new contact has the address of one that is there, with this id.
    #[error("Contact already exists. Existing ID: {0}")]
    Exists(String),
    /// The values aren't accepted.
    #[error("the values are not accepted: {0:?}")]
    Invalid(Vec<Violation>),
}

/// What the API was used for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that arrived, whatever became of them.
    pub received: u64,
    /// Calls carried out, by operation: `batch_read`, `batch_update`, `search`, …
    pub calls: BTreeMap<&'static str, u64>,
    /// Access tokens that were given to an OAuth app.
    pub tokens: u64,
    /// Calls without the right token.
    pub unauthorized: u64,
    /// Calls turned away by a limit.
    pub throttled: u64,
    /// Contacts handed out.
    pub records_read: u64,
    /// Calls that wrote something.
    pub writes: u64,
    /// Contacts written by them, whether or not the values were new.
    pub records_written: u64,
    /// Contacts in which such a write changed a value.
    pub records_changed: u64,
}

impl Counters {
    /// Calls of one operation.
    pub fn of(&self, operation: &str) -> u64 {
        self.calls.get(operation).copied().unwrap_or_default()
    }
}

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    Contact,
    Company,
}

/// Everything that is behind one lock.
pub(super) struct Portal {
    pub(super) portal_id: u64,
    pub(super) app_id: u64,
    pub(super) schema: Schema,
    pub(super) contacts: Contacts,
    /// What the operations on companies are about, which stands in the place of the contacts while one is carried out.
    pub(super) companies: (Schema, Contacts),
    /// What stands there at present.
    pub(super) object: Object,
    pub(super) associations: Associations,
    /// Lists, by their numbers: what each holds, and which of them.
    pub(super) lists: Table<u64, (String, Vec<u64>)>,
    pub(super) outbox: Outbox,
    pub(super) meter: Meter,
    pub(super) counters: Counters,
    /// An OAuth app's, each until when it is good.
    pub(super) tokens: BTreeMap<String, Timestamp>,
    pub(super) rng: Rng,
}

/// What was counted, and what was used of the limits, ends with the process.
impl Keep for Portal {
    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Kept)> {
        vec![
            ("contacts", &mut self.contacts.by_id),
            ("merged", &mut self.contacts.merged),
            ("created", &mut self.contacts.created),
            ("properties", &mut self.schema.changed),
            ("companies", &mut self.companies.1.by_id),
            ("companies_merged", &mut self.companies.1.merged),
            ("companies_created", &mut self.companies.1.created),
            ("company_properties", &mut self.companies.0.changed),
            ("associations", &mut self.associations.primary),
            ("other_associations", &mut self.associations.others),
            ("lists", &mut self.lists),
            ("webhooks", &mut self.outbox.undelivered),
            ("given_up", &mut self.outbox.lost),
            ("subscriptions", &mut self.outbox.counted),
        ]
    }

    fn restored(&mut self) {
        self.contacts.index_all();
        self.schema.apply_changes();
        self.companies.0.apply_changes();
    }
}

impl Portal {
    pub(super) fn new(portal_id: u64, app_id: u64, seed: u64) -> Self {
        Self {
            portal_id,
            app_id,
            schema: Schema::new(),
            contacts: Contacts::numbered_from(FIRST_ID),
            companies: (Schema::of_companies(), Contacts::numbered_from(FIRST_COMPANY_ID)),
            object: Object::Contact,
            associations: Associations::default(),
            lists: Table::default(),
            outbox: Outbox::default(),
            meter: Meter::default(),
            counters: Counters::default(),
            tokens: BTreeMap::new(),
            rng: Rng::with_seed(seed),
        }
    }

    pub(super) fn create(
        &mut self,
        values: &BTreeMap<String, String>,
        source: &Source,
        now: Timestamp,
    ) -> Result<u64, Refusal> {
        let values = self.schema.check(values).map_err(Refusal::Invalid)?;
        if let Some(id) = values.get("email").and_then(|email| self.contacts.with_email(email)) {
            return Err(Refusal::Exists(id.to_string()));
        }
        let (contact, set) = self.contacts.create(&values, source, now);
        self.outbox.tell_created(&about((self.portal_id, self.app_id, self.object), contact, source, now), &set);
        Ok(contact)
    }

    /// Sets values. A value that is there already changes nothing and is not told.
    pub(super) fn update(
        &mut self,
        id: u64,
        values: &BTreeMap<String, String>,
        source: &Source,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let values = self.check_update(id, values)?;
        let changed = self.contacts.set(id, &values, source, now).ok_or(Refusal::NotFound)?;
        if !changed.is_empty() && *source == Source::app(self.app_id) {
            self.counters.records_changed += 1;
        }
        self.outbox.tell_changed(&about((self.portal_id, self.app_id, self.object), id, source, now), &changed);
        Ok(())
    }

    /// The values as an update of this contact would set them.
    pub(super) fn check_update(
        &self,
        id: u64,
        values: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Refusal> {
        if self.contacts.living(id).is_none() {
            return Err(Refusal::NotFound);
        }
        let values = self.schema.check(values).map_err(Refusal::Invalid)?;
        let other = values.get("email").and_then(|email| self.contacts.with_email(email)).filter(|other| *other != id);
        match other {
            Some(other) => {
                let message = format!("A contact with this email already exists. Existing ID: {other}");
                let value = values.get("email").map(String::as_str).unwrap_or_default();
                Err(Refusal::Invalid(vec![Violation::new("email", value, "CONFLICTING_UNIQUE_VALUE", message)]))
            }
            None => Ok(values),
        }
    }

    pub(super) fn archive(&mut self, id: u64, source: &Source, now: Timestamp) -> bool {
        let was_there = self.contacts.archive(id, now);
        if was_there {
            self.associations.gone(self.object, id);
            self.outbox.tell(&about((self.portal_id, self.app_id, self.object), id, source, now), &Happening::Deleted);
        }
        was_there
    }

    /// Makes one contact of two, under an id of its own.
    pub(super) fn merge(&mut self, both: [u64; 2], source: &Source, now: Timestamp) -> Option<u64> {
        let id = self.contacts.merge(both, source, now)?;
        self.associations.merged(self.object, both, id);
        let about = about((self.portal_id, self.app_id, self.object), id, source, now);
        self.outbox.tell(&about, &Happening::Merged { from: both });
        Some(id)
    }

    /// Deletes for good, which HubSpot tells in two events.
    pub(super) fn forget(&mut self, id: u64, source: &Source, now: Timestamp) -> bool {
        let was_there = self.contacts.erase(id);
        if was_there {
            let about = about((self.portal_id, self.app_id, self.object), id, source, now);
            self.outbox.tell(&about, &Happening::Forgotten);
            self.outbox.tell(&about, &Happening::Deleted);
        }
        was_there
    }

    /// Looks like a UUID and comes from the seed.
    pub(super) fn correlation_id(&mut self) -> String {
        let (high, low) = (self.rng.u64(..), self.rng.u64(..));
        let hex = format!("{high:016x}{low:016x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

fn about((portal_id, app_id, object): (u64, u64, Object), contact: u64, source: &Source, at: Timestamp) -> About<'_> {
    About { portal_id, app_id, object, contact, source, at }
}
