//! The command as people give it, on a running world.

use clap::Parser;
use leadgate_sandbox::world::{Settings, World};

use super::{Preview, preview};
use crate::Failure;
use crate::books::Books;

async fn world(change: impl FnOnce(&mut Settings)) -> World {
    let mut settings = Settings { credits_per_cycle: Some(100), ..Settings::default() }.with_phones();
    settings.apollo.unknown_share = 0.0;
    change(&mut settings);
    World::start(settings).await.expect("a world starts")
}

async fn shown(world: &World, record: &str) -> Result<Preview, Failure> {
    let local = format!("--local={}", world.url);
    let place =
        match crate::Arguments::try_parse_from(["leadgate", "preview", &local, record]).expect("a command").command {
            crate::Command::Preview(arguments) => arguments.place,
            _ => unreachable!("that is the command"),
        };
    preview(&Books::find(&place).await.expect("books"), record).await
}

fn action(preview: &Preview, property: &str) -> &'static str {
    preview.rows.iter().find(|row| row.property == property).expect("a row").action.0
}

async fn work(world: &World) {
    world.hubspot.deliver().await;
    world.settle_down(1).await;
}

#[tokio::test]
async fn a_lead_is_shown_before_and_after_and_nothing_is_bought_by_looking() {
    let world = world(|_| {}).await;
    let lead = world.hubspot.create_contact([("email", "ada.lovelace@engine.example"), ("city", "London")]);
    let before = shown(&world, &lead).await.expect("a preview");
    let head = format!("demo#hubspot#contact#{lead} would be bought, for 1 credit at most, and 8 credits more for");
    assert!(before.head().starts_with(&head), "{}", before.head());
    assert_eq!((action(&before, "jobtitle"), action(&before, "city")), ("fill", "keep"));
    assert_eq!(before.json()["price_max"]["asynchronous"]["credits"], 8000);
    assert_eq!(world.apollo.ledger().credits_charged, 0);
    assert!(world.record(&lead).await.is_none(), "not even a record was made");

    work(&world).await;
    let after = shown(&world, &lead).await.expect("a preview");
    assert!(
        after.head().ends_with("was enriched lately, on 2026-01-15 10:00: nothing would be bought."),
        "{}",
        after.head()
    );
    assert_eq!((after.json()["verdict"].as_str(), action(&after, "jobtitle")), (Some("fresh"), "keep"));
    assert_eq!(action(&after, "industry"), "overwrite", "Leadgate wrote it");
    world.hubspot.edit(&lead, "industry", "Steam");
    assert_eq!(action(&shown(&world, &lead).await.expect("a preview"), "industry"), "keep", "a person did");
}

#[tokio::test]
async fn what_stands_in_the_way_is_said() {
    let world = world(|settings| settings.credits_per_cycle = Some(1)).await;
    let nameless = world.hubspot.create_contact([("city", "London")]);
    let refused = shown(&world, &nameless).await.expect("a preview");
    assert_eq!(refused.json()["verdict"], "refused", "{}", refused.head());
    let waits = world.hubspot.create_contact([("email", "ada.lovelace@engine.example")]);
    work(&world).await;
    let parked = shown(&world, &waits).await.expect("a preview");
    assert_eq!(parked.json()["verdict"], "deferred", "{}", parked.head());
    let gone = shown(&world, "4711").await.err().expect("nothing").to_string();
    assert_eq!(gone, "the CRM has no record \"4711\": it may be deleted, or merged");
}

#[tokio::test]
async fn a_field_of_a_company_is_shown_with_the_company_and_stays_without_one() {
    let world = world(|settings| {
        settings.config.push_str("\n\"companies.industry\" = { from = \"company_industry\" }\n");
    })
    .await;
    let lead = world.hubspot.create_contact([("email", "ada.lovelace@engine.example")]);
    let of_company = |preview: &Preview| action(preview, "companies.industry");
    assert_eq!(of_company(&shown(&world, &lead).await.expect("a preview")), "nowhere");
    let company = world.hubspot.create_company([("name", "Engine")]);
    world.hubspot.associate(&lead, &company);
    assert_eq!(of_company(&shown(&world, &lead).await.expect("a preview")), "fill");
    world.hubspot.edit_company(&company, "industry", "Steam");
    let preview = shown(&world, &lead).await.expect("a preview");
    assert_eq!(of_company(&preview), "keep");
    assert!(preview.rows.iter().any(|row| row.now.as_deref() == Some("Steam")));
}

#[tokio::test]
async fn a_company_that_is_a_record_is_shown_with_its_own_mapping_and_price() {
    let world = world(|settings| {
        *settings = settings.clone().with_employers();
        settings.config.push_str(
            "\n[tenants.demo.companies.fields]\nindustry = { from = \"company_industry\" }\n\
             city = { from = \"company_city\" }\n",
        );
    })
    .await;
    let engine = world.hubspot.create_company([("domain", "engine.example"), ("city", "London")]);
    let record = format!("demo#hubspot#company#{engine}");
    let before = shown(&world, &record).await.expect("a preview");
    assert_eq!(before.head(), format!("{record} would be bought, for 1 credit at most."));
    assert_eq!((action(&before, "industry"), action(&before, "city"), before.rows.len()), ("fill", "keep", 2));
    work(&world).await;
    let after = shown(&world, &record).await.expect("a preview");
    assert_eq!((after.json()["verdict"].as_str(), action(&after, "industry")), (Some("fresh"), "keep"));
}

#[tokio::test]
async fn a_company_is_no_record_where_companies_are_not_enriched() {
    let world = world(|_| {}).await;
    let engine = world.hubspot.create_company([("domain", "engine.example")]);
    let error = shown(&world, &format!("demo#hubspot#company#{engine}")).await.err().expect("a refusal");
    assert!(error.to_string().contains("tenants.demo.companies"), "{error}");
}
