//! Reading and writing leads and contacts, against a server that answers as Zoho does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use leadgate_connectors::crm::zoho::client::Zoho;
use leadgate_connectors::crm::zoho::config::Settings;
use leadgate_connectors::http::{Http, client};
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::crm::schema::Takes;
use leadgate_enrichment::crm::{Crm, CrmError, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::person::Properties;
use leadgate_enrichment::retry::Retry;
use serde_json::{Value, json};

use crate::loopback::{Answer, Server};

const LEADS: ObjectType = ObjectType::known("Leads");
const CONTACTS: ObjectType = ObjectType::known("Contacts");
const ADA: &str = "4876876000000624001";
const BOB: &str = "4876876000000624002";
const TOKEN: &str = "POST /oauth/v2/token";

fn zoho_at(http: &Http, url: &str) -> Zoho {
    let settings = Settings { channel_id: 1, client_id: "1000.CLIENT".to_owned() };
    let credential = Secret::new("a secret:a refresh token".into());
    Zoho::new(http.clone(), url.to_owned(), settings, credential, Timestamp::UNIX_EPOCH)
}

pub(crate) fn zoho(url: &str) -> Zoho {
    zoho_at(&client().into(), url)
}

/// A server that gives tokens for its own address, and answers everything else so.
pub(crate) async fn server(answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Server {
    let own: Arc<Mutex<String>> = Arc::default();
    let url = own.clone();
    let server = Server::start(move |line, body| match line {
        TOKEN => {
            let api_domain = url.lock().expect("no panic").clone();
            (200, json!({ "access_token": "a token", "api_domain": api_domain, "expires_in": 3600 }).to_string())
        }
        _ => answer(line, body),
    })
    .await;
    own.lock().expect("no panic").clone_from(&server.url);
    server
}

fn rows(rows: &Value) -> Answer {
    (200, json!({ "data": rows, "info": { "more_records": false } }).to_string())
}

fn success(id: &str) -> Value {
    json!({ "code": "SUCCESS", "details": { "id": id }, "message": "record updated", "status": "success" })
}

fn refused(code: &str, field: &str) -> Value {
    let details = json!({ "api_name": field, "json_path": format!("$.data[0].{field}") });
    json!({ "code": code, "details": details, "message": "about Ada", "status": "error" })
}

async fn read(
    server: &Server,
    object: &ObjectType,
    properties: &[&str],
) -> Result<BTreeMap<String, Properties>, CrmError> {
    let ids: Vec<String> = [ADA, BOB, "../Deals", ""].map(str::to_owned).to_vec();
    zoho(&server.url).read(object, &ids, properties).await
}

fn patches(values: &[(&str, &str)]) -> BTreeMap<String, Patch> {
    let patch: Patch = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    BTreeMap::from([(ADA.to_owned(), patch.clone()), (BOB.to_owned(), patch)])
}

fn done(dropped: &[(&str, &str)]) -> Written {
    let dropped = dropped.iter().map(|(name, why)| ((*name).into(), (*why).into())).collect();
    Written::Done { dropped, reformatted: Patch::new() }
}

#[tokio::test]
async fn a_read_is_one_call_and_leaves_out_who_is_gone() {
    let server = server(|_, _| {
        rows(&json!([{ "id": ADA, "Email": "ada@x.example", "First_Name": null, "Company": "Engine",
                       "Account_Name": { "name": "Engine", "id": "7" }, "Mailing_City": "London",
                       "Owner": { "name": "Grace", "id": "5" } }]))
    })
    .await;
    let asked = ["Email", "First_Name", "Company", "City", "Industry", "Owner"];
    let found = read(&server, &CONTACTS, &asked).await.expect("a read");
    assert_eq!(found.keys().collect::<Vec<_>>(), [ADA]);
    let values = asked.map(|name| found[ADA][name].as_deref().unwrap_or_default());
    assert_eq!(values, ["ada@x.example", "", "Engine", "London", "", "5"], "by the names of leads");
    let line = &server.lines()[1];
    assert!(line.starts_with(&format!("GET /crm/v8/Contacts?ids={ADA}%2C{BOB}&fields=")), "{line}");
    assert!(line.contains("Mailing_City") && !line.contains("Industry"), "{line}");
    assert_eq!(server.sent("authorization")[1].as_deref(), Some("Zoho-oauthtoken a token"));
    let none = self::server(|_, _| (204, String::new())).await;
    assert!(read(&none, &LEADS, &["Email"]).await.expect("none of them").is_empty());
}

#[tokio::test]
async fn an_answer_that_is_not_whole_passes_for_no_one_gone() {
    for (status, body) in [
        (200, json!({ "data": null }).to_string()),
        (200, json!({ "data": [{ "id": "9" }] }).to_string()),
        (200, "<html>".to_owned()),
        (200, String::new()),
        (404, "{}".to_owned()),
        (500, String::new()),
    ] {
        let server = server({
            let body = body.clone();
            move |_, _| (status, body.clone())
        })
        .await;
        let error = read(&server, &LEADS, &["Email"]).await.expect_err("no answer");
        assert_ne!(error.retry, Retry::Never, "{status} {body}");
        assert!(!error.reason.contains("token a"), "{}", error.reason);
    }
}

#[tokio::test]
async fn a_token_is_shared_and_another_is_got_once_when_it_is_refused() {
    let refusals = AtomicUsize::new(1);
    let server =
        server(move |_, _| match refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)) {
            Ok(_) => (401, json!({ "code": "INVALID_TOKEN" }).to_string()),
            Err(_) => (204, String::new()),
        })
        .await;
    let http: Http = client().into();
    for _ in 0..3 {
        zoho_at(&http, &server.url).read(&LEADS, &[ADA.to_owned()], &["Email"]).await.expect("a read");
    }
    assert_eq!(server.lines().iter().filter(|line| *line == TOKEN).count(), 2, "{:?}", server.lines());
    let refused = self::server(|_, _| (401, json!({ "code": "INVALID_TOKEN" }).to_string())).await;
    let error = read(&refused, &LEADS, &["Email"]).await.expect_err("no token is good");
    assert_eq!(error.retry, Retry::After(Duration::from_secs(900)));
    assert_eq!(refused.lines().len(), 4, "and that is all");
}

#[tokio::test]
async fn without_a_token_nothing_is_called() {
    for (status, body) in [
        (200, json!({ "error": "invalid_code" })),
        (400, json!({ "error": "Access Denied" })),
        (200, json!({ "access_token": "x", "api_domain": "ftp://x.example" })),
        (200, json!({ "access_token": "", "api_domain": "http://x.example" })),
        (200, json!({ "access_token": "x" })),
    ] {
        let answer = body.to_string();
        let server = Server::start(move |_, _| (status, answer.clone())).await;
        let error = read(&server, &LEADS, &["Email"]).await.expect_err("no token");
        assert_ne!(error.retry, Retry::Never, "{body}");
        assert_eq!(server.lines(), [TOKEN], "{body}");
        assert!(!error.reason.contains("refresh"), "{}", error.reason);
    }
    let settings = Settings { channel_id: 1, client_id: "1000.CLIENT".to_owned() };
    let half =
        Zoho::new(client(), "http://127.0.0.1:1".into(), settings, Secret::new("half".into()), Timestamp::UNIX_EPOCH);
    let error = half.read(&LEADS, &[ADA.to_owned()], &["Email"]).await.expect_err("it isn't a credential");
    assert!(error.reason.contains("CLIENT_SECRET:REFRESH_TOKEN") && !error.reason.contains("half"), "{}", error.reason);
}

#[tokio::test]
async fn a_write_is_one_call_and_names_what_it_changes() {
    let server = server(|_, _| rows(&json!([success(ADA), success(BOB)]))).await;
    let values =
        [("Designation", "CTO"), ("City", ""), ("Last_Enriched", "2026-01-15T10:00:00.123Z"), ("Company", "Engine")];
    let ends = zoho(&server.url).write(&CONTACTS, &patches(&values)).await.expect("a write");
    assert_eq!(ends, [ADA, BOB].map(|id| (id.to_owned(), done(&[("Company", "A_FIELD_OF_THE_ACCOUNT")]))).into());
    let (line, sent) = server.asked().remove(1);
    let row = |id: &str| json!({ "id": id, "Title": "CTO", "Mailing_City": null, "Last_Enriched": "2026-01-15T10:00:00+00:00" });
    assert_eq!((line.as_str(), sent), ("PUT /crm/v8/Contacts", json!({ "data": [row(ADA), row(BOB)] })));
    let wrong = BTreeMap::from([("x".to_owned(), Patch::new())]);
    assert!(matches!(zoho(&server.url).write(&LEADS, &wrong).await.expect("no call")["x"], Written::Rejected(_)));
}

#[tokio::test]
async fn a_bad_field_is_left_out_and_the_rest_is_written() {
    let server = server(|_, body| {
        let outcome = |row: &Value| {
            let wrong = ["Country", "Industry"].into_iter().find(|field| row.get(*field).is_some());
            let text = row.get("Size").is_some_and(Value::is_string).then_some("Size");
            match wrong.or(text).filter(|_| row["id"] == ADA) {
                Some(field) => refused("INVALID_DATA", field),
                None => success(row["id"].as_str().expect("an id")),
            }
        };
        (
            207,
            json!({ "data": body["data"].as_array().expect("rows").iter().map(outcome).collect::<Vec<_>>() })
                .to_string(),
        )
    })
    .await;
    let values = [("City", "Paris"), ("Country", "France"), ("Industry", "x"), ("Size", "250")];
    let ends = zoho(&server.url).write(&LEADS, &patches(&values)).await.expect("a write");
    assert_eq!(ends[ADA], done(&[("Country", "INVALID_DATA"), ("Industry", "INVALID_DATA")]));
    assert_eq!(ends[BOB], done(&[]));
    let writes = server.asked().split_off(1);
    let rows: Vec<usize> = writes.iter().map(|(_, body)| body["data"].as_array().expect("rows").len()).collect();
    assert_eq!(rows, [2, 1, 1, 1], "the other isn't written again");
    assert_eq!(writes[3].1["data"][0], json!({ "id": ADA, "City": "Paris", "Size": 250 }), "a number is sent as one");
}

#[tokio::test]
async fn each_outcome_is_its_records_own() {
    for (outcome, expected) in [
        (refused("INVALID_DATA", "id"), Written::Gone),
        (json!({ "code": "RECORD_NOT_FOUND", "details": {} }), Written::Gone),
        (json!({ "code": "NO_PERMISSION" }), Written::Rejected("Zoho answered NO_PERMISSION".to_owned())),
        (
            refused("MANDATORY_NOT_FOUND", "Last_Name"),
            Written::Rejected("Zoho answered MANDATORY_NOT_FOUND".to_owned()),
        ),
        (json!({ "code": "about Ada" }), Written::Rejected("Zoho answered UNKNOWN".to_owned())),
    ] {
        let answer = json!([outcome, success(BOB)]);
        let server = server(move |_, _| rows(&answer)).await;
        let ends = zoho(&server.url).write(&LEADS, &patches(&[("City", "Paris")])).await.expect("a write");
        assert_eq!((&ends[ADA], &ends[BOB]), (&expected, &done(&[])), "{outcome}");
    }
    for (status, body) in [
        (200, json!({ "data": [success(ADA)] })),
        (200, json!({ "data": [success(BOB), success(ADA)] })),
        (400, json!({ "code": "INVALID_DATA" })),
        (404, json!({ "code": "INVALID_MODULE" })),
    ] {
        let answer = body.to_string();
        let server = server(move |_, _| (status, answer.clone())).await;
        let error = zoho(&server.url).write(&LEADS, &patches(&[("City", "Paris")])).await.expect_err("no outcome");
        assert_ne!(error.retry, Retry::Never, "nothing is said of any record: {body}");
    }
}

#[tokio::test]
async fn the_fields_of_leads_are_listed() {
    let server = server(|_, _| {
        let field = |name: &str, kind: &str| json!({ "api_name": name, "data_type": kind, "length": 120, "read_only": name == "id" });
        let mut choices = field("Industry", "picklist");
        choices["pick_list_values"] = json!([{ "display_value": "-None-", "actual_value": "-None-" }, { "actual_value": "Mills" }]);
        let fields = [field("id", "bigint"), field("City", "text"), field("At", "datetime"), choices, field("Who", "lookup")];
        (200, json!({ "fields": fields }).to_string())
    })
    .await;
    let found = zoho(&server.url).properties(&LEADS).await.expect("a list").expect("Zoho says");
    let named = |name: &str| found.iter().find(|property| property.name == name).expect(name);
    assert_eq!((&named("City").takes, named("id").is_read_only), (&Takes::Text { chars_max: Some(120) }, true));
    assert_eq!(named("Industry").takes, Takes::Choice(vec!["-None-".to_owned(), "Mills".to_owned()]));
    assert_eq!((&named("At").takes, &named("Who").takes), (&Takes::Instant, &Takes::Other("lookup".to_owned())));
}
