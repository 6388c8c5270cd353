//! What Pipedrive sends: whether it is believed, and what it tells.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use leadgate_connectors::crm::pipedrive::INBOUND;
use leadgate_connectors::crm::pipedrive::config::Settings;
use leadgate_connectors::inbound::{BodyError, Delivery, Events, SignatureError};
use leadgate_connectors::registry;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::config::{Config, Tenant};
use leadgate_enrichment::fingerprint::{FingerprintKey, FingerprintSecret};
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::headers;

const CONFIG: &str = include_str!("config/pipedrive.toml");
const CREDENTIALS: &str = "leadgate:a password of the connector tests";
const FIELD: &str = "0123456789abcdef0123456789abcdef01234567";

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

fn basic(credentials: &str) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

fn opened(header: Option<&str>, secrets: &[&str]) -> Result<(), SignatureError> {
    let delivery = Delivery::new("POST", headers([("authorization", header)]), b"{}".to_vec());
    let secrets = secrets.iter().map(|secret| Secret::new((*secret).to_owned())).collect();
    (INBOUND.verify)(delivery, &tenant().crm, secrets, at("2026-02-16T00:00:00Z")).map(drop)
}

fn told(body: &str) -> Result<Events, BodyError> {
    let header = basic(CREDENTIALS);
    let delivery = Delivery::new("POST", headers([("authorization", Some(header.as_str()))]), body.as_bytes().to_vec());
    let delivery = delivery.received_at(at("2026-02-16T00:00:09Z"));
    let secrets = vec![Secret::new(CREDENTIALS.to_owned())];
    let delivery = (INBOUND.verify)(delivery, &tenant().crm, secrets, at("2026-02-16T00:00:09Z")).expect("it is ours");
    (INBOUND.events)(&delivery, &tenant(), &key())
}

/// A delivery about person 12, in the form that was seen in 2025 and 2026: ids are text.
fn body(action: &str, data: Value, previous: Value) -> Value {
    json!({ "data": data, "previous": previous, "meta": {
        "action": action, "company_id": "7654321", "correlation_id": "c0", "entity_id": "12", "entity": "person",
        "id": "6f0a-1", "is_bulk_edit": false, "timestamp": "2026-02-16T00:00:00.754Z", "type": "general",
        "user_id": "999", "version": "2.0", "webhook_id": "1", "webhook_owner_id": "999", "change_source": "app",
        "permitted_user_ids": ["999"], "attempt": 1, "host": "acme.pipedrive.com" } })
}

fn with(mut body: Value, path: &str, value: Value) -> String {
    *body.pointer_mut(path).expect("it is there") = value;
    body.to_string()
}

fn one(body: &str) -> CrmEvent {
    let events = told(body).expect("a delivery");
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
    assert_eq!(settings, Settings { company_id: 7_654_321, user_id: Some(18_487_521), daily_budget_floor: 1000 });
    for (from, to, said) in [
        ("company_id = 7654321\n", "", "tenants.acme.crm.company_id: found nothing"),
        ("company_id = 7654321", "company_id = 0", "tenants.acme.crm.company_id: found 0"),
        ("api_token = \"leadgate/acme/crm-token\"\n", "", "tenants.acme.crm.api_token"),
        ("user_id", "user_idd", "found an unknown key"),
    ] {
        let problems = config(&CONFIG.replacen(from, to, 1)).expect_err("the file is bad now");
        assert!(problems.contains(said), "{to}: {problems}");
    }
}

#[test]
fn the_right_user_and_password_open_and_nothing_else_does() {
    let next = "leadgate:the next password of these tests";
    let both = [CREDENTIALS, next];
    // The documented form of the header.
    assert_eq!(basic("hook-user:hook-pass"), "Basic aG9vay11c2VyOmhvb2stcGFzcw==");
    for good in [basic(CREDENTIALS), basic(next), basic(CREDENTIALS).replace("Basic", "basic")] {
        assert_eq!(opened(Some(&good), &both), Ok(()), "{good}");
    }
    for bad in [
        basic("leadgate:another password of the tests"),
        basic("other:a password of the connector tests"),
        basic(&CREDENTIALS[..CREDENTIALS.len() - 1]),
        basic(&format!("{CREDENTIALS} ")),
        basic(""),
        CREDENTIALS.to_owned(),
        basic(CREDENTIALS).replace("Basic", "Bearer"),
        "Basic".to_owned(),
        "Basic !!!".to_owned(),
        String::new(),
    ] {
        assert_eq!(opened(Some(&bad), &both), Err(SignatureError::Mismatch), "{bad}");
    }
    assert_eq!(opened(None, &both), Err(SignatureError::MissingHeader("authorization")));
}

#[test]
fn a_blank_or_short_secret_opens_nothing() {
    for secret in
        ["", " ", ":", "leadgate:", "leadgate:short", "a long text without any colon", ":a long password alone"]
    {
        assert_eq!(opened(Some(&basic(secret)), &[secret]), Err(SignatureError::NoSecret), "{secret:?}");
    }
    assert_eq!(opened(Some(&basic(CREDENTIALS)), &["", CREDENTIALS]), Ok(()), "beside a good one");
}

#[test]
fn a_created_person_is_due_whoever_creates_it() {
    let created = body("create", json!({ "id": 12 }), Value::Null);
    let event = due(&created.to_string());
    let record = (event.record.object.as_str(), event.record.id.as_str(), event.record.origin.as_str());
    assert_eq!(record, ("person", "12", "pipedrive"));
    assert_eq!((event.cause.clone(), event.occurred_at), (Cause::Created, at("2026-02-16T00:00:00.754Z")));
    // Another program with the same user's token creates persons, too.
    let mut by_us = created.clone();
    (by_us["meta"]["change_source"], by_us["meta"]["user_id"]) = ("api".into(), 18_487_521.into());
    assert_eq!(due(&by_us.to_string()).cause, Cause::Created);
    // Ids as numbers, and the time in seconds, as in other samples.
    let mut numbers = created.clone();
    for (name, value) in [("company_id", 7_654_321), ("entity_id", 12), ("timestamp", 1_771_200_000)] {
        numbers["meta"][name] = value.into();
    }
    assert_eq!(due(&numbers.to_string()).record, event.record);
    assert_eq!(due(&numbers.to_string()).occurred_at, at("2026-02-16T00:00:00Z"));
    // An attempt more is the same event, another id is another one.
    assert_eq!(due(&with(created.clone(), "/meta/attempt", 2.into())).request, event.request);
    assert_ne!(due(&with(created, "/meta/id", "6f0a-2".into())).request, event.request);
}

#[test]
fn a_change_makes_due_where_a_watched_property_was_changed() {
    let emails = json!([{ "value": "old@x.example", "primary": false, "label": "home" },
                        { "value": "ada@x.example", "primary": true, "label": "work" }]);
    let data = json!({ "id": 12, "emails": emails, "job_title": "CTO", "custom_fields": { FIELD: { "type": "varchar", "value": "x" } } });
    let changed = |previous: Value| body("change", data.clone(), previous).to_string();
    let cause = |property: &str, value: &str| Cause::Changed { property: property.to_owned(), value: key().of(value) };
    assert_eq!(due(&changed(json!({ "emails": [] }))).cause, cause("email", "ada@x.example"));
    assert_eq!(due(&changed(json!({ "custom_fields": { FIELD: null } }))).cause, cause(FIELD, "x"));
    assert_eq!(due(&changed(json!({ "org_id": 3 }))).cause, Cause::Edited, "what it is called isn't said");
    let both = told(&changed(json!({ "email": null, "custom_fields": { FIELD: null } }))).expect("a delivery").read;
    assert_eq!(both.len(), 2);
    for other in [json!({ "job_title": null }), json!({ "custom_fields": {} }), json!({})] {
        assert_eq!(one(&changed(other.clone())), CrmEvent::Other, "{other}");
    }
    assert_eq!(due(&changed(Value::Null)).cause, Cause::Edited, "it isn't said what was changed");
}

#[test]
fn our_own_change_is_no_event() {
    let mut changed = body("change", json!({ "id": 12 }), json!({ "emails": [] }));
    (changed["meta"]["change_source"], changed["meta"]["user_id"]) = ("api".into(), "18487521".into());
    assert_eq!(one(&changed.to_string()), CrmEvent::Other);
    for (name, value) in [("change_source", "app"), ("user_id", "999")] {
        let mut theirs = changed.clone();
        theirs["meta"][name] = value.into();
        assert!(matches!(one(&theirs.to_string()), CrmEvent::Due(_)), "{name}");
    }
}

#[test]
fn a_deletion_is_told_and_who_was_merged_into_is_due() {
    let deleted = body("delete", Value::Null, json!({ "id": 12 }));
    let CrmEvent::Deletion(gone) = one(&deleted.to_string()) else { panic!("a deletion") };
    assert_eq!(gone.id, "12");
    let mut merged = deleted;
    merged["meta"]["merged_to_id"] = "13".into();
    let read = told(&merged.to_string()).expect("a delivery").read;
    let [CrmEvent::Deletion(gone), CrmEvent::Due(survivor)] = read.as_slice() else { panic!("{read:?}") };
    assert_eq!((gone.id.as_str(), survivor.record.id.as_str(), &survivor.cause), ("12", "13", &Cause::Edited));
}

#[test]
fn other_records_and_actions_are_nothing_to_us() {
    let created = body("create", Value::Null, Value::Null);
    for (path, value) in [("/meta/entity", "deal"), ("/meta/entity", "organization"), ("/meta/action", "restore")] {
        assert_eq!(one(&with(created.clone(), path, value.into())), CrmEvent::Other, "{value}");
    }
}

#[test]
fn what_is_for_another_company_or_cannot_be_read_is_refused() {
    let created = body("create", json!({ "id": 12 }), Value::Null);
    for other in [json!("7654322"), json!(1), json!(-7_654_321), Value::Null, json!("acme"), json!([7_654_321])] {
        let error = told(&with(created.clone(), "/meta/company_id", other.clone())).expect_err("another company");
        assert!(matches!(error, BodyError::Account { .. }), "{other}: {error}");
    }
    let shape = |body: &str| matches!(told(body), Err(BodyError::Shape { .. }));
    for wrong in ["[]", "7", "{}", r#"{"meta":[]}"#] {
        assert!(shape(wrong), "{wrong}");
    }
    for (path, value) in [("/meta/entity", Value::Null), ("/meta/action", 1.into())] {
        assert!(shape(&with(created.clone(), path, value)), "{path}");
    }
    let no_id = with(created.clone(), "/data", Value::Null);
    assert!(shape(&no_id.replace("\"12\"", "\"../12\"")) && shape(&no_id.replace("\"12\"", "\"012\"")));
    let text = created.to_string();
    for end in 0..text.len() {
        assert!(told(&text[..end]).is_err(), "{}", &text[..end]);
    }
}

proptest! {
    #[test]
    fn no_body_breaks_the_reader(text in "\\PC*", action in "create|change|delete|x", id in "\\PC{0,20}") {
        let _ = told(&text);
        let mut any = body(&action, json!({ "id": id, "emails": text }), json!({ "emails": id }));
        any["meta"]["entity_id"] = id.clone().into();
        any["meta"]["merged_to_id"] = text.into();
        let _ = told(&any.to_string());
    }
}
