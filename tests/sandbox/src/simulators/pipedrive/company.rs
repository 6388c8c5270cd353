//! What may happen to a company's persons, and what follows from it.

use std::collections::BTreeMap;

use fastrand::Rng;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::PERSON;
use super::delivery::{Happening, tell};
use super::fields::Fields;
use super::persons::{Person, number};
use crate::kept::{Keep, Kept, One, Table};
use crate::simulators::outbox::Outbox;

/// What the API was used for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that arrived, whatever became of them.
    pub received: u64,
    /// Calls without a token that is good.
    pub unauthorized: u64,
    /// Calls turned away because the day's budget is used up.
    pub over_budget: u64,
    /// Calls of the API that were carried out.
    pub calls: u64,
    /// Records handed out.
    pub records_read: u64,
    /// Calls that create a person, whatever becomes of them.
    pub created: u64,
    /// Calls that wrote something.
    pub writes: u64,
    /// Calls that were refused for what they write.
    pub refused: u64,
}

/// Everything that is behind one lock.
pub(super) struct Company {
    pub(super) id: u64,
    pub(super) fields: Fields,
    pub(super) refuses_silently: bool,
    pub(super) persons: Table<String, Person>,
    pub(super) organizations: Table<String, String>,
    created: One<u64>,
    pub(super) outbox: Outbox,
    pub(super) budget: Budget,
    pub(super) counters: Counters,
    pub(super) rng: Rng,
}

/// What was counted, and what was used of the budget, end with the process.
impl Keep for Company {
    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Kept)> {
        vec![
            ("persons", &mut self.persons),
            ("organizations", &mut self.organizations),
            ("created", &mut self.created),
            ("events", &mut self.outbox.undelivered),
            ("given_up", &mut self.outbox.lost),
            ("told", &mut self.outbox.told),
        ]
    }
}

/// By whom something is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct By {
    pub(super) user: u64,
    /// `app` or `api`.
    pub(super) source: &'static str,
}

const BY_HAND: By = By { user: PERSON, source: "app" };

impl Company {
    pub(super) fn new(id: u64, seed: u64) -> Self {
        Self {
            id,
            fields: Fields::new(),
            refuses_silently: false,
            persons: Table::default(),
            organizations: Table::default(),
            created: One::default(),
            outbox: Outbox::default(),
            budget: Budget::default(),
            counters: Counters::default(),
            rng: Rng::with_seed(seed),
        }
    }

    fn next_id(&mut self) -> String {
        *self.created += 1;
        self.created.to_string()
    }

    /// An error is what is wrong with the values.
    pub(super) fn create(
        &mut self,
        values: &Map<String, Value>,
        by: By,
        now: Timestamp,
    ) -> Result<String, Vec<String>> {
        // The parts of the name are Pipedrive's own to set.
        let given = values.iter().filter(|(name, _)| !["first_name", "last_name"].contains(&name.as_str()));
        let violations = self.fields.violations(given);
        if !violations.is_empty() {
            return Err(violations);
        }
        let id = self.next_id();
        let mut person = Person::new(id.clone(), now);
        person.set(values, by.user, now);
        tell(&mut self.outbox, self.id, &person, by, Happening::Created);
        self.persons.insert(id.clone(), person);
        Ok(id)
    }

    pub(super) fn create_by_hand(
        &mut self,
        values: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<String, Vec<String>> {
        let mut fields = Map::new();
        for (name, value) in values {
            match name.as_str() {
                "email" | "phone" => {
                    let entry = json!([{ "value": value, "primary": true, "label": "work" }]);
                    fields.insert(format!("{name}s"), entry);
                }
                "company" => {
                    let id = self.next_id();
                    fields.insert("org_id".to_owned(), number(&id));
                    self.organizations.insert(id, value.clone());
                }
                _ => drop(fields.insert(name.clone(), value.clone().into())),
            }
        }
        self.create(&fields, BY_HAND, now)
    }

    pub(super) fn edit_by_hand(
        &mut self,
        id: &str,
        property: &str,
        value: &str,
        now: Timestamp,
    ) -> Result<(), Vec<String>> {
        let (field, value) = match property {
            "email" | "phone" => {
                let list = format!("{property}s");
                let mut entries = self.persons.get(id).map(|person| person.entries(&list)).unwrap_or_default();
                entries.iter_mut().for_each(|entry| entry["primary"] = false.into());
                entries.push(json!({ "value": value, "primary": true, "label": "other" }));
                (list, entries.into())
            }
            _ => (property.to_owned(), if value.is_empty() { Value::Null } else { value.into() }),
        };
        let values = Map::from_iter([(field, value)]);
        let found = self.update(id, &values, BY_HAND, now)?;
        if found { Ok(()) } else { Err(vec!["no such person".to_owned()]) }
    }

    /// Saves values: each save is told. Whether there is such a person; an error is what is wrong with the values.
    pub(super) fn update(
        &mut self,
        id: &str,
        values: &Map<String, Value>,
        by: By,
        now: Timestamp,
    ) -> Result<bool, Vec<String>> {
        let violations = self.fields.violations(values);
        let Some(person) = self.persons.get_mut(&id.to_owned()).filter(|person| !person.is_deleted) else {
            return Ok(false);
        };
        if !violations.is_empty() {
            return Err(violations);
        }
        let mut previous = person.set(values, by.user, now);
        previous.insert("update_time".to_owned(), now.to_string().into());
        tell(&mut self.outbox, self.id, person, by, Happening::Changed { previous });
        Ok(true)
    }

    pub(super) fn delete(&mut self, id: &str, merged_to: Option<&str>, now: Timestamp) -> bool {
        let Some(person) = self.persons.get_mut(&id.to_owned()).filter(|person| !person.is_deleted) else {
            return false;
        };
        person.is_deleted = true;
        person.modified_at = now;
        let merged_to = merged_to.map(str::to_owned);
        tell(&mut self.outbox, self.id, person, BY_HAND, Happening::Deleted { merged_to });
        true
    }

    /// The other gets what it lacks. Both are told of: one as deleted, one as changed.
    pub(super) fn merge(&mut self, id: &str, into: &str, now: Timestamp) -> bool {
        let (Some(gone), Some(stays)) = (self.persons.get(id), self.persons.get(into)) else { return false };
        let named: Vec<String> = self.fields.all().map(|(name, _)| name.clone()).collect();
        let lacking = named.into_iter().filter(|name| stays.field(name).is_none());
        let values = lacking.filter_map(|name| Some((name.clone(), gone.field(&name)?.clone()))).collect();
        self.delete(id, Some(into), now) && self.update(into, &values, BY_HAND, now) == Ok(true)
    }
}

/// The tokens used on a day, which ends at midnight, UTC.
#[derive(Debug, Default)]
pub(super) struct Budget {
    day: Option<Date>,
    used: u64,
}

impl Budget {
    /// Uses so many tokens, if there are so many left. How many are left then, or an error.
    pub(super) fn take(&mut self, tokens: u64, most: u64, now: Timestamp) -> Option<u64> {
        let today = now.to_zoned(TimeZone::UTC).date();
        if self.day != Some(today) {
            *self = Self { day: Some(today), used: 0 };
        }
        let used = self.used.saturating_add(tokens);
        if used > most {
            return None;
        }
        self.used = used;
        Some(most - used)
    }
}
