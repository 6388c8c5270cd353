//! Reading and writing people, against a server that answers as Attio does.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_connectors::crm::attio::client::Attio;
use leadgate_connectors::http::client;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::crm::schema::{Property, Takes};
use leadgate_enrichment::crm::{Crm, CrmError, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::person::Properties;
use leadgate_enrichment::retry::Retry;
use serde_json::{Value, json};

use crate::loopback::{Answer, Server, nobody};

const PEOPLE: ObjectType = ObjectType::known("people");
const ADA: &str = "bf071e1f-6035-429d-b874-d83ea64ea13b";
const GONE: &str = "3405be95-8375-46a0-bde0-03b3753f8c79";
const ENGINE: &str = "99a03ff3-0435-47da-95cc-76b2caeb4dab";
const QUERY: &str = "POST /v2/objects/people/records/query";
const ONE: &str = "GET /v2/objects/people/records/bf071e1f-6035-429d-b874-d83ea64ea13b";
const UPDATE: &str = "PATCH /v2/objects/people/records/bf071e1f-6035-429d-b874-d83ea64ea13b";

fn attio(url: &str) -> Attio {
    Attio::new(client(), url.to_owned(), Secret::new("a token".into()), Timestamp::UNIX_EPOCH)
}

fn ok(data: Value) -> Answer {
    (200, json!({ "data": data }).to_string())
}

fn refused(status: u16, code: &str, message: &str) -> Answer {
    let kind = "invalid_request_error";
    (status, json!({ "status_code": status, "type": kind, "code": code, "message": message }).to_string())
}

fn row(id: &str, values: Value) -> Value {
    json!({ "id": { "workspace_id": "14beef7a-99f7-4534-a87e-70b564330a4c", "record_id": id }, "values": values })
}

fn ada() -> Value {
    row(
        ADA,
        json!({
            "name": [{ "first_name": "Ada", "last_name": "Lovelace", "full_name": "Ada Lovelace" }],
            "email_addresses": [{ "email_address": "ada@x.example" }, { "email_address": "home@x.example" }],
            "phone_numbers": [], "job_title": [], "city": [{ "value": "London" }],
            "company": [{ "target_object": "companies", "target_record_id": ENGINE }] }),
    )
}

async fn read(server: &Server, ids: &[&str], properties: &[&str]) -> Result<BTreeMap<String, Properties>, CrmError> {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    attio(&server.url).read(&PEOPLE, &ids, properties).await
}

fn patch(values: &[(&str, &str)]) -> BTreeMap<String, Patch> {
    let patch = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    BTreeMap::from([(ADA.to_owned(), patch)])
}

fn done(dropped: &[(&str, &str)]) -> Written {
    let dropped = dropped.iter().map(|(name, why)| ((*name).into(), (*why).into())).collect();
    Written::Done { dropped, reformatted: Patch::new() }
}

/// Reads the person and writes this to it, as a worker does.
async fn written(url: &str, values: &[(&str, &str)]) -> Result<Option<Written>, CrmError> {
    let crm = attio(url);
    crm.read(&PEOPLE, &[ADA.to_owned()], &["email_addresses"]).await.expect("a read");
    Ok(crm.write(&PEOPLE, &patch(values)).await?.remove(ADA))
}

#[tokio::test]
async fn a_read_has_what_the_company_has_and_asks_again_before_anyone_counts_as_gone() {
    let server = Server::start(|line, body| match line {
        QUERY if body["filter"]["record_id"]["$in"] == json!([GONE, ADA]) => ok(json!([ada()])),
        "POST /v2/objects/companies/records/query" => {
            let domains = json!([{ "domain": "engine.example" }]);
            ok(json!([row(ENGINE, json!({ "name": [{ "value": "Engine" }], "domains": domains }))]))
        }
        _ => refused(404, "not_found", "Record not found."),
    })
    .await;
    let asked = ["email_addresses", "name.first_name", "company", "website", "job_title", "city", "linkedin"];
    let found = read(&server, &[ADA, GONE, "../notes", ""], &asked).await.expect("a read");
    assert_eq!(found.keys().collect::<Vec<_>>(), [ADA]);
    let values = asked.map(|name| found[ADA][name].as_deref().unwrap_or_default());
    assert_eq!(values, ["ada@x.example", "Ada", "Engine", "engine.example", "", "London", ""]);
    assert_eq!(server.lines()[1], ONE.replace(ADA, GONE));
    assert_eq!(server.sent("authorization")[0].as_deref(), Some("Bearer a token"));
    assert_eq!(server.lines().len(), 3);
    assert!(read(&server, &["x"], &["city"]).await.expect("no call").is_empty());
    assert_eq!(server.lines().len(), 3, "nothing to ask for");

    // One that a list doesn't have yet is there all the same.
    let server = Server::start(|line, _| if line == QUERY { ok(json!([])) } else { ok(ada()) }).await;
    assert_eq!(read(&server, &[ADA], &["city"]).await.expect("a read").len(), 1);
    // What answers under another id is another person.
    let server = Server::start(|line, _| if line == QUERY { ok(json!([])) } else { ok(row(GONE, json!({}))) }).await;
    assert!(read(&server, &[ADA], &["city"]).await.expect("a read").is_empty());
}

#[tokio::test]
async fn an_answer_that_is_not_whole_passes_for_no_one_gone() {
    for (status, body) in [
        (200, json!({ "data": null }).to_string()),
        (200, json!({ "data": [row(GONE, json!({}))] }).to_string()),
        (200, "<html>".to_owned()),
        (200, String::new()),
        (404, "{}".to_owned()),
        (404, "<html>".to_owned()),
        (500, String::new()),
    ] {
        for only in [QUERY, ONE] {
            let server = Server::start({
                let body = body.clone();
                move |line, _| if line == only { (status, body.clone()) } else { ok(json!([])) }
            })
            .await;
            let error = read(&server, &[ADA], &["city"]).await.err();
            // Under its own path, a list has no record in it, and another record is another person.
            if let Some(error) = error {
                assert_ne!(error.retry, Retry::Never, "{status} {body}");
                assert!(!error.reason.contains("a token"), "{}", error.reason);
            } else {
                assert!(only == ONE && body.contains(GONE), "{only}: {body}");
            }
        }
    }
    assert!(attio(&nobody().await).read(&PEOPLE, &[ADA.into()], &["city"]).await.is_err());
}

#[tokio::test]
async fn a_write_names_what_it_changes_and_nothing_else() {
    let server = Server::start(|line, _| if line == QUERY { ok(json!([ada()])) } else { ok(ada()) }).await;
    let refused = [("company", "AN_ATTRIBUTE_OF_THE_COMPANY"), ("name.first_name", "A_PART_OF_A_VALUE")];
    let values = [("job_title", "CTO"), ("industry", ""), ("company", "Engine"), ("name.first_name", "Ada")];
    let end = written(&server.url, &values).await.expect("a write");
    assert_eq!(end, Some(done(&refused)));
    let (line, sent) = server.asked().remove(1);
    assert_eq!(
        (line.as_str(), sent),
        (UPDATE, json!({ "data": { "values": { "job_title": "CTO", "industry": [] } } }))
    );
    let end = written(&server.url, &refused).await.expect("nothing to write");
    assert_eq!((end, server.lines().len()), (Some(done(&refused)), 3), "no call");
}

#[tokio::test]
async fn an_address_or_a_number_is_put_in_front_of_the_others() {
    let server = Server::start(|line, _| {
        let mut shown = ada();
        if line.starts_with("PATCH") {
            shown["values"]["phone_numbers"] = json!([{ "phone_number": "+1 555-200-0001" }]);
        }
        if line == QUERY { ok(json!([shown])) } else { ok(shown) }
    })
    .await;
    let end = written(&server.url, &[("email_addresses", "new@x.example"), ("phone_numbers", "+15552000001")]).await;
    let reformatted = Patch::from([("phone_numbers".to_owned(), "+1 555-200-0001".to_owned())]);
    assert_eq!(end.expect("a write"), Some(Written::Done { dropped: BTreeMap::new(), reformatted }));
    let (line, sent) = server.asked().remove(2);
    let values = json!({ "email_addresses": ["new@x.example"], "phone_numbers": ["+15552000001"] });
    assert_eq!((line.as_str(), sent), (UPDATE, json!({ "data": { "values": values } })));
    // To take one back, the list is written without it.
    written(&server.url, &[("email_addresses", "")]).await.expect("a write");
    let (line, sent) = server.asked().remove(5);
    assert_eq!(line, UPDATE.replace("PATCH", "PUT"));
    assert_eq!(sent, json!({ "data": { "values": { "email_addresses": ["home@x.example"] } } }));
}

#[tokio::test]
async fn an_entry_that_a_person_typed_in_meanwhile_stays() {
    let server = Server::start(|line, _| {
        let mut now = ada();
        if line != QUERY {
            now["values"]["phone_numbers"] = json!([{ "phone_number": "+442079460000" }]);
        }
        if line == QUERY { ok(json!([now])) } else { ok(now) }
    })
    .await;
    for theirs in ["+15552000001", ""] {
        let end = written(&server.url, &[("phone_numbers", theirs), ("job_title", "CTO")]).await.expect("a write");
        assert_eq!(end, Some(done(&[("phone_numbers", "CHANGED_MEANWHILE")])), "{theirs:?}");
        let (line, sent) = server.asked().pop().expect("a write");
        assert_eq!((line.as_str(), sent), (UPDATE, json!({ "data": { "values": { "job_title": "CTO" } } })));
    }
    // What stood there isn't known to a process that hasn't read the person.
    let unread = attio(&server.url).write(&PEOPLE, &patch(&[("phone_numbers", "1")])).await.expect("a write");
    assert_eq!(unread, BTreeMap::new(), "it is to be read first");
}

/// A server that refuses these attributes, by naming them or without a word.
async fn picky(bad: &'static [&'static str], names: bool) -> Server {
    Server::start(move |line, body| {
        let sent = |name: &&&str| body["data"]["values"].get(**name).is_some_and(Value::is_string);
        match bad.iter().find(sent) {
            _ if line == QUERY => ok(json!([ada()])),
            None => ok(ada()),
            Some(name) if names => {
                let message = format!("An invalid value was passed to attribute with slug \"{name}\".");
                refused(400, "validation_type", &message)
            }
            Some(_) => refused(400, "validation_type", "Something is wrong with Ada"),
        }
    })
    .await
}

#[tokio::test]
async fn a_bad_value_is_left_out_and_the_rest_is_written() {
    let values = [("job_title", "CTO"), ("city", "Paris"), ("industry", "x"), ("size", "250"), ("country", "France")];
    for (names, calls_max) in [(true, 4), (false, 11)] {
        let server = picky(&["city", "industry", "size"], names).await;
        let end = written(&server.url, &values).await.expect("a write");
        assert_eq!(end, Some(done(&[("city", "validation_type"), ("industry", "validation_type")])), "{names}");
        let writes = server.asked().split_off(1);
        assert!(writes.len() <= calls_max, "{} calls", writes.len());
        let sent = |name: &str, value: Value| writes.iter().any(|(_, body)| body["data"]["values"][name] == value);
        assert!(sent("size", json!(250)), "a number is sent as one");
        let last = |name: &str| writes.iter().rev().find_map(|(_, body)| body["data"]["values"].get(name)).is_some();
        assert!(last("job_title") && last("country"));
    }
}

#[tokio::test]
async fn a_person_who_is_gone_is_told_from_a_wrong_address() {
    for (status, body, gone) in [
        (404, refused(404, "not_found", "Record not found.").1, true),
        (404, "<html>".to_owned(), false),
        (404, "{}".to_owned(), false),
    ] {
        for values in [[("job_title", "CTO")], [("phone_numbers", "1")]] {
            let server = Server::start({
                let body = body.clone();
                move |line, _| if line == QUERY { ok(json!([ada()])) } else { (status, body.clone()) }
            })
            .await;
            match written(&server.url, &values).await {
                Ok(end) => assert_eq!((end, gone), (Some(Written::Gone), true)),
                Err(error) => assert_eq!((error.retry, gone), (Retry::After(Duration::from_secs(900)), false)),
            }
        }
    }
    let end = attio("http://127.0.0.1:1").write(&PEOPLE, &BTreeMap::from([("x".into(), Patch::new())])).await;
    assert!(matches!(end.expect("no call")["x"], Written::Rejected(_)));
}

#[tokio::test]
async fn the_attributes_of_people_are_listed_and_one_can_be_created() {
    let id = "41252299-f8c7-4b5e-99c9-4ff8321d2f96";
    let server = Server::start(move |line, body| match line.split('?').next().unwrap_or_default() {
        "GET /v2/objects/people/attributes" => {
            let attribute = |slug: &str, kind: &str| {
                json!({ "id": { "attribute_id": id }, "api_slug": slug, "type": kind,
                        "is_writable": slug != "strength", "is_archived": slug == "old" })
            };
            ok(json!([
                attribute("name", "personal-name"),
                attribute("email_addresses", "email-address"),
                attribute("company", "record-reference"),
                attribute("size", "number"),
                attribute("old", "text"),
                attribute("at", "timestamp"),
                attribute("strength", "text"),
                attribute("industry", "select")
            ]))
        }
        _ if body["data"]["api_slug"] == "at" => refused(409, "slug_conflict", "There is one."),
        _ => ok(json!({ "api_slug": "new" })),
    })
    .await;
    let crm = attio(&server.url);
    let found = crm.properties(&PEOPLE).await.expect("a list").expect("Attio says");
    let named = |name: &str| found.iter().find(|property| property.name == name);
    let takes = |name: &str| named(name).expect(name).takes.clone();
    assert_eq!(takes("email_addresses"), Takes::Text { chars_max: None });
    assert_eq!((takes("size"), takes("at")), (Takes::Number, Takes::Instant));
    assert_eq!(takes("industry"), Takes::Other("select".to_owned()));
    for read_only in ["company", "website", "name.first_name", "strength", id] {
        assert!(named(read_only).expect(read_only).is_read_only, "{read_only}");
    }
    assert_eq!(named("old"), None);
    let ours = |name: &str| Property { name: name.to_owned(), takes: Takes::Instant, is_read_only: false };
    assert!(crm.add_property(&PEOPLE, &ours("new")).await.expect("it is created"));
    assert_eq!(server.asked()[1].1["data"]["type"], "timestamp");
    assert!(!crm.add_property(&PEOPLE, &ours("at")).await.expect("it is there"));
}
