//! What becomes of each record of a write. Pipedrive writes one person with a call, and refuses all of it for one bad field.

use std::collections::BTreeMap;

use leadgate_enrichment::crm::{CrmError, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::retry::Retry;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value};

use super::classify::unreadable;
use super::client::{Answer, Pipedrive};
use super::entries::{Change, with_primary};
use super::schema::OF_NAME;
use super::wire::{
    CUSTOM_FIELDS, Complaint, PERSON, Place, Row, entry_value, is_custom, is_id, list_of, place, primary, row,
};
use crate::field_by_field::{CHANGED_MEANWHILE, Field, Job, Refusal, goes_on};

/// Why a field isn't sent.
const OF_THE_ORGANIZATION: &str = "A_FIELD_OF_THE_ORGANIZATION";
const OF_THE_NAME: &str = "A_PART_OF_THE_NAME";

/// How a call ended.
enum Sent {
    /// The record is as it was sent: here it is.
    Taken(Row),
    /// There is no such person any more.
    Gone,
    /// Nothing of it was written.
    Refused(Refusal),
}

impl Pipedrive {
    pub(super) async fn write_all(
        &self,
        object: &ObjectType,
        patches: &BTreeMap<String, Patch>,
    ) -> Result<BTreeMap<String, Written>, CrmError> {
        let mut ends = BTreeMap::new();
        for (id, patch) in patches {
            if *object != PERSON || !is_id(id) {
                ends.insert(id.clone(), Written::Rejected("its id isn't one of Pipedrive's persons".to_owned()));
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
                let Some(was_seen) = self.session().was_seen(id, property, &present) else { return Ok(None) };
                add_entry(&mut job, property, value, &person, was_seen);
            }
        }
        self.send_all(id, job).await.map(Some)
    }

    /// A person as it is now. `None` if it is gone.
    async fn one(&self, id: &str) -> Result<Option<Row>, CrmError> {
        let answer = self.call(Method::GET, &format!("/persons/{id}"), &[], None).await?;
        match answer.status {
            StatusCode::OK => {
                let row = row(&answer.body).filter(|row| row.id().as_deref() == Some(id));
                let row = row.ok_or_else(|| unreadable("no person"))?;
                Ok(Some(row).filter(|row| !row.is_deleted()))
            }
            _ if is_gone(&answer) => Ok(None),
            _ => Err(answer.failure()),
        }
    }

    async fn send_all(&self, id: &str, mut job: Job) -> Result<Written, CrmError> {
        while let Some(group) = job.next_call() {
            match self.update(id, &job, &group).await? {
                Sent::Taken(row) => job.taken(&group, |field| (sent_text(field), row.property(&field.property))),
                Sent::Gone => return Ok(Written::Gone),
                Sent::Refused(refusal) => job.refused(group, refusal),
            }
        }
        Ok(job.done())
    }

    async fn update(&self, id: &str, job: &Job, group: &[String]) -> Result<Sent, CrmError> {
        let path = format!("/persons/{id}");
        let answer = self.call(Method::PATCH, &path, &[], Some(&body(job, group))).await?;
        match answer.status {
            StatusCode::OK => {
                let row = row(&answer.body).filter(|row| row.id().as_deref() == Some(id));
                row.map(Sent::Taken).ok_or_else(|| unreadable("no person"))
            }
            _ if is_gone(&answer) => Ok(Sent::Gone),
            _ => match answer.failure() {
                error if error.retry == Retry::Never => {
                    let complaint = Complaint::read(&answer.body);
                    let named = group.iter().filter(|name| complaint.is_about(name)).cloned().collect();
                    let code = complaint.code().map(str::to_owned);
                    Ok(Sent::Refused(Refusal { named, code, reason: error.reason }))
                }
                error => Err(error),
            },
        }
    }
}

/// Whether it is the person that isn't there. Where it is the path, another server answers, or in other words.
fn is_gone(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 404 | 410) && Complaint::read(&answer.body).is_pipedrives()
}

fn add(job: &mut Job, property: &str, value: &str) {
    match place(property) {
        Place::OfOrganization(_) => job.leave_out(property, OF_THE_ORGANIZATION),
        Place::Own(name) if OF_NAME.contains(&name) => job.leave_out(property, OF_THE_NAME),
        Place::Own(_) => {
            let value = if value.is_empty() { Value::Null } else { value.into() };
            job.add(property, property, value);
        }
    }
}

/// The list of a property with this value for its primary entry, and with all others that it has now.
fn add_entry(job: &mut Job, property: &str, value: &str, person: &Row, was_seen: bool) {
    let Some(list) = list_of(property) else { return };
    match with_primary(&person.entries(list), value, |_| was_seen) {
        Change::None => job.stands(),
        Change::To(entries) => job.add(list, property, entries.into()),
        Change::Theirs => job.leave_out(property, CHANGED_MEANWHILE),
    }
}

fn body(job: &Job, group: &[String]) -> Value {
    let (mut body, mut custom) = (Map::new(), Map::new());
    for (name, field) in job.fields(group) {
        let part = if is_custom(name) { &mut custom } else { &mut body };
        part.insert(name.clone(), field.value.clone());
    }
    if !custom.is_empty() {
        body.insert(CUSTOM_FIELDS.to_owned(), custom.into());
    }
    body.into()
}

/// What was sent for a property: of a list, its primary entry.
fn sent_text(field: &Field) -> Option<String> {
    match &field.value {
        Value::Array(entries) => primary(entries).and_then(entry_value).map(str::to_owned),
        _ => field.text(),
    }
}
