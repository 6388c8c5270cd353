//! Settling a hold: what the purchase really cost is spent, and the rest is free again. It happens once, whichever worker does it.

use leadgate_aws::credits::{Credits, Resolved};
use leadgate_enrichment::credits::ledger::{Entry, Hold};
use leadgate_enrichment::ids::TenantId;
use tracing::{error, warn};

use crate::single_flight::Came;

/// How often a hold is tried again because another has joined its waiters meanwhile.
pub(crate) const WAITERS_MAX: usize = 5;

/// What became of a hold that was to be settled.
#[derive(Debug)]
pub enum Settled {
    /// It is settled, now or before.
    Done,
    /// Others have joined its waiters since it was read: this is the hold as it stands.
    Changed(Box<Hold>),
    /// The store failed: it stays open until it is swept.
    Open,
}

/// Settles a hold with `entry`, or frees it when there is none.
pub async fn settle(credits: &Credits, tenant: &TenantId, hold: &Hold, entry: Option<&Entry>) -> Settled {
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
        Ok(Resolved::Now) => Settled::Done,
        Ok(Resolved::Before) => {
            warn!(%tenant, %purchase, "the hold had been resolved by another worker");
            Settled::Done
        }
        Ok(Resolved::Changed(there)) => Settled::Changed(there),
        Err(error) => {
            warn!(%tenant, %purchase, %error, "the hold stays open until it is swept");
            Settled::Open
        }
    }
}

/// Settles a hold that others may wait for. Before that, its waiters get what came back. Whether it is settled: if not,
/// the sweeper does it from the records.
pub async fn settle_for_waiters(credits: &Credits, came: &Came<'_>, hold: &Hold, entry: Option<&Entry>) -> bool {
    let mut open = hold.clone();
    for _ in 0..WAITERS_MAX {
        match settle(credits, came.whose.tenant, &open, entry).await {
            Settled::Done => return true,
            Settled::Open => return false,
            Settled::Changed(there) => {
                came.keep_for(&there.wanted).await;
                open = *there;
            }
        }
    }
    false
}
