//! The command as people give it, on a running world.

use std::path::PathBuf;

use clap::Parser;
use leadgate_sandbox::simulators::datalane::write_batch;
use leadgate_sandbox::world::{Settings, World};
use tempfile::TempDir;

use super::import::{Done, import};
use super::{Arguments, Command};
use crate::Failure;
use crate::books::Books;

fn typed(world: &World, words: &[&str]) -> Arguments {
    let local = format!("--local={}", world.url);
    let all = ["leadgate", "feed", &local].into_iter().chain(words.iter().copied());
    match crate::Arguments::try_parse_from(all).expect("a command").command {
        crate::Command::Feed(arguments) => arguments,
        _ => unreachable!("that is the command"),
    }
}

async fn imported(world: &World, file: &str) -> Result<Done, Failure> {
    let arguments = typed(world, &["import", file]);
    let books = Books::find(&arguments.place).await.expect("books");
    let Command::Import(what) = &arguments.command else { unreachable!("that is the command") };
    import(&books, &arguments, what, &|_| {}).await
}

fn sample(folder: &TempDir) -> String {
    let path: PathBuf = folder.path().join("drop.csv");
    let mut text = Vec::new();
    write_batch(3_000, 1, &mut text).expect("written");
    std::fs::write(&path, text).expect("written");
    path.to_str().expect("a name").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_taken_in_once_and_what_was_left_out_lies_beside_it() {
    let world = World::start(Settings::default()).await.expect("a world starts");
    let folder = TempDir::new().expect("a folder");
    let file = sample(&folder);
    let first = imported(&world, &file).await.expect("taken in");
    let leadgate_feed::Ended::Here(drop) = &first.ended else { panic!("{:?}", first.ended) };
    assert_eq!((drop.counts.rows, drop.counts.new, drop.counts.rejected), (3_000, 2_996, 4));
    assert!(first.write_units > 12_000.0, "{}", first.write_units);
    let rejects = std::fs::read_to_string(format!("{file}.rejects.csv")).expect("rejects");
    assert_eq!(rejects.lines().count(), 1 + 4 + 6, "{rejects}");
    assert!(rejects.contains("\n401,\"owner_mobile\",value,not a telephone number\n"), "{rejects}");

    let again = imported(&world, &file).await.expect("there already");
    assert_eq!(again.ended, leadgate_feed::Ended::Before(drop.clone()));
    assert!(again.write_units < 0.5, "{}", again.write_units);
    let drops = world.feed.drops(world.tenant_id()).await.expect("an answer");
    assert_eq!((drops.len(), super::status::businesses(&drops)), (1, 2_996));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_without_a_feed_is_told_so() {
    let mut settings = Settings::default();
    settings.config = settings.config.replacen("\n[tenants.demo.feed", "\n[tenants.other.feed", 2);
    let other = settings.config.find("[tenants.other.feed]").expect("the table");
    let end = settings.config[other..].find("\n\n").expect("its end");
    settings.config.replace_range(other..other + end, "");
    let world = World::start(settings).await.expect("a world starts");
    let folder = TempDir::new().expect("a folder");
    let error = imported(&world, &sample(&folder)).await.err().expect("a refusal");
    assert_eq!(error.to_string(), "found no feed of demo, expected the table [tenants.demo.feed]");
}
