//! One DynamoDB table, as every store uses it: how items are read, put on a condition, updated and listed.
//!
//! So there is one policy for what DynamoDB leaves unprocessed, for a write whose acknowledgement was lost, and for
//! counting what was consumed.

mod condition;
mod transaction;
mod write;

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
};
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::retry::Backoff;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use self::condition::Condition;
pub(crate) use self::transaction::{Committed, Transaction};
pub(crate) use self::write::Write;
use crate::error::StoreError;
use crate::usage::{Step, Usage};

/// The most keys in one BatchGetItem: DynamoDB's limit.
const BATCH_GET_MAX: usize = 100;
/// A write whose condition fails is charged like one that succeeds: a unit per KB, and what is written so is below 1 KB.
const FAILED_CONDITION_UNITS: f64 = 1.0;

/// An item, or the key of one.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// What all stores in DynamoDB need.
#[derive(Clone)]
pub struct Database {
    /// Speaks with DynamoDB.
    pub client: Client,
    /// Where it is counted what DynamoDB says it consumed.
    pub usage: Arc<Usage>,
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
}

/// How fresh a read must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// May be a moment old, at half the price.
    Eventual,
    /// What was written before the read is in it.
    Strong,
}

/// How a conditional put ended.
#[derive(Debug)]
pub(crate) enum Put {
    /// The item is there, and wasn't before.
    Now,
    /// The condition didn't hold, and exactly this item is there: either an acknowledgement was lost on the way, or
    /// another worker put the same.
    Same,
    /// The condition didn't hold: this is there, if DynamoDB says so. Nothing was changed.
    Refused(Option<Item>),
}

#[derive(Clone)]
pub(crate) struct Table {
    database: Database,
    name: String,
}

impl Table {
    pub(crate) fn new(database: &Database, name: impl Into<String>) -> Self {
        Self { database: database.clone(), name: name.into() }
    }

    /// The same table, for a caller whose reading and writing is not to be counted.
    pub(crate) fn unmetered(&self) -> Self {
        let database = Database { usage: Arc::default(), ..self.database.clone() };
        Self { database, name: self.name.clone() }
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.database.clock
    }

    /// The items with these keys, as far as they are there. What DynamoDB leaves unprocessed is asked for again, with
    /// growing pauses.
    pub(crate) async fn get(
        &self,
        keys: Vec<Item>,
        consistency: Consistency,
        step: Step,
        doing: &'static str,
    ) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(BATCH_GET_MAX) {
            let batch = KeysAndAttributes::builder().set_keys(Some(chunk.to_vec()));
            let batch = batch.consistent_read(consistency == Consistency::Strong).build();
            let mut batch = batch.map_err(|error| StoreError::unreadable(doing, error))?;
            for attempts_made in 1.. {
                let request = self.database.client.batch_get_item().request_items(&self.name, batch);
                let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
                let answer = request.send().await.map_err(|error| StoreError::from_sdk(doing, &error))?;
                self.database.usage.read(step, answer.consumed_capacity());
                items.extend(answer.responses.unwrap_or_default().remove(&self.name).unwrap_or_default());
                let Some(left) = answer.unprocessed_keys.unwrap_or_default().remove(&self.name) else { break };
                let Some(wait) = Backoff::IN_FUNCTION.wait(attempts_made, self.clock().jitter()) else {
                    return Err(StoreError::exhausted(doing, "DynamoDB left keys unprocessed again and again"));
                };
                self.clock().sleep(wait).await;
                batch = left;
            }
        }
        Ok(items)
    }

    /// Puts an item, whatever is there.
    pub(crate) async fn put(&self, item: Item, step: Step, doing: &'static str) -> Result<(), StoreError> {
        let request = self.database.client.put_item().table_name(&self.name).set_item(Some(item));
        let sent = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
        let answer = sent.map_err(|error| StoreError::from_sdk(doing, &error))?;
        self.database.usage.wrote(step, answer.consumed_capacity());
        Ok(())
    }

    /// Puts an item on a condition.
    pub(crate) async fn put_if(
        &self,
        item: Item,
        condition: Condition,
        step: Step,
        doing: &'static str,
    ) -> Result<Put, StoreError> {
        let request = self.database.client.put_item().table_name(&self.name).set_item(Some(item.clone()));
        let sent = request
            .condition_expression(condition.expression)
            .set_expression_attribute_names(Some(condition.names))
            .set_expression_attribute_values(condition.values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        let error = match sent {
            Ok(answer) => {
                self.database.usage.wrote(step, answer.consumed_capacity());
                return Ok(Put::Now);
            }
            Err(error) => error,
        };
        let Some(PutItemError::ConditionalCheckFailedException(there)) = error.as_service_error() else {
            return Err(StoreError::from_sdk(doing, &error));
        };
        self.database.usage.wrote_units(step, FAILED_CONDITION_UNITS);
        let is_same = there.item.as_ref() == Some(&item);
        Ok(if is_same { Put::Same } else { Put::Refused(there.item.clone()) })
    }

    /// An update, which the caller says the rest of: its key, its expression and its condition.
    pub(crate) fn update(&self) -> UpdateItemFluentBuilder {
        self.database.client.update_item().table_name(&self.name)
    }

    /// Sends an update. Gives what it returns of the item; `None` when its condition didn't hold, and nothing was changed.
    pub(crate) async fn send_update(
        &self,
        update: UpdateItemFluentBuilder,
        step: Step,
        doing: &'static str,
    ) -> Result<Option<Item>, StoreError> {
        match update.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await {
            Ok(answer) => {
                self.database.usage.wrote(step, answer.consumed_capacity());
                Ok(Some(answer.attributes.unwrap_or_default()))
            }
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {
                self.database.usage.wrote_units(step, FAILED_CONDITION_UNITS);
                Ok(None)
            }
            Err(error) => Err(StoreError::from_sdk(doing, &error)),
        }
    }

    /// A query, which the caller says the rest of.
    pub(crate) fn query(&self) -> QueryFluentBuilder {
        let query = self.database.client.query().table_name(&self.name);
        query.return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    /// One page of a query.
    pub(crate) async fn page(
        &self,
        query: QueryFluentBuilder,
        step: Step,
        doing: &'static str,
    ) -> Result<QueryOutput, StoreError> {
        let answer = query.send().await.map_err(|error| StoreError::from_sdk(doing, &error))?;
        self.database.usage.read(step, answer.consumed_capacity());
        Ok(answer)
    }

    /// The items that a query finds, page after page, `limit` at most.
    pub(crate) async fn pages(
        &self,
        query: QueryFluentBuilder,
        limit: Option<usize>,
        step: Step,
        doing: &'static str,
    ) -> Result<Vec<Item>, StoreError> {
        let mut pages = query.into_paginator().send();
        let (mut found, limit) = (Vec::new(), limit.unwrap_or(usize::MAX));
        while found.len() < limit {
            let Some(page) = pages.next().await else { break };
            let page = page.map_err(|error| StoreError::from_sdk(doing, &error))?;
            self.database.usage.read(step, page.consumed_capacity());
            found.extend(page.items.unwrap_or_default());
        }
        found.truncate(limit);
        Ok(found)
    }

    /// A scan, which the caller says the rest of. It reads the whole table, and no function may do that.
    pub(crate) fn scan(&self) -> ScanFluentBuilder {
        let scan = self.database.client.scan().table_name(&self.name);
        scan.consistent_read(true).return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    /// The items that a scan finds.
    pub(crate) async fn all(
        &self,
        scan: ScanFluentBuilder,
        step: Step,
        doing: &'static str,
    ) -> Result<Vec<Item>, StoreError> {
        let mut pages = scan.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| StoreError::from_sdk(doing, &error))?;
            self.database.usage.read(step, page.consumed_capacity());
            found.extend(page.items.unwrap_or_default());
        }
        Ok(found)
    }

    /// Writes that are made together or not at all.
    pub(crate) fn transaction(&self, step: Step, doing: &'static str) -> Transaction<'_> {
        Transaction::new(self, step, doing)
    }
}

/// A value as an item, to which its key is still to be added.
pub(crate) fn to_item(value: &impl Serialize, doing: &'static str) -> Result<Item, StoreError> {
    serde_dynamo::to_item(value).map_err(|error| StoreError::unreadable(doing, error))
}

/// An item as a value.
pub(crate) fn from_item<T: DeserializeOwned>(item: Item, doing: &'static str) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(|error| StoreError::unreadable(doing, error))
}

pub(crate) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
