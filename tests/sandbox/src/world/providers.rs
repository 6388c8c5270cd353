//! The providers that a world may have beside the usual one.

use std::sync::Arc;

use axum::Router;
use leadgate_connectors::provider::{apollo, clay, cognism, datalane, hunter, lusha, pdl, zoominfo};

use super::World;
use super::clock::WorldClock;
use super::settings::{Settings, With};
use super::wire::Wire;
use crate::simulators::clay::{self as simulated_clay, Clay};
use crate::simulators::cognism::Cognism;
use crate::simulators::hunter::Hunter;
use crate::simulators::lusha::Lusha;
use crate::simulators::pdl::PeopleDataLabs;
use crate::simulators::zoominfo::{CLIENT_ID, ZoomInfo};
use crate::simulators::{self, AccountSetup, SimulatedProvider};

/// What the accounts are like.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// At People Data Labs.
    pub pdl: AccountSetup,
    /// At Hunter.
    pub hunter: AccountSetup,
    /// At Lusha.
    pub lusha: AccountSetup,
    /// At Cognism.
    pub cognism: AccountSetup,
    /// At ZoomInfo.
    pub zoominfo: AccountSetup,
    /// At Clay.
    pub clay: AccountSetup,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            pdl: PeopleDataLabs::setup(),
            hunter: Hunter::setup(),
            lusha: Lusha::setup(),
            cognism: Cognism::setup(),
            zoominfo: ZoomInfo::setup(),
            clay: Clay::setup(),
        }
    }
}

impl Accounts {
    /// All of them.
    pub fn all(&mut self) -> [&mut AccountSetup; 6] {
        [&mut self.pdl, &mut self.hunter, &mut self.lusha, &mut self.cognism, &mut self.zoominfo, &mut self.clay]
    }
}

/// The accounts themselves: all of them are there, and the configuration says which is the tenant's.
#[derive(Clone)]
pub struct Providers {
    /// At People Data Labs.
    pub pdl: Arc<PeopleDataLabs>,
    /// At Hunter.
    pub hunter: Arc<Hunter>,
    /// At Lusha.
    pub lusha: Arc<Lusha>,
    /// At Cognism.
    pub cognism: Arc<Cognism>,
    /// At ZoomInfo.
    pub zoominfo: Arc<ZoomInfo>,
    /// At Clay.
    pub clay: Arc<Clay>,
}

impl Providers {
    pub(super) fn new(clock: &Arc<WorldClock>, accounts: &Accounts) -> Self {
        Self {
            pdl: Arc::new(PeopleDataLabs::new(clock.clone(), accounts.pdl.clone())),
            hunter: Arc::new(Hunter::new(clock.clone(), accounts.hunter.clone())),
            lusha: Arc::new(Lusha::new(clock.clone(), accounts.lusha.clone())),
            cognism: Arc::new(Cognism::new(clock.clone(), accounts.cognism.clone())),
            zoominfo: Arc::new(ZoomInfo::new(clock.clone(), accounts.zoominfo.clone())),
            clay: Arc::new(Clay::new(clock.clone(), accounts.clay.clone())),
        }
    }

    /// Serves each below its name.
    pub(super) fn router(&self) -> Router {
        Router::new()
            .nest("/simulators/pdl", simulators::pdl_router(self.pdl.clone()))
            .nest("/simulators/hunter", simulators::hunter_router(self.hunter.clone()))
            .nest("/simulators/lusha", simulators::lusha_router(self.lusha.clone()))
            .nest("/simulators/cognism", simulators::cognism_router(self.cognism.clone()))
            .nest("/simulators/zoominfo", simulators::zoominfo_router(self.zoominfo.clone()))
            .nest("/simulators/clay", simulators::clay_router(self.clay.clone()))
    }

    /// Puts the calls to them on this wire.
    pub(super) fn tap(&self, wire: &Arc<Wire>) {
        for provider in self.all() {
            wire.tap_vendor(provider.faults());
        }
    }

    fn all(&self) -> [&dyn SimulatedProvider; 6] {
        [&*self.pdl, &*self.hunter, &*self.lusha, &*self.cognism, &*self.zoominfo, &*self.clay]
    }
}

impl World {
    /// The first provider of the tenant that the world is about.
    pub fn provider(&self) -> Arc<dyn SimulatedProvider> {
        self.provider_named(self.tenant().provider.vendor.name)
    }

    /// All that the tenant buys from, by the names that its ledger has for them.
    pub fn tenants_providers(&self) -> Vec<(&'static str, Arc<dyn SimulatedProvider>)> {
        let names = self.tenant().paid_providers().map(|provider| provider.vendor.name);
        names.map(|name| (name, self.provider_named(name))).collect()
    }

    /// The provider of this name.
    pub fn provider_named(&self, name: &str) -> Arc<dyn SimulatedProvider> {
        match name {
            name if name == pdl::VENDOR.name => self.providers.pdl.clone(),
            name if name == hunter::VENDOR.name => self.providers.hunter.clone(),
            name if name == lusha::VENDOR.name => self.providers.lusha.clone(),
            name if name == cognism::VENDOR.name => self.providers.cognism.clone(),
            name if name == zoominfo::VENDOR.name => self.providers.zoominfo.clone(),
            name if name == clay::VENDOR.name => self.providers.clay.clone(),
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
        self.with_provider(hunter::VENDOR.name, "hunter-2026", "hunter_searches = 2500, hunter_verifications = 2500")
    }

    /// The same, with Lusha for a provider.
    #[must_use]
    pub fn with_lusha(self) -> Self {
        self.with_provider(lusha::VENDOR.name, "lusha-2026", "lusha_credits = 2500")
    }

    /// The same, with Cognism for a provider.
    #[must_use]
    pub fn with_cognism(self) -> Self {
        self.with_provider(cognism::VENDOR.name, "cognism-2026", "cognism_credits = 2500")
    }

    /// The same, with ZoomInfo for a provider.
    #[must_use]
    pub fn with_zoominfo(self) -> Self {
        self.with_provider(zoominfo::VENDOR.name, "zoominfo-2026", "zoominfo_credits = 2500")
    }

    /// The same, with Clay for a provider, which is told of ended runs.
    #[must_use]
    pub fn with_clay(self) -> Self {
        let settings = self.with_provider(clay::VENDOR.name, "", "clay_credits = 2500");
        let config = settings.config.replacen("price_sets = [\"\"]", "price_sets = []", 1);
        Self { config: with_clay_price(&config), ..settings }
    }

    /// The same, with this provider, which makes no callbacks to addresses of its own, its prices, and what is granted of its credits.
    fn with_provider(self, name: &str, prices: &str, grant: &str) -> Self {
        let is_of_callbacks =
            |line: &&str| line.starts_with("callback_url =") || line.starts_with("callback_secrets =");
        let config: String =
            self.config.lines().filter(|line| !is_of_callbacks(line)).map(|line| format!("{line}\n")).collect();
        let edits = [
            (format!("kind = \"{}\"", apollo::VENDOR.name), format!("kind = \"{name}\"{}", own_keys(name))),
            ("price_sets = []".to_owned(), format!("price_sets = [\"{prices}\"]")),
            ("grant = { credits = 2500 }".to_owned(), format!("grant = {{ {grant} }}")),
            ("floor = { credits = 0 }".to_owned(), "floor = {}".to_owned()),
        ];
        let config = edits.iter().fold(config, |config, (from, to)| config.replacen(from, to, 1));
        Self { config, ..self }
    }

    /// The same, with other providers beside the first, to be asked in this way: their names, and the text of the tenant's
    /// `waterfall`.
    #[must_use]
    pub fn with_beside(self, names: &[&str], waterfall: &str) -> Self {
        let (mut prices, mut tables) = (Vec::new(), String::new());
        for name in names {
            if *name == datalane::VENDOR.name {
                tables += &format!(
                    "
[[tenants.demo.fallbacks]]
kind = \"{name}\"
"
                );
                continue;
            }
            let (list, grant) = match *name {
                name if name == hunter::VENDOR.name => {
                    ("hunter-2026", "hunter_searches = 2500, hunter_verifications = 2500")
                }
                name if name == lusha::VENDOR.name => ("lusha-2026", "lusha_credits = 2500"),
                name if name == cognism::VENDOR.name => ("cognism-2026", "cognism_credits = 2500"),
                name if name == zoominfo::VENDOR.name => ("zoominfo-2026", "zoominfo_credits = 2500"),
                name if name == clay::VENDOR.name => ("", "clay_credits = 2500"),
                _ => ("pdl-2026", "pdl_credits = 2500"),
            };
            if !list.is_empty() {
                prices.push(format!("\"{list}\""));
            }
            tables += &format!(
                "\n[[tenants.demo.fallbacks]]\nkind = \"{name}\"{}\napi_key = \"leadgate/demo/{name}/provider-key\"\n\
                 plan = {{ anchor = \"2026-01-01\", cycle = \"monthly\", grant = {{ {grant} }} }}\n",
                own_keys(name)
            );
        }
        let lists = format!("price_sets = [{}]", prices.join(", "));
        let mut config = self.config.replacen("price_sets = []", &lists, 1);
        if names.contains(&clay::VENDOR.name) {
            config = with_clay_price(&config);
        }
        Self { config: format!("{config}{tables}\n[tenants.demo.waterfall]\n{waterfall}\n"), ..self }
    }

    /// What opens the account at a provider.
    pub(super) fn provider_key(&self, name: &str) -> &str {
        let simulated = match name {
            name if name == pdl::VENDOR.name => &self.accounts.pdl.api_key,
            name if name == hunter::VENDOR.name => &self.accounts.hunter.api_key,
            name if name == lusha::VENDOR.name => &self.accounts.lusha.api_key,
            name if name == cognism::VENDOR.name => &self.accounts.cognism.api_key,
            name if name == zoominfo::VENDOR.name => &self.accounts.zoominfo.api_key,
            name if name == clay::VENDOR.name => &self.accounts.clay.api_key,
            _ => &self.apollo.api_key,
        };
        self.real_provider_key(name).unwrap_or(simulated)
    }

    /// What opens a real account, in the place of the simulated one.
    pub(super) fn real_provider_key(&self, name: &str) -> Option<&str> {
        self.real.apollo_api_key.as_deref().filter(|_| name == apollo::VENDOR.name)
    }
}

/// The keys that a simulated provider needs beside those that all have, as lines of the file.
fn own_keys(name: &str) -> String {
    match name {
        name if name == zoominfo::VENDOR.name => format!("\nclient_id = \"{CLIENT_ID}\""),
        name if name == clay::VENDOR.name => format!(
            "\nroutine_id = \"{}\"\nwebhook_id = \"{}\"\ncallback_url = \"https://hooks.example.com/clay/demo\"\n\
             callback_secrets = [\"leadgate/demo/clay/provider-callback\"]",
            simulated_clay::ROUTINE_ID,
            simulated_clay::WEBHOOK_ID
        ),
        _ => String::new(),
    }
}

/// The same file, with a price for the simulated routine.
fn with_clay_price(config: &str) -> String {
    config.replacen("\n[[prices]]", &format!("{CLAY_PRICE}\n[[prices]]"), 1)
}

/// What a person costs who is found by the simulated routine.
const CLAY_PRICE: &str = "\n[[prices]]\nversion = \"our-routine\"\nprovider = \"clay\"\naction = \"match\"\n\
    field = \"person-later\"\nfrom = \"2026-01-01\"\ncharge_on = \"match\"\ncost = { clay_credits = 1 }\n";

/// Where the API of a simulated provider is below its own address.
pub(super) fn api_path(name: &str) -> &'static str {
    match name {
        name if name == pdl::VENDOR.name => "/v5",
        name if name == hunter::VENDOR.name => "/v2",
        name if name == zoominfo::VENDOR.name => "/gtm",
        name if name == clay::VENDOR.name => "/public/v0",
        name if name == apollo::VENDOR.name => "/api/v1",
        _ => "",
    }
}

/// Every provider: its name, and how it is chosen.
pub const EVERY_PROVIDER: [(&str, With); 7] = [
    ("Apollo", |settings| settings),
    ("People Data Labs", Settings::with_pdl),
    ("Hunter", Settings::with_hunter),
    ("Lusha", Settings::with_lusha),
    ("Cognism", Settings::with_cognism),
    ("ZoomInfo", Settings::with_zoominfo),
    ("Clay", Settings::with_clay),
];
