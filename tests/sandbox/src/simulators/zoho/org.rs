//! What may happen to an org's records, and what follows from it.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use leadgate_enrichment::clock::later;
use serde_json::{Map, Value};

use super::ZohoSetup;
use super::delivery::tell;
use super::records::{Kind, Record, fields};
use crate::kept::{Keep, Kept, One, Table};
use crate::simulators::outbox::Outbox;

/// How long an access token is good (documented).
const TOKEN_LIFE: Duration = Duration::from_secs(60 * 60);

/// By whom something is done: at Zoho's own screens.
pub const HAND: &str = "hand";
/// By a program.
pub(super) const API: &str = "api";

/// What the API was used for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that arrived, whatever became of them.
    pub received: u64,
    /// Calls without a token that is good.
    pub unauthorized: u64,
    /// Access tokens that were given.
    pub tokens: u64,
    /// Records handed out.
    pub records_read: u64,
    /// Records written.
    pub records_written: u64,
    /// Calls that wrote something.
    pub writes: u64,
    /// Rows that were refused for what they write.
    pub refused: u64,
}

/// Everything that is behind one lock.
pub(super) struct Org {
    channel_id: u64,
    pub(super) api_domain: String,
    pub(super) fields: BTreeMap<String, Kind>,
    pub(super) records: Table<String, Record>,
    created: One<u64>,
    /// The access token that is good, and until when.
    pub(super) token: Option<(String, Timestamp)>,
    pub(super) outbox: Outbox,
    pub(super) counters: Counters,
    pub(super) rng: Rng,
}

/// What was counted, and the access token, end with the process.
impl Keep for Org {
    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Kept)> {
        vec![
            ("records", &mut self.records),
            ("created", &mut self.created),
            ("events", &mut self.outbox.undelivered),
            ("given_up", &mut self.outbox.lost),
            ("told", &mut self.outbox.told),
        ]
    }
}

impl Org {
    pub(super) fn new(setup: &ZohoSetup, api_domain: &str) -> Self {
        Self {
            channel_id: setup.channel_id,
            api_domain: api_domain.to_owned(),
            fields: fields(),
            records: Table::default(),
            created: One::default(),
            token: None,
            outbox: Outbox::default(),
            counters: Counters::default(),
            rng: Rng::with_seed(setup.seed),
        }
    }

    pub(super) fn give_token(&mut self, now: Timestamp) -> String {
        self.counters.tokens += 1;
        let token = format!("simulated-access-token-{}", self.counters.tokens);
        self.token = Some((token.clone(), later(now, TOKEN_LIFE)));
        token
    }

    /// The first field whose value is refused.
    pub(super) fn violation(&self, values: &Map<String, Value>) -> Option<String> {
        let is_fit = |(name, value): (&String, &Value)| {
            name == "id" || self.fields.get(name).is_some_and(|kind| kind.takes(value))
        };
        values.iter().find(|entry| !is_fit(*entry)).map(|(name, _)| name.clone())
    }

    /// An error is the field that is refused.
    pub(super) fn create(
        &mut self,
        module: &str,
        values: &Map<String, Value>,
        by: &str,
        now: Timestamp,
    ) -> Result<String, String> {
        if let Some(field) = self.violation(values) {
            return Err(field);
        }
        *self.created += 1;
        let id = format!("48768760{:010}", *self.created);
        let mut record = Record::new(id.clone(), module, now);
        record.set(values, by, now);
        self.records.insert(id.clone(), record);
        let created = BTreeMap::from([(id.clone(), Map::new())]);
        tell(&mut self.outbox, self.channel_id, (module, "insert"), &created, now);
        Ok(id)
    }

    pub(super) fn edit_by_hand(&mut self, id: &str, field: &str, value: &str, now: Timestamp) -> Result<(), String> {
        let value = if value.is_empty() { Value::Null } else { value.into() };
        let values = Map::from_iter([(field.to_owned(), value)]);
        if let Some(field) = self.violation(&values) {
            return Err(field);
        }
        let record = self.records.get_mut(&id.to_owned()).ok_or("no such record")?;
        let (module, changed) = (record.module.clone(), record.set(&values, HAND, now));
        self.changed(&module, BTreeMap::from([(id.to_owned(), changed)]), now);
        Ok(())
    }

    /// What one call changed is told with one notification.
    pub(super) fn changed(&mut self, module: &str, mut changes: BTreeMap<String, Map<String, Value>>, now: Timestamp) {
        changes.retain(|_, changed| !changed.is_empty());
        if !changes.is_empty() {
            tell(&mut self.outbox, self.channel_id, (module, "update"), &changes, now);
        }
    }

    pub(super) fn delete(&mut self, id: &str, now: Timestamp) -> bool {
        let Some(record) = self.records.remove(&id.to_owned()) else { return false };
        let deleted = BTreeMap::from([(id.to_owned(), Map::new())]);
        tell(&mut self.outbox, self.channel_id, (&record.module, "delete"), &deleted, now);
        true
    }
}
