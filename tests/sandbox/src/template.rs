//! The template that is deployed, read as data, and its tables and queues made on one machine.
//!
//! The local world takes its tables, queues, schedules and environment variables from here, so what runs on one machine
//! is what is deployed. A property that can't be made here is an error rather than left out.

mod create;
mod read;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeDefinition, GlobalSecondaryIndex, KeySchemaElement};
use serde::Deserialize;
use serde_json::Value;

pub use create::{CreateError, Created};

/// Where the template is, from the folder of this crate.
const PATH: &str = "../../infra/template.yaml";

/// `infra/template.yaml`.
#[derive(Debug, Clone)]
pub struct Template {
    document: Value,
    tables: Vec<TableDef>,
    queues: Vec<QueueDef>,
    functions: Vec<FunctionDef>,
}

/// A DynamoDB table: what makes it, and what keeps it safe.
#[derive(Debug, Clone)]
pub struct TableDef {
    /// Its name in the template.
    pub logical_id: String,
    /// The attributes that keys are made of.
    pub attributes: Vec<AttributeDefinition>,
    /// Its key.
    pub key_schema: Vec<KeySchemaElement>,
    /// Its global secondary indexes.
    pub indexes: Vec<GlobalSecondaryIndex>,
    /// Every second of the last 35 days can be restored.
    pub recoverable: bool,
    /// Encrypted with a KMS key.
    pub encrypted: bool,
    /// Can't be deleted by accident.
    pub protected: bool,
}

/// An SQS queue.
#[derive(Debug, Clone)]
pub struct QueueDef {
    /// Its name in the template.
    pub logical_id: String,
    /// How long a received message stays out of sight.
    pub visibility_timeout: Duration,
    /// How long a message is kept.
    pub retention: Duration,
    /// Encrypted.
    pub encrypted: bool,
    /// Where messages end that nobody could handle.
    pub redrive: Option<Redrive>,
}

/// When a message is given up on.
#[derive(Debug, Clone)]
pub struct Redrive {
    /// The dead-letter queue's name in the template.
    pub dead_letter_queue: String,
    /// How often a message may be received.
    pub max_receive_count: u32,
}

/// A Lambda function.
#[derive(Debug, Clone)]
pub struct FunctionDef {
    /// Its name in the template.
    pub logical_id: String,
    /// Its folder under `functions/`.
    pub folder: String,
    /// How long it may run.
    pub timeout: Duration,
    /// Its environment variables.
    pub environment: BTreeMap<String, Setting>,
    /// Its role's name in the template.
    pub role: String,
    /// What its role allows, and all of it.
    pub statements: Vec<Statement>,
    /// What invokes it.
    pub triggers: Vec<Trigger>,
}

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// As it stands, or as the parameter says that stands for it.
    Literal(String),
    /// Whatever names this resource: a table's name, a queue's URL.
    Of {
        /// The resource's name in the template.
        #[serde(rename = "Ref")]
        resource: String,
    },
}

/// One statement of a policy.
#[derive(Debug, Clone)]
pub struct Statement {
    /// `Allow` or `Deny`.
    pub effect: String,
    /// As in `sqs:SendMessage`.
    pub actions: Vec<String>,
    /// Each as `Resource.Attribute` or as the pattern that stands in the template.
    pub resources: Vec<String>,
}

/// What invokes a function.
#[derive(Debug, Clone)]
pub enum Trigger {
    /// A request to the HTTP API.
    Route {
        /// As in `POST`.
        method: String,
        /// As in `/hubspot/{tenant}`.
        path: String,
    },
    /// Messages on a queue.
    Queue(QueueMapping),
    /// The clock, every so often.
    Schedule(Duration),
}

/// How a queue's messages come to a function.
#[derive(Debug, Clone)]
pub struct QueueMapping {
    /// The queue's name in the template.
    pub queue: String,
    /// The most messages in one invocation.
    pub batch_size: u32,
    /// The longest that an installation may let a message wait for others.
    pub window_max: Duration,
    /// The most invocations at a time, unless the installation says otherwise.
    pub max_concurrency: u32,
    /// The function says which messages have to come again; without that all of them do.
    pub reports_failures: bool,
}

/// Why a template can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It isn't there.
    #[error("{path} can't be read: {source}")]
    Unreadable {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It isn't YAML without tags.
    #[error("the template isn't plain YAML, with intrinsic functions written out: {0}")]
    Yaml(#[from] Box<serde_saphyr::Error>),
    /// A resource has a shape that isn't known here.
    #[error("{logical_id}: {source}")]
    Shape {
        /// The resource.
        logical_id: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A table lacks something that DynamoDB needs.
    #[error(transparent)]
    Incomplete(#[from] BuildError),
    /// Something is said in a way that isn't known here.
    #[error("{logical_id}: {what}")]
    Unknown {
        /// The resource.
        logical_id: String,
        /// What.
        what: String,
    },
}

impl Template {
    /// Reads the template of this repository.
    pub fn load() -> Result<Self, TemplateError> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PATH);
        let text = fs::read_to_string(&path).map_err(|source| TemplateError::Unreadable { path, source })?;
        Self::parse(&text)
    }

    /// Reads a template from its text. Short intrinsic functions (`!Ref`) are refused: a YAML parser takes them for plain
    /// text.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let options = serde_saphyr::options! { reject_unsupported_tags: true };
        let document = serde_saphyr::from_str_with_options(text, options).map_err(Box::new)?;
        Self::from_document(document)
    }

    /// Reads a template that has been parsed.
    pub fn from_document(document: Value) -> Result<Self, TemplateError> {
        let tables = read::tables(&document)?;
        let queues = read::queues(&document)?;
        let functions = read::functions(&document)?;
        Ok(Self { document, tables, queues, functions })
    }

    /// The template as it stands.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The names and properties of all resources of one type, as in `AWS::CloudWatch::Alarm`.
    pub fn resources<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        read::resources(&self.document, kind)
    }

    /// Its tables.
    pub fn tables(&self) -> &[TableDef] {
        &self.tables
    }

    /// Its queues.
    pub fn queues(&self) -> &[QueueDef] {
        &self.queues
    }

    /// The queue of this name.
    pub fn queue(&self, logical_id: &str) -> Option<&QueueDef> {
        self.queues.iter().find(|queue| queue.logical_id == logical_id)
    }

    /// Its functions.
    pub fn functions(&self) -> &[FunctionDef] {
        &self.functions
    }

    /// The function whose folder under `functions/` has this name.
    pub fn function(&self, folder: &str) -> Option<&FunctionDef> {
        self.functions.iter().find(|function| function.folder == folder)
    }
}

impl FunctionDef {
    /// How messages of queues come to it.
    pub fn queues(&self) -> impl Iterator<Item = &QueueMapping> {
        self.triggers.iter().filter_map(|trigger| match trigger {
            Trigger::Queue(mapping) => Some(mapping),
            Trigger::Route { .. } | Trigger::Schedule(_) => None,
        })
    }

    /// How often the clock invokes it, if it does.
    pub fn schedule(&self) -> Option<Duration> {
        self.triggers.iter().find_map(|trigger| match trigger {
            Trigger::Schedule(every) => Some(*every),
            Trigger::Route { .. } | Trigger::Queue(_) => None,
        })
    }
}
