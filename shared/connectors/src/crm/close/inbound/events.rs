//! What a verified delivery tells, as events of ours: one thing that happened to one record (developer.close.com, "Webhooks",
//! "Event log").
//!
//! `data` is the record as it is now, and `changed_fields` names what was changed. Close gathers changes that follow each
//! other into one event, which comes later. It is read strictly where we act on it and openly everywhere else.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::ids::{Origin, RecordKey, RequestId, TenantId};
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use serde::Deserialize;

use super::super::config::{Settings, VENDOR};
use super::super::wire::{CONTACT, CUSTOM, Place, Row, field_of, is_id, place};
use crate::inbound::{BodyError, Delivery, Events, Verified};
use crate::loose::{List, Loose, Scalar, read};

/// The most names of changed fields that are read.
const FIELDS_MAX: usize = 500;
/// Which lead the contact belongs to.
const LEAD_ID: &str = "lead_id";

/// Which events matter, and whose they must be.
#[derive(Debug, Clone)]
pub struct EventRules {
    /// Whose records they become.
    pub tenant: TenantId,
    /// The organization, and who we are in it.
    pub settings: Settings,
    /// The properties of which a change makes a contact due.
    pub enrich_on_change: Vec<String>,
    /// What values are told apart by.
    pub key: FingerprintKey,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    event: Loose<RawEvent>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawEvent {
    id: Scalar,
    action: Scalar,
    object_type: Scalar,
    object_id: Scalar,
    organization_id: Scalar,
    user_id: Scalar,
    date_created: Scalar,
    date_updated: Scalar,
    changed_fields: List<Scalar, FIELDS_MAX>,
    data: Loose<Row>,
    meta: Loose<Meta>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Meta {
    request_method: Scalar,
    request_path: Scalar,
}

/// Everything that the delivery says. An error is about it as a whole.
pub fn events(delivery: &Delivery<Verified>, rules: &EventRules) -> Result<Events, BodyError> {
    let body = match read::<Loose<Body>>(delivery.body())? {
        Loose::Object(body) => body,
        Loose::Other(found) => return Err(wrong("body", found, "an object")),
    };
    let event = match &body.event {
        Loose::Object(event) => event,
        Loose::Other(found) => return Err(wrong("event", found, "an object")),
    };
    rules.check_organization(event)?;
    let occurred_at = instant(&event.date_updated).or_else(|| instant(&event.date_created));
    let told = Told { rules, event, occurred_at: occurred_at.unwrap_or(delivery.arrived_at()) };
    Ok(Events { read: told.events()?, unreadable: Vec::new() })
}

impl EventRules {
    /// Anything else than the tenant's organization is refused. What isn't an id is not repeated.
    fn check_organization(&self, event: &RawEvent) -> Result<(), BodyError> {
        let expected = &self.settings.organization_id;
        let found = event.organization_id.as_text();
        if found == Some(expected.as_str()) {
            return Ok(());
        }
        let found = found.filter(|found| is_id("orga", found)).unwrap_or("none that is an id").to_owned();
        Err(BodyError::Account { found, expected: expected.clone() })
    }
}

/// An event about the tenant's organization.
struct Told<'a> {
    rules: &'a EventRules,
    event: &'a RawEvent,
    occurred_at: Timestamp,
}

impl Told<'_> {
    fn events(&self) -> Result<Vec<CrmEvent>, BodyError> {
        let RawEvent { object_type, action, .. } = self.event;
        let object = object_type.as_text().ok_or_else(|| wrong("event.object_type", object_type.kind(), "text"))?;
        let action = action.as_text().ok_or_else(|| wrong("event.action", action.kind(), "text"))?;
        if object != CONTACT.as_str() {
            return Ok(vec![CrmEvent::Other]);
        }
        match action {
            "created" => Ok(vec![self.due(self.record()?, Cause::Created)]),
            "updated" if self.is_ours() => Ok(vec![CrmEvent::Other]),
            "updated" => self.changed(),
            "deleted" => Ok(vec![CrmEvent::Deletion(self.record()?)]),
            _ => Ok(vec![CrmEvent::Other]),
        }
    }

    /// What the user of our API key wrote in the way in which we write. We never create a contact: what another program creates
    /// as the same user is new all the same.
    fn is_ours(&self) -> bool {
        let by = self.event.user_id.as_text();
        let is_user = by.is_some() && by == self.rules.settings.user_id.as_deref();
        let Loose::Object(Meta { request_method, request_path }) = &self.event.meta else { return false };
        let is_contacts = |path: &str| path.starts_with("/api/v1/contact/");
        is_user && request_method.as_text() == Some("PUT") && request_path.as_text().is_some_and(is_contacts)
    }

    /// An event for each watched property that was changed. Where it isn't said what was, it may be any of them.
    fn changed(&self) -> Result<Vec<CrmEvent>, BodyError> {
        let record = self.record()?;
        let watched = &self.rules.enrich_on_change;
        let (List::Of { items, .. }, Loose::Object(data)) = (&self.event.changed_fields, &self.event.data) else {
            let event = if watched.is_empty() { CrmEvent::Other } else { self.due(record, Cause::Edited) };
            return Ok(vec![event]);
        };
        let is_changed = |field: &str| items.iter().any(|item| item.as_text() == Some(field));
        let cause = |property: &String| match place(property) {
            // The event says to which lead the contact went, not what that is called.
            Place::OfLead(_) => is_changed(LEAD_ID).then_some(Cause::Edited),
            Place::Own(_) | Place::Derived => {
                let is_custom = property.starts_with(CUSTOM) && is_changed(CUSTOM.trim_end_matches('.'));
                (is_changed(field_of(property)) || is_custom).then(|| Cause::Changed {
                    property: property.clone(),
                    value: self.rules.key.of(&data.property(property).unwrap_or_default()),
                })
            }
        };
        let mut events: Vec<CrmEvent> =
            watched.iter().filter_map(cause).map(|cause| self.due(record.clone(), cause)).collect();
        if events.is_empty() {
            events.push(CrmEvent::Other);
        }
        Ok(events)
    }

    fn due(&self, record: RecordKey, cause: Cause) -> CrmEvent {
        let RawEvent { id, action, date_updated, .. } = self.event;
        // Without an id, the event is told from others by when it happened.
        let id = id.to_text().unwrap_or_default();
        let at = date_updated.to_text().unwrap_or_default();
        let action = action.as_text().unwrap_or_default();
        let property = match &cause {
            Cause::Changed { property, .. } => format!("/{property}"),
            Cause::Created | Cause::Edited | Cause::Merged { .. } => String::new(),
        };
        let request = RequestId::derive(&record, &format!("{action}/{id}/{at}{property}"));
        CrmEvent::Due(DueEvent { record, request, occurred_at: self.occurred_at, cause })
    }

    fn record(&self) -> Result<RecordKey, BodyError> {
        let object_id = &self.event.object_id;
        let id = object_id.as_text().filter(|id| is_id("cont", id));
        let id = id.ok_or_else(|| wrong("event.object_id", object_id.kind(), "a contact's id"))?.to_owned();
        let tenant = self.rules.tenant.clone();
        Ok(RecordKey { tenant, origin: Origin::known(VENDOR.name), object: CONTACT, id })
    }
}

/// A time. Close's have no offset where UTC is meant.
fn instant(value: &Scalar) -> Option<Timestamp> {
    let text = value.as_text()?;
    let in_utc = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    text.parse().ok().or_else(in_utc)
}

fn wrong(path: &str, found: &'static str, expected: &'static str) -> BodyError {
    BodyError::Shape { path: path.to_owned(), found, expected }
}
