//! Fields that go to the company which a contact is with: read with the contact, written beside it, and a person's there as
//! anywhere.

mod trouble;

use leadgate_enrichment::clock::days;
use leadgate_enrichment::lead::record::{State, StateName};
use leadgate_sandbox::simulators::apollo::{Organization, Person};
use leadgate_sandbox::simulators::hubspot::{Format, Kind};
use leadgate_sandbox::world::{Settings, World};

use crate::books::at_rest;
use crate::stage::{Stage, states, world_with};

/// What goes to companies: a text of ours to overwrite, and two that only fill what is blank.
const FIELDS: &str = "\n\"companies.industry\" = { from = \"company_industry\", policy = \"overwrite_ours\" }\n\
                      \"companies.numberofemployees\" = { from = \"company_employees\" }\n\
                      \"companies.city\" = { from = \"company_city\" }\n";

fn with_companies(settings: &mut Settings) {
    settings.config.push_str(FIELDS);
}

async fn world() -> Stage {
    world_with(with_companies).await
}

/// Of a mapping, nothing but what goes to companies.
fn only_companies(settings: &mut Settings) {
    let (rest, _) = settings.config.split_once("[tenants.demo.fields]").expect("a mapping");
    settings.config = format!("{rest}[tenants.demo.fields]{FIELDS}");
}

/// One who works at Engine, whom the provider knows with this industry of theirs.
fn know(world: &World, number: usize, industry: &str) -> String {
    let (first, last) = (format!("First{number}"), format!("Last{number}"));
    let email = format!("first{number}.last{number}@engine.example");
    let employer = Organization {
        industry: industry.to_owned(),
        employees: 1200,
        city: "London".to_owned(),
        ..Organization::new("Engine", "engine.example")
    };
    let title = "Countess".to_owned();
    world.apollo.know(Person { organization: Some(employer), title, ..Person::new(&first, &last, &email) });
    email
}

/// A contact at this company.
fn lead(world: &World, number: usize, company: &str) -> String {
    let email = know(world, number, "Machinery");
    let lead = world.hubspot.create_contact([("email", email.as_str())]);
    world.hubspot.associate(&lead, company);
    lead
}

fn engine(world: &World) -> String {
    world.hubspot.create_company([("name", "Engine"), ("domain", "engine.example")])
}

async fn told(world: &World) {
    world.hubspot.deliver().await;
    world.settle_down(1).await;
}

fn value(world: &World, company: &str, property: &str) -> Option<String> {
    world.hubspot.company(company).expect("the company").value(property).map(str::to_owned)
}

fn title(world: &World, lead: &str) -> Option<String> {
    world.hubspot.contact(lead).expect("the contact").value("jobtitle").map(str::to_owned)
}

/// A quarter passes, and the contact becomes due again by a change.
async fn a_quarter_passes(world: &World, lead: &str, number: usize) {
    world.clock.turn(days(91));
    world.apollo.begin_cycle(1_000_000);
    world.hubspot.edit(lead, "website", &format!("https://engine.example/{number}"));
    told(world).await;
}

#[tokio::test]
async fn a_company_of_several_contacts_is_read_and_written_once() {
    let world = world_with(|settings| {
        with_companies(settings);
        let source = "last_enriched_property = \"leadgate_last_enriched\"\nsource_property = \"leadgate_source\"";
        settings.config = settings.config.replacen("last_enriched_property = \"leadgate_last_enriched\"", source, 1);
    })
    .await;
    let (engine, other) = (engine(&world), world.hubspot.create_company([("name", "Other"), ("city", "Rome")]));
    let leads = [lead(&world, 1, &engine), lead(&world, 2, &engine), lead(&world, 3, &other)];
    world.hubspot.associate_also(&leads[0], &other);
    told(&world).await;
    let of = |company: &str| ["industry", "numberofemployees", "city"].map(|name| value(&world, company, name));
    let texts = |values: [&str; 3]| values.map(|value| Some(value.to_owned()));
    assert_eq!(of(&engine), texts(["Machinery", "1200", "London"]));
    assert_eq!(of(&other), texts(["Machinery", "1200", "Rome"]), "a person's stays");
    assert!(leads.iter().all(|lead| title(&world, lead).as_deref() == Some("Countess")));
    let calls = world.hubspot.counters();
    assert_eq!((calls.of("batch_update"), calls.of("company_batch_update"), calls.of("company_update")), (1, 1, 0));
    assert_eq!((calls.of("associations"), calls.of("company_batch_read")), (2, 2), "for both reads of the batch");
    let contact = world.hubspot.contact(&leads[0]).expect("the contact");
    let source = contact.value("leadgate_source").expect("where it comes from");
    assert!(source.contains("companies.industry") && !source.contains("companies.,"), "{source}");
    assert_eq!(at_rest(&world).await.spent, 3000);
}

#[tokio::test]
async fn a_contact_without_a_company_is_enriched_all_the_same() {
    let world = world().await;
    let email = know(&world, 1, "Machinery");
    let alone = world.hubspot.create_contact([("email", email.as_str())]);
    let (not_primary, company) = (lead(&world, 2, "0"), engine(&world));
    world.hubspot.dissociate(&not_primary);
    world.hubspot.associate_also(&not_primary, &company);
    told(&world).await;
    assert!(title(&world, &alone).is_some() && title(&world, &not_primary).is_some());
    assert_eq!(value(&world, &company, "industry"), None, "it is the primary company of no one");
    assert_eq!(world.hubspot.counters().of("company_batch_update"), 0);
    assert_eq!(at_rest(&world).await.spent, 2000);
}

#[tokio::test]
async fn a_field_without_room_costs_nothing() {
    let world = world_with(|settings| {
        only_companies(settings);
        *settings = settings.clone().with_employers();
    })
    .await;
    // One without a company, and one whose company has it all.
    let email = know(&world, 1, "Machinery");
    let alone = world.hubspot.create_contact([("email", email.as_str())]);
    let full = [("industry", "Steam"), ("numberofemployees", "3"), ("city", "Rome")];
    let full = world.hubspot.create_company(full);
    let leads = [alone, lead(&world, 2, &full)];
    told(&world).await;
    assert_eq!(at_rest(&world).await.spent, 0);
    for lead in &leads {
        assert_eq!(world.record(lead).await.map(|record| record.state), Some(State::Written), "nothing is wanted");
    }
    // One whose company has room: the person and the employer are bought.
    let engine = engine(&world);
    lead(&world, 3, &engine);
    told(&world).await;
    assert_eq!(value(&world, &engine, "industry").as_deref(), Some("Machinery"));
    assert_eq!(at_rest(&world).await.spent, 2000);
    // And another of the same company, which has no room any more.
    lead(&world, 4, &engine);
    told(&world).await;
    assert_eq!(at_rest(&world).await.spent, 2000);
}

#[tokio::test]
async fn what_is_ours_is_ours_in_that_company_only() {
    let world = world().await;
    let engine = engine(&world);
    let ada = lead(&world, 1, &engine);
    told(&world).await;
    assert_eq!(value(&world, &engine, "industry").as_deref(), Some("Machinery"));

    know(&world, 1, "Software");
    a_quarter_passes(&world, &ada, 1).await;
    assert_eq!(value(&world, &engine, "industry").as_deref(), Some("Software"), "it is ours to overwrite");

    // She goes to another company, where a person has typed in the same word.
    let other = world.hubspot.create_company([("name", "Other"), ("industry", "Software"), ("city", "Rome")]);
    world.hubspot.associate(&ada, &other);
    know(&world, 1, "Weaving");
    a_quarter_passes(&world, &ada, 2).await;
    assert_eq!(value(&world, &other, "industry").as_deref(), Some("Software"), "there it is a person's");
    assert_eq!(value(&world, &other, "numberofemployees").as_deref(), Some("1200"), "what is blank is filled");
    assert_eq!(value(&world, &engine, "industry").as_deref(), Some("Software"), "she isn't there any longer");

    world.hubspot.associate(&ada, &engine);
    world.hubspot.edit_company(&engine, "industry", "Typed by hand");
    a_quarter_passes(&world, &ada, 3).await;
    assert_eq!(value(&world, &engine, "industry").as_deref(), Some("Typed by hand"));
    at_rest(&world).await;
}

#[tokio::test]
async fn what_happens_to_a_company_makes_nothing_due() {
    for format in [Format::Classic, Format::Generic, Format::Both] {
        let world = world_with(|settings| {
            with_companies(settings);
            let on_change = "enrich_on_change = [\"industry\", ";
            settings.config = settings.config.replacen("enrich_on_change = [", on_change, 1);
        })
        .await;
        world.hubspot.tell_of_companies(format);
        let engine = engine(&world);
        let ada = lead(&world, 1, &engine);
        told(&world).await;
        let pending = world.hubspot.pending_events();
        assert!(pending.iter().any(|event| event.property_name.as_deref() == Some("industry")), "{pending:?}");
        // Long after, so that nothing is fresh: our own write, a person's, a merge and a deletion.
        world.clock.turn(days(91));
        world.hubspot.edit_company(&engine, "industry", "Typed by hand");
        let twin = world.hubspot.create_company([("name", "Engine, Ltd")]);
        let merged = world.hubspot.merge_companies(&engine, &twin).expect("both are there");
        assert!(world.hubspot.delete_company(&merged));
        let delivered = world.hubspot.deliver().await;
        assert_eq!((delivered.rejected.len(), delivered.unanswered), (0, 0), "{delivered:?}");
        assert_eq!((world.waiting().await, world.hubspot.pending_events().len()), (0, 0), "{format:?}");
        world.settle_down(1).await;
        assert_eq!(world.apollo.ledger().people_asked, 1, "{format:?}");
        assert_eq!(states(&world, &[ada]).await, [StateName::Written]);
    }
}

#[tokio::test]
async fn a_value_that_a_company_refuses_is_left_out_and_the_rest_written() {
    let world = world().await;
    world.hubspot.define_company_property_as("industry", Kind::Choice(vec!["STEAM".to_owned()]));
    world.hubspot.remove_company_property("city");
    let engine = engine(&world);
    let leads = [lead(&world, 1, &engine), lead(&world, 2, &engine)];
    told(&world).await;
    assert_eq!(value(&world, &engine, "industry"), None);
    assert_eq!(value(&world, &engine, "numberofemployees").as_deref(), Some("1200"));
    assert_eq!(states(&world, &leads).await, [StateName::Written; 2]);
    assert!(leads.iter().all(|lead| title(&world, lead).is_some()));
    assert_eq!(at_rest(&world).await.spent, 2000);
}
