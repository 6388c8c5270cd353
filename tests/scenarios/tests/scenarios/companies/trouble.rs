//! Companies when something breaks, or changes between our read and our write.

use std::sync::Arc;

use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::simulators::hubspot::HubSpot;
use leadgate_sandbox::world::{Break, World};

use super::{engine, lead, title, told, value, world};
use crate::books::at_rest;
use crate::stage::states;

/// Does something just before the provider is asked: after the first read, before the second.
fn meanwhile(world: &World, change: impl Fn(&HubSpot) + Send + Sync + 'static) {
    let hubspot = Arc::downgrade(&world.hubspot);
    world.apollo.on_call(move |_| {
        if let Some(hubspot) = hubspot.upgrade() {
            change(&hubspot);
        }
    });
}

#[tokio::test]
async fn what_a_person_types_into_the_company_meanwhile_stays() {
    let world = world().await;
    let engine = engine(&world);
    let ada = lead(&world, 1, &engine);
    world.hubspot.deliver().await;
    let company = engine.clone();
    meanwhile(&world, move |hubspot| hubspot.edit_company(&company, "industry", "Typed by hand"));
    world.settle_down(1).await;
    assert_eq!(value(&world, &engine, "industry").as_deref(), Some("Typed by hand"));
    assert_eq!(value(&world, &engine, "city").as_deref(), Some("London"), "the blank ones are filled all the same");
    assert!(title(&world, &ada).is_some());
    at_rest(&world).await;
}

#[tokio::test]
async fn a_company_that_is_merged_meanwhile_is_written_as_what_it_has_become() {
    let world = world().await;
    let (engine, twin) = (engine(&world), world.hubspot.create_company([("name", "Twin"), ("industry", "Steam")]));
    let ada = lead(&world, 1, &engine);
    world.hubspot.deliver().await;
    let both = [engine.clone(), twin.clone()];
    meanwhile(&world, move |hubspot| drop(hubspot.merge_companies(&both[0], &both[1])));
    world.settle_down(1).await;
    let merged = world.hubspot.contact(&ada).and_then(|_| world.hubspot.company_of(&ada)).expect("what they became");
    assert_eq!(value(&world, &merged, "industry").as_deref(), Some("Steam"), "the twin's stays");
    assert_eq!(value(&world, &merged, "city").as_deref(), Some("London"));
    assert_eq!(states(&world, &[ada]).await, [StateName::Written]);
    assert_eq!(at_rest(&world).await.spent, 1000);
}

#[tokio::test]
async fn a_company_that_is_deleted_meanwhile_takes_nothing_from_its_contact() {
    let world = world().await;
    let engine = engine(&world);
    let leads = [lead(&world, 1, &engine), lead(&world, 2, &engine)];
    world.hubspot.deliver().await;
    let company = engine.clone();
    meanwhile(&world, move |hubspot| {
        hubspot.delete_company(&company);
    });
    world.settle_down(1).await;
    assert!(leads.iter().all(|lead| title(&world, lead).is_some()));
    assert_eq!(states(&world, &leads).await, [StateName::Written; 2]);
    assert_eq!(at_rest(&world).await.spent, 2000);
}

/// After the read that the decision is made by.
#[tokio::test]
async fn a_company_that_is_deleted_right_before_the_write_takes_nothing_from_its_contact() {
    let world = world().await;
    let engine = engine(&world);
    let ada = lead(&world, 1, &engine);
    world.hubspot.deliver().await;
    let (hubspot, company) = (Arc::downgrade(&world.hubspot), engine.clone());
    world.hubspot.on_call(move |call| {
        if call.path.ends_with("companies/batch/update")
            && let Some(hubspot) = hubspot.upgrade()
        {
            hubspot.delete_company(&company);
        }
    });
    world.settle_down(1).await;
    assert!(title(&world, &ada).is_some() && world.hubspot.company(&engine).is_none());
    assert_eq!(states(&world, &[ada]).await, [StateName::Written]);
    assert_eq!(at_rest(&world).await.spent, 1000);
}

#[tokio::test]
async fn two_contacts_of_one_company_at_the_same_time_on_two_workers_end_well() {
    let world = world().await;
    let engine = engine(&world);
    let leads = [lead(&world, 1, &engine), lead(&world, 2, &engine)];
    world.hubspot.deliver().await;
    let (one, two) = (world.pump.receive_at_most(1).await, world.pump.receive_at_most(1).await);
    assert_eq!((one.len(), two.len()), (1, 1));
    tokio::join!(world.pump.invoke(one), world.pump.invoke(two));
    world.settle_down(2).await;
    assert_eq!(value(&world, &engine, "industry").as_deref(), Some("Machinery"));
    assert_eq!(states(&world, &leads).await, [StateName::Written; 2]);
    assert_eq!(at_rest(&world).await.spent, 2000);
}

#[tokio::test]
async fn while_companies_cant_be_written_the_lead_waits_with_what_was_bought() {
    for fault in [Fault::Status(503, String::new()), Fault::Throttle { retry_after: None }, Fault::DropAfterWork] {
        let world = world().await;
        let engine = engine(&world);
        let with = lead(&world, 1, &engine);
        let without = lead(&world, 2, "0");
        world.hubspot.dissociate(&without);
        world.hubspot.faults().add(FaultRule::on("companies/batch/update", fault.clone()).times(2));
        told(&world).await;
        assert_eq!(value(&world, &engine, "industry").as_deref(), Some("Machinery"), "{fault:?}");
        assert!(title(&world, &with).is_some() && title(&world, &without).is_some(), "{fault:?}");
        assert_eq!(states(&world, &[with, without]).await, [StateName::Written; 2], "{fault:?}");
        assert_eq!(at_rest(&world).await.spent, 2000, "{fault:?}");
        assert_eq!(world.apollo.ledger().records_charged, 2, "{fault:?}: bought once");
    }
}

#[tokio::test]
async fn while_companies_cant_be_read_nothing_is_bought() {
    for place in ["associations", "companies/batch/read"] {
        let world = world().await;
        let engine = engine(&world);
        let ada = lead(&world, 1, &engine);
        world.hubspot.faults().add(FaultRule::on(place, Fault::Status(503, String::new())).times(3));
        world.hubspot.deliver().await;
        world.pump.round().await;
        assert_eq!(world.apollo.ledger().people_asked, 0, "{place}");
        world.settle_down(1).await;
        assert_eq!(value(&world, &engine, "industry").as_deref(), Some("Machinery"), "{place}");
        assert_eq!(states(&world, &[ada]).await, [StateName::Written], "{place}");
        assert_eq!(at_rest(&world).await.spent, 1000, "{place}");
    }
}

/// Every call of the worker, with a death before and after it.
#[tokio::test]
async fn a_worker_may_die_at_every_call() {
    let clean = world().await;
    let company = engine(&clean);
    lead(&clean, 1, &company);
    clean.hubspot.deliver().await;
    clean.wire.break_by(|_| None);
    clean.pump.round().await;
    let calls = clean.wire.mend();
    assert!(calls.iter().any(|call| call.operation.contains("companies/batch/update")), "{calls:?}");
    clean.settle_down(1).await;
    for call in calls.iter().filter(|call| call.operation.starts_with("hubspot")) {
        for how in [Break::Refused, Break::AnswerLost, Break::DeathBefore, Break::DeathAfter] {
            let place = format!("call {} ({}) broken by {how:?}", call.index, call.operation);
            let world = world().await;
            let engine = engine(&world);
            let ada = lead(&world, 1, &engine);
            world.hubspot.deliver().await;
            let (at, broken) = (call.index, how.clone());
            world.wire.break_by(move |call| (call.index == at).then(|| broken.clone()));
            world.pump.round().await;
            world.wire.mend();
            world.settle_down(1).await;
            assert_eq!(value(&world, &engine, "industry").as_deref(), Some("Machinery"), "{place}");
            assert!(title(&world, &ada).is_some(), "{place}");
            assert_eq!(at_rest(&world).await.spent, 1000, "{place}");
        }
    }
}
