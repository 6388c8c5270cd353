//! What the provider tells only of those who are looked up alone: they are, where it is mapped, and paid for as always.

use std::time::Duration;

use leadgate_enrichment::clock::days;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::simulators::hubspot::Kind;
use leadgate_sandbox::world::{Break, Leftover, Settings, World};

use crate::books::{at_rest, books_of};
use crate::stage::{all_enriched, queued_leads, with_waterfall_email, world, world_with};

/// Fields that only a single call tells, of people and of organizations.
const FIELDS: &str =
    "\nlinkedinbio = { from = \"company_description\" }\nhs_seniority = { from = \"company_revenue\" }\n";

fn with_fields(settings: &mut Settings) {
    settings.config.push_str(FIELDS);
}

/// How often people, and organizations, were asked for alone and together.
fn calls(world: &World) -> [u64; 4] {
    let ledger = world.apollo.ledger();
    ["people/match", "people/bulk_match", "organizations/enrich", "organizations/bulk_enrich"]
        .map(|endpoint| ledger.calls_to(&format!("api/v1/{endpoint}")))
}

fn all_have(world: &World, leads: &[String], property: &str) {
    for lead in leads {
        let contact = world.hubspot.contact(lead).expect("the contact");
        assert!(contact.value(property).is_some(), "{lead} has no {property}: {:?}", contact.properties());
    }
}

#[tokio::test]
async fn what_only_a_single_call_tells_is_asked_for_alone_and_paid_for_once() {
    let world = world_with(with_fields).await;
    let leads = queued_leads(&world, 5).await;
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    all_have(&world, &leads, "linkedinbio");
    all_have(&world, &leads, "hs_seniority");
    assert_eq!(calls(&world), [5, 0, 0, 0]);
    assert_eq!((at_rest(&world).await.spent, world.apollo.ledger().records_charged), (5000, 5));
}

#[tokio::test]
async fn a_single_call_whose_answer_is_lost_leaves_the_others_as_they_are() {
    let world = world_with(with_fields).await;
    let leads = queued_leads(&world, 5).await;
    world.apollo.faults().add(FaultRule::on("people/match", Fault::DropAfterWork).times(1));
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    let charges: usize = (0..5).map(|i| world.apollo.charges_of(&format!("first{i}.last{i}@engine.example"))).sum();
    assert_eq!(charges, 6, "the outcome of one is unknown, and it is bought again");
    assert_eq!(books_of(&world).await.spent, 6000);
}

#[tokio::test]
async fn a_worker_that_dies_between_two_single_calls_leaves_no_charge_uncounted() {
    let world = world_with(with_fields).await;
    let leads = queued_leads(&world, 3).await;
    let mut calls = 0;
    world.wire.break_by(move |call| {
        calls += usize::from(call.operation.ends_with("people/match"));
        (calls == 2).then_some(Break::DeathAfter)
    });
    world.pump.round().await;
    world.wire.mend();
    world.clock.turn(Duration::from_secs(10 * 60));
    world.pump.show_hidden().await;
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    let books = books_of(&world).await;
    assert_eq!((books.spent, books.unknown, world.apollo.ledger().credits_charged), (6000, 3000, 5000));
}

#[tokio::test]
async fn who_was_bought_together_with_others_is_not_bought_again_for_what_that_left_out() {
    let mut world = world().await;
    let leads = queued_leads(&world, 5).await;
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    assert_eq!(calls(&world), [0, 1, 0, 0]);

    let mut settings = Settings::default();
    with_fields(&mut settings);
    world.deploy_file(&settings).expect("a configuration that is right");
    world.clock.turn(days(2));
    for lead in &leads {
        world.hubspot.edit(lead, "website", "https://www.engine.example");
    }
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!(calls(&world), [0, 1, 0, 0]);
    assert_eq!(at_rest(&world).await.spent, 5000);
}

#[tokio::test]
async fn employers_that_are_looked_up_by_themselves_leave_their_people_together() {
    let world = world_with(|settings| {
        *settings = settings.clone().with_employers();
        with_fields(settings);
    })
    .await;
    let emails = ["a.b@engine.example", "c.d@engine.example", "e.f@loom.example", "g.h@mill.example"];
    let leads = emails.map(|email| world.hubspot.create_contact([("email", email)]));
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    all_have(&world, &leads, "linkedinbio");
    all_have(&world, &leads, "hs_seniority");
    assert_eq!(calls(&world), [0, 1, 3, 0]);
    assert_eq!(at_rest(&world).await.spent, 7000);
}

#[tokio::test]
async fn an_employer_that_is_not_answered_for_ends_the_asking_and_nothing_else() {
    let world = world_with(|settings| {
        *settings = settings.clone().with_employers();
        with_fields(settings);
    })
    .await;
    let emails = ["a.b@engine.example", "c.d@loom.example", "e.f@mill.example"];
    let leads = emails.map(|email| world.hubspot.create_contact([("email", email)]));
    world.hubspot.deliver().await;
    world.apollo.faults().decide_by(|call| {
        let second = call.path.ends_with("organizations/enrich") && call.parameter("domain") == Some("loom.example");
        second.then_some(Fault::DropAfterWork)
    });
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    assert_eq!(calls(&world), [0, 1, 2, 0]);
    let charged = |domain: &str| world.apollo.organization_charges_of(domain);
    assert_eq!([charged("engine.example"), charged("loom.example"), charged("mill.example")], [1, 1, 0]);
    assert_eq!(books_of(&world).await.spent, 3000 + 2000);
}

#[tokio::test]
async fn with_a_waterfall_whatever_is_mapped_of_employers_is_asked_for_alone() {
    let world = world_with(|settings| with_waterfall_email(settings, "work_email")).await;
    world.leaves_behind(Leftover::OpenHolds);
    world.hubspot.define_property_as("work_email", Kind::Text);
    let leads = queued_leads(&world, 3).await;
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    all_have(&world, &leads, "company");
    assert_eq!(calls(&world)[..2], [3, 0]);
}
