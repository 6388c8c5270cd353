//! A provider says that a call has ended, by its own name for it. Its result holds our names for its people, which say whose call
//! it is: nothing has to be remembered for that, and a call whose answer was lost is found again by it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use leadgate_aws::credits::Standing;
use leadgate_aws::error::StoreError;
use leadgate_aws::table::Consistency;
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::{later, until};
use leadgate_enrichment::config::ProviderConnection;
use leadgate_enrichment::credits::ledger::Hold;
use leadgate_enrichment::ids::{PurchaseId, RecordKey};
use leadgate_enrichment::lead::record::{Record, State};
use leadgate_enrichment::lead::request::{CallEnded, Collect};
use leadgate_enrichment::provider::{AsynchronousId, Collected};
use leadgate_enrichment::purchase::asynchronous::LOST_CALL_PATIENCE;
use leadgate_enrichment::retry::Retry;
use tracing::{error, warn};

use super::ask::told_of;
use super::{End, TROUBLE_PAUSE, collect_with};
use crate::batch::Batch;
use crate::outcomes::step;

/// Before a call is looked at again of whose records the workers are gone.
const TAKEN_UP_PAUSE: Duration = Duration::from_secs(60);

/// Collects what a call has come to that has ended.
pub(crate) async fn ended(batch: &Batch<'_>, call: &CallEnded) -> End {
    let tenant = &batch.tenant.id;
    match try_ended(batch, call).await {
        Ok(end) => end,
        Err(error) if error.retry == Retry::Never => {
            error!(%tenant, %error, "can't be read: mend the item, then redrive the dead-letter queue");
            End::DeadLettered { reason: error.doing }
        }
        Err(error) => {
            warn!(%tenant, %error, "a call that has ended is looked at again");
            End::Returned { reason: error.doing, after: TROUBLE_PAUSE }
        }
    }
}

async fn try_ended(batch: &Batch<'_>, call: &CallEnded) -> Result<End, StoreError> {
    let provider = batch.tenant.provider_named(call.provider.as_str());
    let Some(provider) = provider.filter(|provider| provider.answers_later()) else { return Ok(End::NothingAwaited) };
    let answer = match result(batch, provider, &call.ended).await? {
        Ok(answer) => answer,
        Err(end) => return Ok(end),
    };
    let Collected::Arrived { people, unpaid, .. } = &answer else { return Ok(End::NothingAwaited) };
    let names: BTreeSet<&String> = people.keys().chain(unpaid).collect();
    // A call of someone else's in the same account has other names.
    let Some(purchase) = names.iter().find_map(|name| PurchaseId::of_name(name)) else {
        return Ok(End::NothingAwaited);
    };
    if let Some(end) = find_again(batch, &purchase, &call.ended, &names).await? {
        return Ok(end);
    }
    let known = BTreeMap::from([(call.ended.clone(), answer.by_fingerprint(&batch.fingerprints))]);
    let (tenant, queued_at) = (call.tenant.clone(), call.queued_at);
    Ok(collect_with(batch, &Collect { tenant, collect: purchase, not_before: None, queued_at }, known).await)
}

/// The result, or how it ends without one.
async fn result(
    batch: &Batch<'_>,
    provider: &ProviderConnection,
    call: &AsynchronousId,
) -> Result<Result<Collected, End>, StoreError> {
    let client = batch.worker.connections.provider(batch.tenant, provider).await?;
    let again = |reason| Ok(Err(End::Returned { reason, after: TROUBLE_PAUSE }));
    match told_of(batch, (client.as_ref(), batch.permits(provider)), call).await {
        Ok(answer @ Collected::Arrived { .. }) => Ok(Ok(answer)),
        Ok(Collected::Throttled { retry_after }) => {
            let after = retry_after.unwrap_or(TROUBLE_PAUSE);
            Ok(Err(End::Postponed { reason: "the provider throttles us", after }))
        }
        Ok(Collected::Pending { .. }) => again("it is said to have ended, and hasn't"),
        Ok(Collected::NotFound(_) | Collected::Expired(_)) => Ok(Err(End::NothingAwaited)),
        Ok(Collected::Denied(_) | Collected::Transient(_)) => again("what a call has come to can't be asked for"),
        Err(reason) => {
            warn!(tenant = %batch.tenant.id, reason, "a call that has ended is looked at later");
            again("the provider can't be asked now")
        }
    }
}

/// Tells the records that wait for a call whose answer was lost that this is the one. `Some` when that has to wait for
/// a record's own message: the worker that made the call may be at it, or is gone and its records haven't been taken up.
async fn find_again(
    batch: &Batch<'_>,
    purchase: &PurchaseId,
    call: &AsynchronousId,
    names: &BTreeSet<&String>,
) -> Result<Option<End>, StoreError> {
    let credits = &batch.worker.credits;
    let standing = credits.standing(&batch.tenant.id, std::slice::from_ref(purchase)).await?.remove(purchase);
    let Some(Standing::Open(hold)) = standing else { return Ok(None) };
    let is_in_it = |key: &RecordKey| names.contains(&purchase.name_of(key));
    let keys: Vec<RecordKey> = hold.lines.iter().map(|line| line.subject.clone()).filter(is_in_it).collect();
    let records = batch.worker.records.read(&keys, Consistency::Strong).await?;
    if let Some(end) = records.values().find_map(|record| not_taken_up(batch, &hold, record)) {
        return Ok(Some(end));
    }
    let lost = |record: &Record| record.awaits(purchase).is_some_and(|awaited| awaited.request.is_lost());
    let found = records.into_values().filter(lost).map(|record| record.found_again(call.clone()));
    let steps = join_all(found.map(|record| step(batch, Step::Keep, record))).await;
    let reason = "a record of it was written by another worker";
    Ok(steps.iter().any(Result::is_err).then_some(End::Returned { reason, after: TROUBLE_PAUSE }))
}

/// How the message ends, if this record was claimed for the call and says nothing of it yet.
fn not_taken_up(batch: &Batch<'_>, hold: &Hold, record: &Record) -> Option<End> {
    let is_silent = record.awaited.is_none() || record.has_a_lost_call();
    let is_claimed = record.state == State::Claimed && record.purchase() == Some(hold.claim());
    let is_over = later(hold.purchase.made_at(), LOST_CALL_PATIENCE) <= batch.now();
    if !is_silent || (!is_claimed && !record.has_a_lost_call()) || is_over {
        return None;
    }
    let claim_ends = record.claim.as_ref().map(|claim| until(batch.now(), claim.until)).unwrap_or_default();
    Some(End::Postponed { reason: "its records haven't been taken up since", after: claim_ends.max(TAKEN_UP_PAUSE) })
}
