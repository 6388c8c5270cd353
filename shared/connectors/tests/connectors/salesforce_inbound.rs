//! What Salesforce sends, by both roads: whether it is believed, and what it tells.

use jiff::Timestamp;
use leadgate_connectors::connector::CrmInbound;
use leadgate_connectors::crm::salesforce::INBOUND;
use leadgate_connectors::crm::salesforce::inbound::callout::RECORDS_MAX;
use leadgate_connectors::crm::salesforce::inbound::outbound_message::NOTIFICATIONS_MAX;
use leadgate_connectors::inbound::{BodyError, Delivery, Events, SignatureError};
use leadgate_connectors::registry;
use leadgate_connectors::secret::Secret;
use leadgate_connectors::signatures::standard_webhooks::{ID, SIGNATURE, TIMESTAMP, sign};
use leadgate_enrichment::config::{Config, Tenant};
use leadgate_enrichment::fingerprint::{FingerprintKey, FingerprintSecret};
use leadgate_enrichment::ids::RequestId;
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::headers;

const CONFIG: &str = include_str!("config/salesforce.toml");
const PATH_SECRET: &str = "8f1c-a-secret-in-the-path";
const APEX_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW: i64 = 1_771_200_000;
const ROAD: &CrmInbound = &INBOUND;

fn tenant() -> Tenant {
    let config = Config::parse(CONFIG, &registry::vendors()).expect("a good file");
    config.tenants.into_values().next().expect("a tenant")
}

fn key() -> FingerprintKey {
    let secret = FingerprintSecret::new("a secret of the connector tests, long").expect("long enough");
    secret.key_of(&"acme".parse().expect("a name"))
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).expect("in range")
}

fn secrets(texts: &[&str]) -> Vec<Secret> {
    texts.iter().map(|text| Secret::new((*text).to_owned())).collect()
}

fn by_path(given: &str, known: &[&str]) -> Result<(), SignatureError> {
    let delivery = Delivery::new("POST", headers([]), b"<a/>".to_vec());
    let delivery = delivery.with_path_secret(Some(Secret::new(given.to_owned())));
    (ROAD.verify)(delivery, &tenant().crm, secrets(known), now()).map(drop)
}

/// An Outbound Message that came to the right address.
fn told(body: &[u8]) -> Result<Events, BodyError> {
    let delivery = Delivery::new("POST", headers([]), body.to_vec()).received_at(now());
    let delivery = delivery.with_path_secret(secrets(&[PATH_SECRET]).pop());
    let delivery = (ROAD.verify)(delivery, &tenant().crm, secrets(&[PATH_SECRET]), now()).expect("the right address");
    (ROAD.events)(&delivery, &tenant(), &key())
}

/// An Apex callout, signed.
fn called(body: &str) -> Result<Events, BodyError> {
    let secrets = secrets(&[APEX_SECRET]);
    let signature = sign(&secrets[0], "msg_1", NOW, body.as_bytes());
    let seconds = NOW.to_string();
    let named = [(ID, Some("msg_1")), (TIMESTAMP, Some(seconds.as_str())), (SIGNATURE, signature.as_deref())];
    let delivery = Delivery::new("POST", headers(named), body.as_bytes().to_vec()).received_at(now());
    let delivery = (ROAD.verify)(delivery, &tenant().crm, secrets, now()).expect("our own signature");
    (ROAD.events)(&delivery, &tenant(), &key())
}

fn message(org: &str, notifications: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>{org}</OrganizationId><ActionId>04k000000000001AAA</ActionId><SessionId xsi:nil="true"/>
   <EnterpriseUrl>https://acme.my.salesforce.com/services/Soap/c/65.0/00D000000000001</EnterpriseUrl>
   <PartnerUrl>https://acme.my.salesforce.com/services/Soap/u/65.0/00D000000000001</PartnerUrl>
   {notifications}
  </notifications>
 </soapenv:Body>
</soapenv:Envelope>"#
    )
}

fn notification(number: usize, object: &str, fields: &str) -> String {
    format!(
        r#"<Notification><Id>04l{number:012}</Id><sObject xsi:type="sf:{object}"
             xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{fields}</sObject></Notification>"#
    )
}

const ORG: &str = "00D000000000001EAA";
const LEAD: &str = "<sf:Id>00Q000000000001</sf:Id><sf:CreatedDate>2026-02-16T00:00:00.000Z</sf:CreatedDate>\
    <sf:Email>ada&amp;co@engine.example</sf:Email><sf:LastModifiedById>005000000000009</sf:LastModifiedById>\
    <sf:LastModifiedDate>2026-02-16T00:00:00.000Z</sf:LastModifiedDate>";

fn one(fields: &str) -> CrmEvent {
    let mut events = told(message(ORG, &notification(1, "Lead", fields)).as_bytes()).expect("a message");
    assert_eq!((events.read.len(), events.unreadable.len()), (1, 0));
    events.read.remove(0)
}

fn due(event: CrmEvent) -> DueEvent {
    match event {
        CrmEvent::Due(event) => event,
        other => panic!("{other:?} is not due"),
    }
}

#[test]
fn an_address_ends_in_one_of_the_secrets() {
    let next = "another-secret-of-the-path";
    for (given, known) in
        [(PATH_SECRET, vec![PATH_SECRET]), (next, vec![PATH_SECRET, next]), (PATH_SECRET, vec![PATH_SECRET, next, ""])]
    {
        assert_eq!(by_path(given, &known), Ok(()));
    }
    for guess in ["", "guessed", &PATH_SECRET[1..], &format!("{PATH_SECRET}x"), APEX_SECRET] {
        assert_eq!(by_path(guess, &[PATH_SECRET, APEX_SECRET]), Err(SignatureError::Mismatch), "{guess}");
    }
    // What can be guessed, or signs the other road, ends no address.
    for none in [vec![], vec![""], vec!["short"], vec![APEX_SECRET]] {
        for given in ["", "short", APEX_SECRET] {
            assert_eq!(by_path(given, &none), Err(SignatureError::NoSecret), "{none:?}");
        }
    }
}

#[test]
fn without_a_secret_in_its_address_a_delivery_has_to_be_signed() {
    let unsigned = Delivery::new("POST", headers([]), message(ORG, "").into_bytes());
    let refused = (ROAD.verify)(unsigned, &tenant().crm, secrets(&[PATH_SECRET, APEX_SECRET]), now()).map(drop);
    assert_eq!(refused, Err(SignatureError::MissingHeader(ID)));
    let unsigned = Delivery::new("POST", headers([]), Vec::new());
    let refused = (ROAD.verify)(unsigned, &tenant().crm, secrets(&[PATH_SECRET]), now()).map(drop);
    assert_eq!(refused, Err(SignatureError::NoSecret), "a secret of addresses signs nothing");
}

#[test]
fn a_notification_tells_of_a_new_record_a_changed_one_or_our_own_write() {
    let event = due(one(LEAD));
    assert_eq!(event.record.to_string(), "acme#salesforce#Lead#00Q000000000001EAA");
    assert_eq!(
        (event.cause.clone(), event.occurred_at),
        (Cause::Created, "2026-02-16T00:00:00Z".parse().expect("a time"))
    );
    let record = event.record.clone();
    let request = |millisecond: i64| RequestId::derive(&record, &format!("{ORG}/04l000000000001AAA/{millisecond}"));
    assert_eq!(event.request, request(1_771_200_000_000));

    let changed = LEAD.replace("00.000Z</sf:LastM", "07.000Z</sf:LastM");
    let event = due(one(&changed));
    assert_eq!((event.cause, event.occurred_at), (Cause::Edited, "2026-02-16T00:00:07Z".parse().expect("a time")));
    assert_eq!(event.request, request(1_771_200_007_000), "the same message again, with what was changed since");

    // Without the dates, or without any field: whether it is there is seen when it is read.
    for bare in
        ["<sf:Id>00Q000000000001EAA</sf:Id>", "<sf:Id>00Q000000000001EAA</sf:Id><sf:Email>a@b.example</sf:Email>"]
    {
        let event = due(one(bare));
        assert_eq!((event.cause, event.occurred_at), (Cause::Edited, now()));
    }
    assert_eq!(one(&LEAD.replace("005000000000009", "005000000000001AAA")), CrmEvent::Other, "the integration user");
    let deleted = format!("{LEAD}<sf:IsDeleted>true</sf:IsDeleted>");
    assert!(matches!(one(&deleted), CrmEvent::Deletion(record) if record.id == "00Q000000000001EAA"));
}

#[test]
fn other_prefixes_other_wsdls_and_other_objects_are_read() {
    let events = |text: String| told(text.as_bytes()).expect("a message").read;
    let plain = message(ORG, &notification(1, "Lead", LEAD));
    let first = events(plain.clone());
    let renamed = plain.replace("soapenv", "S").replace("sf:", "ns7:").replace(":sf", ":ns7").replace("xsi", "i");
    assert_eq!(events(renamed), first);
    assert_eq!(events(plain.replace("urn:sobject.enterprise.", "urn:sobject.partner.")), first);
    assert_eq!(events(plain.replace(ORG, &ORG[..15])), first, "the short form of the org");
    let contact = LEAD.replace("00Q", "003");
    let several = [
        notification(1, "Contact", &contact),
        notification(2, "Opportunity", "<sf:Id>006000000000001AAA</sf:Id>"),
        "<Notification><Id>04l000000000003</Id></Notification>".to_owned(),
    ];
    let several = events(message(ORG, &several.concat()));
    assert_eq!(due(several[0].clone()).record.to_string(), "acme#salesforce#Contact#003000000000001AAA");
    assert_eq!(several[1..], [CrmEvent::Other, CrmEvent::Other]);
}

#[test]
fn what_is_not_a_message_of_the_org_is_refused_as_a_whole() {
    let good = message(ORG, &notification(1, "Lead", LEAD));
    let other = told(message("00D000000000002", &notification(1, "Lead", LEAD)).as_bytes());
    let account = |found: &str| BodyError::Account { found: found.to_owned(), expected: ORG.to_owned() };
    assert_eq!(other, Err(account("00D000000000002EAA")));
    let bogus = told(good.replace(ORG, "Ada's org").as_bytes());
    assert_eq!(bogus, Err(account("none that is an id")), "what isn't an id is not repeated");
    let many: String = (0..=NOTIFICATIONS_MAX).map(|number| notification(number, "Lead", LEAD)).collect();
    let many = told(message(ORG, &many).as_bytes());
    assert_eq!(many, Err(BodyError::TooMany { found: 101, most: 100 }));
    for wrong in ["<a/>", &good.replace("2005/09/outbound", "2005/09/inbound"), &good.replace("/envelope/", "/other/")]
    {
        assert!(matches!(told(wrong.as_bytes()), Err(BodyError::Shape { .. })), "{wrong}");
    }
    let external = good.replace("?>", "?><!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>");
    let refused = told(external.as_bytes());
    assert!(matches!(refused, Err(BodyError::Xml { why: "a document type, which is refused", .. })), "{refused:?}");
    for end in (0..good.len()).step_by(7) {
        assert!(told(&good.as_bytes()[..end]).is_err(), "cut off at {end}");
    }
}

#[test]
fn one_notification_that_cannot_be_read_does_not_fail_the_others() {
    let bad = notification(2, "Lead", "<sf:Id>Ada</sf:Id>");
    let events = told(message(ORG, &format!("{}{bad}", notification(1, "Lead", LEAD))).as_bytes()).expect("a message");
    let expected =
        BodyError::Shape { path: "Notification[1].sObject.Id".to_owned(), found: "something else", expected: "an id" };
    assert_eq!((events.read.len(), events.unreadable), (1, vec![expected.clone()]));
    assert_eq!(told(message(ORG, &bad).as_bytes()).map_err(|error| error.to_string().len() < 100), Err(true));
}

fn body(changes: Value) -> String {
    let mut body = json!({
        "organizationId": ORG, "object": "Lead", "cause": "created", "recordIds": ["00Q000000000001"],
        "changedBy": "005000000000009AAA", "occurredAt": 1_771_199_999_000_i64,
    });
    body.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
    body.to_string()
}

#[test]
fn a_callout_tells_of_records_by_its_cause() {
    let read = |changes: Value| called(&body(changes)).expect("a callout").read.remove(0);
    let event = due(read(json!({})));
    assert_eq!(event.record.to_string(), "acme#salesforce#Lead#00Q000000000001EAA");
    assert_eq!((event.cause.clone(), event.occurred_at.as_millisecond()), (Cause::Created, 1_771_199_999_000));
    assert_eq!(event.request, RequestId::derive(&event.record, &format!("{ORG}/msg_1")));
    assert_eq!(due(read(json!({ "cause": "updated", "occurredAt": null }))).cause, Cause::Edited);
    assert_eq!(due(read(json!({ "occurredAt": null }))).occurred_at, now());
    assert!(matches!(read(json!({ "cause": "deleted" })), CrmEvent::Deletion(_)));
    assert!(matches!(read(json!({ "cause": "forgotten" })), CrmEvent::PrivacyDeletion(_)));
    assert_eq!(read(json!({ "object": "Opportunity" })), CrmEvent::Other);
    assert_eq!(read(json!({ "changedBy": "005000000000001" })), CrmEvent::Other, "the integration user");
}

#[test]
fn what_is_no_callout_of_the_org_is_refused() {
    let refused = |changes: Value| called(&body(changes)).expect_err("it is refused").to_string();
    assert!(refused(json!({ "organizationId": "00D000000000002" })).contains("00D000000000002EAA"));
    assert!(refused(json!({ "organizationId": null })).contains("none that is an id"));
    assert!(refused(json!({ "cause": "guessed" })).contains("cause: found another word"));
    assert!(refused(json!({ "recordIds": "00Q" })).contains("recordIds: found text"));
    assert!(refused(json!({ "recordIds": ["Ada"] })).contains("recordIds[0]"));
    let many = vec!["00Q000000000001"; RECORDS_MAX + 1];
    assert!(refused(json!({ "recordIds": many })).contains("found 201 events, expected at most 200"));
    for wrong in ["", "[]", "null", "{", r#"{"organizationId"#] {
        assert!(called(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn xml_is_answered_in_xml_and_the_rest_in_our_own_words() {
    for kind in ["text/xml; charset=utf-8", "TEXT/XML", "application/soap+xml"] {
        let (ack, no_ack) = ((ROAD.reply)(kind, true).expect("XML"), (ROAD.reply)(kind, false).expect("XML"));
        assert!(ack.body.contains("<Ack>true</Ack>") && no_ack.body.contains("<Ack>false</Ack>"), "{kind}");
        assert_eq!(ack.content_type, "text/xml; charset=utf-8");
    }
    assert_eq!((ROAD.reply)("application/json", true), None);
    assert_eq!((ROAD.reply)("", false), None);
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..900) {
        let mut message = message(ORG, &notification(1, "Lead", LEAD)).into_bytes();
        let at = at.min(message.len());
        message.splice(at..at, bytes.iter().copied());
        let _ = told(&message);
        let _ = told(&bytes);
    }
}
