//! The wallets a tenant may spend from now.

use jiff::Timestamp;
use leadgate_aws::credits::Credits;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::ledger::Entry;
use leadgate_enrichment::price::Action;
use leadgate_enrichment::wallet::{Opening, Reopening, Wallet, burn_order, carried_over, due, overlapping, unopened};
use tracing::warn;

/// The wallets of one tenant, as its configuration wants them.
#[derive(Clone, Copy)]
pub struct TenantWallets<'a> {
    /// Where they are.
    pub credits: &'a Credits,
    /// Whose they are, with the plan.
    pub tenant: &'a Tenant,
}

impl TenantWallets<'_> {
    /// The wallets that may pay for `action` at `now`, in burn order. Those that are due are opened, unless another
    /// wallet of their series is open: that is a change of the plan, which is the release's to make.
    pub async fn spendable(&self, action: Action, now: Timestamp) -> Result<Vec<Wallet>, StoreError> {
        let wallets = self.credits.wallets(&self.tenant.id).await?;
        let missing = unopened(&due(self.tenant, now), &wallets, now);
        if missing.is_empty() {
            return Ok(burn_order(wallets, action, now));
        }
        for due in &missing {
            self.open(due, &wallets, now).await?;
        }
        Ok(burn_order(self.credits.wallets(&self.tenant.id).await?, action, now))
    }

    /// Opens a wallet, with its grant less what other wallets of its series have given in the same period: there are
    /// none, unless the plan was changed. `false` when it was open before.
    pub async fn open(&self, due: &Wallet, wallets: &[Wallet], now: Timestamp) -> Result<bool, StoreError> {
        let (carried, _) = self.carried_over(due, wallets).await?;
        let opening = Opening::of(due, &carried);
        let is_new = self.credits.open_configured(&self.tenant.id, due, &opening, now).await?;
        if is_new && !opening.carried.is_zero() {
            let (tenant, wallet, carried) = (&self.tenant.id, &due.wallet.0, &opening.carried);
            warn!(%tenant, wallet, %carried, "a wallet of a changed plan opens with what the one before it has given");
        }
        Ok(is_new)
    }

    /// Opens a wallet again that was closed, with what it has not given yet. `false` when it has moved meanwhile.
    pub async fn reopen(
        &self,
        due: &Wallet,
        there: &Wallet,
        wallets: &[Wallet],
        now: Timestamp,
    ) -> Result<Option<Reopening>, StoreError> {
        let (carried, entries) = self.carried_over(due, wallets).await?;
        let adjusted = |entry: &Entry| match entry {
            Entry::Adjust { wallet, amounts, .. } if *wallet == due.wallet => Some(amounts.clone()),
            _ => None,
        };
        let adjusted: Vec<Amounts> = entries.iter().filter_map(adjusted).collect();
        let reopening = Reopening::of(due, there, &carried, &adjusted.iter().sum());
        let is_done = self.credits.reopen(&self.tenant.id, due, there, &reopening, now).await?;
        Ok(is_done.then_some(reopening))
    }

    /// What other wallets of the series have given since `due` opens, and the entries that say so.
    async fn carried_over(&self, due: &Wallet, wallets: &[Wallet]) -> Result<(Amounts, Vec<Entry>), StoreError> {
        let others = overlapping(due, wallets);
        let is_new = !wallets.iter().any(|wallet| wallet.wallet == due.wallet);
        if others.is_empty() && is_new {
            return Ok((Amounts::default(), Vec::new()));
        }
        // Holds first: what is settled in between is in both, and counts once.
        let holds = self.credits.open_holds(&self.tenant.id).await?;
        let entries = self.credits.given_since(&self.tenant.id, due.opens).await?;
        Ok((carried_over(due, &others, &holds, &entries), entries))
    }
}
