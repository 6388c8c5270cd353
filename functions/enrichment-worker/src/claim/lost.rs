//! Calls whose answers were lost, to a provider that tells of calls that have ended: they are waited for before they are made
//! anew.

use leadgate_aws::credits::Standing;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::record::Record;
use leadgate_enrichment::purchase::asynchronous::LOST_CALL_PATIENCE;
use leadgate_purchase::recover::Unknown;

use crate::batch::Batch;

/// The record, which waits for the call of this purchase if the provider may still tell of it. One whose person another record
/// pays for doesn't: the call was not made in its own name.
pub(super) async fn with_the_lost_call(
    batch: &Batch<'_>,
    record: Record,
    unknown: &Unknown,
) -> Result<Record, (RecordKey, StoreError)> {
    let (tenant, asynchronous) = (batch.tenant, unknown.purchase.asynchronous());
    let provider = tenant.provider_of(unknown.provider.as_ref());
    let tells = provider.is_some_and(|provider| provider.answers_later() && provider.callback.is_some());
    let is_over = later(unknown.purchase.made_at(), LOST_CALL_PATIENCE) <= batch.now();
    if !tells || is_over || record.awaited.is_some() {
        return Ok(record);
    }
    let standing = batch.worker.credits.standing(&tenant.id, std::slice::from_ref(&asynchronous)).await;
    let standing = match standing {
        Ok(mut standings) => standings.remove(&asynchronous),
        Err(error) => return Err((record.key, error)),
    };
    let Some(Standing::Open(hold)) = standing else { return Ok(record) };
    if !hold.lines.iter().any(|line| line.subject == record.key && !line.worst.is_zero()) {
        return Ok(record);
    }
    let person = batch.fingerprints.of(&asynchronous.name_of(&record.key));
    Ok(record.with_a_lost_call(asynchronous, person))
}
