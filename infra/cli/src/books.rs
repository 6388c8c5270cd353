//! Where the books are, and whose: in AWS, or in a running `leadgate local`.

#[cfg(not(feature = "sandbox"))]
mod no_world;
#[cfg(feature = "sandbox")]
mod world;

#[cfg(not(feature = "sandbox"))]
use self::no_world::present_of_world;
#[cfg(not(feature = "sandbox"))]
pub(crate) use self::no_world::vendors_of_world;
#[cfg(feature = "sandbox")]
use self::world::present_of_world;
#[cfg(feature = "sandbox")]
pub(crate) use self::world::vendors_of_world;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{ProvideCredentials, Region};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use leadgate_aws::client::{SdkConfig, configured};
use leadgate_aws::credits::Credits;
use leadgate_aws::feed::Feed;
use leadgate_aws::https;
use leadgate_aws::limits::Limits;
use leadgate_aws::lists::Lists;
use leadgate_aws::queue::Queue;
use leadgate_aws::records::Records;
use leadgate_aws::secrets::Secrets;
use leadgate_aws::table::Database;
use leadgate_aws::usage::Usage;
use leadgate_connectors::registry;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::{Config, ProviderConnection, Tenant, Waterfall};
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::price::Tariff;
use leadgate_enrichment::ids::{Origin, ProviderName, RecordKey, TenantId};
use leadgate_lambda::clock::SystemClock;
use leadgate_lambda::connections::Connections;
use leadgate_lambda::env::read_config;
use leadgate_lambda::fingerprints::Fingerprints;

use crate::Failure;

/// Where `leadgate local` is, unless it was told otherwise.
pub(crate) const LOCAL: &str = "http://127.0.0.1:8787";

/// Where the books are, and whose.
#[derive(clap::Args)]
#[command(next_help_heading = "Where")]
pub(crate) struct Place {
    /// Whose credits, if the configuration has more than one tenant.
    #[arg(long, global = true, value_name = "NAME")]
    tenant: Option<String>,
    /// In a running `leadgate local` [at http://127.0.0.1:8787], even if tables are named.
    #[arg(long, global = true, value_name = "URL", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = LOCAL, hide = !cfg!(feature = "sandbox"))]
    local: Option<String>,
    /// In AWS: the configuration that is deployed.
    #[arg(long, global = true, value_name = "FILE", env = "LEADGATE_CONFIG", default_value = "infra/leadgate.toml")]
    config: PathBuf,
    /// In AWS: the name of the table with the records.
    #[arg(long, global = true, value_name = "TABLE", env = "LEADGATE_RECORDS_TABLE")]
    records_table: Option<String>,
    /// In AWS: the name of the table with the credits.
    #[arg(long, global = true, value_name = "TABLE", env = "LEADGATE_CREDITS_TABLE")]
    credits_table: Option<String>,
    /// In AWS: the name or the ARN of the secret that the stack has made for fingerprints. `preview`, `undo` and `erase` need it.
    #[arg(long, global = true, value_name = "SECRET", env = "LEADGATE_FINGERPRINTS")]
    fingerprints: Option<String>,
}

/// One tenant's books, and what is needed to read them.
pub(crate) struct Books {
    pub(crate) credits: Credits,
    pub(crate) records: Records,
    pub(crate) config: Arc<Config>,
    pub(crate) tenant: TenantId,
    /// The present there, when they were found.
    pub(crate) now: Timestamp,
    /// Where its clock is asked, if it has one of its own.
    world: Option<String>,
    /// For people.
    pub(crate) place: String,
    /// The vendors of its tenants.
    pub(crate) connections: Connections,
    /// What values are told apart by, and sealed with.
    pub(crate) fingerprints: Fingerprints,
    database: Database,
    /// Where the rate limits are counted, if that is known without being asked for.
    limits_table: Option<String>,
    /// Where the feed is, in the same way.
    feed_table: Option<String>,
    /// Where the lists are, in the same way.
    lists_table: Option<String>,
    queue: BulkQueue,
}

/// How to reach the queue for what comes in bulk.
struct BulkQueue {
    client: aws_sdk_sqs::Client,
    /// Its address, if that is known without being asked for.
    url: Option<String>,
}

impl Books {
    /// Finds them. Nothing but the configuration is read yet.
    pub(crate) async fn find(place: &Place) -> Result<Self, Failure> {
        let named = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
        match (&place.local, named(&place.records_table), named(&place.credits_table)) {
            (Some(url), ..) => Self::of_world(place, url).await,
            (None, Some(records), Some(credits)) => Self::of_aws(place, &records, &credits).await,
            (None, None, None) => Self::of_world(place, LOCAL).await,
            (None, Some(_), None) => Err("found the records' table only, expected --credits-table as well".into()),
            (None, None, Some(_)) => Err("found the credits' table only, expected --records-table as well".into()),
        }
    }

    async fn of_aws(place: &Place, records: &str, credits: &str) -> Result<Self, Failure> {
        let config = Arc::new(read_config(&place.config, &registry::vendors())?);
        let (sdk, region) = aws().await?;
        let database = database(Client::new(&sdk));
        let now = database.clock.now();
        let secrets = Arc::new(Secrets::in_aws(&sdk, database.clock.clone()));
        Ok(Self {
            connections: connections(secrets.clone()),
            fingerprints: Fingerprints::new(secrets, place.fingerprints.clone().unwrap_or_default()),
            credits: Credits::new(&database, credits),
            records: Records::new(&database, records),
            tenant: choose(&config, place.tenant.as_deref())?,
            config,
            now,
            world: None,
            place: format!("AWS {region}, table {credits}"),
            database,
            limits_table: None,
            queue: BulkQueue { client: aws_sdk_sqs::Client::new(&sdk), url: None },
            feed_table: None,
            lists_table: None,
        })
    }

    /// The present there, asked again.
    pub(crate) async fn present(&self) -> Result<Timestamp, Failure> {
        match &self.world {
            Some(url) => present_of_world(url).await,
            None => Ok(self.database.clock.now()),
        }
    }

    /// The queue for what comes in bulk, and for nothing else.
    pub(crate) fn bulk_queue(&self, url: Option<&str>) -> Result<Queue, Failure> {
        let url = url.filter(|url| !url.is_empty()).or(self.queue.url.as_deref());
        let url = url.ok_or("found no queue for requests in bulk, expected --bulk-queue-url")?;
        Ok(Queue::new(self.queue.client.clone(), url, self.database.clock.clone()))
    }

    /// The most that a lead can cost now, if every step has to be made: of each kind of credit, by the route that needs most of it.
    pub(crate) fn worst_of_lead(&self) -> Amounts {
        let worst = self.tenant().waterfalls().map(|waterfall| self.worst_of(waterfall));
        worst.reduce(|most, other| most.larger(&other)).unwrap_or_default()
    }

    fn worst_of(&self, waterfall: &Waterfall) -> Amounts {
        let (tenant, steps) = (self.tenant(), waterfall.steps.iter());
        let worst = steps.filter_map(|step| Some((tenant.provider_named(step.provider.as_str())?, &step.fields)));
        let worst: Vec<Amounts> = worst
            .flat_map(|(provider, fields)| {
                let later = provider.asynchronous_of(fields);
                let at_once = self.config.at_once_tariff(provider, fields, self.now);
                [at_once, self.config.asynchronous_tariff(provider, &later, self.now)]
            })
            .flatten()
            .map(|tariff| tariff.worst())
            .collect();
        worst.iter().chain(&self.worst_of_checks(waterfall)).sum()
    }

    /// Each provider may tell another address, which is checked.
    fn worst_of_checks(&self, waterfall: &Waterfall) -> Vec<Amounts> {
        let verifier = waterfall.verifier.as_ref().and_then(|name| self.tenant().provider_named(name.as_str()));
        let tariff = verifier.and_then(|verifier| self.config.verification_tariff(verifier, self.now));
        let providers: BTreeSet<&ProviderName> = waterfall.steps.iter().map(|step| &step.provider).collect();
        tariff.map(|tariff| vec![tariff.worst(); providers.len()]).unwrap_or_default()
    }

    pub(crate) fn tenant(&self) -> &Tenant {
        self.config.tenant(&self.tenant).unwrap_or_else(|| unreachable!("it was chosen from the configuration"))
    }

    /// How often the providers were called, which all share who call them.
    pub(crate) fn limits(&self, table: Option<&str>, clock: Arc<dyn Clock>) -> Result<Limits, Failure> {
        let table = table.filter(|table| !table.is_empty()).or(self.limits_table.as_deref());
        let table = table.ok_or("found no table with the rate limits, expected --limits-table")?;
        Ok(Limits::new(&Database { clock, ..self.database.clone() }, table))
    }

    /// The businesses that came in batches.
    pub(crate) fn feed(&self, table: Option<&str>) -> Result<Feed, Failure> {
        let table = table.filter(|table| !table.is_empty()).or(self.feed_table.as_deref());
        Ok(Feed::new(&self.database, table.ok_or("found no table with the feed, expected --feed-table")?))
    }

    /// The lists of accounts that are built at night.
    pub(crate) fn lists(&self, table: Option<&str>) -> Result<Lists, Failure> {
        let table = table.filter(|table| !table.is_empty()).or(self.lists_table.as_deref());
        Ok(Lists::new(&self.database, table.ok_or("found no table with the lists, expected --lists-table")?))
    }

    /// What of the tables' capacity was used since they were found.
    pub(crate) fn usage(&self) -> &Usage {
        &self.database.usage
    }

    pub(crate) fn zone(&self) -> &TimeZone {
        &self.tenant().time_zone
    }

    /// The record that is asked about: by its id in the CRM, or by its whole name.
    pub(crate) fn record_key(&self, asked: &str) -> Result<RecordKey, Failure> {
        let tenant = &self.tenant;
        let key: RecordKey = match asked.contains('#') {
            true => asked.parse()?,
            false => {
                let vendor = self.tenant().crm.vendor;
                let ((object, id), origin) = ((vendor.record_of)(asked), Origin::known(vendor.name));
                RecordKey { tenant: tenant.clone(), origin, object, id }
            }
        };
        if key.tenant != *tenant {
            return Err(
                format!("{key} is a record of tenant {}, expected one of {tenant}: see --tenant", key.tenant).into()
            );
        }
        Ok(key)
    }

    /// The most that a lead can cost now at this provider: a person, and what arrives later.
    pub(crate) fn worst(&self, provider: &ProviderConnection) -> [Amounts; 2] {
        let worst = |tariff: Option<Tariff>| tariff.map(|tariff| tariff.worst()).unwrap_or_default();
        let fields = self.tenant().asynchronous_fields(provider);
        let asynchronous = self.config.asynchronous_tariff(provider, &fields, self.now);
        [worst(self.config.person_tariff(provider, self.now)), worst(asynchronous)]
    }
}

/// A ledger to compare a configuration with, whatever configuration it goes by itself.
pub(crate) struct Ledger {
    pub(crate) credits: Credits,
    /// The present there.
    pub(crate) now: Timestamp,
    pub(crate) place: String,
}

impl Ledger {
    /// That in a table in AWS.
    pub(crate) async fn of_aws(table: &str) -> Result<Self, Failure> {
        let (sdk, region) = aws().await?;
        let database = database(Client::new(&sdk));
        let (credits, now) = (Credits::new(&database, table), database.clock.now());
        Ok(Self { credits, now, place: format!("AWS {region}, table {table}") })
    }
}

/// The vendors of a configuration, whose secrets are in AWS.
pub(crate) async fn connections_in_aws() -> Result<Connections, Failure> {
    let (sdk, _) = aws().await?;
    Ok(connections(Arc::new(Secrets::in_aws(&sdk, Arc::new(SystemClock::new())))))
}

fn connections(secrets: Arc<Secrets>) -> Connections {
    Connections::new(registry::Outbound::shipped(), secrets, leadgate_connectors::http::client())
}

async fn aws() -> Result<(SdkConfig, Region), Failure> {
    let sdk = configured(https::client()).load().await;
    let region = sdk.region().ok_or("no AWS region was found: set AWS_REGION, or one in the AWS profile")?.clone();
    let provider = sdk.credentials_provider().ok_or("no AWS credentials were found")?;
    let credentials = provider.provide_credentials().await;
    credentials.map_err(|error| {
        format!(
            "no AWS credentials were found: {error}. They are looked for in the environment, the AWS profile and \
             the machine's role; an SSO profile needs: eval \"$(aws configure export-credentials --format env)\""
        )
    })?;
    Ok((sdk, region))
}

/// A database whose use isn't counted.
fn database(client: Client) -> Database {
    Database { client, usage: Arc::default(), clock: Arc::new(SystemClock::new()) }
}

fn choose(config: &Config, asked: Option<&str>) -> Result<TenantId, Failure> {
    let names = || config.tenants.keys().map(TenantId::to_string).collect::<Vec<_>>().join(", ");
    let mut all = config.tenants.keys();
    match (asked, all.next(), all.next()) {
        (Some(name), ..) => {
            let found = config.tenants.keys().find(|tenant| tenant.as_str() == name).cloned();
            found.ok_or_else(|| format!("found tenant {name:?}, expected one of: {}", names()).into())
        }
        (None, Some(only), None) => Ok(only.clone()),
        (None, ..) => Err(format!("there are several tenants, expected --tenant with one of: {}", names()).into()),
    }
}
