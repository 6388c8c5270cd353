//! What a function is told by its environment, read once at cold start. What is missing is named.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use aws_config::SdkConfig;
use leadgate_aws::answers::Answers;
use leadgate_aws::client::in_lambda;
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
use leadgate_connectors::registry::{self, Outbound};
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::Vendors;
use leadgate_enrichment::config::{Config, ConfigError};

use crate::clock::SystemClock;
use crate::connections::Connections;
use crate::fingerprints::Fingerprints;

/// Everything a function may be wired from.
pub struct Environment {
    /// The configuration.
    pub config: Arc<Config>,
    /// The machine's clock.
    pub clock: Arc<dyn Clock>,
    /// What DynamoDB says it consumed.
    pub usage: Arc<Usage>,
    sdk: SdkConfig,
    database: Database,
}

/// Why a function can't start.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable isn't set.
    #[error("the environment variable {0} is not set; Lambda or infra/template.yaml sets it")]
    Missing(&'static str),
    /// The configuration can't be read.
    #[error("{path} can't be read: {source}")]
    Unreadable {
        /// Where it should be.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The configuration is wrong.
    #[error("{path} is wrong:\n{source}")]
    Wrong {
        /// Where it is.
        path: String,
        /// What is wrong with it.
        source: ConfigError,
    },
}

impl Environment {
    /// Reads the environment and the configuration file.
    pub fn read() -> Result<Self, EnvironmentError> {
        let config = Arc::new(read_config(Path::new(&variable("LEADGATE_CONFIG")?), &registry::vendors())?);
        let (clock, usage) = (Arc::<SystemClock>::default(), Arc::<Usage>::default());
        let sdk = in_lambda(variable("AWS_REGION")?, optional("AWS_ENDPOINT_URL"));
        let client = aws_sdk_dynamodb::Client::new(&sdk);
        let database = Database { client, usage: usage.clone(), clock: clock.clone() };
        Ok(Self { config, clock, usage, sdk, database })
    }

    /// The `records` table.
    pub fn records(&self) -> Result<Records, EnvironmentError> {
        Ok(Records::new(&self.database, variable("LEADGATE_RECORDS_TABLE")?))
    }

    /// The `credits` table.
    pub fn credits(&self) -> Result<Credits, EnvironmentError> {
        Ok(Credits::new(&self.database, variable("LEADGATE_CREDITS_TABLE")?))
    }

    /// The `answers` table.
    pub fn answers(&self) -> Result<Answers, EnvironmentError> {
        Ok(Answers::new(&self.database, variable("LEADGATE_ANSWERS_TABLE")?))
    }

    /// The `limits` table.
    pub fn limits(&self) -> Result<Limits, EnvironmentError> {
        Ok(Limits::new(&self.database, variable("LEADGATE_LIMITS_TABLE")?))
    }

    /// The `feed` table.
    pub fn feed(&self) -> Result<Feed, EnvironmentError> {
        Ok(Feed::new(&self.database, variable("LEADGATE_FEED_TABLE")?))
    }

    /// The bucket that batches of businesses land in.
    pub fn feed_bucket(&self) -> Result<Objects, EnvironmentError> {
        Ok(Objects::new(&self.sdk, variable("LEADGATE_FEED_BUCKET")?, self.clock.clone()))
    }

    /// The queue of batches that have landed.
    pub fn feed_queue(&self) -> Result<Queue, EnvironmentError> {
        let client = aws_sdk_sqs::Client::new(&self.sdk);
        Ok(Queue::new(client, variable("LEADGATE_FEED_QUEUE_URL")?, self.clock.clone()))
    }

    /// The queue of messages about batches that trying again can't help.
    pub fn feed_dead_letters(&self) -> Result<Queue, EnvironmentError> {
        let client = aws_sdk_sqs::Client::new(&self.sdk);
        Ok(Queue::new(client, variable("LEADGATE_FEED_DEAD_LETTER_QUEUE_URL")?, self.clock.clone()))
    }

    /// The enrichment queue.
    pub fn queue(&self) -> Result<Queue, EnvironmentError> {
        let client = aws_sdk_sqs::Client::new(&self.sdk);
        Ok(Queue::new(client, variable("LEADGATE_QUEUE_URL")?, self.clock.clone()))
    }

    /// The `enrolments` table.
    pub fn enrolments(&self) -> Result<Enrolments, EnvironmentError> {
        Ok(Enrolments::new(&self.database, variable("LEADGATE_ENROLMENTS_TABLE")?))
    }

    /// The enrolment queue.
    pub fn enrolment_queue(&self) -> Result<Queue, EnvironmentError> {
        let client = aws_sdk_sqs::Client::new(&self.sdk);
        Ok(Queue::new(client, variable("LEADGATE_ENROLMENT_QUEUE_URL")?, self.clock.clone()))
    }

    /// The queue of messages about enrolments that trying again can't help.
    pub fn enrolment_dead_letters(&self) -> Result<Queue, EnvironmentError> {
        let client = aws_sdk_sqs::Client::new(&self.sdk);
        Ok(Queue::new(client, variable("LEADGATE_ENROLMENT_DEAD_LETTER_QUEUE_URL")?, self.clock.clone()))
    }

    /// The `lists` table.
    pub fn lists(&self) -> Result<Lists, EnvironmentError> {
        Ok(Lists::new(&self.database, variable("LEADGATE_LISTS_TABLE")?))
    }

    /// The queue of lists that are built at night.
    pub fn list_queue(&self) -> Result<Queue, EnvironmentError> {
        let client = aws_sdk_sqs::Client::new(&self.sdk);
        Ok(Queue::new(client, variable("LEADGATE_LIST_QUEUE_URL")?, self.clock.clone()))
    }

    /// The queue of messages about lists that trying again can't help.
    pub fn list_dead_letters(&self) -> Result<Queue, EnvironmentError> {
        let client = aws_sdk_sqs::Client::new(&self.sdk);
        Ok(Queue::new(client, variable("LEADGATE_LIST_DEAD_LETTER_QUEUE_URL")?, self.clock.clone()))
    }

    /// The queue for what comes in bulk, and for nothing else.
    pub fn bulk_queue(&self) -> Result<Queue, EnvironmentError> {
        let client = aws_sdk_sqs::Client::new(&self.sdk);
        Ok(Queue::new(client, variable("LEADGATE_BULK_QUEUE_URL")?, self.clock.clone()))
    }

    /// The enrichment queue, and the one for what comes in bulk: for those that send requests.
    pub fn queues(&self) -> Result<Queue, EnvironmentError> {
        Ok(self.queue()?.with_bulk(variable("LEADGATE_BULK_QUEUE_URL")?))
    }

    /// The queue of messages that trying again can't help.
    pub fn dead_letters(&self) -> Result<Queue, EnvironmentError> {
        let client = aws_sdk_sqs::Client::new(&self.sdk);
        Ok(Queue::new(client, variable("LEADGATE_DEAD_LETTER_QUEUE_URL")?, self.clock.clone()))
    }

    /// Where operators are told things.
    pub fn events(&self) -> Result<Events, EnvironmentError> {
        Ok(Events::new(&self.sdk, variable("LEADGATE_EVENT_BUS")?, self.clock.clone()))
    }

    /// The secret that fingerprints are made with.
    pub fn fingerprints(&self) -> Result<Fingerprints, EnvironmentError> {
        Ok(Fingerprints::new(self.secrets(), variable("LEADGATE_FINGERPRINTS")?))
    }

    /// Vendors to speak with.
    pub fn connections(&self) -> Connections {
        Connections::new(Outbound::shipped(), self.secrets(), leadgate_connectors::http::client())
    }

    /// Secrets Manager.
    pub fn secrets(&self) -> Arc<Secrets> {
        Arc::new(Secrets::in_aws(&self.sdk, self.clock.clone()))
    }
}

/// Reads and checks a configuration file.
pub fn read_config(path: &Path, vendors: &Vendors) -> Result<Config, EnvironmentError> {
    let name = || path.display().to_string();
    let text = fs::read_to_string(path).map_err(|source| EnvironmentError::Unreadable { path: name(), source })?;
    Config::parse(&text, vendors).map_err(|source| EnvironmentError::Wrong { path: name(), source })
}

fn variable(name: &'static str) -> Result<String, EnvironmentError> {
    optional(name).ok_or(EnvironmentError::Missing(name))
}

#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
fn optional(name: &'static str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
