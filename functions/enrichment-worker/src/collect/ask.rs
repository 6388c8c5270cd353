//! Asking the provider what has become of what was asked for: free of charge, however often it is done.

use std::time::Duration;

use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::config::ProviderConnection;
use leadgate_enrichment::ids::PurchaseId;
use leadgate_enrichment::lead::record::Record;
use leadgate_enrichment::provider::limits::{Ending, Share};
use leadgate_enrichment::provider::{AsynchronousId, CallKind, Collected, Provider};
use leadgate_enrichment::purchase::asynchronous::{Answers, LOST_CALL_PATIENCE};
use leadgate_purchase::permits::Permits;
use tracing::error;

use super::AFTER_THE_WRITE;
use crate::batch::Batch;

/// How long asking for what has arrived may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// What there is to say of a call whose answer was lost.
const LOST: &str = "the answer to its call was lost, and the provider hasn't told of it";

/// What the provider says of a purchase.
pub(super) struct Asked {
    /// Its last answers, by call.
    pub(super) answers: Answers,
    /// Why there is none for some of it yet.
    pub(super) open: Option<String>,
}

/// What the provider has for these records, beside what is known.
pub(super) async fn ask<'a>(
    batch: &Batch<'a>,
    connection: &'a ProviderConnection,
    purchase: &PurchaseId,
    (waiting, known): (&[Record], Answers),
) -> Result<Asked, StoreError> {
    let mut asked = Asked { answers: known, open: None };
    if waiting.is_empty() {
        return Ok(asked);
    }
    let provider = batch.worker.connections.provider(batch.tenant, connection).await?;
    let permits = batch.permits(connection);
    // After that, an answer that isn't a result won't become one.
    let kept_until = later(purchase.made_at(), provider.result_retention());
    for awaited in waiting.iter().filter_map(|record| record.awaits(purchase)) {
        if asked.answers.contains_key(&awaited.request) {
            continue;
        }
        if awaited.request.is_lost() {
            match later(purchase.made_at(), LOST_CALL_PATIENCE) <= batch.now() {
                true => drop(asked.answers.insert(awaited.request.clone(), Collected::Expired(LOST.to_owned()))),
                false => asked.open = Some(LOST.to_owned()),
            }
            continue;
        }
        match ask_for(batch, (provider.as_ref(), permits), &awaited.request, kept_until <= batch.now()).await {
            Ok(answer) => drop(asked.answers.insert(awaited.request.clone(), answer)),
            Err(reason) => asked.open = Some(reason),
        }
    }
    Ok(asked)
}

/// The provider's last answer, or why there is none yet. `is_last_chance` says that it keeps results no longer.
async fn ask_for(
    batch: &Batch<'_>,
    (provider, permits): (&dyn Provider, Permits<'_>),
    request: &AsynchronousId,
    is_last_chance: bool,
) -> Result<Collected, String> {
    let tenant = &batch.tenant.id;
    let reason = match told_of(batch, (provider, permits), request).await? {
        answer @ Collected::Arrived { .. } => return Ok(answer.by_fingerprint(&batch.fingerprints)),
        Collected::Expired(reason) => {
            error!(%tenant, reason, "the provider keeps an awaited result no longer: it is assumed spent");
            return Ok(Collected::Expired(reason));
        }
        Collected::Throttled { .. } => return Err("the provider throttles us".to_owned()),
        Collected::Pending { .. } => "it is on its way".to_owned(),
        Collected::NotFound(reason) => {
            error!(%tenant, reason, "the provider doesn't know an awaited result: is the key another team's?");
            reason
        }
        Collected::Denied(reason) => {
            error!(%tenant, reason, "the provider refuses our key or plan");
            reason
        }
        Collected::Transient(reason) => reason,
    };
    if !is_last_chance {
        return Err(reason);
    }
    error!(%tenant, reason, "an awaited result can't be had any more: it is assumed spent");
    Ok(Collected::Expired(reason))
}

/// What the provider says of a call. The error is why it wasn't asked.
pub(super) async fn told_of(
    batch: &Batch<'_>,
    (provider, permits): (&dyn Provider, Permits<'_>),
    request: &AsynchronousId,
) -> Result<Collected, String> {
    let timeout = batch.time_left().saturating_sub(AFTER_THE_WRITE).min(ASK_TIMEOUT);
    if timeout.is_zero() {
        return Err("too little of the run is left to ask".to_owned());
    }
    // A lead waits for it, whatever it was asked for by.
    let ticket = permits.permit(provider, CallKind::Collect, Share::Full).await.map_err(|(_, reason)| reason)?;
    let told = provider.collect(request, timeout).await;
    let ending = match &told.reply {
        Collected::Throttled { retry_after } => Ending::Throttled { retry_after: *retry_after },
        Collected::Transient(_) => Ending::Failed,
        _ => Ending::Answered,
    };
    permits.ended(ticket, &told.rates, ending).await;
    Ok(told.reply)
}
