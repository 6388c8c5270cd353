//! The simulated workspace, by itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};

use super::delivery::signature;
use super::{Attio, AttioSetup, Kind, attribute_id, subscription};
use crate::simulators::hand_clock::HandClock;
use crate::simulators::{attio_router, loopback};

async fn workspace(setup: AttioSetup) -> (Arc<Attio>, Arc<HandClock>, String) {
    let clock = HandClock::start();
    let attio = Arc::new(Attio::new(clock.clone(), setup, loopback::client()));
    let url = loopback::serve(attio_router(attio.clone())).await;
    (attio, clock, format!("{url}/v2/objects/people/records"))
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.bearer_auth("simulated-access-token").send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

#[tokio::test]
async fn people_are_read_and_written_in_the_documented_shapes() {
    let (attio, _, url) = workspace(AttioSetup::default()).await;
    let http = loopback::client();
    let id = attio.create_person([("email_addresses", "ada@x.example"), ("company", "Engine"), ("city", "London")]);
    let query = json!({ "filter": { "record_id": { "$in": [id, "b0000000-0000-4000-8000-000000000099"] } } });
    let (status, list) = answer(http.post(format!("{url}/query")).json(&query)).await;
    assert_eq!((status, list["data"].as_array().map(Vec::len)), (200, Some(1)));
    let values = &list["data"][0]["values"];
    assert_eq!(values["email_addresses"][0]["email_address"], "ada@x.example");
    assert_eq!((&values["city"][0]["value"], &values["city"][0]["attribute_type"]), (&json!("London"), &json!("text")));
    let added = json!({ "data": { "values": { "email_addresses": ["new@x.example"], "city": [] } } });
    let (status, written) = answer(http.patch(format!("{url}/{id}")).json(&added)).await;
    let emails = |shown: &Value| shown["data"]["values"]["email_addresses"].as_array().expect("a list").len();
    assert_eq!((status, emails(&written), &written["data"]["values"]["city"]), (200, 2, &Value::Null));
    let (_, replaced) = answer(http.put(format!("{url}/{id}")).json(&added)).await;
    assert_eq!(emails(&replaced), 1);
    attio.delete(&id);
    let (status, gone) = answer(http.patch(format!("{url}/{id}")).json(&added)).await;
    assert_eq!((status, &gone["code"]), (404, &json!("not_found")));
    assert_eq!(http.get(format!("{url}/{id}")).send().await.expect("an answer").status().as_u16(), 401);
}

#[tokio::test]
async fn a_bad_value_sinks_the_whole_write() {
    let (attio, _, url) = workspace(AttioSetup::default()).await;
    attio.define_attribute("industry", Kind::Select(vec!["Software".to_owned()]));
    let id = attio.create_person([("email_addresses", "ada@x.example")]);
    for (values, code) in [
        (json!({ "job_title": "CTO", "titel": "x" }), "value_not_found"),
        (json!({ "job_title": "CTO", "industry": "Mills" }), "validation_type"),
        (json!({ "job_title": "CTO", "created_at": "x" }), "validation_type"),
    ] {
        let body = json!({ "data": { "values": values } });
        let (status, refused) = answer(loopback::client().patch(format!("{url}/{id}")).json(&body)).await;
        assert_eq!((status, &refused["code"]), (400, &json!(code)));
    }
    assert_eq!(attio.person(&id).expect("the person").value("job_title"), None);
}

#[tokio::test]
async fn a_second_has_so_many_calls_and_says_when_it_is_over() {
    let (attio, clock, url) = workspace(AttioSetup { writes_per_second: 2, ..AttioSetup::default() }).await;
    let id = attio.create_person([("email_addresses", "ada@x.example")]);
    let write = async || {
        let body = json!({ "data": { "values": {} } });
        let request = loopback::client().patch(format!("{url}/{id}")).bearer_auth("simulated-access-token").json(&body);
        request.send().await.expect("an answer")
    };
    assert_eq!([write().await.status(), write().await.status()], [200, 200]);
    let throttled = write().await;
    assert_eq!(throttled.status(), 429);
    let moment = throttled.headers()["retry-after"].to_str().expect("text").to_owned();
    assert!(moment.ends_with(" GMT"), "{moment}");
    clock.advance(Duration::from_secs(1));
    assert_eq!(write().await.status(), 200);
}

#[derive(Clone, Default)]
struct Door(Arc<Mutex<Vec<(HeaderMap, Bytes)>>>);

#[tokio::test]
async fn what_happens_is_told_signed_and_eleven_times_at_most() {
    let door = Door::default();
    let received = |State(door): State<Door>, headers: HeaderMap, body: Bytes| async move {
        door.0.lock().expect("no panic").push((headers, body));
        StatusCode::SERVICE_UNAVAILABLE
    };
    let target = loopback::serve(Router::new().route("/", post(received)).with_state(door.clone())).await;
    let (attio, _, _) = workspace(AttioSetup::default()).await;
    attio.subscribe(subscription(&target, "a secret"));
    let ada = attio.create_person([("email_addresses", "ada@x.example")]);
    for attempt in 1..=11 {
        let report = attio.deliver().await;
        assert_eq!((report.rejected, report.given_up), (vec![503], usize::from(attempt == 11)));
    }
    assert_eq!((attio.pending_events().len(), attio.lost_events().len()), (0, 1));
    let grace = attio.create_person([("email_addresses", "grace@x.example")]);
    attio.edit(&grace, "city", "Paris");
    let both = attio.merge(&ada, &grace).expect("both are there");
    attio.deliver().await;
    let told = door.0.lock().expect("no panic").clone();
    let keys: Vec<&str> =
        told[..11].iter().map(|(headers, _)| headers["idempotency-key"].to_str().expect("text")).collect();
    assert!(keys.iter().all(|key| *key == keys[0]));
    let (headers, body) = &told[0];
    assert_eq!(headers["attio-signature"], headers["x-attio-signature"]);
    let signed = signature("a secret", std::str::from_utf8(body).expect("text"));
    assert_eq!(headers["attio-signature"], signed);
    let events: Vec<Value> = told[11..]
        .iter()
        .map(|(_, body)| serde_json::from_slice::<Value>(body).expect("JSON")["events"][0].clone())
        .collect();
    let of = |kind: &str| events.iter().filter(|event| event["event_type"] == kind).collect::<Vec<_>>();
    assert_eq!(of("record.updated")[0]["id"]["attribute_id"], attribute_id("city"));
    let merged = of("record.merged");
    assert!(merged.iter().all(|event| event["id"]["record_id"] == both));
    let mut duplicates: Vec<&str> = merged.iter().filter_map(|event| event["duplicate_record_id"].as_str()).collect();
    duplicates.sort_unstable();
    assert_eq!(duplicates, [ada.as_str(), grace.as_str()]);
    assert_eq!(attio.person(&both).expect("the new one").value("city").as_deref(), Some("Paris"));
}

#[test]
fn the_signature_is_the_documented_one() {
    let secret = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    let body = r#"{"webhook_id":"23e42eaf-323a-41da-b5bb-fd67eebda553","events":[{"event_type":"record.created","id":{"workspace_id":"14beef7a-99f7-4534-a87e-70b564330a4c","object_id":"97052eb9-e65e-443f-a297-f2d9a4a7f795","record_id":"bf071e1f-6035-429d-b874-d83ea64ea13b"},"actor":{"type":"workspace-member","id":"50cf242c-7fa3-4cad-87d0-75b1af71c57b"}}]}"#;
    assert_eq!(signature(secret, body), "1f0184296db6a982701cb611c278ef96189691f9d74b957281a5ff5b0744c83b");
}
