//! HubSpot called as an OAuth app, and what is left of a day's calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::hubspot::Limits;
use leadgate_sandbox::world::{Leftover, Settings};

use crate::books::at_rest;
use crate::stage::{Stage, all_enriched, queued_leads, states, world_with};

const ACCESS: &str = "access_token = \"leadgate/demo/crm-token\"";

async fn app(set: impl FnOnce(&mut Settings)) -> Stage {
    world_with(|settings| {
        assert!(settings.config.contains(ACCESS));
        let id = format!("client_id = \"simulated-client-id\"\n{ACCESS}");
        settings.config = settings.config.replacen(ACCESS, &id, 1);
        set(settings);
    })
    .await
}

/// One more lead, on the queue.
async fn one_more(world: &Stage, number: usize) -> String {
    let lead = world.hubspot.create_contact([("email", format!("more{number}.lead{number}@engine.example"))]);
    assert!(world.hubspot.deliver().await.rejected.is_empty());
    lead
}

#[tokio::test]
async fn one_token_serves_all_until_it_ends_and_another_is_had_before_that() {
    let world = app(|_| {}).await;
    let leads = queued_leads(&world, 25).await;
    world.settle_down(4).await;
    all_enriched(&world, &leads);
    assert_eq!(world.hubspot.counters().tokens, 1, "all wait for the one that gets it");
    // It would end within a minute.
    world.clock.turn(Duration::from_secs(29 * 60 + 30));
    let more = one_more(&world, 0).await;
    world.settle_down(1).await;
    all_enriched(&world, &[more]);
    let counters = world.hubspot.counters();
    assert_eq!((counters.tokens, counters.unauthorized), (2, 0));
    at_rest(&world).await;
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_and_nothing_is_done_twice() {
    let world = app(|_| {}).await;
    let leads = queued_leads(&world, 6).await;
    let (portal, calls) = (Arc::downgrade(&world.hubspot), AtomicUsize::new(0));
    world.hubspot.on_call(move |call| {
        let is_call = call.path.contains("/crm/");
        if is_call && calls.fetch_add(1, Ordering::SeqCst) % 2 == 0 {
            portal.upgrade().expect("a world").revoke_tokens();
        }
    });
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    let counters = world.hubspot.counters();
    assert!(counters.unauthorized > 0 && counters.tokens > 1, "{counters:?}");
    assert_eq!((counters.records_written, at_rest(&world).await.spent), (6, 6000));
}

#[tokio::test]
async fn without_a_token_nothing_is_called_and_the_lead_lives_until_the_app_is_mended() {
    let world = app(|settings| settings.hubspot.client_id = "another-client".to_owned()).await;
    let leads = queued_leads(&world, 1).await;
    world.pump.run_dry(1).await;
    let counters = world.hubspot.counters();
    assert_eq!((counters.records_read, counters.tokens, world.waiting().await), (0, 0, 1));
    assert_eq!(world.apollo.ledger().credits_charged, 0);
    drop(leads);
    world.leaves_behind(Leftover::Messages);
}

#[tokio::test]
async fn the_rest_of_a_days_calls_is_left_to_others() {
    let world = world_with(|settings| {
        settings.hubspot.limits = Limits { daily: Some(100), ..Limits::unlimited() };
        settings.config = settings.config.replacen(ACCESS, &format!("daily_calls_floor = 40\n{ACCESS}"), 1);
    })
    .await;
    let mut leads = Vec::new();
    for number in 0..30 {
        leads.push(one_more(&world, number).await);
        world.pump.run_dry(1).await;
    }
    let calls: u64 = world.hubspot.counters().calls.values().sum();
    assert!((58..=62).contains(&calls), "sixty of a hundred are ours: {calls}");
    assert!(world.waiting().await > 0, "the others wait");
    world.clock.turn(Duration::from_secs(24 * 60 * 60));
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    assert!(states(&world, &leads).await.iter().all(|state| *state == StateName::Written));
    at_rest(&world).await;
}
