//! What becomes of each record of a write: one call for all, and another for those that are accepted without the fields
//! that Salesforce refuses.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_enrichment::crm::{CrmError, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::retry::Retry;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::classify::{Verdict, unreadable, verdict};
use super::client::{Salesforce, long};
use super::fields::{Place, place, sent};
use super::wire::{CONTACT, Complaint, LEAD, Outcome, Update, outcomes, row};

/// How often one record is sent: the whole patch, and twice what is left of it without refused fields.
const ROUNDS_MAX: usize = 3;
/// How many calls one write makes. One call that is refused as a whole is made again in halves, which finds the record
/// that it is refused for; what isn't found by then is tried again another time.
const CALLS_MAX: usize = 24;

/// Why a field isn't sent.
const OF_THE_ACCOUNT: &str = "A_FIELD_OF_THE_ACCOUNT";
const NO_NUMBER: &str = "NO_NUMBER";

/// One record to be written.
struct Job {
    /// What it is called by whom the write is for.
    key: String,
    /// What it is written as: a lead that was converted, as its contact.
    object: ObjectType,
    id: String,
    /// By the names of the record itself: the property, and the value that is sent.
    fields: BTreeMap<String, (String, Value)>,
    /// Refused properties, with the reasons.
    dropped: BTreeMap<String, String>,
    rounds: usize,
}

/// How a call ended.
enum Updated {
    /// With an outcome for each record.
    Each(Vec<Outcome>),
    /// It was refused as a whole, and nothing was written.
    Refused(Complaint, CrmError),
}

impl Salesforce {
    pub(super) async fn write_all(
        &self,
        object: &ObjectType,
        patches: &BTreeMap<String, Patch>,
    ) -> Result<BTreeMap<String, Written>, CrmError> {
        let mut ends = BTreeMap::new();
        let mut jobs: Vec<Job> = Vec::new();
        let mut targets = BTreeSet::new();
        for (key, patch) in patches {
            let Some(id) = long(object, key) else {
                ends.insert(key.clone(), Written::Rejected("its id isn't one of Salesforce's".to_owned()));
                continue;
            };
            let job = self.job(object, key, id, patch);
            if job.fields.is_empty() {
                ends.insert(key.clone(), job.done());
            } else if targets.insert(job.id.clone()) {
                // Two leads that have become one contact are not written in one call: the second has no answer, and so
                // is read again first.
                jobs.push(job);
            }
        }
        // A call takes a run of each kind of record.
        jobs.sort_by(|one, other| one.object.cmp(&other.object));
        self.send_all(jobs, &mut ends).await?;
        Ok(ends)
    }

    fn job(&self, object: &ObjectType, key: &str, id: String, patch: &Patch) -> Job {
        let contact = self.session().contact_of(&id).filter(|_| *object == LEAD);
        let (object, id) = contact.map_or((object.clone(), id), |contact| (CONTACT, contact));
        let (mut fields, mut dropped) = (BTreeMap::new(), BTreeMap::new());
        for (property, value) in patch {
            match place(&object, property) {
                Place::OfAccount(_) => drop(dropped.insert(property.clone(), OF_THE_ACCOUNT.to_owned())),
                Place::Own(field) => match sent(field, value) {
                    Some(value) => drop(fields.insert(field.to_owned(), (property.clone(), value))),
                    None => drop(dropped.insert(property.clone(), NO_NUMBER.to_owned())),
                },
            }
        }
        Job { key: key.to_owned(), object, id, fields, dropped, rounds: 0 }
    }

    /// Sends until each has an end, or has to wait.
    async fn send_all(&self, jobs: Vec<Job>, ends: &mut BTreeMap<String, Written>) -> Result<(), CrmError> {
        let mut waiting = vec![jobs];
        for _ in 0..CALLS_MAX {
            let Some(mut batch) = waiting.pop() else { return Ok(()) };
            batch.retain(|job| !job.is_over(ends));
            if batch.is_empty() {
                continue;
            }
            match self.update(&batch).await {
                Ok(Updated::Each(outcomes)) => waiting.push(told(batch, outcomes, ends)),
                Ok(Updated::Refused(complaint, error)) => waiting.extend(parted(batch, &complaint, error, ends)),
                Err(error) if ends.is_empty() => return Err(error),
                Err(error) => {
                    // What has been written is told; the rest has no answer, and so has failed.
                    tracing::warn!(reason = error.reason, "Salesforce took only a part of a batch");
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn update(&self, jobs: &[Job]) -> Result<Updated, CrmError> {
        let records = jobs.iter().map(Job::row).collect();
        let answer =
            self.call(Method::PATCH, "/composite/sobjects", Some(&Update { all_or_none: false, records })).await?;
        if answer.status == StatusCode::OK {
            let outcomes = outcomes(&answer.body).filter(|outcomes| outcomes.len() == jobs.len());
            return outcomes.map(Updated::Each).ok_or_else(|| unreadable("not an outcome for each record"));
        }
        let error = answer.failure();
        match error.retry {
            Retry::Never => Ok(Updated::Refused(Complaint::read(&answer.body), error)),
            _ => Err(error),
        }
    }
}

/// Those of a batch that are to be sent again, without what was refused. The others have their ends, or none.
fn told(batch: Vec<Job>, outcomes: Vec<Outcome>, ends: &mut BTreeMap<String, Written>) -> Vec<Job> {
    let mut again = Vec::new();
    for (mut job, outcome) in batch.into_iter().zip(outcomes) {
        if outcome.is_of_another(&job.id) {
            continue;
        }
        let Some(complaint) = outcome.failure() else {
            ends.insert(job.key.clone(), job.done());
            continue;
        };
        job.rounds += 1;
        match verdict(&complaint) {
            Verdict::Later => {}
            Verdict::End(end) => drop(ends.insert(job.key.clone(), end)),
            Verdict::Without if job.drop_refused(&complaint) && job.rounds < ROUNDS_MAX => again.push(job),
            Verdict::Without => {
                let code = complaint.code().unwrap_or("without a code");
                ends.insert(job.key.clone(), Written::Rejected(format!("Salesforce refuses it: {code}")));
            }
        }
    }
    again
}

/// What is sent again of a batch that was refused as a whole: all of it without a field that the org doesn't have, or
/// else each half by itself.
fn parted(
    mut batch: Vec<Job>,
    complaint: &Complaint,
    error: CrmError,
    ends: &mut BTreeMap<String, Written>,
) -> Vec<Vec<Job>> {
    let mut is_named = false;
    for job in &mut batch {
        is_named |= job.has_refused(complaint);
    }
    if is_named {
        for job in &mut batch {
            if job.has_refused(complaint) && !job.drop_refused(complaint) {
                ends.insert(job.key.clone(), Written::Rejected(error.reason.clone()));
            }
        }
        return vec![batch];
    }
    if let [only] = batch.as_slice() {
        ends.insert(only.key.clone(), Written::Rejected(error.reason));
        return Vec::new();
    }
    let other = batch.split_off(batch.len() / 2);
    vec![batch, other]
}

impl Job {
    fn row(&self) -> Value {
        row(&self.object, &self.id, self.fields.iter().map(|(name, (_, value))| (name.clone(), value.clone())))
    }

    fn done(&self) -> Written {
        Written::Done { dropped: self.dropped.clone(), reformatted: Patch::new() }
    }

    fn is_over(&self, ends: &BTreeMap<String, Written>) -> bool {
        ends.contains_key(&self.key)
    }

    fn has_refused(&self, complaint: &Complaint) -> bool {
        complaint.refused().keys().any(|field| self.fields.contains_key(field))
    }

    /// Leaves out what the complaint names. Whether anything was, and anything is left.
    fn drop_refused(&mut self, complaint: &Complaint) -> bool {
        let before = self.fields.len();
        for (field, reason) in complaint.refused() {
            if let Some((property, _)) = self.fields.remove(&field) {
                self.dropped.insert(property, reason);
            }
        }
        self.fields.len() < before && !self.fields.is_empty()
    }
}
