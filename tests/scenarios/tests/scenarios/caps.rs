//! Leads that wait for a cap, while caps and cycles are configured anew.

use leadgate_enrichment::credits::cycle::Cadence;
use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::world::{Break, World};

use crate::books::at_rest;
use crate::plans::{credits, plan, world_of};
use crate::stage::{Stage, states};

/// A world in which one of two leads waits for the owner's cap to lift, which is when a year is over.
async fn one_capped() -> (Stage, Vec<String>) {
    let mut world = world_of(100).await;
    world.hubspot.define_property("hubspot_owner_id");
    world.reconfigure(|tenant| {
        plan(tenant, "2026-01-01", Cadence::Annual, 100);
        tenant.caps.per_owner = Some(credits(1));
    });
    world.run_release().await;
    let lead = |i| {
        let email = format!("first{i}.last{i}@engine.example");
        world.hubspot.create_contact([("email", email.as_str()), ("hubspot_owner_id", "7")])
    };
    let leads: Vec<String> = (0..2).map(lead).collect();
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!(states(&world, &leads).await.iter().filter(|state| **state == StateName::Deferred).count(), 1);
    (world, leads)
}

async fn all_are_written(world: &World, leads: &[String], place: &str) {
    assert_eq!(states(world, leads).await, vec![StateName::Written; leads.len()], "{place}");
    at_rest(world).await;
}

#[tokio::test]
async fn a_cap_that_is_raised_lets_those_go_that_waited_for_it() {
    let (mut world, leads) = one_capped().await;
    world.reconfigure(|tenant| tenant.caps.per_owner = Some(credits(2)));
    world.settle_down(1).await;
    all_are_written(&world, &leads, "raised").await;
}

#[tokio::test]
async fn a_cycle_that_ends_earlier_now_lifts_its_caps_then() {
    let (mut world, leads) = one_capped().await;
    world.reconfigure(|tenant| plan(tenant, "2026-01-01", Cadence::Monthly, 100));
    world.settle_down(1).await;
    assert_eq!(states(&world, &leads).await, [StateName::Written, StateName::Deferred], "it is capped still");
    world.next_cycle(1_000_000).await;
    world.settle_down(1).await;
    all_are_written(&world, &leads, "in February").await;
}

#[tokio::test]
async fn trying_capped_leads_again_dies_anywhere_and_loses_none() {
    let mut calls = 1;
    for at in 0.. {
        if at >= calls {
            break;
        }
        for how in [Break::DeathBefore, Break::DeathAfter, Break::AnswerLost] {
            let (mut world, leads) = one_capped().await;
            world.reconfigure(|tenant| tenant.caps.per_owner = None);
            let broken = how.clone();
            world.wire.break_by(move |call| (call.index == at).then(|| broken.clone()));
            world.run_release_or_die().await;
            calls = calls.max(world.wire.mend().len());
            world.settle_down(1).await;
            all_are_written(&world, &leads, &format!("call {at} was broken by {how:?}")).await;
        }
    }
    assert!(calls > 5, "a run makes {calls} calls");
}
