//! DynamoDB and SQS on loopback: embedded ones, or those that the environment names.
//!
//! SQS hides and delays messages by a clock of its own. The embedded one's stands still, as the world's does, and is
//! turned when that is turned. In a world that waits in real time it goes by the machine's.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use hyper_util::rt::TokioIo;
use rustack_sqs_core::config::SqsConfig;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_core::provider::RustackSqs;
use rustack_sqs_http::dispatch::SqsHandler;
use rustack_sqs_http::service::{SqsHttpConfig, SqsHttpService};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::queues::KeptQueues;
use crate::kept::{Folder, Part};

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
        Self::start_with(endpoint("LEADGATE_DYNAMODB_ENDPOINT"), endpoint("LEADGATE_SQS_ENDPOINT"), None).await
    }

    /// Embedded ones, with what was kept in this folder. What others hold is not ours to keep.
    pub async fn start_in(folder: &Folder) -> Result<Self, ServerError> {
        for variable in ["LEADGATE_DYNAMODB_ENDPOINT", "LEADGATE_SQS_ENDPOINT"] {
            if endpoint(variable).is_some() {
                let why = format!("{variable} names a server whose state isn't kept in the folder: unset it");
                return Err(ServerError::new("starting in a folder", why));
            }
        }
        Self::start_with(None, None, Some(folder)).await
    }

    async fn start_with(
        dynamodb: Option<String>,
        sqs: Option<String>,
        folder: Option<&Folder>,
    ) -> Result<Self, ServerError> {
        let mut stop = Vec::new();
        let dynamodb = match dynamodb {
            Some(endpoint) => endpoint,
            None => {
                let file = folder.map(Folder::dynamodb);
                let serve = async || serve_dynamodb(file).await;
                url(embed("dynamodb-on-loopback", TimeIs::Real, &mut stop, serve).await?)
            }
        };
        let (sqs, sqs_clock) = match sqs {
            Some(endpoint) => (endpoint, None),
            None => {
                let (clock, changes) = unbounded_channel();
                let part = folder.map(|folder| folder.part("sqs"));
                let serve = async || serve_sqs(changes, part).await;
                let address = embed("sqs-on-loopback", TimeIs::Told, &mut stop, serve).await?;
                (url(address), Some(SqsClock::new(clock)))
            }
        };
        let http = leadgate_aws::https::client();
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

/// How long anything on this machine may take. However busy it is, it is faster than that; what hangs still ends.
pub(super) const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// The settings that are deployed, but for the time that a call may take, and credentials that mean nothing.
async fn sdk(http: SharedHttpClient) -> SdkConfig {
    let patient = TimeoutConfig::builder()
        .connect_timeout(PATIENCE)
        .operation_attempt_timeout(PATIENCE)
        .operation_timeout(PATIENCE)
        .build();
    leadgate_aws::client::configured(http)
        .timeout_config(patient)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
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

async fn serve_dynamodb(file: Option<PathBuf>) -> Result<SocketAddr, ServerError> {
    let (listener, address) = bind().await?;
    let database = database(file).map_err(|error| ServerError::new("starting DynamoDB", error))?;
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    Ok(address)
}

fn database(file: Option<PathBuf>) -> dynoxide::errors::Result<dynoxide::Database> {
    let Some(file) = file else { return dynoxide::Database::memory() };
    let database = dynoxide::Database::new(&file.to_string_lossy())?;
    // So no write waits for the disk. A kill of the process loses nothing that was written to the file.
    database.enable_bulk_loading()?;
    Ok(database)
}

async fn serve_sqs(changes: UnboundedReceiver<Change>, part: Option<Part>) -> Result<SocketAddr, ServerError> {
    let (listener, address) = bind().await?;
    let config = SqsConfig { host: address.ip().to_string(), port: address.port(), ..SqsConfig::default() };
    let sqs = Arc::new(RustackSqsHandler::new(Arc::new(RustackSqs::new(config))));
    tokio::spawn(keep_time(changes));
    match part {
        Some(part) => {
            let kept = KeptQueues::new(sqs, part).map_err(|error| ServerError::new("starting SQS", error))?;
            tokio::spawn(accept_sqs(listener, Arc::new(kept)));
        }
        None => drop(tokio::spawn(accept_sqs(listener, sqs))),
    }
    Ok(address)
}

/// The embedded SQS's clock.
#[derive(Debug, Clone)]
pub(super) struct SqsClock {
    changes: UnboundedSender<Change>,
    /// The most seconds that a message may be out of sight.
    longest: Arc<AtomicU64>,
}

/// What happens to it.
#[derive(Debug)]
enum Change {
    /// It goes by the machine's clock from now on.
    GoOn,
    /// It is turned by so much, and `done` is answered then.
    Turn { by: Duration, done: mpsc::Sender<()> },
}

/// SQS delays a message for no longer, and the queue of the template hides none for longer by itself.
const USUALLY_LONGEST: Duration = Duration::from_secs(15 * 60);
/// What a turn goes beyond the last message that may come into sight.
const BEYOND: Duration = Duration::from_secs(60);

impl SqsClock {
    fn new(changes: UnboundedSender<Change>) -> Self {
        Self { changes, longest: Arc::new(AtomicU64::new(USUALLY_LONGEST.as_secs())) }
    }

    /// A message is hidden for so many seconds.
    pub(super) fn hides(&self, seconds: u64) {
        self.longest.fetch_max(seconds, Ordering::SeqCst);
    }

    /// No message is hidden or delayed.
    pub(super) fn is_at_rest(&self) {
        self.longest.store(USUALLY_LONGEST.as_secs(), Ordering::SeqCst);
    }

    /// Turns it forward. Whatever is asked after that is answered by the new time. It catches up on every second that it
    /// is turned by, so it is turned by no more than brings every message into sight.
    pub(super) fn turn(&self, by: Duration) {
        let (done, turned) = mpsc::channel();
        let by = by.min(Duration::from_secs(self.longest.load(Ordering::SeqCst)) + BEYOND);
        if self.changes.send(Change::Turn { by, done }).is_ok() {
            // However busy the machine is, it answers, unless the server is gone: then the sender is gone, too.
            let _ = turned.recv_timeout(PATIENCE);
        }
    }

    /// Lets it go by the machine's clock.
    pub(super) fn go_on(&self) {
        // A server that is gone has no time.
        let _ = self.changes.send(Change::GoOn);
    }
}

/// Moves this thread's time on, as it is told to.
async fn keep_time(mut changes: UnboundedReceiver<Change>) {
    let (_stop, stopped) = mpsc::channel::<()>();
    // While a blocking task waits, time that stands doesn't jump to the next timer when there is nothing to do.
    tokio::task::spawn_blocking(move || stopped.recv());
    let mut goes_on = false;
    while let Some(change) = changes.recv().await {
        match change {
            Change::GoOn if goes_on => {}
            Change::GoOn => {
                tokio::time::resume();
                goes_on = true;
            }
            Change::Turn { by, done } => {
                if goes_on {
                    tokio::time::pause();
                }
                tokio::time::advance(by).await;
                if goes_on {
                    tokio::time::resume();
                }
                // Who has stopped waiting needs no answer.
                let _ = done.send(());
            }
        }
    }
}

async fn accept_sqs<H: SqsHandler>(listener: TcpListener, handler: Arc<H>) {
    let service = SqsHttpService::new(handler, SqsHttpConfig::default());
    while let Ok((stream, _)) = listener.accept().await {
        // Small answers, one after the other on one connection: waiting to fill a packet would cost 40 ms each.
        let _ = stream.set_nodelay(true);
        let connection = hyper::server::conn::http1::Builder::new();
        tokio::spawn(connection.serve_connection(TokioIo::new(stream), service.clone()));
    }
}
