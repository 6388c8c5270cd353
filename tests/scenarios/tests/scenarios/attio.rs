//! Attio for a CRM: the main job, and what is its own.

mod door;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::attio::{Kind, Person};
use leadgate_sandbox::world::{Settings, World};

use crate::books::at_rest;
use crate::stage::{Stage, all_enriched, leads, queued_leads, stands, with_numbers, world_of};

/// The token that Leadgate has, as events call it.
const ACTOR: &str = "5e1b6a0c-0d3f-4c7a-9a38-2f4f6a3f0b11";

/// A world with a workspace, and settings of its own.
async fn workspace_with(set: impl FnOnce(&mut Settings)) -> Stage {
    world_of(Settings::with_attio, set).await
}

async fn workspace() -> Stage {
    workspace_with(|_| {}).await
}

fn there(world: &World, id: &str) -> Person {
    world.attio.person(id).expect("the person")
}

/// What we wrote, by attribute.
fn ours(person: &Person) -> Vec<&str> {
    person.changes().iter().filter(|change| change.by == ACTOR).map(|change| change.slug.as_str()).collect()
}

#[tokio::test]
async fn a_person_is_enriched_and_written_back_within_credits() {
    let world = workspace().await;
    let values = [("email_addresses", "ada.lovelace@engine.example"), ("company", "Engine"), ("city", "London")];
    let id = world.attio.create_person(values);
    let report = world.attio.deliver().await;
    assert_eq!((report.accepted, report.rejected.len()), (1, 0), "{report:?}");
    world.settle_down(2).await;
    assert_eq!(stands(&world, &id).await, StateName::Written);
    let written = there(&world, &id);
    assert!(written.value("job_title").is_some() && written.value("industry").is_some(), "blank ones were filled");
    assert_eq!(written.value("city").as_deref(), Some("London"), "what a person wrote stays");
    assert!(written.value("last_enriched_at").is_some());
    assert!(!ours(&written).contains(&"company"), "the company is not ours to write");
    let books = at_rest(&world).await;
    assert_eq!((books.spent, world.apollo.ledger().credits_charged), (1000, 1000));
}

#[tokio::test]
async fn our_own_write_comes_back_once_and_starts_nothing() {
    for knows_itself in [true, false] {
        let world = workspace_with(|settings| {
            let id = leadgate_sandbox::simulators::attio::attribute_id;
            let watched = format!("enrich_on_change = [\"{}\", \"{}\", ", id("job_title"), id("industry"));
            settings.config = settings.config.replace("enrich_on_change = [", &watched);
            if !knows_itself {
                settings.config = settings.config.replace("actor_id =", "# actor_id =");
            }
        })
        .await;
        let people = queued_leads(&world, 3).await;
        world.settle_down(2).await;
        let calls = world.apollo.ledger().people_asked;
        let reads = world.attio.counters().records_read;
        assert!(world.attio.pending_events().len() >= 6, "each attribute of each write is told");
        assert_eq!(world.attio.deliver().await.rejected, [0_u16; 0]);
        assert_eq!(world.waiting().await, 0, "the door drops them: {knows_itself}");
        world.settle_down(2).await;
        assert_eq!(world.attio.pending_events(), [], "it has an end");
        assert_eq!((world.apollo.ledger().people_asked, world.attio.counters().records_read), (calls, reads));
        all_enriched(&world, &people);
        assert_eq!(at_rest(&world).await.spent, 3000);
    }
}

#[tokio::test]
async fn the_other_addresses_and_numbers_of_a_person_stay() {
    // Without a number, with one that a person typed in before, and with one that is typed in right before we write.
    for (before, meanwhile) in [(None, None), (Some("+442079460000"), None), (None, Some("+442079460001"))] {
        let world = workspace_with(with_numbers).await;
        let id = world.attio.create_person([("email_addresses", "ada.lovelace@engine.example")]);
        world.attio.edit(&id, "email_addresses", "first1.last1@engine.example");
        if let Some(number) = before {
            world.attio.edit(&id, "phone_numbers", number);
        }
        let (workspace, typed, person) = (Arc::downgrade(&world.attio), AtomicBool::new(false), id.clone());
        world.attio.on_call(move |call| {
            // The person is read alone right before one of several values is written.
            let is_last_read = call.method == "GET" && call.path.ends_with(&format!("/records/{person}"));
            let (Some(number), Some(workspace)) = (meanwhile, workspace.upgrade()) else { return };
            if is_last_read && !typed.swap(true, Ordering::SeqCst) {
                workspace.edit(&person, "phone_numbers", number);
            }
        });
        let emails = there(&world, &id).values("email_addresses").to_vec();
        assert_eq!(emails.len(), 2);
        world.attio.deliver().await;
        world.settle_down(1).await;
        // The number arrives minutes later.
        world.clock.turn(Duration::from_secs(6 * 60));
        world.settle_down(1).await;
        let written = there(&world, &id);
        assert_eq!(written.values("email_addresses"), emails, "both, in the same order");
        assert!(written.value("job_title").is_some());
        match before.or(meanwhile) {
            Some(theirs) => {
                assert_eq!(written.value("phone_numbers").as_deref(), Some(theirs));
                assert!(!ours(&written).contains(&"phone_numbers"), "{before:?} {meanwhile:?}");
            }
            None => {
                assert_eq!(written.values("phone_numbers").len(), 1);
                assert_eq!(ours(&written).iter().filter(|slug| **slug == "phone_numbers").count(), 1);
            }
        }
        at_rest(&world).await;
    }
}

#[tokio::test]
async fn a_bad_value_is_dropped_and_the_rest_is_written() {
    for silently in [false, true] {
        let world = workspace().await;
        // One that is gone, one that takes one of a few titles, one that takes a number.
        world.attio.remove_attribute("country");
        world.attio.define_attribute("industry", Kind::Select(vec!["Mills".to_owned()]));
        world.attio.define_attribute("city", Kind::Number);
        world.attio.refuse_silently(silently);
        let people = queued_leads(&world, 3).await;
        world.settle_down(1).await;
        all_enriched(&world, &people);
        for id in &people {
            let person = there(&world, id);
            assert_eq!(["country", "industry", "city"].map(|slug| person.value(slug)), [const { None }; 3]);
            assert!(person.value("last_enriched_at").is_some());
            assert_eq!(stands(&world, id).await, StateName::Written);
        }
        let counters = world.attio.counters();
        assert!(counters.refused <= 3 * 9, "{counters:?}");
        assert_eq!(at_rest(&world).await.spent, 3000, "{silently}");
    }
}

#[tokio::test]
async fn more_writes_than_a_second_has_wait_for_the_next_and_none_is_lost() {
    let world = workspace_with(|settings| settings.attio.writes_per_second = 5).await;
    let people = queued_leads(&world, 40).await;
    world.settle_down(4).await;
    all_enriched(&world, &people);
    for id in &people {
        assert_eq!(stands(&world, id).await, StateName::Written);
    }
    assert!(world.attio.counters().throttled > 0, "the limit was met");
    assert_eq!(at_rest(&world).await.spent, 40_000);
}

#[tokio::test]
async fn what_two_people_have_become_is_enriched() {
    let world = workspace().await;
    let nameless = world.attio.create_person([("city", "London")]);
    world.attio.deliver().await;
    world.settle_down(1).await;
    let known = leads(&world, 1).remove(0);
    let both = world.attio.merge(&known, &nameless).expect("a new record");
    world.attio.deliver().await;
    world.settle_down(1).await;
    all_enriched(&world, std::slice::from_ref(&both));
    assert_eq!(stands(&world, &both).await, StateName::Written);
    assert_eq!(at_rest(&world).await.spent, 1000, "bought once, for what they have become");
}
