//! Caps in money: one over the credits of two providers, which are not worth the same. It is a condition of the hold as the
//! wallets are, so that it holds whoever holds at the same time and whatever dies; what a hold doesn't spend is free again.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use leadgate_enrichment::clock::days;
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::credits::money::{CurrencyAmount, Money};
use leadgate_enrichment::lead::record::StateName;
use leadgate_enrichment::outcome::DeferReason;
use leadgate_sandbox::simulators::SimulatedProvider;
use leadgate_sandbox::world::{Settings, World};

use crate::books::at_rest;
use crate::stage::{
    Stage, WAYS_TO_BREAK, calls_of_a_round, queued_leads, round_that_breaks, started, states, with_numbers,
};

/// A credit of the first provider is worth 1 USD, one of the second 3.
async fn world_with(money: &str, set: impl FnOnce(&mut Settings)) -> Stage {
    let mut settings = Settings::default();
    settings.apollo.unknown_share = 0.0;
    settings.accounts.pdl.unknown_share = 0.0;
    set(&mut settings);
    let mut settings = settings.with_beside(&["pdl"], "order = [\"apollo\", \"pdl\"]");
    let edits = [
        ("# value = { credits = \"0.025 USD\" }", "value = { credits = \"1 USD\" }"),
        ("grant = { pdl_credits = 2500 }", "grant = { pdl_credits = 2500 }, value = { pdl_credits = \"3 USD\" }"),
    ];
    for (from, to) in edits {
        assert!(settings.config.contains(from), "{from}");
        settings.config = settings.config.replacen(from, to, 1);
    }
    settings.config.push_str(&format!("\n[tenants.demo.caps]\nmoney = {{ {money} }}\n"));
    started(settings).await
}

fn dollars(dollars: i64) -> Money {
    Money::new(dollars * 1_000_000_000)
}

fn email(number: usize) -> String {
    format!("first{number}.last{number}@engine.example")
}

/// What counts towards the day's cap, day by day, and it is to the unit what the ledger says was spent on that day.
async fn by_day(world: &World) -> BTreeMap<String, Money> {
    let (tenant, credits) = (world.tenant(), world.credits.unmetered());
    let values = tenant.values.as_ref().expect("credits have values");
    let mut spent: BTreeMap<String, Money> = BTreeMap::new();
    for entry in credits.entries(&tenant.id).await.expect("readable") {
        let Entry::Purchase { purchase, lines, .. } = entry else { continue };
        let day = purchase.made_at().to_zoned(TimeZone::UTC).date();
        let worth = lines.iter().map(|line| values.worth(&line.cost)).sum();
        *spent.entry(day.to_string()).or_default() += worth;
    }
    let names: Vec<String> = spent.keys().map(|day| format!("day#{day}")).collect();
    let used = credits.used(&tenant.id, &names).await.expect("readable");
    for (day, spent) in &spent {
        let counted = used.get(&format!("day#{day}")).and_then(|used| used.money.get(&values.currency).copied());
        assert_eq!(counted.unwrap_or_default(), *spent, "what counts towards the cap of {day}");
    }
    spent.retain(|_, spent| *spent > Money::ZERO);
    spent
}

async fn why_it_waits(world: &World, lead: &str) -> Option<(DeferReason, String)> {
    let record = world.record(lead).await?;
    record.state.deferral().map(|deferral| (deferral.reason, deferral.not_before.to_string()))
}

#[tokio::test]
async fn a_days_cap_spans_the_providers_and_what_was_not_spent_is_free_again() {
    let world = world_with("per_day = \"5 USD\"", |_| {}).await;
    world.apollo.forget(&email(0));
    let leads = queued_leads(&world, 4).await;
    world.settle_down(1).await;
    // Four dollars were held for the first provider and three were spent: three more for the second are too many.
    let expected = [StateName::Deferred, StateName::Written, StateName::Written, StateName::Written];
    assert_eq!(states(&world, &leads).await, expected);
    let waits = Some((DeferReason::DayCap, "2026-01-16T00:00:00Z".to_owned()));
    assert_eq!(why_it_waits(&world, &leads[0]).await, waits);
    assert_eq!(by_day(&world).await, [("2026-01-15".to_owned(), dollars(3))].into());
    // Two dollars are left, which one of the first provider's knows how to use.
    let more = world.crm().create_person(&[("email", email(7))]);
    world.crm().deliver().await;
    world.settle_down(1).await;
    assert_eq!(states(&world, &[more]).await, [StateName::Written]);
    world.clock.turn(days(1));
    world.settle_down(1).await;
    assert_eq!(states(&world, &leads).await, [StateName::Written; 4]);
    let each = [("2026-01-15".to_owned(), dollars(4)), ("2026-01-16".to_owned(), dollars(3))];
    assert_eq!(by_day(&world).await, each.into());
    at_rest(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_under_one_cap_in_money_spend_no_more_than_it_allows_and_as_much() {
    let world = world_with("per_day = \"20 USD\"", |_| {}).await;
    (0..10).for_each(|number| world.apollo.forget(&email(number)));
    let leads = queued_leads(&world, 40).await;
    for day in 0..6 {
        world.settle_down(8).await;
        for (day, spent) in by_day(&world).await {
            assert!(spent <= dollars(20), "{spent} on {day}");
        }
        assert!(day > 0 || by_day(&world).await.values().copied().sum::<Money>() >= dollars(18), "it is used");
        world.clock.turn(days(1));
    }
    world.settle_down(8).await;
    assert_eq!(states(&world, &leads).await, vec![StateName::Written; 40]);
    assert_eq!(by_day(&world).await.values().copied().sum::<Money>(), dollars(30 + 10 * 3));
    at_rest(&world).await;
}

/// Three leads: the first provider knows one, the second another. A day pays for just that at its worst: whatever was counted
/// as spent and wasn't has to wait for the next.
async fn three() -> (Stage, Vec<String>) {
    let world = world_with("per_day = \"7 USD\"", |_| {}).await;
    world.apollo.forget(&email(1));
    world.apollo.forget(&email(2));
    world.providers.pdl.forget(&email(2));
    let leads = queued_leads(&world, 3).await;
    (world, leads)
}

#[tokio::test]
async fn whatever_call_breaks_a_cap_over_two_providers_counts_what_was_spent_and_nobody_is_lost() {
    let (world, _) = three().await;
    let calls = calls_of_a_round(&world).await;
    drop(world);
    assert!(calls.iter().filter(|call| call.ends_with("TransactWriteItems")).count() >= 4, "{calls:?}");
    // What counts towards a cap moves with the credits; what else may break is tried without caps.
    let moves_credits =
        |call: &str| call.ends_with("TransactWriteItems") || call.starts_with("apollo") || call.starts_with("pdl");
    for (at, operation) in calls.iter().enumerate().filter(|(_, call)| moves_credits(call.as_str())) {
        for how in WAYS_TO_BREAK {
            let (world, leads) = three().await;
            round_that_breaks(&world, at, &how).await;
            let place = format!("call {at} ({operation}) was broken by {how:?}");
            let expected = [StateName::Written, StateName::Written, StateName::Unmatched];
            world.settle_down(2).await;
            for _ in 0..3 {
                if states(&world, &leads).await == expected {
                    break;
                }
                world.clock.turn(days(1));
                world.settle_down(2).await;
            }
            assert_eq!(states(&world, &leads).await, expected, "{place}");
            for (day, spent) in by_day(&world).await {
                assert!(spent <= dollars(7), "{place}: {spent} on {day}");
            }
            at_rest(&world).await;
        }
    }
}

#[tokio::test]
async fn what_is_held_is_freed_by_the_values_that_it_was_held_with() {
    for raised in [true, false] {
        let mut world = world_with("per_day = \"500 USD\"", |settings| {
            with_numbers(settings);
            settings.apollo.mobile_share = 0.0;
        })
        .await;
        let leads = queued_leads(&world, 3).await;
        world.pump.run_dry(1).await;
        let held = world.credits.open_holds(world.tenant_id()).await.expect("readable");
        assert_eq!(held.len(), 1, "numbers are on their way");
        // No number arrives: what was held for them counts no more, by whichever values.
        world.reconfigure(|tenant| match raised {
            true => tenant.values.as_mut().expect("values").each.values_mut().for_each(|value| *value = dollars(50)),
            false => (tenant.values, tenant.caps.money.per_day) = (None, None),
        });
        world.clock.turn(Duration::from_secs(2 * 60 * 60));
        world.settle_down(1).await;
        assert_eq!(states(&world, &leads).await, [StateName::Written; 3]);
        let used = world.credits.used(world.tenant_id(), &["day#2026-01-15".to_owned()]).await.expect("readable");
        let counted: Vec<Money> = used.values().flat_map(|used| used.money.values().copied()).collect();
        assert_eq!(counted, [dollars(3)], "the people, at what they were worth: {raised}");
        at_rest(&world).await;
    }
}

#[tokio::test]
async fn an_owners_cap_in_money_lets_others_go_and_a_raised_one_all() {
    let mut world = world_with("per_owner = \"1 USD\"", |_| {}).await;
    world.hubspot.define_property("hubspot_owner_id");
    let lead = |(number, owner): (usize, &str)| {
        world.hubspot.create_contact([("email", email(number).as_str()), ("hubspot_owner_id", owner)])
    };
    let leads: Vec<String> = [(0, "7"), (1, "7"), (2, "8")].map(lead).into();
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    let ended = states(&world, &leads).await;
    let waiting: Vec<usize> = (0..3).filter(|at| ended[*at] == StateName::Deferred).collect();
    assert!(waiting == [0] || waiting == [1], "one of the first owner's: {ended:?}");
    let reason = why_it_waits(&world, &leads[waiting[0]]).await.map(|(reason, _)| reason);
    assert_eq!(reason, Some(DeferReason::OwnerCap));
    let two: CurrencyAmount = "2 USD".parse().expect("money");
    world.reconfigure(|tenant| tenant.caps.money.per_owner = Some(two));
    world.settle_down(1).await;
    assert_eq!(states(&world, &leads).await, [StateName::Written; 3]);
    at_rest(&world).await;
}
