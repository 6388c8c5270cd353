//! The file as it is written, and the way from there to what has been checked.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::{
    Config, ConfigError, CrmConnection, FRESHNESS_DEFAULT, HOPS_PER_HOUR_DEFAULT, MISS_DEFAULT, Plan, Problem,
    ProviderConnection, Tenant,
};
use crate::clock::days;
use crate::credits::{Amounts, Bucket, Milli};
use crate::cycle::{Cadence, Calendar};
use crate::gate::Windows;
use crate::ids::{CrmKind, TenantId};
use crate::patch::{FieldMapping, FieldPolicy};
use crate::person::{IdentityProperties, ProfileField};
use crate::price::{Action, ChargeOn, Price, PricedField, ProviderKind};

const HUBSPOT_URL: &str = "https://api.hubapi.com";
/// A date-based version: HubSpot ends its v3 paths in September 2027.
const HUBSPOT_VERSION: &str = "2026-03";
const APOLLO_URL: &str = "https://api.apollo.io/api/v1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct File {
    #[serde(default)]
    prices: Vec<PriceRow>,
    tenants: BTreeMap<String, TenantTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct PriceRow {
    version: String,
    provider: ProviderKind,
    action: Action,
    field: PricedField,
    from: Day,
    charge_on: ChargeOn,
    cost: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct TenantTable {
    #[serde(default = "utc")]
    time_zone: String,
    freshness_days: Option<u32>,
    miss_days: Option<u32>,
    hops_per_hour: Option<u32>,
    crm: CrmTable,
    provider: ProviderTable,
    plan: PlanTable,
    #[serde(default)]
    identity: IdentityProperties,
    fields: BTreeMap<String, FieldTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct CrmTable {
    kind: CrmKind,
    portal_id: u64,
    public_url: String,
    signing_secrets: Vec<String>,
    #[serde(default = "only_v3")]
    signature_versions: Vec<String>,
    access_token: String,
    base_url: Option<String>,
    api_version: Option<String>,
    #[serde(default)]
    enrich_on_change: Vec<String>,
    last_enriched_property: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct ProviderTable {
    kind: ProviderKind,
    api_key: String,
    base_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct PlanTable {
    anchor: Day,
    cycle: Cadence,
    grant: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct FieldTable {
    from: ProfileField,
    #[serde(default)]
    policy: FieldPolicy,
}

/// A quoted day: `"2026-01-31"`.
#[derive(Clone, Copy)]
struct Day(Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = || format!("found {text:?}, expected a day such as \"2026-01-31\", in quotes");
        text.parse().map(Self).map_err(|_| serde::de::Error::custom(expected()))
    }
}

fn utc() -> String {
    "UTC".to_owned()
}

fn only_v3() -> Vec<String> {
    vec!["v3".to_owned()]
}

pub(super) fn parse(text: &str) -> Result<Config, ConfigError> {
    let wrong = |path: String, what: String| ConfigError { problems: vec![Problem { path, what }] };
    let document = toml::Deserializer::parse(text).map_err(|error| wrong("the file".to_owned(), error.to_string()))?;
    let file: File = serde_path_to_error::deserialize(document).map_err(|error| {
        let path = error.path().to_string();
        wrong(path, error.into_inner().message().to_owned())
    })?;
    Checker::default().config(file)
}

/// Goes through the file and collects everything that is wrong, rather than stopping at the first.
#[derive(Default)]
struct Checker {
    problems: Vec<Problem>,
}

impl Checker {
    fn config(mut self, file: File) -> Result<Config, ConfigError> {
        let rows = file.prices.into_iter().enumerate();
        let prices: Vec<Price> = rows.filter_map(|(i, row)| self.price(&format!("prices[{i}]"), row)).collect();
        if file.tenants.is_empty() {
            self.problem("tenants", "nothing", "at least one [tenants.NAME]");
        }
        let mut tenants = BTreeMap::new();
        for (name, table) in file.tenants {
            let path = format!("tenants.{name}");
            let Ok(id) = name.parse::<TenantId>().map_err(|error| self.problem(&path, error, "such a name")) else {
                continue;
            };
            if let Some(tenant) = self.tenant(&path, id.clone(), table) {
                self.prices_cover(&path, &tenant, &prices);
                tenants.insert(id, tenant);
            }
        }
        if self.problems.is_empty() {
            Ok(Config { tenants, prices })
        } else {
            Err(ConfigError { problems: self.problems })
        }
    }

    fn problem(&mut self, path: &str, found: impl std::fmt::Display, expected: &str) {
        self.problems.push(Problem::new(path, found, expected));
    }

    fn price(&mut self, path: &str, row: PriceRow) -> Option<Price> {
        let cost = self.amounts(&format!("{path}.cost"), &row.cost)?;
        if cost.is_zero() {
            self.problem(&format!("{path}.cost"), "nothing", "what it costs, such as { credits = 1 }");
        }
        let from = row.from.0.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(Price {
            version: row.version,
            provider: row.provider,
            action: row.action,
            field: row.field,
            from,
            charge_on: row.charge_on,
            cost,
        })
    }

    fn tenant(&mut self, path: &str, id: TenantId, table: TenantTable) -> Option<Tenant> {
        let crm = self.crm(&format!("{path}.crm"), table.crm);
        let base_url = table.provider.base_url.unwrap_or_else(|| APOLLO_URL.to_owned());
        self.url(&format!("{path}.provider.base_url"), &base_url);
        self.secret_name(&format!("{path}.provider.api_key"), &table.provider.api_key);
        let provider = ProviderConnection { kind: table.provider.kind, api_key: table.provider.api_key, base_url };
        let fields = self.fields(&format!("{path}.fields"), table.fields);
        let plan = self.plan(path, &table.time_zone, &table.plan)?;
        let window = |set: Option<u32>, default: Duration| set.map_or(default, days);
        Some(Tenant {
            id,
            windows: Windows {
                freshness: window(table.freshness_days, FRESHNESS_DEFAULT),
                miss: window(table.miss_days, MISS_DEFAULT),
            },
            hops_per_hour: table.hops_per_hour.unwrap_or(HOPS_PER_HOUR_DEFAULT),
            crm,
            provider,
            plan,
            identity: table.identity,
            fields,
        })
    }

    fn crm(&mut self, path: &str, table: CrmTable) -> CrmConnection {
        let base_url = table.base_url.unwrap_or_else(|| HUBSPOT_URL.to_owned());
        let api_version = table.api_version.unwrap_or_else(|| HUBSPOT_VERSION.to_owned());
        self.url(&format!("{path}.public_url"), &table.public_url);
        self.url(&format!("{path}.base_url"), &base_url);
        if api_version != "v3" && !is_dated_version(&api_version) {
            self.problem(&format!("{path}.api_version"), quoted(&api_version), "\"v3\" or a date such as \"2026-03\"");
        }
        if table.signing_secrets.is_empty() {
            self.problem(&format!("{path}.signing_secrets"), "none", "one name of a secret, or two during a rotation");
        }
        for (i, name) in table.signing_secrets.iter().enumerate() {
            self.secret_name(&format!("{path}.signing_secrets[{i}]"), name);
        }
        self.secret_name(&format!("{path}.access_token"), &table.access_token);
        for (i, version) in table.signature_versions.iter().enumerate() {
            if !["v1", "v2", "v3"].contains(&version.as_str()) {
                self.problem(&format!("{path}.signature_versions[{i}]"), quoted(version), "\"v1\", \"v2\" or \"v3\"");
            }
        }
        CrmConnection {
            kind: table.kind,
            portal_id: table.portal_id,
            public_url: table.public_url,
            signing_secrets: table.signing_secrets,
            signature_versions: table.signature_versions,
            access_token: table.access_token,
            base_url: base_url.trim_end_matches('/').to_owned(),
            api_version,
            enrich_on_change: table.enrich_on_change,
            last_enriched_property: table.last_enriched_property,
        }
    }

    fn plan(&mut self, path: &str, time_zone: &str, table: &PlanTable) -> Option<Plan> {
        let grant = self.amounts(&format!("{path}.plan.grant"), &table.grant)?;
        let Ok(time_zone) = TimeZone::get(time_zone) else {
            let path = format!("{path}.time_zone");
            self.problem(&path, quoted(time_zone), "a name of the time zone database, such as \"Europe/Berlin\"");
            return None;
        };
        Some(Plan { calendar: Calendar::new(table.anchor.0, table.cycle, time_zone), grant })
    }

    fn fields(&mut self, path: &str, table: BTreeMap<String, FieldTable>) -> Vec<FieldMapping> {
        if table.is_empty() {
            self.problem(path, "nothing", "at least one field, such as jobtitle = { from = \"title\" }");
        }
        let mapping =
            |(property, field): (String, FieldTable)| FieldMapping { property, from: field.from, policy: field.policy };
        table.into_iter().map(mapping).collect()
    }

    fn prices_cover(&mut self, path: &str, tenant: &Tenant, prices: &[Price]) {
        let own: Vec<&Price> = prices.iter().filter(|price| price.provider == tenant.provider.kind).collect();
        if own.is_empty() {
            let found = format!("no price for {}", tenant.provider.kind.as_str());
            self.problem("prices", found, "a [[prices]] row for each provider in use");
        }
        for (bucket, _) in own.iter().flat_map(|price| price.cost.iter()) {
            if tenant.plan.grant.get(bucket) == Milli::ZERO {
                let path = format!("{path}.plan.grant");
                let expected = format!("some \"{bucket}\", which the prices are in");
                self.problem(&path, tenant.plan.grant.to_string(), &expected);
                break;
            }
        }
    }

    fn amounts(&mut self, path: &str, table: &BTreeMap<String, f64>) -> Option<Amounts> {
        let mut amounts = Amounts::default();
        for (bucket, credits) in table {
            match Milli::from_decimal(*credits) {
                Ok(milli) => amounts.add(&Bucket::new(bucket), milli),
                Err(error) => {
                    self.problems.push(Problem { path: format!("{path}.{bucket}"), what: error.to_string() });
                    return None;
                }
            }
        }
        Some(amounts)
    }

    fn url(&mut self, path: &str, url: &str) {
        let loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        let safe = url.starts_with("https://") || loopback.iter().any(|prefix| url.starts_with(prefix));
        if !safe || url.chars().any(char::is_whitespace) {
            self.problem(path, quoted(url), "an https:// URL (http:// only on this machine)");
        }
    }

    /// A name such as `leadgate/acme/apollo-key`. What looks like a secret itself is not repeated in the message.
    fn secret_name(&mut self, path: &str, name: &str) {
        let in_alphabet = name.chars().all(|c| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c));
        if !in_alphabet || !name.contains('/') || name.len() > 200 {
            let expected = "the name of a secret with a '/' in it, such as \"leadgate/acme/apollo-key\" \
                            (never the secret itself)";
            self.problem(path, "something else (not shown)", expected);
        }
    }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// `2026-03`: HubSpot names a version by the year and month it appeared in.
fn is_dated_version(text: &str) -> bool {
    let digits = |part: &str, count| part.len() == count && part.chars().all(|c| c.is_ascii_digit());
    text.split_once('-').is_some_and(|(year, month)| digits(year, 4) && digits(month, 2))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
