//! Looking people up, against a server that answers as Cognism does.

use std::collections::BTreeSet;
use std::time::Duration;

use leadgate_connectors::http::client;
use leadgate_connectors::provider::cognism::INBOUND;
use leadgate_connectors::provider::cognism::client::Cognism;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::person::{Confidence, Identity, Profile, ProfileField};
use leadgate_enrichment::provider::{Answer, CallKind, Provider, RefusedAlone, Reply};
use serde_json::{Value, json};

use crate::apollo::{NO_FIELDS, SILENCE, TIMEOUT, people};
use crate::loopback::{Server, nobody, raw};

const ENRICH: &str = "POST /api/search/contact/enrich";
const REDEEM: &str = "POST /api/search/contact/redeem";

fn cognism(url: &str) -> Cognism {
    Cognism::new(client(), url, Secret::new("key".into()))
}

async fn look_up(url: &str, people: &[Identity]) -> Reply {
    cognism(url).look_up(people, &NO_FIELDS, None, TIMEOUT).await.reply
}

fn preview() -> Value {
    json!({"matchScore": 42, "results": [{
        "id": "34d633b7", "firstName": "Ada", "hasEmail": true, "hasMobilePhoneNumbers": false, "redeemId": "MzRk=",
        "account": {"id": "efc6", "name": "Analytical"},
    }]})
}

fn ada() -> Value {
    let number = |number: &str, score: i64, dnc: bool| json!({"number": number, "score": score, "dnc": dnc});
    json!({
        "id": "34d633b7-41ea", "firstName": "Ada", "lastName": "Lovelace", "jobTitle": "Analyst",
        "managementLevel": "Executive-Level", "linkedinUrl": "https://www.linkedin.com/in/ada", "city": "London",
        "country": "United Kingdom", "email": {"address": "ada@b.example", "quality": "HIGH_PLUS", "sha256": "81"},
        "mobilePhoneNumbers": [
            number("+15550000001", 99, true), number("+15550000002", 60, false), number("+15550000003", 70, false),
            number("555", 99, false),
        ],
        "account": {
            "name": "Analytical", "domain": "b.example", "industry": ["Computer Software"], "headcount": 500,
            "revenue": 67_000_000, "founded": 1833, "shortDescription": "Engines",
            "location": [{"addressType": "office", "city": "Zadar"}, {"addressType": "hq", "city": "London", "country": "United Kingdom"}],
            "officePhoneNumbers": [{"number": "+442038580822"}],
        },
    })
}

fn redeemed(results: &[Value]) -> String {
    json!({"totalResults": results.len(), "results": results}).to_string()
}

fn error(status: u16, key: &str) -> String {
    json!([{"key": key, "code": status, "msg": "ada@b.example of Ada Lovelace"}]).to_string()
}

/// A server that finds, and then answers like this.
async fn finds_and(status: u16, body: &str) -> Server {
    let body = body.to_owned();
    Server::start(move |line, _| if line == ENRICH { (200, preview().to_string()) } else { (status, body.clone()) })
        .await
}

/// What comes of an answer to the call that finds, and to the one that redeems.
async fn replies(status: u16, body: &str) -> [Reply; 2] {
    let first = body.to_owned();
    let found = Server::start(move |_, _| (status, first.clone())).await;
    let redeemed = finds_and(status, body).await;
    [look_up(&found.url, &people(1)).await, look_up(&redeemed.url, &people(1)).await]
}

fn profile(reply: &Reply) -> &Profile {
    match reply {
        Reply::Answered { answers, reported: None, .. } => match &answers[..] {
            [Answer::Hit(profile)] => profile,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn miss() -> Reply {
    Reply::Answered { answers: vec![Answer::Miss], reported: None, asynchronous: None }
}

#[tokio::test]
async fn a_person_is_found_redeemed_and_mapped() {
    let server = finds_and(200, &redeemed(&[ada()])).await;
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
    let cognism = cognism(&format!("{}/", server.url)).with_min_match_score(Some(35));
    let reply = cognism.look_up(&[asked], &NO_FIELDS, None, TIMEOUT).await.reply;
    let known = json!({
        "email": "ada@b.example", "firstName": "Ada", "lastName": "Lovelace", "accountName": "Analytical",
        "accountWebsite": "b.example", "linkedinUrl": "https://linkedin.com/in/ada", "minMatchScore": 35,
    });
    let redeem = (REDEEM.to_owned(), json!({"redeemIds": ["MzRk="]}));
    assert_eq!(server.asked(), [(ENRICH.to_owned(), known), redeem]);
    assert_eq!(server.sent("authorization")[1].as_deref(), Some("Bearer key"));
    let profile = profile(&reply);
    let expected = [
        (ProfileField::FirstName, Some("Ada")),
        (ProfileField::LastName, Some("Lovelace")),
        (ProfileField::Email, Some("ada@b.example")),
        (ProfileField::Title, Some("Analyst")),
        (ProfileField::Seniority, Some("Executive-Level")),
        (ProfileField::LinkedinUrl, Some("https://www.linkedin.com/in/ada")),
        (ProfileField::City, Some("London")),
        (ProfileField::Country, Some("United Kingdom")),
        (ProfileField::MobilePhone, Some("+15550000003")),
        (ProfileField::MobilePhoneDoNotCall, Some("not_found")),
        (ProfileField::CompanyName, Some("Analytical")),
        (ProfileField::CompanyDomain, Some("b.example")),
        (ProfileField::CompanyWebsite, Some("b.example")),
        (ProfileField::CompanyIndustry, Some("Computer Software")),
        (ProfileField::CompanyEmployees, Some("500")),
        (ProfileField::CompanyRevenue, Some("67000000")),
        (ProfileField::CompanyFounded, Some("1833")),
        (ProfileField::CompanyDescription, Some("Engines")),
        (ProfileField::CompanyCity, Some("London")),
        (ProfileField::CompanyCountry, Some("United Kingdom")),
        (ProfileField::CompanyPhone, None),
    ];
    for (field, value) in expected {
        assert_eq!(profile.get(field), value, "{field:?}");
    }
    assert_eq!(profile.id(), Some("34d633b7-41ea"));
    assert_eq!(profile.confidence()[&ProfileField::Email], Confidence::High);
    assert_eq!(profile.confidence()[&ProfileField::MobilePhone], Confidence::Medium);
}

#[tokio::test]
async fn what_isnt_there_is_not_redeemed_where_nothing_else_is_wanted() {
    use ProfileField::{Email, EmailStatus, MobilePhone, MobilePhoneDoNotCall, Title};
    let cases: [(&[ProfileField], [Value; 2], bool); 7] = [
        (&[MobilePhone], [json!(true), json!(false)], false),
        (&[MobilePhone, MobilePhoneDoNotCall], [json!(true), json!(false)], false),
        (&[Email, MobilePhone], [json!(true), json!(false)], true),
        (&[EmailStatus], [json!(false), json!(true)], false),
        (&[Title, Email], [json!(false), json!(false)], true),
        (&[], [json!(false), json!(false)], true),
        (&[MobilePhone], [json!(null), json!(null)], true),
    ];
    for (fields, [email, number], is_redeemed) in cases {
        let mut shown = preview();
        (shown["results"][0]["hasEmail"], shown["results"][0]["hasMobilePhoneNumbers"]) = (email, number);
        let server =
            Server::start(move |line, _| (200, if line == ENRICH { shown.to_string() } else { redeemed(&[ada()]) }))
                .await;
        let fields: BTreeSet<ProfileField> = fields.iter().copied().collect();
        let reply = cognism(&server.url).look_up(&people(1), &fields, None, TIMEOUT).await.reply;
        assert_eq!((server.lines().len() == 2, reply != miss()), (is_redeemed, is_redeemed), "{fields:?}");
    }
}

#[tokio::test]
async fn addresses_are_read_in_either_form_and_with_any_grade() {
    let cases = [
        (json!("ada@b.example"), Some("ada@b.example"), None),
        (json!({"address": "ada@b.example", "quality": "HIGH"}), Some("ada@b.example"), Some(Confidence::High)),
        (json!({"address": "ada@b.example", "quality": "MEDIUM"}), Some("ada@b.example"), Some(Confidence::Medium)),
        (json!({"address": "ada@b.example", "quality": "NEW"}), Some("ada@b.example"), Some(Confidence::Low)),
        (json!({"address": null}), None, None),
        (json!([7]), None, None),
        (json!(null), None, None),
    ];
    for (email, expected, confidence) in cases {
        let mut person = ada();
        person["email"] = email.clone();
        let server = finds_and(200, &redeemed(&[person])).await;
        let reply = look_up(&server.url, &people(1)).await;
        assert_eq!(profile(&reply).get(ProfileField::Email), expected, "{email}");
        assert_eq!(profile(&reply).confidence().get(&ProfileField::Email), confidence.as_ref(), "{email}");
    }
}

#[tokio::test]
async fn nobody_is_a_miss_and_costs_no_second_call() {
    let server = Server::start(|_, _| (200, json!({"results": []}).to_string())).await;
    assert_eq!(look_up(&server.url, &people(1)).await, miss());
    assert_eq!(server.lines(), [ENRICH]);
}

#[tokio::test]
async fn every_answer_has_its_meaning_to_the_call_that_is_free_and_to_the_one_that_costs() {
    let denied = |text: &str| Reply::Denied(text.into());
    let both = |reply: Reply| [reply.clone(), reply];
    // Whether a call that costs nothing was carried out doesn't matter.
    let unknown = |text: &str| [Reply::Transient(text.into()), Reply::Unknown(text.into())];
    let refused = "the key is refused, or no entitlements are set";
    #[rustfmt::skip]
    let answers = [
        (400, error(400, "BadRequest"), both(Reply::Invalid("400 BadRequest: the call is refused".into()))),
        (401, error(401, "MissingCredentials"), both(denied(&format!("401 MissingCredentials: {refused}")))),
        (401, "Unauthorized".into(), both(denied(&format!("401: {refused}")))),
        (402, String::new(), both(Reply::OutOfCredits)),
        (403, r#"[{"msg":"You have no entitlement set. Please contact CSM."}]"#.into(), both(denied(&format!("403: {refused}")))),
        (404, error(404, "RouteNotFound"), both(denied("404 RouteNotFound: there is nothing at this address"))),
        (302, String::new(), both(denied("302: redirected, so the base URL is wrong"))),
        (408, String::new(), unknown("408: gave up on the call")),
        (422, error(422, "Odd"), both(Reply::Invalid("422 Odd: the call is refused".into()))),
        (429, error(429, "TooManyRequests"), both(Reply::Throttled { retry_after: Some(Duration::from_secs(60)) })),
        (500, error(500, "InternalError"), unknown("500 InternalError: no answer to the call")),
        (502, "<html>".into(), unknown("502: no answer to the call")),
        (503, String::new(), both(Reply::Transient("503: turned away".into()))),
    ];
    for (status, body, expected) in answers {
        assert_eq!(replies(status, &body).await, expected, "{status} {body}");
    }
    let server = Server::with_headers(&[("retry-after", "7")], |_, _| (429, String::new())).await;
    let seven = Reply::Throttled { retry_after: Some(Duration::from_secs(7)) };
    assert_eq!(look_up(&server.url, &people(1)).await, seven);
}

/// It isn't documented how it says so.
#[tokio::test]
async fn the_end_of_the_credits_is_told_from_other_refusals() {
    for (status, said) in [
        (400, "You don't have enough credits."),
        (401, "Insufficient credits"),
        (403, "You have no credits left"),
        (403, "You have reached your preview limit."),
        (429, "All credits have been used for this period"),
    ] {
        let body = json!([{"key": "Forbidden", "code": status, "msg": said}]).to_string();
        assert_eq!(replies(status, &body).await, [Reply::OutOfCredits, Reply::OutOfCredits], "{status} {said}");
    }
    assert_eq!(replies(403, &error(403, "InsufficientCredits")).await[1], Reply::OutOfCredits);
    // What is asked with may be repeated.
    let body = json!([{"key": "BadRequest", "code": 400, "msg": "ada@no-credit.example is invalid"}]).to_string();
    assert!(matches!(&replies(400, &body).await[0], Reply::Invalid(_)));
    // An id that was given a moment ago brings nobody.
    let reply = look_up(&finds_and(200, &redeemed(&[])).await.url, &people(1)).await;
    assert_eq!(reply, Reply::InPart { answers: vec![Err(RefusedAlone::OutOfCredits)], reported: None });
}

#[tokio::test]
async fn garbage_is_never_an_end_and_an_unknown_outcome_only_where_it_may_have_cost_something() {
    let huge = format!(r#"{{"results":["{}"]}}"#, "x".repeat(9 * 1024 * 1024));
    let (twice, blank) = (redeemed(&[ada(), ada()]), redeemed(&[json!({})]));
    for body in ["", "{", "null", "[]", "7", "{}", r#"{"results":{}}"#, r#"{"results":[7]}"#, &huge, &twice, &blank] {
        let start = &body[..body.len().min(40)];
        let [found, redeemed] = replies(200, body).await;
        assert!(matches!(found, Reply::Transient(_)), "{start}: {found:?}");
        assert!(matches!(redeemed, Reply::Unknown(_)), "{start}: {redeemed:?}");
    }
}

#[tokio::test]
async fn what_is_surely_not_charged_is_told_from_what_may_be_and_no_reason_is_personal() {
    assert!(matches!(look_up(&nobody().await, &people(1)).await, Reply::Transient(_)));
    let (silent, _) = raw(None).await;
    let silence = cognism(&silent).look_up(&people(1), &NO_FIELDS, None, SILENCE).await.reply;
    let (url, _) = raw(Some("HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{\"results\":")).await;
    for free in [silence, look_up(&url, &people(1)).await] {
        assert!(matches!(free, Reply::Transient(_)), "{free:?}");
    }
    for status in [302, 400, 401, 403, 404, 405, 408, 418, 500, 503] {
        let reasons = format!("{:?}", replies(status, &error(status, "Ada Lovelace")).await);
        assert!(!reasons.contains("ada@") && !reasons.contains("Ada"), "{reasons}");
    }
    let none = Reply::Answered { answers: vec![], reported: None, asynchronous: None };
    assert_eq!(look_up("http://nowhere.example", &[]).await, none);
    assert!(matches!(look_up("http://nowhere.example", &people(2)).await, Reply::Invalid(_)));
}

#[tokio::test]
async fn it_is_asked_about_one_by_one_has_no_figures_and_calls_no_one_back() {
    let cognism = cognism("http://nowhere.example");
    assert_eq!(cognism.people_max(&NO_FIELDS, &[]), 1);
    assert_eq!(cognism.endpoint(CallKind::People(1)), "contact");
    assert_eq!(cognism.usage(TIMEOUT).await, Ok(None));
    assert!(INBOUND.people_in.is_none(), "it makes no callbacks");
}
