//! Parked records, put back on the queue.

use std::time::Duration;

use futures_util::future::try_join_all;
use leadgate_aws::error::StoreError;
use leadgate_aws::records::Consistency;
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::until;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::ledger::affordable;
use leadgate_enrichment::outcome::RefuseReason;
use leadgate_enrichment::record::{Record, State};
use leadgate_enrichment::request::EnrichmentRequest;
use leadgate_lambda::invocation::Invocation;
use leadgate_lambda::wallets::spendable;

use crate::DeferralRelease;

/// The most that one run releases for one tenant. A new cycle opens for everything parked at once; with a run every
/// five minutes this is a pace that the workers and the provider's rate limit can keep up with.
const PER_RUN_MAX: usize = 1000;
/// The most that one run looks at for one tenant: some of what is parked first may have to wait for an operator.
const LOOKED_AT_MAX: usize = 4 * PER_RUN_MAX;
/// How many are read, sent and marked together.
const CHUNK: usize = 50;
/// No more is begun when less than this is left of the run.
const TIME_TO_FINISH: Duration = Duration::from_secs(10);

impl DeferralRelease {
    /// Releases as many as the credits can pay for, new leads first, then by age.
    pub(crate) async fn release(&self, tenant: &Tenant, run: &Invocation) -> Result<usize, StoreError> {
        let Some(price) = self.config.price(tenant, self.clock.now()) else { return Ok(0) };
        let wallets = spendable(&self.credits, tenant, self.clock.now()).await?;
        let payable = affordable(&wallets, &vec![price.worst(); PER_RUN_MAX]);
        if payable == 0 {
            return Ok(0);
        }
        let parked = self.records.deferred(&tenant.id, LOOKED_AT_MAX).await?;
        let (mut parked, mut released) = (parked.as_slice(), 0);
        while released < payable && until(self.clock.now(), run.deadline) >= TIME_TO_FINISH {
            let (chunk, rest) = parked.split_at(parked.len().min(CHUNK).min(payable - released));
            if chunk.is_empty() {
                break;
            }
            released += self.release_chunk(chunk).await?;
            parked = rest;
        }
        Ok(released)
    }

    /// Send first, then mark. If the run dies in between, the next sends again, and the second message finds nothing
    /// to do. The other way round, a record would be marked with no message to show for it.
    async fn release_chunk(&self, keys: &[RecordKey]) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let records = self.records.read(keys, Consistency::Strong).await?;
        let may_go = |record: &Record| record.deferral.as_ref().is_some_and(|deferral| deferral.not_before <= now);
        let parked = records.into_values().filter(|record| record.state == State::Deferred && may_go(record));
        let (erased, parked): (Vec<Record>, Vec<Record>) = parked.partition(|record| record.erased_at.is_some());
        let requests: Vec<EnrichmentRequest> = parked.iter().filter_map(Record::wish).collect();
        self.queue.send(&requests).await?;
        let released = parked.into_iter().map(|record| record.released(now));
        let erased = erased.into_iter().map(|record| record.refused(RefuseReason::Erased, now));
        // One that is lost went to a worker that has the message already: it is on its way.
        let writes = released.chain(erased).map(|record| self.records.write(Step::Release, record));
        try_join_all(writes).await?;
        Ok(requests.len())
    }
}
