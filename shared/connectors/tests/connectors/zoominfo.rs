//! Looking people up, against a server that answers as ZoomInfo does.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_connectors::http::client;
use leadgate_connectors::provider::zoominfo::client::ZoomInfo;
use leadgate_connectors::provider::zoominfo::{INBOUND, VENDOR};
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::person::{Confidence, Identity, Profile, ProfileField};
use leadgate_enrichment::provider::limits::{Rate, Rates};
use leadgate_enrichment::provider::{Answer, CallKind, Provider, RefusedAlone, Reply, Told, Usage};
use serde_json::{Value, json};

use crate::apollo::{NO_FIELDS, TIMEOUT, people};
use crate::loopback::Server;

pub(crate) const TOKEN: &str = "POST /oauth/v1/token";
pub(crate) const ENRICH: &str = "POST /data/v1/contacts/enrich";

const HEADERS: [(&str, &str); 6] = [
    ("x-ratelimit-limit-second", "5"),
    ("x-ratelimit-remaining-second", "4"),
    ("x-ratelimit-limit-hour", "10800"),
    ("x-ratelimit-remaining-hour", "10790"),
    ("x-ratelimit-limit-day", "129600"),
    ("x-ratelimit-remaining-day", "-1"),
];

pub(crate) fn zoominfo(url: &str) -> ZoomInfo {
    ZoomInfo::new(client(), url, "client", Secret::new("secret".into()), Timestamp::UNIX_EPOCH)
}

pub(crate) async fn look_up(url: &str, people: &[Identity]) -> Reply {
    zoominfo(url).look_up(people, &NO_FIELDS, None, TIMEOUT).await.reply
}

pub(crate) fn token() -> (u16, String) {
    (200, json!({"token_type": "Bearer", "expires_in": 3600, "access_token": "t-1"}).to_string())
}

/// A server that gives a token, and then answers like this.
async fn server(status: u16, body: &str) -> Server {
    let body = body.to_owned();
    Server::with_headers(&HEADERS, move |line, _| if line == TOKEN { token() } else { (status, body.clone()) }).await
}

async fn told(status: u16, body: &str, asked: usize) -> Told<Reply> {
    let server = server(status, body).await;
    zoominfo(&server.url).look_up(&people(asked), &NO_FIELDS, None, TIMEOUT).await
}

async fn reply(status: u16, body: &str, asked: usize) -> Reply {
    told(status, body, asked).await.reply
}

pub(crate) fn error(status: u16, code: &str) -> String {
    json!({"errors": [{"id": "x", "code": code, "status": status.to_string(), "detail": "ada@b.example of Ada Lovelace"}]})
        .to_string()
}

fn ada(at: usize) -> Value {
    json!({
        "id": "344589814", "type": "Contact",
        "meta": {"input": {"emailAddress": format!("P{at}@b.example")}, "matchStatus": "FULL_MATCH"},
        "attributes": {
            "firstName": "Ada", "lastName": "Lovelace", "email": "ada@b.example", "jobTitle": "Analyst",
            "managementLevel": ["C-Level"], "city": "London", "state": "Greater London", "country": "United Kingdom",
            "externalUrls": [
                {"type": "Twitter", "url": "https://x.example/ada"},
                {"type": "LinkedIn", "url": "https://www.linkedin.com/in/ada"},
            ],
            "mobilePhone": "+44-20-3858-0822", "mobilePhoneDoNotCall": false, "contactAccuracyScore": "85",
            "company": {
                "name": "Analytical", "website": "www.b.example", "primaryIndustry": ["Software", "Engines"],
                "employeeCount": 3508, "phone": "(866) 904-9666", "revenueNumeric": 1_214_300_000_i64,
                "revenue": "$1.2 Billion", "description": "Engines", "city": "London", "country": "United Kingdom",
            },
        },
    })
}

pub(crate) fn nobody_known(at: usize, status: &str) -> Value {
    let input = json!({"emailAddress": format!("p{at}@b.example")});
    json!({"id": "0", "type": "NoMatch", "meta": {"input": input, "matchStatus": status}})
}

pub(crate) fn success(items: &[Value]) -> String {
    json!({ "data": items }).to_string()
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

#[tokio::test]
async fn one_person_is_matched_and_mapped() {
    let server = server(200, &success(&[ada(0)])).await;
    let some = |text: &str| Some(text.to_owned());
    let asked = Identity {
        email: some("p0@b.example"),
        first_name: some("Ada"),
        last_name: some("Lovelace"),
        company: some("Analytical"),
        domain: some("b.example"),
        linkedin_url: some("https://linkedin.com/in/ada"),
        ..Identity::default()
    };
    let fields = BTreeSet::from([ProfileField::EmailStatus, ProfileField::Title, ProfileField::CompanyDomain]);
    let told = zoominfo(&format!("{}/", server.url)).look_up(&[asked], &fields, None, TIMEOUT).await;
    let input = json!({
        "emailAddress": "p0@b.example", "firstName": "Ada", "lastName": "Lovelace", "companyName": "Analytical",
        "externalURL": "https://linkedin.com/in/ada",
    });
    let output = ["companyWebsite", "contactAccuracyScore", "firstName", "jobTitle", "lastName"];
    let attributes = json!({"matchPersonInput": [input], "outputFields": output});
    let body = json!({"data": {"type": "ContactEnrich", "attributes": attributes}});
    assert_eq!(server.lines(), [TOKEN, ENRICH]);
    assert_eq!(server.asked()[1].1, body);
    assert_eq!(server.sent("authorization"), [None, Some("Bearer t-1".to_owned())]);
    assert_eq!(server.sent("content-type")[1].as_deref(), Some("application/vnd.api+json"));
    assert_eq!(server.sent("accept")[1].as_deref(), Some("application/vnd.api+json"));
    let hour = Some(Rate::Limited { limit: 10_800, used: 10 });
    assert_eq!(told.rates, Rates { minute: None, hour, day: None }, "-1 is unknown");
    let profile = profile(&told.reply);
    let expected = [
        (ProfileField::FirstName, Some("Ada")),
        (ProfileField::LastName, Some("Lovelace")),
        (ProfileField::Email, Some("ada@b.example")),
        (ProfileField::EmailStatus, None),
        (ProfileField::Title, Some("Analyst")),
        (ProfileField::Seniority, Some("C-Level")),
        (ProfileField::LinkedinUrl, Some("https://www.linkedin.com/in/ada")),
        (ProfileField::City, Some("London")),
        (ProfileField::State, Some("Greater London")),
        (ProfileField::Country, Some("United Kingdom")),
        (ProfileField::MobilePhone, Some("+442038580822")),
        (ProfileField::MobilePhoneDoNotCall, Some("not_found")),
        (ProfileField::CompanyName, Some("Analytical")),
        (ProfileField::CompanyDomain, Some("b.example")),
        (ProfileField::CompanyIndustry, Some("Software")),
        (ProfileField::CompanyEmployees, Some("3508")),
        (ProfileField::CompanyRevenue, Some("1214300000")),
        (ProfileField::CompanyDescription, Some("Engines")),
        (ProfileField::CompanyCity, Some("London")),
        (ProfileField::CompanyCountry, Some("United Kingdom")),
    ];
    for (field, value) in expected {
        assert_eq!(profile.get(field), value, "{field:?}");
    }
    assert!(profile.get(ProfileField::CompanyPhone).is_some());
    assert_eq!((profile.id(), profile.confidence()[&ProfileField::Email]), (Some("344589814"), Confidence::Medium));
}

#[tokio::test]
async fn numbers_are_read_in_either_form() {
    for (number, expected) in [
        (json!("(866) 904-9666"), Some("+18669049666")),
        (json!("+1-360-555-5678"), Some("+13605555678")),
        (json!("+49 30 1234567"), Some("+49301234567")),
        (json!("904-9666"), None),
        (json!("020 3858 0822"), None),
        (json!(null), None),
    ] {
        let mut person = ada(0);
        person["attributes"]["mobilePhone"] = number.clone();
        let reply = reply(200, &success(&[person]), 1).await;
        assert_eq!(profile(&reply).get(ProfileField::MobilePhone), expected, "{number}");
        let said = profile(&reply).get(ProfileField::MobilePhoneDoNotCall);
        assert_eq!(said.is_some(), expected.is_some(), "{number}");
    }
}

/// A field that isn't wanted may not be in the plan, and a contact without what is wanted would cost a credit for nothing.
#[tokio::test]
async fn no_more_fields_are_asked_for_than_are_wanted_and_one_may_be_required() {
    use ProfileField::{CompanyEmployees, Email, EmailStatus, Headline, MobilePhone, MobilePhoneDoNotCall, Title};
    let cases: [(&[ProfileField], &[&str], Value); 6] = [
        (&[Title], &["jobTitle"], json!(null)),
        (&[], &[], json!(null)),
        (&[Email, EmailStatus], &["contactAccuracyScore", "email"], json!(["email"])),
        (
            &[MobilePhone, MobilePhoneDoNotCall],
            &["contactAccuracyScore", "mobilePhone", "mobilePhoneDoNotCall"],
            json!(["mobilePhone"]),
        ),
        (&[Email, MobilePhone], &["contactAccuracyScore", "email", "mobilePhone"], json!(null)),
        (&[Email, CompanyEmployees, Headline], &["companyEmployeeCount", "contactAccuracyScore", "email"], json!(null)),
    ];
    for (fields, output, required) in cases {
        let server = server(200, &success(&[nobody_known(0, "NO_MATCH")])).await;
        let fields: BTreeSet<ProfileField> = fields.iter().copied().collect();
        zoominfo(&server.url).look_up(&people(1), &fields, None, TIMEOUT).await;
        let attributes = server.asked().remove(1).1["data"]["attributes"].clone();
        let named: BTreeSet<&str> = output.iter().copied().chain(["firstName", "lastName"]).collect();
        assert_eq!(attributes["outputFields"], json!(named), "{fields:?}");
        assert_eq!(attributes["requiredFields"], required, "{fields:?}");
    }
}

#[tokio::test]
async fn each_match_status_has_its_meaning() {
    let known = ["CONTACT_ONLY_MATCH", "COMPANY_ONLY_MATCH", "FULL_MATCH"];
    for status in known {
        let mut person = ada(0);
        person["meta"]["matchStatus"] = json!(status);
        assert!(!profile(&reply(200, &success(&[person]), 1).await).is_blank(), "{status}");
    }
    let unknown = [
        "NO_MATCH",
        "NON_MATCH_BY_LAST_UPDATED_DATE",
        "NON_MATCH_BY_VALID_DATE",
        "NON_MATCH_BY_REQUIRED_FIELDS",
        "NON_MATCH_BY_CONTACT_ACCURACY_MIN",
    ];
    let answered = |answer| Reply::Answered { answers: vec![answer], reported: None, asynchronous: None };
    for status in unknown {
        assert_eq!(reply(200, &success(&[nobody_known(0, status)]), 1).await, answered(Answer::Miss), "{status}");
    }
    let opted_out = success(&[nobody_known(0, "OPT_OUT")]);
    assert_eq!(reply(200, &opted_out, 1).await, answered(Answer::Suppressed));

    // The credits end within a call: those who have an answer keep it.
    let items =
        [ada(0), nobody_known(1, "LIMIT_EXCEEDED"), nobody_known(2, "INVALID_INPUT"), nobody_known(3, "OPT_OUT")];
    let Reply::InPart { answers, reported: None } = reply(200, &success(&items), 4).await else { panic!("in part") };
    assert!(matches!(answers[0], Ok(Answer::Hit(_))));
    let rest = [Err(RefusedAlone::OutOfCredits), Err(RefusedAlone::Invalid), Ok(Answer::Suppressed)];
    assert_eq!(answers[1..], rest);

    // A record without what was asked for has been paid for all the same.
    let mut bare = ada(0);
    bare["attributes"] = json!({});
    assert!(profile(&reply(200, &success(&[bare]), 1).await).is_blank());
}

#[tokio::test]
async fn each_of_several_goes_to_whom_it_was_asked_for() {
    let items = [nobody_known(1, "OPT_OUT"), nobody_known(0, "NO_MATCH"), ada(2)];
    let Reply::Answered { answers, .. } = reply(200, &success(&items), 3).await else { panic!("no answers") };
    assert!(matches!(answers[..], [Answer::Miss, Answer::Suppressed, Answer::Hit(_)]), "{answers:?}");
    // Without what was asked with, the order tells.
    let mut silent = items;
    silent.iter_mut().for_each(|item| item["meta"]["input"] = json!(null));
    let Reply::Answered { answers, .. } = reply(200, &success(&silent), 3).await else { panic!("no answers") };
    assert!(matches!(answers[..], [Answer::Suppressed, Answer::Miss, Answer::Hit(_)]), "{answers:?}");
}

#[tokio::test]
async fn every_answer_has_its_meaning() {
    let denied = |text: &str| Reply::Denied(text.into());
    let old = r#"{"error":{"code":"PFAPI0011","message":"Credit Limit Reached","status":400,"retryable":false}}"#;
    #[rustfmt::skip]
    let answers = [
        (400, error(400, "PFAPI0001"), denied("400 PFAPI0001: a field that is mapped isn't in the plan")),
        (400, error(400, "PFAPI0009"), denied("400 PFAPI0009: a field that is mapped isn't in the plan")),
        (400, error(400, "PFAPI0002"), Reply::Invalid("400 PFAPI0002: the call is refused".into())),
        (400, error(400, "PFAPI0011"), Reply::OutOfCredits),
        (400, old.into(), Reply::OutOfCredits),
        (401, error(401, "ZI0001"), denied("401 ZI0001: the access token is refused")),
        (402, String::new(), Reply::OutOfCredits),
        (403, error(403, "ZI0002"), denied("403 ZI0002: the application or the account lacks the right")),
        (403, error(403, "ZI0003"), denied("403 ZI0003: the application or the account lacks the right")),
        (404, String::new(), denied("404: there is nothing at this address")),
        (302, String::new(), denied("302: redirected, so the base URL is wrong")),
        (408, String::new(), Reply::Unknown("408: gave up on the call".into())),
        (429, error(429, "ZI0004"), Reply::Throttled { retry_after: None }),
        (500, error(500, "PFAPI0007"), Reply::Unknown("500 PFAPI0007: no answer to the call".into())),
        (504, error(504, "PFAPI0010"), Reply::Unknown("504 PFAPI0010: no answer to the call".into())),
        (503, String::new(), Reply::Transient("503: turned away".into())),
    ];
    for (status, body, expected) in answers {
        assert_eq!(reply(status, &body, 1).await, expected, "{status} {body}");
    }
    let throttling = Server::with_headers(&[("retry-after", "1800")], |line, _| {
        if line == TOKEN { token() } else { (429, error(429, "ZI0004")) }
    })
    .await;
    let retry_after = Some(Duration::from_secs(1800));
    assert_eq!(look_up(&throttling.url, &people(1)).await, Reply::Throttled { retry_after });
}

#[tokio::test]
async fn garbage_is_an_unknown_outcome_and_never_an_end_and_no_reason_is_personal() {
    let huge = format!(r#"{{"data":["{}"]}}"#, "x".repeat(9 * 1024 * 1024));
    let (short, twice) = (success(&[ada(0)]), success(&[ada(0), ada(0)]));
    let (foreign, odd) = (success(&[ada(0), ada(7)]), success(&[ada(0), json!({"type": "Widget"})]));
    for body in
        ["", "{", "null", "[]", "7", "{}", r#"{"data":{}}"#, "{\"data\":[1,2]}", &huge, &short, &twice, &foreign, &odd]
    {
        let start = &body[..body.len().min(40)];
        assert!(matches!(reply(200, body, 2).await, Reply::Unknown(_)), "{start}");
    }
    for status in [302, 400, 401, 403, 404, 405, 408, 418, 500, 503] {
        let reason = format!("{:?}", reply(status, &error(status, "Ada Lovelace"), 1).await);
        assert!(!reason.contains("ada@") && !reason.contains("Ada"), "{reason}");
    }
}

#[tokio::test]
async fn what_was_used_is_told_by_contract() {
    let kind = |name: &str, used: u64| json!({"limitType": name, "totalLimit": 5000, "currentUsage": used});
    let usage = json!([kind("request", 7), kind("uniqueID", 1500), kind("record", 2000)]);
    let body = json!({"data": [{"id": "1", "type": "UserUsage", "attributes": {"usage": usage}}]}).to_string();
    let server = server(200, &body).await;
    let used = Usage { cycle: "contract of 5000".into(), began: None, used: Milli::credits(1500) };
    assert_eq!(zoominfo(&server.url).usage(TIMEOUT).await, Ok(Some(used)));
    assert_eq!(server.lines(), [TOKEN, "GET /data/v1/users/usage"]);
    for (status, body, said) in [
        (200, "{}", "can't be read"),
        (200, r#"{"data":[{"attributes":{"usage":[]}}]}"#, "can't be read"),
        (403, "", "403: the application"),
        (429, "", "rate limit"),
    ] {
        let server = self::server(status, body).await;
        let error = zoominfo(&server.url).usage(TIMEOUT).await.expect_err("no figures");
        assert!(error.0.contains(said), "{error}");
    }
}

#[test]
fn it_is_asked_about_up_to_25_needs_more_than_a_domain_and_calls_no_one_back() {
    let zoominfo = zoominfo("http://nowhere.example");
    assert_eq!(zoominfo.people_max(&NO_FIELDS, &[]), 25);
    assert_eq!(zoominfo.endpoint(CallKind::People(1)), zoominfo.endpoint(CallKind::People(9)));
    assert!(INBOUND.people_in.is_none(), "it makes no callbacks");
    let some = |text: &str| Some(text.to_owned());
    let named = Identity { first_name: some("Ada"), last_name: some("L"), ..Identity::default() };
    let at_domain = Identity { domain: some("b.example"), ..named.clone() };
    let employed = Identity { company: some("Analytical"), ..named };
    assert!((VENDOR.can_be_asked)(&employed) && !(VENDOR.can_be_asked)(&at_domain));
}
