//! What deliveries tell.

use jiff::Timestamp;
use leadgate_connectors::crm::hubspot::inbound::events::{EVENTS_MAX, EventRules, events};
use leadgate_connectors::crm::hubspot::inbound::signature::{Rules, SIGNATURE_V3, TIMESTAMP, sign_v3, verify};
use leadgate_connectors::inbound::{BodyError, Delivery, Events};
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::fingerprint::{FingerprintKey, FingerprintSecret};
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::headers;

const URL: &str = "https://hooks.example.com/hubspot";

fn read(body: &[u8]) -> Result<Vec<CrmEvent>, BodyError> {
    read_apart(body).map(|events| events.read)
}

fn read_apart(body: &[u8]) -> Result<Events, BodyError> {
    read_of(body, None)
}

fn read_of(body: &[u8], of_companies: Option<Vec<String>>) -> Result<Events, BodyError> {
    let (now, secret) = (Timestamp::UNIX_EPOCH, Secret::new("s".into()));
    let signature = sign_v3(&secret, "POST", URL, body, 0);
    let headers = headers([(SIGNATURE_V3, Some(signature.as_str())), (TIMESTAMP, Some("0"))]);
    let delivery = Delivery::new("POST", headers, body.to_vec());
    let delivery = verify(delivery, &Rules::new(URL.into(), vec![secret]), now).expect("our own signature");
    events(&delivery, &EventRules { of_companies, ..rules() })
}

fn rules() -> EventRules {
    EventRules {
        tenant: "acme".parse().expect("a tenant"),
        portal_id: 33,
        enrich_on_change: vec!["company".into(), "jobtitle".into()],
        of_companies: None,
        key: key(),
    }
}

#[test]
fn what_is_told_of_companies_counts_where_they_are_enriched() {
    let told = |subscription: &str, object: Value, property: Option<&str>, of_companies: Option<Vec<String>>| {
        let event = json!({
            "eventId": 1, "portalId": 33, "occurredAt": 1_462_216_307_945_i64, "subscriptionType": subscription,
            "objectId": 7, "objectTypeId": object, "propertyName": property, "propertyValue": "engine.example",
            "newObjectId": 9, "mergedObjectIds": [7, 8],
        });
        read_of(json!([event]).to_string().as_bytes(), of_companies).map(|mut events| events.read.remove(0))
    };
    let watched = || Some(vec!["domain".to_owned()]);
    let record = |event: Result<CrmEvent, BodyError>| match event.expect("it can be read") {
        CrmEvent::Due(event) => Some(event.record.to_string()),
        CrmEvent::Deletion(record) => Some(format!("gone: {record}")),
        CrmEvent::PrivacyDeletion(_) | CrmEvent::Other => None,
    };
    for word in ["company", "object"] {
        let kind = if word == "object" { json!("0-2") } else { Value::Null };
        let of = |what: &str, property: Option<&str>, watched: Option<Vec<String>>| {
            record(told(&format!("{word}.{what}"), kind.clone(), property, watched))
        };
        assert_eq!(of("creation", None, watched()).as_deref(), Some("acme#hubspot#company#7"));
        assert_eq!(of("propertyChange", Some("domain"), watched()).as_deref(), Some("acme#hubspot#company#7"));
        assert_eq!(of("merge", None, watched()).as_deref(), Some("acme#hubspot#company#9"));
        assert_eq!(of("deletion", None, watched()).as_deref(), Some("gone: acme#hubspot#company#7"));
        for nothing in [of("propertyChange", Some("jobtitle"), watched()), of("restore", None, watched())] {
            assert_eq!(nothing, None);
        }
        for what in ["creation", "propertyChange", "merge", "deletion"] {
            assert_eq!(of(what, Some("domain"), None), None, "{what}: they aren't enriched");
        }
    }
    assert_eq!(record(told("object.creation", json!("0-3"), None, watched())), None, "a deal");
    let event = told("object.creation", json!("0-1"), None, watched());
    assert_eq!(record(event).as_deref(), Some("acme#hubspot#contact#7"));
}

/// `event`, with fields of `changes` put over it; a null takes the field away.
fn one(changes: Value) -> Result<CrmEvent, BodyError> {
    let mut event = json!({
        "eventId": 3_816_279_340_i64, "subscriptionId": 25, "portalId": 33, "appId": 1_160_452,
        "occurredAt": 1_462_216_307_945_i64, "subscriptionType": "contact.creation", "attemptNumber": 0,
        "objectId": 1_246_978_317, "changeSource": "IMPORT", "changeFlag": "CREATED",
    });
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => event.as_object_mut().expect("an object").remove(name),
            value => event.as_object_mut().expect("an object").insert(name.clone(), value.clone()),
        };
    }
    read(json!([event]).to_string().as_bytes()).map(|mut events| events.remove(0))
}

fn due(changes: Value) -> DueEvent {
    match one(changes.clone()) {
        Ok(CrmEvent::Due(event)) => event,
        other => panic!("{changes} was read as {other:?}"),
    }
}

fn path_of(result: Result<CrmEvent, BodyError>) -> String {
    match result {
        Err(BodyError::Shape { path, found, expected }) => format!("{path}: {found}, not {expected}"),
        other => panic!("read as {other:?}"),
    }
}

fn key() -> FingerprintKey {
    let secret = FingerprintSecret::new("a secret of the connector tests, long").expect("long enough");
    secret.key_of(&"acme".parse().expect("a name"))
}

#[test]
fn a_new_contact_is_due_in_both_formats() {
    let classic = due(json!({}));
    assert_eq!(classic.record.to_string(), "acme#hubspot#contact#1246978317");
    assert_eq!(classic.occurred_at.as_millisecond(), 1_462_216_307_945);
    assert_eq!(classic.cause, Cause::Created);
    let generic = due(json!({"subscriptionType": "object.creation", "objectTypeId": "0-1"}));
    assert_eq!((generic.record, generic.cause), (classic.record, Cause::Created));
    let renamed = due(json!({"subscriptionType": null, "eventType": "contact.creation"}));
    assert_eq!(renamed.request, classic.request, "the field's name is no part of the event");
}

#[test]
fn a_watched_property_makes_a_contact_due() {
    let company =
        json!({"subscriptionType": "contact.propertyChange", "propertyName": "company", "propertyValue": "Analytical"});
    let cause = |value: &str| Cause::Changed { property: "company".into(), value: key().of(value) };
    assert_eq!(due(company.clone()).cause, cause("Analytical"));
    let with = |name: &str, value: Value| {
        let mut changes = company.clone();
        changes[name] = value;
        changes
    };
    assert_eq!(due(with("propertyValue", Value::Null)).cause, cause(""));
    assert_eq!(due(with("propertyValue", json!(7))).cause, cause("7"));
    let mut generic = with("subscriptionType", json!("object.propertyChange"));
    assert_eq!(one(generic.clone()), Ok(CrmEvent::Other), "whose property, it doesn't say");
    generic["objectTypeId"] = json!("0-1");
    assert_eq!(due(generic).cause, cause("Analytical"));
    assert_eq!(one(with("propertyName", json!("lifecyclestage"))), Ok(CrmEvent::Other));
    assert_eq!(one(with("propertyName", Value::Null)), Ok(CrmEvent::Other));
}

#[test]
fn a_request_is_the_same_for_each_attempt_and_only_for_this_event() {
    let first = due(json!({})).request;
    assert_eq!(due(json!({"attemptNumber": 7, "changeFlag": "NEW", "subscriptionId": 1})).request, first);
    for other in [
        json!({"eventId": 1}),
        json!({"eventId": null}),
        json!({"objectId": 1}),
        json!({"occurredAt": 1_462_216_307_946_i64}),
        json!({"subscriptionType": "object.creation", "objectTypeId": "0-1"}),
    ] {
        assert_ne!(due(other.clone()).request, first, "{other}");
    }
}

#[test]
fn a_privacy_deletion_needs_only_to_name_its_record() {
    let deletion = one(json!({"subscriptionType": "contact.privacyDeletion", "occurredAt": null, "eventId": null}));
    let record = "acme#hubspot#contact#1246978317".parse().expect("a key");
    assert_eq!(deletion, Ok(CrmEvent::PrivacyDeletion(record)));
    let record: leadgate_enrichment::ids::RecordKey = "acme#hubspot#contact#1246978317".parse().expect("a key");
    for deletion in [
        json!({"subscriptionType": "contact.deletion", "occurredAt": null}),
        json!({"subscriptionType": "object.deletion", "objectTypeId": "0-1"}),
    ] {
        assert_eq!(one(deletion), Ok(CrmEvent::Deletion(record.clone())));
    }
}

#[test]
fn what_we_do_not_act_on_never_fails() {
    for other in [
        json!({"subscriptionType": "contact.restore", "objectId": "what"}),
        json!({"subscriptionType": "object.deletion", "objectTypeId": "0-2"}),
        json!({"subscriptionType": "contact.associationChange", "objectId": null, "fromObjectId": 1}),
        json!({"subscriptionType": "object.creation", "objectTypeId": "0-2"}),
        json!({"subscriptionType": "object.creation", "objectTypeId": 1}),
        json!({"subscriptionType": "object.creation"}),
        json!({"subscriptionType": "moon.landing", "portalId": null, "occurredAt": {"a": [1.5, true, null]}}),
        json!({"subscriptionType": ""}),
    ] {
        assert_eq!(one(other.clone()), Ok(CrmEvent::Other), "{other}");
    }
    assert_eq!(read(b" [ ] "), Ok(vec![]));
}

#[test]
fn what_we_act_on_is_read_strictly() {
    let expected = [
        (json!({"objectId": null}), "[0].objectId: nothing, not an integer"),
        (json!({"objectId": "1a"}), "[0].objectId: text, not an integer"),
        (json!({"objectId": ""}), "[0].objectId: text, not an integer"),
        (json!({"subscriptionType": "contact.merge"}), "[0].newObjectId: nothing, not an integer"),
        (json!({"objectId": 1.5}), "[0].objectId: a number, not an integer"),
        (json!({"objectId": -1}), "[0].objectId: a number below zero, not an integer"),
        (json!({"objectId": u64::MAX}), "[0].objectId: a number beyond 64 bits, not an integer"),
        (json!({"portalId": null}), "[0].portalId: nothing, not an integer"),
        (json!({"portalId": [33]}), "[0].portalId: a list, not an integer"),
        (json!({"portalId": -33}), "[0].portalId: a number below zero, not an integer"),
        (json!({"occurredAt": "now"}), "[0].occurredAt: text, not an integer"),
        (json!({"occurredAt": i64::MAX}), "[0].occurredAt: a number beyond time, not milliseconds since 1970"),
        (json!({"subscriptionType": null}), "[0].subscriptionType: nothing, not text"),
        (json!({"subscriptionType": {}}), "[0].subscriptionType: an object, not text"),
    ];
    for (changes, path) in expected {
        assert_eq!(path_of(one(changes)), path);
    }
}

#[test]
fn one_stranger_fails_the_whole_delivery() {
    let body = br#"[{"subscriptionType":"contact.creation","portalId":33,"objectId":1,"occurredAt":1},{"subscriptionType":"moon.landing","portalId":34}]"#;
    assert_eq!(read(body), Err(BodyError::Account { found: "34".into(), expected: "33".into() }));
}

#[test]
fn a_body_that_is_no_list_of_objects_says_what_it_is() {
    let expected = [
        ("{}", "body: an object without a contact's id, not events, or what a workflow sends"),
        ("null", "body: null, not an array"),
        ("\"ada@example.com\"", "body: text, not an array"),
        ("[[1,2]]", "[0]: a list, not an object"),
    ];
    for (body, path) in expected {
        assert_eq!(path_of(read(body.as_bytes()).map(|mut events| events.remove(0))), path);
    }
}

#[test]
fn a_broken_body_says_where() {
    let json = |line, column, why| Err(BodyError::Json { line, column, why });
    assert_eq!(read(b""), json(1, 0, "ends too early"));
    assert_eq!(read(b"[{\"subscriptionType\":\n\"contact.crea"), json(2, 13, "ends too early"));
    assert_eq!(read(b"[] x"), json(1, 4, "not JSON"));
    assert!(read("[".repeat(100_000).as_bytes()).is_err(), "nesting is bounded");
}

const GOOD: &str = r#"{"subscriptionType":"contact.creation","portalId":33,"objectId":1,"occurredAt":1}"#;

#[test]
fn what_cant_be_read_spoils_only_itself() {
    for (broken, why) in [
        ("7", "[1]: found a number, expected an object"),
        (
            r#"{"subscriptionType":"contact.creation","portalId":33}"#,
            "[1].objectId: found nothing, expected an integer",
        ),
        (r#"{"portalId":33}"#, "[1].subscriptionType: found nothing, expected text"),
    ] {
        let events = read_apart(format!("[{GOOD},{broken},{GOOD}]").as_bytes()).expect("the others");
        let unreadable: Vec<String> = events.unreadable.iter().map(BodyError::to_string).collect();
        assert_eq!((events.read.len(), unreadable.as_slice()), (2, [why.to_owned()].as_slice()));
    }
    assert!(read(b"[7]").is_err(), "nothing of it is HubSpot's");
}

#[test]
fn a_value_that_is_no_text_is_mended() {
    let change = |value: &[u8]| {
        let head = br#"{"subscriptionType":"contact.propertyChange","portalId":33,"objectId":1,"occurredAt":1,"propertyName":"company","propertyValue":""#;
        [b"[".as_slice(), head, value, br#""},"#, GOOD.as_bytes(), b"]"].concat()
    };
    for value in [br"a\ud83d".as_slice(), br"\ude00", b"\xff\xfe", br#"a","propertyValue":"b"#] {
        let events = read(&change(value)).expect("readable");
        assert!(matches!(events.as_slice(), [CrmEvent::Due(_), CrmEvent::Due(_)]), "{events:?}");
    }
}

#[test]
fn digits_and_whole_decimals_are_ids() {
    let first = due(json!({}));
    let text = json!({"objectId": "1246978317", "portalId": "33", "occurredAt": "1462216307945"});
    assert_eq!(due(text), first);
    assert_eq!(due(json!({"objectId": 1_246_978_317.0, "portalId": 33.0})), first);
}

#[test]
fn the_survivor_of_a_merge_is_due() {
    let event = due(json!({
        "subscriptionType": "contact.merge", "objectId": 3, "primaryObjectId": 1, "mergedObjectIds": [1, "2"],
        "newObjectId": 3, "numberOfPropertiesMoved": 4,
    }));
    let key = |id: &str| format!("acme#hubspot#contact#{id}").parse().expect("a key");
    assert_eq!((event.record, event.cause), (key("3"), Cause::Merged { from: vec![key("1"), key("2")] }));
}

#[test]
fn two_changes_of_one_event_are_two_requests() {
    let change = |property: &str| {
        let watched = json!({"subscriptionType": "contact.propertyChange", "propertyName": property});
        due(watched).request
    };
    assert_ne!(change("company"), change("jobtitle"));
}

#[test]
fn a_delivery_holds_so_many_and_no_more() {
    let body = |count: usize| format!("[{}]", vec![r#"{"subscriptionType":"x"}"#; count].join(","));
    assert_eq!(read(body(EVENTS_MAX).as_bytes()).map(|events| events.len()), Ok(EVENTS_MAX));
    assert_eq!(
        read(body(EVENTS_MAX + 1).as_bytes()),
        Err(BodyError::TooMany { found: EVENTS_MAX + 1, most: EVENTS_MAX })
    );
}

/// JSON of any shape, with the names that matter more often than not.
fn any_json() -> impl Strategy<Value = Value> {
    let names = ["subscriptionType", "eventType", "objectId", "portalId", "occurredAt", "eventId", "propertyName"];
    let texts =
        ["contact.creation", "contact.propertyChange", "contact.privacyDeletion", "object.creation", "0-1", "x"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(texts.to_vec()).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 60, 8, move |inner| {
        let key = prop_oneof![proptest::sample::select(names.to_vec()).prop_map(str::to_owned), ".{0,8}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..8).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_body_panics_and_no_error_repeats_it(body in any_json()) {
        let text = body.to_string();
        if let Err(error) = read(text.as_bytes()) {
            prop_assert!(error.to_string().len() < 200, "{}", error);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
    }
}

#[test]
fn a_workflow_sends_one_contact_under_one_of_several_names() {
    let whole = json!({
        "vid": 1_246_978_317, "canonical-vid": 1_246_978_317, "merged-vids": [], "portal-id": 33, "is-contact": true,
        "properties": { "email": { "value": "ada@example.com", "versions": [] }, "hs_object_id": { "value": "1246978317" } },
    });
    let property_only = json!({ "properties": { "hs_object_id": { "value": "1246978317" } } });
    for body in [
        whole,
        property_only,
        json!({ "hs_object_id": "1246978317", "email": "ada@example.com" }),
        json!({ "objectId": 1_246_978_317 }),
    ] {
        let events = read(body.to_string().as_bytes()).expect("a contact");
        let [CrmEvent::Due(DueEvent { record, cause: Cause::Edited, .. })] = events.as_slice() else {
            panic!("{body} is read as {events:?}")
        };
        assert_eq!(record.to_string(), "acme#hubspot#contact#1246978317");
    }
    let refused = |body: Value| read(body.to_string().as_bytes()).expect_err("a refusal");
    let stranger = refused(json!({ "vid": 1, "portal-id": 34 }));
    assert!(matches!(&stranger, BodyError::Account { found, .. } if found == "34"), "{stranger}");
    for nameless in [json!({}), json!({ "email": "ada@example.com" }), json!({ "vid": "ada" }), json!({ "vid": -1 })] {
        assert!(matches!(refused(nameless), BodyError::Shape { .. }));
    }
}
