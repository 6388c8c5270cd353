//! Thousands of leads through a door that opens fifty times a minute.

use std::sync::Arc;
use std::time::Duration;

use leadgate_enrichment::clock::{Clock, until};
use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::apollo::{Limits, Windows};
use leadgate_sandbox::simulators::hubspot;
use leadgate_sandbox::world::{Patience, Settings, World};

/// Four windows full. `LEADGATE_LIMITS_LEADS` makes it more.
const LEADS: usize = 2000;
const CALLS_PER_MINUTE: u32 = 50;
const PEOPLE_PER_CALL: usize = 10;
/// As the template says.
const WORKERS: usize = 10;

/// A worker of the event source mapping, who looks for work each second. The clock stands while anybody works.
async fn work(world: Arc<World>) {
    let _companion = world.clock.companion();
    loop {
        if world.pump.round().await {
            continue;
        }
        if world.waiting().await == 0 {
            return;
        }
        world.clock.sleep(Duration::from_secs(1)).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "whoever runs the test chooses how long it is")]
fn count() -> usize {
    std::env::var("LEADGATE_LIMITS_LEADS").ok().and_then(|count| count.parse().ok()).unwrap_or(LEADS)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_leads_take_as_many_minutes_as_they_must_and_nobody_is_turned_away() {
    let (count, windows) = (count(), Windows::per_minute(CALLS_PER_MINUTE));
    let mut settings =
        Settings { patience: Patience::Together, credits_per_cycle: Some(1_000_000), ..Settings::default() };
    settings.apollo.limits = Limits { single: windows, bulk: windows, ..Limits::unlimited() };
    settings.apollo.unknown_share = 0.0;
    settings.hubspot.limits = hubspot::Limits::unlimited();
    let world = Arc::new(World::start(settings).await.expect("a world starts"));
    let email = |i: usize| format!("first{i}.last{i}@engine{}.example", i % 97);
    let leads: Vec<String> = (0..count).map(|i| world.hubspot.create_contact([("email", email(i))])).collect();
    while !world.hubspot.pending_events().is_empty() {
        world.hubspot.deliver().await;
    }
    assert_eq!(world.waiting().await, count);

    let began = world.clock.now();
    let workers: Vec<_> = (0..WORKERS).map(|_| tokio::spawn(work(world.clone()))).collect();
    for worker in workers {
        worker.await.expect("no worker panics");
    }
    let took = until(began, world.clock.now());
    let ledger = world.apollo.ledger();
    let calls = count / PEOPLE_PER_CALL;
    let windows = calls.div_ceil(CALLS_PER_MINUTE as usize);
    println!(
        "{count} leads in {} s of {windows} windows, {} calls, {} turned away, {} dead letters",
        took.as_secs(),
        ledger.calls_to("api/v1/people/bulk_match") + ledger.calls_to("api/v1/people/match"),
        ledger.throttled,
        world.dead_letters().await
    );
    assert_eq!((ledger.throttled, world.dead_letters().await, ledger.records_charged), (0, 0, count as u64));
    let states = world.states(&leads).await.expect("readable");
    assert_eq!(states.count(StateName::Written), count);
    let allowed = Duration::from_secs(60) * u32::try_from(windows).expect("a few") * 11 / 10;
    assert!(took <= allowed, "it took {took:?} of {allowed:?}");
}
