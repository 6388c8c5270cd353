//! DynamoDB and SQS on loopback: embedded ones, or those that the environment names.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use aws_config::{Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use hyper_util::rt::TokioIo;
use rustack_sqs_core::config::SqsConfig;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_core::provider::RustackSqs;
use rustack_sqs_http::service::{SqsHttpConfig, SqsHttpService};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// Where DynamoDB and SQS are. Embedded ones stop with it.
pub struct Servers {
    /// DynamoDB's endpoint.
    pub dynamodb: String,
    /// SQS's endpoint.
    pub sqs: String,
    /// The way there. Whoever speaks to them shares its connections.
    pub(super) http: SharedHttpClient,
    sdk: SdkConfig,
    _stop: Option<oneshot::Sender<()>>,
}

/// Why they could not be started.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {why}")]
pub struct ServerError {
    what: &'static str,
    why: String,
}

impl ServerError {
    fn new(what: &'static str, why: impl ToString) -> Self {
        Self { what, why: why.to_string() }
    }
}

impl Servers {
    /// Those that `LEADGATE_DYNAMODB_ENDPOINT` and `LEADGATE_SQS_ENDPOINT` name, and an embedded one for each that
    /// isn't named.
    pub async fn start() -> Result<Self, ServerError> {
        let (dynamodb, sqs) = (endpoint("LEADGATE_DYNAMODB_ENDPOINT"), endpoint("LEADGATE_SQS_ENDPOINT"));
        if let (Some(dynamodb), Some(sqs)) = (&dynamodb, &sqs) {
            return Ok(Self::at(dynamodb.clone(), sqs.clone(), None).await);
        }
        let (stop, embedded) = embed().await?;
        let url = |address: SocketAddr| format!("http://{address}");
        let dynamodb = dynamodb.unwrap_or_else(|| url(embedded.dynamodb));
        Ok(Self::at(dynamodb, sqs.unwrap_or_else(|| url(embedded.sqs)), Some(stop)).await)
    }

    async fn at(dynamodb: String, sqs: String, stop: Option<oneshot::Sender<()>>) -> Self {
        let http = SharedHttpClient::new(aws_smithy_http_client::Builder::new().build_http());
        let sdk = sdk(http.clone()).await;
        Self { dynamodb, sqs, http, sdk, _stop: stop }
    }

    /// How to reach DynamoDB through this HTTP client.
    pub fn dynamodb_config(&self, http: SharedHttpClient) -> SdkConfig {
        self.config_at(http, &self.dynamodb)
    }

    /// How to reach SQS through this HTTP client.
    pub fn sqs_config(&self, http: SharedHttpClient) -> SdkConfig {
        self.config_at(http, &self.sqs)
    }

    /// How to reach another API at this endpoint, through this HTTP client.
    pub fn config_at(&self, http: SharedHttpClient, endpoint: &str) -> SdkConfig {
        self.sdk.to_builder().http_client(http).endpoint_url(endpoint).build()
    }
}

/// The settings that are deployed, and credentials that mean nothing.
async fn sdk(http: SharedHttpClient) -> SdkConfig {
    leadgate_aws::client::configured(http)
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "the local world"))
        .load()
        .await
}
#[expect(clippy::disallowed_methods, reason = "whoever runs the tests chooses the servers")]
fn endpoint(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|endpoint| !endpoint.is_empty())
}

struct Embedded {
    dynamodb: SocketAddr,
    sqs: SocketAddr,
}

/// Both on a thread of their own, so that they go on serving whatever happens to the functions.
async fn embed() -> Result<(oneshot::Sender<()>, Embedded), ServerError> {
    let (stop, stopped) = oneshot::channel();
    let (started, starting) = oneshot::channel();
    let thread = std::thread::Builder::new().name("aws-on-loopback".to_owned());
    let spawned = thread.spawn(move || {
        let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            if started.send(serve().await).is_ok() {
                // An error means that the world is gone: the same as being told to stop.
                let _ = stopped.await;
            }
        });
    });
    spawned.map_err(|error| ServerError::new("starting a thread", error))?;
    let embedded = starting.await.map_err(|error| ServerError::new("starting the servers", error))??;
    Ok((stop, embedded))
}

async fn serve() -> Result<Embedded, ServerError> {
    let bind = async || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let unbound = |error| ServerError::new("binding to loopback", error);
    let (dynamodb, sqs) = (bind().await.map_err(unbound)?, bind().await.map_err(unbound)?);
    let addresses =
        Embedded { dynamodb: dynamodb.local_addr().map_err(unbound)?, sqs: sqs.local_addr().map_err(unbound)? };
    let database = dynoxide::Database::memory().map_err(|error| ServerError::new("starting DynamoDB", error))?;
    tokio::spawn(dynoxide::server::serve_on(dynamodb, database));
    tokio::spawn(serve_sqs(sqs, addresses.sqs));
    Ok(addresses)
}

async fn serve_sqs(listener: TcpListener, address: SocketAddr) {
    let config = SqsConfig { host: address.ip().to_string(), port: address.port(), ..SqsConfig::default() };
    let handler = Arc::new(RustackSqsHandler::new(Arc::new(RustackSqs::new(config))));
    let service = SqsHttpService::new(handler, SqsHttpConfig::default());
    while let Ok((stream, _)) = listener.accept().await {
        // Small answers, one after the other on one connection: waiting to fill a packet would cost 40 ms each.
        let _ = stream.set_nodelay(true);
        let connection = hyper::server::conn::http1::Builder::new();
        tokio::spawn(connection.serve_connection(TokioIo::new(stream), service.clone()));
    }
}
