//! The `records` table: one item per CRM record, with the flag that the gate goes by.

mod forgotten;
mod new_leads;
mod parked;
mod undo;

use std::collections::HashMap;

use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::record::Record;

pub use self::new_leads::{NewLeadClaim, NewLeadStanding};
pub use self::parked::{Next, Page, Parked, ParkedLine, Place};
use crate::error::StoreError;
use crate::table::{Condition, Consistency, Database, Item, Put, Table, from_item, number, text, to_item};
use crate::usage::Step;

/// The partition key: the record's own name.
const KEY: &str = "record";
/// Counts writes. Every write names the count that it was decided on.
const REV: &str = "rev";

/// Records in DynamoDB.
#[derive(Clone)]
pub struct Records {
    table: Table,
}

impl Records {
    /// Records in this table.
    pub fn new(database: &Database, table: impl Into<String>) -> Self {
        Self { table: Table::new(database, table) }
    }

    /// The same records, for a caller whose reading and writing is not to be counted.
    #[must_use]
    pub fn unmetered(&self) -> Self {
        Self { table: self.table.unmetered() }
    }

    /// Reads records; those we have not met are absent. One BatchGetItem per hundred.
    pub async fn read(
        &self,
        keys: &[RecordKey],
        consistency: Consistency,
    ) -> Result<HashMap<RecordKey, Record>, StoreError> {
        let read = self.read_apart(keys, consistency).await?;
        read.into_iter().map(|(key, record)| record.map(|record| (key, record))).collect()
    }

    /// The same, where one that can't be read doesn't stand in the way of the others.
    pub async fn read_apart(
        &self,
        keys: &[RecordKey],
        consistency: Consistency,
    ) -> Result<HashMap<RecordKey, Result<Record, StoreError>>, StoreError> {
        let names = keys.iter().map(ToString::to_string);
        let mut records = HashMap::with_capacity(keys.len());
        for item in self.items(names, consistency, READING).await? {
            let key = item.get(KEY).and_then(|key| key.as_s().ok()).and_then(|key| key.parse().ok());
            let key = key.ok_or_else(|| StoreError::unreadable(READING, "a record without its name"))?;
            records.insert(key, from_item(item, READING));
        }
        Ok(records)
    }

    async fn items(
        &self,
        names: impl Iterator<Item = String>,
        consistency: Consistency,
        doing: &'static str,
    ) -> Result<Vec<Item>, StoreError> {
        let keys = names.map(|name| Item::from([(KEY.to_owned(), text(name))])).collect();
        self.table.get(keys, consistency, Step::Look, doing).await
    }

    /// Writes `record`, on condition that it is still at the `rev` it was read at, and gives it as it stands then.
    /// `None` when another worker wrote it first: nothing was changed. A repeat of a write that is there already is a
    /// success: its acknowledgement was lost on the way.
    pub async fn write(&self, step: Step, record: Record) -> Result<Option<Record>, StoreError> {
        let condition = match record.rev {
            0 => Condition::absent(KEY),
            seen => Condition::unchanged([(REV, number(seen))]),
        };
        let record = Record { rev: record.rev + 1, ..record };
        let put = self.table.put_if(item_of(&record)?, condition, step, WRITING).await?;
        Ok(matches!(put, Put::Now | Put::Same).then_some(record))
    }
}

const READING: &str = "reading records";
const WRITING: &str = "writing a record";

/// The record as an item. A parked one also gets the keys of the index.
fn item_of(record: &Record) -> Result<Item, StoreError> {
    let mut item = to_item(record, WRITING)?;
    item.extend(parked::keys(record));
    Ok(item)
}
