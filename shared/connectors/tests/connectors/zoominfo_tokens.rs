//! The access tokens that ZoomInfo is asked with.

use std::sync::Mutex;

use jiff::Timestamp;
use leadgate_connectors::http::{Http, client};
use leadgate_connectors::provider::zoominfo::client::ZoomInfo;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::provider::{Provider, Reply};
use serde_json::json;

use crate::apollo::{NO_FIELDS, SILENCE, TIMEOUT, people};
use crate::loopback::{Server, nobody, raw};
use crate::zoominfo::{ENRICH, TOKEN, error, look_up, nobody_known, success, token, zoominfo};

#[tokio::test]
async fn one_token_serves_all_clients_and_is_replaced_when_it_is_refused() {
    let given = Mutex::new(0);
    let server = Server::start(move |line, _| {
        let mut given = given.lock().expect("no panic");
        match line {
            TOKEN => {
                *given += 1;
                (200, json!({ "access_token": format!("t-{given}") }).to_string())
            }
            // The first token ends after two calls.
            _ if *given == 1 => (401, error(401, "ZI0001")),
            _ => (200, success(&[nobody_known(0, "NO_MATCH")])),
        }
    })
    .await;
    let http = Http::from(client());
    let ask = async || {
        let secret = Secret::new("secret".into());
        let zoominfo = ZoomInfo::new(http.clone(), &server.url, "client", secret, Timestamp::UNIX_EPOCH);
        zoominfo.look_up(&people(1), &NO_FIELDS, None, TIMEOUT).await.reply
    };
    // One that was just given and is refused is no matter of time.
    assert!(matches!(ask().await, Reply::Denied(_)));
    for _ in 0..2 {
        assert!(matches!(ask().await, Reply::Answered { .. }));
    }
    assert_eq!(server.lines(), [TOKEN, ENRICH, TOKEN, ENRICH, ENRICH]);
}

#[tokio::test]
async fn a_token_that_is_about_to_end_is_replaced_before_it_is_used() {
    let server = Server::start(|line, _| match line {
        TOKEN => token(),
        _ => (200, success(&[nobody_known(0, "NO_MATCH")])),
    })
    .await;
    let http = Http::from(client());
    for second in [0, 3000, 3500, 3600 + 3000] {
        let now = Timestamp::from_second(second).expect("a time");
        let zoominfo = ZoomInfo::new(http.clone(), &server.url, "client", Secret::new("secret".into()), now);
        zoominfo.look_up(&people(1), &NO_FIELDS, None, TIMEOUT).await;
    }
    assert_eq!(server.lines(), [TOKEN, ENRICH, ENRICH, TOKEN, ENRICH, ENRICH]);
}

#[tokio::test]
async fn a_token_that_was_good_and_ends_costs_a_retry() {
    let calls = Mutex::new(0);
    let server = Server::start(move |line, _| {
        if line == TOKEN {
            return token();
        }
        let mut calls = calls.lock().expect("no panic");
        *calls += 1;
        if *calls == 2 { (401, error(401, "ZI0001")) } else { (200, success(&[nobody_known(0, "NO_MATCH")])) }
    })
    .await;
    let zoominfo = zoominfo(&server.url);
    let ask = async || zoominfo.look_up(&people(1), &NO_FIELDS, None, TIMEOUT).await.reply;
    assert!(matches!(ask().await, Reply::Answered { .. }));
    assert_eq!(ask().await, Reply::Transient("401: the access token had ended".into()));
    assert!(matches!(ask().await, Reply::Answered { .. }));
    assert_eq!(server.lines(), [TOKEN, ENRICH, ENRICH, TOKEN, ENRICH]);
}

#[tokio::test]
async fn without_a_token_nothing_is_asked_and_nothing_charged() {
    let invalid = r#"{"error":"invalid_client","error_description":"of ada@b.example"}"#;
    let cases = [
        (401, invalid, Reply::Denied("401 invalid_client: the client or its secret is refused".into())),
        (400, invalid, Reply::Denied("400 invalid_client: the client or its secret is refused".into())),
        (429, "", Reply::Throttled { retry_after: None }),
        (500, "", Reply::Transient("500: no answer to the call".into())),
        (503, "", Reply::Transient("503: turned away".into())),
        (200, "{}", Reply::Transient("the answer holds no access token".into())),
        (200, "<html>", Reply::Transient("the answer holds no access token".into())),
    ];
    for (status, body, expected) in cases {
        let server = Server::start(move |_, _| (status, body.to_owned())).await;
        assert_eq!(look_up(&server.url, &people(1)).await, expected, "{status} {body}");
        assert_eq!(server.lines(), [TOKEN]);
    }
    let (silent, _) = raw(None).await;
    let silence = zoominfo(&silent).look_up(&people(1), &NO_FIELDS, None, SILENCE).await.reply;
    assert!(matches!(silence, Reply::Transient(_)), "{silence:?}");
    assert!(matches!(look_up(&nobody().await, &people(1)).await, Reply::Transient(_)));
    let none = Reply::Answered { answers: vec![], reported: None, asynchronous: None };
    assert_eq!(look_up("http://nowhere.example", &[]).await, none);
}
