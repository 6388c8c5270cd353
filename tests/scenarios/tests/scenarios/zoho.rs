//! Zoho CRM for a CRM: the main job, and what is its own.

mod door;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::simulators::zoho::{Kind, Record};
use leadgate_sandbox::world::{Break, Settings, World};

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
async fn what_a_person_types_between_our_read_and_our_write_stays() {
    let world = org().await;
    let leads = queued_leads(&world, 2).await;
    let (org, id) = (Arc::downgrade(&world.zoho), leads[0].clone());
    // Just before the provider is asked: after the first read, before the second.
    world.apollo.on_call(move |_| {
        if let Some(org) = org.upgrade() {
            org.edit(&id, "Designation", "Typed by hand");
        }
    });
    world.settle_down(1).await;
    let written = there(&world, &leads[0]);
    assert_eq!(written.value("Designation").as_deref(), Some("Typed by hand"));
    assert!(written.value("Country").is_some(), "the blank ones are filled all the same");
    assert!(!ours(&written).contains(&"Designation"));
    all_enriched(&world, &leads[1..]);
    at_rest(&world).await;
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

#[tokio::test]
async fn an_org_that_is_down_or_busy_gets_what_was_bought_later_and_nothing_is_bought_twice() {
    let world = org().await;
    let leads = queued_leads(&world, 4).await;
    for fault in [
        Fault::Status(503, String::new()),
        Fault::Throttle { retry_after: Some(Duration::from_secs(20)) },
        Fault::Status(200, "<html>".to_owned()),
        Fault::Status(403, String::new()),
        Fault::DropAfterWork,
    ] {
        world.zoho.faults().add(FaultRule { path_contains: "/crm/v8/Leads".into(), times: 1, fault });
    }
    world.settle_down(1).await;
    all_enriched(&world, &leads);
    assert_eq!(at_rest(&world).await.spent, 4000);
    assert_eq!(world.apollo.ledger().records_charged, 4);
}

#[tokio::test]
async fn an_answer_that_is_lost_or_a_worker_that_dies_writes_the_same_again() {
    for broken in [Break::AnswerLost, Break::DeathAfter, Break::DeathBefore] {
        let world = org().await;
        let leads = queued_leads(&world, 2).await;
        let first = AtomicBool::new(true);
        world.wire.break_by(move |call| {
            let is_write = call.operation.starts_with("zoho PUT") && first.swap(false, Ordering::SeqCst);
            is_write.then(|| broken.clone())
        });
        world.settle_down(1).await;
        world.wire.mend();
        world.settle_down(1).await;
        all_enriched(&world, &leads);
        assert_eq!(at_rest(&world).await.spent, 2000);
    }
}

#[tokio::test]
async fn a_changed_address_makes_due_and_another_change_does_not() {
    let world = org().await;
    let id = world.zoho.create_lead([("City", "London")]);
    world.zoho.deliver().await;
    world.settle_down(1).await;
    assert_eq!(at_rest(&world).await.spent, 0, "no one can tell who that is");
    world.zoho.edit(&id, "City", "Paris");
    world.zoho.deliver().await;
    assert_eq!(world.waiting().await, 0);
    world.zoho.edit(&id, "Email", "ada.lovelace@engine.example");
    world.zoho.deliver().await;
    world.settle_down(1).await;
    all_enriched(&world, std::slice::from_ref(&id));
    assert_eq!(at_rest(&world).await.spent, 1000);
}

#[tokio::test]
async fn a_deleted_lead_ends_and_costs_nothing() {
    let world = org().await;
    let gone = queued_leads(&world, 1).await.remove(0);
    world.zoho.delete(&gone);
    world.settle_down(1).await;
    assert_eq!(stands(&world, &gone).await, StateName::Refused);
    assert_eq!(at_rest(&world).await.spent, 0);
    world.zoho.deliver().await;
    assert_eq!(world.waiting().await, 0, "what is told of it later starts nothing");
}
