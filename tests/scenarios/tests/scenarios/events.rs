//! The files in `events/` do what their names say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use aws_lambda_events::sqs::SqsEvent;
use axum::body::to_bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use leadgate_connectors::crm::attio::inbound::signature as attio;
use leadgate_connectors::crm::close::inbound::signature as close;
use leadgate_connectors::crm::hubspot::inbound::signature::sign_v3;
use leadgate_connectors::secret::Secret;
use leadgate_connectors::signatures::standard_webhooks::{ID, SIGNATURE, TIMESTAMP, sign};
use leadgate_enrichment::clock::{Clock, later};
use leadgate_lambda::invocation::Invocation;
use leadgate_sandbox::simulators::close::signature_key;
use leadgate_sandbox::world::{APEX_SECRET, Door, Leftover, SIGNING_SECRET, Settings, WEBHOOK_USER, World};
use serde_json::{Value, json};

use crate::company_records::world as world_with_companies;
use crate::signals::world_of_signals;
use crate::stage::{all_enriched, leads, started, world};

/// Stands in a file for a signature or a timestamp that is made when the event is sent.
const SIGNED_WHEN_SENT: &str = "signed when sent";

fn folder(function: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(function)
}

fn files(function: &str) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder(function)).expect("the folder is there").map(|entry| entry.expect("readable"));
    let named = entries.map(|entry| {
        let name = entry.file_name().into_string().expect("a name");
        (name, fs::read_to_string(entry.path()).expect("readable"))
    });
    named.collect()
}

#[test]
fn there_is_a_folder_of_events_for_each_function_and_no_other() {
    let names = |path: PathBuf| -> BTreeSet<String> {
        let entries = fs::read_dir(path).expect("readable").map(|entry| entry.expect("readable"));
        entries.map(|entry| entry.file_name().into_string().expect("a name")).collect()
    };
    assert_eq!(names(folder("")), names(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions")));
}

/// Stands in a file for what an address ends in, or for a token in the body.
const SECRET_WHEN_SENT: &str = "secret-when-sent";

/// Invokes the webhook with a file as Lambda would, signed where the file says so.
async fn knock(world: &World, text: &str) -> (u16, Value) {
    knock_at(world, &world.webhook, text).await
}

/// The same at another door.
async fn knock_at(world: &World, door: &Door, text: &str) -> (u16, Value) {
    let text = &text.replace(SECRET_WHEN_SENT, SIGNING_SECRET);
    let request = lambda_http::request::from_str(text).expect("an event of an HTTP API");
    let mut event: Value = serde_json::from_str(text).expect("JSON");
    let (now, body) = (world.clock.now(), request.body());
    let secret = Secret::new(SIGNING_SECRET.to_owned());
    let close_key = Secret::new(signature_key(SIGNING_SECRET));
    let url = &world.tenant().crm.public_url;
    let signature = sign_v3(&secret, request.method().as_str(), url, body, now.as_millisecond());
    let id = event["headers"][ID].as_str().unwrap_or_default();
    let standard = sign(&Secret::new(APEX_SECRET.to_owned()), id, now.as_second(), body).expect("a secret");
    for (header, value) in [
        ("x-hubspot-signature-v3", signature),
        ("x-hubspot-request-timestamp", now.as_millisecond().to_string()),
        (SIGNATURE, standard),
        (TIMESTAMP, now.as_second().to_string()),
        (attio::SIGNATURE, attio::sign(&secret, body)),
        (close::SIGNATURE, close::sign(&close_key, now.as_second(), body).expect("a key")),
        (close::TIMESTAMP, now.as_second().to_string()),
        ("authorization", format!("Basic {}", STANDARD.encode(format!("{WEBHOOK_USER}:{SIGNING_SECRET}")))),
    ] {
        if event["headers"][header] == SIGNED_WHEN_SENT {
            event["headers"][header] = value.into();
        }
    }
    let response = door.invoke(&event).await.expect("Lambda takes the event");
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 10_000).await.expect("a body");
    let xml = || Value::from(String::from_utf8_lossy(&body).into_owned());
    (status, serde_json::from_slice(&body).unwrap_or_else(|_| xml()))
}

#[tokio::test]
async fn each_webhook_event_is_answered_as_its_name_says() {
    let expected: BTreeMap<&str, (u16, usize)> = BTreeMap::from([
        ("attio.bad-signature.json", (401, 0)),
        ("attio.own-write.json", (200, 0)),
        ("attio.people-merged.json", (200, 1)),
        ("attio.person-created.json", (200, 1)),
        ("attio.person-deleted.json", (200, 0)),
        ("attio.person-updated.json", (200, 1)),
        ("attio.wrong-workspace.json", (403, 0)),
        ("close.bad-signature.json", (401, 0)),
        ("close.contact-created.json", (200, 1)),
        ("close.contact-deleted.json", (200, 0)),
        ("close.contact-updated.json", (200, 1)),
        ("close.lead-updated.json", (200, 0)),
        ("close.own-write.json", (200, 0)),
        ("close.wrong-organization.json", (403, 0)),
        ("hooks.bad-signature.json", (401, 0)),
        ("hooks.form.json", (200, 1)),
        ("hooks.some-unreadable-rows.json", (200, 1)),
        ("hooks.two-rows.json", (200, 2)),
        ("hooks.unknown-source.json", (404, 0)),
        ("hubspot.contact-creation.json", (200, 1)),
        ("hubspot.contact-creation.base64.json", (200, 1)),
        ("hubspot.contact-creation.function-url.json", (200, 1)),
        ("hubspot.object-creation.json", (200, 1)),
        ("hubspot.company-creation.json", (200, 1)),
        ("hubspot.company-domain-change.json", (200, 1)),
        ("hubspot.hundred-events.json", (200, 100)),
        ("hubspot.property-change.json", (200, 1)),
        ("hubspot.echo.json", (200, 1)),
        ("hubspot.privacy-deletion.json", (200, 0)),
        ("hubspot.unknown-type.json", (200, 0)),
        ("hubspot.bad-signature.json", (401, 0)),
        ("hubspot.no-signature.json", (401, 0)),
        ("hubspot.truncated.json", (400, 0)),
        ("hubspot.wrong-portal.json", (403, 0)),
        ("hubspot.unknown-tenant.json", (404, 0)),
        ("pipedrive.person-changed.json", (200, 1)),
        ("pipedrive.person-created.json", (200, 1)),
        ("pipedrive.person-deleted.json", (200, 0)),
        ("pipedrive.person-merged.json", (200, 1)),
        ("pipedrive.own-write.json", (200, 0)),
        ("pipedrive.wrong-company.json", (403, 0)),
        ("pipedrive.wrong-password.json", (401, 0)),
        ("salesforce.callout.bad-signature.json", (401, 0)),
        ("salesforce.callout.created.json", (200, 1)),
        ("salesforce.callout.forgotten.json", (200, 0)),
        ("salesforce.callout.own-write.json", (200, 0)),
        ("salesforce.callout.updated.json", (200, 1)),
        ("salesforce.callout.wrong-org.json", (403, 0)),
        ("salesforce.outbound-message.deleted-record.json", (200, 1)),
        ("salesforce.outbound-message.external-entity.json", (400, 0)),
        ("salesforce.outbound-message.hundred-notifications.json", (200, 100)),
        ("salesforce.outbound-message.json", (200, 1)),
        ("salesforce.outbound-message.no-secret.json", (401, 0)),
        ("salesforce.outbound-message.own-write.json", (200, 0)),
        ("salesforce.outbound-message.truncated.json", (400, 0)),
        ("salesforce.outbound-message.wrong-org.json", (403, 0)),
        ("salesforce.outbound-message.wrong-secret.json", (401, 0)),
        ("salesforce.unknown-tenant.json", (404, 0)),
        ("zoho.contact-created.json", (200, 1)),
        ("zoho.lead-created.json", (200, 1)),
        ("zoho.lead-deleted.json", (200, 0)),
        ("zoho.lead-updated.json", (200, 1)),
        ("zoho.other-module.json", (200, 0)),
        ("zoho.two-leads-created.json", (200, 2)),
        ("zoho.wrong-channel.json", (403, 0)),
        ("zoho.wrong-token.json", (401, 0)),
    ]);
    let files = files("crm-webhook");
    assert_eq!(files.keys().map(String::as_str).collect::<Vec<_>>(), expected.keys().copied().collect::<Vec<_>>());
    for (name, text) in files {
        let world = match name.split('.').next() {
            Some("salesforce") => started(Settings::default().with_salesforce()).await,
            Some("zoho") => started(Settings::default().with_zoho()).await,
            Some("close") => started(Settings::default().with_close()).await,
            Some("attio") => started(Settings::default().with_attio()).await,
            Some("pipedrive") => started(Settings::default().with_pipedrive()).await,
            _ if name.starts_with("hubspot.company-") => world_with_companies().await,
            _ => world().await,
        };
        world.leaves_behind(Leftover::Messages);
        let (status, answer) = knock(&world, &text).await;
        assert_eq!((status, world.waiting().await), expected[name.as_str()], "{name}: {answer}");
        if let Some(soap) = answer.as_str() {
            assert!(soap.contains(&format!("<Ack>{}</Ack>", status == 200)), "{name}: {soap}");
        }
    }
}

#[tokio::test]
async fn each_change_event_is_taken_as_its_name_says() {
    // What is queued, and what stays for an operator.
    let expected: BTreeMap<&str, (usize, usize)> = BTreeMap::from([
        ("salesforce.another-org.json", (0, 1)),
        ("salesforce.lead-changed.json", (1, 0)),
        ("salesforce.lead-created.json", (1, 0)),
        ("salesforce.lead-deleted.json", (0, 0)),
        ("salesforce.not-an-event.json", (0, 1)),
        ("salesforce.own-write.json", (0, 0)),
    ]);
    let files = files("crm-events");
    assert_eq!(files.keys().map(String::as_str).collect::<Vec<_>>(), expected.keys().copied().collect::<Vec<_>>());
    for (name, text) in files {
        let world = started(Settings::default().with_change_events()).await;
        world.leaves_behind(Leftover::Messages);
        let event: SqsEvent = serde_json::from_str(&text).expect("an event");
        let function = world.pump.crm_events().expect("there are change events");
        let failed = function.handle(event).await.batch_item_failures.len();
        assert_eq!((world.waiting().await, failed), expected[name.as_str()], "{name}");
    }
}

#[tokio::test]
async fn each_delivery_of_the_provider_is_answered_as_its_name_says() {
    let expected: BTreeMap<&str, (u16, &str)> = BTreeMap::from([
        ("apollo.expired-token.json", (410, "gone")),
        ("apollo.forged-token.json", (401, "unauthorized")),
        ("apollo.nobody.json", (400, "people: found nobody")),
        ("apollo.phones.json", (200, "nothing-awaited")),
        ("apollo.truncated.json", (400, "expected a JSON object")),
        ("apollo.unknown-tenant.json", (404, "not found")),
        ("apollo.waterfall.json", (200, "nothing-awaited")),
    ]);
    let files = files("provider-webhook");
    assert_eq!(files.keys().map(String::as_str).collect::<Vec<_>>(), expected.keys().copied().collect::<Vec<_>>());
    let world = world().await;
    for (name, text) in files {
        let event: Value = serde_json::from_str(&text).expect("JSON");
        let response = world.provider_webhook.invoke(&event).await.expect("Lambda takes the event");
        let (status, said) = expected[name.as_str()];
        assert_eq!(response.status().as_u16(), status, "{name}");
        let body = to_bytes(response.into_body(), 10_000).await.expect("a body");
        assert!(String::from_utf8_lossy(&body).contains(said), "{name}: {body:?}");
        assert_eq!(world.waiting().await, 0, "{name}");
    }
}

#[tokio::test]
async fn each_event_about_signals_does_what_its_name_says() {
    let expected: BTreeMap<&str, (u16, usize)> = BTreeMap::from([
        ("signals.bad-signature.json", (401, 0)),
        ("signals.job-changes.json", (200, 2)),
        ("signals.replied.json", (200, 0)),
        ("signals.unknown-source.json", (404, 0)),
    ]);
    let files = files("signal-webhook");
    assert_eq!(files.keys().map(String::as_str).collect::<Vec<_>>(), expected.keys().copied().collect::<Vec<_>>());
    let world = world_of_signals(|_| {}).await;
    for (name, text) in files {
        let (status, answer) = knock_at(&world, &world.signal_webhook, &text).await;
        let (expected, queued) = expected[name.as_str()];
        assert_eq!(
            (status, answer["queued"].as_u64().unwrap_or_default()),
            (expected, queued as u64),
            "{name}: {answer}"
        );
        world.settle_down(1).await;
    }
}

#[tokio::test]
async fn the_enrolment_workers_event_enrols_whom_it_names() {
    let world = world_of_signals(|_| {}).await;
    let contacts = leads(&world, 2);
    let text = files("enrolment-worker").remove("sqs.one-request.json").expect("the file");
    let event: SqsEvent = serde_json::from_str(&text).expect("an SQS event");
    let began = world.clock.now();
    let invocation =
        Invocation { id: "1".to_owned(), began, deadline: later(began, std::time::Duration::from_secs(60)) };
    let response = world.enrolment_worker.handle(event, &invocation).await;
    assert!(response.batch_item_failures.is_empty());
    assert_eq!((contacts.len(), world.apollo.tasks().len()), (2, 2));
}

#[tokio::test]
async fn the_events_of_lists_begin_a_night_and_take_a_list_on() {
    let world = crate::tam::world(1000).await;
    let mut files = files("tam-build");
    let night: Value = serde_json::from_str(&files.remove("schedule.night.json").expect("the file")).expect("JSON");
    assert!(night.get("Records").is_none(), "by that the function tells the one from the other");
    let step: SqsEvent = serde_json::from_str(&files.remove("sqs.one-step.json").expect("the file")).expect("JSON");
    assert!(files.is_empty(), "{files:?}");
    let began = world.clock.now();
    let invocation =
        Invocation { id: "1".to_owned(), began, deadline: later(began, std::time::Duration::from_secs(60)) };
    assert!(world.tam_build.handle(step, &invocation).await.batch_item_failures.is_empty());
    let list = world.lists.read(world.tenant_id(), "saas").await.expect("readable").expect("a list");
    assert_eq!((list.night.run.as_str(), list.night.sums.pages > 0), ("2026-01-15", true));
    world.settle_down(1).await;
}

#[tokio::test]
async fn the_events_of_batches_take_one_in_and_leave_another_to_an_operator() {
    let world = world().await;
    let mut files = files("feed-import");
    let mut file = |name: &str| serde_json::from_str::<SqsEvent>(&files.remove(name).expect("the file")).expect("JSON");
    let (batch, unknown, test) =
        (file("sqs.one-batch.json"), file("sqs.unknown-tenant.json"), file("sqs.test-event.json"));
    assert!(files.is_empty(), "{files:?}");
    let invocation = world.invocation_now();
    for (event, dead_letters) in [(test, 0), (unknown, 1), (batch, 1)] {
        assert!(world.feed_import.handle(event, &invocation).await.batch_item_failures.is_empty());
        assert_eq!(world.feed_dead_letters().await, Some(dead_letters));
    }
    let drops = world.feed.drops(world.tenant_id()).await.expect("readable");
    assert_eq!(drops.iter().map(|drop| drop.object.as_str()).collect::<Vec<_>>(), ["2026-03.csv.gz"]);
}

#[tokio::test]
async fn the_echo_is_one_when_it_repeats_what_we_wrote() {
    let world = world().await;
    let lead = world.hubspot.create_contact([("email", "ada.lovelace@engine.example")]);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    let ours = world.hubspot.contact(&lead).and_then(|contact| contact.value("company").map(str::to_owned));
    let text = files("crm-webhook").remove("hubspot.echo.json").expect("the file");
    let mut event: Value = serde_json::from_str(&text).expect("JSON");
    let mut body: Value = serde_json::from_str(event["body"].as_str().expect("text")).expect("JSON");
    body[0]["propertyValue"] = ours.expect("we wrote it").into();
    event["body"] = body.to_string().into();
    let (status, answer) = knock(&world, &event.to_string()).await;
    assert_eq!((status, &answer["echo"]), (200, &json!(1)), "{answer}");
}

#[tokio::test]
async fn each_worker_event_leaves_on_the_queue_what_its_name_says() {
    let expected: BTreeMap<&str, usize> = BTreeMap::from([
        ("sqs.not-a-request.json", 0),
        ("sqs.one-hint.json", 0),
        ("sqs.one-request.json", 0),
        ("sqs.same-record-twice.json", 0),
        ("sqs.ten-requests.json", 0),
        ("sqs.unknown-tenant.json", 1),
    ]);
    let files = files("enrichment-worker");
    assert_eq!(files.keys().map(String::as_str).collect::<Vec<_>>(), expected.keys().copied().collect::<Vec<_>>());
    for (name, text) in files {
        let world = world().await;
        world.leaves_behind(Leftover::DeadLetters);
        let contacts = leads(&world, 10);
        let event: SqsEvent = serde_json::from_str(&text).expect("an SQS event");
        let began = world.clock.now();
        let deadline = later(began, std::time::Duration::from_secs(60));
        let response = world.worker.handle(event, &Invocation { id: name.clone(), began, deadline }).await;
        assert_eq!(response.batch_item_failures.len(), expected[name.as_str()], "{name}");
        if name == "sqs.ten-requests.json" {
            all_enriched(&world, &contacts);
        }
    }
}

#[tokio::test]
async fn the_schedules_event_is_taken_as_it_is() {
    let files = files("deferral-release");
    let tick: Value = serde_json::from_str(&files["schedule.tick.json"]).expect("JSON");
    assert_eq!(tick["source"], "aws.events");
    let world = world().await;
    assert_eq!(world.run_release().await, deferral_release::Report::default());
}
