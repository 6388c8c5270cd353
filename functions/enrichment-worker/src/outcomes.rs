//! How each request of a batch ends, collected in one place.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use leadgate_aws::error::StoreError;
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::until;
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::record::Record;
use leadgate_enrichment::outcome::Outcome;
use leadgate_enrichment::retry::Retry;
use tracing::{error, warn};

use crate::batch::Batch;

/// Before a message that lost a race is taken up again: by then the winner has usually finished.
const LOST_RACE_PAUSE: Duration = Duration::from_secs(3);
/// Before a message is taken up again after our own trouble.
const TROUBLE_PAUSE: Duration = Duration::from_secs(10);
/// Before a message is taken up again when an operator has to mend something for all of a tenant's.
const OPERATOR_PAUSE: Duration = Duration::from_secs(15 * 60);

/// The outcomes of a batch, by record. A stage that ends a record puts its outcome here, and passes on the others.
pub(crate) struct Outcomes<'a> {
    batch: &'a Batch<'a>,
    outcomes: BTreeMap<RecordKey, Outcome>,
}

impl<'a> Outcomes<'a> {
    /// None yet.
    pub(crate) fn of(batch: &'a Batch<'a>) -> Self {
        Self { batch, outcomes: BTreeMap::new() }
    }

    /// One for each of the requests' records: what no stage has ended goes back to the queue. Of `told_more`, those that
    /// were written go back as well.
    pub(crate) fn for_all<'k>(
        mut self,
        keys: impl Iterator<Item = &'k RecordKey>,
        told_more: &[RecordKey],
    ) -> BTreeMap<RecordKey, Outcome> {
        for key in told_more {
            if matches!(self.outcomes.get(key), Some(Outcome::WrittenBack { .. })) {
                let reason = "the person was not found, and the record may say more of them by now";
                self.give_back(key, reason, LOST_RACE_PAUSE);
            }
        }
        for key in keys {
            if !self.has_ended(key) {
                self.give_back(key, "left over", TROUBLE_PAUSE);
            }
        }
        self.outcomes
    }

    pub(crate) fn has_ended(&self, key: &RecordKey) -> bool {
        self.outcomes.contains_key(key)
    }

    /// How this record has ended, if it has.
    pub(crate) fn of_record(&self, key: &RecordKey) -> Option<&Outcome> {
        self.outcomes.get(key)
    }

    pub(crate) fn end(&mut self, key: &RecordKey, outcome: Outcome) {
        self.outcomes.insert(key.clone(), outcome);
    }

    /// Leaves a record that isn't claimed by us on the queue.
    pub(crate) fn give_back(&mut self, key: &RecordKey, reason: &'static str, after: Duration) {
        self.end(key, Outcome::Returned { reason, after });
    }

    /// Leaves a record that is claimed by us on the queue, until the claim has run out: there is no point in looking
    /// at it earlier.
    pub(crate) fn give_back_claimed(&mut self, key: &RecordKey, reason: &'static str, retry: Retry) {
        let claim = until(self.batch.now(), self.batch.invocation.claim_until()) + Duration::from_secs(1);
        let spread = Duration::from_secs(5).mul_f64(self.batch.worker.clock.jitter());
        match retry {
            Retry::After(asked) => self.end(key, Outcome::Postponed { reason, after: claim.max(asked) + spread }),
            Retry::Never => self.end(key, Outcome::Postponed { reason, after: claim.max(OPERATOR_PAUSE) + spread }),
            Retry::Backoff => self.give_back(key, reason, claim + spread),
        }
    }

    /// Leaves records on the queue that the provider was certainly not called for, although their hold may still be open:
    /// naming its purchase no longer, they are the proof of it. Only in trouble, so that the write costs nothing
    /// otherwise.
    pub(crate) async fn give_back_uncalled(&mut self, records: Vec<Record>, reason: &'static str, retry: Retry) {
        let now = self.batch.now();
        for record in &records {
            self.give_back_claimed(&record.key, reason, retry);
        }
        let steps = records.into_iter().map(|record| step(self.batch, Step::Defer, record.unclaimed(now)));
        for record in join_all(steps).await.into_iter().flatten().filter(|_| retry != Retry::Never) {
            self.give_back(&record.key, reason, TROUBLE_PAUSE);
        }
    }

    /// A record of which something can't be read. The error names it: an operator mends it, and redrives the message.
    pub(crate) fn dead_letter(&mut self, key: &RecordKey, error: &StoreError) {
        error!(record = %key, %error, "can't be read: mend or delete the item, then redrive the dead-letter queue");
        self.end(key, Outcome::DeadLettered { reason: error.doing });
    }

    /// Our own trouble with a store, before anything was claimed. What can't be read of a tenant's wallets or caps is an
    /// operator's to mend, and all its leads wait for that.
    pub(crate) fn give_back_after<'k>(&mut self, keys: impl IntoIterator<Item = &'k RecordKey>, error: &StoreError) {
        warn!(tenant = %self.batch.tenant.id, %error, "requests go back to the queue");
        for key in keys {
            match error.retry {
                Retry::Never => {
                    self.end(key, Outcome::Postponed { reason: error.doing, after: OPERATOR_PAUSE });
                }
                _ => self.give_back(key, error.doing, TROUBLE_PAUSE),
            }
        }
    }

    /// Takes note of steps that failed, and gives those that were done.
    pub(crate) fn done(&mut self, steps: Vec<Result<Record, (RecordKey, StepFailure)>>) -> Vec<Record> {
        let mut done = Vec::with_capacity(steps.len());
        for step in steps {
            match step {
                Ok(record) => done.push(record),
                Err((key, StepFailure::Lost)) => {
                    self.give_back(&key, "another worker got to it first", LOST_RACE_PAUSE)
                }
                Err((key, StepFailure::Store(error))) if error.retry == Retry::Never => self.dead_letter(&key, &error),
                Err((key, StepFailure::Store(error))) => self.give_back_after([&key], &error),
            }
        }
        done
    }

    /// Writes records whose requests end with that. Those that were written end in their outcome.
    pub(crate) async fn write_and_end(&mut self, as_step: Step, ended: Vec<(Record, Outcome)>) {
        let (records, outcomes): (Vec<Record>, Vec<Outcome>) = ended.into_iter().unzip();
        let mut ends: BTreeMap<RecordKey, Outcome> =
            records.iter().map(|record| record.key.clone()).zip(outcomes).collect();
        let steps = join_all(records.into_iter().map(|record| step(self.batch, as_step, record))).await;
        for record in self.done(steps) {
            if let Some(outcome) = ends.remove(&record.key) {
                self.end(&record.key, outcome);
            }
        }
    }

    /// Ends a record that nothing is bought for.
    pub(crate) async fn dismiss(&mut self, record: Record, outcome: Outcome) {
        self.write_and_end(Step::Dismiss, vec![(record, outcome)]).await;
    }

    /// Leaves claimed records on the queue, all for the same reason, if there are any.
    pub(crate) fn give_all_back(&mut self, records: &[Record], reason: &str, retry: Retry) {
        if records.is_empty() {
            return;
        }
        let (tenant, purchase) = (&self.batch.tenant.id, &self.batch.purchase);
        warn!(%tenant, %purchase, reason, "claimed records go back to the queue");
        for record in records {
            self.give_back_claimed(&record.key, "see the warning for its purchase", retry);
        }
    }
}

/// Writes a step of a record and gives the record as it stands then.
pub(crate) async fn step(batch: &Batch<'_>, step: Step, record: Record) -> Result<Record, (RecordKey, StepFailure)> {
    let key = record.key.clone();
    match batch.worker.records.write(step, record).await {
        Ok(Some(record)) => Ok(record),
        Ok(None) => Err((key, StepFailure::Lost)),
        Err(error) => Err((key, StepFailure::Store(error))),
    }
}

/// Why a step of a record was not written.
pub(crate) enum StepFailure {
    /// Another worker wrote the record since we read it.
    Lost,
    /// The store failed.
    Store(StoreError),
}
