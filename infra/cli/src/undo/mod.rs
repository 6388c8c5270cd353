//! `leadgate undo`: puts back what stood in the CRM before a write-back.

mod batch;
#[cfg(all(test, feature = "sandbox"))]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use jiff::Timestamp;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::credits::ledger::{Entry, PurchaseKind};
use leadgate_enrichment::ids::{ObjectType, PurchaseId, RecordKey};
use leadgate_enrichment::lead::undo::WriteBack;
use leadgate_lambda::clock::SystemClock;
use serde_json::{Value, json};

use self::batch::{Kept, Undoer};
use crate::books::{Books, Place};
use crate::credits::asked;
use crate::terminal::{count, object, say};
use crate::{Failure, Outcome};

/// How many records are named in a text; --json has all of them.
const NAMED_MAX: usize = 20;

/// Put back what stood in the CRM before Leadgate wrote, where nothing has changed it since.
///
/// What stood there is known for as many days as the tenant's undo_days say, of the last write-back of each record (what
/// arrives minutes later counts by itself). A property that holds what Leadgate wrote gets back what it
/// held, or is cleared; one that was changed since stays, and is named. Nothing is bought, and no credit comes back.
///
/// Records are read and written as many at a time as the CRM takes, and it is waited where the CRM asks for that. It may be
/// interrupted, and run again: what is put back is left alone.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The purchase whose write-backs are undone, as `credits history` shows it.
    #[arg(required_unless_present = "since")]
    purchase: Option<String>,
    /// Everything that was written since then: an instant such as 2026-01-31T09:00:00Z.
    #[arg(long, value_name = "INSTANT", value_parser = asked::instant, conflicts_with = "purchase")]
    since: Option<Timestamp>,
    /// Say what would be put back, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    place: Place,
}

/// What became of one record.
#[derive(Debug, Default)]
pub(super) struct Undone {
    record: String,
    /// Properties that were put back, or would be.
    restored: Vec<String>,
    /// Why others were not.
    left: BTreeMap<String, String>,
}

/// What a run came to.
#[derive(Debug, Default)]
pub(super) struct Done {
    records: Vec<Undone>,
    /// Why it ended before all of them: what is left has to be run again.
    stopped: Option<String>,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let books = Books::find(&arguments.place).await?;
    let progress = |done: usize, of: usize| {
        // What takes one call is done before it is read.
        if done < of {
            eprintln!("leadgate: {done} of {}", count(of, "record"));
        }
    };
    let Done { records, stopped } = undo(&books, arguments, &SystemClock::new(), &progress).await?;
    if arguments.json {
        let one = |it: &Undone| json!({ "record": it.record, "restored": it.restored, "left": it.left });
        let list: Vec<Value> = records.iter().map(one).collect();
        let said = json!({ "tenant": books.tenant, "dry_run": arguments.dry_run, "records": list, "stopped": stopped });
        println!("{}", object(said));
    } else {
        lines(&records, arguments.dry_run).iter().for_each(|line| say(line));
        stopped.iter().for_each(|why| say(&format!("It stopped before all were reached: {why}. Run it again.")));
    }
    let is_refused = records.iter().any(|it| it.left.values().any(|why| why.starts_with(REFUSED)));
    Ok(if is_refused || stopped.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Begins why the CRM doesn't take a value back.
const REFUSED: &str = "the CRM refuses it";

fn lines(undone: &[Undone], dry_run: bool) -> Vec<String> {
    let restored: usize = undone.iter().map(|it| it.restored.len()).sum();
    let records = undone.iter().filter(|it| !it.restored.is_empty()).count();
    let verb = if dry_run { "would be put back" } else { "put back" };
    let mut said = vec![format!("{} {verb} in {}.", count(restored, "property"), count(records, "record"))];
    let left: Vec<&Undone> = undone.iter().filter(|it| !it.left.is_empty()).collect();
    for it in left.iter().take(NAMED_MAX) {
        let why: Vec<String> = it.left.iter().map(|(property, why)| format!("{property}: {why}")).collect();
        said.push(format!("  {} keeps {}", it.record, why.join("; ")));
    }
    if left.len() > NAMED_MAX {
        said.push(format!("  and {} more; --json names them all", left.len() - NAMED_MAX));
    }
    said
}

/// What was written by the purchases that are asked about, put back batch by batch. `progress` is told how many records it has
/// been through, of how many.
async fn undo(
    books: &Books,
    arguments: &Arguments,
    clock: &dyn Clock,
    progress: &dyn Fn(usize, usize),
) -> Result<Done, Failure> {
    let tenant = books.tenant();
    if tenant.undo.is_zero() {
        return Err(format!("nothing is kept to undo: tenants.{}.undo_days is 0", tenant.id).into());
    }
    let wanted = purchases(books, arguments).await?;
    let key = books.fingerprints.key_of(&tenant.id).await;
    let key = key.map_err(|error| format!("{error}: name the secret of fingerprints with --fingerprints"))?;
    let crm = books.connections.crm(tenant).await?;
    let undoer = Undoer { crm: &*crm, key: &key, clock, dry_run: arguments.dry_run };
    let (mut done, mut seen, all) = (Done::default(), 0, wanted.len());
    let mut by_object: BTreeMap<ObjectType, Vec<(RecordKey, BTreeSet<PurchaseId>)>> = BTreeMap::new();
    for (record, purchases) in wanted {
        // In another CRM, which was the tenant's before, the same id is another person's.
        if record.origin.as_str() == tenant.crm.vendor.name {
            by_object.entry(record.object.clone()).or_default().push((record, purchases));
        }
    }
    for (object, records) in by_object {
        for batch in records.chunks(tenant.crm.vendor.records_per_call.max(1)) {
            let mut kept = Vec::new();
            for (record, purchases) in batch {
                let written = books.records.undoable(record, &key.sealing(), tenant.undo, books.now).await?;
                let asked = written.into_iter().filter(|written| purchases.contains(&written.purchase));
                kept.push(Kept::new(record.clone(), asked.collect::<Vec<WriteBack>>()));
            }
            kept.retain(|kept| !kept.written.is_empty());
            if !kept.is_empty() {
                let (undone, error) = undoer.undo(&object, kept).await;
                done.records.extend(undone);
                if let Some(error) = error {
                    if done.records.is_empty() {
                        return Err(error.into());
                    }
                    done.stopped = Some(error.reason);
                    return Ok(done);
                }
            }
            seen += batch.len();
            progress(seen, all);
        }
    }
    if done.records.is_empty() {
        let days = tenant.undo.as_secs() / (24 * 60 * 60);
        return Err(format!(
            "nothing is kept of that: it wrote nothing, was followed by another write-back of the same records, is older \
             than {days} days, or its people asked to be forgotten"
        )
        .into());
    }
    Ok(done)
}

/// The purchases that are asked about, by the records that they were for.
async fn purchases(books: &Books, arguments: &Arguments) -> Result<BTreeMap<RecordKey, BTreeSet<PurchaseId>>, Failure> {
    let mut wanted: BTreeMap<RecordKey, BTreeSet<PurchaseId>> = BTreeMap::new();
    let asked = arguments.purchase.as_deref().map(str::trim);
    for entry in books.credits.entries(&books.tenant).await? {
        let Entry::Purchase { purchase, kind, claim, at, lines, .. } = &entry else { continue };
        // What several providers have told of a record is written together, under the first of their purchases.
        let written_as =
            claim.as_ref().filter(|_| matches!(kind, PurchaseKind::Person | PurchaseKind::Company)).unwrap_or(purchase);
        let is_asked = match (asked, arguments.since) {
            (Some(asked), _) => purchase.as_str() == asked,
            (None, since) => since.is_some_and(|since| *at >= since),
        };
        for line in lines.iter().filter(|_| is_asked) {
            wanted.entry(line.subject.clone()).or_default().insert(written_as.clone());
        }
    }
    if wanted.is_empty() {
        let what = asked.map_or("settled since then".to_owned(), |asked| format!("called {asked:?}"));
        return Err(format!("the ledger has no purchase {what}: `credits history` shows them").into());
    }
    Ok(wanted)
}
