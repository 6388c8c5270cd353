//! From the file as it is written to what has been checked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::file::{self, CapsTable, CreditsTable, Day, File, PlanTable, PriceRow, PriceSet, TenantTable};
use super::{
    ALERT_PERCENTS_DEFAULT, Allowance, Caps, Config, ConfigError, FRESHNESS_DEFAULT, GIVE_UP_DEFAULT,
    HOPS_PER_HOUR_DEFAULT, MISS_DEFAULT, Overage, Pack, Plan, Problem, TRIAL_DAYS_DEFAULT, Tenant, Trial,
};
use crate::clock::{days, later};
use crate::credits::{Amounts, Bucket, Milli};
use crate::cycle::{Cadence, Calendar};
use crate::gate::Windows;
use crate::ids::TenantId;
use crate::price::{Action, PERSON, Price};

/// The price lists that come with Leadgate, by name.
const PRICE_SETS: [(&str, &str); 4] = [
    ("apollo-2026-08", include_str!("../../prices/apollo-2026-08.toml")),
    ("apollo-buckets", include_str!("../../prices/apollo-buckets.toml")),
    ("apollo-table", include_str!("../../prices/apollo-table.toml")),
    ("apollo-example", include_str!("../../prices/apollo-example.toml")),
];

pub(super) fn parse(text: &str) -> Result<Config, ConfigError> {
    Checker::default().config(file::read(text)?)
}

/// Goes through the file and collects everything that is wrong, rather than stopping at the first.
#[derive(Default)]
pub(super) struct Checker {
    pub(super) problems: Vec<Problem>,
}

impl Checker {
    fn config(mut self, file: File) -> Result<Config, ConfigError> {
        let rows = file.prices.into_iter().enumerate();
        let mut prices: Vec<Price> = rows.filter_map(|(i, row)| self.price(&format!("prices[{i}]"), row)).collect();
        for (i, name) in file.price_sets.iter().enumerate() {
            prices.extend(self.price_set(&format!("price_sets[{i}]"), name));
        }
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
                self.somewhere_to_arrive(&path, &tenant);
                tenants.insert(id, tenant);
            }
        }
        if self.problems.is_empty() {
            Ok(Config { tenants, prices })
        } else {
            Err(ConfigError { problems: self.problems })
        }
    }

    pub(super) fn problem(&mut self, path: &str, found: impl std::fmt::Display, expected: &str) {
        self.problems.push(Problem::new(path, found, expected));
    }

    fn price(&mut self, path: &str, row: PriceRow) -> Option<Price> {
        let cost = self.amounts(&format!("{path}.cost"), &row.cost)?;
        if cost.is_zero() {
            self.problem(&format!("{path}.cost"), "nothing", "what it costs, such as { credits = 1 }");
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
        let Some((_, text)) = PRICE_SETS.iter().find(|(own, _)| *own == name) else {
            let names: Vec<&str> = PRICE_SETS.iter().map(|(name, _)| *name).collect();
            self.problem(path, format!("{name:?}"), &format!("one of {}", names.join(", ")));
            return Vec::new();
        };
        let set: PriceSet = match file::read(text) {
            Ok(set) => set,
            Err(error) => {
                self.problems.extend(error.problems);
                return Vec::new();
            }
        };
        let row = |row: file::SetRow| PriceRow {
            version: set.version.clone(),
            provider: set.provider,
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
        let crm = self.crm(&format!("{path}.crm"), table.crm);
        let provider = self.provider(&format!("{path}.provider"), table.provider);
        let fields = self.fields(&format!("{path}.fields"), table.fields);
        let Ok(time_zone) = TimeZone::get(&table.time_zone) else {
            let expected = "a name of the time zone database, such as \"Europe/Berlin\"";
            self.problem(&format!("{path}.time_zone"), format!("{:?}", table.time_zone), expected);
            return None;
        };
        let plan = self.plan(&format!("{path}.plan"), &time_zone, table.plan)?;
        let caps = self.caps(&format!("{path}.caps"), table.caps)?;
        let floor = self.amounts(&format!("{path}.floor"), &table.floor)?;
        let days_or = |set: Option<u32>, default| set.map_or(default, days);
        Some(Tenant {
            id,
            time_zone,
            windows: Windows {
                freshness: days_or(table.freshness_days, FRESHNESS_DEFAULT),
                miss: days_or(table.miss_days, MISS_DEFAULT),
                give_up: days_or(table.give_up_days, GIVE_UP_DEFAULT),
            },
            hops_per_hour: table.hops_per_hour.unwrap_or(HOPS_PER_HOUR_DEFAULT),
            crm,
            provider,
            plan,
            on_exhausted: table.on_exhausted,
            caps,
            floor,
            alert_percents: self.alert_percents(path, table.alert_percents),
            identity: table.identity,
            fields,
        })
    }

    fn alert_percents(&mut self, path: &str, percents: Option<Vec<u8>>) -> Vec<u8> {
        let mut percents = percents.unwrap_or_else(|| ALERT_PERCENTS_DEFAULT.to_vec());
        if let Some(wrong) = percents.iter().find(|percent| **percent > 100) {
            self.problem(&format!("{path}.alert_percents"), wrong, "0 to 100");
        }
        percents.sort_unstable();
        percents
    }

    fn plan(&mut self, path: &str, time_zone: &TimeZone, table: PlanTable) -> Option<Plan> {
        let calendar = |every: Cadence| Calendar::new(table.anchor.0, every, time_zone.clone());
        let mut plan = Plan {
            calendar: calendar(table.cycle),
            grants: calendar(table.grant_every.unwrap_or(table.cycle)),
            grant: self.amounts(&format!("{path}.grant"), &table.grant)?,
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
                self.problem(&format!("{path}.until"), "a day that is not after `from`", "a later day, or none");
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

    fn caps(&mut self, path: &str, table: CapsTable) -> Option<Caps> {
        let mut some = |name: &str, table: Option<CreditsTable>| match table {
            Some(table) => self.amounts(&format!("{path}.{name}"), &table).map(Some),
            None => Some(None),
        };
        let (per_day, per_owner) = (some("per_day", table.per_day)?, some("per_owner", table.per_owner)?);
        let mut per_source = BTreeMap::new();
        for (source, limit) in table.per_source {
            let path = format!("{path}.per_source.{}", source.word());
            per_source.insert(source, self.amounts(&path, &limit)?);
        }
        Some(Caps { per_day, per_owner, per_source })
    }

    /// It becomes a part of keys.
    fn name(&mut self, path: &str, name: &str) {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 40 || !name.chars().all(allowed) {
            self.problem(&format!("{path}.name"), format!("{name:?}"), "1 to 40 characters from a-z, 0-9 and '-'");
        }
    }

    /// Credits that nothing was granted of could never be held: every lead would wait for ever.
    fn prices_cover(&mut self, path: &str, tenant: &Tenant, prices: &[Price]) {
        let provider = tenant.provider.kind;
        let later = tenant.later_fields();
        let of = |price: &&Price| price.provider == provider && price.action == Action::Match;
        for field in &later {
            if !prices.iter().filter(of).any(|price| price.field == *field) {
                let found =
                    format!("no price of {} for {:?}, which {path}.fields asks for", provider.as_str(), field.word());
                self.problem("prices", found, "a [[prices]] row for it, or one of the `price_sets`");
            }
        }
        let organizations = |price: &Price| price.provider == provider && price.action == Action::EnrichOrganization;
        if tenant.provider.organizations && !prices.iter().any(organizations) {
            let found =
                format!("no price of {} for looking an organization up, which {path} asks for", provider.as_str());
            self.problem("prices", found, "a [[prices]] row for it, or one of the `price_sets`");
        }
        let bought = |price: &&Price| {
            let of_person = of(price) && (PERSON.contains(&price.field) || later.contains(&price.field));
            of_person || (tenant.provider.organizations && organizations(price))
        };
        let own: Vec<&Price> = prices.iter().filter(bought).collect();
        if !own.iter().any(|price| PERSON.contains(&price.field)) {
            let found = format!("no price of {} for matching a person", provider.as_str());
            self.problem("prices", found, "a [[prices]] row for it, or one of the `price_sets`");
        }
        let granted = tenant.plan.granted();
        for (bucket, _) in own.iter().flat_map(|price| price.cost.iter()) {
            if granted.get(bucket) == Milli::ZERO {
                let expected = format!("some \"{bucket}\", which the prices are in");
                return self.problem(&format!("{path}.plan.grant"), &tenant.plan.grant, &expected);
            }
        }
    }

    fn amounts(&mut self, path: &str, table: &CreditsTable) -> Option<Amounts> {
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
}

/// The first instant of a day. A midnight that a clock change skips is the first instant after it.
fn first_instant(day: Day, time_zone: &TimeZone) -> Timestamp {
    day.0.to_zoned(time_zone.clone()).map_or(Timestamp::MAX, |midnight| midnight.timestamp())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
