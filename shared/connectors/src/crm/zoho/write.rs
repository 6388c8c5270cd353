//! What becomes of each record of a write: one call for all, and another for those that are accepted without a field that Zoho
//! refuses. Each row of an update has an outcome of its own ("Update records").

use std::collections::BTreeMap;

use leadgate_enrichment::crm::{CrmError, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::retry::Retry;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::classify::unreadable;
use super::client::Zoho;
use super::fields::{Place, place, sent};
use super::wire::{Outcome, is_id, is_module, outcomes};

/// How many calls one write makes: an outcome names one field, so that each round drops one of a record.
const ROUNDS_MAX: usize = 12;

/// Why a field isn't sent.
const OF_THE_ACCOUNT: &str = "A_FIELD_OF_THE_ACCOUNT";
/// Why fields are left out that are still refused after as many calls.
const REFUSED_TOO_OFTEN: &str = "REFUSED_TOO_OFTEN";

/// One record to be written.
struct Job {
    id: String,
    /// By the names of the record itself: the property, and the value that is sent.
    fields: BTreeMap<String, (String, Value)>,
    /// Refused properties, with the reasons.
    dropped: BTreeMap<String, String>,
}

/// What follows from an outcome.
enum Next {
    End(Written),
    /// It is sent again, with what is left of it.
    Again(Job),
}

impl Zoho {
    pub(super) async fn write_all(
        &self,
        object: &ObjectType,
        patches: &BTreeMap<String, Patch>,
    ) -> Result<BTreeMap<String, Written>, CrmError> {
        let mut ends = BTreeMap::new();
        let mut jobs = Vec::new();
        for (id, patch) in patches {
            if !is_module(object) || !is_id(id) {
                ends.insert(id.clone(), Written::Rejected("its id isn't one of Zoho's records".to_owned()));
                continue;
            }
            jobs.push(Job::new(object, id, patch));
        }
        for _ in 0..ROUNDS_MAX {
            let (rest, empty): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| !job.fields.is_empty());
            ends.extend(empty.into_iter().map(|job| (job.id.clone(), job.done())));
            jobs = rest;
            if jobs.is_empty() {
                return Ok(ends);
            }
            let outcomes = match self.update(object, &jobs).await {
                Ok(outcomes) => outcomes,
                Err(error) if ends.is_empty() => return Err(error),
                Err(error) => {
                    // What has been written is told; the rest has no answer, and so has failed.
                    tracing::warn!(reason = error.reason, "Zoho took only a part of a batch");
                    return Ok(ends);
                }
            };
            let mut again = Vec::new();
            for (job, outcome) in jobs.into_iter().zip(outcomes) {
                let id = job.id.clone();
                match job.after(&outcome)? {
                    Next::End(end) => drop(ends.insert(id, end)),
                    Next::Again(job) => again.push(job),
                }
            }
            jobs = again;
        }
        ends.extend(jobs.into_iter().map(|job| (job.id.clone(), Written::Rejected(REFUSED_TOO_OFTEN.to_owned()))));
        Ok(ends)
    }

    /// An outcome for each record, in their order. The status is another one where none, some or all of them failed.
    async fn update(&self, object: &ObjectType, jobs: &[Job]) -> Result<Vec<Outcome>, CrmError> {
        let rows: Vec<Value> = jobs.iter().map(Job::row).collect();
        let path = format!("/{}", object.as_str());
        let answer = self.call(Method::PUT, &path, &[], Some(&json!({ "data": rows }))).await?;
        match outcomes(&answer.body, jobs.len()) {
            Some(outcomes) => Ok(outcomes),
            None if answer.status.is_success() => Err(unreadable("no outcome for each record")),
            // Nothing is said of any record: it isn't the values that are refused.
            None => match answer.failure() {
                error if error.retry == Retry::Never => Err(CrmError { retry: Retry::Backoff, ..error }),
                error => Err(error),
            },
        }
    }
}

impl Job {
    fn new(object: &ObjectType, id: &str, patch: &Patch) -> Self {
        let (mut fields, mut dropped) = (BTreeMap::new(), BTreeMap::new());
        for (property, value) in patch {
            match place(object, property) {
                Place::Own(field) => drop(fields.insert(field.to_owned(), (property.clone(), sent(value)))),
                Place::Named(_) | Place::Nowhere => drop(dropped.insert(property.clone(), OF_THE_ACCOUNT.to_owned())),
            }
        }
        Self { id: id.to_owned(), fields, dropped }
    }

    fn row(&self) -> Value {
        let fields = self.fields.iter().map(|(name, (_, value))| (name.clone(), value.clone()));
        let mut row: Map<String, Value> = fields.collect();
        row.insert("id".to_owned(), self.id.clone().into());
        row.into()
    }

    /// An error if the outcome is another record's.
    fn after(mut self, outcome: &Outcome) -> Result<Next, CrmError> {
        let code = outcome.code();
        match (code, outcome.field()) {
            ("SUCCESS", _) if outcome.id().is_some_and(|id| id != self.id) => {
                Err(unreadable("another record's outcome"))
            }
            ("SUCCESS", _) => Ok(Next::End(self.done())),
            ("RECORD_NOT_FOUND" | "ENTITY_ID_INVALID", _) | ("INVALID_DATA", Some("id")) => {
                Ok(Next::End(Written::Gone))
            }
            (code, Some(field)) if self.fields.contains_key(field) => {
                let field = field.to_owned();
                self.refused(&field, code);
                Ok(Next::Again(self))
            }
            (code, _) => Ok(Next::End(Written::Rejected(format!("Zoho answered {code}")))),
        }
    }

    /// A field that holds numbers takes no text: what was sent as text is sent as a number, once, if it is one.
    fn refused(&mut self, field: &str, code: &str) {
        let Some((property, value)) = self.fields.remove(field) else { return };
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let number = value.as_str().filter(|text| is_number(text)).and_then(|text| serde_json::from_str(text).ok());
        match number {
            Some(number) => drop(self.fields.insert(field.to_owned(), (property, number))),
            None => drop(self.dropped.insert(property, code.to_owned())),
        }
    }

    fn done(self) -> Written {
        Written::Done { dropped: self.dropped, reformatted: Patch::new() }
    }
}
