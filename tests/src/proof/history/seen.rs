//! What can be seen, and done, while functions are at work: on the wire, and at the vendors.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use leadgate_enrichment::ids::RequestId;
use leadgate_enrichment::request::{Collect, EnrichmentRequest, Source, Task};
use serde_json::Value;

use crate::simulators::hubspot::{self, HubSpot};
use crate::world::Call;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What went over the wire.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Noted>>);

#[derive(Default)]
struct Noted {
    /// Every wish that was put on the queue.
    sent: BTreeMap<RequestId, EnrichmentRequest>,
    /// Every hint.
    hints: Vec<Collect>,
    /// By purchase and record, what kind of wish the record was claimed for.
    sources: BTreeMap<(String, String), Source>,
}

impl Seen {
    /// Every wish that was put on the queue.
    pub(super) fn sent(&self) -> Vec<EnrichmentRequest> {
        locked(&self.0).sent.values().cloned().collect()
    }

    /// Every hint that was put on the queue.
    pub(super) fn hints(&self) -> Vec<Collect> {
        locked(&self.0).hints.clone()
    }

    /// What kind of wish a purchase was made for, of a contact. What was bought along with people was bought for theirs.
    pub(super) fn source(&self, purchase: &str, contact: &str) -> Option<Source> {
        let of_people = purchase.split('-').take(2).collect::<Vec<_>>().join("-");
        locked(&self.0).sources.get(&(of_people, contact.to_owned())).copied()
    }

    pub(super) fn note(&self, call: &Call, body: &Value) {
        match call.operation.as_str() {
            "sqs SendMessageBatch" => {
                let entries = body["Entries"].as_array().into_iter().flatten();
                let mut noted = locked(&self.0);
                for task in entries.filter_map(|entry| Task::read(entry["MessageBody"].as_str()?).ok()) {
                    match task {
                        Task::Enrich(request) => drop(noted.sent.insert(request.request.clone(), request)),
                        Task::Collect(hint) if !noted.hints.contains(&hint) => noted.hints.push(hint),
                        Task::Collect(_) => {}
                    }
                }
            }
            "dynamodb PutItem" => locked(&self.0).sources.extend(claim(&body["Item"])),
            _ => {}
        }
    }
}

/// If a record is claimed: by which purchase, which contact it is, and for what kind of wish.
fn claim(record: &Value) -> Option<((String, String), Source)> {
    let text = |value: &Value| value["S"].as_str().map(str::to_owned);
    let purchase = text(&record["claim"]["M"]["purchase"]).filter(|_| record["state"]["S"] == "claimed")?;
    let (_, contact) = record["record"]["S"].as_str()?.rsplit_once('#')?;
    Some(((purchase, contact.to_owned()), serde_json::from_value(record["source"]["S"].clone()).ok()?))
}

/// Something that a person types into the CRM.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) lead: usize,
    pub(super) contact: String,
    pub(super) property: &'static str,
    pub(super) value: String,
}

impl Change {
    /// Types it, if the contact is still there.
    pub(super) fn make(&self, hubspot: &HubSpot) -> bool {
        hubspot.try_edit(&self.contact, self.property, &self.value, &hubspot::Source::person()).is_ok()
    }
}

/// What people change while workers are at work.
#[derive(Clone, Default)]
pub(super) struct Meanwhile(Arc<Mutex<Changes>>);

#[derive(Default)]
struct Changes {
    planned: Vec<Change>,
    made: Vec<Change>,
}

impl Meanwhile {
    /// To be made at the next opportunity.
    pub(super) fn plan(&self, change: Change) {
        locked(&self.0).planned.push(change);
    }

    /// The opportunity.
    pub(super) fn make(&self, hubspot: &HubSpot) {
        let mut changes = locked(&self.0);
        let planned = std::mem::take(&mut changes.planned);
        changes.made.extend(planned.into_iter().filter(|change| change.make(hubspot)));
    }

    /// Those that were made. Those that weren't are given up.
    pub(super) fn take(&self) -> Vec<Change> {
        std::mem::take(&mut *locked(&self.0)).made
    }
}
