//! The template's tables and queues, made at whatever endpoint the clients speak to.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{BillingMode, TableDescription};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;

use super::{FunctionDef, QueueDef, Setting, TableDef, Template};

/// The tables and queues of one world.
#[derive(Debug, Clone, Default)]
pub struct Created {
    /// The tables' names, by their names in the template.
    pub tables: BTreeMap<String, String>,
    /// The queues' URLs, by their names in the template.
    pub queue_urls: BTreeMap<String, String>,
}

/// Why tables and queues could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// DynamoDB refused.
    #[error("the table {name} can't be made")]
    Table {
        /// The table.
        name: String,
        /// What DynamoDB said.
        source: Box<aws_sdk_dynamodb::Error>,
    },
    /// SQS refused.
    #[error("the queue {name} can't be made")]
    Queue {
        /// The queue.
        name: String,
        /// What SQS said.
        source: Box<aws_sdk_sqs::Error>,
    },
    /// A table of this name is there, with other keys or indexes.
    #[error("the table {0} is there with other keys or indexes")]
    Differs(String),
    /// The template has no such queue, or SQS doesn't tell of one that was just made.
    #[error("there is no queue {0}")]
    NoQueue(String),
}

impl Template {
    /// Makes all tables and queues that aren't there yet, each named by `prefix` and its name in the template.
    pub async fn create(
        &self,
        dynamodb: &aws_sdk_dynamodb::Client,
        sqs: &aws_sdk_sqs::Client,
        prefix: &str,
    ) -> Result<Created, CreateError> {
        let mut created = Created::default();
        for table in self.tables() {
            let name = format!("{prefix}{}", table.logical_id);
            create_table(dynamodb, table, &name).await?;
            created.tables.insert(table.logical_id.clone(), name);
        }
        // A queue names its dead-letter queue's ARN, so those that have none come first.
        let (with, without): (Vec<_>, Vec<_>) = self.queues().iter().partition(|queue| queue.redrive.is_some());
        for queue in without.into_iter().chain(with) {
            let name = format!("{prefix}{}", queue.logical_id);
            let url = create_queue(sqs, queue, &name, &created).await?;
            created.queue_urls.insert(queue.logical_id.clone(), url);
        }
        Ok(created)
    }
}

impl Created {
    /// The environment that a function has here, variable by variable as the template says. The secret is missing: there
    /// is no Secrets Manager here.
    pub fn environment(&self, function: &FunctionDef) -> BTreeMap<String, String> {
        let value = |setting: &Setting| match setting {
            Setting::Literal(value) => Some(value.clone()),
            Setting::Of { resource } => self.tables.get(resource).or_else(|| self.queue_urls.get(resource)).cloned(),
        };
        let variables = function.environment.iter();
        variables.filter_map(|(name, setting)| Some((name.clone(), value(setting)?))).collect()
    }
}

async fn create_table(client: &aws_sdk_dynamodb::Client, table: &TableDef, name: &str) -> Result<(), CreateError> {
    let indexes = Some(table.indexes.clone()).filter(|indexes| !indexes.is_empty());
    let request = client
        .create_table()
        .table_name(name)
        .set_attribute_definitions(Some(table.attributes.clone()))
        .set_key_schema(Some(table.key_schema.clone()))
        .set_global_secondary_indexes(indexes)
        .billing_mode(BillingMode::PayPerRequest);
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception()) => {
            check_table(client, table, name).await
        }
        Err(error) => Err(CreateError::Table { name: name.to_owned(), source: Box::new(error.into()) }),
    }
}

/// Whether the table that is there is the one that would be made.
async fn check_table(client: &aws_sdk_dynamodb::Client, table: &TableDef, name: &str) -> Result<(), CreateError> {
    let described = client.describe_table().table_name(name).send().await;
    let described = described
        .map_err(|error| CreateError::Table { name: name.to_owned(), source: Box::new(error.into()) })?
        .table
        .unwrap_or_else(|| TableDescription::builder().build());
    let found = described.global_secondary_indexes().iter();
    let mut found: Vec<_> = found.map(|it| (it.index_name(), it.key_schema(), it.projection())).collect();
    let wanted = table.indexes.iter();
    let mut wanted: Vec<_> = wanted.map(|it| (Some(it.index_name()), it.key_schema(), it.projection())).collect();
    found.sort_by_key(|index| index.0);
    wanted.sort_by_key(|index| index.0);
    let is_same = described.key_schema() == table.key_schema && found == wanted;
    if is_same { Ok(()) } else { Err(CreateError::Differs(name.to_owned())) }
}

async fn create_queue(
    client: &aws_sdk_sqs::Client,
    queue: &QueueDef,
    name: &str,
    created: &Created,
) -> Result<String, CreateError> {
    let refused = |source| CreateError::Queue { name: name.to_owned(), source: Box::new(source) };
    let mut request = client
        .create_queue()
        .queue_name(name)
        .attributes(QueueAttributeName::VisibilityTimeout, queue.visibility_timeout.as_secs().to_string())
        .attributes(QueueAttributeName::MessageRetentionPeriod, queue.retention.as_secs().to_string());
    if let Some(redrive) = &queue.redrive {
        let no_queue = || CreateError::NoQueue(redrive.dead_letter_queue.clone());
        let url = created.queue_urls.get(&redrive.dead_letter_queue).ok_or_else(no_queue)?;
        let arn = QueueAttributeName::QueueArn;
        let asked = client.get_queue_attributes().queue_url(url).attribute_names(arn.clone()).send().await;
        let asked = asked.map_err(|error| refused(error.into()))?;
        let arn = asked.attributes().and_then(|attributes| attributes.get(&arn)).ok_or_else(no_queue)?;
        let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": redrive.max_receive_count });
        request = request.attributes(QueueAttributeName::RedrivePolicy, policy.to_string());
    }
    let made = request.send().await.map_err(|error| refused(error.into()))?;
    made.queue_url().map(str::to_owned).ok_or_else(|| CreateError::NoQueue(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aws_sdk_dynamodb::types::AttributeValue;
    use hyper::server::conn::http1;
    use hyper_util::rt::TokioIo;
    use leadgate_aws::client::configured;
    use leadgate_aws::https;
    use rustack_sqs_core::config::SqsConfig;
    use rustack_sqs_core::handler::RustackSqsHandler;
    use rustack_sqs_core::provider::RustackSqs;
    use rustack_sqs_http::service::{SqsHttpConfig, SqsHttpService};
    use tokio::net::TcpListener;

    use super::*;

    async fn dynamodb() -> aws_sdk_dynamodb::Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let database = dynoxide::Database::memory().expect("a database");
        tokio::spawn(dynoxide::server::serve_on(listener, database));
        aws_sdk_dynamodb::Client::new(&config(endpoint).await)
    }

    async fn sqs() -> aws_sdk_sqs::Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let config_there = SqsConfig { host: "127.0.0.1".into(), port: address.port(), ..SqsConfig::default() };
        let handler = Arc::new(RustackSqsHandler::new(Arc::new(RustackSqs::new(config_there))));
        let service = SqsHttpService::new(handler, SqsHttpConfig::default());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone()));
            }
        });
        aws_sdk_sqs::Client::new(&config(format!("http://{address}")).await)
    }

    async fn config(endpoint: String) -> aws_config::SdkConfig {
        let credentials = aws_sdk_sqs::config::Credentials::new("local", "local", None, None, "local");
        let config = configured(https::client()).endpoint_url(endpoint).credentials_provider(credentials);
        config.region("us-east-1").load().await
    }

    fn text(value: &str) -> AttributeValue {
        AttributeValue::S(value.to_owned())
    }

    #[tokio::test]
    async fn tables_are_made_with_their_keys_and_indexes() {
        let template = Template::load().expect("a template");
        let (dynamodb, sqs) = (dynamodb().await, sqs().await);
        let created = template.create(&dynamodb, &sqs, "one-").await.expect("created");
        assert_eq!(created.tables["RecordsTable"], "one-RecordsTable");

        let put = dynamodb.put_item().table_name("one-RecordsTable").item("record", text("r"));
        let put =
            put.item("deferred_tenant", text("t")).item("deferred_order", text("1")).item("state", text("deferred"));
        let put = put.item("source", text("change"));
        put.item("patch", text("not in the index")).send().await.expect("put");
        let query = dynamodb.query().table_name("one-RecordsTable").index_name("deferred");
        let query = query.key_condition_expression("deferred_tenant = :t").expression_attribute_values(":t", text("t"));
        let found = query.send().await.expect("queried");
        assert_eq!(found.items()[0].get("record"), Some(&text("r")));
        assert_eq!(found.items()[0].get("source"), Some(&text("change")), "the index holds what the release goes by");
        assert_eq!(found.items()[0].get("patch"), None, "and nothing else");

        let wrong_key = dynamodb.put_item().table_name("one-CreditsTable").item("tenant", text("t"));
        assert!(wrong_key.send().await.is_err(), "the key's second half is missing");
    }

    #[tokio::test]
    async fn tables_that_are_there_are_left_as_they_are_and_are_no_others() {
        let template = Template::load().expect("a template");
        let (dynamodb, sqs) = (dynamodb().await, sqs().await);
        template.create(&dynamodb, &sqs, "one-").await.expect("created");
        let put = dynamodb.put_item().table_name("one-RecordsTable").item("record", text("r"));
        put.send().await.expect("put");
        template.create(&dynamodb, &sqs, "one-").await.expect("is there");
        let read = dynamodb.get_item().table_name("one-RecordsTable").key("record", text("r")).send().await;
        assert_eq!(read.expect("read").item.expect("is still there")["record"], text("r"));

        let mut other = template.clone();
        let indexes = other.tables.iter_mut().flat_map(|table| &mut table.indexes);
        indexes.for_each(|index| index.index_name = "another".to_owned());
        let refused = other.create(&dynamodb, &sqs, "one-").await.expect_err("the index has another name");
        assert_eq!(refused.to_string(), "the table one-RecordsTable is there with other keys or indexes");
    }

    #[tokio::test]
    async fn queues_are_made_with_their_dead_letters() {
        let template = Template::load().expect("a template");
        let (dynamodb, sqs) = (dynamodb().await, sqs().await);
        let created = template.create(&dynamodb, &sqs, "one-").await.expect("created");
        let url = &created.queue_urls["EnrichmentQueue"];

        let asked = sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All).send().await;
        let asked = asked.expect("attributes");
        let attributes = asked.attributes().expect("attributes");
        assert_eq!(attributes[&QueueAttributeName::VisibilityTimeout], "420");
        assert_eq!(attributes[&QueueAttributeName::MessageRetentionPeriod], "1209600");
        assert!(attributes[&QueueAttributeName::RedrivePolicy].contains("\"maxReceiveCount\":8"));

        sqs.send_message().queue_url(url).message_body("never handled").send().await.expect("sent");
        for _ in 0..9 {
            sqs.receive_message().queue_url(url).visibility_timeout(0).send().await.expect("received");
        }
        let dead_letters = &created.queue_urls["EnrichmentDeadLetterQueue"];
        let dead = sqs.receive_message().queue_url(dead_letters).send().await.expect("received");
        assert_eq!(dead.messages()[0].body(), Some("never handled"));
    }

    #[tokio::test]
    async fn a_functions_environment_names_what_was_made() {
        let template = Template::load().expect("a template");
        let (dynamodb, sqs) = (dynamodb().await, sqs().await);
        let created = template.create(&dynamodb, &sqs, "two-").await.expect("created");
        for function in template.functions() {
            let environment = created.environment(function);
            let missing: Vec<&String> =
                function.environment.keys().filter(|name| !environment.contains_key(*name)).collect();
            // Buckets are the world's to make.
            let is_made_elsewhere =
                |name: &&String| ["LEADGATE_FINGERPRINTS", "LEADGATE_FEED_BUCKET"].contains(&name.as_str());
            assert!(missing.iter().all(is_made_elsewhere), "{}: {missing:?}", function.folder);
            assert_eq!(environment["LEADGATE_RECORDS_TABLE"], "two-RecordsTable");
            assert_eq!(environment["LEADGATE_QUEUE_URL"], created.queue_urls["EnrichmentQueue"]);
            assert_eq!(environment["LEADGATE_BULK_QUEUE_URL"], created.queue_urls["EnrichmentBulkQueue"]);
        }
    }
}
