//! The gate: what a CRM tells us, by whichever road, is dropped, noted or queued.
//!
//! Nothing is written here on the way of a lead: either its message is on the queue, or the road is not told that the
//! event was taken and delivers it again. There is no step in between at which a crash could lose one.

mod accepted;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::future::try_join_all;
use leadgate_aws::error::StoreError;
use leadgate_aws::queue::Queue;
use leadgate_aws::records::Records;
use leadgate_aws::table::Consistency;
use leadgate_aws::usage::Step;
use leadgate_connectors::hooks::People;
use leadgate_connectors::inbound::Events;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::{HookSource, Tenant};
use leadgate_enrichment::fingerprint::{Fingerprint, FingerprintKey};
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::event::{Cause, CrmEvent, DueEvent};
use leadgate_enrichment::lead::gate::{Door, DoorRules, at_door};
use leadgate_enrichment::lead::new_lead::NewLead;
use leadgate_enrichment::lead::record::Record;
use leadgate_enrichment::lead::request::{BULK_MIN, EnrichmentRequest};
use leadgate_enrichment::outcome::RefuseReason;
use tracing::warn;

pub use crate::accepted::Accepted;

/// Of the events of one delivery that can't be read, so many are described in the log.
const UNREADABLE_LOGGED_MAX: usize = 5;
/// How often the note of an erasure is tried while a worker keeps writing the record.
const ERASE_ATTEMPTS_MAX: usize = 5;
/// So many erasures or deletions are noted side by side: a delivery has a hundred, and a CRM waits for seconds only.
const AT_ONCE: usize = 25;

/// Everything that the gate may touch.
#[derive(Clone)]
pub struct Gate {
    /// Read, to see what is due; written only to note an erasure or a deletion.
    pub records: Records,
    /// Where what is due goes.
    pub queue: Queue,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Gate {
    /// Queues what is due. An error means that it must be delivered again: what is on the queue already is then
    /// queued twice, and the worker sees to it that this costs nothing.
    pub async fn accept(&self, tenant: &Tenant, key: &FingerprintKey, events: Events) -> Result<Accepted, StoreError> {
        let Events { read, unreadable } = events;
        let all = read.len() + unreadable.len();
        let mut accepted = Accepted { events: all, unreadable: unreadable.len(), ..Accepted::default() };
        for error in unreadable.iter().take(UNREADABLE_LOGGED_MAX) {
            warn!(tenant = %tenant.id, %error, "an event can't be read, and is left out");
        }
        let Sorted { due, erasures, deletions } = sort(read, &mut accepted);
        for keys in erasures.chunks(AT_ONCE) {
            let now = self.clock.now();
            try_join_all(keys.iter().map(|key| self.records.note_erasure(key, now))).await?;
        }
        for keys in deletions.chunks(AT_ONCE) {
            try_join_all(keys.iter().map(|key| self.note_deletion(key))).await?;
        }
        let known = self.known(&due).await;
        let mut requests: BTreeMap<RecordKey, EnrichmentRequest> = BTreeMap::new();
        for event in due {
            match self.door(tenant, key, &known, &event) {
                Door::Queue => accepted.repeated += usize::from(add(&mut requests, event.into())),
                Door::Fresh => accepted.fresh += 1,
                Door::InFlight => accepted.in_flight += 1,
                Door::Echo => accepted.echo += 1,
                Door::Erased => accepted.erased += 1,
            }
        }
        let requests = EnrichmentRequest::together(requests.into_values().collect());
        self.queue.send(&requests).await?;
        accepted.queued = requests.len();
        Ok(accepted)
    }

    /// Queues people whom another system tells of, each once, to be found or created in the CRM. Whether they are due is
    /// seen when it is known which record they are.
    pub async fn accept_people(
        &self,
        tenant: &Tenant,
        source: &HookSource,
        key: &FingerprintKey,
        people: People,
    ) -> Result<Accepted, StoreError> {
        let People { read, unreadable, event, occurred_at } = people;
        let all = read.len() + unreadable.len();
        let mut accepted = Accepted { events: all, unreadable: unreadable.len(), ..Accepted::default() };
        for error in unreadable.iter().take(UNREADABLE_LOGGED_MAX) {
            warn!(tenant = %tenant.id, source = source.name, %error, "a person can't be read, and is left out");
        }
        let mut leads: BTreeMap<Fingerprint, NewLead> = BTreeMap::new();
        for person in read {
            let lead = NewLead::seal(&tenant.id, &source.name, &event, &person, occurred_at, key);
            let lead = lead.ok_or_else(|| StoreError::unreadable("sealing a message", "it can't be sealed"))?;
            accepted.repeated += usize::from(leads.insert(lead.new_lead.clone(), lead).is_some());
        }
        let bulk = leads.len() >= BULK_MIN;
        let leads: Vec<NewLead> = leads.into_values().map(|lead| NewLead { bulk, ..lead }).collect();
        self.queue.send_new_leads(&leads).await?;
        accepted.queued = leads.len();
        Ok(accepted)
    }

    fn door(
        &self,
        tenant: &Tenant,
        key: &FingerprintKey,
        known: &HashMap<RecordKey, Record>,
        event: &DueEvent,
    ) -> Door {
        let now = self.clock.now();
        // Of a company that isn't enriched any more, the worker says so.
        let tenant = tenant.of_object(&event.record.object).unwrap_or(tenant);
        let rules = DoorRules { windows: tenant.windows_at_the_door(), identity: &tenant.identity, key };
        let records = merged_from(event).iter().chain([&event.record]);
        let mut doors = records.map(|key| at_door(known.get(key), event, &rules, now));
        doors.find(|door| *door != Door::Queue).unwrap_or(Door::Queue)
    }

    /// The flags of the records, in one eventually consistent read. If that fails everything goes to the worker,
    /// which decides anyway.
    async fn known(&self, due: &[DueEvent]) -> HashMap<RecordKey, Record> {
        let own = due.iter().map(|event| &event.record);
        let mut keys: Vec<RecordKey> = own.chain(due.iter().flat_map(merged_from)).cloned().collect();
        keys.sort_unstable();
        keys.dedup();
        self.records.read(&keys, Consistency::Eventual).await.unwrap_or_else(|error| {
            warn!(%error, "the gate can't read the records: everything is queued");
            HashMap::new()
        })
    }

    /// Notes that the CRM has a record no longer, and forgets whom it was about.
    async fn note_deletion(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.records.forget_undo(key, self.clock.now()).await?;
        for _ in 0..ERASE_ATTEMPTS_MAX {
            let read = self.records.read(std::slice::from_ref(key), Consistency::Strong).await?.remove(key);
            let Some(record) = read.filter(Record::ends_when_deleted) else { return Ok(()) };
            let gone = record.refused(RefuseReason::Gone, self.clock.now());
            if self.records.write(Step::Erase, gone).await?.is_some() {
                return Ok(());
            }
        }
        Err(StoreError::exhausted("noting a deletion", "a worker kept writing the record"))
    }
}

/// What was merged into the event's record.
fn merged_from(event: &DueEvent) -> &[RecordKey] {
    match &event.cause {
        Cause::Merged { from } => from,
        Cause::Created | Cause::Changed { .. } | Cause::Edited => &[],
    }
}

/// One request for each record, however many events tell of it. Whether there was one already.
fn add(requests: &mut BTreeMap<RecordKey, EnrichmentRequest>, request: EnrichmentRequest) -> bool {
    let first = requests.remove(&request.record);
    let repeated = first.is_some();
    let both = first.map_or_else(|| request.clone(), |first| first.joined(&request));
    requests.insert(request.record, both);
    repeated
}

/// The events of a delivery, by what is to be done.
#[derive(Default)]
struct Sorted {
    /// Creations first, so that they speak for their record.
    due: Vec<DueEvent>,
    erasures: Vec<RecordKey>,
    /// Without those whose person asked to be forgotten: a CRM may tell of these as deleted as well.
    deletions: Vec<RecordKey>,
}

fn sort(events: Vec<CrmEvent>, accepted: &mut Accepted) -> Sorted {
    let mut sorted = Sorted::default();
    for event in events {
        match event {
            CrmEvent::Due(event) => sorted.due.push(event),
            CrmEvent::PrivacyDeletion(record) => sorted.erasures.push(record),
            CrmEvent::Deletion(record) => sorted.deletions.push(record),
            CrmEvent::Other => accepted.other += 1,
        }
    }
    (accepted.erased, accepted.deleted) = (sorted.erasures.len(), sorted.deletions.len());
    sorted.due.sort_by_key(|event| event.cause != Cause::Created);
    for keys in [&mut sorted.erasures, &mut sorted.deletions] {
        keys.sort_unstable();
        keys.dedup();
    }
    sorted.deletions.retain(|key| !sorted.erasures.contains(key));
    sorted
}
