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

mod batch;
mod buy;
mod call;
mod defer;
mod look;
mod price;
mod unit;
mod write_back;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use leadgate_aws::credits::Credits;
use leadgate_aws::queue::Queue;
use leadgate_aws::records::Records;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::Config;
use leadgate_enrichment::ids::{RecordKey, TenantId};
use leadgate_enrichment::outcome::Outcome;
use leadgate_enrichment::request::EnrichmentRequest;
use leadgate_lambda::connections::Connections;
use leadgate_lambda::invocation::Invocation;
use tracing::{error, info, warn};

use crate::batch::Batch;
use crate::unit::Unit;

/// Everything the worker may touch.
pub struct EnrichmentWorker {
    /// Tenants, prices, mappings.
    pub config: Arc<Config>,
    /// What we remember of records.
    pub records: Records,
    /// Wallets, holds, the ledger.
    pub credits: Credits,
    /// Only to hide messages: the event source receives and deletes them.
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
        self.report(&batch, &outcomes).await
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

    /// One log line a message, and the list of those that must stay.
    async fn report(&self, batch: &Batch, outcomes: &BTreeMap<RecordKey, Outcome>) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in &batch.messages {
            let request = match &message.request {
                Ok(request) => request,
                Err(reason) => {
                    error!(message = message.id, reason, "not a request: left for the dead-letter queue");
                    response.add_failure(message.id.clone());
                    continue;
                }
            };
            let Some(outcome) = outcomes.get(&request.record) else {
                error!(record = %request.record, "a request ended without an outcome: it stays on the queue");
                response.add_failure(message.id.clone());
                continue;
            };
            let (record, request) = (&request.record, &request.request);
            info!(%record, %request, outcome = outcome.word(), detail = %outcome, "request ended");
            if let Outcome::Returned { after, .. } = outcome {
                response.add_failure(message.id.clone());
                if let Err(error) = self.queue.hide(&message.receipt, message.pause(*after)).await {
                    warn!(%record, %error, "the message stays hidden for the queue's own visibility time-out instead");
                }
            }
        }
        response
    }
}
