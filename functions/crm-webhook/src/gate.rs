//! The gate at the door, and the way to the queue.

use std::collections::{BTreeMap, HashMap};

use leadgate_aws::error::StoreError;
use leadgate_aws::records::Consistency;
use leadgate_aws::usage::Step;
use leadgate_connectors::crm::hubspot::webhook::Events;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::event::{Cause, CrmEvent, DueEvent};
use leadgate_enrichment::gate::{Door, at_door};
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::record::Record;
use leadgate_enrichment::request::EnrichmentRequest;
use tracing::warn;

use crate::CrmWebhook;
use crate::answer::Answer;

/// Of the events of one delivery that can't be read, so many are described in the log.
const UNREADABLE_LOGGED_MAX: usize = 5;
/// How often the note of an erasure is tried while a worker keeps writing the record.
const ERASE_ATTEMPTS_MAX: usize = 5;

impl CrmWebhook {
    /// Queues what is due. An error means that HubSpot must deliver again: what is on the queue already is then
    /// queued twice, and the till sees to it that this costs nothing.
    pub(crate) async fn accept(&self, tenant: &Tenant, events: Events) -> Result<Answer, StoreError> {
        let Events { read, unreadable } = events;
        let all = read.len() + unreadable.len();
        let mut answer = Answer { events: all, unreadable: unreadable.len(), ..Answer::default() };
        for error in unreadable.iter().take(UNREADABLE_LOGGED_MAX) {
            warn!(tenant = %tenant.id, %error, "an event can't be read, and is left out");
        }
        let (due, erasures) = sort(read, &mut answer);
        for key in &erasures {
            self.note_erasure(key).await?;
        }
        let known = self.known(&due).await;
        let mut requests: BTreeMap<RecordKey, EnrichmentRequest> = BTreeMap::new();
        for event in due {
            match self.door(tenant, &known, &event) {
                Door::Queue => answer.repeated += usize::from(add(&mut requests, event.into())),
                Door::Fresh => answer.fresh += 1,
                Door::InFlight => answer.in_flight += 1,
                Door::Echo => answer.echo += 1,
                Door::Erased => answer.erased += 1,
            }
        }
        let requests: Vec<EnrichmentRequest> = requests.into_values().collect();
        self.queue.send(&requests).await?;
        answer.queued = requests.len();
        Ok(answer)
    }

    fn door(&self, tenant: &Tenant, known: &HashMap<RecordKey, Record>, event: &DueEvent) -> Door {
        let now = self.clock.now();
        let records = merged_from(event).iter().chain([&event.record]);
        let mut doors = records.map(|key| at_door(known.get(key), event, tenant.windows, &tenant.identity, now));
        doors.find(|door| *door != Door::Queue).unwrap_or(Door::Queue)
    }

    /// The flags of the records, in one eventually consistent read. If that fails everything goes to the till, which
    /// decides anyway.
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

    /// Notes that a person asked to be forgotten: from here on the record is neither enriched nor written.
    async fn note_erasure(&self, key: &RecordKey) -> Result<(), StoreError> {
        for _ in 0..ERASE_ATTEMPTS_MAX {
            let read = self.records.read(std::slice::from_ref(key), Consistency::Strong).await?.remove(key);
            let record = read.unwrap_or_else(|| Record::new(key.clone(), self.clock.now()));
            if record.erased_at.is_some() {
                return Ok(());
            }
            let noted = record.erasure_noted(self.clock.now());
            if self.records.write(Step::Erase, noted).await?.is_some() {
                return Ok(());
            }
        }
        Err(StoreError::exhausted("noting an erasure", "a worker kept writing the record"))
    }
}

/// What was merged into the event's record.
fn merged_from(event: &DueEvent) -> &[RecordKey] {
    match &event.cause {
        Cause::Merged { from } => from,
        Cause::Created | Cause::Changed { .. } => &[],
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

/// What is due, creations first so that they speak for their record, and whom to forget.
fn sort(events: Vec<CrmEvent>, answer: &mut Answer) -> (Vec<DueEvent>, Vec<RecordKey>) {
    let (mut due, mut erasures) = (Vec::new(), Vec::new());
    for event in events {
        match event {
            CrmEvent::Due(event) => due.push(event),
            CrmEvent::PrivacyDeletion(record) => erasures.push(record),
            CrmEvent::Other => answer.other += 1,
        }
    }
    answer.erased = erasures.len();
    due.sort_by_key(|event| event.cause != Cause::Created);
    (due, erasures)
}
