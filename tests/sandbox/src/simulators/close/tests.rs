//! The simulated organization, by itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};

use super::delivery::signature;
use super::{CITY, Close, CloseSetup, Kind, signature_key, subscription};
use crate::simulators::hand_clock::HandClock;
use crate::simulators::{close_router, loopback};

async fn organization(setup: CloseSetup) -> (Arc<Close>, Arc<HandClock>, String) {
    let clock = HandClock::start();
    let close = Arc::new(Close::new(clock.clone(), setup, loopback::client()));
    let url = loopback::serve(close_router(close.clone())).await;
    (close, clock, format!("{url}/contact"))
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.basic_auth("simulated-api-key", Some("")).send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

#[tokio::test]
async fn contacts_are_read_and_written_in_the_documented_shapes() {
    let (close, _, url) = organization(CloseSetup::default()).await;
    let http = loopback::client();
    let id = close.create_contact([("email", "ada@x.example"), ("company", "Engine"), (CITY, "London")]);
    let (status, contact) = answer(http.get(format!("{url}/{id}/"))).await;
    assert_eq!((status, &contact["emails"]), (200, &json!([{ "type": "office", "email": "ada@x.example" }])));
    let lead = format!("{}/lead/{}/", url.trim_end_matches("/contact"), contact["lead_id"].as_str().expect("a lead"));
    assert_eq!(answer(http.get(lead)).await.1["name"], "Engine");
    let body = json!({ "title": "CTO", CITY: null });
    let (status, written) = answer(http.put(format!("{url}/{id}/")).json(&body)).await;
    assert_eq!((status, &written["title"], written.get(CITY)), (200, &json!("CTO"), None));
    close.delete(&id);
    assert_eq!(answer(http.put(format!("{url}/{id}/")).json(&body)).await.0, 404);
    assert_eq!(http.get(format!("{url}/{id}/")).send().await.expect("an answer").status().as_u16(), 401);
}

#[tokio::test]
async fn a_bad_field_sinks_the_whole_write() {
    let (close, _, url) = organization(CloseSetup::default()).await;
    close.define_field(CITY, Kind::Choices(vec!["Paris".to_owned()]));
    let id = close.create_contact([("email", "ada@x.example")]);
    let body = json!({ "title": "CTO", "custom.cf_other": "x", CITY: "London" });
    let (status, refused) = answer(loopback::client().put(format!("{url}/{id}/")).json(&body)).await;
    let named: Vec<&String> = refused["field-errors"].as_object().expect("by field").keys().collect();
    assert_eq!((status, named), (400, vec![&"custom.cf_other".to_owned(), &CITY.to_owned()]));
    assert_eq!(close.contact(&id).expect("the contact").field("title"), None);
}

#[tokio::test]
async fn a_second_has_so_many_calls() {
    let (close, clock, url) = organization(CloseSetup { calls_per_second: 2, ..CloseSetup::default() }).await;
    let id = close.create_contact([("email", "ada@x.example")]);
    let read = async || answer(loopback::client().get(format!("{url}/{id}/"))).await;
    assert_eq!([read().await.0, read().await.0], [200, 200]);
    let (status, throttled) = read().await;
    assert_eq!((status, &throttled["error"]["rate_reset"]), (429, &json!(1)));
    clock.advance(Duration::from_secs(1));
    assert_eq!((read().await.0, close.counters().throttled), (200, 1));
}

#[derive(Clone, Default)]
struct Door(Arc<Mutex<Vec<(HeaderMap, Bytes)>>>);

#[tokio::test]
async fn what_happens_is_told_signed_and_again_until_it_is_accepted() {
    let door = Door::default();
    let received = |State(door): State<Door>, headers: HeaderMap, body: Bytes| async move {
        let mut told = door.0.lock().expect("no panic");
        told.push((headers, body));
        if told.len() < 3 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
    };
    let target = loopback::serve(Router::new().route("/", post(received)).with_state(door.clone())).await;
    let (close, _, _) = organization(CloseSetup::default()).await;
    close.subscribe(subscription(&target, "a secret of the simulators"));
    let ada = close.create_contact([("email", "ada@x.example")]);
    for accepted in [0, 0, 1] {
        assert_eq!(close.deliver().await.accepted, accepted);
    }
    assert_eq!((close.pending_events().len(), close.lost_events().len()), (0, 0));
    close.edit(&ada, "email", "new@x.example");
    close.delete(&ada);
    close.deliver().await;
    let told = door.0.lock().expect("no panic").clone();
    let (headers, body) = &told[0];
    let at = headers["close-sig-timestamp"].to_str().expect("text");
    let key = signature_key("a secret of the simulators");
    assert_eq!(headers["close-sig-hash"], signature(&key, at, std::str::from_utf8(body).expect("text")));
    let events: Vec<Value> =
        told.iter().map(|(_, body)| serde_json::from_slice::<Value>(body).expect("JSON")["event"].clone()).collect();
    assert!(events[..3].iter().all(|event| event["id"] == events[0]["id"] && event["action"] == "created"));
    let of = |action: &str| events.iter().find(|event| event["action"] == action).expect(action);
    assert_eq!(
        (&of("updated")["changed_fields"], &of("updated")["data"]["emails"][1]["email"]),
        (&json!(["emails"]), &json!("ada@x.example"))
    );
    assert_eq!((&of("deleted")["data"], &of("deleted")["object_id"]), (&Value::Null, &json!(ada)));
}

#[test]
fn the_signature_is_the_one_that_others_make() {
    let key = "058bfb6a3d8cfdc4da7c3be5901b16ae11da982b46a25fb2cd7016e97a140a1c";
    let body = r#"{"event":{"action":"created","object_type":"lead","object_id":"lead_1","id":"ev_1"},"subscription_id":"whsub_1"}"#;
    assert_eq!(signature(key, "1544271440", body), "cf132eefdb7c76bfc31e673f5e39e30d191e083fd65811b06e347a92498cd5c3");
}
