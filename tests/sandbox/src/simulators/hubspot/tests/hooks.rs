//! The webhooks.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::json;
use tokio::sync::Barrier;

use super::*;
use crate::simulators::guarded::Guarded;

/// A receiver that answers with `statuses` in turn, and then with 200.
pub(super) async fn receiver(statuses: &'static [u16]) -> (String, Arc<Guarded<Vec<(HeaderMap, String)>>>) {
    let received = Arc::new(Guarded::new(Vec::new()));
    let (kept, next) = (received.clone(), Arc::new(AtomicUsize::new(0)));
    let route = post(move |headers: HeaderMap, body: String| {
        let (kept, next) = (kept.clone(), next.clone());
        async move {
            kept.lock().push((headers, body));
            let status = statuses.get(next.fetch_add(1, Ordering::Relaxed)).copied().unwrap_or(200);
            StatusCode::from_u16(status).expect("a status")
        }
    });
    (loopback::serve(Router::new().route("/hook", route)).await, received)
}

#[tokio::test]
async fn deliveries_are_signed_and_tell_of_the_apps_own_writes_too() {
    let world = World::new().await;
    let (base, received) = receiver(&[]).await;
    let subscription = Subscription {
        target_url: format!("{base}/hook"),
        signed_url: "https://hooks.example.com/hubspot".to_owned(),
        properties: vec!["jobtitle".to_owned()],
        ..Subscription::new("", "secret")
    };
    world.hubspot.subscribe(subscription);
    let ada = world.hubspot.create_contact([("email", "ada@example.com")]);
    let write = json!({ "properties": { "jobtitle": "Countess", "city": "London" } });
    world.send("PATCH", &format!("{V3}/{ada}"), write.clone()).await;
    world.send("PATCH", &format!("{V3}/{ada}"), write).await;
    let report = world.hubspot.deliver().await;
    assert_eq!((report.deliveries, report.events, report.accepted), (1, 2, 1));
    assert_eq!(world.hubspot.pending_events(), []);

    let (headers, body) = received.lock().remove(0);
    let header = |name: &str| headers[name].to_str().expect("a text");
    let sent_at: i64 = header("x-hubspot-request-timestamp").parse().expect("a number");
    assert_eq!(sent_at, world.clock.now().as_millisecond());
    let signed = signature::v3("secret", "POST", "https://hooks.example.com/hubspot", body.as_bytes(), sent_at);
    assert_eq!(header("x-hubspot-signature-v3"), signed);
    assert_eq!(header("x-hubspot-signature"), signature::v1("secret", body.as_bytes()));

    let mut events: Vec<Value> = serde_json::from_str(&body).expect("JSON");
    events.sort_by_key(|event| event["subscriptionType"].to_string());
    assert_eq!(events[0]["subscriptionType"], "contact.creation");
    assert_eq!((&events[0]["changeFlag"], &events[0]["changeSource"]), (&json!("NEW"), &json!("CRM_UI")));
    assert_eq!(events[0]["objectId"].to_string(), ada);
    assert_eq!((&events[1]["propertyName"], &events[1]["propertyValue"]), (&json!("jobtitle"), &json!("Countess")));
    assert_eq!((&events[1]["changeSource"], &events[1]["sourceId"]), (&json!("INTEGRATION"), &json!("54321")));
}

#[tokio::test]
async fn what_is_refused_comes_again_until_it_is_given_up() {
    let world = World::new().await;
    let (base, received) = receiver(&[401, 500]).await;
    world.hubspot.subscribe(Subscription::new(&format!("{base}/hook"), "secret"));
    world.hubspot.create_contact([("firstname", "Ada")]);
    let first = world.hubspot.deliver().await;
    assert_eq!((first.rejected, first.kept), (vec![401], 1));
    assert_eq!(world.hubspot.deliver().await.rejected, [500]);
    assert_eq!(world.hubspot.deliver().await.accepted, 1);
    assert_eq!(world.hubspot.deliver().await, DeliveryReport::default());
    let attempts: Vec<Value> = received
        .lock()
        .iter()
        .map(|(_, body)| serde_json::from_str::<Value>(body).expect("JSON")[0]["attemptNumber"].clone())
        .collect();
    assert_eq!(attempts, [0, 1, 2]);

    // Nobody listens on port 9, and the retries are spread over a day.
    let nowhere = Subscription { retry_spread: RETRY_SPREAD, ..Subscription::new("http://127.0.0.1:9/", "secret") };
    world.hubspot.subscribe(nowhere);
    world.hubspot.create_contact([("firstname", "Bob")]);
    assert_eq!(world.hubspot.deliver().await.unanswered, 1);
    assert_eq!(world.hubspot.deliver().await.deliveries, 0);
    for _ in 0..RETRIES_MAX {
        world.clock.advance(Duration::from_secs(4 * 60 * 60));
        assert_eq!(world.hubspot.deliver().await.unanswered, 1);
    }
    assert_eq!((world.hubspot.lost_events().len(), world.hubspot.pending_events().len()), (1, 0));
}

#[tokio::test]
async fn a_storm_is_told_in_parts_and_some_of_it_twice() {
    let world = World::with(HubSpotSetup { duplicate_share: 0.1, ..HubSpotSetup::default() }).await;
    let (base, received) = receiver(&[]).await;
    let subscription = Subscription { format: Format::Both, ..Subscription::new(&format!("{base}/hook"), "secret") };
    world.hubspot.subscribe(subscription);
    for n in 0..1000 {
        world.hubspot.create_contact([("email", format!("lead{n}@example.com"))]);
    }
    let report = world.hubspot.deliver().await;
    assert_eq!(report.events, 2000);
    assert!((150..250).contains(&report.duplicates), "{}", report.duplicates);
    assert_eq!((report.deliveries, report.accepted), (received.lock().len(), report.deliveries));
    let told: Vec<Value> =
        received.lock().iter().flat_map(|(_, body)| serde_json::from_str::<Vec<Value>>(body).expect("JSON")).collect();
    assert_eq!(told.len(), 2000 + report.duplicates);
    assert!(told.iter().any(|event| event["subscriptionType"] == "object.creation" && event["objectTypeId"] == "0-1"));
}

#[tokio::test]
async fn whoever_asks_to_be_forgotten_is_told_of_in_two_events() {
    let world = World::new().await;
    world.hubspot.subscribe(Subscription { creation: false, ..Subscription::new("http://127.0.0.1:9/", "secret") });
    let ada = world.hubspot.create_contact([("email", "ada@example.com")]);
    assert!(world.hubspot.privacy_delete(&ada));
    assert!(!world.hubspot.privacy_delete(&ada));
    let events = world.hubspot.pending_events();
    let told: Vec<&str> = events.iter().map(|event| event.subscription_type.as_str()).collect();
    assert_eq!(told, ["contact.privacyDeletion", "contact.deletion"]);
    assert_eq!(world.hubspot.contact(&ada), None);

    let bob = world.hubspot.create_contact([("email", "bob@example.com")]);
    let body = json!({ "objectId": "bob@example.com", "idProperty": "email" });
    assert_eq!(world.post(&format!("{V3}/gdpr-delete"), body).await.0, 204);
    assert_eq!(world.hubspot.contact(&bob), None);
}

/// A receiver that answers when it has `together` deliveries at once, and says how many it had at most.
async fn slow_receiver(together: usize) -> (String, Arc<AtomicUsize>) {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (seen, all_there) = (most.clone(), Arc::new(Barrier::new(together)));
    let route = post(move || {
        let (now, most, all_there) = (now.clone(), most.clone(), all_there.clone());
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            all_there.wait().await;
            now.fetch_sub(1, Ordering::SeqCst);
        }
    });
    (loopback::serve(Router::new().route("/", route)).await, seen)
}

#[tokio::test]
async fn ten_deliveries_are_in_flight_at_most() {
    let world = World::new().await;
    let (base, most) = slow_receiver(10).await;
    let (events_per_delivery, deadline) = (1, Duration::from_secs(10 * 60));
    world.hubspot.subscribe(Subscription { events_per_delivery, deadline, ..Subscription::new(&base, "secret") });
    for _ in 0..30 {
        world.hubspot.create_contact([("firstname", "Ada")]);
    }
    assert_eq!(world.hubspot.deliver().await.accepted, 30);
    assert_eq!(most.load(Ordering::SeqCst), 10);
}

#[tokio::test]
async fn an_answer_after_the_deadline_is_none() {
    let world = World::new().await;
    // It never has two.
    let (base, _) = slow_receiver(2).await;
    let deadline = Duration::from_millis(20);
    world.hubspot.subscribe(Subscription { deadline, ..Subscription::new(&base, "secret") });
    world.hubspot.create_contact([("firstname", "Ada")]);
    let report = world.hubspot.deliver().await;
    assert_eq!((report.unanswered, report.kept), (1, 1));
    assert_eq!(world.hubspot.pending_events()[0].attempt_number, 1);
}
