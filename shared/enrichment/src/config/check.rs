//! From the file as it is written to what has been checked.

use std::collections::BTreeMap;
use std::fmt::Display;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use toml::Value;

use super::deployable;
use super::file::{self, CreditsTable, Day, FallbackTable, File, PlanTable, PriceRow, PriceSet, TenantTable};
use super::fit::Fit;
use super::keys::FILE;
use super::signals::Around;
use super::vendor::Vendors;
use super::waterfall::Askable;
use super::{
    ALERT_PERCENTS_DEFAULT, Config, ConfigError, FRESHNESS_DEFAULT, FeedPolicy, GIVE_UP_DEFAULT, HOPS_PER_HOUR_DEFAULT,
    MISS_DEFAULT, Problem, ProviderConnection, RecordKind, TRIAL_DAYS_DEFAULT, Tenant, UNDO_DEFAULT,
};
use crate::clock::{days, later};
use crate::credits::cycle::{Cadence, Calendar};
use crate::credits::plan::{Allowance, Overage, Pack, Plan, Trial};
use crate::credits::price::{Price, PricedField};
use crate::credits::{Amounts, Bucket, Milli};
use crate::ids::TenantId;
use crate::lead::windows::Windows;
use crate::person::IdentityProperties;

pub(super) fn parse(text: &str, vendors: &Vendors) -> Result<Config, ConfigError> {
    Checker::new(vendors).document(file::document(text)?)?.ended()
}

/// The same, and whether what is deployed can work with it.
pub(super) fn check(text: &str, vendors: &Vendors, now: Timestamp) -> Result<Config, ConfigError> {
    let mut checked = Checker::new(vendors).document(file::document(text)?)?;
    for problem in deployable::problems(&checked.config, now) {
        let checker = &mut checked.checker;
        let is_said = checker.problems.iter().any(|said| said.path == problem.path && problem.path != "prices");
        if !is_said && !checker.is_guess(&problem.path) {
            checker.problems.push(problem);
        }
    }
    checked.ended()
}

/// What can be read of a file, and what was wrong with it.
struct Checked<'v> {
    config: Config,
    checker: Checker<'v>,
}

impl Checked<'_> {
    fn ended(self) -> Result<Config, ConfigError> {
        if self.checker.problems.is_empty() {
            return Ok(self.config);
        }
        Err(ConfigError { problems: self.checker.problems })
    }
}

/// Goes through the file and collects everything that is wrong, rather than stopping at the first.
pub(super) struct Checker<'v> {
    pub(super) problems: Vec<Problem>,
    pub(super) vendors: &'v Vendors,
    /// Where something of another shape stood, and something made up stands now.
    made_up: Vec<String>,
}

impl<'v> Checker<'v> {
    fn new(vendors: &'v Vendors) -> Self {
        Self { problems: Vec::new(), vendors, made_up: Vec::new() }
    }

    fn document(mut self, mut document: Value) -> Result<Checked<'v>, ConfigError> {
        let mut fit = Fit::new(self.vendors);
        fit.fit("", &mut document, &FILE);
        self.made_up = fit.problems.iter().map(|problem| problem.path.clone()).collect();
        let file = file::take(document).map_err(|error| match fit.problems.is_empty() {
            true => error,
            false => ConfigError { problems: fit.problems.clone() },
        })?;
        self.problems = fit.problems;
        Ok(self.config(file))
    }

    fn config(mut self, file: File) -> Checked<'v> {
        let rows = file.prices.into_iter().enumerate();
        let mut prices: Vec<Price> = rows.filter_map(|(i, row)| self.price(&format!("prices[{i}]"), row)).collect();
        for (i, name) in file.price_sets.iter().enumerate() {
            let path = format!("price_sets[{i}]");
            // Something made up could have prices that stand there already.
            if self.is_sound(&path) {
                prices.extend(self.price_set(&path, name));
            }
        }
        self.prices_apart(&prices);
        if file.tenants.is_empty() {
            self.problem("tenants", "nothing", "at least one tenant", "Add the table [tenants.NAME].");
        }
        let mut tenants = BTreeMap::new();
        for (name, table) in file.tenants {
            let path = format!("tenants.{name}");
            let Ok(id) = name.parse::<TenantId>() else {
                let (found, expected) = (format!("the name {name:?}"), "1 to 40 characters from a-z, 0-9 and '-'");
                self.problem(&path, found, expected, "Choose another name for the tenant.");
                continue;
            };
            let Some(tenant) = self.tenant(&path, id.clone(), table) else { continue };
            if self.is_sound(&format!("{path}.plan")) {
                self.caps_and_floor(&path, &tenant);
            }
            if self.is_sound(&path) && self.is_sound("prices") && self.is_sound("price_sets") {
                self.prices_cover(&path, &tenant, &prices);
                self.icp_budgets(&path, &tenant, &prices);
                self.somewhere_to_arrive(&path, &tenant);
            }
            tenants.insert(id, tenant);
        }
        Checked { config: Config { tenants, prices }, checker: self }
    }

    /// Notes it, unless it is about something that was only made up so that the rest could be read.
    pub(super) fn problem(&mut self, path: &str, found: impl Display, expected: impl Display, remedy: impl Display) {
        if !self.made_up.iter().any(|made_up| is_within(path, made_up)) {
            self.problems.push(Problem::new(path, found, expected, remedy));
        }
    }

    /// Whether something was made up that a problem at this path may only be owed to.
    fn is_guess(&self, path: &str) -> bool {
        let plan = path.split_once(".floor").map(|(tenant, _)| format!("{tenant}.plan"));
        let is_made_up = self.made_up.iter().any(|made_up| is_within(path, made_up));
        is_made_up || !self.is_sound(path) || plan.is_some_and(|plan| !self.is_sound(&plan))
    }

    /// Whether nothing at or below this path was made up.
    pub(super) fn is_sound(&self, path: &str) -> bool {
        !self.made_up.iter().any(|made_up| is_within(made_up, path))
    }

    fn price(&mut self, path: &str, row: PriceRow) -> Option<Price> {
        let cost = self.amounts(&format!("{path}.cost"), &row.cost)?;
        // A number may come with the person at no price of its own, and a page may be free, which has to be said.
        let may_be_free = [PricedField::Mobile, PricedField::Page].contains(&row.field);
        let comes_along = may_be_free && cost.iter().next().is_some();
        if cost.is_zero() && !comes_along {
            self.problem(
                &format!("{path}.cost"),
                "nothing",
                "what it costs, such as { credits = 1 }",
                "Write the cost, or take the row out.",
            );
        }
        let from = first_instant(row.from, &TimeZone::UTC);
        Some(Price {
            version: row.version,
            provider: row.provider,
            action: row.action,
            field: row.field,
            from,
            charge_on: row.charge_on,
            repeat: row.repeat,
            cost,
        })
    }

    fn price_set(&mut self, path: &str, name: &str) -> Vec<Price> {
        // That it is one of them has been checked with the file's shape.
        let text = self.vendors.price_lists().find(|(own, _)| *own == name).map_or("", |(_, text)| text);
        let set: PriceSet = match file::document(text).and_then(file::take) {
            Ok(set) => set,
            Err(error) => {
                self.problems.extend(error.problems);
                return Vec::new();
            }
        };
        let row = |row: file::SetRow| PriceRow {
            version: set.version.clone(),
            provider: set.provider.clone(),
            action: row.action,
            field: row.field,
            from: set.from,
            charge_on: row.charge_on,
            repeat: row.repeat,
            cost: row.cost,
        };
        let rows: Vec<PriceRow> = set.rows.into_iter().map(row).collect();
        rows.into_iter().filter_map(|row| self.price(path, row)).collect()
    }

    fn tenant(&mut self, path: &str, id: TenantId, table: TenantTable) -> Option<Tenant> {
        let crm = self.crm(&format!("{path}.crm"), table.crm)?;
        let sources = self.hooks(&format!("{path}.sources"), table.sources, crm.vendor);
        let place = table.feed.as_ref().map(|feed| feed.asked_by.clone()).unwrap_or_default();
        let feed = table.feed.and_then(|feed| self.feed(&format!("{path}.feed"), feed));
        let (feed, feed_policy) = feed.map_or((None, FeedPolicy::NONE), |(feed, policy)| (Some(feed), policy));
        let fields = self.fields(&format!("{path}.fields"), table.fields, crm.vendor);
        let time_zone = TimeZone::get(&table.time_zone).unwrap_or_else(|_| {
            let (found, expected) = (format!("{:?}", table.time_zone), "a name of the time zone database");
            self.problem(
                &format!("{path}.time_zone"),
                found,
                expected,
                "Write such a name, such as \"Europe/Berlin\".",
            );
            TimeZone::UTC
        });
        let plan = self.plan(&format!("{path}.plan"), &time_zone, table.plan)?;
        let provider = self.provider(&format!("{path}.provider"), table.provider, plan)?;
        let mut fallbacks = Vec::with_capacity(table.fallbacks.len());
        for (i, FallbackTable { plan, provider }) in table.fallbacks.into_iter().enumerate() {
            let path = format!("{path}.fallbacks[{i}]");
            let prefix = Plan::prefix_of(&provider.kind);
            self.has_plan(&path, &provider.kind, plan.is_some());
            let plan = match plan {
                Some(plan) => Plan { prefix, ..self.plan(&format!("{path}.plan"), &time_zone, plan)? },
                None => Plan::of_nothing(prefix, &time_zone),
            };
            fallbacks.push(self.provider(&path, provider, plan)?);
        }
        let providers: Vec<&ProviderConnection> = std::iter::once(&provider).chain(&fallbacks).collect();
        self.apart(path, &providers);
        self.in_batches(path, feed.as_ref(), &providers);
        let values = self.values(path, &providers);
        let askable = Askable { providers: &providers, mapping: &fields };
        let (waterfall, routes) = self.waterfall(&format!("{path}.waterfall"), table.waterfall, &askable);
        let around = Around { crm: &crm, providers: &providers, fields: &fields };
        let signals = table.signals.and_then(|table| self.signals(&format!("{path}.signals"), table, &around));
        let icps = self.icps(&format!("{path}.icps"), table.icps, &crm, &providers);
        let caps = self.caps(&format!("{path}.caps"), table.caps)?;
        let floor = self.amounts(&format!("{path}.floor"), &table.floor)?;
        let identity = IdentityProperties { place, ..table.identity.unwrap_or_else(crm.vendor.identity) };
        let days_or = |set: Option<u32>, default| set.map_or(default, days);
        let people = Tenant {
            id,
            time_zone,
            windows: Windows {
                freshness: days_or(table.freshness_days, FRESHNESS_DEFAULT),
                miss: days_or(table.miss_days, MISS_DEFAULT),
                give_up: days_or(table.give_up_days, GIVE_UP_DEFAULT),
            },
            hops_per_hour: table.hops_per_hour.unwrap_or(HOPS_PER_HOUR_DEFAULT),
            undo: days_or(table.undo_days, UNDO_DEFAULT),
            crm,
            sources,
            feed,
            feed_policy,
            signals,
            icps,
            provider,
            fallbacks,
            waterfall,
            routes,
            on_exhausted: table.on_exhausted,
            caps,
            values,
            floor,
            alert_percents: Self::alert_percents(table.alert_percents),
            identity,
            fields,
            kind: RecordKind::Person,
            companies: None,
        };
        let companies = table.companies.and_then(|table| self.companies(&format!("{path}.companies"), table, &people));
        Some(Tenant { companies: companies.map(Box::new), ..people })
    }

    fn alert_percents(percents: Option<Vec<u8>>) -> Vec<u8> {
        let mut percents = percents.unwrap_or_else(|| ALERT_PERCENTS_DEFAULT.to_vec());
        percents.sort_unstable();
        percents
    }

    fn plan(&mut self, path: &str, time_zone: &TimeZone, table: PlanTable) -> Option<Plan> {
        let calendar = |every: Cadence| Calendar::new(table.anchor.0, every, time_zone.clone());
        let mut plan = Plan {
            prefix: String::new(),
            calendar: calendar(table.cycle),
            grants: calendar(table.grant_every.unwrap_or(table.cycle)),
            grant: self.amounts(&format!("{path}.grant"), &table.grant)?,
            // That it is money has been checked with the file's shape.
            values: table
                .value
                .iter()
                .filter_map(|(name, text)| Some((Bucket::new(name), text.parse().ok()?)))
                .collect(),
            trial: None,
            allowances: Vec::new(),
            packs: Vec::new(),
            overage: None,
        };
        if let Some(trial) = table.trial {
            let opens = first_instant(trial.from, time_zone);
            let expires = later(opens, days(trial.days.unwrap_or(TRIAL_DAYS_DEFAULT)));
            plan.trial =
                Some(Trial { opens, expires, grant: self.amounts(&format!("{path}.trial.grant"), &trial.grant)? });
        }
        for (i, allowance) in table.allowances.into_iter().enumerate() {
            let path = format!("{path}.allowances[{i}]");
            self.name(&path, &allowance.name);
            let grant = self.amounts(&format!("{path}.grant"), &allowance.grant)?;
            let (action, calendar) = (allowance.action, calendar(allowance.every));
            plan.allowances.push(Allowance { name: allowance.name, action, calendar, grant });
        }
        for (i, pack) in table.packs.into_iter().enumerate() {
            let path = format!("{path}.packs[{i}]");
            self.name(&path, &pack.name);
            let (from, until) = (first_instant(pack.from, time_zone), pack.until);
            let until = until.map_or(Timestamp::MAX, |until| first_instant(until, time_zone));
            if until <= from {
                let (found, expected) = ("a day that is not after `from`", "a later day, or none");
                self.problem(&format!("{path}.until"), found, expected, "Write a later day, or take it out.");
            }
            plan.packs.push(Pack {
                name: pack.name,
                from,
                until,
                grant: self.amounts(&format!("{path}.grant"), &pack.grant)?,
            });
        }
        if let Some(overage) = table.overage {
            let limit = self.amounts(&format!("{path}.overage.limit"), &overage.limit)?;
            plan.overage = Some(Overage { limit, price: overage.price });
        }
        Some(plan)
    }

    /// It becomes a part of keys.
    fn name(&mut self, path: &str, name: &str) {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 40 || !name.chars().all(allowed) {
            let expected = "1 to 40 characters from a-z, 0-9 and '-'";
            self.problem(&format!("{path}.name"), format!("{name:?}"), expected, "Choose another name.");
        }
    }

    pub(super) fn amounts(&mut self, path: &str, table: &CreditsTable) -> Option<Amounts> {
        let mut amounts = Amounts::default();
        for (bucket, credits) in table {
            match Milli::from_decimal(*credits) {
                Ok(milli) => amounts.add(&Bucket::new(bucket), milli),
                Err(error) => {
                    let (found, expected) = (credits, error.to_string());
                    self.problem(&format!("{path}.{bucket}"), found, expected, "Write such an amount.");
                    return None;
                }
            }
        }
        Some(amounts)
    }
}

/// Whether a path is this one, or below it.
fn is_within(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The first instant of a day. A midnight that a clock change skips is the first instant after it.
fn first_instant(day: Day, time_zone: &TimeZone) -> Timestamp {
    day.0.to_zoned(time_zone.clone()).map_or(Timestamp::MAX, |midnight| midnight.timestamp())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
