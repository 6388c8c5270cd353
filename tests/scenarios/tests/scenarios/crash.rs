//! Every call that the worker makes, broken in every way, one at a time: then redelivery and the sweeper finish, and
//! the money, the leads and the CRM must be right.

use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{Break, Leftover};

use crate::books::at_rest;
use crate::stage::{
    Stage, WAYS_TO_BREAK, all_enriched, calls_of_a_round, queued_leads, round_that_breaks, states, world,
};

/// The leads of one unit; the provider doesn't know the last.
const LEADS: usize = 3;

async fn one_unit() -> (Stage, Vec<String>) {
    let world = world().await;
    world.apollo.forget("first2.last2@engine.example");
    let leads = queued_leads(&world, LEADS).await;
    (world, leads)
}

/// The calls of a run in which nothing breaks.
async fn calls_of_a_clean_run() -> Vec<String> {
    calls_of_a_round(&one_unit().await.0).await
}

/// Breaks the `at`th call, and lets everything come to rest.
async fn sweep_one(at: usize, operation: &str, how: &Break) {
    let (world, leads) = one_unit().await;
    round_that_breaks(&world, at, how).await;
    world.settle_down(2).await;

    let place = format!("call {at} ({operation}) was broken by {how:?}");
    let ended = states(&world, &leads).await;
    assert_eq!(ended, [StateName::Written, StateName::Written, StateName::Unmatched], "{place}");
    all_enriched(&world, &leads[..2]);
    let books = at_rest(&world).await;
    let charging = operation.starts_with("apollo");
    for lead in &leads[..2] {
        let email = world.hubspot.contact(lead).and_then(|contact| contact.value("email").map(str::to_owned));
        let charged = world.apollo.charges_of(&email.expect("an address"));
        let unknown = usize::from(books.unknown > 0);
        assert!((1..=1 + unknown).contains(&charged), "{place}: {lead} was charged {charged} times");
    }
    // Only a call that was under way when it broke leaves us not knowing.
    let dies = matches!(how, Break::DeathBefore | Break::DeathAfter);
    if !charging && !dies {
        assert_eq!(books.unknown, 0, "{place}");
    }
}

#[tokio::test]
async fn whatever_call_breaks_in_whatever_way_money_leads_and_crm_come_out_right() {
    let calls = calls_of_a_clean_run().await;
    assert!(calls.len() >= 15, "{calls:?}");
    let mut swept = 0;
    for (at, operation) in calls.iter().enumerate() {
        let mut ways = WAYS_TO_BREAK.to_vec();
        if operation.starts_with("dynamodb") {
            ways.push(Break::throttled());
        }
        if operation.ends_with("TransactWriteItems") {
            ways.push(Break::transaction_conflict());
        }
        for how in ways {
            sweep_one(at, operation, &how).await;
            swept += 1;
        }
    }
    println!("swept {swept} crash points over {} calls", calls.len());
}

#[tokio::test]
async fn a_release_that_dies_anywhere_loses_nobody() {
    let parked = async || {
        let world = crate::stage::world_with(|settings| settings.credits_per_cycle = Some(1)).await;
        let leads = queued_leads(&world, LEADS).await;
        world.settle_down(1).await;
        world.clock.turn(leadgate_enrichment::clock::days(31));
        (world, leads)
    };
    let (world, _) = parked().await;
    world.leaves_behind(Leftover::Messages);
    world.wire.break_by(|_| None);
    world.run_release().await;
    let calls = world.wire.mend();
    assert!(calls.len() >= 5, "{calls:?}");
    for call in calls {
        for how in [Break::DeathBefore, Break::DeathAfter, Break::AnswerLost, Break::Refused] {
            let (world, leads) = parked().await;
            let (at, broken) = (call.index, how.clone());
            world.wire.break_by(move |call| (call.index == at).then(|| broken.clone()));
            tokio::select! {
                biased;
                () = world.wire.death() => {}
                _ = world.run_release() => {}
            }
            world.wire.mend();
            for _ in 0..3 {
                world.settle_down(2).await;
                world.next_cycle(1_000_000).await;
            }
            world.settle_down(2).await;
            assert_eq!(states(&world, &leads).await, [StateName::Written; LEADS], "{call:?} broken by {how:?}");
            assert_eq!(at_rest(&world).await.spent, 3000, "{call:?} broken by {how:?}");
        }
    }
}

#[tokio::test]
async fn an_address_typed_in_before_a_lead_is_given_up_on_is_taken_up_after_that() {
    let world = world().await;
    let leads = queued_leads(&world, 1).await;
    world.apollo.faults().add(FaultRule::next(Fault::DropAfterWork).times(2));
    for _ in 0..2 {
        world.pump.round().await;
        world.clock.turn(std::time::Duration::from_secs(10 * 60));
        world.pump.show_hidden().await;
    }
    world.hubspot.edit(&leads[0], "email", "ada.lovelace@engine.example");
    world.hubspot.deliver().await;
    // Both messages are in one batch: the first is given up on, the second must not be with it.
    world.settle_down(1).await;
    assert_eq!(states(&world, &leads).await, [StateName::Written]);
    all_enriched(&world, &leads);
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown), (3000, 2000));
}
