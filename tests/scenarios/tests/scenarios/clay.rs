//! A provider that says later whether it knows a person at all: nothing counts as known before that, whom it doesn't know
//! another is asked about, and no run is paid for twice although its answer was lost.

use std::time::Duration;

use leadgate_enrichment::clock::days;
use leadgate_enrichment::lead::record::{Record, Said, StateName};
use leadgate_enrichment::outcome::DeferReason;
use leadgate_sandbox::simulators::SimulatedProvider;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{Break, Settings, World};

use crate::books::{at_rest, books_of};
use crate::stage::{Stage, WAYS_TO_BREAK, calls_of_a_round, queued_leads, round_that_breaks, started, states};

/// What a person costs who is found.
const PERSON: i64 = 1000;
const MINUTE: Duration = Duration::from_secs(60);

/// A world with Clay alone.
async fn alone(set: impl FnOnce(&mut Settings)) -> Stage {
    let mut settings = Settings::default().with_clay();
    settings.accounts.clay.unknown_share = 0.0;
    set(&mut settings);
    started(settings).await
}

/// A world with Apollo, Clay and People Data Labs, asked in this order.
async fn beside(order: &[&str]) -> Stage {
    let mut settings = Settings::default();
    settings.apollo.unknown_share = 0.0;
    settings.accounts.all().into_iter().for_each(|account| account.unknown_share = 0.0);
    let others: Vec<&str> = order.iter().filter(|name| **name != "apollo").copied().collect();
    started(settings.with_beside(&others, &format!("order = {order:?}"))).await
}

fn email(number: usize) -> String {
    format!("first{number}.last{number}@engine.example")
}

async fn record(world: &World, lead: &str) -> Record {
    world.record(lead).await.expect("a record")
}

fn title(world: &World, lead: &str) -> Option<String> {
    world.crm().card(lead).and_then(|card| card.get("jobtitle").cloned())
}

fn titles(world: &World, leads: &[String]) -> usize {
    leads.iter().filter(|lead| title(world, lead).is_some()).count()
}

async fn said(world: &World, lead: &str) -> Vec<(String, Said)> {
    let progress = record(world, lead).await.progress.map(|progress| progress.asked).unwrap_or_default();
    progress.into_iter().map(|asked| (asked.provider.to_string(), asked.said)).collect()
}

/// Lets time go by, with the schedule running every five minutes.
async fn minutes_pass(world: &World, minutes: u32) {
    for _ in 0..minutes / 5 {
        world.clock.turn(5 * MINUTE);
        world.settle_down(1).await;
    }
}

/// Clay's own books and ours: the same.
async fn paid_once(world: &World) -> i64 {
    let (books, ledger) = (at_rest(world).await, world.providers.clay.ledger());
    assert_eq!((books.spent, books.unknown), (ledger.credits_charged, 0), "{ledger:?}");
    books.spent
}

#[tokio::test]
async fn nothing_is_known_until_the_run_has_ended_and_then_it_is_written_and_paid_for_once() {
    let world = alone(|_| {}).await;
    world.providers.clay.take_time(3 * MINUTE);
    world.providers.clay.forget(&email(1));
    let leads = queued_leads(&world, 3).await;
    world.settle_down(1).await;
    assert_eq!((titles(&world, &leads), world.providers.clay.runs()), (0, 1));
    let books = books_of(&world).await;
    assert_eq!((books.spent, books.held), (0, 3 * PERSON), "held until it is known what it costs");
    assert!(record(&world, &leads[1]).await.awaited.is_some());
    world.clock.turn(3 * MINUTE);
    world.settle_down(1).await;
    assert_eq!(states(&world, &leads).await, [StateName::Written, StateName::Unmatched, StateName::Written]);
    assert_eq!((titles(&world, &leads), paid_once(&world).await), (2, 2 * PERSON));
    // Our own write comes back as a change, and starts nothing.
    world.hubspot.deliver().await;
    minutes_pass(&world, 30).await;
    assert_eq!((world.providers.clay.runs(), paid_once(&world).await), (1, 2 * PERSON));
}

#[tokio::test]
async fn a_webhook_that_is_lost_is_done_without_and_one_that_comes_twice_does_nothing_more() {
    let world = alone(|_| {}).await;
    let leads = queued_leads(&world, 2).await;
    world.pump.run_dry(1).await;
    let [webhook] = &world.providers.clay.take_webhooks()[..] else { panic!("one run, one webhook") };
    minutes_pass(&world, 15).await;
    assert_eq!((titles(&world, &leads), paid_once(&world).await), (2, 2 * PERSON));
    for _ in 0..3 {
        assert_eq!(webhook.post(world.http()).await, Some(200));
    }
    world.settle_down(1).await;
    assert_eq!((world.providers.clay.runs(), paid_once(&world).await), (1, 2 * PERSON));
}

#[tokio::test]
async fn only_what_is_signed_is_listened_to() {
    let world = alone(|_| {}).await;
    queued_leads(&world, 1).await;
    world.pump.run_dry(1).await;
    let [webhook] = &world.providers.clay.take_webhooks()[..] else { panic!("one") };
    let forged = |change: fn(&mut leadgate_sandbox::simulators::clay::Webhook)| {
        let mut forged = webhook.clone();
        change(&mut forged);
        forged
    };
    let http = world.http();
    assert_eq!(forged(|it| it.signature.push('0')).post(http).await, Some(401));
    assert_eq!(forged(|it| it.signature = it.signature.replace("sha256=", "")).post(http).await, Some(401));
    assert_eq!(forged(|it| it.body.push(' ')).post(http).await, Some(401));
    assert_eq!(forged(|it| it.url.push_str("/token")).post(http).await, Some(404));
    assert_eq!(world.waiting().await, 0, "nothing of it is queued");
    assert_eq!(webhook.post(http).await, Some(200));
    world.settle_down(1).await;
    paid_once(&world).await;
}

/// Whom it doesn't know in the end, the next one is asked about; whom it knows, nobody else is.
#[tokio::test]
async fn before_another_provider_it_is_waited_for() {
    let world = beside(&["clay", "pdl"]).await;
    world.providers.clay.take_time(3 * MINUTE);
    world.providers.clay.forget(&email(1));
    let leads = queued_leads(&world, 2).await;
    world.settle_down(1).await;
    assert_eq!(world.providers.pdl.ledger().people_asked, 0, "it isn't known yet whether that is needed");
    world.clock.turn(3 * MINUTE);
    minutes_pass(&world, 10).await;
    let (clay, pdl) = (world.providers.clay.whom(&email(0)), world.providers.pdl.whom(&email(1)));
    assert_eq!(title(&world, &leads[0]), clay.map(|person| person.title));
    assert_eq!(title(&world, &leads[1]), pdl.map(|person| person.title));
    assert_eq!(world.providers.pdl.ledger().people_asked, 1);
    assert_eq!(said(&world, &leads[0]).await, [("clay".to_owned(), Said::Hit)]);
    let both = [("clay".to_owned(), Said::Miss), ("pdl".to_owned(), Said::Hit)];
    assert_eq!(said(&world, &leads[1]).await, both);
    let charged = world.providers.clay.ledger().credits_charged + world.providers.pdl.ledger().credits_charged;
    assert_eq!(at_rest(&world).await.spent, charged);
}

#[tokio::test]
async fn after_another_provider_it_is_asked_about_those_whom_that_does_not_know() {
    let world = beside(&["apollo", "clay"]).await;
    for number in [1, 2] {
        world.apollo.forget(&email(number));
    }
    world.providers.clay.forget(&email(2));
    let leads = queued_leads(&world, 3).await;
    world.settle_down(1).await;
    minutes_pass(&world, 15).await;
    assert_eq!(states(&world, &leads).await, [StateName::Written, StateName::Written, StateName::Unmatched]);
    assert_eq!((titles(&world, &leads), world.providers.clay.ledger().people_asked), (2, 2));
    let charged = world.apollo.ledger().credits_charged + world.providers.clay.ledger().credits_charged;
    assert_eq!(at_rest(&world).await.spent, charged);
}

/// The run was started, and we were never told its name. Its webhook names it, and its result names our purchase.
#[tokio::test]
async fn a_run_whose_start_was_not_acknowledged_is_found_again_by_its_webhook() {
    for fault in [Fault::DropAfterWork, Fault::StatusAfterWork(500, String::new())] {
        let world = alone(|_| {}).await;
        let leads = queued_leads(&world, 2).await;
        world.providers.clay.faults().add(FaultRule::on("/run", fault.clone()));
        world.settle_down(1).await;
        minutes_pass(&world, 15).await;
        assert_eq!((titles(&world, &leads), world.providers.clay.runs()), (2, 1), "{fault:?}");
        assert_eq!(paid_once(&world).await, 2 * PERSON, "{fault:?}");
    }
}

/// Its webhook is lost as well: it counts as spent, and one more is made.
#[tokio::test]
async fn a_run_of_which_nothing_is_heard_counts_as_spent_and_is_made_once_more() {
    let world = alone(|_| {}).await;
    let leads = queued_leads(&world, 1).await;
    world.providers.clay.faults().add(FaultRule::on("/run", Fault::DropAfterWork));
    world.pump.run_dry(1).await;
    let webhook = world.providers.clay.take_webhooks();
    minutes_pass(&world, 60).await;
    assert_eq!((titles(&world, &leads), world.providers.clay.runs()), (1, 2));
    // It comes after all.
    assert_eq!(webhook[0].post(world.http()).await, Some(200));
    minutes_pass(&world, 30).await;
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown), (2 * PERSON, PERSON), "the first may have been charged, and was");
    assert_eq!(world.providers.clay.ledger().credits_charged, 2 * PERSON);
}

#[tokio::test]
async fn items_that_the_credits_ran_out_for_are_no_misses_and_are_asked_about_again() {
    let world = alone(|settings| settings.accounts.clay.credits_milli = PERSON).await;
    let leads = queued_leads(&world, 3).await;
    world.settle_down(1).await;
    let mut reasons = Vec::new();
    for lead in &leads {
        reasons.extend(record(&world, lead).await.state.deferral().map(|deferral| deferral.reason));
    }
    assert_eq!(reasons, [DeferReason::ProviderOutOfCredits; 2]);
    assert_eq!(paid_once(&world).await, PERSON);
    world.providers.clay.begin_cycle(100 * PERSON);
    minutes_pass(&world, 90).await;
    assert_eq!((titles(&world, &leads), paid_once(&world).await), (3, 3 * PERSON));
}

#[tokio::test]
async fn a_result_that_is_pending_for_longer_than_it_is_kept_is_assumed_spent() {
    let world = alone(|_| {}).await;
    world.providers.clay.take_time(days(300));
    let leads = queued_leads(&world, 1).await;
    world.settle_down(1).await;
    for _ in 0..20 {
        world.clock.turn(12 * 60 * MINUTE);
        world.settle_down(1).await;
    }
    assert_eq!(states(&world, &leads).await, [StateName::Failed]);
    let books = at_rest(&world).await;
    assert_eq!((books.spent, books.unknown), (PERSON, PERSON));
}

#[tokio::test]
async fn a_person_who_asks_to_be_forgotten_meanwhile_is_not_written() {
    let world = alone(|_| {}).await;
    world.providers.clay.take_time(3 * MINUTE);
    let leads = queued_leads(&world, 1).await;
    world.settle_down(1).await;
    world.hubspot.privacy_delete(&leads[0]);
    world.hubspot.deliver().await;
    world.clock.turn(3 * MINUTE);
    world.settle_down(1).await;
    let record = record(&world, &leads[0]).await;
    assert!(record.awaited.is_none() && record.patch.is_empty() && record.progress.is_none(), "{record:?}");
    assert_eq!(paid_once(&world).await, PERSON);
}

/// A person whom each provider knows, one whom Clay alone does, and one whom nobody does.
async fn three() -> (Stage, Vec<String>) {
    let world = beside(&["apollo", "clay", "pdl"]).await;
    for number in [1, 2] {
        world.apollo.forget(&email(number));
    }
    world.providers.clay.forget(&email(2));
    world.providers.pdl.forget(&email(2));
    let leads = queued_leads(&world, 3).await;
    (world, leads)
}

/// After `rounds` in which nothing breaks: the start of the run, and the collection of its result.
async fn breaks_in_round(round: usize) {
    let (world, _) = three().await;
    for _ in 0..round {
        world.pump.round().await;
        world.providers.clay.deliver_webhooks(world.http()).await;
    }
    let calls = calls_of_a_round(&world).await;
    world.settle_down(1).await;
    drop(world);
    assert!(calls.iter().any(|call| call.starts_with("clay")), "{calls:?}");
    for (at, operation) in calls.iter().enumerate() {
        for how in WAYS_TO_BREAK {
            let (world, leads) = three().await;
            for _ in 0..round {
                world.pump.round().await;
                world.providers.clay.deliver_webhooks(world.http()).await;
            }
            round_that_breaks(&world, at, &how).await;
            world.settle_down(2).await;
            // What is heard of no more is asked after then, and what is parked after an hour is released.
            for _ in 0..2 {
                world.clock.turn(25 * MINUTE);
                world.settle_down(2).await;
            }
            let place = format!("call {at} of round {round} ({operation}) was broken by {how:?}");
            let expected = [StateName::Written, StateName::Written, StateName::Unmatched];
            assert_eq!(states(&world, &leads).await, expected, "{place}");
            assert_eq!(titles(&world, &leads), 2, "{place}");
            let (books, clay) = (at_rest(&world).await, world.providers.clay.ledger());
            let lines = books.by_provider.get("clay").copied().unwrap_or_default();
            let charged = clay.charges.len();
            assert!((1..=1 + lines.unknowns).contains(&charged), "{place}: charged {charged} times");
            assert_eq!(clay.charges.iter().filter(|it| it.email.as_deref() == Some(&email(0))).count(), 0, "{place}");
            // An answer of Clay's that is lost is found again by the webhook; of a run that was not started, none comes.
            let is_of_others = operation.starts_with("apollo") || operation.starts_with("pdl");
            let was_not_started = operation.ends_with("/run") && matches!(how, Break::Refused);
            if !is_of_others && !was_not_started && !how.is_death() {
                assert_eq!(lines.unknown, 0, "{place}");
            }
        }
    }
}

#[tokio::test]
async fn whatever_call_breaks_while_a_run_is_started_it_is_paid_once_and_written() {
    breaks_in_round(0).await;
}

#[tokio::test]
async fn whatever_call_breaks_while_a_result_is_collected_it_is_paid_once_and_written() {
    breaks_in_round(1).await;
}
