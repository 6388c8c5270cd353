//! `leadgate feed`: businesses that come in batches.

mod import;
#[cfg(feature = "sandbox")]
mod sample;
mod status;
#[cfg(all(test, feature = "sandbox"))]
mod tests;

use clap::Subcommand;
use leadgate_enrichment::config;

use crate::books::{Books, Place};
use crate::{Failure, Outcome};

/// Take in a feed of businesses, and see what there is of it.
///
/// How the feed is written is in the configuration, in [tenants.T.feed]. What it tells costs no credits.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// In AWS: the name of the table with the feed.
    #[arg(long, global = true, value_name = "TABLE", env = "LEADGATE_FEED_TABLE", help_heading = "Where")]
    feed_table: Option<String>,
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take a file in: CSV, packed with gzip or not.
    ///
    /// It is read piece by piece, so that it may be larger than the memory. What is in the table as it is costs no write. If
    /// it is interrupted, run it again: it goes on where it was. What can't be used is written into FILE.rejects.csv, with
    /// the line, the column and the reason; a file that was taken in already is not read again.
    Import(import::What),
    /// Show the batches that were taken in, and how much the last one tells.
    Status,
    /// Write a file as a feed could be, to try an import with.
    #[cfg(feature = "sandbox")]
    Sample(sample::What),
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Command::Import(what) => import::run(arguments, what).await,
        Command::Status => status::run(arguments).await,
        #[cfg(feature = "sandbox")]
        Command::Sample(what) => sample::run(arguments, what),
    }
}

/// What taking a file in came to.
#[cfg(feature = "sandbox")]
pub(crate) struct TakenIn {
    pub(crate) counts: leadgate_aws::feed::Counts,
    pub(crate) write_units: f64,
}

/// `leadgate feed import`, without a word on the terminal.
#[cfg(feature = "sandbox")]
pub(crate) async fn take_in(arguments: &Arguments) -> Result<TakenIn, Failure> {
    use leadgate_feed::Ended;

    let Command::Import(what) = &arguments.command else { return Err("that is the command".into()) };
    let books = Books::find(&arguments.place).await?;
    let done = import::import(&books, arguments, what, &|_| {}).await?;
    match done.ended {
        Ended::Here(drop) | Ended::Before(drop) => {
            Ok(TakenIn { counts: drop.counts.clone(), write_units: done.write_units })
        }
        Ended::OutOfTime(_) | Ended::Busy(_) => Err("the file was not taken in".into()),
    }
}

/// How the tenant's feed is written.
fn written(books: &Books) -> Result<&config::Feed, Failure> {
    let feed = books.tenant().feed.as_ref();
    feed.ok_or_else(|| {
        format!("found no feed of {}, expected the table [tenants.{}.feed]", books.tenant, books.tenant).into()
    })
}
