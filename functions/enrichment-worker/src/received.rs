//! The messages of one invocation.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use jiff::Timestamp;
use leadgate_enrichment::ids::{RecordKey, TenantId};
use leadgate_enrichment::lead::new_lead::NewLead;
use leadgate_enrichment::lead::request::{CallEnded, Collect, EnrichmentRequest, Task};

pub(crate) struct Received {
    pub(crate) messages: Vec<Message>,
    /// Those that came before their time.
    pub(crate) early: Vec<(Message, Duration)>,
}

pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) receipt: String,
    /// Of the queue that it came over.
    pub(crate) queue_arn: Option<String>,
    /// How often it has been received, this time included.
    pub(crate) receives: u32,
    /// As it was sent.
    pub(crate) body: String,
    /// Or why it isn't one, in words that hold nothing of the message.
    pub(crate) task: Result<Task, String>,
}

impl Received {
    pub(crate) fn read(event: SqsEvent, now: Timestamp) -> Self {
        let mut received = Self { messages: Vec::new(), early: Vec::new() };
        for message in event.records.into_iter().map(Message::read) {
            match message.early_by(now) {
                Some(wait) => received.early.push((message, wait)),
                None => received.messages.push(message),
            }
        }
        received
    }

    /// The requests by tenant and record, first in rank first. Two messages for one record are one purchase: the record
    /// is read after both were queued.
    pub(crate) fn by_tenant(&self) -> BTreeMap<TenantId, BTreeMap<RecordKey, Vec<EnrichmentRequest>>> {
        let mut tenants: BTreeMap<TenantId, BTreeMap<RecordKey, Vec<EnrichmentRequest>>> = BTreeMap::new();
        for message in &self.messages {
            let Ok(Task::Enrich(request)) = &message.task else { continue };
            let requests = tenants.entry(request.record.tenant.clone()).or_default();
            requests.entry(request.record.clone()).or_default().push(request.clone());
        }
        for requests in tenants.values_mut().flat_map(BTreeMap::values_mut) {
            requests.sort_by_key(|request| request.source);
        }
        tenants
    }

    /// The hints that something may have arrived, each once: the latest.
    pub(crate) fn hints(&self) -> Vec<&Collect> {
        let mut hints: Vec<&Collect> = Vec::new();
        for message in &self.messages {
            let Ok(Task::Collect(hint)) = &message.task else { continue };
            match hints.iter_mut().find(|known| known.is_same(hint)) {
                Some(known) if known.queued_at < hint.queued_at => *known = hint,
                Some(_) => {}
                None => hints.push(hint),
            }
        }
        hints
    }
}

impl Received {
    /// The calls that are said to have ended, each once.
    pub(crate) fn ended(&self) -> Vec<&CallEnded> {
        let mut ended: Vec<&CallEnded> = Vec::new();
        for message in &self.messages {
            let Ok(Task::Ended(call)) = &message.task else { continue };
            if !ended.iter().any(|known| known.is_same(call)) {
                ended.push(call);
            }
        }
        ended
    }

    /// The people whom other systems tell of, each once: one request does for all messages about one.
    pub(crate) fn new_leads(&self) -> Vec<&NewLead> {
        let mut leads: Vec<&NewLead> = Vec::new();
        for message in &self.messages {
            let Ok(Task::Create(lead)) = &message.task else { continue };
            if !leads.iter().any(|known| known.is_same(lead)) {
                leads.push(lead);
            }
        }
        leads
    }
}

impl Message {
    fn read(message: SqsMessage) -> Self {
        let body = message.body.unwrap_or_default();
        let receives = message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
        Self {
            id: message.message_id.unwrap_or_default(),
            receipt: message.receipt_handle.unwrap_or_default(),
            queue_arn: message.event_source_arn,
            receives: receives.unwrap_or(1),
            task: Task::read(&body),
            body,
        }
    }
}
