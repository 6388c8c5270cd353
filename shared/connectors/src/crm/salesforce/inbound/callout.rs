//! Apex callouts, in a form of our own: the class that makes them is in `infra/salesforce/`.
//!
//! ```json
//! {"organizationId": "00D…", "object": "Lead", "cause": "created", "recordIds": ["00Q…"],
//!  "changedBy": "005…", "occurredAt": 1771200000000}
//! ```
//!
//! `cause` is `created`, `updated`, `deleted`, or `forgotten` for people who asked for it. `changedBy` is the user who did
//! it, and `occurredAt` the time in milliseconds; both may be left out.

use jiff::Timestamp;
use leadgate_enrichment::ids::{ObjectType, RequestId};
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use serde::Deserialize;

use super::super::record_id;
use super::{EventRules, person};
use crate::inbound::{BodyError, Delivery, Events, Verified};
use crate::loose::{List, Loose, Scalar, read};
use crate::signatures::standard_webhooks;

/// The most records in a callout: a trigger is given so many at a time.
pub const RECORDS_MAX: usize = 200;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    organization_id: Scalar,
    object: Scalar,
    cause: Scalar,
    record_ids: List<Scalar, RECORDS_MAX>,
    changed_by: Scalar,
    occurred_at: Scalar,
}

/// Everything that the callout says. An error is about it as a whole.
pub fn events(delivery: &Delivery<Verified>, rules: &EventRules) -> Result<Events, BodyError> {
    let body = match read::<Loose<Body>>(delivery.body())? {
        Loose::Object(body) => body,
        Loose::Other(found) => return Err(wrong("body", found, "an object")),
    };
    rules.check_organization(body.organization_id.as_text())?;
    let found = match &body.record_ids {
        List::Of { total, .. } if *total > RECORDS_MAX => {
            return Err(BodyError::TooMany { found: *total, most: RECORDS_MAX });
        }
        List::Of { total, .. } => *total,
        List::Other(found) => return Err(wrong("recordIds", found, "a list of ids")),
    };
    let object = body.object.as_text().ok_or_else(|| wrong("object", body.object.kind(), "text"))?;
    let cause = body.cause.as_text().ok_or_else(|| wrong("cause", body.cause.kind(), "text"))?;
    let Some(object) = person(object).filter(|_| !rules.is_ours(body.changed_by.as_text())) else {
        return Ok(Events { read: vec![CrmEvent::Other; found], unreadable: Vec::new() });
    };
    let occurred_at = body.occurred_at.to_integer().and_then(|at| Timestamp::from_millisecond(at).ok());
    let message = standard_webhooks::id(delivery).unwrap_or_default();
    let told = Told { rules, object, cause, message, occurred_at: occurred_at.unwrap_or(delivery.arrived_at()) };
    let mut events = Events::default();
    for (index, id) in body.record_ids.items().iter().enumerate() {
        match id.as_text().and_then(record_id::canonical) {
            Some(id) => events.read.push(told.event(id)?),
            None => events.unreadable.push(wrong(&format!("recordIds[{index}]"), "something else", "an id")),
        }
    }
    match events.unreadable.first() {
        Some(error) if events.read.is_empty() => Err(error.clone()),
        _ => Ok(events),
    }
}

/// What a callout says of each of its records.
struct Told<'a> {
    rules: &'a EventRules,
    object: ObjectType,
    cause: &'a str,
    /// Stays the same when it is sent again.
    message: &'a str,
    occurred_at: Timestamp,
}

impl Told<'_> {
    fn event(&self, id: String) -> Result<CrmEvent, BodyError> {
        let record = self.rules.key(self.object.clone(), id);
        let cause = match self.cause {
            "created" => Cause::Created,
            "updated" => Cause::Edited,
            "deleted" => return Ok(CrmEvent::Deletion(record)),
            "forgotten" => return Ok(CrmEvent::PrivacyDeletion(record)),
            _ => return Err(wrong("cause", "another word", "created, updated, deleted or forgotten")),
        };
        let request = RequestId::derive(&record, &format!("{}/{}", self.rules.organization_id, self.message));
        Ok(CrmEvent::Due(DueEvent { record, request, occurred_at: self.occurred_at, cause }))
    }
}

fn wrong(path: &str, found: &'static str, expected: &'static str) -> BodyError {
    BodyError::Shape { path: path.to_owned(), found, expected }
}
