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
mod organizations;
mod pace;
mod price;
mod unit;
mod write_back;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use leadgate_aws::answers::Answers;
use leadgate_aws::credits::Credits;
use leadgate_aws::limits::Limits;
use leadgate_aws::queue::Queue;
use leadgate_aws::records::Records;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::Config;
use leadgate_enrichment::ids::{RecordKey, TenantId};
use leadgate_enrichment::outcome::Outcome;
use leadgate_enrichment::request::{Collect, EnrichmentRequest, Task};
use leadgate_lambda::connections::Connections;
use leadgate_lambda::invocation::Invocation;
use tracing::{error, info, warn};

use crate::batch::{Batch, Message};
use crate::collect::End;
use crate::unit::Unit;

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
    /// CRMs and providers.
    pub connections: Connections,
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
}

/// Nobody can work on a message for a tenant we don't have; an operator may still add it.
const UNKNOWN_TENANT_PAUSE: Duration = Duration::from_secs(15 * 60);

impl EnrichmentWorker {
    /// Works on a batch. What couldn't be finished is reported back and stays on the queue, hidden until there is a
    /// point in trying again.
    pub async fn handle(&self, event: SqsEvent, invocation: &Invocation) -> SqsBatchResponse {
        let batch = Batch::read(event);
        let mut outcomes = BTreeMap::new();
        for (tenant, requests) in batch.by_tenant() {
            outcomes.extend(self.work(&tenant, requests, invocation).await);
        }
        let mut collected = Vec::new();
        for hint in batch.hints() {
            collected.push((hint, self.collect(hint, invocation).await));
        }
        let sent_anew = self.send_anew(&batch, &outcomes).await;
        let mut response = SqsBatchResponse::default();
        for message in &batch.messages {
            let stays = match &message.task {
                Ok(Task::Enrich(request)) => match end_of_request(request, &outcomes) {
                    Some(Outcome::Postponed { .. }) if sent_anew.contains(&message.id.as_str()) => None,
                    Some(Outcome::Postponed { after, .. } | Outcome::Returned { after, .. }) => Some(*after),
                    Some(_) => None,
                    None => Some(Duration::ZERO),
                },
                Ok(Task::Collect(hint)) => end_of_hint(hint, &collected),
                Err(reason) => {
                    error!(message = message.id, reason, "not a message of ours: left for the dead-letter queue");
                    Some(Duration::ZERO)
                }
            };
            if let Some(after) = stays {
                response.add_failure(message.id.clone());
                self.hide(message, after).await;
            }
        }
        response
    }

    /// Puts what is postponed on the queue anew, where its attempts are counted from none, and gives the messages that
    /// it was. If we die before these are deleted there are two of each, which does no harm.
    async fn send_anew<'b>(&self, batch: &'b Batch, outcomes: &BTreeMap<RecordKey, Outcome>) -> BTreeSet<&'b str> {
        let mut postponed: BTreeMap<Duration, Vec<(&str, EnrichmentRequest)>> = BTreeMap::new();
        for message in &batch.messages {
            let Ok(Task::Enrich(request)) = &message.task else { continue };
            if let Some(Outcome::Postponed { after, .. }) = outcomes.get(&request.record) {
                postponed.entry(*after).or_default().push((&message.id, request.clone()));
            }
        }
        let mut sent = BTreeSet::new();
        for (after, messages) in postponed {
            let (ids, requests): (Vec<&str>, Vec<EnrichmentRequest>) = messages.into_iter().unzip();
            match self.queue.send_later(&requests, after).await {
                Ok(()) => sent.extend(ids),
                Err(error) => warn!(%error, "messages can't be sent anew: they stay"),
            }
        }
        sent
    }

    async fn hide(&self, message: &Message, after: Duration) {
        if after.is_zero() {
            return;
        }
        if let Err(error) = self.queue.hide(&message.receipt, message.pause(after)).await {
            let message = &message.id;
            warn!(message, %error, "the message stays hidden for the queue's own visibility time-out instead");
        }
    }

    async fn collect(&self, hint: &Collect, invocation: &Invocation) -> End {
        match self.config.tenant(&hint.tenant) {
            Some(tenant) => Box::pin(Unit::new(self, tenant, invocation).collect(&hint.collect)).await,
            None => End::Returned { reason: "unknown tenant", after: UNKNOWN_TENANT_PAUSE },
        }
    }

    async fn work(
        &self,
        tenant: &TenantId,
        requests: BTreeMap<RecordKey, Vec<EnrichmentRequest>>,
        invocation: &Invocation,
    ) -> BTreeMap<RecordKey, Outcome> {
        if let Some(tenant) = self.config.tenant(tenant) {
            return Box::pin(Unit::new(self, tenant, invocation).run(requests)).await;
        }
        error!(%tenant, "no such tenant in the configuration: its messages stay on the queue");
        let returned = Outcome::Returned { reason: "unknown tenant", after: UNKNOWN_TENANT_PAUSE };
        requests.into_keys().map(|key| (key, returned.clone())).collect()
    }
}

/// One log line, and the outcome, if there is one.
fn end_of_request<'o>(request: &EnrichmentRequest, outcomes: &'o BTreeMap<RecordKey, Outcome>) -> Option<&'o Outcome> {
    let (record, request) = (&request.record, &request.request);
    let Some(outcome) = outcomes.get(record) else {
        error!(%record, "a request ended without an outcome: it stays on the queue");
        return None;
    };
    info!(%record, %request, outcome = outcome.word(), detail = %outcome, "request ended");
    Some(outcome)
}

/// One log line, and for how long the message has to stay, if it has to.
fn end_of_hint(hint: &Collect, collected: &[(&Collect, End)]) -> Option<Duration> {
    let (tenant, purchase) = (&hint.tenant, &hint.collect);
    let end = collected.iter().find(|(done, _)| *done == hint).map(|(_, end)| end)?;
    info!(%tenant, %purchase, end = ?end, "hint dealt with");
    if let End::Returned { after, .. } = end { Some(*after) } else { None }
}
