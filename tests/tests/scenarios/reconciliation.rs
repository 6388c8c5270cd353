//! Our ledger beside the provider's own figures, hour by hour and from cycle to cycle.

use std::time::Duration;

use leadgate_tests::world::{Settings, World};
use serde_json::{Value, json};

use crate::books::at_rest;
use crate::stage::{queued_leads, world};

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
    let world = World::start(settings).await.expect("a world starts");
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
