//! Close for a CRM: the main job, and what is its own.

mod door;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::close::{CITY, COUNTRY, Contact, INDUSTRY, Kind, LAST_ENRICHED};
use leadgate_sandbox::world::{Settings, World};

use crate::books::at_rest;
use crate::stage::{Stage, all_enriched, queued_leads, stands, with_numbers, world_of};

/// The user whose key Leadgate has.
const USER: &str = "user_simulated0leadgate";

/// A world with an organization, and settings of its own.
async fn organization_with(set: impl FnOnce(&mut Settings)) -> Stage {
    world_of(Settings::with_close, set).await
}

async fn organization() -> Stage {
    organization_with(|_| {}).await
}

fn there(world: &World, id: &str) -> Contact {
    world.close.contact(id).expect("the person")
}

/// What we wrote, by field.
fn ours(person: &Contact) -> Vec<&str> {
    person.changes().iter().filter(|change| change.by == USER).map(|change| change.field.as_str()).collect()
}

#[tokio::test]
async fn a_contact_is_enriched_and_written_back_within_credits() {
    let world = organization().await;
    let values = [("email", "ada.lovelace@engine.example"), ("company", "Engine"), (CITY, "London")];
    let id = world.close.create_contact(values);
    let report = world.close.deliver().await;
    assert_eq!((report.accepted, report.rejected.len()), (1, 0), "{report:?}");
    world.settle_down(2).await;
    assert_eq!(stands(&world, &id).await, StateName::Written);
    let written = there(&world, &id);
    assert!(written.value("title").is_some() && written.value(INDUSTRY).is_some(), "blank ones were filled");
    assert_eq!(written.value(CITY).as_deref(), Some("London"), "what a person wrote stays");
    assert!(written.value(LAST_ENRICHED).is_some());
    assert!(!ours(&written).contains(&"lead_id"), "the lead is not ours to write");
    let books = at_rest(&world).await;
    assert_eq!((books.spent, world.apollo.ledger().credits_charged), (1000, 1000));
}

#[tokio::test]
async fn our_own_write_comes_back_once_and_starts_nothing() {
    for knows_itself in [true, false] {
        let world = organization_with(|settings| {
            let watched = format!("enrich_on_change = [\"title\", \"{INDUSTRY}\", ");
            settings.config = settings.config.replace("enrich_on_change = [", &watched);
            if !knows_itself {
                settings.config = settings.config.replace("user_id =", "# user_id =");
            }
        })
        .await;
        let contacts = queued_leads(&world, 3).await;
        world.settle_down(2).await;
        let calls = world.apollo.ledger().people_asked;
        let reads = world.close.counters().records_read;
        assert_eq!(world.close.pending_events().len(), 3, "each write is told");
        assert_eq!(world.close.deliver().await.rejected, [0_u16; 0]);
        assert_eq!(world.waiting().await, 0, "the door drops them: {knows_itself}");
        world.settle_down(2).await;
        assert_eq!(world.close.pending_events(), [], "it has an end");
        assert_eq!((world.apollo.ledger().people_asked, world.close.counters().records_read), (calls, reads));
        all_enriched(&world, &contacts);
        assert_eq!(at_rest(&world).await.spent, 3000);
    }
}

#[tokio::test]
async fn the_other_addresses_and_numbers_of_a_person_stay() {
    // Without a number, with one that a person typed in before, and with one that is typed in right before we write.
    // The contact is read right before a list is written: it is the last read of the first round.
    let mut last_read = usize::MAX;
    for (before, meanwhile) in [(None, None), (Some("+442079460000"), None), (None, Some("+442079460001"))] {
        let world = organization_with(with_numbers).await;
        let id = world.close.create_contact([("email", "ada.lovelace@engine.example")]);
        world.close.edit(&id, "email", "first1.last1@engine.example");
        if let Some(number) = before {
            world.close.edit(&id, "phone", number);
        }
        let (organization, person, reads) = (Arc::downgrade(&world.close), id.clone(), Arc::new(AtomicUsize::new(0)));
        let counted = reads.clone();
        world.close.on_call(move |call| {
            let is_read = call.method == "GET" && call.path.ends_with(&format!("/contact/{person}/"));
            let is_last = is_read && counted.fetch_add(1, Ordering::SeqCst) + 1 == last_read;
            if let (true, Some(number), Some(organization)) = (is_last, meanwhile, organization.upgrade()) {
                organization.edit(&person, "phone", number);
            }
        });
        let emails = there(&world, &id).entries("emails");
        assert_eq!(emails.len(), 2);
        world.close.deliver().await;
        world.settle_down(1).await;
        // The number arrives minutes later.
        world.clock.turn(Duration::from_secs(6 * 60));
        world.settle_down(1).await;
        let written = there(&world, &id);
        assert_eq!(written.entries("emails"), emails, "both, in the same order");
        assert!(written.value("title").is_some());
        match before.or(meanwhile) {
            Some(theirs) => {
                assert_eq!(written.value("phone").as_deref(), Some(theirs));
                assert!(!ours(&written).contains(&"phones"), "{before:?} {meanwhile:?}");
            }
            None => {
                last_read = reads.load(Ordering::SeqCst);
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
        let world = organization().await;
        // One that is gone, one that takes one of a few choices, one that takes a number.
        world.close.remove_field(COUNTRY);
        world.close.define_field(INDUSTRY, Kind::Choices(vec!["Mills".to_owned()]));
        world.close.define_field(CITY, Kind::Number);
        world.close.refuse_silently(silently);
        let contacts = queued_leads(&world, 3).await;
        world.settle_down(1).await;
        all_enriched(&world, &contacts);
        for id in &contacts {
            let person = there(&world, id);
            assert_eq!([COUNTRY, INDUSTRY, CITY].map(|field| person.value(field)), [const { None }; 3]);
            assert!(person.value(LAST_ENRICHED).is_some());
            assert_eq!(stands(&world, id).await, StateName::Written);
        }
        let counters = world.close.counters();
        assert!(counters.refused <= 3 * 9, "{counters:?}");
        assert_eq!(at_rest(&world).await.spent, 3000, "{silently}");
    }
}

#[tokio::test]
async fn more_calls_than_a_second_has_wait_for_the_next_and_none_is_lost() {
    let world = organization_with(|settings| settings.close.calls_per_second = 25).await;
    let contacts = queued_leads(&world, 40).await;
    // What one batch reads fits into a second, and its second reading and its writes don't.
    world.settle_down(1).await;
    all_enriched(&world, &contacts);
    for id in &contacts {
        assert_eq!(stands(&world, id).await, StateName::Written);
    }
    assert!(world.close.counters().throttled > 0, "the limit was met");
    assert_eq!(at_rest(&world).await.spent, 40_000);
}
