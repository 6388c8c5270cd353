//! What a verified delivery tells, as events of ours.
//!
//! The body is a JSON array of flat objects; what a workflow sends is one object. It is read strictly where we act on it and openly everywhere else: an
//! answer other than 2xx makes HubSpot deliver again, up to 10 times, so an event that can't be read must not fail its
//! neighbours.

use jiff::Timestamp;
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::ids::{ObjectType, Origin, RecordKey, RequestId, TenantId};
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use serde::Deserialize;

use super::super::companies::COMPANY;
use super::super::config::VENDOR;
use super::workflow;
use crate::inbound::{BodyError, Delivery, Events, Verified};
use crate::loose::{List, Loose, Scalar, read};

/// The most events that one delivery may hold. HubSpot says 100; ten times that is still a small body, and more is
/// not a delivery of HubSpot's.
pub const EVENTS_MAX: usize = 1000;

/// The most ids that are read of a merge: HubSpot merges two records at a time.
const MERGED_MAX: usize = 10;

/// HubSpot's numbers for contacts and for companies in the generic `object.…` events.
static KINDS: [(&str, ObjectType); 2] = [("0-1", ObjectType::CONTACT), ("0-2", COMPANY)];

/// Which events matter, and whose they must be.
#[derive(Debug, Clone)]
pub struct EventRules {
    /// Whose records they become.
    pub tenant: TenantId,
    /// The tenant's HubSpot account.
    pub portal_id: u64,
    /// The properties of which a change makes a contact due.
    pub enrich_on_change: Vec<String>,
    /// The same of companies. `None` where they aren't enriched.
    pub of_companies: Option<Vec<String>>,
    /// What values are told apart by.
    pub key: FingerprintKey,
}

/// Everything that the delivery says. An error is about the delivery as a whole: it is no list, holds too many events, is
/// meant for another account, or has events of which none can be read.
pub fn events(delivery: &Delivery<Verified>, rules: &EventRules) -> Result<Events, BodyError> {
    let body: List<Loose<RawEvent>, EVENTS_MAX> = read(delivery.body())?;
    let items = match body {
        List::Of { total, .. } if total > EVENTS_MAX => {
            return Err(BodyError::TooMany { found: total, most: EVENTS_MAX });
        }
        List::Of { items, .. } => items,
        List::Other("an object") => {
            return Ok(Events { read: vec![workflow::event(delivery, rules)?], unreadable: Vec::new() });
        }
        List::Other(found) => return Err(BodyError::Shape { path: "body".into(), found, expected: "an array" }),
    };
    let mut events = Events::default();
    for (index, item) in items.iter().enumerate() {
        let event = match item {
            Loose::Object(event) => Reading { index, event, rules }.event(),
            Loose::Other(found) => Err(BodyError::Shape { path: format!("[{index}]"), found, expected: "an object" }),
        };
        match event {
            Ok(event) => events.read.push(event),
            Err(error @ BodyError::Account { .. }) => return Err(error),
            Err(error) => events.unreadable.push(error),
        }
    }
    match events.unreadable.first() {
        Some(error) if events.read.is_empty() => Err(error.clone()),
        _ => Ok(events),
    }
}

/// The fields that we look at. All of them may be anything until we need them.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawEvent {
    subscription_type: Scalar,
    event_type: Scalar,
    event_id: Scalar,
    portal_id: Scalar,
    object_id: Scalar,
    object_type_id: Scalar,
    occurred_at: Scalar,
    property_name: Scalar,
    property_value: Scalar,
    new_object_id: Scalar,
    merged_object_ids: List<Scalar, MERGED_MAX>,
}

/// One event being read: errors need to know which.
struct Reading<'a> {
    index: usize,
    event: &'a RawEvent,
    rules: &'a EventRules,
}

impl Reading<'_> {
    fn event(&self) -> Result<CrmEvent, BodyError> {
        self.check_portal()?;
        let kind = self.kind()?;
        let Some((object, what)) = self.object(kind) else { return Ok(CrmEvent::Other) };
        match what {
            "creation" => self.due(kind, self.record(&object)?, Cause::Created),
            "propertyChange" => self.changed(kind, &object),
            "merge" => self.merged(kind, &object),
            "deletion" => Ok(CrmEvent::Deletion(self.record(&object)?)),
            "privacyDeletion" if object == ObjectType::CONTACT => Ok(CrmEvent::PrivacyDeletion(self.record(&object)?)),
            _ => Ok(CrmEvent::Other),
        }
    }

    /// The kind of record that an event is about, if records of it are enriched, and what has happened: `contact.creation`, or
    /// `object.creation` with the kind's number.
    fn object<'k>(&self, kind: &'k str) -> Option<(ObjectType, &'k str)> {
        let (word, what) = kind.split_once('.')?;
        let number = self.event.object_type_id.as_text();
        let is_meant = |(own, object): &&(&str, ObjectType)| match word {
            "object" => number == Some(*own),
            word => word == object.as_str(),
        };
        let (_, object) = KINDS.iter().find(is_meant)?;
        let is_enriched = *object == ObjectType::CONTACT || self.rules.of_companies.is_some();
        is_enriched.then(|| (object.clone(), what))
    }

    /// The field has two names: every sample calls it `subscriptionType`, HubSpot's table of fields `eventType`.
    fn kind(&self) -> Result<&str, BodyError> {
        let RawEvent { subscription_type, event_type, .. } = self.event;
        let kind = subscription_type.as_text().or(event_type.as_text());
        kind.ok_or_else(|| self.wrong("subscriptionType", subscription_type.kind(), "text"))
    }

    /// A stranger's account is an error whatever the event. A missing one is an error only where we act.
    fn check_portal(&self) -> Result<(), BodyError> {
        let expected = self.rules.portal_id;
        let found = self.event.portal_id.to_integer().and_then(|found| u64::try_from(found).ok());
        match found {
            Some(found) if found != expected => {
                Err(BodyError::Account { found: found.to_string(), expected: expected.to_string() })
            }
            _ => Ok(()),
        }
    }

    fn changed(&self, kind: &str, object: &ObjectType) -> Result<CrmEvent, BodyError> {
        let Some(property) = self.event.property_name.as_text() else { return Ok(CrmEvent::Other) };
        let watched = match *object == ObjectType::CONTACT {
            true => Some(&self.rules.enrich_on_change),
            false => self.rules.of_companies.as_ref(),
        };
        if !watched.into_iter().flatten().any(|watched| watched == property) {
            return Ok(CrmEvent::Other);
        }
        // A property that was cleared has no value: blank, for the fingerprint.
        let value = self.rules.key.of(&self.event.property_value.to_text().unwrap_or_default());
        self.due(kind, self.record(object)?, Cause::Changed { property: property.to_owned(), value })
    }

    /// Two records have become a third one, under an id of its own: theirs go on to name it.
    fn merged(&self, kind: &str, object: &ObjectType) -> Result<CrmEvent, BodyError> {
        let survivor = self.key(object, self.integer("newObjectId", &self.event.new_object_id)?)?;
        let ids = self.event.merged_object_ids.items().iter().filter_map(Scalar::to_integer).filter(|id| *id >= 0);
        let from = ids.map(|id| RecordKey { id: id.to_string(), ..survivor.clone() }).collect();
        self.due(kind, survivor, Cause::Merged { from })
    }

    fn due(&self, kind: &str, record: RecordKey, cause: Cause) -> Result<CrmEvent, BodyError> {
        let occurred_at = self.integer("occurredAt", &self.event.occurred_at)?;
        // HubSpot's `eventId` alone isn't unique, nor is it one for each property that an edit changes, and
        // `attemptNumber` differs between deliveries of one event.
        let event_id = self.event.event_id.to_text().unwrap_or_default();
        let property = match &cause {
            Cause::Changed { property, .. } => format!("/{property}"),
            Cause::Created | Cause::Edited | Cause::Merged { .. } => String::new(),
        };
        let (portal, id) = (self.rules.portal_id, &record.id);
        let request = RequestId::derive(&record, &format!("{portal}/{kind}/{id}/{event_id}/{occurred_at}{property}"));
        let occurred_at = Timestamp::from_millisecond(occurred_at)
            .map_err(|_| self.wrong("occurredAt", "a number beyond time", "milliseconds since 1970"))?;
        Ok(CrmEvent::Due(DueEvent { record, request, occurred_at, cause }))
    }

    fn record(&self, object: &ObjectType) -> Result<RecordKey, BodyError> {
        self.key(object, self.integer("objectId", &self.event.object_id)?)
    }

    fn key(&self, object: &ObjectType, id: i64) -> Result<RecordKey, BodyError> {
        // That it is the tenant's has been checked; that it is there at all matters here.
        self.integer("portalId", &self.event.portal_id)?;
        let id = id.to_string();
        let tenant = self.rules.tenant.clone();
        Ok(RecordKey { tenant, origin: Origin::known(VENDOR.name), object: object.clone(), id })
    }

    fn integer(&self, field: &str, value: &Scalar) -> Result<i64, BodyError> {
        match value.to_integer() {
            Some(number) if number >= 0 => Ok(number),
            Some(_) => Err(self.wrong(field, "a number below zero", "an integer")),
            None => Err(self.wrong(field, value.kind(), "an integer")),
        }
    }

    fn wrong(&self, field: &str, found: &'static str, expected: &'static str) -> BodyError {
        BodyError::Shape { path: format!("[{}].{field}", self.index), found, expected }
    }
}
