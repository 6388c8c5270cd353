//! What holds with every CRM: nothing that a person types is overwritten, nothing is bought twice or lost by trouble, one
//! write-back ends after at most one echo, and what comes of a log of events doesn't depend on their order, or on how often
//! each is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;
use leadgate_enrichment::lead::record::StateName;
use leadgate_sandbox::simulators::SimulatedCrm;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::world::{Break, EVERY_CRM, With, World};

use crate::books::at_rest;
use crate::stage::{Row, Stage, all_enriched, leads, queued_leads, stands, world_of};

/// More rounds of telling than this mean a loop.
const ROUNDS_MAX: usize = 3;

/// Those that tell every save, whatever was changed by it.
const TELL_EVERY_SAVE: [&str; 2] = ["Salesforce, by messages", "Salesforce, by callouts"];

/// Those that tell of several people in one delivery.
const TELL_TOGETHER: [&str; 2] = ["HubSpot", "Salesforce, by messages"];

/// The one whose events wait on a queue until a function reads them.
const BY_A_QUEUE: &str = "Salesforce, by change events";

/// What these scenarios have to know of a CRM.
struct Own {
    name: &'static str,
    /// In the path of every call about records.
    records: &'static str,
    /// In the operation that writes them.
    write: &'static str,
    /// Blank fields that are filled, by the names of the card.
    filled: &'static [&'static str],
}

const OWN: [Own; 6] = [
    Own { name: "HubSpot", records: "batch/", write: "batch/update", filled: &["company", "country"] },
    Own {
        name: "Salesforce",
        records: "composite/sobjects",
        write: "salesforce PATCH",
        filled: &["company", "country"],
    },
    Own { name: "Pipedrive", records: "/persons", write: "pipedrive PATCH", filled: &["country"] },
    Own { name: "Attio", records: "/records", write: "attio PATCH", filled: &["country"] },
    Own { name: "Close", records: "/contact", write: "close PUT", filled: &["country"] },
    Own { name: "Zoho CRM", records: "/crm/v8/Leads", write: "zoho PUT", filled: &["country"] },
];

fn own(crm: &dyn SimulatedCrm) -> &'static Own {
    OWN.iter().find(|own| own.name == crm.name()).expect("each CRM has a row")
}

/// Plays a scenario with one CRM after the other.
async fn with_every_crm(play: impl AsyncFn(&'static str, With)) {
    for (name, with) in EVERY_CRM {
        let _row = Row(name);
        play(name, with).await;
    }
}

async fn served(with: With) -> (Stage, Arc<dyn SimulatedCrm>) {
    let world = world_of(with, |_| {}).await;
    let crm = world.crm();
    (world, crm)
}

#[tokio::test]
async fn what_a_person_types_between_our_read_and_our_write_stays() {
    with_every_crm(async |_, with| {
        let (world, crm) = served(with).await;
        let leads = queued_leads(&world, 2).await;
        let (typed, id) = (Arc::downgrade(&crm), leads[0].clone());
        // Just before the provider is asked: after the first read, before the second.
        world.apollo.on_call(move |_| {
            if let Some(crm) = typed.upgrade() {
                crm.type_in(&id, "jobtitle", "Typed by hand");
            }
        });
        world.settle_down(1).await;
        let card = crm.card(&leads[0]).expect("the record");
        assert_eq!(card["jobtitle"], "Typed by hand");
        let filled = own(&*crm).filled;
        assert!(filled.iter().all(|name| card.contains_key(*name)), "the blank ones are filled all the same: {card:?}");
        let history = crm.history(&leads[0], "jobtitle");
        assert!(!history.is_empty() && history.iter().all(|(_, by_a_person)| *by_a_person), "{history:?}");
        all_enriched(&world, &leads[1..]);
        at_rest(&world).await;
    })
    .await;
}

#[tokio::test]
async fn a_crm_that_is_down_or_busy_gets_what_was_bought_later_and_nothing_is_bought_twice() {
    with_every_crm(async |_, with| {
        let (world, crm) = served(with).await;
        let leads = queued_leads(&world, 4).await;
        let records = own(&*crm).records;
        for fault in [
            Fault::Status(503, String::new()),
            Fault::Throttle { retry_after: Some(Duration::from_secs(20)) },
            Fault::Status(200, "<html>".to_owned()),
            Fault::Status(403, String::new()),
            Fault::DropAfterWork,
        ] {
            crm.faults().add(FaultRule::on(records, fault));
        }
        world.settle_down(1).await;
        let counts = world.wire.counts().into_iter();
        let calls: u64 = counts.filter(|(call, _)| call.contains(records)).map(|(_, count)| count).sum();
        assert!(calls >= 7, "each went wrong once, and then it was read and written: {calls}");
        all_enriched(&world, &leads);
        assert_eq!(at_rest(&world).await.spent, 4000);
        assert_eq!(world.apollo.ledger().records_charged, 4);
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_lost_or_a_worker_that_dies_writes_the_same_again() {
    with_every_crm(async |_, with| {
        for broken in [Break::AnswerLost, Break::DeathAfter, Break::DeathBefore] {
            let (world, crm) = served(with).await;
            let leads = queued_leads(&world, 2).await;
            let (write, first) = (own(&*crm).write, AtomicBool::new(true));
            let how = broken.clone();
            world.wire.break_by(move |call| {
                let is_write = call.operation.contains(write) && first.swap(false, Ordering::SeqCst);
                is_write.then(|| how.clone())
            });
            world.settle_down(1).await;
            let calls = world.wire.mend();
            assert!(calls.iter().any(|call| call.operation.contains(write)), "{broken:?}: it was written");
            world.settle_down(1).await;
            all_enriched(&world, &leads);
            assert_eq!(at_rest(&world).await.spent, 2000, "{broken:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_changed_address_makes_due_and_another_change_does_not() {
    with_every_crm(async |name, with| {
        if TELL_EVERY_SAVE.contains(&name) {
            return;
        }
        let (world, crm) = served(with).await;
        let id = crm.create_person(&[("city", "London".to_owned())]);
        crm.deliver().await;
        world.settle_down(1).await;
        assert_eq!(at_rest(&world).await.spent, 0, "no one can say who that is");
        assert!(crm.type_in(&id, "city", "Paris"));
        crm.deliver().await;
        nothing_is_due(&world, name).await;
        assert!(crm.type_in(&id, "email", "ada.lovelace@engine.example"));
        crm.deliver().await;
        world.settle_down(1).await;
        all_enriched(&world, std::slice::from_ref(&id));
        assert_eq!(crm.card(&id).expect("the record")["city"], "Paris");
        assert_eq!(at_rest(&world).await.spent, 1000);
    })
    .await;
}

/// What the CRM has told is dropped at the door, or by the function that reads it from its queue.
async fn nothing_is_due(world: &World, name: &str) {
    if name == BY_A_QUEUE {
        world.pump.round().await;
    }
    assert_eq!(world.waiting().await, 0, "nothing is on the worker's queue");
}

#[tokio::test]
async fn what_cannot_be_queued_is_not_accepted_and_comes_again() {
    with_every_crm(async |name, with| {
        if name == BY_A_QUEUE {
            return;
        }
        let (world, crm) = served(with).await;
        let leads = leads(&world, 3);
        world.wire.break_by(|call| (call.operation == "sqs SendMessageBatch").then_some(Break::Refused));
        let report = crm.deliver().await;
        let deliveries = if TELL_TOGETHER.contains(&name) { 1 } else { 3 };
        assert!(report.accepted == 0 && report.rejected == vec![503; deliveries], "{report:?}");
        world.wire.mend();
        assert_eq!((world.waiting().await, crm.pending()), (0, 3));
        assert_eq!(crm.deliver().await.rejected, [0_u16; 0]);
        assert_eq!(world.waiting().await, 3);
        world.settle_down(2).await;
        all_enriched(&world, &leads);
        at_rest(&world).await;
    })
    .await;
}

#[tokio::test]
async fn a_deleted_record_ends_and_costs_nothing() {
    with_every_crm(async |name, with| {
        let (world, crm) = served(with).await;
        let gone = queued_leads(&world, 1).await.remove(0);
        assert!(crm.delete(&gone));
        world.settle_down(1).await;
        assert_eq!(stands(&world, &gone).await, StateName::Refused);
        assert_eq!(at_rest(&world).await.spent, 0);
        crm.deliver().await;
        nothing_is_due(&world, name).await;
    })
    .await;
}

fn card(number: usize, rng: &mut Rng) -> Vec<(&'static str, String)> {
    let mut card = vec![("email", format!("first{number}.last{number}@engine.example"))];
    for (name, value) in [("city", "London"), ("jobtitle", "As I said in the form")] {
        if rng.bool() {
            card.push((name, value.to_owned()));
        }
    }
    card
}

#[tokio::test]
async fn one_write_back_ends_after_at_most_one_echo_and_nothing_is_asked_for_it() {
    with_every_crm(async |name, with| {
        let (world, crm) = served(with).await;
        let mut rng = Rng::with_seed(7);
        let people: Vec<String> = (0..5).map(|number| crm.create_person(&card(number, &mut rng))).collect();
        crm.deliver().await;
        world.settle_down(2).await;
        let (written, _) = crm.written();
        assert_eq!(written, 5, "{name}: each is written once");
        let asked = world.apollo.ledger().calls;
        let mut rounds = 0;
        while crm.pending() > 0 {
            rounds += 1;
            assert!(rounds <= ROUNDS_MAX, "{name}: it goes round in circles");
            crm.deliver().await;
            world.settle_down(2).await;
        }
        assert!(rounds <= 1, "{name}: an echo of an echo");
        assert_eq!((crm.written().0, world.apollo.ledger().calls), (written, asked), "{name}");
        assert!(people.iter().all(|id| crm.card(id).is_some_and(|card| card.contains_key("jobtitle"))), "{name}");
        at_rest(&world).await;
    })
    .await;
}

/// What comes of a log: every card in the CRM, and what was paid.
#[derive(Debug, PartialEq)]
struct Effects {
    cards: BTreeMap<String, BTreeMap<String, String>>,
    spent: i64,
    charged: i64,
}

/// What people do in the CRM, which tells of it as `seed` says: in order and once each, or shuffled and repeated.
async fn effects(with: With, seed: u64, disordered: bool) -> Effects {
    let world = world_of(with, |settings| {
        if disordered {
            *settings = settings.clone().with_duplicate_events(1.0, seed + 1);
        }
    })
    .await;
    let crm = world.crm();
    let mut rng = Rng::with_seed(seed);
    let mut people = Vec::new();
    for number in 0..6 {
        people.push(crm.create_person(&card(number, &mut rng)));
        let edited = rng.usize(..people.len());
        match rng.u8(..5) {
            0 => drop(crm.type_in(&people[edited], "jobtitle", &format!("Title {number}"))),
            1 => drop(crm.type_in(&people[edited], "city", &format!("City {number}"))),
            2 => drop(crm.type_in(&people[edited], "email", &format!("other{number}.one{number}@engine.example"))),
            3 => drop(crm.delete(&people[edited])),
            _ => {}
        }
    }
    if disordered {
        repeat(&world, &*crm).await;
    } else {
        crm.deliver().await;
        world.settle_down(1).await;
    }
    while crm.pending() > 0 {
        crm.deliver().await;
        world.settle_down(2).await;
    }
    // The time of enrichment is another.
    let is_kept = |name: &str| !name.contains("enriched");
    let kept = |id: &String| Some(crm.card(id)?.into_iter().filter(|(name, _)| is_kept(name)).collect());
    let there = people.iter().enumerate().filter_map(|(number, id)| Some((number.to_string(), kept(id)?)));
    let (cards, spent) = (there.collect(), at_rest(&world).await.spent);
    Effects { cards, spent, charged: world.apollo.ledger().credits_charged }
}

/// Each message is received by several workers, and is on the queue more than once.
async fn repeat(world: &World, crm: &dyn SimulatedCrm) {
    crm.deliver().await;
    for _ in 0..3 {
        let batch = world.pump.receive_at_most(3).await;
        world.pump.show_hidden().await;
        let again = world.pump.receive().await;
        for batch in [batch, again].into_iter().filter(|batch| !batch.is_empty()) {
            world.pump.invoke(batch).await;
        }
    }
    crm.deliver().await;
    world.settle_down(3).await;
}

#[tokio::test]
async fn what_comes_of_a_log_is_the_same_shuffled_and_repeated() {
    with_every_crm(async |name, with| {
        for seed in 0..4 {
            let (once, again) = (effects(with, seed, false).await, effects(with, seed, true).await);
            assert_eq!(once, again, "{name}, seed {seed}");
            assert!(once.spent > 0 && once.spent == once.charged, "{once:?}");
        }
    })
    .await;
}
