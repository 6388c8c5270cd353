//! People who asked to be forgotten, by their fingerprints: that they are not bought again, under whatever id the CRM
//! meets them next. They stay for good, and say nothing without the installation's secret.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::ids::TenantId;

use super::{Consistency, KEY, Records};
use crate::error::StoreError;
use crate::usage::Step;

const FORGETTING: &str = "remembering whom to forget";
const READING: &str = "reading who asked to be forgotten";

impl Records {
    /// Remembers that this person is not to be bought. A repeat changes nothing.
    pub async fn forget(&self, tenant: &TenantId, person: &Fingerprint) -> Result<(), StoreError> {
        let request = self.client.put_item().table_name(&self.table).item(KEY, AttributeValue::S(name(tenant, person)));
        let sent = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
        let answer = sent.map_err(|error| StoreError::from_sdk(FORGETTING, &error))?;
        self.usage.wrote(Step::Erase, answer.consumed_capacity());
        Ok(())
    }

    /// Which of these asked to be forgotten. It may be a moment old.
    pub async fn forgotten(
        &self,
        tenant: &TenantId,
        people: &HashSet<Fingerprint>,
    ) -> Result<HashSet<Fingerprint>, StoreError> {
        let mut by_name: HashMap<String, &Fingerprint> =
            people.iter().map(|person| (name(tenant, person), person)).collect();
        let names = by_name.keys().cloned().collect();
        let items = self.items(names, Consistency::Eventual, READING).await?;
        let there = items.iter().filter_map(|item| by_name.remove(item.get(KEY)?.as_s().ok()?));
        Ok(there.cloned().collect())
    }
}

/// It has fewer parts than a record's name.
fn name(tenant: &TenantId, person: &Fingerprint) -> String {
    format!("{tenant}#forgotten#{}", person.as_str())
}
