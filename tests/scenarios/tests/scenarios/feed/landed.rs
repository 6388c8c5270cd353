//! Batches that land in S3: each is taken in once and whole, whatever breaks, however often it is told of, and whatever
//! becomes of the object.

use std::io::Write;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use feed_import::Notification;
use flate2::Compression;
use flate2::write::GzEncoder;
use leadgate_aws::feed::{DropState, FeedDrop};
use leadgate_aws::usage::Step;
use leadgate_enrichment::ids::TenantId;
use leadgate_sandbox::world::{Break, Caller, World};
use serde_json::json;

use super::{PIECE_ROWS, sample, small, world};

/// Longer than a lease lasts, and a message that waits for one is delayed.
const LEASE_OVER: Duration = Duration::from_secs(300);
/// More than it takes.
const ROUNDS_MAX: usize = 20;
/// Three pieces.
const ROWS: usize = 12;

async fn scene() -> (World, TenantId) {
    let mut world = world().await;
    world.take_in_by(PIECE_ROWS);
    let tenant = world.tenant().id.clone();
    (world, tenant)
}

/// Runs until no message is left, as time passes.
async fn until_done(world: &World, workers: usize) {
    for _ in 0..ROUNDS_MAX {
        world.pump.run_dry(workers).await;
        if world.pump.waiting_messages().await == Some(0) {
            return;
        }
        world.clock.turn(LEASE_OVER);
        world.pump.show_hidden().await;
    }
    panic!("messages are left");
}

async fn the_drop(world: &World, tenant: &TenantId, object: &str) -> FeedDrop {
    let drops = world.feed.drops(tenant).await.expect("an answer");
    drops.into_iter().find(|drop| drop.object == object).expect("it was begun")
}

fn text_of(rejects: Vec<(String, Vec<u8>)>) -> String {
    rejects.into_iter().map(|(_, piece)| String::from_utf8(piece).expect("text")).collect()
}

fn packed(text: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(text.as_bytes()).expect("packed");
    packer.finish().expect("packed")
}

/// Some rows of their own for each case. The seventh is bad.
fn rows(case: &str) -> (String, Vec<String>) {
    let ids: Vec<String> = (1..=ROWS).map(|row| format!("{case}-{row}")).collect();
    let names: Vec<String> = ids.iter().map(|id| format!("Shop {id}")).collect();
    let rows = ids.iter().zip(&names).enumerate();
    let rows = rows.map(|(i, (id, name))| (id.as_str(), if i == 6 { "" } else { name }, "", "", "97201"));
    (small(&rows.collect::<Vec<_>>()), ids)
}

async fn are_stored(world: &World, tenant: &TenantId, ids: &[String]) -> usize {
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    world.feed.stored(tenant, &ids, Step::Look).await.expect("an answer").len()
}

fn write_units(world: &World) -> f64 {
    world.usage.write_units().get("import").copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lands_is_taken_in_and_what_is_left_out_is_kept_with_its_reason() {
    let (world, tenant) = scene().await;
    let (text, contents) = sample(500, 1);
    let told = world.land(&tenant, "may (1).csv.gz", packed(&text)).await.expect("told");
    until_done(&world, 1).await;
    let drop = the_drop(&world, &tenant, "may (1).csv.gz").await;
    assert_eq!((&drop.state, drop.counts.rows), (&DropState::Done, 500));
    assert_eq!((drop.counts.new, drop.counts.rejected), (contents.good, contents.bad));
    let rejects = text_of(world.rejects(&tenant));
    assert!(rejects.starts_with("line,column,left_out,reason\n"), "{rejects}");
    assert_eq!(rejects.lines().count() as u64, 1 + contents.bad + contents.bad_values);

    let before = write_units(&world);
    world.tell_feed_import(&serde_json::to_string(&told).expect("text")).await.expect("told");
    until_done(&world, 1).await;
    assert!(write_units(&world) <= before, "the same event once more writes nothing");

    world.clock.turn(Duration::from_secs(86_400));
    world.land(&tenant, "june.csv", text.clone().into_bytes()).await.expect("told");
    until_done(&world, 1).await;
    let later = the_drop(&world, &tenant, "june.csv").await;
    assert_eq!((later.counts.unchanged, later.counts.changed, later.counts.new), (contents.good, 0, 0));
}

/// Until it is mended, reading takes so long that a run has no time for all pieces.
fn make_reading_slow(world: &World) {
    let clock = world.clock.clone();
    world.wire.break_by(move |call| {
        if call.caller == Caller::FeedImport && call.operation == "dynamodb BatchGetItem" {
            clock.turn(Duration::from_secs(9));
        }
        None
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_meets_its_deadline_three_times_is_gone_on_with() {
    for pack in [false, true] {
        let (world, tenant) = scene().await;
        let (text, contents) = sample(18, 1);
        let object = if pack { packed(&text) } else { text.into_bytes() };
        world.land(&tenant, "may.csv", object).await.expect("told");
        make_reading_slow(&world);
        let before = world.wire.counts().get("sqs SendMessageBatch").copied().unwrap_or_default();
        until_done(&world, 1).await;
        world.wire.mend();
        let after = world.wire.counts().get("sqs SendMessageBatch").copied().unwrap_or_default();
        assert!(after - before >= 3, "{} runs had no time for the rest", after - before);
        let drop = the_drop(&world, &tenant, "may.csv").await;
        assert_eq!((&drop.state, drop.counts.rows), (&DropState::Done, 18));
        assert_eq!((drop.counts.new, drop.counts.unchanged), (contents.good, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_call_breaks_a_batch_that_landed_is_taken_in_whole() {
    let (world, tenant) = scene().await;
    let unavailable = Break::Answered(503, "{}".to_owned());
    for (kind, how) in [Break::DeathBefore, Break::DeathAfter, Break::AnswerLost, unavailable].iter().enumerate() {
        let mut calls = 0;
        loop {
            let (case, index) = (format!("c{kind}-{calls}"), calls);
            let (text, ids) = rows(&case);
            let planned = how.clone();
            world.wire.break_by(move |call| {
                (call.caller == Caller::FeedImport && call.index == index).then(|| planned.clone())
            });
            world.land(&tenant, &case, text.into_bytes()).await.expect("told");
            world.pump.run_dry(1).await;
            let made = world.wire.mend();
            let was_reached = made.len() > index;
            for drop in world.feed.drops(&tenant).await.expect("an answer") {
                let read = usize::try_from(drop.counts.rows).expect("few");
                if drop.object == case {
                    let expected = read - usize::from(read > 6);
                    let stored = are_stored(&world, &tenant, &ids[..read]).await;
                    assert_eq!(stored, expected, "{how:?} at {index}: the note is ahead of what is written");
                }
            }
            until_done(&world, 1).await;
            let drop = the_drop(&world, &tenant, &case).await;
            let counts = (drop.counts.rows, drop.counts.new, drop.counts.rejected);
            assert_eq!((&drop.state, counts), (&DropState::Done, (12, 11, 1)), "{how:?} at {index}");
            assert_eq!(are_stored(&world, &tenant, &ids).await, ROWS - 1, "{how:?} at {index}");
            let rejects = world.rejects(&tenant).into_iter().filter(|(key, _)| key.contains(&format!("/{case}/")));
            assert_eq!(text_of(rejects.collect()).lines().count(), 2, "{how:?} at {index}");
            if !was_reached {
                let is_made = |operation: &str| made.iter().any(|call| call.operation == operation);
                assert!(is_made("s3 GET") && is_made("s3 PUT"), "{made:?}");
                break;
            }
            calls += 1;
        }
        assert!(calls > 18, "{calls} calls for {how:?}");
    }
    assert_eq!(world.feed_dead_letters().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_deliveries_of_an_event_at_once_are_one_batch() {
    let (world, tenant) = scene().await;
    let (text, ids) = rows("twice");
    let told = world.land(&tenant, "may.csv", text.into_bytes()).await.expect("told");
    let message = |id: &str| {
        let mut message = SqsMessage::default();
        message.message_id = Some(id.to_owned());
        message.body = Some(serde_json::to_string(&told).expect("text"));
        let mut event = SqsEvent::default();
        event.records = vec![message];
        event
    };
    let invocation = world.invocation_now();
    let (one, other) = tokio::join!(
        world.feed_import.handle(message("one"), &invocation),
        world.feed_import.handle(message("other"), &invocation)
    );
    assert!(one.batch_item_failures.is_empty() && other.batch_item_failures.is_empty());
    until_done(&world, 2).await;
    let drop = the_drop(&world, &tenant, "may.csv").await;
    assert_eq!((&drop.state, drop.counts.rows, drop.counts.new), (&DropState::Done, 12, 11));
    assert_eq!(are_stored(&world, &tenant, &ids).await, ROWS - 1);
}

fn named(name: &str) -> Vec<u8> {
    small(&[("1", name, "", "", "97201")]).into_bytes()
}

async fn stored_name(world: &World, tenant: &TenantId) -> String {
    let stored = world.feed.stored(tenant, &["1"], Step::Look).await.expect("an answer");
    format!("{:?}", stored["1"].values)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_replaced_is_read_as_the_version_that_landed() {
    let (world, tenant) = scene().await;
    let first = world.land(&tenant, "feed.csv", named("Old Name")).await.expect("told");
    world.clock.turn(Duration::from_secs(1));
    world.land(&tenant, "feed.csv", named("New Name")).await.expect("told");
    until_done(&world, 1).await;
    let drops = world.feed.drops(&tenant).await.expect("an answer");
    assert_eq!(drops.len(), 2);
    assert!(drops.iter().all(|drop| drop.state == DropState::Done), "{drops:?}");
    assert!(stored_name(&world, &tenant).await.contains("New Name"));

    // Where the bucket keeps no versions, nothing else is read in its place.
    let mut unversioned: Notification = first;
    unversioned.records[0].s3.object.version_id = None;
    world.tell_feed_import(&serde_json::to_string(&unversioned).expect("text")).await.expect("told");
    until_done(&world, 1).await;
    let drops = world.feed.drops(&tenant).await.expect("an answer");
    let stopped =
        drops.iter().filter(|drop| matches!(&drop.state, DropState::Stopped(why) if why.contains("replaced")));
    assert_eq!(stopped.count(), 1, "{drops:?}");
    assert!(stored_name(&world, &tenant).await.contains("New Name"));
}

/// Lets one run take in a part of a batch of twelve rows, and says how many.
async fn a_part_of(world: &World, tenant: &TenantId, object: &str) -> usize {
    make_reading_slow(world);
    assert!(world.pump.round().await, "a message was there");
    world.wire.mend();
    let drop = the_drop(world, tenant, object).await;
    assert_eq!(drop.state, DropState::Begun);
    let read = usize::try_from(drop.counts.rows).expect("few");
    assert!(0 < read && read < ROWS, "{read} rows in the first run");
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_replaced_between_two_runs_is_read_on_as_it_was() {
    let (world, tenant) = scene().await;
    let (text, ids) = rows("first");
    world.land(&tenant, "feed.csv", text.into_bytes()).await.expect("told");
    a_part_of(&world, &tenant, "feed.csv").await;
    world.clock.turn(Duration::from_secs(1));
    let (text, later_ids) = rows("second");
    world.land(&tenant, "feed.csv", text.into_bytes()).await.expect("told");
    until_done(&world, 1).await;
    let drops = world.feed.drops(&tenant).await.expect("an answer");
    let counts: Vec<_> = drops.iter().map(|drop| (&drop.state, drop.counts.rows, drop.counts.new)).collect();
    assert_eq!(counts, [(&DropState::Done, 12, 11), (&DropState::Done, 12, 11)]);
    assert_eq!(are_stored(&world, &tenant, &ids).await, ROWS - 1);
    assert_eq!(are_stored(&world, &tenant, &later_ids).await, ROWS - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_disappears_between_two_runs_leaves_what_was_taken_in() {
    let (world, tenant) = scene().await;
    let (text, ids) = rows("first");
    world.land(&tenant, "feed.csv", text.into_bytes()).await.expect("told");
    let read = a_part_of(&world, &tenant, "feed.csv").await;
    world.purge_batch(&tenant, "feed.csv");
    until_done(&world, 1).await;
    let drop = the_drop(&world, &tenant, "feed.csv").await;
    assert!(matches!(&drop.state, DropState::Stopped(why) if why.contains("no longer in the bucket")), "{drop:?}");
    assert_eq!(usize::try_from(drop.counts.rows), Ok(read));
    assert_eq!(are_stored(&world, &tenant, &ids).await, read - usize::from(read > 6));

    // The feed is free for the next batch at once.
    let (text, ids) = rows("second");
    world.land(&tenant, "next.csv", text.into_bytes()).await.expect("told");
    world.pump.run_dry(1).await;
    assert_eq!(the_drop(&world, &tenant, "next.csv").await.state, DropState::Done);
    assert_eq!(are_stored(&world, &tenant, &ids).await, ROWS - 1);
    assert_eq!(world.feed_dead_letters().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_read_says_so_and_keeps_nobody_waiting() {
    let (world, tenant) = scene().await;
    world.land(&tenant, "gone.csv", named("Gone")).await.expect("told");
    world.purge_batch(&tenant, "gone.csv");
    let mut bomb = small(&[("1", "Joe's", "", "", "97201")]);
    for _ in 0..20 {
        bomb.push_str(&"a".repeat(200_000));
        bomb.push('\n');
    }
    world.land(&tenant, "bomb.csv.gz", packed(&bomb)).await.expect("told");
    until_done(&world, 1).await;
    for (object, why) in [("gone.csv", "no longer in the bucket"), ("bomb.csv.gz", "200 times its size")] {
        let drop = the_drop(&world, &tenant, object).await;
        assert!(matches!(&drop.state, DropState::Stopped(reason) if reason.contains(why)), "{drop:?}");
    }
    assert_eq!(world.feed_dead_letters().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_configured_waits_for_an_operator() {
    let (world, tenant) = scene().await;
    let test = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "feed" });
    world.tell_feed_import(&test.to_string()).await.expect("told");
    until_done(&world, 1).await;
    assert_eq!(world.feed_dead_letters().await, Some(0), "a test event is no failure");

    world.land(&"nobody".parse().expect("a name"), "may.csv", named("Joe's")).await.expect("told");
    world.tell_feed_import("not JSON").await.expect("told");
    let mut elsewhere = world.land(&tenant, "may.csv", named("Joe's")).await.expect("told");
    elsewhere.records[0].s3.bucket.name = "another".to_owned();
    world.tell_feed_import(&serde_json::to_string(&elsewhere).expect("text")).await.expect("told");
    until_done(&world, 1).await;
    assert_eq!(world.feed_dead_letters().await, Some(3));
    assert_eq!(the_drop(&world, &tenant, "may.csv").await.state, DropState::Done);
}
