//! Parking what the credits can't pay for.

use futures_util::future::join_all;
use leadgate_aws::error::StoreError;
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::ledger::{Wallet, affordable};
use leadgate_enrichment::outcome::{DeferReason, Outcome};
use leadgate_enrichment::record::{Deferral, Record};
use leadgate_enrichment::request::EnrichmentRequest;
use leadgate_lambda::wallets::spendable;
use std::time::Duration;

use crate::look::Due;
use crate::unit::Unit;

/// What the wallets can pay for now.
pub(crate) struct Affordable {
    /// How many, each at its worst.
    pub(crate) count: usize,
    /// Why not more.
    pub(crate) reason: DeferReason,
}

/// When the provider itself says no, whatever our ledger says, an operator has to act: asking again at once would
/// only ask again.
const PROVIDER_PAUSE: Duration = Duration::from_secs(60 * 60);

impl Unit<'_> {
    /// How many of `count` records the wallets can pay for.
    pub(crate) async fn affordable(&self, count: usize) -> Result<Affordable, StoreError> {
        let worst = self.current_price().map(|price| price.worst()).unwrap_or_default();
        if count == 0 {
            return Ok(Affordable { count: 0, reason: DeferReason::Balance });
        }
        let wallets = spendable(&self.worker.credits, self.tenant, self.now()).await?;
        Ok(Affordable::of(&wallets, &vec![worst; count]))
    }

    /// Parks records that were not claimed, at one write each.
    pub(crate) async fn defer_all(&mut self, due: Vec<Due>, reason: DeferReason) {
        let deferrals = due.into_iter().map(|Due { request, record }| (record, request, reason));
        self.park(deferrals.collect()).await;
    }

    /// Parks records that we have claimed.
    pub(crate) async fn defer_claimed(&mut self, records: Vec<Record>, reason: DeferReason) {
        let with_request = |record: Record| record.wish().map(|request| (record, request, reason));
        self.park(records.into_iter().filter_map(with_request).collect()).await;
    }

    async fn park(&mut self, parked: Vec<(Record, EnrichmentRequest, DeferReason)>) {
        let now = self.now();
        let until = self.tenant.plan.calendar.cycle_at(now).closes;
        let worst = self.current_price().map(|price| price.worst()).unwrap_or_default();
        let mut outcomes = Vec::with_capacity(parked.len());
        let mut steps = Vec::with_capacity(parked.len());
        for (record, request, reason) in parked {
            let provider = matches!(reason, DeferReason::ProviderOutOfCredits | DeferReason::ProviderDenied);
            let not_before = if provider { later(now, PROVIDER_PAUSE) } else { now };
            let deferral = Deferral { reason, since: now, not_before, until, worst: worst.clone() };
            outcomes.push((record.key.clone(), Outcome::Deferred { reason, until }));
            steps.push(record.deferred(&request, deferral));
        }
        let steps = join_all(steps.into_iter().map(|record| self.step(Step::Defer, record))).await;
        self.done_with(steps, outcomes);
    }
}

impl Affordable {
    /// How many of `lines` these wallets, in burn order, can pay for.
    pub(crate) fn of(wallets: &[Wallet], lines: &[Amounts]) -> Self {
        let count = affordable(wallets, lines);
        let total: Amounts = lines.iter().sum();
        let all: Amounts = wallets.iter().flat_map(|wallet| [&wallet.available, &wallet.held]).sum();
        let reason = if all.covers(&total) { DeferReason::HeldByOthers } else { DeferReason::Balance };
        Self { count, reason }
    }
}
