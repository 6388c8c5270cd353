//! What arrives at the webhook, good and bad.

use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use leadgate_connectors::crm::hubspot::config::Settings;
use leadgate_connectors::crm::hubspot::inbound::signature::sign_v3;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::clock::Clock;
use leadgate_sandbox::world::{Break, Leftover, SIGNING_SECRET, World};
use serde_json::{Value, json};

use crate::books::at_rest;
use crate::stage::{all_enriched, leads, queued_leads, world, world_with};

/// A POST to the webhook, signed for what it is unless told otherwise.
struct Post<'a> {
    world: &'a World,
    path: String,
    body: Vec<u8>,
    secret: &'a str,
    signed_at: Timestamp,
    signed: bool,
}

impl<'a> Post<'a> {
    fn of(world: &'a World, body: impl Into<Vec<u8>>) -> Self {
        let path = format!("/hubspot/{}", world.tenant_id());
        let signed_at = world.clock.now();
        Self { world, path, body: body.into(), secret: SIGNING_SECRET, signed_at, signed: true }
    }

    async fn send(self) -> (u16, String) {
        let url = format!("{}{}", self.world.url, self.path);
        let timestamp = self.signed_at.as_millisecond();
        let secret = Secret::new(self.secret.to_owned());
        let signature = sign_v3(&secret, "POST", &self.world.tenant().crm.public_url, &self.body, timestamp);
        let mut request = leadgate_connectors::http::client().post(url).body(self.body);
        if self.signed {
            request = request
                .header("X-HubSpot-Signature-v3", signature)
                .header("X-HubSpot-Request-Timestamp", timestamp.to_string());
        }
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.text().await.expect("a body"))
    }
}

fn creation(world: &World, contact: u64) -> Value {
    json!({
        "eventId": contact, "subscriptionId": 1, "portalId": Settings::of(&world.tenant().crm.own).portal_id, "appId": 2,
        "occurredAt": world.clock.now().as_millisecond(), "subscriptionType": "contact.creation", "attemptNumber": 0,
        "objectId": contact, "changeFlag": "NEW", "changeSource": "CRM",
    })
}

fn creations(world: &World, count: u64) -> String {
    let events: Vec<Value> = (1..=count).map(|contact| creation(world, contact)).collect();
    Value::from(events).to_string()
}

#[tokio::test]
async fn bad_input_gets_a_clear_status_and_queues_nothing() {
    let world = world().await;
    let good = creations(&world, 1);
    let cases: Vec<(&str, Post<'_>, u16)> = vec![
        ("cut off", Post::of(&world, &good.as_bytes()[..good.len() - 5]), 400),
        ("not JSON", Post::of(&world, "hello"), 400),
        ("not a list", Post::of(&world, "{}"), 400),
        (
            "wrong types",
            Post::of(&world, r#"[{"subscriptionType":"contact.creation","objectId":"x","portalId":[]}]"#),
            400,
        ),
        ("not UTF-8", Post::of(&world, vec![b'[', b'"', 0xff, 0xfe, b'"', b']']), 400),
        ("empty", Post::of(&world, ""), 400),
        ("5 MB", Post::of(&world, vec![b' '; 5 * 1024 * 1024]), 413),
        ("too many events", Post::of(&world, creations(&world, 1001)), 413),
        ("another portal", Post::of(&world, good.replace("62515", "99")), 403),
        ("no headers", Post { signed: false, ..Post::of(&world, good.as_str()) }, 401),
        ("wrong secret", Post { secret: "guessed", ..Post::of(&world, good.as_str()) }, 401),
        ("too old", Post { signed_at: Timestamp::UNIX_EPOCH, ..Post::of(&world, good.as_str()) }, 401),
        ("no such tenant", Post { path: "/hubspot/nobody".into(), ..Post::of(&world, good.as_str()) }, 404),
        ("bad tenant", Post { path: "/hubspot/../demo".into(), ..Post::of(&world, good.as_str()) }, 404),
    ];
    for (what, post, expected) in cases {
        let (status, body) = post.send().await;
        assert_eq!(status, expected, "{what}: {body}");
        assert!(!body.contains(SIGNING_SECRET) && body.len() < 300, "{what}: {body}");
    }
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn two_hundred_events_are_fine_and_what_we_do_not_act_on_is_acknowledged() {
    let world = world().await;
    world.leaves_behind(Leftover::Messages);
    let (status, body) = Post::of(&world, creations(&world, 200)).send().await;
    assert_eq!((status, world.waiting().await), (200, 200), "{body}");
    let others = json!([
        { "subscriptionType": "deal.creation", "portalId": 62515, "objectId": 1 },
        { "subscriptionType": "something.new", "portalId": 62515, "whatever": [1, 2, { "x": null }] },
        { "subscriptionType": "contact.propertyChange", "portalId": 62515, "objectId": 5, "occurredAt": 1,
          "propertyName": "favourite_colour", "propertyValue": "red" },
    ]);
    let (status, body) = Post::of(&world, others.to_string()).send().await;
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &answer["other"], &answer["queued"]), (200, &json!(3), &json!(0)), "{body}");
}

#[tokio::test]
async fn one_record_twice_in_a_delivery_is_one_request() {
    let world = world().await;
    world.leaves_behind(Leftover::Messages);
    let events = json!([creation(&world, 7), creation(&world, 7), creation(&world, 8)]);
    let (_, body) = Post::of(&world, events.to_string()).send().await;
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((&answer["queued"], &answer["repeated"]), (&json!(2), &json!(1)), "{body}");
}

#[tokio::test]
async fn either_of_two_secrets_signs_while_one_replaces_the_other() {
    let world = world_with(|settings| {
        settings.config = settings.config.replace(
            r#"["leadgate/demo/crm-signing"]"#,
            r#"["leadgate/demo/crm-signing", "leadgate/demo/crm-signing-next"]"#,
        );
    })
    .await;
    world.leaves_behind(Leftover::Messages);
    for (secret, expected) in [("an-old-signing-secret", 200), (SIGNING_SECRET, 200), ("neither", 401)] {
        let post = Post { secret, ..Post::of(&world, creations(&world, 1)) };
        assert_eq!(post.send().await.0, expected, "{secret}");
    }
}

/// SQS refuses some entries of a batch, in its own words.
fn partial_failure(entries: &[usize]) -> Break {
    let failed: Vec<Value> = entries
        .iter()
        .map(|id| json!({ "Id": id.to_string(), "SenderFault": false, "Code": "InternalError" }))
        .collect();
    Break::Answered(200, json!({ "Successful": [], "Failed": failed }).to_string())
}

#[tokio::test]
async fn a_partial_failure_of_sqs_is_tried_again_and_if_it_stays_answered_503_so_that_nothing_is_lost() {
    let world = world().await;
    let contacts = leads(&world, 3);
    // Once: tried again.
    let sends = AtomicUsize::new(0);
    world.wire.break_by(move |call| {
        let first = call.operation == "sqs SendMessageBatch" && sends.fetch_add(1, Ordering::SeqCst) == 0;
        first.then(|| partial_failure(&[0, 1, 2]))
    });
    let report = world.hubspot.deliver().await;
    assert_eq!((report.accepted, report.rejected.len()), (1, 0), "{report:?}");
    world.wire.mend();
    assert_eq!(world.waiting().await, 3);

    // For good: HubSpot is not told 200, and delivers again.
    let more = leads_named(&world, &["x.y@engine.example", "y.z@engine.example"]);
    world.wire.break_by(|call| (call.operation == "sqs SendMessageBatch").then(|| partial_failure(&[0, 1])));
    let report = world.hubspot.deliver().await;
    assert_eq!(report.rejected, [503], "{report:?}");
    world.wire.mend();
    world.hubspot.deliver().await;
    world.settle_down(2).await;
    all_enriched(&world, &contacts);
    all_enriched(&world, &more);
    at_rest(&world).await;
}

fn leads_named(world: &World, emails: &[&str]) -> Vec<String> {
    emails.iter().map(|email| world.hubspot.create_contact([("email", *email)])).collect()
}

#[tokio::test]
async fn when_the_records_cant_be_read_everything_is_queued_and_the_till_decides() {
    let world = world().await;
    let fresh = queued_leads(&world, 2).await;
    world.settle_down(1).await;
    world.wire.break_by(|call| (call.operation == "dynamodb BatchGetItem").then(Break::throttled));
    for lead in &fresh {
        world.hubspot.edit(lead, "company", "Another");
    }
    let report = world.hubspot.deliver().await;
    assert_eq!(report.accepted, 1, "{report:?}");
    world.wire.mend();
    assert_eq!(world.waiting().await, 2, "the door let them through");
    world.settle_down(1).await;
    assert_eq!(world.apollo.ledger().records_charged, 2, "the worker did not");
    at_rest(&world).await;
}

/// A workflow sends the contact that goes through it, perhaps again and again.
#[tokio::test]
async fn a_contact_that_a_workflow_sends_is_enriched_and_bought_once() {
    let world = world().await;
    world.hubspot.unsubscribe();
    let lead = world.hubspot.create_contact([("email", "first0.last0@engine.example")]);
    let id: u64 = lead.parse().expect("a number");
    let body =
        json!({ "vid": id, "portal-id": 62515, "properties": { "email": { "value": "first0.last0@engine.example" } } });
    for _ in 0..2 {
        let (status, answer) = Post::of(&world, body.to_string()).send().await;
        assert_eq!(status, 200, "{answer}");
    }
    world.settle_down(2).await;
    let (status, answer) = Post::of(&world, body.to_string()).send().await;
    assert_eq!((status, world.waiting().await), (200, 0), "it is fresh: {answer}");
    assert_eq!(world.apollo.charges_of("first0.last0@engine.example"), 1);
    assert!(world.hubspot.contact(&lead).expect("the contact").value("jobtitle").is_some());
    let (status, answer) = Post::of(&world, json!({ "email": "first0.last0@engine.example" }).to_string()).send().await;
    assert_eq!(status, 400, "without an id it isn't sent again, as a workflow goes by 4xx: {answer}");
}
