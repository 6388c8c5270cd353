//! The account as a customer sees it, over HTTP.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::simulators::hand_clock::HandClock;
use crate::simulators::{SimulatedProvider, loopback, vendor_router};

struct World {
    cognism: Arc<Cognism>,
    base: String,
}

impl World {
    async fn with(setup: AccountSetup) -> Self {
        let cognism = Arc::new(Cognism::new(HandClock::start(), AccountSetup { unknown_share: 0.0, ..setup }));
        let base = loopback::serve(vendor_router(cognism.clone())).await;
        Self { cognism, base }
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = loopback::client().post(format!("{}/api/search/contact/{path}", self.base));
        let response = request.bearer_auth("simulated-cognism-key").json(body).send().await.expect("an answer");
        (response.status().as_u16(), response.json().await.expect("JSON"))
    }

    async fn found(&self, name: &str) -> Value {
        let (status, body) = self.post("enrich", &json!({"email": format!("{name}@engine.example")})).await;
        assert_eq!(status, 200, "{body}");
        body["results"][0]["redeemId"].clone()
    }
}

#[tokio::test]
async fn finding_is_free_and_a_contact_is_charged_for_once_and_for_all() {
    let world = World::with(Cognism::setup()).await;
    world.cognism.forget("c.c@engine.example");
    assert_eq!(world.found("c.c").await, Value::Null, "nobody");
    let ids = [world.found("a.a").await, world.found("b.b").await];
    assert_eq!(world.cognism.ledger().credits_charged, 0);
    let (status, body) = world.post("redeem", &json!({"redeemIds": ids})).await;
    assert_eq!((status, &body["totalResults"]), (200, &json!(2)));
    assert_eq!(body["results"][1]["email"]["address"], "b.b@engine.example");
    world.cognism.begin_cycle(0);
    assert_eq!(world.post("redeem", &json!({"redeemIds": ids})).await.0, 200, "again, in another cycle");
    assert_eq!(world.cognism.ledger().credits_charged, 2000);
    assert_eq!(world.post("redeem", &json!({"redeemIds": ["unheard-of"]})).await.0, 400);
}

#[tokio::test]
async fn credits_and_the_previews_that_come_with_them_end() {
    let world = World::with(AccountSetup { credits_milli: 1000, ..Cognism::setup() }).await;
    let ids = [world.found("a.a").await, world.found("b.b").await];
    let (status, body) = world.post("redeem", &json!({"redeemIds": ids})).await;
    assert_eq!((status, &body[0]["key"]), (403, &json!("InsufficientCredits")), "for all of it, or for none");
    assert_eq!(world.post("redeem", &json!({"redeemIds": ids[..1]})).await.0, 200);
    for number in 2..10 {
        world.found(&format!("n{number}.n")).await;
    }
    let (status, body) = world.post("enrich", &json!({"email": "z.z@engine.example"})).await;
    assert_eq!((status, body[0]["msg"].as_str().is_some_and(|said| said.contains("preview limit"))), (403, true));
    assert_eq!(world.cognism.ledger().credits_charged, 1000);
}
