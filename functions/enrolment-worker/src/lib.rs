//! The worker that enrols: takes people off the enrolment queue, and puts them into sequences as the rules say. It spends no
//! credit, and has no way to: whom the CRM doesn't have is requested of the enrichment worker, if a rule says so.
//!
//! All people of up to ten messages whom one rule is for are one batch, and make one call of each kind. A batch goes through
//! the stages in the order in which the modules are declared; `work_on` is their list. What is written between them, and
//! what another worker does who finds it, is said in [`line`](leadgate_enrichment::enrolment::line).

mod batch;
mod call;

mod absent;
mod begin;
mod check;
mod contacts;
mod enrol;
mod follow;
mod mailboxes;
mod resolve;
mod tasks;

mod messages;

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures_util::future::BoxFuture;
use leadgate_aws::enrolments::Enrolments;
use leadgate_aws::limits::Limits;
use leadgate_aws::queue::Queue;
use leadgate_aws::records::Records;
use leadgate_enrichment::clock::{Clock, days, later};
use leadgate_enrichment::config::Config;
use leadgate_enrichment::enrolment::{EnrolmentEnd, SkipReason};
use leadgate_lambda::connections::Connections;
use leadgate_lambda::fingerprints::Fingerprints;
use leadgate_lambda::invocation::Invocation;
use tracing::{error, warn};

use crate::batch::{Batch, Entry, Outcomes, postponed};
use crate::call::{MINUTES, TROUBLE};
use crate::messages::Received;

/// Everything the worker may touch. There is nothing among it that a credit is kept in: what is to be bought, is requested.
pub struct EnrolmentWorker {
    /// Tenants and their rules.
    pub config: Arc<Config>,
    /// Only read: who asked to be forgotten.
    pub records: Records,
    /// What is remembered of enrolments.
    pub enrolments: Enrolments,
    /// How often vendors may be called.
    pub limits: Limits,
    /// Where requests for people go whom the CRM doesn't have: the enrichment worker's queue for what nobody waits for.
    pub requests: Queue,
    /// Only to send messages anew and to hide them: the event source receives and deletes them.
    pub queue: Queue,
    /// For messages that trying again can't help.
    pub dead_letters: Queue,
    /// CRMs, and vendors with sequences.
    pub connections: Connections,
    /// What people are told apart by.
    pub fingerprints: Fingerprints,
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
}

/// A message that nothing could be done about for so long, and that doesn't end by itself, is for an operator.
const PATIENCE: std::time::Duration = days(30);

impl EnrolmentWorker {
    /// Works on a batch. What couldn't be finished is sent anew, or stays on the queue if it can't be.
    pub async fn handle(&self, event: SqsEvent, invocation: &Invocation) -> SqsBatchResponse {
        let received = Received::read(event, self.clock.now());
        let mut outcomes = Outcomes::default();
        for entries in received.by_rule() {
            let work: BoxFuture<'_, ()> = Box::pin(self.work(entries, invocation, &mut outcomes));
            work.await;
        }
        let stay = self.dispose(&received, &outcomes).await;
        let mut response = SqsBatchResponse::default();
        stay.into_iter().for_each(|id| response.add_failure(id));
        response
    }

    /// People whom the same rule of the same tenant is for.
    async fn work(&self, entries: Vec<Entry<'_>>, invocation: &Invocation, outcomes: &mut Outcomes) {
        let Some(first) = entries.first().map(|entry| entry.request) else { return };
        let all = |end: EnrolmentEnd, outcomes: &mut Outcomes| {
            entries.iter().for_each(|entry| outcomes.end(entry, end.clone()));
        };
        let Some(tenant) = self.config.tenant(&first.tenant) else {
            error!(tenant = %first.tenant, "no such tenant in the configuration: its messages wait for it");
            return all(postponed("unknown tenant", MINUTES), outcomes);
        };
        let rule = tenant.signals.as_ref().and_then(|signals| Some((signals, signals.rule(&first.rule)?)));
        let Some((signals, rule)) = rule else {
            warn!(tenant = %tenant.id, rule = first.rule, "the configuration has no such rule any more");
            return all(EnrolmentEnd::Skipped(SkipReason::NoRule), outcomes);
        };
        match Batch::new(self, tenant, (signals, rule), invocation).await {
            Ok(batch) => Box::pin(work_on(&batch, entries, outcomes)).await,
            Err(error) => {
                warn!(tenant = %tenant.id, %error, "nothing can be done without it: messages wait");
                all(postponed(error.doing, TROUBLE), outcomes);
            }
        }
    }
}

/// The stages, in their order. Each passes on what is left for the next, and ends the others.
async fn work_on(batch: &Batch<'_>, entries: Vec<Entry<'_>>, outcomes: &mut Outcomes) {
    let (known, absent) = resolve::resolve(batch, entries, outcomes).await;
    Box::pin(absent::request(batch, absent, outcomes)).await;
    let begun = begin::look(batch, known, outcomes).await;
    let checked = Box::pin(check::check(batch, begun, outcomes)).await;
    let claimed = begin::claim(batch, checked, outcomes).await;
    let (claimed, mut enrolled) = contacts::look_up_left_ones(batch, claimed, outcomes).await;
    let with_contacts = contacts::find_or_create(batch, claimed, outcomes).await;
    for group in mailboxes::place(batch, with_contacts, outcomes).await {
        enrolled.extend(enrol::enrol(batch, group, outcomes).await);
    }
    Box::pin(follow::follow(batch, enrolled, outcomes)).await;
}

/// Whether nothing has become of a message for so long that it is for an operator.
fn is_given_up(arrived_at: jiff::Timestamp, now: jiff::Timestamp) -> bool {
    later(arrived_at, PATIENCE) < now
}
