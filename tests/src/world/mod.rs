//! The whole system on one machine: the functions' own `handle`, real DynamoDB and SQS APIs on loopback, and vendors
//! that remember. Tables and queues come from `infra/template.yaml`, so what runs here is what deploys.

mod clock;
mod pump;
mod servers;
mod settings;
mod states;
mod web;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use crm_webhook::CrmWebhook;
use deferral_release::{DeferralRelease, Report};
use enrichment_worker::EnrichmentWorker;
use leadgate_aws::credits::Credits;
use leadgate_aws::events::Events;
use leadgate_aws::queue::Queue;
use leadgate_aws::records::Records;
use leadgate_aws::secrets::Secrets;
use leadgate_aws::usage::Usage;
use leadgate_enrichment::clock::{Clock, later};
use leadgate_enrichment::config::{Config, Tenant};
use leadgate_enrichment::ids::{CrmKind, ObjectType, RecordKey, TenantId};
use leadgate_lambda::connections::Connections;
use leadgate_lambda::invocation::Invocation;
use tokio::net::TcpListener;

pub use clock::{Patience, WorldClock};
pub use pump::Pump;
pub use servers::Servers;
pub use settings::{Real, SIGNING_SECRET, Settings};
pub use states::States;
pub use web::{Whereabouts, invoke};
pub use wire::{Break, Call, Caller, Wire};

use crate::simulators::apollo::Apollo;
use crate::simulators::eventbridge::{self, EventBridge};
use crate::simulators::hubspot::{HubSpot, Subscription};
use crate::simulators::{self, Simulators};
use crate::template::{Created, FunctionDef, Template};

/// One world. It ends when it is dropped.
pub struct World {
    /// The time in it.
    pub clock: Arc<WorldClock>,
    /// What it was configured with.
    pub config: Arc<Config>,
    /// The simulated CRM.
    pub hubspot: Arc<HubSpot>,
    /// The simulated provider.
    pub apollo: Arc<Apollo>,
    /// What operators were told.
    pub bus: Arc<EventBridge>,
    /// The functions' own view of the tables and the queue.
    pub records: Records,
    /// See `records`.
    pub credits: Credits,
    /// See `records`.
    pub queue: Queue,
    /// What DynamoDB says it consumed.
    pub usage: Arc<Usage>,
    /// Between the functions and everybody else.
    pub wire: Arc<Wire>,
    /// The door.
    pub webhook: Arc<CrmWebhook>,
    /// The worker.
    pub worker: Arc<EnrichmentWorker>,
    /// The schedule's function.
    pub release: Arc<DeferralRelease>,
    /// From the queue to the worker.
    pub pump: Arc<Pump>,
    /// Where webhooks and simulators are served: `http://127.0.0.1:PORT`.
    pub url: String,
    /// Where DynamoDB and SQS are.
    pub servers: Servers,
    sqs: aws_sdk_sqs::Client,
    queue_url: String,
    dead_letter_queue_url: String,
    schedule: Schedule,
    web: tokio::task::JoinHandle<()>,
}

/// When the release runs, and how long it may.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    every: Duration,
    timeout: Duration,
}

/// Why a world could not be started.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

impl Drop for World {
    fn drop(&mut self) {
        self.web.abort();
    }
}

impl World {
    /// Starts everything. Nothing happens in it by itself: events are delivered and the queue is worked off when
    /// whoever holds the world says so.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let clock = Arc::new(WorldClock::new(settings.start, settings.seed, settings.patience));
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port))).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let config = Arc::new(settings.config_for(&url)?);
        let http = leadgate_connectors::http::client();
        let dyn_clock: Arc<dyn Clock> = clock.clone();
        let hubspot = Arc::new(HubSpot::new(dyn_clock.clone(), settings.hubspot.clone(), http.clone()));
        let apollo = Arc::new(Apollo::new(dyn_clock.clone(), settings.apollo.clone()));

        let servers = Servers::start().await?;
        let (wire, usage) = (Arc::new(Wire::default()), Arc::new(Usage::default()));
        wire.tap(&hubspot, &apollo);
        let ours = || wire.sdk_client(Caller::Function);
        let dynamodb = aws_sdk_dynamodb::Client::new(&servers.dynamodb_config(ours()).await);
        let sqs = aws_sdk_sqs::Client::new(&servers.sqs_config(ours()).await);
        let polling = aws_sdk_sqs::Client::new(&servers.sqs_config(wire.sdk_client(Caller::EventSource)).await);

        let template = Template::load()?;
        let prefix = format!("local-{}-", listener.local_addr()?.port());
        let created = template.create(&dynamodb, &polling, &prefix).await?;
        let worker_def = function(&template, "enrichment-worker")?;
        let names = Names::of(&created, worker_def)?;

        let whereabouts = Whereabouts {
            dynamodb: servers.dynamodb.clone(),
            records_table: names.records.clone(),
            credits_table: names.credits.clone(),
            config: settings.config.clone(),
            credits_per_cycle: settings.credits_per_cycle,
        };
        let records = Records::new(dynamodb.clone(), names.records, usage.clone());
        let credits = Credits::new(dynamodb, names.credits, usage.clone(), dyn_clock.clone());
        let queue = Queue::new(sqs, names.queue_url.clone(), dyn_clock.clone());
        let secrets = Arc::new(Secrets::fixed(settings.secrets(&config), dyn_clock.clone()));
        let webhook = Arc::new(CrmWebhook {
            config: config.clone(),
            records: records.clone(),
            queue: queue.clone(),
            secrets: secrets.clone(),
            clock: dyn_clock.clone(),
        });
        let connections = Connections::new(secrets, http);
        let worker = Arc::new(EnrichmentWorker {
            config: config.clone(),
            records: records.clone(),
            credits: credits.clone(),
            queue: queue.clone(),
            connections: connections.clone(),
            clock: dyn_clock.clone(),
        });
        let bus = Arc::new(EventBridge::default());
        let eventbridge = servers.config_at(ours(), &format!("{url}/simulators/eventbridge")).await;
        let release = Arc::new(DeferralRelease {
            config: config.clone(),
            records: records.clone(),
            credits: credits.clone(),
            queue: queue.clone(),
            connections: connections.clone(),
            events: Events::new(aws_sdk_eventbridge::Client::new(&eventbridge), "default"),
            clock: dyn_clock.clone(),
        });
        let release_def = function(&template, "deferral-release")?;
        let schedule = Schedule {
            every: release_def.schedule().ok_or("deferral-release has no schedule")?,
            timeout: release_def.timeout,
        };
        let pump = Pump::new(
            polling.clone(),
            names.queue_url.clone(),
            worker.clone(),
            wire.clone(),
            dyn_clock,
            worker_def.timeout,
        );
        let simulators = Simulators { hubspot: hubspot.clone(), apollo: apollo.clone() };
        let pump = Arc::new(pump);
        let routes = web::router(webhook.clone())
            .merge(simulators::router(simulators))
            .merge(eventbridge::router(bus.clone()))
            .merge(web::clock_router(clock.clone(), pump.clone()))
            .merge(web::whereabouts_router(whereabouts));
        let web = tokio::spawn(async move {
            // It ends with the world.
            let _ = axum::serve(listener, routes).await;
        });
        let world = Self {
            clock,
            config,
            hubspot,
            apollo,
            bus,
            records,
            credits,
            queue,
            usage,
            wire,
            webhook,
            worker,
            release,
            pump,
            url,
            servers,
            sqs: polling,
            queue_url: names.queue_url,
            dead_letter_queue_url: names.dead_letter_queue_url,
            schedule,
            web,
        };
        world.subscribe();
        Ok(world)
    }

    /// The CRM tells about new contacts, and about every property that makes one due or that we write.
    fn subscribe(&self) {
        let tenant = self.tenant();
        let mut subscription = Subscription::new(&self.webhook_url(), SIGNING_SECRET);
        subscription.signed_url.clone_from(&tenant.crm.public_url);
        subscription.properties.clone_from(&tenant.crm.enrich_on_change);
        self.hubspot.subscribe(subscription);
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
        format!("{}/hubspot/{}", self.url, self.tenant_id())
    }

    /// The record of a contact of the simulated CRM.
    pub fn key(&self, contact: &str) -> RecordKey {
        RecordKey {
            tenant: self.tenant_id().clone(),
            crm: CrmKind::Hubspot,
            object: ObjectType::Contact,
            id: contact.to_owned(),
        }
    }

    /// Runs the schedule's function once, as of now.
    pub async fn run_release(&self) -> Report {
        let deadline = later(self.clock.now(), self.schedule.timeout);
        self.release.handle(&Invocation { id: "schedule".to_owned(), deadline }).await
    }

    /// How often the schedule's function runs.
    pub fn release_every(&self) -> Duration {
        self.schedule.every
    }

    /// Works off everything that can be worked off now: the queue, messages that had to wait (the clock is turned
    /// for them), and what the schedule releases.
    pub async fn settle_down(&self, workers: usize) {
        for _ in 0..SETTLE_ROUNDS_MAX {
            self.pump.run_dry(workers).await;
            if self.pump.hidden_count() > 0 {
                self.clock.turn(self.pump.timeout * 2);
                self.pump.show_hidden().await;
                continue;
            }
            let report = self.run_release().await;
            if report.released == 0 && report.swept == 0 {
                return;
            }
        }
    }

    /// Turns the clock to the next billing cycle, here and at the provider.
    pub async fn next_cycle(&self, provider_credits_milli: i64) {
        let now = self.clock.now();
        let closes = self.tenant().plan.calendar.cycle_at(now).closes;
        self.clock.turn(leadgate_enrichment::clock::until(now, closes) + Duration::from_secs(1));
        self.apollo.begin_cycle(provider_credits_milli);
        self.pump.show_hidden().await;
    }

    /// Messages that were given up on.
    pub async fn dead_letters(&self) -> usize {
        self.waiting_in(&self.dead_letter_queue_url).await
    }

    /// Messages in sight or hidden on the queue.
    pub async fn waiting(&self) -> usize {
        self.waiting_in(&self.queue_url).await
    }

    async fn waiting_in(&self, queue_url: &str) -> usize {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let request = self.sqs.get_queue_attributes().queue_url(queue_url).set_attribute_names(Some(names.to_vec()));
        let attributes = request.send().await.ok().and_then(|answer| answer.attributes).unwrap_or_default();
        names.iter().filter_map(|name| attributes.get(name)?.parse::<usize>().ok()).sum()
    }
}

/// More rounds than this mean that something goes in circles.
const SETTLE_ROUNDS_MAX: usize = 40;

fn function<'a>(template: &'a Template, folder: &str) -> Result<&'a FunctionDef, String> {
    template.function(folder).ok_or_else(|| format!("the template has no function {folder}"))
}

/// What the template calls the worker's tables and queues, as they are called here.
struct Names {
    records: String,
    credits: String,
    queue_url: String,
    dead_letter_queue_url: String,
}

impl Names {
    fn of(created: &Created, worker: &FunctionDef) -> Result<Self, String> {
        let environment = created.environment(worker);
        let variable = |name: &str| {
            environment.get(name).cloned().ok_or_else(|| format!("the template doesn't set {name} for the worker"))
        };
        let dead_letters = created.queue_urls.get("EnrichmentDeadLetterQueue");
        Ok(Self {
            records: variable("LEADGATE_RECORDS_TABLE")?,
            credits: variable("LEADGATE_CREDITS_TABLE")?,
            queue_url: variable("LEADGATE_QUEUE_URL")?,
            dead_letter_queue_url: dead_letters.cloned().ok_or("the template has no dead-letter queue")?,
        })
    }
}
