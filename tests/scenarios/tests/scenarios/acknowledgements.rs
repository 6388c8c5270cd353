//! Acknowledgements that are lost: what the store holds decides, not what the worker heard. A call that never went out
//! costs nothing.

use std::time::Duration;

use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{Break, Call, World};

use crate::books::at_rest;
use crate::stage::{all_enriched, queued_leads, states, world};

/// The SDK tries a call so often.
const SDK_ATTEMPTS: usize = 3;

/// Breaks the answers to so many calls of this kind, from the `from`th on.
fn break_answers(world: &World, operation: &'static str, from: usize, count: usize, how: Break) {
    let mut seen = 0;
    world.wire.break_by(move |call: &Call| {
        let is_one = call.operation == operation;
        seen += usize::from(is_one);
        (is_one && (from..from + count).contains(&(seen - 1))).then(|| how.clone())
    });
}

/// Lets so much time go by that every message shows again and the schedule sweeps what is left.
async fn an_hour_passes(world: &World) {
    for _ in 0..4 {
        world.clock.turn(Duration::from_secs(20 * 60));
        world.pump.show_hidden().await;
        world.settle_down(1).await;
    }
}

/// The transaction that makes the wallet, and then the one that holds.
const HOLD: usize = 1;

#[tokio::test]
async fn a_hold_whose_acknowledgements_are_all_lost_is_found_and_used() {
    let world = world().await;
    let leads = queued_leads(&world, 3).await;
    break_answers(&world, "dynamodb TransactWriteItems", HOLD, SDK_ATTEMPTS, Break::AnswerLost);
    world.pump.run_dry(1).await;
    world.wire.mend();
    an_hour_passes(&world).await;
    all_enriched(&world, &leads);
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown), (3000, 0), "bought once, and nothing is unknown");
    assert_eq!(world.apollo.ledger().credits_charged, 3000);
}

#[tokio::test]
async fn a_hold_that_no_worker_can_read_back_is_freed_because_its_records_name_it_no_more() {
    let world = world().await;
    let leads = queued_leads(&world, 3).await;
    // Everything that the credits table is asked for fails from the hold on, for the rest of the run.
    let mut holds = 0;
    world.wire.break_by(move |call: &Call| {
        holds += usize::from(call.operation == "dynamodb TransactWriteItems");
        if holds <= HOLD {
            return None;
        }
        match call.operation.as_str() {
            "dynamodb TransactWriteItems" => Some(Break::AnswerLost),
            "dynamodb BatchGetItem" => Some(Break::Refused),
            _ => None,
        }
    });
    world.pump.round().await;
    world.wire.mend();
    assert_eq!(world.apollo.ledger().credits_charged, 0, "the provider was not called");
    an_hour_passes(&world).await;
    all_enriched(&world, &leads);
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown), (3000, 0), "a call that never went out costs nothing");
}

#[tokio::test]
async fn a_void_whose_answers_are_lost_frees_the_hold_all_the_same() {
    for how in [Break::AnswerLost, Break::Refused] {
        let world = world().await;
        let leads = queued_leads(&world, 3).await;
        // The provider turns the worker away, so that it frees what it held.
        world.apollo.faults().add(FaultRule::next(Fault::Status(503, String::new())).times(3));
        break_answers(&world, "dynamodb TransactWriteItems", HOLD + 1, SDK_ATTEMPTS, how.clone());
        world.pump.round().await;
        world.wire.mend();
        an_hour_passes(&world).await;
        all_enriched(&world, &leads);
        let books = at_rest(&world).await;
        assert_eq!((books.spent, books.unknown), (3000, 0), "{how:?}");
    }
}

#[tokio::test]
async fn a_void_that_fails_for_parked_leads_is_not_swept_as_spent() {
    let world = world().await;
    let leads = queued_leads(&world, 2).await;
    world.apollo.faults().add(FaultRule::next(Fault::Status(402, String::new())));
    // No transaction gets through once the hold is made.
    break_answers(&world, "dynamodb TransactWriteItems", HOLD + 1, 1000, Break::Refused);
    world.pump.round().await;
    world.wire.mend();
    assert_eq!(states(&world, &leads).await, [StateName::Deferred; 2]);
    assert_eq!(world.credits.open_holds(world.tenant_id()).await.expect("readable").len(), 1);
    an_hour_passes(&world).await;
    an_hour_passes(&world).await;
    all_enriched(&world, &leads);
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown), (2000, 0));
}

#[tokio::test]
async fn a_settlement_that_failed_is_made_before_its_record_is_bought_for_again() {
    let world = world().await;
    let leads = queued_leads(&world, 1).await;
    let email = |name: &str| format!("{name}@engine.example");
    world.apollo.forget("first0.last0@engine.example");
    // The miss is kept, and its settlement doesn't get through.
    break_answers(&world, "dynamodb TransactWriteItems", HOLD + 1, 1000, Break::Refused);
    world.pump.round().await;
    world.wire.mend();
    assert_eq!(states(&world, &leads).await, [StateName::Unmatched]);
    // A person corrects the address at once, and the lead is bought for under another purchase.
    world.clock.turn(Duration::from_secs(3 * 60));
    world.hubspot.edit(&leads[0], "email", &email("ada.lovelace"));
    world.hubspot.deliver().await;
    world.pump.round().await;
    an_hour_passes(&world).await;
    all_enriched(&world, &leads);
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown), (1000, 0), "the miss cost nothing, and that is known");
}
