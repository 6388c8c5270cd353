//! Looking people up, against a server that answers as Lusha does.

use std::collections::BTreeSet;
use std::time::Duration;

use leadgate_connectors::http::client;
use leadgate_connectors::provider::lusha::INBOUND;
use leadgate_connectors::provider::lusha::client::Lusha;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::person::{Confidence, Identity, Profile, ProfileField};
use leadgate_enrichment::provider::limits::{Rate, Rates};
use leadgate_enrichment::provider::{Answer, Began, CallKind, Provider, RefusedAlone, Reply, Told, Usage};
use serde_json::{Value, json};

use crate::apollo::{NO_FIELDS, SILENCE, TIMEOUT, people};
use crate::loopback::{Server, nobody, raw};

const HEADERS: [(&str, &str); 5] = [
    ("x-rate-limit-minute", "50"),
    ("x-minute-usage", "3"),
    ("x-minute-requests-left", "47"),
    ("x-rate-limit-daily", "1000"),
    ("x-daily-requests-left", "990"),
];

fn lusha(url: &str) -> Lusha {
    Lusha::new(client(), url, Secret::new("key".into()))
}

async fn look_up(url: &str, people: &[Identity]) -> Reply {
    lusha(url).look_up(people, &NO_FIELDS, None, TIMEOUT).await.reply
}

/// What comes of an answer with this status and body.
async fn told(status: u16, body: &str, asked: usize) -> Told<Reply> {
    let body = body.to_owned();
    let server = Server::with_headers(&HEADERS, move |_, _| (status, body.clone())).await;
    lusha(&server.url).look_up(&people(asked), &NO_FIELDS, None, TIMEOUT).await
}

async fn reply(status: u16, body: &str, asked: usize) -> Reply {
    told(status, body, asked).await.reply
}

fn error(status: u16) -> String {
    json!({"statusCode": status, "message": "ada@b.example of Ada Lovelace"}).to_string()
}

fn ada(reference: &str) -> Value {
    json!({
        "clientReferenceId": reference, "id": "4389064704", "firstName": "Ada", "lastName": "Lovelace",
        "fullName": "Ada Lovelace", "jobTitle": {"title": "Analyst", "departments": ["Engines"], "seniority": "Manager"},
        "location": {"country": "United Kingdom", "state": null, "city": "London", "isEuContact": false},
        "company": {"id": "1", "name": "Analytical", "domain": "www.b.example", "industry": "Machinery"},
        "socialLinks": {"linkedin": "https://www.linkedin.com/in/ada"},
        "emails": [
            {"email": "ada@home.example", "type": "private", "confidence": "A+"},
            {"email": "old@b.example", "type": "work", "confidence": "C"},
            {"email": "ada@b.example", "type": "work", "confidence": "A"},
        ],
        "phones": [
            {"number": "+15550000001", "type": "direct", "doNotCall": false},
            {"number": "+15550000002", "type": "mobile", "doNotCall": true},
            {"number": "+15550000003", "type": "mobile", "doNotCall": false},
            {"number": "555", "type": "mobile", "doNotCall": false},
        ],
    })
}

fn success(results: &[Value], credits: Value) -> String {
    json!({"requestId": "r", "results": results, "billing": {"creditsCharged": credits, "resultsReturned": 1}})
        .to_string()
}

fn profile(reply: Reply) -> Profile {
    match reply {
        Reply::Answered { answers, .. } => match answers.into_iter().next() {
            Some(Answer::Hit(profile)) => profile,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_person_is_found_and_mapped_with_what_it_cost() {
    let server = Server::with_headers(&HEADERS, |_, _| (200, success(&[ada("0")], json!(7)))).await;
    let some = |text: &str| Some(text.to_owned());
    let asked = Identity {
        email: some("ada@b.example"),
        first_name: some("Ada"),
        last_name: some("Lovelace"),
        company: some("Analytical"),
        domain: some("b.example"),
        linkedin_url: some("https://linkedin.com/in/ada"),
        ..Identity::default()
    };
    let fields = BTreeSet::from([ProfileField::EmailStatus, ProfileField::MobilePhone, ProfileField::Title]);
    let told = lusha(&format!("{}/", server.url)).look_up(&[asked], &fields, None, TIMEOUT).await;
    let contact = json!({
        "clientReferenceId": "0", "email": "ada@b.example", "firstName": "Ada", "lastName": "Lovelace",
        "companyName": "Analytical", "companyDomain": "b.example", "linkedinUrl": "https://linkedin.com/in/ada",
    });
    let body = json!({"contacts": [contact], "reveal": ["emails", "phones"]});
    assert_eq!(server.asked(), [("POST /v3/contacts/search-and-enrich".to_owned(), body)]);
    assert_eq!(server.sent("api_key"), [Some("key".to_owned())]);
    let limited = |limit, used| Some(Rate::Limited { limit, used });
    assert_eq!(told.rates, Rates { minute: limited(50, 3), hour: None, day: limited(1000, 10) });
    let Reply::Answered { reported, .. } = &told.reply else { panic!("{told:?}") };
    assert_eq!(*reported, Some(Milli::credits(7)));
    let profile = profile(told.reply);
    let expected = [
        (ProfileField::FirstName, Some("Ada")),
        (ProfileField::LastName, Some("Lovelace")),
        (ProfileField::Title, Some("Analyst")),
        (ProfileField::Seniority, Some("Manager")),
        (ProfileField::City, Some("London")),
        (ProfileField::State, None),
        (ProfileField::Country, Some("United Kingdom")),
        (ProfileField::LinkedinUrl, Some("https://www.linkedin.com/in/ada")),
        (ProfileField::CompanyName, Some("Analytical")),
        (ProfileField::CompanyDomain, Some("b.example")),
        (ProfileField::CompanyIndustry, Some("Machinery")),
        (ProfileField::Email, Some("ada@b.example")),
        (ProfileField::MobilePhone, Some("+15550000003")),
        (ProfileField::MobilePhoneDoNotCall, Some("not_found")),
    ];
    for (field, value) in expected {
        assert_eq!(profile.get(field), value, "{field:?}");
    }
    assert_eq!((profile.id(), profile.confidence()[&ProfileField::Email]), (Some("4389064704"), Confidence::High));
}

/// What isn't wanted isn't revealed, and costs nothing.
#[tokio::test]
async fn no_more_is_revealed_than_is_wanted() {
    use ProfileField::{Email, EmailStatus, MobilePhone, MobilePhoneDoNotCall, Title};
    let cases: [(&[ProfileField], &str, Value); 5] = [
        (&[Title], "search", json!(null)),
        (&[], "search", json!(null)),
        (&[Title, Email], "search-and-enrich", json!(["emails"])),
        (&[EmailStatus], "search-and-enrich", json!(["emails"])),
        (&[MobilePhone, MobilePhoneDoNotCall], "search-and-enrich", json!(["phones"])),
    ];
    for (fields, path, reveal) in cases {
        let server = Server::start(|_, _| (200, success(&[], json!(1)))).await;
        let fields: BTreeSet<ProfileField> = fields.iter().copied().collect();
        lusha(&server.url).look_up(&people(1), &fields, None, TIMEOUT).await;
        let (line, body) = server.asked().remove(0);
        assert_eq!((line, &body["reveal"]), (format!("POST /v3/contacts/{path}"), &reveal), "{fields:?}");
    }
}

#[tokio::test]
async fn the_best_address_and_number_are_taken_and_none_that_is_private_or_a_desks() {
    let emails = |emails: Value| {
        let mut person = ada("0");
        (person["emails"], person["phones"]) = (emails, json!(null));
        success(&[person], json!(1))
    };
    let cases = [
        (
            json!([{"email": "a@b.example", "type": "unknown", "confidence": "B"}]),
            Some("a@b.example"),
            Some(Confidence::Medium),
        ),
        (json!([{"email": "a@b.example", "type": "work", "confidence": null}]), Some("a@b.example"), None),
        (
            json!([{"email": "a@b.example", "type": "work", "confidence": "D"}]),
            Some("a@b.example"),
            Some(Confidence::Low),
        ),
        (json!([{"email": "a@home.example", "type": "private", "confidence": "A+"}]), None, None),
        (json!([7, null, {"email": "", "type": "work"}]), None, None),
        (json!("none"), None, None),
    ];
    for (listed, email, confidence) in cases {
        let profile = profile(reply(200, &emails(listed.clone()), 1).await);
        assert_eq!(profile.get(ProfileField::Email), email, "{listed}");
        assert_eq!(profile.confidence().get(&ProfileField::Email), confidence.as_ref(), "{listed}");
    }
    let mut person = ada("0");
    person["phones"] =
        json!([{"number": "+15550000001", "type": "work"}, {"number": "+15550000002", "doNotCall": true}]);
    let profile = profile(reply(200, &success(&[person], json!(6)), 1).await);
    assert_eq!(profile.get(ProfileField::MobilePhone), Some("+15550000002"));
    assert!(profile.is_on_do_not_call_register());
}

#[tokio::test]
async fn each_of_several_goes_to_whom_it_was_asked_for() {
    let failed = |reference: &str, code: &str| json!({"clientReferenceId": reference, "error": {"code": code}});
    let results = [failed("3", "COMPLIANCE_RESTRICTED"), ada("1"), failed("0", "NOT_FOUND")];
    let Reply::Answered { answers, reported, .. } = reply(200, &success(&results, json!(2)), 4).await else {
        panic!("no answers")
    };
    assert!(matches!(answers[..], [Answer::Miss, Answer::Hit(_), Answer::Miss, Answer::Suppressed]), "{answers:?}");
    assert_eq!(reported, Some(Milli::credits(2)));

    let results = [ada("0"), failed("1", "ENRICH_FAILED"), failed("2", "SOMETHING_NEW")];
    let Reply::InPart { answers, .. } = reply(200, &success(&results, json!(1)), 3).await else {
        panic!("not in part")
    };
    let failed_alone = RefusedAlone::Transient("ENRICH_FAILED for one of several".into());
    assert!(matches!(answers[0], Ok(Answer::Hit(_))));
    assert_eq!(answers[1..], [Err(failed_alone), Err(RefusedAlone::Invalid)]);

    // What was charged for no answer at all must not be forgotten.
    let failed = [failed("0", "ENRICH_FAILED")];
    assert!(matches!(reply(200, &success(&failed, json!(1)), 1).await, Reply::Unknown(_)));
    assert!(matches!(reply(200, &success(&failed, json!(null)), 1).await, Reply::Unknown(_)));
    assert!(matches!(reply(200, &success(&failed, json!(0)), 1).await, Reply::InPart { .. }));
}

#[tokio::test]
async fn every_answer_has_its_meaning() {
    let denied = |text: &str| Reply::Denied(text.into());
    #[rustfmt::skip]
    let answers = [
        (400, Reply::Invalid("400: the call is refused".into())),
        (401, denied("401: the key is refused")),
        (402, Reply::OutOfCredits),
        (403, denied("403: the key or the plan lacks the right")),
        (404, denied("404: there is nothing at this address")),
        (302, denied("302: redirected, so the base URL is wrong")),
        (408, Reply::Unknown("408: gave up on the call".into())),
        (422, Reply::Invalid("422: the call is refused".into())),
        (429, Reply::Throttled { retry_after: None }),
        (451, Reply::Answered { answers: vec![Answer::Suppressed], reported: None, asynchronous: None }),
        (499, Reply::Unknown("499: gave up on the call".into())),
        (500, Reply::Unknown("500: no answer to the call".into())),
        (502, Reply::Unknown("502: no answer to the call".into())),
        (503, Reply::Transient("503: turned away".into())),
    ];
    for (status, expected) in answers {
        assert_eq!(reply(status, &error(status), 1).await, expected, "{status}");
    }
    // Of several, each has to be asked about alone.
    assert_eq!(reply(451, "", 2).await, Reply::Invalid("451: one of several may not be shown".into()));
    for (left, seconds) in
        [("x-minute-requests-left", 60), ("x-hourly-requests-left", 3600), ("x-daily-requests-left", 86_400)]
    {
        let server = Server::with_headers(&[(left, "0")], |_, _| (429, String::new())).await;
        let retry_after = Some(Duration::from_secs(seconds));
        assert_eq!(look_up(&server.url, &people(1)).await, Reply::Throttled { retry_after }, "{left}");
    }
}

#[tokio::test]
async fn garbage_is_an_unknown_outcome_and_never_an_end() {
    let huge = format!(r#"{{"results":["{}"]}}"#, "x".repeat(9 * 1024 * 1024));
    let (twice, foreign) = (success(&[ada("0"), ada("0")], json!(2)), success(&[ada("7")], json!(2)));
    let (many, odd) = (success(&[ada("0"), ada("1"), ada("2")], json!(2)), success(&[json!(7)], json!(2)));
    for body in ["", "{", "null", "[]", "7", "{}", r#"{"results":{}}"#, &huge, &twice, &foreign, &many, &odd] {
        let start = &body[..body.len().min(40)];
        assert!(matches!(reply(200, body, 2).await, Reply::Unknown(_)), "{start}");
    }
    let mut nameless = [ada("0"), ada("1")];
    nameless.iter_mut().for_each(|person| person["clientReferenceId"] = json!(null));
    let Reply::Answered { answers, .. } = reply(200, &success(&nameless, json!("2.5")), 2).await else { panic!() };
    assert!(matches!(answers[..], [Answer::Hit(_), Answer::Hit(_)]), "the order says whose they are");
    assert!(matches!(reply(200, &success(&nameless, json!(2)), 3).await, Reply::Unknown(_)), "and only if it can");
}

#[tokio::test]
async fn what_is_surely_not_charged_is_told_from_what_may_be_and_no_reason_is_personal() {
    assert!(matches!(look_up(&nobody().await, &people(1)).await, Reply::Transient(_)));
    let (silent, _) = raw(None).await;
    let silence = lusha(&silent).look_up(&people(1), &NO_FIELDS, None, SILENCE).await.reply;
    let (url, _) = raw(Some("HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{\"results\":")).await;
    for unknown in [silence, look_up(&url, &people(1)).await] {
        assert!(matches!(unknown, Reply::Unknown(_)), "{unknown:?}");
    }
    for status in [302, 400, 401, 403, 404, 405, 408, 418, 500, 503] {
        let reason = format!("{:?}", reply(status, &error(status), 1).await);
        assert!(!reason.contains("ada@") && !reason.contains("Ada"), "{reason}");
    }
    let none = Reply::Answered { answers: vec![], reported: None, asynchronous: None };
    assert_eq!(look_up("http://nowhere.example", &[]).await, none);
}

#[tokio::test]
async fn what_was_used_is_told_with_the_plan_that_it_is_of() {
    let began = "2026-01-01T00:00:00.000Z";
    let body = json!({"credits": {"total": 10_000, "used": 1500.5, "remaining": 8499.5}, "plan": {"startDate": began}});
    let server = Server::start(move |_, _| (200, body.to_string())).await;
    let used = Usage { cycle: began.into(), began: Began::read(began), used: Milli::new(1_500_500) };
    assert_eq!(lusha(&server.url).usage(TIMEOUT).await, Ok(Some(used)));
    assert_eq!(server.lines(), ["GET /v3/account/usage"]);
    for (status, body, said) in [
        (200, "{}", "can't be read"),
        (200, r#"{"credits":{"used":1}}"#, "can't be read"),
        (401, "", "401: the key is refused"),
        (429, "", "rate limit"),
    ] {
        let server = Server::start(move |_, _| (status, body.to_owned())).await;
        let error = lusha(&server.url).usage(TIMEOUT).await.expect_err("no figures");
        assert!(error.0.contains(said), "{error}");
    }
}

#[test]
fn it_is_asked_about_up_to_a_hundred_and_calls_no_one_back() {
    let lusha = lusha("http://nowhere.example");
    assert_eq!(lusha.people_max(&NO_FIELDS, &[]), 100);
    assert_eq!(lusha.endpoint(CallKind::People(1)), lusha.endpoint(CallKind::People(9)));
    assert!(INBOUND.people_in.is_none(), "it makes no callbacks");
}
