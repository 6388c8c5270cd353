//! Candidates: people whom a search has found at a provider, and who are bought before they are created in the CRM.
//!
//! A candidate is a record like any other, under a name of its own ([`RecordKey::of_candidate`](crate::ids::RecordKey)): it
//! is claimed, bought and kept like one. What was bought then becomes that of the CRM's record of the person, which is found or
//! created by the address that was bought.

use serde::{Deserialize, Serialize};

use crate::fingerprint::{Fingerprint, FingerprintKey};
use crate::ids::RecordKey;
use crate::person::Identity;

/// Which search has found a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundFor {
    /// The ideal customer profile.
    pub icp: String,
    /// The run: when it was begun.
    pub run: String,
}

impl FoundFor {
    /// As it is written into the CRM: `saas, run 2026-03-01`.
    pub fn shown(&self) -> String {
        format!("{}, run {}", self.icp, self.run)
    }
}

/// Who a candidate is before anything is bought. `None` for a record of the CRM.
pub fn identity_of(record: &RecordKey) -> Option<Identity> {
    let (provider, id) = record.candidate()?;
    Some(Identity::found(provider, id))
}

/// What a candidate is remembered by, as what they asked to be forgotten under.
pub fn fingerprint_of(record: &RecordKey, key: &FingerprintKey) -> Option<Fingerprint> {
    identity_of(record).map(|identity| identity.fingerprint(key))
}
