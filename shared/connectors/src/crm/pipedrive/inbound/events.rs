//! What a verified delivery tells, as events of ours: one JSON object about one thing that happened to one record
//! (pipedrive.readme.io, "Guide for Webhooks v2", "Webhooks v2 migration guide").
//!
//! `data` is the record as it is now, `previous` what the changed fields held before, and `meta` says what happened. It is
//! read strictly where we act on it and openly everywhere else. Ids are text, and numbers in some deliveries.

use jiff::Timestamp;
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::ids::{Origin, RecordKey, RequestId, TenantId};
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use serde::Deserialize;

use super::super::config::VENDOR;
use super::super::wire::{ORGANIZATION, PERSON, Place, Row, is_id, place};
use crate::inbound::{BodyError, Delivery, Events, Verified};
use crate::loose::{Loose, Scalar, read};

/// Times in a number are seconds, unless there are too many of them for that.
const SECONDS_MAX: i64 = 100_000_000_000;

/// Which events matter, and whose they must be.
#[derive(Debug, Clone)]
pub struct EventRules {
    /// Whose records they become.
    pub tenant: TenantId,
    /// The tenant's company.
    pub company_id: u64,
    /// The user that we write as.
    pub user_id: Option<u64>,
    /// The properties of which a change makes a person due.
    pub enrich_on_change: Vec<String>,
    /// What values are told apart by.
    pub key: FingerprintKey,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    data: Loose<Row>,
    previous: Loose<Row>,
    meta: Loose<Meta>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Meta {
    action: Scalar,
    entity: Scalar,
    entity_id: Scalar,
    id: Scalar,
    company_id: Scalar,
    user_id: Scalar,
    change_source: Scalar,
    timestamp: Scalar,
    /// In the deletion of a person who was merged into another: that one.
    merged_to_id: Scalar,
}

/// Everything that the delivery says. An error is about it as a whole.
pub fn events(delivery: &Delivery<Verified>, rules: &EventRules) -> Result<Events, BodyError> {
    let body = match read::<Loose<Body>>(delivery.body())? {
        Loose::Object(body) => body,
        Loose::Other(found) => return Err(wrong("body", found, "an object")),
    };
    let meta = match &body.meta {
        Loose::Object(meta) => meta,
        Loose::Other(found) => return Err(wrong("meta", found, "an object")),
    };
    rules.check_company(meta)?;
    let occurred_at = instant(&meta.timestamp).unwrap_or(delivery.arrived_at());
    let told = Told { rules, body: &body, meta, occurred_at };
    Ok(Events { read: told.events()?, unreadable: Vec::new() })
}

impl EventRules {
    /// Anything else than the tenant's company is refused. What isn't a number is not repeated.
    fn check_company(&self, meta: &Meta) -> Result<(), BodyError> {
        let found = meta.company_id.to_integer().and_then(|found| u64::try_from(found).ok());
        if found == Some(self.company_id) {
            return Ok(());
        }
        let found = found.map_or_else(|| "none that is a number".to_owned(), |found| found.to_string());
        Err(BodyError::Account { found, expected: self.company_id.to_string() })
    }
}

/// A delivery about the tenant's company.
struct Told<'a> {
    rules: &'a EventRules,
    body: &'a Body,
    meta: &'a Meta,
    occurred_at: Timestamp,
}

impl Told<'_> {
    fn events(&self) -> Result<Vec<CrmEvent>, BodyError> {
        let Meta { entity, action, .. } = self.meta;
        let entity = entity.as_text().ok_or_else(|| wrong("meta.entity", entity.kind(), "text"))?;
        let action = action.as_text().ok_or_else(|| wrong("meta.action", action.kind(), "text"))?;
        if entity != PERSON.as_str() {
            return Ok(vec![CrmEvent::Other]);
        }
        match action {
            "create" => Ok(vec![self.due(self.record()?, Cause::Created)]),
            "change" if self.is_ours() => Ok(vec![CrmEvent::Other]),
            "change" => self.changed(),
            "delete" => self.deleted(),
            _ => Ok(vec![CrmEvent::Other]),
        }
    }

    /// We never create a person: what another program creates as the same user is new all the same.
    fn is_ours(&self) -> bool {
        let by = self.meta.user_id.to_integer().and_then(|by| u64::try_from(by).ok());
        self.meta.change_source.as_text() == Some("api") && by.is_some() && by == self.rules.user_id
    }

    /// An event for each watched property that was changed. Where it isn't said what was, it may be any of them.
    fn changed(&self) -> Result<Vec<CrmEvent>, BodyError> {
        let record = self.record()?;
        let watched = &self.rules.enrich_on_change;
        let (Loose::Object(previous), Loose::Object(data)) = (&self.body.previous, &self.body.data) else {
            let event = if watched.is_empty() { CrmEvent::Other } else { self.due(record, Cause::Edited) };
            return Ok(vec![event]);
        };
        let cause = |property: &String| match place(property) {
            // The event says to which organization the person went, not what that is called.
            Place::OfOrganization(_) => previous.has(ORGANIZATION).then_some(Cause::Edited),
            Place::Own(_) => previous.has(property).then(|| Cause::Changed {
                property: property.clone(),
                value: self.rules.key.of(&data.property(property).unwrap_or_default()),
            }),
        };
        let mut events: Vec<CrmEvent> =
            watched.iter().filter_map(cause).map(|cause| self.due(record.clone(), cause)).collect();
        if events.is_empty() {
            events.push(CrmEvent::Other);
        }
        Ok(events)
    }

    /// One who was merged into another is deleted. The other may have got what it takes to be found: it is due, and is
    /// told of by a change as well, but that may not be a watched one.
    fn deleted(&self) -> Result<Vec<CrmEvent>, BodyError> {
        let gone = self.record()?;
        let survivor = self.meta.merged_to_id.to_text().filter(|id| is_id(id) && *id != gone.id);
        let survivor = survivor.map(|id| self.due(RecordKey { id, ..gone.clone() }, Cause::Edited));
        Ok([CrmEvent::Deletion(gone)].into_iter().chain(survivor).collect())
    }

    fn due(&self, record: RecordKey, cause: Cause) -> CrmEvent {
        let meta = self.meta;
        // Without an id, the event is told from others by when it happened.
        let id = meta.id.to_text().or_else(|| meta.timestamp.to_text()).unwrap_or_default();
        let action = meta.action.as_text().unwrap_or_default();
        let property = match &cause {
            Cause::Changed { property, .. } => format!("/{property}"),
            Cause::Created | Cause::Edited | Cause::Merged { .. } => String::new(),
        };
        let request = RequestId::derive(&record, &format!("{}/{action}/{id}{property}", self.rules.company_id));
        CrmEvent::Due(DueEvent { record, request, occurred_at: self.occurred_at, cause })
    }

    fn record(&self) -> Result<RecordKey, BodyError> {
        let entity_id = &self.meta.entity_id;
        let of_row = || [&self.body.data, &self.body.previous].into_iter().find_map(|row| row.as_object()?.id());
        let id = entity_id.to_text().filter(|id| is_id(id)).or_else(of_row);
        let id = id.ok_or_else(|| wrong("meta.entity_id", entity_id.kind(), "a person's number"))?;
        let tenant = self.rules.tenant.clone();
        Ok(RecordKey { tenant, origin: Origin::known(VENDOR.name), object: PERSON, id })
    }
}

/// A time: in text, or as a number of seconds or milliseconds.
fn instant(value: &Scalar) -> Option<Timestamp> {
    match value.to_integer() {
        Some(number) if number.abs() < SECONDS_MAX => Timestamp::from_second(number).ok(),
        Some(number) => Timestamp::from_millisecond(number).ok(),
        None => value.as_text()?.parse().ok(),
    }
}

fn wrong(path: &str, found: &'static str, expected: &'static str) -> BodyError {
    BodyError::Shape { path: path.to_owned(), found, expected }
}
