//! Parked records, put back on the queue.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_aws::records::{Parked, ParkedLine, Place};
use leadgate_aws::table::Consistency;
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::{earlier, later, until};
use leadgate_enrichment::config::{Tenant, Waterfall};
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::price::Action;
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::record::{Deferral, Record};
use leadgate_enrichment::lead::request::{EnrichmentRequest, Source};
use leadgate_enrichment::outcome::{DeferReason, RefuseReason};
use leadgate_enrichment::purchase::choice::{Balances, Choice, Demand, choose};
use leadgate_lambda::invocation::Invocation;
use tracing::error;

use crate::{DeferralRelease, Report};

/// The most that one run releases for one tenant. A new cycle opens for everything parked at once; with a run every
/// five minutes this is a pace that the workers and the provider's rate limit can keep up with.
const PER_RUN_MAX: usize = 1000;
/// The most that one run closes for one tenant from one source, because they are too old.
const CLOSED_MAX: i32 = 1000;
/// The most of the line that one run passes: 60 MB of the index, which takes some ten seconds. Those that may not go now
/// stand in front of those that may, so that it has to be more than any tenant parks.
pub(crate) const PASSED_MAX: usize = 200_000;
/// How many are read, sent and marked together.
pub(crate) const CHUNK: usize = 50;
/// No more is begun when less than this is left of the run.
const TIME_TO_FINISH: Duration = Duration::from_secs(10);

impl DeferralRelease {
    /// Closes those that are too old, and releases as many of the others as the credits can pay for, new leads first,
    /// then by age. Those that may not go now are passed, and only those that go are read.
    pub(crate) async fn release(
        &self,
        tenant: &Tenant,
        run: &Invocation,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        if self.records.deferred(&tenant.id, 1).await?.is_empty() {
            return Ok(());
        }
        self.close_too_old(tenant, run, report).await?;
        let Some(prices) = self.prices(tenant, now) else { return Ok(()) };
        // A worker may be at it for as long as this run may: what closes before that can't pay any more.
        let wallets = self.wallets(tenant).spendable(Action::Match, now, run.claim_until()).await?;
        // They cost nothing: they may go whatever there is to pay with.
        let batches = Batches::of(self, tenant).await?;
        let mut funds = Funds { prices, balances: Balances::of(&wallets, &tenant.floor, BTreeMap::new()), batches };
        let mut line = Line { passed: 0, released: 0 };
        self.release_line(tenant, run, (&mut funds, &mut line), ParkedLine::Free, report).await?;
        self.release_line(tenant, run, (&mut funds, &mut line), ParkedLine::All, report).await?;
        report.released += line.released;
        Ok(())
    }

    /// Those in this line, in its order.
    async fn release_line(
        &self,
        tenant: &Tenant,
        run: &Invocation,
        (funds, line): (&mut Funds, &mut Line),
        parked: ParkedLine,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        let (mut after, mut from) = (None, Source::ALL[0]);
        // Once nothing can be paid for, those left in the line are not read.
        while (parked == ParkedLine::Free || funds.suffice_for_one(from)) && line.passed < PASSED_MAX {
            let page = self.records.parked(&tenant.id, parked, after).await?;
            line.passed += page.parked.len();
            if page.unreadable > 0 {
                error!(tenant = %tenant.id, parked = page.unreadable, "parked records can't be read: mend or delete them");
            }
            for chunk in page.parked.chunks(CHUNK) {
                if !self.has_time(run) || line.released >= PER_RUN_MAX {
                    return Ok(());
                }
                line.released += self.release_chunk(tenant, chunk, funds, report).await?;
            }
            from = page.parked.last().and_then(|last| last.source).unwrap_or(from);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    pub(crate) fn has_time(&self, run: &Invocation) -> bool {
        until(self.clock.now(), run.deadline) >= TIME_TO_FINISH
    }

    /// The most that one record can cost now, and the least of each provider.
    fn prices(&self, tenant: &Tenant, now: Timestamp) -> Option<Prices> {
        let mut prices = Prices { most: Amounts::default(), least: Vec::new() };
        for provider in tenant.paid_providers() {
            let Some(person) = self.config.at_once_tariff(provider, &tenant.asked_of(provider), now) else { continue };
            let fields = tenant.asynchronous_fields(provider);
            let asynchronous = self.config.asynchronous_tariff(provider, &fields, now).map(|tariff| tariff.worst());
            prices.most += &[person.worst()].iter().chain(&asynchronous).sum();
            prices.least.push(person.worst_of(true));
            let checks = |waterfall: &Waterfall| waterfall.verifier.as_ref() == Some(&provider.name());
            if let Some(check) =
                self.config.verification_tariff(provider, now).filter(|_| tenant.waterfalls().any(checks))
            {
                prices.most += &check.worst();
                prices.least.push(check.worst());
            }
        }
        (!prices.least.is_empty()).then_some(prices)
    }

    /// Those that are too old stand first among those from the same source, and are found whatever the credits.
    async fn close_too_old(&self, tenant: &Tenant, run: &Invocation, report: &mut Report) -> Result<(), StoreError> {
        let now = self.clock.now();
        let arose_by = earlier(now, tenant.windows.give_up);
        let of_sources = Source::ALL.map(Some).into_iter().chain([None]).map(Place::Of);
        for place in of_sources.chain([Place::Free]) {
            let old = self.records.parked_since(&tenant.id, place, arose_by, CLOSED_MAX).await?;
            for keys in old.chunks(CHUNK).take_while(|_| self.has_time(run)) {
                let found = self.read(tenant, keys, Batches::default(), now).await?;
                report.closed += found.unwanted.len();
                self.close(tenant, found.unwanted, now).await?;
            }
        }
        Ok(())
    }

    /// Of these, releases those that may go and can be paid for, and closes those whose people asked to be forgotten. How
    /// many were released.
    async fn release_chunk(
        &self,
        tenant: &Tenant,
        chunk: &[Parked],
        funds: &mut Funds,
        report: &mut Report,
    ) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let erased = chunk.iter().filter(|parked| parked.erased_at.is_some());
        let mut keys: Vec<RecordKey> = erased.map(|parked| parked.key.clone()).collect();
        let may_go = |parked: &&Parked| parked.erased_at.is_none() && funds.batches.may_go(&parked.deferral, now);
        let mut left: Vec<Parked> = chunk.iter().filter(may_go).cloned().collect();
        let mut released = 0;
        // One that turns out to be gone, or can't be read, leaves its credits to the next. Each round has fewer left.
        loop {
            let payable = funds.payable(&left);
            let (going, rest): (Vec<_>, Vec<_>) = left.into_iter().zip(payable).partition(|(_, payable)| *payable);
            left = rest.into_iter().map(|(parked, _)| parked).collect();
            keys.extend(going.into_iter().map(|(parked, _)| parked.key));
            if keys.is_empty() {
                return Ok(released);
            }
            released += self.release_these(tenant, &std::mem::take(&mut keys), funds, report).await?;
        }
    }

    /// The same, once they have been read.
    async fn release_these(
        &self,
        tenant: &Tenant,
        keys: &[RecordKey],
        funds: &mut Funds,
        report: &mut Report,
    ) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let found = self.read(tenant, keys, funds.batches, now).await?;
        let parked: Vec<Parked> = found.waiting.iter().filter_map(Parked::of).collect();
        let payable = funds.payable(&parked);
        funds.take(&parked, &payable);
        let going = found.waiting.into_iter().zip(payable).filter(|(_, payable)| *payable);
        let going: Vec<Record> = going.map(|(record, _)| record).collect();
        self.send_and_mark(&going, now).await?;
        report.closed += found.unwanted.len();
        self.close(tenant, found.unwanted, now).await?;
        Ok(going.len())
    }

    /// What these records stand for now: the index that named them lags behind.
    async fn read(
        &self,
        tenant: &Tenant,
        keys: &[RecordKey],
        batches: Batches,
        now: Timestamp,
    ) -> Result<Found, StoreError> {
        let mut records = self.records.read_apart(keys, Consistency::Strong).await?;
        let mut found = Found::default();
        for key in keys {
            let record = match records.remove(key) {
                Some(Ok(record)) => record,
                Some(Err(error)) => {
                    error!(record = %key, %error, "a parked record can't be read: mend or delete it");
                    continue;
                }
                None => continue,
            };
            let Some(deferral) = record.state.deferral().cloned() else { continue };
            let arose = record.occurred_at.unwrap_or(deferral.since);
            if record.erased_at.is_some() {
                found.unwanted.push((record, RefuseReason::Erased));
            } else if now >= later(arose, tenant.windows.give_up) {
                found.unwanted.push((record, RefuseReason::TooOld));
            } else if batches.may_go(&deferral, now) {
                found.waiting.push(record);
            }
        }
        Ok(found)
    }

    /// Send first, then mark. If the run dies in between, the next sends again, and the second message finds nothing
    /// to do. The other way round, a record would be marked with no message to show for it.
    async fn send_and_mark(&self, records: &[Record], now: Timestamp) -> Result<(), StoreError> {
        let requests = EnrichmentRequest::together(records.iter().filter_map(Record::to_request).collect());
        self.queue.send(&requests).await?;
        // One that is lost went to a worker that has the message already: it is on its way.
        let released = records.iter().map(|record| self.records.write(Step::Release, record.clone().released(now)));
        try_join_all(released).await.map(drop)
    }

    async fn close(
        &self,
        tenant: &Tenant,
        unwanted: Vec<(Record, RefuseReason)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let closed = unwanted.into_iter().map(|(record, reason)| match reason {
            RefuseReason::TooOld => record.waited_too_long(tenant.windows.freshness, now),
            reason => record.refused(reason, now),
        });
        try_join_all(closed.map(|record| self.records.write(Step::Dismiss, record))).await.map(drop)
    }
}

/// How far a run has come.
struct Line {
    passed: usize,
    released: usize,
}

/// Parked records, by what is to become of them.
#[derive(Default)]
struct Found {
    waiting: Vec<Record>,
    unwanted: Vec<(Record, RefuseReason)>,
}

/// What one record can cost.
struct Prices {
    /// Of all providers together.
    most: Amounts,
    /// Of each.
    least: Vec<Amounts>,
}

/// What there is to pay with.
struct Funds {
    prices: Prices,
    balances: Balances,
    batches: Batches,
}

/// The batches of a feed that leads wait for.
#[derive(Debug, Clone, Copy, Default)]
struct Batches {
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
    fn may_go(self, deferral: &Deferral, now: Timestamp) -> bool {
        let is_waiting = deferral.reason == DeferReason::NextBatch && self.are_waited_for;
        let has_come = self.delivered_at.is_some_and(|at| deferral.since < at);
        deferral.not_before <= now && (!is_waiting || has_come || deferral.until <= now)
    }
}

impl Funds {
    /// Whether any record can be paid for that comes from `source` or from one that goes after it.
    fn suffice_for_one(&self, source: Source) -> bool {
        let floor = if source.leaves_floor() { self.balances.floor.clone() } else { Amounts::default() };
        let is_enough =
            |least: &Amounts| self.balances.available.covers(&[least, &floor.of_kinds_in(least)].into_iter().sum());
        self.prices.least.iter().any(is_enough)
    }

    /// Which of these can be paid for, taken in order. Caps are the worker's: only it knows whose a record is.
    fn payable(&self, parked: &[Parked]) -> Vec<bool> {
        let worst: Vec<Amounts> = parked.iter().map(|parked| self.worst(parked)).collect();
        let source = |parked: &Parked| parked.source.unwrap_or(Source::Change);
        let demand = |(parked, worst)| Demand { worst, part: None, source: source(parked), caps: &[] };
        let demands: Vec<Demand<'_>> = parked.iter().zip(&worst).map(demand).collect();
        choose(&demands, &self.balances).into_iter().map(|choice| choice == Choice::Whole).collect()
    }

    /// Leaves the rest for those after them.
    fn take(&mut self, parked: &[Parked], payable: &[bool]) {
        let going = parked.iter().zip(payable).filter(|(_, payable)| **payable);
        let paid: Vec<Amounts> = going.map(|(parked, _)| self.worst(parked)).collect();
        let paid: Amounts = paid.iter().sum();
        self.balances.available = self.balances.available.minus(&paid);
    }

    /// What a record was parked with counts, of each kind of credit no more than what that can cost by now: prices may have
    /// fallen since, or a provider have gone.
    fn worst(&self, parked: &Parked) -> Amounts {
        parked.deferral.worst.smaller(&self.prices.most)
    }
}
