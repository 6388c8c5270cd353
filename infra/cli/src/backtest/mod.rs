//! `leadgate backtest`: what another configuration would have bought, written and put off.

mod history;
mod replay;
mod said;

#[cfg(all(test, feature = "sandbox"))]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;
use jiff::civil::Date;
use leadgate_enrichment::ids::TenantId;

use self::history::{History, parked};
use self::replay::{Policy, Untold, replay};
use self::said::Compared;
use crate::books::{Books, Place};
use crate::credits::{asked, first_instant};
use crate::terminal::object;
use crate::{Failure, Outcome, check};

/// Replay what was bought under another configuration: other windows, orders, prices, plans and caps.
///
/// The requests come from the ledger and the line of leads that wait. They go through the windows, steps, prices, day caps and
/// wallets of FILE one after another, and through those of the deployed configuration as well: how far that is from what
/// really happened is how far the replay can be trusted. Where FILE asks a provider that was never asked about a person, it is
/// replayed twice: as if that one knew nobody, and as if it knew everybody. What can't be known from the ledger is said.
/// Nothing is asked of anyone, bought or written.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The other configuration.
    #[arg(value_name = "FILE")]
    other: PathBuf,
    /// Only requests from this day on.
    #[arg(long, value_name = "DAY", value_parser = asked::day)]
    since: Option<Date>,
    /// Print one JSON object instead of text. Amounts in it are credits.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let compared = compared(arguments).await?;
    match arguments.json {
        true => println!("{}", object(compared.json())),
        false => print!("{}", compared.text()),
    }
    Ok(ExitCode::SUCCESS)
}

async fn compared(arguments: &Arguments) -> Result<Compared, Failure> {
    let books = Books::find(&arguments.place).await?;
    let other = check::read(&arguments.other)?.map_err(|error| format!("{}: {error}", arguments.other.display()))?;
    let (deployed, id) = (books.tenant(), &books.tenant);
    let tenant = other.tenant(id).ok_or_else(|| {
        let names: Vec<&str> = other.tenants.keys().map(TenantId::as_str).collect();
        format!("{} has tenants {}, expected one named {id}", arguments.other.display(), names.join(", "))
    })?;
    let since = arguments.since.map_or(Timestamp::MIN, |day| first_instant(day, books.zone()));
    let entries = books.credits.entries(id).await?;
    let wallets = books.credits.wallets(id).await?;
    let parked = parked(&books.records, id).await?;
    let history = History::of(deployed, &entries, parked, &wallets, (since, books.now));
    let (as_deployed, other) = (Policy { config: &books.config, tenant: deployed }, Policy { config: &other, tenant });
    let replayed = |policy, untold| replay(policy, as_deployed, &history, untold);
    Ok(Compared::of(
        &history,
        (as_deployed, replayed(as_deployed, Untold::Unknown)),
        (other, [Untold::Unknown, Untold::Known].map(|untold| replayed(other, untold))),
        books.place.clone(),
    ))
}
