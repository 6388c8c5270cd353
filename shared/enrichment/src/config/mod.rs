//! `leadgate.toml`: the one file that an ops team edits. Parsed and checked once, at cold start.
//!
//! What is here has been checked: a flow never meets a tenant without a price or a field mapped twice.

mod file;
mod problem;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

pub use self::problem::{ConfigError, Problem};
use crate::credits::Amounts;
use crate::cycle::Calendar;
use crate::gate::Windows;
use crate::ids::{CrmKind, TenantId};
use crate::patch::FieldMapping;
use crate::person::IdentityProperties;
use crate::price::{Price, ProviderKind, price_at};

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// By name.
    pub tenants: BTreeMap<TenantId, Tenant>,
    /// Every row of every price list.
    pub prices: Vec<Price>,
}

/// One customer of the installation.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// How long answers stay good.
    pub windows: Windows,
    /// The most purchases for one record within one hour.
    pub hops_per_hour: u32,
    /// Its CRM.
    pub crm: CrmConnection,
    /// Who it buys from.
    pub provider: ProviderConnection,
    /// What it has bought.
    pub plan: Plan,
    /// How its CRM names what tells who somebody is.
    pub identity: IdentityProperties,
    /// What goes where.
    pub fields: Vec<FieldMapping>,
}

/// How to reach a tenant's CRM. Secrets are named here, never written.
#[derive(Debug, Clone)]
pub struct CrmConnection {
    /// Which CRM.
    pub kind: CrmKind,
    /// HubSpot's number for the tenant: deliveries for another one are refused.
    pub portal_id: u64,
    /// The webhook's address as HubSpot knows it. It is part of what is signed.
    pub public_url: String,
    /// Names of the secrets that may have signed a delivery: several while one replaces the other.
    pub signing_secrets: Vec<String>,
    /// Which signature schemes are accepted: `v3`, and `v1` or `v2` only where switched on.
    pub signature_versions: Vec<String>,
    /// Name of the secret that holds the access token.
    pub access_token: String,
    /// Where the API is.
    pub base_url: String,
    /// Which version of it: `v3`, or a date such as `2026-03`.
    pub api_version: String,
    /// Changes to these properties make a record due.
    pub enrich_on_change: Vec<String>,
    /// The property that says when the record was last enriched, by whomever. Read by the gate, written with the
    /// rest.
    pub last_enriched_property: Option<String>,
}

/// How to reach a provider.
#[derive(Debug, Clone)]
pub struct ProviderConnection {
    /// Which provider.
    pub kind: ProviderKind,
    /// Name of the secret that holds the key.
    pub api_key: String,
    /// Where the API is.
    pub base_url: String,
}

/// What a tenant has bought.
#[derive(Debug, Clone)]
pub struct Plan {
    /// When cycles open and close.
    pub calendar: Calendar,
    /// What each cycle starts with.
    pub grant: Amounts,
}

impl Config {
    /// Reads a configuration. An error names each key that is wrong, what was found, and what is allowed.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        file::parse(text)
    }

    /// The tenant of this name.
    pub fn tenant(&self, id: &TenantId) -> Option<&Tenant> {
        self.tenants.get(id)
    }

    /// What the tenant's provider charges at `now`.
    pub fn price(&self, tenant: &Tenant, now: Timestamp) -> Option<&Price> {
        price_at(&self.prices, tenant.provider.kind, now)
    }
}

impl Tenant {
    /// Every property that the worker reads from the CRM.
    pub fn properties(&self) -> Vec<&str> {
        let identity = self.identity.names().into_iter();
        let fields = self.fields.iter().map(|field| field.property.as_str());
        let mut names: Vec<&str> = identity.chain(fields).chain(self.crm.last_enriched_property.as_deref()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// How long a result is good when the configuration doesn't say.
const FRESHNESS_DEFAULT: Duration = crate::clock::days(90);
/// How long a miss is remembered when the configuration doesn't say.
const MISS_DEFAULT: Duration = crate::clock::days(30);
/// More purchases than this for one record in an hour is a loop, not a need.
const HOPS_PER_HOUR_DEFAULT: u32 = 3;
