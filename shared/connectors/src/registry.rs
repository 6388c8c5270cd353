//! Which vendors there are: a line for each. A vendor is a folder, and what the rest of the house needs of it is one value.

use std::collections::BTreeSet;

use jiff::Timestamp;
use leadgate_enrichment::config::{
    CrmConnection, CrmVendor, ProviderConnection, ProviderVendor, SecretRole, Tenant, Vendors,
};
use leadgate_enrichment::crm::Crm;
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::provider::Provider;

use crate::http::Http;
use crate::inbound::{BodyError, Delivery, Events, PayloadError, SignatureError, Unverified, Verified};
use crate::secret::Secret;
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

/// A CRM: how it is told from others, what it tells, and how to speak with it.
#[derive(Debug)]
pub struct CrmConnector {
    /// What the configuration has to know.
    pub vendor: &'static CrmVendor,
    /// Whether a delivery comes from the CRM of this connection, signed with one of these secrets.
    pub verify:
        fn(Delivery<Unverified>, &CrmConnection, Vec<Secret>, Timestamp) -> Result<Delivery<Verified>, SignatureError>,
    /// What it says. An error is about the delivery as a whole.
    pub events: fn(&Delivery<Verified>, &Tenant, &FingerprintKey) -> Result<Events, BodyError>,
    /// Somebody to speak with, through this client and with these tokens: those of the role [`SecretRole::CrmToken`].
    pub connect: fn(&CrmConnection, Http, Vec<Secret>) -> Result<Box<dyn Crm>, ConnectError>,
}

/// A provider: what it tells by itself, and how to speak with it.
#[derive(Debug)]
pub struct ProviderConnector {
    /// What the configuration has to know.
    pub vendor: &'static ProviderVendor,
    /// The provider's ids of the people whom a callback's body is about. Callbacks aren't signed, so that nothing else in
    /// it is believed.
    pub people_in: fn(&[u8]) -> Result<BTreeSet<String>, PayloadError>,
    /// Somebody to speak with, through this client and with these keys: those of the role [`SecretRole::ProviderKey`].
    pub connect: fn(&ProviderConnection, Http, Vec<Secret>) -> Result<Box<dyn Provider>, ConnectError>,
}

/// Why a vendor can't be spoken with at all. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConnectError(pub String);

impl ConnectError {
    /// A secret that the vendor needs isn't named.
    pub fn no_secret(role: SecretRole) -> Self {
        Self(format!("the configuration names no secret whose name ends in {:?}", role.last_parts()[0]))
    }
}
