//! What Zoho sends: whether it is believed, and what it tells.

use jiff::Timestamp;
use leadgate_connectors::crm::zoho::INBOUND;
use leadgate_connectors::crm::zoho::config::Settings;
use leadgate_connectors::inbound::{BodyError, Delivery, Events, SignatureError};
use leadgate_connectors::registry;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::config::{Config, Tenant};
use leadgate_enrichment::fingerprint::{FingerprintKey, FingerprintSecret};
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::headers;

const CONFIG: &str = include_str!("config/zoho.toml");
const TOKEN: &str = "a token of the connector tests";
const LEAD: &str = "4876876000000624001";
const OTHER: &str = "4876876000000624002";

fn config(text: &str) -> Result<Config, String> {
    let now = "2026-06-01T00:00:00Z".parse().expect("a time");
    Config::check(text, &registry::vendors(), now).map_err(|error| error.to_string())
}

fn tenant() -> Tenant {
    config(CONFIG).expect("a good file").tenants.into_values().next().expect("a tenant")
}

fn key() -> FingerprintKey {
    let secret = FingerprintSecret::new("a secret of the connector tests, long").expect("long enough");
    secret.key_of(&"acme".parse().expect("a name"))
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn opened(body: &str, secrets: &[&str]) -> Result<(), SignatureError> {
    let delivery = Delivery::new("POST", headers([]), body.as_bytes().to_vec());
    let secrets = secrets.iter().map(|secret| Secret::new((*secret).to_owned())).collect();
    (INBOUND.verify)(delivery, &tenant().crm, secrets, at("2026-02-16T00:00:00Z")).map(drop)
}

fn told(body: &str) -> Result<Events, BodyError> {
    let now = at("2026-02-16T00:00:09Z");
    let delivery = Delivery::new("POST", headers([]), body.as_bytes().to_vec()).received_at(now);
    let delivery = (INBOUND.verify)(delivery, &tenant().crm, vec![Secret::new(TOKEN.to_owned())], now);
    (INBOUND.events)(&delivery.expect("it has the token"), &tenant(), &key())
}

fn notification(operation: &str, ids: Value) -> Value {
    json!({ "server_time": 1_771_200_000_754_i64, "query_params": {}, "module": "Leads",
            "resource_uri": "https://www.zohoapis.com/crm/v8/Leads", "ids": ids, "operation": operation,
            "channel_id": "1000000068001", "token": TOKEN, "affected_fields": [], "affected_values": [] })
}

fn with(mut body: Value, path: &str, value: Value) -> String {
    *body.pointer_mut(path).expect("it is there") = value;
    body.to_string()
}

fn one(body: &str) -> CrmEvent {
    let events = told(body).expect("a notification");
    assert_eq!(events.read.len(), 1, "{events:?}");
    events.read.into_iter().next().expect("one")
}

fn due(body: &str) -> DueEvent {
    match one(body) {
        CrmEvent::Due(event) => event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_configuration_is_read() {
    let settings = Settings::of(&tenant().crm.own);
    assert_eq!(settings, Settings { channel_id: 1_000_000_068_001, client_id: "1000.CLIENT".to_owned() });
    for (from, to, said) in [
        ("channel_id = 1000000068001\n", "", "tenants.acme.crm.channel_id: found nothing"),
        ("channel_id = 1000000068001", "channel_id = 0", "tenants.acme.crm.channel_id: found 0"),
        ("credential = \"leadgate/acme/crm-token\"\n", "", "tenants.acme.crm.credential"),
        ("client_id", "client_idd", "found an unknown key"),
    ] {
        let problems = config(&CONFIG.replacen(from, to, 1)).expect_err("the file is bad now");
        assert!(problems.contains(said), "{to}: {problems}");
    }
}

#[test]
fn the_token_opens_and_nothing_else_does() {
    let good = notification("insert", json!([LEAD]));
    let next = "the next token of these tests";
    assert_eq!(opened(&good.to_string(), &[TOKEN]), Ok(()));
    assert_eq!(opened(&with(good.clone(), "/token", next.into()), &[TOKEN, next]), Ok(()), "one replaces the other");
    for bad in ["", "another token of the tests", &TOKEN[..20], &format!("{TOKEN} ")] {
        let opened = opened(&with(good.clone(), "/token", bad.into()), &[TOKEN, next]);
        assert_eq!(opened, Err(SignatureError::Mismatch), "{bad:?}");
    }
    for none in [with(good.clone(), "/token", Value::Null), with(good, "/token", json!([TOKEN])), "<a/>".to_owned()] {
        assert!(matches!(opened(&none, &[TOKEN]), Err(SignatureError::MissingToken(_))), "{none}");
    }
    let long = format!("{}{}", notification("insert", json!([LEAD])), " ".repeat(300 * 1024));
    assert!(opened(&long, &[TOKEN]).is_err(), "a body that is too long isn't parsed for a token");
}

#[test]
fn a_blank_or_short_token_opens_nothing() {
    for secret in ["", " ", "short"] {
        let body = with(notification("insert", json!([LEAD])), "/token", secret.into());
        assert_eq!(opened(&body, &[secret]), Err(SignatureError::NoSecret), "{secret:?}");
    }
    assert_eq!(opened(&notification("insert", json!([LEAD])).to_string(), &["", TOKEN]), Ok(()), "beside a good one");
}

#[test]
fn each_record_of_a_notification_is_due_once() {
    let created = notification("insert", json!([LEAD, OTHER]));
    let read = told(&created.to_string()).expect("a notification").read;
    let [CrmEvent::Due(event), CrmEvent::Due(other)] = read.as_slice() else { panic!("{read:?}") };
    let record = (event.record.object.as_str(), event.record.id.as_str(), event.record.origin.as_str());
    assert_eq!((record, other.record.id.as_str()), (("Leads", LEAD, "zoho"), OTHER));
    assert_eq!((event.cause.clone(), event.occurred_at), (Cause::Created, at("2026-02-16T00:00:00.754Z")));
    let contact = due(&with(notification("insert", json!([LEAD])), "/module", "Contacts".into()));
    assert_eq!(contact.record.object.as_str(), "Contacts");
    assert_eq!(due(&notification("create", json!([LEAD])).to_string()).cause, Cause::Created);
    let again = due(&notification("insert", json!([LEAD])).to_string());
    assert_eq!(again.request, event.request, "it is delivered again");
    let later = with(notification("insert", json!([LEAD])), "/server_time", json!(1_771_200_000_755_i64));
    assert_ne!(due(&later).request, event.request);
}

#[test]
fn a_change_makes_due_where_a_watched_property_was_changed() {
    let updated = |fields: Value, values: Value| {
        let mut body = notification("update", json!([LEAD]));
        (body["affected_fields"], body["affected_values"]) = (fields, values);
        body.to_string()
    };
    let values = json!([{ "record_id": LEAD, "values": { "Email": "ada@x.example" } }]);
    let changed = due(&updated(json!([{ LEAD: ["Email", "Modified_Time"] }]), values.clone()));
    assert_eq!(changed.cause, Cause::Changed { property: "Email".to_owned(), value: key().of("ada@x.example") });
    assert_eq!(due(&updated(json!([{ LEAD: ["Email"] }]), json!([]))).cause, Cause::Edited, "to what isn't said");
    assert_eq!(told(&updated(json!([{ LEAD: ["Email", "City"] }]), json!([]))).expect("one").read.len(), 2);
    for other in [json!([{ LEAD: ["Designation"] }]), json!([{ LEAD: [] }])] {
        assert_eq!(one(&updated(other.clone(), values.clone())), CrmEvent::Other, "{other}");
    }
    for unsaid in [json!([]), Value::Null, json!([{ OTHER: ["Designation"] }])] {
        assert_eq!(due(&updated(unsaid.clone(), json!([]))).cause, Cause::Edited, "any may be meant: {unsaid}");
    }
    // On a contact, fields of leads have other names.
    let of_contact: Value =
        serde_json::from_str(&updated(json!([{ LEAD: ["Mailing_City"] }]), json!([]))).expect("JSON");
    assert!(matches!(one(&with(of_contact.clone(), "/module", "Contacts".into())), CrmEvent::Due(_)));
    assert_eq!(one(&of_contact.to_string()), CrmEvent::Other);
}

#[test]
fn a_deletion_is_told_and_other_modules_are_nothing_to_us() {
    let deleted = notification("delete", json!([LEAD]));
    let CrmEvent::Deletion(gone) = one(&deleted.to_string()) else { panic!("a deletion") };
    assert_eq!(gone.id, LEAD);
    for (path, value) in [("/module", "Deals"), ("/operation", "restore")] {
        assert_eq!(one(&with(deleted.clone(), path, value.into())), CrmEvent::Other, "{value}");
    }
}

#[test]
fn what_is_of_another_channel_or_cannot_be_read_is_refused() {
    let created = notification("insert", json!([LEAD]));
    for other in [json!("1000000068002"), json!(1), Value::Null, json!("acme")] {
        let error = told(&with(created.clone(), "/channel_id", other.clone())).expect_err("another channel");
        assert!(matches!(error, BodyError::Account { .. }), "{other}: {error}");
    }
    let shape = |body: &str| matches!(told(body), Err(BodyError::Shape { .. }));
    for (path, value) in [
        ("/module", Value::Null),
        ("/operation", json!(1)),
        ("/ids", json!("x")),
        ("/ids", json!(["../Deals"])),
        ("/ids", json!([null])),
    ] {
        assert!(shape(&with(created.clone(), path, value.clone())), "{path}: {value}");
    }
    let some = told(&with(created.clone(), "/ids", json!([LEAD, "x"]))).expect("one can be read");
    assert_eq!((some.read.len(), some.unreadable.len()), (1, 1));
    let many: Vec<u64> = (1..=101).collect();
    let error = told(&with(created, "/ids", json!(many))).expect_err("too many");
    assert_eq!(error, BodyError::TooMany { found: 101, most: 100 });
}

proptest! {
    #[test]
    fn no_body_breaks_the_reader(text in "\\PC*", operation in "insert|update|delete|x", id in "\\PC{0,20}") {
        let _ = opened(&text, &[TOKEN]);
        let mut any = notification(&operation, json!([id, LEAD]));
        any["affected_fields"] = json!([{ LEAD: [text] }, id]);
        any["server_time"] = text.into();
        let _ = told(&any.to_string());
    }
}
