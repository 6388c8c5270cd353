//! Workers that share a key, on a clock that is turned when all of them sleep.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use jiff::Timestamp;
use leadgate_aws::limits::{Limits, Permit};
use leadgate_aws::table::Database;
use leadgate_aws::usage::Usage;
use leadgate_enrichment::clock::{Clock, later, until};
use leadgate_enrichment::ids::ProviderName;
use leadgate_enrichment::provider::limits::{CallLimits, Ending, LimitKey, Rate, Rates, Share};
use leadgate_sandbox::simulators::apollo::{Apollo, ApolloSetup, Limits as ApolloLimits, Windows};
use leadgate_sandbox::simulators::apollo_router;
use leadgate_sandbox::template::Template;
use leadgate_sandbox::world::{Caller, Patience, Servers, Wire, WorldClock};
use reqwest::header::HeaderMap;
use serde_json::json;
use tokio::net::TcpListener;

/// A function runs for a minute, and would rather wait than be run again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// The longest that a call takes to get from a worker to the provider.
const WAY_MAX: Duration = Duration::from_millis(1500);

/// One table, one provider, one clock.
pub(crate) struct Rig {
    pub(crate) clock: Arc<WorldClock>,
    pub(crate) apollo: Arc<Apollo>,
    pub(crate) limits: Limits,
    pub(crate) usage: Arc<Usage>,
    /// The workers' way to DynamoDB.
    pub(crate) wire: Arc<Wire>,
    pub(crate) configured: CallLimits,
    pub(crate) key: LimitKey,
    /// How often a worker was turned away.
    pub(crate) turned_away: AtomicU64,
    http: reqwest::Client,
    url: String,
    _servers: Servers,
}

impl Rig {
    /// With a provider that counts like this and answers within a second.
    pub(crate) async fn new(windows: Windows) -> Arc<Self> {
        let start = Timestamp::from_second(1_768_471_200).expect("in range");
        let clock = Arc::new(WorldClock::new(start, 1, Patience::Together));
        let limits = ApolloLimits { single: windows, ..ApolloLimits::unlimited() };
        let latency = Duration::from_millis(700);
        let apollo = Arc::new(Apollo::new(clock.clone(), ApolloSetup { limits, latency, ..ApolloSetup::default() }));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let routes = Router::new().nest("/apollo", apollo_router(apollo.clone()));
        tokio::spawn(async move { axum::serve(listener, routes).await });

        let servers = Servers::start().await.expect("servers");
        let (wire, http) = (Arc::<Wire>::default(), leadgate_aws::https::client());
        let wired = wire.sdk_client(Caller::Worker, &http);
        let dynamodb = aws_sdk_dynamodb::Client::new(&servers.dynamodb_config(wired));
        let sqs = aws_sdk_sqs::Client::new(&servers.sqs_config(http));
        let created = Template::load().expect("a template").create(&dynamodb, &sqs, "limits-").await.expect("created");
        let usage = Arc::new(Usage::default());
        let limits = Limits::new(
            &Database { client: dynamodb, usage: usage.clone(), clock: clock.clone() },
            &created.tables["LimitsTable"],
        );
        let tenant = "acme".parse().expect("a name");
        Arc::new(Self {
            key: LimitKey { tenant, provider: ProviderName::known("apollo"), endpoint: "people/match" },
            configured: CallLimits::new(Some(50), Some(200), Some(600)),
            turned_away: AtomicU64::new(0),
            http: leadgate_connectors::http::client(),
            wire,
            clock,
            apollo,
            limits,
            usage,
            url,
            _servers: servers,
        })
    }

    pub(crate) async fn permit(&self, share: Share, patience: Duration) -> Permit {
        self.limits.permit(&self.key, &self.configured, share, patience).await.expect("an answer")
    }

    /// One call, and how it ended.
    pub(crate) async fn call(&self) -> (Rates, Ending) {
        self.clock.sleep(WAY_MAX.mul_f64(self.clock.jitter())).await;
        let request = self.http.post(format!("{}/apollo/api/v1/people/match", self.url));
        let request = request.header("x-api-key", "simulated-api-key").json(&json!({ "email": "a.b@engine.example" }));
        let answer = request.send().await.expect("an answer");
        let ending = match answer.status().as_u16() {
            429 => Ending::Throttled { retry_after: number(answer.headers(), "retry-after").map(seconds) },
            500.. => Ending::Failed,
            _ => Ending::Answered,
        };
        (rates(answer.headers()), ending)
    }

    /// `workers` at a time call for so long, as often as they may.
    pub(crate) async fn work(self: &Arc<Self>, workers: usize, share: Share, duration: Duration) {
        let end = later(self.clock.now(), duration);
        let companions: Vec<_> = (0..workers).map(|_| self.clock.companion()).collect();
        let working = companions.into_iter().map(|companion| {
            let rig = self.clone();
            tokio::spawn(async move {
                rig.work_until(share, end).await;
                drop(companion);
            })
        });
        for worker in working.collect::<Vec<_>>() {
            worker.await.expect("it worked");
        }
    }

    async fn work_until(&self, share: Share, end: Timestamp) {
        while self.clock.now() < end {
            match self.permit(share, PATIENCE).await {
                Permit::Granted(ticket) => {
                    let (rates, ending) = self.call().await;
                    let turned_away = matches!(ending, Ending::Throttled { .. });
                    self.turned_away.fetch_add(turned_away.into(), Ordering::Relaxed);
                    self.limits.ended(ticket, &rates, ending).await.expect("noted");
                }
                // The message is hidden until then.
                Permit::NotBefore(at) => {
                    let hidden = until(self.clock.now(), at.min(end)).mul_f64(1.0 + self.clock.jitter() / 100.0);
                    self.clock.sleep(hidden + Duration::from_millis(1)).await;
                }
            }
        }
    }

    /// Somebody else with the same key, who asks nobody.
    pub(crate) async fn intrude(&self, every: Duration, duration: Duration) {
        let end = later(self.clock.now(), duration);
        while self.clock.now() < end {
            self.call().await;
            self.clock.sleep(every).await;
        }
    }

    /// Calls that were counted, and calls that were turned away.
    pub(crate) fn counted(&self) -> (u64, u64) {
        let ledger = self.apollo.ledger();
        (ledger.calls.values().sum(), ledger.throttled)
    }

    /// What sharing the limits has cost: write units and read units.
    pub(crate) fn cost(&self) -> (f64, f64) {
        let of = |units: BTreeMap<&str, f64>| units.get("permit").copied().unwrap_or_default();
        (of(self.usage.write_units()), of(self.usage.read_units()))
    }
}

/// What the headers say, as documented.
fn rates(headers: &HeaderMap) -> Rates {
    let rate = |limit: &str, usage: &str| {
        let text = headers.get(limit)?.to_str().ok()?;
        match text.parse() {
            Ok(limit) => Some(Rate::Limited { limit, used: number(headers, usage)? }),
            Err(_) => text.is_empty().then_some(Rate::Unlimited),
        }
    };
    Rates {
        minute: rate("x-rate-limit-minute", "x-minute-usage"),
        hour: rate("x-rate-limit-hourly", "x-hourly-usage"),
        day: rate("x-rate-limit-24-hour", "x-24-hour-usage"),
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u32> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}
