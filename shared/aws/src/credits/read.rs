//! Reading items by key, by kind and by age.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity};
use jiff::Timestamp;
use leadgate_enrichment::ids::TenantId;

use super::Credits;
use super::items::{self, Item, key, range_key};
use crate::error::StoreError;
use crate::usage::Step;

impl Credits {
    pub(super) async fn get(
        &self,
        tenant: &TenantId,
        items: impl Iterator<Item = String>,
    ) -> Result<Vec<Item>, StoreError> {
        let doing = "reading purchases";
        let keys = items.map(|item| key(tenant, &item)).collect();
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let wanted = wanted.map_err(|error| StoreError::unreadable(doing, error))?;
        let request = self.client.batch_get_item().request_items(&self.table, wanted);
        let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = request.send().await.map_err(|error| StoreError::from_sdk(doing, &error))?;
        self.usage.read(Step::Look, answer.consumed_capacity());
        if answer.unprocessed_keys.is_some_and(|left| !left.is_empty()) {
            return Err(StoreError::exhausted(doing, "DynamoDB left keys unprocessed"));
        }
        Ok(answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default())
    }

    pub(super) async fn list<T: serde::de::DeserializeOwned>(
        &self,
        tenant: &TenantId,
        prefix: &'static str,
        doing: &'static str,
    ) -> Result<Vec<T>, StoreError> {
        self.all_pages(self.all_of(tenant, prefix), doing).await
    }

    /// All items of one kind.
    pub(super) fn all_of(&self, tenant: &TenantId, prefix: &'static str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#tenant = :tenant AND begins_with(#item, :prefix)")
            .expression_attribute_names("#tenant", items::TENANT)
            .expression_attribute_names("#item", items::ITEM)
            .expression_attribute_values(":tenant", AttributeValue::S(tenant.to_string()))
            .expression_attribute_values(":prefix", AttributeValue::S(range_key(prefix, "")))
    }

    /// Items of one kind whose names begin with a millisecond, from `since` on.
    pub(super) async fn range<T: serde::de::DeserializeOwned>(
        &self,
        tenant: &TenantId,
        kind: &'static str,
        since: Timestamp,
        doing: &'static str,
    ) -> Result<Vec<T>, StoreError> {
        let text = |text: String| AttributeValue::S(text);
        let request = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#tenant = :tenant AND #item BETWEEN :from AND :to")
            .expression_attribute_names("#tenant", items::TENANT)
            .expression_attribute_names("#item", items::ITEM)
            .expression_attribute_values(":tenant", text(tenant.to_string()))
            .expression_attribute_values(":from", text(range_key(kind, &format!("{:013}", since.as_millisecond()))))
            .expression_attribute_values(":to", text(range_key(kind, "~")));
        self.all_pages(request, doing).await
    }

    /// Everything that a query finds, as it stands.
    async fn all_pages<T: serde::de::DeserializeOwned>(
        &self,
        request: QueryFluentBuilder,
        doing: &'static str,
    ) -> Result<Vec<T>, StoreError> {
        self.all_pages_apart(request, doing).await?.into_iter().collect()
    }

    /// The same, where an item that can't be read spoils no other.
    pub(super) async fn all_pages_apart<T: serde::de::DeserializeOwned>(
        &self,
        request: QueryFluentBuilder,
        doing: &'static str,
    ) -> Result<Vec<Result<T, StoreError>>, StoreError> {
        let request = request.consistent_read(true).return_consumed_capacity(ReturnConsumedCapacity::Total);
        let mut pages = request.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| StoreError::from_sdk(doing, &error))?;
            self.usage.read(Step::Look, page.consumed_capacity());
            for item in page.items.unwrap_or_default() {
                found.push(serde_dynamo::from_item(item).map_err(|error| StoreError::unreadable(doing, error)));
            }
        }
        Ok(found)
    }
}
