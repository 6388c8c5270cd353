//! The worker: takes requests off the queue, buys what is due, and writes it back.
//!
//! Up to ten messages are one batch per tenant, and make one purchase: one hold, one call, one settlement, one read and one
//! write of the CRM. A batch goes through the stages in the order in which the modules are declared; `work_on` is their list.
//! They write in such an order that the worker may die after any of them:
//!
//! | stage | dies right after | the next worker |
//! | --- | --- | --- |
//! | claim | nothing was spent | claims anew once the claim has run out |
//! | reserve | it may have been called | settles the hold as unknown: spent |
//! | look up | the same | the same |
//! | keep | the record says what it cost | settles from the record, then writes back |
//! | settle | the record has the patch | writes back |
//! | write back | the CRM has it | writes the same again, closes |
//!
//! Companies that are records themselves go through the same stages, in a batch of their own; see `companies`.
//!
//! Candidates, whom a search has found, are bought first and then found or created in the CRM; see `candidates`. People of
//! whom another system tells are found or created in the CRM first, and handed on as requests; see `new_leads`.
//!
//! What a provider has delivered in batches costs nothing to look up: its turn is no purchase; see `delivered`.
//!
//! What it spends it spends through `leadgate_purchase`. What arrives minutes later is a second purchase within the same
//! call, with a hold of its own that stays open; see `collect`.

mod batch;
mod crm;
mod outcomes;
mod turn;
mod waterfall;

mod candidates;
mod claim;
mod companies;
mod defer;
mod delivered;
mod employers;
mod keep;
mod limits;
mod look_up;
mod price;
mod reserve;
mod settle;
mod single_flight;
mod write_back;

mod collect;
mod messages;
mod new_leads;
mod received;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jiff::Timestamp;
use leadgate_aws::answers::Answers;
use leadgate_aws::credits::Credits;
use leadgate_aws::feed::Feed;
use leadgate_aws::limits::Limits;
use leadgate_aws::queue::Queue;
use leadgate_aws::records::Records;
use leadgate_enrichment::clock::{Clock, days, later, until};
use leadgate_enrichment::config::{Config, RecordKind, Tenant};
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::ids::{RecordKey, TenantId};
use leadgate_enrichment::lead::new_lead::NewLead;
use leadgate_enrichment::lead::request::{CallEnded, Collect, EnrichmentRequest, Task};
use leadgate_enrichment::outcome::Outcome;
use leadgate_enrichment::purchase::settlement::{self, Asked};
use leadgate_lambda::connections::Connections;
use leadgate_lambda::fingerprints::Fingerprints;
use leadgate_lambda::invocation::Invocation;
use tracing::{error, info, warn};

use crate::batch::Batch;
use crate::candidates::PassedOn;
use crate::messages::Next;
use crate::outcomes::Outcomes;
use crate::price::Wanted;
use crate::received::{Message, Received};
use crate::turn::Turn;
use crate::waterfall::Waterfall;

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
    /// What was delivered in batches.
    pub feed: Feed,
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

/// Why nothing can be done about a message.
enum Stuck {
    Returned { reason: &'static str, after: Duration },
    DeadLettered { reason: &'static str },
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
        let received = Received::read(event, self.clock.now());
        let mut outcomes = BTreeMap::new();
        for (tenant, requests) in received.by_tenant() {
            outcomes.extend(self.work(&tenant, requests, invocation).await);
        }
        let mut collected = Vec::new();
        for hint in received.hints() {
            collected.push((hint, self.collect(hint, invocation).await));
        }
        let mut looked_at = Vec::new();
        for call in received.ended() {
            looked_at.push((call, self.look_at(call, invocation).await));
        }
        let mut taken_in = Vec::new();
        for lead in received.new_leads() {
            taken_in.push((lead, self.take_in(lead, invocation).await));
        }
        let next = |message: &Message| match &message.task {
            Ok(Task::Enrich(request)) => end_of_request(request, &outcomes),
            Ok(Task::Collect(hint)) => end_of_hint(hint, &collected),
            Ok(Task::Ended(call)) => end_of_call(call, &looked_at),
            Ok(Task::Create(lead)) => end_of_new_lead(lead, &taken_in),
            Err(reason) => {
                error!(message = message.id, reason, "not a message of ours: it is in the dead-letter queue");
                Next::DeadLetter
            }
        };
        let early = received.early.iter().map(|(message, wait)| (message, Next::Anew(*wait)));
        let messages = received.messages.iter().map(|message| (message, next(message))).chain(early).collect();
        let mut response = SqsBatchResponse::default();
        for message in self.dispose(messages).await {
            response.add_failure(message.id.clone());
        }
        self.tell_age(&received, &outcomes, &taken_in);
        response
    }

    /// Says how long the oldest request waits that could not be dealt with this time: the queue's own figure leaves out
    /// what was received three times, and begins anew for what is sent anew.
    fn tell_age(
        &self,
        received: &Received,
        outcomes: &BTreeMap<RecordKey, Outcome>,
        taken_in: &[(&NewLead, new_leads::End)],
    ) {
        let waits = |request: &EnrichmentRequest| {
            let outcome = outcomes.get(&request.record);
            outcome.is_none_or(|it| matches!(it, Outcome::Returned { .. } | Outcome::Postponed { .. }))
        };
        let is_open = |lead: &NewLead| {
            let end = taken_in.iter().find(|(done, _)| done.is_same(lead));
            end.is_none_or(|(_, end)| end.is_open())
        };
        let messages = received.messages.iter().chain(received.early.iter().map(|(message, _)| message));
        let waiting_since = messages.filter_map(|message| match &message.task {
            Ok(Task::Enrich(request)) => request.queued_at.filter(|_| waits(request)),
            Ok(Task::Create(lead)) => lead.queued_at.filter(|_| is_open(lead)),
            _ => None,
        });
        let oldest = waiting_since.min();
        if let Some(oldest) = oldest {
            let oldest_request_seconds = until(oldest, self.clock.now()).as_secs();
            info!(oldest_request_seconds, "requests stay on the queue");
        }
    }

    async fn collect(&self, hint: &Collect, invocation: &Invocation) -> collect::End {
        match self.batch(&hint.tenant, hint.collect.made_at(), invocation).await {
            Ok(batch) => Box::pin(collect::collect(&batch, hint)).await,
            Err(stuck) => stuck.into(),
        }
    }

    async fn look_at(&self, call: &CallEnded, invocation: &Invocation) -> collect::End {
        let arose = call.queued_at.unwrap_or_else(|| self.clock.now());
        match self.batch(&call.tenant, arose, invocation).await {
            Ok(batch) => Box::pin(collect::ended(&batch, call)).await,
            Err(stuck) => stuck.into(),
        }
    }

    async fn take_in(&self, lead: &NewLead, invocation: &Invocation) -> new_leads::End {
        match self.batch(&lead.tenant, lead.occurred_at, invocation).await {
            Ok(batch) => Box::pin(new_leads::take_in(&batch, lead)).await,
            Err(stuck) => stuck.into(),
        }
    }

    /// What a message that arose then is worked on with, or why it can't be.
    async fn batch<'a>(
        &'a self,
        tenant: &TenantId,
        arose: Timestamp,
        invocation: &'a Invocation,
    ) -> Result<Batch<'a>, Stuck> {
        let Some(tenant) = self.config.tenant(tenant) else {
            return Err(match self.may_be_added(arose) {
                true => Stuck::Returned { reason: UNKNOWN_TENANT, after: UNKNOWN_TENANT_PAUSE },
                false => Stuck::DeadLettered { reason: UNKNOWN_TENANT },
            });
        };
        let key = self.fingerprints.key_of(&tenant.id).await.map_err(|error| {
            warn!(tenant = %tenant.id, %error, "nothing can be done without it: messages stay on the queue");
            Stuck::Returned { reason: error.doing, after: NO_KEY_PAUSE }
        })?;
        Ok(Batch::new(self, tenant, invocation, key))
    }

    async fn work(
        &self,
        tenant: &TenantId,
        requests: BTreeMap<RecordKey, Vec<EnrichmentRequest>>,
        invocation: &Invocation,
    ) -> BTreeMap<RecordKey, Outcome> {
        if let Some(tenant) = self.config.tenant(tenant) {
            let error = match self.fingerprints.key_of(&tenant.id).await {
                Ok(key) => return self.work_by_kind(tenant, requests, invocation, &key).await,
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

    /// Works on people and on companies apart: they have mappings of their own, and are paid for by themselves. Companies that
    /// aren't enriched any more are told so among people.
    async fn work_by_kind(
        &self,
        tenant: &Tenant,
        requests: BTreeMap<RecordKey, Vec<EnrichmentRequest>>,
        invocation: &Invocation,
        key: &FingerprintKey,
    ) -> BTreeMap<RecordKey, Outcome> {
        let kind_of = |record: &RecordKey| tenant.of_object(&record.object).map_or(RecordKind::Person, |it| it.kind);
        let mut outcomes = BTreeMap::new();
        for tenant in tenant.mappings() {
            let own = requests.iter().filter(|(record, _)| kind_of(record) == tenant.kind);
            let own: BTreeMap<_, _> = own.map(|(record, requests)| (record.clone(), requests.clone())).collect();
            if own.is_empty() {
                continue;
            }
            let mut batch = Batch::new(self, tenant, invocation, key.clone());
            batch.delivered_at = delivered::delivered_at(self, &batch).await;
            outcomes.extend(Box::pin(work_on(&batch, own)).await);
        }
        outcomes
    }

    /// Whether an operator may still add the tenant of a message that arose then.
    fn may_be_added(&self, arose: Timestamp) -> bool {
        self.clock.now() < later(arose, UNKNOWN_TENANT_PATIENCE)
    }
}

/// The stages of a batch, in their order. Each passes on what is left for the next, and ends the others.
async fn work_on(
    batch: &Batch<'_>,
    requests: BTreeMap<RecordKey, Vec<EnrichmentRequest>>,
) -> BTreeMap<RecordKey, Outcome> {
    let mut outcomes = Outcomes::of(batch);
    let found = claim::find(batch, &mut outcomes, &requests).await;
    let told_more = found.told_more(&requests);
    let due = claim::settle_open(batch, &mut outcomes, found.due).await;
    let due = limits::leave_those_without_a_call(batch, &mut outcomes, due).await;
    let (claimed, wallets) = claim::claim(batch, &mut outcomes, due).await;
    let (wanted, unchecked) = price::price(batch, &mut outcomes, claimed).await;
    let mut waterfall = Waterfall::of(wanted, wallets);
    while let Some((turn, wanted)) = waterfall.next_turn(batch, &mut outcomes) {
        if turn.provider.vendor.delivers_in_batches() {
            delivered::find(batch, &turn, &mut outcomes, &mut waterfall, wanted).await;
            continue;
        }
        let unanswered = match batch.tenant.kind {
            RecordKind::Person => single_flight::answered(batch, &turn, &mut outcomes, &mut waterfall, wanted).await,
            RecordKind::Company => companies::answered(batch, &turn, &mut outcomes, &mut waterfall, wanted).await,
        };
        buy(batch, &turn, &mut outcomes, &mut waterfall, unanswered).await;
    }
    defer::park(batch, &mut outcomes, std::mem::take(&mut waterfall.waiting)).await;
    let bought = found.bought.into_iter().chain(unchecked).chain(std::mem::take(&mut waterfall.bought)).collect();
    let mut passed_on = PassedOn::of(batch, &mut outcomes, bought).await;
    let to_write = std::mem::take(&mut passed_on.to_write);
    write_back::write_back(batch, &mut outcomes, to_write, &waterfall.waits_for).await;
    passed_on.close(batch, &mut outcomes).await;
    outcomes.for_all(requests.keys(), &told_more)
}

/// The purchase of one provider's turn: one hold, one call, one settlement.
async fn buy(
    batch: &Batch<'_>,
    turn: &Turn<'_>,
    outcomes: &mut Outcomes<'_>,
    waterfall: &mut Waterfall,
    wanted: Vec<Wanted>,
) {
    if wanted.is_empty() {
        return;
    }
    if batch.tenant.is_first(turn.provider) && !turn.checks {
        employers::employers(batch, &wanted, &mut waterfall.employers).await;
    }
    let Some((held, wanted)) = reserve::reserve(batch, turn, outcomes, waterfall, wanted).await else { return };
    let others = single_flight::left_to_others(batch, turn, &wanted).await;
    let call = look_up::look_up(batch, turn, &wanted, &others).await;
    let asked: Vec<Asked<'_>> = wanted.iter().map(Wanted::to_settle).collect();
    let (costs, evidence) = settlement::costs(&asked, &call.ends, call.reported);
    match batch.tenant.kind {
        RecordKind::Person => single_flight::keep_for_others(batch, turn, &wanted, &call).await,
        RecordKind::Company => companies::keep_for_others(batch, &wanted, &call).await,
    }
    candidates::note(batch, turn, &wanted, &call).await;
    let kept = keep::keep(batch, turn, outcomes, &wanted, &call, &costs, &waterfall.employers).await;
    // What is not kept must not be settled as if it were: the hold stays open, and the next worker settles it from what
    // the records really say.
    let Some(kept) = kept else { return };
    let settled = settle::settle(batch, turn, &held, &wanted, &call, (&costs, evidence), &kept).await;
    settle::pass_on(batch, outcomes, waterfall, wanted, call, kept, settled).await;
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

/// The same for a person whom another system tells of.
fn end_of_new_lead(lead: &NewLead, taken_in: &[(&NewLead, new_leads::End)]) -> Next {
    use new_leads::End;
    let (tenant, person, told_by) = (&lead.tenant, lead.new_lead.as_str(), &lead.told_by);
    let Some((_, end)) = taken_in.iter().find(|(done, _)| done.is_same(lead)) else {
        return Next::Back(Duration::ZERO);
    };
    info!(%tenant, person, told_by, end = ?end, "new lead dealt with");
    match end {
        End::Postponed { after, .. } => Next::Anew(*after),
        End::Returned { after, .. } => Next::Back(*after),
        End::DeadLettered { .. } => Next::DeadLetter,
        End::HandedOn(_) | End::Erased => Next::Deleted,
    }
}

/// The same for a hint.
fn end_of_hint(hint: &Collect, collected: &[(&Collect, collect::End)]) -> Next {
    let (tenant, purchase) = (&hint.tenant, &hint.collect);
    let Some((_, end)) = collected.iter().find(|(done, _)| done.is_same(hint)) else { return Next::Deleted };
    info!(%tenant, %purchase, end = ?end, "hint dealt with");
    next_after(end)
}

/// The same for a call that is said to have ended.
fn end_of_call(call: &CallEnded, looked_at: &[(&CallEnded, collect::End)]) -> Next {
    let (tenant, provider, name) = (&call.tenant, &call.provider, &call.ended.0);
    let Some((_, end)) = looked_at.iter().find(|(done, _)| done.is_same(call)) else { return Next::Deleted };
    info!(%tenant, %provider, call = name, end = ?end, "call that has ended dealt with");
    next_after(end)
}

fn next_after(end: &collect::End) -> Next {
    use collect::End;
    match end {
        End::Postponed { after, .. } => Next::Anew(*after),
        End::Returned { after, .. } => Next::Back(*after),
        End::DeadLettered { .. } => Next::DeadLetter,
        End::Collected { .. } | End::NotYet(_) | End::NothingAwaited => Next::Deleted,
    }
}
