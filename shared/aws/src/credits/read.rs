//! Reading items by key, by kind and by age.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use jiff::Timestamp;
use leadgate_enrichment::ids::TenantId;
use serde::de::DeserializeOwned;

use super::Credits;
use super::items::{self, key, range_key};
use crate::error::StoreError;
use crate::table::{Consistency, Item, from_item, text};
use crate::usage::Step;

impl Credits {
    pub(super) async fn get(
        &self,
        tenant: &TenantId,
        items: impl Iterator<Item = String>,
    ) -> Result<Vec<Item>, StoreError> {
        let keys = items.map(|item| key(tenant, &item)).collect();
        self.table.get(keys, Consistency::Strong, Step::Look, "reading purchases").await
    }

    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        tenant: &TenantId,
        prefix: &'static str,
        doing: &'static str,
    ) -> Result<Vec<T>, StoreError> {
        self.list_apart(tenant, prefix, doing).await?.into_iter().collect()
    }

    /// All items of one kind. One that can't be read doesn't stand in the way of the others.
    pub(super) async fn list_apart<T: DeserializeOwned>(
        &self,
        tenant: &TenantId,
        prefix: &'static str,
        doing: &'static str,
    ) -> Result<Vec<Result<T, StoreError>>, StoreError> {
        let found = self.named(tenant, prefix, "", doing).await?;
        Ok(found.into_iter().map(|item| from_item(item, doing)).collect())
    }

    /// The items of one kind whose names begin so.
    pub(super) async fn named(
        &self,
        tenant: &TenantId,
        kind: &'static str,
        name: &str,
        doing: &'static str,
    ) -> Result<Vec<Item>, StoreError> {
        let query = self
            .of(tenant)
            .key_condition_expression("#tenant = :tenant AND begins_with(#item, :prefix)")
            .expression_attribute_values(":prefix", text(range_key(kind, name)));
        self.table.pages(query, None, Step::Look, doing).await
    }

    /// Items of one kind whose names begin with a millisecond, from `since` on.
    pub(super) async fn range<T: DeserializeOwned>(
        &self,
        tenant: &TenantId,
        kind: &'static str,
        since: Timestamp,
        doing: &'static str,
    ) -> Result<Vec<T>, StoreError> {
        let query = self
            .of(tenant)
            .key_condition_expression("#tenant = :tenant AND #item BETWEEN :from AND :to")
            .expression_attribute_values(":from", text(range_key(kind, &format!("{:013}", since.as_millisecond()))))
            .expression_attribute_values(":to", text(range_key(kind, "~")));
        let found = self.table.pages(query, None, Step::Look, doing).await?;
        found.into_iter().map(|item| from_item(item, doing)).collect()
    }

    fn of(&self, tenant: &TenantId) -> QueryFluentBuilder {
        self.table
            .query()
            .consistent_read(true)
            .expression_attribute_names("#tenant", items::TENANT)
            .expression_attribute_names("#item", items::ITEM)
            .expression_attribute_values(":tenant", text(tenant.as_str()))
    }
}
