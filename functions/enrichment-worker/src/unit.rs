//! One unit of work: what one run does for one tenant.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::until;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::ids::{PurchaseId, RecordKey};
use leadgate_enrichment::outcome::Outcome;
use leadgate_enrichment::price::{Action, PricedField, Tariff};
use leadgate_enrichment::record::Record;
use leadgate_enrichment::request::EnrichmentRequest;
use leadgate_enrichment::retry::Retry;
use leadgate_enrichment::wallet::Wallet;
use leadgate_lambda::invocation::Invocation;
use leadgate_lambda::wallets::TenantWallets;
use tracing::{error, warn};

use crate::EnrichmentWorker;

pub(crate) struct Unit<'a> {
    pub(crate) worker: &'a EnrichmentWorker,
    pub(crate) tenant: &'a Tenant,
    pub(crate) invocation: &'a Invocation,
    /// What this unit buys, it buys under this id.
    pub(crate) purchase: PurchaseId,
    /// And at the prices of the moment it is named by, even if others come into force while it is at it.
    pub(crate) tariff: Option<Tariff>,
    /// What the tenant's fingerprints are made with.
    pub(crate) fingerprints: FingerprintKey,
    outcomes: BTreeMap<RecordKey, Outcome>,
}

/// Why a message stays whose record has just been written.
const TOLD_MORE: &str = "the person was not found, and the record may say more of them by now";
/// Before a message that lost a race is looked at again: by then whoever won it has usually finished.
const LOST_RACE_PAUSE: Duration = Duration::from_secs(3);
/// Before a message is looked at again after our own trouble.
const TROUBLE_PAUSE: Duration = Duration::from_secs(10);
/// Before a message is taken up again when an operator has to mend something for all of a tenant's.
const OPERATOR_PAUSE: Duration = Duration::from_secs(15 * 60);

impl<'a> Unit<'a> {
    pub(crate) fn new(
        worker: &'a EnrichmentWorker,
        tenant: &'a Tenant,
        invocation: &'a Invocation,
        fingerprints: FingerprintKey,
    ) -> Self {
        let now = worker.clock.now();
        let purchase = PurchaseId::derive(&tenant.id, &invocation.id, now);
        let tariff = worker.config.person_tariff(tenant, now);
        Self { worker, tenant, invocation, purchase, tariff, fingerprints, outcomes: BTreeMap::new() }
    }

    /// Works on the requests. Each ends in an outcome, whatever happens to the others.
    pub(crate) async fn run(
        mut self,
        requests: BTreeMap<RecordKey, Vec<EnrichmentRequest>>,
    ) -> BTreeMap<RecordKey, Outcome> {
        let found = self.look(&requests).await;
        let told_more = found.told_more(&requests);
        let due = self.settle_open(found.due).await;
        let due = self.in_the_providers_time(due).await;
        let claimed = self.claim(due).await;
        let wanted = self.price(claimed).await;
        let mut bought = found.bought;
        bought.extend(self.buy(wanted).await);
        self.write_back(bought).await;
        for key in told_more {
            if matches!(self.outcomes.get(&key), Some(Outcome::WrittenBack { .. })) {
                self.give_back(&key, TOLD_MORE, LOST_RACE_PAUSE);
            }
        }
        for key in requests.keys().filter(|key| !self.outcomes.contains_key(key)).cloned().collect::<Vec<_>>() {
            self.give_back(&key, "left over", TROUBLE_PAUSE);
        }
        self.outcomes
    }

    /// The most that one record can cost; `repeated` says that it was bought for before.
    pub(crate) fn worst_of(&self, repeated: bool) -> Amounts {
        self.tariff.as_ref().map(|tariff| tariff.worst_of(repeated)).unwrap_or_default()
    }

    /// The most that `fields` that arrive later can cost for one record. That they were bought for it before makes them
    /// no cheaper here: a hold that is too high is freed, and one that is too low is not there.
    pub(crate) fn worst_later(&self, fields: &[PricedField]) -> Amounts {
        let tariff = self.worker.config.later_tariff(self.tenant, fields, self.purchase.made_at());
        tariff.map(|tariff| tariff.worst()).unwrap_or_default()
    }

    pub(crate) fn wallets(&self) -> TenantWallets<'a> {
        TenantWallets { credits: &self.worker.credits, tenant: self.tenant }
    }

    /// The wallets that may pay for what this run does.
    pub(crate) async fn spendable(&self, action: Action) -> Result<Vec<Wallet>, StoreError> {
        self.wallets().spendable(action, self.now(), self.invocation.claim_until()).await
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.worker.clock.now()
    }

    /// What is left of the run.
    pub(crate) fn time_left(&self) -> Duration {
        until(self.now(), self.invocation.deadline)
    }

    /// What `work` comes to, or nothing if it takes longer than this.
    pub(crate) async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.worker.clock.passed(limit) => None,
        }
    }

    pub(crate) fn has_ended(&self, key: &RecordKey) -> bool {
        self.outcomes.contains_key(key)
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
        let claim = until(self.now(), self.invocation.claim_until()) + Duration::from_secs(1);
        let spread = Duration::from_secs(5).mul_f64(self.worker.clock.jitter());
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
        let now = self.now();
        for record in &records {
            self.give_back_claimed(&record.key, reason, retry);
        }
        let steps = records.into_iter().map(|record| self.step(Step::Defer, record.unclaimed(now)));
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
        warn!(tenant = %self.tenant.id, %error, "requests go back to the queue");
        for key in keys {
            match error.retry {
                Retry::Never => {
                    self.end(key, Outcome::Postponed { reason: error.doing, after: OPERATOR_PAUSE });
                }
                _ => self.give_back(key, error.doing, TROUBLE_PAUSE),
            }
        }
    }

    /// Writes a step of a record and gives the record as it stands then. If somebody else wrote it first, or the
    /// store fails, it goes back to the queue.
    pub(crate) async fn step(&self, step: Step, record: Record) -> Result<Record, (RecordKey, StepFailure)> {
        let key = record.key.clone();
        match self.worker.records.write(step, record).await {
            Ok(Some(record)) => Ok(record),
            Ok(None) => Err((key, StepFailure::Lost)),
            Err(error) => Err((key, StepFailure::Store(error))),
        }
    }

    /// Takes note of steps that failed, and gives those that were done.
    pub(crate) fn done(&mut self, steps: Vec<Result<Record, (RecordKey, StepFailure)>>) -> Vec<Record> {
        let mut done = Vec::with_capacity(steps.len());
        for step in steps {
            match step {
                Ok(record) => done.push(record),
                Err((key, StepFailure::Lost)) => self.give_back(&key, "somebody else got to it first", LOST_RACE_PAUSE),
                Err((key, StepFailure::Store(error))) if error.retry == Retry::Never => self.dead_letter(&key, &error),
                Err((key, StepFailure::Store(error))) => self.give_back_after([&key], &error),
            }
        }
        done
    }

    /// Takes note of steps that end their requests: those that were done end in their outcome.
    pub(crate) fn done_with(
        &mut self,
        steps: Vec<Result<Record, (RecordKey, StepFailure)>>,
        outcomes: Vec<(RecordKey, Outcome)>,
    ) {
        let mut outcomes: BTreeMap<RecordKey, Outcome> = outcomes.into_iter().collect();
        for record in self.done(steps) {
            if let Some(outcome) = outcomes.remove(&record.key) {
                self.end(&record.key, outcome);
            }
        }
    }

    /// Ends a record that nothing is bought for: one write, then its outcome.
    pub(crate) async fn dismiss(&mut self, record: Record, outcome: Outcome) {
        let key = record.key.clone();
        let step = self.step(Step::Dismiss, record).await;
        self.done_with(vec![step], vec![(key, outcome)]);
    }
}

pub(crate) enum StepFailure {
    /// Somebody else wrote the record since we read it.
    Lost,
    /// The store failed.
    Store(StoreError),
}
