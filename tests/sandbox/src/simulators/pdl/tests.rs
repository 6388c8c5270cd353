//! The account as a customer sees it, over HTTP.

use std::sync::Arc;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::simulators::hand_clock::HandClock;
use crate::simulators::{SimulatedProvider, loopback, vendor_router};

struct World {
    pdl: Arc<PeopleDataLabs>,
    base: String,
}

impl World {
    async fn with(setup: AccountSetup) -> Self {
        let pdl = Arc::new(PeopleDataLabs::new(HandClock::start(), setup));
        let base = loopback::serve(vendor_router(pdl.clone())).await;
        Self { pdl, base }
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, HeaderMap, Value) {
        let request =
            loopback::client().post(format!("{}/v5/{path}", self.base)).header("x-api-key", "simulated-pdl-key");
        let response = request.json(body).send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        (status, headers, response.json().await.expect("JSON"))
    }
}

fn everybody() -> AccountSetup {
    AccountSetup { unknown_share: 0.0, ..PeopleDataLabs::setup() }
}

#[tokio::test]
async fn a_match_costs_a_credit_and_says_so() {
    let world = World::with(everybody()).await;
    let (status, headers, body) = world.post("person/enrich", &json!({"email": "ada.l@engine.example"})).await;
    assert_eq!((status, &body["data"]["first_name"]), (200, &json!("Ada")));
    assert_eq!(
        (&headers["x-call-credits-spent"], &headers["x-lifetime-used"]),
        (&"1".parse().unwrap(), &"1".parse().unwrap())
    );
    assert_eq!(headers["x-ratelimit-remaining"], "{'minute': 999, 'day': None, 'month': None}");
    world.pdl.forget("ada.l@engine.example");
    let (status, headers, body) = world.post("person/enrich", &json!({"email": "ada.l@engine.example"})).await;
    assert_eq!((status, &body["error"]["type"]), (404, &json!("not_found")));
    assert_eq!(headers["x-call-credits-spent"], "0");
    assert_eq!(world.pdl.ledger().credits_charged, 1000);
    let (status, headers, _) = world.post("person/enrich", &json!({})).await;
    assert_eq!((status, &headers["x-lifetime-used"]), (400, &"1".parse().unwrap()), "the figures are free");
}

#[tokio::test]
async fn a_bulk_gives_each_a_status_and_stops_where_the_credits_do() {
    let world = World::with(AccountSetup { credits_milli: 2000, ..everybody() }).await;
    world.pdl.forget("b@engine.example");
    world.pdl.refuse("c@engine.example");
    let requests: Vec<Value> =
        ["a", "b", "c", "d", "e"].map(|name| json!({"params": {"email": format!("{name}@engine.example")}})).into();
    let (status, headers, body) = world.post("person/bulk", &json!({ "requests": requests })).await;
    let statuses: Vec<&Value> = body.as_array().expect("a list").iter().map(|item| &item["status"]).collect();
    assert_eq!((status, json!(statuses)), (200, json!([200, 404, 400, 200, 402])));
    assert_eq!(headers["x-call-credits-spent"], "2");
    let (status, _, body) = world.post("person/bulk", &json!({ "requests": requests })).await;
    assert_eq!((status, &body["error"]["type"]), (402, &json!("payment_required")));
    assert_eq!(world.pdl.ledger().credits_charged, 2000);
}

#[tokio::test]
async fn what_a_match_has_to_have_is_not_charged_for_where_it_is_missing() {
    let world = World::with(everybody()).await;
    let mut found = 0;
    for number in 0..20 {
        let asked = json!({"email": format!("a{number}.b@engine.example"), "required": "mobile_phone"});
        let (status, _, body) = world.post("person/enrich", &asked).await;
        assert_eq!(status == 200, body["data"]["mobile_phone"].is_string());
        found += i64::from(status == 200);
    }
    assert!((5..20).contains(&found), "{found}");
    assert_eq!(world.pdl.ledger().credits_charged, found * 1000);
}
