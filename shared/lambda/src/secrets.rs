//! From the names of secrets in the configuration to the secrets.

use leadgate_aws::error::StoreError;
use leadgate_aws::secrets::Secrets;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::config::{SecretNames, SecretRole};

/// Every secret that is named for this purpose, the current one first.
pub async fn read(secrets: &Secrets, names: &SecretNames, role: SecretRole) -> Result<Vec<Secret>, StoreError> {
    named(secrets, names.of(role)).await
}

/// The secrets of these names, in their order.
pub async fn named(secrets: &Secrets, names: impl Iterator<Item = &str>) -> Result<Vec<Secret>, StoreError> {
    let mut read = Vec::new();
    for name in names {
        read.push(Secret::new(secrets.get(name).await?));
    }
    Ok(read)
}
