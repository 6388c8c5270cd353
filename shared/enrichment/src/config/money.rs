//! Checks what money is counted in: prices, caps, the floor.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::check::Checker;
use super::file::{CapsTable, CreditsTable};
use super::{Caps, MoneyCaps, ProviderConnection, Tenant};
use crate::credits::money::{Money, Values};
use crate::credits::price::{Action, PERSON, Price, PricedField};
use crate::credits::{Amounts, Bucket, Milli};
use crate::lead::request::Source;

const ADD_A_PRICE: &str = "Add a [[prices]] row for it, or one of the `price_sets`.";

impl Checker<'_> {
    /// Credits that nothing was granted of could never be held: every lead would wait for ever.
    pub(super) fn prices_cover(&mut self, path: &str, tenant: &Tenant, prices: &[Price]) {
        for (table, provider) in tenant.provider_tables() {
            let plan = if table == "provider" { "plan".to_owned() } else { format!("{table}.plan") };
            self.prices_cover_one((path, &plan), tenant, provider, prices);
        }
    }

    fn prices_cover_one(
        &mut self,
        (path, plan): (&str, &str),
        tenant: &Tenant,
        provider: &ProviderConnection,
        prices: &[Price],
    ) {
        let (name, asked) = (provider.name(), tenant.asked_of(provider));
        let priced: Vec<PricedField> =
            provider.asynchronous_of(&asked).into_iter().chain(provider.at_once(&asked)).collect();
        let of = |price: &&Price| price.provider == name && price.action == Action::Match;
        // What comes at once may come along with the person, at no price of its own.
        for field in &provider.asynchronous_of(&asked) {
            if !prices.iter().filter(of).any(|price| price.field == *field) {
                let found =
                    format!("no price of {} for {:?}, which {path}.fields asks for", name.as_str(), field.word());
                self.problem("prices", found, "a price for it", ADD_A_PRICE);
            }
        }
        let organizations = |price: &Price| price.provider == name && price.action == Action::EnrichOrganization;
        if tenant.buys_organizations(provider) && !prices.iter().any(organizations) {
            let found = format!("no price of {} for looking an organization up, which {path} asks for", name.as_str());
            self.problem("prices", found, "a price for it", ADD_A_PRICE);
        }
        let checks = |price: &Price| price.provider == name && price.action == Action::Verify;
        let is_verifier = tenant.waterfall.verifier.as_ref() == Some(&name);
        if is_verifier && !prices.iter().any(checks) {
            let found =
                format!("no price of {} for checking an address, which {path}.waterfall asks for", name.as_str());
            self.problem("prices", found, "a price for it", ADD_A_PRICE);
        }
        let bought = |price: &&Price| {
            let of_person = of(price) && priced.contains(&price.field);
            of_person || (tenant.buys_organizations(provider) && organizations(price)) || (is_verifier && checks(price))
        };
        let own: Vec<&Price> = prices.iter().filter(bought).collect();
        if !provider.answers_later()
            && !provider.vendor.delivers_in_batches()
            && !own.iter().any(|price| price.action == Action::Match && PERSON.contains(&price.field))
        {
            let found = format!("no price of {} for matching a person", name.as_str());
            self.problem("prices", found, "a price for it", ADD_A_PRICE);
        }
        let granted = provider.plan.granted();
        for (bucket, _) in own.iter().flat_map(|price| price.cost.iter()) {
            if granted.get(bucket) == Milli::ZERO {
                let expected = format!("some \"{bucket}\", which the prices are in");
                let remedy = format!("Grant some {bucket}, or write the prices in what is granted.");
                return self.problem(&format!("{path}.{plan}.grant"), &provider.plan.grant, expected, remedy);
            }
        }
    }

    /// Of two prices for the same thing from the same day on, it could not be said which holds.
    pub(super) fn prices_apart(&mut self, prices: &[Price]) {
        let mut seen: BTreeMap<(&str, String, Timestamp), &Price> = BTreeMap::new();
        for price in prices {
            let action = format!("{:?} {}", price.action, price.field.word());
            let Some(first) = seen.insert((price.provider.as_str(), action, price.from), price) else { continue };
            let (field, day) = (price.field.word(), price.from.to_zoned(TimeZone::UTC).date());
            let found = format!(
                "two prices for \"{field}\" from {day} on, in versions {:?} and {:?}",
                first.version, price.version
            );
            let remedy = "Take one of them out, or let it begin on another day.";
            self.problem("prices", found, "one price for each thing from a day on", remedy);
        }
    }

    /// A cap or a floor of what is never granted has no effect, and a cap of nothing stops everything.
    pub(super) fn caps_and_floor(&mut self, path: &str, tenant: &Tenant) {
        let caps = &tenant.caps;
        let named = [("per_day", &caps.per_day), ("per_owner", &caps.per_owner)];
        let named = named.into_iter().filter_map(|(name, cap)| Some((name.to_owned(), cap.as_ref()?)));
        let sources = caps.per_source.iter().map(|(source, cap)| (source_path(*source), cap));
        for (name, cap) in named.chain(sources).collect::<Vec<_>>() {
            let path = format!("{path}.caps.{name}");
            self.known_kinds(&path, cap, tenant);
            for (bucket, _) in cap.iter().filter(|(_, most)| *most == Milli::ZERO) {
                let remedy = "Raise the cap, or take it out if there is to be none.";
                self.problem(&format!("{path}.{bucket}"), "0", "more than 0 credits: nothing could be bought", remedy);
            }
        }
        self.money_caps(path, tenant);
        self.known_kinds(&format!("{path}.floor"), &tenant.floor, tenant);
    }

    pub(super) fn known_kinds(&mut self, path: &str, amounts: &Amounts, tenant: &Tenant) {
        let granted = tenant.granted();
        // Nothing of what isn't granted is left for new leads: a floor of 0 says no more than that.
        for (bucket, amount) in amounts.iter().filter(|(bucket, _)| !granted.names(bucket)) {
            let expected = format!("a kind of credit that the plan grants: {}", named(&granted));
            let found = format!("{amount} of an unknown kind of credit");
            self.problem(&format!("{path}.{bucket}"), found, expected, "Write one of these kinds, or take it out.");
        }
    }
}

impl Checker<'_> {
    /// What all credits of a tenant are worth. Sums over its providers have to be in one currency.
    pub(super) fn values(&mut self, path: &str, providers: &[&ProviderConnection]) -> Option<Values> {
        let mut all: Option<Values> = None;
        for (i, provider) in providers.iter().enumerate() {
            let table = i.checked_sub(1).map_or_else(|| "plan".to_owned(), |i| format!("fallbacks[{i}].plan"));
            let granted = provider.plan.granted();
            for (bucket, value) in &provider.plan.values {
                let path = format!("{path}.{table}.value.{bucket}");
                if !granted.names(bucket) {
                    let expected = format!("a kind of credit that this plan grants: {}", named(&granted));
                    let remedy = "Write one of these kinds, or take it out.";
                    self.problem(&path, "the value of an unknown kind of credit", expected, remedy);
                }
                let nothing = || Values { currency: value.currency.clone(), each: BTreeMap::new() };
                let values = all.get_or_insert_with(nothing);
                if values.currency != value.currency {
                    let expected = format!("one currency for all credits of a tenant, here {}", values.currency);
                    self.problem(&path, value, expected, "Write the value in that currency.");
                }
                values.each.insert(bucket.clone(), value.amount);
            }
        }
        all
    }

    /// A cap in money counts all credits, so that each kind has to have a value, in the currency of the cap.
    fn money_caps(&mut self, path: &str, tenant: &Tenant) {
        let caps = &tenant.caps.money;
        let named = [("per_day", &caps.per_day), ("per_owner", &caps.per_owner)];
        let named = named.into_iter().filter_map(|(name, cap)| Some((name.to_owned(), cap.as_ref()?)));
        let sources = caps.per_source.iter().map(|(source, cap)| (source_path(*source), cap));
        let granted = tenant.granted();
        for (name, cap) in named.chain(sources) {
            let path = format!("{path}.caps.money.{name}");
            let without = granted.iter().map(|(bucket, _)| bucket);
            let has_value = |bucket: &Bucket| tenant.values.as_ref().is_some_and(|it| it.each.contains_key(bucket));
            if let Some(bucket) = without.into_iter().find(|bucket| !has_value(bucket)) {
                let found = format!("a cap in money, but no value of {bucket}");
                let remedy =
                    format!("Add `value = {{ {bucket} = \"0.025 USD\" }}` with its value to the plan that grants it.");
                self.problem(&path, found, "a value for each kind of credit that a plan grants", remedy);
            }
            if let Some(values) = tenant.values.as_ref().filter(|values| values.currency != cap.currency) {
                let expected = format!("the currency of the tenant's credits, {}", values.currency);
                self.problem(&path, cap, expected, "Write the cap in that currency.");
            }
            if cap.amount == Money::ZERO {
                let remedy = "Raise the cap, or take it out if there is to be none.";
                self.problem(&path, cap, "more than nothing: nothing could be bought", remedy);
            }
        }
    }

    pub(super) fn caps(&mut self, path: &str, table: CapsTable) -> Option<Caps> {
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
        // That these are money has been checked with the file's shape.
        let sources = table.money.per_source.iter().filter_map(|(source, text)| Some((*source, text.parse().ok()?)));
        let read = |text: Option<String>| text.and_then(|text| text.parse().ok());
        let money = MoneyCaps {
            per_day: read(table.money.per_day),
            per_owner: read(table.money.per_owner),
            per_source: sources.collect(),
        };
        Some(Caps { per_day, per_owner, per_source, money })
    }
}

/// The kinds of credit that are in it.
fn named(amounts: &Amounts) -> String {
    amounts.iter().map(|(bucket, _)| format!("\"{bucket}\"")).collect::<Vec<_>>().join(", ")
}

fn source_path(source: Source) -> String {
    format!("per_source.{}", source.word())
}
