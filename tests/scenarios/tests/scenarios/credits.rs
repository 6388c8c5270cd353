//! Credits run out, come back, and are fought over.

use leadgate_enrichment::lead::record::StateName;
use leadgate_enrichment::outcome::DeferReason;
use leadgate_sandbox::world::{Settings, World};

use crate::books::at_rest;
use crate::stage::{Stage, all_enriched, queued_leads, states, world_with};

async fn world_of(credits: i64) -> Stage {
    world_with(|settings| settings.credits_per_cycle = Some(credits)).await
}

#[tokio::test]
async fn leads_that_the_credits_cant_pay_for_wait_for_the_next_cycle_and_are_finished_then() {
    let world = world_of(5).await;
    let leads = queued_leads(&world, 12).await;
    world.settle_down(1).await;

    let stand = states(&world, &leads).await;
    assert_eq!(stand.iter().filter(|state| **state == StateName::Written).count(), 5);
    assert_eq!(stand.iter().filter(|state| **state == StateName::Deferred).count(), 7);
    let parked = leads.iter().zip(&stand).find(|(_, state)| **state == StateName::Deferred).expect("one that waits");
    let deferral =
        world.record(parked.0).await.and_then(|record| record.state.deferral().cloned()).expect("a deferral");
    assert_eq!((deferral.reason, deferral.until.to_string().as_str()), (DeferReason::Balance, "2026-02-01T00:00:00Z"));
    assert_eq!(world.run_release().await.released, 0, "there is nothing to pay with");

    world.next_cycle(1_000_000).await;
    world.settle_down(2).await;
    world.next_cycle(1_000_000).await;
    world.settle_down(2).await;
    all_enriched(&world, &leads);
    let books = at_rest(&world).await;
    assert_eq!((books.granted, books.spent, world.apollo.ledger().credits_charged), (15_000, 12_000, 12_000));
}

#[tokio::test]
async fn credits_freed_by_people_the_provider_does_not_know_go_to_those_who_wait() {
    let world = world_of(4).await;
    for i in 0..4 {
        world.apollo.forget(&format!("first{i}.last{i}@engine.example"));
    }
    let leads = queued_leads(&world, 8).await;
    world.settle_down(1).await;
    let stand = states(&world, &leads).await;
    assert_eq!(stand.iter().filter(|state| **state == StateName::Unmatched).count(), 4);
    assert_eq!(stand.iter().filter(|state| **state == StateName::Written).count(), 4, "no credit lies about");
    assert_eq!(at_rest(&world).await.spent, 4000);
}

#[tokio::test]
async fn a_release_that_runs_twice_at_once_buys_nobody_twice() {
    let world = world_of(3).await;
    let leads = queued_leads(&world, 6).await;
    world.settle_down(2).await;
    world.next_cycle(1_000_000).await;
    tokio::join!(world.run_release(), world.run_release());
    world.settle_down(4).await;
    all_enriched(&world, &leads);
    assert_eq!(at_rest(&world).await.spent, 6000);
    assert!(leads.iter().all(|lead| {
        let contact = world.hubspot.contact(lead).expect("the contact");
        world.apollo.charges_of(contact.value("email").expect("an address")) == 1
    }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_on_one_wallet_spend_exactly_what_is_there() {
    let world = world_of(40).await;
    let leads = queued_leads(&world, 100).await;
    world.settle_down(16).await;
    let stand = states(&world, &leads).await;
    assert_eq!(stand.iter().filter(|state| **state == StateName::Written).count(), 40);
    assert_eq!(stand.iter().filter(|state| **state == StateName::Deferred).count(), 60);
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.available), (40_000, 0));
}

#[tokio::test]
async fn a_lead_that_waits_across_a_cycle_is_paid_from_the_cycle_it_is_bought_in() {
    let world = world_of(1).await;
    let leads = queued_leads(&world, 1).await;
    let messages = world.pump.receive().await;
    world.next_cycle(1_000_000).await;
    world.pump.invoke(messages).await;
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    let wallets = world.credits.wallets(world.tenant_id()).await.expect("readable");
    let names: Vec<&str> = wallets.iter().map(|wallet| wallet.wallet.0.as_str()).collect();
    assert_eq!(names, ["plan-2026-02-01-2026-03-01"], "nothing was put into a cycle that is over");
}

fn with_plan(world_settings: &mut leadgate_sandbox::world::Settings, more: &str) {
    let config = &world_settings.config;
    world_settings.config = config.replace("grant = { credits = 2500 }", &format!("grant = {{ credits = 2 }}\n{more}"));
}

async fn spent_by_wallet(world: &World) -> Vec<(String, i64)> {
    let mut wallets = world.credits.wallets(world.tenant_id()).await.expect("readable");
    wallets.sort_by(|a, b| a.wallet.cmp(&b.wallet));
    wallets.into_iter().map(|wallet| (wallet.wallet.0, wallet.spent.total().get() / 1000)).collect()
}

#[tokio::test]
async fn what_is_free_burns_first_and_what_is_billed_last() {
    let world = world_with(|settings| {
        with_plan(
            settings,
            r#"trial = { from = "2026-01-10", grant = { credits = 1 } }
allowances = [{ name = "free", action = "match", every = "monthly", grant = { credits = 1 } }]
packs = [{ name = "extra", from = "2026-01-12", grant = { credits = 1 } }]
overage = { limit = { credits = 1 }, price = "0.10 USD" }"#,
        );
    })
    .await;
    let mut used = Vec::new();
    for i in 0..7 {
        world.hubspot.create_contact([("email", format!("a{i}.b{i}@engine.example"))]);
        world.hubspot.deliver().await;
        world.settle_down(1).await;
        let spent = spent_by_wallet(&world).await;
        let before: i64 = used.len().try_into().expect("few");
        let now: i64 = spent.iter().map(|(_, spent)| spent).sum();
        if now > before {
            used.push(spent);
        }
    }
    let order: Vec<&str> = (0..used.len())
        .map(|i| {
            let spent =
                |name: &str, i: usize| used[i].iter().find(|(own, _)| own == name).map_or(0, |(_, spent)| *spent);
            let more = used[i].iter().find(|(name, now)| i == 0 && *now > 0 || i > 0 && *now > spent(name, i - 1));
            more.expect("one was spent from").0.as_str()
        })
        .collect();
    assert_eq!(
        order,
        [
            "allowance-free-2026-01-01-2026-02-01",
            "trial",
            "plan-2026-01-01-2026-02-01",
            "plan-2026-01-01-2026-02-01",
            "pack-extra-2026-01-01-2026-02-01",
            "overage-2026-01-01-2026-02-01"
        ]
    );
    at_rest(&world).await;
}

#[tokio::test]
async fn what_is_left_when_a_cycle_closes_is_entered_as_gone_and_never_spent() {
    let world = world_of(5).await;
    queued_leads(&world, 2).await;
    world.settle_down(1).await;
    world.next_cycle(1_000_000).await;
    assert_eq!(world.run_release().await.expired, 1);
    assert_eq!(world.run_release().await.expired, 0, "once");
    let books = at_rest(&world).await;
    assert_eq!((books.expired, books.spent, books.available), (3000, 2000, 5000));
}

#[tokio::test]
async fn a_hold_across_a_cycle_gives_what_it_did_not_use_to_nobody() {
    let world = world_of(2).await;
    let leads = queued_leads(&world, 1).await;
    // The worker dies when it has held, and comes back in the next cycle.
    world
        .wire
        .break_by(|call| call.operation.starts_with("apollo").then_some(leadgate_sandbox::world::Break::DeathBefore));
    world.pump.round().await;
    world.wire.mend();
    world.next_cycle(1_000_000).await;
    world.run_release().await;
    world.settle_down(1).await;
    world.run_release().await;
    all_enriched(&world, &leads);
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown, books.expired, books.available), (2000, 1000, 1000, 1000));
}

#[tokio::test]
async fn caps_make_leads_wait_with_their_own_reason_until_they_lift() {
    let world = world_with(|settings| {
        settings.config.push_str("\n[tenants.demo.caps]\nper_owner = { credits = 2 }\nper_day = { credits = 3 }\n");
    })
    .await;
    world.hubspot.define_property("hubspot_owner_id");
    let lead = |i: usize, owner: &str| {
        let email = format!("first{i}.last{i}@engine.example");
        world.hubspot.create_contact([("email", email.as_str()), ("hubspot_owner_id", owner)])
    };
    let leads: Vec<String> = [(0, "7"), (1, "7"), (2, "7"), (3, "8"), (4, "8")].map(|(i, owner)| lead(i, owner)).into();
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    let reason = async |i: usize| {
        world.record(&leads[i]).await.and_then(|r| r.state.deferral().cloned()).map(|d| (d.reason, d.until))
    };
    let stand = states(&world, &leads).await;
    assert_eq!(stand.iter().filter(|state| **state == StateName::Written).count(), 3);
    let mut reasons = Vec::new();
    for (i, state) in stand.iter().enumerate() {
        if *state == StateName::Deferred {
            reasons.push(reason(i).await.expect("a reason").0);
        }
    }
    reasons.sort_by_key(|reason| format!("{reason:?}"));
    assert!(reasons.contains(&DeferReason::DayCap) || reasons.contains(&DeferReason::OwnerCap), "{reasons:?}");
    assert_eq!(at_rest(&world).await.spent, 3000);

    world.clock.turn(leadgate_enrichment::clock::days(1));
    world.settle_down(1).await;
    let written = states(&world, &leads).await.iter().filter(|state| **state == StateName::Written).count();
    assert_eq!(written, 4, "the day's cap has lifted, the owner's has not");
    world.next_cycle(1_000_000).await;
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    at_rest(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_under_one_cap_spend_exactly_what_it_allows_and_misses_give_it_back() {
    let world = world_with(|settings| {
        settings.config.push_str("\n[tenants.demo.caps]\nper_day = { credits = 20 }\n");
    })
    .await;
    for i in 0..10 {
        world.apollo.forget(&format!("first{i}.last{i}@engine.example"));
    }
    let leads = queued_leads(&world, 60).await;
    world.settle_down(8).await;
    for _ in 0..4 {
        world.clock.turn(leadgate_enrichment::clock::days(1));
        let spent = at_rest(&world).await.spent;
        world.settle_down(8).await;
        assert!(at_rest(&world).await.spent - spent <= 20_000, "a day's cap is a day's");
    }
    let stand = states(&world, &leads).await;
    assert_eq!(stand.iter().filter(|state| **state == StateName::Written).count(), 50);
}

#[tokio::test]
async fn changed_records_leave_a_floor_for_new_leads() {
    let mut world = world_with(|settings| {
        settings.credits_per_cycle = Some(4);
        settings.config = settings.config.replace("floor = { credits = 0 }", "floor = { credits = 2 }");
    })
    .await;
    world.reconfigure(|tenant| tenant.windows.freshness = std::time::Duration::ZERO);
    let old = queued_leads(&world, 1).await;
    world.settle_down(1).await;
    world.clock.turn(std::time::Duration::from_secs(3 * 3600));
    for value in ["one", "two"] {
        world.hubspot.edit(&old[0], "company", value);
        world.hubspot.edit(&old[0], "jobtitle", "");
        world.hubspot.deliver().await;
        world.settle_down(1).await;
        world.clock.turn(std::time::Duration::from_secs(3 * 3600));
    }
    let deferral = world
        .record(&old[0])
        .await
        .and_then(|record| record.state.deferral().cloned())
        .expect("the second change waits");
    assert_eq!(deferral.reason, DeferReason::Floor);
    let new: Vec<String> = ["x.y@engine.example", "y.z@engine.example"]
        .map(|email| world.hubspot.create_contact([("email", email)]))
        .into();
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    all_enriched(&world, &new);
    assert_eq!(at_rest(&world).await.spent, 4000);
}

#[tokio::test]
async fn a_lead_that_has_waited_for_too_long_is_closed() {
    let world = world_with(|settings| {
        settings.credits_per_cycle = Some(1);
        settings.config = settings.config.replace("give_up_days = 180", "give_up_days = 10");
    })
    .await;
    let leads = queued_leads(&world, 2).await;
    world.settle_down(1).await;
    world.next_cycle(1_000_000).await;
    world.settle_down(1).await;
    let mut stand = states(&world, &leads).await;
    stand.sort_by_key(|state| format!("{state:?}"));
    assert_eq!(stand, [StateName::Refused, StateName::Written]);
}

#[tokio::test]
async fn a_charge_beyond_the_worst_case_is_posted_in_full_and_stops_what_it_leaves_no_room_for() {
    let world = world_with(|settings| {
        settings.credits_per_cycle = Some(5);
        settings.apollo.price_milli = 2000;
    })
    .await;
    queued_leads(&world, 4).await;
    world.settle_down(1).await;
    // Four at a price of one were held, and two each were charged.
    let wallets = world.credits.wallets(world.tenant_id()).await.expect("readable");
    let total = |amounts: &leadgate_enrichment::credits::Amounts| amounts.total().get();
    assert_eq!((total(&wallets[0].spent), total(&wallets[0].held)), (8000, 0), "never clamped");
    assert_eq!(world.apollo.ledger().credits_charged, 8000);
    assert_eq!(total(&wallets[0].available), -3000, "the debt is shown");
    let entries = world.credits.entries(world.tenant_id()).await.expect("readable");
    let excess = entries.iter().find_map(|entry| match entry {
        leadgate_enrichment::credits::ledger::Entry::Purchase { excess, .. } => Some(total(excess)),
        _ => None,
    });
    assert_eq!(excess, Some(4000));
    queued_leads(&world, 0).await;
    world.hubspot.create_contact([("email", "one.more@engine.example")]);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!(world.apollo.ledger().credits_charged, 8000, "nothing more is bought");
}

#[tokio::test]
async fn separate_buckets_are_held_together_and_settled_apart() {
    let world = world_with(|settings| {
        let (head, tail) = settings.config.split_once("[[prices]]").expect("a price");
        let tail = &tail[tail.find("[tenants.demo]").expect("a tenant")..];
        settings.config = format!("{}{tail}", head.replace("price_sets = []", r#"price_sets = ["apollo-buckets"]"#))
            .replace("grant = { credits = 2500 }", "grant = { export = 3, email = 1 }")
            .replace("floor = { credits = 0 }", "");
    })
    .await;
    // Asked for by name: whoever is asked for by address pays nothing for the address.
    let named = |first: &str| {
        let company = [("lastname", "Lovelace"), ("company", "Engine"), ("website", "https://engine.example")];
        world.hubspot.create_contact([("firstname", first)].into_iter().chain(company))
    };
    let leads = [named("Ada"), named("Byron"), named("Cleo")];
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    let stand = states(&world, &leads).await;
    let waits = stand.iter().filter(|state| **state == StateName::Deferred).count();
    assert!(waits >= 1, "one e-mail credit holds one at a time, and a verified address uses it up: {stand:?}");
    let wallets = world.credits.wallets(world.tenant_id()).await.expect("readable");
    let spent = |bucket: &str| wallets[0].spent.get(&leadgate_enrichment::credits::Bucket::new(bucket)).get();
    assert_eq!(spent("email"), 1000);
    assert!(spent("export") >= 1000 && spent("export") <= 3000);
    assert!(wallets[0].held.is_zero());
}

#[tokio::test]
async fn one_who_takes_a_part_is_released_as_soon_as_a_part_can_be_paid_for() {
    let world = world_with(|settings| {
        *settings = Settings { credits_per_cycle: Some(9), ..settings.clone() }.with_phones().degrading();
        settings.apollo.mobile_share = 0.0;
    })
    .await;
    let leads = queued_leads(&world, 2).await;
    world.settle_down(1).await;
    assert_eq!(
        states(&world, &leads).await,
        [StateName::Written, StateName::Deferred],
        "the first may cost all there is"
    );
    // It has no number: what was held for that is free again, and less than the second can cost in all.
    world.clock.turn(std::time::Duration::from_secs(10 * 60));
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    let rest = world.record(&leads[1]).await.expect("a record");
    assert_eq!((rest.state.name(), rest.owed), (StateName::Deferred, Some(DeferReason::Balance)), "the number waits");
    assert_eq!(at_rest(&world).await.spent, 2000);
}

#[tokio::test]
async fn what_is_shared_counts_towards_a_cap_in_full() {
    let world = world_with(|settings| {
        settings.config.push_str("\n[tenants.demo.caps]\nper_day = { credits = 2 }\n");
    })
    .await;
    for (first, last) in [("Ada", "Lovelace"), ("Ada", "Lovelace"), ("Bob", "Babbage"), ("Bob", "Babbage")] {
        world.hubspot.create_contact([("firstname", first), ("lastname", last), ("company", "Engine")]);
    }
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!(at_rest(&world).await.spent, 2000);
    let leads = queued_leads(&world, 1).await;
    world.settle_down(1).await;
    assert_eq!(states(&world, &leads).await, [StateName::Deferred], "that is all that the day allows");
}
