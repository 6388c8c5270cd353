//! Thousands of leads through a door that opens fifty times a minute.

use std::sync::Arc;
use std::time::Duration;

use leadgate_enrichment::clock::{Clock, until};
use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::apollo::{Limits, Windows};
use leadgate_sandbox::simulators::hubspot;
use leadgate_sandbox::world::{Patience, Settings, With, World};

/// Four windows full. `LEADGATE_LIMITS_LEADS` makes it more.
const LEADS: usize = 2000;
const CALLS_PER_MINUTE: u32 = 50;
const PEOPLE_PER_CALL: usize = 10;
/// So that as many windows are full with fewer leads.
const FEW_CALLS_PER_MINUTE: u32 = 20;
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
    let windows = Windows::per_minute(CALLS_PER_MINUTE);
    let mut settings = Settings { credits_per_cycle: Some(1_000_000), ..Settings::default() };
    settings.apollo.limits = Limits { single: windows, bulk: windows, ..Limits::unlimited() };
    settings.apollo.unknown_share = 0.0;
    run(settings, count(), CALLS_PER_MINUTE, PEOPLE_PER_CALL).await;
}

/// Four windows full at each provider: some say with their answers how much of a window is used, and one says nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_other_provider_is_asked_as_often_as_it_allows_and_no_more() {
    let every: [(&str, With, usize); 6] = [
        ("People Data Labs", Settings::with_pdl, PEOPLE_PER_CALL),
        ("Lusha", Settings::with_lusha, PEOPLE_PER_CALL),
        ("Hunter", Settings::with_hunter, 1),
        ("Cognism", Settings::with_cognism, 1),
        ("ZoomInfo", Settings::with_zoominfo, PEOPLE_PER_CALL),
        ("Clay", Settings::with_clay, PEOPLE_PER_CALL),
    ];
    for (name, with, people_per_call) in every {
        let mut settings = with(Settings { credits_per_cycle: Some(1_000_000), ..Settings::default() });
        for account in settings.accounts.all() {
            account.limits = Windows::per_minute(FEW_CALLS_PER_MINUTE);
            account.unknown_share = 0.0;
        }
        settings.config.push_str(&format!("\n[tenants.demo.provider.limits]\nminute = {FEW_CALLS_PER_MINUTE}\n"));
        let calls = usize::try_from(4 * FEW_CALLS_PER_MINUTE).expect("a few");
        println!("{name}:");
        run(settings, calls * people_per_call, FEW_CALLS_PER_MINUTE, people_per_call).await;
    }
}

/// Enriches so many leads, with a provider that takes so many calls in a minute about so many people each.
async fn run(settings: Settings, count: usize, calls_per_minute: u32, people_per_call: usize) {
    let mut settings = Settings { patience: Patience::Together, ..settings };
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
    let ledger = world.provider().ledger();
    let calls = count / people_per_call;
    let windows = calls.div_ceil(calls_per_minute as usize);
    println!(
        "{count} leads in {} s of {windows} windows, {} messages, {} calls, {} turned away, {} dead letters",
        took.as_secs(),
        world.pump.finished(),
        ledger.calls.values().sum::<u64>(),
        ledger.throttled,
        world.dead_letters().await
    );
    assert_eq!((ledger.throttled, world.dead_letters().await, ledger.records_charged), (0, 0, count as u64));
    let states = world.states(&leads).await.expect("readable");
    assert_eq!(states.count(StateName::Written), count);
    let allowed = Duration::from_secs(60) * u32::try_from(windows).expect("a few") * 11 / 10;
    assert!(took <= allowed, "it took {took:?} of {allowed:?}");
}
