//! `leadgate.toml`: the one file that an ops team edits. Parsed and checked once, at cold start.
//!
//! What is here has been checked: a flow never meets a tenant without a price or a field mapped twice.

mod address;
mod check;
mod companies;
mod condition;
mod connection;
mod deployable;
mod feed;
mod file;
mod fit;
mod hooks;
mod icp;
mod keys;
mod money;
mod pointer;
mod problem;
mod properties;
mod routes;
mod shape;
mod signals;
mod tariffs;
mod vendor;
mod waterfall;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use strum::VariantNames;

pub use self::companies::RecordKind;
pub use self::feed::{Column, Feed, FeedPolicy};
pub use self::hooks::{HookCause, HookLeads, HookSignature, HookSource, RecordAt};
pub use self::pointer::{NoPointer, Pointer};
pub use self::problem::{ConfigError, Problem};
pub use self::routes::Route;
pub use self::shape::{Key, Shape};
pub use self::signals::{Condition, NotInCrm, SignalName, SignalRule, SignalSource, Signals, TaskRule};
pub use self::vendor::{
    CompanyKind, CrmVendor, ObjectKind, OwnKeys, ProviderVendor, SecretKey, SecretNames, SecretRole, Vendors, Wrong,
    contact,
};
pub use self::waterfall::{OnBlocked, Step, Waterfall};
use crate::credits::Amounts;
use crate::credits::money::{CurrencyAmount, Values};
use crate::credits::plan::Plan;
use crate::credits::price::{PERSON, Price, PricedField};
use crate::icp::Icp;
use crate::ids::{ProviderName, TenantId};
use crate::lead::patch::FieldMapping;
use crate::lead::request::Source;
use crate::lead::windows::Windows;
use crate::person::{IdentityProperties, ProfileField};
use crate::provider::limits::CallLimits;

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
    /// Where its days begin.
    pub time_zone: TimeZone,
    /// How long answers stay good, and requests.
    pub windows: Windows,
    /// The most purchases for one record within one hour.
    pub hops_per_hour: u32,
    /// For how long what stood in the CRM before a write-back is kept; not at all if zero.
    pub undo: Duration,
    /// Its CRM.
    pub crm: CrmConnection,
    /// What else tells of its leads, by name.
    pub sources: BTreeMap<String, HookSource>,
    /// How its feed of businesses is written, if it has one.
    pub feed: Option<Feed>,
    /// What becomes of leads that its feed doesn't know.
    pub feed_policy: FeedPolicy,
    /// What is done about signals, where anything is.
    pub signals: Option<Signals>,
    /// Which accounts and people are searched for every night, by name.
    pub icps: BTreeMap<String, Icp>,
    /// Who it buys from: who is asked first, unless the waterfall says otherwise.
    pub provider: ProviderConnection,
    /// Who else it buys from.
    pub fallbacks: Vec<ProviderConnection>,
    /// Who is asked for what, one after another.
    pub waterfall: Waterfall,
    /// Who is asked instead about records of which something holds. The first that fits counts.
    pub routes: Vec<Route>,
    /// What becomes of a lead that the credits can pay for in part.
    pub on_exhausted: OnExhausted,
    /// The most that may be spent, beside what there is.
    pub caps: Caps,
    /// What its credits are worth, where that is configured. Applied whenever something is read, so that another value changes
    /// what the past is said to have cost; what counts towards a cap keeps the values that it was held with.
    pub values: Option<Values>,
    /// What lower sources leave for new leads.
    pub floor: Amounts,
    /// At how many per cent of a kind of credit left operators are told, ascending.
    pub alert_percents: Vec<u8>,
    /// How its CRM names what tells who a person is.
    pub identity: IdentityProperties,
    /// What goes where.
    pub fields: Vec<FieldMapping>,
    /// What its records are about, as far as this says how they are enriched.
    pub kind: RecordKind,
    /// The same tenant for companies that are records themselves, where they are enriched. See [`Self::of_object`].
    pub companies: Option<Box<Self>>,
}

/// How to reach a tenant's CRM. Secrets are named here, never written.
#[derive(Debug, Clone)]
pub struct CrmConnection {
    /// Which CRM.
    pub vendor: &'static CrmVendor,
    /// The webhook's address as the CRM knows it: it may be a part of what is signed.
    pub public_url: String,
    /// Where the API is.
    pub base_url: String,
    /// Names of its secrets.
    pub secrets: SecretNames,
    /// What only this CRM has.
    pub own: OwnKeys,
    /// Changes to these properties make a record due.
    pub enrich_on_change: Vec<String>,
    /// The property that says when the record was last enriched, by any system. Read by the gate, written with the rest.
    pub last_enriched_property: Option<String>,
    /// The property that says what was written last, by which provider's account and when. Only written.
    pub source_property: Option<String>,
    /// The property that says which search has found the person. Only written, and only where there is nothing.
    pub candidate_property: Option<String>,
    /// The property that says whose record it is. Only read where there is a cap per owner.
    pub owner_property: String,
}

/// How a tenant buys from a provider: how it is reached, and what was bought of it. Secrets are named here, never written.
#[derive(Debug, Clone)]
pub struct ProviderConnection {
    /// Which provider.
    pub vendor: &'static ProviderVendor,
    /// Where the API is.
    pub base_url: String,
    /// How often each of its endpoints may be called, until it says otherwise itself.
    pub limits: CallLimits,
    /// The same for checking addresses, if it does that.
    pub verification_limits: Option<CallLimits>,
    /// Whether employers are looked up as well, each once for all who work there.
    pub organizations: bool,
    /// What arrives minutes later, and what it is paid for as.
    pub asynchronous: BTreeMap<ProfileField, PricedField>,
    /// Where the provider says that something has arrived. There, whenever anything that arrives later is mapped.
    pub callback: Option<Callback>,
    /// Names of its secrets.
    pub secrets: SecretNames,
    /// What only this provider has.
    pub own: OwnKeys,
    /// What was bought of it. No other provider's plan grants the same kinds of credit.
    pub plan: Plan,
}

impl ProviderConnection {
    /// The provider's name, as prices and limits are kept under.
    pub fn name(&self) -> ProviderName {
        ProviderName::known(self.vendor.name)
    }

    /// Whether it only says later whether it knows a person at all.
    pub fn answers_later(&self) -> bool {
        self.asynchronous.values().any(|field| *field == PricedField::PersonLater)
    }

    /// What is paid for of what comes at once, when `fields` are wanted of a person.
    pub fn at_once(&self, fields: &BTreeSet<ProfileField>) -> Vec<PricedField> {
        if self.answers_later() || self.vendor.delivers_in_batches() {
            return Vec::new();
        }
        let number = ProfileField::MobilePhone;
        let number = fields.contains(&number) && !self.asynchronous.contains_key(&number);
        PERSON.into_iter().chain(number.then_some(PricedField::Mobile)).collect()
    }

    /// What `fields` are paid for as, of those that arrive later: sorted, each once.
    pub fn asynchronous_of(&self, fields: &BTreeSet<ProfileField>) -> Vec<PricedField> {
        let priced: BTreeSet<PricedField> =
            fields.iter().filter_map(|field| self.asynchronous.get(field)).copied().collect();
        priced.into_iter().collect()
    }
}

/// Where a provider delivers what arrives later.
#[derive(Debug, Clone)]
pub struct Callback {
    /// The address of `provider-webhook` for the tenant, as the provider reaches it. A token is put after it.
    pub url: String,
}

/// What becomes of a lead when the credits can pay for what comes at once but not for what arrives later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum OnExhausted {
    /// It waits for both.
    #[default]
    Defer,
    /// What comes at once is bought now, and the rest waits.
    Degrade,
}

/// The most that may be spent within a time. A kind of credit that a cap doesn't name is not capped.
#[derive(Debug, Clone, Default)]
pub struct Caps {
    /// In a day.
    pub per_day: Option<Amounts>,
    /// For the records of one CRM owner, in a billing cycle.
    pub per_owner: Option<Amounts>,
    /// For requests from one source, in a billing cycle.
    pub per_source: BTreeMap<Source, Amounts>,
    /// The same in money, over the credits of all providers.
    pub money: MoneyCaps,
}

/// Caps in money. All are in the currency of the tenant's values.
#[derive(Debug, Clone, Default)]
pub struct MoneyCaps {
    /// In a day.
    pub per_day: Option<CurrencyAmount>,
    /// For the records of one CRM owner, in a billing cycle.
    pub per_owner: Option<CurrencyAmount>,
    /// For requests from one source, in a billing cycle.
    pub per_source: BTreeMap<Source, CurrencyAmount>,
}

impl Caps {
    /// Whether it has to be known whose record one is.
    pub fn is_per_owner(&self) -> bool {
        self.per_owner.is_some() || self.money.per_owner.is_some()
    }
}

impl Config {
    /// Reads a configuration. An error names each key that is wrong, what was found, and what is allowed.
    pub fn parse(text: &str, vendors: &Vendors) -> Result<Self, ConfigError> {
        check::parse(text, vendors)
    }

    /// Reads a configuration that is about to be deployed: with all that [`Config::parse`] refuses, what could not work
    /// there at `now` is refused, too.
    pub fn check(text: &str, vendors: &Vendors, now: Timestamp) -> Result<Self, ConfigError> {
        check::check(text, vendors, now)
    }

    /// The tenant of this name.
    pub fn tenant(&self, id: &TenantId) -> Option<&Tenant> {
        self.tenants.get(id)
    }
}

impl Tenant {
    /// Whether a field is asked of a provider that delivers it later.
    pub fn is_asynchronous(&self, field: ProfileField) -> bool {
        self.providers()
            .any(|provider| provider.asynchronous.contains_key(&field) && self.asked_of(provider).contains(&field))
    }

    /// Whether a field may come with what is paid for as one of these, and arrives later.
    pub fn is_on_its_way(&self, field: ProfileField, paid_for: &[PricedField]) -> bool {
        self.providers()
            .any(|provider| provider.asynchronous.get(&field).is_some_and(|priced| paid_for.contains(priced)))
    }

    /// Everything that is asked of this provider and arrives later: sorted, each once.
    pub fn asynchronous_fields(&self, provider: &ProviderConnection) -> Vec<PricedField> {
        provider.asynchronous_of(&self.asked_of(provider))
    }

    /// What looking a person up has to tell, of what is wanted: all but the employer, where that is looked up by itself.
    pub fn fields_of_people(
        &self,
        provider: &ProviderConnection,
        wanted: &BTreeSet<ProfileField>,
    ) -> BTreeSet<ProfileField> {
        let by_itself = |field: &&ProfileField| provider.organizations && field.is_of_employer();
        wanted.iter().filter(|field| !by_itself(field)).copied().collect()
    }

    /// What looking an employer up has to tell.
    pub fn fields_of_employers(&self) -> BTreeSet<ProfileField> {
        self.mapped().filter(|field| field.is_of_employer()).collect()
    }

    /// What is mapped to a property, each once.
    pub fn mapped(&self) -> impl Iterator<Item = ProfileField> {
        self.fields.iter().filter(|field| field.is_mapped()).map(|field| field.from)
    }
}

/// For how long a write-back can be undone when the configuration doesn't say.
const UNDO_DEFAULT: Duration = crate::clock::days(30);
/// How long a result is good when the configuration doesn't say.
const FRESHNESS_DEFAULT: Duration = crate::clock::days(90);
/// How long a miss is remembered when the configuration doesn't say.
const MISS_DEFAULT: Duration = crate::clock::days(30);
/// More purchases than this for one record in an hour is a loop, not a need.
const HOPS_PER_HOUR_DEFAULT: u32 = 3;
/// Days of a trial when the configuration doesn't say.
const TRIAL_DAYS_DEFAULT: u32 = 14;
/// A lead that has waited for half a year is no lead any more.
const GIVE_UP_DEFAULT: Duration = crate::clock::days(180);
/// At how many per cent left operators are told, when the configuration doesn't say.
const ALERT_PERCENTS_DEFAULT: [u8; 3] = [20, 10, 0];

#[cfg(test)]
pub(crate) mod example;
