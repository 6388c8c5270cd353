//! What the commands print, whole: for people to read, and for a change to be seen. `INSTA_UPDATE=always cargo test -p
//! leadgate --test output` writes what they print now to `snapshots`.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::process::Output;

use leadgate_sandbox::world::{Settings, World};
use tokio::process::Command;

/// What differs from run to run, and what is said for it.
const FILTERS: [(&str, &str); 4] = [
    (r"(T\d{2}:\d{2}:\d{2})\.\d+Z", "${1}Z"),
    (r"\b\d{13}-[0-9a-f]{12}\b", "PURCHASE"),
    (r"\brequest [0-9a-f]{20}\b", "request REQUEST"),
    (r"http://127\.0\.0\.1:\d+", "http://LOCAL"),
];

/// Runs it as it is run from a script: what it prints isn't fitted to a terminal.
async fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leadgate"));
    // What is there is shown by the help.
    command.env_clear();
    command.args(arguments).output().await.expect("leadgate runs")
}

/// What was typed, what it printed, and how it ended.
async fn typed(session: &mut String, words: &[&str], local: Option<&str>) {
    let place = local.map(|url| format!("--local={url}"));
    let output = run(words.iter().copied().chain(place.as_deref())).await;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    let quoted = words.iter().map(|word| if word.contains(' ') { format!("{word:?}") } else { (*word).to_owned() });
    let line = quoted.collect::<Vec<_>>().join(" ");
    let _ = writeln!(session, "$ leadgate {line}\n{said}{complained}");
    if !output.status.success() {
        let _ = writeln!(session, "[exit {}]", output.status.code().expect("it wasn't killed"));
    }
}

fn check(name: &str, session: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    FILTERS.iter().for_each(|(pattern, instead)| settings.add_filter(pattern, *instead));
    settings.bind(|| insta::assert_snapshot!(name, session));
}

/// The names under `Commands:`.
fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A name stands two columns in; what is further in goes on about the one before.
    let names = listed.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    names.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

#[tokio::test]
async fn every_command_says_what_it_does() {
    let (mut left, mut pages) = (VecDeque::from([Vec::<String>::new()]), 0);
    let mut session = String::new();
    while let Some(command) = left.pop_front() {
        let words: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let before = session.len();
        typed(&mut session, &words, None).await;
        left.extend(commands(&session[before..]).into_iter().map(|name| [command.clone(), vec![name]].concat()));
        pages += 1;
    }
    assert!(pages > 25, "{pages}");
    check("help", &session);
}

/// A world with two credits and three leads, of whom the last one has to wait.
async fn world() -> (World, [String; 3]) {
    let mut settings = Settings { credits_per_cycle: Some(2), ..Settings::default() };
    settings.apollo.unknown_share = 0.0;
    let world = World::start(settings).await.expect("a world starts");
    let names = ["ada.lovelace", "grace.hopper", "mary.somerville"];
    let mut leads = Vec::new();
    for name in names {
        leads.push(world.hubspot.create_contact([("email", format!("{name}@engine.example"))]));
        world.hubspot.deliver().await;
        world.settle_down(1).await;
    }
    (world, leads.try_into().expect("three"))
}

#[tokio::test]
async fn credits_are_shown_and_every_one_is_explained() {
    let (world, [written, _, waiting]) = world().await;
    let mut session = String::new();
    let commands: [&[&str]; 11] = [
        &["credits", "show"],
        &["credits", "show", "--json"],
        &["credits", "history"],
        &["credits", "explain", &written],
        &["credits", "explain", &waiting],
        &["credits", "explain", "nobody"],
        &["credits", "grant", "--amounts", "credits=5", "--reference", "promise-1", "--reason", "we said so"],
        &["credits", "grant", "--amounts", "credits=5", "--reference", "promise-1"],
        &["credits", "grant", "--amounts", "five", "--reference", "promise-1"],
        &["credits", "history", "--since", "tomorrow"],
        &["credits", "show"],
    ];
    for words in commands {
        typed(&mut session, words, Some(&world.url)).await;
    }
    check("credits", &session);
}

#[tokio::test]
async fn what_would_become_of_a_record_is_shown_and_what_became_of_it_taken_back() {
    let (world, [written, _, waiting]) = world().await;
    world.hubspot.edit(&written, "city", "London");
    let mut session = String::new();
    let commands: [&[&str]; 7] = [
        &["preview", &written],
        &["preview", &waiting],
        &["preview", "1"],
        &["undo", "--since", "2026-01-15T00:00:00Z", "--dry-run"],
        &["undo", "--since", "yesterday"],
        &["erase", "ada.lovelace@engine.example", "--dry-run"],
        &["crm", "setup", "--dry-run"],
    ];
    for words in commands {
        typed(&mut session, words, Some(&world.url)).await;
    }
    check("records", &session);
}
