//! What costs nothing to buy again, and what a provider charges for it all the same.

use leadgate_enrichment::clock::days;
use leadgate_proof::books::Books;
use leadgate_sandbox::world::{Settings, World};

use crate::books::at_rest;
use crate::stage::{all_enriched, queued_leads, started, world_with};

/// People are free to be bought again, and everything is stale after a day.
fn free_to_repeat(settings: &mut Settings) {
    let config = settings.config.replacen("charge_on = \"match\"", "charge_on = \"match\"\nrepeat = \"free\"", 1);
    settings.config = config.replace("freshness_days = 90", "freshness_days = 1");
    settings.apollo.charge_repeats = false;
}

async fn changes_email(world: &World, lead: &str, email: &str) {
    world.clock.turn(days(2));
    world.hubspot.edit(lead, "email", email);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
}

#[tokio::test]
async fn another_person_in_the_same_record_is_no_repeat() {
    let world = world_with(free_to_repeat).await;
    let leads = queued_leads(&world, 1).await;
    world.settle_down(1).await;
    changes_email(&world, &leads[0], "ada.lovelace@engine.example").await;
    let books = at_rest(&world).await;
    let charged = world.apollo.ledger().credits_charged;
    assert_eq!((books.spent, charged), (2000, 2000), "two people, each bought once");
}

#[tokio::test]
async fn the_same_person_again_is_free_although_we_have_filled_in_the_record() {
    let world = world_with(free_to_repeat).await;
    let leads = queued_leads(&world, 1).await;
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    world.clock.turn(days(2));
    for (property, value) in [("website", "https://www.engine.example/"), ("city", "")] {
        world.hubspot.edit(&leads[0], property, value);
    }
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!(world.apollo.ledger().records_charged, 1);
    assert_eq!(at_rest(&world).await.spent, 1000, "asked about twice, paid for once");
}

#[tokio::test]
async fn who_is_free_to_repeat_counts_towards_no_cap_and_stands_in_the_way_of_nobody() {
    let world = world_with(|settings| {
        free_to_repeat(settings);
        settings.config.push_str("\n[tenants.demo.caps]\nper_day = { credits = 2 }\n");
    })
    .await;
    let leads = queued_leads(&world, 1).await;
    world.settle_down(1).await;
    world.clock.turn(days(2));
    world.hubspot.edit(&leads[0], "website", "https://www.engine.example/");
    world.hubspot.edit(&leads[0], "city", "");
    let new = world.hubspot.create_contact([("email", "grace.hopper@engine.example")]);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    all_enriched(&world, &[leads[0].clone(), new]);
    assert_eq!((at_rest(&world).await.spent, world.apollo.ledger().records_charged), (2000, 2));
}

/// What is under management is free for a year from when it was paid for, and not from when it was asked for last.
#[tokio::test]
async fn what_a_provider_remembers_for_a_year_is_paid_for_once_a_year() {
    let mut settings = Settings::default().with_zoominfo();
    settings.accounts.zoominfo.unknown_share = 0.0;
    let world = started(settings).await;
    let leads = queued_leads(&world, 1).await;
    world.settle_down(1).await;
    let mut paid = vec![world.provider().ledger().credits_charged];
    for website in ["b.example", "c.example", "d.example", "e.example"] {
        // Nothing that the record is known by is changed but what makes it due, and something is missing again.
        world.clock.turn(days(100));
        world.hubspot.edit(&leads[0], "website", &format!("https://www.{website}/"));
        world.hubspot.edit(&leads[0], "city", "");
        world.hubspot.deliver().await;
        world.settle_down(1).await;
        let (books, ledger) = (at_rest(&world).await, world.provider().ledger());
        assert_eq!((books.spent, books.drifts), (ledger.credits_charged, 0));
        paid.push(ledger.credits_charged);
    }
    assert_eq!(world.provider().ledger().people_asked, 5, "each time");
    assert_eq!(paid, [1000, 1000, 1000, 1000, 2000]);
}

#[tokio::test]
async fn a_charge_for_what_was_held_as_free_is_debited_and_said() {
    let world = world_with(|settings| {
        free_to_repeat(settings);
        // The price list says that repeats are free, and the provider charges for them.
        settings.apollo.charge_repeats = true;
    })
    .await;
    // Two people: only answers to bulk calls tell what they cost.
    let leads = queued_leads(&world, 2).await;
    world.settle_down(1).await;
    world.clock.turn(days(2));
    for lead in &leads {
        world.hubspot.edit(lead, "website", "https://www.engine.example/");
        world.hubspot.edit(lead, "city", "");
    }
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    let charged = world.apollo.ledger().credits_charged;
    assert_eq!(charged, 4000);
    let books = Books::of(&world).await;
    assert_eq!(books.spent, charged, "what was charged is debited, although nothing was held");
    let findings: Vec<String> = books.findings.into_iter().map(|found| found.to_string()).collect();
    assert!(findings.iter().all(|found| found.contains("more than its worst case")), "{findings:?}");
}
