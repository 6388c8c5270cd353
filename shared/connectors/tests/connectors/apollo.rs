//! Looking people up, against a server that answers as Apollo does.

use std::collections::BTreeSet;
use std::time::Duration;

use leadgate_connectors::http::client;
use leadgate_connectors::provider::apollo::client::Apollo;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::ids::ProviderName;
use leadgate_enrichment::person::{Identity, ProfileField};
use leadgate_enrichment::provider::{Answer, Provider, Reply};
use serde_json::{Value, json};

use crate::loopback::{Server, nobody, raw};

/// For calls that tell the same whatever is wanted.
pub(crate) const NO_FIELDS: BTreeSet<ProfileField> = BTreeSet::new();
/// For calls to a server that answers at once.
/// Longer than any answer takes, however busy the machine is.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);
/// For an answer that never comes.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);

/// A team whose Apollo is at this address.
pub(crate) fn apollo(url: &str) -> Apollo {
    Apollo::new(client(), url.to_owned(), Secret::new("key".into()))
}

pub(crate) fn people(count: usize) -> Vec<Identity> {
    let person = |at: usize| Identity { email: Some(format!("p{at}@b.example")), ..Identity::default() };
    (0..count).map(person).collect()
}

async fn look_up(url: &str, people: &[Identity]) -> Reply {
    apollo(url).look_up(people, &NO_FIELDS, None, TIMEOUT).await.reply
}

/// What comes of a 200 with this body.
async fn reply(body: &str, asked: usize) -> Reply {
    let body = body.to_owned();
    let server = Server::start(move |_, _| (200, body.clone())).await;
    look_up(&server.url, &people(asked)).await
}

fn ada() -> Value {
    json!({
        "id": "587cf802f65125cad923a266", "first_name": "Ada", "last_name": "Lovelace", "title": " Analyst\n",
        "email": "ada@b.example", "email_status": "verified", "seniority": "senior", "headline": null, "city": "London",
        "linkedin_url": "http://www.linkedin.com/in/ada", "state": 7, "country": ["GB"], "employment_history": [{}],
        "organization": {
            "name": "Analytical", "primary_domain": "b.example", "website_url": "http://www.b.example",
            "industry": "engines", "estimated_num_employees": 50, "phone": "020", "languages": [],
            "primary_phone": {"number": "020", "sanitized_number": "+4420"}, "annual_revenue": 2.5e6, "founded_year": 1833,
            "total_funding": "17000", "short_description": " ", "seo_description": "Engines that\nweave", "city": "London",
            "country": "United Kingdom", "unheard_of": {"a": [1]},
        },
    })
}

/// By the id that a search has told, alone or with others (documented for both calls).
#[tokio::test]
async fn one_who_was_found_is_looked_up_by_id() {
    let answer = |many: usize| json!({"person": ada(), "matches": vec![ada(); many]}).to_string();
    let server = Server::start(move |_, _| (200, answer(2))).await;
    let found = |id: &str| Identity::found(ProviderName::known("apollo"), id);
    let both = [found("587cf802f65125cad923a266"), found("587cf802f65125cad923a267")];
    for people in [&both[..1], &both] {
        look_up(&format!("{}/api/v1/", server.url), people).await;
    }
    let ids = [json!({"id": "587cf802f65125cad923a266"}), json!({"id": "587cf802f65125cad923a267"})];
    let single = ("POST /api/v1/people/match".to_owned(), ids[0].clone());
    let bulk = ("POST /api/v1/people/bulk_match".to_owned(), json!({ "details": ids }));
    assert_eq!(server.asked(), [single, bulk]);
}

#[tokio::test]
async fn one_person_is_matched_and_mapped() {
    let server = Server::start(|_, _| (200, json!({"person": ada()}).to_string())).await;
    let ada = Identity {
        email: Some("ada@b.example".into()),
        company: Some("Analytical".into()),
        domain: Some("b.example".into()),
        ..Identity::default()
    };
    let reply = look_up(&format!("{}/api/v1/", server.url), &[ada]).await;
    let body = json!({"email": "ada@b.example", "organization_name": "Analytical", "domain": "b.example"});
    assert_eq!(server.asked(), [("POST /api/v1/people/match".to_owned(), body)]);
    let Reply::Answered { answers, reported: None, asynchronous: None } = reply else { panic!("{reply:?}") };
    let [Answer::Hit(profile)] = &answers[..] else { panic!("{answers:?}") };
    let expected = [
        (ProfileField::FirstName, Some("Ada")),
        (ProfileField::LastName, Some("Lovelace")),
        (ProfileField::Title, Some("Analyst")),
        (ProfileField::Email, Some("ada@b.example")),
        (ProfileField::EmailStatus, Some("verified")),
        (ProfileField::Seniority, Some("senior")),
        (ProfileField::Headline, None),
        (ProfileField::City, Some("London")),
        (ProfileField::State, Some("7")),
        (ProfileField::Country, None),
        (ProfileField::LinkedinUrl, Some("http://www.linkedin.com/in/ada")),
        (ProfileField::CompanyName, Some("Analytical")),
        (ProfileField::CompanyDomain, Some("b.example")),
        (ProfileField::CompanyWebsite, Some("http://www.b.example")),
        (ProfileField::CompanyIndustry, Some("engines")),
        (ProfileField::CompanyEmployees, Some("50")),
        (ProfileField::CompanyPhone, Some("+4420")),
        (ProfileField::CompanyRevenue, Some("2500000")),
        (ProfileField::CompanyFounded, Some("1833")),
        (ProfileField::CompanyFunding, Some("17000")),
        (ProfileField::CompanyDescription, Some("Engines that weave")),
        (ProfileField::CompanyCity, Some("London")),
        (ProfileField::CompanyCountry, Some("United Kingdom")),
        (ProfileField::MobilePhone, None),
    ];
    assert_eq!(profile.id(), Some("587cf802f65125cad923a266"));
    assert_eq!(server.sent("x-api-key"), [Some("key".to_owned())]);
    assert_eq!(server.sent("accept"), [Some("application/json".to_owned())]);
    for (field, value) in expected {
        assert_eq!(profile.get(field), value, "{field:?}");
    }
}

/// There is no call for it: an address is what a name and a domain are looked up for.
#[tokio::test]
async fn an_address_is_found_by_name_and_domain() {
    let server = Server::start(|_, _| (200, json!({"person": ada()}).to_string())).await;
    let known = Identity {
        first_name: Some("Ada".into()),
        last_name: Some("Lovelace".into()),
        domain: Some("b.example".into()),
        ..Identity::default()
    };
    assert!(known.is_usable());
    let Reply::Answered { answers, .. } = look_up(&server.url, &[known]).await else { panic!("no answer") };
    let body = json!({"first_name": "Ada", "last_name": "Lovelace", "domain": "b.example"});
    assert_eq!(server.asked(), [("POST /people/match".to_owned(), body)]);
    let [Answer::Hit(profile)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(profile.get(ProfileField::Email), Some("ada@b.example"));
    assert!(profile.has_verified_email());
}

#[tokio::test]
async fn a_success_without_a_person_is_a_miss() {
    let blank = json!({"person": {"id": null, "first_name": "p0", "organization": "none"}}).to_string();
    for miss in
        [r#"{"person":null}"#, r#"{"person":{}}"#, r#"{"person":{"id":""}}"#, r#"{"person":{"id":"1"}}"#, &blank]
    {
        assert_eq!(
            reply(miss, 1).await,
            Reply::Answered { answers: vec![Answer::Miss], reported: None, asynchronous: None },
            "{miss}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_may_have_been_charged() {
    for unreadable in ["", "<html>", "[]", "{}", r#"{"error":"what"}"#, r#"{"person":"ada"}"#, r#"{"person":{"#] {
        assert!(matches!(reply(unreadable, 1).await, Reply::Unknown(_)), "{unreadable}");
    }
    for unreadable in [
        "{}",
        r#"{"matches":null}"#,
        r#"{"matches":[null]}"#,
        r#"{"matches":[null,null,null]}"#,
        r#"{"matches":[null,7]}"#,
    ] {
        assert!(matches!(reply(unreadable, 2).await, Reply::Unknown(_)), "{unreadable}");
    }
}

#[tokio::test]
async fn several_people_are_answered_in_order_with_what_it_cost() {
    let server = Server::start(|_, _| {
        let matches = json!([null, ada(), {"id": null}]);
        (200, json!({"status": "success", "matches": matches, "credits_consumed": 0.5}).to_string())
    })
    .await;
    let reply = look_up(&server.url, &people(3)).await;
    let details = json!([{"email": "p0@b.example"}, {"email": "p1@b.example"}, {"email": "p2@b.example"}]);
    assert_eq!(server.asked(), [("POST /people/bulk_match".to_owned(), json!({"details": details}))]);
    let Reply::Answered { answers, reported, .. } = reply else { panic!("{reply:?}") };
    assert_eq!(reported, Some(Milli::new(500)));
    assert!(matches!(answers[..], [Answer::Miss, Answer::Hit(_), Answer::Miss]), "{answers:?}");
}

#[tokio::test]
async fn what_it_cost_is_read_however_it_is_written() {
    for (consumed, expected) in [
        ("2", Some(2000)),
        ("\"1.5\"", Some(1500)),
        ("1.1", Some(1100)),
        ("0.33333", Some(334)),
        ("0", Some(0)),
        ("-1", None),
        ("null", None),
        ("\"lots\"", None),
    ] {
        let body = format!(r#"{{"matches":[null,null],"credits_consumed":{consumed}}}"#);
        let answers = vec![Answer::Miss, Answer::Miss];
        assert_eq!(
            reply(&body, 2).await,
            Reply::Answered { answers, reported: expected.map(Milli::new), asynchronous: None },
            "{consumed}"
        );
    }
}

#[tokio::test]
async fn an_address_that_was_not_paid_for_is_no_address() {
    let mut ada = ada();
    ada["email"] = json!("Email_not_unlocked@domain.com");
    let Reply::Answered { answers, .. } = reply(&json!({"person": ada}).to_string(), 1).await else {
        panic!("no answer")
    };
    let [Answer::Hit(profile)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!((profile.get(ProfileField::Email), profile.get(ProfileField::EmailStatus)), (None, None));
    assert_eq!(profile.get(ProfileField::FirstName), Some("Ada"));
}

#[tokio::test]
async fn what_is_surely_not_charged_is_told_from_what_may_be() {
    let one = people(1);
    assert!(matches!(look_up(&nobody().await, &one).await, Reply::Transient(_)));
    for broken in ["", "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"person\":"] {
        let (url, _) = raw(Some(broken)).await;
        assert!(matches!(look_up(&url, &one).await, Reply::Unknown(_)), "{broken:?}");
    }
    let (silent, _) = raw(None).await;
    assert!(matches!(apollo(&silent).look_up(&one, &NO_FIELDS, None, SILENCE).await.reply, Reply::Unknown(_)));
    let (url, _) = raw(Some("HTTP/1.1 429 No\r\nretry-after: 5\r\ncontent-length: 50\r\n\r\n{\"mess")).await;
    assert_eq!(look_up(&url, &one).await, Reply::Throttled { retry_after: Some(Duration::from_secs(5)) });
    let server = Server::start(|_, _| (403, r#"{"error_code":"API_INACCESSIBLE"}"#.to_owned())).await;
    assert!(matches!(look_up(&server.url, &one).await, Reply::Denied(_)));
    let apollo = Apollo::new(client(), server.url.clone(), Secret::new("a\u{0}b".into()));
    assert!(matches!(apollo.look_up(&one, &NO_FIELDS, None, TIMEOUT).await.reply, Reply::Denied(_)));
    assert_eq!(
        look_up(&server.url, &[]).await,
        Reply::Answered { answers: vec![], reported: None, asynchronous: None }
    );
    assert_eq!(server.lines().len(), 1, "neither of the last two went out");
}

#[tokio::test]
async fn each_charging_call_has_a_connection_of_its_own() {
    let server = Server::start(|_, _| (200, r#"{"person":null}"#.to_owned())).await;
    let apollo = apollo(&server.url);
    for _ in 0..3 {
        let reply = apollo.look_up(&people(1), &NO_FIELDS, None, TIMEOUT).await.reply;
        assert_eq!(reply, Reply::Answered { answers: vec![Answer::Miss], reported: None, asynchronous: None });
    }
    assert_eq!(server.connections(), 3);
}
