//! Holds that move to the wallets of a new cycle.

use std::collections::BTreeMap;

use jiff::Timestamp;
use leadgate_enrichment::credits::ledger::{Hold, Slice};
use leadgate_enrichment::credits::wallet::WalletId;
use leadgate_enrichment::credits::{Amounts, Bucket, Milli};
use leadgate_enrichment::ids::TenantId;

use super::Credits;
use crate::error::StoreError;
use crate::table::Committed;
use crate::usage::Step;

impl Credits {
    /// Reserves a hold in other wallets than before: what it leaves is free there, what it takes must be available.
    /// `false` when the hold, or a wallet, is not as it was read: nothing has moved.
    pub async fn move_hold(
        &self,
        tenant: &TenantId,
        hold: &Hold,
        slices: &[Slice],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.transaction(tenant, Step::Open, "moving a hold");
        transaction.move_hold(hold, slices)?;
        for (wallet, by) in differences(&hold.slices, slices) {
            let more = |(_, amount): &(&Bucket, Milli)| *amount > Milli::ZERO;
            let (taken, left): (Vec<_>, Vec<_>) =
                by.iter().filter(|(_, amount)| *amount != Milli::ZERO).partition(more);
            if !taken.is_empty() {
                // It may take of one kind and be left by another.
                transaction.reserve_carried(&wallet.0, taken.into_iter().chain(left), now)?;
            } else if !left.is_empty() {
                let left: Vec<_> =
                    left.into_iter().map(|(bucket, by)| (bucket, Milli::ZERO - by, Milli::ZERO)).collect();
                transaction.release(&wallet.0, &left)?;
            }
        }
        Ok(matches!(transaction.commit().await?, Committed::Now))
    }

    /// Lets anything be held from a wallet from now on: every hold that belongs in it has been moved.
    pub async fn end_carrying(&self, tenant: &TenantId, wallet: &WalletId) -> Result<(), StoreError> {
        let mut transaction = self.transaction(tenant, Step::Open, "opening a wallet for all");
        transaction.end_carrying(&wallet.0)?;
        // Refused when another run has done it.
        transaction.commit().await.map(drop)
    }
}

/// What each wallet holds more, or less, of.
fn differences<'s>(old: &'s [Slice], new: &'s [Slice]) -> BTreeMap<&'s WalletId, Amounts> {
    let mut by: BTreeMap<&WalletId, Amounts> = BTreeMap::new();
    for slice in old {
        by.entry(&slice.wallet).or_default().add(&slice.bucket, Milli::ZERO - slice.amount);
    }
    for slice in new {
        by.entry(&slice.wallet).or_default().add(&slice.bucket, slice.amount);
    }
    by
}
