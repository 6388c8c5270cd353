//! Writing many items at once, on no condition.

use aws_sdk_dynamodb::types::{DeleteRequest, PutRequest, ReturnConsumedCapacity, WriteRequest};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use leadgate_enrichment::retry::Backoff;

use super::{Item, Table};
use crate::error::StoreError;
use crate::usage::Step;

/// The most items in one BatchWriteItem: DynamoDB's limit.
const BATCH_WRITE_MAX: usize = 25;
/// So many calls are under way at once: more would only be throttled by a table that is new.
const AT_ONCE: usize = 8;

/// What is done with an item.
pub(crate) enum Write {
    /// It is put, whatever is there.
    Put(Item),
    /// It is deleted by its key, if it is there.
    Delete(Item),
}

impl Write {
    fn request(self, doing: &'static str) -> Result<WriteRequest, StoreError> {
        let unreadable = |error| StoreError::unreadable(doing, error);
        let request = WriteRequest::builder();
        Ok(match self {
            Self::Put(item) => {
                request.put_request(PutRequest::builder().set_item(Some(item)).build().map_err(unreadable)?)
            }
            Self::Delete(key) => {
                request.delete_request(DeleteRequest::builder().set_key(Some(key)).build().map_err(unreadable)?)
            }
        }
        .build())
    }
}

impl Table {
    /// Makes all of these writes, in no order: an error leaves some of them made. No two may be of the same item. What
    /// DynamoDB leaves unprocessed is written again, with growing pauses.
    pub(crate) async fn write(&self, writes: Vec<Write>, step: Step, doing: &'static str) -> Result<(), StoreError> {
        let requests: Result<Vec<WriteRequest>, StoreError> =
            writes.into_iter().map(|write| write.request(doing)).collect();
        let requests = requests?;
        let batches = requests.chunks(BATCH_WRITE_MAX).map(|batch| Ok(batch.to_vec()));
        stream::iter(batches.collect::<Vec<_>>())
            .try_for_each_concurrent(AT_ONCE, |batch| self.write_batch(batch, step, doing))
            .await
    }

    async fn write_batch(
        &self,
        mut batch: Vec<WriteRequest>,
        step: Step,
        doing: &'static str,
    ) -> Result<(), StoreError> {
        for attempts_made in 1.. {
            let request = self.database.client.batch_write_item().request_items(&self.name, batch);
            let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
            let answer = request.send().await.map_err(|error| StoreError::from_sdk(doing, &error))?;
            self.database.usage.wrote(step, answer.consumed_capacity());
            let Some(left) = answer.unprocessed_items.unwrap_or_default().remove(&self.name) else { break };
            let Some(wait) = Backoff::BATCH_WRITE.wait(attempts_made, self.clock().jitter()) else {
                return Err(StoreError::exhausted(doing, "DynamoDB left items unprocessed again and again"));
            };
            self.clock().sleep(wait).await;
            batch = left;
        }
        Ok(())
    }

    /// The items with these keys, as far as they are there, several calls at once.
    pub(crate) async fn get_many(
        &self,
        keys: Vec<Item>,
        consistency: super::Consistency,
        step: Step,
        doing: &'static str,
    ) -> Result<Vec<Item>, StoreError> {
        let calls: Vec<Vec<Item>> = keys.chunks(super::BATCH_GET_MAX).map(<[Item]>::to_vec).collect();
        let calls = stream::iter(calls).map(|keys| self.get(keys, consistency, step, doing)).buffer_unordered(AT_ONCE);
        let found: Vec<Vec<Item>> = calls.try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }
}
