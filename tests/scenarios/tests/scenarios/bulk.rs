//! What comes in bulk, as from an import, has a queue of its own: a lead that comes alone doesn't wait behind it.

use std::time::Duration;

use leadgate_enrichment::lead::record::StateName;
use leadgate_enrichment::lead::request::BULK_MIN;
use leadgate_sandbox::simulators::apollo::{Limits, Windows};
use leadgate_sandbox::simulators::fault::Fault;
use leadgate_sandbox::world::{Leftover, World};

use crate::books::at_rest;
use crate::stage::{all_enriched, queued_leads, world, world_with};

async fn written(world: &World, leads: &[String]) -> usize {
    world.states(leads).await.expect("readable").count(StateName::Written)
}

/// One of the calls of a minute.
const PEOPLE_PER_CALL: usize = 10;

/// How many messages the worker is given that say that they came in bulk.
async fn bulk_messages(world: &World) -> usize {
    let mut bulk = 0;
    loop {
        let messages = world.pump.receive().await;
        if messages.is_empty() {
            return bulk;
        }
        bulk += messages.iter().filter(|message| message.body().is_some_and(|body| body.contains("bulk"))).count();
    }
}

/// Two leads more, on the queue: for one alone, the provider has another endpoint, with limits of its own.
async fn two_more_leads(world: &World) -> Vec<String> {
    let emails = ["ada.lovelace@engine.example", "mary.somerville@engine.example"];
    let leads = emails.map(|email| world.hubspot.create_contact([("email", email)])).to_vec();
    world.hubspot.deliver().await;
    leads
}

#[tokio::test]
async fn leads_that_come_alone_are_taken_before_an_import() {
    let world = world().await;
    let import = queued_leads(&world, 150).await;
    let alone = two_more_leads(&world).await;
    world.pump.round().await;
    all_enriched(&world, &alone);
    assert_eq!(written(&world, &import).await, 0);
    world.settle_down(2).await;
    all_enriched(&world, &import);
    assert_eq!(at_rest(&world).await.spent, 152_000);
}

#[tokio::test]
async fn a_few_leads_are_no_bulk() {
    let world = world().await;
    world.leaves_behind(Leftover::Messages);
    let few = queued_leads(&world, BULK_MIN - 1).await;
    assert_eq!((few.len(), bulk_messages(&world).await), (BULK_MIN - 1, 0));
    let world = self::world().await;
    world.leaves_behind(Leftover::Messages);
    queued_leads(&world, BULK_MIN).await;
    assert_eq!(bulk_messages(&world).await, BULK_MIN);
}

#[tokio::test]
async fn leads_that_come_alone_get_the_first_call_of_the_next_minute() {
    let limit = Windows::per_minute(2);
    let limits = Limits { single: limit, bulk: limit, ..Limits::unlimited() };
    let world = world_with(|settings| settings.apollo.limits = limits).await;
    let import = queued_leads(&world, 100).await;
    world.pump.run_dry(4).await;
    let before = written(&world, &import).await;
    let alone = two_more_leads(&world).await;
    world.pump.run_dry(4).await;
    assert_eq!(written(&world, &alone).await, 0, "the minute is full");
    for _ in 0..70 {
        world.clock.turn(Duration::from_secs(1));
        world.pump.run_dry(4).await;
        if written(&world, &alone).await == 2 {
            break;
        }
    }
    assert_eq!(written(&world, &alone).await, 2);
    let more = written(&world, &import).await - before;
    assert!(more <= PEOPLE_PER_CALL, "one of the two calls was theirs, and {more} of the import were written");
    world.settle_down(4).await;
    all_enriched(&world, &import);
}

#[tokio::test]
async fn what_came_in_bulk_is_hidden_on_its_own_queue_and_comes_again() {
    let world = world().await;
    let import = queued_leads(&world, 30).await;
    world
        .hubspot
        .faults()
        .decide_by(|call| call.path.ends_with("batch/read").then(|| Fault::Status(503, String::new())));
    world.pump.run_dry(2).await;
    let counts = world.wire.counts();
    let hidden = counts.get("sqs ChangeMessageVisibility").copied().unwrap_or_default();
    assert_eq!((hidden, world.waiting().await), (30, 30), "{counts:?}");
    world.hubspot.faults().clear();
    world.settle_down(2).await;
    all_enriched(&world, &import);
    assert_eq!(at_rest(&world).await.spent, 30_000);
}
