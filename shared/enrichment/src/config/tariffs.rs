//! What providers charge at a moment, by the price lists of the configuration.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Config, ProviderConnection, RecordKind, Tenant};
use crate::credits::price::{Action, PERSON, PricedField, Tariff};
use crate::person::ProfileField;

impl Config {
    /// What a provider charges at `now` for looking a person up, without what is wanted beside that.
    pub fn person_tariff(&self, provider: &ProviderConnection, now: Timestamp) -> Option<Tariff> {
        if provider.vendor.delivers_in_batches() {
            return Some(Tariff::nothing(String::new()));
        }
        if provider.answers_later() {
            return self.asynchronous_tariff(provider, &[PricedField::PersonLater], now);
        }
        Tariff::at(&self.prices, &provider.name(), Action::Match, &PERSON, now)
    }

    /// What it charges for looking up who, or which company, a tenant's record is about.
    pub fn record_tariff(&self, tenant: &Tenant, provider: &ProviderConnection, now: Timestamp) -> Option<Tariff> {
        match tenant.kind {
            RecordKind::Person => self.person_tariff(provider, now),
            RecordKind::Company => self.organization_tariff(provider, now),
        }
    }

    /// What it charges for all that comes at once when `fields` are wanted of a person.
    pub fn at_once_tariff(
        &self,
        provider: &ProviderConnection,
        fields: &BTreeSet<ProfileField>,
        now: Timestamp,
    ) -> Option<Tariff> {
        if provider.answers_later() || provider.vendor.delivers_in_batches() {
            return self.person_tariff(provider, now).map(|person| Tariff::nothing(person.version()));
        }
        Tariff::at(&self.prices, &provider.name(), Action::Match, &provider.at_once(fields), now)
    }

    /// What it charges for checking an address.
    pub fn verification_tariff(&self, provider: &ProviderConnection, now: Timestamp) -> Option<Tariff> {
        Tariff::at(&self.prices, &provider.name(), Action::Verify, &[PricedField::Email], now)
    }

    /// What it charges for looking an organization up.
    pub fn organization_tariff(&self, provider: &ProviderConnection, now: Timestamp) -> Option<Tariff> {
        Tariff::at(&self.prices, &provider.name(), Action::EnrichOrganization, &[PricedField::Organization], now)
    }

    /// What it charges for `fields` that arrive later.
    pub fn asynchronous_tariff(
        &self,
        provider: &ProviderConnection,
        fields: &[PricedField],
        now: Timestamp,
    ) -> Option<Tariff> {
        Tariff::at(&self.prices, &provider.name(), Action::Match, fields, now)
    }
}
