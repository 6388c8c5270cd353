//! Credits run out, come back, and are fought over.

use leadgate_enrichment::outcome::DeferReason;
use leadgate_enrichment::record::State;
use leadgate_tests::world::World;

use crate::books::at_rest;
use crate::stage::{all_enriched, queued_leads, states, world_with};

async fn world_of(credits: i64) -> World {
    world_with(|settings| settings.credits_per_cycle = Some(credits)).await
}

#[tokio::test]
async fn leads_that_the_credits_cant_pay_for_wait_for_the_next_cycle_and_are_finished_then() {
    let world = world_of(5).await;
    let leads = queued_leads(&world, 12).await;
    world.settle_down(1).await;

    let stand = states(&world, &leads).await;
    assert_eq!(stand.iter().filter(|state| **state == State::Written).count(), 5);
    assert_eq!(stand.iter().filter(|state| **state == State::Deferred).count(), 7);
    let parked = leads.iter().zip(&stand).find(|(_, state)| **state == State::Deferred).expect("one that waits");
    let deferral = world.record(parked.0).await.and_then(|record| record.deferral).expect("a deferral");
    assert_eq!((deferral.reason, deferral.until.to_string().as_str()), (DeferReason::Balance, "2026-02-01T00:00:00Z"));
    assert_eq!(world.run_release().await.released, 0, "there is nothing to pay with");

    world.next_cycle(1_000_000).await;
    world.settle_down(2).await;
    world.next_cycle(1_000_000).await;
    world.settle_down(2).await;
    all_enriched(&world, &leads);
    let books = at_rest(&world).await;
    assert_eq!((books.granted, books.spent, world.apollo.ledger().credits_charged), (15_000, 12_000, 12_000));
}

#[tokio::test]
async fn credits_freed_by_people_the_provider_does_not_know_go_to_those_who_wait() {
    let world = world_of(4).await;
    for i in 0..4 {
        world.apollo.forget(&format!("first{i}.last{i}@engine.example"));
    }
    let leads = queued_leads(&world, 8).await;
    world.settle_down(1).await;
    let stand = states(&world, &leads).await;
    assert_eq!(stand.iter().filter(|state| **state == State::Unmatched).count(), 4);
    assert_eq!(stand.iter().filter(|state| **state == State::Written).count(), 4, "no credit lies about");
    assert_eq!(at_rest(&world).await.spent, 4000);
}

#[tokio::test]
async fn a_release_that_runs_twice_at_once_buys_nobody_twice() {
    let world = world_of(3).await;
    let leads = queued_leads(&world, 6).await;
    world.settle_down(2).await;
    world.next_cycle(1_000_000).await;
    tokio::join!(world.run_release(), world.run_release());
    world.settle_down(4).await;
    all_enriched(&world, &leads);
    assert_eq!(at_rest(&world).await.spent, 6000);
    assert!(leads.iter().all(|lead| {
        let contact = world.hubspot.contact(lead).expect("the contact");
        world.apollo.charges_of(contact.value("email").expect("an address")) == 1
    }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_on_one_wallet_spend_exactly_what_is_there() {
    let world = world_of(40).await;
    let leads = queued_leads(&world, 100).await;
    world.settle_down(16).await;
    let stand = states(&world, &leads).await;
    assert_eq!(stand.iter().filter(|state| **state == State::Written).count(), 40);
    assert_eq!(stand.iter().filter(|state| **state == State::Deferred).count(), 60);
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.available), (40_000, 0));
}

#[tokio::test]
async fn a_lead_that_waits_across_a_cycle_is_paid_from_the_cycle_it_is_bought_in() {
    let world = world_of(1).await;
    let leads = queued_leads(&world, 1).await;
    let messages = world.pump.receive().await;
    world.next_cycle(1_000_000).await;
    world.pump.invoke(messages).await;
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    let wallets = world.credits.wallets(world.tenant_id()).await.expect("readable");
    let names: Vec<&str> = wallets.iter().map(|wallet| wallet.wallet.0.as_str()).collect();
    assert_eq!(names, ["plan-2026-02-01"], "nothing was put into a cycle that is over");
}
