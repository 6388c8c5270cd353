//! What may happen to an organization's contacts, and what follows from it.

use std::collections::BTreeMap;

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::contacts::Contact;
use super::delivery::{By, tell};
use super::fields::Fields;
use super::{CloseSetup, USER};
use crate::kept::{Keep, Kept, One, Table};
use crate::simulators::outbox::Outbox;

/// What the API was used for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that arrived, whatever became of them.
    pub received: u64,
    /// Calls without a key that is good.
    pub unauthorized: u64,
    /// Calls turned away because there were too many in a second.
    pub throttled: u64,
    /// Calls of the API that were carried out.
    pub calls: u64,
    /// Contacts handed out.
    pub records_read: u64,
    /// Calls that wrote something.
    pub writes: u64,
    /// Calls that were refused for what they write.
    pub refused: u64,
}

/// What is wrong with values, by field.
pub(super) type Violations = BTreeMap<String, String>;

/// Everything that is behind one lock.
pub(super) struct Organization {
    pub(super) id: String,
    pub(super) fields: Fields,
    pub(super) refuses_silently: bool,
    pub(super) contacts: Table<String, Contact>,
    pub(super) leads: Table<String, String>,
    created: One<u64>,
    pub(super) outbox: Outbox,
    pub(super) second: (i64, u64),
    pub(super) counters: Counters,
    pub(super) rng: Rng,
}

/// What was counted, and what was used of a second, end with the process.
impl Keep for Organization {
    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Kept)> {
        vec![
            ("contacts", &mut self.contacts),
            ("leads", &mut self.leads),
            ("created", &mut self.created),
            ("events", &mut self.outbox.undelivered),
            ("given_up", &mut self.outbox.lost),
            ("told", &mut self.outbox.told),
        ]
    }
}

impl Organization {
    pub(super) fn new(setup: &CloseSetup) -> Self {
        Self {
            id: setup.organization_id.clone(),
            fields: Fields::new(),
            refuses_silently: false,
            contacts: Table::default(),
            leads: Table::default(),
            created: One::default(),
            outbox: Outbox::default(),
            second: (0, 0),
            counters: Counters::default(),
            rng: Rng::with_seed(setup.seed),
        }
    }

    fn next_id(&mut self, kind: &str) -> String {
        *self.created += 1;
        format!("{kind}_simulated{:08}", *self.created)
    }

    /// A company of this name.
    pub(super) fn add_lead(&mut self, name: String) -> String {
        let id = self.next_id("lead");
        self.leads.insert(id.clone(), name);
        id
    }

    /// Whether one more call may be made in this second.
    pub(super) fn take_call(&mut self, most: u64, now: Timestamp) -> bool {
        if self.second.0 != now.as_second() {
            self.second = (now.as_second(), 0);
        }
        self.second.1 += 1;
        self.second.1 <= most
    }

    /// Without a lead, a lead is created that is called as the contact is.
    pub(super) fn create(
        &mut self,
        values: &Map<String, Value>,
        by: &By,
        now: Timestamp,
    ) -> Result<String, Violations> {
        let violations = self.fields.violations(values);
        if !violations.is_empty() {
            return Err(violations);
        }
        let id = self.next_id("cont");
        let mut values = values.clone();
        if !values.contains_key("lead_id") {
            let name = values.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            values.insert("lead_id".to_owned(), self.add_lead(name).into());
        }
        let mut contact = Contact::new(id.clone(), now);
        contact.set(&values, &by.user, now);
        self.contacts.insert(id.clone(), contact);
        self.tell(&id, "created", &[], by, now);
        Ok(id)
    }

    pub(super) fn create_by_hand(
        &mut self,
        values: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<String, Violations> {
        let mut fields = Map::new();
        let part = |name: &str| values.get(name).map(String::as_str).unwrap_or_default();
        let name = format!("{} {}", part("first_name"), part("last_name"));
        if !name.trim().is_empty() {
            fields.insert("name".to_owned(), name.trim().into());
        }
        for (name, value) in values {
            match name.as_str() {
                "email" | "phone" => {
                    fields.insert(format!("{name}s"), json!([{ "type": "office", name: value }]));
                }
                "company" => {
                    fields.insert("lead_id".to_owned(), self.add_lead(value.clone()).into());
                }
                "first_name" | "last_name" => {}
                _ => drop(fields.insert(name.clone(), value.clone().into())),
            }
        }
        self.create(&fields, &By::hand(), now)
    }

    pub(super) fn edit_by_hand(
        &mut self,
        id: &str,
        property: &str,
        value: &str,
        now: Timestamp,
    ) -> Result<(), Violations> {
        let (field, value) = match property {
            "email" | "phone" => {
                let list = format!("{property}s");
                let others = self.contacts.get(id).map(|contact| contact.entries(&list)).unwrap_or_default();
                let new = json!({ "type": "other", property: value });
                (list, [new].into_iter().chain(others).collect())
            }
            _ => (property.to_owned(), if value.is_empty() { Value::Null } else { value.into() }),
        };
        let found = self.update(id, &Map::from_iter([(field, value)]), &By::hand(), now)?;
        if found { Ok(()) } else { Err(Violations::from([("id".to_owned(), "no such contact".to_owned())])) }
    }

    /// Saves values: each save is told. Whether there is such a contact; an error is what is wrong with the values.
    pub(super) fn update(
        &mut self,
        id: &str,
        values: &Map<String, Value>,
        by: &By,
        now: Timestamp,
    ) -> Result<bool, Violations> {
        let violations = self.fields.violations(values);
        let Some(contact) = self.contacts.get_mut(&id.to_owned()) else { return Ok(false) };
        if !violations.is_empty() {
            return Err(violations);
        }
        let changed = contact.set(values, &by.user, now);
        if !changed.is_empty() {
            self.tell(id, "updated", &changed, by, now);
        }
        Ok(true)
    }

    pub(super) fn delete(&mut self, id: &str, now: Timestamp) -> bool {
        if !self.contacts.contains_key(id) {
            return false;
        }
        self.tell(id, "deleted", &[], &By { user: USER.to_owned(), ..By::hand() }, now);
        self.contacts.remove(&id.to_owned()).is_some()
    }

    fn tell(&mut self, id: &str, action: &'static str, changed: &[String], by: &By, now: Timestamp) {
        let Some(contact) = self.contacts.get(id) else { return };
        tell(&mut self.outbox, &self.id, contact, (action, changed), by, now);
    }
}
