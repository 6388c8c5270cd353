//! The messages of one batch.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use leadgate_enrichment::ids::{RecordKey, TenantId};
use leadgate_enrichment::request::{Collect, EnrichmentRequest, Task};

pub(crate) struct Batch {
    pub(crate) messages: Vec<Message>,
}

pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) receipt: String,
    /// How often it has been received, this time included.
    receives: u32,
    /// Or why it isn't one, in words that hold nothing of the message.
    pub(crate) task: Result<Task, String>,
}

impl Batch {
    pub(crate) fn read(event: SqsEvent) -> Self {
        Self { messages: event.records.into_iter().map(Message::read).collect() }
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

    /// The hints that something may have arrived, each once.
    pub(crate) fn hints(&self) -> Vec<&Collect> {
        let mut hints: Vec<&Collect> = Vec::new();
        for message in &self.messages {
            if let Ok(Task::Collect(hint)) = &message.task
                && !hints.contains(&hint)
            {
                hints.push(hint);
            }
        }
        hints
    }
}

/// However often a message has come back, it is looked at again after this long.
const PAUSE_MAX: Duration = Duration::from_secs(2 * 60 * 60);

impl Message {
    /// How long to hide it, when there is no point in looking at it before `after`: twice as long each time it comes
    /// back, so that it outlasts an outage of some hours before it counts as undeliverable.
    pub(crate) fn pause(&self, after: Duration) -> Duration {
        let doublings = self.receives.saturating_sub(1).min(10);
        after.saturating_mul(1 << doublings).min(PAUSE_MAX).max(after)
    }

    fn read(message: SqsMessage) -> Self {
        let body = message.body.as_deref().unwrap_or_default();
        let receives = message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
        Self {
            id: message.message_id.unwrap_or_default(),
            receipt: message.receipt_handle.unwrap_or_default(),
            receives: receives.unwrap_or(1),
            task: Task::read(body),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_keeps_coming_back_outlasts_an_outage_of_hours() {
        let after = Duration::from_secs(65);
        let pause = |receives| {
            let (id, receipt, task) = (String::new(), String::new(), Err(String::new()));
            Message { id, receipt, receives, task }.pause(after)
        };
        assert_eq!((pause(1), pause(2), pause(3)), (after, after * 2, after * 4));
        let all: Duration = (1..8).map(pause).sum();
        assert!(all > Duration::from_secs(2 * 60 * 60), "{all:?}");
        assert_eq!(pause(u32::MAX), PAUSE_MAX);
    }
}
