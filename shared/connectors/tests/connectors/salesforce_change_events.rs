//! What an org's change events tell, in each of the forms in which they come.

use jiff::Timestamp;
use leadgate_connectors::crm::salesforce::INBOUND;
use leadgate_connectors::inbound::{BodyError, BusEvents, Events};
use leadgate_connectors::registry;
use leadgate_enrichment::config::{Config, Tenant};
use leadgate_enrichment::lead::event::{Cause, CrmEvent};
use proptest::prelude::*;
use serde_json::{Value, json};

const CONFIG: &str = include_str!("config/salesforce.toml");
const SOURCE: &str = "aws.partner/salesforce.com/00D000000000001EAA/0YL000000000001AAA";
const COMMITTED_AT: i64 = 1_771_200_000_123;

fn tenant() -> Tenant {
    let config = CONFIG.replacen(
        "organization_id",
        &format!(
            "event_source = \"{SOURCE}\"\nenrich_on_change = [\"Email\", \"Company\", \"Street\"]\norganization_id"
        ),
        1,
    );
    let config = Config::parse(&config, &registry::vendors()).expect("a good file");
    config.tenants.into_values().next().expect("a tenant")
}

fn read(event: &[u8]) -> Result<BusEvents, BodyError> {
    INBOUND.from_bus.expect("it comes by a bus")(event, &tenant())
}

fn told(event: &Value) -> Events {
    match read(event.to_string().as_bytes()) {
        Ok(BusEvents::Ours(events)) => events,
        other => panic!("{other:?} of {event}"),
    }
}

fn header(change: &str) -> Value {
    json!({
        "entityName": "Lead",
        "recordIds": ["00Q000000000001EAA"],
        "changeType": change,
        "changedFields": ["Email", "LastModifiedDate"],
        "changeOrigin": "com/salesforce/api/soap/65.0;client=SomeApp",
        "transactionKey": "000001d5-06ac-8aa0",
        "sequenceNumber": 1,
        "commitTimestamp": COMMITTED_AT,
        // Beyond what a signed number is.
        "commitNumber": 18_446_744_073_709_551_615_u64,
        "commitUser": "005000000000009AAA",
    })
}

fn relayed(header: &Value) -> Value {
    json!({ "source": SOURCE, "time": "2026-02-16T00:00:00Z", "header": header })
}

fn with(change: &str, name: &str, value: Value) -> Value {
    let mut header = header(change);
    header[name] = value;
    relayed(&header)
}

fn cause_of(event: &Value) -> Option<Cause> {
    match told(event).read.as_slice() {
        [CrmEvent::Due(due)] => Some(due.cause.clone()),
        _ => None,
    }
}

#[test]
fn each_form_of_an_event_tells_the_same() {
    let header = header("CREATE");
    let bare = relayed(&header);
    let whole = json!({
        "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": "LeadChangeEvent", "source": SOURCE,
        "account": "000000000000", "time": "2026-02-16T00:00:00Z", "region": "us-east-1", "resources": [],
        "detail": { "payload": { "Email": "ada@engine.example", "ChangeEventHeader": header }, "schemaId": "x" },
    });
    let flow = json!({ "source": SOURCE, "detail": { "Email": "ada@engine.example", "ChangeEventHeader": header } });
    let events = told(&bare);
    assert_eq!((told(&whole), told(&flow)), (told(&bare), told(&bare)));
    let [CrmEvent::Due(due)] = events.read.as_slice() else { panic!("{events:?}") };
    assert_eq!(due.record.to_string(), "acme#salesforce#Lead#00Q000000000001EAA");
    assert_eq!((due.cause.clone(), due.occurred_at.as_millisecond()), (Cause::Created, COMMITTED_AT));

    // The same event makes the same request, and another one another.
    let request = |event: &Value| match told(event).read.remove(0) {
        CrmEvent::Due(due) => due.request,
        other => panic!("{other:?}"),
    };
    assert_eq!(request(&bare), request(&whole));
    assert_ne!(request(&bare), request(&with("CREATE", "sequenceNumber", json!(2))));
    assert_ne!(request(&bare), request(&with("CREATE", "transactionKey", json!("another"))));
}

#[test]
fn what_happened_is_what_is_done_about() {
    for (change, cause) in [
        ("CREATE", Cause::Created),
        ("GAP_CREATE", Cause::Created),
        ("UPDATE", Cause::Edited),
        ("UNDELETE", Cause::Edited),
        ("GAP_UPDATE", Cause::Edited),
        ("GAP_UNDELETE", Cause::Edited),
    ] {
        assert_eq!(cause_of(&relayed(&header(change))), Some(cause), "{change}");
    }
    for change in ["DELETE", "GAP_DELETE"] {
        assert!(matches!(told(&relayed(&header(change))).read.as_slice(), [CrmEvent::Deletion(_)]), "{change}");
    }
    let nothing = Events { read: vec![CrmEvent::Other], unreadable: vec![] };
    assert_eq!(told(&relayed(&header("SNAPSHOT"))), nothing);
    assert_eq!(told(&with("CREATE", "entityName", json!("Account"))), nothing);
    assert!(matches!(
        told(&with("CREATE", "entityName", json!("Contact"))).read.as_slice(),
        [CrmEvent::Due(due)] if due.record.object.as_str() == "Contact"
    ));
}

#[test]
fn only_fields_that_make_a_record_due_do() {
    let nothing = Events { read: vec![CrmEvent::Other], unreadable: vec![] };
    for (fields, is_due) in [
        (json!(["LastModifiedDate", "Company"]), true),
        (json!(["Address.Street"]), true),
        (json!(["Description", "LastModifiedDate"]), false),
        (json!([]), false),
        // Written as a bitmap, or not at all: it may be.
        (json!(["0x08F81000"]), true),
        (json!(null), true),
        (json!([7]), true),
    ] {
        let event = with("UPDATE", "changedFields", fields.clone());
        assert_eq!(told(&event) != nothing, is_due, "{fields}");
    }
}

#[test]
fn our_own_writes_start_nothing_but_what_was_deleted_is_gone() {
    let nothing = Events { read: vec![CrmEvent::Other], unreadable: vec![] };
    let ours = [
        ("changeOrigin", json!("com/salesforce/api/rest/65.0;client=leadgate")),
        ("commitUser", json!("005000000000001AAA")),
        ("commitUser", json!("005000000000001")),
    ];
    for (name, value) in ours {
        assert_eq!(told(&with("UPDATE", name, value.clone())), nothing, "{name} {value}");
        assert!(matches!(told(&with("DELETE", name, value)).read.as_slice(), [CrmEvent::Deletion(_)]));
    }
    for other in ["com/salesforce/api/rest/65.0;client=leadgate2", "client=notleadgate", ""] {
        assert_ne!(told(&with("UPDATE", "changeOrigin", json!(other))), nothing, "{other}");
    }
}

#[test]
fn what_names_no_record_is_said_and_the_rest_is_taken() {
    let event = with("UPDATE", "recordIds", json!(["00Q000000000001EAA", "00Q*", 7, "00Q000000000002"]));
    let events = told(&event);
    assert_eq!((events.read.len(), events.unreadable.len()), (2, 2));
    assert_eq!(
        events.unreadable[0].to_string(),
        "recordIds[1]: found no id, as of a change of too many records, expected a record's id"
    );
    let overflow = told(&with("GAP_OVERFLOW", "recordIds", json!(["000000000000000AAA"])));
    assert_eq!((overflow.read.len(), overflow.unreadable.len()), (0, 1));
    let many: Vec<String> = (0..2001).map(|number| format!("00Q00000000{number:04}EAA")).collect();
    let error = read(with("CREATE", "recordIds", json!(many)).to_string().as_bytes());
    assert_eq!(error, Err(BodyError::TooMany { found: 2001, most: 2000 }));
}

#[test]
fn another_orgs_events_are_not_the_tenants() {
    for source in [
        "aws.partner/salesforce.com/00D000000000002EAA/0YL000000000001AAA",
        "leadgate",
        "",
        SOURCE.trim_end_matches('A'),
    ] {
        let event = json!({ "source": source, "time": "2026-02-16T00:00:00Z", "header": header("CREATE") });
        assert_eq!(read(event.to_string().as_bytes()), Ok(BusEvents::OfAnother), "{source}");
    }
    // Without a source in the configuration, none are.
    let config = Config::parse(CONFIG, &registry::vendors()).expect("a good file");
    let tenant = config.tenants.into_values().next().expect("a tenant");
    let event = relayed(&header("CREATE")).to_string();
    assert_eq!(INBOUND.from_bus.expect("a bus")(event.as_bytes(), &tenant), Ok(BusEvents::OfAnother));
}

#[test]
fn what_is_wrong_with_an_event_is_said() {
    for (event, error) in [
        ("[]".to_owned(), "body: found a list, expected an object"),
        ("{".to_owned(), "line 1, column 1: ends too early"),
        ("{}".to_owned(), "source: found nothing, expected text"),
        (json!({ "source": SOURCE }).to_string(), "ChangeEventHeader: found nothing, expected the header of a change"),
        (with("CREATE", "changeType", json!(1)).to_string(), "changeType: found a number, expected text"),
        (with("CREATE", "recordIds", json!("00Q")).to_string(), "recordIds: found text, expected a list of ids"),
        (with("CREATE", "transactionKey", json!(null)).to_string(), "transactionKey: found null, expected text"),
    ] {
        assert_eq!(read(event.as_bytes()).expect_err(&event).to_string(), error, "{event}");
    }
    // A time of its own is enough where the header has none.
    let event = with("CREATE", "commitTimestamp", json!(null));
    let [CrmEvent::Due(due)] = &told(&event).read[..] else { panic!("not due") };
    assert_eq!(due.occurred_at, "2026-02-16T00:00:00Z".parse::<Timestamp>().expect("a time"));
}

proptest! {
    #[test]
    fn no_event_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_header_panics(name in "[a-zA-Z]{1,20}", value in "\\PC{0,20}", change in "[A-Z_]{1,12}") {
        let mut header = header(&change);
        header[name] = json!(value);
        let _ = read(relayed(&header).to_string().as_bytes());
    }
}
