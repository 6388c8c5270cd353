//! A conditional write that knows itself again.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure};

use crate::error::StoreError;
use crate::usage::{Step, Usage};

/// A write whose condition fails is charged like one that succeeds: a unit per KB, and what is written so is below 1 KB.
pub(crate) const FAILED_CONDITION_UNITS: f64 = 1.0;

/// Puts `item` as `request` says, which names the condition. `false` when the condition didn't hold: another worker wrote
/// first, and nothing was changed. If what is there is exactly `item`, it is a success whose acknowledgement was lost.
pub(crate) async fn put(
    request: PutItemFluentBuilder,
    item: HashMap<String, AttributeValue>,
    usage: &Usage,
    step: Step,
    doing: &'static str,
) -> Result<bool, StoreError> {
    let sent = request
        .set_item(Some(item.clone()))
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    match sent {
        Ok(answer) => {
            usage.wrote(step, answer.consumed_capacity());
            Ok(true)
        }
        Err(SdkError::ServiceError(failure)) if failure.err().is_conditional_check_failed_exception() => {
            usage.wrote_units(step, FAILED_CONDITION_UNITS);
            let PutItemError::ConditionalCheckFailedException(there) = failure.into_err() else { return Ok(false) };
            Ok(there.item == Some(item))
        }
        Err(error) => Err(StoreError::from_sdk(doing, &error)),
    }
}
