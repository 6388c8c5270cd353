//! The REST API.

use axum::http::StatusCode;
use leadgate_enrichment::clock::Clock as _;
use serde_json::json;

use super::*;
use crate::simulators::fault::{Fault, FaultRule};

fn ids(body: &Value) -> Vec<&str> {
    let results = body["results"].as_array().expect("results");
    let mut ids: Vec<&str> = results.iter().filter_map(|result| result["id"].as_str()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn a_batch_read_names_what_is_missing_and_shows_unset_properties_as_null() {
    let world = World::new().await;
    let ada = world.hubspot.create_contact([("email", "Ada@Example.com"), ("firstname", "Ada")]);
    for base in [V3, DATED] {
        let body = json!({
            "inputs": [{ "id": ada }, { "id": "1" }],
            "properties": ["email", "jobtitle", "shoe_size"],
            "propertiesWithHistory": [],
        });
        let (status, body) = world.post(&format!("{base}/batch/read"), body).await;
        assert_eq!(status, 207);
        assert_eq!(body["status"], "COMPLETE");
        let properties = &body["results"][0]["properties"];
        assert_eq!(properties["email"], "ada@example.com");
        assert_eq!(properties["hs_object_id"], ada.as_str());
        assert!(properties.as_object().expect("an object").contains_key("jobtitle"));
        assert_eq!(properties["jobtitle"], Value::Null);
        assert!(!properties.as_object().expect("an object").contains_key("shoe_size"));
        assert_eq!(body["numErrors"], 1);
        assert_eq!(body["errors"][0]["category"], "OBJECT_NOT_FOUND");
        assert_eq!(body["errors"][0]["context"]["ids"], json!(["1"]));
    }
    assert_eq!(world.hubspot.counters().of("batch_read"), 2);
}

#[tokio::test]
async fn a_batch_update_answers_for_each_record_and_echoes_its_trace_id() {
    let world = World::new().await;
    let ada = world.hubspot.create_contact([("firstname", "Ada")]);
    let bob = world.hubspot.create_contact([("firstname", "Bob")]);
    world.hubspot.delete(&bob);
    let inputs = json!([
        { "id": ada, "properties": { "jobtitle": "Countess" }, "objectWriteTraceId": "a" },
        { "id": bob, "properties": { "jobtitle": "Builder" }, "objectWriteTraceId": "b" },
    ]);
    let (status, body) = world.post(&format!("{V3}/batch/update"), json!({ "inputs": inputs })).await;
    assert_eq!(status, 207);
    assert_eq!(body["results"][0]["objectWriteTraceId"], "a");
    assert_eq!(body["results"][0]["properties"]["jobtitle"], "Countess");
    assert_eq!(body["errors"][0]["context"], json!({ "ids": [bob], "objectWriteTraceId": ["b"] }));
    let ada = world.hubspot.contact(&ada).expect("is there");
    let latest = &ada.history("jobtitle")[0];
    assert_eq!((latest.value.as_str(), latest.source.kind.as_str()), ("Countess", "INTEGRATION"));
    let counters = world.hubspot.counters();
    assert_eq!((counters.writes, counters.records_written, counters.records_changed), (1, 1, 1));
}

#[tokio::test]
async fn one_wrong_property_or_value_fails_a_whole_batch() {
    let world = World::new().await;
    let ada = world.hubspot.create_contact([("firstname", "Ada")]);
    let bob = world.hubspot.create_contact([("firstname", "Bob")]);
    world.hubspot.define_property_as("headcount", Kind::Number);
    let update = async |property: &str, value: &str| {
        let inputs = json!([
            { "id": ada, "properties": { "jobtitle": value }, "objectWriteTraceId": "a" },
            { "id": bob, "properties": { property: value }, "objectWriteTraceId": "b" },
        ]);
        world.post(&format!("{V3}/batch/update"), json!({ "inputs": inputs })).await
    };
    for (property, code) in [
        ("shoe_size", "PROPERTY_DOESNT_EXIST"),
        ("createdate", "READ_ONLY_VALUE"),
        ("lifecyclestage", "INVALID_OPTION"),
        ("headcount", "INVALID_INTEGER"),
    ] {
        let (status, body) = update(property, "1,000").await;
        assert_eq!((status, &body["category"]), (400, &json!("VALIDATION_ERROR")));
        assert_eq!(body["errors"][0]["code"], code);
        assert_eq!(body["errors"][0]["context"]["propertyName"], json!([property]));
    }
    assert_eq!(world.hubspot.counters().records_written, 0);
    assert_eq!(update("headcount", "1000").await.0, 200);
}

#[tokio::test]
async fn what_is_in_the_recycle_bin_is_read_on_demand_and_alone() {
    let world = World::new().await;
    let ada = world.hubspot.create_contact([("firstname", "Ada")]);
    let bob = world.hubspot.create_contact([("firstname", "Bob")]);
    world.hubspot.delete(&bob);
    for (query, there, missing) in [("", &ada, &bob), ("?archived=true", &bob, &ada)] {
        let inputs = json!([{ "id": ada }, { "id": bob }]);
        let (status, body) = world.post(&format!("{V3}/batch/read{query}"), reading(inputs)).await;
        assert_eq!((status, ids(&body)), (207, vec![there.as_str()]));
        assert_eq!(body["errors"][0]["context"]["ids"], json!([missing]));
        assert_eq!(body["results"][0]["archived"], !query.is_empty());
        let (_, _, body) = world.send("GET", &format!("{V3}{query}"), Value::Null).await;
        assert_eq!(ids(&body), [there.as_str()]);
        assert_eq!(world.send("GET", &format!("{V3}/{missing}{query}"), Value::Null).await.0, 404);
    }
}

#[tokio::test]
async fn a_batch_holds_a_hundred_different_records() {
    let world = World::new().await;
    let many: Vec<Value> = (0..101).map(|id| json!({ "id": id.to_string() })).collect();
    let (status, _) = world.post(&format!("{V3}/batch/read"), reading(json!(many))).await;
    assert_eq!(status, 400);
    let twice = reading(json!([{ "id": "1" }, { "id": "1" }]));
    let (status, body) = world.post(&format!("{V3}/batch/read"), twice).await;
    assert_eq!((status, &body["category"]), (400, &json!("VALIDATION_ERROR")));
}

/// The body of a batch read.
fn reading(inputs: Value) -> Value {
    json!({ "inputs": inputs, "properties": [], "propertiesWithHistory": [] })
}

#[tokio::test]
async fn a_batch_read_has_to_say_which_histories_it_wants_if_only_none() {
    let world = World::new().await;
    let ada = world.hubspot.create_contact([("firstname", "Ada")]);
    let without = json!({ "inputs": [{ "id": ada }], "properties": [] });
    let (status, body) = world.post(&format!("{V3}/batch/read"), without).await;
    assert_eq!((status, &body["category"]), (400, &json!("VALIDATION_ERROR")));
    assert!(body["message"].as_str().is_some_and(|message| message.contains("[propertiesWithHistory]")), "{body}");
    assert_eq!(world.post(&format!("{V3}/batch/read"), reading(json!([{ "id": ada }]))).await.0, 200);
}

#[tokio::test]
async fn single_contacts_are_created_read_changed_and_deleted() {
    let world = World::new().await;
    let ada = json!({ "properties": { "email": "ada@example.com" } });
    let (status, body) = world.post(V3, ada.clone()).await;
    assert_eq!(status, 201);
    let id = body["id"].as_str().expect("a string").to_owned();
    let (status, body) = world.post(V3, ada).await;
    assert_eq!((status, &body["category"]), (409, &json!("CONFLICT")));
    assert_eq!(body["message"], format!("Contact already exists. Existing ID: {id}"));

    let by_email = format!("{V3}/ada%40example.com?idProperty=email");
    let (status, _, _) = world.send("PATCH", &by_email, json!({ "properties": { "city": "London" } })).await;
    assert_eq!(status, 200);
    world.hubspot.edit(&id, "city", "Ockham");
    let path = format!("{DATED}/{id}?properties=city,email&propertiesWithHistory=city");
    let (status, _, body) = world.send("GET", &path, Value::Null).await;
    assert_eq!((status, &body["properties"]["city"]), (200, &json!("Ockham")));
    let history = &body["propertiesWithHistory"]["city"];
    assert_eq!((&history[0]["sourceType"], &history[1]["sourceType"]), (&json!("CRM_UI"), &json!("INTEGRATION")));
    let (status, _, body) = world.send("PATCH", &format!("{V3}/{id}"), json!({ "properties": {} })).await;
    assert_eq!((status, &body["category"]), (400, &json!("VALIDATION_ERROR")));

    assert_eq!(world.send("DELETE", &format!("{V3}/{id}"), Value::Null).await.0, 204);
    assert_eq!(world.send("GET", &format!("{V3}/{id}"), Value::Null).await.0, 404);
    let (status, _, body) = world.send("GET", &format!("{V3}/{id}?archived=true"), Value::Null).await;
    assert_eq!((status, &body["archived"]), (200, &json!(true)));
}

#[tokio::test]
async fn a_search_filters_sorts_and_pages() {
    let world = World::new().await;
    for (name, employees) in [("Ada", "3"), ("Bob", "20"), ("Cid", "100"), ("Dan", "")] {
        world.hubspot.create_contact([("firstname", name), ("numemployees", employees)]);
    }
    let found = async |filter: Value| {
        let body = json!({
            "filterGroups": [{ "filters": [filter] }],
            "sorts": [{ "propertyName": "firstname", "direction": "DESCENDING" }],
            "properties": ["firstname"],
            "limit": 2,
        });
        let (status, body) = world.post(&format!("{V3}/search"), body).await;
        assert_eq!(status, 200, "{body}");
        let results = body["results"].as_array().expect("results");
        let names: Vec<String> = results.iter().map(|it| it["properties"]["firstname"].to_string()).collect();
        (body["total"].as_u64(), names.join(" ").replace('"', ""), body["paging"]["next"]["after"].clone())
    };
    let filter = |operator: &str, value: Value| {
        let mut filter = json!({ "propertyName": "numemployees", "operator": operator });
        let name = if value.is_array() { "values" } else { "value" };
        filter[name] = value;
        filter
    };
    assert_eq!(found(filter("GT", json!("5"))).await, (Some(2), "Cid Bob".to_owned(), Value::Null));
    assert_eq!(found(filter("EQ", json!("20"))).await, (Some(1), "Bob".to_owned(), Value::Null));
    assert_eq!(found(filter("IN", json!(["3", "100"]))).await, (Some(2), "Cid Ada".to_owned(), Value::Null));
    assert_eq!(found(filter("HAS_PROPERTY", json!(""))).await, (Some(3), "Cid Bob".to_owned(), json!("2")));
    assert_eq!(found(filter("NOT_HAS_PROPERTY", json!(""))).await, (Some(1), "Dan".to_owned(), Value::Null));
}

#[tokio::test]
async fn calls_need_the_token_and_are_limited() {
    let limits = Limits { burst_per_10s: Some(2), daily: Some(3), searches_per_second: None };
    let world = World::with(HubSpotSetup { limits, ..HubSpotSetup::default() }).await;
    let wrong = world.http.get(format!("{}{V3}", world.base)).bearer_auth("x").send().await.expect("an answer");
    assert_eq!(wrong.status(), 401);
    assert!(!wrong.headers().contains_key("x-hubspot-ratelimit-max"));
    let wrong: Value = wrong.json().await.expect("JSON");
    assert_eq!(wrong["category"], "INVALID_AUTHENTICATION");

    let (status, headers, _) = world.send("GET", V3, Value::Null).await;
    assert_eq!((status, &headers["x-hubspot-ratelimit-remaining"]), (200, &"1".parse().expect("a value")));
    assert_eq!(headers["x-hubspot-ratelimit-daily-remaining"], "2");
    world.send("GET", V3, Value::Null).await;
    let (status, headers, body) = world.send("GET", V3, Value::Null).await;
    assert_eq!((status, &body["policyName"]), (429, &json!("TEN_SECONDLY_ROLLING")));
    assert!(!headers.contains_key("retry-after"));
    assert_eq!(body["errorType"], "RATE_LIMIT");

    world.clock.advance(Duration::from_secs(10));
    let (status, headers, _) = world.send("POST", &format!("{V3}/search"), json!({})).await;
    assert_eq!(status, 200);
    assert!(!headers.keys().any(|name| name.as_str().contains("ratelimit")));
    let (status, _, body) = world.send("GET", V3, Value::Null).await;
    assert_eq!((status, &body["policyName"]), (429, &json!("DAILY")));
    let counters = world.hubspot.counters();
    assert_eq!((counters.received, counters.unauthorized, counters.throttled), (6, 1, 2));
}

#[tokio::test]
async fn faults_happen_before_or_after_the_work() {
    let world = World::new().await;
    let ada = world.hubspot.create_contact([("firstname", "Ada")]);
    let faults = world.hubspot.faults();
    let write = |title: &str| {
        let body = json!({ "inputs": [{ "id": ada, "properties": { "jobtitle": title } }] });
        world.http.post(format!("{}{V3}/batch/update", world.base)).bearer_auth("simulated-access-token").json(&body)
    };
    let title = || world.hubspot.contact(&ada).and_then(|contact| contact.value("jobtitle").map(str::to_owned));

    faults.add(FaultRule::on("batch/update", Fault::DropBeforeWork));
    assert!(write("One").send().await.is_err());
    assert_eq!(title(), None);
    faults.add(FaultRule::on("batch/update", Fault::DropAfterWork));
    assert!(write("Two").send().await.is_err());
    assert_eq!(title().as_deref(), Some("Two"));
    faults.add(FaultRule::next(Fault::StatusAfterWork(502, String::new())));
    assert_eq!(write("Three").send().await.expect("an answer").status(), 502);
    assert_eq!(title().as_deref(), Some("Three"));
    faults.add(FaultRule::next(Fault::Silence));
    let silence = tokio::spawn(write("Four").send());
    while title().as_deref() != Some("Four") {
        tokio::task::yield_now().await;
    }
    assert!(!silence.is_finished());
    silence.abort();
    faults.add(FaultRule::next(Fault::Throttle { retry_after: Some(Duration::from_secs(3)) }));
    let throttled = write("Five").send().await.expect("an answer");
    assert_eq!(
        (throttled.status(), &throttled.headers()["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"3".parse().expect("a value"))
    );
    let before = world.clock.now();
    faults.add(FaultRule::next(Fault::Delay(Duration::from_secs(7))));
    assert_eq!(write("Six").send().await.expect("an answer").status(), 200);
    assert_eq!(world.clock.now().duration_since(before).as_secs(), 7);

    let rule = json!({ "fault": { "status": [503, "busy"] } });
    let told = world.http.post(format!("{}/faults", world.base)).json(&rule).send().await.expect("an answer");
    assert_eq!(told.status(), 204);
    let busy = write("Seven").send().await.expect("an answer");
    assert_eq!((busy.status().as_u16(), busy.text().await.expect("a text")), (503, "busy".to_owned()));
}

#[tokio::test]
async fn a_person_can_step_in_between_a_read_and_a_write() {
    let world = World::new().await;
    let ada = world.hubspot.create_contact([("firstname", "Ada")]);
    let (hubspot, id) = (Arc::downgrade(&world.hubspot), ada.clone());
    world.hubspot.on_call(move |call| {
        if let Some(hubspot) = hubspot.upgrade().filter(|_| call.path.ends_with("batch/update")) {
            hubspot.edit(&id, "jobtitle", "Countess");
        }
    });
    let inputs = json!([{ "id": ada, "properties": { "jobtitle": "Analyst" } }]);
    world.post(&format!("{V3}/batch/update"), json!({ "inputs": inputs })).await;
    let ada = world.hubspot.contact(&ada).expect("is there");
    let titles: Vec<&str> = ada.history("jobtitle").iter().map(|version| version.value.as_str()).collect();
    assert_eq!(titles, ["Analyst", "Countess"]);
}

#[tokio::test]
async fn the_schema_can_be_read_and_added_to() {
    let world = World::new().await;
    let path = "/crm/v3/properties/contacts";
    let body = json!({
        "name": "shoe_size", "label": "Shoe size", "groupName": "contactinformation", "type": "number", "fieldType": "number",
    });
    assert_eq!(world.post(path, body.clone()).await.0, 201);
    assert_eq!(world.post(path, body).await.0, 409);
    let (status, _, body) = world.send("GET", path, Value::Null).await;
    let property = |name: &str| {
        let all = body["results"].as_array().expect("results");
        all.iter().find(|it| it["name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!((status, &property("shoe_size")["name"]), (200, &json!("shoe_size")));
    assert_eq!(property("leadgate_last_enriched")["type"], "datetime");
    assert_eq!(property("createdate")["modificationMetadata"]["readOnlyValue"], true);
    let ada = world.hubspot.create_contact([("shoe_size", "36")]);
    world.hubspot.remove_property("shoe_size");
    let refused = world.hubspot.try_edit(&ada, "shoe_size", "37", &Source::person());
    assert!(matches!(refused, Err(Refusal::Invalid(_))));
}
