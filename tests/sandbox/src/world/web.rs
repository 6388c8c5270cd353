//! The front door: what API Gateway does with a request before the webhook's function sees it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crm_webhook::CrmWebhook;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::{Config, ConfigError, Tenant};
use provider_webhook::ProviderWebhook;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use signal_webhook::SignalWebhook;

use super::World;
use super::clock::WorldClock;
use super::pump::Pump;
use super::settings::{SIGNING_SECRET, Settings};
use super::wire::Wire;
use crate::simulators::hubspot::Event;
use crate::simulators::hubspot::signature::v3;

/// API Gateway takes no larger body.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;

/// A function behind the front door.
#[derive(Clone)]
pub enum Door {
    /// `/{crm}/…` and `/hooks/…`
    Crm(Arc<CrmWebhook>),
    /// `/{provider}/…`
    Provider(Arc<ProviderWebhook>),
    /// `/signals/…`
    Signal(Arc<SignalWebhook>),
}

impl Door {
    /// What is served. The vendors are those of the tenant that the world is about.
    fn routes(&self) -> Vec<String> {
        let config = match self {
            Self::Crm(webhook) => &webhook.config,
            Self::Provider(webhook) => &webhook.config,
            Self::Signal(_) => return vec!["/signals/{*rest}".to_owned()],
        };
        let names = |tenant: &Tenant| match self {
            Self::Crm(_) => vec![tenant.crm.vendor.name, "hooks"],
            Self::Provider(_) => tenant.providers().map(|provider| provider.vendor.name).collect(),
            Self::Signal(_) => Vec::new(),
        };
        let firsts = config.tenants.values().next().map(names).unwrap_or_default();
        firsts.into_iter().map(|first| format!("/{first}/{{*rest}}")).collect()
    }

    /// What API Gateway calls the route of a path.
    fn route_key(&self, path: &str) -> String {
        let first = path.split('/').nth(1).unwrap_or_default();
        let rest = match self {
            Self::Crm(_) if first == "hooks" => "{tenant}/{source}",
            Self::Crm(_) => "{tenant}",
            Self::Provider(_) if path.split('/').count() < 4 => "{tenant}",
            Self::Provider(_) => "{tenant}/{token}",
            Self::Signal(_) => "{tenant}/{source}",
        };
        format!("POST /{first}/{rest}")
    }

    /// Invokes the function with a whole Lambda event, as it stands in `events/`.
    pub async fn invoke(&self, event: &Value) -> Result<Response, String> {
        let request = lambda_http::request::from_str(&event.to_string()).map_err(|error| error.to_string())?;
        let response = match self {
            Self::Crm(webhook) => webhook.handle(request).await,
            Self::Provider(webhook) => webhook.handle(request).await,
            Self::Signal(webhook) => webhook.handle(request).await,
        };
        let (parts, body) = response.into_parts();
        let body = match body {
            lambda_http::Body::Text(text) => Body::from(text),
            lambda_http::Body::Binary(bytes) => Body::from(bytes),
            _ => Body::empty(),
        };
        Ok(Response::from_parts(parts, body))
    }
}

/// The function that stands at an address now.
#[derive(Clone)]
pub(super) struct Address(Arc<Mutex<Door>>);

impl Address {
    pub(super) fn of(door: Door) -> Self {
        Self(Arc::new(Mutex::new(door)))
    }

    pub(super) fn replace(&self, door: Door) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = door;
    }

    fn door(&self) -> Door {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Routes what comes in to the functions.
pub(super) fn router(addresses: &[Address; 3], wire: &Arc<Wire>) -> Router {
    let routes = addresses.iter().flat_map(|address| address.door().routes().into_iter().map(move |it| (address, it)));
    routes.fold(Router::new(), |router, (address, route)| {
        router.merge(Router::new().route(&route, any(forward)).with_state((address.clone(), wire.clone())))
    })
}

/// Shows the world's clock, and turns it.
pub(super) fn clock_router(clock: Arc<WorldClock>, pump: Arc<Pump>) -> Router {
    Router::new().route("/simulators/clock", get(show_clock).post(turn_clock)).with_state((clock, pump))
}

/// Where a world keeps its books, and by which configuration: what an operator's tool has to know to read them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Whereabouts {
    /// DynamoDB's endpoint.
    pub dynamodb: String,
    /// The tables in it.
    pub records_table: String,
    /// See `records_table`.
    pub credits_table: String,
    /// See `records_table`.
    pub limits_table: String,
    /// SQS's endpoint.
    pub sqs: String,
    /// The queue there for requests in bulk.
    pub bulk_queue_url: String,
    /// See `records_table`.
    pub feed_table: String,
    /// See `records_table`.
    pub lists_table: String,
    /// `leadgate.toml`, as the world was started with it.
    pub config: String,
    /// What each cycle starts with, instead of what the configuration says.
    pub credits_per_cycle: Option<i64>,
    /// The world's own address.
    pub url: String,
    /// The name of the secret of fingerprints.
    pub fingerprints: String,
    /// Secrets that open simulators, by their names. Those of real services aren't told.
    pub secrets: BTreeMap<String, String>,
}

impl Whereabouts {
    /// The configuration that the world goes by.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let (config, credits_per_cycle) = (self.config.clone(), self.credits_per_cycle);
        Settings { config, credits_per_cycle, ..Settings::default() }.config_for(&self.url)
    }
}

/// Tells where the world keeps its books.
pub(super) fn whereabouts_router(whereabouts: Whereabouts) -> Router {
    Router::new().route("/simulators/world", get(async move || Json(whereabouts)))
}

type Clockwork = (Arc<WorldClock>, Arc<Pump>);

/// By how far to turn.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    advance_seconds: u64,
}

async fn show_clock(State((clock, _)): State<Clockwork>) -> Json<Value> {
    let now = clock.now();
    Json(json!({ "now": now.to_string(), "now_ms": now.as_millisecond() }))
}

async fn turn_clock(State((clock, pump)): State<Clockwork>, Json(turn): Json<Turn>) -> Json<Value> {
    clock.turn(Duration::from_secs(turn.advance_seconds));
    let shown = pump.show_hidden().await;
    let now = clock.now();
    Json(json!({ "now": now.to_string(), "now_ms": now.as_millisecond(), "messages_shown_again": shown }))
}

/// A function that dies has no answer: API Gateway gives its own.
async fn forward(State((address, wire)): State<(Address, Arc<Wire>)>, request: Request) -> Response {
    let door = address.door();
    let route = door.route_key(request.uri().path());
    let Ok(event) = gateway_event(request, &route).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    tokio::select! {
        biased;
        () = wire.death() => (StatusCode::BAD_GATEWAY, "the function died").into_response(),
        response = door.invoke(&event) => {
            response.unwrap_or_else(|error| (StatusCode::BAD_GATEWAY, error).into_response())
        }
    }
}

/// The event that an HTTP API (payload format 2.0) makes of a request. Bytes that are not text are base64.
async fn gateway_event(request: Request, route: &str) -> Result<Value, axum::Error> {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, BODY_BYTES_MAX).await?;
    let text = std::str::from_utf8(&bytes);
    let headers: Map<String, Value> = parts
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.into())))
        .collect();
    let path = parts.uri.path();
    Ok(json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": parts.uri.query().unwrap_or_default(),
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000", "apiId": "local", "domainName": "127.0.0.1", "domainPrefix": "local",
            "requestId": "local", "routeKey": route, "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 0,
            "http": {
                "method": parts.method.as_str(), "path": path, "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1", "userAgent": "local",
            },
        },
        "body": text.map_or_else(|_| STANDARD.encode(&bytes), str::to_owned),
        "isBase64Encoded": text.is_err(),
    }))
}

impl World {
    /// HubSpot delivers these events once more, whatever became of them before. `None` when there was no answer.
    pub async fn deliver_again(&self, events: &[Event]) -> Option<u16> {
        let (body, timestamp) = (serde_json::to_vec(events).ok()?, self.clock.now().as_millisecond());
        let signature = v3(SIGNING_SECRET, "POST", &self.tenant().crm.public_url, &body, timestamp);
        let request = self.site.http.post(self.webhook_url()).body(body);
        let request = request.header("x-hubspot-signature-v3", signature);
        let request = request.header("x-hubspot-request-timestamp", timestamp.to_string());
        request.send().await.ok().map(|response| response.status().as_u16())
    }
}
