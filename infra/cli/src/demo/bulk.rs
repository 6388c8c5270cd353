//! `leadgate demo --pattern bulk`: a run over records that are in the CRM already, interrupted, resumed, and under a budget.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use comfy_table::Table;
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::credits::{Amounts, Bucket};
use leadgate_sandbox::simulators::apollo::ApolloSetup;
use leadgate_sandbox::world::{Settings, World};
use serde::Serialize;

use crate::books::Books;
use crate::enrich::{self, Ended, Quote, enrich};
use crate::terminal::{count, fitted, object, say};
use crate::{Failure, Outcome};

/// The list in the CRM that they are on.
const LIST: u64 = 7;
/// How many leads appear in the middle of it.
const NEW_LEADS: usize = 10;

/// What was shown.
#[derive(Debug, Default, Serialize)]
struct Report {
    pattern: &'static str,
    records: usize,
    new_leads: usize,
    new_leads_ended: usize,
    steps: Vec<Step>,
    /// In credits, of our ledger and of the provider's own books: for records of the run and new leads.
    spent: i64,
    charged: i64,
    people_charged_twice: usize,
    /// Records without an end.
    lost: usize,
    seconds: f64,
}

/// One command of the operator's.
#[derive(Debug, Serialize)]
struct Step {
    command: String,
    ended: usize,
    outcomes: BTreeMap<&'static str, usize>,
    spent: i64,
    budget: i64,
    stopped: Option<String>,
}

/// Runs it over so many records.
pub(super) async fn run(records: usize, seed: u64, json: bool) -> Outcome {
    let budget = (records * 3 / 5).max(1);
    if !json {
        let records = count(records, "record");
        say(&format!(
            "{records} are in HubSpot already, on list {LIST}; the operator would spend {}.",
            count(budget, "credit")
        ));
        println!();
    }
    let report = play(records, budget, seed).await?;
    let complaints = report.complaints();
    match json {
        true => println!("{}", object(&report)),
        false => report.print(),
    }
    for complaint in &complaints {
        eprintln!("leadgate: {complaint}");
    }
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn play(records: usize, budget: usize, seed: u64) -> Result<Report, Failure> {
    let credits = i64::try_from(2 * (records + NEW_LEADS)).unwrap_or(i64::MAX);
    let apollo = ApolloSetup { pool_milli: credits * 1000, seed, ..ApolloSetup::default() };
    let settings = Settings { credits_per_cycle: Some(credits), seed, apollo, ..Settings::default() };
    let world = World::start(settings).await?;
    let email = |what: &str, i: usize| format!("{what}{i}.last{i}@engine.example");
    let there: Vec<String> =
        (0..records).map(|i| world.hubspot.contact_from_before([("email", email("old", i))])).collect();
    world.hubspot.make_list(LIST, "0-1", &there);
    let folder = Folder::new()?;
    let started = Instant::now();
    let (list, first, more) =
        (format!("--list {LIST}"), format!("--budget credits={budget}"), format!("--budget credits={records}"));
    let operator = Operator { world: &world, folder: &folder.0 };
    let mut report = Report { pattern: "bulk", records, new_leads: NEW_LEADS, ..Report::default() };
    // Stopped with Ctrl-C after a look; leads appear while nobody is at it.
    report.steps.push(operator.types(&format!("spring {list} {first}"), 1).await?);
    let new: Vec<String> = (0..NEW_LEADS).map(|i| world.hubspot.create_contact([("email", email("new", i))])).collect();
    world.hubspot.deliver().await;
    report.steps.push(operator.types("spring --resume", usize::MAX).await?);
    report.steps.push(operator.types(&format!("spring --resume {more}"), usize::MAX).await?);
    report.steps.push(operator.types(&format!("again {list}"), usize::MAX).await?);
    report.seconds = started.elapsed().as_secs_f64();
    for lead in &new {
        report.new_leads_ended += usize::from(world.record(lead).await.is_some_and(|record| record.state.has_ended()));
    }
    report.close_the_books(&world, &there).await?;
    Ok(report)
}

impl Report {
    async fn close_the_books(&mut self, world: &World, there: &[String]) -> Result<(), Failure> {
        let entries = world.credits.entries(world.tenant_id()).await?;
        let mut spent = Amounts::default();
        for entry in &entries {
            if let Entry::Purchase { lines, .. } = entry {
                lines.iter().for_each(|line| spent += &line.cost);
            }
        }
        self.spent = credits(&spent);
        let ledger = world.apollo.ledger();
        self.charged = i64::try_from(ledger.records_charged).unwrap_or(i64::MAX);
        for id in there {
            let email = world.hubspot.contact(id).and_then(|contact| contact.value("email").map(str::to_owned));
            self.people_charged_twice += usize::from(email.is_some_and(|email| world.apollo.charges_of(&email) > 1));
            let has_ended = world.record(id).await.is_some_and(|record| record.state.has_ended());
            self.lost += usize::from(!has_ended);
        }
        Ok(())
    }

    /// What must not be.
    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.spent != self.charged {
            complaints
                .push(format!("our ledger has {} credits spent, the provider charged {}", self.spent, self.charged));
        }
        for step in self.steps.iter().filter(|step| step.spent > step.budget) {
            complaints.push(format!("`{}` spent {} of a budget of {}", step.command, step.spent, step.budget));
        }
        if self.people_charged_twice > 0 {
            complaints.push(format!("{} were paid for twice", count(self.people_charged_twice, "record")));
        }
        if self.lost > 0 || self.new_leads_ended < self.new_leads {
            let late = self.new_leads - self.new_leads_ended;
            complaints.push(format!("{} have no end, and {late} of the new leads", count(self.lost, "record")));
        }
        complaints
    }

    fn print(&self) {
        let mut table = Table::new();
        table.set_header(["command", "ended", "how", "spent", "why it stopped"]);
        for step in &self.steps {
            let how: Vec<String> = step.outcomes.iter().map(|(word, many)| format!("{many} {word}")).collect();
            table.add_row([
                format!("leadgate enrich {}", step.command),
                format!("{} of {}", step.ended, self.records),
                how.join("\n"),
                format!("{} of {}", step.spent, step.budget),
                step.stopped.clone().unwrap_or_default(),
            ]);
        }
        println!("{}\n", fitted(table));
        let mut table = Table::new();
        let new = format!("{} of {} came to their end", self.new_leads_ended, self.new_leads);
        table.add_row(["new leads meanwhile".to_owned(), new]);
        table.add_row(["credits, our ledger".to_owned(), format!("{} spent", self.spent)]);
        table.add_row(["credits, the provider's".to_owned(), format!("{} charged", self.charged)]);
        let twice = format!("{} lost, {} paid for twice", self.lost, self.people_charged_twice);
        table.add_row(["no end".to_owned(), twice]);
        table.add_row(["time".to_owned(), format!("{:.1} s", self.seconds)]);
        println!("{}", fitted(table));
    }
}

/// Types commands, while the world goes on.
struct Operator<'a> {
    world: &'a World,
    folder: &'a Path,
}

impl Operator<'_> {
    /// `leadgate enrich` with these words, interrupted after so many looks.
    async fn types(&self, words: &str, looks: usize) -> Result<Step, Failure> {
        let (local, out) = (format!("--local={}", self.world.url), format!("--out={}", self.folder.display()));
        let given = words.split(' ').chain([local.as_str(), out.as_str()]);
        let parsed = crate::Arguments::try_parse_from(["leadgate", "enrich"].into_iter().chain(given))?;
        let crate::Command::Enrich(arguments) = parsed.command else { return Err("that is the command".into()) };
        let books = Books::find(&arguments.place).await?;
        let left = Cell::new(looks);
        let pause = async || {
            left.set(left.get().saturating_sub(1));
            if left.get() > 0 {
                self.world.settle_down(WORKERS).await;
            }
            left.get() > 0
        };
        let yes = |_: &enrich::Arguments, _: &Quote| true;
        let ended: Ended = enrich(&books, &arguments, &yes, &pause, &mut |_, _| {}).await?.ok_or("it was confirmed")?;
        Ok(Step {
            command: words.to_owned(),
            ended: ended.ended(),
            spent: credits(&ended.spent),
            budget: credits(&ended.budget),
            stopped: ended.stopped,
            outcomes: ended.outcomes,
        })
    }
}

/// How many workers work at a time.
pub(super) const WORKERS: usize = 4;

pub(super) fn credits(amounts: &Amounts) -> i64 {
    amounts.get(&Bucket::new("credits")).get() / 1000
}

/// A folder of its own, which goes with the demo.
pub(super) struct Folder(pub(super) std::path::PathBuf);

impl Folder {
    pub(super) fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("leadgate-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be taken away is of no harm there.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
