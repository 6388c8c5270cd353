//! What the org sends, and again when it isn't taken.

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::any;

use super::*;
use crate::simulators::guarded::Guarded;

/// What arrived, and what is answered.
#[derive(Default)]
struct Receiver {
    got: Guarded<Vec<(HeaderMap, String)>>,
    answer: Guarded<String>,
}

async fn receiver() -> (Arc<Receiver>, String) {
    let receiver = Arc::new(Receiver::default());
    let there = receiver.clone();
    let route = any(move |headers: HeaderMap, body: String| async move {
        there.got.lock().push((headers, body));
        there.answer.lock().clone()
    });
    let base = loopback::serve(Router::new().route("/{*path}", route)).await;
    (receiver, base)
}

const ACK: &str = "<e><notificationsResponse><Ack>true</Ack></notificationsResponse></e>";

#[tokio::test]
async fn a_message_comes_again_until_it_is_acknowledged_with_its_records_as_they_stand_then() {
    let (world, (receiver, url)) = (World::new().await, receiver().await);
    world.org.subscribe(Subscription::outbound_messages(&format!("{url}/secret")));
    let lead = world.org.create_lead([("Email", "a&b@c.example")]);
    for answer in ["", "{\"queued\": 1}", &ACK.replace("true", "false")] {
        *receiver.answer.lock() = answer.to_owned();
        let report = world.org.deliver().await;
        assert_eq!((report.accepted, report.rejected.len(), report.kept), (0, 1, 1), "{answer}");
    }
    world.org.delete(&lead);
    *receiver.answer.lock() = ACK.to_owned();
    assert_eq!(world.org.deliver().await.accepted, 1);
    assert_eq!(world.org.pending_events(), []);
    let got = receiver.got.lock();
    assert!(got[0].1.contains("<sf:Email>a&amp;b@c.example</sf:Email>"), "{}", got[0].1);
    assert!(!got[3].1.contains("Email") && got[3].1.contains(&lead), "no fields once it is deleted: {}", got[3].1);
    let id = |body: &str| body.split("<Id>").nth(1).and_then(|rest| rest.split('<').next()).map(str::to_owned);
    assert!(id(&got[0].1).is_some() && id(&got[0].1) == id(&got[3].1), "the notification keeps its id");
}

#[tokio::test]
async fn a_message_waits_longer_each_time_and_is_given_up_after_a_day() {
    let (world, (receiver, url)) = (World::new().await, receiver().await);
    let first_retry = Duration::from_secs(30);
    world.org.subscribe(Subscription { first_retry, ..Subscription::outbound_messages(&format!("{url}/x")) });
    world.org.create_lead([("Email", "a@b.example")]);
    let mut hours = 0;
    while !world.org.pending_events().is_empty() {
        world.org.deliver().await;
        assert_eq!(world.org.deliver().await.deliveries, 0, "not at once");
        world.clock.advance(Duration::from_secs(60 * 60));
        hours += 1;
        assert!(hours < 40, "it is given up");
    }
    assert_eq!((world.org.lost_events().len(), hours >= 24), (1, true));
    assert!((10..=26).contains(&receiver.got.lock().len()));
}

#[tokio::test]
async fn callouts_are_signed_and_tell_of_deletions_too() {
    let (world, (receiver, url)) = (World::new().await, receiver().await);
    world.org.subscribe(Subscription::callouts(&format!("{url}/x"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    let lead = world.org.create_lead([("Email", "a@b.example")]);
    world.org.edit(&lead, "Email", "c@d.example");
    world.org.forget(&lead);
    world.org.create_contact("Navy", [("Email", "e@f.example")]);
    assert_eq!(world.org.deliver().await.accepted, 4);
    let got = receiver.got.lock();
    let mut causes: Vec<String> = got
        .iter()
        .map(|(headers, body)| {
            assert!(headers["webhook-signature"].to_str().is_ok_and(|it| it.starts_with("v1,")));
            let body: Value = serde_json::from_str(body).expect("JSON");
            format!("{} {}", body["object"].as_str().expect("text"), body["cause"].as_str().expect("text"))
        })
        .collect();
    causes.sort();
    assert_eq!(causes, ["Contact created", "Lead created", "Lead forgotten", "Lead updated"]);
}

#[tokio::test]
async fn a_flow_may_leave_out_a_user_and_watch_only_some_fields() {
    let world = World::new().await;
    let subscription = Subscription::outbound_messages("http://127.0.0.1:9/x");
    let leaves_out = Some(PERSON.to_owned());
    world.org.subscribe(Subscription { leaves_out, ..subscription.clone() });
    let lead = world.org.create_lead([("Email", "a@b.example")]);
    assert_eq!(world.org.pending_events(), []);
    world.org.subscribe(Subscription { watched: vec!["Email".to_owned()], ..subscription });
    world.org.edit(&lead, "City", "London");
    assert_eq!(world.org.pending_events(), []);
    world.org.edit(&lead, "Email", "c@d.example");
    assert_eq!(world.org.pending_events().len(), 1);
}
