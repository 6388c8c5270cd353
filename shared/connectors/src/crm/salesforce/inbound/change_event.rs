//! Change Data Capture: what Event Relay puts on an event bus, a change of one or more records at a time
//! (developer.salesforce.com, "Change Event Header Fields").
//!
//! Only the header is read. It names records and fields and holds no value, so that the rules of `infra/template.yaml` let
//! nothing else onto the queue:
//!
//! ```json
//! {"source": "aws.partner/salesforce.com/00D…/0YL…", "time": "2026-02-16T00:00:00Z",
//!  "header": {"entityName": "Lead", "recordIds": ["00Q…"], "changeType": "UPDATE", "changedFields": ["Email"], …}}
//! ```
//!
//! An event as the bus has it is read as well, with the header in `detail.payload` (Event Relay) or in `detail` (AppFlow).
//! The bus is the operator's own, and AWS says from which source an event comes: there is nothing to verify.

use jiff::Timestamp;
use leadgate_enrichment::ids::RequestId;
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use serde::Deserialize;

use super::super::record_id;
use super::{EventRules, person};
use crate::inbound::{BodyError, BusEvents, Events};
use crate::loose::{List, Loose, Scalar, read};

/// The name that our own calls bear, in `Sforce-Call-Options`.
const OURS: &str = "client=leadgate";
/// The most records that an event may name: an API call changes 200 records, and a bulk job's batch is split.
pub const RECORDS_MAX: usize = 2_000;
/// The most fields that an event may name: an object has at most 800.
const FIELDS_MAX: usize = 1_000;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    source: Scalar,
    time: Scalar,
    header: Loose<Header>,
    detail: Loose<Detail>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Detail {
    payload: Loose<Payload>,
    #[serde(rename = "ChangeEventHeader")]
    header: Loose<Header>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    #[serde(rename = "ChangeEventHeader")]
    header: Loose<Header>,
}

/// `commitNumber`, which may be beyond what other numbers are, isn't read.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Header {
    entity_name: Scalar,
    record_ids: List<Scalar, RECORDS_MAX>,
    change_type: Scalar,
    changed_fields: List<Scalar, FIELDS_MAX>,
    change_origin: Scalar,
    transaction_key: Scalar,
    sequence_number: Scalar,
    commit_timestamp: Scalar,
    commit_user: Scalar,
}

/// Everything that the event says, if it is the org's.
pub fn events(body: &[u8], rules: &EventRules) -> Result<BusEvents, BodyError> {
    let body = match read::<Loose<Body>>(body)? {
        Loose::Object(body) => body,
        Loose::Other(found) => return Err(wrong("body", found, "an object")),
    };
    let source = body.source.as_text().ok_or_else(|| wrong("source", body.source.kind(), "text"))?;
    if rules.event_source.as_deref() != Some(source) {
        return Ok(BusEvents::OfAnother);
    }
    let time = body.time.as_text().and_then(|time| time.parse().ok());
    let detail = body.detail.as_object();
    let headers = [
        body.header.as_object(),
        detail.and_then(|detail| detail.payload.as_object()?.header.as_object()),
        detail.and_then(|detail| detail.header.as_object()),
    ];
    let header = headers.into_iter().flatten().next();
    let header = header.ok_or_else(|| wrong("ChangeEventHeader", "nothing", "the header of a change"))?;
    Ok(BusEvents::Ours(header.events(rules, time)?))
}

impl Header {
    fn events(&self, rules: &EventRules, time: Option<Timestamp>) -> Result<Events, BodyError> {
        let total = match &self.record_ids {
            List::Of { total, .. } if *total > RECORDS_MAX => {
                return Err(BodyError::TooMany { found: *total, most: RECORDS_MAX });
            }
            List::Of { total, .. } => *total,
            List::Other(found) => return Err(wrong("recordIds", found, "a list of ids")),
        };
        let kind = self.change_type.as_text().ok_or_else(|| wrong("changeType", self.change_type.kind(), "text"))?;
        let object = self.entity_name.as_text().ok_or_else(|| wrong("entityName", self.entity_name.kind(), "text"))?;
        let Some(object) = person(object) else { return Ok(nothing(total)) };
        let change = match kind {
            "CREATE" | "GAP_CREATE" => Change::Due(Cause::Created),
            "UPDATE" if !self.is_watched(&rules.enrich_on_change) => return Ok(nothing(total)),
            // What was missed is seen when the record is read.
            "UPDATE" | "UNDELETE" | "GAP_UPDATE" | "GAP_UNDELETE" => Change::Due(Cause::Edited),
            "DELETE" | "GAP_DELETE" => Change::Deletion,
            "GAP_OVERFLOW" => return Ok(Events { read: Vec::new(), unreadable: vec![unnamed("recordIds")] }),
            _ => return Ok(nothing(total)),
        };
        if self.is_ours(rules) && !matches!(change, Change::Deletion) {
            return Ok(nothing(total));
        }
        let committed_at = self.commit_timestamp.to_integer().and_then(|at| Timestamp::from_millisecond(at).ok());
        let occurred_at = committed_at.or(time).ok_or_else(|| wrong("commitTimestamp", "nothing", "milliseconds"))?;
        let [transaction, number] = [&self.transaction_key, &self.sequence_number].map(Scalar::to_text);
        let transaction = transaction.ok_or_else(|| wrong("transactionKey", self.transaction_key.kind(), "text"))?;
        let message = format!("{}/{transaction}/{}", rules.organization_id, number.unwrap_or_default());
        let mut events = Events::default();
        for (index, id) in self.record_ids.items().iter().enumerate() {
            let Some(id) = id.as_text().and_then(record_id::canonical) else {
                events.unreadable.push(unnamed(&format!("recordIds[{index}]")));
                continue;
            };
            let record = rules.key(object.clone(), id);
            events.read.push(match &change {
                Change::Deletion => CrmEvent::Deletion(record),
                Change::Due(cause) => {
                    let request = RequestId::derive(&record, &message);
                    CrmEvent::Due(DueEvent { record, request, occurred_at, cause: cause.clone() })
                }
            });
        }
        Ok(events)
    }

    /// Whether a field was changed that makes a record due. Where the fields aren't named (another transport writes them
    /// as a bitmap), it may be.
    fn is_watched(&self, watched: &[String]) -> bool {
        let List::Of { total, .. } = &self.changed_fields else { return true };
        let mut fields = self.changed_fields.items().iter().map(Scalar::as_text);
        // Of a compound field, each part is named: `Address.Street`.
        let names = |field: &str, name: &String| field == name || field.rsplit('.').next() == Some(name.as_str());
        let is_named = |field: Option<&str>| match field {
            Some(field) if field.starts_with("0x") => true,
            Some(field) => watched.iter().any(|name| names(field, name)),
            None => true,
        };
        *total > FIELDS_MAX || fields.any(is_named)
    }

    /// Whether the change was our own, by the name of the client or by the user.
    fn is_ours(&self, rules: &EventRules) -> bool {
        let origin = self.change_origin.as_text().unwrap_or_default();
        origin.split(';').any(|part| part.trim() == OURS) || rules.is_ours(self.commit_user.as_text())
    }
}

/// What becomes of each record of an event.
enum Change {
    Due(Cause),
    Deletion,
}

/// So many records that nothing is done about.
fn nothing(total: usize) -> Events {
    Events { read: vec![CrmEvent::Other; total], unreadable: Vec::new() }
}

/// A change of so many records at once that the event doesn't name them.
fn unnamed(path: &str) -> BodyError {
    wrong(path, "no id, as of a change of too many records", "a record's id")
}

fn wrong(path: &str, found: &'static str, expected: &'static str) -> BodyError {
    BodyError::Shape { path: path.to_owned(), found, expected }
}
