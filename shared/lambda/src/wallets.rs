//! The wallets a tenant may spend from now. The cycle's own is opened by whoever first needs it: no job has to run at
//! midnight, and nothing is carried over by accident.

use jiff::Timestamp;
use leadgate_aws::credits::Credits;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::ledger::{Wallet, WalletId, burn_order};

/// The plan's grant is burned before anything bought on top of it.
const PLAN_PRIORITY: u8 = 10;

/// The wallets that may be spent from at `now`, in burn order.
pub async fn spendable(credits: &Credits, tenant: &Tenant, now: Timestamp) -> Result<Vec<Wallet>, StoreError> {
    let plan = plan_wallet(tenant, now);
    let wallets = credits.wallets(&tenant.id).await?;
    if wallets.iter().any(|wallet| wallet.wallet == plan.wallet) {
        return Ok(burn_order(wallets, now));
    }
    credits.open(&tenant.id, &plan, now).await?;
    Ok(burn_order(credits.wallets(&tenant.id).await?, now))
}

/// The wallet of the billing cycle that `now` is in, as it is when it opens.
pub fn plan_wallet(tenant: &Tenant, now: Timestamp) -> Wallet {
    let cycle = tenant.plan.calendar.cycle_at(now);
    let name = WalletId(format!("plan-{}", cycle.first_day));
    Wallet::open(name, PLAN_PRIORITY, cycle.opens, cycle.closes, tenant.plan.grant.clone())
}
