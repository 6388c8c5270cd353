//! The providers that a world may have beside the usual one.

use std::sync::Arc;

use axum::Router;
use leadgate_connectors::provider::{apollo, hunter, pdl};
use leadgate_enrichment::config::Tenant;

use super::World;
use super::clock::WorldClock;
use super::settings::{Settings, With};
use super::wire::Wire;
use crate::simulators::hunter::Hunter;
use crate::simulators::pdl::PeopleDataLabs;
use crate::simulators::{self, AccountSetup, SimulatedProvider};

/// What the accounts are like.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// At People Data Labs.
    pub pdl: AccountSetup,
    /// At Hunter.
    pub hunter: AccountSetup,
}

impl Default for Accounts {
    fn default() -> Self {
        Self { pdl: PeopleDataLabs::setup(), hunter: Hunter::setup() }
    }
}

impl Accounts {
    /// All of them.
    pub fn all(&mut self) -> [&mut AccountSetup; 2] {
        [&mut self.pdl, &mut self.hunter]
    }
}

/// The accounts themselves: all of them are there, and the configuration says which is the tenant's.
#[derive(Clone)]
pub struct Providers {
    /// At People Data Labs.
    pub pdl: Arc<PeopleDataLabs>,
    /// At Hunter.
    pub hunter: Arc<Hunter>,
}

impl Providers {
    pub(super) fn new(clock: &Arc<WorldClock>, accounts: &Accounts) -> Self {
        Self {
            pdl: Arc::new(PeopleDataLabs::new(clock.clone(), accounts.pdl.clone())),
            hunter: Arc::new(Hunter::new(clock.clone(), accounts.hunter.clone())),
        }
    }

    /// Serves each below its name.
    pub(super) fn router(&self) -> Router {
        Router::new()
            .nest("/simulators/pdl", simulators::pdl_router(self.pdl.clone()))
            .nest("/simulators/hunter", simulators::hunter_router(self.hunter.clone()))
    }

    /// Puts the calls to them on this wire.
    pub(super) fn tap(&self, wire: &Arc<Wire>) {
        for provider in self.all() {
            wire.tap_vendor(provider.faults());
        }
    }

    fn all(&self) -> [&dyn SimulatedProvider; 2] {
        [&*self.pdl, &*self.hunter]
    }
}

impl World {
    /// The provider of the tenant that the world is about.
    pub fn provider(&self) -> Arc<dyn SimulatedProvider> {
        match self.tenant().provider.vendor.name {
            name if name == pdl::VENDOR.name => self.providers.pdl.clone(),
            name if name == hunter::VENDOR.name => self.providers.hunter.clone(),
            _ => self.apollo.clone(),
        }
    }
}

impl Settings {
    /// The same, with People Data Labs for a provider.
    #[must_use]
    pub fn with_pdl(self) -> Self {
        self.with_provider(pdl::VENDOR.name, "pdl-2026", "pdl_credits = 2500")
    }

    /// The same, with Hunter for a provider.
    #[must_use]
    pub fn with_hunter(self) -> Self {
        self.with_provider(hunter::VENDOR.name, "hunter-2026", "hunter_searches = 2500")
    }

    /// The same, with this provider, which makes no callbacks, its prices, and what is granted of its credits.
    fn with_provider(self, name: &str, prices: &str, grant: &str) -> Self {
        let is_of_callbacks =
            |line: &&str| line.starts_with("callback_url =") || line.starts_with("callback_secrets =");
        let config: String =
            self.config.lines().filter(|line| !is_of_callbacks(line)).map(|line| format!("{line}\n")).collect();
        let edits = [
            (format!("kind = \"{}\"", apollo::VENDOR.name), format!("kind = \"{name}\"")),
            ("price_sets = []".to_owned(), format!("price_sets = [\"{prices}\"]")),
            ("grant = { credits = 2500 }".to_owned(), format!("grant = {{ {grant} }}")),
            ("floor = { credits = 0 }".to_owned(), "floor = {}".to_owned()),
        ];
        let config = edits.iter().fold(config, |config, (from, to)| config.replacen(from, to, 1));
        Self { config, ..self }
    }

    /// What opens the account of a tenant.
    pub(super) fn provider_key(&self, tenant: &Tenant) -> &str {
        match tenant.provider.vendor.name {
            name if name == pdl::VENDOR.name => &self.accounts.pdl.api_key,
            name if name == hunter::VENDOR.name => &self.accounts.hunter.api_key,
            _ => &self.apollo.api_key,
        }
    }
}

/// Where the API of a simulated provider is below its own address.
pub(super) fn api_path(name: &str) -> &'static str {
    match name {
        name if name == pdl::VENDOR.name => "/v5",
        name if name == hunter::VENDOR.name => "/v2",
        name if name == apollo::VENDOR.name => "/api/v1",
        _ => "",
    }
}

/// Every provider: its name, and how it is chosen.
pub const EVERY_PROVIDER: [(&str, With); 3] =
    [("Apollo", |settings| settings), ("People Data Labs", Settings::with_pdl), ("Hunter", Settings::with_hunter)];
