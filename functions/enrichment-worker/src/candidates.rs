//! Candidates, whom a search has found: each is bought by the provider's id as a record of its own, and what was bought then
//! becomes that of the CRM's record of the person, which is found or created by the address that was bought.
//!
//! | step | dies right after | the next worker |
//! | --- | --- | --- |
//! | keep (see `keep`) | the candidate has what was bought, and who it is | goes on with the next step |
//! | say that the person is known | who asks about the address buys nothing | says it again |
//! | find or create (see `new_leads`) | the CRM has the record | finds the same record |
//! | pass on | the CRM's record is bought, and names the same purchase | finds it so, and writes it |
//! | write back | the CRM has it | finds it written, and closes the candidate |
//! | close | the candidate is done | ends as fresh |
//!
//! The message about the candidate stays on the queue until the last of them, so that no other message is needed.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures_util::future::join_all;
use leadgate_aws::answers::{About, Known, Whose};
use leadgate_aws::error::StoreError;
use leadgate_aws::table::Consistency;
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::{days, later, until};
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::ids::{ProviderName, RecordKey, RequestId};
use leadgate_enrichment::lead::candidate::fingerprint_of;
use leadgate_enrichment::lead::gate::{Standing, at_worker};
use leadgate_enrichment::lead::new_lead::Person;
use leadgate_enrichment::lead::record::{PersonAsked, Record, State};
use leadgate_enrichment::lead::request::{EnrichmentRequest, Source};
use leadgate_enrichment::outcome::{FailReason, Outcome, RefuseReason};
use leadgate_enrichment::person::{Profile, ProfileField};
use leadgate_enrichment::provider::Answer;
use leadgate_enrichment::purchase::settlement::LineEnd;
use leadgate_enrichment::retry::Retry;
use leadgate_purchase::look_up::Call;
use tracing::warn;

use crate::batch::Batch;
use crate::claim::{self, AFTER_A_CLAIM, Due};
use crate::new_leads::{self, End};
use crate::outcomes::{Outcomes, step};
use crate::price::Wanted;
use crate::turn::Turn;

/// For how long it is said that the person of a candidate is known: until the CRM has told of the record that it has created
/// for them, and our own record of it stands. Not longer: it is personal.
const KNOWN_FOR: Duration = Duration::from_secs(15 * 60);

/// For how long it is said who a candidate is whom another worker has claimed while the person was bought as a lead. Should
/// that worker be dead, its message has come again by then.
const KNOWN_TO_A_CANDIDATE: Duration = days(1);

/// What is to be written, and which candidates end with it.
#[derive(Default)]
pub(crate) struct PassedOn {
    /// Records of the CRM.
    pub(crate) to_write: Vec<Record>,
    /// Each with the CRM's record that it has become.
    candidates: Vec<(Record, RecordKey)>,
}

/// What becomes of one candidate.
enum Next {
    /// This record of the CRM has it, and is to be written.
    Write(Box<Record>),
    /// This one was enriched lately: what was bought for the candidate tells it nothing more.
    Done(RecordKey),
    /// Nothing more is to be done about it.
    Close(Box<Record>, Outcome),
    /// An operator has to mend something first.
    DeadLetter(&'static str),
    /// The message stays on the queue.
    Back(&'static str, Duration),
}

impl PassedOn {
    /// Of those that were bought: the CRM's records as they are, and for each candidate the CRM's record that it is.
    pub(crate) async fn of(batch: &Batch<'_>, outcomes: &mut Outcomes<'_>, bought: Vec<Record>) -> Self {
        let (candidates, to_write) = bought.into_iter().partition(|record: &Record| record.key.candidate().is_some());
        let mut passed_on = Self { to_write, candidates: Vec::new() };
        for candidate in candidates {
            passed_on.add(batch, outcomes, candidate).await;
        }
        passed_on
    }

    async fn add(&mut self, batch: &Batch<'_>, outcomes: &mut Outcomes<'_>, candidate: Record) {
        let next = match become_a_record(batch, outcomes, &candidate).await {
            Ok(next) => next,
            Err(error) => return outcomes.give_back_after([&candidate.key], &error),
        };
        match next {
            Next::Write(record) if self.to_write.iter().any(|other| other.key == record.key) => {
                // Two candidates are one person: the other goes first.
                outcomes.give_back_claimed(&candidate.key, "another candidate is the same person", Retry::Backoff);
            }
            Next::Write(record) => {
                self.candidates.push((candidate, record.key.clone()));
                self.to_write.push(*record);
            }
            Next::Done(record) => {
                outcomes.end(&record, Outcome::WrittenBack { fields: 0 });
                self.candidates.push((candidate, record));
            }
            Next::Close(record, outcome) => outcomes.write_and_end(Step::Close, vec![(*record, outcome)]).await,
            Next::DeadLetter(reason) => outcomes.end(&candidate.key, Outcome::DeadLettered { reason }),
            Next::Back(reason, after) => outcomes.give_back(&candidate.key, reason, after),
        }
    }

    /// Closes the candidates whose records of the CRM have ended. The others come again.
    pub(crate) async fn close(self, batch: &Batch<'_>, outcomes: &mut Outcomes<'_>) {
        let now = batch.now();
        let mut closed = Vec::new();
        for (candidate, record) in self.candidates {
            match outcomes.of_record(&record) {
                Some(Outcome::Returned { .. } | Outcome::Postponed { .. } | Outcome::DeadLettered { .. }) | None => {
                    let reason = "what was bought for it is not in the CRM yet";
                    outcomes.give_back_claimed(&candidate.key, reason, Retry::Backoff);
                }
                Some(outcome) => closed.push((candidate.passed_on(now), outcome.clone())),
            }
        }
        outcomes.write_and_end(Step::Close, closed).await;
    }
}

async fn become_a_record(
    batch: &Batch<'_>,
    outcomes: &mut Outcomes<'_>,
    candidate: &Record,
) -> Result<Next, StoreError> {
    let now = batch.now();
    let close = |record: Record, outcome| Ok(Next::Close(Box::new(record), outcome));
    let Some(person) = &candidate.person else {
        return close(candidate.clone().passed_on(now), Outcome::Failed(FailReason::NoAddress));
    };
    say_that_they_are_known(batch, candidate, person).await?;
    let found = match new_leads::find_or_create_one(batch, &person.fingerprint(&batch.fingerprints), person).await {
        Ok(record) => record,
        Err(End::Erased) => {
            // Under the provider's id as well, so that they are not bought again.
            if let Some(name) = &candidate.provider_id {
                batch.worker.records.forget(&batch.tenant.id, name).await?;
            }
            let reason = RefuseReason::Erased;
            let erased = candidate.clone().erasure_noted(now).refused(reason, now);
            return close(erased, Outcome::Refused(reason));
        }
        // What was bought stays with the candidate until somebody mends it.
        Err(End::DeadLettered { reason }) => return Ok(Next::DeadLetter(reason)),
        Err(End::HandedOn(record)) => record,
        Err(End::Postponed { reason, after } | End::Returned { reason, after }) => {
            return Ok(Next::Back(reason, after));
        }
    };
    pass_on(batch, outcomes, candidate, person, found).await
}

/// The person is known by their address from here on, so that whoever asks about it at this moment buys nothing. It is said
/// before the CRM has a record that it could tell of.
async fn say_that_they_are_known(batch: &Batch<'_>, candidate: &Record, person: &Person) -> Result<(), StoreError> {
    let Some(whose) = whose(batch, candidate) else { return Ok(()) };
    let mut profile = Profile::default();
    for field in batch.tenant.fields.iter() {
        profile.set(field.from, candidate.patch.get(&field.property));
    }
    profile.set(ProfileField::Email, Some(person.email()));
    say_who_it_is(batch, whose, person.fingerprint(&batch.fingerprints), profile, KNOWN_FOR).await
}

/// Says what is known of the person with this name, so that whoever asks about them within this time buys nothing.
async fn say_who_it_is(
    batch: &Batch<'_>,
    whose: Whose<'_>,
    name: Fingerprint,
    profile: Profile,
    lasts: Duration,
) -> Result<(), StoreError> {
    let about = About::Person(PersonAsked::at_all(name));
    let until = later(batch.now(), lasts);
    batch.worker.answers.keep(whose, &about, &Known::Hit(profile), until, &batch.fingerprints.sealing()).await
}

fn whose<'a>(batch: &Batch<'a>, candidate: &Record) -> Option<Whose<'a>> {
    let (provider, _) = candidate.key.candidate()?;
    Some(Whose::of(batch.tenant, batch.tenant.provider_named(provider.as_str())?))
}

/// The CRM's record with what was bought, as if it had been bought for it.
async fn pass_on(
    batch: &Batch<'_>,
    outcomes: &mut Outcomes<'_>,
    candidate: &Record,
    person: &Person,
    key: RecordKey,
) -> Result<Next, StoreError> {
    let read = batch.worker.records.read(std::slice::from_ref(&key), Consistency::Strong).await?.remove(&key);
    let request = request(candidate, &key, batch);
    let now = batch.now();
    let in_line = match at_worker(read.as_ref(), &request, batch.tenant.windows, now) {
        Standing::InFlight(end) => {
            return Ok(Next::Back("its record is being worked on", until(now, end) + AFTER_A_CLAIM));
        }
        Standing::Ended(Outcome::Deferred { .. }) | Standing::Parked(_) => true,
        Standing::Ended(Outcome::Refused(reason)) => {
            let refused = candidate.clone().refused(reason, now);
            return Ok(Next::Close(Box::new(refused), Outcome::Refused(reason)));
        }
        Standing::Ended(_) => return Ok(Next::Done(key)),
        Standing::Abandoned(_) | Standing::Due => false,
    };
    let due = match (in_line, read) {
        // It waits for what is there now.
        (true, Some(record)) => vec![Due { request, record }],
        _ => {
            let requests = BTreeMap::from([(key.clone(), vec![request])]);
            let found = claim::find(batch, outcomes, &requests).await;
            if let Some(record) = found.bought.into_iter().next() {
                return Ok(Next::Write(Box::new(record)));
            }
            found.due
        }
    };
    let Some(due) = claim::settle_open(batch, outcomes, due).await.into_iter().next() else {
        return Ok(Next::Back("its record is not free yet", AFTER_A_CLAIM));
    };
    let name = person.fingerprint(&batch.fingerprints);
    let times = (name, batch.invocation.claim_until());
    let record = due.record.taken_from(candidate, times, now);
    match step(batch, Step::Keep, record).await {
        Ok(record) => Ok(Next::Write(Box::new(record))),
        Err((_, crate::outcomes::StepFailure::Store(error))) => Err(error),
        Err(_) => Ok(Next::Back("another worker got to its record first", AFTER_A_CLAIM)),
    }
}

/// What stands for the candidate at the CRM's record: as new as it is, and about a person who may have been unknown before.
fn request(candidate: &Record, key: &RecordKey, batch: &Batch<'_>) -> EnrichmentRequest {
    EnrichmentRequest {
        request: RequestId::derive(key, &format!("candidate/{}", candidate.key)),
        record: key.clone(),
        source: Source::Change,
        occurred_at: batch.now(),
        not_before: None,
        queued_at: None,
        parked_since: None,
        bulk: true,
        found_for: candidate.found_for.clone(),
    }
}

/// What a person is remembered by as a candidate, by the id that came with what is known of them. Only where candidates are
/// bought of this provider: it takes a write.
pub(crate) fn name_of(batch: &Batch<'_>, turn: &Turn<'_>, profile: &Profile) -> Option<(RecordKey, Fingerprint)> {
    let provider: ProviderName = turn.provider.name();
    let is_searched = batch.tenant.icps.values().any(|icp| icp.provider == provider);
    let id = profile.id().filter(|_| is_searched)?;
    let key = RecordKey::of_candidate(&batch.tenant.id, &provider, id)?;
    let name = fingerprint_of(&key, &batch.fingerprints)?;
    Some((key, name))
}

/// Notes who was bought for records of the CRM, by the provider's ids: a search that finds them need not buy them again. If
/// it can't be noted they may be bought again, which is why nothing else waits for it.
pub(crate) async fn note(batch: &Batch<'_>, turn: &Turn<'_>, wanted: &[Wanted], call: &Call) {
    let now = batch.now();
    let known = wanted.iter().zip(&call.ends).filter_map(|(wanted, end)| match end {
        LineEnd::Answered(Answer::Hit(profile)) if wanted.record.key.candidate().is_none() => {
            let (key, name) = name_of(batch, turn, profile)?;
            let mut profile = profile.clone();
            if profile.get(ProfileField::Email).is_none() {
                profile.set(ProfileField::Email, wanted.identity.email.as_deref());
            }
            Some((key, (name, profile)))
        }
        _ => None,
    });
    let known: HashMap<RecordKey, (Fingerprint, Profile)> = known.collect();
    let new = known.iter().map(|(key, (name, _))| note_one(batch, Record::new(key.clone(), now), name));
    let mut lost = Vec::new();
    for ((key, _), noted) in known.iter().zip(join_all(new).await) {
        lost.extend((!noted).then(|| key.clone()));
    }
    if lost.is_empty() {
        return;
    }
    let there = batch.worker.records.read(&lost, Consistency::Strong).await.unwrap_or_else(|error| {
        warn!(tenant = %batch.tenant.id, %error, "who was bought could not be noted: a search may buy them again");
        HashMap::new()
    });
    let (claimed, there): (Vec<Record>, Vec<Record>) =
        there.into_values().partition(|record| record.state == State::Claimed);
    let at_rest = there.into_iter().filter(is_at_rest);
    let again = at_rest.filter_map(|record| Some(note_one(batch, record.clone(), &known.get(&record.key)?.0)));
    join_all(again.collect::<Vec<_>>()).await;
    let claimed = claimed.iter().filter_map(|record| known.get(&record.key));
    join_all(claimed.map(|(name, profile)| tell_the_claimed(batch, turn, name, profile))).await;
}

/// Whoever has claimed a candidate has to settle what was held for it, so that nothing may be written over it. Who goes on with
/// it, should that worker be dead, finds who it is, and buys nothing.
async fn tell_the_claimed(batch: &Batch<'_>, turn: &Turn<'_>, name: &Fingerprint, profile: &Profile) {
    let said = say_who_it_is(batch, turn.whose(batch), name.clone(), profile.clone(), KNOWN_TO_A_CANDIDATE);
    if let Err(error) = said.await {
        warn!(tenant = %batch.tenant.id, %error, "who was bought could not be noted: a search may buy them again");
    }
}

/// Whether it could be noted; not, if there is a record already that was read otherwise.
async fn note_one(batch: &Batch<'_>, record: Record, name: &Fingerprint) -> bool {
    let now = batch.now();
    let known = Record { provider_id: Some(name.clone()), ..record.satisfied(now, now) };
    match batch.worker.records.write(Step::Keep, known).await {
        Ok(noted) => noted.is_some(),
        Err(error) => {
            warn!(tenant = %batch.tenant.id, %error, "who was bought could not be noted: a search may buy them again");
            true
        }
    }
}

/// Whether nobody is at work on a candidate, and nothing that was bought for it waits to be passed on: one that is parked, say,
/// need not be paid for any more.
fn is_at_rest(candidate: &Record) -> bool {
    let is_open = matches!(candidate.state, State::Claimed | State::Bought | State::Refused { .. } | State::Noted);
    !is_open && candidate.patch.is_empty()
}
