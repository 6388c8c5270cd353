//! What can be seen, and done, while functions are at work: on the wire, and at the vendors.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use leadgate_enrichment::ids::RequestId;
use leadgate_enrichment::lead::request::{Collect, EnrichmentRequest, Source, Task};
use serde_json::Value;

use super::sent::{Asked, Held, held, may_have_answered, people};
use leadgate_sandbox::simulators;
use leadgate_sandbox::simulators::hubspot::HubSpot;
use leadgate_sandbox::simulators::{Ending, SimulatedCrm};
use leadgate_sandbox::world::{Call, World};

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place in the order in which things went over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

/// What went over the wire.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Noted>>, Arc<AtomicU64>);

#[derive(Default)]
struct Noted {
    /// Every request that was put on the queue.
    sent: BTreeMap<RequestId, EnrichmentRequest>,
    /// Every hint.
    hints: Vec<Collect>,
    /// By purchase and record, what kind of request the record was claimed for.
    sources: BTreeMap<(String, String), Source>,
    /// Every hold that was made.
    holds: Vec<Held>,
    /// Every call about people that may have been carried out.
    asked: Vec<Asked>,
}

impl Seen {
    /// Every request that was put on the queue.
    pub(super) fn sent(&self) -> Vec<EnrichmentRequest> {
        locked(&self.0).sent.values().cloned().collect()
    }

    /// Every hint that was put on the queue.
    pub(super) fn hints(&self) -> Vec<Collect> {
        locked(&self.0).hints.clone()
    }

    /// What kind of request a purchase was made for, of a contact. What was bought along with people was bought for theirs.
    pub(super) fn source(&self, purchase: &str, contact: &str) -> Option<Source> {
        if purchase.ends_with("-search") {
            return Some(Source::Tam);
        }
        let of_people = purchase.split('-').take(2).collect::<Vec<_>>().join("-");
        locked(&self.0).sources.get(&(of_people, contact.to_owned())).copied()
    }

    /// An operator puts requests on the queue.
    pub(super) fn note_sent(&self, requests: &[EnrichmentRequest]) {
        let sent = requests.iter().map(|request| (request.request.clone(), request.clone()));
        locked(&self.0).sent.extend(sent);
    }

    /// The next place in the order.
    pub(super) fn moment(&self) -> Moment {
        Moment(self.1.fetch_add(1, Ordering::SeqCst))
    }

    /// Every hold that was made.
    pub(super) fn holds(&self) -> Vec<Held> {
        locked(&self.0).holds.clone()
    }

    /// Every call about people that may have been carried out.
    pub(super) fn asked(&self) -> Vec<Asked> {
        locked(&self.0).asked.clone()
    }

    /// A call has come to the provider.
    pub(super) fn note_asked(&self, call: &simulators::Call, ending: Ending, when: Timestamp) {
        if let Some((emails, with)) = people(call).filter(|_| may_have_answered(ending)) {
            let (at, provider, was_answered) = (self.moment(), call.vendor, ending.status.is_some());
            locked(&self.0).asked.push(Asked { at, when, provider, was_answered, emails, with });
        }
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
                        Task::Collect(_) | Task::Ended(_) | Task::Create(_) => {}
                    }
                }
            }
            "dynamodb TransactWriteItems" => {
                let at = self.moment();
                locked(&self.0).holds.extend(held(body).map(|purchase| Held { at, purchase }));
            }
            "dynamodb PutItem" => locked(&self.0).sources.extend(claim(&body["Item"])),
            _ => {}
        }
    }
}

/// If a record is claimed: by which purchase, which contact it is, and for what kind of request.
fn claim(record: &Value) -> Option<((String, String), Source)> {
    let text = |value: &Value| value["S"].as_str().map(str::to_owned);
    let purchase = text(&record["claim"]["M"]["purchase"]).filter(|_| record["state"]["S"] == "claimed")?;
    let (_, contact) = record["record"]["S"].as_str()?.rsplit_once('#')?;
    Some(((purchase, contact.to_owned()), serde_json::from_value(record["source"]["S"].clone()).ok()?))
}

/// Something that a person types into the CRM.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) whose: Whose,
    /// The record's id.
    pub(super) id: String,
    pub(super) property: &'static str,
    pub(super) value: String,
}

/// By its place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose {
    Lead(usize),
    Company(usize),
}

impl Change {
    /// Types it, if the record is still there.
    pub(super) fn make(&self, crm: &Screens) -> bool {
        match self.whose {
            Whose::Lead(_) => crm.contacts.type_in(&self.id, self.property, &self.value),
            Whose::Company(_) if crm.companies.company(&self.id).is_none() => false,
            Whose::Company(_) => {
                crm.companies.edit_company(&self.id, self.property, &self.value);
                true
            }
        }
    }
}

/// Where people type.
#[derive(Clone)]
pub(super) struct Screens {
    contacts: Arc<dyn SimulatedCrm>,
    companies: Arc<HubSpot>,
}

impl Screens {
    pub(super) fn of(world: &World) -> Self {
        Self { contacts: world.crm(), companies: world.hubspot.clone() }
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
    pub(super) fn make(&self, crm: &Screens) {
        let mut changes = locked(&self.0);
        let planned = std::mem::take(&mut changes.planned);
        changes.made.extend(planned.into_iter().filter(|change| change.make(crm)));
    }

    /// Those that were made. Those that weren't are given up.
    pub(super) fn take(&self) -> Vec<Change> {
        std::mem::take(&mut *locked(&self.0)).made
    }
}
