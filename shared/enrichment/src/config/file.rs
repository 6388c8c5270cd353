//! The file as it is written.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;
use toml::de::DeTable;
use toml::{Table, Value};

use super::hooks::{HookCause, SignatureWord};
use super::icp::IcpTable;
use super::routes::RouteTable;
use super::signals::SignalsTable;
use super::waterfall::OnBlocked;
use super::{ConfigError, OnExhausted, Problem};
use crate::credits::cycle::Cadence;
use crate::credits::price::{Action, ChargeOn, PricedField, Repeat};
use crate::ids::ProviderName;
use crate::lead::patch::FieldPolicy;
use crate::lead::request::Source;
use crate::person::{Confidence, IdentityProperties, PlaceProperties, ProfileField};

/// Amounts by the name of their kind, in credits.
pub(super) type CreditsTable = BTreeMap<String, f64>;
/// What a credit is worth, by the name of its kind.
pub(super) type MoneyTable = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct File {
    #[serde(default)]
    pub(super) price_sets: Vec<String>,
    #[serde(default)]
    pub(super) prices: Vec<PriceRow>,
    pub(super) tenants: BTreeMap<String, TenantTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct PriceRow {
    pub(super) version: String,
    pub(super) provider: ProviderName,
    pub(super) action: Action,
    pub(super) field: PricedField,
    pub(super) from: Day,
    pub(super) charge_on: ChargeOn,
    #[serde(default)]
    pub(super) repeat: Repeat,
    pub(super) cost: CreditsTable,
}

/// A price list that comes with Leadgate.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct PriceSet {
    pub(super) version: String,
    pub(super) provider: ProviderName,
    pub(super) from: Day,
    pub(super) rows: Vec<SetRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct SetRow {
    pub(super) action: Action,
    pub(super) field: PricedField,
    pub(super) charge_on: ChargeOn,
    #[serde(default)]
    pub(super) repeat: Repeat,
    pub(super) cost: CreditsTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct TenantTable {
    #[serde(default = "utc")]
    pub(super) time_zone: String,
    pub(super) freshness_days: Option<u32>,
    pub(super) miss_days: Option<u32>,
    pub(super) give_up_days: Option<u32>,
    pub(super) hops_per_hour: Option<u32>,
    pub(super) undo_days: Option<u32>,
    pub(super) crm: CrmTable,
    #[serde(default)]
    pub(super) sources: BTreeMap<String, HookTable>,
    pub(super) feed: Option<FeedTable>,
    pub(super) signals: Option<SignalsTable>,
    #[serde(default)]
    pub(super) icps: BTreeMap<String, IcpTable>,
    pub(super) provider: ProviderTable,
    pub(super) plan: PlanTable,
    #[serde(default)]
    pub(super) fallbacks: Vec<FallbackTable>,
    #[serde(default)]
    pub(super) waterfall: WaterfallTable,
    #[serde(default)]
    pub(super) on_exhausted: OnExhausted,
    #[serde(default)]
    pub(super) caps: CapsTable,
    #[serde(default)]
    pub(super) floor: CreditsTable,
    pub(super) alert_percents: Option<Vec<u8>>,
    #[serde(default)]
    pub(super) identity: Option<IdentityProperties>,
    pub(super) fields: BTreeMap<String, FieldTable>,
    pub(super) companies: Option<CompaniesTable>,
}

/// The table of companies that are records themselves.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct CompaniesTable {
    #[serde(default)]
    pub(super) enrich_on_change: Vec<String>,
    pub(super) domain_property: Option<String>,
    pub(super) last_enriched_property: Option<String>,
    pub(super) source_property: Option<String>,
    pub(super) fields: BTreeMap<String, FieldTable>,
}

/// The table of a feed of businesses.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct FeedTable {
    pub(super) delimiter: Option<String>,
    pub(super) calling_code: Option<String>,
    pub(super) columns: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) asked_by: PlaceProperties,
    #[serde(default = "skip")]
    pub(super) on_miss: OnBlocked,
    pub(super) every_days: Option<u32>,
}

/// The table of another system that tells of leads.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct HookTable {
    pub(super) signature: SignatureWord,
    pub(super) secrets: Vec<String>,
    pub(super) header: Option<String>,
    pub(super) time_header: Option<String>,
    pub(super) pointer: Option<String>,
    pub(super) object: Option<String>,
    pub(super) record: Option<String>,
    #[serde(default)]
    pub(super) fields: BTreeMap<String, String>,
    pub(super) items: Option<String>,
    pub(super) id: Option<String>,
    pub(super) cause: Option<HookCause>,
}

/// The table of a CRM. By now it has no keys but those of all CRMs and its own.
#[derive(Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct CrmTable {
    pub(super) kind: String,
    pub(super) public_url: String,
    pub(super) base_url: Option<String>,
    #[serde(default)]
    pub(super) enrich_on_change: Vec<String>,
    pub(super) last_enriched_property: Option<String>,
    pub(super) source_property: Option<String>,
    pub(super) candidate_property: Option<String>,
    pub(super) owner_property: Option<String>,
    #[serde(flatten)]
    pub(super) own: Table,
}

/// The table of a provider, in the same way.
#[derive(Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct ProviderTable {
    pub(super) kind: String,
    pub(super) base_url: Option<String>,
    #[serde(default)]
    pub(super) organizations: bool,
    pub(super) callback_url: Option<String>,
    #[serde(default)]
    pub(super) callback_secrets: Vec<String>,
    pub(super) limits: Option<LimitsTable>,
    #[serde(flatten)]
    pub(super) own: Table,
}

/// The table of a provider that is asked beside the first.
#[derive(Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct FallbackTable {
    pub(super) plan: Option<PlanTable>,
    #[serde(flatten)]
    pub(super) provider: ProviderTable,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct WaterfallTable {
    pub(super) order: Option<Vec<String>>,
    #[serde(default)]
    pub(super) fields: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) verify: VerifyTable,
    #[serde(default)]
    pub(super) on_exhausted: OnBlocked,
    #[serde(default)]
    pub(super) on_unavailable: OnBlocked,
    #[serde(default)]
    pub(super) routes: Vec<RouteTable>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct VerifyTable {
    pub(super) email: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct LimitsTable {
    pub(super) minute: Option<u32>,
    pub(super) hour: Option<u32>,
    pub(super) day: Option<u32>,
    pub(super) low_priority_percent: Option<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct PlanTable {
    pub(super) anchor: Day,
    pub(super) cycle: Cadence,
    pub(super) grant_every: Option<Cadence>,
    pub(super) grant: CreditsTable,
    #[serde(default)]
    pub(super) value: MoneyTable,
    pub(super) trial: Option<TrialTable>,
    #[serde(default)]
    pub(super) allowances: Vec<AllowanceTable>,
    #[serde(default)]
    pub(super) packs: Vec<PackTable>,
    pub(super) overage: Option<OverageTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct TrialTable {
    pub(super) from: Day,
    pub(super) days: Option<u32>,
    pub(super) grant: CreditsTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct AllowanceTable {
    pub(super) name: String,
    pub(super) action: Action,
    pub(super) every: Cadence,
    pub(super) grant: CreditsTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct PackTable {
    pub(super) name: String,
    pub(super) from: Day,
    pub(super) until: Option<Day>,
    pub(super) grant: CreditsTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct OverageTable {
    pub(super) limit: CreditsTable,
    pub(super) price: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct CapsTable {
    pub(super) per_day: Option<CreditsTable>,
    pub(super) per_owner: Option<CreditsTable>,
    #[serde(default)]
    pub(super) per_source: BTreeMap<Source, CreditsTable>,
    #[serde(default)]
    pub(super) money: MoneyCapsTable,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct MoneyCapsTable {
    pub(super) per_day: Option<String>,
    pub(super) per_owner: Option<String>,
    #[serde(default)]
    pub(super) per_source: BTreeMap<Source, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct FieldTable {
    pub(super) from: ProfileField,
    #[serde(default)]
    pub(super) policy: FieldPolicy,
    pub(super) min_confidence: Option<Confidence>,
}

/// A quoted day: `"2026-01-31"`.
#[derive(Clone, Copy)]
pub(super) struct Day(pub(super) Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = || format!("found {text:?}, expected a day such as \"2026-01-31\", in quotes");
        text.parse().map(Self).map_err(|_| serde::de::Error::custom(expected()))
    }
}

/// A feed that doesn't know a lead holds up nothing, unless that is what is wanted.
fn skip() -> OnBlocked {
    OnBlocked::Skip
}

fn utc() -> String {
    "UTC".to_owned()
}

/// More lines than this that can't be read are one mistake that leads to others.
const LINES_MAX: usize = 10;

/// Reads the document. The source is not repeated in an error: a secret may stand in it by mistake.
pub(super) fn document(text: &str) -> Result<Value, ConfigError> {
    let (_, errors) = DeTable::parse_recoverable(text);
    if let (true, Ok(table)) = (errors.is_empty(), text.parse::<Table>()) {
        return Ok(Value::Table(table));
    }
    let problem = |error: &toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line =
            before.map_or_else(|| "the file".to_owned(), |before| format!("line {}", before.matches('\n').count() + 1));
        let (found, expected) = error.message().split_once(", expected ").unwrap_or((error.message(), "TOML"));
        Problem::new(line, found, expected, "Correct this line first: the rest is checked once the file can be read.")
    };
    Err(ConfigError { problems: errors.iter().take(LINES_MAX).map(problem).collect() })
}

/// Takes what is in the document, which has the shape for it.
pub(super) fn take<T: serde::de::DeserializeOwned>(document: Value) -> Result<T, ConfigError> {
    document.try_into().map_err(|error: toml::de::Error| {
        let problem = Problem::new("the file", error.message(), "another value", "Correct the value.");
        ConfigError { problems: vec![problem] }
    })
}
