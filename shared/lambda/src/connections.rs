//! From the configuration's names to somebody to talk to.

use std::sync::Arc;

use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_aws::secrets::Secrets;
use leadgate_connectors::crm::hubspot::client::HubSpot;
use leadgate_connectors::http::Http;
use leadgate_connectors::provider::apollo::client::Apollo;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::crm::Crm;
use leadgate_enrichment::ids::{CrmKind, PurchaseId};
use leadgate_enrichment::price::ProviderKind;
use leadgate_enrichment::provider::Provider;

use crate::callbacks;

/// Makes connections. They are cheap: all share one HTTP client, and secrets are remembered for a few minutes, so
/// that a rotated one is picked up by the next run.
#[derive(Debug, Clone)]
pub struct Connections {
    secrets: Arc<Secrets>,
    http: Http,
}

impl Connections {
    /// Connections over this HTTP client.
    pub fn new(secrets: Arc<Secrets>, http: impl Into<Http>) -> Self {
        Self { secrets, http: http.into() }
    }

    /// The tenant's CRM.
    pub async fn crm(&self, tenant: &Tenant) -> Result<Box<dyn Crm>, StoreError> {
        let token = Secret::new(self.secrets.get(&tenant.crm.access_token).await?);
        let CrmKind::Hubspot = tenant.crm.kind;
        let version = tenant.crm.api_version.parse();
        let version = version.map_err(|error| StoreError::unreadable("connecting to the CRM", error))?;
        Ok(Box::new(HubSpot::new(self.http.clone(), tenant.crm.base_url.clone(), version, token)))
    }

    /// The tenant's provider.
    pub async fn provider(&self, tenant: &Tenant) -> Result<Box<dyn Provider>, StoreError> {
        let key = Secret::new(self.secrets.get(&tenant.provider.api_key).await?);
        let ProviderKind::Apollo = tenant.provider.kind;
        Ok(Box::new(Apollo::new(self.http.clone(), tenant.provider.base_url.clone(), key)))
    }

    /// The address at which the tenant's provider may say that what `purchase` pays for has arrived, until `expires`.
    pub async fn callback(
        &self,
        tenant: &Tenant,
        purchase: &PurchaseId,
        expires: Timestamp,
    ) -> Result<String, StoreError> {
        callbacks::address(&self.secrets, tenant, purchase, expires).await
    }
}
