//! What a verified notification tells, as events of ours: one thing that happened to up to a hundred records of a module
//! (zoho.com/crm, "Notification APIs"; the body as integrations of others have seen it).
//!
//! `affected_fields` names what was changed of each record, and `affected_values` the new values where the channel was
//! created with `return_affected_field_values`. Who made the change isn't said: our own is known again by its values.

use jiff::Timestamp;
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::ids::{ObjectType, Origin, RecordKey, RequestId, TenantId};
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use serde::Deserialize;
use serde_json::Value;

use super::super::config::VENDOR;
use super::super::fields::{Place, place};
use super::super::wire::{CONTACTS, LEADS, is_id, text};
use crate::inbound::{BodyError, Delivery, Events, Verified};
use crate::loose::{List, Loose, Map, Scalar, read};

/// The most records of a notification (documented).
const IDS_MAX: usize = 100;
/// The most fields of a record that are read.
const FIELDS_MAX: usize = 500;

/// Which events matter, and whose they must be.
#[derive(Debug, Clone)]
pub struct EventRules {
    /// Whose records they become.
    pub tenant: TenantId,
    /// The tenant's channel.
    pub channel_id: u64,
    /// The properties of which a change makes a record due.
    pub enrich_on_change: Vec<String>,
    /// What values are told apart by.
    pub key: FingerprintKey,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    module: Scalar,
    operation: Scalar,
    channel_id: Scalar,
    server_time: Scalar,
    ids: List<Scalar, IDS_MAX>,
    /// `[{"ID": ["Email"]}]`
    affected_fields: List<Loose<Map<List<Scalar, FIELDS_MAX>, IDS_MAX>>, IDS_MAX>,
    affected_values: List<Loose<Affected>, IDS_MAX>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Affected {
    record_id: Scalar,
    values: Map<Value, FIELDS_MAX>,
}

/// Everything that the notification says. An error is about it as a whole.
pub fn events(delivery: &Delivery<Verified>, rules: &EventRules) -> Result<Events, BodyError> {
    let body = match read::<Loose<Body>>(delivery.body())? {
        Loose::Object(body) => body,
        Loose::Other(found) => return Err(wrong("body", found, "an object")),
    };
    rules.check_channel(&body)?;
    let module = body.module.as_text().ok_or_else(|| wrong("module", body.module.kind(), "text"))?;
    let operation = body.operation.as_text().ok_or_else(|| wrong("operation", body.operation.kind(), "text"))?;
    let Some(object) = [LEADS, CONTACTS].into_iter().find(|object| object.as_str() == module) else {
        return Ok(Events { read: vec![CrmEvent::Other], unreadable: Vec::new() });
    };
    let ids = match &body.ids {
        List::Of { total, .. } if *total > IDS_MAX => {
            return Err(BodyError::TooMany { found: *total, most: IDS_MAX });
        }
        List::Of { items, .. } => items,
        List::Other(found) => return Err(wrong("ids", found, "a list")),
    };
    let at = body.server_time.to_integer().and_then(|at| Timestamp::from_millisecond(at).ok());
    let told = Told { rules, body: &body, object, operation, occurred_at: at.unwrap_or(delivery.arrived_at()) };
    let mut events = Events::default();
    for (index, id) in ids.iter().enumerate() {
        match id.to_text().filter(|id| is_id(id)) {
            Some(id) => events.read.extend(told.events(id)),
            None => events.unreadable.push(wrong(&format!("ids[{index}]"), id.kind(), "a record's number")),
        }
    }
    match events.unreadable.first() {
        Some(error) if events.read.is_empty() => Err(error.clone()),
        _ => Ok(events),
    }
}

impl EventRules {
    /// Anything else than the tenant's channel is refused. What isn't a number is not repeated.
    fn check_channel(&self, body: &Body) -> Result<(), BodyError> {
        let found = body.channel_id.to_integer().and_then(|found| u64::try_from(found).ok());
        if found == Some(self.channel_id) {
            return Ok(());
        }
        let found = found.map_or_else(|| "none that is a number".to_owned(), |found| found.to_string());
        Err(BodyError::Account { found, expected: self.channel_id.to_string() })
    }
}

/// A notification of the tenant's channel.
struct Told<'a> {
    rules: &'a EventRules,
    body: &'a Body,
    object: ObjectType,
    operation: &'a str,
    occurred_at: Timestamp,
}

impl Told<'_> {
    fn events(&self, id: String) -> Vec<CrmEvent> {
        let (tenant, object) = (self.rules.tenant.clone(), self.object.clone());
        let record = RecordKey { tenant, origin: Origin::known(VENDOR.name), object, id };
        match self.operation {
            "insert" | "create" => vec![self.due(record, Cause::Created)],
            "update" => self.changed(&record),
            "delete" => vec![CrmEvent::Deletion(record)],
            _ => vec![CrmEvent::Other],
        }
    }

    /// An event for each watched property that was changed. Where it isn't said what was, it may be any of them.
    fn changed(&self, record: &RecordKey) -> Vec<CrmEvent> {
        let watched = &self.rules.enrich_on_change;
        let by_record = self.body.affected_fields.items().iter().filter_map(Loose::as_object);
        let Some(List::Of { items, .. }) = by_record.into_iter().find_map(|fields| fields.0.get(&record.id)) else {
            let event = if watched.is_empty() { CrmEvent::Other } else { self.due(record.clone(), Cause::Edited) };
            return vec![event];
        };
        let mut events: Vec<CrmEvent> = Vec::new();
        for property in watched {
            let field = match place(&self.object, property) {
                Place::Own(field) | Place::Named(field) => field,
                Place::Nowhere => continue,
            };
            if items.iter().any(|item| item.as_text() == Some(field)) {
                events.push(self.due(record.clone(), self.cause(record, property, field)));
            }
        }
        if events.is_empty() {
            events.push(CrmEvent::Other);
        }
        events
    }

    /// With its value, where that is told.
    fn cause(&self, record: &RecordKey, property: &str, field: &str) -> Cause {
        let mut values = self.body.affected_values.items().iter().filter_map(Loose::as_object);
        let of_record = values.find(|values| values.record_id.to_text().as_deref() == Some(record.id.as_str()));
        match of_record.and_then(|of_record| of_record.values.0.get(field)) {
            Some(value) => Cause::Changed {
                property: property.to_owned(),
                value: self.rules.key.of(&text(value).unwrap_or_default()),
            },
            None => Cause::Edited,
        }
    }

    fn due(&self, record: RecordKey, cause: Cause) -> CrmEvent {
        let property = match &cause {
            Cause::Changed { property, .. } => property.as_str(),
            Cause::Created | Cause::Edited | Cause::Merged { .. } => "",
        };
        // A notification has no id: it is told from others by when the server sent it.
        let (operation, at) = (self.operation, self.occurred_at);
        let request = RequestId::derive(&record, &format!("{operation}/{at}/{property}"));
        CrmEvent::Due(DueEvent { record, request, occurred_at: self.occurred_at, cause })
    }
}

fn wrong(path: &str, found: &'static str, expected: &'static str) -> BodyError {
    BodyError::Shape { path: path.to_owned(), found, expected }
}
