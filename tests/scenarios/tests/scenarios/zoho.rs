//! Zoho CRM for a CRM: the main job, and what is its own.

mod door;

use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::zoho::{Kind, Record};
use leadgate_sandbox::world::{Settings, World};

use crate::books::at_rest;
use crate::stage::{Stage, all_enriched, queued_leads, stands, world_of};

/// By whom the API's changes are made.
const API: &str = "api";

/// A world with an org, and settings of its own.
async fn org_with(set: impl FnOnce(&mut Settings)) -> Stage {
    world_of(Settings::with_zoho, set).await
}

async fn org() -> Stage {
    org_with(|_| {}).await
}

fn there(world: &World, id: &str) -> Record {
    world.zoho.record(id).expect("the person")
}

/// What we wrote, by field.
fn ours(person: &Record) -> Vec<&str> {
    person.changes().iter().filter(|change| change.by == API).map(|change| change.field.as_str()).collect()
}

#[tokio::test]
async fn a_lead_is_enriched_and_written_back_within_credits() {
    let world = org().await;
    let values = [("Email", "ada.lovelace@engine.example"), ("Company", "Engine"), ("City", "London")];
    let id = world.zoho.create_lead(values);
    let report = world.zoho.deliver().await;
    assert_eq!((report.accepted, report.rejected.len()), (1, 0), "{report:?}");
    world.settle_down(2).await;
    assert_eq!(stands(&world, &id).await, StateName::Written);
    let written = there(&world, &id);
    assert!(written.value("Designation").is_some() && written.value("Industry").is_some(), "blank ones were filled");
    assert_eq!(written.value("City").as_deref(), Some("London"), "what a person wrote stays");
    assert!(written.value("Last_Enriched_At").is_some());
    assert!(!ours(&written).contains(&"Company"), "what a person wrote is not ours to write");
    let books = at_rest(&world).await;
    assert_eq!((books.spent, world.apollo.ledger().credits_charged), (1000, 1000));
}

#[tokio::test]
async fn our_own_write_comes_back_once_and_starts_nothing() {
    let world = org_with(|settings| {
        let watched = "enrich_on_change = [\"Designation\", \"Industry\", ";
        settings.config = settings.config.replace("enrich_on_change = [", watched);
    })
    .await;
    let leads = queued_leads(&world, 3).await;
    world.settle_down(2).await;
    let calls = world.apollo.ledger().people_asked;
    let reads = world.zoho.counters().records_read;
    assert!(!world.zoho.pending_events().is_empty(), "each write is told");
    assert_eq!(world.zoho.deliver().await.rejected, [0_u16; 0]);
    assert_eq!(world.waiting().await, 0, "the door knows them by their values");
    world.settle_down(2).await;
    assert_eq!(world.zoho.pending_events(), [], "it has an end");
    assert_eq!((world.apollo.ledger().people_asked, world.zoho.counters().records_read), (calls, reads));
    all_enriched(&world, &leads);
    assert_eq!(at_rest(&world).await.spent, 3000);
}

#[tokio::test]
async fn a_bad_field_is_dropped_and_the_rest_is_written() {
    let world = org().await;
    // One that is gone, one that takes one of a few choices, one that takes a number.
    world.zoho.remove_field("Country");
    world.zoho.define_field("Industry", Kind::Picklist(vec!["Mills".to_owned()]));
    world.zoho.define_field("City", Kind::Number);
    let leads = queued_leads(&world, 3).await;
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    for id in &leads {
        let lead = there(&world, id);
        assert_eq!(["Country", "Industry", "City"].map(|field| lead.value(field)), [const { None }; 3]);
        assert!(lead.value("Last_Enriched_At").is_some());
        assert_eq!(stands(&world, id).await, StateName::Written);
    }
    let counters = world.zoho.counters();
    assert!(counters.writes <= 8, "several with a call: {counters:?}");
    assert_eq!(at_rest(&world).await.spent, 3000);
}

#[tokio::test]
async fn a_contact_is_written_under_its_own_names_and_its_account_is_left_alone() {
    let world = org().await;
    let id = world.zoho.create_contact([("Email", "ada.lovelace@engine.example"), ("Account_Name", "Engine")]);
    world.zoho.deliver().await;
    world.settle_down(1).await;
    let contact = there(&world, &id);
    assert_eq!(stands(&world, &id).await, StateName::Written);
    assert!(contact.value("Title").is_some() && contact.value("Mailing_City").is_some());
    assert!(["Designation", "City", "Industry"].iter().all(|name| contact.value(name).is_none()));
    assert_eq!(contact.value("Account_Name").as_deref(), Some("Engine"));
    assert_eq!(at_rest(&world).await.spent, 1000);
}

#[tokio::test]
async fn a_token_that_ends_is_replaced_and_one_serves_for_an_hour() {
    let world = org().await;
    let leads = queued_leads(&world, 2).await;
    world.settle_down(1).await;
    assert_eq!(world.zoho.counters().tokens, 1, "one for all calls");
    world.zoho.revoke_tokens();
    let more = world.zoho.create_lead([("Email", "ada.lovelace@engine.example")]);
    world.zoho.deliver().await;
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    assert_eq!(stands(&world, &more).await, StateName::Written);
    assert_eq!((world.zoho.counters().tokens, world.zoho.counters().unauthorized), (2, 1));
    at_rest(&world).await;
}
