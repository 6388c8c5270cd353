//! Leads that wait for a cap to lift, where the configuration was changed meanwhile.
//!
//! Such a lead is parked until its cap lifts as the configuration of then had it. A cap that was raised or removed since,
//! or a billing cycle that ends earlier now, would let it go sooner: it is tried again, and if it is still capped the
//! worker parks it until the right time.

use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use leadgate_aws::credits::Mark;
use leadgate_aws::error::StoreError;
use leadgate_aws::records::{Parked, ParkedLine};
use leadgate_aws::table::Consistency;
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::ids::{RecordKey, digest};
use leadgate_enrichment::lead::record::Deferral;
use leadgate_lambda::invocation::Invocation;
use tracing::info;

use crate::DeferralRelease;
use crate::release::{CHUNK, PASSED_MAX};

/// Where it is remembered by which caps and cycles leads are parked, and since when.
const MARK: &str = "caps";
/// Workers of the version before may park by its configuration for as long as they run, which is shorter than this.
const OLD_WORKERS: Duration = Duration::from_secs(2 * 60);
/// For so long after a change, each run goes through the line: the index lags behind, and a run may not get to its end.
const AFTER_A_CHANGE: Duration = Duration::from_secs(15 * 60);

impl DeferralRelease {
    /// Lets those be tried again that were parked by other caps or cycles than those that are configured. How many.
    pub(crate) async fn retry_capped(&self, tenant: &Tenant, run: &Invocation) -> Result<usize, StoreError> {
        let (now, rules) = (self.clock.now(), rules(tenant));
        let mark = self.credits.mark(&tenant.id, MARK).await?;
        let since = match &mark {
            Some(mark) => since(mark, &rules).unwrap_or(now),
            // Nothing was parked by other rules yet.
            None => Timestamp::UNIX_EPOCH,
        };
        let next = Mark { name: MARK.to_owned(), value: format!("{rules} {}", since.as_millisecond()) };
        if mark.as_ref() != Some(&next) {
            // Lost to another run that saw the same: it has remembered it.
            let _: bool = self.credits.remember(&tenant.id, mark.as_ref(), &next).await?;
        }
        // What the workers of then have parked since is gone through once they are gone.
        let parked_before = if now < later(since, OLD_WORKERS) { since } else { later(since, OLD_WORKERS) };
        match now < later(since, AFTER_A_CHANGE) {
            true => self.retry_parked_before(tenant, parked_before, run).await,
            false => Ok(0),
        }
    }

    async fn retry_parked_before(
        &self,
        tenant: &Tenant,
        before: Timestamp,
        run: &Invocation,
    ) -> Result<usize, StoreError> {
        let (now, mut after, mut passed, mut retried) = (self.clock.now(), None, 0, 0);
        let waits =
            |deferral: &Deferral| deferral.reason.is_a_cap() && deferral.since < before && now < deferral.not_before;
        while passed < PASSED_MAX && self.has_time(run) {
            let page = self.records.parked(&tenant.id, ParkedLine::All, after).await?;
            passed += page.parked.len();
            let capped = page.parked.iter().filter(|parked: &&Parked| waits(&parked.deferral));
            let keys: Vec<RecordKey> = capped.map(|parked| parked.key.clone()).collect();
            for keys in keys.chunks(CHUNK).take_while(|_| self.has_time(run)) {
                let records = self.records.read_apart(keys, Consistency::Strong).await?;
                // One that can't be read is told of when the line is released.
                let records = records.into_values().flatten();
                let still = records.filter(|record| record.state.deferral().is_some_and(waits));
                let steps = still.map(|record| self.records.write(Step::Defer, record.to_be_tried(now)));
                retried += try_join_all(steps).await?.into_iter().flatten().count();
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if retried > 0 {
            info!(tenant = %tenant.id, retried, "leads that wait for caps are tried again, as these were configured anew");
        }
        Ok(retried)
    }
}

/// Since when these rules are in force, if they are those that were remembered.
fn since(mark: &Mark, rules: &str) -> Option<Timestamp> {
    let (remembered, since) = mark.value.split_once(' ')?;
    (remembered == rules).then(|| Timestamp::from_millisecond(since.parse().ok()?).ok()).flatten()
}

/// What decides when caps lift, in short. Another version may put it otherwise: then leads are tried once more.
fn rules(tenant: &Tenant) -> String {
    let (caps, calendar, zone) = (&tenant.caps, &tenant.provider.plan.calendar, &tenant.time_zone);
    digest(&[&format!("{caps:?} {calendar:?} {zone:?} {:?}", tenant.values)])
}
