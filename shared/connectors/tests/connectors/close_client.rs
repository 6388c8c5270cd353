//! Reading and writing contacts, against a server that answers as Close does.

use std::collections::BTreeMap;
use std::time::Duration;

use leadgate_connectors::crm::close::client::Close;
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

const CONTACT: ObjectType = ObjectType::CONTACT;
const ADA: &str = "cont_Ada";
const ONE: &str = "GET /contact/cont_Ada/";
const UPDATE: &str = "PUT /contact/cont_Ada/";

fn close(url: &str) -> Close {
    Close::new(client(), url.to_owned(), Secret::new("api_key".into()))
}

fn ok(body: &Value) -> Answer {
    (200, body.to_string())
}

fn gone() -> Answer {
    (404, json!({ "error": "Empty query: Contact does not exist." }).to_string())
}

fn ada() -> Value {
    json!({ "id": ADA, "lead_id": "lead_Engine", "organization_id": "orga_x", "name": "Ada Lovelace", "title": null,
            "emails": [{ "type": "office", "email": "ada@x.example" }, { "type": "home", "email": "home@x.example" }],
            "phones": [], "urls": [], "custom.cf_city": "London" })
}

async fn read(server: &Server, ids: &[&str], properties: &[&str]) -> Result<BTreeMap<String, Properties>, CrmError> {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    close(&server.url).read(&CONTACT, &ids, properties).await
}

fn patch(values: &[(&str, &str)]) -> BTreeMap<String, Patch> {
    let patch = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    BTreeMap::from([(ADA.to_owned(), patch)])
}

fn done(dropped: &[(&str, &str)]) -> Written {
    let dropped = dropped.iter().map(|(name, why)| ((*name).into(), (*why).into())).collect();
    Written::Done { dropped, reformatted: Patch::new() }
}

/// Reads the contact and writes this to it, as a worker does.
async fn written(url: &str, values: &[(&str, &str)]) -> Result<Option<Written>, CrmError> {
    let crm = close(url);
    crm.read(&CONTACT, &[ADA.to_owned()], &["email"]).await.expect("a read");
    Ok(crm.write(&CONTACT, &patch(values)).await?.remove(ADA))
}

#[tokio::test]
async fn a_read_has_what_the_lead_has_and_leaves_out_who_is_gone() {
    let server = Server::start(|line, _| match line {
        ONE => ok(&ada()),
        "GET /contact/cont_Bob/" => ok(&json!({ "id": "cont_Bob", "lead_id": "lead_Engine" })),
        "GET /lead/lead_Engine/" => {
            ok(&json!({ "id": "lead_Engine", "name": "Engine", "url": "https://engine.example" }))
        }
        _ => gone(),
    })
    .await;
    let asked = ["email", "phone", "first_name", "last_name", "company", "website", "title", "custom.cf_city"];
    let found =
        read(&server, &[ADA, "cont_Bob", "cont_Gone", "cont_../me", "lead_1", ""], &asked).await.expect("a read");
    assert_eq!(found.keys().collect::<Vec<_>>(), [ADA, "cont_Bob"]);
    let values = asked.map(|name| found[ADA][name].as_deref().unwrap_or_default());
    assert_eq!(values, ["ada@x.example", "", "Ada", "Lovelace", "Engine", "https://engine.example", "", "London"]);
    assert_eq!(found["cont_Bob"]["company"].as_deref(), Some("Engine"));
    assert_eq!(server.lines().len(), 4, "a lead is read once");
    assert_eq!(server.sent("authorization")[0].as_deref(), Some("Basic YXBpX2tleTo="), "the key, and no password");
    read(&server, &[ADA], &["email"]).await.expect("a read");
    assert_eq!(server.lines().len(), 5, "the lead isn't asked for in vain");
}

#[tokio::test]
async fn an_answer_that_is_not_whole_passes_for_no_one_gone() {
    for (status, body) in [
        (200, json!({ "data": [] }).to_string()),
        (200, json!({ "id": "cont_Bob" }).to_string()),
        (200, "<html>".to_owned()),
        (200, String::new()),
        (404, "{}".to_owned()),
        (404, "<html>".to_owned()),
        (500, String::new()),
    ] {
        let server = Server::start({
            let body = body.clone();
            move |_, _| (status, body.clone())
        })
        .await;
        let error = read(&server, &[ADA], &["email"]).await.expect_err("no answer");
        assert_ne!(error.retry, Retry::Never, "{status} {body}");
        assert!(!error.reason.contains("api_key"), "{}", error.reason);
    }
    assert!(close(&nobody().await).read(&CONTACT, &[ADA.into()], &["email"]).await.is_err());
}

#[tokio::test]
async fn a_write_names_what_it_changes_and_nothing_else() {
    let server = Server::start(|_, _| ok(&ada())).await;
    let refused = [("company", "A_FIELD_OF_THE_LEAD"), ("first_name", "A_PART_OF_A_FIELD")];
    let values = [("title", "CTO"), ("custom.cf_x", ""), ("company", "Engine"), ("first_name", "Ada")];
    assert_eq!(written(&server.url, &values).await.expect("a write"), Some(done(&refused)));
    let (line, sent) = server.asked().remove(1);
    assert_eq!((line.as_str(), sent), (UPDATE, json!({ "title": "CTO", "custom.cf_x": null })));
    let end = written(&server.url, &refused).await.expect("nothing to write");
    assert_eq!((end, server.lines().len()), (Some(done(&refused)), 3), "no call");
}

#[tokio::test]
async fn writing_an_address_or_a_number_keeps_all_others() {
    let server = Server::start(|line, _| {
        let mut shown = ada();
        if line == UPDATE {
            shown["phones"] = json!([{ "type": "mobile", "phone": "+1 555-200-0001" }]);
        }
        ok(&shown)
    })
    .await;
    let end = written(&server.url, &[("email", "new@x.example"), ("phone", "+15552000001")]).await.expect("a write");
    let reformatted = Patch::from([("phone".to_owned(), "+1 555-200-0001".to_owned())]);
    assert_eq!(end, Some(Written::Done { dropped: BTreeMap::new(), reformatted }));
    let (line, sent) = server.asked().remove(2);
    let emails = json!([{ "type": "office", "email": "new@x.example" }, { "type": "office", "email": "ada@x.example" },
                        { "type": "home", "email": "home@x.example" }]);
    let phones = json!([{ "type": "mobile", "phone": "+15552000001" }]);
    assert_eq!((line.as_str(), sent), (UPDATE, json!({ "emails": emails, "phones": phones })));
}

#[tokio::test]
async fn an_entry_that_a_person_typed_in_meanwhile_stays() {
    let server = Server::start({
        let reads = std::sync::atomic::AtomicUsize::new(0);
        move |line, _| {
            let mut now = ada();
            if line == UPDATE || reads.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 2 == 1 {
                now["phones"] = json!([{ "type": "office", "phone": "+442079460000" }]);
            }
            ok(&now)
        }
    })
    .await;
    for value in ["+15552000001", ""] {
        let end = written(&server.url, &[("phone", value), ("title", "CTO")]).await.expect("a write");
        assert_eq!(end, Some(done(&[("phone", "CHANGED_MEANWHILE")])), "{value:?}");
        let (line, sent) = server.asked().pop().expect("a write");
        assert_eq!((line.as_str(), sent), (UPDATE, json!({ "title": "CTO" })));
    }
    // What stood there isn't known to a process that hasn't read the contact.
    let unread = close(&server.url).write(&CONTACT, &patch(&[("phone", "1")])).await.expect("a write");
    assert_eq!(unread, BTreeMap::new(), "it is to be read first");
}

#[tokio::test]
async fn a_bad_field_is_left_out_and_the_rest_is_written() {
    const BAD: [&str; 3] = ["custom.cf_country", "custom.cf_industry", "custom.cf_size"];
    let values = [
        ("title", "CTO"),
        ("custom.cf_city", "Paris"),
        ("custom.cf_country", "France"),
        ("custom.cf_industry", "x"),
        ("custom.cf_size", "250"),
    ];
    for (names, calls_max) in [(true, 3), (false, 11)] {
        let server = Server::start(move |line, body| {
            let wrong = BAD.iter().filter(|name| body.get(**name).is_some_and(Value::is_string));
            let wrong: serde_json::Map<String, Value> =
                wrong.map(|name| ((*name).to_owned(), "is wrong".into())).collect();
            match (line, wrong.is_empty(), names) {
                (ONE, ..) | (_, true, _) => ok(&ada()),
                (_, _, true) => (400, json!({ "field-errors": wrong, "errors": [] }).to_string()),
                (_, _, false) => (400, json!({ "errors": ["Something is wrong with Ada"] }).to_string()),
            }
        })
        .await;
        let end = written(&server.url, &values).await.expect("a write");
        let dropped = [("custom.cf_country", "REFUSED"), ("custom.cf_industry", "REFUSED")];
        assert_eq!(end, Some(done(&dropped)), "{names}");
        let writes = server.asked().split_off(1);
        assert!(writes.len() <= calls_max, "{} calls", writes.len());
        assert!(writes.iter().any(|(_, body)| body["custom.cf_size"] == 250), "a number is sent as one");
        assert!(["title", "custom.cf_city"].iter().all(|name| writes.iter().any(|(_, body)| !body[*name].is_null())));
    }
}

#[tokio::test]
async fn a_contact_who_is_gone_is_told_from_a_wrong_address() {
    for (status, body, is_gone) in
        [(404, gone().1, true), (404, "<html>".to_owned(), false), (404, "{}".to_owned(), false)]
    {
        let server = Server::start({
            let body = body.clone();
            move |line, _| if line == ONE { ok(&ada()) } else { (status, body.clone()) }
        })
        .await;
        match written(&server.url, &[("title", "CTO")]).await {
            Ok(end) => assert_eq!((end, is_gone), (Some(Written::Gone), true)),
            Err(error) => assert_eq!((error.retry, is_gone), (Retry::After(Duration::from_secs(900)), false)),
        }
    }
    let end = close("http://127.0.0.1:1").write(&CONTACT, &BTreeMap::from([("x".into(), Patch::new())])).await;
    assert!(matches!(end.expect("no call")["x"], Written::Rejected(_)));
}

#[tokio::test]
async fn the_fields_of_contacts_are_listed_page_by_page() {
    let server = Server::start(|line, _| {
        let field = |id: &str, kind: &str| json!({ "id": id, "type": kind, "name": "x", "choices": ["a", "b"] });
        let first = line.contains("_skip=0");
        let data = match first {
            true => json!([field("cf_city", "text"), field("cf_size", "number")]),
            false => json!([field("cf_at", "datetime"), field("cf_kind", "choices"), field("cf_who", "user")]),
        };
        ok(&json!({ "data": data, "has_more": first }))
    })
    .await;
    let crm = close(&server.url);
    let found = crm.properties(&CONTACT).await.expect("a list").expect("Close says");
    let named = |name: &str| found.iter().find(|property| property.name == name).expect(name);
    assert_eq!(named("email").takes, Takes::Text { chars_max: None });
    assert_eq!((&named("custom.cf_size").takes, &named("custom.cf_at").takes), (&Takes::Number, &Takes::Instant));
    assert_eq!(named("custom.cf_kind").takes, Takes::Choice(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(named("custom.cf_who").takes, Takes::Other("user".to_owned()));
    for read_only in ["company", "website", "first_name", "linkedin", "id"] {
        assert!(named(read_only).is_read_only, "{read_only}");
    }
    let ours = Property { name: "custom.cf_x".to_owned(), takes: Takes::Instant, is_read_only: false };
    assert_eq!(crm.add_property(&CONTACT, &ours).await.expect_err("Close chooses ids").retry, Retry::Never);
}
