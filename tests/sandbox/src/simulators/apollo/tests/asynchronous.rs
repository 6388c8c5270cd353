//! Numbers, and what waterfalls find.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;

use super::*;
use crate::simulators::guarded::Guarded;

const HOOK: &str = "http://127.0.0.1:9/hook?token=secret";
const DELAY: Duration = Duration::from_secs(5 * 60);
const MOBILE: &str = "+15552000001";

/// A team that knows a mobile number of Ada's, and none of Bob's.
async fn world(asynchronous: AsynchronousSetup) -> World {
    let world = World::with(ApolloSetup { asynchronous, ..ApolloSetup::default() }).await;
    world.apollo.set_mobile("Ada@example.com", Some(Mobile::new(MOBILE)));
    world
}

/// What is wanted, as a query.
fn wanting(flags: &[&str], webhook_url: &str) -> String {
    let flags: String = flags.iter().map(|flag| format!("{flag}=true&")).collect();
    let hook: String = webhook_url.replace(':', "%3A").replace('/', "%2F").replace('?', "%3F").replace('=', "%3D");
    format!("{flags}webhook_url={hook}")
}

impl World {
    async fn bulk_later(&self, emails: &[&str], flags: &[&str]) -> Value {
        let (status, _, body) = self.post(&format!("{BULK}?{}", wanting(flags, HOOK)), details(emails)).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn poll(&self, request_id: &Value) -> (u16, Value) {
        self.get(&format!("/api/v1/webhook_result/{request_id}")).await
    }
}

/// Somebody who is called back, and what they were told.
struct Hook {
    url: String,
    told: Shared<Value>,
    answers: Shared<StatusCode>,
}

type Shared<T> = Arc<Guarded<Vec<T>>>;

impl Hook {
    /// Answers with these statuses from the last to the first, and with 204 after that.
    async fn answering(answers: Vec<StatusCode>) -> Self {
        let (told, answers) = (Arc::new(Guarded::new(Vec::new())), Arc::new(Guarded::new(answers)));
        let hear = |State((told, answers)): State<(Shared<Value>, Shared<StatusCode>)>, body: Bytes| async move {
            told.lock().push(serde_json::from_slice(&body).expect("JSON"));
            answers.lock().pop().unwrap_or(StatusCode::NO_CONTENT)
        };
        let router = Router::new().route("/hook", post(hear)).with_state((told.clone(), answers.clone()));
        Self { url: format!("{}/hook?token=x", loopback::serve(router).await), told, answers }
    }
}

#[tokio::test]
async fn a_number_is_promised_and_arrives_later() {
    let world = world(AsynchronousSetup::default()).await;
    let body =
        world.bulk_later(&["ada@example.com", "bob@example.com", "nobody@x.com"], &["reveal_phone_number"]).await;
    let request_id = &body["request_id"];
    assert!(request_id.as_i64().is_some_and(|id| id < -(1 << 53)), "{request_id}");
    assert_eq!((&body["credits_consumed"], &body["matches"][0]["email"]), (&json!(2), &json!("ada@example.com")));
    assert!(body.get("waterfall").is_none() && body["matches"][0].get("phone_numbers").is_none());

    let (status, pending) = world.poll(request_id).await;
    assert_eq!((status, pending), (404, json!({ "error_code": "result_pending", "retry_after_seconds": 10 })));
    assert_eq!(world.apollo.ledger().mobiles_charged, 0);
    world.clock.advance(DELAY);
    let (status, result) = world.poll(request_id).await;
    assert_eq!((status, &result["request_id"]), (200, &json!(request_id.to_string())));
    assert_eq!((&result["request_type"], &result["webhook_status"]), (&json!("phone"), &json!("success")));
    let payload = &result["webhook_result"];
    assert!(payload.get("request_id").is_none());
    assert_eq!((&payload["credits_consumed"], &payload["unique_enriched_records"]), (&json!(8), &json!(1)));
    assert_eq!((&payload["total_requested_enrichments"], &payload["missing_records"]), (&json!(3), &json!(1)));
    let number = &payload["people"][0]["phone_numbers"][0];
    assert_eq!((&number["sanitized_number"], &number["type_cd"]), (&json!(MOBILE), &json!("mobile")));
    assert_eq!((&number["status_cd"], &number["dnc_status_cd"]), (&json!("valid_number"), &json!("not_found")));
    assert_eq!(payload["people"][1]["phone_numbers"], json!([]));
}

#[tokio::test]
async fn a_single_match_promises_in_the_same_way_with_a_body() {
    let world = world(AsynchronousSetup::default()).await;
    let asked = json!({ "email": "ada@example.com", "reveal_phone_number": true, "webhook_url": HOOK });
    let (status, _, body) = world.post(MATCH, asked).await;
    assert_eq!((status, &body["person"]["email"]), (200, &json!("ada@example.com")));
    let asked = json!({ "email": "bob@example.com", "reveal_phone_number": true, "poll_only": true });
    let (_, _, other) = world.post(MATCH, asked).await;
    let (first, second) = (body["request_id"].as_i64().expect("an id"), other["request_id"].as_i64().expect("an id"));
    assert!(first < -(1 << 53) && second > 1 << 53, "{first} {second}");
    assert_eq!(world.apollo.pending_callbacks().len(), 1, "whoever polls isn't called");
    let asked = json!({ "email": "nobody@example.com", "reveal_phone_number": true, "webhook_url": HOOK });
    assert_eq!(world.post(MATCH, asked).await.2, json!({ "person": null }));
}

#[tokio::test]
async fn whatever_is_wanted_later_needs_somewhere_to_send_it() {
    let world = world(AsynchronousSetup::default()).await;
    for flag in ["reveal_phone_number", "run_waterfall_email", "run_waterfall_phone"] {
        let (status, _, body) = world.post(&format!("{BULK}?{flag}=true"), details(&["ada@example.com"])).await;
        assert_eq!((status, &body["error_code"]), (400, &json!("INVALID_REQUEST")), "{flag}");
        for url in ["nowhere", "http://public.example/hook", "ftp://127.0.0.1/"] {
            let path = format!("{BULK}?{}", wanting(&[flag], url));
            let (status, _, body) = world.post(&path, details(&["ada@example.com"])).await;
            assert_eq!((status, &body["error_code"]), (400, &json!("INVALID_WEBHOOK_URL")), "{url}");
        }
    }
    let both = format!("{MATCH}?email=ada@example.com&{}", wanting(&["reveal_phone_number", "poll_only"], HOOK));
    assert_eq!(world.post(&both, Value::Null).await.2["error_code"], "WEBHOOK_URL_WITH_POLL_ONLY");
    assert_eq!(world.apollo.ledger().records_charged, 0);
}

#[tokio::test]
async fn a_number_is_charged_once_for_whoever_has_one() {
    let world = world(AsynchronousSetup::default()).await;
    world.bulk_later(&["ada@example.com", "ADA@example.com", "bob@example.com"], &["reveal_phone_number"]).await;
    assert_eq!(world.apollo.ledger().credits_charged, 2000);
    world.clock.advance(DELAY * 2);
    let ledger = world.apollo.ledger();
    assert_eq!((ledger.mobiles_charged, ledger.milli_for(Item::Mobile), ledger.credits_charged), (1, 8000, 10_000));
    assert_eq!(world.apollo.mobile_charges_of("ada@example.com"), 1);
    assert_eq!(world.apollo.mobile_charges_of("bob@example.com"), 0);
    assert_eq!((world.apollo.charges_of("ada@example.com"), ledger.records_charged), (1, 2));
    let charge = ledger.charges.last().expect("a charge");
    assert_eq!((charge.item, charge.at.to_string().as_str(), charge.call), (Item::Mobile, "2026-03-01T09:35:00Z", 0));
    assert_eq!(world.apollo.credits_left(), ApolloSetup::default().pool_milli - 10_000);
}

#[tokio::test]
async fn a_number_can_be_charged_before_anybody_has_looked() {
    let world = world(AsynchronousSetup { charge_at_acceptance: true, ..AsynchronousSetup::default() }).await;
    let body = world.bulk_later(&["ada@example.com", "bob@example.com"], &["reveal_phone_number"]).await;
    assert_eq!(body["credits_consumed"], 2, "what is said at once is about the people alone");
    assert_eq!(world.apollo.ledger().credits_charged, 18_000);
    assert_eq!(world.apollo.mobile_charges_of("bob@example.com"), 1, "although there is none");
    world.clock.advance(DELAY);
    assert_eq!(world.poll(&body["request_id"]).await.1["webhook_result"]["credits_consumed"], 16);
    assert_eq!(world.apollo.ledger().credits_charged, 18_000);
}

#[tokio::test]
async fn a_number_that_the_credits_do_not_cover_is_not_handed_out() {
    let world = world(AsynchronousSetup::default()).await;
    world.apollo.begin_cycle(5000);
    let body = world.bulk_later(&["ada@example.com"], &["reveal_phone_number"]).await;
    world.clock.advance(DELAY);
    let payload = &world.poll(&body["request_id"]).await.1["webhook_result"];
    assert_eq!((&payload["credits_consumed"], &payload["people"][0]["status"]), (&json!(0), &json!("failed")));
    assert_eq!(payload["people"][0]["phone_numbers"], json!([]));
    assert_eq!(world.apollo.credits_left(), 4000);
}

#[tokio::test]
async fn a_desk_is_free_and_comes_first() {
    let world = world(AsynchronousSetup::default()).await;
    let direct_phone = Some("+15550130001".to_owned());
    let listed = Mobile { is_valid: false, do_not_call: DoNotCall::Listed, ..Mobile::new(MOBILE) };
    let eve = Person::new("Eve", "Doe", "eve@example.com");
    world.apollo.know(Person { direct_phone: direct_phone.clone(), mobile: Some(listed), ..eve });
    world.apollo.know(Person { direct_phone, ..Person::new("Dan", "Doe", "dan@example.com") });
    let body = world.bulk_later(&["eve@example.com", "dan@example.com"], &["reveal_phone_number"]).await;
    world.clock.advance(DELAY);
    let people = &world.poll(&body["request_id"]).await.1["webhook_result"]["people"];
    let kinds = |person: usize| -> Vec<Value> {
        let numbers = people[person]["phone_numbers"].as_array().expect("numbers");
        numbers.iter().map(|number| json!([number["type_cd"], number["status_cd"], number["dnc_status_cd"]])).collect()
    };
    let desk = json!(["work_direct_phone", "no_status", null]);
    assert_eq!(kinds(0), [desk.clone(), json!(["mobile", "no_status", "found"])]);
    assert_eq!(kinds(1), [desk]);
    assert_eq!(world.apollo.ledger().mobiles_charged, 1);
}

#[tokio::test]
async fn a_waterfall_says_nothing_of_addresses_and_costs_until_it_is_through() {
    let world = world(AsynchronousSetup::default()).await;
    let guessed = Person::new("Gus", "Guess", "gus@example.com");
    let other_email = Some("gus@elsewhere.example".to_owned());
    world.apollo.know(Person { email_status: EmailStatus::Extrapolated, other_email, ..guessed });
    let flags = ["run_waterfall_email", "run_waterfall_phone"];
    let body = world.bulk_later(&["ada@example.com", "gus@example.com", "nobody@x.com"], &flags).await;
    assert_eq!(body["waterfall"]["status"], "accepted");
    for absent in ["credits_consumed", "unique_enriched_records", "missing_records"] {
        assert!(body.get(absent).is_none(), "{absent}");
    }
    assert!(body["matches"][0].get("email").is_none() && body["matches"][0].get("email_status").is_none());
    world.clock.advance(DELAY);
    let (_, result) = world.poll(&body["request_id"]).await;
    assert_eq!(result["request_type"], "waterfall");
    let payload = &result["webhook_result"];
    assert_eq!((&payload["request_id"], &payload["credits_consumed"]), (&result["request_id"], &json!(12)));
    assert_eq!(payload["target_fields"], json!(["emails", "phone_numbers"]));
    assert_eq!((&payload["email_records_enriched"], &payload["mobile_records_enriched"]), (&json!(2), &json!(1)));
    assert_eq!((&payload["enrichment_not_found"], &payload["mobile_records_not_found"]), (&json!(1), &json!(2)));
    assert_eq!(payload["people"][1]["emails"][0]["email"], "gus@elsewhere.example");
    assert_eq!(payload["people"][0]["phone_numbers"][0]["sanitized_number"], MOBILE);
    assert_eq!(payload["people"][0]["waterfall"]["emails"][0]["vendors"][0]["status"], "VERIFIED");
    assert_eq!(world.apollo.ledger().milli_for(Item::Email), 2000, "Ada's address is Apollo's own");
    assert_eq!(world.apollo.ledger().credits_charged, 12_000);
}

#[tokio::test]
async fn a_waterfall_that_is_not_accepted_ends_at_once() {
    let world = world(AsynchronousSetup { has_waterfalls: false, ..AsynchronousSetup::default() }).await;
    let body = world.bulk_later(&["ada@example.com"], &["run_waterfall_email"]).await;
    assert_eq!((&body["waterfall"]["status"], &body["credits_consumed"]), (&json!("failed"), &json!(1)));
    assert_eq!(body["matches"][0]["email"], "ada@example.com");
    assert!(body.get("request_id").is_none() && world.apollo.pending_callbacks().is_empty());
}

#[tokio::test]
async fn asking_for_a_result_is_free_limited_and_ends_after_a_month() {
    let limits = Limits { other: Windows::per_minute(5), ..Limits::unlimited() };
    let world = World::with(ApolloSetup { limits, ..ApolloSetup::default() }).await;
    let body = world.bulk_later(&["ada@example.com"], &["reveal_phone_number"]).await;
    assert_eq!(world.poll(&json!("x")).await, (400, json!({ "error_code": "invalid_request_id" })));
    assert_eq!(world.poll(&json!(17)).await, (404, json!({ "error_code": "request_id_unknown" })));
    world.clock.advance(DELAY);
    let spent = world.apollo.ledger().credits_charged;
    let (_, first) = world.poll(&body["request_id"]).await;
    assert_eq!(world.poll(&body["request_id"]).await, (200, first), "it is always the same");
    assert_eq!(world.apollo.ledger().credits_charged, spent);
    for _ in 0..5 {
        world.poll(&body["request_id"]).await;
    }
    assert_eq!(world.poll(&body["request_id"]).await.0, 429);
    world.clock.advance(Duration::from_secs(30 * 24 * 60 * 60));
    assert_eq!(world.poll(&body["request_id"]).await, (410, json!({ "error_code": "request_id_expired" })));
}

#[tokio::test]
async fn a_result_may_never_arrive() {
    let world = world(AsynchronousSetup { stuck_share: 1.0, ..AsynchronousSetup::default() }).await;
    let body = world.bulk_later(&["ada@example.com"], &["reveal_phone_number"]).await;
    world.clock.advance(Duration::from_secs(29 * 24 * 60 * 60));
    assert_eq!(world.poll(&body["request_id"]).await.1["error_code"], "result_pending");
    assert_eq!((world.apollo.deliver_callbacks(&world.http).await, world.apollo.ledger().mobiles_charged), (0, 0));
    world.clock.advance(Duration::from_secs(24 * 60 * 60));
    assert_eq!(world.poll(&body["request_id"]).await.0, 410);
}

#[tokio::test]
async fn callbacks_are_made_when_they_are_due_and_again_when_they_are_refused() {
    let world = world(AsynchronousSetup::default()).await;
    let hook = Hook::answering(vec![StatusCode::INTERNAL_SERVER_ERROR]).await;
    let path = format!("{BULK}?{}", wanting(&["reveal_phone_number"], &hook.url));
    let (_, _, body) = world.post(&path, details(&["ada@example.com"])).await;
    assert_eq!(world.apollo.deliver_callbacks(&world.http).await, 0, "it isn't due");
    let pending = world.apollo.pending_callbacks();
    assert_eq!(
        (pending.len(), &pending[0].url, Some(pending[0].request_id)),
        (1, &hook.url, body["request_id"].as_i64())
    );
    world.clock.advance(DELAY);
    assert_eq!(world.apollo.deliver_callbacks(&world.http).await, 1);
    assert_eq!(world.apollo.deliver_callbacks(&world.http).await, 0, "it waits for its next try");
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.apollo.deliver_callbacks(&world.http).await, 1);
    assert!(world.apollo.pending_callbacks().is_empty() && hook.answers.lock().is_empty());
    let told = hook.told.lock().clone();
    assert_eq!(told.len(), 2);
    assert_eq!((&told[0], &told[1]), (&pending[0].body, &told[0]));
    assert_eq!(world.poll(&body["request_id"]).await.1["webhook_result"], told[0]);
}

#[tokio::test]
async fn callbacks_can_be_lost_doubled_and_sent_by_hand() {
    let hook = Hook::answering(Vec::new()).await;
    let path = format!("{BULK}?{}", wanting(&["reveal_phone_number"], &hook.url));
    let ada = || details(&["ada@example.com"]);
    let lost = world(AsynchronousSetup { lost_share: 1.0, ..AsynchronousSetup::default() }).await;
    lost.post(&path, ada()).await;
    assert!(lost.apollo.pending_callbacks().is_empty());
    let doubled = world(AsynchronousSetup { doubled_share: 1.0, ..AsynchronousSetup::default() }).await;
    doubled.post(&path, ada()).await;
    doubled.clock.advance(DELAY);
    assert_eq!(doubled.apollo.deliver_callbacks(&doubled.http).await, 2);
    assert_eq!(doubled.apollo.ledger().mobiles_charged, 1);
    let world = world(AsynchronousSetup::default()).await;
    let (_, _, body) = world.post(&path, ada()).await;
    let taken = world.apollo.take_callbacks();
    assert_eq!(taken[0].post(&world.http).await, Some(204), "early");
    assert_eq!(world.poll(&body["request_id"]).await.1["error_code"], "result_pending");
    world.clock.advance(DELAY);
    assert_eq!(world.apollo.deliver_callbacks(&world.http).await, 0);
    let said = hook.told.lock().clone();
    assert_eq!((said.len(), &said[2]), (3, &world.poll(&body["request_id"]).await.1["webhook_result"]));
}
