//! What becomes of each record of a write. Attio writes one person with a call, and refuses all of it for one bad value.

use std::collections::BTreeMap;

use leadgate_enrichment::crm::{CrmError, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::retry::Retry;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::classify::unreadable;
use super::client::{Answer, Attio};
use super::wire::{Complaint, PEOPLE, Place, Row, is_id, list_of, place, row, update};
use crate::field_by_field::{CHANGED_MEANWHILE, Field, Job, Refusal, goes_on};

/// Why a value isn't sent.
const OF_THE_COMPANY: &str = "AN_ATTRIBUTE_OF_THE_COMPANY";
const A_PART: &str = "A_PART_OF_A_VALUE";

/// How a call ended.
enum Sent {
    /// The record is as it was sent: here it is.
    Taken(Row),
    /// There is no such person any more.
    Gone,
    /// Nothing of it was written.
    Refused(Refusal),
}

impl Attio {
    pub(super) async fn write_all(
        &self,
        object: &ObjectType,
        patches: &BTreeMap<String, Patch>,
    ) -> Result<BTreeMap<String, Written>, CrmError> {
        let mut ends = BTreeMap::new();
        for (id, patch) in patches {
            if *object != PEOPLE || !is_id(id) {
                ends.insert(id.clone(), Written::Rejected("its id isn't one of Attio's people".to_owned()));
                continue;
            }
            let end = self.write_one(id, patch).await;
            if !goes_on(&mut ends, id, end)? {
                break;
            }
        }
        Ok(ends)
    }

    /// `None` if it has to be read again first.
    async fn write_one(&self, id: &str, patch: &Patch) -> Result<Option<Written>, CrmError> {
        let mut job = Job::default();
        let (lists, others): (Vec<_>, Vec<_>) = patch.iter().partition(|(property, _)| list_of(property).is_some());
        others.into_iter().for_each(|(property, value)| add(&mut job, property, value));
        if !lists.is_empty() {
            let Some(person) = self.one(id).await? else { return Ok(Some(Written::Gone)) };
            for (property, value) in lists {
                let present = person.property(property).unwrap_or_default();
                match self.seen().was(id, property, &present) {
                    None => return Ok(None),
                    Some(_) if present.trim() == value.trim() => job.stands(),
                    Some(false) => job.leave_out(property, CHANGED_MEANWHILE),
                    Some(true) if value.trim().is_empty() => match self.without_first(id, property, &person).await? {
                        Sent::Taken(_) => job.stands(),
                        Sent::Gone => return Ok(Some(Written::Gone)),
                        Sent::Refused(refusal) => job.leave_out(property, &refusal.code.unwrap_or_default()),
                    },
                    Some(true) => job.add(property, property, json!([value])),
                }
            }
        }
        self.send_all(id, job).await.map(Some)
    }

    /// A person as they are now. `None` if they are gone.
    pub(super) async fn one(&self, id: &str) -> Result<Option<Row>, CrmError> {
        let answer = self.call(Method::GET, &record(id), None).await?;
        match answer.status {
            StatusCode::OK => {
                let row = row(&answer.body).ok_or_else(|| unreadable("no person"))?;
                // Who was merged into another is not the other.
                Ok(Some(row).filter(|row| row.id().as_deref() == Some(id)))
            }
            _ if is_gone(&answer) => Ok(None),
            _ => Err(answer.failure()),
        }
    }

    /// Takes the first value out of a list. Only `PUT` removes anything, so that it says what stays: all the others.
    async fn without_first(&self, id: &str, property: &str, person: &Row) -> Result<Sent, CrmError> {
        let rest: Vec<String> = person.texts(property).into_iter().skip(1).collect();
        self.update(Method::PUT, id, json!({ property: rest }), &[property.to_owned()]).await
    }

    async fn send_all(&self, id: &str, mut job: Job) -> Result<Written, CrmError> {
        while let Some(group) = job.next_call() {
            let values: Map<String, Value> =
                job.fields(&group).map(|(name, field)| (name.clone(), field.value.clone())).collect();
            match self.update(Method::PATCH, id, values.into(), &group).await? {
                Sent::Taken(row) => job.taken(&group, |field| (sent_text(field), row.property(&field.property))),
                Sent::Gone => return Ok(Written::Gone),
                Sent::Refused(refusal) => job.refused(group, refusal),
            }
        }
        Ok(job.done())
    }

    async fn update(&self, method: Method, id: &str, values: Value, names: &[String]) -> Result<Sent, CrmError> {
        let answer = self.call(method, &record(id), Some(&update(values))).await?;
        match answer.status {
            StatusCode::OK => {
                let row = row(&answer.body).filter(|row| row.id().as_deref() == Some(id));
                row.map(Sent::Taken).ok_or_else(|| unreadable("no person"))
            }
            _ if is_gone(&answer) => Ok(Sent::Gone),
            _ => match answer.failure() {
                error if error.retry == Retry::Never => {
                    let complaint = Complaint::read(&answer.body);
                    let named = names.iter().filter(|name| complaint.is_about(name)).cloned().collect();
                    let code = complaint.code().map(str::to_owned);
                    Ok(Sent::Refused(Refusal { named, code, reason: error.reason }))
                }
                error => Err(error),
            },
        }
    }
}

fn record(id: &str) -> String {
    format!("/objects/{}/records/{id}", PEOPLE.as_str())
}

/// Whether it is the person that isn't there. Where it is the path, another server answers, or in other words.
fn is_gone(answer: &Answer) -> bool {
    let complaint = Complaint::read(&answer.body);
    answer.status == StatusCode::NOT_FOUND && complaint.is_attios() && complaint.code() == Some("not_found")
}

/// A blank value clears the attribute: no values (recalled).
fn add(job: &mut Job, property: &str, value: &str) {
    match place(property) {
        Place::OfCompany(_) => job.leave_out(property, OF_THE_COMPANY),
        Place::Part(..) => job.leave_out(property, A_PART),
        Place::Own(attribute) => {
            let value = if value.is_empty() { json!([]) } else { value.into() };
            job.add(attribute, property, value);
        }
    }
}

/// What was sent for a property: of a list, the one value that is put in front.
fn sent_text(field: &Field) -> Option<String> {
    match &field.value {
        Value::Array(values) => values.first().and_then(Value::as_str).map(str::to_owned),
        _ => field.text(),
    }
}
