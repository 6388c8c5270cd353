//! Our ledger beside the provider's own figures, hour by hour and from cycle to cycle.

use std::time::Duration;

use leadgate_enrichment::credits::ledger::{Entry, ResolvedAs};
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{Break, Settings, World};
use serde_json::{Value, json};

use crate::books::at_rest;
use crate::stage::{queued_leads, started, world};

/// What operators were told of, in credits.
fn drifts(world: &World) -> Vec<f64> {
    let events = world.bus.events().into_iter().filter(|event| event.detail_type == "Credits Drift");
    let drift = |detail: String| serde_json::from_str::<Value>(&detail).expect("JSON")["drift"].as_f64();
    events.filter_map(|event| drift(event.detail)).collect()
}

/// Past the hour between two comparisons.
async fn an_hour_later(world: &World) {
    world.clock.turn(Duration::from_secs(3601));
    world.settle_down(1).await;
}

/// Another program buys with the same key.
async fn bought_past_us(world: &World) {
    let url = format!("{}/simulators/apollo/api/v1/people/match", world.url);
    let request = world.http().post(url).header("x-api-key", "simulated-api-key");
    let answer = request.json(&json!({ "email": "past.us@engine.example" })).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn what_others_buy_before_the_first_comparison_of_a_cycle_is_entered() {
    let world = world().await;
    queued_leads(&world, 3).await;
    world.settle_down(1).await;
    an_hour_later(&world).await;
    world.next_cycle(1_000_000).await;
    bought_past_us(&world).await;
    an_hour_later(&world).await;
    assert_eq!(drifts(&world), [1.0]);
    an_hour_later(&world).await;
    assert_eq!(drifts(&world), [1.0], "once");
}

#[tokio::test]
async fn what_is_under_way_from_one_cycle_to_the_next_is_no_drift() {
    let mut settings = Settings::default().with_phones();
    settings.apollo.unknown_share = 0.0;
    settings.apollo.mobile_share = 1.0;
    settings.start = "2026-01-31T22:30:00Z".parse().expect("an instant");
    let world = started(settings).await;
    queued_leads(&world, 2).await;
    an_hour_later(&world).await;
    world.clock.turn(Duration::from_secs(26 * 60));
    world.hubspot.create_contact([("email", "late.lead@engine.example")]);
    world.hubspot.deliver().await;
    world.pump.run_dry(1).await;
    world.next_cycle(1_000_000).await;
    for _ in 0..3 {
        an_hour_later(&world).await;
    }
    assert_eq!(drifts(&world), [0.0; 0]);
    assert_eq!(at_rest(&world).await.drifts, 0);
}

/// What the ledger says of unknown outcomes, and what went back, in credits.
async fn resolved(world: &World) -> Vec<(ResolvedAs, i64)> {
    let entries = world.credits.entries(world.tenant_id()).await.expect("readable");
    let resolution = |entry| match entry {
        Entry::Resolution { slices, outcome, .. } => {
            Some((outcome, slices.iter().map(|slice| slice.amount.get()).sum::<i64>() / 1000))
        }
        _ => None,
    };
    entries.into_iter().filter_map(resolution).collect()
}

/// A lead whose first call ends in an unknown outcome, and whose second one is answered.
async fn one_unknown(world: &World, fault: Fault) {
    an_hour_later(world).await;
    queued_leads(world, 1).await;
    world.apollo.faults().add(FaultRule::on("people/match", fault));
    world.settle_down(1).await;
    let books = at_rest(world).await;
    assert_eq!((books.spent, books.unknown), (2000, 1000));
}

#[tokio::test]
async fn an_unknown_outcome_that_was_not_charged_is_given_back_by_the_hourly_comparison() {
    let world = world().await;
    // The answer is an error, and nothing was done: we can't know, and count it as spent.
    one_unknown(&world, Fault::Status(500, String::new())).await;
    an_hour_later(&world).await;
    assert_eq!(resolved(&world).await, [(ResolvedAs::NotCharged, 1)]);
    let books = at_rest(&world).await;
    assert_eq!((books.spent, world.apollo.ledger().credits_charged), (1000, 1000));
    assert_eq!((drifts(&world), books.drifts), (vec![], 0), "there is nothing to tell operators");
    for _ in 0..3 {
        an_hour_later(&world).await;
    }
    assert_eq!((resolved(&world).await.len(), at_rest(&world).await.spent), (1, 1000), "once");
}

#[tokio::test]
async fn an_unknown_outcome_that_was_charged_is_said_to_be_so() {
    let world = world().await;
    one_unknown(&world, Fault::DropAfterWork).await;
    an_hour_later(&world).await;
    assert_eq!(resolved(&world).await, [(ResolvedAs::Charged, 0)]);
    assert_eq!(at_rest(&world).await.spent, 2000);
    assert_eq!(drifts(&world), [0.0; 0]);
}

#[tokio::test]
async fn what_the_figures_can_not_tell_stays_a_drift() {
    let world = world().await;
    one_unknown(&world, Fault::Status(500, String::new())).await;
    bought_past_us(&world).await;
    bought_past_us(&world).await;
    an_hour_later(&world).await;
    assert_eq!((resolved(&world).await, drifts(&world)), (vec![], vec![1.0]));
    assert_eq!(at_rest_but_for_others(&world).await, 2000);
}

/// What we have spent, where others have spent, too.
async fn at_rest_but_for_others(world: &World) -> i64 {
    let wallets = world.credits.wallets(world.tenant_id()).await.expect("readable");
    wallets.iter().map(|wallet| wallet.spent.total().get()).sum()
}

#[tokio::test]
async fn a_resolution_that_dies_anywhere_is_made_once() {
    let unknown = async || {
        let world = world().await;
        one_unknown(&world, Fault::Status(500, String::new())).await;
        world.clock.turn(Duration::from_secs(3601));
        world
    };
    let world = unknown().await;
    world.wire.break_by(|_| None);
    world.run_release().await;
    let calls = world.wire.mend();
    let last = calls.iter().rposition(|call| call.operation == "dynamodb TransactWriteItems").expect("a resolution");
    for at in [last - 1, last] {
        for how in [Break::DeathBefore, Break::DeathAfter, Break::AnswerLost, Break::Refused] {
            let world = unknown().await;
            let broken = how.clone();
            world.wire.break_by(move |call| (call.index == at).then(|| broken.clone()));
            world.run_release_or_die().await;
            world.wire.mend();
            tokio::join!(world.run_release(), world.run_release());
            an_hour_later(&world).await;
            assert_eq!(resolved(&world).await, [(ResolvedAs::NotCharged, 1)], "{how:?} at {at}");
            assert_eq!(at_rest(&world).await.spent, 1000, "{how:?} at {at}");
        }
    }
}

#[tokio::test]
async fn figures_that_cant_be_had_are_not_asked_for_in_every_run() {
    let world = world().await;
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = asked.clone();
    world.apollo.faults().decide_by(move |call| {
        call.path.ends_with("credit_usage_stats").then(|| {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Fault::Status(503, String::new())
        })
    });
    let minutes = Duration::from_secs(5 * 60);
    for _ in 0..6 {
        let report = world.run_release().await;
        assert_eq!((report.failed_tenants, report.checked().is_ok()), (0, true), "the tenant is served all the same");
        world.clock.turn(minutes);
    }
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1, "once in half an hour");
    world.clock.turn(minutes);
    world.run_release().await;
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 2);
}
