//! Keeping what came back: each record says what was bought for it and what it cost, before anything is settled. The same
//! write says whether another provider is asked next.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use jiff::Timestamp;
use leadgate_aws::table::Consistency;
use leadgate_aws::usage::Step;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::ids::{ProviderName, PurchaseId, RecordKey};
use leadgate_enrichment::lead::new_lead::Person;
use leadgate_enrichment::lead::patch::{Patch, patch_from};
use leadgate_enrichment::lead::record::{AskedOf, Awaited, Candidate, Decided, Record, Rejection, Rest, Said, State};
use leadgate_enrichment::outcome::{DeferReason, RefuseReason};
use leadgate_enrichment::person::{Profile, ProfileField};
use leadgate_enrichment::provider::{Answer, AsynchronousId};
use leadgate_enrichment::purchase::settlement::LineEnd;
use leadgate_enrichment::retry::Retry;
use leadgate_purchase::look_up::Call;
use tracing::error;

use crate::batch::Batch;
use crate::candidates;
use crate::employers::Employers;
use crate::outcomes::{Outcomes, StepFailure, step};
use crate::price::Wanted;
use crate::turn::Turn;

/// Writes down, record by record, what came back. `None` when the store failed for one of them.
pub(crate) async fn keep(
    batch: &Batch<'_>,
    turn: &Turn<'_>,
    outcomes: &mut Outcomes<'_>,
    wanted: &[Wanted],
    call: &Call,
    costs: &[Option<Amounts>],
    employers: &Employers,
) -> Option<Vec<Record>> {
    let now = batch.now();
    let steps = wanted.iter().enumerate().zip(costs).map(|((i, wanted), cost)| Came {
        wanted,
        end: &call.ends[i],
        asynchronous: call.asynchronous[i].as_ref(),
        paid_by: Some(&turn.purchase),
        cost: cost.clone().unwrap_or_default(),
        employer: employers.of(wanted),
    });
    let steps = join_all(steps.map(|came| keep_one(batch, turn, came, now))).await;
    let steps: Vec<_> = steps.into_iter().flatten().collect();
    let failed = steps.iter().any(|step| matches!(step, Err((_, StepFailure::Store(_)))));
    let kept = outcomes.done(steps);
    if failed {
        error!(purchase = %turn.purchase, "what was bought could not be kept: its hold stays open");
        for wanted in wanted {
            outcomes.give_back_claimed(&wanted.record.key, "what was bought could not be kept", Retry::Backoff);
        }
        return None;
    }
    Some(kept)
}

/// Writes down an answer that was known already: it costs nothing.
pub(crate) async fn keep_known(
    batch: &Batch<'_>,
    turn: &Turn<'_>,
    wanted: &Wanted,
    end: &LineEnd,
    now: Timestamp,
) -> Option<Result<Record, (RecordKey, StepFailure)>> {
    let cost = Amounts::default();
    let came = Came { wanted, end, asynchronous: None, paid_by: None, cost, employer: None };
    keep_one(batch, turn, came, now).await
}

/// Writes down what came back for one record; `None` when nothing did. An erasure may be noted while the provider is
/// asked: what is personal is not kept then, but what was paid for it is, and what is still to be paid for.
async fn keep_one(
    batch: &Batch<'_>,
    turn: &Turn<'_>,
    came: Came<'_>,
    now: Timestamp,
) -> Option<Result<Record, (RecordKey, StepFailure)>> {
    let kept = with_what_came(batch, turn, &came, came.wanted.record.clone(), now)?;
    let (key, failure) = match step(batch, Step::Keep, kept).await {
        Ok(record) => return Some(Ok(record)),
        Err((key, StepFailure::Lost)) => (key, StepFailure::Lost),
        failed => return Some(failed),
    };
    let read = batch.worker.records.read(std::slice::from_ref(&key), Consistency::Strong).await;
    let there = match read {
        Ok(mut records) => records.remove(&key),
        Err(error) => return Some(Err((key, StepFailure::Store(error)))),
    };
    // Of one that an earlier turn has bought something for, the patch is there already.
    let is_ours = |there: &Record| {
        matches!(there.state, State::Claimed | State::Bought) && there.purchase() == Some(&batch.purchase)
    };
    let ours = there.filter(is_ours);
    match ours.and_then(|there| with_what_came(batch, turn, &came, there, now)) {
        Some(kept) => {
            // Noted while the provider was asked: only here is it known who it is.
            let person = came.wanted.identity.person_fingerprint(&batch.fingerprints);
            if kept.erased_at.is_some()
                && let Err(error) = batch.worker.records.forget(&batch.tenant.id, &person).await
            {
                return Some(Err((key, StepFailure::Store(error))));
            }
            Some(step(batch, Step::Keep, kept).await)
        }
        None => Some(Err((key, failure))),
    }
}

/// The record with what came back for it.
fn with_what_came(
    batch: &Batch<'_>,
    turn: &Turn<'_>,
    came: &Came<'_>,
    record: Record,
    now: Timestamp,
) -> Option<Record> {
    let Came { wanted, end, cost, .. } = came;
    let said = match end {
        LineEnd::Answered(answer) => Said::from(answer),
        LineEnd::Invalid => Said::Miss,
        LineEnd::Unknown | LineEnd::NotAsked => return None,
    };
    let is_first_answer = !record.was_asked_under_its_claim();
    let record = match batch.tenant.is_waterfall() || matches!(said, Said::Suppressed | Said::Pending) {
        true => record.asked_of(&wanted.described, came.asked_of(batch, said, now)),
        false => record,
    };
    let rest = came.rest(batch, turn);
    let is_awaited = matches!(rest, Rest::Awaited(_));
    let taken = came.taken(batch, turn, &record);
    let record = match &taken {
        Some(taken) => taken.noted(batch, record, now),
        None => record,
    };
    let patch = taken.as_ref().map_or_else(|| record.patch.clone(), |taken| taken.patch_of(&record));
    let after = Record { patch, ..record.clone() };
    let goes_on = wanted.next_ask(batch, &after, end, is_awaited).is_some();
    let left_out = wanted.left_out(batch, &after, end, is_awaited).filter(|_| !goes_on).map(|(_, reason)| reason);
    let (is_erased, hops) = (record.erased_at.is_some(), record.hops);
    let kept = match (taken, end) {
        (Some(Taken { patch, told_by, .. }), _) => {
            let bought = Record { told_by, ..record.bought(patch, cost.clone(), rest, now) };
            let bought = if turn.checks { bought } else { came.of_the_person(batch, turn, bought) };
            let owed = if goes_on { Some(DeferReason::NextStep) } else { bought.owed.or(left_out) };
            Record { owed, ..bought }
        }
        (None, LineEnd::Answered(Answer::Suppressed)) => record.refused(RefuseReason::Suppressed, now),
        (None, LineEnd::Answered(Answer::Pending(_))) => match rest {
            Rest::Awaited(awaited) => record.pending(awaited, now),
            Rest::None | Rest::Owed(_) => return None,
        },
        _ if left_out.is_some() && record.state.is_bought() => Record { owed: left_out, ..record.missed(now) },
        _ if goes_on || left_out.is_some() => record.missed(now),
        _ => came.of_the_last_miss(batch, record, now),
    };
    // However many providers are asked under one claim, the record has come round once.
    let kept = if is_first_answer { kept } else { Record { hops, ..kept } };
    Some(if is_erased {
        Record {
            asked: None,
            bought_for: None,
            charged_at: None,
            progress: None,
            rejected: Vec::new(),
            ..kept.refused(RefuseReason::Erased, now)
        }
    } else {
        kept
    })
}

/// What of an answer is taken.
struct Taken {
    patch: Patch,
    told_by: BTreeMap<String, ProviderName>,
    /// An address that is checked first.
    candidate: Option<Candidate>,
    rejected: Vec<Rejection>,
}

impl Taken {
    /// The record with what else is remembered of the answer.
    fn noted(&self, batch: &Batch<'_>, record: Record, now: Timestamp) -> Record {
        let mut record = Record { candidate: self.candidate.clone(), ..record };
        for value in &self.rejected {
            record = record.rejecting(value.clone(), &batch.fingerprints, now);
        }
        record
    }

    /// All that is to be written of the record.
    fn patch_of(&self, record: &Record) -> Patch {
        record.patch.iter().chain(&self.patch).map(|(property, value)| (property.clone(), value.clone())).collect()
    }
}

/// What came of the call for one record.
struct Came<'a> {
    wanted: &'a Wanted,
    end: &'a LineEnd,
    /// Under what the provider is asked for what arrives later.
    asynchronous: Option<&'a AsynchronousId>,
    /// The purchase that pays for it.
    paid_by: Option<&'a PurchaseId>,
    cost: Amounts,
    employer: Option<&'a Profile>,
}

impl Came<'_> {
    fn asked_of(&self, batch: &Batch<'_>, said: Said, now: Timestamp) -> AskedOf {
        let (ask, purchase) = (&self.wanted.ask, self.paid_by.cloned());
        let (provider, fields, cost) = (ask.provider.clone(), ask.ordered.clone(), self.cost.clone());
        let checked = ask.checks.as_ref().map(|address| batch.fingerprints.of(address));
        AskedOf { provider, at: now, said, fields, checked, purchase, cost }
    }

    /// What a profile has to say of what is missing. Of what has a value, a person may have typed in the same: if the worker dies,
    /// the next one would take it for ours. Once a provider knows the person, what was bought before stays.
    fn patch(&self, batch: &Batch<'_>, record: &Record, profile: &Profile) -> Patch {
        let mut patch = patch_from(&batch.tenant.fields, profile);
        let missing = &self.wanted.missing;
        let is_missing = |field: ProfileField| {
            missing.contains(&field) || field.says_something_of().is_some_and(|of| missing.contains(&of))
        };
        let is_heard = |property: &str| {
            let mut fields = batch.tenant.fields.iter().filter(|field| field.property == property);
            fields.any(|field| is_missing(field.from))
        };
        patch.retain(|property, _| is_heard(property));
        if batch.tenant.is_waterfall() && (!record.patch.is_empty() || self.wanted.record.owed.is_some()) {
            patch.retain(|property, _| !record.patch.contains_key(property));
        }
        patch
    }

    /// What of the answer is taken. `None` for one that brings nothing.
    fn taken(&self, batch: &Batch<'_>, turn: &Turn<'_>, record: &Record) -> Option<Taken> {
        if turn.checks {
            return self.checked(batch, record);
        }
        let LineEnd::Answered(Answer::Hit(profile)) = self.end else { return None };
        let (mut profile, about, told_by) = (profile.clone(), &self.wanted.described, turn.provider.name());
        self.employer.iter().for_each(|employer| profile.fill_from(employer));
        let is_checked = batch.tenant.waterfall_of(self.wanted.route).verifier.is_some();
        // Whom a search has found is created in the CRM by the address: the configuration has nobody check it.
        let is_candidate = record.key.candidate().is_some();
        let is_checked = is_checked && !is_candidate && self.wanted.missing.contains(&ProfileField::Email);
        let candidate = Candidate::of(&profile, told_by.clone(), about).filter(|_| is_checked);
        if candidate.is_some() {
            profile.forget(&[ProfileField::Email, ProfileField::EmailStatus]);
        }
        let mut rejected = Vec::new();
        let checked_before = |candidate: &Candidate| record.checked_before(&candidate.address, &batch.fingerprints);
        let candidate = candidate.filter(|candidate| {
            let before = checked_before(candidate);
            rejected.extend(before.map(|it| Rejection {
                told_by: told_by.clone(),
                field: ProfileField::Email,
                value: candidate.address.clone(),
                status: it.status.clone(),
                checked_by: it.checked_by.clone(),
            }));
            before.is_none()
        });
        for field in batch.tenant.fields.iter().filter(|field| self.wanted.missing.contains(&field.from)) {
            let value = profile.get(field.from).filter(|_| !field.accepts(&profile));
            rejected.extend(value.map(|value| Rejection {
                told_by: told_by.clone(),
                field: field.from,
                value: value.to_owned(),
                status: field.from.status().and_then(|status| profile.get(status)).map(str::to_owned),
                checked_by: None,
            }));
        }
        let patch = self.patch(batch, record, &profile);
        let mut all = record.told_by.clone();
        all.extend(batch.tenant.told_by(&told_by, &patch));
        Some(Taken { patch, told_by: all, candidate, rejected })
    }

    /// What becomes of an address that was checked, or that nothing can be told of.
    fn checked(&self, batch: &Batch<'_>, record: &Record) -> Option<Taken> {
        let verdict = match self.end {
            LineEnd::Answered(Answer::Hit(verdict)) => Some(verdict),
            LineEnd::Answered(Answer::Miss) | LineEnd::Invalid => None,
            _ => return None,
        };
        let mut taken =
            Taken { patch: Patch::new(), told_by: record.told_by.clone(), candidate: None, rejected: Vec::new() };
        let own = |candidate: &&Candidate| self.wanted.ask.checks.as_ref() == Some(&candidate.address);
        let Some(candidate) = record.candidate.as_ref().filter(own) else { return Some(taken) };
        match candidate.decided(&batch.tenant.fields, verdict) {
            Decided::Taken(patch) => {
                taken.told_by.extend(batch.tenant.told_by(&candidate.told_by, &patch));
                taken.patch = patch;
            }
            Decided::Rejected(status) => {
                let checked_by = verdict.map(|_| self.wanted.ask.provider.clone());
                let (told_by, value) = (candidate.told_by.clone(), candidate.address.clone());
                taken.rejected.push(Rejection { told_by, field: ProfileField::Email, value, status, checked_by });
            }
        }
        Some(taken)
    }

    /// The record, for which a person was bought.
    fn of_the_person(&self, batch: &Batch<'_>, turn: &Turn<'_>, bought: Record) -> Record {
        let person = self.wanted.identity.person_fingerprint(&batch.fingerprints);
        let is_first = batch.tenant.is_first(turn.provider);
        let bought_for = if is_first { Some(person) } else { bought.bought_for.clone() };
        let charged_at = self.charged_at(batch, turn, bought.charged_at);
        let bought = Record { bought_for, charged_at, ..bought };
        let LineEnd::Answered(Answer::Hit(profile)) = self.end else { return bought };
        let mut profile = profile.clone();
        self.employer.iter().for_each(|employer| profile.fill_from(employer));
        self.with_who_it_is(batch, turn, bought, &profile)
    }

    /// A candidate says who it is, so that it can be found or created in the CRM. Both say by which id the provider knows the
    /// person: an erasure goes by that as well.
    fn with_who_it_is(&self, batch: &Batch<'_>, turn: &Turn<'_>, bought: Record, profile: &Profile) -> Record {
        if bought.key.candidate().is_none() {
            let named = candidates::name_of(batch, turn, profile).map(|(_, name)| name);
            return Record { provider_id: named.or(bought.provider_id.clone()), ..bought };
        }
        let person = Person::of_profile(profile);
        let bought_for = person.as_ref().map(|person| person.fingerprint(&batch.fingerprints));
        let provider_id = Some(self.wanted.asked.clone());
        Record { person, bought_for, provider_id, ..bought }
    }

    /// When the first provider charged for the person, if it remembers that for some time only. Who is free again was charged
    /// for before.
    fn charged_at(&self, batch: &Batch<'_>, turn: &Turn<'_>, before: Option<Timestamp>) -> Option<Timestamp> {
        match self.wanted.repeated || !batch.tenant.is_first(turn.provider) {
            true => before,
            false => self.wanted.tariff.remembers_when().then(|| turn.purchase.made_at()),
        }
    }

    /// No provider is left that could know the person, or more of them.
    fn of_the_last_miss(&self, batch: &Batch<'_>, record: Record, now: Timestamp) -> Record {
        let Self { wanted, end, cost, employer, .. } = self;
        let is_known = record.is_known_by_one(&wanted.described);
        let is_paid_for = batch.tenant.is_waterfall() && !record.patch.is_empty();
        match (is_paid_for, is_known, employer) {
            // What was bought before is written, and that is all.
            (true, ..) => Record { owed: None, state: State::Bought, ..record },
            (_, true, _) => {
                let last_enriched = record.last_enriched.unwrap_or(now);
                Record { cost: cost.clone(), ..record.satisfied(last_enriched, now) }
            }
            // The person is unknown, but where they work is something.
            (_, _, Some(employer)) if **end == LineEnd::Answered(Answer::Miss) => {
                let patch = self.patch(batch, &record, employer);
                let bought = record.bought(patch, cost.clone(), Rest::None, now);
                Record { asked: Some(wanted.described.clone()), ..bought }
            }
            _ if **end == LineEnd::Invalid => record.refused(RefuseReason::Invalid, now),
            _ => record.unmatched(cost.clone(), wanted.described.clone(), now),
        }
    }

    /// What becomes of what arrives later, for one whose person is known.
    fn rest(&self, batch: &Batch<'_>, turn: &Turn<'_>) -> Rest {
        let wanted = self.wanted;
        let person = match self.end {
            LineEnd::Answered(Answer::Hit(profile)) => profile.id(),
            LineEnd::Answered(Answer::Pending(name)) => Some(name.as_str()),
            _ => return Rest::None,
        };
        match (self.asynchronous, person, wanted.owed) {
            (Some(request), Some(person), _) if !wanted.asynchronous.is_empty() => Rest::Awaited(Awaited {
                purchase: turn.purchase.asynchronous(),
                request: request.clone(),
                person: batch.fingerprints.of(person),
                fields: wanted.asynchronous.clone(),
                asked: wanted.may_be_there_twice(batch).then(|| wanted.as_asked()),
                written: false,
            }),
            (_, _, Some(reason)) => Rest::Owed(reason),
            _ => Rest::None,
        }
    }
}
