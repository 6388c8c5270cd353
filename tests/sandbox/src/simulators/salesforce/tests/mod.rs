//! The org as an app sees it, over HTTP.

mod hooks;

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::simulators::hand_clock::HandClock;
use crate::simulators::{loopback, salesforce_router};

struct World {
    clock: Arc<HandClock>,
    org: Arc<Salesforce>,
    http: reqwest::Client,
    base: String,
}

impl World {
    async fn with(setup: SalesforceSetup) -> Self {
        let (clock, http) = (HandClock::start(), loopback::client());
        let org = Arc::new(Salesforce::new(clock.clone(), setup, http.clone()));
        let base = loopback::serve(salesforce_router(org.clone())).await;
        org.serve_at(&base);
        Self { clock, org, http, base }
    }

    async fn new() -> Self {
        Self::with(SalesforceSetup::default()).await
    }

    async fn token_with(&self, form: &str) -> (u16, Value) {
        let request = self.http.post(format!("{}/services/oauth2/token", self.base)).body(form.to_owned());
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.json().await.expect("JSON"))
    }

    async fn token(&self) -> String {
        let form =
            "grant_type=client_credentials&client_id=simulated-consumer-key&client_secret=simulated-consumer-secret";
        let (status, answer) = self.token_with(form).await;
        assert_eq!((status, answer["instance_url"].as_str()), (200, Some(self.base.as_str())), "{answer}");
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    async fn call(&self, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/services/data/v65.0{path}", self.base);
        let request = self.http.request(method.parse().expect("a method"), url).bearer_auth(token).json(&body);
        let response = request.send().await.expect("an answer");
        assert!(response.headers().contains_key("sforce-limit-info") || response.status() == 401);
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }
}

#[tokio::test]
async fn tokens_are_given_to_the_app_and_end() {
    let world = World::new().await;
    for (form, error) in [
        ("grant_type=password", "unsupported_grant_type"),
        ("grant_type=client_credentials&client_id=x", "invalid_client_id"),
        ("grant_type=client_credentials&client_id=simulated-consumer-key&client_secret=x", "invalid_client"),
        ("grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=a.b.c", "invalid_grant"),
    ] {
        let (status, answer) = world.token_with(form).await;
        assert_eq!((status, answer["error"].as_str()), (400, Some(error)));
    }
    let token = world.token().await;
    let read = json!({ "ids": [], "fields": ["Id"] });
    assert_eq!(world.call(&token, "POST", "/composite/sobjects/Lead", read.clone()).await, (200, json!([])));
    world.clock.advance(SalesforceSetup::default().session_timeout);
    let (status, answer) = world.call(&token, "POST", "/composite/sobjects/Lead", read.clone()).await;
    assert_eq!((status, &answer[0]["errorCode"]), (401, &json!("INVALID_SESSION_ID")));
    let token = world.token().await;
    world.org.revoke_tokens();
    assert_eq!(world.call(&token, "POST", "/composite/sobjects/Lead", read).await.0, 401);
}

#[tokio::test]
async fn rows_are_read_in_order_and_null_where_there_is_none() {
    let world = World::new().await;
    let bearer = world.token().await;
    let (ada, gone) = (
        world.org.create_lead([("Email", "a@b.example"), ("NumberOfEmployees", "250")]),
        world.org.create_lead([("Email", "c@d.example")]),
    );
    world.org.delete(&gone);
    let fields = json!(["Email", "City", "NumberOfEmployees", "IsConverted", "CreatedDate"]);
    let body = json!({ "ids": [gone, &ada[..15], "00Q000000000099AAA"], "fields": fields });
    let (status, rows) = world.call(&bearer, "POST", "/composite/sobjects/Lead", body).await;
    assert_eq!((status, rows[0].is_null(), rows[2].is_null()), (200, true, true), "{rows}");
    let expected = json!({ "Id": ada, "Email": "a@b.example", "City": null, "NumberOfEmployees": 250,
        "IsConverted": false, "CreatedDate": "2026-03-01T09:30:00.000+0000" });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&rows[1][name], value, "{name}");
    }
    let body = json!({ "ids": [ada], "fields": ["Nowhere__c"] });
    let (status, answer) = world.call(&bearer, "POST", "/composite/sobjects/Lead", body).await;
    assert_eq!((status, &answer[0]["errorCode"]), (400, &json!("INVALID_FIELD")));
}

#[tokio::test]
async fn each_row_of_a_write_ends_for_itself() {
    let world = World::new().await;
    let token = world.token().await;
    world.org.define_field("Industry", Kind::Picklist(vec!["Banking".to_owned()]));
    let ids: Vec<String> = (0..5).map(|i| world.org.create_lead([("LastName", format!("L{i}"))])).collect();
    world.org.delete(&ids[1]);
    let contact = world.org.convert(&ids[2]);
    let row = |id: &str, field: &str, value: &str| json!({ "attributes": { "type": "Lead" }, "id": id, field: value });
    let rows = [
        row(&ids[0], "Title", "CTO"),
        row(&ids[1], "Title", "CTO"),
        row(&ids[2], "Title", "CTO"),
        row(&ids[3], "Industry", "Poetry"),
        row(&ids[4], "Title", &"x".repeat(129)),
        row("00Q000000000099AAA", "Title", "CTO"),
    ];
    let body = json!({ "allOrNone": false, "records": rows });
    let (status, outcomes) = world.call(&token, "PATCH", "/composite/sobjects", body).await;
    let codes: Vec<&str> = outcomes
        .as_array()
        .expect("a list")
        .iter()
        .map(|outcome| outcome["errors"][0]["statusCode"].as_str().unwrap_or("done"))
        .collect();
    let expected = [
        "done",
        "ENTITY_IS_DELETED",
        "CANNOT_UPDATE_CONVERTED_LEAD",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "STRING_TOO_LONG",
        "INVALID_CROSS_REFERENCE_KEY",
    ];
    assert_eq!((status, codes.as_slice()), (200, expected.as_slice()));
    assert_eq!(outcomes[4]["errors"][0]["fields"], json!(["Title"]));
    let written = world.org.record(&ids[0]).expect("the lead");
    assert_eq!((written.value("Title"), written.modified_by.as_str()), (Some("CTO"), "005000000000001AAA"));
    assert_eq!(
        world.org.record(&contact).and_then(|it| it.value("LastName").map(str::to_owned)).as_deref(),
        Some("L2")
    );
    let unreadable = json!({ "allOrNone": false, "records": [row(&ids[0], "NumberOfEmployees", "51-200")] });
    let (status, answer) = world.call(&token, "PATCH", "/composite/sobjects", unreadable).await;
    assert_eq!((status, &answer[0]["errorCode"]), (400, &json!("JSON_PARSER_ERROR")));
}

#[tokio::test]
async fn the_days_calls_come_to_an_end_and_come_back() {
    let world = World::with(SalesforceSetup { daily_calls: 10, ..SalesforceSetup::default() }).await;
    let token = world.token().await;
    world.org.others_call(9);
    let read = json!({ "ids": [], "fields": ["Id"] });
    assert_eq!(world.call(&token, "POST", "/composite/sobjects/Lead", read.clone()).await.0, 200);
    let (status, answer) = world.call(&token, "POST", "/composite/sobjects/Lead", read.clone()).await;
    assert_eq!((status, &answer[0]["errorCode"]), (403, &json!("REQUEST_LIMIT_EXCEEDED")));
    world.clock.advance(Duration::from_secs(24 * 60 * 60));
    let token = world.token().await;
    assert_eq!(world.call(&token, "POST", "/composite/sobjects/Lead", read).await.0, 200);
}
