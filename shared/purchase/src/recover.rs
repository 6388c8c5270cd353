//! Purchases whose worker is gone. The one place where records and credits meet: the ledger holds what may have been
//! spent, the records keep what was bought.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use leadgate_aws::credits::{Credits, Resolved, Standing};
use leadgate_aws::error::StoreError;
use leadgate_aws::records::Records;
use leadgate_aws::table::Consistency;
use leadgate_enrichment::credits::ledger::Hold;
use leadgate_enrichment::ids::{ProviderName, PurchaseId, RecordKey, TenantId};
use leadgate_enrichment::purchase::settlement;

/// Of one claim, the records for which it is unknown whether they were charged.
pub type Unknowns = HashMap<RecordKey, Unknown>;

/// A purchase of which it is unknown whether it was charged.
#[derive(Debug, Clone)]
pub struct Unknown {
    /// Which.
    pub purchase: PurchaseId,
    /// Of whom. `None` is the tenant's first.
    pub provider: Option<ProviderName>,
}

/// Settles what dead workers left open, and gives those of their records for which it is unknown whether they were charged.
/// A claim has a purchase for each provider that was asked under it. Only for claims that have run out. Another who tries
/// at the same time gets the same answer.
pub async fn resolve(
    records: &Records,
    credits: &Credits,
    tenant: &TenantId,
    claims: &[PurchaseId],
    now: Timestamp,
) -> Result<HashMap<PurchaseId, Unknowns>, StoreError> {
    let mut unknowns = HashMap::with_capacity(claims.len());
    for claim in claims {
        let mut of_claim = Unknowns::new();
        for (purchase, standing) in credits.standing_of_claim(tenant, claim).await? {
            let (found, provider) = match standing {
                Standing::Nothing => continue,
                Standing::Settled(entry) => (settlement::unknowns(&entry), entry.provider().cloned()),
                Standing::Open(hold) => (settle(records, credits, tenant, &hold, now).await?, hold.provider),
            };
            let unknown = Unknown { purchase, provider };
            of_claim.extend(found.into_iter().map(|record| (record, unknown.clone())));
        }
        unknowns.insert(claim.clone(), of_claim);
    }
    Ok(unknowns)
}

/// Settles a hold whose worker is gone, from what its records kept. Gives the records for which it is unknown whether they
/// were charged, by the entry that stands in the ledger: another worker's, if that was faster.
pub async fn settle(
    records: &Records,
    credits: &Credits,
    tenant: &TenantId,
    hold: &Hold,
    now: Timestamp,
) -> Result<HashSet<RecordKey>, StoreError> {
    let keys: Vec<RecordKey> = hold.lines.iter().map(|line| line.subject.clone()).collect();
    let kept = records.read(&keys, Consistency::Strong).await?;
    let entry = settlement::found(hold, &kept, now);
    let resolved = match &entry {
        Some(entry) => credits.settle(tenant, hold, entry).await?,
        None => credits.void(tenant, hold).await?,
    };
    match resolved {
        Resolved::Now => Ok(entry.as_ref().map(settlement::unknowns).unwrap_or_default()),
        Resolved::Before => settled_before(credits, tenant, &hold.purchase).await,
    }
}

/// The unknown records of a purchase that another one has resolved first.
async fn settled_before(
    credits: &Credits,
    tenant: &TenantId,
    purchase: &PurchaseId,
) -> Result<HashSet<RecordKey>, StoreError> {
    match credits.standing(tenant, std::slice::from_ref(purchase)).await?.remove(purchase) {
        Some(Standing::Settled(entry)) => Ok(settlement::unknowns(&entry)),
        // Freed by the worker itself at the very end of its life: nothing was charged.
        _ => Ok(HashSet::new()),
    }
}
