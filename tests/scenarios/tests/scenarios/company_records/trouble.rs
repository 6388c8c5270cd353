//! Companies that are records when something breaks, or changes between our read and our write.

use std::sync::Arc;

use leadgate_enrichment::lead::record::{State, StateName};
use leadgate_enrichment::outcome::RefuseReason;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};

use super::{Stage, at_rest, company, know, state, told, value, world, world_with_employers};
use crate::stage::{WAYS_TO_BREAK, calls_of_a_round, round_that_breaks};

/// Two records of one company, and one that the provider doesn't know, on the queue.
async fn one_batch() -> (Stage, [String; 3]) {
    let world = world().await;
    know(&world, "engine.example", "Machinery");
    let domains = ["engine.example", "engine.example", "nowhere.example"];
    world.apollo.forget_organization("nowhere.example");
    let companies = domains.map(|domain| company(&world, domain));
    world.hubspot.deliver().await;
    (world, companies)
}

#[tokio::test]
async fn whatever_call_breaks_a_company_is_bought_once_and_written() {
    let calls = calls_of_a_round(&one_batch().await.0).await;
    assert!(calls.iter().any(|call| call.starts_with("apollo")), "{calls:?}");
    for (at, operation) in calls.iter().enumerate() {
        for how in WAYS_TO_BREAK {
            let place = format!("call {at} ({operation}) broken by {how:?}");
            let (world, companies) = one_batch().await;
            round_that_breaks(&world, at, &how).await;
            world.settle_down(2).await;
            for engine in &companies[..2] {
                assert_eq!(value(&world, engine, "industry").as_deref(), Some("Machinery"), "{place}");
                assert_eq!(state(&world, engine).await, State::Written, "{place}");
            }
            assert_eq!(state(&world, &companies[2]).await.name(), StateName::Unmatched, "{place}");
            let books = at_rest(&world).await;
            // Only a call that was under way leaves us not knowing, and is made a second time.
            let most = if books.unknown > 0 { 4000 } else { 1000 };
            assert!((1000..=most).contains(&books.spent), "{place}: {}", books.spent);
            let charged = world.apollo.organization_charges_of("engine.example");
            assert!((1..=1 + usize::from(books.unknown > 0)).contains(&charged), "{place}: charged {charged} times");
        }
    }
}

#[tokio::test]
async fn what_breaks_while_an_employer_is_looked_up_leaves_its_own_record_to_be_bought() {
    let world = world_with_employers().await;
    let email = know(&world, "engine.example", "Machinery");
    world.apollo.faults().add(FaultRule::on("organizations", Fault::Status(503, String::new())).times(1));
    world.hubspot.create_contact([("email", email.as_str())]);
    told(&world).await;
    let engine = company(&world, "engine.example");
    told(&world).await;
    assert_eq!(value(&world, &engine, "industry").as_deref(), Some("Machinery"));
    assert_eq!(at_rest(&world).await.spent, 2000);
}

#[tokio::test]
async fn while_the_provider_is_throttled_or_down_companies_wait() {
    for fault in [Fault::Status(503, String::new()), Fault::Throttle { retry_after: None }] {
        let world = world().await;
        know(&world, "engine.example", "Machinery");
        let engine = company(&world, "engine.example");
        world.apollo.faults().add(FaultRule::on("organizations", fault.clone()).times(6));
        told(&world).await;
        world.settle_down(3).await;
        assert_eq!(value(&world, &engine, "industry").as_deref(), Some("Machinery"), "{fault:?}");
        assert_eq!(at_rest(&world).await.spent, 1000, "{fault:?}");
    }
}

#[tokio::test]
async fn a_company_that_changes_between_our_read_and_our_write_keeps_what_people_did() {
    type Change = fn(&leadgate_sandbox::simulators::hubspot::HubSpot, &str);
    let typed: Change = |hubspot, company| hubspot.edit_company(company, "industry", "Typed by hand");
    let deleted: Change = |hubspot, company| {
        hubspot.delete_company(company);
    };
    for (change, industry, ends) in
        [(typed, Some("Typed by hand"), State::Written), (deleted, None, State::Refused { reason: RefuseReason::Gone })]
    {
        let world = world().await;
        know(&world, "engine.example", "Machinery");
        let engine = company(&world, "engine.example");
        world.hubspot.deliver().await;
        let (hubspot, id) = (Arc::downgrade(&world.hubspot), engine.clone());
        world.apollo.on_call(move |_| {
            if let Some(hubspot) = hubspot.upgrade() {
                change(&hubspot, &id);
            }
        });
        world.settle_down(1).await;
        let there = world.hubspot.company(&engine).and_then(|it| it.value("industry").map(str::to_owned));
        assert_eq!((there.as_deref(), state(&world, &engine).await), (industry, ends));
        assert_eq!(at_rest(&world).await.spent, 1000);
    }
}

#[tokio::test]
async fn a_company_that_was_merged_is_enriched_as_what_it_has_become() {
    let world = world().await;
    know(&world, "engine.example", "Machinery");
    let (engine, twin) = (company(&world, "engine.example"), company(&world, "engine.example"));
    let merged = world.hubspot.merge_companies(&engine, &twin).expect("both are there");
    told(&world).await;
    assert_eq!(value(&world, &merged, "industry").as_deref(), Some("Machinery"));
    assert_eq!(at_rest(&world).await.spent, 1000);
}
