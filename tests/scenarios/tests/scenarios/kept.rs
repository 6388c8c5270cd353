//! A world in a folder goes on from where it stood.

use std::path::Path;
use std::time::Duration;

use leadgate_enrichment::clock::{Clock, days, earlier};
use leadgate_enrichment::lead::record::State;
use leadgate_sandbox::kept::{Folder, FolderError};
use leadgate_sandbox::world::{Leftover, Settings, World};
use tempfile::TempDir;

use crate::books::at_rest;
use crate::stage::{Stage, all_enriched};

/// More than it takes to read the clock as often as a test does.
const READINGS: Duration = Duration::from_secs(60);

fn settings() -> Settings {
    let mut settings = Settings { credits_per_cycle: Some(100), ..Settings::default() };
    settings.apollo.unknown_share = 0.0;
    settings
}

/// More tries than a world that was dropped can need to let go of its folder: its servers end in threads of their own.
const TRIES_MAX: u32 = 100;

async fn open(path: &Path) -> Folder {
    for _ in 0..TRIES_MAX {
        match Folder::open(path).await {
            Ok(folder) => return folder,
            Err(FolderError::InUse(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the folder is still in use");
}

async fn start(path: &Path) -> Stage {
    Stage::of(World::start_in(open(path).await, settings()).await.expect("a world starts"))
}

fn lead(world: &World, number: usize) -> String {
    world.hubspot.create_contact([("email", format!("first{number}.last{number}@engine.example"))])
}

#[tokio::test]
async fn records_books_messages_and_the_time_are_as_they_were() {
    let scratch = TempDir::new().expect("a folder");
    let world = start(scratch.path()).await;
    world.leaves_behind(Leftover::Messages);
    let first = lead(&world, 1);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    world.clock.turn(days(3));
    // One lead's message waits on the queue, and another's event has not been delivered.
    let second = lead(&world, 2);
    world.hubspot.deliver().await;
    let third = lead(&world, 3);
    let (now, charged) = (world.clock.now(), world.apollo.ledger().credits_charged);
    assert_eq!((charged, world.waiting().await), (1000, 1));
    drop(world);

    // Only what the clock was turned by is kept: the time that its readings took isn't, in a world that doesn't wait.
    let world = start(scratch.path()).await;
    assert!(world.clock.now() >= earlier(now, READINGS), "{} after {now}", world.clock.now());
    world.clock.turn(READINGS);
    assert_eq!(world.record(&first).await.expect("a record").state, State::Written);
    assert_eq!((world.apollo.ledger().credits_charged, world.waiting().await), (charged, 1));
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    all_enriched(&world, &[first, second, third]);
    assert_eq!(at_rest(&world).await.spent, 3000);
    assert_eq!(world.apollo.ledger().credits_charged, 3000);
}

#[tokio::test]
async fn a_folder_of_another_portal_is_refused_and_left_alone() {
    let scratch = TempDir::new().expect("a folder");
    let world = start(scratch.path()).await;
    let first = lead(&world, 1);
    drop(world);
    let mut other = settings();
    other.config = other.config.replace("portal_id = 62515", "portal_id = 62516");
    let refused = World::start_in(open(scratch.path()).await, other).await.err().expect("a refusal").to_string();
    assert!(refused.contains("the tenant demo has the portal 62515 in it, and not 62516"), "{refused}");
    assert!(start(scratch.path()).await.hubspot.contact(&first).is_some());
}
