//! Which records a verified delivery is about.

use leadgate_enrichment::config::{HookCause, HookSignature, HookSource, Tenant};
use leadgate_enrichment::ids::{Origin, RecordKey, RequestId};
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::inbound::{BodyError, Delivery, Events, Verified};
use crate::loose::read;
use crate::signatures::{github, standard_webhooks};

/// The most leads in one delivery: as many as the events of a CRM.
pub const ITEMS_MAX: usize = 1000;

/// Everything that the delivery says. An error is about it as a whole: it has no list where one should be, too many leads,
/// or none that can be read.
pub fn events(delivery: &Delivery<Verified>, tenant: &Tenant, source: &HookSource) -> Result<Events, BodyError> {
    let body: Value = read(delivery.body())?;
    let reading = Reading { delivery, tenant, source, id: id(delivery, &body, source)? };
    let Some(at) = &source.items else {
        return Ok(Events { read: vec![reading.event(&body, "")?], unreadable: Vec::new() });
    };
    let items = match body.pointer(at.as_str()) {
        Some(Value::Array(items)) if items.len() > ITEMS_MAX => {
            return Err(BodyError::TooMany { found: items.len(), most: ITEMS_MAX });
        }
        Some(Value::Array(items)) => items,
        other => return Err(wrong(at.to_string(), other, "a list")),
    };
    let mut events = Events::default();
    for (index, item) in items.iter().enumerate() {
        match reading.event(item, &format!("{at}/{index}")) {
            Ok(event) => events.read.push(event),
            Err(error) => events.unreadable.push(error),
        }
    }
    match events.unreadable.first() {
        Some(error) if events.read.is_empty() => Err(error.clone()),
        _ => Ok(events),
    }
}

/// One delivery being read.
struct Reading<'a> {
    delivery: &'a Delivery<Verified>,
    tenant: &'a Tenant,
    source: &'a HookSource,
    /// Stays the same when it is made again.
    id: String,
}

impl Reading<'_> {
    /// What is said of the lead in `item`, which stands at `above`.
    fn event(&self, item: &Value, above: &str) -> Result<CrmEvent, BodyError> {
        let record = self.record(item, above)?;
        let request = RequestId::derive(&record, &format!("hook/{}/{}", self.source.name, self.id));
        let cause = match self.source.cause {
            HookCause::Created => Cause::Created,
            HookCause::Changed => Cause::Edited,
        };
        Ok(CrmEvent::Due(DueEvent { record, request, occurred_at: self.delivery.arrived_at(), cause }))
    }

    /// An id that may be one of several kinds of record is none: the other would be another person.
    fn record(&self, item: &Value, above: &str) -> Result<RecordKey, BodyError> {
        let at = &self.source.record;
        let found = item.pointer(at.as_str());
        let wrong = |expected| wrong(format!("{above}{at}"), found, expected);
        let text = found.and_then(text).ok_or_else(|| wrong("the id of a record in the CRM"))?;
        let mut kinds = self.source.objects.iter().filter_map(|kind| Some((&kind.object, (kind.id)(&text)?)));
        let (object, id) = kinds.next().ok_or_else(|| wrong("the id of a record in the CRM"))?;
        if kinds.next().is_some() {
            return Err(wrong("an id that says what it is of: `object` has to be configured"));
        }
        let (tenant, origin) = (self.tenant.id.clone(), Origin::known(self.tenant.crm.vendor.name));
        Ok(RecordKey { tenant, origin, object: object.clone(), id })
    }
}

/// What tells a delivery from others: what the configuration says, else the id that comes with its form of signature, else
/// the body itself. The same body may be meant again at another time, and is another one on another day.
fn id(delivery: &Delivery<Verified>, body: &Value, source: &HookSource) -> Result<String, BodyError> {
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
fn text(value: &Value) -> Option<String> {
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
fn wrong(path: String, found: Option<&Value>, expected: &'static str) -> BodyError {
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
