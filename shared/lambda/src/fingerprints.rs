//! The secret that fingerprints are made with: read when it is first needed, and remembered for good, as it never changes.
//!
//! It isn't read at cold start. A function that can't start receives its messages again and again until they are taken
//! for poison; one that runs keeps them on the queue for as long as the trouble lasts.

use std::sync::{Arc, OnceLock};

use leadgate_aws::error::StoreError;
use leadgate_aws::secrets::Secrets;
use leadgate_enrichment::fingerprint::{FingerprintKey, FingerprintSecret};
use leadgate_enrichment::ids::TenantId;

const READING: &str = "reading the secret of fingerprints";

/// Where the keys of fingerprints come from.
#[derive(Debug, Clone)]
pub struct Fingerprints {
    secrets: Arc<Secrets>,
    name: String,
    known: Arc<OnceLock<FingerprintSecret>>,
}

impl Fingerprints {
    /// Made with the secret of this name.
    pub fn new(secrets: Arc<Secrets>, name: impl Into<String>) -> Self {
        Self { secrets, name: name.into(), known: Arc::default() }
    }

    /// The key of a tenant. An error is worth another try: the secret can't be read now, or isn't one yet.
    pub async fn key_of(&self, tenant: &TenantId) -> Result<FingerprintKey, StoreError> {
        if let Some(secret) = self.known.get() {
            return Ok(secret.key_of(tenant));
        }
        let text = self.secrets.get(&self.name).await?;
        let secret = FingerprintSecret::new(&text).map_err(|error| StoreError::exhausted(READING, error))?;
        Ok(self.known.get_or_init(|| secret).key_of(tenant))
    }
}
