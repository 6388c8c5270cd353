//! One billing cycle ends and the next begins while something is under way: the provider's pool is as large as the grant,
//! and what is found in the new cycle is charged in it.

use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::{Clock, days, later};
use leadgate_enrichment::credits::cycle::{Cadence, Calendar};
use leadgate_enrichment::credits::wallet::{Wallet, WalletId, WalletKind};
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{Break, Settings, World};

use crate::books::{at_rest, books_of};
use crate::stage::{Stage, all_enriched, states, world_with_numbers};

const JANUARY: &str = "plan-2026-01-01-2026-02-01";
const FEBRUARY: &str = "plan-2026-02-01-2026-03-01";
/// What a cycle gives, here and at the provider.
const GRANT: i64 = 20;

/// Everyone is known and has a number, and our credits are the provider's.
async fn world_at(start: &str, set: impl FnOnce(&mut Settings)) -> Stage {
    world_with_numbers(|settings| {
        settings.start = start.parse().expect("an instant");
        settings.credits_per_cycle = Some(GRANT);
        settings.apollo.pool_milli = GRANT * 1000;
        set(settings);
    })
    .await
}

/// Leads come in, each by itself, and are worked on as far as that goes now.
async fn come_in(world: &World, names: std::ops::Range<usize>) -> Vec<String> {
    let mut leads = Vec::new();
    for i in names {
        leads.push(world.hubspot.create_contact([("email", format!("first{i}.last{i}@engine.example"))]));
        world.hubspot.deliver().await;
        world.pump.run_dry(1).await;
    }
    leads
}

/// So many credits are bought on top, for so many days.
async fn pack(world: &World, name: &str, count: i64, lasts: u32) {
    let now = world.clock.now();
    let (ends, amounts) = (later(now, days(lasts)), Amounts::one(Bucket::new("credits"), Milli::credits(count)));
    let wallet = Wallet::open(WalletId(name.into()), WalletKind::Pack, now, ends, amounts);
    world.credits.open(world.tenant_id(), &wallet, Some(name), now).await.expect("open");
    world.apollo.add_pack(count * 1000, ends);
}

async fn wallet(world: &World, name: &str) -> Wallet {
    let wallets = world.credits.wallets(world.tenant_id()).await.expect("readable");
    wallets.into_iter().find(|wallet| wallet.wallet.0 == name).expect("it is there")
}

/// Available, held and spent, in credits.
async fn stand(world: &World, name: &str) -> [i64; 3] {
    let wallet = wallet(world, name).await;
    [&wallet.available, &wallet.held, &wallet.spent].map(|amounts| amounts.total().get() / 1000)
}

/// What was asked for is found, delivered and written.
async fn minutes_pass(world: &World) {
    world.clock.turn(Duration::from_secs(6 * 60));
    world.settle_down(1).await;
}

fn numbers(world: &World, leads: &[String]) -> usize {
    let number = |lead: &&String| world.hubspot.contact(lead).is_some_and(|it| it.value("mobilephone").is_some());
    leads.iter().filter(number).count()
}

/// Two numbers are on their way when the cycle ends: sixteen credits of the next one.
async fn across(set: impl FnOnce(&mut Settings)) -> (Stage, Vec<String>) {
    let world = world_at("2026-01-31T23:56:30Z", set).await;
    let leads = come_in(&world, 0..2).await;
    assert_eq!(stand(&world, JANUARY).await, [2, 16, 2]);
    world.next_cycle(GRANT * 1000).await;
    (world, leads)
}

/// The provider charges what our ledger says, and refuses nothing for want of credits.
async fn agrees_with_the_provider(world: &World, place: &str) {
    let now = world.clock.now();
    let wallets = world.credits.wallets(world.tenant_id()).await.expect("readable");
    let open: i64 = wallets.iter().filter(|it| it.is_open(now)).map(|it| it.available.total().get()).sum();
    assert_eq!(open, world.apollo.credits_left(), "{place}");
    assert_eq!(world.apollo.ledger().out_of_credits, 0, "{place}");
    at_rest(world).await;
}

#[tokio::test]
async fn a_new_cycle_never_offers_what_is_still_to_be_charged_in_it() {
    let (world, first) = across(|_| {}).await;
    let new = come_in(&world, 2..4).await;
    assert_eq!(states(&world, &new).await, [StateName::Deferred; 2], "four credits pay for no person with a number");
    assert_eq!((stand(&world, FEBRUARY).await, stand(&world, JANUARY).await), ([4, 16, 0], [18, 0, 2]));
    books_of(&world).await;

    minutes_pass(&world).await;
    assert_eq!(numbers(&world, &first), 2);
    assert_eq!(stand(&world, FEBRUARY).await, [4, 0, 16]);
    agrees_with_the_provider(&world, "February").await;
    world.next_cycle(GRANT * 1000).await;
    world.settle_down(1).await;
    minutes_pass(&world).await;
    assert_eq!(numbers(&world, &new), 2);
    agrees_with_the_provider(&world, "March").await;
}

#[tokio::test]
async fn what_is_held_in_a_pack_moves_on_when_the_pack_expires() {
    let world = world_at("2026-01-10T00:00:00Z", |settings| {
        settings.credits_per_cycle = Some(1);
        settings.apollo.pool_milli = 1000;
        settings.apollo.asynchronous.delay = days(10);
    })
    .await;
    pack(&world, "pack-first", 8, 5).await;
    let first = come_in(&world, 0..1).await;
    assert_eq!(stand(&world, "pack-first").await, [0, 8, 0]);
    world.clock.turn(days(6));
    pack(&world, "pack-second", 20, 90).await;
    let second = come_in(&world, 1..2).await;
    assert_eq!((stand(&world, "pack-first").await, stand(&world, "pack-second").await), ([8, 0, 0], [3, 16, 1]));
    world.clock.turn(days(11));
    world.settle_down(1).await;
    assert_eq!((numbers(&world, &first), numbers(&world, &second)), (1, 1));
    agrees_with_the_provider(&world, "both are found").await;
}

/// The provider charges the new cycle's credits first, so that those of the pack expire: they must not be ours to spend.
#[tokio::test]
async fn what_is_held_in_a_pack_moves_to_the_cycle_in_which_it_is_charged() {
    let world = world_at("2026-01-28T00:00:00Z", |settings| {
        settings.credits_per_cycle = Some(3);
        settings.apollo.pool_milli = 3000;
        settings.apollo.asynchronous.delay = days(10);
    })
    .await;
    pack(&world, "pack-first", 7, 20).await;
    let leads = come_in(&world, 0..1).await;
    assert_eq!((stand(&world, JANUARY).await, stand(&world, "pack-first").await), ([0, 2, 1], [1, 6, 0]));
    world.next_cycle(3000).await;
    world.run_release().await;
    assert_eq!((stand(&world, FEBRUARY).await, stand(&world, "pack-first").await), ([0, 3, 0], [2, 5, 0]));
    world.clock.turn(days(6));
    world.settle_down(1).await;
    assert_eq!(numbers(&world, &leads), 1);
    agrees_with_the_provider(&world, "it is charged").await;
    world.clock.turn(days(15));
    agrees_with_the_provider(&world, "the pack has expired").await;
}

#[tokio::test]
async fn a_number_that_is_settled_before_anything_else_happens_in_a_cycle_is_paid_from_it() {
    let (world, first) = across(|_| {}).await;
    world.clock.turn(Duration::from_secs(6 * 60));
    world.apollo.deliver_callbacks(world.http()).await;
    world.pump.run_dry(2).await;
    assert_eq!(numbers(&world, &first), 2);
    assert_eq!((stand(&world, FEBRUARY).await, stand(&world, JANUARY).await), ([4, 0, 16], [18, 0, 2]));
    agrees_with_the_provider(&world, "February").await;
}

#[tokio::test]
async fn a_number_of_which_it_is_not_known_whether_it_was_asked_for_is_held_in_the_new_cycle() {
    let world = world_at("2026-01-31T23:56:30Z", |_| {}).await;
    world.apollo.faults().add(FaultRule::next(Fault::DropAfterWork));
    let leads = come_in(&world, 0..1).await;
    assert_eq!(stand(&world, JANUARY).await, [11, 8, 1], "it may be found in February");
    world.next_cycle(GRANT * 1000).await;
    world.run_release().await;
    assert_eq!(stand(&world, FEBRUARY).await, [12, 8, 0]);
    world.settle_down(1).await;
    minutes_pass(&world).await;
    minutes_pass(&world).await;
    assert_eq!(numbers(&world, &leads), 1, "it was bought again");
    assert_eq!((stand(&world, JANUARY).await, stand(&world, FEBRUARY).await), ([0, 0, 1], [3, 8, 9]));
    assert_eq!(world.apollo.credits_left(), 3000, "both were found");
    world.clock.turn(days(2));
    world.run_release().await;
    world.settle_down(1).await;
    assert_eq!(stand(&world, FEBRUARY).await, [3, 0, 17]);
    agrees_with_the_provider(&world, "it is assumed spent").await;
}

#[tokio::test]
async fn a_number_that_was_charged_when_it_was_asked_for_stays_in_its_cycle() {
    let (world, first) = across(|settings| {
        let (before, mobile) = settings.config.split_once("field = \"mobile\"").expect("a price");
        let mobile = mobile.replacen("charge_on = \"match\"", "charge_on = \"lookup\"", 1);
        settings.config = format!("{before}field = \"mobile\"{mobile}");
        settings.apollo.asynchronous.charge_at_acceptance = true;
    })
    .await;
    world.run_release().await;
    assert_eq!((stand(&world, FEBRUARY).await, stand(&world, JANUARY).await), ([20, 0, 0], [0, 16, 2]));
    minutes_pass(&world).await;
    assert_eq!(numbers(&world, &first), 2);
    assert_eq!(stand(&world, JANUARY).await, [0, 0, 18]);
    agrees_with_the_provider(&world, "February").await;
}

#[tokio::test]
async fn a_plan_that_changes_while_numbers_are_on_their_way_counts_them_once() {
    let mut world = world_at("2026-01-15T10:00:00Z", |_| {}).await;
    let leads = come_in(&world, 0..2).await;
    world.reconfigure(|tenant| {
        let first_day = "2026-01-01".parse().expect("a day");
        tenant.provider.plan.calendar = Calendar::new(first_day, Cadence::Annual, jiff::tz::TimeZone::UTC);
        tenant.provider.plan.grants = tenant.provider.plan.calendar.clone();
        tenant.provider.plan.grant = Amounts::one(Bucket::new("credits"), Milli::credits(100));
    });
    world.run_release().await;
    assert_eq!(stand(&world, "plan-2026-01-01-2027-01-01").await, [82, 16, 0]);
    minutes_pass(&world).await;
    assert_eq!(numbers(&world, &leads), 2);
    assert_eq!(stand(&world, "plan-2026-01-01-2027-01-01").await, [82, 0, 16]);
    assert_eq!(at_rest(&world).await.spent, 18_000);
}

#[tokio::test]
async fn a_lead_of_the_last_minute_waits_for_the_new_cycle_unless_a_pack_lives_on() {
    let world = world_at("2026-01-31T23:59:30Z", |_| {}).await;
    let leads = come_in(&world, 0..1).await;
    assert_eq!(states(&world, &leads).await, [StateName::Deferred], "its call could end in February");
    assert_eq!(world.run_release().await.released, 0);
    let pack = Amounts::one(Bucket::new("credits"), Milli::credits(9));
    let now: Timestamp = world.clock.now();
    let pack = Wallet::open(WalletId("pack-7".into()), WalletKind::Pack, now, later(now, days(90)), pack);
    world.credits.open(world.tenant_id(), &pack, Some("7"), now).await.expect("open");
    let paid = come_in(&world, 1..2).await;
    all_enriched(&world, &paid);
    assert_eq!(stand(&world, "pack-7").await, [0, 8, 1]);

    world.next_cycle(GRANT * 1000).await;
    assert_eq!(world.run_release().await.released, 1, "promptly");
    world.pump.run_dry(1).await;
    all_enriched(&world, &leads);
    minutes_pass(&world).await;
    let stands = (stand(&world, FEBRUARY).await, stand(&world, "pack-7").await);
    assert_eq!(stands, ([3, 0, 17], [8, 0, 1]), "the number was charged in February");
    at_rest(&world).await;
}

/// However it came about: the numbers on their way are held in the new cycle, and in no other.
async fn is_carried(world: &World, first: &[String], place: &str) {
    let january = wallet(world, JANUARY).await;
    assert_eq!((january.held.total().get(), january.spent.total().get()), (0, 2000), "{place}");
    assert_eq!(stand(world, FEBRUARY).await, [4, 16, 0], "{place}");
    assert!(!wallet(world, FEBRUARY).await.carrying, "{place}: it is open for all");
    books_of(world).await;
    minutes_pass(world).await;
    assert_eq!(numbers(world, first), 2, "{place}");
    assert_eq!(stand(world, FEBRUARY).await, [4, 0, 16], "{place}");
    agrees_with_the_provider(world, place).await;
}

#[tokio::test]
async fn a_cycle_that_begins_with_a_death_anywhere_still_holds_what_is_on_its_way() {
    let (world, first) = across(|_| {}).await;
    world.wire.break_by(|_| None);
    world.run_release().await;
    let calls = world.wire.mend();
    is_carried(&world, &first, "nothing breaks").await;
    let last = calls.iter().rposition(|call| call.operation == "dynamodb TransactWriteItems").expect("moves");
    for call in &calls[..=last] {
        for how in [Break::DeathBefore, Break::DeathAfter, Break::AnswerLost, Break::Refused] {
            let (world, first) = across(|_| {}).await;
            let (at, broken) = (call.index, how.clone());
            world.wire.break_by(move |call| (call.index == at).then(|| broken.clone()));
            world.run_release_or_die().await;
            world.wire.mend();
            let place = format!("{call:?} was broken by {how:?}");
            let new = come_in(&world, 2..3).await;
            assert_eq!(states(&world, &new).await, [StateName::Deferred], "{place}");
            is_carried(&world, &first, &place).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_who_begin_a_cycle_at_once_move_each_hold_once() {
    let (world, first) = across(|_| {}).await;
    for i in 2..5 {
        world.hubspot.create_contact([("email", format!("first{i}.last{i}@engine.example"))]);
        world.hubspot.deliver().await;
    }
    tokio::join!(world.run_release(), world.run_release(), world.pump.run_dry(3));
    is_carried(&world, &first, "at once").await;
}
