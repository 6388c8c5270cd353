//! The simulated org, by itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Kind, Zoho, ZohoSetup, subscription};
use crate::simulators::hand_clock::HandClock;
use crate::simulators::{loopback, zoho_router};

async fn org() -> (Arc<Zoho>, Arc<HandClock>, String) {
    let clock = HandClock::start();
    let zoho = Arc::new(Zoho::new(clock.clone(), ZohoSetup::default(), loopback::client(), "http://api.example"));
    let url = loopback::serve(zoho_router(zoho.clone())).await;
    (zoho, clock, url)
}

async fn token(url: &str, refresh_token: &str) -> Value {
    let form = format!(
        "grant_type=refresh_token&client_id=1000.SIMULATED&client_secret=simulated-client-secret&refresh_token={refresh_token}"
    );
    let answer = loopback::client().post(format!("{url}/oauth/v2/token")).body(form).send().await.expect("an answer");
    answer.json().await.expect("JSON")
}

async fn answer(request: reqwest::RequestBuilder, token: &Value) -> (u16, Value) {
    let token = token["access_token"].as_str().unwrap_or_default();
    let answer = request.header("authorization", format!("Zoho-oauthtoken {token}")).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

#[tokio::test]
async fn a_token_is_good_for_an_hour() {
    let (zoho, clock, url) = org().await;
    assert_eq!(token(&url, "another").await, json!({ "error": "invalid_code" }));
    let good = token(&url, "simulated-refresh-token").await;
    assert_eq!(good["api_domain"], "http://api.example");
    let id = zoho.create_lead([("Email", "ada@x.example")]);
    let read = async |token: &Value| {
        answer(loopback::client().get(format!("{url}/crm/v8/Leads?ids={id}&fields=Email")), token).await
    };
    assert_eq!(read(&good).await.1["data"][0], json!({ "id": id, "Email": "ada@x.example" }));
    assert_eq!(read(&json!({})).await.0, 401);
    clock.advance(Duration::from_secs(3601));
    assert_eq!(read(&good).await.0, 401);
    assert_eq!(read(&token(&url, "simulated-refresh-token").await).await.0, 200);
}

#[tokio::test]
async fn each_row_of_a_write_has_an_outcome_of_its_own() {
    let (zoho, _, url) = org().await;
    let token = token(&url, "simulated-refresh-token").await;
    zoho.define_field("Industry", Kind::Picklist(vec!["Mills".to_owned()]));
    let [ada, bob] = ["ada@x.example", "bob@x.example"].map(|email| zoho.create_lead([("Email", email)]));
    let rows = json!({ "data": [
        { "id": ada, "Industry": "Mills", "Last_Enriched_At": "2026-01-15T10:00:00+00:00" },
        { "id": bob, "Industry": "Software", "City": "Paris" }, { "id": "9", "City": "Paris" } ] });
    let (status, body) = answer(loopback::client().put(format!("{url}/crm/v8/Leads")).json(&rows), &token).await;
    let codes: Vec<(&Value, &Value)> =
        body["data"].as_array().expect("rows").iter().map(|row| (&row["code"], &row["details"]["api_name"])).collect();
    let (success, invalid) = (json!("SUCCESS"), json!("INVALID_DATA"));
    assert_eq!(status, 207);
    assert_eq!(codes, [(&success, &Value::Null), (&invalid, &json!("Industry")), (&invalid, &json!("id"))]);
    assert_eq!(zoho.record(&bob).expect("the lead").value("City"), None, "all of a row, or nothing");
}

#[derive(Clone, Default)]
struct Door(Arc<Mutex<Vec<Value>>>);

#[tokio::test]
async fn what_happens_is_told_with_the_token_and_four_times_at_most() {
    let door = Door::default();
    let received = |State(door): State<Door>, body: Json<Value>| async move {
        door.0.lock().expect("no panic").push(body.0);
        StatusCode::SERVICE_UNAVAILABLE
    };
    let target = loopback::serve(Router::new().route("/", post(received)).with_state(door.clone())).await;
    let (zoho, _, _) = org().await;
    zoho.subscribe(subscription(&target, "a token"));
    let ada = zoho.create_lead([("Email", "ada@x.example")]);
    for attempt in 1..=4 {
        assert_eq!(zoho.deliver().await.given_up, usize::from(attempt == 4));
    }
    assert_eq!((zoho.pending_events().len(), zoho.lost_events().len()), (0, 1));
    zoho.edit(&ada, "City", "Paris");
    zoho.delete(&ada);
    zoho.deliver().await;
    let told = door.0.lock().expect("no panic").clone();
    assert!(told.iter().all(|body| body["token"] == "a token" && body["channel_id"] == "1000000068001"));
    let of = |operation: &str| told.iter().find(|body| body["operation"] == operation).expect(operation);
    assert_eq!((&of("insert")["ids"], &of("insert")["module"]), (&json!([ada]), &json!("Leads")));
    assert_eq!(of("update")["affected_fields"], json!([{ ada.as_str(): ["City"] }]));
    assert_eq!(of("update")["affected_values"], json!([{ "record_id": ada, "values": { "City": "Paris" } }]));
    assert_eq!(of("delete")["ids"], json!([ada]));
}
