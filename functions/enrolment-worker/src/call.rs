//! One call to the vendor with the sequences, under the rate limits that all share.

use std::time::Duration;

use leadgate_aws::limits::Permit;
use leadgate_enrichment::clock::until;
use leadgate_enrichment::enrolment::EnrolmentEnd;
use leadgate_enrichment::enrolment::sequencer::{SequencerCall, SequencerError};
use leadgate_enrichment::lead::request::Source;
use leadgate_enrichment::provider::Told;
use leadgate_enrichment::provider::limits::{Ending, LimitKey};
use tracing::warn;

use crate::batch::{Batch, postponed};

/// Before a message is taken up again after trouble of ours or theirs.
pub(crate) const TROUBLE: Duration = Duration::from_secs(10);
/// Before it is taken up again when an operator has something to mend.
pub(crate) const MINUTES: Duration = Duration::from_secs(15 * 60);
/// How long a permit is waited for in the function.
const PERMIT_PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer is waited for.
const ANSWER_PATIENCE: Duration = Duration::from_secs(15);
/// What is kept back of the run for writing down what became of the call.
const AFTERWARDS: Duration = Duration::from_secs(8);
/// When the vendor doesn't say how long a rate limit holds.
const THROTTLED: Duration = Duration::from_secs(60);
/// A sequence that the vendor is at work on is free again after about so long; and it is waited for so often.
const LOCK_PAUSE: Duration = Duration::from_secs(2);
const LOCK_TRIES: usize = 4;

/// Makes a call with the time that it may take, if there is room for it under the limits and in the run. A sequence that is
/// locked is waited for a little: a lock is no rate limit.
pub(crate) async fn call<T, F>(
    batch: &Batch<'_>,
    kind: SequencerCall,
    make: impl Fn(Duration) -> F,
) -> Result<T, SequencerError>
where
    F: Future<Output = Told<Result<T, SequencerError>>>,
{
    for tries_left in (0..LOCK_TRIES).rev() {
        let reply = Box::pin(call_once(batch, kind, &make)).await;
        let Err(SequencerError::Locked { retry_after }) = reply else { return reply };
        let wait = retry_after.unwrap_or(LOCK_PAUSE);
        if tries_left == 0 || batch.time_left() < wait + ANSWER_PATIENCE + AFTERWARDS {
            return Err(SequencerError::Locked { retry_after });
        }
        batch.worker.clock.sleep(wait.mul_f64(1.0 + batch.worker.clock.jitter())).await;
    }
    Err(SequencerError::Locked { retry_after: None })
}

async fn call_once<T, F>(
    batch: &Batch<'_>,
    kind: SequencerCall,
    make: &impl Fn(Duration) -> F,
) -> Result<T, SequencerError>
where
    F: Future<Output = Told<Result<T, SequencerError>>>,
{
    let key = LimitKey {
        tenant: batch.tenant.id.clone(),
        provider: batch.connection.name(),
        endpoint: batch.sequencer.endpoint(kind),
    };
    let limits = &batch.worker.limits;
    let share = Source::NewLead.share();
    let ticket = match limits.permit(&key, &batch.connection.limits, share, PERMIT_PATIENCE).await {
        Ok(Permit::Granted(ticket)) => ticket,
        Ok(Permit::NotBefore(at)) => {
            return Err(SequencerError::Throttled { retry_after: Some(until(batch.now(), at)) });
        }
        Err(error) => return Err(SequencerError::Transient(error.to_string())),
    };
    let room = batch.time_left().saturating_sub(AFTERWARDS).min(ANSWER_PATIENCE);
    if room.is_zero() || ticket.good_until() < batch.now() {
        return Err(SequencerError::Transient("no time is left for the call".to_owned()));
    }
    let Told { reply, rates } = make(room).await;
    let ending = match &reply {
        Err(SequencerError::Throttled { retry_after }) => Ending::Throttled { retry_after: *retry_after },
        Err(SequencerError::Transient(_) | SequencerError::Unknown(_)) => Ending::Failed,
        _ => Ending::Answered,
    };
    if let Err(error) = limits.ended(ticket, &rates, ending).await {
        warn!(tenant = %batch.tenant.id, %error, "what the vendor said of its limits could not be kept");
    }
    reply
}

/// When a call that failed so is to be tried again.
pub(crate) fn later_than(error: &SequencerError) -> EnrolmentEnd {
    let after = match error {
        SequencerError::Throttled { retry_after } => retry_after.unwrap_or(THROTTLED),
        SequencerError::Locked { retry_after } => retry_after.unwrap_or(TROUBLE),
        SequencerError::Denied(_) | SequencerError::Invalid(_) => MINUTES,
        SequencerError::Transient(_) | SequencerError::Unknown(_) => TROUBLE,
    };
    postponed(error.to_string(), after)
}
