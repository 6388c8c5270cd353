//! Another configuration is deployed in the middle of a history, and the provider's terms change with it.

use fastrand::Rng;
use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::{Config, Tenant};
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::{Hold, Slice};
use leadgate_enrichment::credits::wallet::{Wallet, WalletKind};

use super::numbers::DEAREST;
use super::plan::PRICE_MAX;
use super::play::Play;
use super::terms::Terms;
use crate::books::Books;
use crate::violation::{Findings, Promise};

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// What each cycle starts with.
    Grant(i64),
    /// How long a cycle is.
    Cycle(&'static str),
    /// The first day of the first cycle.
    Anchor(&'static str),
    /// What may be spent beyond the plan; 0 is none.
    Overage(i64),
    /// What a person costs from now on, in the rows that are there.
    PersonPrice(i64),
    /// What a mobile number costs from now on, in the row that is there.
    MobilePrice(i64),
    /// Numbers are mapped and have a price, or neither, or only a price.
    Mobile { field: bool, price: bool },
    /// What becomes of those who can be paid for in part.
    Degrading(bool),
}

impl Change {
    pub(super) fn made_up(rng: &mut Rng, has_numbers: bool) -> Self {
        const CYCLES: [&str; 4] = ["monthly", "quarterly", "annual", "annual"];
        const ANCHORS: [&str; 4] = ["2026-01-01", "2026-01-05", "2026-01-10", "2025-12-20"];
        let dearest = if has_numbers { DEAREST } else { PRICE_MAX };
        match rng.u8(..if has_numbers { 14 } else { 9 }) {
            0 | 1 => Self::Grant(rng.i64(1..=4) * dearest),
            2 | 3 => Self::Cycle(CYCLES[rng.usize(..CYCLES.len())]),
            4 | 5 => Self::Anchor(ANCHORS[rng.usize(..ANCHORS.len())]),
            6 | 7 => Self::Overage(if rng.bool() { 0 } else { 2 * dearest }),
            8 => Self::PersonPrice(rng.i64(1..=PRICE_MAX)),
            9 | 10 => Self::MobilePrice(rng.i64(5..=8)),
            11 => Self::Mobile { field: false, price: true },
            12 => Self::Mobile { field: false, price: false },
            _ if rng.bool() => Self::Mobile { field: true, price: true },
            _ => Self::Degrading(rng.bool()),
        }
    }

    fn apply(self, terms: &mut Terms) {
        match self {
            Self::Grant(credits) => terms.credits = credits,
            Self::Cycle(cycle) => terms.cycle = cycle,
            Self::Anchor(anchor) => terms.anchor = anchor,
            Self::Overage(overage) => terms.overage = overage,
            Self::PersonPrice(price) => terms.prices = (price, price),
            Self::MobilePrice(price) => terms.mobile = price,
            Self::Mobile { field, price } => (terms.has_mobile_field, terms.has_mobile_price) = (field, price),
            Self::Degrading(degrading) => terms.degrading = degrading,
        }
    }
}

impl Play {
    /// Deploys it. A provider that has other prices has them from the same moment on.
    pub(super) fn configure(&mut self, change: Change, findings: &mut Findings) {
        change.apply(&mut self.terms);
        let theirs = self.world.neighbour.as_ref().map(|neighbour| neighbour.apollo.clone());
        let providers = [self.world.apollo.clone()].into_iter().chain(theirs);
        match change {
            Change::PersonPrice(price) => providers.for_each(|apollo| apollo.set_person_price(price * 1000)),
            Change::MobilePrice(price) => providers.for_each(|apollo| apollo.set_mobile_price(price * 1000)),
            Change::Mobile { field: false, .. } => self.was_unmapped = true,
            _ => {}
        }
        if let Err(error) = self.world.deploy_file(&self.terms.settings()) {
            findings.note(Promise::Order, format!("{change:?} can't be deployed: {error}"));
        }
        self.eras.push((self.world.clock.now(), self.world.config.clone()));
    }

    /// The configuration that was deployed at `at`.
    pub(super) fn config_at(&self, at: Timestamp) -> &Config {
        let era = self.eras.iter().rev().find(|(from, _)| *from <= at).or_else(|| self.eras.first());
        era.map_or(&self.world.config, |(_, config)| config)
    }

    /// The tenant as it was configured at `at`.
    pub(super) fn tenant_at(&self, at: Timestamp) -> &Tenant {
        self.config_at(at).tenant(self.world.tenant_id()).unwrap_or_else(|| self.world.tenant())
    }

    /// Whatever the plan was before: what there is to spend now is the grant of the plan as it is now, once, less what
    /// was spent or is held of it; and nothing is permitted beyond it that isn't any more.
    pub(super) async fn check_plan(&self, findings: &mut Findings) -> Result<(), StoreError> {
        if !self.wide.changes {
            return Ok(());
        }
        let (credits, id, now) = (self.world.credits.unmetered(), self.world.tenant_id(), self.world.clock.now());
        let (wallets, holds) = (credits.wallets(id).await?, credits.open_holds(id).await?);
        let books = Books::read(&credits, id).await?;
        let plan = &self.world.tenant().provider.plan;
        let cycle = plan.grants.cycle_at(now);
        let of = |kind: WalletKind| wallets.iter().filter(move |wallet: &&Wallet| wallet.kind == kind);
        let is_plan = |slice: &&Slice| of(WalletKind::Plan).any(|wallet| wallet.wallet == slice.wallet);
        let is_open = |slice: &&Slice| of(WalletKind::Plan).any(|it| it.wallet == slice.wallet && it.is_open(now));
        let available: Amounts = of(WalletKind::Plan).filter(|it| it.is_open(now)).map(|it| &it.available).sum();
        let mut used = Amounts::default();
        for purchase in &books.purchases {
            let in_cycle = purchase.began().is_some_and(|began| began >= cycle.opens);
            for slice in purchase.slices.iter().filter(is_plan).filter(|slice| in_cycle || is_open(slice)) {
                used.add(&slice.bucket, slice.amount);
            }
        }
        for slice in holds.iter().flat_map(|hold: &Hold| &hold.slices).filter(is_plan) {
            used.add(&slice.bucket, slice.amount);
        }
        let grant = &plan.grant;
        findings.check(grant.covers(&available), Promise::Credits, || {
            format!("{available} of plans can be spent now, and the plan is {grant}: {wallets:?}")
        });
        let explained: Amounts = [&available, &used].into_iter().sum();
        findings.check(explained.covers(grant), Promise::Leads, || {
            format!("the plan is {grant}, {used} of it were used, and {available} can be spent: {wallets:?}")
        });
        let beyond: Amounts =
            of(WalletKind::Overage).filter(|it| it.is_open(now)).map(|wallet| &wallet.available).sum();
        let limit = plan.overage.as_ref().map(|overage| overage.limit.clone()).unwrap_or_default();
        findings.check(limit.covers(&beyond), Promise::Credits, || {
            format!("{beyond} can be spent beyond the plan, which permits {limit}: {wallets:?}")
        });
        Ok(())
    }

    /// Back to cycles of a month, so that caps lift within a few of them.
    pub(super) fn back_to_months(&mut self, findings: &mut Findings) {
        if self.terms.cycle != "monthly" {
            self.configure(Change::Cycle("monthly"), findings);
        }
    }
}
