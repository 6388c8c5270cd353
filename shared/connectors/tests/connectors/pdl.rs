//! Looking people up, against a server that answers as People Data Labs does.

use std::collections::BTreeSet;
use std::time::Duration;

use leadgate_connectors::http::client;
use leadgate_connectors::provider::pdl::client::PeopleDataLabs;
use leadgate_connectors::provider::pdl::{INBOUND, VENDOR};
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::person::{Confidence, Identity, Profile, ProfileField};
use leadgate_enrichment::provider::limits::{Rate, Rates};
use leadgate_enrichment::provider::{Answer, CallKind, Provider, RefusedAlone, Reply, Told, Usage};
use serde_json::{Value, json};

use crate::apollo::{NO_FIELDS, SILENCE, TIMEOUT, people};
use crate::loopback::{Server, nobody, raw};

const HEADERS: [(&str, &str); 4] = [
    ("x-call-credits-spent", "1"),
    ("x-lifetime-used", "984152"),
    ("x-ratelimit-limit", "{'minute': 100, 'day': None, 'month': None}"),
    ("x-ratelimit-remaining", "{'minute': 97, 'day': None, 'month': None}"),
];

fn pdl(url: &str) -> PeopleDataLabs {
    PeopleDataLabs::new(client(), url, Secret::new("key".into()))
}

async fn look_up(url: &str, people: &[Identity]) -> Reply {
    pdl(url).look_up(people, &NO_FIELDS, None, TIMEOUT).await.reply
}

/// What comes of an answer with this status and body, and the usual headers.
async fn told(status: u16, body: &str, asked: usize) -> Told<Reply> {
    let body = body.to_owned();
    let server = Server::with_headers(&HEADERS, move |_, _| (status, body.clone())).await;
    pdl(&server.url).look_up(&people(asked), &NO_FIELDS, None, TIMEOUT).await
}

async fn reply(status: u16, body: &str, asked: usize) -> Reply {
    told(status, body, asked).await.reply
}

fn error(status: u16, kind: &str) -> Value {
    json!({"status": status, "error": {"type": kind, "message": "ada@b.example is what was asked with"}})
}

fn ada() -> Value {
    json!({"status": 200, "likelihood": 8, "data": {
        "id": "qEnOZ5Oh0poWnQ1luFBfVw_0000", "first_name": "Ada", "last_name": "Lovelace", "full_name": "Ada Lovelace",
        "work_email": "ada@b.example", "mobile_phone": "+15558675309", "job_title": "Analyst", "headline": null,
        "job_title_levels": ["senior", "manager"], "linkedin_url": "linkedin.com/in/ada", "location_locality": "London",
        "location_region": true, "location_country": "United Kingdom", "job_company_name": "Analytical",
        "job_company_website": "b.example", "job_company_industry": "Machinery", "job_company_size": "51-200",
        "job_company_employee_count": 60, "job_company_founded": 1833, "job_company_total_funding_raised": "many",
        "job_company_inferred_revenue": "$1M-$10M", "experience": [{}],
    }})
}

fn profile(reply: &Reply) -> &Profile {
    match reply {
        Reply::Answered { answers, .. } => match &answers[..] {
            [Answer::Hit(profile)] => profile,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_person_is_matched_and_mapped_with_what_it_cost() {
    let server = Server::with_headers(&HEADERS, |_, _| (200, ada().to_string())).await;
    let asked = Identity {
        email: Some("ada@b.example".into()),
        first_name: Some("Ada".into()),
        company: Some("Analytical".into()),
        domain: Some("b.example".into()),
        linkedin_url: Some("https://linkedin.com/in/ada".into()),
        ..Identity::default()
    };
    let pdl = pdl(&format!("{}/v5/", server.url)).with_min_likelihood(Some(6));
    let told = pdl.look_up(&[asked], &NO_FIELDS, None, TIMEOUT).await;
    let body = json!({
        "email": "ada@b.example", "first_name": "Ada", "company": "b.example", "profile": "https://linkedin.com/in/ada",
        "min_likelihood": 6, "titlecase": true,
    });
    assert_eq!(server.asked(), [("POST /v5/person/enrich".to_owned(), body)]);
    assert_eq!(server.sent("x-api-key"), [Some("key".to_owned())]);
    let Reply::Answered { reported, .. } = &told.reply else { panic!("{told:?}") };
    assert_eq!(*reported, Some(Milli::credits(1)));
    let minute = Some(Rate::Limited { limit: 100, used: 3 });
    assert_eq!(told.rates, Rates { minute, hour: None, day: None });
    let profile = profile(&told.reply);
    let expected = [
        (ProfileField::FirstName, Some("Ada")),
        (ProfileField::LastName, Some("Lovelace")),
        (ProfileField::Email, Some("ada@b.example")),
        (ProfileField::EmailStatus, None),
        (ProfileField::MobilePhone, Some("+15558675309")),
        (ProfileField::Title, Some("Analyst")),
        (ProfileField::Seniority, Some("senior")),
        (ProfileField::Headline, None),
        (ProfileField::LinkedinUrl, Some("linkedin.com/in/ada")),
        (ProfileField::City, Some("London")),
        (ProfileField::State, None),
        (ProfileField::Country, Some("United Kingdom")),
        (ProfileField::CompanyName, Some("Analytical")),
        (ProfileField::CompanyDomain, Some("b.example")),
        (ProfileField::CompanyWebsite, Some("b.example")),
        (ProfileField::CompanyIndustry, Some("Machinery")),
        (ProfileField::CompanyEmployees, Some("60")),
        (ProfileField::CompanyFounded, Some("1833")),
        (ProfileField::CompanyFunding, None),
        (ProfileField::CompanyRevenue, None),
    ];
    for (field, value) in expected {
        assert_eq!(profile.get(field), value, "{field:?}");
    }
    assert_eq!(profile.id(), Some("qEnOZ5Oh0poWnQ1luFBfVw_0000"));
    assert_eq!(profile.confidence()[&ProfileField::Email], Confidence::Medium);
}

#[tokio::test]
async fn how_sure_it_is_of_a_match_is_how_sure_it_is_of_an_address() {
    let cases = [(2, Some(Confidence::Low)), (6, Some(Confidence::Medium)), (10, Some(Confidence::High)), (0, None)];
    for (likelihood, confidence) in cases {
        let mut body = ada();
        body["likelihood"] = json!(likelihood);
        let reply = reply(200, &body.to_string(), 1).await;
        assert_eq!(profile(&reply).confidence().get(&ProfileField::Email), confidence.as_ref(), "{likelihood}");
    }
}

/// A match without what is wanted would cost a credit for nothing.
#[tokio::test]
async fn where_only_an_address_or_a_number_is_wanted_a_match_has_to_have_it() {
    use ProfileField::{Email, EmailStatus, MobilePhone, Title};
    let cases: [(&[ProfileField], Option<&str>); 5] = [
        (&[Email], Some("work_email")),
        (&[Email, EmailStatus], Some("work_email")),
        (&[MobilePhone], Some("mobile_phone")),
        (&[Email, MobilePhone], Some("work_email OR mobile_phone")),
        (&[Email, Title], None),
    ];
    for (fields, required) in cases {
        let server = Server::start(|_, _| (404, error(404, "not_found").to_string())).await;
        let fields: BTreeSet<ProfileField> = fields.iter().copied().collect();
        pdl(&server.url).look_up(&people(1), &fields, None, TIMEOUT).await;
        assert_eq!(server.asked()[0].1["required"].as_str(), required, "{fields:?}");
    }
}

#[tokio::test]
async fn several_are_answered_in_order_with_a_status_each() {
    let server = Server::with_headers(&HEADERS, |_, _| {
        (200, json!([error(404, "not_found"), ada(), {"status": 404}]).to_string())
    })
    .await;
    let reply = look_up(&server.url, &people(3)).await;
    let params = |at: usize| json!({"params": {"email": format!("p{at}@b.example"), "titlecase": true}});
    let body = json!({"requests": [params(0), params(1), params(2)]});
    assert_eq!(server.asked(), [("POST /person/bulk".to_owned(), body)]);
    let Reply::Answered { answers, reported, .. } = reply else { panic!("{reply:?}") };
    assert!(matches!(answers[..], [Answer::Miss, Answer::Hit(_), Answer::Miss]), "{answers:?}");
    assert_eq!(reported, Some(Milli::credits(1)));
}

#[tokio::test]
async fn one_who_is_refused_alone_is_told_from_those_who_have_an_answer() {
    let body =
        json!([ada(), error(402, "payment_required"), error(400, "invalid_request_error"), error(500, "api_error")]);
    let Reply::InPart { answers, reported } = reply(200, &body.to_string(), 4).await else { panic!("not in part") };
    assert!(matches!(answers[0], Ok(Answer::Hit(_))));
    let failed = RefusedAlone::Transient("500 for one of several".into());
    assert_eq!(answers[1..], [Err(RefusedAlone::OutOfCredits), Err(RefusedAlone::Invalid), Err(failed)]);
    assert_eq!(reported, Some(Milli::credits(1)));
}

#[tokio::test]
async fn every_answer_has_its_meaning() {
    let denied = |text: &str| Reply::Denied(text.into());
    let miss = Reply::Answered { answers: vec![Answer::Miss], reported: Some(Milli::credits(1)), asynchronous: None };
    #[rustfmt::skip]
    let answers = [
        (404, error(404, "not_found").to_string(), miss),
        (404, "<html>".into(), denied("404: there is nothing at this address")),
        (400, error(400, "invalid_request_error").to_string(), Reply::Invalid("400 invalid_request_error: the call is refused".into())),
        (401, error(401, "authentication_error").to_string(), denied("401 authentication_error: the key is refused")),
        (402, error(402, "payment_required").to_string(), Reply::OutOfCredits),
        (402, String::new(), Reply::OutOfCredits),
        (403, String::new(), denied("403: the key or the plan lacks the right")),
        (405, error(405, "invalid_request_error").to_string(), denied("405 invalid_request_error: there is nothing at this address")),
        (302, String::new(), denied("302: redirected, so the base URL is wrong")),
        (408, String::new(), Reply::Unknown("408: gave up on the call".into())),
        (429, error(429, "rate_limit_error").to_string(), Reply::Throttled { retry_after: Some(Duration::from_secs(60)) }),
        (500, error(500, "api_error").to_string(), Reply::Unknown("500 api_error: no answer to the call".into())),
        (502, "<html>".into(), Reply::Unknown("502: no answer to the call".into())),
        (503, error(503, "api_error").to_string(), Reply::Transient("503 api_error: turned away".into())),
        (202, String::new(), Reply::Unknown("202: no answer to the call".into())),
    ];
    for (status, body, expected) in answers {
        assert_eq!(reply(status, &body, 1).await, expected, "{status} {body}");
    }
    // A call for several that is a 404 as a whole isn't about any of them.
    assert!(matches!(reply(404, &error(404, "not_found").to_string(), 2).await, Reply::Denied(_)));
}

#[tokio::test]
async fn throttling_lasts_until_the_window_closes() {
    let date = ("date", "Wed, 23 Feb 2022 20:19:30 GMT");
    let wait = async |headers: &[(&'static str, &'static str)]| {
        let server = Server::with_headers(headers, |_, _| (429, String::new())).await;
        match look_up(&server.url, &people(1)).await {
            Reply::Throttled { retry_after } => retry_after.expect("a wait").as_secs(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(wait(&[("retry-after", "7")]).await, 7);
    assert_eq!(wait(&[date, ("x-ratelimit-reset", "2022-02-23T20:19:55Z")]).await, 26, "and a part of a second");
    for odd in ["2022-02-23T19:19:55Z", "2022-02-24T20:19:55Z", "1516124358", "soon"] {
        assert_eq!(wait(&[date, ("x-ratelimit-reset", odd)]).await, 60, "{odd}");
    }
}

#[tokio::test]
async fn garbage_is_an_unknown_outcome_and_never_an_end() {
    for body in ["", "{", "null", "[]", "7", "{}", r#"{"status":200,"data":null}"#, r#"{"data":{"work_email":true}}"#] {
        assert!(matches!(reply(200, body, 1).await, Reply::Unknown(_)), "{body}");
    }
    let short = json!([ada()]).to_string();
    let odd = json!([ada(), {"status": "many"}]).to_string();
    let blank = json!([ada(), {"status": 200, "data": {}}]).to_string();
    for body in ["", "{", "null", "{}", "[null,null]", "[[],[]]", &short, &odd, &blank] {
        assert!(matches!(reply(200, body, 2).await, Reply::Unknown(_)), "{body}");
    }
    let huge = format!(r#"{{"data":{{"work_email":"{}"}}}}"#, "x".repeat(9 * 1024 * 1024));
    assert!(matches!(reply(200, &huge, 1).await, Reply::Unknown(_)), "more than is read");
}

#[tokio::test]
async fn what_is_surely_not_charged_is_told_from_what_may_be_and_no_reason_is_personal() {
    assert!(matches!(look_up(&nobody().await, &people(1)).await, Reply::Transient(_)));
    let (silent, _) = raw(None).await;
    let silence = pdl(&silent).look_up(&people(1), &NO_FIELDS, None, SILENCE).await.reply;
    assert!(matches!(silence, Reply::Unknown(_)));
    let broken = "HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{\"data\":";
    let (url, _) = raw(Some(broken)).await;
    assert!(matches!(look_up(&url, &people(1)).await, Reply::Unknown(_)));
    for status in [302, 400, 401, 403, 404, 405, 408, 418, 500, 503] {
        let reason = format!("{:?}", reply(status, &error(status, "Ada Lovelace").to_string(), 1).await);
        assert!(!reason.contains("ada@") && !reason.contains("Ada"), "{reason}");
    }
    let bad = PeopleDataLabs::new(client(), "http://nowhere.example", Secret::new("s3cr3t\u{0}x".into()));
    let denied = format!("{:?}", bad.look_up(&people(1), &NO_FIELDS, None, TIMEOUT).await.reply);
    assert!(denied.starts_with("Denied") && !denied.contains("s3cr3t"), "{denied}");
    let none = Reply::Answered { answers: vec![], reported: None, asynchronous: None };
    assert_eq!(look_up("http://nowhere.example", &[]).await, none);
}

#[tokio::test]
async fn what_was_used_is_in_the_headers_of_a_refusal_that_is_free() {
    let server = Server::with_headers(&HEADERS, |_, _| (400, error(400, "invalid_request_error").to_string())).await;
    let used = Usage { cycle: "lifetime".into(), began: None, used: Milli::credits(984_152) };
    assert_eq!(pdl(&server.url).usage(TIMEOUT).await, Ok(Some(used)));
    assert_eq!(server.lines(), ["GET /person/enrich"]);
    for (status, said) in [(400, "can't be read"), (401, "401: the key is refused"), (429, "rate limit")] {
        let server = Server::start(move |_, _| (status, String::new())).await;
        let error = pdl(&server.url).usage(TIMEOUT).await.expect_err("no figures");
        assert!(error.0.contains(said), "{error}");
    }
}

#[test]
fn it_is_asked_about_up_to_eighty_and_calls_no_one_back() {
    let pdl = pdl("http://nowhere.example");
    assert_eq!(pdl.people_max(&NO_FIELDS, &[]), 80);
    assert_eq!(pdl.endpoint(CallKind::People(1)), "person/enrich");
    assert_eq!(pdl.endpoint(CallKind::People(2)), "person/bulk");
    assert!(INBOUND.people_in.is_none(), "it makes no callbacks");
    let none: Option<PricedField> = (VENDOR.asynchronous)(&Default::default(), ProfileField::MobilePhone);
    assert_eq!(none, None, "a number comes at once");
}
