//! Parked records, put back on the queue.

use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_aws::records::{Parked, ParkedLine, Place};
use leadgate_aws::table::Consistency;
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::{earlier, later, until};
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::record::Record;
use leadgate_enrichment::lead::request::{EnrichmentRequest, Source};
use leadgate_enrichment::outcome::RefuseReason;
use leadgate_lambda::invocation::Invocation;
use tracing::error;

use crate::funds::{Batches, Funds};
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
        if self.records.deferred(&tenant.id, 1).await?.is_empty() {
            return Ok(());
        }
        self.close_too_old(tenant, run, report).await?;
        let Some(mut funds) = Funds::of(self, tenant, run).await? else { return Ok(()) };
        let mut line = Line { passed: 0, released: 0 };
        // They cost nothing: they may go whatever there is to pay with.
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
        (funds, line): (&mut Funds<'_>, &mut Line),
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
        funds: &mut Funds<'_>,
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
        funds: &mut Funds<'_>,
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
