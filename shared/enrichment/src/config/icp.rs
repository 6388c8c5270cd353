//! Ideal customer profiles: which accounts and people a nightly search is for, and what a night may cost.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::check::Checker;
use super::file::CreditsTable;
use super::{Config, CrmConnection, ProviderConnection, Tenant};
use crate::credits::price::{Action, Price, PricedField, Tariff};
use crate::credits::{Amounts, Milli};
use crate::icp::forecast::Costs;
use crate::icp::{FitRule, FitTest, Icp};
use crate::ids::ProviderName;
use crate::person::ProfileField;
use crate::provider::prospecting::{AccountFilter, EmployeeRange, SearchCeiling, Seniority};

/// How many people of one account are bought when the configuration doesn't say.
const PEOPLE_PER_ACCOUNT_DEFAULT: u16 = 3;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct IcpTable {
    #[serde(default)]
    employees: Vec<String>,
    #[serde(default)]
    locations: Vec<String>,
    #[serde(default)]
    locations_excluded: Vec<String>,
    #[serde(default)]
    industries: Vec<String>,
    #[serde(default)]
    fit: Vec<FitTable>,
    #[serde(default)]
    titles: Vec<String>,
    #[serde(default)]
    seniorities: Vec<Seniority>,
    people_per_account: Option<u16>,
    pages_max: Option<u16>,
    budget: CreditsTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct FitTable {
    field: ProfileField,
    one_of: Option<Vec<String>>,
    none_of: Option<Vec<String>>,
    at_least: Option<u64>,
    at_most: Option<u64>,
    #[serde(default)]
    unknown_fits: bool,
}

impl Checker<'_> {
    pub(super) fn icps(
        &mut self,
        path: &str,
        tables: BTreeMap<String, IcpTable>,
        crm: &CrmConnection,
        providers: &[&ProviderConnection],
    ) -> BTreeMap<String, Icp> {
        if tables.is_empty() {
            return BTreeMap::new();
        }
        let mut names = providers.iter().map(|provider| provider.vendor.name);
        let found = names.find_map(|name| self.vendors.prospectors.iter().find(|(own, _)| *own == name));
        if found.is_none() {
            let searches: Vec<&str> = self.vendors.prospectors.iter().map(|(name, _)| *name).collect();
            let (found, expected) = ("no provider that finds accounts", format!("one of {}", searches.join(", ")));
            self.problem(path, found, expected, "Add such a provider, or take the table out.");
        }
        if !crm.vendor.objects.iter().any(|kind| kind.is_created) {
            let found = format!("people who are to be created in {}", crm.vendor.name);
            self.problem(path, found, "a CRM in which Leadgate creates people", "Take the table out.");
        }
        let mut icps = BTreeMap::new();
        for (name, table) in tables {
            let path = format!("{path}.{name}");
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if name.is_empty() || name.len() > 40 || !name.chars().all(allowed) {
                let expected = "1 to 40 characters from a-z, 0-9 and '-'";
                self.problem(&path, format!("the name {name:?}"), expected, "Choose another name for the profile.");
            }
            let Some(provider) = found else { continue };
            icps.extend(self.icp(&path, name.clone(), table, *provider).map(|icp| (name, icp)));
        }
        icps
    }

    fn icp(
        &mut self,
        path: &str,
        name: String,
        table: IcpTable,
        (provider, shown): (&'static str, SearchCeiling),
    ) -> Option<Icp> {
        let employees = table.employees.iter().enumerate();
        let employees = employees.filter_map(|(i, text)| self.range(&format!("{path}.employees[{i}]"), text)).collect();
        let IcpTable { locations, locations_excluded, industries, titles, seniorities, .. } = table;
        for (key, list) in [
            ("locations", &locations),
            ("locations_excluded", &locations_excluded),
            ("industries", &industries),
            ("titles", &titles),
        ] {
            if let Some(i) = list.iter().position(|text| text.trim().is_empty()) {
                let path = format!("{path}.{key}[{i}]");
                self.problem(&path, "nothing", "a word to search by", "Write it, or take it out.");
            }
        }
        let accounts = AccountFilter { employees, locations, locations_excluded, industries };
        if table.employees.is_empty() && accounts.locations.is_empty() && accounts.industries.is_empty() {
            let expected =
                "`employees`, `locations` or `industries`: without any, it would search all accounts there are";
            self.problem(path, "nothing that accounts are searched by", expected, "Say what they are like.");
        }
        if titles.is_empty() && seniorities.is_empty() {
            let expected = "`titles` or `seniorities`: without any, it would buy whoever works there";
            self.problem(path, "nothing that people are searched by", expected, "Say whom you sell to.");
        }
        let fit = table.fit.into_iter().enumerate();
        let fit = fit.filter_map(|(i, rule)| self.fit_rule(&format!("{path}.fit[{i}]"), rule)).collect();
        let pages_max = table.pages_max.unwrap_or(shown.pages_max);
        if pages_max > shown.pages_max {
            let expected = format!("at most {}, which is what {provider} shows of a search", shown.pages_max);
            let remedy = "Take it out, unless your plan shows fewer.";
            self.problem(&format!("{path}.pages_max"), pages_max, expected, remedy);
        }
        Some(Icp {
            name,
            provider: ProviderName::known(provider),
            ceiling: SearchCeiling { pages_max: pages_max.min(shown.pages_max), ..shown },
            accounts,
            fit,
            titles,
            seniorities,
            people_per_account: table.people_per_account.unwrap_or(PEOPLE_PER_ACCOUNT_DEFAULT),
            budget: self.amounts(&format!("{path}.budget"), &table.budget)?,
        })
    }

    /// `51-200`
    fn range(&mut self, path: &str, text: &str) -> Option<EmployeeRange> {
        let bounds = text.split_once('-').and_then(|(min, max)| {
            let bound = |text: &str| text.trim().parse::<u32>().ok();
            Some(EmployeeRange { min: bound(min)?, max: bound(max)? })
        });
        let range = bounds.filter(|range| range.min <= range.max);
        if range.is_none() {
            let (found, expected) = (format!("{text:?}"), "two numbers, the smaller one first, such as \"51-200\"");
            self.problem(path, found, expected, "Write from how many to how many employees.");
        }
        range
    }

    fn fit_rule(&mut self, path: &str, table: FitTable) -> Option<FitRule> {
        let field = table.field;
        if !field.is_of_employer() {
            let (found, expected) =
                (format!("\"{}\"", field.word()), "what is told of companies, such as \"company_employees\"");
            self.problem(&format!("{path}.field"), found, expected, "Only accounts are judged by it.");
        }
        let small = |words: Vec<String>| words.iter().map(|word| word.trim().to_lowercase()).collect();
        let test = match (table.one_of, table.none_of, table.at_least, table.at_most) {
            (Some(words), None, None, None) if !words.is_empty() => FitTest::OneOf(small(words)),
            (None, Some(words), None, None) if !words.is_empty() => FitTest::NoneOf(small(words)),
            (None, None, least, most) if least.is_some() || most.is_some() => {
                if !field.is_amount() {
                    let found = format!("bounds of \"{}\", which is no number", field.word());
                    self.problem(path, found, "`one_of` or `none_of`", "Write the words that fit, or that don't.");
                }
                if least.zip(most).is_some_and(|(least, most)| least > most) {
                    self.problem(path, "`at_least` above `at_most`", "bounds that something fits", "Swap them.");
                }
                FitTest::Between(least, most)
            }
            _ => {
                let expected = "`one_of`, `none_of`, or bounds: `at_least`, `at_most` or both";
                self.problem(path, "none of the tests, or several", expected, "Write one of them.");
                return None;
            }
        };
        Some(FitRule { field, test, unknown_fits: table.unknown_fits })
    }

    /// A budget that a price isn't in would be none, and one that doesn't pay for the least would never buy anything.
    pub(super) fn icp_budgets(&mut self, path: &str, tenant: &Tenant, prices: &[Price]) {
        for icp in tenant.icps.values() {
            let path = format!("{path}.icps.{}", icp.name);
            let Some(provider) = tenant.provider_named(icp.provider.as_str()) else { continue };
            if !tenant.waterfall.steps.iter().any(|step| step.provider == icp.provider && step.person) {
                let expected = format!("{} among those who are asked for people", icp.provider);
                let remedy = "Put it into `waterfall.order`: whom a search finds, only that provider can look up.";
                self.problem(&path, format!("a waterfall without {}", icp.provider), expected, remedy);
            }
            if tenant.waterfalls().any(|waterfall| waterfall.verifier.is_some()) {
                let found = "addresses that are checked before they are written";
                let expected = "a waterfall without `verify`: whom a search finds is created in the CRM by the address";
                self.problem(&path, found, expected, "Take `verify` out of the waterfall, or take the profile out.");
            }
            let is_page =
                |price: &&Price| price.provider == icp.provider && price.action == Action::SearchOrganizations;
            let Some(latest) = prices.iter().filter(is_page).max_by_key(|price| price.from) else {
                let found = format!("no price of {} for a page of organizations, which {path} searches", icp.provider);
                let remedy = "Add a [[prices]] row with `action = \"search-organizations\"` and `field = \"page\"`, or one of the \
                              `price_sets`. If a page is free, let it cost 0 of a kind of credit.";
                self.problem("prices", found, "a price for it", remedy);
                continue;
            };
            let costs = costs(tenant, provider, prices, latest.from);
            if !costs.people_page.is_zero() {
                let found = format!("a price of {} for a page of people, which {path} searches", icp.provider);
                let remedy =
                    "Take the row for `search-people` out, or the profile: a search of people is not paid for yet.";
                self.problem("prices", found, "none: only pages of organizations are paid for", remedy);
            }
            let all: Amounts = [&costs.page, &costs.people_page, &costs.person].into_iter().sum();
            for (bucket, _) in all.iter().filter(|(_, cost)| *cost > Milli::ZERO) {
                let dearest = costs.dearest(bucket);
                if icp.budget.get(bucket) < dearest {
                    let found = format!("{} of \"{bucket}\"", icp.budget.get(bucket));
                    let expected = format!("{dearest} at least: what a page, or a person, can cost at worst");
                    let remedy = "Raise the budget of a night, or nothing could ever be bought.";
                    self.problem(&format!("{path}.budget.{bucket}"), found, expected, remedy);
                }
            }
            self.known_kinds(&format!("{path}.budget"), &icp.budget, tenant);
        }
    }
}

impl Config {
    /// What a page, and a person whom it finds, cost at most at `now`. `None` when a page has no price that is in force.
    pub fn search_costs(&self, tenant: &Tenant, icp: &Icp, now: Timestamp) -> Option<Costs> {
        let provider = tenant.provider_named(icp.provider.as_str())?;
        self.page_tariff(provider, Action::SearchOrganizations, now)?;
        Some(costs(tenant, provider, &self.prices, now))
    }

    /// What a page of results costs. A search of people that has no price is free, as price lists say; one of organizations
    /// has to have one.
    pub fn page_tariff(&self, provider: &ProviderConnection, search: Action, now: Timestamp) -> Option<Tariff> {
        Tariff::at(&self.prices, &provider.name(), search, &[PricedField::Page], now)
    }
}

fn costs(tenant: &Tenant, provider: &ProviderConnection, prices: &[Price], now: Timestamp) -> Costs {
    let worst = |action, fields: &[PricedField]| {
        let tariff = Tariff::at(prices, &provider.name(), action, fields, now);
        tariff.map(|tariff| tariff.worst()).unwrap_or_default()
    };
    // Of a candidate, nothing is bought that arrives later.
    let person = worst(Action::Match, &provider.at_once(&tenant.asked_of(provider)));
    Costs {
        page: worst(Action::SearchOrganizations, &[PricedField::Page]),
        people_page: worst(Action::SearchPeople, &[PricedField::Page]),
        person,
    }
}
