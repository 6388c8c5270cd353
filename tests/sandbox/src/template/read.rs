//! From the template's YAML to what it means. Only the properties that matter here are known; of a table and a queue,
//! all that there are must be.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ScalarAttributeType,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{FunctionDef, QueueDef, QueueMapping, Redrive, Setting, Statement, TableDef, TemplateError, Trigger};

const TABLE: &str = "AWS::DynamoDB::Table";
const QUEUE: &str = "AWS::SQS::Queue";
const FUNCTION: &str = "AWS::Serverless::Function";
/// What CloudFormation takes when a queue doesn't say.
const VISIBILITY_TIMEOUT_DEFAULT: u64 = 30;
/// What CloudFormation takes when a queue doesn't say: four days.
const RETENTION_DEFAULT: u64 = 4 * 24 * 60 * 60;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TableProperties {
    attribute_definitions: Vec<Attribute>,
    key_schema: Vec<Key>,
    #[serde(default)]
    global_secondary_indexes: Vec<Index>,
    #[serde(default)]
    deletion_protection_enabled: bool,
    point_in_time_recovery_specification: Option<Recovery>,
    #[serde(rename = "SSESpecification")]
    sse_specification: Option<Encryption>,
    /// DynamoDB forgets by itself, in its own time: nobody may rely on it, and here it never does.
    #[serde(rename = "TimeToLiveSpecification")]
    _time_to_live: Option<serde_json::Value>,
    /// Every table is made on demand.
    #[serde(rename = "BillingMode")]
    _billing_mode: OnDemand,
}

#[derive(Deserialize)]
enum OnDemand {
    #[serde(rename = "PAY_PER_REQUEST")]
    PayPerRequest,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Attribute {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Key {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Index {
    index_name: String,
    key_schema: Vec<Key>,
    projection: IndexProjection,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct IndexProjection {
    projection_type: String,
    non_key_attributes: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Recovery {
    point_in_time_recovery_enabled: bool,
}

#[derive(Deserialize)]
struct Encryption {
    #[serde(rename = "SSEEnabled")]
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct QueueProperties {
    visibility_timeout: Option<u64>,
    message_retention_period: Option<u64>,
    #[serde(default)]
    sqs_managed_sse_enabled: bool,
    redrive_policy: Option<RedrivePolicy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RedrivePolicy {
    dead_letter_target_arn: Value,
    max_receive_count: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionProperties {
    code_uri: String,
    timeout: u64,
    role: Value,
    environment: Option<Environment>,
    events: BTreeMap<String, Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    variables: BTreeMap<String, Setting>,
}

#[derive(Deserialize)]
#[serde(tag = "Type", content = "Properties", rename_all_fields = "PascalCase")]
enum Event {
    HttpApi {
        method: String,
        path: String,
    },
    ScheduleV2 {
        schedule_expression: String,
    },
    #[serde(rename = "SQS")]
    Sqs {
        queue: Value,
        batch_size: u32,
        maximum_batching_window_in_seconds: Value,
        #[serde(default)]
        function_response_types: Vec<String>,
        scaling_config: ScalingConfig,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScalingConfig {
    maximum_concurrency: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    policy_document: PolicyDocument,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyDocument {
    statement: Vec<PolicyStatement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyStatement {
    effect: String,
    action: OneOrMany<String>,
    resource: OneOrMany<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::Many(many) => many,
            Self::One(one) => vec![one],
        }
    }
}

pub(super) fn resources<'a>(document: &'a Value, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let all = document["Resources"].as_object().into_iter().flatten();
    all.filter(move |(_, resource)| resource["Type"] == kind)
        .map(|(logical_id, resource)| (logical_id.as_str(), &resource["Properties"]))
}

pub(super) fn tables(document: &Value) -> Result<Vec<TableDef>, TemplateError> {
    resources(document, TABLE).map(|(logical_id, properties)| table(logical_id, properties)).collect()
}

fn table(logical_id: &str, properties: &Value) -> Result<TableDef, TemplateError> {
    let properties: TableProperties = shaped(logical_id, properties)?;
    Ok(TableDef {
        logical_id: logical_id.to_owned(),
        attributes: properties.attribute_definitions.iter().map(attribute).collect::<Result<_, _>>()?,
        key_schema: key_schema(&properties.key_schema)?,
        indexes: properties.global_secondary_indexes.into_iter().map(index).collect::<Result<_, _>>()?,
        recoverable: properties
            .point_in_time_recovery_specification
            .is_some_and(|it| it.point_in_time_recovery_enabled),
        encrypted: properties.sse_specification.is_some_and(|it| it.enabled),
        protected: properties.deletion_protection_enabled,
    })
}

fn attribute(attribute: &Attribute) -> Result<AttributeDefinition, BuildError> {
    AttributeDefinition::builder()
        .attribute_name(&attribute.attribute_name)
        .attribute_type(ScalarAttributeType::from(attribute.attribute_type.as_str()))
        .build()
}

fn key_schema(keys: &[Key]) -> Result<Vec<KeySchemaElement>, BuildError> {
    let element = |key: &Key| {
        let key_type = KeyType::from(key.key_type.as_str());
        KeySchemaElement::builder().attribute_name(&key.attribute_name).key_type(key_type).build()
    };
    keys.iter().map(element).collect()
}

fn index(index: Index) -> Result<GlobalSecondaryIndex, BuildError> {
    let projection = Projection::builder()
        .projection_type(index.projection.projection_type.as_str().into())
        .set_non_key_attributes(index.projection.non_key_attributes)
        .build();
    GlobalSecondaryIndex::builder()
        .index_name(index.index_name)
        .set_key_schema(Some(key_schema(&index.key_schema)?))
        .projection(projection)
        .build()
}

pub(super) fn queues(document: &Value) -> Result<Vec<QueueDef>, TemplateError> {
    resources(document, QUEUE).map(|(logical_id, properties)| queue(logical_id, properties)).collect()
}

fn queue(logical_id: &str, properties: &Value) -> Result<QueueDef, TemplateError> {
    let properties: QueueProperties = shaped(logical_id, properties)?;
    let redrive = properties.redrive_policy.map(|policy| {
        let dead_letter_queue = owner_of_arn(logical_id, &policy.dead_letter_target_arn)?;
        Ok::<_, TemplateError>(Redrive { dead_letter_queue, max_receive_count: policy.max_receive_count })
    });
    Ok(QueueDef {
        logical_id: logical_id.to_owned(),
        visibility_timeout: Duration::from_secs(properties.visibility_timeout.unwrap_or(VISIBILITY_TIMEOUT_DEFAULT)),
        retention: Duration::from_secs(properties.message_retention_period.unwrap_or(RETENTION_DEFAULT)),
        encrypted: properties.sqs_managed_sse_enabled,
        redrive: redrive.transpose()?,
    })
}

pub(super) fn functions(document: &Value) -> Result<Vec<FunctionDef>, TemplateError> {
    let globals = &document["Globals"]["Function"]["Environment"];
    let globals: Option<Environment> = shaped("Globals", globals)?;
    let globals = globals.map(|environment| environment.variables).unwrap_or_default();
    resources(document, FUNCTION)
        .map(|(logical_id, properties)| function(document, &globals, logical_id, properties))
        .collect()
}

fn function(
    document: &Value,
    globals: &BTreeMap<String, Setting>,
    logical_id: &str,
    properties: &Value,
) -> Result<FunctionDef, TemplateError> {
    let properties: FunctionProperties = shaped(logical_id, properties)?;
    let mut environment = globals.clone();
    environment.extend(properties.environment.map(|own| own.variables).unwrap_or_default());
    environment.values_mut().for_each(|setting| fill_in_parameter(document, setting));
    let role = owner_of_arn(logical_id, &properties.role)?;
    let triggers = properties.events.into_values().map(|event| trigger(document, logical_id, event));
    Ok(FunctionDef {
        logical_id: logical_id.to_owned(),
        folder: properties.code_uri.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned(),
        timeout: Duration::from_secs(properties.timeout),
        environment,
        statements: statements(document, &role)?,
        role,
        triggers: triggers.collect::<Result<_, _>>()?,
    })
}

/// A parameter has its default here.
fn fill_in_parameter(document: &Value, setting: &mut Setting) {
    if let Setting::Of { resource } = setting
        && let Some(default) = document["Parameters"][resource.as_str()]["Default"].as_str()
    {
        *setting = Setting::Literal(default.to_owned());
    }
}

fn trigger(document: &Value, logical_id: &str, event: Event) -> Result<Trigger, TemplateError> {
    Ok(match event {
        Event::HttpApi { method, path } => Trigger::Route { method, path },
        Event::ScheduleV2 { schedule_expression } => {
            let every = rate(&schedule_expression);
            Trigger::Schedule(every.ok_or_else(|| unknown(logical_id, "schedule", &schedule_expression))?)
        }
        Event::Sqs {
            queue,
            batch_size,
            maximum_batching_window_in_seconds: window,
            function_response_types,
            scaling_config,
        } => Trigger::Queue(QueueMapping {
            queue: owner_of_arn(logical_id, &queue)?,
            batch_size,
            window_max: Duration::from_secs(number(document, logical_id, &window, "MaxValue")?.into()),
            max_concurrency: number(document, logical_id, &scaling_config.maximum_concurrency, "Default")?,
            reports_failures: function_response_types.iter().any(|kind| kind == "ReportBatchItemFailures"),
        }),
    })
}

/// Everything that a role allows.
fn statements(document: &Value, role: &str) -> Result<Vec<Statement>, TemplateError> {
    let policies: Vec<Policy> = shaped(role, &document["Resources"][role]["Properties"]["Policies"])?;
    let statements = policies.into_iter().flat_map(|policy| policy.policy_document.statement);
    let read = |statement: PolicyStatement| {
        let resources = statement.resource.into_vec();
        Ok(Statement {
            effect: statement.effect,
            actions: statement.action.into_vec(),
            resources: resources.iter().map(|arn| arn_text(role, arn)).collect::<Result<_, _>>()?,
        })
    };
    statements.map(read).collect()
}

/// `Name.Arn` for a resource of the template, `Name` for a secret, whose reference is its ARN, and the text itself for a
/// pattern.
fn arn_text(logical_id: &str, arn: &Value) -> Result<String, TemplateError> {
    if let Some(text) = arn.as_str().or_else(|| arn["Fn::Sub"].as_str()) {
        return Ok(text.to_owned());
    }
    if let Some(secret) = arn["Ref"].as_str() {
        return Ok(secret.to_owned());
    }
    Ok(format!("{}.Arn", owner_of_arn(logical_id, arn)?))
}

/// Whose ARN this is: `Fn::GetAtt: [Name, Arn]`.
fn owner_of_arn(logical_id: &str, arn: &Value) -> Result<String, TemplateError> {
    match (arn["Fn::GetAtt"][0].as_str(), arn["Fn::GetAtt"][1].as_str()) {
        (Some(owner), Some("Arn")) => Ok(owner.to_owned()),
        _ => Err(unknown(logical_id, "ARN", arn)),
    }
}

/// A number, or `of` the parameter that stands for it: its default, or the most it may be.
fn number(document: &Value, logical_id: &str, value: &Value, of: &str) -> Result<u32, TemplateError> {
    let parameter = value["Ref"].as_str().map(|name| &document["Parameters"][name][of]);
    let number = parameter.unwrap_or(value).as_u64().and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| unknown(logical_id, "number", value))
}

/// `rate(5 minutes)`.
fn rate(expression: &str) -> Option<Duration> {
    let (count, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let seconds = match unit {
        "minute" | "minutes" => 60,
        "hour" | "hours" => 60 * 60,
        "day" | "days" => 24 * 60 * 60,
        _ => return None,
    };
    let count: u64 = count.parse().ok()?;
    // AWS insists on the grammar.
    let grammatical = unit.ends_with('s') == (count != 1);
    grammatical.then(|| Duration::from_secs(count.saturating_mul(seconds)))
}

fn shaped<T: DeserializeOwned>(logical_id: &str, value: &Value) -> Result<T, TemplateError> {
    T::deserialize(value).map_err(|source| TemplateError::Shape { logical_id: logical_id.to_owned(), source })
}

fn unknown(logical_id: &str, kind: &str, value: impl std::fmt::Display) -> TemplateError {
    TemplateError::Unknown { logical_id: logical_id.to_owned(), what: format!("no {kind} that is known here: {value}") }
}
