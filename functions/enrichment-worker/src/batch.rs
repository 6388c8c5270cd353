//! The messages of one batch.

use std::collections::BTreeMap;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use leadgate_enrichment::ids::{RecordKey, TenantId};
use leadgate_enrichment::request::EnrichmentRequest;

pub(crate) struct Batch {
    pub(crate) messages: Vec<Message>,
}

pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) receipt: String,
    /// Or why it isn't one, in words that hold nothing of the message.
    pub(crate) request: Result<EnrichmentRequest, String>,
}

impl Batch {
    pub(crate) fn read(event: SqsEvent) -> Self {
        Self { messages: event.records.into_iter().map(Message::read).collect() }
    }

    /// The requests by tenant. Two messages for one record are one request: the record is read after both were
    /// queued, so the one that came first in rank speaks for both.
    pub(crate) fn by_tenant(&self) -> BTreeMap<TenantId, BTreeMap<RecordKey, EnrichmentRequest>> {
        let mut tenants: BTreeMap<TenantId, BTreeMap<RecordKey, EnrichmentRequest>> = BTreeMap::new();
        for request in self.messages.iter().filter_map(|message| message.request.as_ref().ok()) {
            let requests = tenants.entry(request.record.tenant.clone()).or_default();
            let there = requests.entry(request.record.clone()).or_insert_with(|| request.clone());
            if request.source < there.source {
                *there = request.clone();
            }
        }
        tenants
    }
}

impl Message {
    fn read(message: SqsMessage) -> Self {
        let body = message.body.as_deref().unwrap_or_default();
        let request = serde_json::from_str(body);
        Self {
            id: message.message_id.unwrap_or_default(),
            receipt: message.receipt_handle.unwrap_or_default(),
            request: request.map_err(|error| format!("line {}, column {}", error.line(), error.column())),
        }
    }
}
