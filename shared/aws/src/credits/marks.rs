//! Small things to remember beside the ledger: which alert was given last, what was compared last.

use aws_sdk_dynamodb::types::AttributeValue;
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::ids::TenantId;

use super::Credits;
use super::items::{DRIFT, ITEM, MARK, key, range_key};
use crate::error::StoreError;
use crate::table::{Committed, Condition, Put, text};
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
        item.insert(VALUE.to_owned(), text(&new.value));
        let condition = match old {
            None => Condition::absent(ITEM),
            Some(old) => Condition::unchanged([(VALUE, text(&old.value))]),
        };
        // Another run may remember the same at the same time, and only one of them may go by it.
        Ok(matches!(self.table.put_if(item, condition, Step::Open, "remembering a mark").await?, Put::Now))
    }

    /// Enters a drift, and what the next comparison starts from: together, so that no drift is entered twice.
    pub async fn enter_drift(
        &self,
        tenant: &TenantId,
        drift: &Entry,
        old: &Mark,
        new: &Mark,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.transaction(tenant, Step::Open, "entering a drift");
        transaction.put_new(&range_key(DRIFT, &format!("{:013}", drift.at().as_millisecond())), drift)?;
        transaction.replace_mark(&range_key(MARK, &new.name), &old.value, &new.value)?;
        Ok(matches!(transaction.commit().await?, Committed::Now))
    }
}
