//! `leadgate credits`: what the credits are doing, why, and how to put them right.

mod adjust;
pub(crate) mod asked;
mod attribution;
mod explain;
mod export;
mod grant;
mod history;
mod origin;
mod show;
mod words;

#[cfg(all(test, feature = "sandbox"))]
pub(crate) mod tests;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::Subcommand;
use jiff::civil::Date;
use leadgate_enrichment::credits::ledger::Entry;
use serde_json::Value;

#[cfg(feature = "sandbox")]
pub(crate) use self::explain::explain_waited;
#[cfg(feature = "sandbox")]
pub(crate) use self::words::told_cost;
pub(crate) use self::words::{amounts, decimals, deferral, failure, first_instant, moment, refusal, signed};

use self::adjust::Adjustment;
use self::grant::{Gift, Kind};
use crate::books::{Books, Place};
use crate::terminal::object;
use crate::{Failure, Outcome};

#[cfg_attr(feature = "sandbox", doc = "See, explain and correct credits, in AWS or in a running `leadgate local`.")]
#[cfg_attr(not(feature = "sandbox"), doc = "See, explain and correct credits in AWS.")]
///
#[cfg_attr(
    feature = "sandbox",
    doc = "Without more, it works on `leadgate local`, in the time of that world. Name the two tables, by option or in \
           the environment, and it works on AWS, with region and credentials from the environment or the AWS profile; \
           the configuration must then be the one that is deployed."
)]
#[cfg_attr(
    not(feature = "sandbox"),
    doc = "Name the two tables, by option or in the environment. Region and credentials come from the environment or the \
           AWS profile; the configuration must be the one that is deployed."
)]
/// Looking never changes anything, and what changes something can
/// be repeated under the same reference: it is done once.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object, as the last line, instead of text. Amounts in it are credits.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the wallets, what waits for credits, and how long they will last.
    ///
    /// Wallets stand in the order in which they are burned. One that is due is opened by whoever first needs it, not by
    /// looking. The forecast goes by the last 28 days at most, without those on which credits had run out; what waits
    /// already is taken off what there is.
    Show,
    /// Show what happened to the credits, newest last.
    History(history::Arguments),
    /// Give credits by hand: goodwill, a correction, a promise.
    ///
    /// They go into a wallet of their own, grant-REFERENCE, which burns like the plan's. Leads that wait are taken up
    /// by the next release, within minutes.
    Grant(Gift),
    /// Enter credits that were bought on top, once.
    ///
    /// They go into a wallet of their own, pack-REFERENCE, usable at once and burned after the plan's. The reference is
    /// the payment's: entering it again changes nothing. Packs that come with every cycle belong in the configuration.
    TopUp(Gift),
    /// Put a wallet right by hand.
    Adjust(Adjustment),
    /// Tell the whole story of a lead or a purchase: granted where, held when, settled why, by what evidence.
    Explain(explain::Arguments),
    /// Write the ledger out, a row for each part of each entry.
    ///
    /// The rows' amounts add up to what all wallets hold. Times are in UTC, and nothing in it is taken for a formula by
    /// a spreadsheet.
    Export(Export),
}

#[derive(clap::Args)]
struct Export {
    /// As comma-separated values, to standard output. With --json instead, one object with the same rows.
    #[arg(long, required_unless_present = "json")]
    csv: bool,
    /// Only from this day on.
    #[arg(long, value_name = "DAY", value_parser = asked::day)]
    since: Option<Date>,
}

/// What a command has to say.
trait Answer {
    /// In words.
    fn text(&self) -> String;
    /// For a script.
    fn json(&self) -> Value;
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let answer = answer(arguments).await?;
    let mut said = if arguments.json { object(answer.json()) } else { answer.text() };
    if !said.ends_with('\n') {
        said.push('\n');
    }
    match std::io::stdout().write_all(said.as_bytes()) {
        // Whoever reads it, `head` for one, may have had enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

async fn answer(arguments: &Arguments) -> Result<Box<dyn Answer>, Failure> {
    let books = Books::find(&arguments.place).await?;
    Ok(match &arguments.command {
        Command::Show => Box::new(show::Standing::read(&books).await?),
        Command::History(which) => Box::new(history::History::read(&books, which).await?),
        Command::Grant(gift) => Box::new(grant::put(&books, Kind::Grant, gift).await?),
        Command::TopUp(gift) => Box::new(grant::put(&books, Kind::TopUp, gift).await?),
        Command::Adjust(adjustment) => Box::new(adjust::adjust(&books, adjustment).await?),
        Command::Explain(what) => Box::new(explain::explain(&books, what).await?),
        Command::Export(which) => {
            let mut entries = books.credits.entries(&books.tenant).await?;
            if let Some(since) = which.since.map(|day| words::first_instant(day, books.zone())) {
                entries.retain(|entry: &Entry| entry.at() >= since);
            }
            Box::new(export::Sheet::of(&entries, books.tenant())?)
        }
    })
}
