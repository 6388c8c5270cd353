//! Where the records of a world stand.

use std::collections::BTreeMap;

use leadgate_aws::error::StoreError;
use leadgate_aws::table::Consistency;
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::record::{Record, StateName};

use super::World;

/// The records of some contacts, and where they stand.
#[derive(Debug, Clone, Default)]
pub struct States {
    /// By contact.
    pub records: BTreeMap<String, Record>,
    /// Contacts that we have no record of.
    pub unknown: Vec<String>,
}

impl States {
    /// How many stand there.
    pub fn count(&self, state: StateName) -> usize {
        self.records.values().filter(|record| record.state.name() == state).count()
    }
}

impl World {
    /// Where these contacts stand. Reading them is not counted: it is the observer's doing.
    pub async fn states(&self, contacts: &[String]) -> Result<States, StoreError> {
        let keys: Vec<RecordKey> = contacts.iter().map(|contact| self.key(contact)).collect();
        let mut found = self.records.unmetered().read(&keys, Consistency::Strong).await?;
        let mut states = States::default();
        for contact in contacts {
            match found.remove(&self.key(contact)) {
                Some(record) => drop(states.records.insert(contact.clone(), record)),
                None => states.unknown.push(contact.clone()),
            }
        }
        Ok(states)
    }

    /// Where this contact stands.
    pub async fn record(&self, contact: &str) -> Option<Record> {
        let mut states = self.states(&[contact.to_owned()]).await.ok()?;
        states.records.remove(contact)
    }
}
