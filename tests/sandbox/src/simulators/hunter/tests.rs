//! The account as a customer sees it, over HTTP.

use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::simulators::hand_clock::HandClock;
use crate::simulators::{SimulatedProvider, loopback, vendor_router};

async fn world(setup: AccountSetup) -> (Arc<Hunter>, String) {
    let hunter = Arc::new(Hunter::new(HandClock::start(), AccountSetup { unknown_share: 0.0, ..setup }));
    let base = loopback::serve(vendor_router(hunter.clone())).await;
    (hunter, base)
}

async fn get(base: &str, path: &str) -> (u16, Value) {
    let request = loopback::client().get(format!("{base}/v2/{path}")).header("x-api-key", "simulated-hunter-key");
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

#[tokio::test]
async fn a_found_address_costs_a_search_once_and_a_known_one_a_fifth() {
    let (hunter, base) = world(Hunter::setup()).await;
    let by_name = "email-finder?domain=engine.example&first_name=Ada&last_name=Lovelace";
    let (status, body) = get(&base, by_name).await;
    assert_eq!((status, body["data"]["email"].as_str()), (200, Some("ada.lovelace@engine.example")));
    assert_eq!(get(&base, by_name).await.0, 200);
    assert_eq!(hunter.ledger().credits_charged, 1000, "a repeat is free");
    let (status, body) = get(&base, "combined/find?email=bob.cobb@engine.example").await;
    assert_eq!((status, body["data"]["person"]["name"]["givenName"].as_str()), (200, Some("Bob")));
    assert_eq!(hunter.ledger().credits_charged, 1200);
    let (_, body) = get(&base, "account").await;
    assert_eq!(body["data"]["requests"]["searches"]["used"], 1.2);
    assert_eq!(body["data"]["reset_date"], "2026-04-01");
}

#[tokio::test]
async fn what_it_does_not_know_may_not_say_or_cannot_be_paid_for_costs_nothing() {
    let (hunter, base) = world(AccountSetup { credits_milli: 200, ..Hunter::setup() }).await;
    hunter.forget("a.a@engine.example");
    hunter.suppress("b.b@engine.example");
    hunter.refuse("c.c@engine.example");
    for (name, status) in [("a.a", 404), ("b.b", 451), ("c.c", 400), ("d.d", 200), ("e.e", 429)] {
        assert_eq!(get(&base, &format!("combined/find?email={name}@engine.example")).await.0, status, "{name}");
    }
    assert_eq!(hunter.ledger().credits_charged, 200);
}
