//! Small things to remember beside the ledger: which alert was given last, what was compared last.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::ids::TenantId;

use super::Credits;
use super::items::{DRIFT, ITEM, MARK, key, range_key};
use crate::error::StoreError;
use crate::usage::Step;

/// Something remembered, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// What it is.
    pub name: String,
    /// What was remembered.
    pub value: String,
}

const VALUE: &str = "value";
const DOING: &str = "remembering a mark";

impl Credits {
    /// What was remembered under this name.
    pub async fn mark(&self, tenant: &TenantId, name: &str) -> Result<Option<Mark>, StoreError> {
        let found = self.get(tenant, [range_key(MARK, name)].into_iter()).await?;
        let value = found.into_iter().next().and_then(|mut item| item.remove(VALUE));
        let Some(AttributeValue::S(value)) = value else { return Ok(None) };
        Ok(Some(Mark { name: name.to_owned(), value }))
    }

    /// Remembers `new` in the place of `old`. `false` when something else is remembered by now.
    pub async fn remember(&self, tenant: &TenantId, old: Option<&Mark>, new: &Mark) -> Result<bool, StoreError> {
        let mut item = key(tenant, &range_key(MARK, &new.name));
        item.insert(VALUE.to_owned(), AttributeValue::S(new.value.clone()));
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let request = match old {
            None => {
                request.condition_expression("attribute_not_exists(#item)").expression_attribute_names("#item", ITEM)
            }
            Some(old) => request
                .condition_expression("#value = :old")
                .expression_attribute_names("#value", VALUE)
                .expression_attribute_values(":old", AttributeValue::S(old.value.clone())),
        };
        let sent = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
        match sent {
            Ok(answer) => {
                self.usage.wrote(Step::Open, answer.consumed_capacity());
                Ok(true)
            }
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {
                Ok(false)
            }
            Err(error) => Err(StoreError::from_sdk(DOING, &error)),
        }
    }

    /// Enters a drift, and what the next comparison starts from: together, so that no drift is entered twice.
    pub async fn enter_drift(
        &self,
        tenant: &TenantId,
        drift: &Entry,
        old: &Mark,
        new: &Mark,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.transaction("entering a drift", Step::Open);
        transaction.put_new(tenant, &range_key(DRIFT, &format!("{:013}", drift.at().as_millisecond())), drift)?;
        transaction.replace_mark(tenant, &range_key(MARK, &new.name), &old.value, &new.value)?;
        Ok(matches!(transaction.commit().await?, super::Committed::Now))
    }
}
