//! The account as a customer sees it, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::*;
use crate::simulators::hand_clock::HandClock;
use crate::simulators::{SimulatedProvider, loopback, vendor_router};

struct World {
    zoominfo: Arc<ZoomInfo>,
    clock: Arc<HandClock>,
    base: String,
    token: String,
}

impl World {
    async fn with(setup: AccountSetup) -> Self {
        let clock = HandClock::start();
        let zoominfo = Arc::new(ZoomInfo::new(clock.clone(), AccountSetup { unknown_share: 0.0, ..setup }));
        let base = loopback::serve(vendor_router(zoominfo.clone())).await;
        let mut world = Self { zoominfo, clock, base, token: String::new() };
        world.log_in("simulated-zoominfo-secret").await;
        world
    }

    async fn log_in(&mut self, secret: &str) -> u16 {
        let form = format!("grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={secret}");
        let request = loopback::client().post(format!("{}/gtm/oauth/v1/token", self.base)).body(form);
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let body: Value = response.json().await.expect("JSON");
        self.token = body["access_token"].as_str().unwrap_or_default().to_owned();
        status
    }

    async fn ask(&self, names: &[&str], fields: &[&str], required: &[&str]) -> (u16, HeaderMap, Value) {
        let input: Vec<Value> =
            names.iter().map(|name| json!({"emailAddress": format!("{name}@engine.example")})).collect();
        let attributes = json!({"matchPersonInput": input, "outputFields": fields, "requiredFields": required});
        let body = json!({"data": {"type": "ContactEnrich", "attributes": attributes}});
        let request = loopback::client().post(format!("{}/gtm/data/v1/contacts/enrich", self.base));
        let response = request.bearer_auth(&self.token).json(&body).send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        (status, headers, response.json().await.expect("JSON"))
    }
}

fn statuses(body: &Value) -> Vec<&str> {
    let items = body["data"].as_array().expect("data").iter();
    items.map(|item| item["meta"]["matchStatus"].as_str().expect("a status")).collect()
}

#[tokio::test]
async fn each_of_several_has_a_match_status_and_what_was_asked_for() {
    let world = World::with(AccountSetup { credits_milli: 2000, ..ZoomInfo::setup() }).await;
    world.zoominfo.forget("b.b@engine.example");
    world.zoominfo.suppress("c.c@engine.example");
    world.zoominfo.refuse("d.d@engine.example");
    let names = ["a.a", "b.b", "c.c", "d.d", "e.e", "f.f", "a.a"];
    let (status, headers, body) = world.ask(&names, &["email", "companyName"], &[]).await;
    let expected = ["FULL_MATCH", "NO_MATCH", "OPT_OUT", "INVALID_INPUT", "FULL_MATCH", "LIMIT_EXCEEDED", "FULL_MATCH"];
    assert_eq!((status, statuses(&body)), (200, expected.to_vec()));
    assert_eq!(body["data"][0]["attributes"]["email"], "a.a@engine.example");
    assert_eq!(body["data"][0]["attributes"]["company"].as_object().map(|company| company.len()), Some(1));
    assert_eq!(headers["x-ratelimit-remaining-hour"], "10799");
    assert_eq!(world.zoominfo.ledger().credits_charged, 2000);
}

#[tokio::test]
async fn a_record_is_free_for_a_year_and_one_without_what_is_required_is_none() {
    let mut world = World::with(ZoomInfo::setup()).await;
    let day = Duration::from_secs(24 * 60 * 60);
    let mut charged = Vec::new();
    for days in [0, 90, 274, 1] {
        world.clock.advance(day * days);
        assert_eq!(world.log_in("simulated-zoominfo-secret").await, 200);
        assert_eq!(world.ask(&["a.a"], &["email"], &[]).await.0, 200);
        charged.push(world.zoominfo.ledger().credits_charged);
    }
    assert_eq!(charged, [1000, 1000, 1000, 2000], "a year after the first, and not after the last");
    let mut found = 0;
    for number in 0..20 {
        let name = format!("n{number}.n");
        let (_, _, body) = world.ask(&[&name], &["mobilePhone"], &["mobilePhone"]).await;
        found += usize::from(statuses(&body) == ["FULL_MATCH"]);
    }
    assert!((5..20).contains(&found), "{found}");
}

#[tokio::test]
async fn an_access_token_ends() {
    let mut world = World::with(ZoomInfo::setup()).await;
    assert_eq!(world.ask(&["a.a"], &["email"], &[]).await.0, 200);
    world.clock.advance(Duration::from_secs(60 * 60));
    let (status, _, body) = world.ask(&["a.a"], &["email"], &[]).await;
    assert_eq!((status, &body["errors"][0]["code"]), (401, &json!("ZI0001")));
    assert_eq!(world.log_in("wrong").await, 401);
    assert_eq!(world.log_in("simulated-zoominfo-secret").await, 200);
    assert_eq!((world.ask(&["a.a"], &["email"], &[]).await.0, world.zoominfo.tokens_given()), (200, 2));
}
