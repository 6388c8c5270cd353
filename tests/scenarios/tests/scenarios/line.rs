//! Who stands in the line of leads that wait, and who may pass.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::{Clock, days, earlier, later};
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::ids::RequestId;
use leadgate_enrichment::lead::event::{Cause, DueEvent};
use leadgate_enrichment::lead::record::{Deferral, Record, State};
use leadgate_enrichment::outcome::{DeferReason, RefuseReason};
use leadgate_sandbox::world::{Break, Call, Rewrite, World};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::books::at_rest;
use crate::stage::{all_enriched, leads, queued_leads, world_with};

/// Parks a contact as the worker would have, when its request arose then.
async fn park(world: &World, contact: &str, arose: Timestamp, reason: DeferReason, not_before: Timestamp) {
    let record = parked(world, contact, arose, reason, not_before);
    write(world, record).await;
}

fn parked(world: &World, contact: &str, arose: Timestamp, reason: DeferReason, not_before: Timestamp) -> Record {
    let key = world.key(contact);
    let request = RequestId::derive(&key, "parked");
    let event = DueEvent { record: key.clone(), request, occurred_at: arose, cause: Cause::Created };
    let worst = Amounts::one(Bucket::new("credits"), Milli::credits(1));
    let deferral = Deferral { reason, since: arose, not_before, until: not_before, worst };
    Record::new(key, arose).deferred(&event.into(), deferral)
}

async fn write(world: &World, record: Record) {
    let written = world.records.unmetered().write(leadgate_aws::usage::Step::Defer, record).await;
    assert!(written.expect("the store answers").is_some(), "it was not there before");
}

/// So many leads under a cap that lifts in a month, all of them older than what comes after.
async fn capped(world: &World, count: usize) {
    let (arose, lifts) = (earlier(world.clock.now(), days(2)), later(world.clock.now(), days(30)));
    let mut writing = JoinSet::new();
    for i in 0..count {
        let record = parked(world, &format!("9{i:09}"), arose, DeferReason::OwnerCap, lifts);
        let records = world.records.unmetered();
        writing.spawn(async move { records.write(leadgate_aws::usage::Step::Defer, record).await });
        if writing.len() >= 32 {
            writing.join_next().await.expect("one is there").expect("no panic").expect("written");
        }
    }
    while let Some(written) = writing.join_next().await {
        written.expect("no panic").expect("written");
    }
}

#[tokio::test]
async fn four_thousand_leads_under_a_cap_do_not_hold_up_the_one_behind_them() {
    let world = world_with(|_| {}).await;
    capped(&world, 4050).await;
    let lead = leads(&world, 1);
    let now = world.clock.now();
    park(&world, &lead[0], now, DeferReason::Balance, now).await;
    let read = world.usage.read_units();
    assert_eq!(world.run_release().await.released, 1);
    let units = |step: &str| {
        let of = |units: &BTreeMap<&str, f64>| units.get(step).copied().unwrap_or_default();
        of(&world.usage.read_units()) - of(&read)
    };
    println!("a line of 4,051: {} units for the index, {} for records", units("release"), units("look"));
    assert!(units("look") <= 16.0, "only what goes is read, beside wallets and holds: {}", units("look"));
    world.pump.run_dry(1).await;
    all_enriched(&world, &lead);
}

#[tokio::test]
async fn when_nothing_can_be_paid_for_no_lead_is_read_and_those_too_old_are_closed_all_the_same() {
    let world = world_with(|settings| {
        settings.credits_per_cycle = Some(1);
        settings.config = settings.config.replace("give_up_days = 180", "give_up_days = 5");
    })
    .await;
    let first = queued_leads(&world, 40).await;
    world.settle_down(2).await;
    let (before, calls) = (world.usage.read_units(), world.wire.counts());
    assert_eq!(world.run_release().await.released, 0);
    let look = |units: BTreeMap<&'static str, f64>| units.get("look").copied().unwrap_or_default();
    let read = look(world.usage.read_units()) - look(before);
    assert!(read <= 10.0, "{read} units: records were read that nothing can be paid for");
    let queries = |counts: BTreeMap<String, u64>| counts["dynamodb Query"];
    assert!(queries(world.wire.counts()) - queries(calls) <= 12, "the line is not paged through");

    world.clock.turn(days(6));
    assert_eq!(world.run_release().await.closed, 39);
    for lead in &first {
        let state = world.record(lead).await.expect("a record").state;
        let is_given_up = state == State::Refused { reason: RefuseReason::TooOld };
        assert!(state.is_written() || is_given_up, "{lead}: {state:?}");
    }
    assert_eq!(at_rest(&world).await.spent, 1000);
}

/// What another version of us may have left behind.
fn from_another_version(call: &Call, body: &Value, contact: &str) -> Option<Rewrite> {
    let item = body.get("Item").filter(|_| call.operation == "dynamodb PutItem")?;
    let ours = item["record"]["S"].as_str().is_some_and(|record| record.ends_with(contact));
    (ours && item["state"]["S"] == "deferred").then(|| {
        let mut body = body.clone();
        body["Item"]["hops"] = json!({ "S": "counted otherwise" });
        Rewrite::Sent(body)
    })
}

#[tokio::test]
async fn a_parked_record_that_cant_be_read_does_not_hold_up_the_others() {
    let world = world_with(|settings| settings.credits_per_cycle = Some(1)).await;
    let waiting = queued_leads(&world, 4).await;
    let broken = waiting[2].clone();
    let contact = broken.clone();
    world.wire.rewrite_by(move |call, body| from_another_version(call, body, &contact));
    world.settle_down(1).await;
    world.wire.rewrite_by(|_, _| None);
    for _ in 0..3 {
        world.next_cycle(1_000_000).await;
        world.run_release().await;
        world.clock.turn(Duration::from_secs(60));
        world.pump.run_dry(1).await;
    }
    let others: Vec<String> = waiting.into_iter().filter(|lead| *lead != broken).collect();
    all_enriched(&world, &others);
}

/// Released in order, as many as there is money for, by a release that dies at any of its calls.
#[tokio::test]
async fn a_release_that_passes_those_under_a_cap_may_die_and_run_twice_at_once() {
    for how in [Break::DeathBefore, Break::DeathAfter] {
        let world = world_with(|settings| settings.credits_per_cycle = Some(3)).await;
        capped(&world, 60).await;
        let three = leads(&world, 3);
        let now = world.clock.now();
        for lead in &three {
            park(&world, lead, now, DeferReason::Balance, now).await;
        }
        let broken = how.clone();
        world.wire.break_by(move |call| call.operation.ends_with("SendMessageBatch").then(|| broken.clone()));
        world.run_release_or_die().await;
        world.wire.mend();
        tokio::join!(world.run_release(), world.run_release());
        world.settle_down(2).await;
        all_enriched(&world, &three);
        assert_eq!(at_rest(&world).await.spent, 3000, "{how:?}");
    }
}
