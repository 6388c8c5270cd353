//! Batches in any order, cut short anywhere and taken in again, two at a time: no row is lost, and the newest stands.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use leadgate_aws::feed::FeedDrop;
use leadgate_enrichment::clock::{Clock, days, earlier, later};
use leadgate_feed::Ended;
use leadgate_sandbox::world::{Break, Caller, World};

use super::{Scene, small, world};

/// So many orders are tried.
const SEEDS: u64 = 40;
/// How many businesses there are, and in how many batches they are told of.
const BUSINESSES: usize = 14;
const BATCHES: usize = 3;
/// Longer than a lease lasts.
const LEASE_OVER: Duration = Duration::from_secs(300);
/// More runs than a batch takes.
const RUNS_MAX: usize = 20;

/// A batch that tells of some of them, each under the name that it has in it.
struct Edition {
    object: String,
    text: String,
    made_at: Timestamp,
    told: Vec<usize>,
}

fn name(business: usize, edition: usize) -> String {
    format!("Bakery {business} as of {edition}")
}

fn phone(business: usize) -> String {
    format!("+1 503 555 {:04}", 1000 + business)
}

fn editions(rng: &mut Rng, now: Timestamp) -> Vec<Edition> {
    let edition = |number: usize| {
        let told: Vec<usize> = (0..BUSINESSES).filter(|_| rng.u8(..4) > 0).collect();
        let rows: Vec<[String; 3]> = told
            .iter()
            .map(|business| [format!("DL{business:09}"), name(*business, number), phone(*business)])
            .collect();
        let rows: Vec<(&str, &str, &str, &str, &str)> =
            rows.iter().map(|[id, name, phone]| (id.as_str(), name.as_str(), phone.as_str(), "", "97201")).collect();
        let made_at = earlier(now, days(u32::try_from(BATCHES - number).unwrap_or(0)));
        Edition { object: format!("batch-{number}.csv"), text: small(&rows), made_at, told }
    };
    (0..BATCHES).map(edition).collect()
}

/// An order that is being tried.
struct Order<'w> {
    scene: Scene<'w>,
    editions: Vec<Edition>,
    runs: usize,
    /// Which were read to their end.
    done: BTreeMap<usize, FeedDrop>,
}

impl Order<'_> {
    /// Takes a batch in, if it gets that far.
    async fn run(&mut self, which: usize, deadline: Option<Timestamp>) {
        self.runs += 1;
        let Edition { object, text, made_at, .. } = &self.editions[which];
        let run = format!("run-{}", self.runs);
        let import = self.scene.import_until(&run, object, text, *made_at, deadline);
        if let Some(Ok(Ended::Here(drop) | Ended::Before(drop))) = self.scene.world.or_die(import).await {
            self.done.insert(which, *drop);
        }
    }

    /// Two at once: one of them waits, whichever they are.
    async fn two(&mut self, one: usize, other: usize) {
        let run = self.runs;
        self.runs += 2;
        let begin = |which: usize, run: usize| {
            let Edition { object, text, made_at, .. } = &self.editions[which];
            let (name, scene) = (format!("run-{run}"), &self.scene);
            async move { scene.import_until(&name, object, text, *made_at, None).await }
        };
        let ended = tokio::join!(begin(one, run + 1), begin(other, run + 2));
        for (which, ended) in [(one, ended.0), (other, ended.1)] {
            if let Ok(Ended::Here(drop) | Ended::Before(drop)) = ended {
                self.done.insert(which, *drop);
            }
        }
    }

    /// Of what was read to its end, nothing is missing: each business is known, by that or a newer name.
    async fn check(&self, place: &str) {
        for business in 0..BUSINESSES {
            let known = self.scene.named(&phone(business)).await;
            let newest = self.done.keys().filter(|edition| self.editions[**edition].told.contains(&business)).max();
            let Some(newest) = newest else { continue };
            let may_be: Vec<String> = (*newest..BATCHES).map(|edition| name(business, edition)).collect();
            assert!(known.as_ref().is_some_and(|known| may_be.contains(known)), "{place}: {business} is {known:?}");
        }
    }
}

async fn one_order(world: &World, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let editions = editions(&mut rng, world.clock.now());
    let scene = Scene::new(world, &format!("order-{seed}"));
    let mut order = Order { scene, editions, runs: 0, done: BTreeMap::new() };
    for step in 0..rng.usize(4..10) {
        let (which, place) = (rng.usize(..BATCHES), format!("seed {seed}, step {step}"));
        match rng.u8(..5) {
            0 => order.two(which, rng.usize(..BATCHES)).await,
            1 => order.run(which, Some(later(world.clock.now(), Duration::from_secs(rng.u64(..2))))).await,
            _ => {
                let at = rng.usize(..25);
                let ways = [Break::DeathBefore, Break::DeathAfter, Break::AnswerLost, Break::throttled()];
                let how = ways[rng.usize(..ways.len())].clone();
                world
                    .wire
                    .break_by(move |call| (call.caller == Caller::FeedImport && call.index == at).then(|| how.clone()));
                order.run(which, None).await;
                world.wire.mend();
            }
        }
        world.clock.turn(LEASE_OVER);
        order.check(&place).await;
    }
    for which in 0..BATCHES {
        for _ in 0..RUNS_MAX {
            if order.done.contains_key(&which) {
                break;
            }
            order.run(which, None).await;
            world.clock.turn(LEASE_OVER);
        }
        assert!(order.done.contains_key(&which), "seed {seed}: batch {which} is never done");
    }
    order.check(&format!("seed {seed}, at the end")).await;
    for business in 0..BUSINESSES {
        let newest = (0..BATCHES).rev().find(|edition| order.editions[*edition].told.contains(&business));
        let expected = newest.map(|edition| name(business, edition));
        assert_eq!(order.scene.named(&phone(business)).await, expected, "seed {seed}: the newest stands");
    }
    // Each is delivered once more.
    let before = order.scene.write_units();
    for edition in 0..BATCHES {
        let Edition { object, text, made_at, .. } = &order.editions[edition];
        let again = order.scene.import("again", object, text, *made_at).await;
        assert!(matches!(again, Ok(Ended::Before(_))), "seed {seed}: {again:?}");
    }
    assert_eq!(order.scene.write_units(), before, "seed {seed}: what was read before writes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_whatever_order_batches_come_and_wherever_they_are_cut_no_row_is_lost() {
    let world = world().await;
    for seed in 0..SEEDS {
        one_order(&world, seed).await;
    }
}
