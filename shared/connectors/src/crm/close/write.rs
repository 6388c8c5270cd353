//! What becomes of each record of a write. Close writes one contact with a call, changes the fields that the call names and no
//! others ("Specifying fields"), and refuses all of it for one bad field.

use std::collections::BTreeMap;

use leadgate_enrichment::crm::{CrmError, Written};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::lead::patch::{Patch, is_same_number};
use leadgate_enrichment::retry::Retry;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value};

use super::classify::unreadable;
use super::client::Close;
use super::wire::{
    CONTACT, Complaint, Entries, Place, Row, entry, field_of, first, is_id, list_of, place, row, value_of,
};
use crate::field_by_field::{CHANGED_MEANWHILE, Field, Job, Refusal, goes_on};

/// Why a field isn't sent.
const OF_THE_LEAD: &str = "A_FIELD_OF_THE_LEAD";
const A_PART: &str = "A_PART_OF_A_FIELD";

/// How a call ended.
enum Sent {
    /// The record is as it was sent: here it is.
    Taken(Row),
    /// There is no such contact any more.
    Gone,
    /// Nothing of it was written.
    Refused(Refusal),
}

impl Close {
    pub(super) async fn write_all(
        &self,
        object: &ObjectType,
        patches: &BTreeMap<String, Patch>,
    ) -> Result<BTreeMap<String, Written>, CrmError> {
        let mut ends = BTreeMap::new();
        for (id, patch) in patches {
            if *object != CONTACT || !is_id("cont", id) {
                ends.insert(id.clone(), Written::Rejected("its id isn't one of Close's contacts".to_owned()));
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
            let Some(contact) = self.one("contact", id).await? else { return Ok(Some(Written::Gone)) };
            for (list, value) in lists.into_iter().filter_map(|(property, value)| Some((list_of(property)?, value))) {
                let entries = contact.entries(list);
                let present = first(&entries, list).unwrap_or_default();
                let Some(was_seen) = self.seen().was(id, list.property, present) else { return Ok(None) };
                match present {
                    _ if present == value.trim() => job.stands(),
                    _ if !was_seen => job.leave_out(list.property, CHANGED_MEANWHILE),
                    _ => job.add(list.field, list.property, in_front(entries, list, value).into()),
                }
            }
        }
        self.send_all(id, job).await.map(Some)
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
        let body: Map<String, Value> =
            job.fields(group).map(|(name, field)| (name.clone(), field.value.clone())).collect();
        let answer = self.call(Method::PUT, &format!("/contact/{id}/"), &[], Some(&body.into())).await?;
        match answer.status {
            StatusCode::OK => row(&answer.body, id).map(Sent::Taken).ok_or_else(|| unreadable("no contact")),
            _ if answer.is_gone() => Ok(Sent::Gone),
            _ => match answer.failure() {
                error if error.retry == Retry::Never => {
                    let complaint = Complaint::read(&answer.body);
                    let named = group.iter().filter(|name| complaint.is_about(name)).cloned().collect();
                    Ok(Sent::Refused(Refusal { named, code: None, reason: error.reason }))
                }
                error => Err(error),
            },
        }
    }
}

/// The list with this value in front, and with every entry that it had. A blank value takes the first one out.
fn in_front(entries: Vec<Value>, list: Entries, value: &str) -> Vec<Value> {
    if value.trim().is_empty() {
        return entries.into_iter().skip(1).collect();
    }
    let is_same = |entry: &Value| {
        value_of(entry, list)
            .is_some_and(|there| there.eq_ignore_ascii_case(value.trim()) || is_same_number(there, value))
    };
    let (same, others): (Vec<Value>, Vec<Value>) = entries.into_iter().partition(is_same);
    let same = same.into_iter().next().unwrap_or_else(|| entry(list, value));
    [same].into_iter().chain(others).collect()
}

fn add(job: &mut Job, property: &str, value: &str) {
    match place(property) {
        Place::OfLead(_) => job.leave_out(property, OF_THE_LEAD),
        Place::Derived => job.leave_out(property, A_PART),
        Place::Own(name) => {
            let value = if value.is_empty() { Value::Null } else { value.into() };
            job.add(field_of(name), property, value);
        }
    }
}

/// What was sent for a property: of a list, its first entry.
fn sent_text(field: &Field) -> Option<String> {
    match (&field.value, list_of(&field.property)) {
        (Value::Array(entries), Some(list)) => first(entries, list).map(str::to_owned),
        _ => field.text(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::wire::LISTS;
    use super::*;

    #[test]
    fn no_other_entry_is_ever_removed() {
        let [emails, phones] = LISTS;
        let (home, work) =
            (json!({ "type": "home", "email": "a@x.example" }), json!({ "type": "office", "email": "b@x.example" }));
        let both = || vec![home.clone(), work.clone()];
        let new = json!({ "type": "office", "email": "c@x.example" });
        assert_eq!(in_front(both(), emails, "c@x.example"), [new.clone(), home.clone(), work.clone()]);
        assert_eq!(
            in_front(both(), emails, "B@x.example"),
            [work.clone(), home.clone()],
            "one that is there comes to the front"
        );
        assert_eq!(in_front(Vec::new(), emails, "c@x.example"), [new]);
        assert_eq!(in_front(both(), emails, ""), [work], "what we wrote is taken back");
        let formatted = json!({ "type": "direct", "phone": "+1 555-200-0001" });
        assert_eq!(in_front(vec![formatted.clone()], phones, "+15552000001"), [formatted], "the same number");
    }
}
