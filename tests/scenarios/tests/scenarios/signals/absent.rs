//! People whom the CRM doesn't have when a signal tells of them: requested, if the rule says so, found or created and enriched
//! by the worker that spends, and enrolled once the CRM knows them.

use std::time::Duration;

use leadgate_enrichment::clock::days;
use leadgate_enrichment::enrolment::line::ENROLLED;
use leadgate_enrichment::enrolment::requested::{LOOKS_MAX, Requested};
use leadgate_enrichment::lead::record::State;
use leadgate_enrichment::lead::request::Source;
use leadgate_enrichment::outcome::RefuseReason;
use leadgate_sandbox::simulators::fault::Fault;
use leadgate_sandbox::world::{Break, Leftover, Settings, World};
use serde_json::{Value, json};

use super::{ends, in_sequence, nothing_is_spent, tell_signals, world_of_signals};
use crate::books::at_rest;
use crate::new_leads::with_email;
use crate::stage::{Stage, WAYS_TO_BREAK, calls_of_a_round, round_that_breaks};

/// A world whose rule requests those whom the CRM doesn't have.
async fn world_that_requests(set: impl FnOnce(&mut Settings)) -> Stage {
    world_of_signals(|settings| {
        settings.config =
            settings.config.replace("mailbox_per_day = 40", "mailbox_per_day = 40\nnot_in_crm = \"request\"");
        settings.apollo.unknown_share = 0.0;
        set(settings);
    })
    .await
}

fn email(i: usize) -> String {
    format!("first{i}.last{i}@engine{i}.example")
}

fn job_change(i: usize) -> Value {
    json!({ "type": "job-change", "email": email(i), "seniority": "VP", "employees": 250 })
}

async fn tell(world: &World, id: &str, people: impl IntoIterator<Item = usize>) {
    let signals: Vec<Value> = people.into_iter().map(job_change).collect();
    assert_eq!(tell_signals(world, "engagement", id, &signals).await["queued"], signals.len());
}

async fn requested(world: &World) -> Vec<Requested> {
    world.enrolments.all_requested(world.tenant_id()).await.expect("they can be read")
}

/// The only record of a person.
fn only(world: &World, i: usize) -> String {
    let ids = with_email(world, &email(i));
    let [id] = ids.as_slice() else { panic!("there should be one record of {}: {ids:?}", email(i)) };
    id.clone()
}

async fn how(world: &World, i: usize) -> Vec<String> {
    let ended = ends(world).await.remove(&only(world, i)).unwrap_or_default();
    ended.into_iter().map(|ended| ended.how).collect()
}

#[tokio::test]
async fn whoever_is_requested_is_created_once_enriched_and_enrolled() {
    let world = world_that_requests(|_| {}).await;
    for _ in 0..2 {
        tell(&world, "1", 0..3).await;
    }
    world.settle_down(3).await;
    assert_eq!(in_sequence(&world), [email(0), email(1), email(2)]);
    for i in 0..3 {
        let record = world.record(&only(&world, i)).await.expect("a record");
        assert_eq!((record.state, record.source), (State::Written, Some(Source::Signal)));
        assert_eq!(how(&world, i).await, [ENROLLED]);
    }
    assert_eq!((world.apollo.tasks().len(), requested(&world).await.len()), (3, 3));
    assert_eq!((at_rest(&world).await.spent, world.apollo.ledger().records_charged), (3000, 3));
    // A month later the same delivery comes again, and one of them has been deleted.
    world.hubspot.delete(&only(&world, 0));
    world.clock.turn(days(31));
    tell(&world, "1", 0..3).await;
    world.settle_down(1).await;
    assert!(with_email(&world, &email(0)).is_empty(), "nobody is requested twice for one signal");
    assert_eq!((in_sequence(&world).len(), world.apollo.ledger().records_charged), (3, 3));
}

#[tokio::test]
async fn a_rule_that_says_nothing_requests_nobody() {
    let world = world_of_signals(|_| {}).await;
    tell(&world, "1", 0..2).await;
    world.settle_down(1).await;
    assert!(with_email(&world, &email(0)).is_empty() && requested(&world).await.is_empty());
    nothing_is_spent(&world).await;
}

#[tokio::test]
async fn of_one_who_has_unsubscribed_or_whose_signal_is_old_nothing_is_bought() {
    let world = world_that_requests(|_| {}).await;
    let stop = json!({ "type": "unsubscribed", "email": email(0) });
    tell_signals(&world, "engagement", "1", &[stop]).await;
    tell(&world, "2", 0..2).await;
    world.clock.turn(days(8));
    tell(&world, "3", 0..1).await;
    world.settle_down(1).await;
    assert!(with_email(&world, &email(0)).is_empty() && with_email(&world, &email(1)).is_empty());
    assert!(requested(&world).await.is_empty());
    nothing_is_spent(&world).await;
}

#[tokio::test]
async fn whoever_opts_out_after_the_request_is_neither_bought_nor_enrolled() {
    let world = world_that_requests(|_| {}).await;
    // A seller creates them meanwhile, and they have opted out.
    tell(&world, "1", 0..1).await;
    world.apollo.faults().decide_by(|call| call.path.contains("match").then(|| Fault::Status(429, String::new())));
    world.pump.run_dry(1).await;
    let contact = only(&world, 0);
    world.hubspot.edit(&contact, "hs_email_optout", "true");
    world.apollo.faults().decide_by(|_| None);
    world.settle_down(2).await;
    let record = world.record(&contact).await.expect("a record");
    assert_eq!(record.state, State::Refused { reason: RefuseReason::DoNotContact });
    assert_eq!((how(&world, 0).await, in_sequence(&world).len()), (vec!["do-not-contact".to_owned()], 0));
    nothing_is_spent(&world).await;
}

#[tokio::test]
async fn one_who_does_not_appear_in_time_is_skipped_and_it_is_said_why() {
    let world = world_that_requests(|_| {}).await;
    world.leaves_behind(Leftover::DeadLetters);
    world.hubspot.faults().decide_by(|call| {
        let creates = call.method == "POST" && call.path.ends_with("/contacts");
        creates.then(|| Fault::Status(400, r#"{"status":"error","category":"VALIDATION_ERROR","message":"no"}"#.into()))
    });
    tell(&world, "1", 0..1).await;
    for _ in 0..(26 * 4) {
        world.pump.run_dry(1).await;
        world.clock.turn(Duration::from_secs(15 * 60));
    }
    assert_eq!((world.waiting().await, world.dead_letters().await), (0, 1), "the request is for an operator");
    let requested = requested(&world).await;
    let [one] = requested.as_slice() else { panic!("{requested:?}") };
    assert_eq!(one.ended.as_deref(), Some("not-in-crm-in-time"));
    assert!((2..=LOOKS_MAX).contains(&one.looks), "{one:?}");
    // Delivered again, it is known that they were requested.
    tell(&world, "1", 0..1).await;
    world.settle_down(1).await;
    assert_eq!((world.dead_letters().await, in_sequence(&world).len()), (1, 0));
    assert_eq!(world.apollo.ledger().records_charged, 0);
}

/// One whom the CRM doesn't have, on the queue.
async fn signalled() -> Stage {
    let world = world_that_requests(|_| {}).await;
    tell(&world, "1", 0..1).await;
    world
}

/// So many rounds after the signal: the request, the enrichment, the enrolment.
async fn after_rounds(rounds: usize) -> Stage {
    let world = signalled().await;
    for _ in 0..rounds {
        world.pump.round().await;
        world.clock.turn(Duration::from_secs(40));
    }
    world
}

async fn sweep_one(rounds: usize, at: usize, operation: &str, how_broken: &Break) {
    let world = after_rounds(rounds).await;
    round_that_breaks(&world, at, how_broken).await;
    world.settle_down(2).await;
    // And once more, as if the door had not been heard.
    tell(&world, "1", 0..1).await;
    world.settle_down(2).await;
    let place = format!("call {at} ({operation}) of round {rounds} was broken by {how_broken:?}");
    assert_eq!(in_sequence(&world), [email(0)], "{place}");
    assert_eq!(how(&world, 0).await, [ENROLLED], "{place}");
    // Of one who was in the CRM before it could be written down that they were requested, nothing is.
    assert!(requested(&world).await.len() <= 1, "{place}");
    assert_eq!(world.apollo.tasks().len(), 1, "{place}");
    // From the third round on they are being bought. A look-up of which nobody knows whether it was made counts as spent, and is
    // made once more.
    let most = if rounds < 2 { 1 } else { 2 };
    let (spent, charged) = (at_rest(&world).await.spent, world.apollo.ledger().records_charged);
    assert!(
        (1..=most).contains(&charged) && (1000..=1000 * most).contains(&spent.unsigned_abs()),
        "{place}: {spent}, {charged}"
    );
}

#[tokio::test]
async fn whatever_call_breaks_they_are_requested_once_bought_once_and_enrolled_once() {
    let mut swept = 0;
    for rounds in 0..3 {
        let clean = after_rounds(rounds).await;
        let calls = calls_of_a_round(&clean).await;
        clean.settle_down(2).await;
        for (at, operation) in calls.iter().enumerate() {
            for how in WAYS_TO_BREAK {
                sweep_one(rounds, at, operation, &how).await;
                swept += 1;
            }
        }
        println!("{} calls in round {rounds}: {calls:?}", calls.len());
    }
    assert!(swept > 60, "{swept}");
}
