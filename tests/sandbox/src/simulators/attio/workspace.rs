//! What may happen to a workspace's people, and what follows from it.

use std::collections::BTreeMap;

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::attributes::{Attributes, Violation};
use super::delivery::{Happening, tell};
use super::people::Person;
use super::{AttioSetup, MEMBER};
use crate::kept::{Keep, Kept, One, Table};
use crate::simulators::outbox::Outbox;

/// What the API was used for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that arrived, whatever became of them.
    pub received: u64,
    /// Calls without a token that is good.
    pub unauthorized: u64,
    /// Calls turned away because there were too many in a second.
    pub throttled: u64,
    /// Calls of the API that were carried out.
    pub calls: u64,
    /// Records handed out.
    pub records_read: u64,
    /// Calls that wrote something.
    pub writes: u64,
    /// Calls that were refused for what they write.
    pub refused: u64,
}

/// Everything that is behind one lock.
pub(super) struct Workspace {
    pub(super) id: String,
    pub(super) people_object_id: String,
    pub(super) attributes: Attributes,
    pub(super) refuses_silently: bool,
    pub(super) people: Table<String, Person>,
    pub(super) companies: Table<String, String>,
    created: One<u64>,
    pub(super) outbox: Outbox,
    pub(super) limits: Limits,
    pub(super) counters: Counters,
    pub(super) rng: Rng,
}

/// What was counted, and what was used of a second, end with the process.
impl Keep for Workspace {
    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Kept)> {
        vec![
            ("people", &mut self.people),
            ("companies", &mut self.companies),
            ("created", &mut self.created),
            ("events", &mut self.outbox.undelivered),
            ("given_up", &mut self.outbox.lost),
            ("told", &mut self.outbox.told),
        ]
    }
}

/// By whom something is done.
#[derive(Debug, Clone)]
pub(super) struct By {
    pub(super) id: String,
    /// `workspace-member` or `api-token`.
    pub(super) kind: &'static str,
}

impl By {
    pub(super) fn hand() -> Self {
        Self { id: MEMBER.to_owned(), kind: "workspace-member" }
    }
}

/// What becomes of several values that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Several {
    /// They stay, behind the new ones.
    Stay,
    /// The new ones take their place.
    GiveWay,
}

impl Workspace {
    pub(super) fn new(setup: &AttioSetup) -> Self {
        Self {
            id: setup.workspace_id.clone(),
            people_object_id: setup.people_object_id.clone(),
            attributes: Attributes::new(),
            refuses_silently: false,
            people: Table::default(),
            companies: Table::default(),
            created: One::default(),
            outbox: Outbox::default(),
            limits: Limits::default(),
            counters: Counters::default(),
            rng: Rng::with_seed(setup.seed),
        }
    }

    fn next_id(&mut self) -> String {
        *self.created += 1;
        format!("b0000000-0000-4000-8000-{:012}", *self.created)
    }

    pub(super) fn create(
        &mut self,
        values: &Map<String, Value>,
        by: &By,
        now: Timestamp,
    ) -> Result<String, Vec<Violation>> {
        let stored = self.stored(values)?;
        let id = self.next_id();
        let mut person = Person::new(id.clone(), now);
        for (slug, values) in stored {
            person.set(&slug, values, &by.id, now);
        }
        self.people.insert(id.clone(), person);
        self.tell(&id, by, now, &Happening::Created);
        Ok(id)
    }

    pub(super) fn create_by_hand(
        &mut self,
        values: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<String, Vec<Violation>> {
        let (mut given, mut name) = (Map::new(), json!({}));
        for (slug, value) in values {
            match slug.as_str() {
                "company" => {
                    let id = self.next_id();
                    given.insert(slug.clone(), json!([{ "target_object": "companies", "target_record_id": id }]));
                    self.companies.insert(id, value.clone());
                }
                "first_name" | "last_name" => name[slug] = value.clone().into(),
                _ => drop(given.insert(slug.clone(), json!([value]))),
            }
        }
        if name != json!({}) {
            let part = |part: &str| name[part].as_str().unwrap_or_default();
            name["full_name"] = format!("{} {}", part("first_name"), part("last_name")).trim().into();
            given.insert("name".to_owned(), json!([name]));
        }
        self.create(&given, &By::hand(), now)
    }

    pub(super) fn edit_by_hand(
        &mut self,
        id: &str,
        slug: &str,
        value: &str,
        now: Timestamp,
    ) -> Result<(), Vec<Violation>> {
        let given = if value.is_empty() { json!([]) } else { json!([value]) };
        let found = self.update(id, &Map::from_iter([(slug.to_owned(), given)]), Several::Stay, &By::hand(), now)?;
        if found { Ok(()) } else { Err(vec![("not_found", "no such person".to_owned())]) }
    }

    /// Saves values: each attribute that changes is told by itself. Whether there is such a person.
    pub(super) fn update(
        &mut self,
        id: &str,
        values: &Map<String, Value>,
        several: Several,
        by: &By,
        now: Timestamp,
    ) -> Result<bool, Vec<Violation>> {
        if !self.people.contains_key(id) {
            return Ok(false);
        }
        for (slug, mut values) in self.stored(values)? {
            let is_several = self.attributes.get(&slug).is_some_and(super::Kind::is_multiselect);
            let Some(person) = self.people.get_mut(&id.to_owned()) else { return Ok(false) };
            if is_several && several == Several::Stay {
                let others = person.values(&slug).iter().filter(|there| !values.contains(there));
                values = values.iter().chain(others).cloned().collect();
            }
            if person.set(&slug, values, &by.id, now) {
                self.tell(id, by, now, &Happening::Updated { slug });
            }
        }
        Ok(true)
    }

    pub(super) fn delete(&mut self, id: &str, now: Timestamp) -> bool {
        let was_there = self.people.remove(&id.to_owned()).is_some();
        if was_there {
            self.tell(id, &By::hand(), now, &Happening::Deleted);
        }
        was_there
    }

    /// A new record holds the values of both, which are gone ("Record merged": each of the two is told by an event).
    pub(super) fn merge(&mut self, id: &str, other: &str, now: Timestamp) -> Option<String> {
        let (one, two) = (self.people.get(id)?.clone(), self.people.get(other)?.clone());
        let new = self.next_id();
        let (by, mut merged) = (By::hand(), Person::new(new.clone(), now));
        for (slug, values) in two.all().iter().chain(one.all()) {
            merged.set(slug, values.clone(), &by.id, now);
        }
        self.people.insert(new.clone(), merged);
        for duplicate in [id, other] {
            self.people.remove(&duplicate.to_owned());
            self.tell(&new, &by, now, &Happening::Merged { duplicate: duplicate.to_owned() });
        }
        Some(new)
    }

    fn stored(&self, values: &Map<String, Value>) -> Result<Vec<(String, Vec<Value>)>, Vec<Violation>> {
        let (mut stored, mut violations) = (Vec::new(), Vec::new());
        for (slug, given) in values {
            match self.attributes.stored(slug, given) {
                Ok(values) => stored.push((slug.clone(), values)),
                Err(violation) => violations.push(violation),
            }
        }
        if violations.is_empty() { Ok(stored) } else { Err(violations) }
    }

    fn tell(&mut self, record: &str, by: &By, now: Timestamp, happening: &Happening) {
        tell(&mut self.outbox, (&self.id, &self.people_object_id), record, by, now, happening);
    }
}

/// How many calls there were in the present second.
#[derive(Debug, Default)]
pub(super) struct Limits {
    second: i64,
    reads: u64,
    writes: u64,
}

impl Limits {
    /// Whether one more call may be made in this second.
    pub(super) fn take(&mut self, setup: &AttioSetup, is_write: bool, now: Timestamp) -> bool {
        if self.second != now.as_second() {
            *self = Self { second: now.as_second(), ..Self::default() };
        }
        let (used, most) = match is_write {
            true => (&mut self.writes, setup.writes_per_second),
            false => (&mut self.reads, setup.reads_per_second),
        };
        let fits = *used < most;
        *used += u64::from(fits);
        fits
    }
}
