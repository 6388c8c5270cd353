//! DynamoDB and SQS on loopback: embedded ones, or those that the environment names.
//!
//! SQS hides and delays messages by a clock of its own. The embedded one's stands still unless it is told to go on: it
//! is told of the time that really passes, and whenever the world's clock is turned.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

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
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// Where DynamoDB and SQS are. Embedded ones stop with it.
pub struct Servers {
    /// DynamoDB's endpoint.
    pub dynamodb: String,
    /// SQS's endpoint.
    pub sqs: String,
    /// The way there. Whoever speaks to them shares its connections.
    pub(super) http: SharedHttpClient,
    /// Tells the embedded SQS that the clock was turned.
    pub(super) sqs_clock: Option<SqsClock>,
    sdk: SdkConfig,
    _stop: Vec<oneshot::Sender<()>>,
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
        let mut stop = Vec::new();
        let dynamodb = match endpoint("LEADGATE_DYNAMODB_ENDPOINT") {
            Some(endpoint) => endpoint,
            None => url(embed("dynamodb-on-loopback", TimeIs::Real, &mut stop, serve_dynamodb).await?),
        };
        let (sqs, sqs_clock) = match endpoint("LEADGATE_SQS_ENDPOINT") {
            Some(endpoint) => (endpoint, None),
            None => {
                let (clock, turns) = unbounded_channel();
                let serve = async || serve_sqs(turns).await;
                let address = embed("sqs-on-loopback", TimeIs::Told, &mut stop, serve).await?;
                (url(address), Some(SqsClock(clock)))
            }
        };
        let http = SharedHttpClient::new(aws_smithy_http_client::Builder::new().build_http());
        let sdk = sdk(http.clone()).await;
        Ok(Self { dynamodb, sqs, http, sqs_clock, sdk, _stop: stop })
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

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// How time passes for a server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TimeIs {
    /// By itself.
    Real,
    /// As it is told.
    Told,
}

/// Starts a server on a thread of its own, so that it goes on serving whatever happens to the functions.
async fn embed<S, F>(
    name: &str,
    time: TimeIs,
    stop: &mut Vec<oneshot::Sender<()>>,
    serve: S,
) -> Result<SocketAddr, ServerError>
where
    S: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<SocketAddr, ServerError>>,
{
    let (stopper, stopped) = oneshot::channel();
    let (started, starting) = oneshot::channel();
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let mut runtime = Builder::new_current_thread();
        let Ok(runtime) = runtime.enable_all().start_paused(time == TimeIs::Told).build() else { return };
        runtime.block_on(async {
            if started.send(serve().await).is_ok() {
                // An error means that the world is gone: the same as being told to stop.
                let _ = stopped.await;
            }
        });
    });
    spawned.map_err(|error| ServerError::new("starting a thread", error))?;
    stop.push(stopper);
    starting.await.map_err(|error| ServerError::new("starting the servers", error))?
}

async fn bind() -> Result<(TcpListener, SocketAddr), ServerError> {
    let unbound = |error| ServerError::new("binding to loopback", error);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(unbound)?;
    let address = listener.local_addr().map_err(unbound)?;
    Ok((listener, address))
}

async fn serve_dynamodb() -> Result<SocketAddr, ServerError> {
    let (listener, address) = bind().await?;
    let database = dynoxide::Database::memory().map_err(|error| ServerError::new("starting DynamoDB", error))?;
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    Ok(address)
}

async fn serve_sqs(turns: UnboundedReceiver<Turn>) -> Result<SocketAddr, ServerError> {
    let (listener, address) = bind().await?;
    tokio::spawn(keep_time(turns));
    tokio::spawn(accept_sqs(listener, address));
    Ok(address)
}

/// The embedded SQS's clock.
#[derive(Debug, Clone)]
pub(super) struct SqsClock(UnboundedSender<Turn>);

/// By how much it was turned, and whom to tell when it is done.
#[derive(Debug)]
struct Turn {
    by: Duration,
    done: mpsc::Sender<()>,
}

/// Nothing in SQS takes longer: a message is hidden for twelve hours at most. It catches up on every second that it is
/// turned by, so a turn by months is not told in full.
const TURN_MAX: Duration = Duration::from_secs(12 * 60 * 60 + 60);
/// A server that doesn't answer by then is gone, or serves nobody.
const TURN_PATIENCE: Duration = Duration::from_secs(5);
/// How often it is told of the time that really passed.
const TICK: Duration = Duration::from_millis(10);

impl SqsClock {
    /// Turns it forward. Whatever is asked after that is answered by the new time.
    pub(super) fn turn(&self, by: Duration) {
        let (done, turned) = mpsc::channel();
        if self.0.send(Turn { by: by.min(TURN_MAX), done }).is_ok() {
            // Who is gone needs no turning.
            let _ = turned.recv_timeout(TURN_PATIENCE);
        }
    }
}

/// Moves this thread's time on, by what has really passed and by what it is told to.
async fn keep_time(mut turns: UnboundedReceiver<Turn>) {
    let (ticks, mut ticking) = unbounded_channel();
    let (_stop, stopped) = mpsc::channel::<()>();
    // Besides ticking, a blocking task keeps time that is told from jumping to the next timer when nothing is to do.
    tokio::task::spawn_blocking(move || {
        while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) && ticks.send(()).is_ok() {}
    });
    let mut told = Instant::now();
    loop {
        let turn = tokio::select! {
            tick = ticking.recv() => match tick {
                Some(()) => None,
                None => return,
            },
            Some(turn) = turns.recv() => Some(turn),
        };
        let passed = told.elapsed();
        told += passed;
        tokio::time::advance(passed + turn.as_ref().map_or(Duration::ZERO, |turn| turn.by)).await;
        if let Some(turn) = turn {
            // Who has stopped waiting needs no answer.
            let _ = turn.done.send(());
        }
    }
}

async fn accept_sqs(listener: TcpListener, address: SocketAddr) {
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
