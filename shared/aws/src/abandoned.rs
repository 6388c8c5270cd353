//! Purchases whose worker is gone. The one place where records and credits meet: the ledger holds what may have been
//! spent, the records keep what was bought.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use leadgate_enrichment::ids::{PurchaseId, RecordKey, TenantId};
use leadgate_enrichment::ledger::Hold;
use leadgate_enrichment::settlement;

use crate::credits::{Credits, Resolved, Standing};
use crate::error::StoreError;
use crate::records::{Consistency, Records};

/// How often a hold is tried again because somebody has left word with it meanwhile.
const WORDS_MAX: usize = 5;

/// Settles what dead workers left open, and tells for which of their records nobody knows whether they were charged.
/// Only for purchases whose claims have run out. Whoever else tries at the same time gets the same answer.
pub async fn resolve(
    records: &Records,
    credits: &Credits,
    tenant: &TenantId,
    purchases: &[PurchaseId],
    now: Timestamp,
) -> Result<HashMap<PurchaseId, HashSet<RecordKey>>, StoreError> {
    let mut unknowns = HashMap::with_capacity(purchases.len());
    for (purchase, standing) in credits.standing(tenant, purchases).await? {
        let found = match standing {
            Standing::Nothing => HashSet::new(),
            Standing::Settled(entry) => settlement::unknowns(&entry),
            Standing::Open(hold) => settle(records, credits, tenant, &hold, now).await?,
        };
        unknowns.insert(purchase, found);
    }
    Ok(unknowns)
}

/// Settles a hold that nobody is coming back for, from what its records kept. Gives the records for which nobody knows
/// whether they were charged, by the entry that stands in the ledger: somebody else's, if they were faster.
pub async fn settle(
    records: &Records,
    credits: &Credits,
    tenant: &TenantId,
    hold: &Hold,
    now: Timestamp,
) -> Result<HashSet<RecordKey>, StoreError> {
    let keys: Vec<RecordKey> = hold.lines.iter().map(|line| line.record.clone()).collect();
    let kept = records.read(&keys, Consistency::Strong).await?;
    let entry = settlement::found(hold, &kept, now);
    let mut resolved = credits.settle(tenant, hold, &entry).await?;
    for _ in 0..WORDS_MAX {
        // There is nobody left who could tell them: they ask for themselves.
        let Resolved::Wanted(hold) = &resolved else { break };
        resolved = credits.settle(tenant, hold, &entry).await?;
    }
    match resolved {
        Resolved::Now => return Ok(settlement::unknowns(&entry)),
        Resolved::Before => {}
        Resolved::Wanted(_) => {
            return Err(StoreError::exhausted("settling a hold", "others kept leaving word with it"));
        }
    }
    match credits.standing(tenant, std::slice::from_ref(&hold.purchase)).await?.remove(&hold.purchase) {
        Some(Standing::Settled(entry)) => Ok(settlement::unknowns(&entry)),
        // Freed by the worker itself at the very end of its life: nothing was charged.
        _ => Ok(HashSet::new()),
    }
}
