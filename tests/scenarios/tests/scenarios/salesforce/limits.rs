//! Tokens that end, and calls that are others'.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use leadgate_enrichment::lead::record::StateName;

use super::{org, org_with};
use crate::books::at_rest;
use crate::stage::{all_enriched, queued_leads, stands};

#[tokio::test]
async fn a_token_that_ends_on_the_way_is_replaced_and_nothing_is_done_twice() {
    let world = org().await;
    let leads = queued_leads(&world, 6).await;
    // Every other call finds its token revoked.
    let (org, calls) = (Arc::downgrade(&world.salesforce), AtomicUsize::new(0));
    world.salesforce.on_call(move |call| {
        let is_call = call.path.contains("/composite/");
        if is_call && calls.fetch_add(1, Ordering::SeqCst) % 2 == 0 {
            org.upgrade().expect("a world").revoke_tokens();
        }
    });
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    let counters = world.salesforce.counters();
    assert!(counters.unauthorized > 0 && counters.tokens > 1, "{counters:?}");
    assert_eq!(counters.records_written, 6);
    assert_eq!(at_rest(&world).await.spent, 6000);
}

#[tokio::test]
async fn a_token_lasts_as_long_as_the_org_says() {
    let world = org_with(|settings| settings.salesforce.session_timeout = Duration::from_secs(60)).await;
    for round in 0..3 {
        let email = format!("first{round}.last{round}@engine.example");
        let lead = world.salesforce.create_lead([("Email", email)]);
        world.salesforce.deliver().await;
        world.settle_down(1).await;
        all_enriched(&world, &[lead]);
        world.clock.turn(Duration::from_secs(120));
    }
    assert_eq!(world.salesforce.counters().tokens, 3);
    at_rest(&world).await;
}

#[tokio::test]
async fn below_the_floor_nothing_is_called_and_the_leads_wait() {
    let world = org_with(|settings| settings.salesforce.daily_calls = 5000).await;
    world.salesforce.others_call(4100);
    let leads = queued_leads(&world, 30).await;
    world.settle_down(2).await;
    // How many are left is seen by a call, and there is one in a quarter of an hour.
    let counters = world.salesforce.counters();
    assert!(counters.records_written == 0 && counters.calls < 40, "{counters:?}");
    assert_eq!(world.dead_letters().await, 0, "what waits for others is not given up on");
    world.clock.turn(Duration::from_secs(24 * 60 * 60));
    world.pump.show_hidden().await;
    world.settle_down(2).await;
    all_enriched(&world, &leads);
    for lead in &leads {
        assert_eq!(stands(&world, lead).await, StateName::Written);
    }
    assert_eq!(at_rest(&world).await.spent, 30_000);
}
