//! The contacts of a portal, with what became of each property.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::wire::instant;
use crate::kept::{One, Table};

/// The first contact's id. Ids of today's portals don't fit into 32 bits.
pub(super) const FIRST_ID: u64 = 30_000_000_001;

/// Who set a value, in HubSpot's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// `CRM_UI`, `INTEGRATION`, `IMPORT`, …: `changeSource` in webhooks, `sourceType` in a property's history.
    pub kind: String,
    /// `userId:…` for a person, the app's id for an app.
    pub id: String,
}

impl Source {
    /// Somebody at HubSpot's own screens.
    pub fn person() -> Self {
        Self { kind: "CRM_UI".to_owned(), id: "userId:9186752".to_owned() }
    }

    /// An app, through the API.
    pub fn app(app_id: u64) -> Self {
        Self { kind: "INTEGRATION".to_owned(), id: app_id.to_string() }
    }
}

/// A value that a property has or had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Blank when the property was cleared.
    pub value: String,
    /// Since when.
    pub at: Timestamp,
    /// Who set it.
    pub source: Source,
}

/// A contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// A string in the REST API, a number in webhooks.
    pub id: String,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was deleted, if it was. It can be restored from the recycle bin, so it is still there.
    pub archived_at: Option<Timestamp>,
    versions: BTreeMap<String, Vec<Version>>,
}

impl Contact {
    /// A property's value, if it has one.
    pub fn value(&self, property: &str) -> Option<&str> {
        let latest = self.versions.get(property)?.first()?;
        (!latest.value.is_empty()).then_some(latest.value.as_str())
    }

    /// Every value that a property has had, the latest first.
    pub fn history(&self, property: &str) -> &[Version] {
        self.versions.get(property).map_or(&[], Vec::as_slice)
    }

    /// Its id, as webhooks have it.
    pub(super) fn number(&self) -> u64 {
        self.id.parse().unwrap_or_default()
    }

    /// All the properties that have a value.
    pub fn properties(&self) -> BTreeMap<String, String> {
        let set = self.versions.keys().filter_map(|name| Some((name.clone(), self.value(name)?.to_owned())));
        set.collect()
    }

    /// A property as the API shows it, with those that HubSpot keeps itself.
    pub(super) fn shown(&self, property: &str) -> Option<String> {
        match property {
            "hs_object_id" => Some(self.id.clone()),
            "createdate" => Some(instant(self.created_at)),
            "lastmodifieddate" => Some(instant(self.updated_at)),
            _ => self.value(property).map(str::to_owned),
        }
    }

    /// Sets what is different, and tells what that was.
    fn set(&mut self, values: &BTreeMap<String, String>, source: &Source, now: Timestamp) -> Vec<(String, String)> {
        let mut changed = Vec::new();
        for (name, value) in values {
            if self.value(name).unwrap_or_default() == value {
                continue;
            }
            let version = Version { value: value.clone(), at: now, source: source.clone() };
            self.versions.entry(name.clone()).or_default().insert(0, version);
            changed.push((name.clone(), value.clone()));
        }
        if !changed.is_empty() {
            self.updated_at = now;
        }
        changed
    }
}

/// All contacts of a portal, or all companies.
#[derive(Debug)]
pub(super) struct Contacts {
    first_id: u64,
    pub(super) by_id: Table<u64, Contact>,
    by_email: HashMap<String, u64>,
    /// What each that was merged away has become.
    pub(super) merged: Table<u64, u64>,
    pub(super) created: One<u64>,
}

impl Contacts {
    /// None, the first of which will have this id.
    pub(super) fn numbered_from(first_id: u64) -> Self {
        let (by_id, merged) = (Table::default(), Table::default());
        Self { first_id, by_id, by_email: HashMap::new(), merged, created: One::default() }
    }

    /// A new one. The values have been checked.
    pub(super) fn create(
        &mut self,
        values: &BTreeMap<String, String>,
        source: &Source,
        now: Timestamp,
    ) -> (u64, Vec<(String, String)>) {
        let id = self.first_id + *self.created;
        *self.created += 1;
        let mut contact = Contact {
            id: id.to_string(),
            created_at: now,
            updated_at: now,
            archived_at: None,
            versions: BTreeMap::new(),
        };
        let set = contact.set(values, source, now);
        self.by_id.insert(id, contact);
        self.index(id, None);
        (id, set)
    }

    /// Sets values, and tells what changed by that. `None` when there is no such contact.
    pub(super) fn set(
        &mut self,
        id: u64,
        values: &BTreeMap<String, String>,
        source: &Source,
        now: Timestamp,
    ) -> Option<Vec<(String, String)>> {
        let contact = self.by_id.get_mut(&id).filter(|contact| contact.archived_at.is_none())?;
        let email = contact.value("email").map(str::to_owned);
        let changed = contact.set(values, source, now);
        self.index(id, email);
        Some(changed)
    }

    /// Deletes a contact, as far as the recycle bin. Whether there was one.
    pub(super) fn archive(&mut self, id: u64, now: Timestamp) -> bool {
        let Some(contact) = self.living_mut(id) else { return false };
        contact.archived_at = Some(now);
        let email = contact.value("email").map(str::to_owned);
        if let Some(email) = email {
            self.by_email.remove(&email);
        }
        true
    }

    /// Makes a new one of two, with the values of the first and what it lacks of the second. Their ids go on to name it.
    pub(super) fn merge(&mut self, [first, second]: [u64; 2], source: &Source, now: Timestamp) -> Option<u64> {
        let (kept, other) = (self.living(first)?.properties(), self.living(second)?.properties());
        let values: BTreeMap<String, String> = other.into_iter().chain(kept).collect();
        for id in [first, second] {
            self.archive(id, now);
            self.by_id.remove(&id);
        }
        let (id, _) = self.create(&values, source, now);
        let became = self.merged.iter().filter(|(_, survivor)| [first, second].contains(survivor));
        let became: Vec<u64> = became.map(|(earlier, _)| *earlier).chain([first, second]).collect();
        became.into_iter().for_each(|earlier| self.merged.insert(earlier, id));
        Some(id)
    }

    /// What an id names: itself, or what it was merged into.
    pub(super) fn survivor(&self, id: u64) -> u64 {
        self.merged.get(&id).copied().unwrap_or(id)
    }

    /// Deletes a contact for good, with all that it ever was.
    pub(super) fn erase(&mut self, id: u64) -> bool {
        let Some(contact) = self.by_id.remove(&id) else { return false };
        if let Some(email) = contact.value("email").filter(|email| self.by_email.get(*email) == Some(&id)) {
            self.by_email.remove(email);
        }
        true
    }

    /// The contact, deleted or not.
    pub(super) fn get(&self, id: u64) -> Option<&Contact> {
        self.by_id.get(&id)
    }

    /// The contact, if it isn't deleted.
    pub(super) fn living(&self, id: u64) -> Option<&Contact> {
        self.get(id).filter(|contact| contact.archived_at.is_none())
    }

    /// Those that aren't deleted, or those that are, in the order of their ids.
    pub(super) fn all(&self, is_archived: bool) -> impl Iterator<Item = &Contact> {
        self.by_id.values().filter(move |contact| contact.archived_at.is_some() == is_archived)
    }

    /// The contact with this address, if it isn't deleted.
    pub(super) fn with_email(&self, email: &str) -> Option<u64> {
        self.by_email.get(&email.to_lowercase()).copied()
    }

    fn living_mut(&mut self, id: u64) -> Option<&mut Contact> {
        self.by_id.get_mut(&id).filter(|contact| contact.archived_at.is_none())
    }

    /// Finds every contact by its address, as the contacts are now.
    pub(super) fn index_all(&mut self) {
        let living = self.by_id.values().filter(|contact| contact.archived_at.is_none());
        let addresses = living.filter_map(|contact| Some((contact.value("email")?.to_owned(), contact.number())));
        self.by_email = addresses.collect();
    }

    /// Finds the contact by its address from now on.
    fn index(&mut self, id: u64, before: Option<String>) {
        if let Some(before) = before {
            self.by_email.remove(&before);
        }
        let email = self.living(id).and_then(|contact| contact.value("email")).map(str::to_owned);
        if let Some(email) = email {
            self.by_email.insert(email, id);
        }
    }
}
