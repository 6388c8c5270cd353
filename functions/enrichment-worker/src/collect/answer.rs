//! What an answer that has arrived means for its record: what is written of it, and who is asked next.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::config::ProviderConnection;
use leadgate_enrichment::ids::ProviderName;
use leadgate_enrichment::lead::patch::{Patch, patch_from};
use leadgate_enrichment::lead::record::{AskedOf, Candidate, Record, Said};
use leadgate_enrichment::outcome::DeferReason;
use leadgate_enrichment::person::{Profile, ProfileField};
use leadgate_enrichment::provider::Collected;
use leadgate_enrichment::purchase::asynchronous::{Answers, arrived};

use crate::batch::Batch;
use crate::claim::UNKNOWNS_MAX;
use crate::defer::{PROVIDER_PAUSE, next_grant, park_the_rest_of};

/// What has become of what one record awaited.
pub(super) struct Answer {
    /// What has arrived.
    profile: Option<Profile>,
    /// Set where it is all that the provider says of the person.
    of_the_person: Option<Person>,
}

/// Why the provider may be asked once more.
#[derive(Clone, Copy, PartialEq)]
enum NotCarriedOut {
    /// The credits had run out by then.
    Unpaid,
    /// The answer to the call was lost, and the provider tells nothing of it.
    Lost,
}

/// What a provider has found out of a person.
struct Person {
    said: Result<Said, NotCarriedOut>,
    /// Nobody else knows the person.
    is_unknown_else: bool,
}

impl Answer {
    /// Of this record.
    pub(super) fn of(record: &Record, answers: &Answers) -> Self {
        let Some(awaited) = &record.awaited else { return Self { profile: None, of_the_person: None } };
        let profile = arrived(awaited, answers).cloned();
        let unpaid = |unpaid: &BTreeSet<String>| unpaid.contains(awaited.person.as_str());
        let said = match answers.get(&awaited.request) {
            Some(Collected::Arrived { unpaid: people, .. }) if unpaid(people) => Err(NotCarriedOut::Unpaid),
            Some(Collected::Arrived { .. }) if profile.is_some() => Ok(Said::Hit),
            Some(Collected::Arrived { .. }) => Ok(Said::Miss),
            _ if awaited.request.is_lost() && record.unknowns < UNKNOWNS_MAX => Err(NotCarriedOut::Lost),
            _ => Ok(Said::Unknown),
        };
        let of_the_person = awaited.is_of_the_person().then(|| record.pending_answer()).flatten();
        let of_the_person = of_the_person.map(|_| Person { said, is_unknown_else: is_unknown(record) });
        Self { profile, of_the_person }
    }

    /// Whether it is all that the provider says of the person.
    pub(super) fn is_of_the_person(&self) -> bool {
        self.of_the_person.is_some()
    }

    /// The record, which says now what the provider has found out.
    pub(super) fn noted(&self, record: Record, now: Timestamp) -> Record {
        match &self.of_the_person {
            Some(person) => record.answered(person.said.ok(), now),
            None => record,
        }
    }

    /// The record, once what has arrived is dealt with: where another provider may have what hasn't, it waits for that in
    /// parking, where it is found whatever becomes of this run.
    pub(super) fn for_the_next_step(
        &self,
        batch: &Batch<'_>,
        provider: &ProviderConnection,
        record: Record,
        is_written: bool,
    ) -> Record {
        let has_another = || self.has_another_step(batch, provider, &record);
        if record.erased_at.is_some() || !(record.state.is_written() || record.state.is_bought()) {
            return Record { awaited: None, ..record };
        }
        // Its worker is gone. What it bought of others is written by the next one, which parks it then.
        if record.state.is_bought() {
            let goes_on = record.candidate.is_some() || (self.is_of_the_person() && has_another());
            let owed = if goes_on { Some(DeferReason::NextStep) } else { record.owed };
            return Record { awaited: None, owed, ..record };
        }
        if record.candidate.is_some() {
            let owed = Some(DeferReason::NextStep);
            return park_the_rest_of(batch, Record { awaited: None, owed, ..record }, None);
        }
        let is_hit = |person: &Person| person.said == Ok(Said::Hit);
        match &self.of_the_person {
            Some(person) if person.is_unknown_else && !is_hit(person) => {
                let (now, unpaid) = (batch.now(), person.said == Err(NotCarriedOut::Unpaid));
                let (reason, pause) = match unpaid {
                    true => (DeferReason::ProviderOutOfCredits, PROVIDER_PAUSE),
                    false => (DeferReason::NextStep, Duration::ZERO),
                };
                let not_before = later(now, pause);
                let until = if unpaid { not_before } else { next_grant(batch) };
                return record.to_be_asked_on(reason, not_before, until, now);
            }
            None if is_written => return record,
            _ => {}
        }
        let collected = Record { awaited: None, ..record };
        if !self.has_another_step(batch, provider, &collected) {
            return collected;
        }
        park_the_rest_of(batch, Record { owed: Some(DeferReason::NextStep), ..collected }, None)
    }

    /// Whether another provider may be asked for something that hasn't arrived: what this one was asked for, or what was left
    /// for later while that was on its way.
    fn has_another_step(&self, batch: &Batch<'_>, provider: &ProviderConnection, record: &Record) -> bool {
        let asked = |name: &ProviderName, field: &ProfileField| {
            let progress = record.progress.iter().flat_map(|progress| &progress.asked);
            progress
                .filter(|asked| asked.provider == *name && asked.is_of_the_person())
                .any(|asked| asked.said != Said::Hit || asked.fields.contains(field))
        };
        let has_arrived = |field: &ProfileField| self.profile.as_ref().is_some_and(|it| it.get(*field).is_some());
        // By whichever route: which one it takes is seen when the CRM is read.
        batch.tenant.waterfalls().flat_map(|waterfall| &waterfall.steps).any(|step| {
            let was_left =
                batch.tenant.provider_named(step.provider.as_str()).is_some_and(ProviderConnection::answers_later);
            let mut fields = step
                .fields
                .iter()
                .filter(|field| (was_left || provider.asynchronous.contains_key(field)) && !has_arrived(field));
            step.provider != provider.name() && fields.any(|field| !asked(&step.provider, field))
        })
    }
}

/// Whether no provider has said yet that it knows the person.
fn is_unknown(record: &Record) -> bool {
    let mut asked = record.progress.iter().flat_map(|progress| &progress.asked);
    asked.all(|asked| asked.said != Said::Hit || !asked.is_of_the_person())
}

/// The record with what has arrived for it, if there is something to say.
pub(super) fn patched(
    batch: &Batch<'_>,
    provider: &ProviderConnection,
    record: &Record,
    answers: &Answers,
) -> Option<Record> {
    let awaited = record.awaited.as_ref().filter(|awaited| !awaited.written && record.erased_at.is_none())?;
    let mut profile = arrived(awaited, answers)?.clone();
    if is_checked(batch, &profile) {
        profile.forget(&[ProfileField::Email, ProfileField::EmailStatus]);
    }
    let patch = patch_from(&batch.tenant.fields, &profile);
    let (patch, last_enriched) = match awaited.is_of_the_person() {
        // The date of enrichment was written with what came at once.
        false => (patch, None),
        // The record may be about someone else by now.
        true => of_the_person(batch, record, record.pending_answer()?, patch),
    };
    let is_first = batch.tenant.is_first(provider);
    let told_by = patch.keys().filter(|_| !is_first).map(|property| (property.clone(), provider.name())).collect();
    (!patch.is_empty()).then(|| Record { patch, told_by, last_enriched, ..record.clone() })
}

/// Whether the address of what has arrived is checked before it is written.
fn is_checked(batch: &Batch<'_>, profile: &Profile) -> bool {
    batch.tenant.waterfall.verifier.is_some() && !profile.has_verified_email()
}

/// The address that has arrived for a record and is to be checked, unless it was and is not good enough.
pub(super) fn candidate(
    batch: &Batch<'_>,
    provider: &ProviderConnection,
    record: &Record,
    answers: &Answers,
) -> Option<Candidate> {
    let profile = arrived(record.awaited.as_ref()?, answers)?;
    let progress = record.progress.as_ref().filter(|_| is_checked(batch, profile) && record.erased_at.is_none())?;
    let candidate = Candidate::of(profile, provider.name(), &progress.about)?;
    record.checked_before(&candidate.address, &batch.fingerprints).is_none().then_some(candidate)
}

/// What is written of a person, and the date with it. Once another provider knows the person, this one is heard about what it
/// was asked for alone, and the date has been written.
fn of_the_person(
    batch: &Batch<'_>,
    record: &Record,
    pending: &AskedOf,
    mut patch: Patch,
) -> (Patch, Option<Timestamp>) {
    if is_unknown(record) {
        return (patch, record.last_enriched);
    }
    let is_asked = |field: ProfileField| pending.fields.contains(&field.says_something_of().unwrap_or(field));
    patch.retain(|property, _| {
        batch.tenant.fields.iter().any(|field| field.property == *property && is_asked(field.from))
    });
    (patch, None)
}
