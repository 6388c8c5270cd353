//! What arrives later and hasn't been heard of: a delivery may be lost, so it is asked after in time.

use jiff::Timestamp;
use leadgate_aws::credits::Mark;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::ledger::Hold;
use leadgate_enrichment::lead::request::Collect;
use leadgate_enrichment::purchase::asynchronous::is_to_be_asked_after;

use crate::DeferralRelease;

/// Where it is remembered when the open holds were last gone through.
const MARK: &str = "later";
/// The most that one run asks after for one tenant: each is a call to the provider. Of more, chance decides which, so
/// that each has its turn within a few days.
const PER_RUN_MAX: usize = 500;

impl DeferralRelease {
    /// Puts hints on the queue for those holds whose time it is. How many. Hints first, then the note that they were
    /// given: if the run dies in between they are given twice, which does no harm.
    pub(crate) async fn ask_after(&self, tenant: &Tenant, holds: &[Hold]) -> Result<usize, StoreError> {
        if !holds.iter().any(|hold| hold.kind.is_asynchronous()) {
            return Ok(0);
        }
        let now = self.clock.now();
        let mark = self.credits.mark(&tenant.id, MARK).await?;
        let before = mark.as_ref().and_then(|mark| Timestamp::from_millisecond(mark.value.parse().ok()?).ok());
        let before = before.unwrap_or(Timestamp::UNIX_EPOCH);
        let due = |hold: &&Hold| {
            // Until then its own worker may be at it.
            let left = now >= hold.claimed_until;
            hold.kind.is_asynchronous() && left && is_to_be_asked_after(hold.held_at, before, now)
        };
        let hint = |hold: &Hold| {
            let (tenant, collect) = (tenant.id.clone(), hold.purchase.clone());
            Collect { tenant, collect, not_before: None, queued_at: Some(now) }
        };
        let mut hints: Vec<Collect> = holds.iter().filter(due).map(hint).collect();
        if hints.len() > PER_RUN_MAX {
            fastrand::Rng::with_seed(self.clock.jitter().to_bits()).shuffle(&mut hints);
            hints.truncate(PER_RUN_MAX);
        }
        self.queue.send_hints(&hints).await?;
        let next = Mark { name: MARK.to_owned(), value: now.as_millisecond().to_string() };
        let _: bool = self.credits.remember(&tenant.id, mark.as_ref(), &next).await?;
        Ok(hints.len())
    }
}
