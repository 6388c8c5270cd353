//! What operators are told.

use std::time::Duration;

use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::credits::wallet::{Wallet, WalletId, WalletKind};
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_sandbox::world::World;
use serde_json::Value;

use crate::books::at_rest;
use crate::stage::{all_enriched, queued_leads, states, world, world_with};

fn told(world: &World, kind: &str) -> Vec<Value> {
    let events = world.bus.events().into_iter().filter(|event| event.detail_type == kind);
    events.map(|event| serde_json::from_str(&event.detail).expect("JSON")).collect()
}

pub(crate) async fn top_up(world: &World, reference: &str, credits: i64) {
    let now = world.clock.now();
    let expires = leadgate_enrichment::clock::later(now, leadgate_enrichment::clock::days(300));
    let amounts = Amounts::one(Bucket::new("credits"), Milli::credits(credits));
    let pack = Wallet::open(WalletId(format!("pack-{reference}")), WalletKind::Pack, now, expires, amounts);
    world.credits.open(world.tenant_id(), &pack, Some(reference), now).await.expect("granted");
}

#[tokio::test]
async fn low_credits_are_told_once_per_threshold_and_again_after_a_recovery() {
    let world = world_with(|settings| settings.credits_per_cycle = Some(10)).await;
    let leads = queued_leads(&world, 8).await;
    world.settle_down(1).await;
    world.run_release().await;
    world.run_release().await;
    let percents: Vec<Value> = told(&world, "Credits Low").iter().map(|event| event["percent"].clone()).collect();
    assert_eq!(percents, [20]);

    let more: Vec<String> =
        (0..3).map(|i| world.hubspot.create_contact([("email", format!("m{i}.n{i}@engine.example"))])).collect();
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    world.run_release().await;
    let events = told(&world, "Credits Low");
    assert_eq!((events.len(), &events[1]["percent"], &events[1]["available"]), (2, &0.into(), &0.0.into()));

    top_up(&world, "pay-1", 100).await;
    world.settle_down(1).await;
    assert_eq!(told(&world, "Credits Low").len(), 2, "credits have come in");
    all_enriched(&world, &leads);
    all_enriched(&world, &more);
    let books = at_rest(&world).await;
    assert_eq!((books.granted, books.spent), (110_000, 11_000));
}

#[tokio::test]
async fn a_top_up_releases_those_who_wait_and_the_same_payment_counts_once() {
    let world = world_with(|settings| settings.credits_per_cycle = Some(1)).await;
    let leads = queued_leads(&world, 4).await;
    world.settle_down(1).await;
    top_up(&world, "pay-1", 2).await;
    top_up(&world, "pay-1", 2).await;
    world.settle_down(1).await;
    let written = |stand: Vec<leadgate_enrichment::lead::record::StateName>| {
        stand.iter().filter(|state| **state == leadgate_enrichment::lead::record::StateName::Written).count()
    };
    assert_eq!(written(states(&world, &leads).await), 3);
    assert_eq!(at_rest(&world).await.granted, 3000);
}

/// Past the hour between two comparisons.
async fn an_hour_later(world: &World) {
    world.clock.turn(Duration::from_secs(3601));
    world.run_release().await;
}

#[tokio::test]
async fn while_the_figures_agree_nobody_is_told_and_when_somebody_else_buys_it_is_entered_once() {
    let world = world().await;
    an_hour_later(&world).await;
    queued_leads(&world, 3).await;
    world.settle_down(1).await;
    an_hour_later(&world).await;
    assert_eq!(told(&world, "Credits Drift").len(), 0);

    // Somebody buys with the same key, past us.
    let body = serde_json::json!({ "email": "past.us@engine.example" });
    let url = format!("{}/simulators/apollo/api/v1/people/match", world.url);
    let http = leadgate_connectors::http::client();
    let answer = http.post(url).header("x-api-key", "simulated-api-key").json(&body).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    an_hour_later(&world).await;
    an_hour_later(&world).await;
    let drifts = told(&world, "Credits Drift");
    assert_eq!((drifts.len(), &drifts[0]["drift"]), (1, &1.0.into()));
}
