//! A new configuration, deployed while everything is at work.

use std::sync::Arc;

use crm_events::CrmEvents;
use crm_webhook::CrmWebhook;
use deferral_release::DeferralRelease;
use enrichment_worker::EnrichmentWorker;
use enrolment_worker::EnrolmentWorker;
use feed_import::FeedImport;
use leadgate_enrichment::config::{Config, Tenant};
use provider_webhook::ProviderWebhook;
use signal_webhook::SignalWebhook;
use tam_build::TamBuild;

use super::settings::Settings;
use super::start::renamed;
use super::web::Door;
use super::{StartError, World};

impl World {
    /// Deploys the configuration with the tenant's part changed: every function goes by it from now on.
    pub fn reconfigure(&mut self, change: impl FnOnce(&mut Tenant)) {
        self.deploy(|config| {
            if let Some(tenant) = config.tenants.values_mut().next() {
                change(tenant);
            }
        });
    }

    /// The same, with anything in it changed.
    pub fn deploy(&mut self, change: impl FnOnce(&mut Config)) {
        let mut config = Config::clone(&self.config);
        change(&mut config);
        self.go_by(Arc::new(config));
    }

    /// Deploys another file.
    pub fn deploy_file(&mut self, settings: &Settings) -> Result<(), StartError> {
        let config = settings.config_for(&self.url)?;
        self.go_by(Arc::new(renamed(config, self.site.worlds.saturating_sub(1), &self.url)?));
        Ok(())
    }

    /// Every function is replaced by one that goes by `config`, over the same tables and queue. What runs already runs to
    /// its end as it began.
    fn go_by(&mut self, config: Arc<Config>) {
        self.webhook = with_config(&self.webhook, &config);
        self.provider_webhook = with_config(&self.provider_webhook, &config);
        self.addresses[0].replace(self.webhook.clone());
        self.addresses[1].replace(self.provider_webhook.clone());
        self.signal_webhook = with_config(&self.signal_webhook, &config);
        self.addresses[2].replace(self.signal_webhook.clone());
        self.enrolment_worker = Arc::new(self.enrolment_worker_with(config.clone()));
        self.pump.deploy_enrolments(&self.enrolment_worker);
        self.tam_build = Arc::new(self.tam_build_with(config.clone()));
        self.pump.deploy_lists(&self.tam_build);
        self.feed_import = Arc::new(self.feed_import_with(config.clone()));
        self.pump.deploy_batches(&self.feed_import);
        self.release = Arc::new(self.release_with(config.clone()));
        self.worker = Arc::new(self.worker_with(config.clone()));
        self.pump.deploy(self.worker.clone());
        self.pump.deploy_crm_events(|old| CrmEvents {
            config: config.clone(),
            vendors: old.vendors.clone(),
            gate: old.gate.clone(),
            fingerprints: old.fingerprints.clone(),
        });
        self.config = config;
    }

    fn worker_with(&self, config: Arc<Config>) -> EnrichmentWorker {
        let worker = &self.worker;
        EnrichmentWorker {
            config,
            records: worker.records.clone(),
            credits: worker.credits.clone(),
            answers: worker.answers.clone(),
            limits: worker.limits.clone(),
            feed: worker.feed.clone(),
            queue: worker.queue.clone(),
            dead_letters: worker.dead_letters.clone(),
            fingerprints: worker.fingerprints.clone(),
            connections: worker.connections.clone(),
            clock: worker.clock.clone(),
        }
    }

    fn enrolment_worker_with(&self, config: Arc<Config>) -> EnrolmentWorker {
        let worker = &self.enrolment_worker;
        EnrolmentWorker {
            config,
            records: worker.records.clone(),
            enrolments: worker.enrolments.clone(),
            limits: worker.limits.clone(),
            requests: worker.requests.clone(),
            queue: worker.queue.clone(),
            dead_letters: worker.dead_letters.clone(),
            connections: worker.connections.clone(),
            fingerprints: worker.fingerprints.clone(),
            clock: worker.clock.clone(),
        }
    }

    fn tam_build_with(&self, config: Arc<Config>) -> TamBuild {
        let build = &self.tam_build;
        TamBuild {
            config,
            records: build.records.clone(),
            credits: build.credits.clone(),
            lists: build.lists.clone(),
            limits: build.limits.clone(),
            requests: build.requests.clone(),
            queue: build.queue.clone(),
            dead_letters: build.dead_letters.clone(),
            connections: build.connections.clone(),
            clock: build.clock.clone(),
        }
    }

    pub(super) fn feed_import_with(&self, config: Arc<Config>) -> FeedImport {
        let import = &self.feed_import;
        FeedImport {
            config,
            feed: import.feed.clone(),
            bucket: import.bucket.clone(),
            queue: import.queue.clone(),
            dead_letters: import.dead_letters.clone(),
            clock: import.clock.clone(),
            piece_rows: import.piece_rows,
        }
    }

    fn release_with(&self, config: Arc<Config>) -> DeferralRelease {
        let release = &self.release;
        DeferralRelease {
            config,
            records: release.records.clone(),
            credits: release.credits.clone(),
            queue: release.queue.clone(),
            feed: release.feed.clone(),
            connections: release.connections.clone(),
            events: release.events.clone(),
            clock: release.clock.clone(),
        }
    }
}

/// The same door, which goes by `config`.
fn with_config(door: &Door, config: &Arc<Config>) -> Door {
    let config = config.clone();
    match door {
        Door::Crm(old) => {
            let (vendors, gate, secrets) = (old.vendors.clone(), old.gate.clone(), old.secrets.clone());
            let (fingerprints, clock) = (old.fingerprints.clone(), old.clock.clone());
            Door::Crm(Arc::new(CrmWebhook { vendors, config, gate, secrets, fingerprints, clock }))
        }
        Door::Signal(old) => Door::Signal(Arc::new(SignalWebhook {
            config,
            enrolments: old.enrolments.clone(),
            queue: old.queue.clone(),
            secrets: old.secrets.clone(),
            fingerprints: old.fingerprints.clone(),
            clock: old.clock.clone(),
        })),
        Door::Provider(old) => Door::Provider(Arc::new(ProviderWebhook {
            vendors: old.vendors.clone(),
            config,
            records: old.records.clone(),
            credits: old.credits.clone(),
            queue: old.queue.clone(),
            secrets: old.secrets.clone(),
            fingerprints: old.fingerprints.clone(),
            clock: old.clock.clone(),
        })),
    }
}
