//! One lead, told of by several roads at once: it is bought once and written once, wherever the workers that have its
//! messages meet.

mod two_ids;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use leadgate_enrichment::lead::record::StateName;
use leadgate_enrichment::lead::request::BULK_MIN;
use leadgate_sandbox::world::{Break, Call, Settings, World};
use tokio::sync::Notify;

use crate::books::at_rest;
use crate::hooks::{Post, about, sources, world_of};
use crate::salesforce::door::{Callout, told_by_message};
use crate::stage::{self, Row, Stage, all_enriched, queued_leads, stands};

/// A worker that has one message makes fewer calls than this.
const CALLS_MAX: usize = 60;
/// And it makes at least as many for a lead that it buys, and for one that it parks.
const CALLS_TO_BUY: usize = 12;
const CALLS_TO_PARK: usize = 4;

/// More batches than the messages of a scenario can be.
const BATCHES_MAX: usize = 10;

/// A hold for a number that was perhaps asked for is given up within so many quarters of a day.
const QUARTERS_MAX: usize = 40;
const QUARTER: Duration = Duration::from_secs(6 * 60 * 60);

/// What happens to the first worker at one of its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    /// It stands still while the others work.
    Stands,
    /// It dies, and what it has done so far is done.
    Dies,
}

/// What a lead costs, and in how many writes it gets what was bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    milli: i64,
    writes: usize,
}

const PERSON: Cost = Cost { milli: 1000, writes: 1 };
/// The number arrives later, and is written by itself.
const PERSON_AND_NUMBER: Cost = Cost { milli: 9000, writes: 2 };

/// A worker takes one message, and at its `at`th call this happens to it. Then `others` happens, another worker takes all
/// messages that are in sight, and the first goes on. Whether it got that far.
async fn meet(world: &World, at: usize, meanwhile: Meanwhile, others: impl Future<Output = ()>) -> bool {
    meet_at(world, move |call| call.index == at, meanwhile, others).await
}

/// The same, at the first call that is such a one.
async fn meet_at(
    world: &World,
    is_there: impl Fn(&Call) -> bool + Copy + Send + 'static,
    meanwhile: Meanwhile,
    others: impl Future<Output = ()>,
) -> bool {
    let first = world.pump.receive_at_most(1).await;
    assert_eq!(first.len(), 1);
    let reached = Arc::new(Notify::new());
    let here = reached.clone();
    world.wire.break_by(move |call| {
        if !is_there(call) {
            return None;
        }
        here.notify_one();
        (meanwhile == Meanwhile::Dies).then_some(Break::DeathBefore)
    });
    let mut work = pin!(world.pump.invoke(first));
    let has_ended = tokio::select! {
        biased;
        () = reached.notified(), if meanwhile == Meanwhile::Stands => false,
        () = &mut work => true,
    };
    let got_there = world.wire.mend().iter().any(is_there);
    others.await;
    let mut batches = 0;
    while world.pump.round().await {
        batches += 1;
        assert!(batches < BATCHES_MAX, "messages come and come");
    }
    if !has_ended {
        work.await;
    }
    got_there
}

/// Each lead is written once, and bought once: only of a worker that dies while it asks, it isn't known.
async fn all_once(world: &World, leads: &[String], cost: Cost, meanwhile: Meanwhile) {
    world.settle_down(2).await;
    all_enriched(world, leads);
    for lead in leads {
        assert_eq!(stands(world, lead).await, StateName::Written);
    }
    let (books, charged) = (at_rest(world).await, world.apollo.ledger().credits_charged);
    let once = cost.milli * i64::try_from(leads.len()).expect("few");
    let written = usize::try_from(world.crm().written().0).expect("few");
    let writes = cost.writes * leads.len();
    match meanwhile {
        Meanwhile::Stands => assert_eq!((books.spent, charged, written), (once, once, writes)),
        Meanwhile::Dies => {
            // What came may have been kept for others before it died: then nothing is bought again.
            let spent = [once, once + books.unknown];
            assert!(books.unknown <= cost.milli && spent.contains(&books.spent), "{books:?}");
            assert!(charged <= books.spent, "{charged}: {books:?}");
            // What a dead worker wrote last is written again.
            assert!((writes..=writes + 1).contains(&written), "{written}");
        }
    }
}

/// What may happen to a worker.
const EITHER: &[Meanwhile] = &[Meanwhile::Stands, Meanwhile::Dies];

/// Plays it with workers that meet at each call of the first in turn, in each of these ways.
async fn wherever_they_meet(ways: &[Meanwhile], calls_min: usize, play: impl AsyncFn(usize, Meanwhile) -> bool) {
    for &meanwhile in ways {
        let mut at = 0;
        loop {
            let _row = Row((meanwhile, at));
            if !play(at, meanwhile).await {
                break;
            }
            at += 1;
            assert!(at < CALLS_MAX, "it goes on and on");
        }
        assert!(at >= calls_min, "{meanwhile:?}: it worked for {at} calls only");
    }
}

/// By the CRM, and by a system that is a source as well.
async fn hook(world: &World, lead: &str) {
    let (status, answer) = Post::of(world, "github", about(lead)).send().await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn by_the_crm_and_by_another_system_before_any_worker_is_there() {
    wherever_they_meet(EITHER, CALLS_TO_BUY, async |at, meanwhile| {
        let world = world_of("").await;
        let leads = queued_leads(&world, 1).await;
        hook(&world, &leads[0]).await;
        assert_eq!(world.waiting().await, 2);
        let got_there = meet(&world, at, meanwhile, async {}).await;
        all_once(&world, &leads, PERSON, meanwhile).await;
        got_there
    })
    .await;
}

#[tokio::test]
async fn by_the_crm_and_by_another_system_while_a_worker_is_at_work() {
    wherever_they_meet(EITHER, CALLS_TO_BUY, async |at, meanwhile| {
        let world = world_of("").await;
        let leads = queued_leads(&world, 1).await;
        let got_there = meet(&world, at, meanwhile, hook(&world, &leads[0])).await;
        all_once(&world, &leads, PERSON, meanwhile).await;
        hook(&world, &leads[0]).await;
        assert_eq!(world.waiting().await, 0, "the door knows that it is fresh");
        got_there
    })
    .await;
}

/// The number arrives minutes later, and nothing that is told until then buys it again.
#[tokio::test]
async fn with_a_number_that_arrives_later() {
    wherever_they_meet(EITHER, CALLS_TO_BUY, async |at, meanwhile| {
        let world = stage::world_with_numbers(|settings| settings.config += &sources("", false)).await;
        let leads = queued_leads(&world, 1).await;
        let got_there = meet(&world, at, meanwhile, hook(&world, &leads[0])).await;
        hook(&world, &leads[0]).await;
        world.settle_down(2).await;
        world.clock.turn(Duration::from_secs(6 * 60));
        world.settle_down(2).await;
        no_hold_is_open(&world).await;
        all_once(&world, &leads, PERSON_AND_NUMBER, meanwhile).await;
        let card = world.crm().card(&leads[0]).expect("the contact");
        assert!(card.contains_key("mobilephone"), "{card:?}");
        got_there
    })
    .await;
}

/// Whether a dead worker has asked for a number may be known only after some days.
async fn no_hold_is_open(world: &World) {
    for _ in 0..QUARTERS_MAX {
        if world.credits.open_holds(world.tenant_id()).await.expect("readable").is_empty() {
            return;
        }
        world.clock.turn(QUARTER);
        world.settle_down(2).await;
    }
    panic!("a hold is open after {QUARTERS_MAX} quarters of a day");
}

/// It waits in the line once, and is released once.
#[tokio::test]
async fn with_no_credits_until_the_next_cycle() {
    wherever_they_meet(EITHER, CALLS_TO_PARK, async |at, meanwhile| {
        let world = stage::world_with(|settings| {
            settings.credits_per_cycle = Some(1);
            settings.config += &sources("", false);
        })
        .await;
        world.hubspot.create_contact([("email", "ada.lovelace@engine.example")]);
        world.hubspot.deliver().await;
        world.settle_down(1).await;
        world.hubspot.deliver().await;
        let before = world.crm().written().0;
        assert_eq!((before, at_rest(&world).await.spent), (1, 1000), "that was the only credit");
        let leads = queued_leads(&world, 1).await;
        let got_there = meet(&world, at, meanwhile, hook(&world, &leads[0])).await;
        world.settle_down(2).await;
        assert_eq!((stands(&world, &leads[0]).await, at_rest(&world).await.spent), (StateName::Deferred, 1000));
        world.next_cycle(1_000_000).await;
        assert_eq!(world.run_release().await.released, 1);
        world.settle_down(2).await;
        all_enriched(&world, &leads);
        assert_eq!((at_rest(&world).await.spent, world.crm().written().0), (2000, 2));
        got_there
    })
    .await;
}

#[tokio::test]
async fn in_bulk_and_alone() {
    wherever_they_meet(&[Meanwhile::Stands], CALLS_TO_BUY, async |at, meanwhile| {
        let world = world_of("").await;
        let leads = queued_leads(&world, BULK_MIN).await;
        hook(&world, &leads[BULK_MIN / 2]).await;
        assert_eq!(world.waiting().await, BULK_MIN + 1);
        let got_there = meet(&world, at, meanwhile, async {}).await;
        all_once(&world, &leads, PERSON, meanwhile).await;
        got_there
    })
    .await;
}

/// A tenant may have all three.
#[tokio::test]
async fn by_each_road_of_a_salesforce_org() {
    wherever_they_meet(EITHER, CALLS_TO_BUY, async |at, meanwhile| {
        let world = org().await;
        let leads = queued_leads(&world, 1).await;
        // The change event is read by a function of its own.
        world.pump.round().await;
        assert_eq!(told_by_message(&world, &leads[0]).await, (200, true));
        assert_eq!(Callout::of(&world, &leads[0]).send(&world).await, 200);
        assert_eq!(world.waiting().await, 3, "no road knows of the others");
        let got_there = meet(&world, at, meanwhile, async {}).await;
        all_once(&world, &leads, PERSON, meanwhile).await;
        got_there
    })
    .await;
}

async fn org() -> Stage {
    stage::world_of(Settings::with_change_events, |_| {}).await
}

#[tokio::test]
async fn in_one_batch() {
    let world = org().await;
    let leads = queued_leads(&world, 1).await;
    world.pump.round().await;
    assert_eq!(told_by_message(&world, &leads[0]).await, (200, true));
    assert_eq!(Callout::of(&world, &leads[0]).send(&world).await, 200);
    let together = world.pump.receive().await;
    assert_eq!(together.len(), 3);
    world.pump.invoke(together).await;
    assert_eq!(world.waiting().await, 0, "one worker has dealt with all of them");
    all_once(&world, &leads, PERSON, Meanwhile::Stands).await;

    let world = world_of("").await;
    let leads = queued_leads(&world, 1).await;
    hook(&world, &leads[0]).await;
    let together = world.pump.receive().await;
    assert_eq!(together.len(), 2);
    world.pump.invoke(together).await;
    assert_eq!(world.waiting().await, 0, "one worker has dealt with all of them");
    all_once(&world, &leads, PERSON, Meanwhile::Stands).await;
}
