//! `leadgate tam`: lists of accounts that are built at night.

mod plan;
mod status;
#[cfg(all(test, feature = "sandbox"))]
mod tests;

use clap::Subcommand;
use leadgate_enrichment::icp::Icp;

use crate::books::{Books, Place};
use crate::{Failure, Outcome};

/// Lists of accounts and people who fit an ideal customer profile (your total addressable market).
///
/// Which accounts and people are wanted is in the configuration, in [tenants.T.icps.NAME].
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// In AWS: the name of the table with the lists. `status` needs it.
    #[arg(long, global = true, value_name = "TABLE", env = "LEADGATE_LISTS_TABLE", help_heading = "Where")]
    lists_table: Option<String>,
    /// Print one JSON object instead of text. Amounts in it are credits.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say what a list comes to, at most: pages, people, credits, money and nights.
    ///
    /// Nothing is bought. How many accounts the search finds is asked of the provider only where a page costs nothing;
    /// otherwise it is assumed, and said, until you name it.
    Plan(plan::What),
    /// Show how far the lists are: what was searched, who was asked for, and why the last night ended.
    Status(status::What),
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let books = Books::find(&arguments.place).await?;
    match &arguments.command {
        Command::Plan(what) => plan::run(&books, what, arguments.json).await,
        Command::Status(what) => status::run(&books, arguments, what).await,
    }
}

/// The profile of this name.
fn icp<'b>(books: &'b Books, name: &str) -> Result<&'b Icp, Failure> {
    let (tenant, icps) = (&books.tenant, &books.tenant().icps);
    icps.get(name).ok_or_else(|| {
        let known: Vec<&str> = icps.keys().map(String::as_str).collect();
        match known.is_empty() {
            true => format!("found no profile of {tenant}, expected the table [tenants.{tenant}.icps.{name}]").into(),
            false => format!("found no profile {name:?} of {tenant}, expected one of {}", known.join(", ")).into(),
        }
    })
}

fn people(many: u64) -> String {
    if many == 1 { "1 person".to_owned() } else { format!("{many} people") }
}
