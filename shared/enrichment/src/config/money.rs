//! Checks what money is counted in: prices, caps, the floor.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::check::Checker;
use super::{ProviderConnection, Tenant};
use crate::credits::price::{Action, PERSON, Price, PricedField};
use crate::credits::{Amounts, Milli};
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
        if provider.organizations && !prices.iter().any(organizations) {
            let found = format!("no price of {} for looking an organization up, which {path} asks for", name.as_str());
            self.problem("prices", found, "a price for it", ADD_A_PRICE);
        }
        let bought = |price: &&Price| {
            let of_person = of(price) && priced.contains(&price.field);
            of_person || (provider.organizations && organizations(price))
        };
        let own: Vec<&Price> = prices.iter().filter(bought).collect();
        if !own.iter().any(|price| PERSON.contains(&price.field)) {
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
        self.known_kinds(&format!("{path}.floor"), &tenant.floor, tenant);
    }

    fn known_kinds(&mut self, path: &str, amounts: &Amounts, tenant: &Tenant) {
        let granted = tenant.granted();
        let known: Vec<String> = granted.iter().map(|(bucket, _)| format!("\"{bucket}\"")).collect();
        // Nothing of what isn't granted is left for new leads: a floor of 0 says no more than that.
        for (bucket, amount) in amounts.iter().filter(|(bucket, _)| !granted.names(bucket)) {
            let expected = format!("a kind of credit that the plan grants: {}", known.join(", "));
            let found = format!("{amount} of an unknown kind of credit");
            self.problem(&format!("{path}.{bucket}"), found, expected, "Write one of these kinds, or take it out.");
        }
    }
}

fn source_path(source: Source) -> String {
    format!("per_source.{}", source.word())
}
