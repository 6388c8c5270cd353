//! What a verified delivery tells, as events of ours: a list of events, of which there is one today (docs.attio.com,
//! "Webhook reference", "Record events").
//!
//! An event has no time of its own, so that it counts as of its arrival. `Idempotency-Key` is the same for each delivery of
//! an event (seen in integrations of others; not in the documentation).

use leadgate_enrichment::ids::{Origin, RecordKey, RequestId, TenantId};
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use serde::Deserialize;

use super::super::config::{Settings, VENDOR};
use super::super::wire::{PEOPLE, is_id};
use crate::inbound::{BodyError, Delivery, Events, Verified};
use crate::loose::{List, Loose, Scalar, read};

/// The most events of a delivery.
const EVENTS_MAX: usize = 100;
/// The header that tells events apart.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// It has no more characters than this: a UUID has 36.
const KEY_CHARS_MAX: usize = 200;

/// Which events matter, and whose they must be.
#[derive(Debug, Clone)]
pub struct EventRules {
    /// Whose records they become.
    pub tenant: TenantId,
    /// The workspace, its object, and who we are in it.
    pub settings: Settings,
    /// The ids of the attributes of which a change makes a person due.
    pub enrich_on_change: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    events: List<Loose<RawEvent>, EVENTS_MAX>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawEvent {
    event_type: Scalar,
    id: Loose<Id>,
    actor: Loose<Actor>,
    /// In a merge: the record that is there no longer.
    duplicate_record_id: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Id {
    workspace_id: Scalar,
    object_id: Scalar,
    record_id: Scalar,
    attribute_id: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Actor {
    id: Scalar,
}

/// Everything that the delivery says. An error is about it as a whole.
pub fn events(delivery: &Delivery<Verified>, rules: &EventRules) -> Result<Events, BodyError> {
    let body = match read::<Loose<Body>>(delivery.body())? {
        Loose::Object(body) => body,
        Loose::Other(found) => return Err(wrong("body", found, "an object")),
    };
    let items = match &body.events {
        List::Of { total, .. } if *total > EVENTS_MAX => {
            return Err(BodyError::TooMany { found: *total, most: EVENTS_MAX });
        }
        List::Of { items, .. } => items,
        List::Other(found) => return Err(wrong("events", found, "a list")),
    };
    let mut events = Events::default();
    for (index, item) in items.iter().enumerate() {
        let read = match item {
            Loose::Object(event) => Reading { index, event, rules, delivery }.events(),
            Loose::Other(found) => Err(wrong(&format!("events[{index}]"), found, "an object")),
        };
        match read {
            Ok(read) => events.read.extend(read),
            Err(error @ BodyError::Account { .. }) => return Err(error),
            Err(error) => events.unreadable.push(error),
        }
    }
    match events.unreadable.first() {
        Some(error) if events.read.is_empty() => Err(error.clone()),
        _ => Ok(events),
    }
}

/// One event being read: errors need to know which.
struct Reading<'a> {
    index: usize,
    event: &'a RawEvent,
    rules: &'a EventRules,
    delivery: &'a Delivery<Verified>,
}

impl Reading<'_> {
    fn events(&self) -> Result<Vec<CrmEvent>, BodyError> {
        let id = match &self.event.id {
            Loose::Object(id) => id,
            Loose::Other(found) => return Err(self.wrong("id", found, "an object")),
        };
        self.check_workspace(id)?;
        let kind = self.event.event_type.as_text();
        let kind = kind.ok_or_else(|| self.wrong("event_type", self.event.event_type.kind(), "text"))?;
        if id.object_id.as_text() != Some(self.rules.settings.people_object_id.as_str()) {
            return Ok(vec![CrmEvent::Other]);
        }
        match kind {
            "record.created" => Ok(vec![self.due(self.record(id)?, id, Cause::Created)]),
            "record.updated" if self.is_ours() || !self.is_watched(id) => Ok(vec![CrmEvent::Other]),
            "record.updated" => Ok(vec![self.due(self.record(id)?, id, Cause::Edited)]),
            "record.deleted" => Ok(vec![CrmEvent::Deletion(self.record(id)?)]),
            "record.merged" => self.merged(id),
            _ => Ok(vec![CrmEvent::Other]),
        }
    }

    /// Anything else than the tenant's workspace is refused. What isn't an id is not repeated.
    fn check_workspace(&self, id: &Id) -> Result<(), BodyError> {
        let expected = &self.rules.settings.workspace_id;
        let found = id.workspace_id.as_text();
        if found == Some(expected.as_str()) {
            return Ok(());
        }
        let found = found.filter(|found| is_id(found)).unwrap_or("none that is an id").to_owned();
        Err(BodyError::Account { found, expected: expected.clone() })
    }

    /// We never create a person: what another program creates with the same token is new all the same.
    fn is_ours(&self) -> bool {
        let by = self.event.actor.as_object().and_then(|actor| actor.id.as_text());
        by.is_some() && by == self.rules.settings.actor_id.as_deref()
    }

    /// Where it isn't said what was changed, it may be any attribute.
    fn is_watched(&self, id: &Id) -> bool {
        let watched = &self.rules.enrich_on_change;
        match id.attribute_id.as_text() {
            Some(attribute) => watched.iter().any(|watched| watched == attribute),
            None => !watched.is_empty(),
        }
    }

    /// The two have become one, which may have got what it takes to be found. It is due; what is gone is deleted.
    fn merged(&self, id: &Id) -> Result<Vec<CrmEvent>, BodyError> {
        let survivor = self.record(id)?;
        let gone = self.event.duplicate_record_id.as_text().filter(|gone| is_id(gone) && *gone != survivor.id);
        let gone = gone.map(|gone| CrmEvent::Deletion(RecordKey { id: gone.to_owned(), ..survivor.clone() }));
        Ok(gone.into_iter().chain([self.due(survivor, id, Cause::Edited)]).collect())
    }

    fn due(&self, record: RecordKey, id: &Id, cause: Cause) -> CrmEvent {
        let occurred_at = self.delivery.arrived_at();
        let key = self.delivery.header(IDEMPOTENCY_KEY).filter(|key| (1..=KEY_CHARS_MAX).contains(&key.len()));
        // Without a key, a delivery is told from others by when it arrived: one that is made again is another one then,
        // and the gate drops it.
        let key = key.map_or_else(|| occurred_at.to_string(), str::to_owned);
        let kind = self.event.event_type.as_text().unwrap_or_default();
        let attribute = id.attribute_id.as_text().unwrap_or_default();
        let request = RequestId::derive(&record, &format!("{key}/{kind}/{attribute}"));
        CrmEvent::Due(DueEvent { record, request, occurred_at, cause })
    }

    fn record(&self, id: &Id) -> Result<RecordKey, BodyError> {
        let record = id.record_id.as_text().filter(|record| is_id(record));
        let id = record.ok_or_else(|| self.wrong("id.record_id", id.record_id.kind(), "a record's id"))?.to_owned();
        let tenant = self.rules.tenant.clone();
        Ok(RecordKey { tenant, origin: Origin::known(VENDOR.name), object: PEOPLE, id })
    }

    fn wrong(&self, field: &str, found: &'static str, expected: &'static str) -> BodyError {
        wrong(&format!("events[{}].{field}", self.index), found, expected)
    }
}

fn wrong(path: &str, found: &'static str, expected: &'static str) -> BodyError {
    BodyError::Shape { path: path.to_owned(), found, expected }
}
