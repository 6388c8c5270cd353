//! What the rest of the house needs of a vendor: one value for each.

use std::collections::BTreeSet;

use jiff::Timestamp;
use leadgate_enrichment::config::{CrmConnection, CrmVendor, ProviderConnection, ProviderVendor, SecretRole, Tenant};
use leadgate_enrichment::crm::Crm;
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::provider::Provider;

use crate::http::Http;
use crate::inbound::{BodyError, Delivery, Events, PayloadError, SignatureError, Unverified, Verified};
use crate::secret::Secret;

/// Checks that a delivery comes from the CRM of a connection, signed with one of these secrets.
pub type Verify =
    fn(Delivery<Unverified>, &CrmConnection, Vec<Secret>, Timestamp) -> Result<Delivery<Verified>, SignatureError>;

/// Connects to a vendor, through a client and with the secrets for it.
pub type Connect<From, To> = fn(&From, Http, Vec<Secret>) -> Result<Box<To>, ConnectError>;

/// A CRM: how it is told from others, what it tells, and how to speak with it.
#[derive(Debug)]
pub struct CrmConnector {
    /// What the configuration has to know.
    pub vendor: &'static CrmVendor,
    /// Whether a delivery comes from the CRM of this connection, signed with one of these secrets.
    pub verify: Verify,
    /// What it says. An error is about the delivery as a whole.
    pub events: fn(&Delivery<Verified>, &Tenant, &FingerprintKey) -> Result<Events, BodyError>,
    /// A client for this connection, with these tokens: those of the role [`SecretRole::CrmToken`].
    pub connect: Connect<CrmConnection, dyn Crm>,
}

/// A provider: what it tells by itself, and how to speak with it.
#[derive(Debug)]
pub struct ProviderConnector {
    /// What the configuration has to know.
    pub vendor: &'static ProviderVendor,
    /// The provider's ids of the people whom a callback's body is about. Callbacks aren't signed, so that nothing else in
    /// it is believed.
    pub people_in: fn(&[u8]) -> Result<BTreeSet<String>, PayloadError>,
    /// A client for this connection, with these keys: those of the role [`SecretRole::ProviderKey`].
    pub connect: Connect<ProviderConnection, dyn Provider>,
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
