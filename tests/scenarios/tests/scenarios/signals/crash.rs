//! Every call that an enrolment makes, broken in every way, one at a time: nobody is enrolled twice, nobody is lost, and
//! whoever may not be written to isn't.

use leadgate_enrichment::clock::days;
use leadgate_enrichment::enrolment::line::{ENROLLED, TaskState};
use leadgate_sandbox::world::Break;

use super::{contacts, email_of, ends, hows, in_sequence, nothing_is_spent, tell, world_of_signals};
use crate::stage::{Stage, WAYS_TO_BREAK, calls_of_a_round, round_that_breaks};

/// Three contacts with a signal, the last of whom has opted out since.
async fn signalled() -> (Stage, Vec<String>) {
    let world = world_of_signals(|_| {}).await;
    let contacts = contacts(&world, 3);
    tell(&world, "1", &contacts).await;
    world.hubspot.edit(&contacts[2], "hs_email_optout", "true");
    (world, contacts)
}

async fn sweep_one(at: usize, operation: &str, how: &Break) {
    let (world, contacts) = signalled().await;
    round_that_breaks(&world, at, how).await;
    world.settle_down(2).await;
    // And once more, as if the door had not been heard.
    tell(&world, "1", &contacts).await;
    world.settle_down(2).await;

    let place = format!("call {at} ({operation}) was broken by {how:?}");
    let expected: Vec<String> = contacts[..2].iter().map(|contact| email_of(&world, contact)).collect();
    assert_eq!(in_sequence(&world), expected, "{place}");
    let ends = ends(&world).await;
    let hows = |i: usize| ends[&contacts[i]].iter().map(|ended| ended.how.as_str()).collect::<Vec<_>>();
    assert_eq!([hows(0), hows(1), hows(2)], [[ENROLLED], [ENROLLED], ["do-not-contact"]], "{place}");
    // A task that may be there is looked for, and only then created.
    let tasks = world.apollo.tasks();
    for contact in world.apollo.contacts() {
        let created = tasks.iter().filter(|task| task["contact_id"] == contact.id.as_str()).count();
        assert_eq!(created, contact.enrolments.len(), "{place}: {tasks:?}");
    }
    let known = ends.values().flatten().filter(|ended| ended.task == Some(TaskState::Created)).count();
    assert_eq!((known, tasks.len()), (2, 2), "{place}");
    for contact in &contacts[..2] {
        let told = world.hubspot.contact(contact).expect("the contact");
        assert_eq!(told.value("leadgate_sequence"), Some("new-job, 2026-01-15"), "{place}");
    }
    nothing_is_spent(&world).await;
}

#[tokio::test]
async fn whatever_call_breaks_in_whatever_way_each_is_enrolled_once() {
    let calls = calls_of_a_round(&signalled().await.0).await;
    assert!(calls.len() >= 15, "{calls:?}");
    assert!(calls.iter().any(|call| call.ends_with("add_contact_ids")), "{calls:?}");
    let mut swept = 0;
    for (at, operation) in calls.iter().enumerate() {
        for how in WAYS_TO_BREAK {
            sweep_one(at, operation, &how).await;
            swept += 1;
        }
    }
    println!("swept {swept} crash points over {} calls", calls.len());
}

#[tokio::test]
async fn after_a_month_whoever_waits_for_their_turn_gets_it() {
    let world = world_of_signals(|_| {}).await;
    let contacts = contacts(&world, 1);
    tell(&world, "first", &contacts).await;
    tell(&world, "second", &contacts).await;
    // As an operator redrives what was given up on.
    world.clock.turn(days(32));
    world.settle_down(1).await;
    assert_eq!((world.dead_letters().await, world.waiting().await), (0, 0));
    assert_eq!(hows(&world).await[&contacts[0]].len(), 2, "{:?}", hows(&world).await);
}
