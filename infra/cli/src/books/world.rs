//! The books of a running `leadgate local`.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials as Key, Region};
use jiff::Timestamp;
use leadgate_aws::client::{SdkConfig, configured};
use leadgate_aws::credits::Credits;
use leadgate_aws::https;
use leadgate_aws::records::Records;
use leadgate_aws::secrets::Secrets;
use leadgate_aws::table::Database;
use leadgate_enrichment::config::Config;
use leadgate_lambda::clock::SystemClock;
use leadgate_lambda::connections::Connections;
use leadgate_lambda::fingerprints::Fingerprints;
use leadgate_sandbox::world::Whereabouts;
use serde_json::Value;

use super::{Books, BulkQueue, Ledger, Place, choose, connections, database};
use crate::Failure;

/// It is on this machine.
const TIMEOUT: Duration = Duration::from_secs(5);

impl Books {
    pub(crate) async fn of_world(place: &Place, url: &str) -> Result<Self, Failure> {
        let (database, whereabouts, now, sdk) = world_at(url).await?;
        let config = Arc::new(whereabouts.config()?);
        let secrets = secrets_in(&whereabouts);
        let fingerprints = Fingerprints::new(secrets.clone(), &*whereabouts.fingerprints);
        Ok(Self {
            credits: Credits::new(&database, &whereabouts.credits_table),
            records: Records::new(&database, &whereabouts.records_table),
            tenant: choose(&config, place.tenant.as_deref())?,
            config,
            now,
            world: Some(url.to_owned()),
            place: format!("the local world at {url}"),
            connections: connections(secrets),
            fingerprints,
            limits_table: Some(whereabouts.limits_table.clone()),
            queue: BulkQueue { client: sqs(&sdk, &whereabouts), url: Some(whereabouts.bulk_queue_url.clone()) },
            feed_table: Some(whereabouts.feed_table.clone()),
            lists_table: Some(whereabouts.lists_table.clone()),
            database,
        })
    }
}

fn sqs(sdk: &SdkConfig, whereabouts: &Whereabouts) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(&sdk.to_builder().endpoint_url(&whereabouts.sqs).build())
}

/// The configuration of a running `leadgate local`, and its vendors.
pub(crate) async fn vendors_of_world(url: &str) -> Result<(Config, Connections), Failure> {
    let (_, whereabouts, ..) = world_at(url).await?;
    Ok((whereabouts.config()?, connections(secrets_in(&whereabouts))))
}

fn secrets_in(whereabouts: &Whereabouts) -> Arc<Secrets> {
    Arc::new(Secrets::fixed(whereabouts.secrets.clone(), Arc::new(SystemClock::new())))
}

impl Ledger {
    /// That of a running `leadgate local`.
    pub(crate) async fn of_world(url: &str) -> Result<Self, Failure> {
        let (database, whereabouts, now, _) = world_at(url).await?;
        let credits = Credits::new(&database, &whereabouts.credits_table);
        Ok(Self { credits, now, place: format!("the local world at {url}") })
    }
}

async fn world_at(url: &str) -> Result<(Database, Whereabouts, Timestamp, SdkConfig), Failure> {
    let url = url.trim_end_matches('/');
    let whereabouts: Whereabouts = ask(url, "world").await?;
    let now = present_of_world(url).await?;
    let sdk = configured(https::client())
        .endpoint_url(&whereabouts.dynamodb)
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Key::new("local", "local", None, None, "the local world"))
        .load()
        .await;
    Ok((database(Client::new(&sdk)), whereabouts, now, sdk))
}

/// The time that the clock of a world shows.
pub(super) async fn present_of_world(url: &str) -> Result<Timestamp, Failure> {
    let clock: Value = ask(url.trim_end_matches('/'), "clock").await?;
    let now = clock.get("now_ms").and_then(Value::as_i64).ok_or_else(|| format!("{url} has no clock"))?;
    Ok(Timestamp::from_millisecond(now)?)
}

async fn ask<T: serde::de::DeserializeOwned>(url: &str, what: &str) -> Result<T, Failure> {
    let nobody = |error: reqwest::Error| {
        let why = match &error {
            error if error.is_connect() => "nothing listens there",
            error if error.is_timeout() => "there was no answer in time",
            error if error.is_builder() => "that is no address",
            _ => "something else answers there",
        };
        format!(
            "no local world at {url}: {why}. Start one with `cargo run -- local`, or name the tables in AWS with \
             --records-table and --credits-table"
        )
    };
    let http = leadgate_connectors::http::client();
    let answer = http.get(format!("{url}/simulators/{what}")).timeout(TIMEOUT).send().await;
    let answer = answer.and_then(reqwest::Response::error_for_status).map_err(nobody)?;
    Ok(answer.json().await.map_err(nobody)?)
}
