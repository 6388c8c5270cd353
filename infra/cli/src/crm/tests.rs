//! The commands as people give them, on a running world.

use clap::Parser;
use leadgate_connectors::registry;
use leadgate_enrichment::config::Config;
use leadgate_sandbox::simulators::apollo::mailbox_id;
use leadgate_sandbox::simulators::hubspot::Kind;
use leadgate_sandbox::simulators::pipedrive::LAST_ENRICHED;
use leadgate_sandbox::world::{MAILBOXES, Settings, World};

use super::live::Found;
use super::{live, set_up};
use crate::books::Books;

const CONFIG: &str = include_str!("../../../leadgate.toml");
const SOURCE: &str = "last_enriched_property = \"leadgate_last_enriched\"\nsource_property = \"leadgate_provenance\"";

fn with_source(config: &str) -> String {
    config.replacen("last_enriched_property = \"leadgate_last_enriched\"", SOURCE, 1)
}

async fn world() -> World {
    let mut settings = Settings::default();
    settings.config = with_source(&settings.config);
    settings.apollo.unknown_share = 0.0;
    World::start(settings).await.expect("a world starts")
}

async fn books(world: &World) -> Books {
    let local = format!("--local={}", world.url);
    let typed = ["leadgate", "crm", &local, "setup"];
    let crate::Command::Crm(arguments) = crate::Arguments::try_parse_from(typed).expect("a command").command else {
        unreachable!("that is the command")
    };
    Books::find(&arguments.place).await.expect("books")
}

async fn prepared(books: &Books, dry_run: bool) -> Vec<(String, &'static str)> {
    let prepared = set_up(books, dry_run).await.expect("prepared");
    prepared.into_iter().map(|it| (it.property, it.what)).collect()
}

/// What is found when this file is checked against the world's CRM.
async fn compared(world: &World, config: &str) -> Found {
    let config = Config::parse(config, &registry::vendors()).expect("a good file");
    live::compare(&config, Some(&world.url)).await.expect("an answer").remove(0)
}

/// A CRM that its own file fits, and what is said of the same file with another name in the place of a field's.
async fn compared_good_and_bad(settings: Settings, field: &str, another: &str) -> (World, String) {
    let config = settings.config.clone();
    let wrong = config.replacen(&format!("{field} = {{"), &format!("{another} = {{"), 1);
    let world = World::start(settings).await.expect("a world starts");
    let good = compared(&world, &config).await;
    assert!(good.is_good(), "{}", good.text());
    let found = compared(&world, &wrong).await;
    assert!(!found.is_good());
    (world, found.text())
}

#[tokio::test]
async fn what_is_missing_of_ours_is_created_once_and_then_written() {
    let world = world().await;
    let books = books(&world).await;
    let missing = "is missing: without --dry-run it is created";
    let ours = |what| vec![("leadgate_last_enriched".to_owned(), "is there"), ("leadgate_provenance".to_owned(), what)];
    assert_eq!(prepared(&books, true).await, ours(missing));
    assert_eq!(prepared(&books, true).await, ours(missing), "nothing was created");
    assert_eq!(prepared(&books, false).await, ours("is created"));
    assert_eq!(prepared(&books, false).await, ours("is there"));

    let lead = world.hubspot.create_contact([("email", "ada.lovelace@engine.example"), ("city", "London")]);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    let contact = world.hubspot.contact(&lead).expect("the contact");
    let said = contact.value("leadgate_provenance").expect("where it comes from");
    assert!(said.starts_with("apollo, 2026-01-15: ") && said.contains("jobtitle"), "{said}");
    assert!(!said.contains("city"), "that is the person's own: {said}");
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    assert_eq!(world.apollo.charges_of("ada.lovelace@engine.example"), 1, "what was written started nothing");
}

#[tokio::test]
async fn one_of_ours_that_takes_something_else_is_left_as_it_is() {
    let world = world().await;
    world.hubspot.define_property_as("leadgate_provenance", Kind::Number);
    let refused = set_up(&books(&world).await, false).await.err().expect("a refusal").to_string();
    assert!(refused.contains("\"leadgate_provenance\" takes a number, and text is written"), "{refused}");
}

#[tokio::test]
async fn a_mapping_that_the_crm_does_not_fit_is_found_before_a_lead_is() {
    let world = world().await;
    let good = compared(&world, CONFIG).await;
    assert!(good.is_good(), "{}", good.text());
    assert!(good.text().starts_with("demo: the CRM has the "), "{}", good.text());

    let wrong = CONFIG.replacen("jobtitle = {", "job_titel = {", 1).replacen("city = {", "createdate = {", 1);
    let wrong = wrong.replacen("country = {", "lifecyclestage = {", 1);
    let found = compared(&world, &wrong).await;
    assert!(!found.is_good());
    let said = found.text();
    for part in [
        "tenants.demo.fields.job_titel: the CRM has no property \"job_titel\"",
        "tenants.demo.fields.createdate: \"createdate\" is set by the CRM only",
        "tenants.demo.fields.lifecyclestage: \"lifecyclestage\" takes one of subscriber, lead, marketingqualifiedlead, \
         salesqualifiedlead, opportunity and 3 more only",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    let choice = CONFIG.replacen("country = {", "lifecyclestage = {", 1);
    assert!(compared(&world, &choice).await.is_good(), "some values can be written all the same");
}

#[tokio::test]
async fn a_company_is_compared_and_chooses_the_keys_of_its_fields_itself() {
    let (world, said) = compared_good_and_bad(Settings::default().with_pipedrive(), "job_title", "company").await;
    assert!(said.contains("\"company\" is set by the CRM only"), "{said}");
    let books = books(&world).await;
    world.pipedrive.remove_field(LAST_ENRICHED);
    let refused = set_up(&books, false).await.err().expect("a refusal").to_string();
    assert!(refused.contains("Pipedrive chooses the key"), "{refused}");
}

#[tokio::test]
async fn an_org_is_compared_and_what_it_lacks_is_for_its_administrator() {
    let (world, said) = compared_good_and_bad(Settings::default().with_salesforce(), "Title", "Titel").await;
    assert!(said.contains("tenants.demo.fields.Titel: the CRM has no property \"Titel\""), "{said}");
    assert!(!said.contains("identity ()"), "what an org has no field for is not asked for: {said}");
    let books = books(&world).await;
    assert_eq!(prepared(&books, false).await, [("Last_Enriched_At__c".to_owned(), "is there")]);
    world.salesforce.remove_field("Last_Enriched_At__c");
    let refused = set_up(&books, false).await.err().expect("a refusal").to_string();
    assert!(refused.contains("create \"Last_Enriched_At__c\" in the org's Setup"), "{refused}");
}

#[tokio::test]
async fn a_workspace_is_compared_and_gets_the_attribute_that_it_lacks() {
    let (world, said) = compared_good_and_bad(Settings::default().with_attio(), "job_title", "company").await;
    assert!(said.contains("\"company\" is set by the CRM only"), "{said}");
    let books = books(&world).await;
    world.attio.remove_attribute("last_enriched_at");
    assert_eq!(prepared(&books, false).await, [("last_enriched_at".to_owned(), "is created")]);
    assert_eq!(prepared(&books, false).await, [("last_enriched_at".to_owned(), "is there")]);
}

#[tokio::test]
async fn an_organization_is_compared_and_chooses_the_ids_of_its_fields_itself() {
    let (world, said) = compared_good_and_bad(Settings::default().with_close(), "title", "company").await;
    assert!(said.contains("\"company\" is set by the CRM only"), "{said}");
    let books = books(&world).await;
    world.close.remove_field(leadgate_sandbox::simulators::close::LAST_ENRICHED);
    let refused = set_up(&books, false).await.err().expect("a refusal").to_string();
    assert!(refused.contains("Close chooses the id"), "{refused}");
}

#[tokio::test]
async fn the_fields_of_an_org_at_zoho_are_compared() {
    let (_, said) = compared_good_and_bad(Settings::default().with_zoho(), "Designation", "Designatoin").await;
    assert!(said.contains("the CRM has no property \"Designatoin\""), "{said}");
}

#[tokio::test]
async fn what_goes_to_companies_is_compared_with_their_properties() {
    let world = world().await;
    let with = |fields: &str| format!("{CONFIG}\n{fields}\n");
    let good = with("\"companies.industry\" = { from = \"company_industry\" }");
    assert!(compared(&world, &good).await.is_good(), "{}", compared(&world, &good).await.text());
    let wrong = with("\"companies.jobtitle\" = { from = \"title\" }\n\"companies.createdate\" = { from = \"city\" }");
    let said = compared(&world, &wrong).await.text();
    for part in [
        "tenants.demo.fields.companies.jobtitle: the CRM has no property \"companies.jobtitle\"",
        "tenants.demo.fields.companies.createdate: \"companies.createdate\" is set by the CRM only",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

#[tokio::test]
async fn a_mailbox_that_a_rule_can_not_send_from_is_named() {
    let settings = Settings::default().with_signals();
    let config = settings.config.clone();
    let world = World::start(settings).await.expect("a world starts");
    world.prepare_for_signals();
    let said = compared(&world, &config).await.text();
    assert!(!said.contains("mailbox"), "{said}");
    let inactive = world.apollo.add_mailbox(MAILBOXES[0], false);
    let another = config.replace(&mailbox_id(MAILBOXES[1]), "6633baaece5fbd01c791d7ca");
    let found = compared(&world, &another).await;
    let said = found.text();
    assert!(!found.is_good());
    assert!(
        said.contains(&format!(
            "the rule \"new-job\" can't be sent from the mailbox {inactive}: it is inactive: Revoked"
        )),
        "{said}"
    );
    assert!(said.contains("the mailbox 6633baaece5fbd01c791d7ca: there is no such mailbox"), "{said}");
    assert_eq!(found.json()["mailboxes"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn what_companies_lack_is_found_and_created_among_their_own_properties() {
    let companies = "\n[tenants.demo.companies]\nlast_enriched_property = \"leadgate_last_enriched\"\n\
                     [tenants.demo.companies.fields]\nindustry = { from = \"company_industry\" }\n\
                     shoe_size = { from = \"company_employees\" }\n";
    let mut settings = Settings::default().with_employers();
    settings.config.push_str(companies);
    let world = World::start(settings.clone()).await.expect("a world starts");
    let found = compared(&world, &settings.config).await;
    assert!(!found.is_good());
    for lacking in ["tenants.demo.companies.last_enriched_property", "tenants.demo.companies.fields.shoe_size"] {
        assert!(found.text().contains(lacking), "{}", found.text());
    }
    let of_companies = "leadgate_last_enriched (of companies)".to_owned();
    let prepared = prepared(&books(&world).await, false).await;
    assert!(prepared.contains(&(of_companies, "is created")), "{prepared:?}");
    assert!(!compared(&world, &settings.config).await.text().contains("last_enriched_property"));
}
