//! One TransactWriteItems: every condition holds and everything is written, or nothing is.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::{DeleteBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{CancellationReason, Put, ReturnConsumedCapacity, TransactWriteItem};
use leadgate_enrichment::retry::Backoff;

use super::{Condition, Item, Table};
use crate::error::StoreError;
use crate::usage::Step;

pub(crate) struct Transaction<'a> {
    table: &'a Table,
    step: Step,
    doing: &'static str,
    writes: Vec<TransactWriteItem>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Committed {
    /// Everything is written.
    Now,
    /// A condition did not hold. Nothing is written.
    Refused,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(table: &'a Table, step: Step, doing: &'static str) -> Self {
        Self { table, step, doing, writes: Vec::new() }
    }

    /// What it is for, as an error says it.
    pub(crate) fn doing(&self) -> &'static str {
        self.doing
    }

    pub(crate) fn put_if(&mut self, item: Item, condition: Condition) -> Result<(), StoreError> {
        let put = Put::builder()
            .table_name(&self.table.name)
            .set_item(Some(item))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(Some(condition.names))
            .set_expression_attribute_values(condition.values);
        let put = put.build().map_err(|error| StoreError::unreadable(self.doing, error))?;
        self.writes.push(TransactWriteItem::builder().put(put).build());
        Ok(())
    }

    pub(crate) fn update(&mut self, key: Item, update: UpdateBuilder) -> Result<(), StoreError> {
        let update = update.table_name(&self.table.name).set_key(Some(key)).build();
        let update = update.map_err(|error| StoreError::unreadable(self.doing, error))?;
        self.writes.push(TransactWriteItem::builder().update(update).build());
        Ok(())
    }

    pub(crate) fn delete(&mut self, key: Item, delete: DeleteBuilder) -> Result<(), StoreError> {
        let delete = delete.table_name(&self.table.name).set_key(Some(key)).build();
        let delete = delete.map_err(|error| StoreError::unreadable(self.doing, error))?;
        self.writes.push(TransactWriteItem::builder().delete(delete).build());
        Ok(())
    }

    /// Writes it all. When DynamoDB finds another transaction on one of the items, the whole is tried again, a bounded
    /// number of times.
    pub(crate) async fn commit(self) -> Result<Committed, StoreError> {
        let (database, clock) = (&self.table.database, self.table.clock());
        for attempts_made in 1.. {
            let request = database.client.transact_write_items().set_transact_items(Some(self.writes.clone()));
            let sent = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
            let error = match sent {
                Ok(answer) => {
                    database.usage.wrote(self.step, answer.consumed_capacity());
                    return Ok(Committed::Now);
                }
                Err(error) => error,
            };
            match verdict(&error) {
                Verdict::Refused => return Ok(Committed::Refused),
                Verdict::Failed => return Err(StoreError::from_sdk(self.doing, &error)),
                Verdict::Contended => {}
            }
            let Some(wait) = Backoff::CONTENTION.wait(attempts_made, clock.jitter()) else { break };
            clock.sleep(wait).await;
        }
        Err(StoreError::exhausted(self.doing, "other transactions kept getting in the way"))
    }
}

enum Verdict {
    /// A condition did not hold.
    Refused,
    /// Another transaction was on the same item, or DynamoDB was throttling: nothing is written, and it may work now.
    Contended,
    /// Anything else.
    Failed,
}

/// A failed condition decides, even when another item of the same transaction was contended.
fn verdict<R>(error: &SdkError<TransactWriteItemsError, R>) -> Verdict {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
        let in_progress = error.as_service_error().is_some_and(|e| e.is_transaction_in_progress_exception());
        return if in_progress { Verdict::Contended } else { Verdict::Failed };
    };
    let codes: Vec<&str> = cancelled.cancellation_reasons().iter().filter_map(CancellationReason::code).collect();
    let contended = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    if codes.contains(&"ConditionalCheckFailed") {
        Verdict::Refused
    } else if codes.iter().any(|code| contended.contains(code)) {
        Verdict::Contended
    } else {
        Verdict::Failed
    }
}
