//! What a world can do to functions: end them at their deadline, and play tricks on the wire.

use std::time::Duration;

use leadgate_aws::table::Consistency;
use leadgate_enrichment::lead::record::{Record, State, StateName};
use leadgate_sandbox::simulators::fault::AnswerEdit;
use leadgate_sandbox::world::{Break, Leftover, Rewrite, World};
use serde_json::json;

use crate::books::at_rest;
use crate::stage::{all_enriched, queued_leads, states, world, world_with};

/// Longer than any function may run.
const LONGER_THAN_A_RUN: Duration = Duration::from_secs(16 * 60);

/// The record as the worker reads it.
async fn read(world: &World, lead: &str, consistency: Consistency) -> Option<Record> {
    let key = world.key(lead);
    world.worker.records.read(std::slice::from_ref(&key), consistency).await.expect("readable").remove(&key)
}

fn is_claim(operation: &str) -> bool {
    operation == "dynamodb PutItem"
}

#[tokio::test]
async fn a_worker_is_ended_at_its_deadline_and_its_messages_come_again() {
    let world = world().await;
    let leads = queued_leads(&world, 2).await;
    let clock = world.clock.clone();
    world.wire.break_by(move |call| {
        if call.operation.ends_with("batch/read") {
            clock.turn(LONGER_THAN_A_RUN);
        }
        None
    });
    world.pump.round().await;
    let calls = world.wire.mend();
    assert_eq!((world.pump.deaths(), world.deaths(), world.pump.finished()), (1, 1, 0));
    assert!(calls.last().is_some_and(|call| call.operation.ends_with("batch/read")), "{calls:?}");
    assert_eq!(states(&world, &leads).await, [StateName::Claimed; 2]);
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    assert_eq!((world.deaths(), at_rest(&world).await.spent), (1, 2000));
}

#[tokio::test]
async fn a_worker_is_ended_while_it_waits_for_an_answer() {
    let world = world().await;
    let leads = queued_leads(&world, 1).await;
    let clock = world.clock.clone();
    world.apollo.on_call(move |_| clock.turn(LONGER_THAN_A_RUN));
    world.pump.round().await;
    world.apollo.on_call(|_| {});
    assert_eq!((world.pump.deaths(), world.pump.finished()), (1, 0));
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown), (2000, 1000));
}

#[tokio::test]
async fn a_release_is_ended_at_its_deadline() {
    let world = world_with(|settings| settings.credits_per_cycle = Some(1)).await;
    let leads = queued_leads(&world, 2).await;
    world.settle_down(1).await;
    world.next_cycle(1_000_000).await;
    let clock = world.clock.clone();
    world.wire.break_by(move |call| {
        if call.operation == "sqs SendMessageBatch" {
            clock.turn(LONGER_THAN_A_RUN);
        }
        None
    });
    assert_eq!(world.run_release_or_die().await, None);
    world.wire.mend();
    assert_eq!((world.deaths(), world.waiting().await), (1, 0));
    world.settle_down(1).await;
    all_enriched(&world, &leads);
}

#[tokio::test]
async fn keys_that_stay_unprocessed_are_asked_for_again() {
    let world = world().await;
    let leads = queued_leads(&world, 3).await;
    let mut reads = 0;
    world.wire.break_by(move |call| {
        let is_read = call.operation == "dynamodb BatchGetItem";
        reads += usize::from(is_read);
        (is_read && reads < 3).then(|| Break::Unprocessed { read: 2 - reads })
    });
    let keys: Vec<_> = leads.iter().map(|lead| world.key(lead)).collect();
    let found = world.worker.records.read(&keys, Consistency::Strong).await.expect("read in three goes");
    assert_eq!((found.len(), world.wire.mend().len()), (0, 3));
    // All of them, each time: the messages stay.
    world.wire.break_by(|_| Some(Break::Unprocessed { read: 0 }));
    world.pump.round().await;
    world.wire.mend();
    assert_eq!((world.pump.finished(), world.pump.hidden_count()), (0, 3));
    world.settle_down(1).await;
    all_enriched(&world, &leads);
}

#[tokio::test]
async fn a_stale_read_shows_a_record_as_it_stood_before_its_last_write() {
    let world = world().await;
    world.wire.remember_writes();
    let leads = queued_leads(&world, 1).await;
    world.wire.break_by(|_| Some(Break::Stale));
    assert!(read(&world, &leads[0], Consistency::Eventual).await.is_none());
    world.pump.round().await;
    let now = read(&world, &leads[0], Consistency::Strong).await.expect("a record");
    let before = read(&world, &leads[0], Consistency::Eventual).await.expect("a record");
    assert_eq!((now.state.name(), now.rev), (StateName::Written, before.rev + 1));
    // No read lags for so long.
    world.clock.turn(Duration::from_secs(10));
    assert_eq!(read(&world, &leads[0], Consistency::Eventual).await, Some(now));
}

#[tokio::test]
async fn a_stale_index_lags_behind_both_ways() {
    let world = world_with(|settings| settings.credits_per_cycle = Some(1)).await;
    world.leaves_behind(Leftover::Messages);
    world.wire.remember_writes();
    queued_leads(&world, 3).await;
    let parked = async || world.worker.records.deferred(world.tenant_id(), 10).await.expect("readable").len();
    world.pump.round().await;
    let stale = || world.wire.break_by(|call| (call.operation == "dynamodb Query").then_some(Break::Stale));
    stale();
    assert_eq!(parked().await, 0);
    world.clock.turn(Duration::from_secs(10));
    assert_eq!(parked().await, 2);
    world.wire.mend();
    world.next_cycle(1_000_000).await;
    assert_eq!(world.run_release().await.released, 1);
    assert_eq!(parked().await, 1);
    stale();
    assert_eq!(parked().await, 2);
}

#[tokio::test]
async fn what_a_function_reads_can_be_changed_on_the_way() {
    let world = world().await;
    let leads = queued_leads(&world, 1).await;
    world.wire.rewrite_by(|call, _| {
        let nobody = |_| json!({ "person": null });
        (call.operation == "apollo POST /api/v1/people/match").then(|| Rewrite::Received(AnswerEdit::new(nobody)))
    });
    world.pump.round().await;
    assert_eq!(states(&world, &leads).await, [StateName::Unmatched]);
    assert_eq!(world.apollo.ledger().records_charged, 1);
    world.wire.rewrite_by(|call, _| {
        let nothing = |mut answer: serde_json::Value| {
            answer["Responses"] = json!({});
            answer
        };
        (call.operation == "dynamodb BatchGetItem").then(|| Rewrite::Received(AnswerEdit::new(nothing)))
    });
    assert_eq!(read(&world, &leads[0], Consistency::Strong).await, None);
}

#[tokio::test]
async fn a_write_that_is_under_way_when_its_worker_dies_lands_before_a_later_call() {
    let world = world().await;
    world.wire.remember_writes();
    let leads = queued_leads(&world, 1).await;
    world.wire.break_by(|call| is_claim(&call.operation).then_some(Break::DeathThenLands { calls: 2 }));
    world.pump.round().await;
    assert_eq!((world.pump.deaths(), world.record(&leads[0]).await), (1, None));
    world.wire.break_by(|_| Some(Break::Stale));
    assert_eq!(read(&world, &leads[0], Consistency::Strong).await, None);
    let landed = read(&world, &leads[0], Consistency::Strong).await.expect("it has landed");
    assert_eq!(landed.state.name(), StateName::Claimed);
    assert_eq!(read(&world, &leads[0], Consistency::Eventual).await, None);
    world.wire.mend();
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    assert_eq!(at_rest(&world).await.spent, 1000);
}

#[tokio::test]
async fn a_write_that_is_under_way_lands_before_a_claim_could_run_out() {
    let world = world().await;
    let leads = queued_leads(&world, 1).await;
    world.wire.break_by(|call| is_claim(&call.operation).then_some(Break::DeathThenLands { calls: usize::MAX }));
    world.pump.round().await;
    world.wire.mend();
    world.clock.turn(Duration::from_secs(4));
    assert_eq!(world.record(&leads[0]).await, None);
    world.clock.turn(Duration::from_secs(1));
    assert_eq!(world.record(&leads[0]).await.map(|record| record.state), Some(State::Claimed));
    world.settle_down(1).await;
    all_enriched(&world, &leads);
}
