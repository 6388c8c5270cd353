//! Looking people up, against a server that answers as Hunter does.

use std::time::Duration;

use leadgate_connectors::http::client;
use leadgate_connectors::provider::hunter::INBOUND;
use leadgate_connectors::provider::hunter::client::Hunter;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::person::{Confidence, Identity, Profile, ProfileField};
use leadgate_enrichment::provider::{Answer, CallKind, Provider, RefusedAlone, Reply, Usage, Verifier};
use serde_json::{Value, json};

use crate::apollo::{NO_FIELDS, SILENCE, TIMEOUT, people};
use crate::loopback::{Server, nobody, raw};

fn hunter(url: &str) -> Hunter {
    Hunter::new(client(), url, Secret::new("key".into()))
}

async fn look_up(url: &str, people: &[Identity]) -> Reply {
    hunter(url).look_up(people, &NO_FIELDS, None, TIMEOUT).await.reply
}

fn named() -> Identity {
    let some = |text: &str| Some(text.to_owned());
    let (first_name, last_name, domain) = (some("Ada"), some("Lovelace"), some("b.example"));
    Identity { first_name, last_name, domain, ..Identity::default() }
}

/// What comes of an answer with this status and body, for a person who is asked for by name.
async fn reply(status: u16, body: &str) -> Reply {
    let body = body.to_owned();
    let server = Server::start(move |_, _| (status, body.clone())).await;
    look_up(&server.url, &[named()]).await
}

fn error(status: u16, id: &str, details: &str) -> String {
    json!({"errors": [{"id": id, "code": status, "details": details}]}).to_string()
}

fn one(answer: Answer) -> Reply {
    Reply::Answered { answers: vec![answer], reported: None, asynchronous: None }
}

fn profile(reply: Reply) -> Profile {
    match reply {
        Reply::Answered { answers, reported: None, asynchronous: None } => match answers.into_iter().next() {
            Some(Answer::Hit(profile)) => profile,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn found() -> Value {
    json!({"data": {
        "first_name": "Ada", "last_name": "Lovelace", "email": "ada@b.example", "score": 97, "domain": "b.example",
        "accept_all": false, "position": "Analyst", "linkedin_url": "https://www.linkedin.com/in/ada", "company": "Analytical",
        "phone_number": "+15558675309", "verification": {"date": "2026-01-01", "status": "valid"}, "sources": [{}],
    }, "meta": {"params": {}}})
}

#[tokio::test]
async fn an_address_is_found_by_name_and_domain() {
    let server = Server::start(|_, _| (200, found().to_string())).await;
    let profile = profile(look_up(&format!("{}/v2/", server.url), &[named()]).await);
    let line = "GET /v2/email-finder?domain=b.example&first_name=Ada&last_name=Lovelace&max_duration=20";
    assert_eq!(server.lines(), [line]);
    assert_eq!(server.sent("x-api-key"), [Some("key".to_owned())], "not in the address, which is logged");
    let expected = [
        (ProfileField::FirstName, Some("Ada")),
        (ProfileField::LastName, Some("Lovelace")),
        (ProfileField::Email, Some("ada@b.example")),
        (ProfileField::EmailStatus, Some("verified")),
        (ProfileField::Title, Some("Analyst")),
        (ProfileField::LinkedinUrl, Some("https://www.linkedin.com/in/ada")),
        (ProfileField::CompanyName, Some("Analytical")),
        (ProfileField::CompanyDomain, Some("b.example")),
        (ProfileField::MobilePhone, None),
    ];
    for (field, value) in expected {
        assert_eq!(profile.get(field), value, "{field:?}");
    }
    assert_eq!(profile.confidence()[&ProfileField::Email], Confidence::Verified);
    assert!(profile.has_verified_email());
}

#[tokio::test]
async fn every_status_of_an_address_has_its_word_and_how_sure_it_is() {
    let cases = [
        (json!("valid"), 10, "verified", Confidence::Verified),
        (json!("accept_all"), 91, "extrapolated", Confidence::Medium),
        (json!("accept_all"), 60, "extrapolated", Confidence::Low),
        (json!("unknown"), 80, "extrapolated", Confidence::Medium),
        (json!(null), 30, "extrapolated", Confidence::Low),
        (json!("invalid"), 97, "invalid", Confidence::Low),
        (json!("webmail"), 97, "unknown", Confidence::Low),
        (json!("disposable"), 97, "unknown", Confidence::Low),
    ];
    for (status, score, word, confidence) in cases {
        let mut body = found();
        (body["data"]["verification"]["status"], body["data"]["score"]) = (status.clone(), json!(score));
        let profile = profile(reply(200, &body.to_string()).await);
        assert_eq!(profile.get(ProfileField::EmailStatus), Some(word), "{status}");
        assert_eq!(profile.confidence()[&ProfileField::Email], confidence, "{status} {score}");
    }
}

#[tokio::test]
async fn one_whose_address_is_there_is_asked_about_by_it() {
    let body = json!({"data": {
        "person": {
            "id": "6ed7ef94-1111-2222-3333-b9bb2e9b6d36", "name": {"givenName": "Ada", "familyName": "Lovelace"},
            "email": "p0@b.example", "geo": {"city": "London", "state": null, "country": "United Kingdom"},
            "employment": {"domain": "old.example", "name": "Engines", "title": "Analyst", "seniority": "senior"},
            "linkedin": {"handle": "ada-l"}, "phone": "1",
        },
        "company": {
            "name": "Analytical", "domain": "b.example", "site": {"phoneNumbers": [null, "+4420"]},
            "category": {"industry": "Machinery"}, "description": "Engines", "foundedYear": 1833,
            "geo": {"city": "London", "country": "United Kingdom"},
            "metrics": {"employees": 60, "raised": -1, "annualRevenue": 2500000},
        },
    }});
    let server = Server::start(move |_, _| (200, body.to_string())).await;
    let profile = profile(look_up(&server.url, &people(1)).await);
    assert_eq!(server.lines(), ["GET /combined/find?email=p0%40b.example"]);
    let expected = [
        (ProfileField::FirstName, Some("Ada")),
        (ProfileField::Email, Some("p0@b.example")),
        (ProfileField::EmailStatus, None),
        (ProfileField::City, Some("London")),
        (ProfileField::Country, Some("United Kingdom")),
        (ProfileField::Title, Some("Analyst")),
        (ProfileField::Seniority, Some("senior")),
        (ProfileField::LinkedinUrl, Some("https://www.linkedin.com/in/ada-l")),
        (ProfileField::CompanyName, Some("Analytical")),
        (ProfileField::CompanyDomain, Some("b.example")),
        (ProfileField::CompanyIndustry, Some("Machinery")),
        (ProfileField::CompanyPhone, Some("+4420")),
        (ProfileField::CompanyFounded, Some("1833")),
        (ProfileField::CompanyEmployees, Some("60")),
        (ProfileField::CompanyFunding, None),
        (ProfileField::CompanyRevenue, Some("2500000")),
        (ProfileField::CompanyDescription, Some("Engines")),
        (ProfileField::CompanyCity, Some("London")),
    ];
    for (field, value) in expected {
        assert_eq!(profile.get(field), value, "{field:?}");
    }
}

#[tokio::test]
async fn what_there_is_to_ask_with_decides_what_is_asked() {
    let some = |text: &str| Some(text.to_owned());
    let by_company = Identity { company: some("Analytical & Sons"), domain: None, ..named() };
    let by_handle = Identity { linkedin_url: some("https://linkedin.com/in/ada-l/?trk=x"), ..Identity::default() };
    let server = Server::start(|_, _| (200, r#"{"data":{"email":null}}"#.to_owned())).await;
    for (identity, parameters) in [
        (by_company, "company=Analytical+%26+Sons&first_name=Ada&last_name=Lovelace"),
        (by_handle, "linkedin_handle=ada-l"),
    ] {
        assert_eq!(look_up(&server.url, &[identity]).await, one(Answer::Miss), "no address, and no charge");
        let line = format!("GET /email-finder?{parameters}&max_duration=20");
        assert_eq!(server.lines().last(), Some(&line));
    }
    let too_little = Identity { first_name: some("Ada"), ..Identity::default() };
    assert!(matches!(look_up(&server.url, &[too_little]).await, Reply::Invalid(_)));
    assert!(matches!(look_up(&server.url, &people(2)).await, Reply::Invalid(_)));
    assert_eq!(server.lines().len(), 2, "neither of the last two went out");
    let short = hunter(&server.url).look_up(&[named()], &NO_FIELDS, None, Duration::from_secs(9)).await.reply;
    assert_eq!(short, one(Answer::Miss));
    assert!(server.lines()[2].ends_with("max_duration=5"), "less than the call may take");
}

#[tokio::test]
async fn every_answer_has_its_meaning() {
    let denied = |text: &str| Reply::Denied(text.into());
    let throttled = Reply::Throttled { retry_after: None };
    let quota = "You've reached the limit for the number of searches per billing period included in your plan.";
    let still_at_work = RefusedAlone::Transient("202: still at work".into());
    #[rustfmt::skip]
    let answers = [
        (202, "{}".into(), Reply::InPart { answers: vec![Err(still_at_work)], reported: None }),
        (404, error(404, "not_found", "ada@b.example"), one(Answer::Miss)),
        (404, "<html>".into(), denied("404: there is nothing at this address")),
        (451, error(451, "claimed_email", "ada@b.example"), one(Answer::Suppressed)),
        (400, error(400, "wrong_params", "ada@b.example"), Reply::Invalid("400 wrong_params: the call is refused".into())),
        (401, error(401, "authentication_failed", "?"), denied("401 authentication_failed: the key is refused")),
        (402, String::new(), Reply::OutOfCredits),
        (403, error(403, "too_many_requests", "You have reached the rate limit"), throttled.clone()),
        (403, error(403, "usage", "You have reached your usage limit. Upgrade your plan if necessary"), Reply::OutOfCredits),
        (403, error(403, "forbidden", "?"), denied("403 forbidden: the key or the plan lacks the right")),
        (429, error(429, "too_many_requests", quota), Reply::OutOfCredits),
        (429, error(429, "too_many_requests", "?"), Reply::OutOfCredits),
        (429, String::new(), Reply::OutOfCredits),
        (429, error(429, "too_many_requests", "15 requests per second"), throttled.clone()),
        (429, error(429, "rate_limit", "?"), throttled),
        (302, String::new(), denied("302: redirected, so the base URL is wrong")),
        (408, String::new(), Reply::Unknown("408: gave up on the call".into())),
        (500, "<html>".into(), Reply::Unknown("500: no answer to the call".into())),
        (503, String::new(), Reply::Transient("503: turned away".into())),
    ];
    for (status, body, expected) in answers {
        assert_eq!(reply(status, &body).await, expected, "{status} {body}");
    }
    let server = Server::with_headers(&[("retry-after", "7")], |_, _| (403, "rate limit".to_owned())).await;
    let wait = Some(Duration::from_secs(7));
    assert_eq!(look_up(&server.url, &[named()]).await, Reply::Throttled { retry_after: wait });
}

#[tokio::test]
async fn garbage_is_an_unknown_outcome_and_never_an_end() {
    let huge = format!(r#"{{"data":{{"email":"{}"}}}}"#, "x".repeat(9 * 1024 * 1024));
    for body in ["", "{", "null", "[]", "7", "{}", r#"{"data":null}"#, r#"{"data":[]}"#, &huge] {
        let start = &body[..body.len().min(30)];
        assert!(matches!(reply(200, body).await, Reply::Unknown(_)), "{start}");
    }
    for body in [r#"{"data":{}}"#, r#"{"data":{"email":[7]}}"#, r#"{"data":{"email":" "}}"#] {
        assert_eq!(reply(200, body).await, one(Answer::Miss), "{body}");
    }
    let server = Server::start(|_, _| (200, r#"{"data":{"person":7,"company":[]}}"#.to_owned())).await;
    assert_eq!(look_up(&server.url, &people(1)).await, one(Answer::Miss));
}

#[tokio::test]
async fn what_is_surely_not_charged_is_told_from_what_may_be_and_no_reason_is_personal() {
    assert!(matches!(look_up(&nobody().await, &people(1)).await, Reply::Transient(_)));
    let (silent, _) = raw(None).await;
    let silence = hunter(&silent).look_up(&people(1), &NO_FIELDS, None, SILENCE).await.reply;
    let broken = "HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{\"data\":";
    let (url, _) = raw(Some(broken)).await;
    for unknown in [silence, look_up(&url, &people(1)).await] {
        assert!(matches!(&unknown, Reply::Unknown(reason) if !reason.contains("b.example")), "{unknown:?}");
    }
    for status in [302, 400, 401, 403, 404, 405, 408, 418, 500, 503] {
        let reason = format!("{:?}", reply(status, &error(status, "ada@b.example", "Ada Lovelace")).await);
        assert!(!reason.contains("ada@") && !reason.contains("Ada"), "{reason}");
    }
    let none = Reply::Answered { answers: vec![], reported: None, asynchronous: None };
    assert_eq!(look_up("http://nowhere.example", &[]).await, none);
}

#[tokio::test]
async fn what_was_used_is_that_of_the_pools_that_the_plan_has() {
    let account = |requests: Value| json!({"data": {"reset_date": "2026-12-14", "requests": requests}}).to_string();
    let searches = json!({"searches": {"used": 12, "available": 500}, "verifications": {"used": 3, "available": 1000}});
    let mut credits = searches.clone();
    credits["credits"] = json!({"used": 13.5, "available": 2000});
    for (requests, used) in [(searches, 15_000), (credits, 13_500)] {
        let body = account(requests);
        let server = Server::start(move |_, _| (200, body.clone())).await;
        let used = Usage { cycle: "2026-12-14".into(), began: None, used: Milli::new(used) };
        assert_eq!(hunter(&server.url).usage(TIMEOUT).await, Ok(Some(used)));
        assert_eq!(server.lines(), ["GET /account"]);
    }
    for (status, body, said) in [(200, "{}", "can't be read"), (401, "", "401: the key is refused"), (200, "[", "JSON")]
    {
        let server = Server::start(move |_, _| (status, body.to_owned())).await;
        let error = hunter(&server.url).usage(TIMEOUT).await.expect_err("no figures");
        assert!(error.0.contains(said) || said == "JSON", "{error}");
    }
}

/// What comes of a verdict with this status and body.
async fn checked(status: u16, body: String) -> Reply {
    let server = Server::start(move |_, _| (status, body.clone())).await;
    hunter(&server.url).verify("ada@b.example", TIMEOUT).await.reply
}

fn verdict(status: &str, score: i64) -> String {
    json!({"data": {"status": status, "result": "risky", "score": score, "email": "ada@b.example", "regexp": true}})
        .to_string()
}

#[tokio::test]
async fn an_address_is_checked_and_only_one_that_it_calls_wrong_is_it_not_sure_of_at_all() {
    let server = Server::start(|_, _| (200, verdict("valid", 98))).await;
    let said = profile(hunter(&server.url).verify("ada@b.example", TIMEOUT).await.reply);
    assert_eq!(server.lines(), ["GET /email-verifier?email=ada%40b.example"]);
    assert_eq!(server.sent("x-api-key"), [Some("key".to_owned())]);
    assert_eq!((said.get(ProfileField::Email), said.has_verified_email()), (Some("ada@b.example"), true));
    for (status, score, word, confidence) in [
        ("valid", 98, "verified", Some(Confidence::Verified)),
        ("accept_all", 85, "extrapolated", Some(Confidence::Medium)),
        ("accept_all", 60, "extrapolated", Some(Confidence::Low)),
        ("webmail", 85, "extrapolated", Some(Confidence::Medium)),
        ("invalid", 0, "invalid", None),
        ("of_a_new_kind", 99, "unknown", Some(Confidence::Low)),
    ] {
        let said = profile(checked(200, verdict(status, score)).await);
        assert_eq!(said.get(ProfileField::EmailStatus), Some(word), "{status}");
        assert_eq!(said.confidence().get(&ProfileField::Email).copied(), confidence, "{status} {score}");
    }
    for untold in ["unknown", "disposable"] {
        assert_eq!(checked(200, verdict(untold, 50)).await, one(Answer::Miss), "{untold}: it is free");
    }
}

#[tokio::test]
async fn a_check_that_brings_no_verdict_is_told_apart_by_what_it_may_have_cost() {
    let quota = "You've reached the limit for the number of verifications per billing period included in your plan.";
    assert_eq!(checked(429, error(429, "too_many_requests", quota)).await, Reply::OutOfCredits);
    let rate = checked(403, error(403, "too_many_requests", "You have reached the rate limit")).await;
    assert_eq!(rate, Reply::Throttled { retry_after: None });
    assert_eq!(checked(451, error(451, "claimed_email", "no")).await, one(Answer::Suppressed));
    let Reply::InPart { answers, .. } = checked(202, "{}".to_owned()).await else { panic!("202 is still at work") };
    assert!(matches!(answers[..], [Err(RefusedAlone::Transient(_))]), "{answers:?}");
    assert!(matches!(checked(401, error(401, "authentication_failed", "no")).await, Reply::Denied(_)));
    assert!(matches!(checked(400, error(400, "wrong_params", "no")).await, Reply::Invalid(_)));
    for unreadable in ["{}", "[", r#"{"data":{"score":1}}"#, r#"{"data":null}"#] {
        let reply = checked(200, unreadable.to_owned()).await;
        assert!(matches!(reply, Reply::Unknown(_)), "{unreadable}: {reply:?}");
    }
    assert!(matches!(checked(500, String::new()).await, Reply::Unknown(_)));
}

#[test]
fn it_is_asked_about_one_at_a_time_and_calls_no_one_back() {
    let hunter = hunter("http://nowhere.example");
    assert_eq!(hunter.people_max(&NO_FIELDS, &[]), 1);
    assert_eq!(hunter.endpoint(CallKind::People(1)), hunter.endpoint(CallKind::People(9)));
    assert_ne!(
        hunter.endpoint(CallKind::People(1)),
        hunter.endpoint(CallKind::Verification),
        "each has limits of its own"
    );
    assert!(INBOUND.people_in.is_none(), "it makes no callbacks");
}
