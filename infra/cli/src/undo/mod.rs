//! `leadgate undo`: puts back what stood in the CRM before a write-back.

#[cfg(all(test, feature = "sandbox"))]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use jiff::Timestamp;
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::crm::{Crm, Written};
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::ids::{ObjectType, PurchaseId, RecordKey};
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::lead::related::names_record;
use leadgate_enrichment::lead::undo::WriteBack;
use serde_json::{Value, json};

use crate::books::{Books, Place};
use crate::terminal::{count, object, say};
use crate::{Failure, Outcome};

/// How many records are named in a text; --json has all of them.
const NAMED_MAX: usize = 20;

/// Put back what stood in the CRM before Leadgate wrote, where nothing has changed it since.
///
/// What stood there is known for as many days as the tenant's undo_days say, of the last write-back of each record (what
/// arrives minutes later counts by itself). A property that holds what Leadgate wrote gets back what it
/// held, or is cleared; one that was changed since stays, and is named. Nothing is bought, and no credit comes back. It
/// may be run again: what is put back is left alone.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The purchase whose write-backs are undone, as `credits history` shows it.
    #[arg(required_unless_present = "since")]
    purchase: Option<String>,
    /// Everything that was written since then: an instant such as 2026-01-31T09:00:00Z.
    #[arg(long, value_name = "INSTANT", conflicts_with = "purchase")]
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

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let books = Books::find(&arguments.place).await?;
    let undone = undo(&books, arguments).await?;
    if arguments.json {
        let one = |it: &Undone| json!({ "record": it.record, "restored": it.restored, "left": it.left });
        let list: Vec<Value> = undone.iter().map(one).collect();
        println!("{}", object(json!({ "tenant": books.tenant, "dry_run": arguments.dry_run, "records": list })));
    } else {
        lines(&undone, arguments.dry_run).iter().for_each(|line| say(line));
    }
    let is_refused = undone.iter().any(|it| it.left.values().any(|why| why.starts_with(REFUSED)));
    Ok(if is_refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
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

/// What was written by the purchases that are asked about, put back record by record.
async fn undo(books: &Books, arguments: &Arguments) -> Result<Vec<Undone>, Failure> {
    let tenant = books.tenant();
    if tenant.undo.is_zero() {
        return Err(format!("nothing is kept to undo: tenants.{}.undo_days is 0", tenant.id).into());
    }
    let wanted = purchases(books, arguments).await?;
    let key = books.fingerprints.key_of(&tenant.id).await;
    let key = key.map_err(|error| format!("{error}: name the secret of fingerprints with --fingerprints"))?;
    let sealing = key.sealing();
    let crm = books.connections.crm(tenant).await?;
    let mut undone = Vec::new();
    for (record, purchases) in wanted {
        let kept = books.records.undoable(&record, &sealing, tenant.undo, books.now).await?;
        let kept: Vec<WriteBack> = kept.into_iter().filter(|written| purchases.contains(&written.purchase)).collect();
        if !kept.is_empty() {
            undone.push(undo_record((&*crm, &key), &record, &kept, arguments.dry_run).await?);
        }
    }
    if undone.is_empty() {
        let days = tenant.undo.as_secs() / (24 * 60 * 60);
        return Err(format!(
            "nothing is kept of that: it wrote nothing, was followed by another write-back of the same records, is older \
             than {days} days, or its people asked to be forgotten"
        )
        .into());
    }
    Ok(undone)
}

/// The purchases that are asked about, by the records that they were for.
async fn purchases(books: &Books, arguments: &Arguments) -> Result<BTreeMap<RecordKey, BTreeSet<PurchaseId>>, Failure> {
    let mut wanted: BTreeMap<RecordKey, BTreeSet<PurchaseId>> = BTreeMap::new();
    let asked = arguments.purchase.as_deref().map(str::trim);
    for entry in books.credits.entries(&books.tenant).await? {
        let Entry::Purchase { purchase, at, lines, .. } = &entry else { continue };
        let is_asked = match (asked, arguments.since) {
            (Some(asked), _) => purchase.as_str() == asked,
            (None, since) => since.is_some_and(|since| *at >= since),
        };
        for line in lines.iter().filter(|_| is_asked) {
            wanted.entry(line.record.clone()).or_default().insert(purchase.clone());
        }
    }
    if wanted.is_empty() {
        let what = asked.map_or("settled since then".to_owned(), |asked| format!("called {asked:?}"));
        return Err(format!("the ledger has no purchase {what}: `credits history` shows them").into());
    }
    Ok(wanted)
}

async fn undo_record(
    (crm, key): (&dyn Crm, &FingerprintKey),
    record: &RecordKey,
    kept: &[WriteBack],
    dry_run: bool,
) -> Result<Undone, Failure> {
    let mut undone = Undone { record: record.to_string(), ..Undone::default() };
    let properties: BTreeSet<&str> =
        kept.iter().flat_map(|written| written.changes.keys()).map(String::as_str).collect();
    let properties: Vec<&str> = properties.into_iter().collect();
    let mut current = crm.read(&record.object, std::slice::from_ref(&record.id), &properties).await?;
    let Some(mut current) = current.remove(&record.id) else {
        undone.left = properties.iter().map(|name| ((*name).to_owned(), "the record is gone".to_owned())).collect();
        return Ok(undone);
    };
    // The latest first: what stood there before it may be what an earlier one wrote.
    let mut restore = Patch::new();
    for written in kept {
        let undoing = written.undo(&current, key);
        for (property, value) in undoing.restore {
            current.insert(property.clone(), Some(value.clone()));
            undone.left.remove(&property);
            restore.insert(property, value);
        }
        let changed = undoing.changed_since.into_iter().filter(|property| !restore.contains_key(property));
        undone.left.extend(changed.map(|property| (property, "it was changed since".to_owned())));
    }
    if !dry_run && !restore.is_empty() {
        let refused = write(crm, &record.object, &record.id, &restore).await?;
        restore.retain(|property, _| !refused.contains_key(property));
        undone.left.extend(refused);
    }
    undone.restored = restore.into_keys().filter(|property| !names_record(property)).collect();
    Ok(undone)
}

/// Writes it, and gives what the CRM didn't take, with its reason.
async fn write(
    crm: &dyn Crm,
    object: &ObjectType,
    id: &str,
    restore: &Patch,
) -> Result<BTreeMap<String, String>, Failure> {
    let written = crm.write(object, &BTreeMap::from([(id.to_owned(), restore.clone())])).await?.remove(id);
    let values = || restore.keys().filter(|property| !names_record(property));
    let all = |why: &str| values().map(|property| (property.clone(), why.to_owned())).collect();
    Ok(match written {
        Some(Written::Done { dropped, .. }) => {
            dropped.into_iter().map(|(property, why)| (property, format!("{REFUSED}: {why}"))).collect()
        }
        Some(Written::Gone) => all("the record is gone"),
        Some(Written::Rejected(why)) => all(&format!("{REFUSED}: {why}")),
        None => all(&format!("{REFUSED}, without an answer")),
    })
}
