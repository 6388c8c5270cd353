//! A person who gets another id while a worker is at work, and is told of under that as well: by a merge, or because a lead
//! becomes a contact. Each is bought once, whichever ids the workers know it by.

use std::time::Duration;

use leadgate_sandbox::world::{Call, Settings, With, World};

use super::{CALLS_TO_BUY, Cost, Meanwhile, PERSON, PERSON_AND_NUMBER, meet_at, wherever_they_meet};
use crate::books::at_rest;
use crate::stage::{all_enriched, queued_leads, with_numbers, world_of};

/// More rounds of telling than this mean a loop.
const ROUNDS_MAX: usize = 3;
/// Until what arrives later has, and whoever waits for it has been woken.
const TURNS: usize = 6;
const TURN: Duration = Duration::from_secs(6 * 60);

/// A lead and another record become one. Its id.
type Become = fn(&World, &str, &str) -> String;

/// They become one, and the CRM tells of it, when a worker is there. Whether it got there.
async fn bought_once(
    (with, cost): (With, Cost),
    become_one: Become,
    is_there: impl Fn(&Call) -> bool + Copy + Send + 'static,
) -> bool {
    let has_numbers = cost == PERSON_AND_NUMBER;
    let set = |settings: &mut Settings| {
        if has_numbers {
            with_numbers(settings);
        }
    };
    let world = world_of(with, set).await;
    let crm = world.crm();
    let other = crm.create_person(&[("city", "London".to_owned())]);
    crm.deliver().await;
    world.settle_down(1).await;
    assert_eq!(at_rest(&world).await.spent, 0, "no one can say who that is");
    let lead = queued_leads(&world, 1).await.remove(0);
    let mut survivor = String::new();
    let got_there = meet_at(&world, is_there, Meanwhile::Stands, async {
        survivor = become_one(&world, &lead, &other);
        crm.deliver().await;
    })
    .await;
    world.settle_down(2).await;
    let mut rounds = 0;
    while crm.pending() > 0 {
        rounds += 1;
        assert!(rounds <= ROUNDS_MAX, "it goes round in circles");
        crm.deliver().await;
        world.settle_down(2).await;
    }
    // Whoever has left it to another finds it when the number has arrived.
    for _ in 0..if has_numbers { TURNS } else { 0 } {
        world.clock.turn(TURN);
        world.settle_down(2).await;
    }
    all_enriched(&world, &[survivor.clone()]);
    let (books, charged) = (at_rest(&world).await, world.apollo.ledger().credits_charged);
    assert_eq!((books.spent, charged), (cost.milli, cost.milli));
    let card = world.crm().card(&survivor).unwrap_or_default();
    let has_number = card.get("mobilephone").is_some_and(|number| !number.is_empty());
    // Only this one says under which id the lead lives on, when something arrives for it after the person was written.
    let is_followed = world.crm().name() == "Salesforce";
    assert!(has_number == has_numbers || !is_followed, "{card:?}");
    got_there
}

/// HubSpot tells which ids a contact had before, so that the door knows that it is being worked on.
#[tokio::test]
async fn two_contacts_of_hubspot_become_one() {
    let merge: Become = |world, lead, other| world.hubspot.merge(lead, other).expect("both are there");
    wherever_they_meet(&[Meanwhile::Stands], CALLS_TO_BUY, async |at, _| {
        bought_once((|settings| settings, PERSON), merge, move |call| call.index == at).await
    })
    .await;
}

/// Elsewhere workers know of each other by whom they ask about, and by what came back for whom.
async fn bought_once_wherever_they_meet(with: With, costs: &[Cost], become_one: Become) {
    for cost in costs.iter().copied() {
        wherever_they_meet(&[Meanwhile::Stands], CALLS_TO_BUY, async |at, _| {
            bought_once((with, cost), become_one, move |call| call.index == at).await
        })
        .await;
    }
}

#[tokio::test]
async fn two_people_of_attio_become_one() {
    let merge: Become = |world, lead, other| world.attio.merge(lead, other).expect("both are there");
    bought_once_wherever_they_meet(Settings::with_attio, &[PERSON], merge).await;
}

#[tokio::test]
async fn two_persons_of_pipedrive_become_one() {
    let merge: Become = |world, lead, other| {
        assert!(world.pipedrive.merge(lead, other), "both are there");
        other.to_owned()
    };
    bought_once_wherever_they_meet(Settings::with_pipedrive, &[PERSON, PERSON_AND_NUMBER], merge).await;
}

#[tokio::test]
async fn a_lead_of_salesforce_becomes_a_contact() {
    let convert: Become = |world, lead, _| world.salesforce.convert(lead);
    bought_once_wherever_they_meet(Settings::with_salesforce, &[PERSON, PERSON_AND_NUMBER], convert).await;
}
