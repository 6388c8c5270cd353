//! Addresses that a provider delivers to, and the tokens in them.

use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_aws::secrets::Secrets;
use leadgate_enrichment::config::{ProviderConnection, SecretRole};
use leadgate_enrichment::ids::{PurchaseId, TenantId};
use leadgate_enrichment::provider::callback::{self, TokenError};

use crate::secrets::read;

const MAKING: &str = "making a callback";

/// The address at which a provider of the tenant's may say that what `purchase` pays for has arrived. It holds a token that
/// is good until `expires`.
pub async fn address(
    secrets: &Secrets,
    (tenant, provider): (&TenantId, &ProviderConnection),
    purchase: &PurchaseId,
    expires: Timestamp,
) -> Result<String, StoreError> {
    let missing = || StoreError::exhausted(MAKING, "the configuration names no callback_url or no secret for it");
    let callback = provider.callback.as_ref().ok_or_else(missing)?;
    let name = provider.secrets.of(SecretRole::ProviderCallback).next().ok_or_else(missing)?;
    let secret = secrets.get(name).await?;
    if secret.trim().is_empty() {
        return Err(StoreError::exhausted(MAKING, "the secret for it is blank"));
    }
    let token = callback::token(secret.trim().as_bytes(), tenant, purchase, expires);
    Ok(format!("{}/{token}", callback.url))
}

/// The purchase that a token in an [`address`] is for, while it is good.
pub async fn purchase_of(
    secrets: &Secrets,
    (tenant, provider): (&TenantId, &ProviderConnection),
    token: &str,
    now: Timestamp,
) -> Result<Result<PurchaseId, TokenError>, StoreError> {
    let keys = read(secrets, &provider.secrets, SecretRole::ProviderCallback).await?;
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.expose().as_bytes()).collect();
    Ok(callback::read(&keys, tenant, token, now))
}
