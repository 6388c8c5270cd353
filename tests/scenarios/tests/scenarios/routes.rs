//! Records of which something holds go from provider to provider in an order of their own.

use std::time::Duration;

use leadgate_enrichment::credits::{Amounts, Milli};
use leadgate_enrichment::lead::record::{State, StateName};
use leadgate_sandbox::simulators::SimulatedProvider;
use leadgate_sandbox::world::{Settings, World};

use crate::books::at_rest;
use crate::stage::{Stage, WAYS_TO_BREAK, calls_of_a_round, round_that_breaks, started, states};

/// Apollo first, and People Data Labs first for restaurants.
const ROUTES: &str = r#"order = ["apollo", "pdl"]
[[tenants.demo.waterfall.routes]]
name = "restaurants"
when = [{ property = "industry", one_of = ["Restaurants"] }]
order = ["pdl", "apollo"]
"#;
/// The same for those of whose industry nothing is known.
const BLANK: &str = r#"order = ["apollo", "pdl"]
[[tenants.demo.waterfall.routes]]
name = "unknown industry"
when = [{ property = "industry", blank = true }]
order = ["pdl", "apollo"]
"#;

async fn world_with(waterfall: &str, set: impl FnOnce(&mut Settings)) -> Stage {
    let mut settings = Settings::default();
    settings.apollo.unknown_share = 0.0;
    settings.accounts.pdl.unknown_share = 0.0;
    set(&mut settings);
    started(settings.with_beside(&["pdl"], waterfall)).await
}

fn email(number: usize) -> String {
    format!("first{number}.last{number}@engine.example")
}

/// Leads on the queue, every other of a restaurant.
async fn queued(world: &World, count: usize) -> Vec<String> {
    let industry = |number: usize| if number.is_multiple_of(2) { "Restaurants" } else { "Banking" };
    let one = |number| [("email", email(number)), ("industry", industry(number).to_owned())];
    let leads = (0..count).map(|number| world.crm().create_person(&one(number))).collect();
    world.crm().deliver().await;
    leads
}

/// How many were asked about, of Apollo and of People Data Labs.
fn asked(world: &World) -> (u64, u64) {
    (world.apollo.ledger().people_asked, world.providers.pdl.ledger().people_asked)
}

#[tokio::test]
async fn records_of_one_batch_go_their_ways_and_each_is_bought_where_it_goes_first() {
    let world = world_with(ROUTES, |_| {}).await;
    let leads = queued(&world, 8).await;
    world.settle_down(2).await;
    assert_eq!(states(&world, &leads).await, [StateName::Written; 8]);
    let bought_of = |provider: &str, number: usize| {
        let charges = world.provider_named(provider).ledger().charges;
        charges.iter().filter(|charge| charge.email.as_deref() == Some(&email(number))).count()
    };
    for number in 0..8 {
        let by_both = (bought_of("apollo", number), bought_of("pdl", number));
        assert_eq!(by_both, if number % 2 == 0 { (0, 1) } else { (1, 0) }, "{number}");
    }
    at_rest(&world).await;
}

#[tokio::test]
async fn both_ways_go_on_to_the_other_provider_in_the_same_run() {
    let world = world_with(ROUTES, |_| {}).await;
    // Neither knows those that it is asked about first, nor does any know the last.
    world.providers.pdl.forget(&email(0));
    world.apollo.forget(&email(1));
    world.providers.pdl.forget(&email(2));
    world.apollo.forget(&email(2));
    let leads = queued(&world, 3).await;
    world.settle_down(2).await;
    assert_eq!(states(&world, &leads).await, [StateName::Written, StateName::Written, StateName::Unmatched]);
    assert_eq!(asked(&world), (3, 3), "each of each once");
    at_rest(&world).await;
}

#[tokio::test]
async fn what_we_wrote_ourselves_sends_no_record_another_way() {
    let mut world = world_with(BLANK, |_| {}).await;
    let hour = Duration::from_secs(60 * 60);
    world.reconfigure(|tenant| tenant.windows.freshness = hour);
    let lead = world.crm().create_person(&[("email", email(0))]);
    world.crm().deliver().await;
    world.settle_down(1).await;
    assert_eq!(asked(&world), (0, 1));
    // Another person, and an industry that is ours from the first.
    let industry = world.crm().card(&lead).and_then(|card| card.get("industry").cloned());
    world.clock.turn(hour);
    world.hubspot.edit(&lead, "email", &email(1));
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!(asked(&world), (0, 2), "with industry {industry:?}");
    // One that a person has typed in is not.
    world.clock.turn(hour);
    world.hubspot.edit(&lead, "industry", "Banking");
    world.hubspot.edit(&lead, "jobtitle", "");
    world.hubspot.edit(&lead, "email", &email(2));
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!(asked(&world), (1, 2));
    at_rest(&world).await;
}

#[tokio::test]
async fn one_way_is_not_held_up_by_credits_or_limits_that_only_the_other_needs_first() {
    let mut world = world_with(ROUTES, |settings| settings.credits_per_cycle = Some(0)).await;
    let leads = queued(&world, 4).await;
    world.settle_down(2).await;
    let ended = states(&world, &leads).await;
    let expected = [StateName::Written, StateName::Deferred, StateName::Written, StateName::Deferred];
    assert_eq!(ended, expected, "restaurants need no credits of Apollo");
    assert!(matches!(world.record(&leads[1]).await.expect("a record").state, State::Deferred { .. }));
    // The route is taken out of the file while two wait: nobody is lost.
    world.reconfigure(|tenant| tenant.routes.clear());
    world.next_cycle(10_000_000).await;
    world.reconfigure(|tenant| {
        let grant =
            tenant.provider.plan.grant.iter().next().map(|(bucket, _)| bucket.clone()).expect("a kind of credit");
        tenant.provider.plan.grant = Amounts::one(grant, Milli::credits(100));
    });
    world.next_cycle(10_000_000).await;
    world.settle_down(2).await;
    assert_eq!(states(&world, &leads).await, [StateName::Written; 4]);
    at_rest(&world).await;
}

#[tokio::test]
async fn whatever_call_breaks_on_two_ways_each_is_paid_once() {
    let two = async || {
        let world = world_with(ROUTES, |_| {}).await;
        world.apollo.forget(&email(1));
        let leads = queued(&world, 2).await;
        (world, leads)
    };
    let (world, _) = two().await;
    let calls = calls_of_a_round(&world).await;
    drop(world);
    for (at, operation) in calls.iter().enumerate() {
        for how in WAYS_TO_BREAK {
            let (world, leads) = two().await;
            round_that_breaks(&world, at, &how).await;
            world.settle_down(2).await;
            let place = format!("call {at} ({operation}) was broken by {how:?}");
            assert_eq!(states(&world, &leads).await, [StateName::Written; 2], "{place}");
            let books = at_rest(&world).await;
            let charged = u64::try_from(world.providers.pdl.ledger().charges.len()).expect("a few");
            let unknown = u64::try_from(books.by_provider.get("pdl").map_or(0, |lines| lines.unknowns)).expect("a few");
            assert!((2..=2 + unknown).contains(&charged), "{place}: charged {charged}, {unknown} unknown");
        }
    }
}
