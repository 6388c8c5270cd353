//! Putting back what the records of a batch held: they are read with one call and written with one, as many as the CRM takes.
//!
//! What failed for now is tried again from the read on, so that what a person types meanwhile stays. It may be interrupted
//! anywhere: what stands there as before is left alone by the next run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::crm::{Crm, CrmError, Written};
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::ids::{ObjectType, RecordKey};
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::lead::related::names_record;
use leadgate_enrichment::lead::undo::WriteBack;
use leadgate_enrichment::person::Properties;
use leadgate_enrichment::retry::{Backoff, Retry};

use super::{REFUSED, Undone};

/// How often a batch is tried that the CRM doesn't take for now.
const TRIES: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(20), attempts: 6 };
/// A person waits for the command: where the CRM asks for more than this, they run it again.
const WAIT_MAX: Duration = Duration::from_secs(90);

/// A record, and what is kept of its write-backs, the latest first.
pub(super) struct Kept {
    pub(super) record: RecordKey,
    pub(super) written: Vec<WriteBack>,
    /// What was sent by a try of which the end isn't known.
    sent: Patch,
}

impl Kept {
    pub(super) fn new(record: RecordKey, written: Vec<WriteBack>) -> Self {
        Self { record, written, sent: Patch::new() }
    }

    fn properties(&self) -> impl Iterator<Item = &str> {
        self.written.iter().flat_map(|written| written.changes.keys()).map(String::as_str)
    }
}

/// What batches are put back with.
pub(super) struct Undoer<'a> {
    pub(super) crm: &'a dyn Crm,
    pub(super) key: &'a FingerprintKey,
    pub(super) clock: &'a dyn Clock,
    pub(super) dry_run: bool,
}

impl Undoer<'_> {
    /// Puts back what records of one kind held, no more than the CRM takes in one call. Beside what became of each, why it
    /// could not go on, if it couldn't.
    pub(super) async fn undo(&self, object: &ObjectType, kept: Vec<Kept>) -> (Vec<Undone>, Option<CrmError>) {
        let (mut open, mut done) = (kept, Vec::new());
        for tries in 1..=TRIES.attempts {
            let error = match self.try_once(object, std::mem::take(&mut open)).await {
                Ok((ended, unanswered)) => {
                    done.extend(ended);
                    open = unanswered;
                    None
                }
                Err((error, unended)) => {
                    open = unended;
                    Some(error)
                }
            };
            if open.is_empty() {
                return (done, None);
            }
            let retry = error.as_ref().map_or(Retry::Backoff, |error| error.retry);
            let wait = TRIES.wait_for(retry, tries, self.clock.jitter()).filter(|wait| *wait <= WAIT_MAX);
            match (wait, error) {
                (Some(wait), _) => self.clock.sleep(wait).await,
                (None, Some(error)) => return (done, Some(error)),
                (None, None) => break,
            }
        }
        done.extend(open.iter().map(|kept| left_whole(kept, &format!("{REFUSED}, without an answer"))));
        (done, None)
    }

    /// What became of records, and those of which the CRM gave no answer. An error gives all of them back.
    async fn try_once(
        &self,
        object: &ObjectType,
        mut kept: Vec<Kept>,
    ) -> Result<(Vec<Undone>, Vec<Kept>), (CrmError, Vec<Kept>)> {
        let ids: Vec<String> = kept.iter().map(|kept| kept.record.id.clone()).collect();
        let properties: BTreeSet<&str> = kept.iter().flat_map(Kept::properties).collect();
        let properties: Vec<&str> = properties.into_iter().collect();
        let mut current = match self.crm.read(object, &ids, &properties).await {
            Ok(current) => current,
            Err(error) => return Err((error, kept)),
        };
        let mut planned: BTreeMap<String, (Undone, Patch)> = BTreeMap::new();
        for kept in &kept {
            let plan = match current.remove(&kept.record.id) {
                Some(current) => plan(kept, current, self.key),
                None => (left_whole(kept, "the record is gone"), Patch::new()),
            };
            planned.insert(kept.record.id.clone(), plan);
        }
        let written = match self.write(object, &planned).await {
            Ok(written) => written,
            Err(error) => {
                kept.iter_mut().for_each(|kept| kept.sent = sent(&planned, kept));
                return Err((error, kept));
            }
        };
        let (mut done, mut unanswered) = (Vec::new(), Vec::new());
        for mut kept in kept {
            let Some((mut undone, restore)) = planned.remove(&kept.record.id) else { continue };
            let end = written.get(&kept.record.id);
            if restore.is_empty() || self.dry_run {
                undone.restored.extend(restore.into_keys());
            } else if let Some(end) = end {
                undone.take(end, restore);
            } else {
                kept.sent.extend(restore);
                unanswered.push(kept);
                continue;
            }
            undone.restored.retain(|property| !names_record(property));
            done.push(undone);
        }
        Ok((done, unanswered))
    }

    async fn write(
        &self,
        object: &ObjectType,
        planned: &BTreeMap<String, (Undone, Patch)>,
    ) -> Result<BTreeMap<String, Written>, CrmError> {
        let patches = planned.iter().filter(|(_, (_, restore))| !restore.is_empty() && !self.dry_run);
        let patches: BTreeMap<String, Patch> =
            patches.map(|(id, (_, restore))| (id.clone(), restore.clone())).collect();
        if patches.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.crm.write(object, &patches).await
    }
}

/// What was sent for a record, now and before.
fn sent(planned: &BTreeMap<String, (Undone, Patch)>, kept: &Kept) -> Patch {
    let now = planned.get(&kept.record.id).map(|(_, restore)| restore.clone()).unwrap_or_default();
    kept.sent.clone().into_iter().chain(now).collect()
}

/// What is to be put back into a record that holds this, and what isn't.
fn plan(kept: &Kept, mut current: Properties, key: &FingerprintKey) -> (Undone, Patch) {
    let (mut undone, mut restore) = (Undone::of(&kept.record), Patch::new());
    // The latest first: what stood there before it may be what an earlier one wrote.
    for written in &kept.written {
        let undoing = written.undo(&current, key);
        for (property, value) in undoing.restore {
            current.insert(property.clone(), Some(value.clone()));
            undone.left.remove(&property);
            restore.insert(property, value);
        }
        // A try that had no answer was carried out.
        let by_us = undoing.restored_before.into_iter().filter(|property| kept.sent.contains_key(property));
        undone.restored.extend(by_us);
        let changed = undoing.changed_since.into_iter().filter(|property| !restore.contains_key(property));
        undone.left.extend(changed.map(|property| (property, "it was changed since".to_owned())));
    }
    (undone, restore)
}

/// Nothing was put back into it.
fn left_whole(kept: &Kept, why: &str) -> Undone {
    let left = kept.properties().map(|property| (property.to_owned(), why.to_owned())).collect();
    Undone { left, ..Undone::of(&kept.record) }
}

impl Undone {
    fn of(record: &RecordKey) -> Self {
        Self { record: record.to_string(), ..Self::default() }
    }

    /// The CRM has taken it, but for what it refuses.
    fn take(&mut self, end: &Written, restore: Patch) {
        let reason = |property: &String| match end {
            Written::Done { dropped, .. } => dropped.get(property).map(|why| format!("{REFUSED}: {why}")),
            Written::Gone => Some("the record is gone".to_owned()),
            Written::Rejected(why) => Some(format!("{REFUSED}: {why}")),
        };
        for property in restore.into_keys() {
            match reason(&property) {
                Some(_) if names_record(&property) => {}
                Some(why) => drop(self.left.insert(property, why)),
                None => self.restored.push(property),
            }
        }
    }
}
