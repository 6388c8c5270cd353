//! Where worlds stand.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::StartError;
use super::clock::Patience;
use super::partner_bus::QUEUE as CHANGE_EVENT_QUEUE;
use super::servers::Servers;
use crate::kept::Folder;
use crate::template::{Created, FunctionDef, Template};

/// Tables and queues, as the template says, on servers. One world at a time stands there: when it has ended, its
/// queues are empty, and the next has a tenant of another name, to whom what is in the tables means nothing.
pub struct Site {
    pub(super) servers: Arc<Servers>,
    pub(super) http: reqwest::Client,
    pub(super) names: Names,
    /// What is deployed.
    pub(super) template: Arc<Template>,
    pub(super) worker_timeout: Duration,
    pub(super) schedule: Schedule,
    /// Where all of it is kept, if it is.
    pub(super) folder: Option<Arc<Folder>>,
    /// How many worlds have stood here.
    pub(super) worlds: u64,
}

/// When the release runs, and how long it may.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    pub(super) every: Duration,
    pub(super) timeout: Duration,
}

/// What the template calls the worker's tables and queues, as they are called here.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) records: String,
    pub(super) credits: String,
    pub(super) answers: String,
    pub(super) limits: String,
    pub(super) feed: String,
    pub(super) feed_queue_url: String,
    pub(super) feed_dead_letter_queue_url: String,
    pub(super) queue_url: String,
    pub(super) bulk_queue_url: String,
    pub(super) dead_letter_queue_url: String,
    pub(super) change_event_queue_url: String,
    pub(super) enrolments: String,
    pub(super) enrolment_queue_url: String,
    pub(super) enrolment_dead_letter_queue_url: String,
    pub(super) lists: String,
    pub(super) list_queue_url: String,
    pub(super) list_dead_letter_queue_url: String,
}

/// In a hurry, a call that failed is made again after at most this: how long to wait is the SDK's business, and it
/// waits by the machine's clock.
const HURRIED_BACKOFF: Duration = Duration::from_millis(1);

impl Site {
    /// New tables and queues on these servers.
    pub async fn new(servers: Arc<Servers>) -> Result<Self, StartError> {
        Self::named(servers, &prefix(), None).await
    }

    /// The tables and queues of this folder, on servers that were started in it. Those that aren't there yet are made.
    pub(super) async fn kept(servers: Arc<Servers>, folder: Arc<Folder>) -> Result<Self, StartError> {
        Self::named(servers, KEPT_PREFIX, Some(folder)).await
    }

    async fn named(servers: Arc<Servers>, prefix: &str, folder: Option<Arc<Folder>>) -> Result<Self, StartError> {
        let template = Template::load()?;
        let dynamodb = aws_sdk_dynamodb::Client::new(&servers.dynamodb_config(servers.http.clone()));
        let sqs = aws_sdk_sqs::Client::new(&servers.sqs_config(servers.http.clone()));
        let created = template.create(&dynamodb, &sqs, prefix).await?;
        let worker = function(&template, "enrichment-worker")?;
        let release = function(&template, "deferral-release")?;
        let every = release.schedule().ok_or("deferral-release has no schedule")?;
        Ok(Self {
            names: Names::of(&created, worker, &template)?,
            worker_timeout: worker.timeout,
            template: Arc::new(template.clone()),
            schedule: Schedule { every, timeout: release.timeout },
            http: leadgate_connectors::http::client(),
            servers,
            folder,
            worlds: 0,
        })
    }

    pub(super) fn dynamodb(&self, http: SharedHttpClient, patience: Patience) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&paced(self.servers.dynamodb_config(http), patience))
    }

    pub(super) fn sqs(&self, http: SharedHttpClient, patience: Patience) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&paced(self.servers.sqs_config(http), patience))
    }
}

pub(super) fn paced(config: SdkConfig, patience: Patience) -> SdkConfig {
    match config.retry_config().cloned() {
        Some(retries) if patience != Patience::Real => {
            config.into_builder().retry_config(retries.with_initial_backoff(HURRIED_BACKOFF)).build()
        }
        _ => config,
    }
}

/// In a folder the names are always the same.
const KEPT_PREFIX: &str = "local-";

/// A name of its own for each site, also on servers that are there for longer than this process.
#[expect(clippy::disallowed_methods, reason = "servers may outlive us: only the machine's clock goes on")]
fn prefix() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("local-{}-{}-", std::process::id(), now.as_nanos())
}

fn function<'a>(template: &'a Template, folder: &str) -> Result<&'a FunctionDef, String> {
    template.function(folder).ok_or_else(|| format!("the template has no function {folder}"))
}

impl Names {
    fn of(created: &Created, worker: &FunctionDef, template: &Template) -> Result<Self, String> {
        let (enrolment_worker, tam_build) = (function(template, "enrolment-worker")?, function(template, "tam-build")?);
        let variable_of = |function: &FunctionDef, name: &str| {
            let value = created.environment(function).get(name).cloned();
            value.ok_or_else(|| format!("the template doesn't set {name} for {}", function.folder))
        };
        let variable = |name: &str| variable_of(worker, name);
        let of_enrolments = |name: &str| variable_of(enrolment_worker, name);
        let feed_import = function(template, "feed-import")?;
        let of_feed = |name: &str| variable_of(feed_import, name);
        let of_lists = |name: &str| variable_of(tam_build, name);
        let queue = |name: &str| {
            created.queue_urls.get(name).cloned().ok_or_else(|| format!("the template has no queue {name}"))
        };
        Ok(Self {
            records: variable("LEADGATE_RECORDS_TABLE")?,
            credits: variable("LEADGATE_CREDITS_TABLE")?,
            answers: variable("LEADGATE_ANSWERS_TABLE")?,
            limits: variable("LEADGATE_LIMITS_TABLE")?,
            feed: of_feed("LEADGATE_FEED_TABLE")?,
            feed_queue_url: of_feed("LEADGATE_FEED_QUEUE_URL")?,
            feed_dead_letter_queue_url: of_feed("LEADGATE_FEED_DEAD_LETTER_QUEUE_URL")?,
            queue_url: variable("LEADGATE_QUEUE_URL")?,
            bulk_queue_url: variable("LEADGATE_BULK_QUEUE_URL")?,
            dead_letter_queue_url: variable("LEADGATE_DEAD_LETTER_QUEUE_URL")?,
            change_event_queue_url: queue(CHANGE_EVENT_QUEUE)?,
            enrolments: of_enrolments("LEADGATE_ENROLMENTS_TABLE")?,
            enrolment_queue_url: of_enrolments("LEADGATE_ENROLMENT_QUEUE_URL")?,
            enrolment_dead_letter_queue_url: of_enrolments("LEADGATE_ENROLMENT_DEAD_LETTER_QUEUE_URL")?,
            lists: of_lists("LEADGATE_LISTS_TABLE")?,
            list_queue_url: of_lists("LEADGATE_LIST_QUEUE_URL")?,
            list_dead_letter_queue_url: of_lists("LEADGATE_LIST_DEAD_LETTER_QUEUE_URL")?,
        })
    }
}
