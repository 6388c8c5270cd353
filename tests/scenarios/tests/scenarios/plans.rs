//! The plan is changed in the configuration while credits of it are spent, held and waited for.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use leadgate_enrichment::clock::{Clock, days, later};
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::cycle::{Cadence, Calendar};
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::credits::plan::Overage;
use leadgate_enrichment::credits::wallet::{Wallet, WalletId};
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{Break, World};

use crate::books::at_rest;
use crate::stage::{Stage, states, world_with};

pub(crate) fn credits(count: i64) -> Amounts {
    Amounts::one(Bucket::new("credits"), Milli::credits(count))
}

fn calendar(first_day: &str, cadence: Cadence, zone: &str) -> Calendar {
    let first_day: Date = first_day.parse().expect("a day");
    Calendar::new(first_day, cadence, TimeZone::get(zone).expect("a time zone"))
}

/// From now on, the plan is so.
pub(crate) fn plan(tenant: &mut Tenant, first_day: &str, cadence: Cadence, grant: i64) {
    tenant.provider.plan.calendar = calendar(first_day, cadence, "UTC");
    tenant.provider.plan.grants = tenant.provider.plan.calendar.clone();
    tenant.provider.plan.grant = credits(grant);
}

fn overage(tenant: &mut Tenant, limit: Option<i64>) {
    tenant.provider.plan.overage = limit.map(|limit| Overage { limit: credits(limit), price: "0.10 USD".into() });
}

pub(crate) async fn world_of(credits: i64) -> Stage {
    world_with(|settings| settings.credits_per_cycle = Some(credits)).await
}

/// Has leads come in, and gives how many of them were bought.
async fn come_in(world: &World, names: std::ops::Range<usize>) -> usize {
    let lead = |i| world.hubspot.create_contact([("email", format!("first{i}.last{i}@engine.example"))]);
    let leads: Vec<String> = names.map(lead).collect();
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    states(world, &leads).await.iter().filter(|state| **state == StateName::Written).count()
}

async fn wallets(world: &World) -> Vec<Wallet> {
    let mut wallets = world.credits.wallets(world.tenant_id()).await.expect("readable");
    wallets.sort_by(|a, b| a.wallet.cmp(&b.wallet));
    wallets
}

/// The open wallets, each with what is available in it, in credits.
async fn open(world: &World) -> Vec<(String, i64)> {
    let now = world.clock.now();
    let open = wallets(world).await.into_iter().filter(|wallet| wallet.is_open(now));
    open.map(|wallet| (wallet.wallet.0, wallet.available.total().get() / 1000)).collect()
}

async fn available(world: &World) -> i64 {
    open(world).await.iter().map(|(_, available)| available).sum()
}

fn one(name: &str, available: i64) -> Vec<(String, i64)> {
    vec![(name.to_owned(), available)]
}

#[tokio::test]
async fn an_annual_plan_in_the_place_of_a_monthly_one_has_what_is_not_used_yet_and_is_there_next_month() {
    let mut world = world_of(10).await;
    assert_eq!(come_in(&world, 0..3).await, 3);
    world.reconfigure(|tenant| plan(tenant, "2026-01-01", Cadence::Annual, 100));
    world.run_release().await;
    assert_eq!(open(&world).await, one("plan-2026-01-01-2027-01-01", 97));

    assert_eq!(come_in(&world, 3..5).await, 2);
    world.reconfigure(|tenant| plan(tenant, "2026-01-01", Cadence::Monthly, 10));
    world.run_release().await;
    assert_eq!(open(&world).await, one("plan-2026-01-01-2026-02-01", 5), "the same wallet is open again");

    world.reconfigure(|tenant| plan(tenant, "2026-01-01", Cadence::Annual, 100));
    world.run_release().await;
    world.next_cycle(1_000_000).await;
    assert!(world.clock.now() >= "2026-02-01T00:00:00Z".parse().expect("an instant"));
    assert_eq!(come_in(&world, 5..6).await, 1, "an annual plan has credits in February");
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.granted), (6000, books.spent + books.available + books.expired));
}

#[tokio::test]
async fn an_anchor_that_moves_within_a_cycle_never_gives_the_plan_twice() {
    let mut world = world_of(10).await;
    assert_eq!(come_in(&world, 0..4).await, 4);
    for (anchor, name) in [("2026-01-10", "plan-2026-01-10-2026-02-10"), ("2026-01-20", "plan-2025-12-20-2026-01-20")] {
        world.reconfigure(|tenant| plan(tenant, anchor, Cadence::Monthly, 10));
        world.run_release().await;
        assert_eq!(open(&world).await, one(name, 6));
        assert_eq!(world.run_release().await.plan_changes, 0, "once");
    }
    assert_eq!(come_in(&world, 4..20).await, 6, "ten in all");
    world.clock.turn(days(10));
    world.settle_down(1).await;
    assert_eq!(at_rest(&world).await.spent, 20_000, "a new period is a new grant");
}

#[tokio::test]
async fn a_worker_that_is_faster_than_the_release_opens_nothing_beside_what_is_open() {
    let mut world = world_of(10).await;
    assert_eq!(come_in(&world, 0..4).await, 4);
    world.reconfigure(|tenant| plan(tenant, "2026-01-10", Cadence::Monthly, 10));
    // The new version of the worker is there, the release has not run yet.
    world.hubspot.create_contact([("email", "a.b@engine.example")]);
    world.hubspot.deliver().await;
    world.pump.run_dry(1).await;
    assert_eq!(open(&world).await, one("plan-2026-01-01-2026-02-01", 5));
    world.run_release().await;
    assert_eq!(open(&world).await, one("plan-2026-01-10-2026-02-10", 5));
    // An old version of the worker is still there.
    world.reconfigure(|tenant| plan(tenant, "2026-01-01", Cadence::Monthly, 10));
    world.hubspot.create_contact([("email", "b.c@engine.example")]);
    world.hubspot.deliver().await;
    world.pump.run_dry(1).await;
    assert_eq!(open(&world).await, one("plan-2026-01-10-2026-02-10", 4));
    at_rest(&world).await;
}

#[tokio::test]
async fn a_grant_that_is_raised_or_lowered_is_given_or_taken_back_as_far_as_it_is_there() {
    let mut world = world_of(5).await;
    assert_eq!(come_in(&world, 0..4).await, 4);
    let name = "plan-2026-01-01-2026-02-01";
    for (grant, left) in [(8, 4), (6, 2), (2, 0), (7, 3)] {
        world.reconfigure(|tenant| tenant.provider.plan.grant = credits(grant));
        world.run_release().await;
        assert_eq!(open(&world).await, one(name, left), "{grant} are granted");
        assert_eq!(world.run_release().await.plan_changes, 0, "once");
    }
    let by_hand = Entry::Adjust {
        wallet: WalletId(name.into()),
        amounts: credits(2),
        at: world.clock.now(),
        reference: "goodwill".into(),
        reason: "a test".into(),
    };
    world.credits.adjust(world.tenant_id(), &by_hand).await.expect("adjusted");
    world.run_release().await;
    assert_eq!(open(&world).await, one(name, 5), "what was put in by hand is no change of the grant");
    world.reconfigure(|tenant| tenant.provider.plan.grant = credits(8));
    world.run_release().await;
    assert_eq!(available(&world).await, 6);
    at_rest(&world).await;
}

#[tokio::test]
async fn an_overage_that_is_removed_pays_for_nothing_until_it_is_put_back() {
    let mut world = world_of(1).await;
    world.reconfigure(|tenant| overage(tenant, Some(3)));
    assert_eq!(come_in(&world, 0..2).await, 2);
    world.reconfigure(|tenant| overage(tenant, None));
    world.run_release().await;
    assert_eq!(available(&world).await, 0, "two of the three were left, and are not permitted any more");
    assert_eq!(come_in(&world, 2..6).await, 0);
    world.reconfigure(|tenant| overage(tenant, Some(3)));
    world.settle_down(1).await;
    assert_eq!(at_rest(&world).await.spent, 4000, "the two that are left, and no more");
}

#[tokio::test]
async fn what_was_bought_or_given_by_hand_is_left_alone() {
    let mut world = world_of(1).await;
    let now = world.clock.now();
    let by_hand = [
        ("grant-7", leadgate_enrichment::credits::wallet::WalletKind::Plan),
        ("pack-inv-2026-01-15", leadgate_enrichment::credits::wallet::WalletKind::Pack),
    ];
    for (name, kind) in by_hand {
        let wallet = Wallet::open(WalletId(name.into()), kind, now, later(now, days(300)), credits(2));
        world.credits.open(world.tenant_id(), &wallet, Some(name), now).await.expect("open");
    }
    world.reconfigure(|tenant| plan(tenant, "2026-01-10", Cadence::Annual, 1));
    assert_eq!(come_in(&world, 0..9).await, 5);
    at_rest(&world).await;
}

#[tokio::test]
async fn another_time_zone_moves_the_end_of_the_cycle_and_grants_nothing() {
    let mut world = world_of(10).await;
    assert_eq!(come_in(&world, 0..4).await, 4);
    world.reconfigure(|tenant| {
        tenant.provider.plan.calendar = calendar("2026-01-01", Cadence::Monthly, "America/New_York");
        tenant.provider.plan.grants = tenant.provider.plan.calendar.clone();
    });
    world.run_release().await;
    let there = wallets(&world).await;
    assert_eq!((there.len(), there[0].expires.to_string().as_str()), (1, "2026-02-01T05:00:00Z"));
    assert_eq!(available(&world).await, 6);

    // In February in New York, and back: January is over in London, too, but its credits are the same ones.
    world.next_cycle(1_000_000).await;
    assert_eq!(come_in(&world, 4..6).await, 2);
    assert_eq!(open(&world).await, one("plan-2026-02-01-2026-03-01", 8));
    world.reconfigure(|tenant| plan(tenant, "2026-01-01", Cadence::Monthly, 10));
    world.run_release().await;
    assert_eq!(open(&world).await, one("plan-2026-02-01-2026-03-01", 8));
    at_rest(&world).await;
}

/// Everything that can change, at once.
async fn changed() -> Stage {
    let mut world = world_of(10).await;
    world.reconfigure(|tenant| overage(tenant, Some(3)));
    assert_eq!(come_in(&world, 0..11).await, 11);
    world.reconfigure(|tenant| {
        plan(tenant, "2026-01-10", Cadence::Monthly, 15);
        overage(tenant, None);
        tenant.provider.plan.packs = vec![leadgate_enrichment::credits::plan::Pack {
            name: "extra".into(),
            from: world_start(),
            until: jiff::Timestamp::MAX,
            grant: credits(2),
        }];
    });
    world
}

fn world_start() -> jiff::Timestamp {
    "2026-01-15T00:00:00Z".parse().expect("an instant")
}

/// Ten of the plan's fifteen are used, and the pack is new.
async fn is_changed(world: &World, place: &str) {
    let expected = [("pack-extra-2026-01-10-2026-02-10", 2), ("plan-2026-01-10-2026-02-10", 5)];
    assert_eq!(open(world).await, expected.map(|(name, left)| (name.to_owned(), left)), "{place}");
    assert_eq!(come_in(world, 20..30).await, 7, "{place}");
    let books = at_rest(world).await;
    assert_eq!((books.spent, books.available), (18_000, 0), "{place}");
}

#[tokio::test]
async fn a_change_of_the_plan_that_dies_anywhere_is_made_once_and_in_full() {
    let world = changed().await;
    world.wire.break_by(|_| None);
    world.run_release().await;
    let calls = world.wire.mend();
    is_changed(&world, "nothing breaks").await;
    let changing = calls.iter().rposition(|call| call.operation == "dynamodb TransactWriteItems").expect("changes");
    for call in &calls[..=changing] {
        for how in [Break::DeathBefore, Break::DeathAfter, Break::AnswerLost, Break::Refused] {
            let world = changed().await;
            let (at, broken) = (call.index, how.clone());
            world.wire.break_by(move |call| (call.index == at).then(|| broken.clone()));
            world.run_release_or_die().await;
            world.wire.mend();
            let place = format!("{call:?} was broken by {how:?}");
            // A worker is at it before the next run, and never has more than the plan gives.
            world.hubspot.create_contact([("email", "in.between@engine.example")]);
            world.hubspot.deliver().await;
            world.pump.run_dry(1).await;
            let spent = at_rest(&world).await.spent - 11_000;
            world.run_release().await;
            assert_eq!(available(&world).await, 7 - spent / 1000, "{place}");
            assert_eq!(at_rest(&world).await.spent, 11_000 + spent, "{place}");
        }
    }
}

/// Two leads of a plan of ten are bought, one of them after a call of which nobody knows what became of it.
async fn one_unknown() -> Stage {
    let world = world_of(10).await;
    world.clock.turn(Duration::from_secs(3601));
    world.settle_down(1).await;
    world.apollo.faults().add(FaultRule::on("people/match", Fault::DropBeforeWork));
    assert_eq!(come_in(&world, 0..1).await, 1);
    assert_eq!((at_rest(&world).await.unknown, available(&world).await), (1000, 8));
    world
}

#[tokio::test]
async fn what_comes_back_after_a_change_of_the_plan_goes_to_the_wallet_that_is_open() {
    let mut world = one_unknown().await;
    world.reconfigure(|tenant| plan(tenant, "2026-01-10", Cadence::Monthly, 10));
    world.run_release().await;
    assert_eq!(open(&world).await, one("plan-2026-01-10-2026-02-10", 8));
    // The provider's figures resolve it: it was not charged.
    world.clock.turn(Duration::from_secs(3601));
    world.settle_down(1).await;
    assert_eq!(open(&world).await, one("plan-2026-01-10-2026-02-10", 9));
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.expired), (1000, 0));
}

#[tokio::test]
async fn what_comes_back_makes_up_first_for_what_could_not_be_taken_back() {
    let mut world = one_unknown().await;
    world.reconfigure(|tenant| plan(tenant, "2026-01-10", Cadence::Monthly, 1));
    world.run_release().await;
    assert_eq!(available(&world).await, 0, "two are used, and the plan is one now");
    world.clock.turn(Duration::from_secs(3601));
    world.settle_down(1).await;
    assert_eq!(available(&world).await, 0, "one is used");
    world.reconfigure(|tenant| tenant.provider.plan.grant = credits(3));
    world.run_release().await;
    assert_eq!(available(&world).await, 2);
    at_rest(&world).await;
}

#[tokio::test]
async fn counting_again_what_came_back_dies_anywhere_and_is_done_once() {
    let mut calls = 1;
    for at in 0.. {
        if at >= calls {
            break;
        }
        for how in [Break::DeathBefore, Break::DeathAfter, Break::AnswerLost, Break::Refused] {
            let mut world = one_unknown().await;
            world.reconfigure(|tenant| plan(tenant, "2026-01-10", Cadence::Monthly, 10));
            world.run_release().await;
            world.clock.turn(Duration::from_secs(3601));
            // The first run resolves it, the second counts it.
            world.run_release().await;
            let broken = how.clone();
            world.wire.break_by(move |call| (call.index == at).then(|| broken.clone()));
            world.run_release_or_die().await;
            calls = calls.max(world.wire.mend().len());
            world.settle_down(1).await;
            assert_eq!(available(&world).await, 9, "call {at} was broken by {how:?}");
            at_rest(&world).await;
        }
    }
    assert!(calls > 5, "a run makes {calls} calls");
}

#[tokio::test]
async fn two_releases_at_once_change_the_plan_once() {
    let world = changed().await;
    tokio::join!(world.run_release(), world.run_release());
    world.run_release().await;
    is_changed(&world, "two at once").await;
}
