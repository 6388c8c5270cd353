//! Finding a person by the address and creating one, against servers that answer as each CRM does.

use jiff::Timestamp;
use leadgate_connectors::crm::hubspot::api_version::ApiVersion;
use leadgate_connectors::crm::hubspot::client::HubSpot;
use leadgate_connectors::crm::pipedrive::client::Pipedrive;
use leadgate_connectors::crm::pipedrive::config::Settings;
use leadgate_connectors::http::client;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::crm::{Created, Crm, CrmError};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::retry::Retry;
use serde_json::{Value, json};

use crate::loopback::{Answer, Server, nobody};
use crate::people_created::{attio, close};
use crate::salesforce_client::{salesforce, server as salesforce_server};
use crate::zoho_client::{server as zoho_server, zoho};

pub(crate) const ADA: &str = "ada@engine.example";

pub(crate) fn patch(values: &[(&str, &str)]) -> Patch {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn hubspot(url: &str) -> HubSpot {
    HubSpot::new(client(), url.to_owned(), ApiVersion::V3, Secret::new("pat-test".into()))
}

fn pipedrive(url: &str) -> Pipedrive {
    let settings = Settings { company_id: 7_654_321, user_id: None, daily_budget_floor: 100 };
    Pipedrive::new(client(), url.to_owned(), settings, Secret::new("a token".into()), Timestamp::UNIX_EPOCH)
}

pub(crate) fn answer(status: u16, body: &Value) -> Answer {
    (status, body.to_string())
}

pub(crate) fn contact(id: &str) -> Result<Created, String> {
    Ok(Created::Record(ObjectType::CONTACT, id.to_owned()))
}

pub(crate) fn said(created: Result<Created, CrmError>) -> Result<Created, String> {
    created.map_err(|error| error.reason)
}

#[tokio::test]
async fn a_contact_is_asked_for_by_the_address_which_stands_in_no_url() {
    let server = Server::start(|_, body| match body["inputs"][0]["id"].as_str() {
        Some(ADA) => answer(200, &json!({ "status": "COMPLETE", "results": [{ "id": 101, "properties": {} }] })),
        _ => {
            answer(207, &json!({ "status": "COMPLETE", "results": [], "errors": [{ "category": "OBJECT_NOT_FOUND" }] }))
        }
    })
    .await;
    let found = hubspot(&server.url).find_person(ADA).await.expect("an answer");
    assert_eq!(found, Some((ObjectType::CONTACT, "101".to_owned())));
    assert_eq!(hubspot(&server.url).find_person("bob@engine.example").await.expect("an answer"), None);
    let body = json!({ "properties": ["email"], "propertiesWithHistory": [], "idProperty": "email", "inputs": [{ "id": ADA }] });
    assert_eq!(server.asked()[0], ("POST /crm/v3/objects/contacts/batch/read".to_owned(), body));
}

#[tokio::test]
async fn no_failure_of_a_search_passes_for_nobody_found() {
    let broken = [
        (200, "<html>".to_owned()),
        (200, "{}".to_owned()),
        (200, r#"{"success":false,"data":null}"#.to_owned()),
        (200, r#"{"totalSize":1,"done":false,"records":[]}"#.to_owned()),
        (200, r#"{"done":true,"records":[{"Id":"12"}]}"#.to_owned()),
        (207, json!({ "status": "COMPLETE", "results": [], "errors": [{ "category": "INTERNAL" }] }).to_string()),
        (400, "[]".to_owned()),
        (429, String::new()),
        (200, r#"{"data":{}}"#.to_owned()),
        (200, json!({ "data": vec![json!({ "id": 1 }); 101], "cursor": null }).to_string()),
        (500, String::new()),
    ];
    for broken in broken {
        let copy = broken.clone();
        let server = Server::start(move |_, _| copy.clone()).await;
        assert!(hubspot(&server.url).find_person(ADA).await.is_err(), "HubSpot: {broken:?}");
        assert!(pipedrive(&server.url).find_person(ADA).await.is_err(), "Pipedrive: {broken:?}");
        assert!(attio(&server.url).find_person(ADA).await.is_err(), "Attio: {broken:?}");
        assert!(close(&server.url).find_person(ADA).await.is_err(), "Close: {broken:?}");
        let copy = broken.clone();
        let server = zoho_server(move |_, _| copy.clone()).await;
        assert!(zoho(&server.url).find_person(ADA).await.is_err(), "Zoho: {broken:?}");
        let copy = broken.clone();
        let server = salesforce_server(move |_, _| copy.clone()).await;
        assert!(salesforce(&server.url).find_person(ADA).await.is_err(), "Salesforce: {broken:?}");
    }
    let nobody = nobody().await;
    assert!(hubspot(&nobody).find_person(ADA).await.is_err() && pipedrive(&nobody).find_person(ADA).await.is_err());
}

#[tokio::test]
async fn a_contact_is_created_without_what_hubspot_refuses_and_never_twice() {
    let properties = patch(&[("email", ADA), ("hs_linkedin_url", "linkedin.com/in/ada")]);
    let refusing = |property: &str| {
        let errors = json!([{ "code": "PROPERTY_DOESNT_EXIST", "context": { "propertyName": [property] } }]);
        answer(400, &json!({ "category": "VALIDATION_ERROR", "errors": errors }))
    };
    let conflict = |message: &str| answer(409, &json!({ "category": "CONFLICT", "message": message }));
    let there = json!({ "status": "COMPLETE", "results": [{ "id": "7" }] });
    let cases: [(&str, [Answer; 2], Result<Created, String>); 6] = [
        ("created", [answer(201, &json!({ "id": "101" })), (500, String::new())], contact("101")),
        ("refused in part", [refusing("hs_linkedin_url"), answer(201, &json!({ "id": "102" }))], contact("102")),
        (
            "no address",
            [refusing("email"), answer(201, &json!({ "id": "103" }))],
            Ok(Created::Rejected("HubSpot answered 400 VALIDATION_ERROR".to_owned())),
        ),
        ("there", [conflict("Contact already exists. Existing ID: 104"), (500, String::new())], contact("104")),
        ("there, unnamed", [conflict("Contact already exists."), answer(200, &there)], contact("7")),
        (
            "no id",
            [answer(201, &json!({})), (500, String::new())],
            Err("HubSpot's answer is unreadable: no contact that was created".to_owned()),
        ),
    ];
    for (what, answers, expected) in cases {
        let made = std::sync::atomic::AtomicUsize::new(0);
        let server = Server::start(move |_, _| {
            let at = made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            answers.get(at).cloned().unwrap_or((500, String::new()))
        })
        .await;
        assert_eq!(said(hubspot(&server.url).create_person(&properties).await), expected, "{what}");
    }
    let server = Server::start(|_, _| (502, String::new())).await;
    let error = hubspot(&server.url).create_person(&properties).await.expect_err("who knows");
    assert_eq!((error.retry, server.lines().len()), (Retry::Backoff, 1), "it isn't sent again");
    assert_eq!(server.lines()[0], "POST /crm/v3/objects/contacts");
}

#[tokio::test]
async fn a_lead_has_what_salesforce_requires_and_a_quotation_mark_ends_no_query() {
    const LEADS: &str = "POST /services/data/v65.0/sobjects/Lead";
    let lead = "00Q000000000009EAA";
    let server = salesforce_server(move |line, body| match line {
        LEADS if body.get("Website").is_some() => {
            answer(400, &json!([{ "errorCode": "STRING_TOO_LONG", "fields": ["Website"], "message": "x" }]))
        }
        LEADS => answer(201, &json!({ "id": lead, "success": true, "errors": [] })),
        line if line.contains("FROM+Lead") => answer(200, &json!({ "done": true, "records": [{ "Id": lead }] })),
        _ => answer(200, &json!({ "done": true, "totalSize": 0, "records": [] })),
    })
    .await;
    let salesforce = salesforce(&server.url);
    let found = salesforce.find_person("o'brien@engine.example").await.expect("an answer");
    assert_eq!(found, Some((ObjectType::known("Lead"), lead.to_owned())));
    let queries: Vec<String> = server.lines().into_iter().filter(|line| line.contains("/query?")).collect();
    assert_eq!(queries.len(), 2, "contacts come first: {queries:?}");
    assert!(queries[0].contains("FROM+Contact") && queries[0].contains("%27o%5C%27brien%40engine.example%27"));
    assert!(queries[1].contains("IsConverted+%3D+false"), "{queries:?}");
    let properties = patch(&[("Email", ADA), ("FirstName", "Ada"), ("Website", "engine.example")]);
    let created = said(salesforce.create_person(&properties).await);
    assert_eq!(created, Ok(Created::Record(ObjectType::known("Lead"), lead.to_owned())));
    let sent = server.asked().into_iter().rfind(|(line, _)| line == LEADS).expect("a lead").1;
    let expected =
        json!({ "Email": ADA, "FirstName": "Ada", "LastName": "[not provided]", "Company": "[not provided]" });
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn what_a_rule_of_the_org_refuses_is_refused_and_what_passes_by_is_tried_again() {
    let of = async |status: u16, code: &'static str, fields: &'static [&'static str]| {
        let body = json!([{ "errorCode": code, "fields": fields, "message": "about Ada" }]);
        let server = salesforce_server(move |_, _| answer(status, &body)).await;
        salesforce(&server.url).create_person(&patch(&[("Email", ADA)])).await
    };
    let rejected = |code: &str| Ok(Created::Rejected(format!("Salesforce refuses it: {code}")));
    assert_eq!(said(of(400, "DUPLICATES_DETECTED", &[]).await), rejected("DUPLICATES_DETECTED"));
    assert_eq!(said(of(400, "INVALID_EMAIL_ADDRESS", &["Email"]).await), rejected("INVALID_EMAIL_ADDRESS"));
    for (status, code) in [(400, "UNABLE_TO_LOCK_ROW"), (503, "SERVER_UNAVAILABLE"), (403, "REQUEST_LIMIT_EXCEEDED")] {
        let error = of(status, code, &[]).await.expect_err("later");
        assert_ne!(error.retry, Retry::Never, "{code}");
    }
}

#[tokio::test]
async fn the_oldest_person_with_the_address_is_meant_and_a_new_one_is_sent_once() {
    let server = Server::start(|line, _| {
        let item = |id: u64| json!({ "result_score": 1.0, "item": { "id": id, "type": "person", "name": "Ada" } });
        match line.split('?').next().unwrap_or_default() {
            "GET /api/v2/persons/search" if line.contains("term=ada%40engine.example") => {
                answer(200, &json!({ "success": true, "data": { "items": [item(30), item(9), item(12)] } }))
            }
            "GET /api/v2/persons/search" => answer(200, &json!({ "success": true, "data": { "items": [] } })),
            "POST /api/v2/persons" => answer(201, &json!({ "success": true, "data": { "id": 31 } })),
            _ => (500, String::new()),
        }
    })
    .await;
    let pipedrive = pipedrive(&server.url);
    let person = |id: &str| (ObjectType::known("person"), id.to_owned());
    assert_eq!(pipedrive.find_person(ADA).await.expect("an answer"), Some(person("9")));
    assert_eq!(pipedrive.find_person("bob@engine.example").await.expect("an answer"), None);
    let search = &server.lines()[0];
    assert!(search.contains("fields=email") && search.contains("exact_match=true"), "{search}");
    let created = said(pipedrive.create_person(&patch(&[("email", ADA), ("first_name", "Ada")])).await);
    assert_eq!(created, Ok(Created::Record(ObjectType::known("person"), "31".to_owned())));
    let sent = server.asked().pop().expect("a person").1;
    let entry = json!([{ "value": ADA, "primary": true, "label": "work" }]);
    assert_eq!(sent, json!({ "name": "Ada", "emails": entry }));

    let of = async |status: u16, body: &'static str| {
        let server = Server::start(move |_, _| (status, body.to_owned())).await;
        self::pipedrive(&server.url).create_person(&patch(&[("email", ADA)])).await
    };
    let refused = of(400, r#"{"success":false,"code":"ERR_SCHEMA_VALIDATION_FAILED","error":"about Ada"}"#).await;
    let reason = "Pipedrive answered 400 ERR_SCHEMA_VALIDATION_FAILED".to_owned();
    assert_eq!(said(refused), Ok(Created::Rejected(reason)));
    assert!(of(400, "<html>").await.is_err(), "what stands before Pipedrive says nothing of the person");
    assert_eq!(of(502, "").await.expect_err("who knows").retry, Retry::Backoff);
}
