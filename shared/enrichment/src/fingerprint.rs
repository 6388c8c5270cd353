//! Telling a value again without keeping it. Without the installation's secret a fingerprint says nothing: a thief of
//! a table can't try out which address or which number it is of.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::ids::TenantId;
use crate::seal::SealingKey;

/// The shortest secret that can't be guessed, in characters.
pub const SECRET_CHARS_MIN: usize = 32;

/// Tells a value from another without keeping it: 64 bits of HMAC-SHA256 in hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What we wrote into a record, by property: enough to know it again, not enough to read it.
pub type Fingerprints = BTreeMap<String, Fingerprint>;

/// The installation's secret. It has to stay the same: with another one, nothing that was written or bought before is
/// known again.
#[derive(Clone)]
pub struct FingerprintSecret(Hmac<Sha256>);

/// A secret that is too short to be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {found} characters, expected {SECRET_CHARS_MIN} or more of random text")]
pub struct TooShort {
    /// How many it has, without blanks around it.
    pub found: usize,
}

impl FingerprintSecret {
    /// From its text. Blanks around it don't count.
    pub fn new(text: &str) -> Result<Self, TooShort> {
        let found = text.trim().chars().count();
        if found < SECRET_CHARS_MIN {
            return Err(TooShort { found });
        }
        Ok(Self(mac(text.trim().as_bytes())))
    }

    /// The key of one tenant: what two tenants know of the same person can't be brought together.
    pub fn key_of(&self, tenant: &TenantId) -> FingerprintKey {
        let derived = self.0.clone().chain_update(tenant.as_str()).finalize().into_bytes();
        FingerprintKey(mac(&derived))
    }
}

impl fmt::Debug for FingerprintSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintSecret(…)")
    }
}

/// What one tenant's fingerprints are made with.
#[derive(Clone)]
pub struct FingerprintKey(Hmac<Sha256>);

impl FingerprintKey {
    /// Of a value as it stands in the CRM; blanks around it don't count.
    pub fn of(&self, value: &str) -> Fingerprint {
        let whole = self.0.clone().chain_update(value.trim()).finalize().into_bytes();
        Fingerprint(hex::encode(&whole[..8]))
    }

    /// What texts of the tenant are sealed with: another key, made with the same secret.
    pub fn sealing(&self) -> SealingKey {
        let derived = |label: &str| self.0.clone().chain_update(label).finalize().into_bytes();
        SealingKey::new(derived("leadgate sealing key").into(), mac(&derived("leadgate sealing nonces")))
    }

    /// Of each value, by the CRM's names.
    pub fn of_all(&self, values: &BTreeMap<String, String>) -> Fingerprints {
        values.iter().map(|(property, value)| (property.clone(), self.of(value))).collect()
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(…)")
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// What we wrote into a record, and what to know it by.
#[derive(Debug, Clone, Copy)]
pub struct Ours<'a> {
    /// What was written.
    pub written: &'a Fingerprints,
    /// What its fingerprints were made with.
    pub key: &'a FingerprintKey,
}

impl Ours<'_> {
    /// Whether this value of the property is what we wrote last.
    pub fn wrote(&self, property: &str, value: &str) -> bool {
        self.written.get(property) == Some(&self.key.of(value))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn key() -> FingerprintKey {
        let secret = FingerprintSecret::new("a secret of the unit tests, long enough").expect("long enough");
        secret.key_of(&"acme".parse().expect("a name"))
    }

    #[test]
    fn the_same_value_has_another_fingerprint_with_each_secret_and_tenant() {
        let of = |secret: &str, tenant: &str, value: &str| {
            let secret = FingerprintSecret::new(secret).expect("long enough");
            secret.key_of(&tenant.parse().expect("a name")).of(value)
        };
        let (one, other) = ("1".repeat(32), "2".repeat(32));
        let first = of(&one, "acme", "ada@engine.example");
        assert_eq!(first, of(&format!(" {one}\n"), "acme", " ada@engine.example "));
        assert_ne!(first, of(&other, "acme", "ada@engine.example"));
        assert_ne!(first, of(&one, "emca", "ada@engine.example"));
        assert_ne!(first, of(&one, "acme", "bob@engine.example"));
        assert_eq!(first.as_str().len(), 16);
    }

    #[test]
    fn a_secret_that_can_be_guessed_is_none() {
        for (text, found) in [("", 0), ("   ", 0), ("changeme", 8)] {
            assert_eq!(FingerprintSecret::new(text).err(), Some(TooShort { found }));
        }
        assert!(!format!("{:?}", key()).contains("secret of"));
    }
}
