//! What HubSpot does with values: numbers and days that it refuses, and telephone numbers that it writes in its own way.

use leadgate_enrichment::clock::days;
use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::apollo::{Asked, Organization, Person};
use leadgate_sandbox::simulators::fault::AnswerEdit;
use leadgate_sandbox::simulators::hubspot::Kind;
use leadgate_sandbox::world::{Rewrite, World};
use serde_json::{Value, json};

use crate::books::at_rest;
use crate::stage::{Stage, all_enriched, queued_leads, refuse_writes, states, world, world_with};

const EMAIL: &str = "ada@engine.example";

/// The provider knows Ada, whose employer has this telephone number.
fn know_ada(world: &World, phone: &str) {
    let employer = Organization { phone: phone.to_owned(), ..Organization::new("Engine", "engine.example") };
    let title = "Countess".to_owned();
    world.apollo.know(Person { organization: Some(employer), title, ..Person::new("Ada", "Lovelace", EMAIL) });
}

/// Ada in a world where her employer's number goes into `phone`, and a change of that makes her due again.
async fn ada(phone: &str) -> (Stage, String) {
    let world = world_with(|settings| {
        settings.config.push_str("\nphone = { from = \"company_phone\", policy = \"overwrite_ours\" }\n");
        let on_change = "enrich_on_change = [\"phone\", ";
        settings.config = settings.config.replacen("enrich_on_change = [", on_change, 1);
    })
    .await;
    know_ada(&world, phone);
    let lead = world.hubspot.create_contact([("email", EMAIL)]);
    (world, lead)
}

async fn told(world: &World) {
    world.hubspot.deliver().await;
    world.settle_down(1).await;
}

fn value(world: &World, lead: &str, property: &str) -> Option<String> {
    world.hubspot.contact(lead).expect("the contact").value(property).map(str::to_owned)
}

/// A quarter passes, and the record becomes due again by a change.
async fn a_quarter_passes(world: &World, lead: &str, number: usize) {
    world.clock.turn(days(91));
    world.apollo.begin_cycle(1_000_000);
    world.hubspot.edit(lead, "website", &format!("https://engine.example/{number}"));
    told(world).await;
}

#[tokio::test]
async fn a_number_that_the_crm_formats_stays_ours_until_a_person_types_another() {
    let (world, lead) = ada("+15552000001").await;
    told(&world).await;
    assert_eq!(value(&world, &lead, "phone").as_deref(), Some("+1 555-200-0001"));
    know_ada(&world, "+15552000002");
    a_quarter_passes(&world, &lead, 1).await;
    assert_eq!(value(&world, &lead, "phone").as_deref(), Some("+1 555-200-0002"));

    world.hubspot.edit(&lead, "phone", "+1 555-200-0003");
    know_ada(&world, "+15552000004");
    a_quarter_passes(&world, &lead, 2).await;
    assert_eq!(value(&world, &lead, "phone").as_deref(), Some("+1 555-200-0003"));
    assert_eq!(world.apollo.charges_of(EMAIL), 3);
}

#[tokio::test]
async fn a_number_that_the_crm_formats_starts_no_loop_even_when_it_is_written_late() {
    let (world, lead) = ada("+15552000001").await;
    refuse_writes(&world);
    told(&world).await;
    assert_eq!(states(&world, std::slice::from_ref(&lead)).await, [StateName::Failed]);
    world.hubspot.faults().clear();
    // What is written now was bought so long ago that the record is not fresh.
    a_quarter_passes(&world, &lead, 1).await;
    assert_eq!(value(&world, &lead, "phone").as_deref(), Some("+1 555-200-0001"));
    for _ in 0..3 {
        told(&world).await;
    }
    assert_eq!(world.apollo.charges_of(EMAIL), 1, "the echo of our own write makes nothing due");
}

#[tokio::test]
async fn a_number_whose_new_form_the_crm_does_not_tell_is_a_persons() {
    let (world, lead) = ada("+15552000001").await;
    world.wire.rewrite_by(|call, _| {
        let silent = |mut answer: Value| {
            for result in answer["results"].as_array_mut().expect("results") {
                result["properties"] = json!({});
            }
            answer
        };
        call.operation.ends_with("batch/update").then(|| Rewrite::Received(AnswerEdit::new(silent)))
    });
    told(&world).await;
    know_ada(&world, "+15552000002");
    a_quarter_passes(&world, &lead, 1).await;
    assert_eq!(value(&world, &lead, "phone").as_deref(), Some("+1 555-200-0001"));
}

#[tokio::test]
async fn amounts_are_written_as_plain_numbers() {
    let world = world_with(|settings| {
        let fields = "\nheadcount = { from = \"company_employees\" }\nannualrevenue = { from = \"company_revenue\" }\n";
        settings.config.push_str(fields);
    })
    .await;
    world.hubspot.define_property_as("headcount", Kind::Number);
    world.hubspot.define_property_as("annualrevenue", Kind::Number);
    let employer =
        Organization { employees: 1200, revenue: 12_500_000_000, ..Organization::new("Engine", "engine.example") };
    let ada = Person { organization: Some(employer), ..Person::new("Ada", "Lovelace", EMAIL) };
    world.apollo.know(ada);
    let lead = world.hubspot.create_contact([("email", EMAIL)]);
    told(&world).await;
    let amounts = ["headcount", "annualrevenue"].map(|property| value(&world, &lead, property));
    assert_eq!(amounts, [Some("1200".to_owned()), Some("12500000000".to_owned())]);
}

#[tokio::test]
async fn one_value_that_the_crm_refuses_fails_the_batch_and_costs_only_itself() {
    let world = world().await;
    let emails: Vec<String> = (0..6).map(|i| format!("first{i}.last{i}@engine{i}.example")).collect();
    let leads: Vec<String> = emails.iter().map(|email| world.hubspot.create_contact([("email", email)])).collect();
    let city = world.apollo.whom(&Asked::email(&emails[0])).expect("a known person").city;
    world.hubspot.define_property_as("city", Kind::Choice(vec![city]));
    told(&world).await;
    all_enriched(&world, &leads);
    assert_eq!(states(&world, &leads).await, [StateName::Written; 6]);
    let refused = leads.iter().filter(|lead| value(&world, lead, "city").is_none()).count();
    assert!((1..6).contains(&refused), "{refused} are elsewhere");
    let calls = world.hubspot.counters();
    assert_eq!(calls.of("batch_update"), 1);
    assert_eq!(calls.of("update"), 6 + refused as u64, "each alone, and once more without what was refused");
    assert_eq!(at_rest(&world).await.spent, 6000);
}

#[tokio::test]
async fn a_day_is_no_place_for_an_instant_and_the_rest_is_written() {
    let world = world().await;
    world.hubspot.define_property_as("leadgate_last_enriched", Kind::Date);
    let leads = queued_leads(&world, 2).await;
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    assert_eq!(value(&world, &leads[0], "leadgate_last_enriched"), None);
    assert_eq!(states(&world, &leads).await, [StateName::Written; 2]);
    at_rest(&world).await;
}
