//! Reading and writing contacts, against a server that answers as HubSpot does.

use std::collections::BTreeMap;

use leadgate_connectors::crm::hubspot::api_version::ApiVersion;
use leadgate_connectors::crm::hubspot::client::HubSpot;
use leadgate_connectors::http::client;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::crm::{Crm, CrmError, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::person::Properties;
use leadgate_enrichment::retry::Retry;
use serde_json::{Value, json};

use crate::loopback::{Answer, Server, nobody};

const READ: &str = "POST /crm/v3/objects/contacts/batch/read";
const UPDATE: &str = "POST /crm/v3/objects/contacts/batch/update";

fn hubspot(url: &str) -> HubSpot {
    HubSpot::new(client(), url.to_owned(), ApiVersion::V3, Secret::new("pat-test".into()))
}

async fn read(server: &Server, ids: &[&str]) -> Result<BTreeMap<String, Properties>, CrmError> {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    hubspot(&server.url).read(&ObjectType::CONTACT, &ids, &["email", "jobtitle"]).await
}

async fn write(server: &Server, patches: &[(&str, &[&str])]) -> Result<BTreeMap<String, Written>, CrmError> {
    let patch = |names: &[&str]| Patch::from_iter(names.iter().map(|name| ((*name).to_owned(), "v".to_owned())));
    let patches = patches.iter().map(|(id, names)| ((*id).to_owned(), patch(names))).collect();
    hubspot(&server.url).write(&ObjectType::CONTACT, &patches).await
}

fn done(dropped: &[(&str, &str)]) -> Written {
    let dropped = dropped.iter().map(|(name, why)| ((*name).into(), (*why).into())).collect();
    Written::Done { dropped, reformatted: Patch::new() }
}

fn ok(body: Value) -> Answer {
    (200, body.to_string())
}

fn not_found(id: &str) -> Value {
    json!({"status": "error", "category": "OBJECT_NOT_FOUND", "message": "may be deleted", "context": {"ids": [id]}})
}

fn refusing(property: &str) -> Answer {
    let verdicts = json!([{"isValid": false, "message": "v is bad", "error": "INVALID_OPTION", "name": property}]);
    let message = format!("Property values were not valid: {verdicts}");
    (400, json!({"status": "error", "category": "VALIDATION_ERROR", "message": message}).to_string())
}

#[tokio::test]
async fn a_read_leaves_out_what_hubspot_does_not_have() {
    let server = Server::start(|line, _| {
        let record = json!({"id": "1", "properties": {"email": "a@b.example", "jobtitle": null}});
        let survivor = json!({"id": "9", "properties": {"email": "c@d.example"}});
        match line {
            READ => {
                let results = json!([record, survivor]);
                let body = json!({"status": "COMPLETE", "results": results, "errors": [not_found("2")]});
                (207, body.to_string())
            }
            _ if line.contains("/3?") => ok(survivor),
            _ => (404, not_found("4").to_string()),
        }
    })
    .await;
    let records = read(&server, &["1", "2", "3", "4", "../x", "1"]).await.expect("an answer");
    let own = Properties::from([("email".into(), Some("a@b.example".into())), ("jobtitle".into(), None)]);
    let merged = Properties::from([("email".into(), Some("c@d.example".into()))]);
    let expected = BTreeMap::from([("1".into(), own), ("3".into(), merged)]);
    assert_eq!(records, expected, "2 is deleted, 3 was merged into 9, 4 is in no answer and gone");
    let inputs = json!([{"id": "1"}, {"id": "2"}, {"id": "3"}, {"id": "4"}]);
    let expected = json!({"properties": ["email", "jobtitle"], "propertiesWithHistory": [], "inputs": inputs});
    assert_eq!(server.asked()[0], (READ.to_owned(), expected));
    assert_eq!(server.lines().len(), 3, "what is said to be gone, and what can be no id, is not asked for alone");
    assert_eq!(read(&server, &["x"]).await.expect("an answer"), BTreeMap::new());
    assert_eq!(server.lines().len(), 3, "nothing to ask is not asked");
}

#[tokio::test]
async fn a_read_never_takes_a_failure_for_a_deletion() {
    let trouble = json!({"category": "INTERNAL_ERROR", "context": {"ids": ["1"]}});
    let answers = [
        (200, "<html>".to_owned()),
        (200, "[]".to_owned()),
        (200, "{}".to_owned()),
        (200, json!({"status": "PENDING", "results": []}).to_string()),
        (207, json!({"status": "COMPLETE", "results": [], "errors": [trouble]}).to_string()),
        (404, String::new()),
        (500, String::new()),
    ];
    for answer in answers {
        let server = Server::start({
            let answer = answer.clone();
            move |_, _| answer.clone()
        })
        .await;
        let error = read(&server, &["1"]).await.expect_err("no answer");
        assert_ne!(error.retry, Retry::Never, "{answer:?}");
    }
    let error =
        hubspot(&nobody().await).read(&ObjectType::CONTACT, &["1".into()], &[]).await.expect_err("nobody there");
    assert_eq!(error.retry, Retry::Backoff);
}

#[tokio::test]
async fn a_batch_is_one_call_when_all_is_well() {
    let server = Server::start(|_, _| {
        let results = json!([{"id": "1"}, {"id": "7", "objectWriteTraceId": "2"}]);
        ok(json!({"status": "COMPLETE", "results": results}))
    })
    .await;
    let written = write(&server, &[("1", &["city"]), ("2", &["city", "jobtitle"]), ("3", &[]), ("x", &["city"])]).await;
    let rejected = Written::Rejected("its id isn't a number, as HubSpot's are".into());
    let expected = [("1", done(&[])), ("2", done(&[])), ("3", done(&[])), ("x", rejected)];
    let expected = expected.map(|(id, written)| (id.to_owned(), written));
    assert_eq!(written.expect("an answer"), BTreeMap::from(expected));
    let body = json!({"inputs": [
        {"id": "1", "properties": {"city": "v"}, "objectWriteTraceId": "1"},
        {"id": "2", "properties": {"city": "v", "jobtitle": "v"}, "objectWriteTraceId": "2"},
    ]});
    assert_eq!(server.asked(), [(UPDATE.to_owned(), body)]);
}

#[tokio::test]
async fn one_bad_property_costs_only_itself() {
    let server = Server::start(|line, body| match line {
        UPDATE => refusing("seniority"),
        _ if body["properties"].get("seniority").is_some() => refusing("seniority"),
        _ => ok(json!({"id": "1"})),
    })
    .await;
    let written = write(&server, &[("1", &["city", "seniority"]), ("2", &["city"]), ("3", &["seniority"])]).await;
    let rejected = Written::Rejected("HubSpot answered 400 VALIDATION_ERROR".into());
    let expected = [("1", done(&[("seniority", "INVALID_OPTION")])), ("2", done(&[])), ("3", rejected)];
    assert_eq!(written.expect("an answer"), BTreeMap::from(expected.map(|(id, written)| (id.to_owned(), written))));
    assert_eq!(server.connections(), 1, "calls that may be repeated share a connection");
    let alone = |id: u8| format!("PATCH /crm/v3/objects/contacts/{id}");
    assert_eq!(server.lines(), [UPDATE.to_owned(), alone(1), alone(1), alone(2), alone(3)]);
}

#[tokio::test]
async fn what_a_warning_names_is_not_taken_for_written() {
    let warning =
        |category: &str, context: Value| json!({"category": category, "message": "v is bad", "context": context});
    let named = warning("PROPERTY_LEFT_OUT", json!({"propertyNames": ["city", "another"]}));
    let other = warning("SLOW", json!({}));
    let server = Server::start(move |line, _| match line {
        UPDATE => {
            let results = json!([
                {"id": "1", "warnings": [named, other]},
                {"id": "2", "warnings": [other, "?"]},
                {"id": "3", "warnings": [named]},
                {"id": "9"},
            ]);
            ok(json!({"status": "COMPLETE", "results": results}))
        }
        _ => ok(json!({"id": "4", "warnings": [named]})),
    })
    .await;
    let both: &[&str] = &["city", "jobtitle"];
    let written = write(&server, &[("1", both), ("2", both), ("3", &["city"]), ("4", both)]).await;
    let dropped = || done(&[("city", "PROPERTY_LEFT_OUT")]);
    let nothing = Written::Rejected("HubSpot left all of it out: PROPERTY_LEFT_OUT".into());
    let expected = [("1", dropped()), ("2", done(&[])), ("3", nothing), ("4", dropped())];
    assert_eq!(written.expect("an answer"), BTreeMap::from(expected.map(|(id, written)| (id.to_owned(), written))));
}

#[tokio::test]
async fn a_number_in_another_form_is_told_as_it_stands_and_nothing_else_is() {
    let server = Server::start(|line, _| {
        let shown = json!({"phone": "+1 555-200-0001", "city": "Paris", "mobilephone": "+1 555-999-9999", "fax": null});
        match line {
            UPDATE => ok(json!({"results": [{"id": "1", "properties": shown}]})),
            _ => ok(json!({"id": "2", "properties": shown})),
        }
    })
    .await;
    let patch = [("phone", "+15552000001"), ("city", "London"), ("mobilephone", "+15552000002"), ("fax", "1")];
    let patch: Patch = patch.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let patches = BTreeMap::from([("1".to_owned(), patch.clone()), ("2".to_owned(), patch.clone())]);
    let written = hubspot(&server.url).write(&ObjectType::CONTACT, &patches).await.expect("an answer");
    for id in ["1", "2"] {
        let there = written[id].of(&patch);
        assert_eq!(there["phone"], "+1 555-200-0001");
        let others = ["city", "mobilephone", "fax"];
        assert_eq!(others.map(|name| &there[name]), others.map(|name| &patch[name]), "of record {id}");
    }
}

#[tokio::test]
async fn a_partial_answer_is_finished_record_by_record() {
    let server = Server::start(|line, _| match line {
        UPDATE => {
            let refused = json!({"category": "VALIDATION_ERROR", "context": {"objectWriteTraceId": ["3"]}});
            let errors = json!([not_found("2"), refused]);
            (207, json!({"status": "COMPLETE", "results": [{"id": "1"}], "errors": errors}).to_string())
        }
        "PATCH /crm/v3/objects/contacts/3" => {
            (409, json!({"category": "CONFLICT", "message": "a@b.example"}).to_string())
        }
        _ => (404, json!({"message": "resource not found"}).to_string()),
    })
    .await;
    let city: &[&str] = &["city"];
    let written = write(&server, &[("1", city), ("2", city), ("3", city), ("4", city)]).await.expect("an answer");
    let rejected = Written::Rejected("HubSpot answered 409 CONFLICT".into());
    let expected = [("1", done(&[])), ("2", Written::Gone), ("3", rejected), ("4", Written::Gone)];
    assert_eq!(written, BTreeMap::from(expected.map(|(id, written)| (id.to_owned(), written))));
}

#[tokio::test]
async fn what_is_written_is_told_when_the_rest_fails() {
    let limited = || (429, json!({"policyName": "DAILY"}).to_string());
    let server = Server::start(move |line, _| match line {
        UPDATE => refusing("city"),
        "PATCH /crm/v3/objects/contacts/1" => ok(json!({})),
        _ => limited(),
    })
    .await;
    let city: &[&str] = &["city"];
    let written = write(&server, &[("1", city), ("2", city), ("3", city)]).await.expect("an answer");
    assert_eq!(written, BTreeMap::from([("1".to_owned(), done(&[]))]));
    assert_eq!(server.lines().len(), 3, "no call after the limit was hit");
    let error = write(&server, &[("2", city)]).await.expect_err("nothing was written");
    assert_eq!(error.retry, Retry::After(std::time::Duration::from_secs(3600)));
}

#[test]
fn an_api_version_is_v3_or_a_month() {
    assert_eq!("v3".parse(), Ok(ApiVersion::V3));
    assert_eq!("2026-03".parse(), Ok(ApiVersion::Dated("2026-03".into())));
    for wrong in ["", "v4", "V3", "2026", "2026-3", "2026-03-01", "26-03", "2026-0x", "../x-03"] {
        assert!(wrong.parse::<ApiVersion>().is_err(), "{wrong:?} is no version");
    }
}

#[tokio::test]
async fn a_dated_version_has_its_own_paths() {
    let server = Server::start(|_, _| ok(json!({"results": [{"id": "1"}]}))).await;
    let version = "2026-03".parse().expect("a version");
    let hubspot = HubSpot::new(client(), format!("{}/", server.url), version, Secret::new("t".into()));
    hubspot.read(&ObjectType::CONTACT, &["1".into()], &[]).await.expect("an answer");
    assert_eq!(server.lines(), ["POST /crm/objects/2026-03/contacts/batch/read"]);
}
