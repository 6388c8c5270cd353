//! Runs of a routine and their results, against a server that answers as Clay does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use leadgate_connectors::http::client;
use leadgate_connectors::inbound::{Delivery, PayloadError, SignatureError, Unverified};
use leadgate_connectors::provider::clay::client::Clay;
use leadgate_connectors::provider::clay::config::Routine;
use leadgate_connectors::provider::clay::inbound::{check, run, sign};
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::person::{Confidence, Identity, Profile, ProfileField};
use leadgate_enrichment::provider::limits::Rate;
use leadgate_enrichment::provider::{
    Answer, AsynchronousId, AsynchronousRequest, CallKind, Collected, Provider, Reply,
};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::apollo::{NO_FIELDS, SILENCE, TIMEOUT, people};
use crate::loopback::{Server, nobody, raw};

const RUN: &str = "POST /routines/function:t_1/run";

fn clay_with(url: &str, routine: Routine) -> Clay {
    Clay::new(client(), url, Secret::new("key".into()), Routine { id: "function:t_1".into(), ..routine })
}

fn clay(url: &str) -> Clay {
    clay_with(url, Routine::default())
}

fn request(count: usize) -> AsynchronousRequest {
    let names = (0..count).map(|i| format!("1768471200000-0123456789ab.{i}")).collect();
    AsynchronousRequest { fields: vec![PricedField::PersonLater], callback: None, names }
}

async fn started(url: &str, people: &[Identity]) -> Reply {
    clay(url).look_up(people, &NO_FIELDS, Some(&request(people.len())), TIMEOUT).await.reply
}

async fn collected(status: u16, body: &str) -> Collected {
    let body = body.to_owned();
    let server = Server::start(move |_, _| (status, body.clone())).await;
    clay(&server.url).collect(&AsynchronousId("run_1".into()), TIMEOUT).await.reply
}

fn ended(data: &Value) -> String {
    json!({"routine_run_id": "run_1", "status": "complete", "finished": 1, "total": 1, "data": data}).to_string()
}

#[tokio::test]
async fn a_run_asks_about_each_person_under_our_name_and_says_only_that_it_will_answer() {
    let accepted = json!({"routine_run_id": "run_1", "status": "in_progress"}).to_string();
    let server = Server::start(move |_, _| (202, accepted.clone())).await;
    let Reply::Answered { answers, reported, asynchronous } = started(&server.url, &people(2)).await else {
        panic!("not accepted")
    };
    let names = request(2).names;
    assert_eq!(answers, names.iter().cloned().map(Answer::Pending).collect::<Vec<_>>());
    assert_eq!((reported, asynchronous), (None, Some(AsynchronousId("run_1".into()))));
    let (line, body) = server.asked().remove(0);
    assert_eq!((line.as_str(), server.sent("clay-api-key")), (RUN, vec![Some("key".to_owned())]));
    assert_eq!(body["items"][1]["id"], names[1]);
    assert_eq!(body["items"][1]["inputs"]["email"], people(2)[1].email.as_deref().expect("an address"));
    assert_eq!(body["webhook_id"], Value::Null);
}

#[tokio::test]
async fn a_routine_is_asked_and_read_by_its_own_names() {
    let routine = Routine {
        webhook_id: Some("wh_1".into()),
        inputs: BTreeMap::from([("full_name".into(), "Full Name".into()), ("domain".into(), "Company Domain".into())]),
        outputs: BTreeMap::from([
            ("Work Email".into(), ProfileField::Email),
            ("Employees".into(), ProfileField::CompanyEmployees),
        ]),
        ..Routine::default()
    };
    let result = json!([{"id": "a.1", "status": "complete", "result": {"Work Email": "ada@b.example", "Employees": 12, "email": "no"}}]);
    let (accepted, result) = (json!({"routine_run_id": "run_1"}).to_string(), ended(&result));
    let server =
        Server::start(move |line, _| if line == RUN { (202, accepted.clone()) } else { (200, result.clone()) }).await;
    let clay = clay_with(&server.url, routine);
    let ada = Identity {
        email: Some("ada@b.example".into()),
        first_name: Some("Ada".into()),
        last_name: Some("Lovelace".into()),
        domain: Some("b.example".into()),
        ..Identity::default()
    };
    clay.look_up(&[ada], &NO_FIELDS, Some(&request(1)), TIMEOUT).await;
    let (_, body) = server.asked().remove(0);
    assert_eq!(body["items"][0]["inputs"], json!({"Full Name": "Ada Lovelace", "Company Domain": "b.example"}));
    assert_eq!(body["webhook_id"], "wh_1");
    let Collected::Arrived { people, .. } = clay.collect(&AsynchronousId("run_1".into()), TIMEOUT).await.reply else {
        panic!("not arrived")
    };
    let known = [ProfileField::Email, ProfileField::CompanyEmployees].map(|field| people["a.1"].get(field));
    assert_eq!((known, people["a.1"].values().len()), ([Some("ada@b.example"), Some("12")], 2));
}

#[tokio::test]
async fn what_refuses_a_run_is_told_apart_and_anything_unclear_may_have_been_charged() {
    let message = |text: &str| json!({ "message": text }).to_string();
    for (status, body, expected) in [
        (402, message("Payment required"), "OutOfCredits"),
        (403, message("Insufficient credits in workspace"), "OutOfCredits"),
        (400, message("Not enough actions left"), "OutOfCredits"),
        (400, message("Validation failed"), "Invalid"),
        (401, message("Authentication failed"), "Denied"),
        (403, message("Forbidden"), "Denied"),
        (404, message("Routine not found"), "Denied"),
        (429, message("Rate limited"), "Throttled"),
        (500, message("Oops"), "Unknown"),
        (502, message("Oops"), "Unknown"),
        (503, message("Oops"), "Transient"),
        (202, "{}".into(), "Unknown"),
        (202, "nonsense".into(), "Unknown"),
        (202, json!({"routine_run_id": "../me"}).to_string(), "Unknown"),
    ] {
        let sent = body.clone();
        let server = Server::start(move |_, _| (status, sent.clone())).await;
        let reply = format!("{:?}", started(&server.url, &people(1)).await);
        assert!(reply.starts_with(expected), "{status} {body}: {reply}");
        assert_eq!(server.asked().len(), 1, "{status}: no run is started again here");
        assert!(!reply.contains("Oops"), "{reply}");
    }
    assert!(matches!(started(&nobody().await, &people(1)).await, Reply::Transient(_)));
    let (cut, _) = raw(Some("HTTP/1.1 202 Accepted\r\ncontent-length: 500\r\n\r\n{")).await;
    assert!(matches!(started(&cut, &people(1)).await, Reply::Unknown(_)));
    let (silent, _) = raw(None).await;
    let reply = clay(&silent).look_up(&people(1), &NO_FIELDS, Some(&request(1)), SILENCE).await.reply;
    assert!(matches!(reply, Reply::Unknown(_)), "{reply:?}");
}

#[tokio::test]
async fn people_without_names_of_ours_are_not_asked_about() {
    let server = Server::start(|_, _| (202, String::new())).await;
    for names in [None, Some(request(1))] {
        let reply = clay(&server.url).look_up(&people(2), &NO_FIELDS, names.as_ref(), TIMEOUT).await.reply;
        assert!(matches!(reply, Reply::Invalid(_)), "{reply:?}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_result_tells_who_is_known_who_is_not_and_for_whom_the_credits_ran_out() {
    let failed = |id: &str, message: &str| json!({"id": id, "status": "failed", "error": {"message": message}});
    let known = json!({
        "email": "ada@b.example", "email_status": "valid", "title": "Analyst", "mobile_phone": "+442038580822",
        "company_employees": "12", "unheard_of": "x", "city": null, "headline": {"deep": 1},
    });
    let data = json!([
        {"id": "a", "status": "complete", "result": known},
        {"id": "b", "status": "complete", "result": {}},
        {"id": "c", "status": "complete", "result": {"title": "  ", "mobile_phone": "unknown"}},
        failed("d", "The provider timed out"),
        failed("e", "Insufficient credits to run this action"),
        {"id": "f", "status": "complete"},
        "nonsense",
    ]);
    let Collected::Arrived { people, unpaid, reported } = collected(200, &ended(&data)).await else {
        panic!("not arrived")
    };
    assert_eq!((unpaid, reported), (BTreeSet::from(["e".to_owned()]), None));
    let ada = &people["a"];
    assert_eq!(ada.get(ProfileField::MobilePhone), Some("+442038580822"));
    assert_eq!(ada.confidence().get(&ProfileField::Email), Some(&Confidence::Verified));
    assert_eq!(ada.values().len(), 5, "{ada:?}");
    let blank: Vec<&str> = people.iter().filter(|(_, it)| Profile::is_blank(it)).map(|(id, _)| id.as_str()).collect();
    assert_eq!(blank, ["b", "c", "d", "f"]);
}

#[tokio::test]
async fn all_pages_of_a_result_are_read() {
    let server = Server::start(move |line, _| {
        let (id, cursor) = if line.contains("cursor=2") { ("b", None) } else { ("a", Some("2")) };
        let data = json!([{"id": id, "status": "complete", "result": {"title": id}}]);
        (200, json!({"status": "complete", "data": data, "cursor": cursor}).to_string())
    })
    .await;
    let reply = clay(&server.url).collect(&AsynchronousId("run_1".into()), TIMEOUT).await.reply;
    let Collected::Arrived { people, .. } = reply else { panic!("{reply:?}") };
    assert_eq!(people.keys().collect::<Vec<_>>(), ["a", "b"]);
}

#[tokio::test]
async fn what_is_no_result_is_told_apart_and_none_of_it_is_a_miss() {
    let running = json!({"routine_run_id": "run_1", "status": "in_progress", "finished": 0, "total": 1}).to_string();
    for (status, body, expected) in [
        (202, running.as_str(), "Pending"),
        (200, running.as_str(), "Pending"),
        (200, r#"{"status":"processing_failed","data":[]}"#, "Expired"),
        (200, r#"{"status":"complete"}"#, "Expired"),
        (200, "{}", "Transient"),
        (200, "nonsense", "Transient"),
        (404, "{}", "NotFound"),
        (410, "{}", "Expired"),
        (401, "{}", "Denied"),
        (402, "{}", "Transient"),
        (429, "{}", "Throttled"),
        (500, "{}", "Transient"),
    ] {
        let reply = format!("{:?}", collected(status, body).await);
        assert!(reply.starts_with(expected), "{status} {body}: {reply}");
    }
    let server = Server::start(|_, _| (200, String::new())).await;
    let reply = clay(&server.url).collect(&AsynchronousId("../me".into()), TIMEOUT).await.reply;
    assert!(matches!(reply, Collected::NotFound(_)) && server.asked().is_empty(), "{reply:?}");
}

#[tokio::test]
async fn all_calls_count_towards_one_limit_and_its_headers_are_gone_by() {
    let accepted = json!({"routine_run_id": "run_1"}).to_string();
    let headers = [("x-ratelimit-limit", "100"), ("x-ratelimit-remaining", "97")];
    let server = Server::with_headers(&headers, move |_, _| (202, accepted.clone())).await;
    let clay = clay(&server.url);
    assert_eq!(clay.endpoint(CallKind::People(1)), clay.endpoint(CallKind::Collect));
    let told = clay.look_up(&people(1), &NO_FIELDS, Some(&request(1)), TIMEOUT).await;
    assert_eq!(told.rates.minute, Some(Rate::Limited { limit: 100, used: 3 }));
    assert!(clay.result_retention() >= Duration::from_secs(24 * 60 * 60));
}

fn delivery(body: &str, signature: Option<&str>) -> Delivery<Unverified> {
    let mut headers = HeaderMap::new();
    if let Some(signature) = signature {
        headers.insert("x-clay-signature", signature.parse().expect("a header value"));
    }
    Delivery::new("POST", headers, body.as_bytes().to_vec())
}

#[test]
fn a_delivery_is_believed_if_it_is_signed_and_names_the_run_that_has_ended() {
    let secrets = [Secret::new("next".into()), Secret::new("whsec".into())];
    let verified = |body: &str, signature: Option<&str>| {
        delivery(body, signature).verified_by(|delivery| check(delivery, &secrets))
    };
    let body = r#"{"webhookId":"wh_1","createdAt":"2026-06-16T17:50:00.000Z","data":{"routine_run_id":"run_1"}}"#;
    // Made with `openssl dgst -sha256 -hmac whsec`.
    let good = "sha256=a825fea22aff3f8cf2287ed78c654393e59e274cbc0c3cc58d1bc191ac89f038".to_owned();
    assert_eq!(sign(&secrets[1], body.as_bytes()), good);
    assert!(matches!(verified(body, Some(&good[..50])), Err(SignatureError::Mismatch)), "too short");
    assert_eq!(run(&verified(body, Some(&good)).expect("signed")), Ok(Some(AsynchronousId("run_1".into()))));
    assert!(matches!(verified(body, None), Err(SignatureError::MissingHeader(_))));
    assert!(matches!(verified(body, Some("sha1=00")), Err(SignatureError::UnknownVersion)));
    assert!(matches!(verified(&body.replace("run_1", "run_2"), Some(&good)), Err(SignatureError::Mismatch)));
    let ends = |body: &str| run(&verified(body, Some(&sign(&secrets[0], body.as_bytes()))).expect("signed"));
    assert_eq!(ends(r#"{"webhookId":"wh_1","data":{}}"#), Ok(None), "a test");
    assert_eq!(ends("[]"), Err(PayloadError::NotAnObject));
    assert!(matches!(ends("{}"), Err(PayloadError::Call(_))));
    assert!(matches!(ends(r#"{"data":{"routine_run_id":"../me"}}"#), Err(PayloadError::Call(_))));
    let blank = delivery(body, Some(&sign(&Secret::new(String::new()), body.as_bytes())));
    assert_eq!(blank.verified_by(|it| check(it, &[Secret::new(String::new())])).err(), Some(SignatureError::NoSecret));
}
