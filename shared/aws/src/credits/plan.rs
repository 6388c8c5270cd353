//! Wallets that follow the configuration. Each change is one transaction with its ledger entry, and is conditional on
//! the wallet standing as it was read: a repeat, or a second run at the same time, changes nothing.

use jiff::Timestamp;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::credits::plan_change::{Opening, Recounted};
use leadgate_enrichment::credits::wallet::{ChangeReason, Wallet};
use leadgate_enrichment::ids::TenantId;

use super::Credits;
use super::items::{ADJUST, GRANT, PLAN_CHANGE, PURCHASE, RESOLUTION, WALLET, range_key};
use super::transaction::CreditTransaction;
use super::wallet_update::WalletUpdate;
use crate::error::StoreError;
use crate::table::Committed;
use crate::usage::Step;

impl Credits {
    /// Opens a wallet that the configuration grants. `false` when it is there already.
    pub async fn open_configured(
        &self,
        tenant: &TenantId,
        due: &Wallet,
        opening: &Opening,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (wallet, amounts) = (due.wallet.clone(), due.granted.clone());
        let grant = Entry::Grant { wallet, amounts, at, reference: None };
        let mut transaction = self.transaction(tenant, Step::Open, "opening a wallet");
        transaction.put_new(&range_key(WALLET, &due.wallet.0), &opening.wallet)?;
        transaction.put_new(&range_key(GRANT, &due.wallet.0), &grant)?;
        if !opening.carried.is_zero() {
            enter(&mut transaction, due, &opening.carried, ChangeReason::CarriedOver, at)?;
        }
        committed(transaction).await
    }

    /// Ends a wallet at `at` and takes back what is available in it. Gives how much; `None` when it has moved since it
    /// was read.
    pub async fn close(
        &self,
        tenant: &TenantId,
        there: &Wallet,
        reason: ChangeReason,
        at: Timestamp,
    ) -> Result<Option<Amounts>, StoreError> {
        let left = there.available.less(&Amounts::default());
        let mut transaction = self.transaction(tenant, Step::Open, "closing a wallet");
        let taken = Amounts::default().minus(&left);
        let mut update = WalletUpdate::that_expires(there.expires);
        update.expect_available(&there.available);
        update.grant(&taken);
        update.close(at);
        transaction.change_wallet(&there.wallet.0, update)?;
        enter(&mut transaction, there, &taken, reason, at)?;
        Ok(committed(transaction).await?.then_some(left))
    }

    /// Opens a closed wallet again. `false` when it has moved since it was read.
    pub async fn reopen(
        &self,
        tenant: &TenantId,
        due: &Wallet,
        there: &Wallet,
        recount: &Recounted,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.transaction(tenant, Step::Open, "recount a wallet");
        let mut update = WalletUpdate::that_expires(there.expires);
        update.expect_balances(there);
        update.grant(&recount.by);
        update.reschedule(due.opens, due.expires);
        update.configured(&recount.configured)?;
        if recount.carrying {
            update.carry();
        }
        transaction.change_wallet(&there.wallet.0, update)?;
        enter(&mut transaction, there, &recount.by, ChangeReason::Reopened, at)?;
        committed(transaction).await
    }

    /// Takes what is available in a closed wallet out of it, and gives the open wallet of its series what it has when
    /// everything is counted. `false` when either has moved since it was read.
    pub async fn recount(
        &self,
        tenant: &TenantId,
        (closed, open): (&Wallet, &Wallet),
        counted: &Recounted,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.transaction(tenant, Step::Open, "counting what came back to a closed wallet");
        let taken = Amounts::default().minus(&closed.available);
        let mut update = WalletUpdate::that_expires(closed.expires);
        update.expect_balances(closed);
        update.grant(&taken);
        transaction.change_wallet(&closed.wallet.0, update)?;
        enter(&mut transaction, closed, &taken, ChangeReason::Superseded, at)?;
        let mut update = WalletUpdate::that_expires(open.expires);
        update.expect_balances(open);
        update.grant(&counted.by);
        update.configured(&counted.configured)?;
        transaction.change_wallet(&open.wallet.0, update)?;
        if !counted.by.is_zero() {
            enter(&mut transaction, open, &counted.by, ChangeReason::CarriedOver, at)?;
        }
        committed(transaction).await
    }

    /// Grants `by` more, or takes it back. `false` when the wallet has moved since it was read.
    pub async fn regrant(
        &self,
        tenant: &TenantId,
        there: &Wallet,
        by: &Amounts,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let configured: Amounts = there.configured.iter().chain([by]).sum();
        let mut transaction = self.transaction(tenant, Step::Open, "changing a grant");
        let mut update = WalletUpdate::that_expires(there.expires);
        update.expect_configured(there.configured.as_ref())?;
        update.grant(by);
        update.configured(&configured)?;
        transaction.change_wallet(&there.wallet.0, update)?;
        enter(&mut transaction, there, by, ChangeReason::GrantChanged, at)?;
        committed(transaction).await
    }

    /// Gives a wallet the time of `due`. `false` when it has moved since it was read.
    pub async fn reschedule(
        &self,
        tenant: &TenantId,
        due: &Wallet,
        there: &Wallet,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.transaction(tenant, Step::Open, "rescheduling a wallet");
        let mut update = WalletUpdate::that_expires(there.expires);
        update.reschedule(due.opens, due.expires);
        transaction.change_wallet(&there.wallet.0, update)?;
        enter(&mut transaction, there, &Amounts::default(), ChangeReason::Rescheduled, at)?;
        committed(transaction).await
    }

    /// Settled purchases that were begun at or after `since`, what was resolved of them, and everything that was put right
    /// by hand.
    pub async fn given_since(&self, tenant: &TenantId, since: Timestamp) -> Result<Vec<Entry>, StoreError> {
        let mut entries: Vec<Entry> = self.list(tenant, ADJUST, "reading adjustments").await?;
        entries.extend(self.range::<Entry>(tenant, RESOLUTION, since, "reading resolved outcomes").await?);
        entries.extend(self.purchases_since(tenant, since).await?);
        Ok(entries)
    }

    /// Settled purchases that were begun at or after `since`.
    pub async fn purchases_since(&self, tenant: &TenantId, since: Timestamp) -> Result<Vec<Entry>, StoreError> {
        self.range(tenant, PURCHASE, since, "reading settled purchases").await
    }
}

fn enter(
    transaction: &mut CreditTransaction<'_>,
    wallet: &Wallet,
    amounts: &Amounts,
    reason: ChangeReason,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (name, millisecond) = (&wallet.wallet.0, at.as_millisecond());
    let entry = Entry::PlanChange { wallet: wallet.wallet.clone(), amounts: amounts.clone(), reason, at };
    let key = range_key(PLAN_CHANGE, &format!("{millisecond:013}#{name}#{}", reason.word()));
    transaction.put_new(&key, &entry)
}

async fn committed(transaction: CreditTransaction<'_>) -> Result<bool, StoreError> {
    Ok(matches!(transaction.commit().await?, Committed::Now))
}
