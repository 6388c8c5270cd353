//! No claim on records that there is surely no call for: they come back when the provider's limits leave room again.

use std::time::Duration;

use leadgate_aws::queue::DELAY_MAX;
use leadgate_enrichment::clock::until;
use leadgate_enrichment::config::{ProviderConnection, RecordKind};
use leadgate_enrichment::outcome::{DeferReason, Outcome};
use leadgate_enrichment::provider::CallKind;
use leadgate_enrichment::provider::limits::Span;
use leadgate_purchase::permits::{NO_ROOM, share};
use tracing::warn;

use crate::batch::Batch;
use crate::claim::Due;
use crate::defer::{Waiting, park};
use crate::outcomes::Outcomes;

/// Messages that wait for the same window come back within this long of each other: all at once, they would only be in
/// each other's way. Those of a batch stay together, so that a call is for as many people as it can be.
const SPREAD: Duration = Duration::from_secs(1);
/// The same for bulk, which begins when the others have come back: a lead that came alone gets the first calls of a window.
const BULK_SPREAD: Duration = Duration::from_secs(2);

/// Leaves those that there is no call for now: they come back when there is, and are parked when that is later than
/// the queue can wait. Nothing has been claimed yet, so that they cost nothing.
pub(crate) async fn leave_those_without_a_call(
    batch: &Batch<'_>,
    outcomes: &mut Outcomes<'_>,
    due: Vec<Due>,
) -> Vec<Due> {
    // What another provider is to be asked for has a step before it; and one that is left out holds up nothing.
    let (later, due): (Vec<Due>, Vec<Due>) = due.into_iter().partition(|due| due.record.progress.is_some());
    let is_called = |first: &&ProviderConnection| !first.vendor.delivers_in_batches();
    let first = batch.tenant.first_of_all().filter(is_called);
    let first = first.filter(|_| !due.is_empty() && !batch.tenant.may_skip_unavailable());
    let Some(first) = first else { return due.into_iter().chain(later).collect() };
    leave_without_a_first_call(batch, outcomes, due, first).await.into_iter().chain(later).collect()
}

async fn leave_without_a_first_call(
    batch: &Batch<'_>,
    outcomes: &mut Outcomes<'_>,
    due: Vec<Due>,
    first: &ProviderConnection,
) -> Vec<Due> {
    let Ok(provider) = batch.worker.connections.provider(batch.tenant, first).await else { return due };
    let share = share(due.iter().map(|due| due.request.source));
    let call = match batch.tenant.kind {
        RecordKind::Person => {
            let fields = batch.tenant.fields_of_people(first, &batch.tenant.asked_of(first));
            CallKind::People(due.len().min(provider.people_max(&fields, &batch.tenant.asynchronous_fields(first))))
        }
        RecordKind::Company => {
            let most = provider.organizations_max(&batch.tenant.fields_of_employers());
            CallKind::Organizations(due.len().min(most))
        }
    };
    let now = batch.now();
    let Some(not_before) = batch.permits(first).full_until(provider.as_ref(), call, share).await else { return due };
    let wait = until(now, not_before);
    if wait > DELAY_MAX {
        let worst = batch
            .worker
            .config
            .record_tariff(batch.tenant, first, batch.purchase.made_at())
            .map(|tariff| tariff.worst())
            .unwrap_or_default();
        let waiting = due.into_iter().map(|Due { record, request }| Waiting {
            record,
            request,
            reason: DeferReason::ProviderLimit,
            worst: worst.clone(),
            not_before,
        });
        park(batch, outcomes, waiting.collect()).await;
        return Vec::new();
    }
    let jitter = batch.worker.clock.jitter();
    let bulk = due.iter().all(|due| due.request.bulk);
    let wait = wait + windows_ahead(batch, first, call, bulk).await;
    let after = wait + if bulk { SPREAD + BULK_SPREAD.mul_f64(jitter) } else { SPREAD.mul_f64(jitter) };
    for due in due {
        outcomes.end(&due.record.key, Outcome::Postponed { reason: NO_ROOM, after });
    }
    Vec::new()
}

/// How many windows beyond the next a message waits for. If all of a backlog came back for each window, most of it would
/// only be put off again: it is spread over as many windows as it takes, by chance.
async fn windows_ahead(batch: &Batch<'_>, first: &ProviderConnection, call: CallKind, bulk: bool) -> Duration {
    let Some(calls) = first.limits.minute.filter(|calls| *calls > 0) else { return Duration::ZERO };
    let depth = batch.worker.queue.depth(bulk).await.unwrap_or_else(|error| {
        warn!(tenant = %batch.tenant.id, %error, "what waits can't be counted: it all comes back for the next window");
        0
    });
    let windows = windows_for(depth, u64::from(calls) * call.subjects());
    let whole = Duration::from_secs(u64::from(windows) * Span::Minute.length().as_secs());
    // Whole windows, so that those of a batch stay together.
    let chosen = whole.mul_f64(batch.worker.clock.jitter()).as_secs() / Span::Minute.length().as_secs();
    Duration::from_secs(chosen * Span::Minute.length().as_secs())
}

/// Over how many windows so many messages are spread, where one takes `per_window` of them: fewer than it takes, so that
/// none is left empty, and no more than an hour's, so that another plan is soon used.
fn windows_for(messages: u64, per_window: u64) -> u32 {
    let windows = messages * 4 / 5 / per_window.max(1);
    u32::try_from(windows).unwrap_or(WINDOWS_MAX).clamp(1, WINDOWS_MAX)
}

/// The most windows that messages are spread over.
const WINDOWS_MAX: u32 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_is_spread_over_fewer_windows_than_it_takes() {
        let windows = [0, 499, 1250, 12_500, 10_000_000].map(|messages| windows_for(messages, 500));
        assert_eq!(windows, [1, 1, 2, 20, WINDOWS_MAX]);
        assert_eq!(windows_for(100, 0), WINDOWS_MAX);
    }
}
