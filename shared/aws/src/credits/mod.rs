//! The `credits` table: per tenant its wallets, its open holds and its ledger.
//!
//! Money moves once: the purchase id is the caller's, the condition is in the store, and a repeat is a success. A hold
//! is resolved by deleting it, so of all who try exactly one succeeds.

mod carry;
mod items;
mod marks;
mod plan;
mod read;
mod resolution;
mod transaction;
mod wallet_update;
mod wallets;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use leadgate_enrichment::credits::cap::Limit;
use leadgate_enrichment::credits::ledger::{Allocation, Entry, Hold, PurchaseKind, Slice, charge};
use leadgate_enrichment::credits::wallet::{Wallet, WalletId};
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::ids::{PurchaseId, TenantId};
use leadgate_enrichment::purchase::settlement;
use leadgate_enrichment::retry::Backoff;

use self::items::{ADJUST, DRIFT, EXPIRE, GRANT, HOLD, PLAN_CHANGE, PURCHASE, RESOLUTION, WALLET, range_key};
pub use self::marks::Mark;
use self::transaction::CreditTransaction;
pub use self::wallets::{Adjusted, Granted};
use crate::error::StoreError;
use crate::table::{Committed, Database, Item, Table, from_item};
use crate::usage::Step;

const HOLDS: &str = "reading open holds";
/// How often a hold may move to other wallets while it is resolved: it moves once in a cycle.
const MOVES_MAX: usize = 3;

/// Wallets, holds and ledger entries in DynamoDB.
#[derive(Clone)]
pub struct Credits {
    table: Table,
}

/// How a try to hold credits ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// They are reserved.
    Held,
    /// A wallet did not have its slice any more: another worker was faster. Nothing was reserved.
    Short,
}

/// How a try to resolve a hold ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// By us, now.
    Now,
    /// It had been resolved already. Nothing was changed.
    Before,
}

/// How one attempt to resolve a hold ended.
enum Attempt {
    Resolved(Resolved),
    /// It has moved to other wallets since it was read: this is the hold as it stands. Nothing was changed.
    Moved(Box<Hold>),
}

/// What the ledger knows of a purchase.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Its hold is open.
    Open(Hold),
    /// It was settled.
    Settled(Entry),
    /// Nothing was ever spent on it: it was not held, or its hold was freed.
    Nothing,
}

impl Credits {
    /// Credits in this table.
    pub fn new(database: &Database, table: impl Into<String>) -> Self {
        Self { table: Table::new(database, table) }
    }

    /// The same credits, for a caller whose reading and writing is not to be counted.
    #[must_use]
    pub fn unmetered(&self) -> Self {
        Self { table: self.table.unmetered() }
    }

    /// All wallets of a tenant, open or not, as they stand.
    pub async fn wallets(&self, tenant: &TenantId) -> Result<Vec<Wallet>, StoreError> {
        self.list(tenant, WALLET, "reading wallets").await
    }

    /// All holds of a tenant that aren't resolved yet.
    pub async fn open_holds(&self, tenant: &TenantId) -> Result<Vec<Hold>, StoreError> {
        self.list(tenant, HOLD, HOLDS).await
    }

    /// The same, each with why it can't be read if it can't: another version's, or a hand-made one.
    pub async fn open_holds_apart(&self, tenant: &TenantId) -> Result<Vec<Result<Hold, StoreError>>, StoreError> {
        self.list_apart(tenant, HOLD, HOLDS).await
    }

    /// The whole ledger of a tenant, by age.
    pub async fn entries(&self, tenant: &TenantId) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        for kind in [GRANT, ADJUST, PLAN_CHANGE, PURCHASE, RESOLUTION, EXPIRE, DRIFT] {
            entries.extend(self.list::<Entry>(tenant, kind, "reading the ledger").await?);
        }
        entries.sort_by_key(Entry::at);
        Ok(entries)
    }

    /// Reserves the slices of `hold`, and counts them towards its caps: all of them, or none. For each slice, `keep`
    /// says what has to be left in its wallet; for each cap, `limits` says how far it goes.
    pub async fn hold(
        &self,
        tenant: &TenantId,
        hold: &Hold,
        keep: &[Milli],
        limits: &[Limit],
    ) -> Result<Holding, StoreError> {
        self.hold_all(tenant, hold, &[], &Allocation { slices: hold.slices.clone(), keep: keep.to_vec() }, limits).await
    }

    /// Reserves an allocation for `hold` and `others`, which share it and its caps: all of them, or none.
    pub async fn hold_all(
        &self,
        tenant: &TenantId,
        hold: &Hold,
        others: &[Hold],
        allocation: &Allocation,
        limits: &[Limit],
    ) -> Result<Holding, StoreError> {
        let mut transaction = self.transaction(tenant, Step::Hold, "holding credits");
        for hold in others.iter().chain([hold]) {
            transaction.put_new(&range_key(HOLD, hold.purchase.as_str()), hold)?;
        }
        for (wallet, slices) in by_wallet(&allocation.slices) {
            let keep = |index: usize| allocation.keep.get(index).copied().unwrap_or_default();
            let reserved = slices.iter().map(|(slice, index)| (&slice.bucket, slice.amount, keep(*index)));
            transaction.reserve(wallet, reserved, hold.claimed_until)?;
        }
        for (index, cap) in hold.caps.iter().enumerate() {
            let worst = |hold: &Hold| hold.by_cap(|line| line.worst.clone()).swap_remove(index);
            let mut all = Amounts::default();
            others.iter().chain([hold]).for_each(|hold| all += &worst(hold));
            transaction.count(cap, &all, hold.values.as_ref(), limits.get(index))?;
        }
        let committed = transaction.commit().await;
        if let Ok(Committed::Now) = committed {
            return Ok(Holding::Held);
        }
        // An acknowledgement may have been lost: what is there decides, not what was heard.
        match (self.standing_after_trouble(tenant, &hold.purchase).await?, committed) {
            // It may have moved to a new cycle's wallets meanwhile.
            (Standing::Open(there), _) if (Hold { slices: hold.slices.clone(), ..there.clone() }) == *hold => {
                Ok(Holding::Held)
            }
            (_, Err(error)) => Err(error),
            (_, Ok(_)) => Ok(Holding::Short),
        }
    }

    /// Settles a hold: takes what `entry` says it cost, frees the rest, and enters it in the ledger. A hold that has moved
    /// to other wallets since it was read is settled where it is.
    pub async fn settle(&self, tenant: &TenantId, hold: &Hold, entry: &Entry) -> Result<Resolved, StoreError> {
        self.resolve(tenant, hold, Some(entry)).await
    }

    /// Frees a hold of which nothing was charged, wherever it has moved.
    pub async fn void(&self, tenant: &TenantId, hold: &Hold) -> Result<Resolved, StoreError> {
        self.resolve(tenant, hold, None).await
    }

    async fn resolve(&self, tenant: &TenantId, hold: &Hold, entry: Option<&Entry>) -> Result<Resolved, StoreError> {
        let mut open = hold.clone();
        for _ in 0..MOVES_MAX {
            match self.try_to_resolve(tenant, &open, entry).await? {
                Attempt::Resolved(resolved) => return Ok(resolved),
                Attempt::Moved(there) => open = *there,
            }
        }
        Err(StoreError::exhausted("resolving a hold", "it kept moving to other wallets"))
    }

    async fn try_to_resolve(
        &self,
        tenant: &TenantId,
        hold: &Hold,
        entry: Option<&Entry>,
    ) -> Result<Attempt, StoreError> {
        let doing = if entry.is_some() { "settling a hold" } else { "freeing a hold" };
        let mut transaction = self.transaction(tenant, Step::Settle, doing);
        let charge = match entry.map(|entry| settlement::for_hold(entry, hold)) {
            None => charge(hold, &[]),
            Some(entry) => {
                let Entry::Purchase { lines, .. } = &entry else {
                    return Err(StoreError::unreadable(doing, "only a purchase settles a hold"));
                };
                transaction.put_new(&range_key(PURCHASE, hold.purchase.as_str()), &entry)?;
                charge(hold, lines)
            }
        };
        transaction.delete_hold(hold)?;
        // What was held and is spent, by wallet and kind: a transaction may touch an item only once.
        let mut moved: BTreeMap<&WalletId, BTreeMap<&Bucket, (Milli, Milli)>> = BTreeMap::new();
        let unheld = charge.unheld.iter().map(|slice| (slice, Milli::ZERO, slice.amount));
        let held = hold.slices.iter().zip(&charge.spent).map(|(slice, spent)| (slice, slice.amount, *spent));
        for (slice, held, spent) in held.chain(unheld) {
            let amounts = moved.entry(&slice.wallet).or_default().entry(&slice.bucket).or_default();
            *amounts = (amounts.0 + held, amounts.1 + spent);
        }
        for (wallet, amounts) in moved {
            let amounts: Vec<_> = amounts.into_iter().map(|(bucket, (held, spent))| (bucket, held, spent)).collect();
            transaction.release(&wallet.0, &amounts)?;
        }
        let worst = hold.by_cap(|line| line.worst.clone());
        for ((cap, worst), cost) in hold.caps.iter().zip(&worst).zip(&charge.capped) {
            let back = cost.minus(worst);
            if !back.is_zero() {
                transaction.count(cap, &back, hold.values.as_ref(), None)?;
            }
        }
        let committed = transaction.commit().await;
        if let Ok(Committed::Now) = committed {
            return Ok(Attempt::Resolved(Resolved::Now));
        }
        match (self.standing_after_trouble(tenant, &hold.purchase).await?, committed) {
            (Standing::Open(there), _) if there != *hold => Ok(Attempt::Moved(Box::new(there))),
            (Standing::Open(_), Err(error)) => Err(error),
            (Standing::Open(_), Ok(_)) => {
                Err(StoreError::exhausted("resolving a hold", "a condition failed, and it is still open"))
            }
            _ => Ok(Attempt::Resolved(Resolved::Before)),
        }
    }

    /// Where a purchase stands after a write whose outcome was not heard. Asked several times, since whatever broke the
    /// write may last for a moment.
    async fn standing_after_trouble(&self, tenant: &TenantId, purchase: &PurchaseId) -> Result<Standing, StoreError> {
        for attempts_made in 1.. {
            let error = match self.standing(tenant, std::slice::from_ref(purchase)).await {
                Ok(mut standings) => return Ok(standings.remove(purchase).unwrap_or(Standing::Nothing)),
                Err(error) => error,
            };
            let clock = self.table.clock();
            let Some(wait) = Backoff::IN_FUNCTION.wait(attempts_made, clock.jitter()) else { return Err(error) };
            clock.sleep(wait).await;
        }
        Ok(Standing::Nothing)
    }

    /// Open holds of purchases made at or after `since`: who may be asking about the same people at the moment.
    pub async fn open_since(&self, tenant: &TenantId, since: Timestamp) -> Result<Vec<Hold>, StoreError> {
        self.range(tenant, HOLD, since, "reading what others hold").await
    }

    /// What the ledger knows of each of `purchases`.
    pub async fn standing(
        &self,
        tenant: &TenantId,
        purchases: &[PurchaseId],
    ) -> Result<HashMap<PurchaseId, Standing>, StoreError> {
        let mut standings: HashMap<PurchaseId, Standing> =
            purchases.iter().map(|purchase| (purchase.clone(), Standing::Nothing)).collect();
        let items = purchases.iter().flat_map(|id| [HOLD, PURCHASE].map(|kind| range_key(kind, id.as_str())));
        for item in self.get(tenant, items).await? {
            let (purchase, standing) = standing_of(item)?;
            standings.insert(purchase, standing);
        }
        Ok(standings)
    }

    /// What the ledger knows of all that was bought for records under one claim: a purchase for each provider's turn.
    pub async fn standing_of_claim(
        &self,
        tenant: &TenantId,
        claim: &PurchaseId,
    ) -> Result<Vec<(PurchaseId, Standing)>, StoreError> {
        // Holds first: one that is settled in between is in both, and stands as it is found last.
        let mut standings = BTreeMap::new();
        for kind in [HOLD, PURCHASE] {
            for item in self.named(tenant, kind, claim.as_str(), "reading the purchases of a claim").await? {
                let (purchase, standing) = standing_of(item)?;
                standings.insert(purchase, standing);
            }
        }
        let is_turn = |kind| matches!(kind, PurchaseKind::Person | PurchaseKind::Company | PurchaseKind::Verification);
        let is_for_records = |standing: &Standing| match standing {
            Standing::Open(hold) => is_turn(hold.kind),
            Standing::Settled(Entry::Purchase { kind, .. }) => is_turn(*kind),
            _ => false,
        };
        Ok(standings.into_iter().filter(|(_, standing)| is_for_records(standing)).collect())
    }

    fn transaction<'a>(&'a self, tenant: &'a TenantId, step: Step, doing: &'static str) -> CreditTransaction<'a> {
        CreditTransaction::new(tenant, self.table.transaction(step, doing))
    }
}

/// Slices by the wallet they come from, each with its place: a transaction may touch an
/// item only once.
fn by_wallet(slices: &[Slice]) -> BTreeMap<&str, Vec<(&Slice, usize)>> {
    let mut wallets: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (index, slice) in slices.iter().enumerate() {
        wallets.entry(&slice.wallet.0).or_default().push((slice, index));
    }
    wallets
}

/// A hold or a purchase, told apart by the key that it was found under.
fn standing_of(item: Item) -> Result<(PurchaseId, Standing), StoreError> {
    let doing = "reading purchases";
    if items::has_prefix(&item, HOLD) {
        let hold: Hold = from_item(item, doing)?;
        return Ok((hold.purchase.clone(), Standing::Open(hold)));
    }
    let entry: Entry = from_item(item, doing)?;
    match &entry {
        Entry::Purchase { purchase, .. } => Ok((purchase.clone(), Standing::Settled(entry))),
        _ => Err(StoreError::unreadable(doing, "found another entry, expected a purchase")),
    }
}
