//! Meters and breakers as items.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity, ReturnValue};
use leadgate_enrichment::provider::breaker::Breaker;
use leadgate_enrichment::provider::limits::{Count, LimitKey, Meter, Span};
use serde::de::DeserializeOwned;

use super::{Limits, Sight};
use crate::error::StoreError;
use crate::put::{FAILED_CONDITION_UNITS, put};
use crate::records::Consistency;
use crate::usage::Step;

/// The partition key: what it is for.
const KEY: &str = "limit";
/// Counts changes.
const REV: &str = "rev";
/// Counts permits since the last change. A breaker has none.
const GRANTED: &str = "granted";
/// How often what BatchGetItem left over is asked for again, before we call it a failure.
const LEFTOVER_ATTEMPTS_MAX: usize = 5;

const READING: &str = "reading limits";
pub(super) const WRITING: &str = "writing limits";

type Item = HashMap<String, AttributeValue>;

/// What is to be kept in the place of what was read.
pub(super) enum Kept {
    Meter(Box<Meter>),
    Breaker(Breaker),
}

/// What came of counting a permit.
pub(super) enum Counted {
    /// It is counted: the meter with it.
    There(Box<Meter>),
    /// There was no room, or the meter was changed meanwhile.
    Changed,
}

impl Limits {
    /// The meter and the breaker, in one BatchGetItem.
    pub(super) async fn read(&self, key: &LimitKey, consistency: Consistency) -> Result<Sight, StoreError> {
        let names = [key.meter(), key.breaker()].map(|name| HashMap::from([named(name)]));
        let batch = KeysAndAttributes::builder()
            .set_keys(Some(names.to_vec()))
            .consistent_read(consistency == Consistency::Strong)
            .build();
        let mut wanted = Some(batch.map_err(|error| StoreError::unreadable(READING, error))?);
        let mut sight = Sight::default();
        for _ in 0..LEFTOVER_ATTEMPTS_MAX {
            let Some(batch) = wanted.take() else { return Ok(sight) };
            let request = self.client.batch_get_item().request_items(&self.table, batch);
            let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
            let answer = request.send().await.map_err(|error| StoreError::from_sdk(READING, &error))?;
            self.usage.read(Step::Permit, answer.consumed_capacity());
            for item in answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default() {
                if item.get(KEY) == Some(&AttributeValue::S(key.meter())) {
                    sight.meter = read_from(item)?;
                } else {
                    sight.breaker = read_from(item)?;
                }
            }
            wanted = answer.unprocessed_keys.unwrap_or_default().remove(&self.table);
        }
        match wanted {
            None => Ok(sight),
            Some(_) => Err(StoreError::exhausted(READING, "DynamoDB left keys unprocessed again and again")),
        }
    }

    /// Counts a permit, on condition that there is room. One whose acknowledgement is lost is counted again: that
    /// wastes a call of the limit, and nothing else.
    pub(super) async fn count(&self, key: &LimitKey, seen: &Meter, count: Count) -> Result<Counted, StoreError> {
        let mut update = "SET #granted = #granted + :one".to_owned();
        let (name, value) = named(key.meter());
        let mut request = self.client.update_item().table_name(&self.table).key(name, value);
        for (span, _) in Span::ALL.into_iter().zip(count.late).filter(|(_, late)| *late) {
            let window = span.word();
            update += &format!(", #{window}.#late = #{window}.#late + :one");
            request = request
                .expression_attribute_names(format!("#{window}"), window)
                .expression_attribute_names("#late", "late");
        }
        let sent = request
            .update_expression(update)
            .condition_expression("#rev = :seen AND #granted < :room")
            .expression_attribute_names("#rev", REV)
            .expression_attribute_names("#granted", GRANTED)
            .expression_attribute_values(":seen", number(seen.rev))
            .expression_attribute_values(":room", number(count.room))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match sent {
            Ok(answer) => {
                self.usage.wrote(Step::Permit, answer.consumed_capacity());
                Ok(Counted::There(Box::new(read_from(answer.attributes.unwrap_or_default())?)))
            }
            Err(SdkError::ServiceError(failure)) if failure.err().is_conditional_check_failed_exception() => {
                self.usage.wrote_units(Step::Permit, FAILED_CONDITION_UNITS);
                Ok(Counted::Changed)
            }
            Err(error) => Err(StoreError::from_sdk(WRITING, &error)),
        }
    }

    /// Keeps `next`, on condition that what it was decided on is still there. A repeat of a write that is there already
    /// is a success: its acknowledgement was lost on the way.
    pub(super) async fn keep(&self, key: &LimitKey, seen: &Sight, next: &Kept) -> Result<bool, StoreError> {
        let (rev, granted, item) = match next {
            Kept::Meter(next) => (seen.meter.rev, Some(seen.meter.granted), item_of(key.meter(), &**next)?),
            Kept::Breaker(next) => (seen.breaker.rev, None, item_of(key.breaker(), next)?),
        };
        let mut request = self.client.put_item().table_name(&self.table);
        if rev == 0 {
            request =
                request.condition_expression("attribute_not_exists(#key)").expression_attribute_names("#key", KEY);
        } else {
            request = request
                .expression_attribute_names("#rev", REV)
                .expression_attribute_values(":seen", number(rev))
                .condition_expression(granted.map_or("#rev = :seen", |_| "#rev = :seen AND #granted = :granted"));
            if let Some(granted) = granted {
                request = request
                    .expression_attribute_names("#granted", GRANTED)
                    .expression_attribute_values(":granted", number(granted));
            }
        }
        put(request, item, &self.usage, Step::Permit, WRITING).await
    }
}

fn item_of<T: serde::Serialize>(name: String, kept: &T) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(kept).map_err(|error| StoreError::unreadable(WRITING, error))?;
    item.extend([named(name)]);
    Ok(item)
}

fn read_from<T: DeserializeOwned>(item: Item) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(|error| StoreError::unreadable(READING, error))
}

fn named(name: String) -> (String, AttributeValue) {
    (KEY.to_owned(), AttributeValue::S(name))
}

fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
