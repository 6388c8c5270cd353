//! `leadgate erase`: forgets a person, and sees to it that they aren't bought again.

#[cfg(all(test, feature = "sandbox"))]
mod tests;

use std::process::ExitCode;

use jiff::civil::Date;
use leadgate_aws::table::Consistency;
use leadgate_enrichment::clock::{days, later};
use leadgate_enrichment::lead::record::Record;
use serde_json::json;

use crate::books::{Books, Place};
use crate::terminal::{count, object, say};
use crate::{Failure, Outcome};

/// For how long DynamoDB keeps point-in-time backups, and with them what was erased.
const BACKUPS_KEPT: std::time::Duration = days(35);

/// Forget a person, as for a privacy request that didn't come through the CRM.
///
/// What is kept of them goes: what was bought and not yet written, what stood in the CRM before a write-back, and the
/// fingerprints by which they would be known again. One fingerprint stays, so that they are not bought again under any
/// record; it says nothing without the installation's secret. What waits or is being worked on ends without another call.
/// It may be run again. The CRM and the provider are not changed: ask them, too.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The person's e-mail address, or their record: its id in the CRM, or its whole name (TENANT#CRM#OBJECT#ID).
    #[arg(value_name = "EMAIL|RECORD")]
    who: String,
    /// Say what would be forgotten, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    place: Place,
}

/// What was forgotten.
#[derive(Debug, Default, PartialEq, Eq)]
struct Erased {
    /// Records that were about the person.
    records: Vec<String>,
    /// Of how many of them something was bought that the CRM doesn't have yet.
    unwritten: usize,
    /// Write-backs that could have been undone.
    write_backs: usize,
    /// People who are not bought again from now on: none, if it wasn't known who the record was about.
    not_bought_again: usize,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let books = Books::find(&arguments.place).await?;
    let erased = erase(&books, arguments).await?;
    let until = later(books.now, BACKUPS_KEPT).to_zoned(books.zone().clone()).date();
    if arguments.json {
        let said = json!({
            "tenant": books.tenant, "dry_run": arguments.dry_run, "records": erased.records,
            "bought_and_unwritten": erased.unwritten, "write_backs": erased.write_backs,
            "not_bought_again": erased.not_bought_again, "backups_until": until.to_string(),
        });
        println!("{}", object(said));
    } else {
        erased.lines(arguments.dry_run, until).iter().for_each(|line| say(line));
    }
    Ok(ExitCode::SUCCESS)
}

impl Erased {
    fn lines(&self, dry_run: bool, backups_until: Date) -> Vec<String> {
        let records = match self.records.as_slice() {
            [] => "No record is about them.".to_owned(),
            some => format!("{}: {}", count(some.len(), "record"), some.join(", ")),
        };
        let verb = if dry_run { "would be forgotten" } else { "is forgotten" };
        vec![
            records,
            format!("  what was bought and not yet written {verb}: {}", count(self.unwritten, "record")),
            format!("  what stood in the CRM before {verb}: {}", count(self.write_backs, "write-back")),
            match self.not_bought_again {
                0 => "  it isn't known who the record was about: nothing was bought for it".to_owned(),
                _ => "  a fingerprint stays, so that they are not bought again".to_owned(),
            },
            format!(
                "Not reached: point-in-time backups of the tables, which end on {backups_until}; the CRM; the provider, and what it \
                 has delivered in batches."
            ),
        ]
    }
}

async fn erase(books: &Books, arguments: &Arguments) -> Result<Erased, Failure> {
    let (who, tenant) = (arguments.who.trim(), books.tenant());
    let key = books.fingerprints.key_of(&tenant.id).await;
    let key = key.map_err(|error| format!("{error}: name the secret of fingerprints with --fingerprints"))?;
    let mut erased = Erased::default();
    let mut keys = Vec::new();
    if who.contains('@') {
        // As it is written in a record's identity.
        let person = key.of(&who.to_lowercase());
        keys = books.records.about(&tenant.id, &person).await?;
        erased.not_bought_again += 1;
        if !arguments.dry_run {
            books.records.forget(&tenant.id, &person).await?;
        }
    } else {
        keys.push(books.record_key(who)?);
    }
    let there = books.records.read(&keys, Consistency::Strong).await?;
    if there.is_empty() && !who.contains('@') {
        return Err(format!("there is no record {who:?}: nothing is kept of it").into());
    }
    let sealing = key.sealing();
    for record in there.values() {
        erased.records.push(record.key.to_string());
        erased.unwritten += usize::from(!record.patch.is_empty());
        erased.write_backs += books.records.undoable(&record.key, &sealing, tenant.undo, books.now).await?.len();
        erased.not_bought_again += usize::from(!who.contains('@') && is_known(record));
        if !arguments.dry_run {
            books.records.note_erasure(&record.key, books.now).await?;
        }
    }
    erased.records.sort_unstable();
    Ok(erased)
}

/// Whether it is known whom it is about.
fn is_known(record: &Record) -> bool {
    record.bought_for.is_some() || record.asked.is_some()
}
