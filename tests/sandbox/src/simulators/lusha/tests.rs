//! The account as a customer sees it, over HTTP.

use std::sync::Arc;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::simulators::hand_clock::HandClock;
use crate::simulators::{SimulatedProvider, loopback, vendor_router};

struct World {
    lusha: Arc<Lusha>,
    base: String,
}

impl World {
    async fn with(setup: AccountSetup) -> Self {
        let lusha = Arc::new(Lusha::new(HandClock::start(), AccountSetup { unknown_share: 0.0, ..setup }));
        let base = loopback::serve(vendor_router(lusha.clone())).await;
        Self { lusha, base }
    }

    async fn ask(&self, names: &[&str], reveal: &[&str]) -> (u16, HeaderMap, Value) {
        let path = if reveal.is_empty() { "search" } else { "search-and-enrich" };
        let contact = |name: &&str| json!({"clientReferenceId": name, "email": format!("{name}@engine.example")});
        let contacts: Vec<Value> = names.iter().map(contact).collect();
        let request = loopback::client().post(format!("{}/v3/contacts/{path}", self.base));
        let request = request.header("api_key", "simulated-lusha-key");
        let response = request.json(&json!({"contacts": contacts, "reveal": reveal})).send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        (status, headers, response.json().await.expect("JSON"))
    }
}

#[tokio::test]
async fn a_search_costs_at_least_one_credit_and_what_is_revealed_costs_once() {
    let world = World::with(Lusha::setup()).await;
    world.lusha.forget("c.c@engine.example");
    world.lusha.suppress("d.d@engine.example");
    let (status, headers, body) = world.ask(&["a.a", "b.b", "c.c", "d.d"], &["emails"]).await;
    assert_eq!((status, &body["billing"]["creditsCharged"]), (200, &json!(3)));
    assert_eq!(headers["x-minute-requests-left"], "299");
    let codes: Vec<&Value> =
        body["results"].as_array().expect("results").iter().map(|it| &it["error"]["code"]).collect();
    assert_eq!(json!(codes), json!([null, null, "NOT_FOUND", "COMPLIANCE_RESTRICTED"]));
    assert_eq!(body["results"][0]["emails"][0]["email"], "a.a@engine.example");
    assert_eq!(body["results"][0]["phones"], json!([]));
    let (_, _, body) = world.ask(&["a.a"], &["emails"]).await;
    assert_eq!(body["billing"]["creditsCharged"], 1, "the search alone");
    let (_, _, body) = world.ask(&["c.c"], &["emails"]).await;
    assert_eq!(body["billing"]["creditsCharged"], 1, "the least that a call costs");
    assert_eq!(world.lusha.ledger().credits_charged, 5000);
}

#[tokio::test]
async fn a_search_alone_shows_no_address_and_credits_have_to_suffice_for_all() {
    let world = World::with(AccountSetup { credits_milli: 2000, ..Lusha::setup() }).await;
    let (status, _, body) = world.ask(&["a.a", "b.b"], &[]).await;
    assert_eq!((status, &body["results"][0]["emails"]), (200, &Value::Null));
    assert_eq!(body["results"][0]["canReveal"][0], json!({"field": "emails", "credits": 1}));
    assert_eq!(world.ask(&["e.e", "f.f"], &["emails"]).await.0, 402);
    world.lusha.refuse("g.g@engine.example");
    assert_eq!(world.ask(&["e.e", "g.g"], &["emails"]).await.0, 400);
    assert_eq!(world.lusha.ledger().credits_charged, 1000);
}
