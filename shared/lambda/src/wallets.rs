//! The wallets a tenant may spend from now.

use jiff::Timestamp;
use leadgate_aws::credits::{Credits, Granted};
use leadgate_aws::error::StoreError;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::price::Action;
use leadgate_enrichment::wallet::{Wallet, burn_order, due};
use tracing::warn;

/// The wallets that may pay for `action` at `now`, in burn order. Those that are due and not open yet are opened.
pub async fn spendable(
    credits: &Credits,
    tenant: &Tenant,
    action: Action,
    now: Timestamp,
) -> Result<Vec<Wallet>, StoreError> {
    let wallets = credits.wallets(&tenant.id).await?;
    let missing = due(tenant, now).into_iter().filter(|due| !wallets.iter().any(|wallet| wallet.wallet == due.wallet));
    let missing: Vec<Wallet> = missing.collect();
    if missing.is_empty() {
        return Ok(burn_order(wallets, action, now));
    }
    for wallet in &missing {
        if let Granted::Conflict(there) = credits.open(&tenant.id, wallet, None, now).await? {
            // It stays as it is: its time will be over.
            let (wallet, granted) = (&wallet.wallet.0, &there.granted);
            warn!(tenant = %tenant.id, wallet, %granted, "the wallet was opened with another grant than is configured now");
        }
    }
    Ok(burn_order(credits.wallets(&tenant.id).await?, action, now))
}
