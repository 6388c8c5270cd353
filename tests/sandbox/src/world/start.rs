//! Starting a world: everything in it is made here, and wired as it is in AWS.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use crm_events::CrmEvents;
use crm_webhook::CrmWebhook;
use deferral_release::DeferralRelease;
use enrichment_worker::EnrichmentWorker;
use enrolment_worker::EnrolmentWorker;
use feed_import::FeedImport;
use leadgate_aws::answers::Answers;
use leadgate_aws::credits::Credits;
use leadgate_aws::enrolments::Enrolments;
use leadgate_aws::events::Events;
use leadgate_aws::feed::Feed;
use leadgate_aws::limits::Limits;
use leadgate_aws::lists::Lists;
use leadgate_aws::objects::Objects;
use leadgate_aws::queue::Queue;
use leadgate_aws::records::Records;
use leadgate_aws::secrets::Secrets;
use leadgate_aws::table::Database;
use leadgate_aws::usage::Usage;
use leadgate_connectors::http::Http;
use leadgate_connectors::registry::Inbound;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::Config;
use leadgate_enrichment::ids::{IdError, TenantId};
use leadgate_gate::Gate;
use leadgate_lambda::connections::Connections;
use leadgate_lambda::fingerprints::Fingerprints;
use provider_webhook::ProviderWebhook;
use signal_webhook::SignalWebhook;
use tam_build::TamBuild;
use tokio::net::TcpListener;

use super::batches::FEED_BUCKET;
use super::clock::{Patience, WorldClock};
use super::guard;
use super::kept;
use super::partner_bus::{self, PartnerBus};
use super::providers::Providers;
use super::pump::Pump;
use super::servers::Servers;
use super::settings::{FINGERPRINT_SECRET_NAME, NEIGHBOUR, Settings, callback_url, webhook_url};
use super::site::{Site, paced};
use super::vendors::{apollo, salesforce, zoho};
use super::web::{self, Address, Door, Whereabouts};
use super::wire::{Caller, Wire};
use super::{Neighbour, Served, StartError, World};
use crate::simulators::apollo::Apollo;
use crate::simulators::attio::Attio;
use crate::simulators::close::Close;
use crate::simulators::eventbridge::{self, EventBridge};
use crate::simulators::hubspot::HubSpot;
use crate::simulators::pipedrive::Pipedrive;
use crate::simulators::s3::{self, S3};
use crate::simulators::salesforce::Salesforce;
use crate::simulators::zoho::Zoho;
use crate::simulators::{self, Simulators};

impl World {
    /// Starts everything. Nothing happens in it by itself: events are delivered and the queue is worked off when
    /// whoever holds the world says so.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        Self::start_at(Site::new(Arc::new(Servers::start().await?)).await?, settings).await
    }

    /// Starts everything else where others have stood before.
    pub async fn start_at(mut site: Site, settings: Settings) -> Result<Self, StartError> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port))).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let config = Arc::new(renamed(settings.config_for(&url)?, site.worlds, &url)?);
        site.worlds += 1;
        let start = kept::start(&site, settings.start)?;
        let clock = Arc::new(WorldClock::new(start, settings.seed, settings.patience));
        clock.lead(site.servers.sqs_clock.clone());
        let wire = Arc::<Wire>::default();
        wire.lead_to(site.servers.sqs_clock.clone());
        let passes = wire.clone();
        clock.before_turns(move |by| passes.before_turn(by));
        let secrets = Arc::new(Secrets::fixed(settings.secrets(&config), clock.clone()));
        let http = match clock.patience() {
            Some(patience) => Http::patient(site.http.clone(), patience),
            None => site.http.clone().into(),
        };
        let parts = Parts {
            wire,
            usage: Arc::default(),
            hubspot: Arc::new(HubSpot::new(clock.clone(), settings.hubspot.clone(), site.http.clone())),
            salesforce: salesforce(&clock, &settings, &site, &url),
            pipedrive: Arc::new(Pipedrive::new(clock.clone(), settings.pipedrive.clone(), site.http.clone())),
            attio: Arc::new(Attio::new(clock.clone(), settings.attio.clone(), site.http.clone())),
            close: Arc::new(Close::new(clock.clone(), settings.close.clone(), site.http.clone())),
            zoho: zoho(&clock, &settings, &site, &url),
            apollo: apollo(&clock, &settings),
            providers: Providers::new(&clock, &settings.accounts),
            neighbour: settings.neighbour.is_some().then(|| Neighbour {
                hubspot: Arc::new(HubSpot::new(clock.clone(), settings.hubspot.clone(), site.http.clone())),
                apollo: apollo(&clock, &settings),
            }),
            bus: Arc::default(),
            inbound: settings.inbound.clone(),
            connections: Connections::new(settings.outbound.clone(), secrets.clone(), http),
            whereabouts: Whereabouts {
                dynamodb: site.servers.dynamodb.clone(),
                records_table: site.names.records.clone(),
                credits_table: site.names.credits.clone(),
                limits_table: site.names.limits.clone(),
                sqs: site.servers.sqs.clone(),
                bulk_queue_url: site.names.bulk_queue_url.clone(),
                feed_table: site.names.feed.clone(),
                lists_table: site.names.lists.clone(),
                config: settings.config.clone(),
                credits_per_cycle: settings.credits_per_cycle,
                url: url.clone(),
                fingerprints: FINGERPRINT_SECRET_NAME.to_owned(),
                secrets: settings.simulated_secrets(&config),
            },
            patience: settings.patience,
            controlled: !settings.real.is_any(),
            secrets,
            clock,
            config,
            site,
            url,
        };
        parts.wire.tap(&parts.hubspot, &parts.apollo);
        parts.wire.tap_vendor(parts.salesforce.faults());
        parts.wire.tap_vendor(parts.pipedrive.faults());
        parts.wire.tap_vendor(parts.attio.faults());
        parts.wire.tap_vendor(parts.close.faults());
        parts.wire.tap_vendor(parts.zoho.faults());
        parts.providers.tap(&parts.wire);
        if let Some(Neighbour { hubspot, apollo }) = &parts.neighbour {
            parts.wire.tap(hubspot, apollo);
        }
        if let Some(folder) = &parts.site.folder {
            let vendors = Neighbour { hubspot: parts.hubspot.clone(), apollo: parts.apollo.clone() };
            let vendors = [Some(&vendors), parts.neighbour.as_ref()];
            parts.salesforce.keep_in(folder.part("salesforce-0"))?;
            parts.pipedrive.keep_in(folder.part("pipedrive-0"))?;
            parts.attio.keep_in(folder.part("attio-0"))?;
            parts.close.keep_in(folder.part("close-0"))?;
            parts.zoho.keep_in(folder.part("zoho-0"))?;
            kept::keep(folder, &parts.url, &parts.clock, &vendors, &parts.bus)?;
        }
        let world = parts.assemble(listener);
        world.subscribe(&settings);
        Ok(world)
    }
}

/// The same tenants by other names, so that they don't meet those of an earlier world.
pub(super) fn renamed(mut config: Config, number: u64, url: &str) -> Result<Config, IdError> {
    if number == 0 {
        return Ok(config);
    }
    for mut tenant in std::mem::take(&mut config.tenants).into_values() {
        let id: TenantId = format!("{}-{number}", tenant.id).parse()?;
        tenant.change_all(&mut |tenant| {
            tenant.id = id.clone();
            tenant.crm.public_url = webhook_url(url, tenant);
            if let Some(callback) = &mut tenant.provider.callback {
                callback.url = callback_url(url, tenant.provider.vendor.name, &id);
            }
        });
        config.tenants.insert(tenant.id.clone(), tenant);
    }
    Ok(config)
}

/// What functions are made of.
struct Parts {
    site: Site,
    url: String,
    whereabouts: Whereabouts,
    patience: Patience,
    /// Whether the clock can be turned and faults can be made: not where services are real.
    controlled: bool,
    clock: Arc<WorldClock>,
    config: Arc<Config>,
    secrets: Arc<Secrets>,
    inbound: Inbound,
    connections: Connections,
    wire: Arc<Wire>,
    usage: Arc<Usage>,
    hubspot: Arc<HubSpot>,
    salesforce: Arc<Salesforce>,
    pipedrive: Arc<Pipedrive>,
    attio: Arc<Attio>,
    close: Arc<Close>,
    zoho: Arc<Zoho>,
    apollo: Arc<Apollo>,
    providers: Providers,
    neighbour: Option<Neighbour>,
    bus: Arc<EventBridge>,
}

/// The tables and the queue, as one of those who use them sees them.
struct Stores {
    records: Records,
    credits: Credits,
    answers: Answers,
    limits: Limits,
    feed: Feed,
    feed_queue: Queue,
    feed_dead_letters: Queue,
    queue: Queue,
    dead_letters: Queue,
    enrolments: Enrolments,
    enrolment_queue: Queue,
    enrolment_dead_letters: Queue,
    lists: Lists,
    list_queue: Queue,
    list_dead_letters: Queue,
    bulk_queue: Queue,
}

impl Parts {
    fn http(&self, caller: Caller) -> SharedHttpClient {
        self.wire.sdk_client(caller, &self.site.servers.http)
    }

    /// Each function has clients of its own, as in AWS.
    fn stores(&self, caller: Caller) -> Stores {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let (names, http) = (&self.site.names, self.http(caller));
        let client = self.site.dynamodb(http.clone(), self.patience);
        let database = Database { client, usage: self.usage.clone(), clock: clock.clone() };
        let sqs = self.site.sqs(http, self.patience);
        Stores {
            records: Records::new(&database, &names.records),
            limits: Limits::new(&database, &names.limits),
            feed: Feed::new(&database, &names.feed),
            answers: Answers::new(&database, &names.answers),
            credits: Credits::new(&database, &names.credits),
            dead_letters: Queue::new(sqs.clone(), &names.dead_letter_queue_url, clock.clone()),
            enrolments: Enrolments::new(&database, &names.enrolments),
            enrolment_queue: Queue::new(sqs.clone(), &names.enrolment_queue_url, clock.clone()),
            enrolment_dead_letters: Queue::new(sqs.clone(), &names.enrolment_dead_letter_queue_url, clock.clone()),
            feed_queue: Queue::new(sqs.clone(), &names.feed_queue_url, clock.clone()),
            feed_dead_letters: Queue::new(sqs.clone(), &names.feed_dead_letter_queue_url, clock.clone()),
            lists: Lists::new(&database, &names.lists),
            list_queue: Queue::new(sqs.clone(), &names.list_queue_url, clock.clone()),
            list_dead_letters: Queue::new(sqs.clone(), &names.list_dead_letter_queue_url, clock.clone()),
            bulk_queue: Queue::new(sqs.clone(), &names.bulk_queue_url, clock.clone()),
            queue: Queue::new(sqs, &names.queue_url, clock).with_bulk(&names.bulk_queue_url),
        }
    }

    fn fingerprints(&self) -> Fingerprints {
        Fingerprints::new(self.secrets.clone(), FINGERPRINT_SECRET_NAME)
    }

    fn webhook(&self) -> CrmWebhook {
        let Stores { records, queue, .. } = self.stores(Caller::Webhook);
        let (config, secrets) = (self.config.clone(), self.secrets.clone());
        let (fingerprints, clock) = (self.fingerprints(), self.clock.clone());
        let (vendors, gate) = (self.inbound.clone(), Gate { records, queue, clock: clock.clone() });
        CrmWebhook { vendors, config, gate, secrets, fingerprints, clock }
    }

    fn crm_events(&self) -> CrmEvents {
        let Stores { records, queue, .. } = self.stores(Caller::CrmEvents);
        let gate = Gate { records, queue, clock: self.clock.clone() };
        let (vendors, config) = (self.inbound.clone(), self.config.clone());
        CrmEvents { vendors, config, gate, fingerprints: self.fingerprints() }
    }

    /// Whether a CRM's events come by a bus: without one, nothing polls the queue that it would fill.
    fn has_change_events(&self) -> bool {
        self.config.tenants.values().any(|tenant| tenant.crm.own.text("event_source").is_some())
    }

    fn provider_webhook(&self) -> ProviderWebhook {
        let Stores { records, credits, queue, .. } = self.stores(Caller::ProviderWebhook);
        let (config, secrets) = (self.config.clone(), self.secrets.clone());
        let (fingerprints, clock) = (self.fingerprints(), self.clock.clone());
        let vendors = self.inbound.clone();
        ProviderWebhook { vendors, config, records, credits, queue, secrets, fingerprints, clock }
    }

    fn worker(&self) -> EnrichmentWorker {
        let Stores { records, credits, answers, limits, feed, queue, dead_letters, .. } = self.stores(Caller::Worker);
        let (config, clock, fingerprints) = (self.config.clone(), self.clock.clone(), self.fingerprints());
        let connections = self.connections.clone().with_batches(Arc::new(feed.clone()));
        EnrichmentWorker {
            config,
            records,
            credits,
            answers,
            limits,
            feed,
            queue,
            dead_letters,
            fingerprints,
            connections,
            clock,
        }
    }

    fn signal_webhook(&self) -> SignalWebhook {
        let Stores { enrolments, enrolment_queue: queue, .. } = self.stores(Caller::SignalWebhook);
        let (config, secrets) = (self.config.clone(), self.secrets.clone());
        let (fingerprints, clock) = (self.fingerprints(), self.clock.clone());
        SignalWebhook { config, enrolments, queue, secrets, fingerprints, clock }
    }

    fn enrolment_worker(&self) -> EnrolmentWorker {
        let Stores {
            records,
            limits,
            enrolments,
            bulk_queue: requests,
            enrolment_queue: queue,
            enrolment_dead_letters: dead_letters,
            ..
        } = self.stores(Caller::EnrolmentWorker);
        let (config, fingerprints) = (self.config.clone(), self.fingerprints());
        let (connections, clock) = (self.connections.clone(), self.clock.clone());
        EnrolmentWorker {
            config,
            records,
            enrolments,
            limits,
            requests,
            queue,
            dead_letters,
            connections,
            fingerprints,
            clock,
        }
    }

    fn tam_build(&self) -> TamBuild {
        let Stores { records, credits, lists, limits, list_queue: queue, list_dead_letters: dead_letters, .. } =
            self.stores(Caller::TamBuild);
        let requests = self.stores(Caller::TamBuild).bulk_queue;
        let (config, connections, clock) = (self.config.clone(), self.connections.clone(), self.clock.clone());
        TamBuild { config, records, credits, lists, limits, requests, queue, dead_letters, connections, clock }
    }

    fn feed_import(&self) -> FeedImport {
        let Stores { feed, feed_queue: queue, feed_dead_letters: dead_letters, .. } = self.stores(Caller::FeedImport);
        let (config, clock, piece_rows) = (self.config.clone(), self.clock.clone(), leadgate_feed::PIECE_ROWS);
        let endpoint = format!("{}{}", self.url, s3::PATH);
        let sdk = paced(self.site.servers.config_at(self.http(Caller::FeedImport), &endpoint), self.patience);
        let bucket = Objects::new(&sdk, FEED_BUCKET, self.clock.clone());
        FeedImport { config, feed, bucket, queue, dead_letters, clock, piece_rows }
    }

    /// Without feeds, nothing polls the queue that their batches would fill.
    fn has_feeds(&self) -> bool {
        self.config.tenants.values().any(|tenant| tenant.feed.is_some())
    }

    /// Without profiles, nothing polls the queue that they would fill.
    fn has_icps(&self) -> bool {
        self.config.tenants.values().any(|tenant| !tenant.icps.is_empty())
    }

    /// Without rules for signals, nothing polls the queue that they would fill.
    fn has_signals(&self) -> bool {
        self.config.tenants.values().any(|tenant| tenant.signals.is_some())
    }

    fn release(&self) -> DeferralRelease {
        let Stores { records, credits, feed, queue, .. } = self.stores(Caller::Release);
        let (config, connections) = (self.config.clone(), self.connections.clone());
        let endpoint = format!("{}/simulators/eventbridge", self.url);
        let events = self.site.servers.config_at(self.http(Caller::Release), &endpoint);
        let events = Events::new(&paced(events, self.patience), "default", self.clock.clone());
        DeferralRelease { config, records, credits, feed, queue, connections, events, clock: self.clock.clone() }
    }

    fn assemble(self, listener: TcpListener) -> World {
        let Stores { records, credits, queue, enrolments, lists, .. } = self.stores(Caller::Observer);
        let feed = self.stores(Caller::FeedImport).feed;
        let (webhook, worker) = (Door::Crm(Arc::new(self.webhook())), Arc::new(self.worker()));
        let provider_webhook = Door::Provider(Arc::new(self.provider_webhook()));
        let release = Arc::new(self.release());
        let polling = self.site.sqs(self.http(Caller::EventSource), self.patience);
        let pump = Pump::new(
            polling.clone(),
            [self.site.names.queue_url.clone(), self.site.names.bulk_queue_url.clone()],
            worker.clone(),
            self.wire.clone(),
            self.clock.clone(),
            self.site.worker_timeout,
        );
        let changes = &self.site.names.change_event_queue_url;
        let pump = match self.has_change_events() {
            true => pump.with_change_events(changes, Arc::new(self.crm_events())),
            false => pump,
        };
        let signal_webhook = Door::Signal(Arc::new(self.signal_webhook()));
        let enrolment_worker = Arc::new(self.enrolment_worker());
        let enrolments_queue = &self.site.names.enrolment_queue_url;
        let pump =
            if self.has_signals() { pump.with_enrolments(enrolments_queue, enrolment_worker.clone()) } else { pump };
        let tam_build = Arc::new(self.tam_build());
        let pump = match self.has_icps() {
            true => pump.with_lists(&self.site.names.list_queue_url, tam_build.clone()),
            false => pump,
        };
        let feed_import = Arc::new(self.feed_import());
        let pump = match self.has_feeds() {
            true => pump.with_batches(&self.site.names.feed_queue_url, feed_import.clone()),
            false => pump,
        };
        let pump = Arc::new(pump);
        let s3 = Arc::<S3>::default();
        let partner_bus = PartnerBus::new(&self.site.template, polling.clone(), changes);
        let simulators = Simulators { hubspot: self.hubspot.clone(), apollo: self.apollo.clone() };
        let addresses = [&webhook, &provider_webhook, &signal_webhook].map(|door| Address::of(door.clone()));
        let mut routes = web::router(&addresses, &self.wire);
        if let Some(Neighbour { hubspot, apollo }) = self.neighbour.clone() {
            routes = routes.nest(&format!("/{NEIGHBOUR}"), simulators::vendors_router(Simulators { hubspot, apollo }));
        }
        let routes = routes
            .merge(simulators::router(simulators))
            .nest("/simulators/salesforce", simulators::salesforce_router(self.salesforce.clone()))
            .nest("/simulators/pipedrive", simulators::pipedrive_router(self.pipedrive.clone()))
            .nest("/simulators/attio", simulators::attio_router(self.attio.clone()))
            .nest("/simulators/close", simulators::close_router(self.close.clone()))
            .nest("/simulators/zoho", simulators::zoho_router(self.zoho.clone()))
            .merge(self.providers.router())
            .merge(eventbridge::router(self.bus.clone()))
            .merge(s3::router(s3.clone()))
            .merge(partner_bus::router(Arc::new(partner_bus)))
            .merge(web::clock_router(self.clock.clone(), pump.clone()))
            .merge(web::whereabouts_router(self.whereabouts));
        let routes = guard::guarded(routes, self.controlled);
        let web = tokio::spawn(async move {
            // It ends with the world.
            let _ = axum::serve(listener, routes).await;
        });
        World {
            clock: self.clock,
            config: self.config,
            hubspot: self.hubspot,
            salesforce: self.salesforce,
            pipedrive: self.pipedrive,
            attio: self.attio,
            close: self.close,
            zoho: self.zoho,
            apollo: self.apollo,
            providers: self.providers,
            bus: self.bus,
            records,
            credits,
            queue,
            feed,
            feed_import,
            s3,
            usage: self.usage,
            wire: self.wire,
            webhook,
            provider_webhook,
            signal_webhook,
            enrolment_worker,
            enrolments,
            tam_build,
            lists,
            addresses,
            neighbour: self.neighbour,
            worker,
            release,
            pump,
            url: self.url,
            servers: self.site.servers.clone(),
            site: self.site,
            sqs: polling,
            release_deaths: AtomicU64::new(0),
            _web: Served(web),
        }
    }
}
