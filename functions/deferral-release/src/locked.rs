//! Credits that an asynchronous purchase has held for longer than its result can take: the poll is refused, the result is
//! stuck or lost. They stay held until the provider's last answer, so operators are told of them.

use std::time::Duration;

use jiff::Timestamp;
use leadgate_aws::credits::Mark;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::Hold;
use leadgate_enrichment::purchase::asynchronous::OVERDUE;
use serde_json::json;
use tracing::error;

use crate::DeferralRelease;

/// The detail type of the event.
const CREDITS_LOCKED: &str = "Credits Locked";
/// Where it is remembered when operators were told last.
const MARK: &str = "alert-locked";
/// What is remembered while no hold is overdue.
const NONE: &str = "none";
/// When a result is overdue it is asked for once more, and a call of which nothing is known is settled then. Only what is
/// still open this long after that is locked.
const GRACE: Duration = Duration::from_secs(2 * 60 * 60);
/// Operators are told again after this long, for as long as credits are locked.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

impl DeferralRelease {
    /// Sends an event when holds become overdue, and once a day while they are. Whether one was sent. First the event,
    /// then the mark: if the run dies in between, the event is sent once more rather than not at all.
    pub(crate) async fn report_locked(&self, tenant: &Tenant, holds: &[Hold]) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let overdue = |hold: &&Hold| hold.kind.is_asynchronous() && later(hold.held_at, OVERDUE + GRACE) <= now;
        let overdue: Vec<&Hold> = holds.iter().filter(overdue).collect();
        let mark = self.credits.mark(&tenant.id, MARK).await?;
        let last = mark.as_ref().and_then(|mark| Timestamp::from_millisecond(mark.value.parse().ok()?).ok());
        let is_due = !overdue.is_empty() && last.is_none_or(|last| later(last, EVERY) <= now);
        if is_due {
            self.send_locked(tenant, &overdue, now).await?;
        } else if !overdue.is_empty() || last.is_none() {
            return Ok(false);
        }
        let value = if is_due { now.as_millisecond().to_string() } else { NONE.to_owned() };
        // Lost to another run that saw the same: it has told operators.
        let _: bool = self.credits.remember(&tenant.id, mark.as_ref(), &Mark { name: MARK.to_owned(), value }).await?;
        Ok(is_due)
    }

    async fn send_locked(&self, tenant: &Tenant, overdue: &[&Hold], now: Timestamp) -> Result<(), StoreError> {
        let held: Amounts = overdue.iter().flat_map(|hold| &hold.lines).map(|line| &line.worst).sum();
        let oldest = overdue.iter().map(|hold| hold.held_at).min().unwrap_or(now);
        let purchases = overdue.len();
        error!(tenant = %tenant.id, purchases, %held, %oldest, "credits are locked by results that don't come");
        let held = held.iter().map(|(bucket, amount)| (bucket.as_str().to_owned(), amount.to_decimal().into()));
        let detail = json!({
            "tenant": tenant.id, "purchases": purchases, "held": held.collect::<serde_json::Map<_, _>>(),
            "oldest": oldest.to_string(), "at": now.to_string(),
        });
        self.events.send(CREDITS_LOCKED, &detail).await
    }
}
