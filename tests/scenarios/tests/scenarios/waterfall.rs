//! Several providers, asked one after another: each is paid from its own credits, none is asked about a person whom one
//! before it knows, and what is bought at one is never lost because of another.

use std::collections::BTreeMap;
use std::time::Duration;

use leadgate_enrichment::config::OnBlocked;
use leadgate_enrichment::credits::{Amounts, Milli};
use leadgate_enrichment::lead::patch::is_same_number;
use leadgate_enrichment::lead::record::{Record, Said, State, StateName};
use leadgate_enrichment::outcome::{DeferReason, FailReason};
use leadgate_sandbox::simulators::SimulatedProvider;
use leadgate_sandbox::simulators::apollo::Person;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{Settings, World};

use crate::books::at_rest;
use crate::stage::{Stage, WAYS_TO_BREAK, calls_of_a_round, queued_leads, round_that_breaks, started, states};

/// Apollo first, then the other for those whom it doesn't know.
const IN_ORDER: &str = "order = [\"apollo\", \"pdl\"]";

/// A world with two providers.
async fn world_with(waterfall: &str, set: impl FnOnce(&mut Settings)) -> Stage {
    let mut settings = Settings::default();
    settings.apollo.unknown_share = 0.0;
    settings.accounts.pdl.unknown_share = 0.0;
    set(&mut settings);
    started(settings.with_beside(&["pdl"], waterfall)).await
}

fn email(number: usize) -> String {
    format!("first{number}.last{number}@engine.example")
}

async fn record(world: &World, lead: &str) -> Record {
    world.record(lead).await.expect("a record")
}

/// What was said of a lead, by whom.
async fn said(world: &World, lead: &str) -> Vec<(String, Said)> {
    let progress = record(world, lead).await.progress.map(|progress| progress.asked).unwrap_or_default();
    progress.into_iter().map(|asked| (asked.provider.to_string(), asked.said)).collect()
}

/// How often each provider has charged for this address.
fn charges(world: &World, email: &str) -> BTreeMap<&'static str, usize> {
    let of = |provider: &dyn SimulatedProvider| {
        let charges = provider.ledger().charges;
        charges.iter().filter(|charge| charge.email.as_deref() == Some(email)).count()
    };
    world.tenants_providers().iter().map(|(name, provider)| (*name, of(&**provider))).collect()
}

/// Who of them knows this person, the first of them first.
fn known_by(world: &World, email: &str) -> Option<(&'static str, Person)> {
    world.tenants_providers().into_iter().find_map(|(name, provider)| Some((name, provider.whom(email)?)))
}

fn title(world: &World, lead: &str) -> Option<String> {
    world.crm().card(lead).and_then(|card| card.get("jobtitle").cloned())
}

#[tokio::test]
async fn the_next_one_is_asked_about_those_whom_the_first_does_not_know_and_about_nobody_else() {
    let world = world_with(IN_ORDER, |settings| {
        settings.apollo.unknown_share = 0.5;
        settings.accounts.pdl.unknown_share = 0.4;
    })
    .await;
    let leads = queued_leads(&world, 30).await;
    world.settle_down(3).await;
    let mut ends: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    for (number, lead) in leads.iter().enumerate() {
        let known = known_by(&world, &email(number));
        let (state, expected) = match &known {
            Some((_, person)) => (StateName::Written, Some(person.title.clone())),
            None => (StateName::Unmatched, None),
        };
        assert_eq!((states(&world, std::slice::from_ref(lead)).await, title(&world, lead)), (vec![state], expected));
        let who = known.map(|(name, _)| name);
        let once = |name: &str| usize::from(who == Some(name));
        let expected = BTreeMap::from([("apollo", once("apollo")), ("pdl", once("pdl"))]);
        assert_eq!(charges(&world, &email(number)), expected, "{lead} is known by {who:?}");
        *ends.entry(who).or_default() += 1;
    }
    assert_eq!(ends.len(), 3, "each is there: {ends:?}");
    let asked_of_pdl = world.providers.pdl.ledger().people_asked;
    assert_eq!(
        usize::try_from(asked_of_pdl).expect("a few"),
        leads.len() - ends[&Some("apollo")],
        "those whom the first knows are not asked about"
    );
    at_rest(&world).await;
    let wallets = world.credits.wallets(world.tenant_id()).await.expect("wallets");
    let mut names: Vec<&str> = wallets.iter().map(|wallet| wallet.wallet.series()).collect();
    names.sort_unstable();
    assert_eq!(names, ["pdl-plan", "plan"], "each has its own");
}

#[tokio::test]
async fn where_it_comes_from_is_said_of_each_value() {
    let world = world_with(IN_ORDER, |settings| {
        settings.config = settings.config.replacen("# source_property", "source_property", 1);
    })
    .await;
    world.apollo.forget(&email(1));
    let leads = queued_leads(&world, 2).await;
    world.settle_down(1).await;
    let source = |lead: &str| world.crm().card(lead).and_then(|card| card.get("leadgate_source").cloned());
    assert!(source(&leads[0]).is_some_and(|text| text.starts_with("apollo, 2026-01-15: ")), "{:?}", source(&leads[0]));
    assert!(source(&leads[1]).is_some_and(|text| text.starts_with("pdl, 2026-01-15: ")), "{:?}", source(&leads[1]));
    at_rest(&world).await;
}

#[tokio::test]
async fn a_miss_is_remembered_of_each_provider_and_a_new_provider_is_asked() {
    let world = world_with(IN_ORDER, |_| {}).await;
    world.apollo.forget(&email(0));
    world.providers.pdl.forget(&email(0));
    let leads = queued_leads(&world, 1).await;
    world.settle_down(1).await;
    let missed = |name: &str| (name.to_owned(), Said::Miss);
    assert_eq!(said(&world, &leads[0]).await, [missed("apollo"), missed("pdl")]);
    let asked = |world: &World| (world.apollo.ledger().people_asked, world.providers.pdl.ledger().people_asked);
    assert_eq!(asked(&world), (1, 1));
    // Something else of the same person changes: those who were asked are not asked again.
    world.hubspot.edit(&leads[0], "city", "Paris");
    world.hubspot.edit(&leads[0], "company", "");
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!(asked(&world), (1, 1));
    assert_eq!(states(&world, &leads).await, [StateName::Unmatched]);
    // Another person may be known.
    world.hubspot.edit(&leads[0], "email", "ada.lovelace@engine.example");
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!((states(&world, &leads).await, asked(&world)), (vec![StateName::Written], (2, 1)));
    at_rest(&world).await;
}

#[tokio::test]
async fn one_who_waits_for_the_second_provider_is_not_asked_about_at_the_first_again() {
    let world = world_with(IN_ORDER, |settings| settings.accounts.pdl.credits_milli = 10_000_000).await;
    // The plan of the second grants one credit.
    let mut world = world;
    world.reconfigure(|tenant| {
        let plan = &mut tenant.fallbacks[0].plan;
        let bucket = plan.grant.iter().next().map(|(bucket, _)| bucket.clone()).expect("a kind of credit");
        plan.grant = Amounts::one(bucket, Milli::credits(1));
    });
    for number in 0..2 {
        world.apollo.forget(&email(number));
    }
    let leads = queued_leads(&world, 2).await;
    world.settle_down(1).await;
    let mut waiting = 0;
    for lead in &leads {
        if let State::Deferred { deferral } = record(&world, lead).await.state {
            assert_eq!((deferral.reason, deferral.worst.to_string().as_str()), (DeferReason::Balance, "1 pdl_credits"));
            waiting += 1;
        }
    }
    assert_eq!((waiting, world.apollo.ledger().people_asked), (1, 2));
    world.next_cycle(10_000_000).await;
    world.settle_down(1).await;
    assert_eq!(states(&world, &leads).await, [StateName::Written; 2]);
    assert_eq!((world.apollo.ledger().people_asked, world.providers.pdl.ledger().people_asked), (2, 2));
    at_rest(&world).await;
}

#[tokio::test]
async fn a_first_provider_without_credits_is_waited_for_unless_the_tenant_prefers_the_next() {
    for (policy, expected) in [(OnBlocked::Wait, StateName::Deferred), (OnBlocked::Skip, StateName::Written)] {
        let mut world = world_with(IN_ORDER, |settings| settings.credits_per_cycle = Some(1)).await;
        world.reconfigure(|tenant| tenant.waterfall.on_exhausted = policy);
        let leads = queued_leads(&world, 3).await;
        world.settle_down(1).await;
        let ended = states(&world, &leads).await;
        let of = |state| ended.iter().filter(|ended| **ended == state).count();
        let rest = if expected == StateName::Written { 3 } else { 1 };
        assert_eq!((of(StateName::Written), of(StateName::Deferred)), (rest, 3 - rest), "{policy:?}");
        let asked = usize::try_from(world.providers.pdl.ledger().people_asked).expect("a few");
        assert_eq!(asked, rest - 1, "{policy:?}");
        for _ in 0..3 {
            world.next_cycle(10_000_000).await;
            world.settle_down(1).await;
        }
        assert_eq!(states(&world, &leads).await, [StateName::Written; 3], "{policy:?}");
        at_rest(&world).await;
    }
}

#[tokio::test]
async fn one_whom_no_other_knows_waits_for_the_provider_that_was_left_out() {
    let mut world = world_with(IN_ORDER, |settings| settings.credits_per_cycle = Some(1)).await;
    world.reconfigure(|tenant| tenant.waterfall.on_exhausted = OnBlocked::Skip);
    (0..2).for_each(|number| world.providers.pdl.forget(&email(number)));
    let leads = queued_leads(&world, 2).await;
    world.settle_down(1).await;
    let mut waiting = 0;
    for lead in &leads {
        if let State::Deferred { deferral } = record(&world, lead).await.state {
            assert_eq!((deferral.reason, deferral.worst.to_string().as_str()), (DeferReason::Balance, "1 credits"));
            waiting += 1;
        }
    }
    let asked = |world: &World| (world.apollo.ledger().people_asked, world.providers.pdl.ledger().people_asked);
    assert_eq!(
        (waiting, asked(&world)),
        (1, (1, 1)),
        "the second doesn't know the one that the first has no credit for"
    );
    world.next_cycle(10_000_000).await;
    world.settle_down(1).await;
    assert_eq!(states(&world, &leads).await, [StateName::Written; 2]);
    assert_eq!(asked(&world), (2, 1), "the second is not asked again");
    at_rest(&world).await;
}

#[tokio::test]
async fn a_provider_that_refuses_our_key_or_is_down_is_waited_for_unless_the_tenant_prefers_the_next() {
    for policy in [OnBlocked::Wait, OnBlocked::Skip] {
        let mut world = world_with(IN_ORDER, |_| {}).await;
        world.reconfigure(|tenant| tenant.waterfall.on_unavailable = policy);
        world.apollo.faults().decide_by(|_| Some(Fault::Status(401, "Invalid API key.".into())));
        let leads = queued_leads(&world, 2).await;
        world.settle_down(1).await;
        let expected = if policy == OnBlocked::Skip { StateName::Written } else { StateName::Deferred };
        assert_eq!(states(&world, &leads).await, [expected; 2], "{policy:?}");
        world.apollo.faults().clear();
        world.clock.turn(Duration::from_secs(2 * 60 * 60));
        world.settle_down(1).await;
        assert_eq!(states(&world, &leads).await, [StateName::Written; 2], "{policy:?}");
        let second = if policy == OnBlocked::Skip { 2 } else { 0 };
        assert_eq!(world.providers.pdl.ledger().charges.len(), second, "{policy:?}");
        at_rest(&world).await;
    }
}

#[tokio::test]
async fn a_second_provider_whose_outcome_stays_unknown_is_given_up_and_what_the_first_said_stands() {
    let world = world_with(IN_ORDER, |_| {}).await;
    world.apollo.forget(&email(0));
    let leads = queued_leads(&world, 1).await;
    world.providers.pdl.faults().add(FaultRule::next(Fault::DropAfterWork).times(9));
    world.settle_down(1).await;
    assert_eq!(record(&world, &leads[0]).await.state, State::Failed { reason: FailReason::OutcomeUnknown });
    assert_eq!(charges(&world, &email(0)), BTreeMap::from([("apollo", 0), ("pdl", 2)]));
    let books = at_rest(&world).await;
    assert_eq!((books.by_provider["pdl"].unknowns, world.apollo.ledger().people_asked), (2, 1));
}

#[tokio::test]
async fn a_first_provider_whose_outcome_stays_unknown_is_given_up_and_the_next_is_asked() {
    let world = world_with(IN_ORDER, |_| {}).await;
    let leads = queued_leads(&world, 1).await;
    world.apollo.faults().add(FaultRule::next(Fault::DropAfterWork).times(9));
    world.settle_down(1).await;
    assert_eq!(states(&world, &leads).await, [StateName::Written]);
    assert_eq!(charges(&world, &email(0)), BTreeMap::from([("apollo", 2), ("pdl", 1)]));
    let said = said(&world, &leads[0]).await;
    assert_eq!(said, [("apollo".to_owned(), Said::Unknown), ("pdl".to_owned(), Said::Hit)]);
    assert_eq!(at_rest(&world).await.by_provider["apollo"].unknowns, 2);
}

/// Numbers are asked of both, in this order.
async fn world_with_numbers(waterfall: &str, set: impl FnOnce(&mut Settings)) -> Stage {
    world_with(waterfall, |settings| {
        crate::stage::with_numbers(settings);
        set(settings);
    })
    .await
}

fn number_at_pdl(world: &World, at: usize) -> Option<String> {
    world.providers.pdl.whom(&email(at))?.mobile.map(|mobile| mobile.number)
}

fn number(world: &World, lead: &str) -> Option<String> {
    world.crm().card(lead).and_then(|card| card.get("mobilephone").cloned())
}

#[tokio::test]
async fn a_number_that_never_arrives_is_asked_of_the_next_provider() {
    let waterfall = "order = [\"apollo\", \"pdl\"]\nfields = { mobile_phone = [\"apollo\", \"pdl\"] }";
    let world = world_with_numbers(waterfall, |settings| settings.apollo.mobile_share = 0.0).await;
    let leads = queued_leads(&world, 12).await;
    for _ in 0..4 {
        world.settle_down(2).await;
        world.clock.turn(Duration::from_secs(60 * 60));
    }
    world.settle_down(2).await;
    assert_eq!(states(&world, &leads).await, [StateName::Written; 12]);
    let mut found = 0;
    for (at, lead) in leads.iter().enumerate() {
        let (expected, written) = (number_at_pdl(&world, at), number(&world, lead));
        let is_same = match (&expected, &written) {
            (Some(expected), Some(written)) => is_same_number(expected, written),
            (expected, written) => expected == written,
        };
        assert!(is_same, "{lead}: {written:?}, expected {expected:?}");
        found += usize::from(expected.is_some());
        // Asked for a number alone, it knows those who have one, and charges for no other.
        assert_eq!(charges(&world, &email(at))["pdl"], usize::from(expected.is_some()), "{lead}");
    }
    assert_eq!(world.providers.pdl.ledger().people_asked, 12, "each is asked about once");
    assert!((1..12).contains(&found), "{found}");
    assert_eq!(world.apollo.ledger().people_asked, 12, "the first is asked once");
    at_rest(&world).await;
}

#[tokio::test]
async fn what_the_first_lacks_is_asked_of_the_next_in_the_same_run_and_nothing_bought_is_lost_when_that_cannot_be_paid_for()
 {
    let waterfall = "order = [\"pdl\", \"apollo\"]\nfields = { mobile_phone = [\"pdl\", \"apollo\"] }";
    let world = world_with_numbers(waterfall, |settings| settings.credits_per_cycle = Some(9)).await;
    let leads = queued_leads(&world, 8).await;
    world.settle_down(2).await;
    let without: Vec<usize> = (0..8).filter(|at| number_at_pdl(&world, *at).is_none()).collect();
    assert!(without.len() >= 2, "{without:?}");
    for (at, lead) in leads.iter().enumerate() {
        let person = known_by(&world, &email(at)).map(|(_, person)| person.title);
        assert_eq!(title(&world, lead), person, "{lead} has what the first told, whatever becomes of the rest");
    }
    // A person and a number of the second cost nine: one of them can be paid for.
    let deferred = |ended: &[StateName]| ended.iter().filter(|state| **state == StateName::Deferred).count();
    assert_eq!(deferred(&states(&world, &leads).await), without.len() - 1);
    for _ in 0..without.len() {
        world.next_cycle(10_000_000).await;
        world.settle_down(2).await;
        world.clock.turn(Duration::from_secs(60 * 60));
        world.settle_down(2).await;
    }
    assert_eq!(states(&world, &leads).await, [StateName::Written; 8]);
    for at in &without {
        assert!(number(&world, &leads[*at]).is_some(), "the second has it");
        assert_eq!(charges(&world, &email(*at))["pdl"], 1);
    }
    assert_eq!(world.providers.pdl.ledger().people_asked, 8, "none is asked about twice");
    at_rest(&world).await;
}

/// There, what is said of a person is kept for other records of the same one: but not for whoever wants more.
#[tokio::test]
async fn where_a_person_may_be_there_twice_one_who_has_told_the_rest_is_asked_for_the_number_as_well() {
    let waterfall = "order = [\"pdl\", \"lusha\", \"apollo\"]\nfields = { mobile_phone = [\"lusha\", \"pdl\"] }";
    let mut settings = Settings::default().with_salesforce();
    crate::stage::with_numbers(&mut settings);
    (settings.accounts.pdl.unknown_share, settings.accounts.lusha.unknown_share) = (0.0, 1.0);
    let world = started(settings.with_beside(&["pdl", "lusha"], waterfall)).await;
    let leads = queued_leads(&world, 8).await;
    world.settle_down(2).await;
    let has_one = |at: &usize| number_at_pdl(&world, *at).is_some();
    let expected: Vec<bool> = (0..8).map(|at| has_one(&at)).collect();
    assert!(expected.contains(&true), "somebody has a number");
    let there: Vec<bool> = leads.iter().map(|lead| number(&world, lead).is_some_and(|it| !it.is_empty())).collect();
    assert_eq!(there, expected);
    at_rest(&world).await;
}

#[tokio::test]
async fn one_that_was_left_out_for_its_numbers_is_asked_for_them_when_it_can_be_paid_for() {
    let waterfall = "order = [\"apollo\", \"pdl\"]\non_exhausted = \"skip\"\nfields = { mobile_phone = [\"pdl\"] }";
    let mut world = world_with_numbers(waterfall, |_| {}).await;
    world.reconfigure(|tenant| tenant.fallbacks[0].plan.grant = nothing(&tenant.fallbacks[0].plan.grant));
    let leads = queued_leads(&world, 8).await;
    world.settle_down(2).await;
    for (at, lead) in leads.iter().enumerate() {
        assert!(title(&world, lead).is_some(), "the person is written");
        assert_eq!((charges(&world, &email(at)), number(&world, lead)), (charged(1, 0), None));
    }
    assert_eq!(states(&world, &leads).await, [StateName::Deferred; 8], "the numbers are waited for");
    world.reconfigure(|tenant| {
        let kinds = tenant.fallbacks[0].plan.grant.iter().map(|(kind, _)| (kind.clone(), Milli::credits(100)));
        tenant.fallbacks[0].plan.grant = kinds.collect();
    });
    world.next_cycle(10_000_000).await;
    world.settle_down(2).await;
    assert_eq!(states(&world, &leads).await, [StateName::Written; 8]);
    let mut found = 0;
    for (at, lead) in leads.iter().enumerate() {
        let has_one = number_at_pdl(&world, at).is_some();
        assert_eq!(number(&world, lead).is_some(), has_one, "{lead}");
        assert_eq!(
            charges(&world, &email(at)),
            charged(1, usize::from(has_one)),
            "{lead}: the first is not asked again"
        );
        found += usize::from(has_one);
    }
    assert!((1..8).contains(&found), "{found}");
    at_rest(&world).await;
}

/// The same kinds of credit, and none of any.
fn nothing(grant: &Amounts) -> Amounts {
    grant.iter().map(|(kind, _)| (kind.clone(), Milli::ZERO)).collect()
}

fn charged(apollo: usize, pdl: usize) -> BTreeMap<&'static str, usize> {
    BTreeMap::from([("apollo", apollo), ("pdl", pdl)])
}

/// Three leads: the first provider knows one, the second another.
async fn three() -> (Stage, Vec<String>) {
    let world = world_with(IN_ORDER, |_| {}).await;
    world.apollo.forget(&email(1));
    world.apollo.forget(&email(2));
    world.providers.pdl.forget(&email(2));
    let leads = queued_leads(&world, 3).await;
    (world, leads)
}

#[tokio::test]
async fn whatever_call_breaks_between_and_within_the_steps_each_is_paid_once() {
    let (world, _) = three().await;
    let calls = calls_of_a_round(&world).await;
    drop(world);
    assert!(calls.iter().filter(|call| call.ends_with("TransactWriteItems")).count() >= 4, "{calls:?}");
    for (at, operation) in calls.iter().enumerate() {
        for how in WAYS_TO_BREAK {
            let (world, leads) = three().await;
            round_that_breaks(&world, at, &how).await;
            world.settle_down(2).await;
            let place = format!("call {at} ({operation}) was broken by {how:?}");
            let expected = [StateName::Written, StateName::Written, StateName::Unmatched];
            assert_eq!(states(&world, &leads).await, expected, "{place}");
            let books = at_rest(&world).await;
            let unknown = |name: &str| books.by_provider.get(name).map_or(0, |lines| lines.unknowns);
            for (number, paid) in [("apollo", 0), ("pdl", 1)] {
                let charged = charges(&world, &email(paid))[number];
                assert!((1..=1 + unknown(number)).contains(&charged), "{place}: {number} charged {charged} times");
            }
            assert_eq!(charges(&world, &email(0))["pdl"], 0, "{place}: the first knows this one");
            let is_of_provider = operation.starts_with("apollo") || operation.starts_with("pdl");
            if !is_of_provider && !how.is_death() {
                assert_eq!(books.unknown, 0, "{place}");
            }
        }
    }
}
