//! Two contacts become one, under an id of its own, while we are at work on them.

use leadgate_enrichment::lead::record::State;
use leadgate_sandbox::world::World;

use crate::books::at_rest;
use crate::stage::{queued_leads, world};

async fn told(world: &World) {
    world.hubspot.deliver().await;
    world.settle_down(1).await;
}

fn value(world: &World, contact: &str, property: &str) -> Option<String> {
    world.hubspot.contact(contact).expect("the contact").value(property).map(str::to_owned)
}

#[tokio::test]
async fn a_lead_that_is_merged_before_it_is_bought_is_bought_once_and_written() {
    let world = world().await;
    let lead = queued_leads(&world, 1).await.remove(0);
    let other = world.hubspot.create_contact([("city", "Berlin")]);
    let survivor = world.hubspot.merge(&lead, &other).expect("both are there");
    told(&world).await;
    assert!(value(&world, &survivor, "jobtitle").is_some());
    assert_eq!(value(&world, &survivor, "city").as_deref(), Some("Berlin"));
    assert_eq!(world.record(&lead).await.expect("a record").state, State::Written);
    assert_eq!(at_rest(&world).await.spent, 1000);
}

#[tokio::test]
async fn a_lead_that_is_merged_while_the_provider_is_asked_is_written() {
    let world = world().await;
    let lead = queued_leads(&world, 1).await.remove(0);
    let other = world.hubspot.create_contact([("city", "Berlin")]);
    let (hubspot, first) = (std::sync::Arc::downgrade(&world.hubspot), lead.clone());
    world.apollo.on_call(move |_| {
        if let Some(hubspot) = hubspot.upgrade() {
            hubspot.merge(&first, &other);
        }
    });
    world.settle_down(1).await;
    world.apollo.on_call(|_| {});
    told(&world).await;
    let contacts = world.hubspot.contacts();
    assert_eq!(contacts.len(), 1);
    assert!(contacts[0].value("jobtitle").is_some(), "{:?}", contacts[0].properties());
    assert_eq!(at_rest(&world).await.spent, 1000);
}

#[tokio::test]
async fn the_survivor_of_two_that_were_not_worth_it_is_bought() {
    let world = world().await;
    // Neither says who it is: the one lacks a name, the other an address.
    let [first, second] = [("city", "Berlin"), ("jobtitle", "")].map(|one| world.hubspot.create_contact([one]));
    told(&world).await;
    assert_eq!(world.apollo.ledger().records_charged, 0);
    world.clock.turn(leadgate_enrichment::clock::days(1));
    let email = "ada.lovelace@engine.example";
    let third = world.hubspot.create_contact([("email", email)]);
    let survivor = world.hubspot.merge(&first, &third).expect("both are there");
    let survivor = world.hubspot.merge(&survivor, &second).expect("both are there");
    told(&world).await;
    assert!(value(&world, &survivor, "jobtitle").is_some());
    assert_eq!(at_rest(&world).await.spent, 1000, "once, whatever events there were");
}

#[tokio::test]
async fn the_survivor_of_a_fresh_lead_is_fresh() {
    let world = world().await;
    let lead = queued_leads(&world, 1).await.remove(0);
    world.settle_down(1).await;
    let other = world.hubspot.create_contact([("city", "Berlin")]);
    told(&world).await;
    world.clock.turn(leadgate_enrichment::clock::days(1));
    let survivor = world.hubspot.merge(&lead, &other).expect("both are there");
    // Something is blank again, so that there is room for a purchase.
    world.hubspot.edit(&survivor, "seniority", "");
    told(&world).await;
    assert_eq!((world.apollo.ledger().records_charged, at_rest(&world).await.spent), (1, 1000));
}
