//! Which vendors there are: a line for each.

use leadgate_enrichment::config::{Tenant, Vendors};

use crate::connector::{CrmConnector, ProviderConnector};
use crate::{crm, provider};

/// The vendors that Leadgate can speak with.
#[derive(Debug, Clone)]
pub struct Registry {
    crms: Vec<&'static CrmConnector>,
    providers: Vec<&'static ProviderConnector>,
}

impl Registry {
    /// All that come with Leadgate.
    pub fn shipped() -> Self {
        Self { crms: vec![&crm::hubspot::CONNECTOR], providers: vec![&provider::apollo::CONNECTOR] }
    }

    /// The same, and another CRM.
    #[must_use]
    pub fn with_crm(mut self, connector: &'static CrmConnector) -> Self {
        self.crms.push(connector);
        self
    }

    /// The same, and another provider.
    #[must_use]
    pub fn with_provider(mut self, connector: &'static ProviderConnector) -> Self {
        self.providers.push(connector);
        self
    }

    /// What the configuration has to know of them.
    pub fn vendors(&self) -> Vendors {
        let crms = self.crms.iter().map(|connector| connector.vendor).collect();
        Vendors { crms, providers: self.providers.iter().map(|connector| connector.vendor).collect() }
    }

    /// The tenant's CRM.
    pub fn crm(&self, tenant: &Tenant) -> Result<&'static CrmConnector, UnknownVendor> {
        let name = tenant.crm.vendor.name;
        self.crms.iter().find(|connector| connector.vendor.name == name).copied().ok_or(UnknownVendor(name))
    }

    /// The tenant's provider.
    pub fn provider(&self, tenant: &Tenant) -> Result<&'static ProviderConnector, UnknownVendor> {
        let name = tenant.provider.vendor.name;
        self.providers.iter().find(|connector| connector.vendor.name == name).copied().ok_or(UnknownVendor(name))
    }
}

/// A configuration was read with other vendors than these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no connector for {0}")]
pub struct UnknownVendor(&'static str);
