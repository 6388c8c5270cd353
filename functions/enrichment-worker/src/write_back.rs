//! Writing what was bought to the CRM.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::try_join_all;
use leadgate_aws::error::StoreError;
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::PurchaseKind;
use leadgate_enrichment::crm::{CrmError, Written};
use leadgate_enrichment::ids::{ProviderName, RecordKey};
use leadgate_enrichment::lead::patch::{Patch, applicable};
use leadgate_enrichment::lead::record::Record;
use leadgate_enrichment::lead::related::{known_by, name_records, names_record};
use leadgate_enrichment::lead::undo::WriteBack;
use leadgate_enrichment::outcome::{FailReason, Outcome, RefuseReason};
use leadgate_enrichment::person::{Properties, value_of};
use leadgate_enrichment::retry::Retry;
use tracing::warn;

use crate::batch::Batch;
use crate::crm;
use crate::defer::park_the_rest_of;
use crate::outcomes::Outcomes;

/// What is kept back of the run for closing the records and handing the rest back.
const AFTER_THE_WRITE: Duration = Duration::from_secs(3);

/// Reads each record again, writes what may still be written, and closes it. Doing it twice writes the same
/// values.
pub(crate) async fn write_back(
    batch: &Batch<'_>,
    outcomes: &mut Outcomes<'_>,
    bought: Vec<Record>,
    waits_for: &BTreeMap<RecordKey, Amounts>,
) {
    if bought.is_empty() {
        return;
    }
    let limit = batch.time_left().saturating_sub(AFTER_THE_WRITE);
    // The purchase of a record that was taken over is an earlier one: its worker may have written before it died.
    let may_be_written = |record: &Record| record.purchase() != Some(&batch.purchase);
    let written = match batch.within(limit, write_patches(batch, &bought, PurchaseKind::Person, may_be_written)).await {
        Some(Ok(written)) => written,
        Some(Err(error)) if error.retry == Retry::Never => {
            return crm::refused(batch, outcomes, bought, &error.reason).await;
        }
        Some(Err(error)) => return outcomes.give_all_back(&bought, &error.reason, error.retry),
        None => {
            return outcomes.give_all_back(&bought, "the CRM was too slow for what is left of the run", Retry::Backoff);
        }
    };
    let now = batch.now();
    let mut closed = Vec::new();
    for record in bought {
        let Some(WriteEnd { patch, end, only_filled }) = written.get(&record.key) else {
            outcomes.give_back_claimed(&record.key, "the CRM gave no answer for it", Retry::Backoff);
            continue;
        };
        let key = record.key.clone();
        let (record, outcome) = match end {
            Written::Done { .. } => {
                let kept = known_by(&end.of(patch));
                let record = record.written(batch.fingerprints.of_all(&kept), *only_filled, now);
                (park_the_rest_of(batch, record, waits_for.get(&key)), Outcome::WrittenBack { fields: kept.len() })
            }
            Written::Gone => (record.refused(RefuseReason::Gone, now), Outcome::Refused(RefuseReason::Gone)),
            Written::Rejected(reason) => {
                warn!(record = %key, reason, "the CRM refuses what was bought");
                (record.failed(FailReason::WriteRejected, now), Outcome::Failed(FailReason::WriteRejected))
            }
        };
        closed.push((record, outcome));
    }
    outcomes.write_and_end(Step::Close, closed).await;
}

/// What became of one record's patch.
pub(crate) struct WriteEnd {
    /// What was to be written.
    pub(crate) patch: Patch,
    /// What the CRM says.
    pub(crate) end: Written,
    /// Whether the record itself remembers enough to undo it.
    only_filled: bool,
}

/// One read and one write of the CRM for all. What people have filled in since we bought is left alone.
pub(crate) async fn write_patches(
    batch: &Batch<'_>,
    bought: &[Record],
    kind: PurchaseKind,
    may_be_written: impl Fn(&Record) -> bool,
) -> Result<BTreeMap<RecordKey, WriteEnd>, CrmError> {
    if bought.is_empty() {
        return Ok(BTreeMap::new());
    }
    let properties = batch.tenant.properties();
    let current = crm::read(batch, bought.iter().map(|record| &record.key), &properties).await?;
    let mut patches = BTreeMap::new();
    let mut ends = BTreeMap::new();
    // What stands there already although it was never acknowledged: it is ours all the same.
    let mut there: BTreeMap<RecordKey, Patch> = BTreeMap::new();
    let mut only_filled: BTreeSet<RecordKey> = BTreeSet::new();
    for record in bought {
        let key = record.key.clone();
        if let Some(current) = current.get(&key).filter(|_| may_be_written(record)) {
            there.insert(key.clone(), standing_already(&record.patch, current));
        }
        match current.get(&key).map(|current| patch(batch, record, current)) {
            None => drop(ends.insert(key, (Patch::new(), Written::Gone))),
            Some(patch) if patch.is_empty() => {
                drop(ends.insert(key, (patch, Written::whole())));
            }
            Some(patch) => drop(patches.insert(key, patch)),
        }
        let (nothing, patch) = (Patch::new(), patches.get(&record.key));
        let only_fills = |current| WriteBack::only_fills(record, kind, patch.unwrap_or(&nothing), current);
        if current.get(&record.key).is_some_and(only_fills) {
            only_filled.insert(record.key.clone());
        }
    }
    if !patches.is_empty() {
        let kept = bought.iter().filter(|record| !only_filled.contains(&record.key));
        keep_for_undo(batch, kept, kind, &patches, &current).await?;
        let mut written = crm::write(batch, &patches).await?;
        for (key, patch) in patches {
            if let Some(end) = written.remove(&key) {
                let has_values =
                    bought.iter().any(|it| it.key == key && patch.keys().any(|name| it.patch.contains_key(name)));
                let end = if has_values { end } else { without_our_own(end, &patch) };
                for (property, reason) in end.dropped() {
                    warn!(record = %key, property, reason, "the CRM refuses a property: the rest was written");
                }
                ends.insert(key, (patch, end));
            }
        }
    }
    for (key, values) in there {
        ends.entry(key).and_modify(|(patch, _)| patch.extend(values));
    }
    let ends = ends.into_iter().map(|(key, (patch, end))| {
        let only_filled = only_filled.contains(&key);
        (key, WriteEnd { patch, end, only_filled })
    });
    Ok(ends.collect())
}

/// A patch that says nothing but when the record was enriched and by whom, because its values stand there already, does no
/// harm when it is refused: the CRM lacks these properties.
fn without_our_own(end: Written, patch: &Patch) -> Written {
    let Written::Rejected(reason) = end else { return end };
    let dropped = patch.keys().map(|name| (name.clone(), reason.clone())).collect();
    Written::Done { dropped, reformatted: Patch::new() }
}

/// Keeps what is about to be changed, for as long as it may be undone, of the records that don't remember it by
/// themselves. Before the write: afterwards it isn't known any more.
async fn keep_for_undo<'r>(
    batch: &Batch<'_>,
    bought: impl Iterator<Item = &'r Record>,
    kind: PurchaseKind,
    patches: &BTreeMap<RecordKey, Patch>,
    current: &BTreeMap<RecordKey, Properties>,
) -> Result<(), CrmError> {
    if batch.tenant.undo.is_zero() {
        return Ok(());
    }
    let (now, sealing) = (batch.now(), batch.fingerprints.sealing());
    let until = later(now, batch.tenant.undo);
    let kept = bought.filter_map(|record| {
        let (patch, current) = (patches.get(&record.key)?, current.get(&record.key)?);
        let purchase = match kind {
            PurchaseKind::Asynchronous => record.awaited.as_ref().map(|awaited| &awaited.purchase),
            _ => record.purchase(),
        };
        Some((&record.key, WriteBack::of((purchase?.clone(), kind), now, patch, current)))
    });
    let kept: Vec<_> = kept.collect();
    let records = &batch.worker.records;
    let kept = kept.iter().map(|(key, written)| records.keep_for_undo(key, written, &sealing, until));
    let failed = |error: StoreError| CrmError { reason: error.to_string(), retry: Retry::Backoff };
    try_join_all(kept).await.map(drop).map_err(failed)
}

/// What may be written now. With it goes where it comes from and the date, where the tenant has fields for these: the
/// date is the CRM's own copy of the last-enriched flag.
fn patch(batch: &Batch<'_>, record: &Record, current: &Properties) -> Patch {
    let mut patch = applicable(&record.patch, &batch.tenant.fields, current, record.ours(&batch.fingerprints));
    if let Some(property) = batch.tenant.crm.source_property.as_ref().filter(|_| !patch.is_empty()) {
        patch.insert(property.clone(), provenance(batch, record, &patch));
    }
    if let (Some(property), Some(found)) = (&batch.tenant.crm.candidate_property, &record.found_for)
        && value_of(current, property).is_none()
    {
        patch.insert(property.clone(), found.shown());
    }
    if let (Some(property), Some(at)) = (&batch.tenant.crm.last_enriched_property, record.last_enriched) {
        patch.insert(property.clone(), at.to_string());
    }
    patch
}

/// `peoplewell, 2026-03-01: city, jobtitle`: by which provider's account, when, and what. With several providers, the same
/// of each after the other.
fn provenance(batch: &Batch<'_>, record: &Record, patch: &Patch) -> String {
    let day = batch.now().to_zoned(batch.tenant.time_zone.clone()).date();
    let first = batch.tenant.provider.name();
    let mut told: BTreeMap<&ProviderName, Vec<&str>> = BTreeMap::new();
    for property in patch.keys().filter(|property| !names_record(property)) {
        told.entry(record.told_by.get(property).unwrap_or(&first)).or_default().push(property);
    }
    let of_one =
        |(provider, properties): (&&ProviderName, &Vec<&str>)| format!("{provider}, {day}: {}", properties.join(", "));
    told.iter().map(of_one).collect::<Vec<_>>().join("; ")
}

/// What of a patch the CRM holds already.
fn standing_already(patch: &Patch, current: &Properties) -> Patch {
    let stands = |(name, value): &(&String, &String)| value_of(current, name) == Some(value.trim());
    let mut there = patch.iter().filter(stands).map(|(name, value)| (name.clone(), value.clone())).collect();
    name_records(&mut there, current);
    there
}
