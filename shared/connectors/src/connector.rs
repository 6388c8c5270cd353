//! What the rest of the house needs of a vendor: what it sends, and how it is called.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use leadgate_enrichment::business::Businesses;
use leadgate_enrichment::config::{CrmConnection, CrmVendor, ProviderConnection, ProviderVendor, SecretRole, Tenant};
use leadgate_enrichment::crm::Crm;
use leadgate_enrichment::enrolment::sequencer::Sequencer;
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::provider::prospecting::{Prospector, SearchCeiling};
use leadgate_enrichment::provider::{AsynchronousId, Provider};

use crate::http::Http;
use crate::inbound::{
    BodyError, BusEvents, Delivery, Events, PayloadError, Reply, SignatureError, Unverified, Verified,
};
use crate::secret::Secret;

/// Checks that a delivery comes from the CRM of a connection, signed with one of these secrets.
pub type Verify =
    fn(Delivery<Unverified>, &CrmConnection, Vec<Secret>, Timestamp) -> Result<Delivery<Verified>, SignatureError>;

/// What an event says that came by an event bus. An error is about the event as a whole.
pub type FromBus = fn(&[u8], &Tenant) -> Result<BusEvents, BodyError>;

/// Connects to a vendor, through a client and with the secrets for it, now: a client is made for a call or a few, and not kept.
pub type Connect<From, To> = fn(&From, Http, Vec<Secret>, Timestamp) -> Result<Box<To>, ConnectError>;

/// What a CRM sends. Apart from how it is called, so that a function which only receives holds no client.
#[derive(Debug)]
pub struct CrmInbound {
    /// Which.
    pub vendor: &'static CrmVendor,
    /// Whether a delivery comes from the CRM of this connection, signed with one of these secrets.
    pub verify: Verify,
    /// What it says. An error is about the delivery as a whole.
    pub events: fn(&Delivery<Verified>, &Tenant, &FingerprintKey) -> Result<Events, BodyError>,
    /// Whether a delivery's address may end in a secret: for what the CRM sends without a signature.
    pub takes_path_secret: bool,
    /// How a CRM is answered that sends bodies of this `Content-Type`: whether the delivery was taken, or has to be made
    /// again. [`plain`](crate::inbound::plain) for those that go by the status.
    pub reply: fn(&str, bool) -> Option<Reply>,
    /// For CRMs whose events come by an event bus of the operator's own.
    pub from_bus: Option<FromBus>,
}

/// How a CRM is called.
#[derive(Debug)]
pub struct CrmOutbound {
    /// Which.
    pub vendor: &'static CrmVendor,
    /// A client for this connection, with these tokens: those of the role [`SecretRole::CrmToken`].
    pub connect: Connect<CrmConnection, dyn Crm>,
}

/// The provider's ids of the people whom a callback's body is about.
pub type PeopleIn = fn(&[u8]) -> Result<BTreeSet<String>, PayloadError>;

/// What a provider sends.
#[derive(Debug)]
pub struct ProviderInbound {
    /// Which.
    pub vendor: &'static ProviderVendor,
    /// The provider's ids of the people whom a callback's body is about. Those of which only the people are known
    /// aren't signed, so that nothing else in it is believed. `None` for a provider that makes none.
    pub people_in: Option<PeopleIn>,
    /// For a provider that signs what it delivers, to an address that it was given once and for all.
    pub signed: Option<SignedCallbacks>,
}

/// Callbacks that a provider signs.
#[derive(Debug)]
pub struct SignedCallbacks {
    /// Whether a delivery is signed with one of these secrets: those of the role [`SecretRole::ProviderCallback`].
    pub check: fn(&Delivery<Unverified>, &[Secret]) -> Result<(), SignatureError>,
    /// The call that it is about. `None` if it is about none.
    pub run: fn(&Delivery<Verified>) -> Result<Option<AsynchronousId>, PayloadError>,
}

/// How a provider is called.
#[derive(Debug)]
pub struct ProviderOutbound {
    /// Which.
    pub vendor: &'static ProviderVendor,
    /// A client for this connection, with these keys: those of the role [`SecretRole::ProviderKey`].
    pub connect: Connect<ProviderConnection, dyn Provider>,
}

/// How a provider is called that sends sequences of messages.
#[derive(Debug)]
pub struct SequencerOutbound {
    /// Which.
    pub vendor: &'static ProviderVendor,
    /// A client for this connection, with these keys: those of the role [`SecretRole::ProviderKey`].
    pub connect: Connect<ProviderConnection, dyn Sequencer>,
}

/// What answers for a tenant by what was delivered to it. Without the businesses, it says so when it is asked.
pub type AnswersFor = fn(&Tenant, Option<Arc<dyn Businesses>>) -> Box<dyn Provider>;

/// How a provider answers that delivers in batches: what came in them is looked up, and nothing is called.
#[derive(Debug)]
pub struct ProviderInBatches {
    /// Which.
    pub vendor: &'static ProviderVendor,
    /// What answers.
    pub answers: AnswersFor,
}

/// How a provider is called that finds accounts and people.
#[derive(Debug)]
pub struct ProspectorOutbound {
    /// Which.
    pub vendor: &'static ProviderVendor,
    /// How much of one search it shows.
    pub ceiling: SearchCeiling,
    /// A client for this connection, with these keys: those of the role [`SecretRole::ProviderKey`].
    pub connect: Connect<ProviderConnection, dyn Prospector>,
}

/// The key that opens a provider's API.
pub(crate) fn provider_key(keys: Vec<Secret>) -> Result<Secret, ConnectError> {
    keys.into_iter().next().ok_or_else(|| ConnectError::no_secret(SecretRole::ProviderKey))
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
