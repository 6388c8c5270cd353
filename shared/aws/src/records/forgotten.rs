//! People who asked to be forgotten, by their fingerprints: that they are not bought again, under whatever id the CRM
//! meets them next. They stay for good, and say nothing without the installation's secret.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::ids::{RecordKey, TenantId};
use leadgate_enrichment::lead::record::Record;

use super::{Consistency, KEY, Records};
use crate::error::StoreError;
use crate::table::{Item, from_item, text};
use crate::usage::Step;

/// How often an erasure is tried while workers write the record: each of them writes it a few times.
const ERASE_ATTEMPTS_MAX: usize = 5;

const READING: &str = "reading who asked to be forgotten";

impl Records {
    /// Remembers that this person is not to be bought. A repeat changes nothing.
    pub async fn forget(&self, tenant: &TenantId, person: &Fingerprint) -> Result<(), StoreError> {
        let item = Item::from([(KEY.to_owned(), text(name(tenant, person)))]);
        self.table.put(item, Step::Erase, "remembering whom to forget").await?;
        self.forget_new_lead(tenant, person).await
    }

    /// Notes that the person whom a record is about asked to be forgotten: from here on the record is neither enriched nor
    /// written, and the person not bought under another name. That comes first, as afterwards it isn't known any more who
    /// it was. A record that isn't there yet is noted as well.
    pub async fn note_erasure(&self, key: &RecordKey, now: Timestamp) -> Result<(), StoreError> {
        self.forget_undo(key, now).await?;
        let told_of = self.told_of(key).await?;
        for _ in 0..ERASE_ATTEMPTS_MAX {
            let read = self.read(std::slice::from_ref(key), Consistency::Strong).await?.remove(key);
            let record = read.unwrap_or_else(|| Record::new(key.clone(), now));
            if record.erased_at.is_some() {
                return Ok(());
            }
            let people = record.bought_for.iter().chain(&record.asked).chain(&record.provider_id);
            for person in people.chain(&told_of) {
                self.forget(&key.tenant, person).await?;
            }
            if self.write(Step::Erase, record.erasure_noted(now)).await?.is_some() {
                return Ok(());
            }
        }
        Err(StoreError::exhausted("noting an erasure", "a worker kept writing the record"))
    }

    /// The records of a tenant that something was bought for about this person. It reads the whole table: for operators.
    pub async fn about(&self, tenant: &TenantId, person: &Fingerprint) -> Result<Vec<RecordKey>, StoreError> {
        let doing = "looking for the records of a person";
        let scan = self
            .table
            .scan()
            .filter_expression("begins_with(#record, :tenant) AND #bought_for = :person")
            .expression_attribute_names("#record", KEY)
            .expression_attribute_names("#bought_for", "bought_for")
            .expression_attribute_values(":tenant", text(format!("{tenant}#")))
            .expression_attribute_values(":person", text(person.as_str()));
        let items = self.table.all(scan, Step::Look, doing).await?;
        let records: Result<Vec<Record>, StoreError> = items.into_iter().map(|item| from_item(item, doing)).collect();
        Ok(records?.into_iter().map(|record| record.key).collect())
    }

    /// Which of these asked to be forgotten. It may be a moment old.
    pub async fn forgotten(
        &self,
        tenant: &TenantId,
        people: &HashSet<Fingerprint>,
    ) -> Result<HashSet<Fingerprint>, StoreError> {
        let mut by_name: HashMap<String, &Fingerprint> =
            people.iter().map(|person| (name(tenant, person), person)).collect();
        let items = self.items(by_name.keys().cloned(), Consistency::Eventual, READING).await?;
        let there = items.iter().filter_map(|item| by_name.remove(item.get(KEY)?.as_s().ok()?));
        Ok(there.cloned().collect())
    }
}

/// It has fewer parts than a record's name.
fn name(tenant: &TenantId, person: &Fingerprint) -> String {
    format!("{tenant}#forgotten#{}", person.as_str())
}
