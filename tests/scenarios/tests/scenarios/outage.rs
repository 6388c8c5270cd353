//! Trouble of ours, of the CRM and of an operator's making: it may last, and no lead is lost by it.

use std::time::Duration;

use leadgate_enrichment::clock::{Clock, days, later};
use leadgate_enrichment::credits::wallet::{Wallet, WalletId, WalletKind};
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::ids::RequestId;
use leadgate_enrichment::lead::event::{Cause, DueEvent};
use leadgate_enrichment::lead::record::{State, StateName};
use leadgate_enrichment::outcome::FailReason;
use leadgate_sandbox::simulators::fault::Fault;
use leadgate_sandbox::world::{Break, Call, Caller, Leftover, Rewrite, World};
use serde_json::{Value, json};

use crate::books::{at_rest, books_of};
use crate::stage::{all_enriched, queued_leads, states, world, world_with};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Lets so much time go by, in steps, with a worker at work all the while.
async fn time_passes(world: &World, all: Duration, step: Duration) {
    let mut passed = Duration::ZERO;
    while passed < all {
        world.pump.run_dry(1).await;
        world.clock.turn(step);
        passed += step;
    }
}

async fn minutes_pass(world: &World, all: Duration) {
    time_passes(world, all, Duration::from_secs(5 * 60)).await;
}

/// Everything is mended: every lead is written, and bought once.
async fn all_ends_well(world: &World, leads: &[String]) {
    world.wire.mend();
    assert_eq!(world.dead_letters().await, 0, "given up on");
    minutes_pass(world, HOUR / 2).await;
    world.settle_down(2).await;
    all_enriched(world, leads);
    let books = at_rest(world).await;
    let spent: i64 = 1000 * i64::try_from(leads.len()).expect("few");
    assert_eq!((books.spent, books.unknown), (spent, 0));
}

#[tokio::test]
async fn dynamodb_may_be_away_for_half_a_day() {
    let world = world().await;
    let leads = queued_leads(&world, 12).await;
    let away = |call: &Call| call.operation.starts_with("dynamodb") && call.caller == Caller::Worker;
    world.wire.break_by(move |call| away(call).then_some(Break::Refused));
    minutes_pass(&world, HOUR * 13).await;
    all_ends_well(&world, &leads).await;
}

#[tokio::test]
async fn the_crm_may_be_away_for_half_a_day_before_and_after_a_purchase() {
    for path in ["batch/read", "batch/update"] {
        let world = world().await;
        let leads = queued_leads(&world, 5).await;
        world.wire.break_by(move |call| call.operation.ends_with(path).then_some(Break::Refused));
        minutes_pass(&world, HOUR * 13).await;
        all_ends_well(&world, &leads).await;
    }
}

#[tokio::test]
async fn messages_outlast_an_outage_in_which_they_cant_be_sent_anew() {
    let world = world().await;
    let leads = queued_leads(&world, 3).await;
    world.wire.break_by(|call| {
        let stores = call.operation.starts_with("dynamodb") || call.operation.starts_with("sqs Send");
        (stores && call.caller == Caller::Worker).then_some(Break::Refused)
    });
    minutes_pass(&world, HOUR * 13).await;
    world.wire.mend();
    assert_eq!(world.dead_letters().await, 0, "given up on");
    minutes_pass(&world, HOUR * 9).await;
    all_ends_well(&world, &leads).await;
}

#[tokio::test]
async fn a_token_that_the_crm_refuses_may_be_renewed_after_days() {
    for status in [401, 403] {
        let world = world().await;
        let leads = queued_leads(&world, 3).await;
        world.hubspot.faults().decide_by(move |_| Some(Fault::Status(status, String::new())));
        let before = crm_calls(&world);
        time_passes(&world, HOUR * 72, Duration::from_secs(15 * 60)).await;
        let calls = crm_calls(&world) - before;
        assert!(calls <= 72 * 5 + 5, "it was asked {calls} times in three days");
        world.hubspot.faults().clear();
        world.wire.tap(&world.hubspot, &world.apollo);
        all_ends_well(&world, &leads).await;
    }
}

fn crm_calls(world: &World) -> u64 {
    world.hubspot.counters().received
}

#[tokio::test]
async fn only_what_kills_the_function_reaches_the_dead_letter_queue_by_being_received() {
    let world = world().await;
    world.leaves_behind(Leftover::DeadLetters);
    queued_leads(&world, 1).await;
    world.wire.break_by(|call| (call.caller == Caller::Worker).then_some(Break::DeathBefore));
    minutes_pass(&world, HOUR * 2).await;
    world.wire.mend();
    assert_eq!((world.dead_letters().await, world.waiting().await), (1, 0));
}

/// What another version of us may have left behind.
fn from_another_version(call: &Call, body: &Value, contact: &str) -> Option<Rewrite> {
    let item = body.get("Item").filter(|_| call.operation == "dynamodb PutItem")?;
    let ours = item["record"]["S"].as_str().is_some_and(|record| record.ends_with(contact));
    (ours && item["state"]["S"] == "written").then(|| {
        let mut body = body.clone();
        body["Item"]["state"] = json!({ "S": "archived" });
        Rewrite::Sent(body)
    })
}

/// A lead whose record another version has closed.
async fn unreadable_lead(world: &World) -> Vec<String> {
    let leads = queued_leads(world, 1).await;
    let contact = leads[0].clone();
    world.wire.rewrite_by(move |call, body| from_another_version(call, body, &contact));
    world.settle_down(1).await;
    world.wire.rewrite_by(|_, _| None);
    leads
}

#[tokio::test]
async fn a_record_that_cant_be_read_is_left_to_an_operator_at_once_and_spoils_nothing() {
    let world = world().await;
    world.leaves_behind(Leftover::DeadLetters);
    let first = unreadable_lead(&world).await;
    world.hubspot.edit(&first[0], "website", "https://engine.example");
    let others = [("email", "ada.lovelace@engine.example"), ("email", "alan.turing@engine.example")];
    let others = others.map(|email| world.hubspot.create_contact([email]));
    world.hubspot.deliver().await;
    assert_eq!(world.waiting().await, 3, "the door can't read it, and leaves it to the worker");
    world.pump.round().await;
    assert_eq!((world.dead_letters().await, world.waiting().await), (1, 0), "at once, and alone");
    all_enriched(&world, &others);
    assert_eq!(books_of(&world).await.spent, 3000);
}

#[tokio::test]
async fn a_hold_that_cant_be_read_keeps_nobody_else_waiting() {
    let world = world_with(|settings| settings.credits_per_cycle = Some(3)).await;
    world.leaves_behind(Leftover::OpenHolds);
    world.leaves_behind(Leftover::Messages);
    // One lead's worker dies once it holds, and what it holds is another version's.
    world.run_release().await;
    queued_leads(&world, 1).await;
    world.wire.rewrite_by(|call, body| {
        let hold = |write: &Value| write["Put"]["Item"]["item"]["S"].as_str().is_some_and(|it| it.starts_with("hold#"));
        let puts = call.operation == "dynamodb TransactWriteItems";
        let at = body["TransactItems"].as_array().filter(|_| puts)?.iter().position(hold)?;
        let mut body = body.clone();
        body["TransactItems"][at]["Put"]["Item"]["lines"] = json!({ "S": "in another form" });
        Some(Rewrite::Sent(body))
    });
    world.wire.break_by(|call| (call.operation == "dynamodb TransactWriteItems").then_some(Break::DeathAfter));
    world.pump.round().await;
    world.wire.mend();
    world.wire.rewrite_by(|_, _| None);

    let others: Vec<String> =
        (1..4).map(|i| world.hubspot.create_contact([("email", format!("first{i}.last{i}@engine.example"))])).collect();
    world.hubspot.deliver().await;
    world.pump.run_dry(1).await;
    assert_eq!(states(&world, &others).await.iter().filter(|state| **state == StateName::Deferred).count(), 1);
    let (tenant, now) = (world.tenant_id(), world.clock.now());
    let one = Amounts::one(Bucket::new("credits"), Milli::credits(1));
    let pack = Wallet::open(WalletId("pack-1".into()), WalletKind::Pack, now, later(now, days(30)), one.clone());
    world.credits.open(tenant, &pack, Some("1"), now).await.expect("open");
    let report = world.run_release().await;
    assert_eq!((report.failed_tenants, report.released), (0, 1));
}

#[tokio::test]
async fn a_dead_letter_that_cant_be_put_away_stays() {
    let world = world().await;
    world.leaves_behind(Leftover::DeadLetters);
    let first = unreadable_lead(&world).await;
    world.hubspot.edit(&first[0], "website", "https://engine.example");
    world.hubspot.deliver().await;
    world.wire.break_by(|call| {
        let sends = call.operation.starts_with("sqs Send") && call.caller == Caller::Worker;
        sends.then_some(Break::Refused)
    });
    world.pump.round().await;
    world.wire.mend();
    assert_eq!((world.dead_letters().await, world.waiting().await), (0, 1));
    minutes_pass(&world, HOUR * 3).await;
    assert_eq!((world.dead_letters().await, world.waiting().await), (1, 0));
}

#[tokio::test]
async fn what_the_crm_refuses_as_a_whole_ends_with_that_reason_and_what_was_bought_is_kept() {
    let world = world().await;
    let leads = queued_leads(&world, 2).await;
    let refuse = |path: &'static str| {
        let body = r#"{"status":"error","message":"Property does not exist","category":"VALIDATION_ERROR"}"#;
        world
            .hubspot
            .faults()
            .decide_by(move |call| call.path.ends_with(path).then(|| Fault::Status(422, body.into())));
    };
    refuse("batch/read");
    minutes_pass(&world, HOUR).await;
    assert_eq!((world.dead_letters().await, world.waiting().await), (0, 0), "nothing is tried that can't succeed");
    assert_eq!(states(&world, &leads).await, [StateName::Failed; 2]);
    assert_eq!(
        world.record(&leads[0]).await.map(|record| record.state),
        Some(State::Failed { reason: FailReason::CrmRefused })
    );
    assert_eq!(books_of(&world).await.spent, 0);

    refuse("batch/update");
    let again = async |website: &str| {
        world.clock.turn(HOUR);
        for lead in &leads {
            world.hubspot.edit(lead, "website", website);
        }
        world.hubspot.deliver().await;
        minutes_pass(&world, HOUR).await;
    };
    again("https://engine.example").await;
    assert_eq!(states(&world, &leads).await, [StateName::Failed; 2]);
    assert_eq!((world.dead_letters().await, books_of(&world).await.spent), (0, 2000));

    world.hubspot.faults().clear();
    again("https://other.example").await;
    all_enriched(&world, &leads);
    assert_eq!(at_rest(&world).await.spent, 2000, "what was paid for was kept");
}

#[tokio::test]
async fn a_run_in_which_a_tenant_could_not_be_served_has_failed() {
    let world = world().await;
    world.wire.break_by(|call| (call.caller == Caller::Release).then(Break::throttled));
    let report = world.run_release().await;
    world.wire.mend();
    let error = report.checked().expect_err("Lambda counts it, and an alarm goes by that");
    assert!(error.to_string().starts_with("1 of the tenants could not be served"), "{error}");
    assert!(world.run_release().await.checked().is_ok());
}

#[tokio::test]
async fn a_message_that_is_sent_anew_tells_since_when_its_request_waits() {
    let world = world().await;
    world.leaves_behind(Leftover::Messages);
    queued_leads(&world, 1).await;
    let began = world.clock.now();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = seen.clone();
    world.wire.rewrite_by(move |call, body| {
        if call.operation == "sqs SendMessageBatch" && call.caller == Caller::Worker {
            noted
                .lock()
                .expect("no panic")
                .push(body["Entries"][0]["MessageBody"].as_str().unwrap_or_default().to_owned());
        }
        None
    });
    world.hubspot.faults().decide_by(|call| (call.method == "POST").then(|| Fault::Status(503, String::new())));
    minutes_pass(&world, HOUR * 3).await;
    let bodies = seen.lock().expect("no panic").clone();
    let last: Value = serde_json::from_str(bodies.last().expect("sent anew")).expect("JSON");
    let queued_at = last["queued_at"].as_i64().expect("since when");
    assert!(queued_at <= began.as_millisecond(), "{queued_at} is not when it was sent first");
}

#[tokio::test]
async fn without_the_secret_of_fingerprints_every_message_waits_for_it() {
    let world = world_with(|settings| settings.fingerprint_secret = "too short".to_owned()).await;
    world.leaves_behind(Leftover::Messages);
    let lead = world.hubspot.create_contact([("email", "first0.last0@engine.example")]);
    let delivered = world.hubspot.deliver().await;
    assert_eq!((delivered.rejected, world.waiting().await), (vec![503], 0), "HubSpot delivers it again");

    let record = world.key(&lead);
    let request = RequestId::derive(&record, "new");
    let event = DueEvent { record, request, occurred_at: world.clock.now(), cause: Cause::Created };
    world.queue.send(&[event.into()]).await.expect("queued");
    minutes_pass(&world, HOUR * 13).await;
    assert_eq!((world.waiting().await, world.dead_letters().await), (1, 0));
    assert_eq!(world.apollo.ledger().received, 0, "nothing was asked for");
}
