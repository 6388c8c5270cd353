//! `leadgate prove`: the promises, tried.

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use comfy_table::Table;
use indicatif::{ProgressBar, ProgressStyle};
use leadgate_proof::history::Kind;
use leadgate_proof::{Part, Progress, Proved, Request};
use strum::VariantNames;

use crate::Outcome;
use crate::terminal::{count, fitted, object};

/// Try the promises: break every call in every way, play random histories, race for credits, and plant bugs.
///
/// Calls that the functions make are broken in every way that a call can break, one at a time; random histories of
/// deliveries, duplicates, crashes, clock turns and failing vendors are played against a model; many workers race for
/// few credits. After each, money, leads and CRM must be right. The purchase protocol is checked in every state of small
/// worlds, with and without mistakes. Then bugs are planted, one at a time, and the same tests have to catch each. Exits with an error if a promise is broken or a bug is missed. Best in a release build.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many random histories are played.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    histories: u64,
    /// The seed of the first history; the others follow. A violation names its own.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Play histories of one kind only: those that have what it names.
    #[arg(long, value_parser = PossibleValuesParser::new(Kind::VARIANTS).try_map(|name| name.parse::<Kind>().map_err(|error| error.to_string())))]
    kind: Option<Kind>,
    /// Break each so-manieth call point only: 1 is all of them.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u8).range(1..=100))]
    each: u8,
    /// Try so many histories against each planted bug, to see which of them histories find without the other parts.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    alone: u16,
    /// Try one part alone.
    #[arg(long, value_enum)]
    only: Option<Only>,
    /// Print one JSON object, as the last line, instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Only {
    CrashPoints,
    Histories,
    Races,
    Model,
    PlantedBugs,
}

impl From<Only> for Part {
    fn from(only: Only) -> Self {
        match only {
            Only::CrashPoints => Self::CrashPoints,
            Only::Histories => Self::Histories,
            Only::Races => Self::Races,
            Only::Model => Self::Model,
            Only::PlantedBugs => Self::PlantedBugs,
        }
    }
}

/// More violations than this are of one cause.
const SHOWN_MAX: usize = 10;

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let bar = if stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{msg:16} {bar:40} {pos} of {len}, {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let show = |progress| match progress {
        Progress::Part(name, cases) => {
            bar.set_message(name);
            bar.set_length(cases);
            bar.set_position(0);
        }
        Progress::Case => bar.inc(1),
    };
    let only = arguments.only.map(Part::from);
    let request = Request {
        histories: arguments.histories,
        seed: arguments.seed,
        kind: arguments.kind,
        each: arguments.each.into(),
        alone: arguments.alone.into(),
        only,
    };
    let proved = leadgate_proof::prove(request, &show).await?;
    bar.finish_and_clear();
    for violation in proved.violations.iter().take(SHOWN_MAX) {
        eprintln!("leadgate: {violation}\n");
    }
    for missed in proved.mistakes.iter().filter(|noticed| noticed.by.is_none()) {
        eprintln!("leadgate: not caught by the purchase model: {}", missed.mistake);
    }
    for bug in proved.bugs.iter().filter(|bug| bug.by.is_none()) {
        eprintln!("leadgate: not caught: {}", bug.bug);
    }
    if arguments.json {
        println!("{}", object(&proved.figures));
    } else {
        print(&proved, arguments.alone);
    }
    Ok(if proved.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(proved: &Proved, alone: u16) {
    let figures = &proved.figures;
    let mut table = Table::new();
    let tried = format!(
        "{}, {} of {}, {}",
        count(figures.crash_points, "crash point"),
        count(figures.histories, "history"),
        count(figures.operations, "operation"),
        count(figures.raced_requests, "raced request")
    );
    let broken = format!(
        "{}, {}, {} lost, {}",
        count(figures.oversells, "oversell"),
        count(figures.double_charges, "double charge"),
        count(figures.leads_lost, "lead"),
        count(figures.other_violations, "other violation")
    );
    table.add_row(["tried".to_owned(), tried]);
    table.add_row(["found".to_owned(), broken]);
    table.add_row([
        "planted bugs".to_owned(),
        format!("{} of {} caught", figures.seeded_bugs_caught, figures.seeded_bugs),
    ]);
    let (seeded, caught) = (figures.model_mistakes, figures.model_mistakes_caught);
    let model = format!("{} states, {caught} of {seeded} seeded mistakes caught", figures.model_states);
    table.add_row(["purchase model".to_owned(), model]);
    if alone > 0 {
        let by_histories = format!(
            "{} of {} caught, within {alone} each",
            figures.seeded_bugs_caught_by_histories, figures.seeded_bugs
        );
        table.add_row(["by histories alone".to_owned(), by_histories]);
    }
    table.add_row(["time".to_owned(), format!("{:.1} s", figures.seconds)]);
    println!("{}\n", fitted(table));
    print_mistakes(proved);
    println!("How each planted bug was caught:");
    for bug in &proved.bugs {
        let by = bug.by.as_ref().map_or_else(|| "not at all".to_owned(), |by| shortened(&by.to_string()));
        let part = bug.part.unwrap_or("nothing");
        let alone =
            bug.alone.map_or_else(String::new, |count| format!(", and by history {count} of those tried alone"));
        println!("  {}\n    by {part}{alone}: {by}", bug.bug);
    }
}

fn print_mistakes(proved: &Proved) {
    println!("How each mistake in the purchase model was caught:");
    for noticed in &proved.mistakes {
        let by = noticed.by.as_ref().map_or_else(
            || "not at all".to_owned(),
            |trace| format!("after {} steps: {}", trace.steps.len(), shortened(&trace.broken)),
        );
        println!("  {}\n    {by}", noticed.mistake);
    }
    println!();
}

fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 160;
    let short: String = text.chars().take(CHARS_MAX).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
