//! From the configuration's names to clients of the vendors.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_aws::secrets::Secrets;
use leadgate_connectors::http::Http;
use leadgate_connectors::registry::Outbound;
use leadgate_enrichment::business::Businesses;
use leadgate_enrichment::config::{ProviderConnection, SecretRole, Tenant};
use leadgate_enrichment::crm::Crm;
use leadgate_enrichment::enrolment::sequencer::Sequencer;
use leadgate_enrichment::ids::{PurchaseId, TenantId};
use leadgate_enrichment::provider::Provider;
use leadgate_enrichment::provider::prospecting::Prospector;

use crate::callbacks;
use crate::secrets::read;

/// Makes connections. They are cheap: all share one HTTP client, and secrets are remembered for a few minutes, so
/// that a rotated one is picked up by the next run.
#[derive(Debug, Clone)]
pub struct Connections {
    vendors: Outbound,
    secrets: Arc<Secrets>,
    http: Http,
    batches: Option<Batches>,
}

/// What came in batches.
#[derive(Clone)]
struct Batches(Arc<dyn Businesses>);

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Batches(…)")
    }
}

impl Connections {
    /// Connections to these vendors, over this HTTP client.
    pub fn new(vendors: Outbound, secrets: Arc<Secrets>, http: impl Into<Http>) -> Self {
        Self { vendors, secrets, http: http.into(), batches: None }
    }

    /// The same, for those who ask providers that deliver in batches.
    #[must_use]
    pub fn with_batches(self, businesses: Arc<dyn Businesses>) -> Self {
        Self { batches: Some(Batches(businesses)), ..self }
    }

    /// The tenant's CRM, to be called now.
    pub async fn crm(&self, tenant: &Tenant) -> Result<Box<dyn Crm>, StoreError> {
        let wrong = |error: String| StoreError::unreadable("connecting to the CRM", error);
        let connector = self.vendors.crm(tenant).map_err(|error| wrong(error.to_string()))?;
        let tokens = read(&self.secrets, &tenant.crm.secrets, SecretRole::CrmToken).await?;
        (connector.connect)(&tenant.crm, self.http.clone(), tokens, self.secrets.now())
            .map_err(|error| wrong(error.to_string()))
    }

    /// One of the tenant's providers, to be called now.
    pub async fn provider(
        &self,
        tenant: &Tenant,
        connection: &ProviderConnection,
    ) -> Result<Box<dyn Provider>, StoreError> {
        if let Some(part) = self.vendors.in_batches(connection) {
            return Ok((part.answers)(tenant, self.batches.as_ref().map(|batches| batches.0.clone())));
        }
        let wrong = |error: String| StoreError::unreadable("connecting to the provider", error);
        let connector = self.vendors.provider(connection).map_err(|error| wrong(error.to_string()))?;
        let keys = read(&self.secrets, &connection.secrets, SecretRole::ProviderKey).await?;
        (connector.connect)(connection, self.http.clone(), keys, self.secrets.now())
            .map_err(|error| wrong(error.to_string()))
    }

    /// The sequences of one of the tenant's providers, to be called now.
    pub async fn sequencer(&self, connection: &ProviderConnection) -> Result<Box<dyn Sequencer>, StoreError> {
        let wrong = |error: String| StoreError::unreadable("connecting to the sequences", error);
        let connector = self.vendors.sequencer(connection).map_err(|error| wrong(error.to_string()))?;
        let keys = read(&self.secrets, &connection.secrets, SecretRole::ProviderKey).await?;
        (connector.connect)(connection, self.http.clone(), keys, self.secrets.now())
            .map_err(|error| wrong(error.to_string()))
    }

    /// The searches of one of the tenant's providers, to be called now.
    pub async fn prospector(&self, connection: &ProviderConnection) -> Result<Box<dyn Prospector>, StoreError> {
        let wrong = |error: String| StoreError::unreadable("connecting to the searches", error);
        let connector = self.vendors.prospector(connection).map_err(|error| wrong(error.to_string()))?;
        let keys = read(&self.secrets, &connection.secrets, SecretRole::ProviderKey).await?;
        (connector.connect)(connection, self.http.clone(), keys, self.secrets.now())
            .map_err(|error| wrong(error.to_string()))
    }

    /// The address at which a provider of the tenant's may say that what `purchase` pays for has arrived, until `expires`.
    pub async fn callback(
        &self,
        (tenant, provider): (&TenantId, &ProviderConnection),
        purchase: &PurchaseId,
        expires: Timestamp,
    ) -> Result<String, StoreError> {
        callbacks::address(&self.secrets, (tenant, provider), purchase, expires).await
    }
}
