//! What becomes of each record of a write. Pipedrive writes one person with a call, and refuses all of it for one bad field:
//! what its answer names is left out, and where it names nothing the fields are sent in halves, which finds it.

use std::collections::BTreeMap;

use leadgate_enrichment::crm::{CrmError, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::{Patch, is_same_number};
use leadgate_enrichment::retry::Retry;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value};

use super::classify::unreadable;
use super::client::{Answer, Pipedrive};
use super::entries::{Change, with_primary};
use super::schema::OF_NAME;
use super::wire::{CUSTOM_FIELDS, Complaint, PERSON, Place, Row, is_custom, is_id, list_of, place, row};

/// How many calls the write of one record makes. What isn't told apart by then is left out together.
const CALLS_MAX: usize = 24;

/// Why a field isn't sent, or is left out.
const OF_THE_ORGANIZATION: &str = "A_FIELD_OF_THE_ORGANIZATION";
const OF_THE_NAME: &str = "A_PART_OF_THE_NAME";
const CHANGED_MEANWHILE: &str = "CHANGED_MEANWHILE";
const REFUSED: &str = "REFUSED";
const REFUSED_WITH_OTHERS: &str = "REFUSED_WITH_OTHERS";

/// A field as it is sent.
struct Field {
    property: String,
    value: Value,
}

/// One record to be written.
struct Job {
    id: String,
    /// By the names that they are sent under.
    fields: BTreeMap<String, Field>,
    /// Refused properties, with the reasons.
    dropped: BTreeMap<String, String>,
    /// What Pipedrive has put into another form.
    reformatted: Patch,
    accepted: bool,
    rejection: Option<String>,
}

/// How a call ended.
enum Sent {
    /// The record is as it was sent: here it is.
    Taken(Row),
    /// There is no such person any more.
    Gone,
    /// Nothing of it was written.
    Refused(Complaint, String),
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
            match self.write_one(id, patch).await {
                Ok(end) => ends.extend(end.map(|end| (id.clone(), end))),
                Err(error) if ends.is_empty() => return Err(error),
                Err(error) => {
                    // What has been written is told; the rest has no answer, and so has failed.
                    tracing::warn!(reason = error.reason, "Pipedrive took only a part of a batch");
                    break;
                }
            }
        }
        Ok(ends)
    }

    /// `None` if it has to be read again first.
    async fn write_one(&self, id: &str, patch: &Patch) -> Result<Option<Written>, CrmError> {
        let mut job = Job::new(id);
        let (lists, others): (Vec<_>, Vec<_>) = patch.iter().partition(|(property, _)| list_of(property).is_some());
        others.into_iter().for_each(|(property, value)| job.add(property, value));
        if !lists.is_empty() {
            let Some(person) = self.one(id).await? else { return Ok(Some(Written::Gone)) };
            for (property, value) in lists {
                let present = person.property(property).unwrap_or_default();
                let Some(was_seen) = self.session().was_seen(id, property, &present) else { return Ok(None) };
                job.add_entry(property, value, &person, was_seen);
            }
        }
        self.send_all(job).await.map(Some)
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

    async fn send_all(&self, mut job: Job) -> Result<Written, CrmError> {
        let mut waiting: Vec<Vec<String>> = vec![job.fields.keys().cloned().collect()];
        for _ in 0..CALLS_MAX {
            let Some(group) = waiting.pop() else { break };
            if group.is_empty() {
                continue;
            }
            match self.update(&job, &group).await? {
                Sent::Taken(row) => job.taken(&group, &row),
                Sent::Gone => return Ok(Written::Gone),
                Sent::Refused(complaint, reason) => {
                    job.rejection = Some(reason);
                    waiting.extend(job.parted(group, &complaint));
                }
            }
        }
        for name in waiting.into_iter().flatten() {
            job.drop_field(&name, REFUSED_WITH_OTHERS);
        }
        Ok(job.done())
    }

    async fn update(&self, job: &Job, group: &[String]) -> Result<Sent, CrmError> {
        let path = format!("/persons/{}", job.id);
        let answer = self.call(Method::PATCH, &path, &[], Some(&job.body(group))).await?;
        match answer.status {
            StatusCode::OK => {
                let row = row(&answer.body).filter(|row| row.id().as_ref() == Some(&job.id));
                row.map(Sent::Taken).ok_or_else(|| unreadable("no person"))
            }
            _ if is_gone(&answer) => Ok(Sent::Gone),
            _ => {
                let error = answer.failure();
                let refused = || Sent::Refused(Complaint::read(&answer.body), error.reason.clone());
                if error.retry == Retry::Never { Ok(refused()) } else { Err(error) }
            }
        }
    }
}

/// Whether it is the person that isn't there. Where it is the path, another server answers, or in other words.
fn is_gone(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 404 | 410) && Complaint::read(&answer.body).is_pipedrives()
}

impl Job {
    fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            fields: BTreeMap::new(),
            dropped: BTreeMap::new(),
            reformatted: Patch::new(),
            accepted: false,
            rejection: None,
        }
    }

    fn add(&mut self, property: &str, value: &str) {
        let refused = match place(property) {
            Place::OfOrganization(_) => Some(OF_THE_ORGANIZATION),
            Place::Own(name) if OF_NAME.contains(&name) => Some(OF_THE_NAME),
            Place::Own(_) => None,
        };
        match refused {
            Some(reason) => drop(self.dropped.insert(property.to_owned(), reason.to_owned())),
            None => {
                let value = if value.is_empty() { Value::Null } else { value.into() };
                self.fields.insert(property.to_owned(), Field { property: property.to_owned(), value });
            }
        }
    }

    /// The list of a property with this value for its primary entry, and with all others that it has now.
    fn add_entry(&mut self, property: &str, value: &str, person: &Row, was_seen: bool) {
        let Some(list) = list_of(property) else { return };
        match with_primary(&person.entries(list), value, |_| was_seen) {
            Change::None => self.accepted = true,
            Change::To(entries) => {
                self.fields.insert(list.to_owned(), Field { property: property.to_owned(), value: entries.into() });
            }
            Change::Theirs => drop(self.dropped.insert(property.to_owned(), CHANGED_MEANWHILE.to_owned())),
        }
    }

    fn body(&self, group: &[String]) -> Value {
        let (mut body, mut custom) = (Map::new(), Map::new());
        for (name, field) in self.fields.iter().filter(|(name, _)| group.contains(name)) {
            let part = if is_custom(name) { &mut custom } else { &mut body };
            part.insert(name.clone(), field.value.clone());
        }
        if !custom.is_empty() {
            body.insert(CUSTOM_FIELDS.to_owned(), custom.into());
        }
        body.into()
    }

    fn taken(&mut self, group: &[String], row: &Row) {
        self.accepted = true;
        for field in group.iter().filter_map(|name| self.fields.get(name)) {
            let sent = match &field.value {
                Value::String(sent) => Some(sent.as_str()),
                Value::Array(entries) => super::wire::primary(entries).and_then(super::wire::entry_value),
                _ => None,
            };
            let shown = row.property(&field.property);
            // Any other value that isn't what was sent may be a person's, typed in at the same moment.
            if let (Some(sent), Some(shown)) = (sent, shown)
                && sent.trim() != shown.trim()
                && is_same_number(sent, &shown)
            {
                self.reformatted.insert(field.property.clone(), shown);
            }
        }
    }

    /// What is sent again of what was refused: all of it without what the complaint names, or else each half by itself.
    fn parted(&mut self, group: Vec<String>, complaint: &Complaint) -> Vec<Vec<String>> {
        let (mut named, rest): (Vec<String>, Vec<String>) =
            group.into_iter().partition(|name| complaint.is_about(name));
        let mut rest = rest;
        if named.is_empty() && rest.len() > 1 {
            let other = rest.split_off(rest.len() / 2);
            return vec![rest, other];
        }
        if named.is_empty() {
            named = std::mem::take(&mut rest);
        }
        let code = complaint.code().unwrap_or(REFUSED);
        for name in named {
            match self.fields.get_mut(&name).and_then(Field::as_number) {
                Some(()) => rest.push(name),
                None => self.drop_field(&name, code),
            }
        }
        vec![rest]
    }

    fn drop_field(&mut self, name: &str, reason: &str) {
        if let Some(field) = self.fields.remove(name) {
            self.dropped.insert(field.property, reason.to_owned());
        }
    }

    fn done(self) -> Written {
        match self.rejection {
            Some(reason) if !self.accepted => Written::Rejected(reason),
            _ => Written::Done { dropped: self.dropped, reformatted: self.reformatted },
        }
    }
}

impl Field {
    /// A field that holds numbers takes no text: what was sent as text is sent as a number, once, if it is one.
    fn as_number(&mut self) -> Option<()> {
        let text = self.value.as_str()?;
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let number: Value = serde_json::from_str(text).ok().filter(|_| is_number)?;
        self.value = number;
        Some(())
    }
}
