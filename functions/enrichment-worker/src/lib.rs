//! The worker: takes wishes off the queue, buys what is due, and writes it back.
//!
//! Up to ten messages are one unit of work per tenant, and make one purchase: one hold, one call, one settle, one read
//! and one write of the CRM. The steps are written in such an order that the worker may die after any of them:
//!
//! | step | dies right after | whoever comes next |
//! | --- | --- | --- |
//! | claim | nothing was spent | claims anew once the claim has run out |
//! | hold | it may have been called | settles the hold as unknown: spent |
//! | keep | the record says what it cost | settles from the record, then writes back |
//! | settle | the record has the patch | writes back |
//! | write back | the CRM has it | writes the same again, closes |
//!
//! What arrives minutes later is a second purchase within the same call, with a hold of its own that stays open; see
//! `collect`. Before each call, `pace` takes a permit from the provider's limits; `known` and `organizations` see to it
//! that nothing is bought that is known already.

mod batch;
mod buy;
mod call;
mod collect;
mod defer;
mod hold;
mod known;
mod look;
mod messages;
mod organizations;
mod pace;
mod price;
mod unit;
mod write_back;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jiff::Timestamp;
use leadgate_aws::answers::Answers;
use leadgate_aws::credits::Credits;
use leadgate_aws::limits::Limits;
use leadgate_aws::queue::Queue;
use leadgate_aws::records::Records;
use leadgate_enrichment::clock::{Clock, days, later, until};
use leadgate_enrichment::config::Config;
use leadgate_enrichment::ids::{RecordKey, TenantId};
use leadgate_enrichment::outcome::Outcome;
use leadgate_enrichment::request::{Collect, EnrichmentRequest, Task};
use leadgate_lambda::connections::Connections;
use leadgate_lambda::fingerprints::Fingerprints;
use leadgate_lambda::invocation::Invocation;
use tracing::{error, info, warn};

use crate::batch::{Batch, Message};
use crate::collect::End;
use crate::messages::Next;
use crate::unit::Unit;

pub use crate::messages::RECEIVES_MAX;

/// Everything the worker may touch.
pub struct EnrichmentWorker {
    /// Tenants, prices, mappings.
    pub config: Arc<Config>,
    /// What we remember of records.
    pub records: Records,
    /// Wallets, holds, the ledger.
    pub credits: Credits,
    /// What others have asked already.
    pub answers: Answers,
    /// How often providers may be called.
    pub limits: Limits,
    /// Only to hide messages and to send them anew: the event source receives and deletes them.
    pub queue: Queue,
    /// For messages that trying again can't help.
    pub dead_letters: Queue,
    /// What values and people are told apart by.
    pub fingerprints: Fingerprints,
    /// CRMs and providers.
    pub connections: Connections,
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
}

const UNKNOWN_TENANT: &str = "unknown tenant";
/// Before a message is taken up again when the secret of fingerprints could not be read.
const NO_KEY_PAUSE: Duration = Duration::from_secs(60);
/// Nothing can be done with a message for a tenant we don't have; an operator may still add it.
const UNKNOWN_TENANT_PAUSE: Duration = Duration::from_secs(15 * 60);
/// For how long they may: as long as SQS would have kept the message.
const UNKNOWN_TENANT_PATIENCE: Duration = days(14);

impl EnrichmentWorker {
    /// Works on a batch. What couldn't be finished is reported back and stays on the queue, hidden until there is a
    /// point in trying again.
    pub async fn handle(&self, event: SqsEvent, invocation: &Invocation) -> SqsBatchResponse {
        let batch = Batch::read(event, self.clock.now());
        let mut outcomes = BTreeMap::new();
        for (tenant, requests) in batch.by_tenant() {
            outcomes.extend(self.work(&tenant, requests, invocation).await);
        }
        let mut collected = Vec::new();
        for hint in batch.hints() {
            collected.push((hint, self.collect(hint, invocation).await));
        }
        let next = |message: &Message| match &message.task {
            Ok(Task::Enrich(request)) => end_of_request(request, &outcomes),
            Ok(Task::Collect(hint)) => end_of_hint(hint, &collected),
            Err(reason) => {
                error!(message = message.id, reason, "not a message of ours: it is in the dead-letter queue");
                Next::DeadLetter
            }
        };
        let early = batch.early.iter().map(|(message, wait)| (message, Next::Anew(*wait)));
        let messages = batch.messages.iter().map(|message| (message, next(message))).chain(early).collect();
        let mut response = SqsBatchResponse::default();
        for message in self.dispose(messages).await {
            response.add_failure(message.id.clone());
        }
        self.tell_age(&batch, &outcomes);
        response
    }

    /// Says how long the oldest request waits that could not be dealt with this time: the queue's own figure leaves out
    /// what was received three times, and begins anew for what is sent anew.
    fn tell_age(&self, batch: &Batch, outcomes: &BTreeMap<RecordKey, Outcome>) {
        let waits = |request: &&EnrichmentRequest| {
            let outcome = outcomes.get(&request.record);
            outcome.is_none_or(|it| matches!(it, Outcome::Returned { .. } | Outcome::Postponed { .. }))
        };
        let messages = batch.messages.iter().chain(batch.early.iter().map(|(message, _)| message));
        let requests = messages.filter_map(|message| match &message.task {
            Ok(Task::Enrich(request)) => Some(request),
            _ => None,
        });
        let oldest = requests.filter(waits).filter_map(|request| request.queued_at).min();
        if let Some(oldest) = oldest {
            let oldest_request_seconds = until(oldest, self.clock.now()).as_secs();
            info!(oldest_request_seconds, "requests stay on the queue");
        }
    }

    async fn collect(&self, hint: &Collect, invocation: &Invocation) -> End {
        match self.config.tenant(&hint.tenant) {
            Some(tenant) => match self.fingerprints.key_of(&tenant.id).await {
                Ok(key) => Box::pin(Unit::new(self, tenant, invocation, key).collect(hint)).await,
                Err(error) => {
                    warn!(tenant = %tenant.id, %error, "nothing can be done without it: hints stay on the queue");
                    End::Returned { reason: error.doing, after: NO_KEY_PAUSE }
                }
            },
            None => match self.may_be_added(hint.collect.made_at()) {
                true => End::Returned { reason: UNKNOWN_TENANT, after: UNKNOWN_TENANT_PAUSE },
                false => End::DeadLettered { reason: UNKNOWN_TENANT },
            },
        }
    }

    async fn work(
        &self,
        tenant: &TenantId,
        requests: BTreeMap<RecordKey, Vec<EnrichmentRequest>>,
        invocation: &Invocation,
    ) -> BTreeMap<RecordKey, Outcome> {
        if let Some(tenant) = self.config.tenant(tenant) {
            let error = match self.fingerprints.key_of(&tenant.id).await {
                Ok(key) => return Box::pin(Unit::new(self, tenant, invocation, key).run(requests)).await,
                Err(error) => error,
            };
            warn!(tenant = %tenant.id, %error, "nothing can be done without it: requests stay on the queue");
            let returned = || Outcome::Returned { reason: error.doing, after: NO_KEY_PAUSE };
            return requests.into_keys().map(|key| (key, returned())).collect();
        }
        error!(%tenant, "no such tenant in the configuration: its messages wait for it");
        let outcome = |requests: &[EnrichmentRequest]| {
            let latest = requests.iter().map(|request| request.occurred_at).max().unwrap_or(Timestamp::MIN);
            match self.may_be_added(latest) {
                true => Outcome::Returned { reason: UNKNOWN_TENANT, after: UNKNOWN_TENANT_PAUSE },
                false => Outcome::DeadLettered { reason: UNKNOWN_TENANT },
            }
        };
        requests.iter().map(|(key, requests)| (key.clone(), outcome(requests))).collect()
    }

    /// Whether an operator may still add the tenant of a message that arose then.
    fn may_be_added(&self, arose: Timestamp) -> bool {
        self.clock.now() < later(arose, UNKNOWN_TENANT_PATIENCE)
    }
}

/// One log line, and what becomes of the message.
fn end_of_request(request: &EnrichmentRequest, outcomes: &BTreeMap<RecordKey, Outcome>) -> Next {
    let (record, request) = (&request.record, &request.request);
    let Some(outcome) = outcomes.get(record) else {
        error!(%record, "a request ended without an outcome: it stays on the queue");
        return Next::Back(Duration::ZERO);
    };
    info!(%record, %request, outcome = outcome.word(), detail = %outcome, "request ended");
    match outcome {
        Outcome::Postponed { after, .. } => Next::Anew(*after),
        Outcome::Returned { after, .. } => Next::Back(*after),
        Outcome::DeadLettered { .. } => Next::DeadLetter,
        _ => Next::Deleted,
    }
}

/// The same for a hint.
fn end_of_hint(hint: &Collect, collected: &[(&Collect, End)]) -> Next {
    let (tenant, purchase) = (&hint.tenant, &hint.collect);
    let Some((_, end)) = collected.iter().find(|(done, _)| done.is_same(hint)) else { return Next::Deleted };
    info!(%tenant, %purchase, end = ?end, "hint dealt with");
    match end {
        End::Postponed { after, .. } => Next::Anew(*after),
        End::Returned { after, .. } => Next::Back(*after),
        End::DeadLettered { .. } => Next::DeadLetter,
        End::Collected { .. } | End::NotYet(_) | End::NothingAwaited => Next::Deleted,
    }
}
