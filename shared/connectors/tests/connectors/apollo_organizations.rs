//! Looking organizations up.

use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::person::ProfileField;
use leadgate_enrichment::provider::{Answer, Provider, Reply};
use serde_json::{Value, json};

use crate::apollo::{TIMEOUT, apollo};
use crate::loopback::Server;

async fn look_up(url: &str, domains: &[&str]) -> Reply {
    let domains: Vec<String> = domains.iter().map(|domain| (*domain).to_owned()).collect();
    apollo(url).look_up_organizations(&domains, TIMEOUT).await.reply
}

async fn reply(body: &Value, domains: &[&str]) -> Reply {
    let body = body.to_string();
    let server = Server::start(move |_, _| (200, body.clone())).await;
    look_up(&server.url, domains).await
}

/// The names of the organizations that were found.
fn names(reply: &Reply) -> Vec<Option<&str>> {
    let Reply::Answered { answers, asynchronous: None, .. } = reply else { panic!("{reply:?}") };
    answers.iter().map(name).collect()
}

fn name(answer: &Answer) -> Option<&str> {
    match answer {
        Answer::Hit(profile) => profile.get(ProfileField::CompanyName),
        Answer::Miss | Answer::Suppressed | Answer::Pending(_) => None,
    }
}

#[tokio::test]
async fn one_organization_is_looked_up_and_mapped() {
    let organization = json!({
        "id": "5e66b6381e05b4008c8331b8", "name": "Analytical", "primary_domain": "b.example",
        "website_url": "http://www.b.example", "industry": "engines", "estimated_num_employees": "50",
        "primary_phone": [], "phone": "+4420", "annual_revenue": 100_000_000.0, "founded_year": 1833,
        "total_funding": 17, "short_description": "Engines", "seo_description": "Other", "city": "London",
        "country": "United Kingdom", "technology_names": ["loom"], "account": {"id": "x"}, "keywords": null,
    });
    let server = Server::start(move |_, _| (200, json!({"organization": organization}).to_string())).await;
    let reply = look_up(&server.url, &["b.example"]).await;
    assert_eq!(server.asked(), [("GET /organizations/enrich?domain=b.example".to_owned(), Value::Null)]);
    let Reply::Answered { answers, reported: None, asynchronous: None } = reply else { panic!("{reply:?}") };
    let [Answer::Hit(profile)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(profile.id(), Some("5e66b6381e05b4008c8331b8"));
    for (field, value) in [
        (ProfileField::CompanyName, "Analytical"),
        (ProfileField::CompanyDomain, "b.example"),
        (ProfileField::CompanyWebsite, "http://www.b.example"),
        (ProfileField::CompanyIndustry, "engines"),
        (ProfileField::CompanyEmployees, "50"),
        (ProfileField::CompanyPhone, "+4420"),
        (ProfileField::CompanyRevenue, "100000000"),
        (ProfileField::CompanyFounded, "1833"),
        (ProfileField::CompanyFunding, "17"),
        (ProfileField::CompanyDescription, "Engines"),
        (ProfileField::CompanyCity, "London"),
        (ProfileField::CompanyCountry, "United Kingdom"),
    ] {
        assert_eq!(profile.get(field), Some(value), "{field:?}");
    }
}

#[tokio::test]
async fn several_organizations_go_to_whoever_asked_for_their_domain() {
    let server = Server::start(|_, _| {
        let organizations = json!([
            {"id": "3", "name": "Third", "primary_domain": null, "website_url": "https://WWW.three.example/home"},
            null,
            {"id": "1", "name": "First", "primary_domain": "One.example", "unheard_of": 1},
        ]);
        (200, json!({"status": "success", "error_code": null, "organizations": organizations}).to_string())
    })
    .await;
    let reply = look_up(&server.url, &["one.example", "two.example", "three.example", "one.example"]).await;
    let domains = ["one.example", "two.example", "three.example", "one.example"];
    let details: Vec<Value> = domains.iter().map(|domain| json!({"domain": domain})).collect();
    assert_eq!(server.asked(), [("POST /organizations/bulk_enrich".to_owned(), json!({"details": details}))]);
    assert_eq!(names(&reply), [Some("First"), None, Some("Third"), Some("First")]);
    assert!(matches!(reply, Reply::Answered { reported: None, .. }), "Apollo doesn't say what it cost");
}

#[tokio::test]
async fn what_it_cost_is_told_when_apollo_tells_it() {
    let body = json!({"organizations": [], "credits_consumed": 2});
    let misses = |reported| Reply::Answered { answers: vec![Answer::Miss, Answer::Miss], reported, asynchronous: None };
    assert_eq!(reply(&body, &["a.example", "b.example"]).await, misses(Some(Milli::credits(2))));
}

#[tokio::test]
async fn an_organization_that_is_not_known_is_a_miss() {
    let miss = Reply::Answered { answers: vec![Answer::Miss], reported: None, asynchronous: None };
    for body in
        [json!({"organization": null}), json!({"organization": {}}), json!({"organization": {"id": "1", "name": " "}})]
    {
        assert_eq!(reply(&body, &["b.example"]).await, miss, "{body}");
    }
    assert_eq!(
        look_up("http://nowhere.example", &[]).await,
        Reply::Answered { answers: vec![], reported: None, asynchronous: None }
    );
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_may_have_been_charged() {
    for body in [json!({}), json!([]), json!("b.example"), json!({"organization": "b.example"}), json!({"error": "?"})]
    {
        let reply = reply(&body, &["b.example"]).await;
        assert!(matches!(reply, Reply::Unknown(_)), "{body}: {reply:?}");
    }
    let named = |name: &str| json!({"name": name, "primary_domain": "a.example"});
    for body in [
        json!({}),
        json!({"organizations": null}),
        json!({"organizations": {}}),
        json!({"organizations": ["a.example"]}),
        json!({"organizations": [named("1"), named("2"), named("3")]}),
    ] {
        let reply = reply(&body, &["a.example", "b.example"]).await;
        assert!(matches!(reply, Reply::Unknown(_)), "{body}: {reply:?}");
    }
}
