//! Who is asked for what, one after another.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use strum::VariantNames;

use super::check::Checker;
use super::file::WaterfallTable;
use super::routes::{OfAll, Route};
use super::{ProviderConnection, Tenant};
use crate::credits::plan::Plan;
use crate::credits::plan_change;
use crate::credits::wallet::{Wallet, due};
use crate::credits::{Amounts, Bucket};
use crate::ids::ProviderName;
use crate::lead::patch::{FieldMapping, Patch};
use crate::person::ProfileField;

/// What becomes of a record while a step can't be made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum OnBlocked {
    /// It waits for the step: the next one may be dearer.
    #[default]
    Wait,
    /// It goes on to the next step.
    Skip,
}

/// The steps that a record goes through until nothing is missing any more. Each is a purchase of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waterfall {
    /// In order. Never empty in a configuration that was checked.
    pub steps: Vec<Step>,
    /// Who checks addresses that others have told and not found to work.
    pub verifier: Option<ProviderName>,
    /// While the credits of a step's provider are used up.
    pub on_exhausted: OnBlocked,
    /// While a step's provider is down, throttles us or refuses our key.
    pub on_unavailable: OnBlocked,
}

/// One provider's turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Who is asked.
    pub provider: ProviderName,
    /// Whether it is asked about a person whom no provider before it knows. What has no order of its own comes along with that,
    /// and is no reason to ask another provider once one knows the person.
    pub person: bool,
    /// What it is asked for as long as it is missing, also when another provider knows the person: what has an order of its
    /// own.
    pub fields: BTreeSet<ProfileField>,
}

impl Waterfall {
    /// What has an order of its own.
    pub fn fields(&self) -> BTreeSet<ProfileField> {
        self.steps.iter().flat_map(|step| &step.fields).copied().collect()
    }

    /// The steps that these orders come to. Those that are next in line and belong to one provider are one step, and of
    /// several providers that are next, the one that stands first in `order` has its turn.
    pub(super) fn compiled(order: &[ProviderName], fields: &BTreeMap<ProfileField, Vec<ProviderName>>) -> Vec<Step> {
        let mut lines: Vec<(Option<ProfileField>, &[ProviderName])> = vec![(None, order)];
        lines.extend(fields.iter().map(|(field, order)| (Some(*field), order.as_slice())));
        let place = |provider: &ProviderName| order.iter().position(|own| own == provider).unwrap_or(order.len());
        let mut steps = Vec::new();
        while let Some(next) = lines.iter().filter_map(|(_, order)| order.first()).min_by_key(|next| place(next)) {
            let provider = next.clone();
            let mut step = Step { provider, person: false, fields: BTreeSet::new() };
            for (field, order) in &mut lines {
                if let Some(rest) = order.strip_prefix(std::slice::from_ref(&step.provider)) {
                    *order = rest;
                    match field {
                        Some(field) => drop(step.fields.insert(*field)),
                        None => step.person = true,
                    }
                }
            }
            steps.push(step);
        }
        steps
    }
}

/// What a tenant has, and waterfalls have to fit.
pub(super) struct Askable<'a> {
    pub(super) providers: &'a [&'a ProviderConnection],
    pub(super) mapping: &'a [FieldMapping],
}

impl Askable<'_> {
    fn known(&self) -> Vec<&'static str> {
        self.providers.iter().map(|provider| provider.vendor.name).collect()
    }

    /// The steps of these orders. What is paid for by itself has an order of its own: that of the first who has it.
    pub(super) fn steps(
        &self,
        order: &[ProviderName],
        mut fields: BTreeMap<ProfileField, Vec<ProviderName>>,
    ) -> Vec<Step> {
        for field in self.mapping.iter().filter(|own| own.is_mapped()).map(|own| own.from) {
            let first = self.providers.iter().find(|it| order.contains(&it.name()) && (it.vendor.tells)(field));
            let has_price = |it: &&ProviderConnection| it.asynchronous.contains_key(&field) && !it.answers_later();
            if field == ProfileField::MobilePhone || self.providers.iter().any(has_price) {
                fields.entry(field).or_insert_with(|| first.map(|it| it.name()).into_iter().collect());
            }
        }
        Waterfall::compiled(order, &fields)
    }
}

impl Checker<'_> {
    /// The waterfall as it is written, with its routes: all providers in the order of their tables when nothing is.
    pub(super) fn waterfall(
        &mut self,
        path: &str,
        table: WaterfallTable,
        askable: &Askable<'_>,
    ) -> (Waterfall, Vec<Route>) {
        let WaterfallTable { order, fields, verify, on_exhausted, on_unavailable, routes } = table;
        let order = order.unwrap_or_else(|| askable.known().into_iter().map(str::to_owned).collect());
        let order = self.order(&format!("{path}.order"), order, askable);
        let fields = self.field_orders(&format!("{path}.fields"), fields, askable);
        let verifier = self.verifier(&format!("{path}.verify.email"), verify.email, askable);
        let of_all =
            OfAll { order: &order, fields: &fields, verifier: verifier.as_ref(), on_exhausted, on_unavailable };
        let routes = self.routes(&format!("{path}.routes"), routes, &of_all, askable);
        let steps = askable.steps(&order, fields);
        (Waterfall { steps, verifier, on_exhausted, on_unavailable }, routes)
    }

    /// Who checks addresses.
    fn verifier(&mut self, path: &str, name: Option<String>, askable: &Askable<'_>) -> Option<ProviderName> {
        let name = name?;
        let able = askable.known().into_iter().filter(|known| self.vendors.verifies(known).is_some());
        let able: Vec<&'static str> = able.collect();
        let Some(known) = able.iter().find(|known| **known == name) else {
            let own = if able.is_empty() { "and this tenant has none".to_owned() } else { able.join(", ") };
            let expected = format!("a provider of this tenant that checks addresses: {own}");
            let remedy = "Add the table of such a provider to `fallbacks`, or take it out.";
            self.problem(path, format!("{name:?}"), expected, remedy);
            return None;
        };
        if !askable.mapping.iter().any(|own| own.is_mapped() && own.from == ProfileField::Email) {
            self.problem(path, format!("{name:?}"), "`email` mapped in `fields`", "Map it, or take this out.");
        }
        Some(ProviderName::known(known))
    }

    /// The orders of what has one of its own.
    pub(super) fn field_orders(
        &mut self,
        path: &str,
        orders: BTreeMap<String, Vec<String>>,
        askable: &Askable<'_>,
    ) -> BTreeMap<ProfileField, Vec<ProviderName>> {
        let is_mapped = |field: ProfileField| askable.mapping.iter().any(|own| own.is_mapped() && own.from == field);
        let mut fields = BTreeMap::new();
        for (name, order) in orders {
            let path = format!("{path}.{name}");
            let field = name.parse::<ProfileField>().ok().filter(|field| is_mapped(*field));
            let order = self.order(&path, order, askable);
            match field.filter(|field| field.says_something_of().is_none()) {
                Some(field) => drop(fields.insert(field, order)),
                None => {
                    let expected = "something that is mapped in `fields`, such as \"email\" or \"mobile_phone\"";
                    self.problem(&path, format!("{name:?}"), expected, "Map it, or take it out.");
                }
            }
        }
        fields
    }

    /// Providers of the tenant's, each once.
    pub(super) fn order(&mut self, path: &str, names: Vec<String>, askable: &Askable<'_>) -> Vec<ProviderName> {
        let known = askable.known();
        let mut order: Vec<ProviderName> = Vec::with_capacity(names.len());
        if names.is_empty() {
            self.problem(path, "nothing", "at least one provider", "Name those who are to be asked.");
        }
        for (i, name) in names.iter().enumerate() {
            let Some(known_name) = known.iter().find(|own| **own == *name).copied() else {
                let expected = format!("a provider of this tenant: {}", known.join(", "));
                let remedy = "Add the table of this provider to `fallbacks`, or take it out.";
                self.problem(&format!("{path}[{i}]"), format!("{name:?}"), expected, remedy);
                continue;
            };
            let name = ProviderName::known(known_name);
            match order.contains(&name) {
                true => self.problem(
                    &format!("{path}[{i}]"),
                    format!("{known_name:?} again"),
                    "each provider once",
                    "Take it out: one that was asked is not asked the same again.",
                ),
                false => order.push(name),
            }
        }
        order
    }
}

impl Tenant {
    /// Everyone it buys from.
    pub fn providers(&self) -> impl Iterator<Item = &ProviderConnection> {
        std::iter::once(&self.provider).chain(&self.fallbacks)
    }

    /// Those of them that are paid for what they are asked. What was delivered in batches costs nothing to look up.
    pub fn paid_providers(&self) -> impl Iterator<Item = &ProviderConnection> {
        self.providers().filter(|provider| !provider.vendor.delivers_in_batches())
    }

    /// Whether it is the tenant's first provider: the one whose wallets have plain names, that employers are looked up at,
    /// and that may charge nothing for who was bought before.
    pub fn is_first(&self, provider: &ProviderConnection) -> bool {
        provider.vendor.name == self.provider.vendor.name
    }

    /// Whether this provider is asked about employers as well, each once for all who work there.
    pub fn looks_employers_up(&self, provider: &ProviderConnection) -> bool {
        self.is_first(provider) && self.provider.organizations
    }

    /// The provider of this name, if it buys from it.
    pub fn provider_named(&self, name: &str) -> Option<&ProviderConnection> {
        self.providers().find(|provider| provider.vendor.name == name)
    }

    /// The provider of a purchase: the first, for one that was stored when there was no other.
    pub fn provider_of(&self, name: Option<&ProviderName>) -> Option<&ProviderConnection> {
        match name {
            Some(name) => self.provider_named(name.as_str()),
            None => Some(&self.provider),
        }
    }

    /// The same, with where their tables stand in the file.
    pub(super) fn provider_tables(&self) -> impl Iterator<Item = (String, &ProviderConnection)> {
        let place = |i: usize| match i.checked_sub(1) {
            Some(i) => format!("fallbacks[{i}]"),
            None => "provider".to_owned(),
        };
        self.providers().enumerate().map(move |(i, provider)| (place(i), provider))
    }

    /// Everything that is mapped and may be asked of this provider.
    pub fn asked_of(&self, provider: &ProviderConnection) -> BTreeSet<ProfileField> {
        let name = provider.name();
        let asked_by = |waterfall: &Waterfall| {
            let listed = waterfall.fields();
            let steps: Vec<&Step> = waterfall.steps.iter().filter(|step| step.provider == name).collect();
            let comes_along = steps.iter().any(|step| step.person);
            let is_asked = |field: &ProfileField| match listed.contains(field) {
                true => steps.iter().any(|step| step.fields.contains(field)),
                false => comes_along,
            };
            self.mapped().filter(is_asked).collect::<Vec<_>>()
        };
        self.waterfalls().flat_map(asked_by).collect()
    }

    /// The wallets that are to be open at `now`, of all plans.
    pub fn wallets_due(&self, now: Timestamp) -> Vec<Wallet> {
        self.providers().flat_map(|provider| due(&provider.plan, now)).collect()
    }

    /// What is due at `now`, and what is there that goes by it: without what is open of a provider that had another place in
    /// the file when it was opened, and without what is due in its place. That stays as it is until its time is over.
    pub fn in_place(&self, there: &[Wallet], now: Timestamp) -> (Vec<Wallet>, Vec<Wallet>) {
        let all = self.wallets_due(now);
        let pairs = plan_change::moved(&all, there, &self.prefixes(), now);
        let (mut due, mut rest) = (all.clone(), there.to_vec());
        // One of the same name as an open one could not be opened beside it.
        due.retain(|due| !pairs.iter().any(|(new, open)| [&new.wallet, &open.wallet].contains(&&due.wallet)));
        rest.retain(|wallet| !pairs.iter().any(|(_, open)| open.wallet == wallet.wallet));
        (due, rest)
    }

    /// The open wallets of providers that have changed places in the file since.
    pub fn moved(&self, there: &[Wallet], now: Timestamp) -> Vec<Wallet> {
        let due = self.wallets_due(now);
        plan_change::moved(&due, there, &self.prefixes(), now).into_iter().map(|(_, open)| open.clone()).collect()
    }

    /// What the names of its wallets may begin with, whichever place a provider has or had.
    fn prefixes(&self) -> Vec<String> {
        self.providers().map(|provider| Plan::prefix_of(provider.vendor.name)).collect()
    }

    /// Whether a kind of credit is this provider's. One that no plan grants is the first's.
    pub fn is_credit_of(&self, provider: &ProviderConnection, bucket: &Bucket) -> bool {
        let owner = self.fallbacks.iter().find(|fallback| fallback.plan.granted().names(bucket));
        owner.unwrap_or(&self.provider).vendor.name == provider.vendor.name
    }

    /// Of what is to be written, what another provider than the first has told, and that it was this one.
    pub fn told_by(&self, provider: &ProviderName, patch: &Patch) -> BTreeMap<String, ProviderName> {
        let is_first = provider.as_str() == self.provider.vendor.name;
        patch.keys().filter(|_| !is_first).map(|property| (property.clone(), provider.clone())).collect()
    }

    /// Everything that any plan can ever grant, added up.
    pub fn granted(&self) -> Amounts {
        self.providers().map(|provider| provider.plan.granted()).collect::<Vec<_>>().iter().sum()
    }

    /// Whether more than one provider may be asked about a record.
    pub fn is_waterfall(&self) -> bool {
        let checks = self.waterfall.verifier.is_some();
        checks || self.waterfall.steps.len() > 1 || !self.routes.is_empty() || self.feed_provider().is_some()
    }

    /// The provider that is asked first about every record; none where that depends on the record.
    pub fn first_of_all(&self) -> Option<&ProviderConnection> {
        let first = |waterfall: &Waterfall| waterfall.steps.first().map(|step| step.provider.clone());
        let of_all = first(&self.waterfall)?;
        let is_same = self.waterfalls().all(|waterfall| first(waterfall).as_ref() == Some(&of_all));
        self.provider_named(of_all.as_str()).filter(|_| is_same)
    }

    /// Whether a record may go on to another provider while the credits of the first are used up.
    pub fn may_skip_exhausted(&self) -> bool {
        self.is_waterfall() && self.waterfalls().any(|waterfall| waterfall.on_exhausted == OnBlocked::Skip)
    }

    /// The same while the first can't be called.
    pub fn may_skip_unavailable(&self) -> bool {
        self.is_waterfall() && self.waterfalls().any(|waterfall| waterfall.on_unavailable == OnBlocked::Skip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&'static str]) -> Vec<ProviderName> {
        names.iter().map(|name| ProviderName::known(name)).collect()
    }

    fn compiled(order: &[&'static str], fields: &[(ProfileField, &[&'static str])]) -> Vec<String> {
        let fields = fields.iter().map(|(field, order)| (*field, names(order))).collect();
        let shown = |step: &Step| format!("{} {} {:?}", step.provider.as_str(), step.person, step.fields);
        Waterfall::compiled(&names(order), &fields).iter().map(shown).collect()
    }

    #[test]
    fn orders_by_field_become_turns_of_providers() {
        use ProfileField::{Email, MobilePhone};
        assert_eq!(compiled(&["a"], &[(MobilePhone, &["a"])]), ["a true {MobilePhone}"]);
        assert_eq!(compiled(&["a", "b"], &[]), ["a true {}", "b true {}"]);
        let both = compiled(&["a", "b", "c"], &[(MobilePhone, &["b", "a"]), (Email, &["a", "c"])]);
        assert_eq!(both, ["a true {Email}", "b true {MobilePhone}", "a false {MobilePhone}", "c true {Email}"]);
    }
}
