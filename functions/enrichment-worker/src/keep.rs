//! Keeping what came back: each record says what was bought for it and what it cost, before anything is settled. The same
//! write says whether another provider is asked next.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use jiff::Timestamp;
use leadgate_aws::table::Consistency;
use leadgate_aws::usage::Step;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::ids::{ProviderName, PurchaseId, RecordKey};
use leadgate_enrichment::lead::patch::{Patch, patch_from};
use leadgate_enrichment::lead::record::{AskedOf, Awaited, Record, Rest, Said, State};
use leadgate_enrichment::outcome::{DeferReason, RefuseReason};
use leadgate_enrichment::person::{Profile, ProfileField};
use leadgate_enrichment::provider::{Answer, AsynchronousId};
use leadgate_enrichment::purchase::settlement::LineEnd;
use leadgate_enrichment::retry::Retry;
use leadgate_purchase::look_up::Call;
use tracing::error;

use crate::batch::Batch;
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
) -> Option<Result<Record, (RecordKey, StepFailure)>> {
    let (cost, now) = (Amounts::default(), batch.now());
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
        true => record.asked_of(&wanted.described, came.asked_of(said, now)),
        false => record,
    };
    let rest = came.rest(batch, turn);
    let is_awaited = matches!(rest, Rest::Awaited(_));
    let goes_on = wanted.next_ask(batch, &record, end, is_awaited).is_some();
    let left_out = wanted.left_out(batch, &record, end, is_awaited).filter(|_| !goes_on).map(|(_, reason)| reason);
    let (is_erased, hops) = (record.erased_at.is_some(), record.hops);
    let kept = match end {
        LineEnd::Answered(Answer::Hit(profile)) => {
            let mut profile = profile.clone();
            came.employer.iter().for_each(|employer| profile.fill_from(employer));
            let patch = came.patch(batch, &record, &profile);
            let told_by = came.told_by(batch, turn, &record, &patch);
            let bought = record.bought(patch, cost.clone(), rest, now);
            let person = wanted.identity.person_fingerprint(&batch.fingerprints);
            let bought_for =
                if batch.tenant.is_first(turn.provider) { Some(person) } else { bought.bought_for.clone() };
            let charged_at = came.charged_at(batch, turn, bought.charged_at);
            let owed = if goes_on { Some(DeferReason::NextStep) } else { bought.owed.or(left_out) };
            Record { bought_for, charged_at, owed, told_by, ..bought }
        }
        LineEnd::Answered(Answer::Suppressed) => record.refused(RefuseReason::Suppressed, now),
        LineEnd::Answered(Answer::Pending(_)) => match rest {
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
            ..kept.refused(RefuseReason::Erased, now)
        }
    } else {
        kept
    })
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
    fn asked_of(&self, said: Said, now: Timestamp) -> AskedOf {
        let (ask, purchase) = (&self.wanted.ask, self.paid_by.cloned());
        let (provider, fields, cost) = (ask.provider.clone(), ask.ordered.clone(), self.cost.clone());
        AskedOf { provider, at: now, said, fields, purchase, cost }
    }

    /// What of an answer is taken. Once a provider knows the person, the next one is heard about what is missing still, and
    /// what was bought before stays.
    fn patch(&self, batch: &Batch<'_>, record: &Record, profile: &Profile) -> Patch {
        let mut patch = patch_from(&batch.tenant.fields, profile);
        if batch.tenant.is_waterfall() && (!record.patch.is_empty() || self.wanted.record.owed.is_some()) {
            let is_missing = |field: ProfileField| self.wanted.missing.contains(&field);
            let is_heard = |property: &str| {
                let mut fields = batch.tenant.fields.iter().filter(|field| field.property == property);
                fields.any(|field| is_missing(field.from.says_something_of().unwrap_or(field.from)))
            };
            patch.retain(|property, _| is_heard(property) && !record.patch.contains_key(property));
        }
        patch
    }

    fn told_by(
        &self,
        batch: &Batch<'_>,
        turn: &Turn<'_>,
        record: &Record,
        patch: &Patch,
    ) -> BTreeMap<String, ProviderName> {
        let mut told_by = record.told_by.clone();
        if !batch.tenant.is_first(turn.provider) {
            told_by.extend(patch.keys().map(|property| (property.clone(), turn.provider.name())));
        }
        told_by
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
                let patch = patch_from(&batch.tenant.fields, employer);
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
                written: false,
            }),
            (_, _, Some(reason)) => Rest::Owed(reason),
            _ => Rest::None,
        }
    }
}
