//! What any other system sends: what its table in the configuration may say, and which records a delivery is about.

use jiff::Timestamp;
use leadgate_connectors::crm::attio;
use leadgate_connectors::hooks::{ITEMS_MAX, People, Told, told as told_by, verify};
use leadgate_connectors::inbound::{BodyError, Delivery, Events};
use leadgate_connectors::registry;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::config::{Config, CrmVendor, HookSource, ObjectKind, Tenant, Vendors};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use leadgate_enrichment::person::IdentityProperties;
use serde_json::{Value, json};

use crate::headers;

const FILE: &str = include_str!("config/file.toml");
const SALESFORCE: &str = include_str!("config/salesforce.toml");
const ATTIO: &str = include_str!("config/attio.toml");
const SOURCE: &str = include_str!("config/hooks.toml");
const TOKEN: &str = "token-0123456789abcdef";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_786_800_000 + second).expect("a time")
}

/// The file with this table.
fn checked(file: &str, source: &str) -> Result<Tenant, String> {
    let config = Config::check(&format!("{file}\n{source}"), &registry::vendors(), at(0));
    Ok(config.map_err(|error| error.to_string())?.tenants.into_values().next().expect("a tenant"))
}

/// What is said of the table with one thing changed.
fn problem(from: &str, to: &str) -> String {
    assert!(SOURCE.contains(from), "{from:?} is in the table");
    checked(FILE, &SOURCE.replacen(from, to, 1)).expect_err("the table is bad now")
}

#[test]
fn each_problem_of_a_source_says_where_it_is_what_was_found_what_is_allowed_and_what_to_do() {
    const AT: &str = "tenants.acme.sources.warehouse";
    checked(FILE, SOURCE).expect("a good file");
    let cases = [
        (
            "record = \"/contact/id\"",
            "record = \"contact.id\"",
            "record: found \"contact.id\", expected a JSON pointer, such as \"/contact/id\". Begin it with '/', and write \
             ~1 for a '/' within a name and ~0 for a '~'.",
        ),
        ("items = \"/rows\"", "items = \"$.rows\"", "items: found \"$.rows\", expected a JSON pointer"),
        ("id = \"/sync/id\"", "id = \"/a~b\"", "id: found \"/a~b\", expected a JSON pointer"),
        (
            "record = \"/contact/id\"\n",
            "",
            "record: found nothing, and no `fields`, expected the place of the record's id, or in the table `fields` those of \
             what is known of a person. Write one of the two.",
        ),
        (
            "cause = \"created\"",
            "object = \"contacts\"",
            "object: found \"contacts\", expected a kind of record of hubspot that is a person: \"contact\". Write this \
             word.",
        ),
        (
            "\"created\"",
            "\"create\"",
            "cause: found \"create\", expected one of \"created\", \"changed\". Write \"created\"",
        ),
        (
            "\"token\"",
            "\"hmac\"",
            "signature: found \"hmac\", expected one of \"standard-webhooks\", \"github\", \"stripe\", \
             \"timestamped\", \"basic\", \"token\". Write one of the words that are allowed.",
        ),
        (
            "\"token\"",
            "\"github\"",
            "header: found a place, expected none with this `signature`. Take it out: this signature stands where its \
             senders put it.",
        ),
        (
            "\"token\"",
            "\"timestamped\"",
            "time_header: found nothing, expected the name of the header with the time that is signed with the body, such \
             as \"X-Api-Token\". Write the name alone.",
        ),
        ("header =", "time_header = \"X-Time\"\nheader =", "time_header: found a place, expected none with this"),
        (
            "header = \"X-Api-Token\"\n",
            "",
            "header: found nothing, and no `pointer`, expected the header that the token comes in, or in `pointer` its \
             place in the body. Write one of the two.",
        ),
        ("header =", "pointer = \"/token\"\nheader =", "header: found this and `pointer`, expected"),
        (
            "\"X-Api-Token\"",
            "\"X-Api-Token: \"",
            "header: found \"X-Api-Token: \", expected the name of the header with the token, such as \"X-Api-Token\". \
             Write the name alone.",
        ),
        ("header = \"X-Api-Token\"", "pointer = \"token\"", "pointer: found \"token\", expected a JSON pointer"),
        (
            "[\"leadgate/acme/warehouse/crm-signing\"]",
            "[]",
            "secrets: found none, expected one name of a secret, or two",
        ),
        (
            "leadgate/acme/warehouse/crm-signing",
            "leadgate/acme/warehouse",
            "secrets[0]: found another name (not shown), expected a name that the functions' roles can read: \
             \"leadgate/TENANT/crm-signing\" or",
        ),
        (
            "leadgate/acme/warehouse/crm-signing",
            "a very secret token",
            "secrets[0]: found something else (not shown), expected the name of a secret with a '/' in it",
        ),
        (
            "leadgate/acme/warehouse/crm-signing",
            "leadgate/acme/crm-signing",
            "secrets[0]: found the name of a secret of tenants.acme.crm, expected secrets of its own for each source. Name \
             a secret of this source's own.",
        ),
        ("cause =", "causes =", "causes: found an unknown key, expected a key of this table"),
    ];
    for (from, to, said) in cases {
        let problem = problem(from, to);
        assert!(problem.contains(&format!("{AT}.{said}")), "{to}:\n{problem}\nis not\n{AT}.{said}");
    }
    let named = problem("sources.warehouse", "sources.\"Data Warehouse\"");
    let said = "tenants.acme.sources.Data Warehouse: found the name \"Data Warehouse\", expected 1 to 40 characters";
    assert!(named.contains(said), "{named}");
    let twice = format!("{SOURCE}\n{}", SOURCE.replace("sources.warehouse", "sources.lake"));
    let shared = checked(FILE, &twice).expect_err("one secret would open two doors");
    assert!(shared.contains("found the name of a secret of tenants.acme.sources.lake"), "{shared}");
}

/// What a delivery of the source says of records, at a time.
fn told_at(tenant: &Tenant, source: &HookSource, body: &[u8], second: i64) -> Result<Events, BodyError> {
    match said_at(tenant, source, body, second)? {
        Told::Records(events) => Ok(events),
        Told::People(people) => panic!("it is about records: {people:?}"),
    }
}

fn said_at(tenant: &Tenant, source: &HookSource, body: &[u8], second: i64) -> Result<Told, BodyError> {
    let delivery = Delivery::new("POST", headers([("x-api-token", Some(TOKEN))]), body.to_vec());
    let secrets = vec![Secret::new(TOKEN.to_owned())];
    let delivery = verify(delivery.received_at(at(second)), source, secrets, at(second)).expect("its own");
    told_by(&delivery, tenant, source)
}

fn told(source: &str, body: &Value) -> Result<Events, BodyError> {
    let tenant = checked(FILE, source).expect("a good file");
    told_at(&tenant, &tenant.sources["warehouse"], body.to_string().as_bytes(), 0)
}

fn due(events: Events) -> Vec<DueEvent> {
    let due = |event| if let CrmEvent::Due(event) = event { event } else { panic!("it is due: {event:?}") };
    events.read.into_iter().map(due).collect()
}

/// The table without one of its lines.
fn without(line: &str) -> String {
    let kept = SOURCE.lines().filter(|it| !it.starts_with(&format!("{line} =")));
    kept.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_rows_of_a_delivery_are_each_a_lead_and_bad_ones_are_left_out() {
    let rows = json!([
        { "contact": { "id": "12" } },
        { "contact": { "id": 13 } },
        { "contact": { "id": 14.0 } },
        { "contact": { "id": " 15 " } },
        { "contact": { "id": "16#x" } },
        { "contact": { "id": "ada@engine.example" } },
        { "contact": { "id": ["17"] } },
        { "contact": { "id": null } },
        { "contact": {} },
        "18",
        { "contact": { "id": -19 } },
        { "contact": { "id": 20.5 } },
        { "contact": { "id": "123456789012345678901" } },
    ]);
    let events = told(SOURCE, &json!({ "sync": { "id": "run 1" }, "rows": rows })).expect("a delivery");
    let said: Vec<String> = events.unreadable.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 9, "{said:?}");
    assert_eq!(said[0], "/rows/4/contact/id: found text, expected the id of a record in the CRM");
    assert_eq!(said[4], "/rows/8/contact/id: found nothing, expected the id of a record in the CRM");
    assert!(!said.join("\n").contains("engine"), "no value is repeated: {said:?}");
    let due = due(events);
    let keys: Vec<String> = due.iter().map(|event| event.record.to_string()).collect();
    assert_eq!(keys, [12, 13, 14, 15].map(|id| format!("acme#hubspot#contact#{id}")));
    assert!(due.iter().all(|event| event.cause == Cause::Created && event.occurred_at == at(0)));
}

#[test]
fn a_body_in_which_nothing_is_found_names_the_place_and_no_value() {
    let cases = [
        (SOURCE, json!({ "rows": [] }), "/sync/id: found nothing, expected an id: text or a whole number"),
        (SOURCE, json!({ "sync": { "id": {} }, "rows": [] }), "/sync/id: found an object, expected an id"),
        (SOURCE, json!({ "sync": { "id": 1 } }), "/rows: found nothing, expected a list"),
        (SOURCE, json!({ "sync": { "id": 1 }, "rows": "secret" }), "/rows: found text, expected a list"),
        (SOURCE, json!({ "sync": { "id": 1 }, "rows": [{}, {}] }), "/rows/0/contact/id: found nothing"),
        (SOURCE, json!([]), "/sync/id: found nothing"),
    ];
    for (source, body, said) in cases {
        let error = told(source, &body).expect_err("nothing is found").to_string();
        assert!(error.starts_with(said), "{error}");
    }
    let single = without("items");
    let error = told(&single, &json!({ "sync": { "id": 1 }, "contact": { "email": "x" } })).expect_err("no id");
    assert_eq!(error.to_string(), "/contact/id: found nothing, expected the id of a record in the CRM");
    let one = told(&single, &json!({ "sync": { "id": 1 }, "contact": { "id": "7" } })).expect("one lead");
    assert_eq!(due(one)[0].record.to_string(), "acme#hubspot#contact#7");
}

#[test]
fn a_list_may_be_the_whole_body_and_its_items_ids() {
    let bare = without("id").replace("\"/rows\"", "\"\"").replace("\"/contact/id\"", "\"\"");
    assert_eq!(due(told(&bare, &json!(["1", 2, "3"])).expect("three")).len(), 3);
    assert_eq!(told(&bare, &json!([])).expect("none"), Events::default());
    let error = told(&bare, &json!({})).expect_err("no list").to_string();
    assert_eq!(error, "body: found an object, expected a list");
    let most = json!(vec!["1"; ITEMS_MAX]);
    assert_eq!(told(&bare, &most).expect("as many as may be").read.len(), ITEMS_MAX);
    let more = json!(vec!["1"; ITEMS_MAX + 1]);
    assert_eq!(told(&bare, &more), Err(BodyError::TooMany { found: ITEMS_MAX + 1, most: ITEMS_MAX }));
}

#[test]
fn the_same_delivery_is_the_same_request_and_another_is_another() {
    let tenant = checked(FILE, SOURCE).expect("a good file");
    let request = |tenant: &Tenant, body: &Value, second| {
        let told = told_at(tenant, &tenant.sources["warehouse"], body.to_string().as_bytes(), second);
        due(told.expect("a delivery")).remove(0).request
    };
    let body = |sync: &str, score: u32| json!({ "sync": { "id": sync }, "rows": [{ "contact": { "id": "1" }, "score": score }] });
    assert_eq!(request(&tenant, &body("a", 1), 0), request(&tenant, &body("a", 2), 86_400), "it has an id");
    assert_ne!(request(&tenant, &body("a", 1), 0), request(&tenant, &body("b", 1), 0));
    // Without one, it is told by its body, on one day.
    let nameless = checked(FILE, &without("id")).expect("a good file");
    assert_eq!(request(&nameless, &body("a", 1), 0), request(&nameless, &body("a", 1), 300));
    assert_ne!(request(&nameless, &body("a", 1), 0), request(&nameless, &body("a", 2), 0));
    assert_ne!(request(&nameless, &body("a", 1), 0), request(&nameless, &body("a", 1), 86_400), "meant once more");
    // The same id from another source is another delivery.
    let other = SOURCE.replace("sources.warehouse", "sources.lake").replace("/warehouse/", "/lake/");
    let both = checked(FILE, &format!("{SOURCE}\n{other}")).expect("a good file");
    let told = told_at(&both, &both.sources["lake"], body("a", 1).to_string().as_bytes(), 0).expect("a delivery");
    assert_ne!(due(told).remove(0).request, request(&both, &body("a", 1), 0));
}

#[test]
fn an_id_says_what_kind_of_record_it_is_of_or_the_configuration_does() {
    let source = without("id").replace("\"/rows\"", "\"\"").replace("\"/contact/id\"", "\"\"");
    let source = source.replace("leadgate/acme/warehouse/", "leadgate/acme/warehouse-of-acme/");
    let keys = |source: &str| {
        let tenant = checked(SALESFORCE, source).expect("a good file");
        let body = json!(["00Q000000000001", "003000000000002AAA", "001000000000003AAA", "12"]);
        let told = told_at(&tenant, &tenant.sources["warehouse"], body.to_string().as_bytes(), 0).expect("a delivery");
        let unreadable = told.unreadable.len();
        (due(told).iter().map(|event| event.record.to_string()).collect::<Vec<_>>(), unreadable)
    };
    let (lead, contact) = ("acme#salesforce#Lead#00Q000000000001EAA", "acme#salesforce#Contact#003000000000002AAA");
    assert_eq!(keys(&source), (vec![lead.to_owned(), contact.to_owned()], 2));
    assert_eq!(keys(&format!("{source}\nobject = \"Contact\"\n")), (vec![contact.to_owned()], 3));
}

/// A source that tells of people.
fn form() -> String {
    let lines = SOURCE.lines().filter(|line| !["record", "cause"].iter().any(|key| line.starts_with(key)));
    let lines: String = lines.map(|line| format!("{line}\n")).collect();
    let fields = "email = \"/person/email\"\nfirst_name = \"/person/first\"\ncompany = \"/org\"\ndomain = \"/site\"\n";
    format!("{lines}[tenants.acme.sources.warehouse.fields]\n{fields}")
}

fn people(body: &Value) -> Result<People, BodyError> {
    let tenant = checked(FILE, &form()).expect("a good file");
    match said_at(&tenant, &tenant.sources["warehouse"], body.to_string().as_bytes(), 0)? {
        Told::People(people) => Ok(people),
        Told::Records(events) => panic!("it is about people: {events:?}"),
    }
}

#[test]
fn people_are_read_by_their_addresses_and_the_rest_may_be_missing() {
    let rows = json!([
        { "person": { "email": " Ada@Engine.example", "first": "Ada" }, "org": "=Engine", "site": "engine.example" },
        { "person": { "email": "bob@engine.example", "first": ["Bob"] }, "org": 7 },
        { "person": { "email": "carol at engine.example" } },
        { "person": { "first": "Dan" } },
    ]);
    let told = people(&json!({ "sync": { "id": "run 1" }, "rows": rows })).expect("a delivery");
    let names = IdentityProperties::named(["email", "firstname", "lastname", "company", "website", "linkedin"]);
    let read: Vec<_> = told.read.iter().map(|person| person.properties(&names)).collect();
    let expected = [
        vec![
            ("email", "ada@engine.example"),
            ("firstname", "Ada"),
            ("company", "Engine"),
            ("website", "engine.example"),
        ],
        vec![("email", "bob@engine.example"), ("company", "7")],
    ];
    let owned = |named: Vec<(&str, &str)>| {
        named.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    assert_eq!(read, expected.map(owned));
    assert_eq!((told.event.as_str(), told.occurred_at), ("run 1", at(0)));
    let unreadable: Vec<String> = told.unreadable.iter().map(ToString::to_string).collect();
    let expected = [
        "/rows/2/person/email: found text, expected an e-mail address",
        "/rows/3/person/email: found nothing, expected an e-mail address",
    ];
    assert_eq!(unreadable, expected);
    let none = people(&json!({ "sync": { "id": 1 }, "rows": [{}] })).expect_err("none can be read").to_string();
    assert_eq!(none, "/rows/0/person/email: found nothing, expected an e-mail address");
}

#[test]
fn each_problem_of_a_source_of_people_is_said() {
    let form = form();
    let cases = [
        (
            "email = \"/person/email\"\n",
            "",
            "fields.email: found nothing, expected text in quotes, such as \"/lead/email\"",
        ),
        ("\"/org\"", "\"org\"", "fields.company: found \"org\", expected a JSON pointer"),
        (
            "company =",
            "companny =",
            "fields.companny: found an unknown key, expected a key of this table: email, first_name",
        ),
        ("items =", "record = \"/id\"\nitems =", "record: found this and `fields`, expected the place"),
        ("items =", "object = \"contact\"\nitems =", "object: found a value, expected none with `fields`"),
        ("items =", "cause = \"created\"\nitems =", "cause: found a value, expected none with `fields`"),
    ];
    for (from, to, said) in cases {
        assert!(form.contains(from), "{from:?} is in the table");
        let problem = checked(FILE, &form.replacen(from, to, 1)).expect_err("the table is bad now");
        assert!(problem.contains(&format!("tenants.acme.sources.warehouse.{said}")), "{to}: {problem}");
    }
}

/// A CRM as Attio is, but for that.
static CREATES_NO_ONE: CrmVendor =
    CrmVendor { objects: &[ObjectKind::numbered(ObjectType::known("people"))], ..attio::VENDOR };

#[test]
fn a_crm_in_which_people_cant_be_created_says_so() {
    let form = form();
    let said = "tenants.acme.sources.warehouse.fields: found people who are to be created in attio, expected a CRM in which \
                Leadgate creates people, or `record`. Write where the id of the CRM's record stands, in `record`.";
    let file = format!("{ATTIO}\n{form}");
    let vendors = Vendors { crms: vec![&CREATES_NO_ONE], ..registry::vendors() };
    let problem = Config::check(&file, &vendors, at(0)).expect_err("it can't").to_string();
    assert!(problem.contains(said), "{problem}");
}
