//! The command as people give it, on a running world.

use clap::Parser;
use leadgate_enrichment::lead::record::State;
use leadgate_enrichment::outcome::RefuseReason;
use leadgate_sandbox::world::{Settings, World};

use super::{Arguments, Erased, erase};
use crate::Failure;
use crate::books::Books;

const CANARY: &str = "canary.bird@engine.example";

async fn world(credits: i64) -> World {
    let mut settings = Settings { credits_per_cycle: Some(credits), ..Settings::default() };
    settings.apollo.unknown_share = 0.0;
    World::start(settings).await.expect("a world starts")
}

async fn lead(world: &World, email: &str) -> String {
    let lead = world.hubspot.create_contact([("email", email)]);
    world.hubspot.deliver().await;
    world.settle_down(1).await;
    lead
}

async fn typed(world: &World, words: &[&str]) -> Result<Erased, Failure> {
    let local = format!("--local={}", world.url);
    let all = ["leadgate", "erase", &local].into_iter().chain(words.iter().copied());
    let arguments: Arguments = match crate::Arguments::try_parse_from(all).expect("a command").command {
        crate::Command::Erase(arguments) => arguments,
        _ => unreachable!("that is the command"),
    };
    let books = Books::find(&arguments.place).await.expect("books");
    erase(&books, &arguments).await
}

async fn state(world: &World, lead: &str) -> State {
    world.record(lead).await.expect("a record").state
}

#[tokio::test]
async fn a_person_is_forgotten_by_their_address_and_not_bought_again() {
    let world = world(100).await;
    let (canary, other) = (lead(&world, CANARY).await, lead(&world, "other.person@engine.example").await);
    let planned = typed(&world, &["Canary.Bird@Engine.example", "--dry-run"]).await.expect("a plan");
    assert!(world.record(&canary).await.is_some_and(|record| !record.written.is_empty()), "nothing is forgotten yet");
    let erased = typed(&world, &["Canary.Bird@Engine.example"]).await.expect("erased");
    assert_eq!(erased, planned);
    assert_eq!((erased.records.len(), erased.write_backs, erased.not_bought_again), (1, 1, 1));
    let record = world.record(&canary).await.expect("a record");
    assert!(record.erased_at.is_some() && record.written.is_empty() && record.bought_for.is_none());
    assert!(world.record(&other).await.is_some_and(|record| record.erased_at.is_none()));

    // The same person under another record, and the same record once more.
    world.hubspot.privacy_delete(&canary);
    let again = lead(&world, CANARY).await;
    assert_eq!(state(&world, &again).await, State::Refused { reason: RefuseReason::Erased });
    assert_eq!(world.apollo.charges_of(CANARY), 1, "they were bought once, before");
    let repeated = typed(&world, &[CANARY]).await.expect("a repeat");
    assert_eq!((repeated.records.len(), repeated.write_backs), (0, 0), "nothing is left to forget");
}

#[tokio::test]
async fn a_record_that_waits_is_forgotten_and_never_bought() {
    let world = world(1).await;
    lead(&world, "first.one@engine.example").await;
    let waits = lead(&world, CANARY).await;
    assert!(state(&world, &waits).await.is_deferred());
    let erased = typed(&world, &[&waits]).await.expect("erased");
    assert_eq!((erased.records.len(), erased.not_bought_again), (1, 0), "it isn't known yet who it is about");
    world.next_cycle(100_000).await;
    world.settle_down(1).await;
    assert_eq!(state(&world, &waits).await, State::Refused { reason: RefuseReason::Erased });
    assert_eq!(world.apollo.charges_of(CANARY), 0);
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let world = world(100).await;
    let unknown = typed(&world, &["4711"]).await.expect_err("no record").to_string();
    assert_eq!(unknown, "there is no record \"4711\": nothing is kept of it");
    let of_another = typed(&world, &["acme#hubspot#contact#1"]).await.expect_err("another tenant").to_string();
    assert!(of_another.starts_with("acme#hubspot#contact#1 is a record of tenant acme, expected one of demo"));
    let erased = typed(&world, &["new.person@engine.example"]).await.expect("remembered");
    assert_eq!((erased.records.len(), erased.not_bought_again), (0, 1));
    lead(&world, "new.person@engine.example").await;
    assert_eq!(world.apollo.charges_of("new.person@engine.example"), 0);
}
