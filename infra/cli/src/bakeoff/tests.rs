//! The command as people give it, on a running world with several providers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::pin::pin;
use std::task::Poll;

use clap::Parser;
use leadgate_enrichment::credits::ledger::{Entry, LineResult};
use leadgate_sandbox::simulators::SimulatedProvider;
use leadgate_sandbox::simulators::fault::Fault;
use leadgate_sandbox::world::{Settings, World};
use tempfile::TempDir;

use super::compare::Share;
use super::orders::Policy;
use super::{Arguments, Ended, bakeoff};
use crate::Failure;
use crate::books::Books;

const BESIDE: [&str; 2] = ["pdl", "hunter"];

/// One provider is in the waterfall; two others are only there to be tried.
async fn world(change: impl FnOnce(&mut Settings)) -> World {
    let mut settings = Settings::default();
    settings.apollo.unknown_share = 0.5;
    settings.accounts.pdl.unknown_share = 0.1;
    settings.accounts.hunter.unknown_share = 0.3;
    change(&mut settings);
    World::start(settings.with_beside(&BESIDE, "order = [\"apollo\"]")).await.expect("a world starts")
}

fn email(number: usize) -> String {
    format!("first{number}.last{number}@engine.example")
}

/// A file with so many people, in two countries.
fn people(folder: &TempDir, count: usize) -> String {
    let mut text = "email,country\n".to_owned();
    for number in 0..count {
        let country = if number % 4 == 0 { "FR" } else { "US" };
        writeln!(text, "{},{country}", email(number)).expect("written");
    }
    let path = folder.path().join("people.csv");
    std::fs::write(&path, text).expect("written");
    path.display().to_string()
}

fn typed(world: &World, folder: &TempDir, words: &[&str]) -> Arguments {
    let (local, out) = (format!("--local={}", world.url), folder.path().display().to_string());
    let all = ["leadgate", "bakeoff", &local, "--out", &out, "--yes"].into_iter().chain(words.iter().copied());
    match crate::Arguments::try_parse_from(all).expect("a command").command {
        crate::Command::Bakeoff(arguments) => arguments,
        _ => unreachable!("that is the command"),
    }
}

async fn done(world: &World, folder: &TempDir, words: &[&str]) -> Result<Option<Ended>, Failure> {
    let arguments = typed(world, folder, words);
    let books = Books::find(&arguments.place).await.expect("books");
    let clock = world.clock.clone();
    bakeoff(&books, &arguments, clock, &|arguments, _, _| arguments.yes, &|_, _, _| {}).await
}

async fn ended(world: &World, folder: &TempDir, words: &[&str]) -> Ended {
    done(world, folder, words).await.expect("it ends").expect("it is confirmed")
}

/// What a provider has charged for each address.
fn charges(provider: &dyn SimulatedProvider) -> BTreeMap<String, usize> {
    let mut charges = BTreeMap::new();
    for email in provider.ledger().charges.into_iter().filter_map(|charge| charge.email) {
        *charges.entry(email).or_default() += 1;
    }
    charges
}

/// What each provider has charged in all is what the ledger says, but for what is unknown; and nothing is held any more.
async fn books_agree(world: &World) {
    let credits = world.credits.unmetered();
    assert!(credits.open_holds(world.tenant_id()).await.expect("holds").is_empty());
    let entries = credits.entries(world.tenant_id()).await.expect("entries");
    for (name, provider) in world.tenants_providers() {
        let (mut spent, mut unknown) = (0, 0);
        for entry in &entries {
            let Entry::Purchase { provider: Some(of), lines, .. } = entry else { continue };
            for line in lines.iter().filter(|_| of.as_str() == name) {
                let cost = line.cost.total().get();
                spent += cost;
                unknown += if line.result == LineResult::Unknown { cost } else { 0 };
            }
        }
        let charged: i64 = provider.ledger().charges.iter().map(|charge| charge.milli).sum();
        assert!((charged..=charged + unknown).contains(&spent), "{name} charged {charged}, the ledger says {spent}");
    }
}

#[tokio::test]
async fn it_finds_the_order_that_the_providers_were_made_for() {
    let (world, folder) = (world(|_| {}).await, tempfile::tempdir().expect("a folder"));
    let file = people(&folder, 200);
    let value = "credits=0.02,pdl_credits=0.5,hunter_searches=0.1";
    let words = ["--csv", &file, "--segment", "country", "--fields", "email,title,company_name", "--value", value];
    let found = ended(&world, &folder, &words).await;

    assert_eq!((found.comparison.sample, found.comparison.told_by_all, found.stopped.len()), (200, 200, 0));
    for it in &found.comparison.providers {
        let provider = world.provider_named(&it.provider);
        let known = (0..200).filter(|number| provider.whom(&email(*number)).is_some()).count();
        assert_eq!(it.known, Share { count: known, of: 200 }, "{}", it.provider);
        let by_segment: Vec<usize> = it.known_by_segment.values().map(|share| share.of).collect();
        assert_eq!(by_segment, [50, 150], "of FR and US");
    }
    let orders = found.orders.as_deref().expect("all credits have a worth");
    let best = orders.iter().find(|order| order.policy == Policy::UntilKnown).expect("an order");
    assert_eq!(best.names(), ["apollo", "hunter", "pdl"], "from the cheapest to the dearest");
    let worst = orders.iter().rfind(|order| order.policy == Policy::UntilKnown).expect("an order");
    assert_eq!(worst.names()[0], "pdl");
    assert_eq!(best.known, worst.known, "whom any of them knows");

    // Bought under the ledger, written nowhere.
    books_agree(&world).await;
    assert_eq!(world.crm().written(), (0, 0));
    let page = std::fs::read_to_string(&found.page).expect("a page");
    let journal = std::fs::read_to_string(folder.path().join("bakeoff.jsonl")).expect("a journal");
    assert!(page.contains("apollo, hunter, pdl") && page.contains("</svg>"), "{page}");
    for text in [&page, &journal] {
        assert!(!text.contains("engine.example") && !text.contains("First1"), "nothing of anyone stands in a file");
    }
}

#[tokio::test]
async fn who_was_asked_about_is_not_asked_about_again_wherever_it_was_killed() {
    let (world, folder) = (world(|_| {}).await, tempfile::tempdir().expect("a folder"));
    let (mut polls, mut killed) = (2, 0);
    loop {
        // Other people each time: what was asked about before is free at some.
        let path = folder.path().join("few.csv");
        let few: String = (0..3).map(|i| format!("{}\n", email(1000 + 10 * polls + i))).collect();
        std::fs::write(&path, format!("email\n{few}")).expect("written");
        let (name, path) = (format!("killed-{polls}"), path.display().to_string());
        let words = ["--name", &name, "--csv", &path];
        let is_done = polled(polls, done(&world, &folder, &words)).await.is_some();
        let found = ended(&world, &folder, &words).await;
        let unknown: usize = found.comparison.providers.iter().map(|it| it.unknown).sum();
        assert!(unknown <= 3, "one call at most is unknown: {unknown} after {polls} polls");
        assert!(found.stopped.is_empty(), "{:?}", found.stopped);
        books_agree(&world).await;
        if is_done {
            break;
        }
        (polls, killed) = (polls + 3, killed + 1);
    }
    assert!(killed > 5, "it was killed at {killed} places only");
    for (name, provider) in world.tenants_providers() {
        let twice: Vec<_> = charges(&*provider).into_iter().filter(|(_, count)| *count > 1).collect();
        assert!(twice.is_empty(), "{name} was paid twice for {twice:?}");
    }
}

/// A future that is dropped, as a process that is killed, after it was polled so often. `None` then.
async fn polled<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (pin!(future), polls);
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test]
async fn it_never_spends_more_than_its_budget_and_goes_on_with_a_larger_one() {
    let (world, folder) =
        (world(|settings| settings.apollo.unknown_share = 0.0).await, tempfile::tempdir().expect("a folder"));
    let file = people(&folder, 40);
    let words = ["--csv", &file, "--providers", "apollo"];
    let small = ended(&world, &folder, &[&words[..], &["--budget", "credits=25"]].concat()).await;
    assert!(small.stopped[0].contains("the budget is reached: 25 credits"), "{:?}", small.stopped);
    let asked = small.comparison.providers[0].known.of;
    assert!((1..=25).contains(&asked), "{asked} people");
    let large = ended(&world, &folder, &[&words[..], &["--budget", "credits=40"]].concat()).await;
    assert_eq!((large.stopped.len(), large.comparison.providers[0].known.of), (0, 40));
    assert_eq!(charges(&*world.apollo).len(), 40, "each once");
    books_agree(&world).await;
}

#[tokio::test]
async fn nothing_is_bought_without_a_word_and_what_was_begun_stays_what_it_is() {
    let (world, folder) = (world(|_| {}).await, tempfile::tempdir().expect("a folder"));
    let file = people(&folder, 12);
    let mut arguments = typed(&world, &folder, &["--csv", &file]);
    arguments.yes = false;
    let books = Books::find(&arguments.place).await.expect("books");
    let clock = world.clock.clone();
    let asked = bakeoff(
        &books,
        &arguments,
        clock,
        &|arguments, quotes, people| {
            assert_eq!((quotes.len(), people), (3, 12));
            assert!(quotes.iter().all(|quote| quote.people == 12 && !quote.worst.is_zero()));
            arguments.yes
        },
        &|_, _, _| {},
    )
    .await;
    assert!(asked.expect("no failure").is_none());
    assert!(world.tenants_providers().iter().all(|(_, it)| it.ledger().charges.is_empty()), "nobody was asked");

    let said = |ended: Result<Option<Ended>, Failure>| ended.err().expect("a refusal").to_string();
    let other = done(&world, &folder, &["--csv", &file, "--providers", "pdl"]).await;
    assert!(said(other).contains("begun with other providers"));
    let file = people(&folder, 13);
    assert!(said(done(&world, &folder, &["--csv", &file]).await).contains("begun with other people"));
    let wrong = done(&world, &folder, &["--name", "b", "--csv", &file, "--providers", "zz"]).await;
    assert!(
        said(wrong).contains("found provider \"zz\", expected some that tenant demo buys from: apollo, pdl, hunter")
    );
    std::fs::write(folder.path().join("wrong.csv"), "mail\nx@y.example\n").expect("written");
    let wrong = folder.path().join("wrong.csv").display().to_string();
    assert!(said(done(&world, &folder, &["--name", "c", "--csv", &wrong]).await).contains("found the columns mail"));
}

#[tokio::test]
async fn leads_are_chosen_from_the_ledger_and_trouble_of_one_provider_is_its_own() {
    let (world, folder) = (world(|_| {}).await, tempfile::tempdir().expect("a folder"));
    for number in 0..12 {
        world.hubspot.create_contact([("email", email(number).as_str())]);
    }
    world.hubspot.deliver().await;
    world.settle_down(12).await;
    let written = world.crm().written();
    let (pdl, hunter) = (world.provider_named("pdl"), world.provider_named("hunter"));
    pdl.suppress(&email(3));
    hunter.faults().decide_by(|_| Some(Fault::Status(500, "{}".into())));
    let found = ended(&world, &folder, &["--records", "12"]).await;
    let row = |name: &str| found.comparison.providers.iter().find(|it| it.provider == name).expect("a row");
    assert_eq!(row("apollo").known.of, 12);
    assert!(found.stopped[0].contains("hunter"), "{:?}", found.stopped);
    assert!(row("hunter").known.of == 0 && row("hunter").unknown <= 2, "{:?}", row("hunter"));
    assert_eq!(world.crm().written(), written, "nothing more is written");
    books_agree(&world).await;

    hunter.faults().clear();
    let found = ended(&world, &folder, &["--records", "12"]).await;
    assert!(found.stopped.is_empty(), "{:?}", found.stopped);
    books_agree(&world).await;
}
