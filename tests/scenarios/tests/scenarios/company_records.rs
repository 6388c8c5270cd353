//! Companies that are records themselves: bought once for whoever wants to know them, written as people are.

mod trouble;

use std::time::Duration;

use leadgate_enrichment::clock::days;
use leadgate_enrichment::ids::{ObjectType, Origin, RecordKey};
use leadgate_enrichment::lead::record::{Record, State, StateName};
use leadgate_enrichment::outcome::RefuseReason;
use leadgate_sandbox::simulators::apollo::{Organization, Person};
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::simulators::hubspot::{Format, Kind};
use leadgate_sandbox::world::{Settings, World};

use crate::books::at_rest;
use crate::stage::{Stage, world_with};

/// What companies are enriched with: a text of ours to overwrite, and two that only fill what is blank.
const COMPANIES: &str = "\n[tenants.demo.companies]\n\
                         enrich_on_change = [\"domain\"]\n\
                         last_enriched_property = \"leadgate_last_enriched\"\n\
                         source_property = \"leadgate_source\"\n\
                         [tenants.demo.companies.fields]\n\
                         industry = { from = \"company_industry\", policy = \"overwrite_ours\" }\n\
                         numberofemployees = { from = \"company_employees\" }\n\
                         city = { from = \"company_city\" }\n";

fn with_companies(settings: &mut Settings) {
    *settings = settings.clone().with_employers();
    settings.config = settings.config.replacen("organizations = true\n", "", 1);
    settings.config.push_str(COMPANIES);
}

pub(crate) async fn world() -> Stage {
    let world = world_with(with_companies).await;
    for (property, kind) in [("leadgate_last_enriched", Kind::DateTime), ("leadgate_source", Kind::Text)] {
        world.hubspot.define_company_property_as(property, kind);
    }
    world
}

/// A world in which employers are looked up beside people as well.
async fn world_with_employers() -> Stage {
    world_with(|settings| {
        with_companies(settings);
        settings.config = settings.config.replacen("callback_url =", "organizations = true\ncallback_url =", 1);
    })
    .await
}

/// The provider knows this company, with somebody who works there.
fn know(world: &World, domain: &str, industry: &str) -> String {
    let email = format!("ada.lovelace@{domain}");
    let company = Organization {
        industry: industry.to_owned(),
        employees: 1200,
        city: "London".to_owned(),
        ..Organization::new("Engine", domain)
    };
    let title = "Countess".to_owned();
    world.apollo.know_organization(company.clone());
    world.apollo.know(Person { organization: Some(company), title, ..Person::new("Ada", "Lovelace", &email) });
    email
}

fn company(world: &World, domain: &str) -> String {
    world.hubspot.create_company([("name", "Engine"), ("domain", domain)])
}

async fn told(world: &World) {
    let delivered = world.hubspot.deliver().await;
    assert_eq!((delivered.rejected.len(), delivered.unanswered), (0, 0), "{delivered:?}");
    world.settle_down(1).await;
}

fn value(world: &World, company: &str, property: &str) -> Option<String> {
    world.hubspot.company(company).expect("the company").value(property).map(str::to_owned)
}

fn key(world: &World, id: &str) -> RecordKey {
    let (tenant, origin) = (world.tenant_id().clone(), Origin::known("hubspot"));
    RecordKey { tenant, origin, object: ObjectType::known("company"), id: id.to_owned() }
}

async fn record(world: &World, id: &str) -> Option<Record> {
    let key = key(world, id);
    let consistency = leadgate_aws::table::Consistency::Strong;
    world.records.read(std::slice::from_ref(&key), consistency).await.expect("readable").remove(&key)
}

async fn state(world: &World, id: &str) -> State {
    record(world, id).await.expect("a record").state
}

#[tokio::test]
async fn a_company_is_bought_once_however_often_and_in_whichever_form_it_is_told_of() {
    for format in [Format::Classic, Format::Generic, Format::Both] {
        let world = world().await;
        world.hubspot.tell_of_companies(format);
        know(&world, "engine.example", "Machinery");
        let engine = company(&world, "https://www.engine.example/about");
        // Another record of the same company, and one that the provider doesn't know.
        let twin = world.hubspot.create_company([("domain", "engine.example"), ("city", "Rome")]);
        let unknown = company(&world, "nowhere.example");
        world.apollo.forget_organization("nowhere.example");
        told(&world).await;
        let of = |company: &str| ["industry", "numberofemployees", "city"].map(|name| value(&world, company, name));
        let texts = |values: [&str; 3]| values.map(|value| Some(value.to_owned()));
        assert_eq!(of(&engine), texts(["Machinery", "1200", "London"]), "{format:?}");
        assert_eq!(of(&twin), texts(["Machinery", "1200", "Rome"]), "{format:?}: a person's stays");
        assert_eq!(state(&world, &unknown).await.name(), StateName::Unmatched, "{format:?}");
        let source = value(&world, &engine, "leadgate_source").expect("where it comes from");
        assert!(source.contains("industry"), "{source}");
        let books = at_rest(&world).await;
        assert_eq!((books.spent, world.apollo.ledger().people_asked), (1000, 0), "{format:?}");

        // Told again, a week later, and of our own writes: nothing is due.
        world.clock.turn(days(7));
        world.hubspot.edit_company(&engine, "city", "Paris");
        told(&world).await;
        told(&world).await;
        assert_eq!(value(&world, &engine, "city").as_deref(), Some("Paris"), "{format:?}");
        assert_eq!((at_rest(&world).await.spent, world.hubspot.pending_events().len()), (1000, 0), "{format:?}");
    }
}

#[tokio::test]
async fn without_properties_of_ours_a_company_is_enriched_all_the_same() {
    let world = world_with(with_companies).await;
    know(&world, "engine.example", "Machinery");
    let companies = [company(&world, "engine.example"), company(&world, "engine.example")];
    // The answers of the writes are lost: the next worker finds the values there, and nothing to write but ours.
    world.hubspot.faults().add(FaultRule::on("companies/", Fault::DropAfterWork).times(4));
    told(&world).await;
    world.settle_down(2).await;
    for company in &companies {
        assert_eq!(value(&world, company, "industry").as_deref(), Some("Machinery"));
        assert_eq!(state(&world, company).await, State::Written);
    }
    assert_eq!(at_rest(&world).await.spent, 1000);
}

#[tokio::test]
async fn another_domain_is_another_company_and_what_is_ours_is_written_over() {
    let world = world().await;
    know(&world, "engine.example", "Machinery");
    know(&world, "loom.example", "Weaving");
    let engine = company(&world, "engine.example");
    told(&world).await;
    assert_eq!(value(&world, &engine, "industry").as_deref(), Some("Machinery"));
    world.clock.turn(days(91));
    world.apollo.begin_cycle(1_000_000);
    world.hubspot.edit_company(&engine, "domain", "loom.example");
    told(&world).await;
    assert_eq!(value(&world, &engine, "industry").as_deref(), Some("Weaving"), "it was ours");
    assert_eq!(at_rest(&world).await.spent, 2000);
    // A person's word stays, whatever comes.
    world.clock.turn(days(91));
    world.apollo.begin_cycle(1_000_000);
    world.hubspot.edit_company(&engine, "industry", "Typed by hand");
    world.hubspot.edit_company(&engine, "numberofemployees", "");
    world.hubspot.edit_company(&engine, "domain", "engine.example");
    told(&world).await;
    assert_eq!(value(&world, &engine, "industry").as_deref(), Some("Typed by hand"));
    assert_eq!(value(&world, &engine, "numberofemployees").as_deref(), Some("1200"), "what is blank is filled");
    assert_eq!(at_rest(&world).await.spent, 3000);
}

#[tokio::test]
async fn a_company_that_nobody_knew_is_bought_when_it_gets_another_domain() {
    let world = world().await;
    know(&world, "loom.example", "Weaving");
    world.apollo.forget_organization("nowhere.example");
    let company = company(&world, "nowhere.example");
    told(&world).await;
    assert_eq!(state(&world, &company).await.name(), StateName::Unmatched);
    // What was not found isn't asked for again by a change of something else.
    world.clock.turn(Duration::from_secs(60));
    world.hubspot.edit_company(&company, "city", "Paris");
    told(&world).await;
    assert_eq!((state(&world, &company).await.name(), at_rest(&world).await.spent), (StateName::Unmatched, 0));
    world.hubspot.edit_company(&company, "domain", "loom.example");
    told(&world).await;
    assert_eq!(value(&world, &company, "industry").as_deref(), Some("Weaving"));
    assert_eq!(at_rest(&world).await.spent, 1000);
}

#[tokio::test]
async fn what_is_known_of_employers_is_known_of_companies_and_the_other_way_round() {
    // The company first, then somebody who works there; and the other way round; and both in one delivery.
    for order in [[true, false], [false, true]] {
        let world = world_with_employers().await;
        let email = know(&world, "engine.example", "Machinery");
        let mut engine = None;
        for is_company in order {
            match is_company {
                true => engine = Some(company(&world, "engine.example")),
                false => drop(world.hubspot.create_contact([("email", email.as_str())])),
            }
            told(&world).await;
        }
        assert_eq!(value(&world, &engine.expect("it was created"), "industry").as_deref(), Some("Machinery"));
        let books = at_rest(&world).await;
        assert_eq!(
            (books.spent, world.apollo.organization_charges_of("engine.example")),
            (2000, 1),
            "a person and a company: {order:?}"
        );
    }
    let world = world_with_employers().await;
    let email = know(&world, "engine.example", "Machinery");
    let engine = company(&world, "engine.example");
    let lead = world.hubspot.create_contact([("email", email.as_str())]);
    told(&world).await;
    assert_eq!(value(&world, &engine, "industry").as_deref(), Some("Machinery"));
    assert_eq!(world.hubspot.contact(&lead).expect("her").value("industry"), Some("Machinery"));
    assert_eq!((at_rest(&world).await.spent, world.apollo.organization_charges_of("engine.example")), (2000, 1));
}

#[tokio::test]
async fn two_workers_that_are_at_work_on_one_company_buy_it_once() {
    let world = world_with_employers().await;
    let email = know(&world, "engine.example", "Machinery");
    let companies = [company(&world, "engine.example"), company(&world, "engine.example")];
    let lead = world.hubspot.create_contact([("email", email.as_str())]);
    world.hubspot.deliver().await;
    let (one, two, three) =
        (world.pump.receive_at_most(1).await, world.pump.receive_at_most(1).await, world.pump.receive_at_most(1).await);
    assert_eq!((one.len(), two.len(), three.len()), (1, 1, 1));
    tokio::join!(world.pump.invoke(one), world.pump.invoke(two), world.pump.invoke(three));
    world.settle_down(2).await;
    for company in &companies {
        assert_eq!(value(&world, company, "industry").as_deref(), Some("Machinery"));
    }
    assert!(world.hubspot.contact(&lead).expect("her").value("jobtitle").is_some());
    assert_eq!((at_rest(&world).await.spent, world.apollo.organization_charges_of("engine.example")), (2000, 1));
}

#[tokio::test]
async fn a_company_that_the_credits_cant_pay_for_waits_for_the_next_cycle() {
    let world = world_with(|settings| {
        with_companies(settings);
        settings.credits_per_cycle = Some(1);
    })
    .await;
    let domains = ["engine.example", "loom.example", "mill.example"];
    domains.iter().for_each(|domain| drop(know(&world, domain, "Machinery")));
    let companies = domains.map(|domain| company(&world, domain));
    told(&world).await;
    let waiting = async || {
        let mut waiting = 0;
        for company in &companies {
            waiting += usize::from(state(&world, company).await.name() == StateName::Deferred);
        }
        waiting
    };
    assert_eq!((waiting().await, at_rest(&world).await.spent), (2, 1000));
    for left in [1, 0] {
        world.next_cycle(1_000_000).await;
        world.settle_down(1).await;
        assert_eq!(waiting().await, left);
    }
    assert!(companies.iter().all(|company| value(&world, company, "industry").is_some()));
    assert_eq!(at_rest(&world).await.spent, 3000);
    assert!(domains.iter().all(|domain| world.apollo.organization_charges_of(domain) == 1));
}

#[tokio::test]
async fn a_company_without_a_domain_or_without_room_costs_nothing() {
    let world = world().await;
    know(&world, "engine.example", "Machinery");
    let nameless = world.hubspot.create_company([("name", "Engine")]);
    let full = [("domain", "engine.example"), ("industry", "Steam"), ("numberofemployees", "3"), ("city", "Rome")];
    let full = world.hubspot.create_company(full);
    told(&world).await;
    assert_eq!(state(&world, &nameless).await, State::Refused { reason: RefuseReason::NoIdentity });
    assert_eq!(state(&world, &full).await, State::Written, "nothing is wanted");
    assert_eq!(at_rest(&world).await.spent, 0);
    // Somebody adds the domain.
    world.clock.turn(Duration::from_secs(60));
    world.hubspot.edit_company(&nameless, "domain", "engine.example");
    told(&world).await;
    assert_eq!(value(&world, &nameless, "industry").as_deref(), Some("Machinery"));
    assert_eq!(at_rest(&world).await.spent, 1000);
}

#[tokio::test]
async fn companies_that_are_not_enriched_any_more_end_and_are_left_alone() {
    let mut world = world().await;
    know(&world, "engine.example", "Machinery");
    let engine = company(&world, "engine.example");
    world.hubspot.deliver().await;
    world.reconfigure(|tenant| tenant.companies = None);
    world.settle_down(1).await;
    assert_eq!(state(&world, &engine).await, State::Refused { reason: RefuseReason::NotEnriched });
    assert_eq!((value(&world, &engine, "industry"), at_rest(&world).await.spent), (None, 0));
    // Nothing more is made of what is told of them.
    world.clock.turn(Duration::from_secs(60));
    world.hubspot.edit_company(&engine, "domain", "loom.example");
    world.hubspot.deliver().await;
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn a_company_waits_by_its_own_price_and_what_may_pay_for_it_whatever_people_cost() {
    let two_companies = async |edit: fn(&mut Settings)| {
        let world = world_with(move |settings| {
            with_companies(settings);
            settings.credits_per_cycle = Some(1);
            edit(settings);
        })
        .await;
        let companies = ["engine.example", "loom.example"].map(|domain| {
            know(&world, domain, "Machinery");
            company(&world, domain)
        });
        told(&world).await;
        (world, companies)
    };
    let is_written = async |world: &World, company: &String| state(world, company).await.name() == StateName::Written;
    // A person costs more than there will be.
    let (world, companies) = two_companies(|settings| {
        let (row, dearer) =
            ("field = \"person\"\nfrom = \"2026-01-01\"\ncharge_on = \"match\"\n", "cost = { credits = 2 }");
        settings.config =
            settings.config.replacen(&format!("{row}cost = {{ credits = 1 }}"), &format!("{row}{dearer}"), 1);
    })
    .await;
    assert!(!is_written(&world, &companies[1]).await);
    world.next_cycle(1_000_000).await;
    world.settle_down(1).await;
    assert!(is_written(&world, &companies[1]).await, "{:?}", state(&world, &companies[1]).await);

    // A person costs less than a company, and there is enough for one.
    let dearer: fn(&mut Settings) = |settings| {
        let row = "field = \"organization\"\nfrom = \"2026-01-01\"\ncharge_on = \"match\"\n";
        let (old, new) = (format!("{row}cost = {{ credits = 1 }}"), format!("{row}cost = {{ credits = 3 }}"));
        settings.config = settings.config.replacen(&old, &new, 1);
    };
    // What is left pays for people alone.
    let for_people: fn(&mut Settings) = |settings| {
        let free =
            "allowances = [{ name = \"free\", action = \"match\", every = \"monthly\", grant = { credits = 10 } }]";
        settings.config = settings.config.replacen("anchor =", &format!("{free}\nanchor ="), 1);
    };
    for (edit, waiting) in [(dearer, 2), (for_people, 1)] {
        let (world, companies) = two_companies(edit).await;
        let mut waits = 0;
        for company in &companies {
            waits += usize::from(state(&world, company).await.name() == StateName::Deferred);
        }
        assert_eq!(waits, waiting);
        assert_eq!(world.run_release().await.released, 0, "it would only be parked again");
    }
}
