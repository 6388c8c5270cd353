//! Which vendors there are: a line for each.

use leadgate_enrichment::config::{ProviderConnection, ProviderVendor, Tenant, Vendors};
use leadgate_enrichment::provider::limits::CallLimits;

use crate::connector::{
    CrmInbound, CrmOutbound, ProspectorOutbound, ProviderInBatches, ProviderInbound, ProviderOutbound,
    SequencerOutbound,
};
use crate::{crm, provider};

/// One part of each CRM that comes with Leadgate.
macro_rules! crms {
    ($part:ident) => {
        vec![
            &crm::attio::$part,
            &crm::close::$part,
            &crm::hubspot::$part,
            &crm::pipedrive::$part,
            &crm::salesforce::$part,
            &crm::zoho::$part,
        ]
    };
}

/// One part of each provider that comes with Leadgate.
macro_rules! providers {
    ($part:ident) => {
        vec![
            &provider::apollo::$part,
            &provider::clay::$part,
            &provider::cognism::$part,
            &provider::hunter::$part,
            &provider::lusha::$part,
            &provider::pdl::$part,
            &provider::zoominfo::$part,
        ]
    };
}

/// One part of each provider that sends sequences of messages.
macro_rules! sequencers {
    ($part:ident) => {
        vec![&provider::apollo::$part]
    };
}

/// The providers that come with Leadgate and deliver in batches: they send nothing else, and aren't called.
fn in_batches() -> Vec<&'static ProviderInBatches> {
    vec![&provider::datalane::IN_BATCHES]
}

/// The providers that find accounts and people.
fn prospectors() -> Vec<&'static ProspectorOutbound> {
    vec![&provider::apollo::PROSPECTS]
}

/// What the configuration has to know of the vendors that come with Leadgate.
pub fn vendors() -> Vendors {
    let sequencers: Vec<&ProviderVendor> = sequencers!(VENDOR);
    let sequencers = sequencers.iter().map(|vendor| vendor.name).collect();
    let mut providers: Vec<_> = providers!(VENDOR);
    // Not by what answers for it: who only receives has no client of it.
    providers.push(&provider::datalane::VENDOR);
    // Nor by what searches.
    let prospectors = vec![(provider::apollo::VENDOR.name, provider::apollo::SEARCH_CEILING)];
    Vendors { crms: crms!(VENDOR), providers, sequencers, verifiers: verifiers(), prospectors }
}

/// Those that check addresses, and how often each may be asked to.
pub fn verifiers() -> Vec<(&'static str, CallLimits)> {
    vec![(provider::hunter::VENDOR.name, provider::hunter::VERIFICATIONS)]
}

/// What vendors send: for functions that receive.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// CRMs.
    pub crms: Vec<&'static CrmInbound>,
    /// Providers.
    pub providers: Vec<&'static ProviderInbound>,
}

impl Inbound {
    /// From all that come with Leadgate.
    pub fn shipped() -> Self {
        Self { crms: crms!(INBOUND), providers: providers!(INBOUND) }
    }

    /// From the tenant's CRM.
    pub fn crm(&self, tenant: &Tenant) -> Result<&'static CrmInbound, UnknownVendor> {
        named(&self.crms, |part| part.vendor.name, tenant.crm.vendor.name)
    }

    /// From this provider.
    pub fn provider(&self, connection: &ProviderConnection) -> Result<&'static ProviderInbound, UnknownVendor> {
        named(&self.providers, |part| part.vendor.name, connection.vendor.name)
    }
}

/// How vendors are called: for functions that call.
#[derive(Debug, Clone)]
pub struct Outbound {
    /// CRMs.
    pub crms: Vec<&'static CrmOutbound>,
    /// Providers.
    pub providers: Vec<&'static ProviderOutbound>,
    /// Those that send sequences of messages.
    pub sequencers: Vec<&'static SequencerOutbound>,
    /// Providers that deliver in batches.
    pub in_batches: Vec<&'static ProviderInBatches>,
    /// Those that find accounts and people.
    pub prospectors: Vec<&'static ProspectorOutbound>,
}

impl Outbound {
    /// All that come with Leadgate.
    pub fn shipped() -> Self {
        Self {
            crms: crms!(OUTBOUND),
            providers: providers!(OUTBOUND),
            sequencers: sequencers!(SEQUENCES),
            in_batches: in_batches(),
            prospectors: prospectors(),
        }
    }

    /// The tenant's CRM.
    pub fn crm(&self, tenant: &Tenant) -> Result<&'static CrmOutbound, UnknownVendor> {
        named(&self.crms, |part| part.vendor.name, tenant.crm.vendor.name)
    }

    /// This provider, if it delivers in batches.
    pub fn in_batches(&self, connection: &ProviderConnection) -> Option<&'static ProviderInBatches> {
        named(&self.in_batches, |part| part.vendor.name, connection.vendor.name).ok()
    }

    /// This provider.
    pub fn provider(&self, connection: &ProviderConnection) -> Result<&'static ProviderOutbound, UnknownVendor> {
        named(&self.providers, |part| part.vendor.name, connection.vendor.name)
    }

    /// The sequences of this provider.
    pub fn sequencer(&self, connection: &ProviderConnection) -> Result<&'static SequencerOutbound, UnknownVendor> {
        named(&self.sequencers, |part| part.vendor.name, connection.vendor.name)
    }

    /// The searches of this provider.
    pub fn prospector(&self, connection: &ProviderConnection) -> Result<&'static ProspectorOutbound, UnknownVendor> {
        named(&self.prospectors, |part| part.vendor.name, connection.vendor.name)
    }
}

fn named<T>(
    parts: &[&'static T],
    name_of: impl Fn(&T) -> &'static str,
    name: &'static str,
) -> Result<&'static T, UnknownVendor> {
    parts.iter().find(|part| name_of(part) == name).copied().ok_or(UnknownVendor(name))
}

/// A configuration was read with other vendors than these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no connector for {0}")]
pub struct UnknownVendor(&'static str);
