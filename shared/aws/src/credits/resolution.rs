//! Unknown outcomes that the provider's figures have resolved.

use std::collections::BTreeMap;

use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::credits::wallet::WalletId;
use leadgate_enrichment::credits::{Amounts, Milli};
use leadgate_enrichment::ids::TenantId;

use super::items::{MARK, RESOLUTION, range_key};
use super::{Credits, Mark};
use crate::error::StoreError;
use crate::table::Committed;
use crate::usage::Step;

impl Credits {
    /// Enters what became of unknown outcomes, gives back what was not charged, and replaces the mark of the comparison
    /// that says so: together, so that the next comparison starts from the balances as they are then. Each purchase is
    /// resolved once. `false` when another run has compared meanwhile.
    pub async fn enter_resolutions(
        &self,
        tenant: &TenantId,
        resolutions: &[Entry],
        old: &Mark,
        new: &Mark,
    ) -> Result<bool, StoreError> {
        let doing = "resolving unknown outcomes";
        let mut transaction = self.transaction(tenant, Step::Open, doing);
        let mut returned: BTreeMap<&WalletId, Amounts> = BTreeMap::new();
        for entry in resolutions {
            let Entry::Resolution { purchase, slices, .. } = entry else {
                return Err(StoreError::unreadable(doing, "only a resolution resolves"));
            };
            transaction.put_new(&range_key(RESOLUTION, purchase.as_str()), entry)?;
            for slice in slices {
                returned.entry(&slice.wallet).or_default().add(&slice.bucket, slice.amount);
            }
        }
        for (wallet, amounts) in returned {
            // As if it had been held and not spent: nothing leaves what is held, and spent becomes less.
            let back: Vec<_> = amounts.iter().map(|(bucket, by)| (bucket, Milli::ZERO, Milli::ZERO - by)).collect();
            transaction.release(&wallet.0, &back)?;
        }
        transaction.replace_mark(&range_key(MARK, &new.name), &old.value, &new.value)?;
        Ok(matches!(transaction.commit().await?, Committed::Now))
    }
}
