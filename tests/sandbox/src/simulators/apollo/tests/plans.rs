//! What a key and a plan allow.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;

#[tokio::test]
async fn keys_can_be_wrong_or_too_narrow() {
    let scope = KeyScope::Endpoints(vec!["api/v1/people/match".to_owned()]);
    let world = World::with(ApolloSetup { scope, ..ApolloSetup::default() }).await;
    let wrong = world.http.post(format!("{}{MATCH}", world.base)).header("x-api-key", "x").send().await;
    let wrong = wrong.expect("an answer");
    assert_eq!(wrong.status(), 401);
    assert!(wrong.headers()["content-type"].to_str().expect("a text").starts_with("text/plain"));
    assert!(!wrong.headers().contains_key("x-rate-limit-minute"));
    assert!(wrong.text().await.expect("a text").starts_with("Invalid API key. "));
    let (status, headers, body) = world.post(BULK, json!({ "details": [{}] })).await;
    assert_eq!((status, &body["error_code"]), (403, &json!("API_INACCESSIBLE")));
    assert!(!headers.contains_key("x-rate-limit-minute"));
    assert_eq!(world.post(MATCH, Value::Null).await.0, 200);
    assert_eq!(world.apollo.ledger().denied, 2);
}

#[tokio::test]
async fn a_key_may_be_a_bearer_token() {
    let world = World::new().await;
    let status = async |header: &str, value: &str| {
        let request = world.http.get(format!("{}/api/v1/email_accounts", world.base)).header(header, value);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(status("authorization", "Bearer simulated-api-key").await, 200);
    for wrong in ["Bearer x", "simulated-api-key", "Basic simulated-api-key"] {
        assert_eq!(status("authorization", wrong).await, 401, "{wrong}");
    }
}

#[tokio::test]
async fn the_limits_are_fixed_windows_per_endpoint() {
    let limits = Limits { single: Windows::per_minute(2), ..Limits::unlimited() };
    let world = World::with(ApolloSetup { limits, ..ApolloSetup::default() }).await;
    let (_, headers, _) = world.post(MATCH, Value::Null).await;
    assert_eq!(
        (&headers["x-rate-limit-minute"], &headers["x-rate-limit-hourly"]),
        (&"2".parse().expect("a value"), &"".parse().expect("a value"))
    );
    assert_eq!(headers["x-minute-requests-left"], "1");
    assert!(!headers.contains_key("x-hourly-usage"));
    world.clock.advance(Duration::from_millis(30_500));
    assert_eq!(world.post(MATCH, Value::Null).await.0, 200);
    let (status, headers, body) = world.post(MATCH, Value::Null).await;
    assert_eq!((status, &headers["retry-after"]), (429, &"30".parse().expect("a value")));
    let message = body["message"].as_str().expect("a text");
    assert!(message.contains("allowed for api/v1/people/match is 2 times per minute"), "{message}");
    assert_eq!(world.bulk(&["ada@example.com"]).await.0, 200);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(world.post(MATCH, Value::Null).await.0, 200);
    assert_eq!(world.apollo.ledger().throttled, 1);
}

#[tokio::test]
async fn usage_is_told_as_it_is() {
    let world = World::with(ApolloSetup { pool_milli: 10_000, price_milli: 500, ..ApolloSetup::default() }).await;
    world.bulk(&["ada@example.com"]).await;
    let (status, _, body) = world.post("/api/v1/usage_stats/credit_usage_stats", Value::Null).await;
    assert_eq!(status, 200);
    let pool = json!({ "limit": 10, "consumed": 0.5, "left_over": 9.5 });
    assert_eq!(body["credit_usage_stats"]["lead_credit"], pool);
    assert_eq!(body["current_credit_cycle"], json!({ "start_date": "2026-03-01", "end_date": "2026-04-01" }));
    let (_, _, body) = world.post("/api/v1/usage_stats/api_usage_stats", Value::Null).await;
    let minute = json!({ "limit": 1000, "consumed": 1, "left_over": 999 });
    assert_eq!(body[r#"["api/v1/people","bulk_match"]"#]["minute"], minute);
    let health = world.http.get(format!("{}/api/v1/auth/health", world.base));
    let health = health.header("x-api-key", "simulated-api-key").send().await.expect("an answer");
    assert_eq!(health.status(), 200);
}

#[tokio::test]
async fn a_plan_may_lack_an_endpoint() {
    let gated = BTreeSet::from(["api/v1/organizations/enrich".to_owned()]);
    let world = World::with(ApolloSetup { gated, ..ApolloSetup::default() }).await;
    let enrich = "/api/v1/organizations/enrich?domain=x.example";
    let (status, headers, body) = world.call(Method::GET, enrich, Value::Null).await;
    assert_eq!(status, 403);
    assert!(body["message"].as_str().is_some_and(|text| text.contains("paid plans")), "{body}");
    assert!(!headers.contains_key("x-rate-limit-minute"));
    world.apollo.gate("api/v1/organizations/enrich", false);
    assert_eq!(world.get(enrich).await.0, 200);
    world.apollo.gate("api/v1/people/match", true);
    assert_eq!(world.post(MATCH, json!({ "email": "ada@example.com" })).await.0, 403);
    assert_eq!(world.apollo.ledger().denied, 2);
}

#[tokio::test]
async fn each_class_of_endpoints_has_its_documented_limits() {
    let limits_at = async |limits: Limits, method: Method, path: &str| {
        let world = World::with(ApolloSetup { limits, ..ApolloSetup::default() }).await;
        let (_, headers, _) = world.call(method, path, Value::Null).await;
        ["minute", "hourly", "24-hour"]
            .map(|window| headers[&format!("x-rate-limit-{window}")].to_str().expect("a text").to_owned())
    };
    let search = "/api/v1/mixed_companies/search";
    assert_eq!(limits_at(Limits::paid(), Method::GET, "/api/v1/organizations/enrich").await, ["1000", "", ""]);
    assert_eq!(limits_at(Limits::paid(), Method::GET, "/api/v1/people/x").await, ["1000", "", ""]);
    assert_eq!(limits_at(Limits::paid(), Method::POST, search).await, ["200", "6000", "50000"]);
    assert_eq!(limits_at(Limits::paid(), Method::POST, "/api/v1/contacts/search").await, ["200", "400", "2000"]);
    assert_eq!(limits_at(Limits::organization(), Method::POST, "/api/v1/contacts").await, ["200", "600", "6000"]);
    assert_eq!(limits_at(Limits::free(), Method::POST, search).await, ["50", "200", "600"]);
    assert_eq!(limits_at(Limits::free(), Method::POST, BULK).await, ["20", "100", ""]);
}

#[tokio::test]
async fn an_endpoint_can_have_limits_of_its_own() {
    let windows = Windows { minute: None, hour: Some(1), day: None };
    let endpoint_limits = BTreeMap::from([("api/v1/contacts/search".to_owned(), windows)]);
    let world = World::with(ApolloSetup { endpoint_limits, ..ApolloSetup::default() }).await;
    let (_, headers, _) = world.post("/api/v1/contacts/search", Value::Null).await;
    assert_eq!((&headers["x-rate-limit-minute"], headers.get("x-minute-usage")), (&"".parse().expect("a value"), None));
    let (status, _, body) = world.post("/api/v1/contacts/search", Value::Null).await;
    let message = body["message"].as_str().expect("a text");
    assert!(status == 429 && message.contains("api/v1/contacts/search is 1 times per hour"), "{message}");
    let (_, _, usage) = world.post("/api/v1/usage_stats/api_usage_stats", Value::Null).await;
    let hour = json!({ "limit": 1, "consumed": 1, "left_over": 0 });
    assert_eq!(usage[r#"["api/v1/contacts","search"]"#]["hour"], hour);
}
