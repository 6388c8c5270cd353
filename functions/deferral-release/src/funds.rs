//! What a run has to release parked records with: what each can cost, and what there is to pay it with.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_aws::records::Parked;
use leadgate_enrichment::config::{RecordKind, Tenant, Waterfall};
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::wallet::Wallet;
use leadgate_enrichment::lead::record::Deferral;
use leadgate_enrichment::lead::request::Source;
use leadgate_enrichment::outcome::DeferReason;
use leadgate_enrichment::purchase::choice::{Balances, Choice, Demand, choose};
use leadgate_lambda::invocation::Invocation;
use leadgate_purchase::wallets::spendable;

use crate::DeferralRelease;

/// What there is to pay with, for each kind of record. Most credits pay for all kinds.
pub(crate) struct Funds<'a> {
    tenant: &'a Tenant,
    /// One for each kind that has a price.
    purses: Vec<Purse>,
    /// Of those who wait for one.
    pub(crate) batches: Batches,
}

/// What there is for one kind of record.
struct Purse {
    kind: RecordKind,
    prices: Prices,
    balances: Balances,
}

/// What one record can cost.
struct Prices {
    /// Of all providers together.
    most: Amounts,
    /// Of each.
    least: Vec<Amounts>,
}

/// The batches of a feed that leads wait for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Batches {
    are_waited_for: bool,
    /// When the last one came.
    delivered_at: Option<Timestamp>,
}

impl Batches {
    async fn of(release: &DeferralRelease, tenant: &Tenant) -> Result<Self, StoreError> {
        if !tenant.waits_for_batches() {
            return Ok(Self::default());
        }
        Ok(Self { are_waited_for: true, delivered_at: release.feed.delivered_at(&tenant.id).await? })
    }

    /// Whether a deferral may end: one that waits for a batch, when one has come since or is overdue. Where none is waited for
    /// any more, at once.
    pub(crate) fn may_go(self, deferral: &Deferral, now: Timestamp) -> bool {
        let is_waiting = deferral.reason == DeferReason::NextBatch && self.are_waited_for;
        let has_come = self.delivered_at.is_some_and(|at| deferral.since < at);
        deferral.not_before <= now && (!is_waiting || has_come || deferral.until <= now)
    }
}

impl Purse {
    /// Of a kind of record that has this mapping. `None`, where no price is in force for it.
    fn of(
        release: &DeferralRelease,
        mapping: &Tenant,
        wallets: &[Wallet],
        (now, until): (Timestamp, Timestamp),
    ) -> Option<Self> {
        let prices = match mapping.kind {
            RecordKind::Person => prices_of_people(release, mapping, now),
            RecordKind::Company => price_of_a_company(release, mapping, now),
        }?;
        let wallets = spendable(wallets.to_vec(), mapping.kind.action(), now, until);
        let balances = Balances::of(&wallets, &mapping.floor, BTreeMap::new());
        Some(Self { kind: mapping.kind, prices, balances })
    }

    fn suffices_for_one(&self, source: Source) -> bool {
        let floor = if source.leaves_floor() { self.balances.floor.clone() } else { Amounts::default() };
        let is_enough =
            |least: &Amounts| self.balances.available.covers(&[least, &floor.of_kinds_in(least)].into_iter().sum());
        self.prices.least.iter().any(is_enough)
    }
}

/// The most that one person can cost now, and the least of each provider.
fn prices_of_people(release: &DeferralRelease, tenant: &Tenant, now: Timestamp) -> Option<Prices> {
    let (config, mut prices) = (&release.config, Prices { most: Amounts::default(), least: Vec::new() });
    for provider in tenant.paid_providers() {
        let Some(person) = config.at_once_tariff(provider, &tenant.asked_of(provider), now) else { continue };
        let fields = tenant.asynchronous_fields(provider);
        let asynchronous = config.asynchronous_tariff(provider, &fields, now).map(|tariff| tariff.worst());
        prices.most += &[person.worst()].iter().chain(&asynchronous).sum();
        prices.least.push(person.worst_of(true));
        let checks = |waterfall: &Waterfall| waterfall.verifier.as_ref() == Some(&provider.name());
        if let Some(check) = config.verification_tariff(provider, now).filter(|_| tenant.waterfalls().any(checks)) {
            prices.most += &check.worst();
            prices.least.push(check.worst());
        }
    }
    (!prices.least.is_empty()).then_some(prices)
}

/// Companies are asked of the first provider.
fn price_of_a_company(release: &DeferralRelease, tenant: &Tenant, now: Timestamp) -> Option<Prices> {
    let tariff = release.config.organization_tariff(&tenant.provider, now)?;
    Some(Prices { most: tariff.worst(), least: vec![tariff.worst()] })
}

impl<'a> Funds<'a> {
    /// Those of a tenant, as they are now. `None`, where no price is in force.
    pub(crate) async fn of(
        release: &DeferralRelease,
        tenant: &'a Tenant,
        run: &Invocation,
    ) -> Result<Option<Self>, StoreError> {
        let now = release.clock.now();
        let wallets = release.wallets(tenant).opened(now).await?;
        // A worker may be at it for as long as this run may: what closes before that can't pay any more.
        let at = (now, run.claim_until());
        let purses: Vec<Purse> =
            tenant.mappings().filter_map(|mapping| Purse::of(release, mapping, &wallets, at)).collect();
        if purses.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { tenant, purses, batches: Batches::of(release, tenant).await? }))
    }

    /// Whether any record can be paid for that comes from `source` or from one that goes after it.
    pub(crate) fn suffice_for_one(&self, source: Source) -> bool {
        self.purses.iter().any(|purse| purse.suffices_for_one(source))
    }

    /// Which of these can be paid for, taken in order. Caps are the worker's: only it knows whose a record is.
    pub(crate) fn payable(&self, parked: &[Parked]) -> Vec<bool> {
        let mut taken = Amounts::default();
        let mut is_payable = |parked: &Parked| {
            let Some(Purse { balances, .. }) = self.purse(parked) else { return false };
            let worst = self.worst(parked);
            let left = Balances { available: balances.available.minus(&taken), ..balances.clone() };
            let source = parked.source.unwrap_or(Source::Change);
            let demand = Demand { worst: &worst, part: None, source, caps: &[] };
            let is_payable = choose(&[demand], &left) == [Choice::Whole];
            if is_payable {
                taken += &worst;
            }
            is_payable
        };
        parked.iter().map(&mut is_payable).collect()
    }

    /// Leaves the rest for those after them.
    pub(crate) fn take(&mut self, parked: &[Parked], payable: &[bool]) {
        let going = parked.iter().zip(payable).filter(|(_, payable)| **payable);
        let paid: Vec<Amounts> = going.map(|(parked, _)| self.worst(parked)).collect();
        let paid: Amounts = paid.iter().sum();
        for purse in &mut self.purses {
            purse.balances.available = purse.balances.available.minus(&paid);
        }
    }

    /// What a record was parked with counts, of each kind of credit no more than what that can cost by now: prices may have
    /// fallen since, or a provider have gone.
    fn worst(&self, parked: &Parked) -> Amounts {
        let most = self.purse(parked).map(|purse| &purse.prices.most);
        most.map(|most| parked.deferral.worst.smaller(most)).unwrap_or_default()
    }

    /// Those that aren't enriched any more go as people do: the worker ends them.
    fn purse(&self, parked: &Parked) -> Option<&Purse> {
        let kind = self.tenant.of_object(&parked.key.object).map_or(RecordKind::Person, |mapping| mapping.kind);
        self.purses.iter().find(|purse| purse.kind == kind)
    }
}
