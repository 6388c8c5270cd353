//! The simulated company, by itself.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};

use super::{CITY, Kind, Pipedrive, PipedriveSetup, subscription};
use crate::simulators::hand_clock::HandClock;
use crate::simulators::outbox::Subscription;
use crate::simulators::{loopback, pipedrive_router};

const TOKEN: (&str, &str) = ("x-api-token", "simulated-api-token");

async fn company(setup: PipedriveSetup) -> (Arc<Pipedrive>, Arc<HandClock>, String) {
    let clock = HandClock::start();
    let pipedrive = Arc::new(Pipedrive::new(clock.clone(), setup, loopback::client()));
    let url = loopback::serve(pipedrive_router(pipedrive.clone())).await;
    (pipedrive, clock, format!("{url}/api/v2"))
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.header(TOKEN.0, TOKEN.1).send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

#[tokio::test]
async fn persons_are_read_and_written_in_the_documented_shapes() {
    let (pipedrive, _, url) = company(PipedriveSetup::default()).await;
    let http = loopback::client();
    let id = pipedrive.create_person([("email", "ada@x.example"), ("company", "Engine"), (CITY, "London")]);
    let (status, list) = answer(http.get(format!("{url}/persons?ids={id},99"))).await;
    assert_eq!((status, list["data"].as_array().map(Vec::len)), (200, Some(1)));
    let person = &list["data"][0];
    assert_eq!(person["emails"], json!([{ "value": "ada@x.example", "primary": true, "label": "work" }]));
    assert_eq!(person["custom_fields"], json!({ CITY: "London" }));
    let (_, organizations) = answer(http.get(format!("{url}/organizations?ids={}", person["org_id"]))).await;
    assert_eq!(organizations["data"][0]["name"], "Engine");
    let body = json!({ "job_title": "CTO", "custom_fields": { CITY: null } });
    let (status, written) = answer(http.patch(format!("{url}/persons/{id}")).json(&body)).await;
    assert_eq!(
        (status, &written["data"]["job_title"], &written["data"]["custom_fields"]),
        (200, &json!("CTO"), &json!({}))
    );
    pipedrive.delete(&id);
    assert_eq!(answer(http.patch(format!("{url}/persons/{id}")).json(&body)).await.0, 404);
    let bare = http.get(format!("{url}/persons?ids={id}")).send().await.expect("an answer");
    assert_eq!(bare.status().as_u16(), 401);
}

#[tokio::test]
async fn a_bad_field_sinks_the_whole_write() {
    let (pipedrive, _, url) = company(PipedriveSetup::default()).await;
    pipedrive.define_field(CITY, Kind::Options(vec![7]));
    let id = pipedrive.create_person([("email", "ada@x.example")]);
    let body = json!({ "job_title": "CTO", "titel": "x", "custom_fields": { CITY: "London" } });
    let (status, refused) = answer(loopback::client().patch(format!("{url}/persons/{id}")).json(&body)).await;
    assert_eq!((status, &refused["code"]), (400, &json!("ERR_SCHEMA_VALIDATION_FAILED")));
    let error = refused["error"].as_str().expect("a sentence");
    assert!(error.contains("titel: ") && error.contains(&format!("custom_fields.{CITY}: ")), "{error}");
    assert_eq!(pipedrive.person(&id).expect("the person").field("job_title"), None);
}

#[tokio::test]
async fn the_days_budget_ends_and_comes_back() {
    let (pipedrive, clock, url) = company(PipedriveSetup { daily_budget: 25, ..PipedriveSetup::default() }).await;
    let id = pipedrive.create_person([("email", "ada@x.example")]);
    let read = async || answer(loopback::client().get(format!("{url}/persons?ids={id}"))).await.0;
    assert_eq!([read().await, read().await, read().await], [200, 200, 429]);
    clock.advance(Duration::from_secs(24 * 60 * 60));
    assert_eq!((read().await, pipedrive.counters().over_budget), (200, 1));
}

#[derive(Clone, Default)]
struct Door(Arc<Mutex<Vec<(HeaderMap, Value)>>>);

#[tokio::test]
async fn what_happens_is_told_with_the_password_and_four_times_at_most() {
    let door = Door::default();
    let received = |State(door): State<Door>, headers: HeaderMap, body: axum::Json<Value>| async move {
        door.0.lock().expect("no panic").push((headers, body.0));
        StatusCode::SERVICE_UNAVAILABLE
    };
    let target = loopback::serve(Router::new().route("/", post(received)).with_state(door.clone())).await;
    let (pipedrive, clock, _) = company(PipedriveSetup::default()).await;
    let retries = [3, 30, 150].map(Duration::from_secs).to_vec();
    pipedrive.subscribe(Subscription { retries, ..subscription(&target, "hook-user", "hook-pass") });
    let ada = pipedrive.create_person([("email", "ada@x.example")]);
    for attempt in 1..=4 {
        let report = pipedrive.deliver().await;
        assert_eq!((report.rejected, report.given_up), (vec![503], usize::from(attempt == 4)));
        assert_eq!(pipedrive.deliver().await.deliveries, 0, "it is not due yet");
        clock.advance(Duration::from_secs(150));
    }
    assert_eq!((pipedrive.pending_events().len(), pipedrive.lost_events().len()), (0, 1));
    let grace = pipedrive.create_person([("email", "grace@x.example"), ("phone", "1")]);
    pipedrive.edit(&grace, "phone", "2");
    pipedrive.merge(&ada, &grace);
    pipedrive.deliver().await;
    let told = door.0.lock().expect("no panic").clone();
    assert_eq!(told[0].0["authorization"], "Basic aG9vay11c2VyOmhvb2stcGFzcw==");
    let attempts: Vec<&Value> = told[..4].iter().map(|(_, body)| &body["meta"]["attempt"]).collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
    assert!(told[..4].iter().all(|(_, body)| body["meta"]["id"] == told[0].1["meta"]["id"]));
    let of = |action: &str| told[4..].iter().map(|(_, body)| body).find(|body| body["meta"]["action"] == action);
    assert_eq!(of("delete").expect("a deletion")["meta"]["merged_to_id"], grace);
    let changed = |body: &&(HeaderMap, Value)| !body.1["previous"]["phones"].is_null();
    let change = &told[4..].iter().find(changed).expect("a change").1;
    assert_eq!(
        (&change["previous"]["phones"][0]["value"], &change["data"]["phones"][1]["value"]),
        (&json!("1"), &json!("2"))
    );
    assert_eq!((&change["meta"]["change_source"], &change["meta"]["user_id"]), (&json!("app"), &json!("999")));
}
