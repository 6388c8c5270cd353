//! Runs over the records of running worlds.

use std::path::Path;

use clap::Parser;
use leadgate_enrichment::credits::{Amounts, Bucket};
use leadgate_sandbox::world::{Settings, World};

use super::{Arguments, Ended, Quote, enrich};
use crate::Failure;
use crate::books::Books;

/// A world with contacts that it was never told of.
pub(super) async fn world(credits: i64, contacts: usize, change: impl FnOnce(&mut Settings)) -> (World, Vec<String>) {
    let mut settings = Settings { credits_per_cycle: Some(credits), ..Settings::default() };
    settings.apollo.unknown_share = 0.0;
    change(&mut settings);
    let world = World::start(settings).await.expect("a world starts");
    let contact = |i| world.hubspot.contact_from_before([("email", format!("first{i}.last{i}@engine.example"))]);
    let ids: Vec<String> = (0..contacts).map(contact).collect();
    (world, ids)
}

fn file_of(folder: &Path, ids: &[String]) -> String {
    let file = folder.join("chosen.csv");
    std::fs::write(&file, format!("name,id\n{}", ids.iter().map(|id| format!("x,{id}\n")).collect::<String>()))
        .expect("writable");
    file.display().to_string()
}

pub(super) fn typed(world: &World, folder: &Path, words: &[&str]) -> Arguments {
    let (local, out) = (format!("--local={}", world.url), format!("--out={}", folder.display()));
    let all = ["leadgate", "enrich", "spring", local.as_str(), out.as_str()].into_iter().chain(words.iter().copied());
    match crate::Arguments::try_parse_from(all).map(|all| all.command) {
        Ok(crate::Command::Enrich(arguments)) => arguments,
        _ => panic!("that is the command: {words:?}"),
    }
}

/// What is done by the words, while the world goes on between looks for so many times.
async fn run(world: &World, arguments: &Arguments, looks: usize) -> Result<Ended, Failure> {
    let books = Books::find(&arguments.place).await?;
    let left = std::cell::Cell::new(looks);
    let pause = async || {
        left.set(left.get().saturating_sub(1));
        if left.get() > 0 {
            world.settle_down(1).await;
        }
        left.get() > 0
    };
    let yes = |_: &Arguments, _: &Quote| true;
    Ok(enrich(&books, arguments, &yes, &pause, &mut |_, _| {}).await?.expect("it was confirmed"))
}

/// For how many people the provider has charged.
fn charged(world: &World) -> u64 {
    world.apollo.ledger().records_charged
}

fn credits(ended: &Ended) -> (i64, i64) {
    let of = |amounts: &Amounts| amounts.get(&Bucket::new("credits")).get() / 1000;
    (of(&ended.spent), of(&ended.reserved))
}

#[tokio::test]
async fn those_of_a_file_are_enriched_once_and_those_that_are_fresh_not_again() {
    let (world, ids) = world(500, 30, |_| {}).await;
    world.apollo.forget("first3.last3@engine.example");
    let folder = tempfile::tempdir().expect("a folder");
    let file = file_of(folder.path(), &ids);
    let arguments = typed(&world, folder.path(), &["--csv", &file, "--all-or-nothing"]);
    let ended = run(&world, &arguments, 50).await.expect("a run");
    assert_eq!((ended.ended(), ended.stopped.clone()), (30, None), "{ended:?}");
    assert_eq!((ended.outcomes.get("written-back"), ended.outcomes.get("unmatched")), (Some(&29), Some(&1)));
    assert_eq!(credits(&ended), (29, 0));
    let calls = charged(&world);

    // Again under the same name, under another, and once more to go on: nobody is asked about twice.
    assert!(run(&world, &arguments, 2).await.expect_err("begun before").to_string().contains("--resume"));
    let resumed = run(&world, &typed(&world, folder.path(), &["--resume"]), 50).await.expect("a run");
    assert_eq!((resumed.ended(), credits(&resumed)), (30, (29, 0)));
    let other = tempfile::tempdir().expect("a folder");
    let again = run(&world, &typed(&world, other.path(), &["--csv", &file]), 50).await.expect("a run");
    assert_eq!((again.outcomes.get("fresh"), again.outcomes.get("unmatched")), (Some(&29), Some(&1)), "{again:?}");
    assert_eq!((credits(&again), charged(&world)), ((0, 0), calls));
}

#[tokio::test]
async fn a_budget_is_never_exceeded_and_what_is_left_is_done_with_more() {
    let (world, ids) = world(500, 30, |_| {}).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = file_of(folder.path(), &ids);
    let all = typed(&world, folder.path(), &["--csv", &file, "--budget", "credits=12", "--all-or-nothing"]);
    let refusal = run(&world, &all, 50).await.expect_err("all or nothing").to_string();
    assert!(refusal.contains("30 records can cost 30 credits at most, with a budget of 12 credits"), "{refusal}");
    assert_eq!(world.waiting().await, 0, "nothing was queued");

    let arguments = typed(&world, folder.path(), &["--csv", &file, "--budget", "credits=12"]);
    let ended = run(&world, &arguments, 50).await.expect("a run");
    assert_eq!((credits(&ended), ended.ended()), ((12, 0), 12), "{ended:?}");
    assert_eq!(ended.stopped.as_deref(), Some("the budget doesn't pay for another at worst"));
    let more = typed(&world, folder.path(), &["--resume", "--budget", "credits=40"]);
    let ended = run(&world, &more, 50).await.expect("a run");
    assert_eq!((credits(&ended), ended.ended(), ended.stopped), ((30, 0), 30, None));
}

#[tokio::test]
async fn it_goes_as_far_as_the_credits_go_leaves_the_floor_and_can_be_interrupted_anywhere() {
    let (world, ids) = world(20, 30, |settings| {
        settings.config = settings.config.replacen("floor = { credits = 0 }", "floor = { credits = 5 }", 1);
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = file_of(folder.path(), &ids);
    // Interrupted before anyone has looked at the queue, and after one look.
    let ended = run(&world, &typed(&world, folder.path(), &["--csv", &file]), 1).await.expect("a run");
    assert!(ended.stopped.as_deref().is_some_and(|why| why.starts_with("it was interrupted; 15 are")), "{ended:?}");
    let go_on = typed(&world, folder.path(), &["--resume"]);
    let ended = run(&world, &go_on, 2).await.expect("a run");
    assert!(ended.stopped.is_some(), "{ended:?}");
    let ended = run(&world, &go_on, 50).await.expect("a run");
    assert_eq!((credits(&ended), ended.ended()), ((15, 0), 15), "{ended:?}");
    assert_eq!(ended.stopped.as_deref(), Some("the credits there are don't pay for another at worst"));
    world.next_cycle(1_000_000).await;
    let ended = run(&world, &go_on, 50).await.expect("a run");
    assert_eq!((credits(&ended), ended.ended(), ended.stopped.is_none()), ((30, 0), 30, true));
    assert_eq!(charged(&world), 30);
}

#[tokio::test]
async fn who_waits_for_a_cap_counts_towards_the_budget() {
    let (world, ids) = world(500, 4, |settings| {
        settings.config += "\n[tenants.demo.caps]\nper_source = { bulk = { credits = 2 } }\n";
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = file_of(folder.path(), &ids);
    let ended = run(&world, &typed(&world, folder.path(), &["--csv", &file]), 50).await.expect("a run");
    assert_eq!((ended.outcomes.get("written-back"), ended.outcomes.get("deferred")), (Some(&2), Some(&2)), "{ended:?}");
    assert_eq!(credits(&ended), (2, 2), "what waits counts towards the budget");
}

#[tokio::test]
async fn a_file_of_something_else_is_refused_by_its_line() {
    let (world, _) = world(5, 0, |_| {}).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("wrong.csv");
    let path = file.display().to_string();
    let cases = [
        ("email\na@b.example\n", "found the columns email; expected one named \"record\" or \"id\""),
        ("id\n", "found no record"),
        ("id\n7\nada\n", "line 3: found \"ada\", expected the id of one of: contact"),
        (
            "record\ndemo#salesforce#Lead#00Q000000000001\n",
            "line 2: demo#salesforce#Lead#00Q000000000001 is a record of salesforce",
        ),
        ("record\nother#hubspot#contact#7\n", "line 2: other#hubspot#contact#7 is a record of tenant other"),
    ];
    for (text, expected) in cases {
        std::fs::write(&file, text).expect("writable");
        let refusal =
            run(&world, &typed(&world, folder.path(), &["--csv", &path]), 2).await.expect_err(text).to_string();
        assert!(refusal.contains(expected), "{refusal}");
        assert!(!folder.path().join("spring.jsonl").exists(), "nothing was begun");
    }
    let refusal = run(&world, &typed(&world, folder.path(), &["--resume"]), 2).await.expect_err("none").to_string();
    assert!(refusal.ends_with("spring.jsonl: begin a run with --csv, --list or --search"), "{refusal}");
}

#[tokio::test]
async fn those_on_a_list_or_with_a_value_are_found_in_the_crm_page_by_page() {
    let (world, ids) = world(2500, 620, |_| {}).await;
    world.hubspot.make_list(7, "0-1", &ids[..610]);
    world.hubspot.make_list(8, "0-2", &ids[..3]);
    ids[..3].iter().for_each(|id| world.hubspot.edit(id, "city", "Lyon"));
    let folder = tempfile::tempdir().expect("a folder");
    let words = |words: &[&str]| typed(&world, folder.path(), words);
    let books = Books::find(&words(&["--list", "7"]).place).await.expect("books");
    let found = async |words: &Arguments| super::chosen(&books, words).await.map(|all| all.expect("chosen").len());
    assert_eq!(found(&words(&["--list", "7"])).await.expect("a list"), 610);
    assert_eq!(found(&words(&["--search", "city=Lyon"])).await.expect("a search"), 3);
    world.hubspot.make_list(9, "0-1", &[]);
    ids.iter().for_each(|id| world.hubspot.edit(id, "country", "France"));
    assert_eq!(found(&words(&["--search", "country=France"])).await.expect("pages of a search"), 620);
    let refused = [
        (["--list", "8"], "list 8 holds records of type 0-2, expected 0-1"),
        (["--list", "11"], "HubSpot has no list 11"),
        (["--list", "../x"], "expected the number of one"),
        (["--list", "9"], "the CRM has no such record"),
        (["--search", "city=Nowhere"], "the CRM has no such record"),
    ];
    for (asked, expected) in refused {
        let refusal = found(&words(&asked)).await.expect_err(expected).to_string();
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[tokio::test]
async fn leads_of_salesforce_are_found_by_a_text_or_a_number() {
    let world = World::start(Settings::default().with_salesforce()).await.expect("a world starts");
    let lead = |i: usize| {
        let (email, city) = (format!("first{i}.last{i}@engine.example"), if i < 3 { "L'Isle" } else { "Lyon" });
        let fields = [("LastName", "Last".to_owned()), ("Company", "Engine".to_owned()), ("Email", email)];
        world.salesforce.create_lead(fields.into_iter().chain([("City", city.to_owned())]))
    };
    (0..2100).for_each(|i| drop(lead(i)));
    let folder = tempfile::tempdir().expect("a folder");
    let words = |words: &[&str]| typed(&world, folder.path(), words);
    let books = Books::find(&words(&["--list", "7"]).place).await.expect("books");
    let found = async |words: &Arguments| super::chosen(&books, words).await.map(|all| all.expect("chosen").len());
    assert_eq!(found(&words(&["--search", "City=L'Isle"])).await.expect("a search"), 3);
    assert_eq!(found(&words(&["--search", "city=Lyon"])).await.expect("more than a page"), 2097);
    let refused = [
        (["--list", "7"], "list views can't be read"),
        (["--search", "Town=Lyon"], "Lead has no field \"Town\""),
        (["--search", "NumberOfEmployees=many"], "expected a number"),
        (["--search", "NumberOfEmployees=7"], "the CRM has no such record"),
        (["--search", "City=' OR Id != '"], "the CRM has no such record"),
    ];
    for (asked, expected) in refused {
        let refusal = found(&words(&asked)).await.expect_err(expected).to_string();
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[tokio::test]
async fn a_crm_that_cannot_be_searched_says_so() {
    let world = World::start(Settings::default().with_pipedrive()).await.expect("a world starts");
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = typed(&world, folder.path(), &["--list", "7"]);
    let refusal = run(&world, &arguments, 2).await.expect_err("it has no lists").to_string();
    assert!(refusal.contains("name them in a file"), "{refusal}");
}
