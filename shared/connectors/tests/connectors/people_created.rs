//! The same at Attio, Close and Zoho CRM.

use jiff::Timestamp;
use leadgate_connectors::crm::attio::client::Attio;
use leadgate_connectors::crm::close::client::Close;
use leadgate_connectors::http::client;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::crm::{Created, Crm};
use leadgate_enrichment::ids::ObjectType;
use serde_json::{Value, json};

use crate::loopback::{Answer, Server};
use crate::people::{ADA, answer, contact, patch, said};
use crate::zoho_client::{server as zoho_server, zoho};

pub(crate) fn attio(url: &str) -> Attio {
    Attio::new(client(), url.to_owned(), Secret::new("a token".into()), Timestamp::UNIX_EPOCH)
}

pub(crate) fn close(url: &str) -> Close {
    Close::new(client(), url.to_owned(), Secret::new("a key".into()))
}

#[tokio::test]
async fn a_person_with_another_address_is_another_person_whatever_was_asked() {
    let addresses = |email: &str| json!([{ "email_address": email, "attribute_type": "email-address" }]);
    let row =
        |id: &str, email: &str| json!({ "id": { "record_id": id }, "values": { "email_addresses": addresses(email) } });
    let [first, second, other] = [1, 2, 3].map(|number| format!("b0000000-0000-4000-8000-{number:012}"));
    let rows = [row(&other, "bob@engine.example"), row(&second, "ADA@engine.example"), row(&first, ADA)];
    let server = Server::start(move |_, _| answer(200, &json!({ "data": rows }))).await;
    let found = attio(&server.url).find_person(ADA).await.expect("an answer");
    assert_eq!(found, Some((ObjectType::known("people"), first)));
    let asked = json!({ "email_addresses": { "email_address": { "$eq": ADA } } });
    let (line, body) = server.asked().pop().expect("a query");
    assert_eq!((line.as_str(), &body["filter"]), ("POST /v2/objects/people/records/query", &asked));

    let contact =
        |id: &str, email: &str, at: &str| json!({ "id": id, "emails": [{ "email": email }], "date_created": at });
    let rows = [
        contact("cont_c", "bob@engine.example", "2026-01-01T10:00:00"),
        contact("cont_a", ADA, "2026-01-03T10:00:00"),
        contact("cont_b", "Ada@Engine.example", "2026-01-02T10:00:00"),
    ];
    let server = Server::start(move |_, _| answer(200, &json!({ "data": rows, "cursor": null }))).await;
    let found = close(&server.url).find_person(ADA).await.expect("an answer");
    assert_eq!(found, Some((ObjectType::CONTACT, "cont_b".to_owned())), "the oldest with the address");
    assert_eq!(close(&server.url).find_person("eve@engine.example").await.expect("an answer"), None);
    let others = json!({ "data": [contact("cont_c", "bob@engine.example", "2026")], "cursor": "more" });
    let server = Server::start(move |_, _| answer(200, &others)).await;
    assert!(close(&server.url).find_person(ADA).await.is_err(), "she may be on another page");

    let server = zoho_server(|line, _| match line.split('?').next().unwrap_or_default() {
        "GET /crm/v8/Contacts/search" => {
            answer(200, &json!({ "data": [{ "id": "9", "Email": "bob@engine.example" }] }))
        }
        "GET /crm/v8/Leads/search" => {
            let leads = json!([{ "id": "31", "Email": ADA }, { "id": "7", "Secondary_Email": "ADA@engine.example" }]);
            answer(200, &json!({ "data": leads }))
        }
        _ => (500, String::new()),
    })
    .await;
    let found = zoho(&server.url).find_person(ADA).await.expect("an answer");
    assert_eq!(found, Some((ObjectType::known("Leads"), "7".to_owned())));
    assert!(server.lines().iter().any(|line| line.contains("email=ada%40engine.example")), "{:?}", server.lines());
}

/// What a server answers to the calls that come one after another.
fn in_order(answers: Vec<Answer>) -> impl Fn(&str, &Value) -> Answer + Send + Sync + 'static {
    let made = std::sync::atomic::AtomicUsize::new(0);
    move |_, _| {
        let at = made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        answers.get(at).cloned().unwrap_or((500, String::new()))
    }
}

#[tokio::test]
async fn a_person_is_created_without_what_attio_refuses_and_never_twice() {
    let id = "b0000000-0000-4000-8000-000000000001";
    let person = || Ok(Created::Record(ObjectType::known("people"), id.to_owned()));
    let made = || answer(200, &json!({ "data": { "id": { "record_id": id }, "values": {} } }));
    let refused =
        |code: &str, sentence: &str| answer(400, &json!({ "status_code": 400, "code": code, "message": sentence }));
    let taken = || refused("uniqueness_conflict", "The value provided for attribute with ID \"x\" conflicts");
    let addresses = json!([{ "email_address": ADA }]);
    let there = json!({ "data": [{ "id": { "record_id": id }, "values": { "email_addresses": addresses } }] });
    let unknown = refused("value_not_found", "Cannot find attribute with slug/ID \"linkedin\".");
    let rule = Ok(Created::Rejected("Attio answered 400 validation_type".to_owned()));
    let conflict = Err("Attio's answer is unreadable: a conflict with no person".to_owned());
    let cases: [(&str, Vec<Answer>, Result<Created, String>); 5] = [
        ("created", vec![made()], person()),
        ("refused in part", vec![unknown, made()], person()),
        ("there", vec![taken(), answer(200, &there)], person()),
        ("there, not found yet", vec![taken(), answer(200, &json!({ "data": [] }))], conflict),
        ("refused", vec![refused("validation_type", "a rule")], rule),
    ];
    let properties = patch(&[("email_addresses", ADA), ("linkedin", "linkedin.com/in/ada")]);
    for (what, answers, expected) in cases {
        let server = Server::start(in_order(answers)).await;
        assert_eq!(said(attio(&server.url).create_person(&properties).await), expected, "{what}");
    }
    let server = Server::start(|_, _| (400, "<html>".to_owned())).await;
    assert!(attio(&server.url).create_person(&properties).await.is_err(), "what stands before Attio says nothing");
}

#[tokio::test]
async fn a_contact_is_created_in_a_lead_of_its_own_and_sent_once_if_that_is_taken() {
    let made = || answer(200, &json!({ "id": "lead_1", "contacts": [{ "id": "cont_1", "emails": [] }] }));
    let refused = || answer(400, &json!({ "errors": [], "field-errors": { "url": "Not a valid URL." } }));
    let properties = patch(&[("email", ADA), ("company", "Engine"), ("website", "engine.example")]);
    let server = Server::start(in_order(vec![refused(), made()])).await;
    assert_eq!(said(close(&server.url).create_person(&properties).await), contact("cont_1"));
    let sent: Vec<Value> = server.asked().into_iter().map(|(_, body)| body).collect();
    let emails = json!([{ "type": "office", "email": ADA }]);
    let bare = json!({ "name": "Engine", "contacts": [{ "emails": emails }] });
    assert_eq!((sent[0]["url"].as_str(), &sent[1]), (Some("https://engine.example"), &bare));

    let server = Server::start(in_order(vec![refused(), refused(), made()])).await;
    let rejected = Ok(Created::Rejected("Close answered 400".to_owned()));
    assert_eq!(said(close(&server.url).create_person(&properties).await), rejected);
    for broken in [answer(200, &json!({ "id": "lead_1" })), (502, String::new()), (400, "<html>".to_owned())] {
        let server = Server::start(in_order(vec![broken.clone()])).await;
        assert!(close(&server.url).create_person(&properties).await.is_err(), "{broken:?}");
        assert_eq!(server.lines().len(), 1, "{broken:?}: it isn't sent again");
    }
}

#[tokio::test]
async fn a_lead_has_what_zoho_requires_and_loses_what_it_refuses() {
    let outcome = |status: u16, code: &str, details: Value| {
        answer(status, &json!({ "data": [{ "code": code, "details": details, "status": "x" }] }))
    };
    let lead = |id: &str| Ok(Created::Record(ObjectType::known("Leads"), id.to_owned()));
    let rejected = |code: &str| Ok(Created::Rejected(format!("Zoho refuses it: {code}")));
    let made = || outcome(201, "SUCCESS", json!({ "id": "31" }));
    let of = |field: &str| json!({ "api_name": field });
    let duplicate = json!({ "api_name": "Email", "duplicate_record": { "id": "7" } });
    let cases: [(&str, Vec<Answer>, Result<Created, String>); 6] = [
        ("created", vec![made()], lead("31")),
        ("refused in part", vec![outcome(400, "INVALID_DATA", of("Website")), made()], lead("31")),
        ("no address", vec![outcome(400, "INVALID_DATA", of("Email")), made()], rejected("INVALID_DATA")),
        ("mandatory", vec![outcome(400, "MANDATORY_NOT_FOUND", of("Industry"))], rejected("MANDATORY_NOT_FOUND")),
        ("there", vec![outcome(400, "DUPLICATE_DATA", duplicate)], lead("7")),
        (
            "there, by the id",
            vec![outcome(400, "DUPLICATE_DATA", json!({ "api_name": "Email", "id": "8" }))],
            lead("8"),
        ),
    ];
    let properties = patch(&[("Email", ADA), ("Website", "engine.example")]);
    for (what, answers, expected) in cases {
        let server = zoho_server(in_order(answers)).await;
        assert_eq!(said(zoho(&server.url).create_person(&properties).await), expected, "{what}");
        let sent = server.asked().into_iter().find(|(line, _)| line == "POST /crm/v8/Leads").expect("a lead").1;
        let whole = json!({ "Email": ADA, "Website": "engine.example", "Last_Name": "[not provided]", "Company": "[not provided]" });
        assert_eq!(sent, json!({ "data": [whole] }), "{what}");
    }
    for broken in [answer(201, &json!({})), (400, "<html>".to_owned()), (502, String::new())] {
        let server = zoho_server(in_order(vec![broken.clone()])).await;
        assert!(zoho(&server.url).create_person(&properties).await.is_err(), "{broken:?}");
    }
}
