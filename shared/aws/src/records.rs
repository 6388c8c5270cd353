//! The `records` table: one item per CRM record, with the flag that the gate goes by.

mod forgotten;
mod parked;

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity};
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::record::Record;

pub use self::parked::{Next, Page, Parked};
use crate::error::StoreError;
use crate::put::put;
use crate::usage::{Step, Usage};

/// The partition key: the record's own name.
const KEY: &str = "record";
/// Counts writes. Every write names the count that it was decided on.
const REV: &str = "rev";
/// The most keys in one BatchGetItem: DynamoDB's limit.
const BATCH_GET_MAX: usize = 100;
/// How often what BatchGetItem left over is asked for again, before we call it a failure.
const LEFTOVER_ATTEMPTS_MAX: usize = 5;

/// Records in DynamoDB.
#[derive(Debug, Clone)]
pub struct Records {
    client: Client,
    table: String,
    usage: Arc<Usage>,
}

/// How fresh a read must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// May be a moment old, at half the price.
    Eventual,
    /// What was written before the read is in it.
    Strong,
}

impl Records {
    /// Records in this table.
    pub fn new(client: Client, table: impl Into<String>, usage: Arc<Usage>) -> Self {
        Self { client, table: table.into(), usage }
    }

    /// The same records, for a caller whose reading and writing is not to be counted.
    #[must_use]
    pub fn unmetered(&self) -> Self {
        Self { usage: Arc::default(), ..self.clone() }
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
        let names = keys.iter().map(ToString::to_string).collect();
        let mut records = HashMap::with_capacity(keys.len());
        for item in self.items(names, consistency, READING).await? {
            let key = item.get(KEY).and_then(|key| key.as_s().ok()).and_then(|key| key.parse().ok());
            let key = key.ok_or_else(|| StoreError::unreadable(READING, "a record without its name"))?;
            records.insert(key, record_of(item));
        }
        Ok(records)
    }

    /// The items of these names, as far as they are there. What DynamoDB leaves over is asked for again.
    async fn items(
        &self,
        names: Vec<String>,
        consistency: Consistency,
        doing: &'static str,
    ) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::with_capacity(names.len());
        for chunk in names.chunks(BATCH_GET_MAX) {
            let keys = chunk.iter().map(|name| HashMap::from([(KEY.to_owned(), AttributeValue::S(name.clone()))]));
            let batch = KeysAndAttributes::builder().set_keys(Some(keys.collect()));
            let batch = batch.consistent_read(consistency == Consistency::Strong).build();
            let mut wanted = Some(batch.map_err(|error| StoreError::unreadable(doing, error))?);
            for _ in 0..LEFTOVER_ATTEMPTS_MAX {
                let Some(batch) = wanted.take() else { break };
                let request = self.client.batch_get_item().request_items(&self.table, batch);
                let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
                let answer = request.send().await.map_err(|error| StoreError::from_sdk(doing, &error))?;
                self.usage.read(Step::Look, answer.consumed_capacity());
                items.extend(answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default());
                wanted = answer.unprocessed_keys.unwrap_or_default().remove(&self.table);
            }
            if wanted.is_some() {
                return Err(StoreError::exhausted(doing, "DynamoDB left keys unprocessed again and again"));
            }
        }
        Ok(items)
    }

    /// Writes `record`, on condition that it is still at the `rev` it was read at, and gives it as it stands then.
    /// `None` when another worker wrote it first: nothing was changed. A repeat of a write that is there already is a
    /// success: its acknowledgement was lost on the way.
    pub async fn write(&self, step: Step, record: Record) -> Result<Option<Record>, StoreError> {
        let seen = record.rev;
        let record = Record { rev: seen + 1, ..record };
        let item = item_of(&record)?;
        let request = self.client.put_item().table_name(&self.table);
        let request = match seen {
            0 => request.condition_expression("attribute_not_exists(#key)").expression_attribute_names("#key", KEY),
            _ => request
                .condition_expression("#rev = :seen")
                .expression_attribute_names("#rev", REV)
                .expression_attribute_values(":seen", AttributeValue::N(seen.to_string())),
        };
        let written = put(request, item, &self.usage, step, "writing a record").await?;
        Ok(written.then_some(record))
    }
}

const READING: &str = "reading records";

type Item = HashMap<String, AttributeValue>;

/// The record as an item. A parked one also gets the keys of the index.
fn item_of(record: &Record) -> Result<Item, StoreError> {
    let unreadable = |error| StoreError::unreadable("writing a record", error);
    let mut item: Item = serde_dynamo::to_item(record).map_err(unreadable)?;
    item.extend(parked::keys(record));
    Ok(item)
}

fn record_of(item: Item) -> Result<Record, StoreError> {
    serde_dynamo::from_item(item).map_err(|error| StoreError::unreadable(READING, error))
}
