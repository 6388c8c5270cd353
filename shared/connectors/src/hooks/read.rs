//! Which records, or which people, a verified delivery is about.

use jiff::Timestamp;
use leadgate_enrichment::config::{
    HookCause, HookLeads, HookSignature, HookSource, ObjectKind, Pointer, RecordAt, Tenant,
};
use leadgate_enrichment::ids::{Origin, RecordKey, RequestId};
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use leadgate_enrichment::lead::new_lead::Person;
use leadgate_enrichment::person::ProfileField;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::inbound::{BodyError, Delivery, Events, Verified};
use crate::loose::read;
use crate::signatures::{github, standard_webhooks};

/// The most leads in one delivery: as many as the events of a CRM.
pub const ITEMS_MAX: usize = 1000;

/// What a delivery of a source says.
#[derive(Debug)]
pub enum Told {
    /// Of records that the CRM has.
    Records(Events),
    /// Of people whom it may not have.
    People(People),
}

/// What a delivery says of people.
#[derive(Debug)]
pub struct People {
    /// What can be read of it.
    pub read: Vec<Person>,
    /// Why each of the others can't be.
    pub unreadable: Vec<BodyError>,
    /// Tells the delivery from others. The same when it is made again.
    pub event: String,
    /// When it arrived.
    pub occurred_at: Timestamp,
}

/// Everything that the delivery says. An error is about it as a whole: it has no list where one should be, too many leads,
/// or none that can be read.
pub fn told(delivery: &Delivery<Verified>, tenant: &Tenant, source: &HookSource) -> Result<Told, BodyError> {
    let body: Value = read(delivery.body())?;
    let (event, occurred_at) = (id(delivery, &body, source)?, delivery.arrived_at());
    let items = items(&body, source)?;
    match &source.leads {
        HookLeads::Records { at, objects, cause } => {
            let record = |item: &Value, above: &str| record_of((item, above), at, None, objects, tenant);
            let (records, unreadable) = sorted(&items, record)?;
            let due = |record| {
                let request = RequestId::derive(&record, &format!("hook/{}/{event}", source.name));
                let cause = match cause {
                    HookCause::Created => Cause::Created,
                    HookCause::Changed => Cause::Edited,
                };
                CrmEvent::Due(DueEvent { record, request, occurred_at, cause })
            };
            Ok(Told::Records(Events { read: records.into_iter().map(due).collect(), unreadable }))
        }
        HookLeads::People(fields) => {
            let (read, unreadable) = sorted(&items, |item, above| person(item, above, fields))?;
            Ok(Told::People(People { read, unreadable, event, occurred_at }))
        }
    }
}

/// The leads of a delivery, each with where it stands.
pub(super) fn items<'v>(body: &'v Value, source: &HookSource) -> Result<Vec<(String, &'v Value)>, BodyError> {
    let Some(at) = &source.items else { return Ok(vec![(String::new(), body)]) };
    match body.pointer(at.as_str()) {
        Some(Value::Array(items)) if items.len() > ITEMS_MAX => {
            Err(BodyError::TooMany { found: items.len(), most: ITEMS_MAX })
        }
        Some(Value::Array(items)) => {
            Ok(items.iter().enumerate().map(|(index, item)| (format!("{at}/{index}"), item)).collect())
        }
        other => Err(wrong(at.to_string(), other, "a list")),
    }
}

/// Those that can be read, and why each of the others can't be. An error if none can.
pub(super) fn sorted<T>(
    items: &[(String, &Value)],
    read: impl Fn(&Value, &str) -> Result<T, BodyError>,
) -> Result<(Vec<T>, Vec<BodyError>), BodyError> {
    let (mut good, mut unreadable) = (Vec::new(), Vec::new());
    for (above, item) in items {
        match read(item, above) {
            Ok(one) => good.push(one),
            Err(error) => unreadable.push(error),
        }
    }
    match unreadable.first() {
        Some(error) if good.is_empty() => Err(error.clone()),
        _ => Ok((good, unreadable)),
    }
}

/// The record that a lead names. An id that may be one of several kinds of record is none: the other would be another person.
pub(super) fn record_of(
    (item, above): (&Value, &str),
    at: &RecordAt,
    address: Option<&Value>,
    objects: &[&'static ObjectKind],
    tenant: &Tenant,
) -> Result<RecordKey, BodyError> {
    let (found, place) = match at {
        RecordAt::Body(at) => (item.pointer(at.as_str()), format!("{above}{at}")),
        RecordAt::Address => (address, "the end of the address".to_owned()),
    };
    let wrong = |expected| wrong(place.clone(), found, expected);
    let text = found.and_then(text).ok_or_else(|| wrong("the id of a record in the CRM"))?;
    let mut kinds = objects.iter().filter_map(|kind| Some((&kind.object, (kind.id)(&text)?)));
    let (object, id) = kinds.next().ok_or_else(|| wrong("the id of a record in the CRM"))?;
    if kinds.next().is_some() {
        return Err(wrong("an id that says what it is of: `object` has to be configured"));
    }
    let (tenant, origin) = (tenant.id.clone(), Origin::known(tenant.crm.vendor.name));
    Ok(RecordKey { tenant, origin, object: object.clone(), id })
}

/// The person that a lead describes. What is missing or of another kind is left out, but for the e-mail address.
pub(super) fn person(item: &Value, above: &str, fields: &[(ProfileField, Pointer)]) -> Result<Person, BodyError> {
    let known = |(field, at): &(ProfileField, Pointer)| Some((*field, item.pointer(at.as_str()).and_then(text)?));
    Person::read(fields.iter().filter_map(known)).ok_or_else(|| {
        let email = fields.iter().find(|(field, _)| *field == ProfileField::Email).map(|(_, at)| at);
        let found = email.and_then(|at| item.pointer(at.as_str()));
        wrong(format!("{above}{}", email.map_or("", Pointer::as_str)), found, "an e-mail address")
    })
}

/// What tells a delivery from others: what the configuration says, else the id that comes with its form of signature, else
/// the body itself. The same body may be meant again at another time, and is another one on another day.
pub(super) fn id(delivery: &Delivery<Verified>, body: &Value, source: &HookSource) -> Result<String, BodyError> {
    if let Some(at) = &source.id {
        let found = body.pointer(at.as_str());
        return found.and_then(text).ok_or_else(|| wrong(at.to_string(), found, "an id: text or a whole number"));
    }
    let of_form = match source.signature {
        HookSignature::StandardWebhooks => standard_webhooks::id(delivery),
        HookSignature::GitHub => delivery.header(github::ID),
        _ => None,
    };
    Ok(of_form.map_or_else(|| id_of_body(delivery), str::to_owned))
}

fn id_of_body(delivery: &Delivery<Verified>) -> String {
    let day = delivery.arrived_at().as_second().div_euclid(DAY_SECONDS);
    format!("{day}/{}", hex::encode(Sha256::digest(delivery.body())))
}

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// A text that isn't blank, or a whole number as text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        // Some write every number with a fraction.
        Value::Number(number) => {
            let whole = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < EXACT_MAX);
            whole.map(|whole| format!("{whole:.0}"))
        }
        _ => None,
    }
}

/// Beyond this, not every whole number has a decimal of its own.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The place, and what kind of value is there. The value itself is not repeated.
pub(super) fn wrong(path: String, found: Option<&Value>, expected: &'static str) -> BodyError {
    let found = match found {
        None => "nothing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "true or false",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "text",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "an object",
    };
    BodyError::Shape { path: if path.is_empty() { "body".to_owned() } else { path }, found, expected }
}
