//! Reading and writing leads and contacts, against a server that answers as Salesforce does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use leadgate_connectors::crm::salesforce::client::Salesforce;
use leadgate_connectors::crm::salesforce::config::Settings;
use leadgate_connectors::http::{Http, client};
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::crm::{Crm, CrmError, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::person::Properties;
use leadgate_enrichment::retry::Retry;
use serde_json::{Value, json};

use crate::loopback::{Answer, Server, nobody};

const TOKEN: &str = "POST /services/oauth2/token";
const LEADS: &str = "POST /services/data/v65.0/composite/sobjects/Lead";
const CONTACTS: &str = "POST /services/data/v65.0/composite/sobjects/Contact";
const ACCOUNTS: &str = "POST /services/data/v65.0/composite/sobjects/Account";
const UPDATE: &str = "PATCH /services/data/v65.0/composite/sobjects";

const LEAD: ObjectType = ObjectType::known("Lead");
const CONTACT: ObjectType = ObjectType::known("Contact");
/// Leads and contacts that the servers know.
const ADA: &str = "00Q000000000001EAA";
const GRACE: &str = "00Q000000000002EAA";
const C: &str = "003000000000001AAA";

fn settings() -> Settings {
    Settings {
        organization_id: "00D000000000001EAA".to_owned(),
        client_id: "3MVG9".to_owned(),
        username: None,
        audience: "https://login.salesforce.com".to_owned(),
        api_version: "65.0".to_owned(),
        integration_user_id: None,
        event_source: None,
        daily_calls_floor: 100,
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_771_200_000 + second).expect("in range")
}

fn salesforce_at(http: &Http, url: &str, now: Timestamp) -> Salesforce {
    Salesforce::new(http.clone(), url.to_owned(), settings(), Secret::new("consumer secret".into()), now)
}

pub(crate) fn salesforce(url: &str) -> Salesforce {
    salesforce_at(&client().into(), url, at(0))
}

/// A server that gives tokens, and else answers by this.
pub(crate) async fn server(answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Server {
    server_with(&[], answer).await
}

async fn server_with(
    headers: &[(&'static str, &'static str)],
    answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static,
) -> Server {
    let url = Arc::new(std::sync::OnceLock::<String>::new());
    let (own, tokens) = (url.clone(), AtomicUsize::new(0));
    let server = Server::with_headers(headers, move |line, body| match line {
        TOKEN => {
            let number = tokens.fetch_add(1, Ordering::SeqCst);
            let id = "https://login.salesforce.com/id/00D000000000001EAA/005000000000001AAA";
            ok(json!({ "access_token": format!("token {number}"), "instance_url": own.get(), "id": id,
                       "token_type": "Bearer" }))
        }
        _ => answer(line, body),
    })
    .await;
    url.set(server.url.clone()).expect("it is set once");
    server
}

pub(crate) fn ok(body: Value) -> Answer {
    (200, body.to_string())
}

fn refused(status: u16, code: &str, message: &str) -> Answer {
    (status, json!([{ "message": message, "errorCode": code, "fields": [] }]).to_string())
}

fn no_column(name: &str) -> Answer {
    let message = format!("\nId,{name}\n ^\nERROR at Row:1:Column:4\nNo such column '{name}' on entity 'Lead'.");
    refused(400, "INVALID_FIELD", &message)
}

fn success(id: &str) -> Value {
    json!({ "id": id, "success": true, "errors": [] })
}

fn failed(code: &str, fields: &[&str]) -> Value {
    json!({ "success": false, "errors": [{ "statusCode": code, "message": "Ada", "fields": fields }] })
}

async fn read(server: &Server, object: &ObjectType, ids: &[&str]) -> Result<BTreeMap<String, Properties>, CrmError> {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    salesforce(&server.url).read(object, &ids, &["Email", "City", "Company"]).await
}

fn patches(of: &[(&str, &[(&str, &str)])]) -> BTreeMap<String, Patch> {
    let patch = |values: &[(&str, &str)]| values.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    of.iter().map(|(id, values)| ((*id).to_owned(), patch(values))).collect()
}

fn done(dropped: &[(&str, &str)]) -> Written {
    let dropped = dropped.iter().map(|(name, why)| ((*name).into(), (*why).into())).collect();
    Written::Done { dropped, reformatted: Patch::new() }
}

#[tokio::test]
async fn a_read_leaves_out_what_is_not_there() {
    let server = server(|line, body| {
        assert_eq!(line, LEADS);
        assert_eq!(body["ids"], json!([ADA, GRACE]));
        ok(json!([{ "attributes": { "type": "Lead" }, "Id": ADA, "Email": "a@b.example", "City": null,
                    "IsConverted": false, "ConvertedContactId": null }, null]))
    })
    .await;
    // The short form of an id, one of another kind of record, and none at all.
    let found = read(&server, &LEAD, &[&ADA[..15], GRACE, C, "../../limits"]).await.expect("a read");
    assert_eq!(found.keys().collect::<Vec<_>>(), [&ADA[..15]], "by the name that it was asked by");
    assert_eq!(found[&ADA[..15]]["Email"].as_deref(), Some("a@b.example"));
    assert_eq!(found[&ADA[..15]]["City"], None);
    assert_eq!(server.lines(), [TOKEN, LEADS]);
    assert_eq!(server.sent("authorization")[1].as_deref(), Some("Bearer token 0"));
    assert_eq!(server.sent("sforce-call-options")[1].as_deref(), Some("client=leadgate"));
    assert!(read(&server, &LEAD, &[C, ""]).await.expect("no call").is_empty());
    assert_eq!(server.lines().len(), 2, "nothing to ask for");
}

#[tokio::test]
async fn a_field_that_the_org_does_not_have_counts_as_unset() {
    let server = server(|_, body| match body["fields"].to_string().contains("\"City\"") {
        true => no_column("City"),
        false => ok(json!([{ "Id": ADA, "Email": "a@b.example", "IsConverted": false }])),
    })
    .await;
    let found = read(&server, &LEAD, &[ADA]).await.expect("a read");
    assert_eq!((found[ADA]["Email"].as_deref(), &found[ADA]["City"]), (Some("a@b.example"), &None));
}

#[tokio::test]
async fn a_read_never_takes_a_failure_for_a_deletion() {
    for (status, body) in [
        (200, "{}".to_owned()),
        (200, "[]".to_owned()),
        (200, "not JSON".to_owned()),
        (200, json!([{ "Email": "a@b.example" }]).to_string()),
        (200, json!([{ "Id": GRACE, "Email": "a@b.example" }]).to_string()),
        (500, String::new()),
        (404, "[]".to_owned()),
        refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    ] {
        let answer = body.clone();
        let server = server(move |_, _| (status, answer.clone())).await;
        let error = read(&server, &LEAD, &[ADA]).await.expect_err(&body);
        assert_ne!(error.retry, Retry::Never, "{status} {body}");
    }
    let error = salesforce(&nobody().await).read(&LEAD, &[ADA.to_owned()], &["Email"]).await.expect_err("no server");
    assert_eq!(error.retry, Retry::Backoff);
}

/// Ada is a lead still; Grace was converted to the contact, who works at an account.
fn converted(line: &str, _: &Value) -> Answer {
    match line {
        LEADS => ok(json!([
            { "Id": ADA, "City": "London", "IsConverted": false },
            { "Id": GRACE, "City": "Leads city", "IsConverted": true, "ConvertedContactId": C },
        ])),
        CONTACTS => ok(
            json!([{ "Id": C, "Email": "g@h.example", "MailingCity": "Arlington", "AccountId": "001000000000001AAA" }]),
        ),
        ACCOUNTS => ok(json!([{ "Id": "001000000000001AAA", "Name": "Navy" }])),
        UPDATE => ok(json!([success(C), success(ADA)])),
        other => panic!("{other} is not expected"),
    }
}

#[tokio::test]
async fn a_converted_lead_is_read_and_written_as_its_contact() {
    let (server, http) = (server(converted).await, Http::from(client()));
    let ids = [ADA.to_owned(), GRACE.to_owned()];
    let first = salesforce_at(&http, &server.url, at(0));
    let found = first.read(&LEAD, &ids, &["Email", "City", "Company"]).await.expect("a read");
    assert_eq!((found[ADA]["City"].as_deref(), found[GRACE]["City"].as_deref()), (Some("London"), Some("Arlington")));
    assert_eq!(found[GRACE]["Company"].as_deref(), Some("Navy"), "from the account");
    // Another client over the same connections knows what was read.
    let patch: &[(&str, &str)] = &[("City", "X"), ("Company", "Y"), ("Title", "Admiral")];
    let second = salesforce_at(&http, &server.url, at(1));
    let written = second.write(&LEAD, &patches(&[(ADA, &[("City", "X")]), (GRACE, patch)])).await.expect("a write");
    assert_eq!(written[GRACE], done(&[("Company", "A_FIELD_OF_THE_ACCOUNT")]));
    let sent = server.asked().pop().expect("a write").1;
    let contact = json!({ "attributes": { "type": "Contact" }, "id": C, "MailingCity": "X", "Title": "Admiral" });
    assert_eq!((&sent["records"][0], &sent["allOrNone"]), (&contact, &json!(false)));
    assert_eq!(sent["records"][1]["attributes"]["type"], "Lead");
    assert_eq!(server.lines().iter().filter(|line| *line == TOKEN).count(), 1, "one token for both");
}

#[tokio::test]
async fn a_lead_that_was_converted_since_it_was_read_has_no_answer() {
    let server = server(|_, _| ok(json!([failed("CANNOT_UPDATE_CONVERTED_LEAD", &[])]))).await;
    let written = salesforce(&server.url).write(&LEAD, &patches(&[(ADA, &[("City", "X")])])).await.expect("a write");
    assert_eq!(written, BTreeMap::new(), "it is read again, as its contact, before it is written");
}

#[tokio::test]
async fn refused_fields_are_dropped_and_the_rest_is_written_with_a_second_call() {
    let server = server(|_, body| {
        let outcome = |row: &Value| match &row["Industry"] {
            Value::Null => success(row["id"].as_str().expect("an id")),
            _ => failed("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", &["Industry"]),
        };
        ok(body["records"].as_array().expect("records").iter().map(outcome).collect())
    })
    .await;
    let all = patches(&[
        (ADA, &[("Industry", "Poetry"), ("Title", "Countess"), ("NumberOfEmployees", "51-200")]),
        (GRACE, &[("Title", "Admiral"), ("NumberOfEmployees", "7")]),
        (&GRACE.replace("2EAA", "3EAA"), &[("Industry", "Poetry")]),
        (C, &[("Title", "Of another kind")]),
    ]);
    let written = salesforce(&server.url).write(&LEAD, &all).await.expect("a write");
    let picklist = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST";
    assert_eq!(written[ADA], done(&[("Industry", picklist), ("NumberOfEmployees", "NO_NUMBER")]));
    assert_eq!(written[GRACE], done(&[]));
    assert_eq!(written["00Q000000000003EAA"], Written::Rejected(format!("Salesforce refuses it: {picklist}")));
    assert!(matches!(written[C], Written::Rejected(_)));
    let updates: Vec<Value> = server.asked().into_iter().filter(|(line, _)| line == UPDATE).map(|it| it.1).collect();
    assert_eq!(updates.len(), 2);
    assert_eq!(updates[0]["records"][1]["NumberOfEmployees"], json!(7), "a number, not text");
    assert_eq!(updates[1]["records"].as_array().map(Vec::len), Some(1), "what was written is not sent again");
    assert_eq!(updates[1]["records"][0]["Title"], "Countess");
}

#[tokio::test]
async fn each_record_ends_for_itself() {
    let server = server(|_, body| match body["records"].as_array().map(Vec::len) {
        Some(4) => ok(json!([
            failed("ENTITY_IS_DELETED", &[]),
            failed("UNABLE_TO_LOCK_ROW", &[]),
            failed("DUPLICATES_DETECTED", &[]),
            failed("REQUIRED_FIELD_MISSING", &["LastName"]),
        ])),
        _ => panic!("nothing is sent again"),
    })
    .await;
    let ids: Vec<String> = (1..=4).map(|i| format!("00Q00000000000{i}EAA")).collect();
    let all = ids.iter().map(|id| (id.clone(), Patch::from([("Title".to_owned(), "X".to_owned())]))).collect();
    let written = salesforce(&server.url).write(&LEAD, &all).await.expect("a write");
    assert_eq!(written[&ids[0]], Written::Gone);
    assert!(!written.contains_key(&ids[1]), "later");
    for rejected in &ids[2..] {
        assert!(matches!(&written[rejected], Written::Rejected(reason) if !reason.contains("Ada")), "{rejected}");
    }
}

#[tokio::test]
async fn an_outcome_that_says_nothing_or_is_of_another_record_is_no_answer() {
    for outcome in [json!({}), json!(null), json!("done"), success(GRACE)] {
        let server = server(move |_, _| ok(json!([outcome.clone()]))).await;
        let written = salesforce(&server.url).write(&LEAD, &patches(&[(ADA, &[("City", "X")])])).await;
        assert_eq!(written.expect("a write"), BTreeMap::new());
    }
}

#[tokio::test]
async fn a_call_that_is_refused_as_a_whole_costs_only_what_it_is_refused_for() {
    // One record that can't be read as JSON, and a field that the org doesn't have.
    let server = server(|_, body| {
        let rows = body["records"].as_array().expect("records");
        match () {
            () if rows.iter().any(|row| !row["Foo__c"].is_null()) => no_column("Foo__c"),
            () if rows.iter().any(|row| row["Bad__c"] == "x") => refused(400, "JSON_PARSER_ERROR", "Ada"),
            () => ok(rows.iter().map(|row| success(row["id"].as_str().expect("an id"))).collect()),
        }
    })
    .await;
    let ids: Vec<String> = (1..=5).map(|i| format!("00Q00000000000{i}EAA")).collect();
    let mut all: BTreeMap<String, Patch> =
        ids.iter().map(|id| (id.clone(), Patch::from([("Title".to_owned(), "X".to_owned())]))).collect();
    all.get_mut(&ids[0]).expect("there").insert("Foo__c".to_owned(), "y".to_owned());
    all.get_mut(&ids[3]).expect("there").insert("Bad__c".to_owned(), "x".to_owned());
    let written = salesforce(&server.url).write(&LEAD, &all).await.expect("a write");
    assert_eq!(written[&ids[0]], done(&[("Foo__c", "INVALID_FIELD")]));
    assert!(matches!(&written[&ids[3]], Written::Rejected(reason) if reason.contains("JSON_PARSER_ERROR")));
    assert_eq!(written.values().filter(|end| **end == done(&[])).count(), 3);
    assert_eq!(written.len(), 5);
}

#[tokio::test]
async fn a_token_that_has_run_out_is_replaced_once() {
    let calls = AtomicUsize::new(0);
    let server = server(move |_, _| match calls.fetch_add(1, Ordering::SeqCst) {
        1 => refused(401, "INVALID_SESSION_ID", "Session expired or invalid"),
        _ => ok(json!([{ "Id": ADA, "IsConverted": false }])),
    })
    .await;
    let http = Http::from(client());
    for second in 0..3 {
        salesforce_at(&http, &server.url, at(second)).read(&LEAD, &[ADA.to_owned()], &["City"]).await.expect("a read");
    }
    assert_eq!(server.lines(), [TOKEN, LEADS, LEADS, TOKEN, LEADS, LEADS]);
    assert_eq!(server.sent("authorization")[5].as_deref(), Some("Bearer token 1"), "the new one is kept");
}

#[tokio::test]
async fn a_token_that_is_never_accepted_waits_for_an_operator() {
    let server = server(|_, _| refused(401, "INVALID_SESSION_ID", "Session expired or invalid")).await;
    let error = read(&server, &LEAD, &[ADA]).await.expect_err("refused");
    assert_eq!(error.retry, Retry::After(Duration::from_secs(900)));
    assert_eq!(server.lines(), [TOKEN, LEADS, TOKEN, LEADS]);
}

#[tokio::test]
async fn many_at_a_time_sign_in_once() {
    let (server, http) = (server(|_, _| ok(json!([null]))).await, Http::from(client()));
    let reads = (0..20).map(|_| {
        let salesforce = salesforce_at(&http, &server.url, at(0));
        tokio::spawn(async move { salesforce.read(&LEAD, &[ADA.to_owned()], &["City"]).await.map(drop) })
    });
    for read in reads.collect::<Vec<_>>() {
        read.await.expect("no panic").expect("a read");
    }
    assert_eq!(server.lines().iter().filter(|line| *line == TOKEN).count(), 1);
}

#[tokio::test]
async fn what_gives_no_token_for_the_tenants_org_is_not_called() {
    let id = |org: &str| format!("https://login.salesforce.com/id/{org}/005000000000001AAA");
    let cases = [
        (400, json!({ "error": "invalid_grant", "error_description": "Ada" }), "no token: 400 invalid_grant", 900),
        (
            200,
            json!({ "access_token": "t", "instance_url": "http://x.example", "id": id("00D000000000002EAA") }),
            "another org",
            900,
        ),
        (
            200,
            json!({ "access_token": "", "instance_url": "http://x.example", "id": id("00D000000000001EAA") }),
            "no token",
            0,
        ),
        (
            200,
            json!({ "access_token": "t", "instance_url": "ftp://x.example", "id": id("00D000000000001EAA") }),
            "no instance",
            0,
        ),
        (503, json!("down"), "no token: 503", 0),
    ];
    for (status, body, said, after) in cases {
        let server = Server::start(move |_, _| (status, body.to_string())).await;
        let error = read(&server, &LEAD, &[ADA]).await.expect_err(said);
        assert!(error.reason.contains(said) && !error.reason.contains("Ada"), "{}", error.reason);
        let expected = if after == 0 { Retry::Backoff } else { Retry::After(Duration::from_secs(after)) };
        assert_eq!((error.retry, server.lines().len()), (expected, 1), "{said}");
    }
}

#[tokio::test]
async fn the_rest_of_the_days_calls_is_left_to_others() {
    let usage = [("sforce-limit-info", "api-usage=14900/15000; per-app-api-usage=1/250(appName=x)")];
    let (server, http) = (server_with(&usage, |_, _| ok(json!([null]))).await, Http::from(client()));
    let read = async |second| {
        salesforce_at(&http, &server.url, at(second)).read(&LEAD, &[ADA.to_owned()], &["City"]).await.map(drop)
    };
    read(0).await.expect("what is left is not known yet");
    let calls = server.lines().len();
    for (second, wait) in [(0, 900), (60, 840), (899, 1)] {
        let error = read(second).await.expect_err("others' calls");
        assert_eq!(error.retry, Retry::After(Duration::from_secs(wait)));
    }
    assert_eq!(server.lines().len(), calls, "nothing is called");
    read(900).await.expect("it is seen anew");
    assert_eq!(server.lines().len(), calls + 1);
}

#[tokio::test]
async fn a_small_org_is_not_stopped_by_a_floor_above_all_that_it_has() {
    let usage = [("sforce-limit-info", "api-usage=10/150")];
    let (server, http) = (server_with(&usage, |_, _| ok(json!([null]))).await, Http::from(client()));
    for second in 0..3 {
        let salesforce = salesforce_at(&http, &server.url, at(second));
        salesforce.read(&CONTACT, &[C.to_owned()], &["City"]).await.expect("a read");
    }
}
