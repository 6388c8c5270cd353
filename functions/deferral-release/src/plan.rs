//! The plan, where it was changed in the configuration.
//!
//! Only this function makes the change. Workers of an old and of a new version may be at work at the same time, each
//! with its own configuration; one of them alone must not close what the other has just opened.

use leadgate_aws::error::StoreError;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::plan_change::{Change, Recounted, changes};
use leadgate_enrichment::credits::wallet::{ChangeReason, Wallet};
use leadgate_purchase::wallets::TenantWallets;
use tracing::{info, warn};

use crate::DeferralRelease;

/// How often the wallets are compared with the plan in one run: what is closed comes first, then what is opened, and a
/// wallet that purchases keep moving meanwhile is tried again. The next run does what is left.
const ROUNDS_MAX: usize = 8;

impl DeferralRelease {
    /// Makes the open wallets what the configuration says. How many changes of the plan that took, and all wallets as they
    /// are then.
    pub(crate) async fn follow_plan(&self, tenant: &Tenant) -> Result<(usize, Vec<Wallet>), StoreError> {
        let (mut done, mut wallets) = (0, self.credits.wallets(&tenant.id).await?);
        for _ in 0..ROUNDS_MAX {
            let (due, there) = tenant.in_place(&wallets, self.clock.now());
            let changes = changes(&due, &there, self.clock.now());
            if changes.is_empty() {
                break;
            }
            for change in changes {
                done += usize::from(self.make(tenant, &change, &wallets).await?);
            }
            wallets = self.credits.wallets(&tenant.id).await?;
        }
        Ok((done, self.wallets(tenant).carry(wallets, self.clock.now()).await?))
    }

    pub(crate) fn wallets<'a>(&'a self, tenant: &'a Tenant) -> TenantWallets<'a> {
        TenantWallets { credits: &self.credits, tenant }
    }

    /// Whether the plan was changed by it: opening what is due is no change.
    async fn make(&self, tenant: &Tenant, change: &Change, wallets: &[Wallet]) -> Result<bool, StoreError> {
        let (id, now, credits) = (&tenant.id, self.clock.now(), &self.credits);
        match change {
            Change::Open { due } => {
                self.wallets(tenant).open(due, wallets, now).await?;
                Ok(false)
            }
            Change::Close { there, reason } => {
                let Some(taken) = credits.close(id, there, *reason, now).await? else { return Ok(false) };
                let why = match reason {
                    ChangeReason::Removed => "it is not configured any more",
                    _ => "another period is configured",
                };
                warn!(tenant = %id, wallet = there.wallet.0, %taken, why, "a wallet was closed, and what was left taken back");
                Ok(true)
            }
            Change::Reopen { due, there } => {
                let Some(again) = self.wallets(tenant).reopen(due, there, wallets, now).await? else {
                    return Ok(false);
                };
                let (wallet, available) = (&due.wallet.0, &again.available);
                warn!(tenant = %id, wallet, %available, "a wallet is open again, as it is configured again");
                Ok(true)
            }
            Change::Reschedule { due, there } => {
                let is_done = credits.reschedule(id, due, there, now).await?;
                if is_done {
                    let (wallet, opens, expires) = (&due.wallet.0, due.opens, due.expires);
                    warn!(tenant = %id, wallet, %opens, %expires, "a wallet opens and closes at another time now");
                }
                Ok(is_done)
            }
            Change::Recount { due, there, closed } => {
                let counted = self.wallets(tenant).recount(due, (closed, there), wallets, now).await?;
                if let Some(Recounted { by, .. }) = &counted {
                    let (wallet, closed) = (&due.wallet.0, &closed.wallet.0);
                    info!(tenant = %id, wallet, closed, %by, "a wallet was counted again, as one before it got credits back");
                }
                Ok(counted.is_some())
            }
            Change::Regrant { there, by } => {
                let is_done = credits.regrant(id, there, by, now).await?;
                if is_done {
                    warn!(tenant = %id, wallet = there.wallet.0, %by, "another grant is configured: the wallet was changed");
                }
                Ok(is_done)
            }
        }
    }
}
