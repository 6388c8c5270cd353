//! What a world is like.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadgate_connectors::crm::salesforce::config as salesforce;
use leadgate_connectors::registry::{self, Inbound, Outbound};
use leadgate_enrichment::config::{
    Config, ConfigError, HookSignature, HookSource, ProviderConnection, SecretRole, Tenant, Vendors,
};
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::ids::TenantId;

use super::clock::Patience;
use super::crms::{is_attio, is_close, is_pipedrive, is_salesforce, is_zoho};
use super::providers::{Accounts, api_path};
use crate::simulators::apollo::ApolloSetup;
use crate::simulators::attio::AttioSetup;
use crate::simulators::close::{self as simulated_close, CloseSetup};
use crate::simulators::hubspot::HubSpotSetup;
use crate::simulators::pipedrive::PipedriveSetup;
use crate::simulators::salesforce::{JWT_PRIVATE_KEY, Road, SalesforceSetup};
use crate::simulators::zoho::ZohoSetup;

/// The configuration that ops teams start from.
const CONFIG: &str = include_str!("../../../../infra/leadgate.toml");

/// What of it a world goes without: many of them play in a day what others spend in a month.
pub(super) const CAPS: &str = "[tenants.demo.caps]\nper_day = { credits = 500 }\n";

/// What begins the tables in it with which a world goes: of other systems that tell of leads, and of a feed.
const TABLES: [&str; 2] = ["#   [tenants.demo.sources.warehouse]", "#   [tenants.demo.feed]"];

/// The same with these tables, which are a comment there.
fn with_tables(config: &str) -> String {
    let mut is_within = false;
    let line = |line: &str| {
        is_within = TABLES.contains(&line) || (is_within && line.starts_with("#   "));
        let line = if is_within { line.trim_start_matches("#   ") } else { line };
        format!("{line}\n")
    };
    config.lines().map(line).collect()
}

/// What signs webhooks in a world. It is no secret: it signs nothing but simulated deliveries on loopback.
pub const SIGNING_SECRET: &str = "local-signing-secret";

/// What signed them before, where there are two.
const OLD_SIGNING_SECRET: &str = "an-old-signing-secret";

/// The user that comes with the webhooks of a simulated company at Pipedrive; the password is the signing secret.
pub const WEBHOOK_USER: &str = "leadgate";

/// What Apex callouts in a world are signed with, and whatever else is by Standard Webhooks. No secret, either.
pub const APEX_SECRET: &str = "whsec_bG9jYWwtc2lnbmluZy1zZWNyZXQ6YXBleA==";
/// What signed them before, where there are two.
const OLD_APEX_SECRET: &str = "whsec_YW4tb2xkLXNpZ25pbmctc2VjcmV0OmFwZXg=";

/// What fingerprints in a world are made with that ends with the process. One that is kept in a folder has a secret of its
/// own.
const FINGERPRINT_SECRET: &str = "a fingerprint secret for one machine";

/// What it is called in the secrets of a world.
pub(super) const FINGERPRINT_SECRET_NAME: &str = "leadgate/fingerprints";

/// What callbacks in a world are made with. No secret, either.
pub const CALLBACK_SECRET: &str = "local-callback-secret";

/// What a world is like.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `leadgate.toml`. Where things are is filled in by the world.
    pub config: String,
    /// What each cycle starts with, instead of what the configuration says.
    pub credits_per_cycle: Option<i64>,
    /// What the clock shows at first.
    pub start: Timestamp,
    /// How it waits.
    pub patience: Patience,
    /// Where chance starts from.
    pub seed: u64,
    /// Where it is served; 0 is any free port.
    pub port: u16,
    /// The CRM, where the configuration names this one.
    pub hubspot: HubSpotSetup,
    /// The CRM, where the configuration names this one.
    pub salesforce: SalesforceSetup,
    /// The CRM, where the configuration names this one.
    pub pipedrive: PipedriveSetup,
    /// The CRM, where the configuration names this one.
    pub attio: AttioSetup,
    /// The CRM, where the configuration names this one.
    pub close: CloseSetup,
    /// The CRM, where the configuration names this one.
    pub zoho: ZohoSetup,
    /// How an org tells of leads and contacts.
    pub road: Road,
    /// The provider, where the configuration names this one.
    pub apollo: ApolloSetup,
    /// The other providers.
    pub accounts: Accounts,
    /// Real services in the place of simulators.
    pub real: Real,
    /// What signs the webhooks of the simulated CRM.
    pub signing_secret: String,
    /// What a simulated Salesforce org signs its callouts with.
    pub apex_secret: String,
    /// What callbacks are made with.
    pub callback_secret: String,
    /// What fingerprints are made with.
    pub fingerprint_secret: String,
    /// What the vendors send that the configuration may name.
    pub inbound: Inbound,
    /// How they are called.
    pub outbound: Outbound,
    /// A second tenant, of this name, with a portal and a team of its own. The configuration has to have it.
    pub neighbour: Option<TenantId>,
}

/// Keys of real services. Each that is there replaces its simulator.
#[derive(Debug, Clone, Default)]
pub struct Real {
    /// A HubSpot access token.
    pub hubspot_access_token: Option<String>,
    /// The client secret of the HubSpot app, to check real deliveries with.
    pub hubspot_client_secret: Option<String>,
    /// An Apollo key.
    pub apollo_api_key: Option<String>,
}

impl Real {
    /// Whether any service is real: what is done then costs money, or changes somebody's CRM.
    pub fn is_any(&self) -> bool {
        [&self.hubspot_access_token, &self.hubspot_client_secret, &self.apollo_api_key].into_iter().any(Option::is_some)
    }
}

impl Default for Settings {
    /// The configuration as it is delivered, but for the cap of a day, on 15 January 2026, in a hurry.
    fn default() -> Self {
        Self {
            config: with_tables(CONFIG).replacen(CAPS, "", 1),
            credits_per_cycle: None,
            start: Timestamp::from_second(1_768_471_200).unwrap_or(Timestamp::UNIX_EPOCH),
            patience: Patience::None,
            seed: 1,
            port: 0,
            hubspot: HubSpotSetup::default(),
            salesforce: SalesforceSetup::default(),
            pipedrive: PipedriveSetup::default(),
            attio: AttioSetup::default(),
            close: CloseSetup::default(),
            zoho: ZohoSetup::default(),
            road: Road::OutboundMessages,
            apollo: ApolloSetup::default(),
            accounts: Accounts::default(),
            real: Real::default(),
            signing_secret: SIGNING_SECRET.to_owned(),
            apex_secret: APEX_SECRET.to_owned(),
            callback_secret: CALLBACK_SECRET.to_owned(),
            fingerprint_secret: FINGERPRINT_SECRET.to_owned(),
            inbound: Inbound::shipped(),
            outbound: Outbound::shipped(),
            neighbour: None,
        }
    }
}

impl Settings {
    /// What the configuration has to know of its vendors.
    pub fn vendors(&self) -> Vendors {
        let crms = self.inbound.crms.iter().map(|part| part.vendor).collect();
        let sequencers = self.outbound.sequencers.iter().map(|part| part.vendor.name).collect();
        let in_batches = self.outbound.in_batches.iter().map(|part| part.vendor);
        let providers = self.inbound.providers.iter().map(|part| part.vendor).chain(in_batches).collect();
        let prospectors = self.outbound.prospectors.iter().map(|part| (part.vendor.name, part.ceiling)).collect();
        Vendors { crms, providers, sequencers, verifiers: registry::verifiers(), prospectors }
    }

    /// The configuration, with every address in it on this machine.
    pub(super) fn config_for(&self, url: &str) -> Result<Config, ConfigError> {
        let mut config = Config::parse(&self.config, &self.vendors())?;
        for tenant in config.tenants.values_mut() {
            tenant.change_all(&mut |tenant| self.bring_home(tenant, url));
        }
        Ok(config)
    }

    /// Has a tenant's addresses on this machine.
    fn bring_home(&self, tenant: &mut Tenant, url: &str) {
        tenant.crm.public_url = webhook_url(url, tenant);
        let vendors = if self.neighbour.as_ref() == Some(&tenant.id) { NEIGHBOUR } else { "simulators" };
        if self.real.hubspot_access_token.is_none() {
            tenant.crm.base_url = format!("{url}/{vendors}/{}", tenant.crm.vendor.name);
        }
        for provider in std::iter::once(&mut tenant.provider).chain(&mut tenant.fallbacks) {
            let name = provider.vendor.name;
            if self.real_provider_key(name).is_none() {
                provider.base_url = format!("{url}/{vendors}/{name}{}", api_path(name));
            }
            if let Some(callback) = &mut provider.callback {
                callback.url = callback_url(url, name, &tenant.id);
            }
        }
        if let Some(credits) = self.credits_per_cycle {
            let bucket = tenant.provider.plan.grant.iter().next().map(|(bucket, _)| bucket.clone());
            let bucket = bucket.unwrap_or_else(|| Bucket::new("credits"));
            tenant.provider.plan.grant = Amounts::one(bucket, Milli::credits(credits));
        }
    }

    /// What Secrets Manager would hold.
    pub(super) fn secrets(&self, config: &Config) -> BTreeMap<String, String> {
        let real = &self.real;
        let or = |real: &Option<String>, simulated: &str| real.clone().unwrap_or_else(|| simulated.to_owned());
        let mut secrets = BTreeMap::from([(FINGERPRINT_SECRET_NAME.to_owned(), self.fingerprint_secret.clone())]);
        for tenant in config.tenants.values() {
            let mut put = |role: SecretRole, value: String| {
                let of_providers = tenant.providers().flat_map(|provider| provider.secrets.of(role));
                let names = tenant.crm.secrets.of(role).chain(of_providers);
                secrets.extend(names.map(|name| (name.to_owned(), value.clone())));
            };
            put(SecretRole::CrmToken, or(&real.hubspot_access_token, self.crm_token(tenant)));
            put(SecretRole::ProviderCallback, self.callback_secret.clone());
            // The first has been rotated out, where there are two; either signs.
            put(SecretRole::CrmSigning, OLD_SIGNING_SECRET.to_owned());
            secrets.extend(self.provider_keys(tenant));
            if let Some(last) = tenant.crm.secrets.of(SecretRole::CrmSigning).last() {
                secrets.insert(last.to_owned(), or(&real.hubspot_client_secret, &self.signing_secret));
            }
            if is_salesforce(tenant) {
                self.put_salesforce_secrets(tenant, &mut secrets);
            }
            if is_close(tenant) {
                for name in tenant.crm.secrets.of(SecretRole::CrmSigning) {
                    secrets
                        .entry(name.to_owned())
                        .and_modify(|secret| *secret = simulated_close::signature_key(secret));
                }
            }
            if is_pipedrive(tenant) {
                for name in tenant.crm.secrets.of(SecretRole::CrmSigning) {
                    secrets
                        .entry(name.to_owned())
                        .and_modify(|password| *password = format!("{WEBHOOK_USER}:{password}"));
                }
            }
            let signals = tenant.signals.iter().flat_map(|signals| signals.sources.values().map(|source| &source.hook));
            tenant.sources.values().chain(signals).for_each(|source| self.put_source_secrets(source, &mut secrets));
        }
        secrets
    }

    /// What opens the providers of a tenant.
    fn provider_keys(&self, tenant: &Tenant) -> impl Iterator<Item = (String, String)> {
        let of = move |provider: &ProviderConnection| {
            let key = self.provider_key(provider.vendor.name).to_owned();
            provider.secrets.of(SecretRole::ProviderKey).map(|name| (name.to_owned(), key.clone())).collect::<Vec<_>>()
        };
        tenant.providers().flat_map(of)
    }

    /// Those of them that open a simulated CRM or provider, and what its values are told apart by: none, where a service is real.
    pub(super) fn simulated_secrets(&self, config: &Config) -> BTreeMap<String, String> {
        let mut secrets = BTreeMap::new();
        if !self.real.is_any() {
            secrets.insert(FINGERPRINT_SECRET_NAME.to_owned(), self.fingerprint_secret.clone());
            for tenant in config.tenants.values() {
                let names = tenant.crm.secrets.of(SecretRole::CrmToken);
                secrets.extend(names.map(|name| (name.to_owned(), self.crm_token(tenant).to_owned())));
                secrets.extend(self.provider_keys(tenant));
            }
        }
        secrets
    }

    /// What opens the CRM.
    fn crm_token(&self, tenant: &Tenant) -> &str {
        let by_jwt = salesforce::Settings::of(&tenant.crm.own).username.is_some();
        match is_salesforce(tenant) {
            true if by_jwt => JWT_PRIVATE_KEY,
            true => &self.salesforce.client_secret,
            false if is_pipedrive(tenant) => &self.pipedrive.token,
            false if is_attio(tenant) => &self.attio.token,
            false if is_close(tenant) => &self.close.api_key,
            false if is_zoho(tenant) => &self.zoho.credential,
            false if tenant.crm.own.text("client_id").is_some() => &self.hubspot.client_secret,
            false => &self.hubspot.token,
        }
    }

    /// Each road has secrets of its own. Of two, the first has been rotated out.
    fn put_salesforce_secrets(&self, tenant: &Tenant, secrets: &mut BTreeMap<String, String>) {
        for (key, names) in tenant.crm.secrets.iter() {
            let (old, new) = match key.key {
                salesforce::PATH_SECRETS => (OLD_SIGNING_SECRET, self.signing_secret.as_str()),
                salesforce::SIGNING_SECRETS => (OLD_APEX_SECRET, self.apex_secret.as_str()),
                _ => continue,
            };
            secrets.extend(names.iter().map(|name| (name.clone(), old.to_owned())));
            secrets.extend(names.last().map(|name| (name.clone(), new.to_owned())));
        }
    }

    /// Of two, the first has been rotated out.
    fn put_source_secrets(&self, source: &HookSource, secrets: &mut BTreeMap<String, String>) {
        let user = |password: &str| format!("{WEBHOOK_USER}:{password}");
        let (old, new) = match source.signature {
            HookSignature::StandardWebhooks => (OLD_APEX_SECRET.to_owned(), self.apex_secret.clone()),
            HookSignature::Basic => (user(OLD_SIGNING_SECRET), user(&self.signing_secret)),
            _ => (OLD_SIGNING_SECRET.to_owned(), self.signing_secret.clone()),
        };
        secrets.extend(source.secrets.iter().map(|name| (name.clone(), old.clone())));
        secrets.extend(source.secrets.last().map(|name| (name.clone(), new)));
    }

    /// The same, with the cap of a day that the configuration is delivered with: for what costs real credits.
    #[must_use]
    pub fn capped(self) -> Self {
        Self { config: with_tables(CONFIG), ..self }
    }

    /// The same, where the person is bought without the number that the credits don't suffice for.
    #[must_use]
    pub fn degrading(self) -> Self {
        Self { config: self.config.replace("on_exhausted = \"defer\"", "on_exhausted = \"degrade\""), ..self }
    }

    /// The same, with what a credit is worth: 0.025 USD.
    #[must_use]
    pub fn with_values(self) -> Self {
        Self { config: self.config.replacen("# value =", "value =", 1), ..self }
    }

    /// The same, with employers looked up as well.
    #[must_use]
    pub fn with_employers(self) -> Self {
        let config = self.config.replacen("callback_url =", "organizations = true\ncallback_url =", 1);
        Self { config: config.replacen("\n[[prices]]", &format!("{EMPLOYER_PRICE}\n[[prices]]"), 1), ..self }
    }
}

/// Settings with a CRM in the place of the usual one.
pub type With = fn(Settings) -> Settings;

/// Every CRM, by each of its roads: its name, and how it is chosen.
pub const EVERY_CRM: [(&str, With); 8] = [
    ("HubSpot", |settings| settings),
    ("Salesforce, by messages", Settings::with_salesforce),
    ("Salesforce, by callouts", |settings| Settings { road: Road::Callouts, ..settings.with_salesforce() }),
    ("Salesforce, by change events", Settings::with_change_events),
    ("Pipedrive", Settings::with_pipedrive),
    ("Attio", Settings::with_attio),
    ("Close", Settings::with_close),
    ("Zoho CRM", Settings::with_zoho),
];

/// Where the vendors of a second tenant are served.
pub(super) const NEIGHBOUR: &str = "neighbour";

/// What an employer costs: a credit.
const EMPLOYER_PRICE: &str = "\n[[prices]]\nversion = \"apollo-2026-08\"\nprovider = \"apollo\"\n\
    action = \"enrich-organization\"\nfield = \"organization\"\nfrom = \"2026-01-01\"\ncharge_on = \"match\"\n\
    cost = { credits = 1 }\n";

/// Where what arrives later is delivered.
pub(super) fn callback_url(url: &str, provider: &str, tenant: &TenantId) -> String {
    format!("{url}/{provider}/{tenant}")
}

/// Where the webhooks of a tenant go.
pub(super) fn webhook_url(url: &str, tenant: &Tenant) -> String {
    format!("{url}/{}/{}", tenant.crm.vendor.name, tenant.id)
}
