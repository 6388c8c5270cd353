//! Mailboxes, figures, and whether the key is good.

use leadgate_connectors::provider::apollo::CallError;
use leadgate_connectors::provider::apollo::account::{Calls, CreditUsage, Health};
use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::provider::{Began, Provider, Usage};
use serde_json::{Value, json};

use crate::apollo::{TIMEOUT, apollo};
use crate::loopback::Server;

/// A server that answers so to anything.
async fn server(body: Value) -> Server {
    Server::start(move |_, _| (200, body.to_string())).await
}

#[tokio::test]
async fn mailboxes_are_listed() {
    let server = server(json!({"email_accounts": [
        {"id": "m1", "user_id": "u1", "email": "ada@b.example", "type": "gmail", "active": true, "default": "false",
         "email_daily_threshold": "50", "max_outbound_emails_per_hour": 6, "seconds_delay_between_emails": 600.5,
         "inactive_reason": null, "revoked_at": "", "signature": {}},
        {"id": 2, "active": 1},
        null,
    ]}))
    .await;
    let mailboxes = apollo(&server.url).mailboxes(TIMEOUT).await.reply.expect("an answer");
    assert_eq!(server.asked(), [("GET /email_accounts".to_owned(), Value::Null)]);
    let [full, sparse] = &mailboxes[..] else { panic!("{mailboxes:?}") };
    assert_eq!((full.id.as_deref(), full.email.as_deref()), (Some("m1"), Some("ada@b.example")));
    assert_eq!((full.active, full.default, full.revoked_at.as_deref()), (Some(true), Some(false), None));
    assert_eq!((full.email_daily_threshold, full.max_outbound_emails_per_hour), (Some(50), Some(6)));
    assert_eq!(full.seconds_delay_between_emails, None, "no whole number");
    assert_eq!((sparse.id.as_deref(), sparse.active), (Some("2"), None));
}

#[tokio::test]
async fn credits_are_told_by_kind_and_the_pool_is_what_was_used() {
    let server = server(json!({
        "credit_usage_stats": {
            "lead_credit": {"limit": 2500, "consumed": 12.5, "left_over": "2487.5"},
            "ai_credit": {"limit": null, "consumed": "none"},
            "dialer": null,
        },
        "current_credit_cycle": {"start_date": "2026-11-01", "end_date": "2026-12-01"},
    }))
    .await;
    let apollo = apollo(&server.url);
    let usage = apollo.credit_usage(TIMEOUT).await.reply.expect("an answer");
    assert_eq!(server.asked(), [("POST /usage_stats/credit_usage_stats".to_owned(), json!({}))]);
    let pool = &usage.credits["lead_credit"];
    assert_eq!((pool.limit, pool.consumed), (Some(Milli::credits(2500)), Some(Milli::new(12_500))));
    assert_eq!(pool.left_over, Some(Milli::new(2_487_500)));
    assert_eq!((usage.credits["ai_credit"].limit, usage.credits["ai_credit"].consumed), (None, None));
    assert!(!usage.credits.contains_key("dialer"));
    assert_eq!(usage.cycle.and_then(|cycle| cycle.end_date).as_deref(), Some("2026-12-01"));
    let used = Usage { cycle: "2026-11-01".into(), began: Began::read("2026-11-01"), used: Milli::new(12_500) };
    assert_eq!(apollo.usage(TIMEOUT).await, Ok(Some(used)));
}

#[tokio::test]
async fn without_the_pool_or_its_cycle_there_are_no_figures() {
    let pool = json!({"lead_credit": {"consumed": 1}});
    for body in [
        json!({}),
        json!({"credit_usage_stats": pool}),
        json!({"credit_usage_stats": pool, "current_credit_cycle": {"start_date": null}}),
        json!({"credit_usage_stats": {"lead_credit": {"consumed": null}}, "current_credit_cycle": {"start_date": "2026-11-01"}}),
    ] {
        let server = server(body.clone()).await;
        assert!(apollo(&server.url).usage(TIMEOUT).await.is_err(), "{body}");
    }
    let server = Server::start(|_, _| (403, r#"{"error_code":"API_INACCESSIBLE"}"#.to_owned())).await;
    let error = apollo(&server.url).usage(TIMEOUT).await.expect_err("no figures");
    assert!(error.0.contains("403 API_INACCESSIBLE") && error.0.contains("master key"), "{error}");
}

#[tokio::test]
async fn calls_are_told_by_endpoint() {
    let window = json!({"limit": 400, "consumed": 12, "left_over": "388"});
    let server = server(json!({
        "[\"api/v1/contacts\", \"search\"]": {"day": window, "hour": window, "minute": null},
        "api/v1/people": {"day": {"limit": "", "consumed": 3}},
        "[\"api/v1/people\", 7]": "none",
    }))
    .await;
    let endpoints = apollo(&server.url).call_usage(TIMEOUT).await.reply.expect("an answer");
    assert_eq!(server.asked(), [("POST /usage_stats/api_usage_stats".to_owned(), json!({}))]);
    let [search, people] = &endpoints[..] else { panic!("{endpoints:?}") };
    assert_eq!((&*search.path, &*search.action), ("api/v1/contacts", "search"));
    let calls = Some(Calls { limit: Some(400), consumed: Some(12), left_over: Some(388) });
    assert_eq!((search.day, search.hour, search.minute), (calls, calls, None));
    assert_eq!((&*people.path, &*people.action), ("api/v1/people", ""));
    assert_eq!(people.day, Some(Calls { limit: None, consumed: Some(3), left_over: None }));
}

#[tokio::test]
async fn a_key_is_good_or_not() {
    let healthy = server(json!({"healthy": true, "is_logged_in": false, "version": 1})).await;
    let health = apollo(&healthy.url).health(TIMEOUT).await.reply;
    assert_eq!(health, Ok(Health { healthy: Some(true), is_logged_in: Some(false) }));
    assert_eq!(healthy.asked(), [("GET /auth/health".to_owned(), Value::Null)]);
    let refused = Server::start(|_, _| (401, "Invalid API key.".to_owned())).await;
    let health = apollo(&refused.url).health(TIMEOUT).await.reply;
    assert_eq!(health, Err(CallError::Denied("401: the key is refused".into())));
}

#[tokio::test]
async fn an_answer_of_another_shape_says_nothing() {
    for body in
        [json!({}), json!({"email_accounts": 1, "credit_usage_stats": [], "current_credit_cycle": "", "healthy": []})]
    {
        let server = server(body.clone()).await;
        let apollo = apollo(&server.url);
        assert_eq!(apollo.mailboxes(TIMEOUT).await.reply, Ok(vec![]), "{body}");
        assert_eq!(apollo.credit_usage(TIMEOUT).await.reply, Ok(CreditUsage::default()), "{body}");
        assert_eq!(apollo.call_usage(TIMEOUT).await.reply, Ok(vec![]), "{body}");
        assert_eq!(apollo.health(TIMEOUT).await.reply, Ok(Health::default()), "{body}");
    }
    let server = server(json!(["email_accounts"])).await;
    let mailboxes = apollo(&server.url).mailboxes(TIMEOUT).await.reply;
    assert!(matches!(mailboxes, Err(CallError::Unknown(_))), "{mailboxes:?}");
}
