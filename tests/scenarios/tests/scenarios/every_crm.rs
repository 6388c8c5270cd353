//! What holds with every CRM: one write-back ends after at most one echo, and what comes of a log of events doesn't depend on
//! their order, or on how often each is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use leadgate_sandbox::simulators::SimulatedCrm;
use leadgate_sandbox::world::{EVERY_CRM, Settings, With, World};

use crate::books::at_rest;
use crate::stage::{Stage, world_of};

/// More rounds of telling than this mean a loop.
const ROUNDS_MAX: usize = 3;

async fn served(with: With, change: impl FnOnce(&mut Settings)) -> (Stage, Arc<dyn SimulatedCrm>) {
    let world = world_of(with, change).await;
    let crm = world.crm();
    (world, crm)
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
    for (name, with) in EVERY_CRM {
        let (world, crm) = served(with, |_| {}).await;
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
    }
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
    let (world, crm) = served(with, |settings| {
        if disordered {
            for share in [
                &mut settings.hubspot.duplicate_share,
                &mut settings.salesforce.duplicate_share,
                &mut settings.pipedrive.duplicate_share,
                &mut settings.attio.duplicate_share,
            ] {
                *share = 1.0;
            }
            settings.hubspot.seed = seed + 1;
            settings.salesforce.seed = seed + 1;
            settings.pipedrive.seed = seed + 1;
            settings.attio.seed = seed + 1;
        }
    })
    .await;
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
    for (name, with) in EVERY_CRM {
        for seed in 0..4 {
            let (once, again) = (effects(with, seed, false).await, effects(with, seed, true).await);
            assert_eq!(once, again, "{name}, seed {seed}");
            assert!(once.spent > 0 && once.spent == once.charged, "{once:?}");
        }
    }
}
