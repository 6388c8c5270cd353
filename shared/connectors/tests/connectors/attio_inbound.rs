//! What Attio sends: whether it is believed, and what it tells.

use jiff::Timestamp;
use leadgate_connectors::crm::attio::INBOUND;
use leadgate_connectors::crm::attio::config::Settings;
use leadgate_connectors::crm::attio::inbound::signature::{SIGNATURE, sign};
use leadgate_connectors::inbound::{BodyError, Delivery, Events, SignatureError};
use leadgate_connectors::registry;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::config::{Config, Tenant};
use leadgate_enrichment::fingerprint::FingerprintSecret;
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::headers;

const CONFIG: &str = include_str!("config/attio.toml");
/// The documented example: the secret looks like hexadecimal digits and is used as text.
const SECRET: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
const BODY: &str = r#"{"webhook_id":"23e42eaf-323a-41da-b5bb-fd67eebda553","events":[{"event_type":"record.created","id":{"workspace_id":"14beef7a-99f7-4534-a87e-70b564330a4c","object_id":"97052eb9-e65e-443f-a297-f2d9a4a7f795","record_id":"bf071e1f-6035-429d-b874-d83ea64ea13b"},"actor":{"type":"workspace-member","id":"50cf242c-7fa3-4cad-87d0-75b1af71c57b"}}]}"#;
const SIGNED: &str = "1f0184296db6a982701cb611c278ef96189691f9d74b957281a5ff5b0744c83b";

const RECORD: &str = "bf071e1f-6035-429d-b874-d83ea64ea13b";
const OTHER: &str = "3405be95-8375-46a0-bde0-03b3753f8c79";
const WATCHED: &str = "41252299-f8c7-4b5e-99c9-4ff8321d2f96";
const US: &str = "5e1b6a0c-0d3f-4c7a-9a38-2f4f6a3f0b11";

fn config(text: &str) -> Result<Config, String> {
    let now = "2026-06-01T00:00:00Z".parse().expect("a time");
    Config::check(text, &registry::vendors(), now).map_err(|error| error.to_string())
}

fn tenant() -> Tenant {
    config(CONFIG).expect("a good file").tenants.into_values().next().expect("a tenant")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn opened(signature: Option<&str>, body: &str, secrets: &[&str]) -> Result<(), SignatureError> {
    let delivery = Delivery::new("POST", headers([(SIGNATURE, signature)]), body.as_bytes().to_vec());
    let secrets = secrets.iter().map(|secret| Secret::new((*secret).to_owned())).collect();
    (INBOUND.verify)(delivery, &tenant().crm, secrets, at("2026-02-16T00:00:00Z")).map(drop)
}

fn told_at(body: &str, key: Option<&str>, arrived: &str) -> Result<Events, BodyError> {
    let secret = Secret::new(SECRET.to_owned());
    let signature = sign(&secret, body.as_bytes());
    let headers = headers([(SIGNATURE, Some(signature.as_str())), ("idempotency-key", key)]);
    let delivery = Delivery::new("POST", headers, body.as_bytes().to_vec()).received_at(at(arrived));
    let delivery = (INBOUND.verify)(delivery, &tenant().crm, vec![secret], at(arrived)).expect("it is ours");
    let fingerprints = FingerprintSecret::new("a secret of the connector tests, long").expect("long enough");
    (INBOUND.events)(&delivery, &tenant(), &fingerprints.key_of(&"acme".parse().expect("a name")))
}

fn told(body: &str) -> Result<Events, BodyError> {
    told_at(body, Some("key-1"), "2026-02-16T00:00:09Z")
}

fn event(kind: &str) -> Value {
    json!({ "event_type": kind, "actor": { "type": "workspace-member", "id": "50cf242c-7fa3-4cad-87d0-75b1af71c57b" },
        "id": { "workspace_id": "14beef7a-99f7-4534-a87e-70b564330a4c", "record_id": RECORD,
                "object_id": "97052eb9-e65e-443f-a297-f2d9a4a7f795", "attribute_id": WATCHED } })
}

fn body(events: &[Value]) -> String {
    json!({ "webhook_id": "23e42eaf-323a-41da-b5bb-fd67eebda553", "events": events }).to_string()
}

fn with(mut event: Value, path: &str, value: Value) -> String {
    *event.pointer_mut(path).expect("it is there") = value;
    body(&[event])
}

fn one(body: &str) -> CrmEvent {
    let events = told(body).expect("a delivery");
    assert_eq!(events.read.len(), 1, "{events:?}");
    events.read.into_iter().next().expect("one")
}

fn due(events: Events) -> DueEvent {
    match events.read.into_iter().next() {
        Some(CrmEvent::Due(event)) => event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_configuration_is_read() {
    let settings = Settings::of(&tenant().crm.own);
    assert_eq!(settings.actor_id.as_deref(), Some(US));
    for (from, to, said) in [
        (
            "workspace_id = \"14beef7a-99f7-4534-a87e-70b564330a4c\"\n",
            "",
            "tenants.acme.crm.workspace_id: found nothing",
        ),
        ("97052eb9-e65e-443f-a297-f2d9a4a7f795", "people", "tenants.acme.crm.people_object_id: found \"people\""),
        ("5e1b6a0c", "5E1B6A0C", "tenants.acme.crm.actor_id"),
        ("access_token = \"leadgate/acme/crm-token\"\n", "", "tenants.acme.crm.access_token"),
        ("actor_id", "actor_idd", "found an unknown key"),
    ] {
        let problems = config(&CONFIG.replacen(from, to, 1)).expect_err("the file is bad now");
        assert!(problems.contains(said), "{to}: {problems}");
    }
}

#[test]
fn the_documented_signature_opens_and_nothing_else_does() {
    assert_eq!(opened(Some(SIGNED), BODY, &[SECRET]), Ok(()));
    assert_eq!(sign(&Secret::new(SECRET.to_owned()), BODY.as_bytes()), SIGNED);
    assert_eq!(opened(Some(&SIGNED.to_uppercase()), BODY, &[SECRET]), Ok(()), "the same number");
    assert_eq!(opened(Some(SIGNED), BODY, &["another", SECRET]), Ok(()), "one secret replaces the other");
    let as_bytes = String::from_utf8_lossy(&[0xca, 0x97]).into_owned();
    for secrets in [vec!["another"], vec![&SECRET[..63]], vec![as_bytes.as_str()]] {
        assert_eq!(opened(Some(SIGNED), BODY, &secrets), Err(SignatureError::Mismatch), "{secrets:?}");
    }
    for bad in ["", "00", &SIGNED[..62], "no digits", &SIGNED.replace('1', "2"), &format!("{SIGNED}00")] {
        assert_eq!(opened(Some(bad), BODY, &[SECRET]), Err(SignatureError::Mismatch), "{bad}");
    }
    for place in [0, 40, BODY.len() - 1] {
        let mut body = BODY.as_bytes().to_vec();
        body[place] ^= 1;
        let body = String::from_utf8(body).expect("text");
        assert_eq!(opened(Some(SIGNED), &body, &[SECRET]), Err(SignatureError::Mismatch), "byte {place}");
    }
    assert_eq!(opened(None, BODY, &[SECRET]), Err(SignatureError::MissingHeader(SIGNATURE)));
}

#[test]
fn a_blank_secret_opens_nothing() {
    for secret in ["", " ", "\n"] {
        let signature = sign(&Secret::new(secret.to_owned()), BODY.as_bytes());
        assert_eq!(opened(Some(&signature), BODY, &[secret]), Err(SignatureError::NoSecret), "{secret:?}");
        assert_eq!(
            opened(Some(&signature), BODY, &[secret, SECRET]),
            Err(SignatureError::Mismatch),
            "beside a good one"
        );
    }
}

#[test]
fn a_created_person_is_due_also_if_we_created_it() {
    let event = due(told(BODY).expect("the documented delivery"));
    let record = (event.record.object.as_str(), event.record.id.as_str(), event.record.origin.as_str());
    assert_eq!(record, ("people", RECORD, "attio"));
    assert_eq!((event.cause.clone(), event.occurred_at), (Cause::Created, at("2026-02-16T00:00:09Z")));
    let by_us = with(self::event("record.created"), "/actor/id", US.into());
    assert!(matches!(one(&by_us), CrmEvent::Due(_)), "another program may have the same token");
}

#[test]
fn a_delivery_that_is_made_again_is_the_same_event() {
    let request = |key, arrived| due(told_at(BODY, key, arrived).expect("a delivery")).request;
    let (first, later) = ("2026-02-16T00:00:09Z", "2026-02-17T00:00:09Z");
    assert_eq!(request(Some("a"), first), request(Some("a"), later));
    assert_ne!(request(Some("a"), first), request(Some("b"), first));
    // Without a key, a later edit must not pass for an earlier one.
    assert_ne!(request(None, first), request(None, later));
    let two = body(&[event("record.created"), event("record.updated")]);
    let read = told(&two).expect("a delivery").read;
    let [CrmEvent::Due(one), CrmEvent::Due(other)] = read.as_slice() else { panic!("{read:?}") };
    assert_ne!(one.request, other.request);
}

#[test]
fn a_change_makes_due_where_the_attribute_is_watched_and_we_did_not_make_it() {
    let updated = event("record.updated");
    assert_eq!(due(told(&body(std::slice::from_ref(&updated))).expect("a delivery")).cause, Cause::Edited);
    assert_eq!(one(&with(updated.clone(), "/id/attribute_id", OTHER.into())), CrmEvent::Other);
    assert!(
        matches!(one(&with(updated.clone(), "/id/attribute_id", Value::Null)), CrmEvent::Due(_)),
        "any may be meant"
    );
    assert_eq!(one(&with(updated.clone(), "/actor/id", US.into())), CrmEvent::Other);
    assert!(matches!(one(&with(updated, "/actor", Value::Null)), CrmEvent::Due(_)), "it isn't said who it was");
}

#[test]
fn a_deletion_is_told_and_what_two_have_become_is_due() {
    let CrmEvent::Deletion(gone) = one(&body(&[event("record.deleted")])) else { panic!("a deletion") };
    assert_eq!(gone.id, RECORD);
    let mut merged = event("record.merged");
    merged["duplicate_record_id"] = OTHER.into();
    let read = told(&body(&[merged.clone()])).expect("a delivery").read;
    let [CrmEvent::Deletion(gone), CrmEvent::Due(survivor)] = read.as_slice() else { panic!("{read:?}") };
    assert_eq!((gone.id.as_str(), survivor.record.id.as_str(), &survivor.cause), (OTHER, RECORD, &Cause::Edited));
    merged["duplicate_record_id"] = RECORD.into();
    assert!(matches!(one(&body(&[merged])), CrmEvent::Due(_)), "the one that stays is not deleted");
}

#[test]
fn other_objects_and_events_are_nothing_to_us() {
    let created = event("record.created");
    for (path, value) in [("/id/object_id", OTHER), ("/event_type", "note.created"), ("/event_type", "record.restored")]
    {
        assert_eq!(one(&with(created.clone(), path, value.into())), CrmEvent::Other, "{value}");
    }
}

#[test]
fn what_is_for_another_workspace_or_cannot_be_read_is_refused() {
    let created = event("record.created");
    for other in [json!(OTHER), json!(1), Value::Null, json!("acme"), json!([])] {
        let error = told(&with(created.clone(), "/id/workspace_id", other.clone())).expect_err("another workspace");
        assert!(matches!(error, BodyError::Account { .. }), "{other}: {error}");
        let both =
            [created.clone(), serde_json::from_str(&with(created.clone(), "/id/workspace_id", other)).expect("JSON")];
        let mut second = both[1]["events"][0].clone();
        let error = told(&body(&[created.clone(), second.take()])).expect_err("none of it is carried out");
        assert!(matches!(error, BodyError::Account { .. }), "{error}");
    }
    let shape = |body: &str| matches!(told(body), Err(BodyError::Shape { .. }));
    for wrong in ["[]", "7", "{}", r#"{"events":{}}"#, r#"{"events":[7]}"#, r#"{"events":[{}]}"#] {
        assert!(shape(wrong), "{wrong}");
    }
    for value in [json!("../people"), json!(7), Value::Null, json!(RECORD.to_uppercase())] {
        assert!(shape(&with(created.clone(), "/id/record_id", value.clone())), "{value}");
    }
    let many = vec![created; 101];
    assert_eq!(told(&body(&many)).expect_err("too many"), BodyError::TooMany { found: 101, most: 100 });
    for end in 0..BODY.len() {
        assert!(told(&BODY[..end]).is_err(), "{}", &BODY[..end]);
    }
}

proptest! {
    #[test]
    fn no_body_breaks_the_reader(text in "\\PC*", kind in "record\\.(created|updated|deleted|merged|x)", id in "\\PC{0,20}") {
        let _ = told(&text);
        let mut any = event(&kind);
        any["id"]["record_id"] = id.clone().into();
        any["duplicate_record_id"] = text.into();
        let _ = told(&body(&[any.clone(), json!(id)]));
    }
}
