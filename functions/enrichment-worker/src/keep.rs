//! Keeping what came back: each record says what was bought for it and what it cost, before anything is settled.

use futures_util::future::join_all;
use jiff::Timestamp;
use leadgate_aws::table::Consistency;
use leadgate_aws::usage::Step;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::patch::patch_from;
use leadgate_enrichment::lead::record::{Awaited, Record, Rest, State};
use leadgate_enrichment::outcome::RefuseReason;
use leadgate_enrichment::person::Profile;
use leadgate_enrichment::provider::{Answer, AsynchronousId};
use leadgate_enrichment::purchase::settlement::LineEnd;
use leadgate_enrichment::retry::Retry;
use tracing::error;

use crate::batch::Batch;
use crate::employers::Employers;
use crate::outcomes::{Outcomes, StepFailure, step};
use crate::price::Wanted;
use leadgate_purchase::look_up::Call;

/// Writes down, record by record, what came back. `None` when the store failed for one of them.
pub(crate) async fn keep(
    batch: &Batch<'_>,
    outcomes: &mut Outcomes<'_>,
    wanted: &[Wanted],
    call: &Call,
    costs: &[Option<Amounts>],
    employers: &Employers,
) -> Option<Vec<Record>> {
    let now = batch.now();
    let steps = wanted.iter().enumerate().zip(costs).map(|((i, wanted), cost)| {
        let (end, asynchronous, employer) = (&call.ends[i], call.asynchronous[i].as_ref(), employers.of(wanted));
        Came { wanted, end, asynchronous, cost: cost.clone().unwrap_or_default(), employer }
    });
    let steps = join_all(steps.map(|came| keep_one(batch, came, now))).await;
    let steps: Vec<_> = steps.into_iter().flatten().collect();
    let failed = steps.iter().any(|step| matches!(step, Err((_, StepFailure::Store(_)))));
    let kept = outcomes.done(steps);
    if failed {
        error!(purchase = %batch.purchase, "what was bought could not be kept: its hold stays open");
        for wanted in wanted {
            outcomes.give_back_claimed(&wanted.record.key, "what was bought could not be kept", Retry::Backoff);
        }
        return None;
    }
    Some(kept)
}

/// Writes down what came back for one record; `None` when nothing did. An erasure may be noted while the provider is
/// asked: what is personal is not kept then, but what was paid for it is, and what is still to be paid for.
async fn keep_one(
    batch: &Batch<'_>,
    came: Came<'_>,
    now: Timestamp,
) -> Option<Result<Record, (RecordKey, StepFailure)>> {
    let kept = with_what_came(batch, &came, came.wanted.record.clone(), now)?;
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
    let ours = there.filter(|there| there.state == State::Claimed && there.purchase() == Some(&batch.purchase));
    match ours.and_then(|there| with_what_came(batch, &came, there, now)) {
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
fn with_what_came(batch: &Batch<'_>, came: &Came<'_>, record: Record, now: Timestamp) -> Option<Record> {
    let Came { wanted, end, asynchronous, cost, employer } = came;
    let (cost, is_erased) = (cost.clone(), record.erased_at.is_some());
    let kept = match end {
        LineEnd::Answered(Answer::Hit(profile)) => {
            let rest = rest(batch, wanted, profile, *asynchronous);
            let mut profile = profile.clone();
            employer.iter().for_each(|employer| profile.fill_from(employer));
            let bought = record.bought(patch_from(&batch.tenant.fields, &profile), cost, rest, now);
            Record { bought_for: Some(wanted.identity.person_fingerprint(&batch.fingerprints)), ..bought }
        }
        LineEnd::Answered(Answer::Miss) => match employer {
            // The person is unknown, but where they work is something.
            Some(employer) => {
                let patch = patch_from(&batch.tenant.fields, employer);
                Record { asked: Some(wanted.described.clone()), ..record.bought(patch, cost, Rest::None, now) }
            }
            None => record.unmatched(cost, wanted.described.clone(), now),
        },
        LineEnd::Answered(Answer::Suppressed) => record.refused(RefuseReason::Suppressed, now),
        LineEnd::Invalid => record.refused(RefuseReason::Invalid, now),
        LineEnd::Unknown | LineEnd::NotAsked => return None,
    };
    Some(if is_erased {
        Record { asked: None, bought_for: None, ..kept.refused(RefuseReason::Erased, now) }
    } else {
        kept
    })
}

/// What becomes of what arrives later, for one whose person is known.
fn rest(batch: &Batch<'_>, wanted: &Wanted, profile: &Profile, asynchronous: Option<&AsynchronousId>) -> Rest {
    match (asynchronous, profile.id(), wanted.owed) {
        (Some(request), Some(person), _) if !wanted.asynchronous.is_empty() => Rest::Awaited(Awaited {
            purchase: batch.purchase.asynchronous(),
            request: request.clone(),
            person: batch.fingerprints.of(person),
            fields: wanted.asynchronous.clone(),
            written: false,
        }),
        (_, _, Some(reason)) => Rest::Owed(reason),
        _ => Rest::None,
    }
}

/// What came of the call for one record.
struct Came<'a> {
    wanted: &'a Wanted,
    end: &'a LineEnd,
    /// Under what the provider is asked for what arrives later.
    asynchronous: Option<&'a AsynchronousId>,
    cost: Amounts,
    employer: Option<&'a Profile>,
}
