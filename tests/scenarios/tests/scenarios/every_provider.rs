//! What holds with every provider: the main job and each way in which a call may end, with our ledger beside the provider's
//! own books.

use std::sync::Arc;
use std::time::Duration;

use leadgate_enrichment::lead::record::{State, StateName};
use leadgate_enrichment::outcome::{DeferReason, FailReason, RefuseReason};
use leadgate_sandbox::simulators::SimulatedProvider;
use leadgate_sandbox::simulators::apollo::{Limits, Windows};
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{EVERY_PROVIDER, Settings, With, World};

use crate::books::at_rest;
use crate::stage::{Stage, queued_leads, started, states};

/// More than any lead of these costs, in credits of one kind.
const ENOUGH_MILLI: i64 = 1_000_000;

async fn served(with: With, change: impl FnOnce(&mut Settings)) -> (Stage, Arc<dyn SimulatedProvider>) {
    let mut settings = with(Settings::default());
    settings.apollo.unknown_share = 0.0;
    settings.accounts.all().into_iter().for_each(|account| account.unknown_share = 0.0);
    change(&mut settings);
    let world = started(settings).await;
    let provider = world.provider();
    (world, provider)
}

/// So much of each kind of credit at whichever provider it is, in thousandths.
fn credits(settings: &mut Settings, milli: i64) {
    settings.apollo.pool_milli = milli;
    settings.accounts.all().into_iter().for_each(|account| account.credits_milli = milli);
}

/// So many calls in a minute, whichever provider it is.
fn calls_per_minute(settings: &mut Settings, calls: u32) {
    let windows = Windows::per_minute(calls);
    settings.apollo.limits = Limits { single: windows, bulk: windows, ..Limits::unlimited() };
    settings.accounts.all().into_iter().for_each(|account| account.limits = windows);
}

fn email(number: usize) -> String {
    format!("first{number}.last{number}@engine.example")
}

/// Checks that each lead has what the provider knows of it.
fn all_enriched(world: &World, leads: &[String], name: &str) {
    for lead in leads {
        let contact = world.hubspot.contact(lead).expect("the contact");
        let known = world.provider().whom(contact.value("email").expect("an address")).expect("a known person");
        assert_eq!(contact.value("jobtitle"), Some(known.title.as_str()), "{name}: {lead} has the job title");
    }
}

/// The provider's own books and ours: the same, and nothing of it unknown.
async fn paid_once(world: &World, name: &str) -> i64 {
    let (books, ledger) = (at_rest(world).await, world.provider().ledger());
    assert_eq!((books.spent, books.unknown), (ledger.credits_charged, 0), "{name}");
    let mut asked: Vec<&str> = ledger.charges.iter().map(|charge| charge.asked.as_str()).collect();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), ledger.charges.len(), "{name}: a person was charged for twice");
    books.spent
}

/// Whether this one tells of a call later whose answer was lost: see `clay`.
fn is_heard_of_again(name: &str) -> bool {
    name == "Clay"
}

async fn deferrals(world: &World, leads: &[String]) -> Vec<Option<DeferReason>> {
    let mut reasons = Vec::new();
    for lead in leads {
        let record = world.record(lead).await.expect("a record");
        reasons.push(record.state.deferral().map(|deferral| deferral.reason));
    }
    reasons
}

#[tokio::test]
async fn leads_are_enriched_once_and_those_it_does_not_know_cost_nothing() {
    for (name, with) in EVERY_PROVIDER {
        let (world, provider) = served(with, |_| {}).await;
        provider.forget(&email(2));
        let leads = queued_leads(&world, 5).await;
        world.settle_down(2).await;
        assert_eq!(provider.name(), name);
        let known: Vec<String> = leads.iter().enumerate().filter(|(i, _)| *i != 2).map(|(_, it)| it.clone()).collect();
        all_enriched(&world, &known, name);
        assert_eq!(states(&world, &leads[2..3]).await, [StateName::Unmatched], "{name}");
        let spent = paid_once(&world, name).await;
        assert_eq!(provider.ledger().charges.len(), 4, "{name}");
        assert!(spent > 0, "{name}");

        // What we wrote comes back as a change, and starts nothing.
        world.hubspot.deliver().await;
        world.settle_down(2).await;
        assert_eq!(paid_once(&world, name).await, spent, "{name}");
    }
}

#[tokio::test]
async fn a_lead_that_comes_alone_is_asked_about_alone() {
    for (name, with) in EVERY_PROVIDER {
        let (world, provider) = served(with, |_| {}).await;
        let leads = queued_leads(&world, 1).await;
        world.settle_down(1).await;
        all_enriched(&world, &leads, name);
        provider.forget("alone@engine.example");
        let unknown = world.hubspot.create_contact([("email", "alone@engine.example")]);
        world.hubspot.deliver().await;
        world.settle_down(1).await;
        assert_eq!(states(&world, &[unknown]).await, [StateName::Unmatched], "{name}");
        paid_once(&world, name).await;
        // Some charge for a call that finds no one.
        let charges = provider.ledger().charges;
        assert_eq!(charges.iter().filter(|charge| !charge.id.is_empty()).count(), 1, "{name}");
    }
}

#[tokio::test]
async fn throttling_and_being_turned_away_are_waited_out_and_cost_nothing() {
    for (name, with) in EVERY_PROVIDER {
        let (world, provider) = served(with, |_| {}).await;
        let leads = queued_leads(&world, 5).await;
        for seconds in [7, 600] {
            let retry_after = Some(Duration::from_secs(seconds));
            provider.faults().add(FaultRule::next(Fault::Throttle { retry_after }));
        }
        provider.faults().add(FaultRule::next(Fault::Throttle { retry_after: None }));
        provider.faults().add(FaultRule::next(Fault::Status(503, String::new())).times(2));
        world.settle_down(1).await;
        all_enriched(&world, &leads, name);
        paid_once(&world, name).await;
        assert_eq!(provider.faults().left(), 0, "{name}");
    }
}

#[tokio::test]
async fn a_small_limit_lets_every_lead_through_in_the_end() {
    for (name, with) in EVERY_PROVIDER {
        let (world, _) = served(with, |settings| calls_per_minute(settings, 3)).await;
        let leads = queued_leads(&world, 12).await;
        world.settle_down(2).await;
        all_enriched(&world, &leads, name);
        paid_once(&world, name).await;
    }
}

#[tokio::test]
async fn when_the_provider_runs_out_of_credits_leads_wait_for_its_next_cycle() {
    for (name, with) in EVERY_PROVIDER {
        let (world, provider) = served(with, |settings| credits(settings, 0)).await;
        let leads = queued_leads(&world, 3).await;
        world.settle_down(1).await;
        assert_eq!(deferrals(&world, &leads).await, [Some(DeferReason::ProviderOutOfCredits); 3], "{name}");
        assert_eq!((at_rest(&world).await.spent, provider.ledger().credits_charged), (0, 0), "{name}");
        world.next_cycle(ENOUGH_MILLI).await;
        world.settle_down(1).await;
        all_enriched(&world, &leads, name);
        paid_once(&world, name).await;
    }
}

/// The provider's credits end within a batch: those who have an answer are settled, and the others wait.
#[tokio::test]
async fn credits_that_end_within_a_batch_lose_no_lead() {
    for (name, with) in EVERY_PROVIDER {
        // Lusha takes a call as a whole, or not at all.
        let pays_for_two = if ["Hunter", "Lusha"].contains(&name) { 500 } else { 2_500 };
        let (world, provider) = served(with, |settings| credits(settings, pays_for_two)).await;
        let leads = queued_leads(&world, 6).await;
        world.settle_down(1).await;
        let waiting = deferrals(&world, &leads).await.into_iter().flatten().count();
        let written = states(&world, &leads).await.into_iter().filter(|state| *state == StateName::Written).count();
        assert_eq!(waiting + written, 6, "{name}");
        assert!(waiting > 0, "{name}");
        paid_once(&world, name).await;
        provider.begin_cycle(ENOUGH_MILLI);
        world.clock.turn(Duration::from_secs(3601));
        world.settle_down(1).await;
        all_enriched(&world, &leads, name);
        paid_once(&world, name).await;
    }
}

/// Ours end first: nothing is asked for what they don't pay for, and the next cycle pays for the rest.
#[tokio::test]
async fn our_own_credits_are_never_oversold_and_the_next_cycle_pays_for_the_rest() {
    for (name, with) in EVERY_PROVIDER {
        // What one person can cost at worst.
        let credits = if name == "Lusha" { 2 } else { 1 };
        let (world, provider) = served(with, |settings| settings.credits_per_cycle = Some(credits)).await;
        let leads = queued_leads(&world, 5).await;
        world.settle_down(3).await;
        let spent = paid_once(&world, name).await;
        assert!(spent <= 1000, "{name}: {spent}");
        let parked = deferrals(&world, &leads).await.into_iter().flatten().count();
        assert!((1..5).contains(&parked), "{name}: {parked} are parked");
        for _ in 0..6 {
            world.next_cycle(ENOUGH_MILLI).await;
            world.settle_down(3).await;
        }
        all_enriched(&world, &leads, name);
        assert_eq!(provider.ledger().charges.len(), 5, "{name}");
        paid_once(&world, name).await;
    }
}

#[tokio::test]
async fn a_refused_key_parks_leads_until_it_is_mended() {
    for (name, with) in EVERY_PROVIDER {
        let (world, provider) = served(with, |_| {}).await;
        let leads = queued_leads(&world, 2).await;
        provider.faults().add(FaultRule::next(provider.denial()));
        world.settle_down(1).await;
        assert_eq!(deferrals(&world, &leads).await, [Some(DeferReason::ProviderDenied); 2], "{name}");
        world.clock.turn(Duration::from_secs(3601));
        world.settle_down(1).await;
        all_enriched(&world, &leads, name);
        paid_once(&world, name).await;
    }
}

#[tokio::test]
async fn a_lost_answer_counts_as_spent_and_is_tried_once_more() {
    for (name, with) in EVERY_PROVIDER.into_iter().filter(|(name, _)| !is_heard_of_again(name)) {
        let (world, provider) = served(with, |_| {}).await;
        let leads = queued_leads(&world, 1).await;
        provider.faults().add(FaultRule::on(provider.charges_at(), Fault::DropAfterWork));
        world.settle_down(1).await;
        all_enriched(&world, &leads, name);
        let (books, ledger) = (at_rest(&world).await, provider.ledger());
        assert!(books.unknown > 0 && books.spent >= ledger.credits_charged, "{name}: {books:?}");
        assert!((1..=2).contains(&ledger.charges.len()), "{name}: {ledger:?}");
    }
}

#[tokio::test]
async fn outcomes_that_stay_unknown_end_failed_after_one_more_try() {
    for (name, with) in EVERY_PROVIDER.into_iter().filter(|(name, _)| !is_heard_of_again(name)) {
        let (world, provider) = served(with, |_| {}).await;
        let leads = queued_leads(&world, 1).await;
        let lost = Fault::StatusAfterWork(500, String::new());
        provider.faults().add(FaultRule::on(provider.charges_at(), lost).times(50));
        world.settle_down(1).await;
        let record = world.record(&leads[0]).await.expect("a record");
        assert_eq!(record.state, State::Failed { reason: FailReason::OutcomeUnknown }, "{name}");
        assert_eq!(provider.ledger().charges.len(), 2, "{name}: the first try and one more");
        let books = at_rest(&world).await;
        assert!(books.spent >= provider.ledger().credits_charged && books.spent == books.unknown, "{name}: {books:?}");
    }
}

#[tokio::test]
async fn one_person_whom_it_calls_invalid_spoils_it_for_no_other() {
    for (name, with) in EVERY_PROVIDER {
        let (world, provider) = served(with, |_| {}).await;
        provider.refuse(&email(1));
        let leads = queued_leads(&world, 3).await;
        world.settle_down(1).await;
        let expected = [StateName::Written, StateName::Refused, StateName::Written];
        assert_eq!(states(&world, &leads).await, expected, "{name}");
        paid_once(&world, name).await;
        assert_eq!(provider.ledger().charges.len(), 2, "{name}");
    }
}

/// The law, or the person, forbids it to say anything.
#[tokio::test]
async fn one_of_whom_it_may_not_say_anything_is_refused_and_costs_nothing() {
    let mut tried = 0;
    for (name, with) in EVERY_PROVIDER {
        let (world, provider) = served(with, |_| {}).await;
        if !provider.suppress(&email(1)) {
            continue;
        }
        tried += 1;
        let leads = queued_leads(&world, 3).await;
        world.settle_down(1).await;
        let expected = [StateName::Written, StateName::Refused, StateName::Written];
        assert_eq!(states(&world, &leads).await, expected, "{name}");
        let record = world.record(&leads[1]).await.expect("a record");
        assert_eq!(record.state, State::Refused { reason: RefuseReason::Suppressed }, "{name}");
        paid_once(&world, name).await;
        assert_eq!(provider.ledger().charges.len(), 2, "{name}");
    }
    assert!(tried > 0);
}

/// Each is paid from its own credits, and has a key and a limit of its own.
#[tokio::test]
async fn each_may_be_asked_after_another() {
    for name in ["pdl", "hunter", "lusha", "cognism", "zoominfo"] {
        let mut settings = Settings::default();
        settings.apollo.unknown_share = 1.0;
        settings.accounts.all().into_iter().for_each(|account| account.unknown_share = 0.0);
        let world = started(settings.with_beside(&[name], &format!("order = [\"apollo\", \"{name}\"]"))).await;
        let leads = queued_leads(&world, 3).await;
        world.settle_down(1).await;
        let provider = world.provider_named(name);
        for (number, lead) in leads.iter().enumerate() {
            let known = provider.whom(&email(number)).expect("a known person");
            let contact = world.hubspot.contact(lead).expect("the contact");
            assert_eq!(contact.value("jobtitle"), Some(known.title.as_str()), "{name}: {lead}");
        }
        let ledger = provider.ledger();
        assert_eq!((at_rest(&world).await.spent, ledger.charges.len()), (ledger.credits_charged, 3), "{name}");
    }
}

/// An address that is asked for by a name, and an answer that isn't ready at first.
#[tokio::test]
async fn the_address_of_a_name_is_found_and_what_is_not_ready_is_asked_for_again() {
    let mut settings = Settings::default().with_hunter();
    settings.accounts.hunter.unknown_share = 0.0;
    settings.config.push_str("email = { from = \"email\" }\n");
    let world = started(settings).await;
    let name = [("firstname", "Ada"), ("lastname", "Lovelace"), ("website", "engine.example")];
    let lead = world.hubspot.create_contact(name);
    world.hubspot.deliver().await;
    world.provider().faults().add(FaultRule::next(Fault::Status(202, "{}".into())).times(3));
    world.settle_down(1).await;
    let contact = world.hubspot.contact(&lead).expect("the contact");
    assert_eq!(contact.value("email"), Some("ada.lovelace@engine.example"));
    assert_eq!(paid_once(&world, "Hunter").await, 1000, "a person, and an address that wasn't there");
}

/// A number that comes with the person is bought with them, in one purchase.
#[tokio::test]
async fn a_number_that_comes_at_once_is_written_with_the_person() {
    let at_once: [(&str, With); 4] = [
        ("People Data Labs", |settings| settings.with_pdl().with_phones()),
        ("Lusha", |settings| settings.with_lusha().with_phones()),
        ("Cognism", |settings| settings.with_cognism().with_phones()),
        ("ZoomInfo", |settings| settings.with_zoominfo().with_phones()),
    ];
    for (name, with) in at_once {
        let (world, provider) = served(with, |_| {}).await;
        let leads = queued_leads(&world, 8).await;
        world.settle_down(1).await;
        let mut numbers = 0;
        for (number, lead) in leads.iter().enumerate() {
            let known = provider.whom(&email(number)).and_then(|person| person.mobile);
            let contact = world.hubspot.contact(lead).expect("the contact");
            let digits = |number: &str| number.chars().filter(char::is_ascii_digit).collect::<String>();
            // The CRM shows a number in a form of its own.
            let written = contact.value("mobilephone").map(digits);
            assert_eq!(written, known.map(|mobile| digits(&mobile.number)), "{name}: {lead}");
            numbers += usize::from(written.is_some());
        }
        assert!((1..8).contains(&numbers), "{name}: {numbers} numbers");
        paid_once(&world, name).await;
        assert_eq!(provider.ledger().charges.len(), 8, "{name}");
    }
}
