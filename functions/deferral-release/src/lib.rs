//! On a schedule: puts back on the queue what the credits can now pay for, and sweeps up what got stuck.
//!
//! It takes no input and keeps no place: everything it does is decided by what the tables say, so running it twice,
//! or at the same time as itself, or after it died half way, does no harm.

mod alert;
mod asynchronous;
mod caps;
mod funds;
mod locked;
mod plan;
mod reconcile;
mod release;
mod sweep;
mod unknown;

use std::sync::Arc;

use futures_util::future::join_all;
use leadgate_aws::credits::Credits;
use leadgate_aws::error::StoreError;
use leadgate_aws::events::Events;
use leadgate_aws::feed::Feed;
use leadgate_aws::queue::Queue;
use leadgate_aws::records::Records;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::{Config, Tenant};
use leadgate_enrichment::credits::ledger::Hold;
use leadgate_lambda::connections::Connections;
use leadgate_lambda::invocation::Invocation;
use serde::Serialize;
use tracing::{error, info};

/// Everything the release may touch.
pub struct DeferralRelease {
    /// Tenants, plans and prices.
    pub config: Arc<Config>,
    /// Where the parked records are.
    pub records: Records,
    /// What can be paid for, and holds that were left open.
    pub credits: Credits,
    /// Where what is released goes.
    pub queue: Queue,
    /// When batches came that leads wait for.
    pub feed: Feed,
    /// Providers, for their own figures.
    pub connections: Connections,
    /// Where operators are told.
    pub events: Events,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// What one run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Parked records put back on the queue.
    pub released: usize,
    /// Parked records that are not wanted any more, closed with a reason.
    pub closed: usize,
    /// Changes of the plan that were made.
    pub plan_changes: usize,
    /// Wallets whose time was over, with something left in them.
    pub expired: usize,
    /// Holds whose worker was gone, settled.
    pub swept: usize,
    /// Purchases of what arrives later that were asked after.
    pub asked_after: usize,
    /// Alerts given.
    pub alerts: usize,
    /// Drifts entered.
    pub drifts: usize,
    /// Unknown outcomes that the provider's figures have resolved.
    pub resolved: usize,
    /// Tenants that could not be dealt with this time.
    pub failed_tenants: usize,
}

/// So many tenants are served at a time.
const TENANTS_ABREAST: usize = 8;

/// Why a run counts as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} of the tenants could not be served: see the log, which names each with its reason")]
pub struct TenantsFailed(usize);

impl Report {
    /// The report, or an error if a tenant could not be served: that makes Lambda count the run as failed, which an alarm
    /// goes by.
    pub fn checked(self) -> Result<Self, TenantsFailed> {
        if self.failed_tenants == 0 { Ok(self) } else { Err(TenantsFailed(self.failed_tenants)) }
    }

    fn add(&mut self, other: Self) {
        let Self { released, closed, plan_changes, expired, swept, asked_after, alerts, .. } = other;
        let Self { drifts, resolved, failed_tenants, .. } = other;
        self.released += released;
        self.closed += closed;
        self.plan_changes += plan_changes;
        self.expired += expired;
        self.swept += swept;
        self.asked_after += asked_after;
        self.alerts += alerts;
        self.drifts += drifts;
        self.resolved += resolved;
        self.failed_tenants += failed_tenants;
    }
}

impl DeferralRelease {
    /// One run over all tenants, several at a time: one whose provider hangs keeps few others waiting. What fails for a
    /// tenant is tried again on schedule.
    pub async fn handle(&self, invocation: &Invocation) -> Report {
        let tenants: Vec<&Tenant> = self.config.tenants.values().collect();
        let mut report = Report::default();
        for some in tenants.chunks(TENANTS_ABREAST) {
            let served = some.iter().map(|tenant| self.serve_one(tenant, invocation));
            join_all(served).await.into_iter().for_each(|one| report.add(one));
        }
        let Report { released, closed, plan_changes, expired, swept, asked_after, alerts, .. } = report;
        let Report { drifts, resolved, failed_tenants, .. } = report;
        info!(
            released,
            closed, plan_changes, expired, swept, asked_after, alerts, drifts, resolved, failed_tenants, "run ended"
        );
        report
    }

    /// What was done for one tenant, up to where it failed.
    async fn serve_one(&self, tenant: &Tenant, run: &Invocation) -> Report {
        let mut report = Report::default();
        if let Err(error) = Box::pin(self.serve(tenant, run, &mut report)).await {
            error!(tenant = %tenant.id, %error, "the tenant has to wait for the next run");
            report.failed_tenants += 1;
        }
        report
    }

    /// Sweeping comes first: what it frees can be released.
    async fn serve(&self, tenant: &Tenant, run: &Invocation, report: &mut Report) -> Result<(), StoreError> {
        let holds = self.open_holds(tenant).await?;
        report.swept += self.sweep(tenant, &holds, run).await?;
        report.asked_after += self.ask_after(tenant, &holds).await?;
        let (plan_changes, wallets) = self.follow_plan(tenant).await?;
        report.plan_changes += plan_changes;
        report.expired += self.expire(tenant, &wallets).await?;
        self.retry_capped(tenant, run).await?;
        self.release(tenant, run, report).await?;
        report.alerts += self.alert(tenant, &wallets).await?;
        report.alerts += usize::from(self.report_locked(tenant, &holds).await?);
        let entered = self.reconcile(tenant).await?;
        report.drifts += entered.drifts;
        report.resolved += entered.resolved;
        Ok(())
    }

    /// Those that can be read: one that can't is an operator's to mend, and keeps its credits until then.
    async fn open_holds(&self, tenant: &Tenant) -> Result<Vec<Hold>, StoreError> {
        let (holds, unreadable): (Vec<_>, Vec<_>) =
            self.credits.open_holds_apart(&tenant.id).await?.into_iter().partition(Result::is_ok);
        for error in unreadable.into_iter().filter_map(Result::err) {
            error!(tenant = %tenant.id, %error, "an open hold can't be read: mend it, and its credits are free again");
        }
        Ok(holds.into_iter().flatten().collect())
    }
}
