//! Looking people up.

use super::*;
use crate::simulators::fault::{Fault, FaultRule};

#[tokio::test]
async fn a_match_is_asked_for_in_the_query_or_in_a_body_and_costs_a_credit() {
    let world = World::new().await;
    let (status, _, body) = world.post(&format!("{MATCH}?email=ada%40example.com"), Value::Null).await;
    assert_eq!((status, &body["person"]["first_name"]), (200, &json!("Ada")));
    assert!(body.get("credits_consumed").is_none());
    let (_, _, again) = world.post(MATCH, json!({ "email": "Ada@example.com" })).await;
    assert_eq!(again["person"]["email_status"], "verified");
    let keys = again["person"].as_object().expect("an object").len();
    assert_eq!(keys, 29);
    let ledger = world.apollo.ledger();
    assert_eq!((ledger.records_charged, ledger.credits_charged), (2, 2000));
    assert_eq!(world.apollo.charges_of("ada@example.com"), 2);
    assert_eq!(ledger.charges[1].call, 1);
}

#[tokio::test]
async fn a_match_by_id_may_be_a_get_and_costs_the_same() {
    let world = World::new().await;
    let id = world.apollo.whom(&Asked::email("ada@example.com")).expect("Ada").id;
    let (status, body) = world.get(&format!("{MATCH}?id={id}")).await;
    assert_eq!((status, &body["person"]["email"]), (200, &json!("ada@example.com")));
    assert_eq!(
        (world.apollo.ledger().credits_charged, world.apollo.ledger().calls_to("api/v1/people/match")),
        (1000, 1)
    );
}

#[tokio::test]
async fn a_miss_is_free_and_said_in_two_ways() {
    let world = World::with(ApolloSetup { miss: Miss::Alternate, ..ApolloSetup::default() }).await;
    let (status, _, body) = world.post(&format!("{MATCH}?email=nobody@example.com"), Value::Null).await;
    assert_eq!((status, body), (200, json!({ "person": null })));
    let (_, _, body) = world.post(&format!("{MATCH}?email=nobody@example.com"), Value::Null).await;
    let person = body["person"].as_object().expect("an object");
    assert!(person.len() > 20 && person.values().all(Value::is_null));
    assert_eq!(world.apollo.ledger().credits_charged, 0);
    assert_eq!(world.apollo.ledger().people_missed, 2);
}

#[tokio::test]
async fn a_bulk_answers_in_order_and_charges_everybody_once() {
    let world = World::with(ApolloSetup { price_milli: 500, ..ApolloSetup::default() }).await;
    let (status, body) = world
        .bulk(&["bob@example.com", "nobody@example.com", "ada@example.com", "BOB@example.com", "ada@example.com"])
        .await;
    assert_eq!(status, 200);
    let names: Vec<&Value> =
        body["matches"].as_array().expect("matches").iter().map(|it| it.get("first_name").unwrap_or(it)).collect();
    assert_eq!(json!(names), json!(["Bob", null, "Ada", "Bob", "Ada"]));
    assert_eq!((&body["status"], &body["error_code"]), (&json!("success"), &Value::Null));
    assert_eq!(body["total_requested_enrichments"], 5);
    assert_eq!((&body["unique_enriched_records"], &body["missing_records"]), (&json!(2), &json!(1)));
    assert_eq!(body["credits_consumed"], 1);
    let (_, body) = world.bulk(&["ada@example.com"]).await;
    assert_eq!(body["credits_consumed"], 0.5);
    assert_eq!(world.apollo.ledger().credits_charged, 1500);
    assert_eq!(world.apollo.ledger().calls_to("api/v1/people/bulk_match"), 2);
}

#[tokio::test]
async fn repeats_are_free_where_the_team_has_it_so() {
    let world = World::with(ApolloSetup { charge_repeats: false, ..ApolloSetup::default() }).await;
    world.bulk(&["ada@example.com"]).await;
    let (_, body) = world.bulk(&["ada@example.com"]).await;
    assert_eq!((&body["unique_enriched_records"], &body["credits_consumed"]), (&json!(0), &json!(0)));
    assert_eq!(body["matches"][0]["first_name"], "Ada");
}

#[tokio::test]
async fn too_many_people_and_malformed_ones_are_refused() {
    let world = World::new().await;
    let (status, body) = world.bulk(&["x@example.com"; 11]).await;
    assert_eq!((status, &body["error_code"]), (400, &json!("RECORD_LIMIT_EXCEEDED")));
    let (status, body) = world.bulk(&[]).await;
    assert_eq!((status, &body["error_code"]), (400, &json!("INVALID_REQUEST")));
    let (status, _, body) = world.post(BULK, json!({ "details": ["ada@example.com"] })).await;
    assert_eq!((status, &body["error_code"]), (400, &json!("INVALID_REQUEST")));
    let (status, _, _) = world.post(&format!("{MATCH}?id=123"), Value::Null).await;
    assert_eq!(status, 422);
    assert_eq!(world.apollo.ledger().records_charged, 0);
}

#[tokio::test]
async fn a_bulk_that_the_credits_do_not_cover_buys_nothing() {
    for (out_of_credits, expected) in
        [(OutOfCredits::Unprocessable, 422), (OutOfCredits::PaymentRequired, 402), (OutOfCredits::Forbidden, 403)]
    {
        let world = World::with(ApolloSetup { pool_milli: 1500, out_of_credits, ..ApolloSetup::default() }).await;
        let (status, body) = world.bulk(&["ada@example.com", "bob@example.com"]).await;
        assert_eq!((status, body), (expected, json!({ "error": "Insufficient credits. Please upgrade your plan." })));
        assert_eq!((world.apollo.credits_left(), world.apollo.ledger().records_charged), (1500, 0));
        assert_eq!(world.bulk(&["ada@example.com"]).await.0, 200);
        assert_eq!(world.bulk(&["bob@example.com"]).await.0, expected);
        world.apollo.top_up(500);
        assert_eq!(world.bulk(&["bob@example.com"]).await.0, 200);
        assert_eq!((world.apollo.credits_left(), world.apollo.ledger().out_of_credits), (0, 2));
        world.apollo.begin_cycle(7000);
        assert_eq!(world.apollo.credits_left(), 7000);
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_was_charged_for() {
    let world = World::new().await;
    let ask = || {
        let request = world.http.post(format!("{}{MATCH}", world.base)).header("x-api-key", "simulated-api-key");
        request.json(&json!({ "email": "ada@example.com" })).send()
    };
    world.apollo.faults().add(FaultRule::on("match", Fault::DropAfterWork));
    assert!(ask().await.is_err());
    assert_eq!(world.apollo.charges_of("ada@example.com"), 1);
    world.apollo.faults().add(FaultRule::on("match", Fault::StatusAfterWork(500, String::new())));
    assert_eq!(ask().await.expect("an answer").status(), 500);
    assert_eq!(world.apollo.charges_of("ada@example.com"), 2);
    world.apollo.faults().add(FaultRule::on("match", Fault::Status(500, String::new())));
    assert_eq!(ask().await.expect("an answer").status(), 500);
    world.apollo.faults().add(FaultRule::on("match", Fault::DropBeforeWork));
    assert!(ask().await.is_err());
    assert_eq!(world.apollo.charges_of("ada@example.com"), 2);
    world.apollo.faults().decide_by(|call| (call.index == 4).then_some(Fault::Throttle { retry_after: None }));
    assert_eq!(ask().await.expect("an answer").status(), 429);
    let ledger: Value =
        world.http.get(format!("{}/ledger", world.base)).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!((&ledger["received"], &ledger["records_charged"]), (&json!(5), &json!(2)));
}

#[tokio::test]
async fn the_generator_needs_no_introductions() {
    let clock = HandClock::start();
    let apollo = Apollo::new(clock, ApolloSetup { unknown_share: 0.0, ..ApolloSetup::default() });
    let asked = Asked::email("grace.hopper@navy.example");
    let grace = apollo.whom(&asked).expect("is known");
    assert_eq!((grace.first_name.as_str(), grace.last_name.as_str()), ("Grace", "Hopper"));
    assert_eq!(apollo.whom(&Asked { id: Some(grace.id.clone()), ..Asked::default() }), Some(grace));
    apollo.forget("grace.hopper@navy.example");
    assert_eq!(apollo.whom(&asked), None);
    assert_eq!(apollo.ledger().records_charged, 0);
}

#[tokio::test]
async fn a_person_shown_by_id_keeps_a_checked_address_locked() {
    let world = World::new().await;
    let gus = Person::new("Gus", "Guess", "gus@example.com");
    world.apollo.know(Person { email_status: EmailStatus::Extrapolated, ..gus });
    let none = Person { email: None, email_status: EmailStatus::Unavailable, ..Person::new("No", "Mail", "no@x.com") };
    world.apollo.know(none.clone());
    let id = |email: &str| world.apollo.whom(&Asked::email(email)).expect("is known").id;
    let shown = async |id: &str| {
        let (status, body) = world.get(&format!("/api/v1/people/{id}")).await;
        assert_eq!(status, 200, "{body}");
        body["person"].clone()
    };
    let ada = shown(&id("ada@example.com")).await;
    assert_eq!((&ada["email"], &ada["email_status"]), (&json!("email_not_unlocked@domain.com"), &json!("verified")));
    assert!(ada.get("contact_id").is_none() && ada.get("revealed_for_current_team").is_none());
    assert_eq!(shown(&id("gus@example.com")).await["email"], "gus@example.com");
    let unavailable = shown(&none.id).await;
    assert_eq!((&unavailable["email"], &unavailable["email_status"]), (&Value::Null, &json!("unavailable")));
    world.post("/api/v1/contacts", json!({ "email": "ada@example.com", "mobile_phone": "+15550001" })).await;
    let ada = shown(&id("ada@example.com")).await;
    assert_eq!((&ada["email"], &ada["revealed_for_current_team"]), (&json!("ada@example.com"), &json!(true)));
    assert_eq!(world.apollo.ledger().credits_charged, 4000);
    let (_, _, matched) = world.post(MATCH, json!({ "email": "ada@example.com" })).await;
    assert_eq!(matched["person"]["contact"]["phone_numbers"][0]["sanitized_number"], "+15550001");
    assert_eq!(world.get("/api/v1/people/x").await.0, 422);
    assert_eq!(world.get(&format!("/api/v1/people/{}", "0".repeat(24))).await.0, 404);
}
