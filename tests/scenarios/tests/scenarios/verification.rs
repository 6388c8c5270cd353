//! An address that a provider doesn't vouch for is checked by another before it is written.

use std::time::Duration;

use leadgate_enrichment::config::OnBlocked;
use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::lead::record::{RejectedValue, StateName};
use leadgate_sandbox::simulators::SimulatedProvider;
use leadgate_sandbox::simulators::apollo::{Asked, Charge, EmailStatus, Item};
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{Settings, World};

use crate::books::at_rest;
use crate::stage::{Stage, WAYS_TO_BREAK, calls_of_a_round, round_that_breaks, started, states};

/// People Data Labs says nothing of how sure it is, and Apollo does.
const CHECKED: &str = r#"order = ["pdl", "apollo"]
fields = { email = ["pdl", "apollo"] }
verify = { email = "hunter" }
"#;
const MAPPED_EMAIL: &str = "\nemail = { from = \"email\" }";
const MAPPED: &str = "\nemail = { from = \"email\" }\nemail_is = { from = \"email_status\" }\n";

async fn world_with(waterfall: &str, set: impl FnOnce(&mut Settings)) -> Stage {
    let mut settings = Settings::default();
    settings.apollo.unknown_share = 0.0;
    settings.accounts.pdl.unknown_share = 0.0;
    settings.config.push_str(MAPPED);
    set(&mut settings);
    let world = started(settings.with_beside(&["pdl", "hunter"], waterfall)).await;
    world.hubspot.define_property("email_is");
    world
}

fn email(number: usize) -> String {
    format!("first{number}.last{number}@engine.example")
}

/// People without an address, on the queue.
async fn queued(world: &World, count: usize) -> Vec<String> {
    let one = |number: usize| {
        let texts = [("firstname", format!("First{number}")), ("lastname", format!("Last{number}"))];
        let employer = [("company", "Engine".to_owned()), ("website", "engine.example".to_owned())];
        [texts, employer].concat()
    };
    let leads = (0..count).map(|number| world.crm().create_person(&one(number))).collect();
    world.crm().deliver().await;
    leads
}

fn value(world: &World, lead: &str, property: &str) -> Option<String> {
    world.crm().card(lead).and_then(|card| card.get(property).cloned()).filter(|value| !value.is_empty())
}

/// The addresses that were checked, each as often as it was paid for.
fn checked(world: &World) -> Vec<String> {
    let charges = world.providers.hunter.ledger().charges;
    let is_paid = |charge: &Charge| charge.item == Item::Verification && charge.milli > 0;
    charges.into_iter().filter(is_paid).filter_map(|charge| charge.email).collect()
}

async fn rejected(world: &World, lead: &str) -> Vec<RejectedValue> {
    world.record(lead).await.expect("a record").rejected
}

#[tokio::test]
async fn one_that_works_is_written_with_what_the_verifier_says_and_one_that_does_not_is_asked_of_the_next() {
    let world = world_with(CHECKED, |_| {}).await;
    world.providers.hunter.judge(&email(0), "valid");
    world.providers.hunter.judge(&email(1), "invalid");
    // Apollo knows another address of the second.
    let mut person = world.apollo.whom(&Asked::email(&email(1))).expect("a person");
    (person.email, person.email_status) = (Some("f.last1@engine.example".into()), EmailStatus::Verified);
    world.apollo.know_by_default(move |asked| (asked.first_name.as_deref() == Some("First1")).then(|| person.clone()));
    let leads = queued(&world, 2).await;
    world.settle_down(2).await;
    assert_eq!(states(&world, &leads).await, [StateName::Written; 2]);
    assert_eq!(value(&world, &leads[0], "email"), Some(email(0)));
    assert_eq!(value(&world, &leads[0], "email_is").as_deref(), Some("verified"));
    assert_eq!(value(&world, &leads[1], "email").as_deref(), Some("f.last1@engine.example"));
    assert_eq!(checked(&world), [email(0), email(1)], "what Apollo has verified isn't checked");
    let [of_second] = rejected(&world, &leads[1]).await.try_into().expect("one");
    assert_eq!((of_second.told_by.as_str(), of_second.status.as_deref()), ("pdl", Some("invalid")));
    assert_eq!(of_second.checked_by.as_ref().map(|by| by.as_str()), Some("hunter"));
    assert!(!of_second.sealed.as_deref().unwrap_or_default().contains("first1"), "it can't be read where it lies");
    assert!(rejected(&world, &leads[0]).await.is_empty());
    assert_eq!(world.apollo.ledger().people_asked, 1, "for an address alone");
    at_rest(&world).await;
}

#[tokio::test]
async fn the_same_address_told_by_two_is_checked_once_and_not_written_where_it_is_wrong() {
    let world = world_with(CHECKED, |settings| settings.apollo.extrapolated_share = 1.0).await;
    world.providers.hunter.judge(&email(0), "invalid");
    let leads = queued(&world, 1).await;
    world.settle_down(2).await;
    assert_eq!((value(&world, &leads[0], "email"), value(&world, &leads[0], "email_is")), (None, None));
    assert!(value(&world, &leads[0], "jobtitle").is_some(), "the rest is written");
    assert_eq!(checked(&world), [email(0)]);
    let by: Vec<String> = rejected(&world, &leads[0]).await.iter().map(|it| it.told_by.to_string()).collect();
    assert_eq!(by, ["pdl", "apollo"]);
    assert_eq!(states(&world, &leads).await, [StateName::Written]);
    at_rest(&world).await;
}

#[tokio::test]
async fn where_nothing_can_be_told_of_it_its_own_provider_decides() {
    for (floor, is_written) in [(None, true), (Some("verified"), false)] {
        let world = world_with("order = [\"pdl\"]\nverify = { email = \"hunter\" }\n", |settings| {
            if let Some(floor) = floor {
                let with = format!("{{ from = \"email\", min_confidence = \"{floor}\" }}");
                settings.config = settings.config.replacen(MAPPED_EMAIL, &format!("\nemail = {with}"), 1);
            }
        })
        .await;
        world.providers.hunter.judge(&email(0), "unknown");
        let leads = queued(&world, 1).await;
        world.settle_down(2).await;
        assert_eq!(value(&world, &leads[0], "email").is_some(), is_written, "{floor:?}");
        assert_eq!(rejected(&world, &leads[0]).await.len(), usize::from(!is_written), "{floor:?}");
        assert_eq!(checked(&world), Vec::<String>::new(), "it is free");
        assert_eq!(states(&world, &leads).await, [StateName::Written]);
        at_rest(&world).await;
    }
}

#[tokio::test]
async fn a_verifier_that_cannot_be_paid_or_asked_is_waited_for_with_the_address_unless_the_tenant_prefers_to_go_on() {
    for (policy, cause) in
        [(OnBlocked::Wait, "credits"), (OnBlocked::Skip, "credits"), (OnBlocked::Wait, "key"), (OnBlocked::Skip, "key")]
    {
        let mut world = world_with(CHECKED, |_| {}).await;
        world.providers.hunter.judge(&email(0), "valid");
        let grant = world.tenant().fallbacks[1].plan.grant.clone();
        world.reconfigure(|tenant| {
            (tenant.waterfall.on_exhausted, tenant.waterfall.on_unavailable) = (policy, policy);
            if cause == "credits" {
                tenant.fallbacks[1].plan.grant = grant.iter().map(|(kind, _)| (kind.clone(), Milli::ZERO)).collect();
            }
        });
        if cause == "key" {
            let denial = world.providers.hunter.denial();
            world.providers.hunter.faults().decide_by(move |_| Some(denial.clone()));
        }
        let leads = queued(&world, 1).await;
        world.settle_down(2).await;
        let place = format!("{policy:?} {cause}");
        assert!(value(&world, &leads[0], "jobtitle").is_some(), "{place}: the rest is written at once");
        let (state, address) = match policy {
            OnBlocked::Wait => (StateName::Deferred, None),
            OnBlocked::Skip => (StateName::Written, Some(email(0))),
        };
        assert_eq!(
            (states(&world, &leads).await, value(&world, &leads[0], "email")),
            (vec![state], address),
            "{place}"
        );
        world.providers.hunter.faults().clear();
        world.reconfigure(|tenant| tenant.fallbacks[1].plan.grant = grant);
        world.clock.turn(Duration::from_secs(2 * 60 * 60));
        world.next_cycle(10_000_000).await;
        world.settle_down(2).await;
        assert_eq!(states(&world, &leads).await, [StateName::Written], "{place}");
        assert_eq!(value(&world, &leads[0], "email"), Some(email(0)), "{place}");
        assert_eq!(world.providers.pdl.ledger().people_asked, 1, "{place}: what was bought is not bought again");
        assert_eq!(checked(&world).len(), usize::from(policy == OnBlocked::Wait), "{place}");
        at_rest(&world).await;
    }
}

#[tokio::test]
async fn an_address_that_waits_to_be_checked_is_not_lost_when_nobody_checks_addresses_any_more() {
    let mut world = world_with(CHECKED, |_| {}).await;
    let denial = world.providers.hunter.denial();
    world.providers.hunter.faults().decide_by(move |_| Some(denial.clone()));
    let leads = queued(&world, 1).await;
    world.settle_down(2).await;
    assert_eq!((states(&world, &leads).await, value(&world, &leads[0], "email")), (vec![StateName::Deferred], None));
    world.reconfigure(|tenant| tenant.waterfall.verifier = None);
    world.clock.turn(Duration::from_secs(2 * 60 * 60));
    world.settle_down(2).await;
    assert_eq!(
        (states(&world, &leads).await, value(&world, &leads[0], "email")),
        (vec![StateName::Written], Some(email(0)))
    );
    assert_eq!((world.providers.pdl.ledger().people_asked, world.apollo.ledger().people_asked), (1, 0));
    at_rest(&world).await;
}

#[tokio::test]
async fn a_check_whose_outcome_stays_unknown_is_given_up_and_its_own_provider_decides() {
    let world = world_with(CHECKED, |_| {}).await;
    world.providers.hunter.judge(&email(0), "invalid");
    world.providers.hunter.faults().add(FaultRule::next(Fault::DropAfterWork).times(9));
    let leads = queued(&world, 1).await;
    world.settle_down(2).await;
    assert_eq!(
        (states(&world, &leads).await, value(&world, &leads[0], "email")),
        (vec![StateName::Written], Some(email(0)))
    );
    let books = at_rest(&world).await;
    assert_eq!(books.by_provider["hunter"].unknowns, 2);
    assert_eq!(world.providers.pdl.ledger().people_asked, 1);
}

#[tokio::test]
async fn one_of_whom_the_verifier_may_not_say_anything_is_asked_about_nowhere_else() {
    let world = world_with(CHECKED, |_| {}).await;
    world.providers.hunter.suppress(&email(0));
    let leads = queued(&world, 1).await;
    world.settle_down(2).await;
    assert_eq!((states(&world, &leads).await, value(&world, &leads[0], "email")), (vec![StateName::Refused], None));
    assert_eq!(world.apollo.ledger().people_asked, 0);
    at_rest(&world).await;
}

#[tokio::test]
async fn what_was_rejected_goes_with_the_person_who_is_erased() {
    let world = world_with(CHECKED, |settings| settings.apollo.extrapolated_share = 1.0).await;
    world.providers.hunter.judge(&email(0), "invalid");
    let leads = queued(&world, 1).await;
    world.settle_down(2).await;
    assert_eq!(rejected(&world, &leads[0]).await.len(), 2);
    world.hubspot.privacy_delete(&leads[0]);
    world.hubspot.deliver().await;
    world.settle_down(2).await;
    let left = world.record(&leads[0]).await;
    assert!(left.is_none_or(|record| record.rejected.is_empty() && record.candidate.is_none()));
}

#[tokio::test]
async fn an_address_that_arrives_later_is_checked_as_well() {
    let mut settings = Settings::default();
    settings.apollo.unknown_share = 0.0;
    settings.accounts.clay.unknown_share = 0.0;
    settings.config.push_str(MAPPED);
    let waterfall = "order = [\"clay\"]\nverify = { email = \"hunter\" }\n";
    let world = started(settings.with_beside(&["clay", "hunter"], waterfall)).await;
    world.hubspot.define_property("email_is");
    world.providers.hunter.judge(&email(0), "valid");
    world.providers.hunter.judge(&email(1), "invalid");
    let leads = queued(&world, 2).await;
    for _ in 0..4 {
        world.settle_down(2).await;
        world.clock.turn(Duration::from_secs(5 * 60));
    }
    assert_eq!(states(&world, &leads).await, [StateName::Written; 2]);
    assert!(leads.iter().all(|lead| value(&world, lead, "jobtitle").is_some()));
    assert_eq!(value(&world, &leads[0], "email"), Some(email(0)));
    assert_eq!(value(&world, &leads[1], "email"), None);
    // Clay vouches for the address of the first.
    assert_eq!((checked(&world), rejected(&world, &leads[1]).await.len()), (vec![email(1)], 1));
    assert_eq!(world.providers.clay.runs(), 1, "nobody is asked about again");
    at_rest(&world).await;
}

#[tokio::test]
async fn whatever_call_breaks_each_is_bought_and_checked_once() {
    let two = async || {
        let world = world_with(CHECKED, |_| {}).await;
        world.providers.hunter.judge(&email(0), "valid");
        world.providers.hunter.judge(&email(1), "invalid");
        let leads = queued(&world, 2).await;
        (world, leads)
    };
    let (world, _) = two().await;
    let calls = calls_of_a_round(&world).await;
    drop(world);
    let is_write = |operation: &String| !operation.ends_with("BatchGetItem") && !operation.ends_with("Query");
    for (at, operation) in calls.iter().enumerate().filter(|(_, operation)| is_write(operation)) {
        for how in WAYS_TO_BREAK {
            let (world, leads) = two().await;
            round_that_breaks(&world, at, &how).await;
            world.settle_down(2).await;
            let place = format!("call {at} ({operation}) was broken by {how:?}");
            assert_eq!(states(&world, &leads).await, [StateName::Written; 2], "{place}");
            assert_eq!(value(&world, &leads[0], "email"), Some(email(0)), "{place}");
            let books = at_rest(&world).await;
            let unknown = |name: &str| books.by_provider.get(name).map_or(0, |lines| lines.unknowns);
            let bought = world.providers.pdl.ledger().charges.len();
            assert!((2..=2 + unknown("pdl")).contains(&bought), "{place}: bought {bought} times");
            assert!(checked(&world).len() <= 2, "{place}: the verifier charges for an address once in a cycle");
            let hits = books.by_provider["hunter"].hits;
            assert!((1..=2).contains(&hits), "{place}: {hits} verdicts, {} unknown", unknown("hunter"));
        }
    }
}
