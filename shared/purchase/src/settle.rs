//! Settling a hold: what the purchase really cost is spent, and the rest is free again. It happens once, whichever worker does it.

use leadgate_aws::credits::{Credits, Resolved};
use leadgate_enrichment::credits::ledger::{Entry, Hold};
use leadgate_enrichment::ids::TenantId;
use tracing::{error, warn};

/// Settles a hold with `entry`, or frees it when there is none. Whether it is settled, now or before: if not, because the
/// store failed, it stays open until it is swept.
pub async fn settle(credits: &Credits, tenant: &TenantId, hold: &Hold, entry: Option<&Entry>) -> bool {
    let purchase = &hold.purchase;
    if let Some(Entry::Purchase { excess, .. }) = entry
        && !excess.is_zero()
    {
        error!(%tenant, %purchase, %excess, "the provider charged more than the worst case in [[prices]]");
    }
    let resolved = match entry {
        Some(entry) => credits.settle(tenant, hold, entry).await,
        None => credits.void(tenant, hold).await,
    };
    match resolved {
        Ok(Resolved::Now) => true,
        Ok(Resolved::Before) => {
            warn!(%tenant, %purchase, "the hold had been resolved by another worker");
            true
        }
        Err(error) => {
            warn!(%tenant, %purchase, %error, "the hold stays open until it is swept");
            false
        }
    }
}
