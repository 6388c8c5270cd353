//! Candidates that a worker had claimed and held for when it died, while they came as leads.

use leadgate_enrichment::clock::days;
use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::world::Break;

use super::{ADA, ask_for, candidate, only, state, world};
use crate::books::at_rest;
use crate::new_leads::with_email;
use crate::stage::{Stage, calls_of_a_round, round_that_breaks};

/// She is claimed as a candidate by a worker that is dead, and was bought as this lead since.
async fn bought_meanwhile() -> (Stage, String) {
    let world = world().await;
    ask_for(&world, &[candidate(&world, ADA)], "2026-01-15").await;
    let calls = calls_of_a_round(&world).await;
    let asks = calls.iter().position(|call| call.starts_with("apollo")).expect("she is asked about");
    let holds = calls[..asks].iter().rposition(|call| call == "dynamodb TransactWriteItems").expect("a hold");
    let world = crate::candidates::world().await;
    ask_for(&world, &[candidate(&world, ADA)], "2026-01-15").await;
    round_that_breaks(&world, holds, &Break::DeathAfter).await;
    assert_eq!(state(&world, &candidate(&world, ADA)).await, StateName::Claimed);
    let lead = world.hubspot.create_contact([("email", ADA)]);
    world.hubspot.deliver().await;
    while world.pump.round().await {}
    assert_eq!(world.apollo.charges_of(ADA), 1);
    (world, lead)
}

/// What was held for the candidate may have been charged, and counts as spent; nothing is bought beside it but the lead.
#[tokio::test]
async fn a_lead_that_is_bought_while_a_dead_worker_has_her_claimed_is_bought_once() {
    let (world, lead) = bought_meanwhile().await;
    world.clock.turn(days(1) / 2);
    world.pump.show_hidden().await;
    world.settle_down(2).await;
    assert_eq!(only(&world, ADA, "both").await, lead);
    assert_eq!(state(&world, &candidate(&world, ADA)).await, StateName::Written);
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown, world.apollo.charges_of(ADA)), (2000, 1000, 1));
}

/// What is remembered for the candidate doesn't bring her back.
#[tokio::test]
async fn one_who_asks_to_be_forgotten_before_the_candidate_is_taken_over_stays_forgotten() {
    let (world, lead) = bought_meanwhile().await;
    assert!(world.hubspot.privacy_delete(&lead));
    world.hubspot.deliver().await;
    world.clock.turn(days(1) / 2);
    world.pump.show_hidden().await;
    world.settle_down(2).await;
    assert!(with_email(&world, ADA).is_empty(), "she is in the CRM again");
    assert_eq!(state(&world, &candidate(&world, ADA)).await, StateName::Refused);
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown, world.apollo.charges_of(ADA)), (2000, 1000, 1));
}
