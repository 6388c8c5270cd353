//! Those whom the CRM doesn't have. If the rule says so they are requested of the enrichment worker, once for each signal,
//! which finds or creates them there; then they are waited for. What a crash leaves is said in
//! [`requested`](leadgate_enrichment::enrolment::requested).

use std::collections::{HashMap, HashSet};

use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::until;
use leadgate_enrichment::config::NotInCrm;
use leadgate_enrichment::enrolment::requested::Requested;
use leadgate_enrichment::enrolment::{EnrolmentEnd, SkipReason};
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::lead::new_lead::{NewLead, Person};
use leadgate_enrichment::person::ProfileField;
use tracing::info;

use crate::batch::{Batch, Entry, Outcomes, in_turn, postponed};
use crate::call::TROUBLE;

/// Somebody who is told of by an address that the CRM doesn't have.
struct Absent<'m> {
    entry: Entry<'m>,
    email: String,
    /// The person and the signal: what is remembered of them is found by it.
    name: (Fingerprint, String),
}

/// Requests them or waits for them, as their rule says. Each is postponed or ends.
pub(crate) async fn request(batch: &Batch<'_>, absent: Vec<Entry<'_>>, outcomes: &mut Outcomes) {
    let (mut people, mut seen) = (Vec::new(), HashSet::new());
    for entry in absent {
        let absent = absent_person(batch, &entry).filter(|_| batch.rule.not_in_crm == NotInCrm::Request);
        match absent {
            Some(absent) if seen.insert(absent.name.clone()) => people.push(absent),
            Some(_) => outcomes.end(&entry, in_turn("another message about them comes first", TROUBLE)),
            None => outcomes.end(&entry, EnrolmentEnd::Skipped(SkipReason::NotInCrm)),
        }
    }
    if people.is_empty() {
        return;
    }
    if let Err(error) = Box::pin(request_or_wait(batch, &people, outcomes)).await {
        // What was requested and not written down is requested again, which does nothing.
        let open = people.iter().filter(|one| outcomes.of(one.entry.message, one.entry.subject).is_none());
        let open: Vec<Entry<'_>> = open.map(|one| one.entry).collect();
        open.iter().for_each(|entry| outcomes.end(entry, postponed(error.doing, TROUBLE)));
    }
}

fn absent_person<'m>(batch: &Batch<'_>, entry: &Entry<'m>) -> Option<Absent<'m>> {
    let email = entry.subject.email(&batch.tenant.id, &batch.key)?;
    let name = (batch.key.of(&email), entry.request.signal.clone());
    Some(Absent { entry: *entry, email, name })
}

async fn request_or_wait(batch: &Batch<'_>, people: &[Absent<'_>], outcomes: &mut Outcomes) -> Result<(), StoreError> {
    let (tenant, enrolments) = (&batch.tenant.id, &batch.worker.enrolments);
    let names: Vec<_> = people.iter().map(|one| one.name.clone()).collect();
    let remembered = enrolments.requested(tenant, &names).await?;
    let kept_out = kept_out(batch, people).await?;
    let mut new = Vec::new();
    for one in people {
        let before = remembered.get(&one.name);
        let reason = if batch.is_too_old(&one.entry) { Some(SkipReason::TooOld) } else { None };
        match (reason.or_else(|| kept_out.get(&one.name.0).copied()), before) {
            (Some(reason), _) => skip(batch, one, before, reason, outcomes).await?,
            (None, Some(before)) => wait(batch, one, before, outcomes).await?,
            (None, None) => new.push(one),
        }
    }
    request_all(batch, new, outcomes).await
}

/// Those who asked to be forgotten, and those for whom a signal says that nobody is to write to them: nothing is bought of them.
async fn kept_out(batch: &Batch<'_>, people: &[Absent<'_>]) -> Result<HashMap<Fingerprint, SkipReason>, StoreError> {
    let all: HashSet<Fingerprint> = people.iter().map(|one| one.name.0.clone()).collect();
    let forgotten = batch.worker.records.forgotten(&batch.tenant.id, &all).await?;
    let names: Vec<String> = all.iter().map(|person| person.as_str().to_owned()).collect();
    let stopped = batch.worker.enrolments.stopped(&batch.tenant.id, &names, batch.now()).await?;
    let reason = |person: Fingerprint| {
        let is_stopped = || stopped.contains(person.as_str()).then_some(SkipReason::Stopped);
        let reason = if forgotten.contains(&person) { Some(SkipReason::Erased) } else { is_stopped() };
        Some((person, reason?))
    };
    Ok(all.into_iter().filter_map(reason).collect())
}

/// Requests them, and then writes down that they are.
async fn request_all(batch: &Batch<'_>, new: Vec<&Absent<'_>>, outcomes: &mut Outcomes) -> Result<(), StoreError> {
    let mut requests = Vec::new();
    for one in &new {
        match request_of(batch, one) {
            Some(request) => requests.push(request),
            None => outcomes.end(&one.entry, EnrolmentEnd::Skipped(SkipReason::NotInCrm)),
        }
    }
    if requests.is_empty() {
        return Ok(());
    }
    batch.worker.requests.send_new_leads(&requests).await?;
    for one in new {
        if outcomes.of(one.entry.message, one.entry.subject).is_some() {
            continue;
        }
        info!(tenant = %batch.tenant.id, signal = one.name.1, "somebody whom the CRM doesn't have was requested");
        let requested = Requested::now(batch.now());
        keep(batch, one, (None, &requested), outcomes).await?;
    }
    Ok(())
}

fn request_of(batch: &Batch<'_>, Absent { entry, email, .. }: &Absent<'_>) -> Option<NewLead> {
    let person = Person::read([(ProfileField::Email, email.clone())])?;
    let request = entry.request;
    NewLead::of_signal(&batch.tenant.id, &request.signal, &person, request.arrived_at, &batch.key)
}

/// Waits for somebody who was requested, unless that has been for long enough.
async fn wait(
    batch: &Batch<'_>,
    one: &Absent<'_>,
    before: &Requested,
    outcomes: &mut Outcomes,
) -> Result<(), StoreError> {
    let now = batch.now();
    if before.ended.is_some() {
        outcomes.end(&one.entry, EnrolmentEnd::Skipped(SkipReason::NotInCrmInTime));
        return Ok(());
    }
    // Another message, or another person of the same, has come sooner.
    if now < before.next_at {
        outcomes.end(&one.entry, waiting(batch, before));
        return Ok(());
    }
    let requested = before.clone().looked_in_vain(now);
    keep(batch, one, (Some(before), &requested), outcomes).await
}

/// Ends somebody without an enrolment, which is remembered if they were requested.
async fn skip(
    batch: &Batch<'_>,
    one: &Absent<'_>,
    before: Option<&Requested>,
    reason: SkipReason,
    outcomes: &mut Outcomes,
) -> Result<(), StoreError> {
    match before.filter(|before| before.ended.is_none()) {
        Some(before) => {
            let ended = before.clone().skipped(reason);
            let written = write(batch, one, (Some(before), &ended)).await?;
            let end = if written { EnrolmentEnd::Skipped(reason) } else { another_wrote_first() };
            outcomes.end(&one.entry, end);
        }
        None => outcomes.end(&one.entry, EnrolmentEnd::Skipped(reason)),
    }
    Ok(())
}

async fn keep(
    batch: &Batch<'_>,
    one: &Absent<'_>,
    (before, requested): (Option<&Requested>, &Requested),
    outcomes: &mut Outcomes,
) -> Result<(), StoreError> {
    let end = match write(batch, one, (before, requested)).await? {
        false => another_wrote_first(),
        true if requested.ended.is_some() => EnrolmentEnd::Skipped(SkipReason::NotInCrmInTime),
        true => waiting(batch, requested),
    };
    outcomes.end(&one.entry, end);
    Ok(())
}

async fn write(
    batch: &Batch<'_>,
    one: &Absent<'_>,
    change: (Option<&Requested>, &Requested),
) -> Result<bool, StoreError> {
    batch.worker.enrolments.write_requested(&batch.tenant.id, &one.name, change, batch.now()).await
}

fn waiting(batch: &Batch<'_>, requested: &Requested) -> EnrolmentEnd {
    postponed(
        "they were requested, and the CRM doesn't have them yet",
        until(batch.now(), requested.next_at).max(TROUBLE),
    )
}

fn another_wrote_first() -> EnrolmentEnd {
    in_turn("another worker wrote first", TROUBLE)
}
