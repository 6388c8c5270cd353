//! Whatever call of an import breaks, and however: where it has come to is never ahead of what is written, and whoever goes
//! on ends with all of it.

use std::time::Duration;

use leadgate_aws::feed::{FeedDrop, Found};
use leadgate_enrichment::business::BusinessKey;
use leadgate_enrichment::clock::{Clock, later};
use leadgate_feed::Ended;
use leadgate_sandbox::simulators::datalane::{Business, Contents};
use leadgate_sandbox::world::{Break, Caller, World};

use super::{PIECE_ROWS, Scene, ended, sample, world};

/// Three pieces.
const ROWS: u64 = PIECE_ROWS * 3 - 2;
/// Longer than a lease lasts.
const LEASE_OVER: Duration = Duration::from_secs(300);
/// More runs than it takes.
const RUNS_MAX: usize = 6;

/// The row that lacks what a business is told by, so that there is something to reject.
fn with_a_bad_row(text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[7] = "DL000000007,,,,,,,,,,,,,,".to_owned();
    lines.join("\n") + "\n"
}

async fn is_found(scene: &Scene<'_>, number: u64) -> bool {
    let business = Business::numbered(number, 1);
    let keys =
        [BusinessKey::phone(&business.phone, "1"), BusinessKey::name_and_postal_code(&business.name, &business.zip)];
    for key in keys.into_iter().flatten() {
        if !matches!(scene.find(&[key]).await, Found::One(found) if found.id == business.id) {
            return false;
        }
    }
    true
}

/// What stands before the place that was noted is in the table.
async fn not_ahead(scene: &Scene<'_>, drop: &FeedDrop, case: &str) {
    for number in (1..=drop.counts.rows).filter(|number| *number != 7) {
        assert!(is_found(scene, number).await, "{case}: row {number} of {} is missing", drop.counts.rows);
    }
}

async fn broken_at(world: &World, text: &str, index: usize, how: &Break, deaths: &mut usize) -> bool {
    let case = format!("{how:?} at {index}");
    let scene = Scene::new(world, &format!("t{}-{index}", *deaths));
    let made_at = world.clock.now();
    let planned = how.clone();
    world.wire.break_by(move |call| {
        let is_it = call.caller == Caller::FeedImport && call.index == index;
        is_it.then(|| planned.clone())
    });
    let first = world.or_die(scene.import("first", "may.csv", text, made_at)).await;
    let reached = world.wire.mend().len() > index;
    for drop in world.feed.drops(&scene.tenant).await.expect("an answer") {
        not_ahead(&scene, &drop, &case).await;
    }
    let mut done = match first {
        Some(Ok(Ended::Here(drop))) => Some(*drop),
        _ => None,
    };
    for run in 0..RUNS_MAX {
        if done.is_some() {
            break;
        }
        world.clock.turn(LEASE_OVER);
        done = match scene.import(&format!("run-{run}"), "may.csv", text, made_at).await {
            Ok(Ended::Here(drop) | Ended::Before(drop)) => Some(*drop),
            other => panic!("{case}: {other:?}"),
        };
    }
    let done = done.unwrap_or_else(|| panic!("{case}: never done"));
    assert_eq!((done.counts.rows, done.counts.new, done.counts.rejected), (ROWS, ROWS - 1, 1), "{case}");
    assert_eq!(scene.rejected().lines().count(), 2, "{case}: {}", scene.rejected());
    not_ahead(&scene, &done, &case).await;
    *deaths += 1;
    reached
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_call_breaks_no_row_is_lost() {
    let world = world().await;
    let text = with_a_bad_row(&sample(ROWS, 1).0);
    let mut cases = 0;
    for how in [Break::DeathBefore, Break::DeathAfter, Break::AnswerLost, Break::throttled()] {
        let before = cases;
        for index in 0.. {
            if !broken_at(&world, &text, index, &how, &mut cases).await {
                break;
            }
        }
        assert!(cases - before > 15, "{} calls for {how:?}", cases - before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_out_of_time_is_gone_on_with() {
    let world = world().await;
    let scene = Scene::new(&world, "acme");
    let (text, Contents { good, .. }) = sample(ROWS, 1);
    let made_at = world.clock.now();
    let now = world.clock.now();
    let out = scene.import_until("one", "may.csv", &text, made_at, Some(now)).await.expect("an import");
    let Ended::OutOfTime(drop) = out else { panic!("{out:?}") };
    assert_eq!(drop.counts.rows, 0);
    let rest = scene.import_until("two", "may.csv", &text, made_at, Some(later(now, LEASE_OVER))).await;
    assert_eq!(ended(rest).counts.new, good);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_taken_over_notes_nothing() {
    let world = world().await;
    let scene = Scene::new(&world, "acme");
    let (text, contents) = sample(ROWS, 1);
    let made_at = world.clock.now();
    world.wire.break_by(|call| (call.operation.ends_with("BatchWriteItem")).then_some(Break::DeathBefore));
    let died = world.or_die(scene.import("first", "may.csv", &text, made_at)).await;
    world.wire.mend();
    assert!(died.is_none());
    let busy = scene.import("second", "may.csv", &text, made_at).await.expect("an answer");
    assert!(matches!(busy, Ended::Busy(taken) if taken.until.is_some()), "{busy:?}");
    world.clock.turn(LEASE_OVER);
    let done = ended(scene.import("third", "may.csv", &text, made_at).await);
    assert_eq!(done.counts.new, contents.good);
    let stale = FeedDrop { run: "first".to_owned(), place: leadgate_aws::feed::Place::default(), ..done.clone() };
    assert!(!world.feed.note(&scene.tenant, &stale).await.expect("an answer"), "another has begun it since");
    let there = world.feed.drop_of(&scene.tenant, &done.id).await.expect("an answer");
    assert_eq!(there, Some(done));
}
