//! People who asked to be forgotten, by their fingerprints: that they are not bought again, under whatever id the CRM
//! meets them next. They stay for good, and say nothing without the installation's secret.

use std::collections::{HashMap, HashSet};

use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::ids::TenantId;

use super::{Consistency, KEY, Records};
use crate::error::StoreError;
use crate::table::{Item, text};
use crate::usage::Step;

const READING: &str = "reading who asked to be forgotten";

impl Records {
    /// Remembers that this person is not to be bought. A repeat changes nothing.
    pub async fn forget(&self, tenant: &TenantId, person: &Fingerprint) -> Result<(), StoreError> {
        let item = Item::from([(KEY.to_owned(), text(name(tenant, person)))]);
        self.table.put(item, Step::Erase, "remembering whom to forget").await
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
