//! What operators are told: events on EventBridge, for rules to act on.

use std::sync::Arc;

use aws_config::SdkConfig;
use leadgate_enrichment::clock::Clock;
use serde::Serialize;
use serde_json::json;

use crate::error::StoreError;
use crate::signed::Service;

/// The source that rules match.
pub const SOURCE: &str = "leadgate";

const DOING: &str = "sending an event";

/// Sends events to a bus.
#[derive(Clone)]
pub struct Events {
    eventbridge: Service,
    bus: String,
}

impl Events {
    /// To the bus of this name.
    pub fn new(sdk: &SdkConfig, bus: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { eventbridge: Service::new(sdk, "events", clock), bus: bus.into() }
    }

    /// Sends one event. `kind` is its detail type.
    pub async fn send(&self, kind: &str, detail: &impl Serialize) -> Result<(), StoreError> {
        let detail = serde_json::to_string(detail).map_err(|error| StoreError::unreadable(DOING, error))?;
        let entry = json!({ "EventBusName": self.bus, "Source": SOURCE, "DetailType": kind, "Detail": detail });
        let answer = self.eventbridge.json(DOING, ("AWSEvents", "PutEvents"), &json!({ "Entries": [entry] })).await?;
        // An event is refused in an answer of success.
        match answer["Entries"].as_array().into_iter().flatten().find_map(|entry| entry["ErrorCode"].as_str()) {
            Some(code) => Err(StoreError::exhausted(DOING, code)),
            None => Ok(()),
        }
    }
}
