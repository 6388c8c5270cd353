//! Telling operators that credits run low.

use leadgate_aws::credits::Mark;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::alerts::{Crossing, Level, crossing, levels};
use leadgate_enrichment::credits::wallet::Wallet;
use serde_json::json;
use tracing::warn;

use crate::DeferralRelease;

/// The detail type of the event.
const CREDITS_LOW: &str = "Credits Low";
/// What is remembered while no threshold has been reached.
const ABOVE: &str = "above";

impl DeferralRelease {
    /// Looks at each kind of credit, and sends an event for each threshold that was crossed since the last look.
    pub(crate) async fn alert(&self, tenant: &Tenant, wallets: &[Wallet]) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let wallets: Vec<Wallet> = wallets.iter().filter(|wallet| wallet.is_open(now)).cloned().collect();
        let mut alerts = 0;
        for level in levels(&wallets, &tenant.alert_percents) {
            alerts += usize::from(self.alert_one(tenant, &level).await?);
        }
        Ok(alerts)
    }

    /// First the event, then the mark: if the run dies in between, the event is sent once more rather than not at all.
    async fn alert_one(&self, tenant: &Tenant, level: &Level) -> Result<bool, StoreError> {
        let name = format!("alert-{}", level.bucket);
        let before = self.credits.mark(&tenant.id, &name).await?;
        let reached = before.as_ref().and_then(|mark| mark.value.parse().ok());
        let crossed = crossing(reached, level.reached);
        if crossed == Crossing::None {
            return Ok(false);
        }
        if let Crossing::Down(percent) = crossed {
            warn!(tenant = %tenant.id, bucket = %level.bucket, percent, available = %level.available, "credits run low");
            let detail = json!({
                "tenant": tenant.id, "bucket": level.bucket, "percent": percent,
                "available": level.available.to_decimal(), "granted": level.granted.to_decimal(),
                "at": self.clock.now().to_string(),
            });
            self.events.send(CREDITS_LOW, &detail).await?;
        }
        let value = level.reached.map_or_else(|| ABOVE.to_owned(), |percent| percent.to_string());
        // Lost to another run that saw the same: it has told.
        let _: bool = self.credits.remember(&tenant.id, before.as_ref(), &Mark { name, value }).await?;
        Ok(matches!(crossed, Crossing::Down(_)))
    }
}
