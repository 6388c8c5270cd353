//! The whole system on one machine: the functions' own `handle`, real DynamoDB and SQS APIs on loopback, and vendors
//! that remember. Tables and queues come from `infra/template.yaml`, so what runs here is what deploys.

mod batches;
mod clock;
mod connector;
mod crms;
mod deploy;
mod guard;
mod kept;
mod leftovers;
mod partner_bus;
mod providers;
mod pump;
mod queues;
mod servers;
mod settings;
mod signals;
mod site;
mod stale;
mod start;
mod states;
mod stored;
mod under_way;
mod vendors;
mod web;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deferral_release::{DeferralRelease, Report};
use enrichment_worker::EnrichmentWorker;
use enrolment_worker::EnrolmentWorker;
use feed_import::FeedImport;
use leadgate_aws::credits::Credits;
use leadgate_aws::enrolments::Enrolments;
use leadgate_aws::feed::Feed;
use leadgate_aws::lists::Lists;
use leadgate_aws::queue::Queue;
use leadgate_aws::records::Records;
use leadgate_aws::usage::Usage;
use leadgate_enrichment::clock::{Clock, later};
use leadgate_enrichment::config::{Config, Tenant};
use leadgate_enrichment::ids::{Origin, RecordKey, TenantId};
use leadgate_lambda::invocation::Invocation;
use tam_build::TamBuild;

pub use batches::NotTold;
pub use clock::{Companion, Patience, WorldClock};
use crms::{is_attio, is_close, is_pipedrive, is_salesforce, is_zoho};
pub use leftovers::Leftover;
pub use providers::{Accounts, EVERY_PROVIDER, Providers};
pub use pump::Pump;
use pump::waiting_in;
pub use servers::Servers;
pub use settings::{APEX_SECRET, CALLBACK_SECRET, EVERY_CRM, Real, SIGNING_SECRET, Settings, WEBHOOK_USER, With};
pub use signals::{MAILBOXES, SEQUENCE, job_change};
pub use site::Site;
pub use states::States;
use web::Address;
pub use web::{Door, Whereabouts};
pub use wire::{Break, Call, Caller, Rewrite, Wire};

use crate::simulators::apollo::Apollo;
use crate::simulators::attio::Attio;
use crate::simulators::close::Close;
use crate::simulators::eventbridge::EventBridge;
use crate::simulators::hubspot::{HubSpot, Subscription};
use crate::simulators::pipedrive::Pipedrive;
use crate::simulators::s3::S3;
use crate::simulators::salesforce::{Road, Salesforce};
use crate::simulators::zoho::Zoho;
use crate::simulators::{self, SimulatedCrm};

/// One world. It ends when it is dropped.
pub struct World {
    /// The time in it.
    pub clock: Arc<WorldClock>,
    /// What it was configured with.
    pub config: Arc<Config>,
    /// A simulated CRM, and the tenant's unless the configuration names the other.
    pub hubspot: Arc<HubSpot>,
    /// The other one.
    pub salesforce: Arc<Salesforce>,
    /// And another one.
    pub pipedrive: Arc<Pipedrive>,
    /// And another one.
    pub attio: Arc<Attio>,
    /// And another one.
    pub close: Arc<Close>,
    /// And another one.
    pub zoho: Arc<Zoho>,
    /// A simulated provider, and the tenant's unless the configuration names another.
    pub apollo: Arc<Apollo>,
    /// The others.
    pub providers: Providers,
    /// What operators were told.
    pub bus: Arc<EventBridge>,
    /// An observer's view of the tables and the queue: what is planned for calls is for the functions' own.
    pub records: Records,
    /// See `records`.
    pub credits: Credits,
    /// See `records`.
    pub queue: Queue,
    /// The feed, as whoever takes one in sees it: what is planned for calls is for these as well.
    pub feed: Feed,
    /// What DynamoDB says it consumed.
    pub usage: Arc<Usage>,
    /// Between the functions and everybody else.
    pub wire: Arc<Wire>,
    /// The door.
    pub webhook: Door,
    /// The side door.
    pub provider_webhook: Door,
    /// The door for signals.
    pub signal_webhook: Door,
    /// The worker that enrols.
    pub enrolment_worker: Arc<EnrolmentWorker>,
    /// See `records`.
    pub enrolments: Enrolments,
    /// The nightly build.
    pub tam_build: Arc<TamBuild>,
    /// What takes batches of businesses in.
    pub feed_import: Arc<FeedImport>,
    /// Where they land.
    pub s3: Arc<S3>,
    /// See `records`.
    pub lists: Lists,
    /// Where the doors stand.
    addresses: [Address; 3],
    /// The vendors of a second tenant, if there is one.
    pub neighbour: Option<Neighbour>,
    /// The worker.
    pub worker: Arc<EnrichmentWorker>,
    /// The schedule's function.
    pub release: Arc<DeferralRelease>,
    /// From the queue to the worker.
    pub pump: Arc<Pump>,
    /// Where webhooks and simulators are served: `http://127.0.0.1:PORT`.
    pub url: String,
    /// Where DynamoDB and SQS are.
    pub servers: Arc<Servers>,
    site: Site,
    sqs: aws_sdk_sqs::Client,
    release_deaths: AtomicU64,
    _web: Served,
}

/// The vendors of a second tenant in a world.
#[derive(Clone)]
pub struct Neighbour {
    /// Its portal.
    pub hubspot: Arc<HubSpot>,
    /// Its team.
    pub apollo: Arc<Apollo>,
}

/// Why a world could not be started.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

/// What is served until it is dropped.
struct Served(tokio::task::JoinHandle<()>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl World {
    /// Ends it, and leaves where it stood to the next.
    pub fn leave(self) -> Site {
        self.site
    }

    /// The CRM of the tenant that the world is about.
    pub fn crm(&self) -> Arc<dyn SimulatedCrm> {
        match self.tenant() {
            tenant if is_salesforce(tenant) => self.salesforce.clone(),
            tenant if is_pipedrive(tenant) => self.pipedrive.clone(),
            tenant if is_attio(tenant) => self.attio.clone(),
            tenant if is_close(tenant) => self.close.clone(),
            tenant if is_zoho(tenant) => self.zoho.clone(),
            _ => self.hubspot.clone(),
        }
    }

    /// The CRM tells about new contacts, and about every property that makes one due or that we write.
    fn subscribe(&self, settings: &Settings) {
        for tenant in self.config.tenants.values().take(1) {
            let callbacks = tenant.providers().filter_map(|provider| provider.callback.as_ref());
            let told = callbacks.filter(|callback| callback.url.contains("/clay/"));
            told.for_each(|callback| self.providers.clay.register_webhook(&callback.url, &settings.callback_secret));
        }
        let neighbour = self.neighbour.as_ref().map(|neighbour| &neighbour.hubspot);
        for (tenant, hubspot) in self.config.tenants.values().zip([&self.hubspot].into_iter().chain(neighbour)) {
            if is_salesforce(tenant) {
                self.subscribe_org(tenant, settings);
                continue;
            }
            if is_pipedrive(tenant) {
                self.subscribe_company(tenant, settings);
                continue;
            }
            if is_attio(tenant) {
                let url = settings::webhook_url(&self.url, tenant);
                let subscription = simulators::attio::subscription(&url, &settings.signing_secret);
                self.attio.subscribe(self.patient(subscription));
                continue;
            }
            if is_close(tenant) {
                let url = settings::webhook_url(&self.url, tenant);
                let subscription = simulators::close::subscription(&url, &settings.signing_secret);
                self.close.subscribe(self.patient(subscription));
                continue;
            }
            if is_zoho(tenant) {
                let url = settings::webhook_url(&self.url, tenant);
                let subscription = simulators::zoho::subscription(&url, &settings.signing_secret);
                self.zoho.subscribe(self.patient(subscription));
                continue;
            }
            let url = settings::webhook_url(&self.url, tenant);
            let mut subscription = Subscription::new(&url, &settings.signing_secret);
            subscription.signed_url.clone_from(&tenant.crm.public_url);
            subscription.properties.clone_from(&tenant.crm.enrich_on_change);
            subscription.companies = tenant.companies.is_some();
            subscription.deadline = self.clock.patience().unwrap_or(subscription.deadline);
            hubspot.subscribe(subscription);
        }
    }

    /// The org tells about new leads and contacts and about every save, our own ones as well.
    fn subscribe_org(&self, tenant: &Tenant, settings: &Settings) {
        let url = settings::webhook_url(&self.url, tenant);
        let mut subscription = match settings.road {
            Road::OutboundMessages => {
                simulators::salesforce::Subscription::outbound_messages(&format!("{url}/{}", settings.signing_secret))
            }
            Road::Callouts => simulators::salesforce::Subscription::callouts(&url, &settings.apex_secret),
            Road::ChangeEvents => {
                simulators::salesforce::Subscription::change_events(&format!("{}{}", self.url, partner_bus::PATH))
            }
        };
        subscription.deadline = self.clock.patience().unwrap_or(subscription.deadline);
        self.salesforce.subscribe(subscription);
    }

    /// The company tells about new persons and about every save, our own ones as well.
    fn subscribe_company(&self, tenant: &Tenant, settings: &Settings) {
        let url = settings::webhook_url(&self.url, tenant);
        let subscription = simulators::pipedrive::subscription(&url, settings::WEBHOOK_USER, &settings.signing_secret);
        self.pipedrive.subscribe(self.patient(subscription));
    }

    /// The same subscription, as patient as the world.
    fn patient(&self, subscription: simulators::Subscription) -> simulators::Subscription {
        let deadline = self.clock.patience().unwrap_or(subscription.deadline);
        simulators::Subscription { deadline, ..subscription }
    }

    /// The second tenant, if there is one.
    pub fn neighbour_tenant(&self) -> Option<&Tenant> {
        self.config.tenants.values().nth(1).filter(|_| self.neighbour.is_some())
    }

    /// The tenant that the world is about.
    pub fn tenant(&self) -> &Tenant {
        self.config.tenants.values().next().unwrap_or_else(|| unreachable!("a checked configuration has a tenant"))
    }

    /// The name of the tenant that the world is about.
    pub fn tenant_id(&self) -> &TenantId {
        &self.tenant().id
    }

    /// Where its webhooks go.
    pub fn webhook_url(&self) -> String {
        settings::webhook_url(&self.url, self.tenant())
    }

    /// The record of a contact of the simulated CRM.
    pub fn key(&self, contact: &str) -> RecordKey {
        RecordKey {
            tenant: self.tenant_id().clone(),
            origin: Origin::known(self.tenant().crm.vendor.name),
            object: self.crm().object_of(contact),
            id: contact.to_owned(),
        }
    }

    /// An HTTP client, for whoever speaks to the world from outside.
    pub fn http(&self) -> &reqwest::Client {
        &self.site.http
    }

    /// Runs the schedule's function once, as of now. A run that dies reports nothing.
    pub async fn run_release(&self) -> Report {
        self.run_release_or_die().await.unwrap_or_default()
    }

    /// Runs the schedule's function once, unless it dies meanwhile or hasn't ended at its deadline.
    pub async fn run_release_or_die(&self) -> Option<Report> {
        let began = self.clock.now();
        let deadline = later(began, self.site.schedule.timeout);
        let invocation = Invocation { id: "schedule".to_owned(), began, deadline };
        let report = tokio::select! {
            biased;
            () = self.wire.death() => None,
            () = self.clock.reached(deadline) => None,
            report = self.release.handle(&invocation) => Some(report),
        };
        if report.is_none() {
            self.release_deaths.fetch_add(1, Ordering::SeqCst);
        }
        report
    }

    /// Does something, unless it dies meanwhile.
    pub async fn or_die<T>(&self, doing: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.wire.death() => None,
            done = doing => Some(done),
        }
    }

    /// How often a worker or the schedule's function died, or was ended at its deadline.
    pub fn deaths(&self) -> u64 {
        self.pump.deaths() + self.release_deaths.load(Ordering::SeqCst)
    }

    /// How long the worker may run.
    pub fn worker_timeout(&self) -> Duration {
        self.site.worker_timeout
    }

    /// How often the schedule's function runs.
    pub fn release_every(&self) -> Duration {
        self.site.schedule.every
    }

    /// Works off everything that can be worked off now: the queue, messages that had to wait (the clock is turned
    /// for them), and what the schedule releases.
    pub async fn settle_down(&self, workers: usize) {
        for _ in 0..SETTLE_ROUNDS_MAX {
            self.pump.run_dry(workers).await;
            let told = self.apollo.deliver_callbacks(&self.site.http).await;
            if told + self.providers.clay.deliver_webhooks(&self.site.http).await > 0 {
                continue;
            }
            if self.pump.hidden_count() > 0 || self.waiting().await > 0 {
                self.clock.turn(self.pump.timeout * 2);
                self.pump.show_hidden().await;
                continue;
            }
            let Some(report) = self.run_release_or_die().await else { continue };
            // What is resolved comes back at the end of a run: the next one can release for it.
            let back = report.resolved + report.plan_changes;
            let is_done = report.released + report.swept + report.asked_after + back == 0;
            if is_done && self.wire.land_all() == 0 {
                return;
            }
        }
    }

    /// Turns the clock to the next billing cycle, here and at the providers.
    pub async fn next_cycle(&self, provider_credits_milli: i64) {
        let now = self.clock.now();
        let closes = self.tenant().provider.plan.calendar.cycle_at(now).closes;
        self.clock.turn(leadgate_enrichment::clock::until(now, closes) + Duration::from_secs(1));
        for provider in self.tenant().providers() {
            self.provider_named(provider.vendor.name).begin_cycle(provider_credits_milli);
        }
        self.pump.show_hidden().await;
    }

    /// Messages that were given up on; none if SQS doesn't say.
    pub async fn dead_letters(&self) -> usize {
        let names = &self.site.names;
        let mut waiting = 0;
        for queue in
            [&names.dead_letter_queue_url, &names.enrolment_dead_letter_queue_url, &names.list_dead_letter_queue_url]
        {
            waiting += waiting_in(&self.sqs, queue).await.unwrap_or_default();
        }
        waiting
    }

    /// An operator redrives the messages about enrolments that were given up on.
    pub async fn redrive_enrolments(&self) {
        let (from, to) = (&self.site.names.enrolment_dead_letter_queue_url, &self.site.names.enrolment_queue_url);
        // An observer's calls aren't broken.
        while let Ok(received) = self.sqs.receive_message().queue_url(from).max_number_of_messages(10).send().await
            && let messages = received.messages.unwrap_or_default()
            && !messages.is_empty()
        {
            for message in messages {
                let _ = self.sqs.send_message().queue_url(to).set_message_body(message.body).send().await;
                let delete = self.sqs.delete_message().queue_url(from).set_receipt_handle(message.receipt_handle);
                let _ = delete.send().await;
            }
        }
    }

    /// Messages in sight or hidden on the worker's queues; none if SQS doesn't say.
    pub async fn waiting(&self) -> usize {
        self.pump.waiting().await.unwrap_or_default()
    }
}

/// More rounds than this mean that something goes in circles.
const SETTLE_ROUNDS_MAX: usize = 40;
