//! What one invocation does for one tenant: what it may touch, and what holds for all of its requests.

use std::time::Duration;

use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::until;
use leadgate_enrichment::config::{ProviderConnection, RecordKind, Tenant};
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::price::{Action, PricedField};
use leadgate_enrichment::credits::wallet::Wallet;
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::ids::PurchaseId;
use leadgate_lambda::invocation::Invocation;
use leadgate_purchase::permits::Permits;
use leadgate_purchase::wallets::TenantWallets;

use crate::EnrichmentWorker;

/// Nothing of it changes while the batch is worked on.
pub(crate) struct Batch<'a> {
    pub(crate) worker: &'a EnrichmentWorker,
    pub(crate) tenant: &'a Tenant,
    pub(crate) invocation: &'a Invocation,
    /// What its records are claimed for: each provider's turn is a purchase of its own, whose id begins with this one.
    /// All is paid at the prices of the moment it is named by, even if others come into force while it is at it.
    pub(crate) purchase: PurchaseId,
    /// What the tenant's fingerprints are made with.
    pub(crate) fingerprints: FingerprintKey,
    /// When the last batch of its feed came.
    pub(crate) delivered_at: Option<Timestamp>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(
        worker: &'a EnrichmentWorker,
        tenant: &'a Tenant,
        invocation: &'a Invocation,
        fingerprints: FingerprintKey,
    ) -> Self {
        let now = worker.clock.now();
        // A run may have a batch of each kind, and each buys by itself.
        let purchase = match tenant.kind {
            RecordKind::Person => PurchaseId::derive(&tenant.id, &invocation.id, now),
            RecordKind::Company => PurchaseId::derive(&tenant.id, &format!("{}/companies", invocation.id), now),
        };
        Self { worker, tenant, invocation, purchase, fingerprints, delivered_at: None }
    }

    /// The most that `fields` that arrive later can cost for one record. That they were bought for it before makes them
    /// no cheaper here: a hold that is too high is freed, and one that is too low is not there.
    pub(crate) fn worst_asynchronous(&self, provider: &ProviderConnection, fields: &[PricedField]) -> Amounts {
        let tariff = self.worker.config.asynchronous_tariff(provider, fields, self.purchase.made_at());
        tariff.map(|tariff| tariff.worst()).unwrap_or_default()
    }

    pub(crate) fn wallets(&self) -> TenantWallets<'a> {
        TenantWallets { credits: &self.worker.credits, tenant: self.tenant }
    }

    /// The wallets that may pay for looking up what the batch is about.
    pub(crate) async fn spendable_on_records(&self) -> Result<Vec<Wallet>, StoreError> {
        self.spendable(self.tenant.kind.action()).await
    }

    /// The wallets that may pay for what this run does.
    pub(crate) async fn spendable(&self, action: Action) -> Result<Vec<Wallet>, StoreError> {
        self.wallets().spendable(action, self.now(), self.invocation.claim_until()).await
    }

    /// A provider's rate limits, which all workers share.
    pub(crate) fn permits(&self, connection: &'a ProviderConnection) -> Permits<'a> {
        let (limits, clock) = (&self.worker.limits, self.worker.clock.as_ref());
        Permits { limits, tenant: &self.tenant.id, connection, clock }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.worker.clock.now()
    }

    /// What is left of the run.
    pub(crate) fn time_left(&self) -> Duration {
        until(self.now(), self.invocation.deadline)
    }

    /// What `work` comes to, or nothing if it takes longer than this.
    pub(crate) async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.worker.clock.passed(limit) => None,
        }
    }
}
