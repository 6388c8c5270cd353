//! Reading and writing persons, against a server that answers as Pipedrive does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use leadgate_connectors::crm::pipedrive::client::Pipedrive;
use leadgate_connectors::crm::pipedrive::config::Settings;
use leadgate_connectors::http::{Http, client};
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::crm::schema::{Property, Takes};
use leadgate_enrichment::crm::{Crm, CrmError, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::person::Properties;
use leadgate_enrichment::retry::Retry;
use serde_json::{Value, json};

use crate::loopback::{Answer, Server, nobody};

const PERSON: ObjectType = ObjectType::known("person");
const FIELD: &str = "0123456789abcdef0123456789abcdef01234567";
const OTHER_FIELD: &str = "fedcba9876543210fedcba9876543210fedcba98";
const PERSONS: &str = "GET /api/v2/persons";
const ONE: &str = "GET /api/v2/persons/12";
const UPDATE: &str = "PATCH /api/v2/persons/12";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_771_200_000 + second).expect("in range")
}

fn pipedrive_at(http: &Http, url: &str, now: Timestamp) -> Pipedrive {
    let settings = Settings { company_id: 7_654_321, user_id: None, daily_budget_floor: 100 };
    Pipedrive::new(http.clone(), url.to_owned(), settings, Secret::new("a token".into()), now)
}

fn pipedrive(url: &str) -> Pipedrive {
    pipedrive_at(&client().into(), url, at(0))
}

fn ok(data: Value) -> Answer {
    (200, json!({ "success": true, "data": data }).to_string())
}

fn refused(status: u16, error: &str) -> Answer {
    let code = "ERR_SCHEMA_VALIDATION_FAILED";
    (status, json!({ "success": false, "error": error, "code": code }).to_string())
}

fn person() -> Value {
    json!({ "id": 12, "name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace", "org_id": 3, "owner_id": 5,
            "emails": [{ "value": "home@x.example", "primary": false, "label": "home" },
                       { "value": "ada@x.example", "primary": true, "label": "work" }],
            "phones": [{ "value": "", "primary": true, "label": "work" }],
            "is_deleted": false, "job_title": null, "custom_fields": { FIELD: 7 } })
}

/// The line without its query.
fn path(line: &str) -> &str {
    line.split('?').next().unwrap_or_default()
}

async fn read(server: &Server, ids: &[&str], properties: &[&str]) -> Result<BTreeMap<String, Properties>, CrmError> {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    pipedrive(&server.url).read(&PERSON, &ids, properties).await
}

fn patch(values: &[(&str, &str)]) -> BTreeMap<String, Patch> {
    let patch = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    BTreeMap::from([("12".to_owned(), patch)])
}

fn done(dropped: &[(&str, &str)]) -> Written {
    let dropped = dropped.iter().map(|(name, why)| ((*name).into(), (*why).into())).collect();
    Written::Done { dropped, reformatted: Patch::new() }
}

/// Reads the person and writes this to it, as a worker does.
async fn written(url: &str, values: &[(&str, &str)]) -> Result<Option<Written>, CrmError> {
    let crm = pipedrive(url);
    crm.read(&PERSON, &["12".to_owned()], &["email"]).await.expect("a read");
    Ok(crm.write(&PERSON, &patch(values)).await?.remove("12"))
}

#[tokio::test]
async fn a_read_has_what_the_organization_has_and_leaves_out_who_is_gone() {
    let server = Server::start(|line, _| match path(line) {
        PERSONS => ok(json!([person(), { "id": 13, "is_deleted": true }])),
        "GET /api/v2/organizations" => ok(json!([{ "id": 3, "name": "Engine", "website": "https://engine.example" }])),
        other => panic!("{other}"),
    })
    .await;
    let asked = ["email", "phone", "first_name", "company", "website", "job_title", "owner_id", FIELD, OTHER_FIELD];
    let found = read(&server, &["12", "13", "14", "../3", ""], &asked).await.expect("a read");
    assert_eq!(found.keys().collect::<Vec<_>>(), ["12"]);
    let values: Vec<Option<&str>> = asked.iter().map(|name| found["12"][*name].as_deref()).collect();
    let expected = ["ada@x.example", "", "Ada", "Engine", "https://engine.example", "", "5", "7", ""];
    assert_eq!(values, expected.map(|value| Some(value).filter(|value| !value.is_empty())));
    assert!(server.lines()[0].contains("ids=12%2C13%2C14"), "{:?}", server.lines());
    assert_eq!(server.sent("x-api-token")[0].as_deref(), Some("a token"));
    read(&server, &["12", "13"], &["email"]).await.expect("a read");
    assert_eq!(server.lines().len(), 3, "the organization isn't asked for in vain");
    assert!(read(&server, &["x"], &["email"]).await.expect("no call").is_empty());
    assert_eq!(server.lines().len(), 3, "nothing to ask for");
}

#[tokio::test]
async fn an_answer_that_is_not_whole_passes_for_no_one_gone() {
    for (status, body) in [
        (200, json!({ "success": true, "data": null }).to_string()),
        (200, json!({ "success": false, "data": [] }).to_string()),
        (200, json!({ "success": true, "data": [], "additional_data": { "next_cursor": "x" } }).to_string()),
        (200, json!({ "success": true, "data": [{ "id": 99 }] }).to_string()),
        (200, "<html>".to_owned()),
        (200, String::new()),
        (404, "{}".to_owned()),
        (500, String::new()),
    ] {
        let server = Server::start({
            let body = body.clone();
            move |_, _| (status, body.clone())
        })
        .await;
        let error = read(&server, &["12"], &["email"]).await.expect_err("no answer");
        assert_ne!(error.retry, Retry::Never, "{status} {body}");
        assert!(!error.reason.contains("a token"), "{}", error.reason);
    }
    assert!(pipedrive(&nobody().await).read(&PERSON, &["12".into()], &["email"]).await.is_err());
}

#[tokio::test]
async fn a_write_names_what_it_changes_and_nothing_else() {
    let server = Server::start(|line, _| match path(line) {
        PERSONS => ok(json!([person()])),
        _ => ok(person()),
    })
    .await;
    let values = [("job_title", "CTO"), (FIELD, "x"), (OTHER_FIELD, ""), ("company", "Engine"), ("first_name", "Ada")];
    let end = written(&server.url, &values).await.expect("a write");
    let dropped = [("company", "A_FIELD_OF_THE_ORGANIZATION"), ("first_name", "A_PART_OF_THE_NAME")];
    assert_eq!(end, Some(done(&dropped)));
    let (line, sent) = server.asked().remove(1);
    assert_eq!(line, UPDATE);
    assert_eq!(sent, json!({ "job_title": "CTO", "custom_fields": { FIELD: "x", OTHER_FIELD: null } }));
    let end = written(&server.url, &dropped).await.expect("nothing to write");
    assert_eq!((end, server.lines().len()), (Some(done(&dropped)), 3), "no call");
}

#[tokio::test]
async fn writing_an_address_or_a_number_keeps_all_others() {
    let server = Server::start(|line, body| match path(line) {
        PERSONS => ok(json!([person()])),
        ONE => ok(person()),
        _ => {
            let mut person = person();
            person["phones"] = json!([{ "value": "+1 555-200-0001", "primary": true }]);
            assert!(body["emails"].is_array());
            ok(person)
        }
    })
    .await;
    let values = [("email", "new@x.example"), ("phone", "+15552000001")];
    let end = written(&server.url, &values).await.expect("a write");
    let reformatted = Patch::from([("phone".to_owned(), "+1 555-200-0001".to_owned())]);
    assert_eq!(end, Some(Written::Done { dropped: BTreeMap::new(), reformatted }));
    let (line, sent) = server.asked().remove(2);
    let emails = json!([{ "value": "home@x.example", "primary": false, "label": "home" },
                        { "value": "new@x.example", "primary": true, "label": "work" }]);
    let phones = json!([{ "value": "+15552000001", "primary": true, "label": "work" }]);
    assert_eq!((line.as_str(), sent), (UPDATE, json!({ "emails": emails, "phones": phones })));
}

#[tokio::test]
async fn an_entry_that_a_person_typed_in_meanwhile_stays() {
    let server = Server::start(|line, _| {
        let mut now = person();
        if path(line) != PERSONS {
            now["phones"] = json!([{ "value": "+44 20 7946 0000", "primary": true, "label": "work" }]);
        }
        if path(line) == PERSONS { ok(json!([now])) } else { ok(now) }
    })
    .await;
    let values = [("phone", "+15552000001"), ("job_title", "CTO")];
    let end = written(&server.url, &values).await.expect("a write");
    assert_eq!(end, Some(done(&[("phone", "CHANGED_MEANWHILE")])));
    assert_eq!(server.asked()[2].1, json!({ "job_title": "CTO" }));
    // What stood there isn't known to a process that hasn't read the person.
    let unread = pipedrive(&server.url).write(&PERSON, &patch(&values)).await.expect("a write");
    assert_eq!(unread, BTreeMap::new(), "it is to be read first");
}

/// A server that refuses these fields, by naming them or without a word.
async fn picky(bad: &'static [&'static str], names: bool) -> Server {
    Server::start(move |line, body| {
        if path(line) == PERSONS {
            return ok(json!([person()]));
        }
        let sent =
            |field: &&&str| body.get(**field).or(body["custom_fields"].get(**field)).is_some_and(Value::is_string);
        let found: Vec<String> = bad.iter().filter(sent).map(|field| format!("{field}: is not allowed")).collect();
        match found.is_empty() {
            true => ok(person()),
            false if names => refused(400, &format!("Validation failed: {}", found.join("; "))),
            false => refused(400, "Something is wrong with Ada"),
        }
    })
    .await
}

const VALUES: [(&str, &str); 6] =
    [("job_title", "CTO"), ("notes", "a"), ("birthday", "b"), ("c", "c"), (FIELD, "51-200"), (OTHER_FIELD, "250")];

#[tokio::test]
async fn a_bad_field_is_left_out_and_the_rest_is_written() {
    let code = "ERR_SCHEMA_VALIDATION_FAILED";
    for (names, calls_max) in [(true, 3), (false, 10)] {
        let server = picky(&["notes", FIELD], names).await;
        let end = written(&server.url, &VALUES).await.expect("a write");
        assert_eq!(end, Some(done(&[("notes", code), (FIELD, code)])), "{names}");
        let calls = server.lines().len() - 1;
        assert!(calls <= calls_max, "{calls} calls");
        let accepted = server
            .asked()
            .into_iter()
            .skip(1)
            .filter(|(_, body)| body.get("notes").is_none() && body["custom_fields"].get(FIELD).is_none());
        let there: BTreeSet<String> = accepted
            .flat_map(|(_, body)| {
                let custom = body["custom_fields"].as_object().cloned().unwrap_or_default();
                let own = body.as_object().cloned().unwrap_or_default();
                own.into_iter().chain(custom).map(|(name, _)| name).filter(|name| name != "custom_fields")
            })
            .collect();
        assert_eq!(there, ["birthday", "c", OTHER_FIELD, "job_title"].map(str::to_owned).into());
    }
}

#[tokio::test]
async fn a_field_of_numbers_gets_a_number() {
    let server = picky(&[OTHER_FIELD], true).await;
    assert_eq!(written(&server.url, &VALUES).await.expect("a write"), Some(done(&[])));
    assert_eq!(server.asked()[2].1["custom_fields"][OTHER_FIELD], json!(250));
}

#[tokio::test]
async fn what_is_refused_altogether_ends_after_so_many_calls() {
    let names: Vec<String> = (0..40).map(|index| format!("field_{index}")).collect();
    let values: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    let calls = AtomicUsize::new(0);
    let server = Server::start(move |line, _| {
        if path(line) == PERSONS {
            return ok(json!([person()]));
        }
        assert!(calls.fetch_add(1, Ordering::SeqCst) < 24, "a bounded number of calls");
        refused(400, "Something is wrong with Ada")
    })
    .await;
    let end = written(&server.url, &values).await.expect("a write");
    let reason = "Pipedrive answered 400 ERR_SCHEMA_VALIDATION_FAILED";
    assert_eq!(end, Some(Written::Rejected(reason.to_owned())), "and it repeats nothing of the sentence");
}

#[tokio::test]
async fn a_person_who_is_gone_is_told_from_a_wrong_address() {
    for (status, body, gone) in [
        (404, refused(404, "Person not found").1, true),
        (410, refused(410, "Person was deleted").1, true),
        (404, "<html>".to_owned(), false),
    ] {
        for values in [[("job_title", "CTO")], [("phone", "1")]] {
            let server = Server::start({
                let body = body.clone();
                move |line, _| if path(line) == PERSONS { ok(json!([person()])) } else { (status, body.clone()) }
            })
            .await;
            match written(&server.url, &values).await {
                Ok(end) => assert_eq!((end, gone), (Some(Written::Gone), true)),
                Err(error) => {
                    assert_eq!((error.retry, gone), (Retry::After(Duration::from_secs(900)), false));
                }
            }
        }
    }
    let end = pipedrive("http://127.0.0.1:1").write(&PERSON, &BTreeMap::from([("x".into(), Patch::new())])).await;
    assert!(matches!(end.expect("no call")["x"], Written::Rejected(_)));
}

#[tokio::test]
async fn below_the_floor_nothing_is_called_until_it_is_seen_anew() {
    let headers = [("x-daily-ratelimit-token-remaining", "100"), ("x-daily-ratelimit-token-limit", "30000")];
    let server = Server::with_headers(&headers, |_, _| ok(json!([person()]))).await;
    let http: Http = client().into();
    let read = async |second: i64| {
        pipedrive_at(&http, &server.url, at(second)).read(&PERSON, &["12".into()], &["email"]).await.map(|it| it.len())
    };
    assert_eq!(read(0).await.expect("nothing is known yet"), 1);
    let error = read(300).await.expect_err("the rest is others'");
    assert_eq!(error.retry, Retry::After(Duration::from_secs(600)));
    assert_eq!(server.lines().len(), 1);
    assert_eq!(read(901).await.expect("it is tried again"), 1);
}

#[tokio::test]
async fn the_fields_of_persons_are_listed_page_by_page() {
    let server = Server::start(|line, _| {
        let field = |code: &str, kind: &str| json!({ "field_code": code, "field_type": kind, "field_name": "x" });
        let (data, next) = match line.contains("cursor=") {
            false => (json!([field("name", "varchar"), field("emails", "varchar"), field("id", "int")]), json!("next")),
            true => (
                json!([field(FIELD, "double"), field(OTHER_FIELD, "enum"), field("first_name", "varchar")]),
                Value::Null,
            ),
        };
        (200, json!({ "success": true, "data": data, "additional_data": { "next_cursor": next } }).to_string())
    })
    .await;
    let crm = pipedrive(&server.url);
    let found = crm.properties(&PERSON).await.expect("a list").expect("Pipedrive says");
    let named = |name: &str| found.iter().find(|property| property.name == name).expect(name).clone();
    assert_eq!(named("email").takes, Takes::Text { chars_max: None });
    assert_eq!(named("name").takes, Takes::Text { chars_max: Some(255) });
    assert_eq!((named(FIELD).takes, named(OTHER_FIELD).takes), (Takes::Number, Takes::Other("enum".to_owned())));
    for read_only in ["id", "first_name", "last_name", "company", "website"] {
        assert!(named(read_only).is_read_only, "{read_only}");
    }
    let ours = Property { name: FIELD.to_owned(), takes: Takes::Instant, is_read_only: false };
    let error = crm.add_property(&PERSON, &ours).await.expect_err("Pipedrive chooses keys");
    assert_eq!(error.retry, Retry::Never);
}
