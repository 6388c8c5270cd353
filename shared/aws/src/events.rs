//! What operators are told: events on EventBridge, for rules to act on.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde::Serialize;

use crate::error::StoreError;

/// The source that rules match.
pub const SOURCE: &str = "leadgate";

const DOING: &str = "sending an event";

/// Sends events to a bus.
#[derive(Debug, Clone)]
pub struct Events {
    client: Client,
    bus: String,
}

impl Events {
    /// To the bus of this name.
    pub fn new(client: Client, bus: impl Into<String>) -> Self {
        Self { client, bus: bus.into() }
    }

    /// Sends one event. `kind` is its detail type.
    pub async fn send(&self, kind: &str, detail: &impl Serialize) -> Result<(), StoreError> {
        let detail = serde_json::to_string(detail).map_err(|error| StoreError::unreadable(DOING, error))?;
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(SOURCE)
            .detail_type(kind)
            .detail(detail)
            .build();
        let answer = self.client.put_events().entries(entry).send().await;
        let answer = answer.map_err(|error| StoreError::from_sdk(DOING, &error))?;
        match answer.entries().iter().find_map(|entry| entry.error_code()) {
            Some(code) => Err(StoreError::exhausted(DOING, code)),
            None => Ok(()),
        }
    }
}
