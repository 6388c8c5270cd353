//! The stores against a real DynamoDB API on loopback: what their conditions let through, and what a repeat does. Beside
//! them, the calls that are signed here.

mod answers;
mod credits;
mod limits;
mod new_leads;
mod records;
mod signed;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use jiff::Timestamp;
use leadgate_aws::table::Database;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::fingerprint::{Fingerprint, FingerprintKey, FingerprintSecret};
use leadgate_enrichment::ids::TenantId;
use tokio::net::TcpListener;

/// Stands still, and draws no lots.
struct Still;

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        at(0)
    }

    async fn sleep(&self, _: Duration) {
        tokio::task::yield_now().await;
    }

    fn jitter(&self) -> f64 {
        0.5
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + second, 0).expect("within range")
}

fn fingerprint(of: &str) -> Fingerprint {
    key("0123456789abcdef0123456789abcdef").of(of)
}

fn key(secret: &str) -> FingerprintKey {
    FingerprintSecret::new(secret).expect("long enough").key_of(&acme())
}

fn acme() -> TenantId {
    "acme".parse().expect("a name")
}

/// A DynamoDB of its own, with a table of these keys. A table of records also gets their index.
async fn database(table: &str, keys: &[&str]) -> Database {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().expect("a database")));
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
        .http_client(leadgate_aws::https::client())
        .endpoint_url(url);
    let client = Client::from_conf(config.build());
    create(&client, table, keys).await;
    Database { client, usage: Arc::default(), clock: Arc::new(Still) }
}

async fn create(client: &Client, table: &str, keys: &[&str]) {
    let key =
        |name: &&str, kind| KeySchemaElement::builder().attribute_name(*name).key_type(kind).build().expect("a key");
    let attribute = |name: &&str| {
        let attribute = AttributeDefinition::builder().attribute_name(*name).attribute_type(ScalarAttributeType::S);
        attribute.build().expect("an attribute")
    };
    let schema = |keys: &[&str]| -> Vec<KeySchemaElement> {
        keys.iter().zip([KeyType::Hash, KeyType::Range]).map(|(name, kind)| key(name, kind)).collect()
    };
    let mut request = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    request = request.set_key_schema(Some(schema(keys)));
    let mut attributes: Vec<AttributeDefinition> = keys.iter().map(attribute).collect();
    if table == "records" {
        let of_index = ["deferred_tenant", "deferred_order"];
        attributes.extend(of_index.iter().map(attribute));
        let index = GlobalSecondaryIndex::builder().index_name("deferred").set_key_schema(Some(schema(&of_index)));
        let index = index.projection(Projection::builder().projection_type(ProjectionType::All).build());
        request = request.global_secondary_indexes(index.build().expect("an index"));
    }
    request.set_attribute_definitions(Some(attributes)).send().await.expect("a table");
}
