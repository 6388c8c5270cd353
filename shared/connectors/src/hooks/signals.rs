//! Which signals a verified delivery tells of, and whom they are about.

use jiff::Timestamp;
use leadgate_enrichment::config::{HookLeads, SignalName, SignalSource, Tenant};
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::new_lead::Person;
use serde_json::Value;

use super::read::{id, items, person, record_of, sorted, text, wrong};
use crate::inbound::{BodyError, Delivery, Verified};
use crate::loose::read;

/// What a delivery says of signals.
#[derive(Debug)]
pub struct Signals {
    /// What can be read of it, in its order.
    pub read: Vec<Signal>,
    /// Why each of the others can't be.
    pub unreadable: Vec<BodyError>,
    /// Tells the delivery from others. The same when it is made again.
    pub event: String,
    /// When it arrived.
    pub arrived_at: Timestamp,
}

/// A signal about one person.
#[derive(Debug)]
pub struct Signal {
    /// Whom it is about.
    pub about: About,
    /// What it is called: `job-change`, …
    pub name: String,
    /// All that is said of it.
    pub says: Value,
}

/// Whom a signal is about.
#[derive(Debug)]
pub enum About {
    /// A record of the CRM.
    Record(RecordKey),
    /// Whoever has this address.
    Person(Person),
}

/// Every signal that the delivery tells of. An error is about it as a whole, as for leads.
/// `record` is what the address ends in, where that names the record.
pub fn signals(
    delivery: &Delivery<Verified>,
    tenant: &Tenant,
    source: &SignalSource,
    record: Option<&str>,
) -> Result<Signals, BodyError> {
    let (body, hook): (Value, _) = (read(delivery.body())?, &source.hook);
    let (event, arrived_at) = (id(delivery, &body, hook)?, delivery.arrived_at());
    let address = record.map(|record| Value::String(record.to_owned()));
    let one = |item: &Value, above: &str| {
        let about = match &hook.leads {
            HookLeads::Records { at, objects, .. } => {
                About::Record(record_of((item, above), at, address.as_ref(), objects, tenant)?)
            }
            HookLeads::People(fields) => About::Person(person(item, above, fields)?),
        };
        Ok(Signal { about, name: name(item, above, &source.name)?, says: item.clone() })
    };
    let (read, unreadable) = sorted(&items(&body, hook)?, one)?;
    Ok(Signals { read, unreadable, event, arrived_at })
}

fn name(item: &Value, above: &str, of: &SignalName) -> Result<String, BodyError> {
    match of {
        SignalName::Always(name) => Ok(name.clone()),
        SignalName::At(at) => {
            let found = item.pointer(at.as_str());
            found.and_then(text).ok_or_else(|| wrong(format!("{above}{at}"), found, "the name of a signal"))
        }
    }
}
