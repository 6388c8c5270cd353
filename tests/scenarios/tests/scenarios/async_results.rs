//! Asynchronous results that are late, refused, forgotten or unreadable: nothing that may have been charged is settled at
//! nothing, and what arrives in the end is written.

use std::time::Duration;

use leadgate_enrichment::clock::days;
use leadgate_enrichment::config::Config;
use leadgate_enrichment::credits::ledger::{Entry, LineResult};
use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::lead::record::StateName;
use leadgate_enrichment::person::ProfileField;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{Settings, World};

use crate::books::{at_rest, books_of};
use crate::stage::{Stage, all_enriched, queued_leads, states, with_waterfall_email, world_with_numbers};

/// A person, and a number.
const PERSON: i64 = 1000;
const NUMBER: i64 = 8000;
const HOUR: Duration = Duration::from_secs(60 * 60);

async fn world_with(set: impl FnOnce(&mut Settings)) -> Stage {
    world_with_numbers(|settings| {
        // The provider never calls back: everything is found out by asking.
        settings.apollo.asynchronous.lost_share = 1.0;
        set(settings);
    })
    .await
}

/// Leads whose people are written and whose numbers are on their way.
async fn awaiting(world: &World, count: usize) -> Vec<String> {
    let leads = queued_leads(world, count).await;
    world.pump.run_dry(1).await;
    all_enriched(world, &leads);
    leads
}

/// Lets `days` go by, with the schedule running four times a day.
async fn days_pass(world: &World, days: u32) {
    for _ in 0..4 * days {
        world.clock.turn(6 * HOUR);
        world.settle_down(1).await;
    }
}

fn numbers(world: &World, leads: &[String]) -> usize {
    let has_one = |lead: &&String| world.hubspot.contact(lead).is_some_and(|it| it.value("mobilephone").is_some());
    leads.iter().filter(has_one).count()
}

/// How often operators were told of credits that are locked.
fn times_told(world: &World) -> usize {
    world.bus.events().into_iter().filter(|event| event.detail_type == "Credits Locked").count()
}

/// Every poll is answered so from now on.
fn polls_answer(world: &World, status: u16, body: &str) {
    let rule = FaultRule::on("webhook_result", Fault::Status(status, body.to_owned()));
    world.apollo.faults().add(rule.times(u32::MAX));
}

async fn awaits_nothing(world: &World, leads: &[String]) -> bool {
    for lead in leads {
        let record = world.record(lead).await.expect("a record");
        assert_eq!(record.state.name(), StateName::Written, "{record:?}");
        if record.awaited.is_some() {
            return false;
        }
    }
    true
}

/// How many lines of asynchronous purchases the ledger assumes to be spent.
async fn assumed(world: &World) -> usize {
    let entries = world.credits.entries(world.tenant_id()).await.expect("readable");
    let lines = entries.iter().filter_map(|entry| match entry {
        Entry::Purchase { kind, lines, .. } if kind.is_asynchronous() => Some(lines),
        _ => None,
    });
    lines.flatten().filter(|line| line.result == LineResult::Unknown).count()
}

#[tokio::test]
async fn a_number_that_is_found_and_charged_after_days_is_held_for_and_written() {
    let world = world_with(|settings| settings.apollo.asynchronous.delay = days(3)).await;
    let leads = awaiting(&world, 2).await;
    days_pass(&world, 2).await;
    let books = books_of(&world).await;
    assert_eq!((books.spent, books.held), (2 * PERSON, 2 * NUMBER), "it may still come, and will be charged then");
    days_pass(&world, 3).await;
    assert_eq!(numbers(&world, &leads), 2);
    assert_eq!(at_rest(&world).await.spent, 2 * (PERSON + NUMBER));
    assert!(awaits_nothing(&world, &leads).await);
}

#[tokio::test]
async fn a_poll_that_is_denied_for_weeks_keeps_the_hold_and_operators_are_told() {
    let world = world_with(|_| {}).await;
    let leads = awaiting(&world, 2).await;
    polls_answer(&world, 403, r#"{"error_code":"API_INACCESSIBLE"}"#);
    days_pass(&world, 25).await;
    assert_eq!(books_of(&world).await.held, 2 * NUMBER, "the numbers have been charged, and we can't know");
    let told = times_told(&world);
    assert!((20..=25).contains(&told), "once a day, and not for the first: {told}");
    world.apollo.faults().clear();
    days_pass(&world, 2).await;
    assert_eq!(numbers(&world, &leads), 2, "in the end it could be asked for");
    assert_eq!(at_rest(&world).await.spent, 2 * (PERSON + NUMBER));
}

/// The hold of a number stays open for a day when the answer to its call is lost. That is as it should be, and nothing
/// that operators could mend.
#[tokio::test]
async fn a_number_of_which_nothing_is_known_is_settled_after_a_day_and_nobody_is_told_that_credits_are_locked() {
    let world = world_with(|_| {}).await;
    let leads = queued_leads(&world, 2).await;
    world.apollo.faults().add(FaultRule::next(Fault::DropAfterWork));
    world.settle_down(1).await;
    assert!(books_of(&world).await.held > 0, "it may still be charged");
    days_pass(&world, 3).await;
    assert_eq!(times_told(&world), 0);
    assert_eq!(at_rest(&world).await.held, 0);
    assert_eq!(numbers(&world, &leads), 2, "asked for once more");
}

#[tokio::test]
async fn a_result_that_the_provider_has_forgotten_is_assumed_spent_and_never_a_miss() {
    let world = world_with(|_| {}).await;
    let leads = awaiting(&world, 2).await;
    polls_answer(&world, 403, "{}");
    days_pass(&world, 29).await;
    world.apollo.faults().clear();
    // The schedule stands still for days: when it runs again, the provider answers 410.
    world.clock.turn(days(3));
    days_pass(&world, 2).await;
    let books = at_rest(&world).await;
    let charged = world.apollo.ledger().credits_charged;
    assert_eq!((books.spent, charged), (2 * (PERSON + NUMBER), 2 * (PERSON + NUMBER)));
    assert_eq!(assumed(&world).await, 2, "nobody knows what was found");
    assert!(awaits_nothing(&world, &leads).await, "and nothing waits for it any more");
    assert_eq!(states(&world, &leads).await, [StateName::Written; 2]);
}

#[tokio::test]
async fn a_result_that_another_teams_key_does_not_find_is_held_for_until_the_key_is_mended() {
    let world = world_with(|_| {}).await;
    let leads = awaiting(&world, 2).await;
    polls_answer(&world, 404, r#"{"error_code":"request_id_unknown"}"#);
    days_pass(&world, 5).await;
    assert_eq!(books_of(&world).await.held, 2 * NUMBER);
    world.apollo.faults().clear();
    days_pass(&world, 2).await;
    assert_eq!(numbers(&world, &leads), 2);
    assert_eq!(at_rest(&world).await.spent, 2 * (PERSON + NUMBER));
}

#[tokio::test]
async fn a_result_that_stays_unreadable_is_assumed_spent_when_it_is_kept_no_longer() {
    let world = world_with(|_| {}).await;
    let leads = awaiting(&world, 2).await;
    polls_answer(&world, 200, "<html>");
    days_pass(&world, 29).await;
    assert_eq!(books_of(&world).await.held, 2 * NUMBER);
    days_pass(&world, 3).await;
    assert_eq!(at_rest(&world).await.spent, 2 * (PERSON + NUMBER));
    assert_eq!(assumed(&world).await, 2);
    assert!(awaits_nothing(&world, &leads).await);
}

#[tokio::test]
async fn what_has_arrived_is_written_while_the_rest_of_its_purchase_is_awaited() {
    // A purchase asks twice when one of its people wants something else of what arrives later.
    let world = world_with(|settings| with_waterfall_email(settings, "email")).await;
    let ada = world.hubspot.create_contact([("firstname", "Ada"), ("lastname", "Lovelace"), ("company", "Engine")]);
    let bob = world.hubspot.create_contact([("email", "first1.last1@engine.example")]);
    world.hubspot.deliver().await;
    world.pump.run_dry(1).await;
    // The first of the two calls can't be asked after.
    let awaited = world.record(&ada).await.and_then(|record| record.awaited).expect("it waits").request.0;
    let rule = FaultRule::on(&awaited, Fault::Status(403, String::new()));
    world.apollo.faults().add(rule.times(u32::MAX));
    days_pass(&world, 2).await;
    let both = [ada.clone(), bob.clone()];
    assert_eq!(numbers(&world, &both), 1, "one has arrived, and is written");
    assert!(books_of(&world).await.held > 0, "the purchase is not settled");
    // A person clears the number: it is not written again with the rest.
    world.hubspot.edit(&bob, "mobilephone", "");
    world.apollo.faults().clear();
    days_pass(&world, 2).await;
    assert_eq!(numbers(&world, std::slice::from_ref(&bob)), 0, "what was written once is the person's own");
    assert_eq!(numbers(&world, std::slice::from_ref(&ada)), 1);
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown), (world.apollo.ledger().credits_charged, 0));
}

#[tokio::test]
async fn a_result_is_settled_by_the_prices_that_it_was_held_with_whatever_the_configuration_says_then() {
    let without_price = |config: &mut Config| config.prices.retain(|price| price.field != PricedField::Mobile);
    let cheaper = |config: &mut Config| {
        for price in config.prices.iter_mut().filter(|price| price.field == PricedField::Mobile) {
            price.cost = Amounts::one(Bucket::new("credits"), Milli::credits(1));
        }
    };
    let without_field = |config: &mut Config| {
        for tenant in config.tenants.values_mut() {
            tenant.fields.retain(|field| field.from != ProfileField::MobilePhone);
        }
    };
    type Deploy = fn(&mut Config);
    let deployments: [(&str, Deploy, usize); 3] =
        [("no price", without_price, 2), ("another price", cheaper, 2), ("no field", without_field, 0)];
    for (name, deploy, written) in deployments {
        let mut world = world_with(|_| {}).await;
        let leads = awaiting(&world, 2).await;
        world.deploy(deploy);
        days_pass(&world, 1).await;
        assert_eq!(numbers(&world, &leads), written, "{name}");
        let books = at_rest(&world).await;
        assert_eq!((books.spent, books.unknown), (2 * (PERSON + NUMBER), 0), "{name}");
    }
}

/// The address holds the only secret that there is, and whoever sees it can post to it.
#[tokio::test]
async fn an_address_that_is_posted_to_all_the_time_has_the_provider_asked_twice_a_minute() {
    let world = world_with(|settings| settings.apollo.asynchronous.lost_share = 0.0).await;
    let leads = awaiting(&world, 1).await;
    let callback = world.apollo.pending_callbacks().remove(0);
    let before = world.apollo.ledger().calls_to("api/v1/webhook_result/show");
    for _ in 0..12 {
        for _ in 0..10 {
            callback.post(world.http()).await.expect("an answer");
        }
        world.pump.run_dry(1).await;
        world.clock.turn(Duration::from_secs(5));
    }
    let asked = world.apollo.ledger().calls_to("api/v1/webhook_result/show") - before;
    assert!((1..=3).contains(&asked), "{asked} calls in a minute");
    assert_eq!(numbers(&world, &leads), 0, "it hasn't been found yet");

    world.clock.turn(Duration::from_secs(6 * 60));
    world.apollo.deliver_callbacks(world.http()).await;
    for _ in 0..12 {
        world.pump.run_dry(1).await;
        world.clock.turn(Duration::from_secs(5));
    }
    assert_eq!((numbers(&world, &leads), awaits_nothing(&world, &leads).await), (1, true));
    world.settle_down(1).await;
    assert_eq!((at_rest(&world).await.spent, world.waiting().await), (PERSON + NUMBER, 0));
}
