//! The command as people give it, on a running world.

mod batches;

use clap::Parser;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{Settings, World};

use super::{Arguments, Done, Undone, lines, undo};
use crate::Failure;
use crate::books::Books;

/// What the person wrote themselves stands in `city`; the industry was ours to overwrite.
async fn world(change: impl FnOnce(&mut Settings)) -> World {
    let mut settings = Settings::default();
    settings.apollo.unknown_share = 0.0;
    let ours = "industry = { from = \"company_industry\", policy = \"overwrite_ours\" }";
    assert!(settings.config.contains(ours));
    settings.config =
        settings.config.replacen(ours, "industry = { from = \"company_industry\", policy = \"overwrite\" }", 1);
    change(&mut settings);
    World::start(settings).await.expect("a world starts")
}

async fn lead(world: &World, number: usize) -> String {
    let email = format!("first{number}.last{number}@engine.example");
    let lead = world.hubspot.create_contact([("email", email.as_str()), ("city", "London"), ("industry", "Steam")]);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    lead
}

fn typed(world: &World, words: &[&str]) -> Arguments {
    let local = format!("--local={}", world.url);
    let all = ["leadgate", "undo", &local].into_iter().chain(words.iter().copied());
    match crate::Arguments::try_parse_from(all).expect("a command").command {
        crate::Command::Undo(arguments) => arguments,
        _ => unreachable!("that is the command"),
    }
}

async fn done(world: &World, words: &[&str]) -> Result<Done, Failure> {
    let arguments = typed(world, words);
    let books = Books::find(&arguments.place).await.expect("books");
    undo(&books, &arguments, &*world.clock, &|_, _| {}).await
}

async fn undone(world: &World, words: &[&str]) -> Result<Vec<Undone>, Failure> {
    let done = done(world, words).await?;
    assert_eq!(done.stopped, None);
    Ok(done.records)
}

async fn purchase(world: &World) -> String {
    let entries = world.credits.unmetered().entries(world.tenant_id()).await.expect("entries");
    let purchase = entries.into_iter().rev().find_map(|entry| match entry {
        Entry::Purchase { purchase, .. } => Some(purchase.to_string()),
        _ => None,
    });
    purchase.expect("a purchase")
}

fn value(world: &World, lead: &str, property: &str) -> Option<String> {
    world.hubspot.contact(lead).expect("the contact").value(property).map(str::to_owned)
}

#[tokio::test]
async fn what_a_second_provider_told_is_undone_by_its_own_purchase() {
    let world = world(|settings| {
        settings.accounts.pdl.unknown_share = 0.0;
        *settings = settings.clone().with_beside(&["pdl"], "");
    })
    .await;
    world.apollo.forget("first0.last0@engine.example");
    let lead = lead(&world, 0).await;
    let industry = || world.hubspot.contact(&lead).and_then(|contact| contact.value("industry").map(str::to_owned));
    assert_ne!(industry().as_deref(), Some("Steam"), "it was written");
    let second = purchase(&world).await;
    assert!(second.ends_with("-1"), "{second}");
    assert_eq!(undone(&world, &[&second]).await.expect("done").len(), 1);
    assert_eq!(industry().as_deref(), Some("Steam"));
}

#[tokio::test]
async fn what_stood_there_before_stands_there_again_where_nothing_has_changed_it() {
    let world = world(|_| {}).await;
    let lead = lead(&world, 1).await;
    let purchase = purchase(&world).await;
    assert!(value(&world, &lead, "jobtitle").is_some());
    assert_ne!(value(&world, &lead, "industry").as_deref(), Some("Steam"), "it was overwritten");
    world.hubspot.edit(&lead, "company", "A better name");

    let planned = undone(&world, &[&purchase, "--dry-run"]).await.expect("a plan");
    assert!(value(&world, &lead, "jobtitle").is_some(), "nothing was changed");
    let done = undone(&world, &[&purchase]).await.expect("undone");
    assert_eq!((&done[0].restored, &done[0].left), (&planned[0].restored, &planned[0].left));
    assert_eq!(done[0].left.keys().collect::<Vec<_>>(), ["company"]);
    let said = lines(&done, false);
    assert!(said[0].ends_with("put back in 1 record.") && said[1].ends_with("keeps company: it was changed since"));
    for cleared in ["jobtitle", "leadgate_last_enriched", "firstname"] {
        assert_eq!(value(&world, &lead, cleared).unwrap_or_default(), "", "{cleared}");
    }
    assert_eq!(value(&world, &lead, "industry").as_deref(), Some("Steam"));
    assert_eq!(value(&world, &lead, "city").as_deref(), Some("London"));
    assert_eq!(value(&world, &lead, "company").as_deref(), Some("A better name"));

    // What was put back comes back as events, and starts nothing.
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!(world.apollo.charges_of("first1.last1@engine.example"), 1);
    assert_eq!(value(&world, &lead, "jobtitle").unwrap_or_default(), "");
    let again = undone(&world, &[&purchase]).await.expect("a repeat");
    assert!(again[0].restored.is_empty(), "{again:?}");
}

#[tokio::test]
async fn a_write_that_was_tried_twice_is_undone_to_what_stood_before_the_first() {
    let world = world(|_| {}).await;
    // It is written, and the answer is lost.
    world.hubspot.faults().add(FaultRule::on("batch/update", Fault::DropAfterWork).times(1));
    let lead = lead(&world, 1).await;
    assert_ne!(value(&world, &lead, "industry").as_deref(), Some("Steam"));
    let since = world.clock.now().to_string();
    assert!(undone(&world, &["--since", &since]).await.is_err(), "nothing was bought since then");
    let done = undone(&world, &["--since", "2026-01-01T00:00:00Z"]).await.expect("undone");
    assert_eq!(done.len(), 1);
    assert_eq!(value(&world, &lead, "industry").as_deref(), Some("Steam"));
    assert_eq!(value(&world, &lead, "jobtitle").unwrap_or_default(), "");
}

/// A lead of which every field is blank that a write-back would fill.
async fn blank_lead(world: &World, number: usize) -> String {
    let email = format!("first{number}.last{number}@engine.example");
    let lead = world.hubspot.create_contact([("email", email.as_str())]);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    lead
}

#[tokio::test]
async fn a_first_write_into_blank_fields_costs_nothing_to_undo() {
    let world = world(|_| {}).await;
    // It is written, and the answer is lost.
    world.hubspot.faults().add(FaultRule::on("batch/update", Fault::DropAfterWork).times(1));
    let lead = blank_lead(&world, 1).await;
    assert!(world.record(&lead).await.is_some_and(|record| record.filled_by.is_some()));
    let filled: Vec<&str> = ["jobtitle", "industry", "firstname", "leadgate_last_enriched"].into();
    assert!(filled.iter().all(|property| value(&world, &lead, property).is_some()));
    world.hubspot.edit(&lead, "jobtitle", "Queen");
    let done = undone(&world, &[&purchase(&world).await]).await.expect("undone");
    assert_eq!(done[0].left.keys().collect::<Vec<_>>(), ["jobtitle"]);
    for cleared in &filled[1..] {
        assert_eq!(value(&world, &lead, cleared).unwrap_or_default(), "", "{cleared}");
    }
    assert_eq!(value(&world, &lead, "jobtitle").as_deref(), Some("Queen"));

    let lead = blank_lead(&world, 2).await;
    let purchase = purchase(&world).await;
    world.clock.turn(leadgate_enrichment::clock::days(31));
    assert!(undone(&world, &[&purchase]).await.is_err(), "that is too long ago");
    world.hubspot.privacy_delete(&lead);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert!(world.record(&lead).await.is_some_and(|record| record.filled_by.is_none()), "it is forgotten");
}

#[tokio::test]
async fn what_was_kept_is_forgotten_in_time_and_with_its_person() {
    let world = world(|_| {}).await;
    let erased = lead(&world, 1).await;
    let first = purchase(&world).await;
    world.hubspot.privacy_delete(&erased);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    let refused = undone(&world, &[&first]).await.expect_err("nothing is kept").to_string();
    assert!(refused.contains("asked to be forgotten"), "{refused}");

    let lead = lead(&world, 2).await;
    let second = purchase(&world).await;
    assert_eq!(undone(&world, &[&second, "--dry-run"]).await.expect("a plan").len(), 1);
    world.clock.turn(leadgate_enrichment::clock::days(31));
    assert!(undone(&world, &[&second]).await.is_err(), "it is older than undo_days");
    assert!(value(&world, &lead, "jobtitle").is_some());
}

#[tokio::test]
async fn without_days_nothing_is_kept_and_the_command_says_so() {
    let world =
        world(|settings| settings.config = settings.config.replacen("undo_days = 30", "undo_days = 0", 1)).await;
    lead(&world, 1).await;
    let refused = undone(&world, &[&purchase(&world).await]).await.expect_err("nothing is kept").to_string();
    assert_eq!(refused, "nothing is kept to undo: tenants.demo.undo_days is 0");
    let unknown = undone(&world, &["--since", "2026-01-01T00:00:00Z"]).await.expect_err("nothing is kept").to_string();
    assert!(unknown.contains("undo_days"), "{unknown}");
}

#[tokio::test]
async fn in_an_org_a_lead_is_known_by_its_id_and_put_back_field_by_field() {
    let mut settings = Settings::default().with_salesforce();
    settings.apollo.unknown_share = 0.0;
    let world = World::start(settings).await.expect("a world starts");
    let lead = world.salesforce.create_lead([("Email", "ada.lovelace@engine.example"), ("City", "London")]);
    world.salesforce.deliver().await;
    world.settle_down(1).await;
    let value = |field: &str| {
        let record = world.salesforce.record(&lead).expect("the lead");
        record.value(field).unwrap_or_default().to_owned()
    };
    assert_ne!(value("Title"), "");
    let done = undone(&world, &[&purchase(&world).await]).await.expect("undone");
    assert!(done[0].left.is_empty(), "{done:?}");
    assert_eq!((value("Title"), value("City")), (String::new(), "London".to_owned()));
    // The short form of the id names the same record.
    let books = Books::find(&typed(&world, &["1"]).place).await.expect("books");
    assert_eq!(books.record_key(&lead[..15]).expect("a record").to_string(), format!("demo#salesforce#Lead#{lead}"));
}

#[tokio::test]
async fn a_number_of_a_person_is_taken_out_and_the_person_keeps_the_others() {
    let mut settings = Settings::default().with_pipedrive().with_phones();
    settings.apollo.unknown_share = 0.0;
    (settings.apollo.mobile_share, settings.apollo.do_not_call_share) = (1.0, 0.0);
    let world = World::start(settings).await.expect("a world starts");
    let id = world.pipedrive.create_person([("email", "ada.lovelace@engine.example")]);
    world.pipedrive.deliver().await;
    world.settle_down(1).await;
    world.clock.turn(std::time::Duration::from_secs(6 * 60));
    world.settle_down(1).await;
    let phones = || world.pipedrive.person(&id).expect("the person").entries("phones").len();
    assert_eq!(phones(), 1);
    let books = Books::find(&typed(&world, &["1"]).place).await.expect("books");
    let key = books.record_key(&id).expect("a record").to_string();
    assert_eq!(key, format!("demo#pipedrive#person#{id}"));
    let done = undone(&world, &["--since", "2026-01-01T00:00:00Z"]).await.expect("undone");
    assert!(done[0].left.is_empty(), "{done:?}");
    assert_eq!(phones(), 0);
    let person = world.pipedrive.person(&id).expect("the person");
    assert_eq!(person.value("email").as_deref(), Some("ada.lovelace@engine.example"));
}

/// Two leads, each with a company of its own in which Leadgate has written.
#[tokio::test]
async fn what_was_written_into_a_company_is_put_back_in_that_company_only() {
    let world = world(|settings| {
        let fields = "\"companies.industry\" = { from = \"company_industry\", policy = \"overwrite\" }\n\
                      \"companies.city\" = { from = \"company_city\" }\n";
        settings.config.push_str(&format!("\n{fields}"));
    })
    .await;
    let company = |name: &str| world.hubspot.create_company([("name", name), ("industry", "Steam")]);
    let [first, second, other] = ["First", "Second", "Other"].map(company);
    let mut leads = Vec::new();
    for (number, company) in [(1, &first), (2, &second)] {
        let email = format!("first{number}.last{number}@engine.example");
        let lead = world.hubspot.create_contact([("email", email.as_str())]);
        world.hubspot.associate(&lead, company);
        leads.push(lead);
    }
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    let of = |company: &str, property: &str| {
        world.hubspot.company(company).expect("the company").value(property).map(str::to_owned)
    };
    let written = of(&second, "industry").expect("an industry");
    assert_ne!(written, "Steam");
    // The second one changes employers: there, a person has typed the same word.
    world.hubspot.edit_company(&other, "industry", &written);
    world.hubspot.associate(&leads[1], &other);

    let undone = undone(&world, &["--since", "2026-01-01T00:00:00Z"]).await.expect("undone");
    let properties: Vec<&str> = undone.iter().flat_map(|it| &it.restored).map(String::as_str).collect();
    assert!(properties.contains(&"companies.industry") && !properties.iter().any(|name| name.ends_with('.')));
    assert_eq!((of(&first, "industry").as_deref(), of(&first, "city")), (Some("Steam"), None));
    assert_eq!((of(&second, "industry"), of(&other, "industry")), (Some(written.clone()), Some(written)));
    let left = undone.iter().find(|it| it.record.ends_with(&leads[1])).expect("the second").left.clone();
    assert_eq!(left.get("companies.industry").map(String::as_str), Some("it was changed since"));
}
