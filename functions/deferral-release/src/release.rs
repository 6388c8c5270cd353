//! Parked records, put back on the queue.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_aws::records::Consistency;
use leadgate_aws::usage::Step;
use leadgate_enrichment::choice::{Balances, Choice, Wish, choose};
use leadgate_enrichment::clock::{later, until};
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::outcome::RefuseReason;
use leadgate_enrichment::price::Action;
use leadgate_enrichment::record::{Record, State};
use leadgate_enrichment::request::{EnrichmentRequest, Source};
use leadgate_lambda::invocation::Invocation;

use crate::{DeferralRelease, Report};

/// The most that one run releases for one tenant. A new cycle opens for everything parked at once; with a run every
/// five minutes this is a pace that the workers and the provider's rate limit can keep up with.
const PER_RUN_MAX: usize = 1000;
/// The most that one run looks at for one tenant: some of what is parked first may have to wait for an operator.
const LOOKED_AT_MAX: usize = 4 * PER_RUN_MAX;
/// How many are read, sent and marked together.
const CHUNK: usize = 50;
/// No more is begun when less than this is left of the run.
const TIME_TO_FINISH: Duration = Duration::from_secs(10);

impl DeferralRelease {
    /// Releases as many as the credits can pay for, new leads first, then by age, and closes those that are not
    /// wanted any more.
    pub(crate) async fn release(
        &self,
        tenant: &Tenant,
        run: &Invocation,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let Some(most) = self.most(tenant, now) else { return Ok(()) };
        // A worker may be at it for as long as this run may: what closes before that can't pay any more.
        let wallets = self.wallets(tenant).spendable(Action::Match, now, run.claim_until()).await?;
        let mut balances = Balances::of(&wallets, &tenant.floor, BTreeMap::new());
        let mut released = 0;
        for keys in self.records.deferred(&tenant.id, LOOKED_AT_MAX).await?.chunks(CHUNK) {
            let in_time = until(self.clock.now(), run.deadline) >= TIME_TO_FINISH;
            if !in_time || released >= PER_RUN_MAX {
                break;
            }
            let parked = self.parked(tenant, keys, now).await?;
            let (go, paid) = payable(parked.waiting, &most, &balances);
            balances.available = balances.available.minus(&paid);
            self.release_chunk(&go, now).await?;
            self.close(parked.unwanted, now).await?;
            released += go.len();
            report.closed += parked.closed;
        }
        report.released += released;
        Ok(())
    }

    /// The most that one record can cost now.
    fn most(&self, tenant: &Tenant, now: Timestamp) -> Option<Amounts> {
        let at_once = self.config.person_tariff(tenant, now)?.worst();
        let later = self.config.later_tariff(tenant, &tenant.later_fields(), now).map(|tariff| tariff.worst());
        Some([at_once].iter().chain(&later).sum())
    }

    /// What these records stand for now: the index that named them lags behind.
    async fn parked(&self, tenant: &Tenant, keys: &[RecordKey], now: Timestamp) -> Result<Parked, StoreError> {
        let mut records = self.records.read(keys, Consistency::Strong).await?;
        let mut parked = Parked::default();
        for record in keys.iter().filter_map(|key| records.remove(key)) {
            let Some(deferral) = record.deferral.clone().filter(|_| record.state == State::Deferred) else { continue };
            let arose = record.occurred_at.unwrap_or(deferral.since);
            if record.erased_at.is_some() {
                parked.unwanted.push((record, RefuseReason::Erased));
            } else if now >= later(arose, tenant.give_up) {
                parked.unwanted.push((record, RefuseReason::TooOld));
            } else if deferral.not_before <= now {
                parked.waiting.push(record);
            }
        }
        parked.closed = parked.unwanted.len();
        Ok(parked)
    }

    /// Send first, then mark. If the run dies in between, the next sends again, and the second message finds nothing
    /// to do. The other way round, a record would be marked with no message to show for it.
    async fn release_chunk(&self, records: &[Record], now: Timestamp) -> Result<(), StoreError> {
        let requests: Vec<EnrichmentRequest> = records.iter().filter_map(Record::wish).collect();
        self.queue.send(&requests).await?;
        // One that is lost went to a worker that has the message already: it is on its way.
        let released = records.iter().map(|record| self.records.write(Step::Release, record.clone().released(now)));
        try_join_all(released).await.map(drop)
    }

    async fn close(&self, unwanted: Vec<(Record, RefuseReason)>, now: Timestamp) -> Result<(), StoreError> {
        let closed = unwanted.into_iter().map(|(record, reason)| record.refused(reason, now));
        try_join_all(closed.map(|record| self.records.write(Step::Dismiss, record))).await.map(drop)
    }
}

/// Parked records, by what is to become of them.
#[derive(Default)]
struct Parked {
    waiting: Vec<Record>,
    unwanted: Vec<(Record, RefuseReason)>,
    closed: usize,
}

/// Those that can be paid for, and what they take at worst. Caps are the worker's: only it knows whose a record is.
fn payable(waiting: Vec<Record>, most: &Amounts, balances: &Balances) -> (Vec<Record>, Amounts) {
    let source = |record: &Record| record.source.unwrap_or(Source::Change);
    // What a record was parked with counts, unless prices have fallen since.
    let worst = |record: &Record| match &record.deferral {
        Some(deferral) if most.covers(&deferral.worst) => deferral.worst.clone(),
        _ => most.clone(),
    };
    let worst: Vec<Amounts> = waiting.iter().map(worst).collect();
    let wish = |(record, worst)| Wish { worst, part: None, source: source(record), caps: &[] };
    let wishes: Vec<Wish<'_>> = waiting.iter().zip(&worst).map(wish).collect();
    let choices = choose(&wishes, balances);
    let paid = choices.iter().zip(&worst).filter(|(choice, _)| **choice == Choice::Whole).map(|(_, worst)| worst).sum();
    let go = waiting.into_iter().zip(choices).filter(|(_, choice)| *choice == Choice::Whole);
    (go.map(|(record, _)| record).collect(), paid)
}
