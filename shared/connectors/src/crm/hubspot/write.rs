//! What becomes of each record of a write: one call for all, and one alone for each of those that it didn't take.

use std::collections::BTreeMap;

use leadgate_enrichment::crm::{CrmError, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::{Patch, is_same_number};
use reqwest::Method;

use super::client::{HubSpot, NOT_FOUND, is_record_id};
use super::wire::{BatchUpdate, Complaint, Record, Update, UpdateInput};
use crate::loose::{Loose, read};

/// How often one record is written: the whole patch, then what is left of it without the refused properties.
pub(super) const WRITES_MAX: usize = 2;

impl HubSpot {
    /// Writes records of any kind: in one call, and alone those that it refuses.
    pub(super) async fn write_records(
        &self,
        object: &ObjectType,
        patches: &BTreeMap<String, Patch>,
    ) -> Result<BTreeMap<String, Written>, CrmError> {
        let (sent, unsent): (BTreeMap<_, _>, BTreeMap<_, _>) =
            patches.iter().partition(|(id, patch)| is_record_id(id) && !patch.is_empty());
        let mut written: BTreeMap<String, Written> = unsent.into_iter().map(unsent_answer).collect();
        if sent.is_empty() {
            return Ok(written);
        }
        written.extend(self.write_batch(object, &sent).await?);
        for (id, patch) in sent {
            if written.contains_key(id) {
                continue;
            }
            match self.write_alone(object, id, patch).await {
                Ok(answer) => written.insert(id.clone(), answer),
                Err(error) if written.is_empty() => return Err(error),
                Err(error) => {
                    // What has been written is told; the rest has no answer, and so has failed.
                    tracing::warn!(reason = error.reason, "HubSpot took only a part of a batch");
                    break;
                }
            };
        }
        Ok(written)
    }

    /// Writes all patches in one call. What is missing in the answer has to be written alone.
    async fn write_batch(
        &self,
        object: &ObjectType,
        patches: &BTreeMap<&String, &Patch>,
    ) -> Result<BTreeMap<String, Written>, CrmError> {
        let inputs = patches.iter();
        let inputs = inputs.map(|(id, properties)| UpdateInput { id, properties, object_write_trace_id: id });
        let body = BatchUpdate { inputs: inputs.collect() };
        let answer = self.call(Method::POST, object, "batch/update", &body).await?;
        if matches!(answer.status.as_u16(), 400 | 409) {
            // One bad value or one conflict sinks the whole batch, and nothing was written.
            return Ok(BTreeMap::new());
        }
        let answer = answer.batch()?;
        let results = answer.results.items().iter().filter_map(Loose::as_object);
        let done = results.filter_map(|record| {
            let id = record.answers_for()?;
            let patch = patches.get(&id)?;
            Some((id, taken(record, patch, BTreeMap::new())))
        });
        let errors = answer.errors.items().iter().filter_map(Loose::as_object);
        let missing = errors.filter(|complaint| complaint.category() == Some(NOT_FOUND));
        let gone = missing.flat_map(Complaint::records).map(|id| (id.to_owned(), Written::Gone));
        let mut written: BTreeMap<String, Written> = gone.chain(done).collect();
        written.retain(|id, _| patches.contains_key(id));
        Ok(written)
    }

    /// Writes one patch, without the properties that HubSpot refuses. A 404 is about the record: the batch call came
    /// first, so the path is known to be right.
    async fn write_alone(&self, object: &ObjectType, id: &str, patch: &Patch) -> Result<Written, CrmError> {
        let mut patch = patch.clone();
        let mut dropped = BTreeMap::new();
        let mut rejection = String::new();
        for _ in 0..WRITES_MAX {
            let answer = self.call(Method::PATCH, object, id, &Update { properties: &patch }).await?;
            match answer.status.as_u16() {
                200 => {
                    let record = read::<Loose<Record>>(&answer.body).unwrap_or_default();
                    return Ok(taken(record.as_object().unwrap_or(&Record::default()), &patch, dropped));
                }
                404 => return Ok(Written::Gone),
                _ => rejection = answer.rejection()?,
            }
            let mut refused = Complaint::read(&answer.body).properties();
            refused.retain(|property, _| patch.remove(property).is_some());
            if refused.is_empty() || patch.is_empty() {
                break;
            }
            dropped.extend(refused);
        }
        Ok(Written::Rejected(rejection))
    }
}

/// What became of a patch that HubSpot has accepted. A warning says that it did so only in part (seen in its description
/// of the answer): the properties that it names are taken for refused, with its category for a reason.
fn taken(record: &Record, patch: &Patch, mut dropped: BTreeMap<String, String>) -> Written {
    let mut left_out = BTreeMap::new();
    for warning in record.warnings() {
        let mut named = warning.properties();
        named.retain(|property, _| patch.contains_key(property));
        if named.is_empty() {
            let category = warning.category().unwrap_or("without a category");
            tracing::warn!(record = record.answers_for(), category, "HubSpot accepted a write with a warning");
        }
        left_out.extend(named);
    }
    match left_out.values().next() {
        Some(reason) if left_out.len() == patch.len() => {
            Written::Rejected(format!("HubSpot left all of it out: {reason}"))
        }
        _ => {
            dropped.extend(left_out);
            Written::Done { dropped, reformatted: reformatted(record, patch) }
        }
    }
}

/// The telephone numbers that HubSpot has put into another form (documented: it formats them): its answer shows each as
/// it keeps it. Any other value that isn't what was sent may be a person's, typed in at the same moment.
fn reformatted(record: &Record, patch: &Patch) -> Patch {
    let shown = record.properties().into_iter().filter_map(|(name, value)| Some((name, value?)));
    let is_ours = |name: &String, shown: &String| {
        patch.get(name).is_some_and(|sent| sent.trim() != shown.trim() && is_same_number(sent, shown))
    };
    shown.filter(|(name, shown)| is_ours(name, shown)).collect()
}

/// The answer for a patch that isn't worth a call.
fn unsent_answer((id, patch): (&String, &Patch)) -> (String, Written) {
    let answer = match patch.is_empty() {
        true => Written::whole(),
        false => Written::Rejected("its id isn't a number, as HubSpot's are".into()),
    };
    (id.clone(), answer)
}
