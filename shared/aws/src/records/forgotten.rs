//! People who asked to be forgotten, by their fingerprints: that they are not bought again, under whatever id the CRM
//! meets them next. They stay for good, and say nothing to anybody without the installation's secret.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity};
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::ids::TenantId;

use super::{BATCH_GET_MAX, KEY, LEFTOVER_ATTEMPTS_MAX, Records};
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
        let people: Vec<&Fingerprint> = people.iter().collect();
        let mut there: HashSet<String> = HashSet::new();
        for chunk in people.chunks(BATCH_GET_MAX) {
            let keys =
                chunk.iter().map(|person| HashMap::from([(KEY.to_owned(), AttributeValue::S(name(tenant, person)))]));
            let keys = KeysAndAttributes::builder().set_keys(Some(keys.collect())).build();
            let mut wanted = Some(keys.map_err(|error| StoreError::unreadable(READING, error))?);
            for _ in 0..LEFTOVER_ATTEMPTS_MAX {
                let Some(batch) = wanted.take() else { break };
                let request = self.client.batch_get_item().request_items(&self.table, batch);
                let sent = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
                let answer = sent.map_err(|error| StoreError::from_sdk(READING, &error))?;
                self.usage.read(Step::Look, answer.consumed_capacity());
                let items = answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default();
                let names = items.into_iter().filter_map(|mut item| item.remove(KEY));
                there.extend(names.filter_map(|name| Some(name.as_s().ok()?.clone())));
                wanted = answer.unprocessed_keys.unwrap_or_default().remove(&self.table);
            }
            if wanted.is_some() {
                return Err(StoreError::exhausted(READING, "DynamoDB left keys unprocessed again and again"));
            }
        }
        let is_there = |person: &&&Fingerprint| there.contains(&name(tenant, person));
        Ok(people.iter().filter(is_there).map(|person| (*person).clone()).collect())
    }
}

/// It has fewer parts than a record's name.
fn name(tenant: &TenantId, person: &Fingerprint) -> String {
    format!("{tenant}#forgotten#{}", person.as_str())
}
