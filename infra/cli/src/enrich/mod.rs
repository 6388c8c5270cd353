//! `leadgate enrich`: records that are in the CRM already, chosen by an operator, under a budget.

mod begun;
mod chosen;
mod run;
mod settled;
mod standing;

#[cfg(all(test, feature = "sandbox"))]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::crm::Selection;
use leadgate_enrichment::ids::RecordKey;
use serde_json::json;

use self::begun::{Begun, Plan};
pub(crate) use self::run::Ended;
use self::run::Run;
use crate::books::{Books, Place};
use crate::credits::{amounts, asked, decimals};
use crate::terminal::{confirmed, count, object, say};
use crate::{Failure, Outcome};

/// How often it is looked whether those who are queued have ended.
const PAUSE: Duration = Duration::from_secs(2);

/// Enrich records that are in the CRM already, at low priority, under a budget: those of a file, on a list, or with a value.
///
/// What it can cost at most is said first. The records are put on the bulk queue some at a time, and the worker deals with
/// them as with any other lead: none is bought again that is fresh, nothing human is overwritten, and new leads go first. The
/// budget holds for all that the run takes, what arrives later included. When the credits or the budget run out, the rest is
/// left as it is; interrupted or stopped, the run goes on with --resume, and asks about nobody twice. What it has done is in
/// NAME.jsonl, which holds ids of records and nothing personal.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("chosen").required(true)))]
pub(crate) struct Arguments {
    /// The run's name: that of its file, too.
    #[arg(value_name = "NAME", value_parser = asked::file_name)]
    name: String,
    /// The records: a file with a column "record" or "id", of ids in the CRM or whole names (TENANT#CRM#OBJECT#ID).
    #[arg(long, value_name = "FILE", group = "chosen")]
    csv: Option<PathBuf>,
    /// The records: those on a list in the CRM, by its number. Not every CRM has lists that can be read.
    #[arg(long, value_name = "ID", group = "chosen")]
    list: Option<String>,
    /// The records: those in the CRM that have this value in this property. Not every CRM can be searched: the README says which.
    #[arg(long, value_name = "PROPERTY=VALUE", group = "chosen", value_parser = search)]
    search: Option<Selection>,
    /// Go on with a run that was begun before.
    #[arg(long, group = "chosen")]
    resume: bool,
    /// The most to spend in all, of each kind of credit that is named [default: what it costs at most; of a run that is
    /// resumed, as before].
    #[arg(long, value_name = "KIND=NUMBER,…", value_parser = asked::amounts)]
    budget: Option<Amounts>,
    /// Begin only if the budget and the credits that there are now pay for all of them at worst, and else not at all
    /// [default: as far as it goes].
    #[arg(long)]
    all_or_nothing: bool,
    /// Begin without being asked.
    #[arg(long)]
    yes: bool,
    /// Where its file goes.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
    /// Print one JSON object instead of text. Amounts in it are credits.
    #[arg(long)]
    pub(crate) json: bool,
    /// In AWS: the address of the queue for requests in bulk (the stack's output BulkQueueUrl).
    #[arg(long, value_name = "URL", env = "LEADGATE_BULK_QUEUE_URL", help_heading = "Where")]
    bulk_queue_url: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let books = Books::find(&arguments.place).await?;
    let pause = async || {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => true,
            _ = tokio::signal::ctrl_c() => false,
        }
    };
    let mut said = None;
    let mut progress = |ended: usize, of: usize| {
        // A line for each tenth of the way.
        let tenth = Some(ended * 10 / of.max(1));
        if said != tenth {
            said = tenth;
            eprintln!("leadgate: {ended} of {}", count(of, "record"));
        }
    };
    let Some(ended) = enrich(&books, arguments, &goes_on, &pause, &mut progress).await? else {
        return Ok(ExitCode::FAILURE);
    };
    if arguments.json {
        println!("{}", object(ended.json(&arguments.name)));
    } else {
        ended.lines(&arguments.name).iter().for_each(|line| say(line));
    }
    Ok(if ended.stopped.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What it can come to, before anything is begun.
pub(crate) struct Quote {
    /// All that were chosen.
    chosen: usize,
    /// Of them, those that need not be asked about, by why.
    settled: Vec<(&'static str, usize)>,
    /// The rest, and what they cost at most.
    due: usize,
    worst: Amounts,
    budget: Amounts,
    /// What there is now for requests of this kind.
    available: Amounts,
}

/// Whether to go on with what is quoted.
pub(crate) type Confirm<'a> = &'a dyn Fn(&Arguments, &Quote) -> bool;

fn goes_on(arguments: &Arguments, quote: &Quote) -> bool {
    if arguments.yes {
        return true;
    }
    for line in quote.lines() {
        eprintln!("{line}");
    }
    confirmed("Enrich them?", "nothing was queued. Add --yes to go on without being asked.")
}

impl Quote {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} were chosen.", count(self.chosen, "record"))];
        lines.extend(self.settled.iter().map(|(why, many)| format!("  {many} need not be asked about: {why}")));
        let (due, worst) = (count(self.due, "record"), amounts(&self.worst));
        lines.push(format!("  {due} can cost {worst} at most."));
        lines.push(format!("The budget is {}; there are {} now.", amounts(&self.budget), amounts(&self.available)));
        lines
    }
}

/// Begins, or goes on, and ends when all have ended, or nothing more can be paid for. `None` when it was not confirmed.
pub(crate) async fn enrich(
    books: &Books,
    arguments: &Arguments,
    confirm: Confirm<'_>,
    pause: &impl AsyncFn() -> bool,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Option<Ended>, Failure> {
    let queue = books.bulk_queue(arguments.bulk_queue_url.as_deref())?;
    let path = arguments.out.join(format!("{}.jsonl", arguments.name));
    if arguments.resume && !path.exists() {
        return Err(format!("there is no {}: begin a run with --csv, --list or --search", path.display()).into());
    }
    let chosen = chosen(books, arguments).await?;
    let mut begun = Begun::open(&path)?;
    let plan = plan(books, arguments, &begun, chosen)?;
    let worst = books.worst_of_lead();
    if worst.is_zero() {
        return Err("no price is in force for what a lead costs: see [[prices]] and price_sets".into());
    }
    let mut run = Run::new(books, &queue, plan, worst).await?;
    let quote = run.quote().await?;
    if arguments.all_or_nothing && !(quote.budget.covers(&quote.worst) && quote.available.covers(&quote.worst)) {
        return Err(format!(
            "{} can cost {} at most, with a budget of {} and {} there now: nothing was queued. Choose fewer, raise the \
             budget, or go as far as it goes without --all-or-nothing",
            count(quote.due, "record"),
            amounts(&quote.worst),
            amounts(&quote.budget),
            amounts(&quote.available),
        )
        .into());
    }
    if quote.due > 0 && !confirm(arguments, &quote) {
        return Ok(None);
    }
    begun.begin(run.plan())?;
    run.go_on(&mut begun, pause, progress).await.map(Some)
}

/// The records of a run that is begun.
async fn chosen(books: &Books, arguments: &Arguments) -> Result<Option<Vec<RecordKey>>, Failure> {
    let list = arguments.list.clone().map(Selection::List);
    match (&arguments.csv, list.or(arguments.search.clone())) {
        (Some(file), _) => chosen::of_file(books, file).map(Some),
        (None, Some(selection)) => chosen::of_crm(books, &selection).await.map(Some),
        (None, None) => Ok(None),
    }
}

/// `lifecyclestage=lead`
fn search(text: &str) -> Result<Selection, String> {
    let wrong = || format!("found {text:?}, expected PROPERTY=VALUE, such as lifecyclestage=lead");
    let (property, value) = text.split_once('=').ok_or_else(wrong)?;
    let (property, value) = (property.trim().to_owned(), value.trim().to_owned());
    if property.is_empty() || value.is_empty() {
        return Err(wrong());
    }
    Ok(Selection::Value { property, value })
}

/// What the run is about: as it was begun, with the budget that is asked for now.
fn plan(books: &Books, arguments: &Arguments, begun: &Begun, chosen: Option<Vec<RecordKey>>) -> Result<Plan, Failure> {
    let name = &arguments.name;
    let plan = match (begun.plan(), chosen) {
        (Some(plan), None) if plan.tenant == books.tenant => plan.clone(),
        (Some(plan), None) => {
            return Err(format!("the run {name:?} is of tenant {}, not of {}", plan.tenant, books.tenant).into());
        }
        (Some(_), Some(_)) => {
            return Err(
                format!("a run {name:?} was begun before: go on with it by --resume, or take another name").into()
            );
        }
        (None, Some(records)) => {
            let (name, tenant, worst) = (name.clone(), books.tenant.clone(), books.worst_of_lead());
            Plan { name, tenant, began: books.now, records, budget: None, worst }
        }
        (None, None) => {
            return Err(format!("the run {name:?} was never begun: begin it with --csv, --list or --search").into());
        }
    };
    Ok(Plan { budget: arguments.budget.clone().or(plan.budget.clone()), ..plan })
}

impl Ended {
    fn lines(&self, name: &str) -> Vec<String> {
        let mut lines = vec![format!("{} of {} have ended:", self.ended(), count(self.chosen, "record"))];
        lines.extend(self.outcomes.iter().map(|(word, many)| format!("  {many} {word}")));
        lines.push(format!("Spent {} of a budget of {}.", amounts(&self.spent), amounts(&self.budget)));
        if !self.reserved.is_zero() {
            lines.push(format!("Of what is under way, or waits, {} at most may follow.", amounts(&self.reserved)));
        }
        lines.extend(self.stopped.iter().map(|why| {
            format!(
                "{} left: {why}. Go on with: leadgate enrich {name} --resume",
                count(self.chosen - self.ended(), "record")
            )
        }));
        lines
    }

    fn json(&self, name: &str) -> serde_json::Value {
        json!({
            "name": name, "chosen": self.chosen, "ended": self.ended(), "outcomes": self.outcomes,
            "spent": decimals(&self.spent), "reserved": decimals(&self.reserved), "budget": decimals(&self.budget),
            "stopped": self.stopped,
        })
    }
}
