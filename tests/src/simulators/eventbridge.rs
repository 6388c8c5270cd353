//! An EventBridge bus that remembers what it was sent. It speaks as much of the API as is used: `PutEvents`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::guarded::Guarded;

/// An event, as it was put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "the names are EventBridge's")]
pub struct Event {
    pub source: String,
    pub detail_type: String,
    /// JSON, as text.
    pub detail: String,
    #[serde(default)]
    pub event_bus_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    entries: Vec<Event>,
}

/// The bus.
#[derive(Default)]
pub struct EventBridge {
    events: Guarded<Vec<Event>>,
}

impl EventBridge {
    /// What it was sent, in its order.
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().clone()
    }
}

/// Serves the bus below `/simulators/eventbridge`, and shows what it was sent at `/simulators/eventbridge/events`.
pub fn router(bus: Arc<EventBridge>) -> Router {
    let show = async |State(bus): State<Arc<EventBridge>>| Json(bus.events());
    Router::new()
        .route("/simulators/eventbridge/", post(put))
        .route("/simulators/eventbridge/events", axum::routing::get(show))
        .with_state(bus)
}

async fn put(State(bus): State<Arc<EventBridge>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let (Some("AWSEvents.PutEvents"), Ok(put)) = (target, serde_json::from_slice::<PutEvents>(&body)) else {
        return (StatusCode::BAD_REQUEST, json!({ "__type": "ValidationException" }).to_string()).into_response();
    };
    let ids: Vec<_> = (0..put.entries.len()).map(|i| json!({ "EventId": i.to_string() })).collect();
    bus.events.lock().extend(put.entries);
    let answer = json!({ "FailedEntryCount": 0, "Entries": ids }).to_string();
    ([(header::CONTENT_TYPE, "application/x-amz-json-1.1")], answer).into_response()
}
