//! A new configuration, deployed while everything is at work.

use std::sync::Arc;

use deferral_release::DeferralRelease;
use enrichment_worker::EnrichmentWorker;
use leadgate_enrichment::config::{Config, Tenant};

use super::World;

impl World {
    /// Deploys the configuration with the tenant's part changed: the worker and the release go by it from now on. The
    /// doors keep theirs, since they only read what the CRM and the provider are called.
    pub fn reconfigure(&mut self, change: impl FnOnce(&mut Tenant)) {
        let mut config = Config::clone(&self.config);
        if let Some(tenant) = config.tenants.values_mut().next() {
            change(tenant);
        }
        self.config = Arc::new(config);
        self.release = Arc::new(self.release_with(self.config.clone()));
        self.worker = Arc::new(self.worker_with(self.config.clone()));
        self.pump.deploy(self.worker.clone());
    }

    fn worker_with(&self, config: Arc<Config>) -> EnrichmentWorker {
        let worker = &self.worker;
        EnrichmentWorker {
            config,
            records: worker.records.clone(),
            credits: worker.credits.clone(),
            answers: worker.answers.clone(),
            limits: worker.limits.clone(),
            queue: worker.queue.clone(),
            connections: worker.connections.clone(),
            clock: worker.clock.clone(),
        }
    }

    fn release_with(&self, config: Arc<Config>) -> DeferralRelease {
        let release = &self.release;
        DeferralRelease {
            config,
            records: release.records.clone(),
            credits: release.credits.clone(),
            queue: release.queue.clone(),
            connections: release.connections.clone(),
            events: release.events.clone(),
            clock: release.clock.clone(),
        }
    }
}
