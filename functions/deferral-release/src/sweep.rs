//! Holds that no worker is coming back for.

use std::time::Duration;

use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_aws::table::Consistency;
use leadgate_enrichment::clock::{later, until};
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::credits::ledger::Hold;
use leadgate_enrichment::credits::wallet::Wallet;
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::record::{Record, State};
use leadgate_enrichment::lead::request::EnrichmentRequest;
use leadgate_lambda::invocation::Invocation;
use leadgate_purchase::recover;
use tracing::warn;

use crate::DeferralRelease;

/// The worker's own message comes back first, and finds everything. What is still open this long after its claims ran
/// out has lost its messages, or waits in the dead-letter queue.
const GRACE: Duration = Duration::from_secs(15 * 60);
/// No more is begun when less than this is left of the run.
const TIME_TO_FINISH: Duration = Duration::from_secs(10);

impl DeferralRelease {
    /// Settles what was left open, and puts the records it was for back on the queue: their own messages may be
    /// gone. If they aren't, the second one finds nothing to do.
    pub(crate) async fn sweep(&self, tenant: &Tenant, holds: &[Hold], run: &Invocation) -> Result<usize, StoreError> {
        let mut swept = 0;
        for hold in holds.iter().filter(|hold| !hold.kind.is_asynchronous()) {
            let now = self.clock.now();
            if now < later(hold.claimed_until, GRACE) || until(now, run.deadline) < TIME_TO_FINISH {
                continue;
            }
            self.queue_again(hold, now).await?;
            recover::settle(&self.records, &self.credits, &tenant.id, hold, now).await?;
            warn!(tenant = %tenant.id, purchase = %hold.purchase, "settled a hold whose worker was gone");
            swept += 1;
        }
        Ok(swept)
    }

    /// Enters what is left in wallets whose time is over as gone unused. How many had something left. What came back to one
    /// that was superseded in the middle of its period belongs to the one in its place: that is the plan's to count.
    pub(crate) async fn expire(&self, tenant: &Tenant, wallets: &[Wallet]) -> Result<usize, StoreError> {
        let (mut expired, now) = (0, self.clock.now());
        let is_over =
            |wallet: &&Wallet| !wallets.iter().any(|other| other.is_open(now) && other.takes_the_place_of(wallet));
        for wallet in wallets.iter().filter(is_over) {
            let left = self.credits.expire(&tenant.id, wallet, now).await?;
            expired += usize::from(left.is_some());
        }
        Ok(expired)
    }

    /// Before settling: if this run dies in between, the hold is still there for the next.
    async fn queue_again(&self, hold: &Hold, now: Timestamp) -> Result<(), StoreError> {
        let keys: Vec<RecordKey> = hold.lines.iter().map(|line| line.subject.clone()).collect();
        let records = self.records.read(&keys, Consistency::Strong).await?;
        let requests: Vec<EnrichmentRequest> =
            records.values().filter(|record| is_stuck(record, hold, now)).filter_map(Record::to_request).collect();
        self.queue.send(&requests).await
    }
}

fn is_stuck(record: &Record, hold: &Hold, now: Timestamp) -> bool {
    let at_work = matches!(record.state, State::Claimed | State::Bought);
    at_work && !record.claim_lives(now) && record.purchase() == Some(&hold.purchase)
}
