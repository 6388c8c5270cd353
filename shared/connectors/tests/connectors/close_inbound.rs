//! What Close sends: whether it is believed, and what it tells.

use jiff::Timestamp;
use leadgate_connectors::crm::close::INBOUND;
use leadgate_connectors::crm::close::config::Settings;
use leadgate_connectors::crm::close::inbound::signature::{SIGNATURE, TIMESTAMP, sign};
use leadgate_connectors::inbound::{BodyError, Delivery, Events, SignatureError};
use leadgate_connectors::registry;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::config::{Config, Tenant};
use leadgate_enrichment::fingerprint::{FingerprintKey, FingerprintSecret};
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::headers;

const CONFIG: &str = include_str!("config/close.toml");
/// A vector that several implementations agree on: the key is decoded, and the time stands right before the body.
const KEY: &str = "058bfb6a3d8cfdc4da7c3be5901b16ae11da982b46a25fb2cd7016e97a140a1c";
const BODY: &str = r#"{"event":{"action":"created","object_type":"lead","object_id":"lead_1","id":"ev_1"},"subscription_id":"whsub_1"}"#;
const AT: &str = "1544271440";
const SIGNED: &str = "cf132eefdb7c76bfc31e673f5e39e30d191e083fd65811b06e347a92498cd5c3";

const US: &str = "user_scOgjLAQD6aBSJYBVhIeNr6FJDp8iDTug8Mv6VqYoFn";

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

/// So many seconds after the vector's time.
fn opened(
    signature: Option<&str>,
    timestamp: Option<&str>,
    body: &str,
    keys: &[&str],
    later: i64,
) -> Result<(), SignatureError> {
    let headers = headers([(SIGNATURE, signature), (TIMESTAMP, timestamp)]);
    let delivery = Delivery::new("POST", headers, body.as_bytes().to_vec());
    let keys = keys.iter().map(|key| Secret::new((*key).to_owned())).collect();
    let now = Timestamp::from_second(1_544_271_440 + later).expect("in range");
    (INBOUND.verify)(delivery, &tenant().crm, keys, now).map(drop)
}

fn told(body: &str) -> Result<Events, BodyError> {
    let (secret, now) = (Secret::new(KEY.to_owned()), at("2026-02-16T00:00:09Z"));
    let signature = sign(&secret, now.as_second(), body.as_bytes()).expect("a key");
    let seconds = now.as_second().to_string();
    let headers = headers([(SIGNATURE, Some(signature.as_str())), (TIMESTAMP, Some(seconds.as_str()))]);
    let delivery = Delivery::new("POST", headers, body.as_bytes().to_vec()).received_at(now);
    let delivery = (INBOUND.verify)(delivery, &tenant().crm, vec![secret], now).expect("it is ours");
    (INBOUND.events)(&delivery, &tenant(), &key())
}

fn event(action: &str, changed: Value, data: Value) -> Value {
    json!({ "subscription_id": "whsub_1", "event": {
        "id": "ev_2CTA", "action": action, "object_type": "contact", "object_id": "cont_BHQfA1", "lead_id": "lead_3Dy",
        "organization_id": "orga_bwwWG475zqWiQGur0thQshwVXo8rIYecQHDWFanqhen", "user_id": "user_other", "api_key_id": null,
        "date_created": "2026-02-16T00:00:00.394000", "date_updated": "2026-02-16T00:00:00.754000",
        "changed_fields": changed, "previous_data": {}, "data": data, "request_id": "req_1",
        "meta": { "request_method": "PUT", "request_path": "/api/v1/contact/cont_BHQfA1/" } } })
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
    assert_eq!(Settings::of(&tenant().crm.own).user_id.as_deref(), Some(US));
    for (from, to, said) in [
        ("organization_id = \"orga_", "# organization_id = \"orga_", "tenants.acme.crm.organization_id: found nothing"),
        ("\"orga_", "\"user_", "tenants.acme.crm.organization_id: found \"user_"),
        ("user_id = \"user_", "user_id = \"../", "tenants.acme.crm.user_id"),
        ("api_key = \"leadgate/acme/crm-token\"\n", "", "tenants.acme.crm.api_key"),
        ("user_id", "user_idd", "found an unknown key"),
    ] {
        let problems = config(&CONFIG.replacen(from, to, 1)).expect_err("the file is bad now");
        assert!(problems.contains(said), "{to}: {problems}");
    }
}

#[test]
fn the_signature_opens_and_nothing_else_does() {
    fn open(signature: &str, timestamp: &str, body: &str, keys: &[&str]) -> Result<(), SignatureError> {
        opened(Some(signature), Some(timestamp), body, keys, 0)
    }
    assert_eq!(open(SIGNED, AT, BODY, &[KEY]), Ok(()));
    assert_eq!(sign(&Secret::new(KEY.to_owned()), 1_544_271_440, BODY.as_bytes()).as_deref(), Some(SIGNED));
    let next = KEY.replace('0', "1");
    assert_eq!(open(SIGNED, AT, BODY, &[&next, KEY]), Ok(()), "one key replaces the other");
    let mismatch = Err(SignatureError::Mismatch);
    assert_eq!(open(SIGNED, AT, BODY, &[&next]), mismatch);
    assert_eq!(open(SIGNED, "1544271441", BODY, &[KEY]), mismatch, "the time is signed, too");
    for bad in ["", "00", &SIGNED[..62], "no digits", &SIGNED.replace('1', "2"), &format!("{SIGNED}00")] {
        assert_eq!(open(bad, AT, BODY, &[KEY]), mismatch, "{bad}");
    }
    for place in [0, 40, BODY.len() - 1] {
        let mut body = BODY.as_bytes().to_vec();
        body[place] ^= 1;
        assert_eq!(open(SIGNED, AT, &String::from_utf8(body).expect("text"), &[KEY]), mismatch, "byte {place}");
    }
    assert_eq!(opened(None, Some(AT), BODY, &[KEY], 0), Err(SignatureError::MissingHeader(SIGNATURE)));
    assert_eq!(opened(Some(SIGNED), None, BODY, &[KEY], 0), Err(SignatureError::MissingHeader(TIMESTAMP)));
}

#[test]
fn a_delivery_is_good_for_five_minutes() {
    for (later, fresh) in [(0, true), (300, true), (-300, true), (301, false), (-301, false), (86_400, false)] {
        let opened = opened(Some(SIGNED), Some(AT), BODY, &[KEY], later);
        assert_eq!(opened, if fresh { Ok(()) } else { Err(SignatureError::Stale { seconds: 300 }) }, "{later}");
    }
    for wrong in ["", "-1", "1544271440.5", " 1544271440", "1e9", "99999999999999999999"] {
        let opened = opened(Some(SIGNED), Some(wrong), BODY, &[KEY], 0);
        assert!(matches!(opened, Err(SignatureError::Timestamp { .. } | SignatureError::Stale { .. })), "{wrong:?}");
    }
}

#[test]
fn a_blank_or_short_key_or_a_text_opens_nothing() {
    for key in ["", " ", "00", "0123456789abcdef", "not made of hexadecimal digits at all"] {
        assert_eq!(sign(&Secret::new(key.to_owned()), 1_544_271_440, b""), None, "{key:?}");
        assert_eq!(opened(Some(SIGNED), Some(AT), BODY, &[key], 0), Err(SignatureError::NoSecret), "{key:?}");
    }
    assert_eq!(opened(Some(SIGNED), Some(AT), BODY, &["", KEY], 0), Ok(()), "beside a good one");
}

#[test]
fn a_created_contact_is_due_also_if_we_created_it() {
    let created = event("created", json!([]), json!({ "id": "cont_BHQfA1" }));
    let event = due(&created.to_string());
    let record = (event.record.object.as_str(), event.record.id.as_str(), event.record.origin.as_str());
    assert_eq!(record, ("contact", "cont_BHQfA1", "close"));
    assert_eq!((event.cause.clone(), event.occurred_at), (Cause::Created, at("2026-02-16T00:00:00.754Z")), "in UTC");
    assert_eq!(due(&with(created.clone(), "/event/user_id", US.into())).cause, Cause::Created);
    assert_eq!(due(&created.to_string()).request, event.request, "it is delivered again");
    assert_ne!(due(&with(created.clone(), "/event/id", "ev_other".into())).request, event.request);
    let offset = with(created.clone(), "/event/date_updated", "2026-02-16T01:00:00+01:00".into());
    assert_eq!(due(&offset).occurred_at, at("2026-02-16T00:00:00Z"));
    let mut timeless = created;
    (timeless["event"]["date_updated"], timeless["event"]["date_created"]) = (Value::Null, "soon".into());
    assert_eq!(due(&timeless.to_string()).occurred_at, at("2026-02-16T00:00:09Z"), "when it arrived");
}

#[test]
fn a_change_makes_due_where_a_watched_property_was_changed() {
    let data = json!({ "id": "cont_BHQfA1", "emails": [{ "type": "office", "email": "ada@x.example" }],
                       "title": "CTO", "custom.cf_city": "London" });
    let changed = |fields: Value| event("updated", fields, data.clone()).to_string();
    let cause = |property: &str, value: &str| Cause::Changed { property: property.to_owned(), value: key().of(value) };
    assert_eq!(due(&changed(json!(["date_updated", "emails"]))).cause, cause("email", "ada@x.example"));
    assert_eq!(due(&changed(json!(["custom.cf_city"]))).cause, cause("custom.cf_city", "London"));
    assert_eq!(due(&changed(json!(["custom"]))).cause, cause("custom.cf_city", "London"), "one of them");
    assert_eq!(due(&changed(json!(["lead_id"]))).cause, Cause::Edited, "what it is called isn't said");
    assert_eq!(told(&changed(json!(["emails", "custom.cf_city"]))).expect("a delivery").read.len(), 2);
    for other in [json!(["title"]), json!(["custom.cf_other"]), json!([]), json!([7])] {
        assert_eq!(one(&changed(other.clone())), CrmEvent::Other, "{other}");
    }
    assert_eq!(due(&changed(Value::Null)).cause, Cause::Edited, "it isn't said what was changed");
}

#[test]
fn our_own_change_is_no_event() {
    let changed = event("updated", json!(["emails"]), json!({ "id": "cont_BHQfA1" }));
    assert!(matches!(one(&changed.to_string()), CrmEvent::Due(_)), "another user");
    let ours: Value = serde_json::from_str(&with(changed, "/event/user_id", US.into())).expect("JSON");
    assert_eq!(one(&ours.to_string()), CrmEvent::Other);
    for (path, value) in [
        ("/event/meta/request_method", json!("POST")),
        ("/event/meta/request_path", json!("/api/v1/lead/lead_3Dy/")),
        ("/event/meta", Value::Null),
    ] {
        assert!(matches!(one(&with(ours.clone(), path, value)), CrmEvent::Due(_)), "{path}: we don't write so");
    }
}

#[test]
fn a_deletion_is_told_and_other_records_and_actions_are_nothing_to_us() {
    let deleted = event("deleted", Value::Null, Value::Null);
    let CrmEvent::Deletion(gone) = one(&deleted.to_string()) else { panic!("a deletion") };
    assert_eq!(gone.id, "cont_BHQfA1");
    for (path, value) in
        [("/event/object_type", "lead"), ("/event/object_type", "activity.call"), ("/event/action", "x")]
    {
        assert_eq!(one(&with(deleted.clone(), path, value.into())), CrmEvent::Other, "{value}");
    }
}

#[test]
fn what_is_for_another_organization_or_cannot_be_read_is_refused() {
    let created = event("created", json!([]), json!({}));
    for other in [json!("orga_other"), json!(1), Value::Null, json!([])] {
        let error = told(&with(created.clone(), "/event/organization_id", other.clone())).expect_err("another one");
        assert!(matches!(error, BodyError::Account { .. }), "{other}: {error}");
    }
    assert!(matches!(told(BODY), Err(BodyError::Account { .. })), "none at all");
    let shape = |body: &str| matches!(told(body), Err(BodyError::Shape { .. }));
    for wrong in ["[]", "7", "{}", r#"{"event":[]}"#] {
        assert!(shape(wrong), "{wrong}");
    }
    for (path, value) in [
        ("/event/object_type", Value::Null),
        ("/event/action", json!(1)),
        ("/event/object_id", json!("cont_../lead")),
        ("/event/object_id", json!("lead_1")),
        ("/event/object_id", json!(7)),
    ] {
        assert!(shape(&with(created.clone(), path, value.clone())), "{path}: {value}");
    }
    let text = created.to_string();
    for end in 0..text.len() {
        assert!(told(&text[..end]).is_err(), "{}", &text[..end]);
    }
}

proptest! {
    #[test]
    fn no_body_breaks_the_reader(text in "\\PC*", action in "created|updated|deleted|x", id in "\\PC{0,20}") {
        let _ = told(&text);
        let mut any = event(&action, json!([id, "emails"]), json!({ "emails": text, "name": id }));
        any["event"]["object_id"] = id.into();
        any["event"]["date_updated"] = text.into();
        let _ = told(&any.to_string());
    }
}
