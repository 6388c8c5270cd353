//! Companies of contacts, against a server that answers as HubSpot does.

use std::collections::BTreeMap;

use leadgate_connectors::crm::hubspot::api_version::ApiVersion;
use leadgate_connectors::crm::hubspot::client::HubSpot;
use leadgate_connectors::http::client;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::crm::{Created, Crm, CrmError, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::person::Properties;
use leadgate_enrichment::retry::Retry;
use serde_json::{Value, json};

use crate::loopback::{Answer, Server};

const CONTACTS: &str = "POST /crm/objects/2026-03/contacts/batch/read";
const ASSOCIATIONS: &str = "POST /crm/associations/2026-03/contacts/companies/batch/read";
const COMPANIES: &str = "POST /crm/objects/2026-03/companies/batch/read";
const WRITE_CONTACTS: &str = "POST /crm/objects/2026-03/contacts/batch/update";
const WRITE_COMPANIES: &str = "POST /crm/objects/2026-03/companies/batch/update";

fn hubspot(server: &Server) -> HubSpot {
    let version = ApiVersion::Dated("2026-03".to_owned());
    HubSpot::new(client(), server.url.clone(), version, Secret::new("pat-test".into()))
}

fn complete(results: Value) -> Answer {
    (200, json!({ "status": "COMPLETE", "results": results }).to_string())
}

/// Contacts 1 to 3, of whom the first two are with company 7, and the third with none as the primary one.
fn listed() -> Value {
    let kind = |category: &str, number: u64| json!({ "category": category, "typeId": number, "label": null });
    let primary =
        json!({ "toObjectId": 7, "associationTypes": [kind("HUBSPOT_DEFINED", 279), kind("HUBSPOT_DEFINED", 1)] });
    let text = json!({ "toObjectId": "7", "associationTypes": [kind("HUBSPOT_DEFINED", 1)] });
    let other = json!({ "toObjectId": 8, "associationTypes": [kind("HUBSPOT_DEFINED", 279), kind("USER_DEFINED", 1)] });
    json!([
        { "from": { "id": "1" }, "to": [other.clone(), primary] },
        { "from": { "id": "2" }, "to": [text] },
        { "from": { "id": "3" }, "to": [other] },
    ])
}

async fn server(associations: Answer, company: Answer) -> Server {
    Server::start(move |line, body| match line {
        CONTACTS => {
            let ids = body["inputs"].as_array().cloned().unwrap_or_default();
            complete(ids.into_iter().map(|id| json!({ "id": id["id"], "properties": { "city": "London" } })).collect())
        }
        ASSOCIATIONS => associations.clone(),
        COMPANIES => company.clone(),
        _ => (500, String::new()),
    })
    .await
}

async fn read(server: &Server, properties: &[&str]) -> Result<BTreeMap<String, Properties>, CrmError> {
    let ids = ["1", "2", "3"].map(str::to_owned);
    hubspot(server).read(&ObjectType::CONTACT, &ids, properties).await
}

fn properties(values: &[(&str, Option<&str>)]) -> Properties {
    values.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()
}

fn patch(values: &[(&str, &str)]) -> Patch {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn a_company_is_read_once_for_all_that_are_with_it_and_only_where_it_is_asked_for() {
    let company = complete(json!([{ "id": "7", "properties": { "industry": "Machinery", "city": null } }]));
    let server = server(complete(listed()), company).await;
    let found = read(&server, &["city", "companies.industry", "companies.city"]).await.expect("an answer");
    let with = [
        ("city", Some("London")),
        ("companies.", Some("7")),
        ("companies.city", None),
        ("companies.industry", Some("Machinery")),
    ];
    let expected =
        [("1", properties(&with)), ("2", properties(&with)), ("3", properties(&[with[0], ("companies.", None)]))];
    assert_eq!(found, expected.map(|(id, card)| (id.to_owned(), card)).into());
    let asked = server.asked();
    assert_eq!(asked.iter().map(|(line, _)| line.as_str()).collect::<Vec<_>>(), [CONTACTS, ASSOCIATIONS, COMPANIES]);
    assert_eq!(asked[0].1["properties"], json!(["city"]));
    assert_eq!(asked[1].1, json!({ "inputs": [{ "id": "1" }, { "id": "2" }, { "id": "3" }] }));
    assert_eq!(
        (&asked[2].1["inputs"], &asked[2].1["properties"]),
        (&json!([{ "id": "7" }]), &json!(["industry", "city"]))
    );

    read(&server, &["city"]).await.expect("an answer");
    assert_eq!(server.lines().len(), 4, "companies are not asked for");
}

#[tokio::test]
async fn no_failure_passes_for_a_contact_without_a_company() {
    let none =
        json!([{ "category": "OBJECT_NOT_FOUND", "message": "No company is associated", "context": { "ids": ["1"] } }]);
    let no_company = (207, json!({ "status": "COMPLETE", "results": [], "errors": none }).to_string());
    let server_of = async |associations: Answer| server(associations, complete(json!([]))).await;
    let found = read(&server_of(no_company).await, &["companies.city"]).await.expect("an answer");
    assert_eq!(found["1"], properties(&[("city", Some("London")), ("companies.", None)]));
    let broken = [
        (200, "<html>".to_owned()),
        (200, "{}".to_owned()),
        (200, json!({ "status": "PENDING", "results": [] }).to_string()),
        (207, json!({ "status": "COMPLETE", "results": [], "errors": [{ "category": "INTERNAL" }] }).to_string()),
        (429, String::new()),
        (500, String::new()),
    ];
    for broken in broken {
        assert!(read(&server_of(broken.clone()).await, &["companies.city"]).await.is_err(), "{broken:?}");
    }
    let server = server(complete(listed()), (503, String::new())).await;
    assert!(read(&server, &["companies.city"]).await.is_err());
    let server = self::server((403, "{}".to_owned()), complete(json!([]))).await;
    let error = read(&server, &["companies.city"]).await.expect_err("a scope is missing");
    assert!(matches!(error.retry, Retry::After(_)), "an operator has to give it: {error:?}");
}

/// Three contacts, of which two are with company 7.
fn patches() -> BTreeMap<String, Patch> {
    let of = |company: &[(&str, &str)]| patch(&[&[("jobtitle", "CTO")], company].concat());
    let company = [("companies.", "7"), ("companies.industry", "Machinery"), ("companies.city", "London")];
    [("1", of(&company)), ("2", of(&company)), ("3", of(&[]))].map(|(id, patch)| (id.to_owned(), patch)).into()
}

async fn written(
    company: Answer,
    alone: Answer,
) -> (Result<BTreeMap<String, Written>, CrmError>, Vec<(String, Value)>) {
    let server = Server::start(move |line, body| match line {
        WRITE_CONTACTS => {
            let ids = body["inputs"].as_array().cloned().unwrap_or_default();
            complete(ids.into_iter().map(|input| json!({ "id": input["id"], "properties": {} })).collect())
        }
        WRITE_COMPANIES => company.clone(),
        _ => alone.clone(),
    })
    .await;
    let written = hubspot(&server).write(&ObjectType::CONTACT, &patches()).await;
    (written, server.asked())
}

#[tokio::test]
async fn a_patch_is_parted_and_a_company_written_once() {
    let (ends, asked) = written(complete(json!([{ "id": "7", "properties": {} }])), (500, String::new())).await;
    assert_eq!(ends.expect("an answer"), ["1", "2", "3"].map(|id| (id.to_owned(), Written::whole())).into());
    let inputs =
        json!([{ "id": "7", "properties": { "industry": "Machinery", "city": "London" }, "objectWriteTraceId": "7" }]);
    assert_eq!((asked.len(), &asked[1].1["inputs"]), (2, &inputs));
    assert_eq!(asked[0].1["inputs"][0]["properties"], json!({ "jobtitle": "CTO" }));
}

#[tokio::test]
async fn what_a_company_refuses_is_dropped_and_what_fails_has_no_answer() {
    let dropped = |values: &[(&str, &str)]| Written::Done { dropped: patch(values), reformatted: Patch::new() };
    let of = |ends: &BTreeMap<String, Written>| ["1", "2", "3"].map(|id| ends.get(id).cloned());
    let refusal = json!({ "category": "VALIDATION_ERROR", "errors": [{ "code": "INVALID_OPTION", "context": { "propertyName": ["industry"] } }] });
    let refused = (400, refusal.to_string());

    // The batch is refused, then the whole of the company alone.
    let (ends, _) = written(refused.clone(), (400, r#"{"category":"VALIDATION_ERROR"}"#.to_owned())).await;
    let reason = "HubSpot answered 400 VALIDATION_ERROR";
    let all = dropped(&[("companies.industry", reason), ("companies.city", reason)]);
    assert_eq!(of(&ends.expect("an answer")), [Some(all.clone()), Some(all), Some(Written::whole())]);

    let gone = json!({ "category": "OBJECT_NOT_FOUND", "context": { "ids": ["7"] } });
    let gone = (207, json!({ "status": "COMPLETE", "results": [], "errors": [gone] }).to_string());
    let (ends, _) = written(gone, (500, String::new())).await;
    let all = dropped(&[("companies.industry", "OBJECT_NOT_FOUND"), ("companies.city", "OBJECT_NOT_FOUND")]);
    assert_eq!(of(&ends.expect("an answer")), [Some(all.clone()), Some(all), Some(Written::whole())]);

    let (ends, _) = written((503, String::new()), (500, String::new())).await;
    assert_eq!(of(&ends.expect("an answer")), [None, None, Some(Written::whole())], "they come again");
}

#[tokio::test]
async fn nothing_of_a_company_is_put_into_a_contact_that_is_created() {
    let server = Server::start(|_, _| (201, json!({ "id": "101" }).to_string())).await;
    let properties = patch(&[("email", "ada@engine.example"), ("companies.name", "Engine")]);
    let created = hubspot(&server).create_person(&properties).await.expect("an answer");
    assert_eq!(created, Created::Record(ObjectType::CONTACT, "101".to_owned()));
    assert_eq!(server.asked()[0].1, json!({ "properties": { "email": "ada@engine.example" } }));
}
