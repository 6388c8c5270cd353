//! The workspace as a customer sees it, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::simulators::hand_clock::HandClock;
use crate::simulators::{SimulatedProvider, loopback, vendor_router};

struct World {
    clay: Arc<Clay>,
    clock: Arc<HandClock>,
    base: String,
}

impl World {
    async fn with(setup: AccountSetup) -> Self {
        let clock = HandClock::start();
        let clay = Arc::new(Clay::new(clock.clone(), AccountSetup { unknown_share: 0.0, ..setup }));
        let base = loopback::serve(vendor_router(clay.clone())).await;
        Self { clay, clock, base }
    }

    async fn run(&self, names: &[&str]) -> (u16, Value) {
        let item = |name: &&str| json!({ "id": name, "inputs": { "email": format!("{name}@engine.example") } });
        let body = json!({ "items": names.iter().map(item).collect::<Vec<_>>(), "webhook_id": WEBHOOK_ID });
        let url = format!("{}/public/v0/routines/{ROUTINE_ID}/run", self.base);
        self.called(loopback::client().post(url).json(&body)).await
    }

    async fn results(&self, run: &str, query: &str) -> (u16, Value) {
        let url = format!("{}/public/v0/routines/run/{run}/results{query}", self.base);
        self.called(loopback::client().get(url)).await
    }

    async fn called(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let response = request.header("clay-api-key", "simulated-clay-key").send().await.expect("an answer");
        (response.status().as_u16(), response.json().await.expect("JSON"))
    }
}

#[tokio::test]
async fn a_run_takes_its_time_and_whom_it_finds_is_charged_for_when_it_ends() {
    let world = World::with(Clay::setup()).await;
    world.clay.take_time(Duration::from_secs(90));
    world.clay.register_webhook("http://127.0.0.1:9/hook", "whsec");
    world.clay.forget("c.c@engine.example");
    let (status, started) = world.run(&["a.a", "b.b", "c.c"]).await;
    assert_eq!((status, &started["routine_run_id"]), (202, &json!("run_1")));
    assert_eq!(world.results("run_1", "").await.0, 202);
    assert_eq!((world.clay.ledger().credits_charged, world.clay.take_webhooks()), (0, Vec::new()));
    world.clock.advance(Duration::from_secs(90));
    let (status, first) = world.results("run_1", "?limit=2").await;
    assert_eq!(
        (status, &first["cursor"], first["data"][0]["result"]["email"].as_str()),
        (200, &json!("2"), Some("a.a@engine.example"))
    );
    let (_, rest) = world.results("run_1", "?limit=2&cursor=2").await;
    assert_eq!(
        (&rest["data"][0], &rest["cursor"]),
        (&json!({"id": "c.c", "status": "complete", "result": {}}), &Value::Null)
    );
    assert_eq!(world.clay.ledger().credits_charged, 2000);
    let [webhook] = &world.clay.take_webhooks()[..] else { panic!("one") };
    assert!(webhook.body.contains("run_1") && webhook.signature.starts_with("sha256="), "{webhook:?}");
    assert_eq!(world.results("run_2", "").await.0, 404);
}

#[tokio::test]
async fn credits_that_run_out_fail_items_of_a_run_and_then_runs() {
    let world = World::with(AccountSetup { credits_milli: 1000, ..Clay::setup() }).await;
    assert_eq!(world.run(&["a.a", "b.b"]).await.0, 202);
    let (_, ended) = world.results("run_1", "").await;
    let states: Vec<&str> =
        ended["data"].as_array().into_iter().flatten().filter_map(|it| it["status"].as_str()).collect();
    assert_eq!(states, ["complete", "failed"]);
    assert_eq!(world.run(&["b.b"]).await.0, 402);
    assert_eq!(world.clay.ledger().out_of_credits, 2);
}

#[tokio::test]
async fn all_calls_count_towards_one_limit() {
    let setup = AccountSetup { limits: crate::simulators::apollo::Windows::per_minute(2), ..Clay::setup() };
    let world = World::with(setup).await;
    assert_eq!(world.run(&["a.a"]).await.0, 202);
    assert_eq!(world.results("run_1", "").await.0, 200);
    assert_eq!(world.results("run_1", "").await.0, 429);
    assert_eq!(world.clay.ledger().throttled, 1);
}
