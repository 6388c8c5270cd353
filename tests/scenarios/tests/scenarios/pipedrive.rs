//! Pipedrive for a CRM: the main job, and what is its own.

mod door;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::pipedrive::{CITY, COUNTRY, INDUSTRY, Kind, LAST_ENRICHED, Person};
use leadgate_sandbox::world::{Settings, World};

use crate::books::at_rest;
use crate::stage::{Stage, all_enriched, leads, queued_leads, stands, with_numbers, world_of};

/// The user whose token Leadgate has.
const USER: u64 = 18_487_521;

/// A world with a company, and settings of its own.
async fn company_with(set: impl FnOnce(&mut Settings)) -> Stage {
    world_of(Settings::with_pipedrive, set).await
}

async fn company() -> Stage {
    company_with(|_| {}).await
}

fn there(world: &World, id: &str) -> Person {
    world.pipedrive.person(id).expect("the person")
}

/// What we wrote, by field.
fn ours(person: &Person) -> Vec<&str> {
    person.changes().iter().filter(|change| change.by == USER).map(|change| change.field.as_str()).collect()
}

#[tokio::test]
async fn a_person_is_enriched_and_written_back_within_credits() {
    let world = company().await;
    let values = [("email", "ada.lovelace@engine.example"), ("company", "Engine"), (CITY, "London")];
    let id = world.pipedrive.create_person(values);
    let report = world.pipedrive.deliver().await;
    assert_eq!((report.accepted, report.rejected.len()), (1, 0), "{report:?}");
    world.settle_down(2).await;
    assert_eq!(stands(&world, &id).await, StateName::Written);
    let written = there(&world, &id);
    assert!(written.value("job_title").is_some() && written.value(INDUSTRY).is_some(), "blank fields were filled");
    assert_eq!(written.value(CITY).as_deref(), Some("London"), "what a person wrote stays");
    assert!(written.value(LAST_ENRICHED).is_some());
    assert!(!ours(&written).contains(&"org_id"), "the organization is not ours to write");
    let books = at_rest(&world).await;
    assert_eq!((books.spent, world.apollo.ledger().credits_charged), (1000, 1000));
}

#[tokio::test]
async fn our_own_write_comes_back_once_and_starts_nothing() {
    for knows_its_user in [true, false] {
        let world = company_with(|settings| {
            let watched = format!("enrich_on_change = [\"email\", \"company\", \"job_title\", \"{INDUSTRY}\"]");
            settings.config = settings.config.replace("enrich_on_change = [\"email\", \"company\"]", &watched);
            if !knows_its_user {
                settings.config = settings.config.replace("user_id =", "# user_id =");
            }
        })
        .await;
        let persons = queued_leads(&world, 3).await;
        world.settle_down(2).await;
        let calls = world.apollo.ledger().people_asked;
        let reads = world.pipedrive.counters().records_read;
        assert_eq!(world.pipedrive.pending_events().len(), 3, "each write is told");
        assert_eq!(world.pipedrive.deliver().await.rejected, [0_u16; 0]);
        assert_eq!(world.waiting().await, 0, "the door knows them: {knows_its_user}");
        world.settle_down(2).await;
        assert_eq!(world.pipedrive.pending_events(), [], "it has an end");
        assert_eq!((world.apollo.ledger().people_asked, world.pipedrive.counters().records_read), (calls, reads));
        all_enriched(&world, &persons);
        assert_eq!(at_rest(&world).await.spent, 3000);
    }
}

#[tokio::test]
async fn the_other_addresses_and_numbers_of_a_person_stay() {
    // Without a number, with one that a person typed in before, and with one that is typed in right before we write.
    for (before, meanwhile) in [(None, None), (Some("+44 20 7946 0000"), None), (None, Some("+44 20 7946 0001"))] {
        let world = company_with(with_numbers).await;
        let id = world.pipedrive.create_person([("email", "ada.lovelace@engine.example")]);
        world.pipedrive.edit(&id, "email", "first1.last1@engine.example");
        if let Some(number) = before {
            world.pipedrive.edit(&id, "phone", number);
        }
        let (company, typed, person) = (Arc::downgrade(&world.pipedrive), AtomicBool::new(false), id.clone());
        world.pipedrive.on_call(move |call| {
            // The person is read alone right before a list is written.
            let is_last_read = call.method == "GET" && call.path.ends_with(&format!("/persons/{person}"));
            let (Some(number), Some(company)) = (meanwhile, company.upgrade()) else { return };
            if is_last_read && !typed.swap(true, Ordering::SeqCst) {
                company.edit(&person, "phone", number);
            }
        });
        let emails = there(&world, &id).entries("emails");
        world.pipedrive.deliver().await;
        world.settle_down(1).await;
        // The number arrives minutes later.
        world.clock.turn(Duration::from_secs(6 * 60));
        world.settle_down(1).await;
        let written = there(&world, &id);
        assert_eq!(written.entries("emails"), emails, "both, and the same one is the primary one");
        assert!(written.value("job_title").is_some());
        match before.or(meanwhile) {
            Some(theirs) => {
                assert_eq!(written.value("phone").as_deref(), Some(theirs));
                assert!(!ours(&written).contains(&"phones"), "{before:?} {meanwhile:?}");
            }
            None => {
                assert_eq!(written.entries("phones").len(), 1);
                assert_eq!(ours(&written).iter().filter(|field| **field == "phones").count(), 1);
            }
        }
        at_rest(&world).await;
    }
}

#[tokio::test]
async fn a_bad_field_is_dropped_and_the_rest_is_written() {
    for silently in [false, true] {
        let world = company().await;
        // One that is gone, one that takes one of a few options, one that is too short.
        world.pipedrive.remove_field(COUNTRY);
        world.pipedrive.define_field(INDUSTRY, Kind::Options(vec![1, 2]));
        world.pipedrive.define_field(CITY, Kind::Text(1));
        world.pipedrive.refuse_silently(silently);
        let persons = queued_leads(&world, 3).await;
        world.settle_down(1).await;
        all_enriched(&world, &persons);
        for id in &persons {
            let person = there(&world, id);
            assert_eq!([COUNTRY, INDUSTRY, CITY].map(|field| person.value(field)), [const { None }; 3]);
            assert!(person.value(LAST_ENRICHED).is_some());
            assert_eq!(stands(&world, id).await, StateName::Written);
        }
        let counters = world.pipedrive.counters();
        assert!(counters.refused <= 3 * 9, "{counters:?}");
        assert_eq!(at_rest(&world).await.spent, 3000, "{silently}");
    }
}

#[tokio::test]
async fn below_the_floor_nothing_is_called_and_the_persons_wait() {
    let world = company_with(|settings| settings.pipedrive.daily_budget = 30_000).await;
    world.pipedrive.others_use(29_100);
    let persons = queued_leads(&world, 30).await;
    world.settle_down(2).await;
    // How much is left is seen by a call, and there is one in a quarter of an hour.
    let counters = world.pipedrive.counters();
    assert!(counters.writes == 0 && counters.calls < 40, "{counters:?}");
    assert_eq!(world.dead_letters().await, 0, "what waits for others is not given up on");
    world.clock.turn(Duration::from_secs(24 * 60 * 60));
    world.pump.show_hidden().await;
    world.settle_down(2).await;
    all_enriched(&world, &persons);
    for id in &persons {
        assert_eq!(stands(&world, id).await, StateName::Written);
    }
    assert_eq!(at_rest(&world).await.spent, 30_000);
}

#[tokio::test]
async fn a_person_that_another_was_merged_into_is_enriched() {
    let world = company().await;
    let nameless = world.pipedrive.create_person([(CITY, "London")]);
    world.pipedrive.deliver().await;
    world.settle_down(1).await;
    let known = leads(&world, 1).remove(0);
    assert!(world.pipedrive.merge(&known, &nameless), "the one without an address gets it");
    world.pipedrive.deliver().await;
    world.settle_down(1).await;
    all_enriched(&world, std::slice::from_ref(&nameless));
    assert_eq!(stands(&world, &nameless).await, StateName::Written);
    assert_eq!(at_rest(&world).await.spent, 1000, "bought once, for the one that stays");
}
