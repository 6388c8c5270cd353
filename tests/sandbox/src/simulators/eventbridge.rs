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

use crate::kept::{Keep, Keeper, Kept, Log, Part, StoreError};

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
    events: Keeper<Events>,
}

#[derive(Default)]
struct Events(Log<Event>);

impl Keep for Events {
    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Kept)> {
        vec![("events", &mut self.0)]
    }
}

impl EventBridge {
    /// Goes on with the events that were kept here, and keeps them here from now on.
    pub(crate) fn keep_in(&self, part: Part) -> Result<(), StoreError> {
        self.events.keep_in(part)
    }

    /// What it was sent, in its order.
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().0.to_vec()
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
    let mut events = bus.events.lock();
    put.entries.into_iter().for_each(|event| events.0.push(event));
    drop(events);
    let answer = json!({ "FailedEntryCount": 0, "Entries": ids }).to_string();
    ([(header::CONTENT_TYPE, "application/x-amz-json-1.1")], answer).into_response()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::kept::Folder;
    use crate::simulators::loopback;

    #[tokio::test]
    async fn what_operators_were_told_outlasts_the_process() {
        let scratch = TempDir::new().expect("a folder");
        let folder = Folder::open(scratch.path()).await.expect("a folder");
        let bus = || {
            let bus = Arc::<EventBridge>::default();
            bus.keep_in(folder.part("eventbridge")).expect("readable");
            bus
        };
        let base = loopback::serve(router(bus())).await;
        let event =
            json!({ "Source": "leadgate", "DetailType": "Credits Low", "Detail": "{}", "EventBusName": "default" });
        let put = loopback::client().post(format!("{base}/simulators/eventbridge/"));
        let put = put.header("x-amz-target", "AWSEvents.PutEvents").json(&json!({ "Entries": [event] }));
        assert_eq!(put.send().await.expect("an answer").status(), 200);
        assert_eq!(bus().events().iter().map(|event| event.detail_type.as_str()).collect::<Vec<_>>(), ["Credits Low"]);
    }
}
