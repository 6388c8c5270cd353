//! A CRM's change events, from an event bus of the operator's own: read, and let through the same gate as what a webhook is
//! told.
//!
//! A rule of the bus puts them on a queue, so that they outlast trouble of ours. What can't be dealt with stays there, and
//! ends in the dead-letter queue, where an operator sees it: an event is all there is of a lead that it tells of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use leadgate_connectors::inbound::{BusEvents, Events};
use leadgate_connectors::registry::Inbound;
use leadgate_enrichment::config::{Config, Tenant};
use leadgate_enrichment::ids::TenantId;
use leadgate_gate::Gate;
use leadgate_lambda::fingerprints::Fingerprints;
use tracing::{error, info, warn};

/// Everything the function may touch.
pub struct CrmEvents {
    /// The CRMs that there are.
    pub vendors: Inbound,
    /// Tenants.
    pub config: Arc<Config>,
    /// What is due, and the way to the queue.
    pub gate: Gate,
    /// What values are told apart by.
    pub fingerprints: Fingerprints,
}

/// What the messages of a batch say to one tenant.
#[derive(Default)]
struct Told {
    events: Events,
    /// The messages that say it.
    messages: BTreeSet<String>,
}

impl CrmEvents {
    /// Lets a batch through the gate, in one go for each tenant. What failed is reported, and comes again.
    pub async fn handle(&self, batch: SqsEvent) -> SqsBatchResponse {
        let mut failed = BTreeSet::new();
        let mut told: BTreeMap<&TenantId, Told> = BTreeMap::new();
        for message in batch.records {
            let id = message.message_id.unwrap_or_default();
            let is_whole = self.read(&id, message.body.unwrap_or_default().as_bytes(), &mut told);
            if !is_whole {
                failed.insert(id);
            }
        }
        for (tenant, Told { events, messages }) in told {
            let Some(tenant) = self.config.tenant(tenant) else { continue };
            if !self.accept(tenant, events).await {
                failed.extend(messages);
            }
        }
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = failed.into_iter().map(failure).collect();
        response
    }

    /// Adds what a message says to those to whom it says something. Whether all of it can be read, and there is anyone.
    fn read<'c>(&'c self, id: &str, body: &[u8], told: &mut BTreeMap<&'c TenantId, Told>) -> bool {
        let (mut is_ours, mut is_whole) = (false, true);
        for tenant in self.config.tenants.values() {
            let Some(from_bus) = self.vendors.crm(tenant).ok().and_then(|connector| connector.from_bus) else {
                continue;
            };
            match from_bus(body, tenant) {
                Ok(BusEvents::OfAnother) => {}
                Ok(BusEvents::Ours(events)) => {
                    is_ours = true;
                    is_whole &= events.unreadable.is_empty();
                    let told = told.entry(&tenant.id).or_default();
                    told.events.read.extend(events.read);
                    told.events.unreadable.extend(events.unreadable);
                    told.messages.insert(id.to_owned());
                }
                Err(reason) => {
                    error!(message = id, %reason, "a change event can't be read: it stays for the dead-letter queue");
                    return false;
                }
            }
        }
        if !is_ours {
            error!(message = id, "a change event of an account that no tenant has: it stays for the dead-letter queue");
        }
        is_ours && is_whole
    }

    async fn accept(&self, tenant: &Tenant, events: Events) -> bool {
        let key = match self.fingerprints.key_of(&tenant.id).await {
            Ok(key) => key,
            Err(error) => {
                warn!(tenant = %tenant.id, %error, "change events come again: our own trouble");
                return false;
            }
        };
        match self.gate.accept(tenant, &key, events).await {
            Ok(accepted) => {
                info!(tenant = %tenant.id, %accepted, "change events accepted");
                true
            }
            Err(error) => {
                warn!(tenant = %tenant.id, %error, "change events come again: our own trouble");
                false
            }
        }
    }
}

fn failure(id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id;
    failure
}
