//! One HTTP exchange with a simulated vendor, from the request to the answer or to the lack of one.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Query, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use hyper::body::Frame;
use leadgate_enrichment::clock::Clock;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fault::{AnswerEdit, Fault, Faults};
use super::guarded::Guarded;

/// The largest body that a simulator reads: a batch of a hundred contacts with long values fits many times.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A call to a vendor.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which one: `hubspot`, `apollo`.
    pub vendor: &'static str,
    /// `GET`, `POST`, …
    pub method: String,
    /// The vendor's own path, decoded, from its first slash.
    pub path: String,
    /// The query's parameters, decoded, in their order.
    pub query: Vec<(String, String)>,
    /// What was sent.
    pub body: Bytes,
    /// Its number among the calls to this vendor, from 0.
    pub index: u64,
}

impl Call {
    /// A call without parameters or a body.
    #[cfg(test)]
    pub(super) fn to(vendor: &'static str, method: &str, path: &str) -> Self {
        let (method, path) = (method.to_owned(), path.to_owned());
        Self { vendor, method, path, query: Vec::new(), body: Bytes::new(), index: 0 }
    }

    /// The body as this type, or what is wrong with it.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// The body as the fields of a form.
    pub(super) fn form(&self) -> BTreeMap<String, String> {
        reqwest::Url::parse(&format!("http://form/?{}", String::from_utf8_lossy(&self.body)))
            .map(|url| url.query_pairs().into_owned().collect())
            .unwrap_or_default()
    }

    /// The first value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Looks on before a call is carried out. It may turn to the simulator: no lock is held.
pub type CallHook = Arc<dyn Fn(&Call) + Send + Sync>;

/// How a call to a vendor ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// It was turned away, so that its caller can be sure that nothing was done.
    pub was_turned_away: bool,
    /// The status that the vendor's own work ended with. None where it did no work.
    pub status: Option<u16>,
}

/// Looks on when it is decided how a call ends.
pub type EndHook = Arc<dyn Fn(&Call, Ending) + Send + Sync>;

/// What every vendor has in front of its work.
pub(super) struct Reception {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) faults: Faults,
    on_call: Guarded<Option<CallHook>>,
    on_end: Guarded<Option<EndHook>>,
    latency: Duration,
    calls: AtomicU64,
}

impl Reception {
    pub(super) fn new(clock: Arc<dyn Clock>, latency: Duration) -> Self {
        let (faults, on_call, on_end) = (Faults::default(), Guarded::default(), Guarded::default());
        Self { clock, faults, on_call, on_end, latency, calls: AtomicU64::new(0) }
    }

    pub(super) fn on_call(&self, hook: CallHook) {
        *self.on_call.lock() = Some(hook);
    }

    pub(super) fn on_end(&self, hook: EndHook) {
        *self.on_end.lock() = Some(hook);
    }

    fn ended(&self, call: &Call, was_turned_away: bool, status: Option<u16>) {
        let hook = self.on_end.lock().clone();
        if let Some(hook) = hook {
            hook(call, Ending { was_turned_away, status });
        }
    }

    /// Numbers the calls from here: so many were made before.
    pub(super) fn go_on_from(&self, calls: u64) {
        self.calls.store(calls, Ordering::Relaxed);
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    fn announce(&self, call: &Call) {
        let hook = self.on_call.lock().clone();
        if let Some(hook) = hook {
            hook(call);
        }
    }
}

/// A vendor, as far as HTTP goes.
pub(super) trait Vendor: Send + Sync {
    /// Its name in a [`Call`].
    const NAME: &'static str;
    fn reception(&self) -> &Reception;
    /// Does what the call asks for, in one step.
    fn carry_out(&self, call: &Call, headers: &HeaderMap) -> Answer;
    /// How it says that it is asked too often.
    fn throttled(&self, retry_after: Option<Duration>) -> Answer;
    /// How it says that something went wrong, with this status.
    fn failed(&self, status: u16) -> Answer;
}

/// Takes one request to its end.
pub(super) async fn serve<V: Vendor>(vendor: &V, path: &str, request: Request) -> Response {
    let reception = vendor.reception();
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else { return vendor.failed(413).into_response() };
    let call = Call {
        vendor: V::NAME,
        method: head.method.to_string(),
        path: format!("/{path}"),
        query: Query::try_from_uri(&head.uri).map(|Query(pairs)| pairs).unwrap_or_default(),
        body,
        index: reception.calls.fetch_add(1, Ordering::Relaxed),
    };
    let fault = reception.faults.take(&call);
    if let Some(fault) = fault.as_ref().filter(|fault| !fault.does_the_work()) {
        reception.ended(&call, *fault != Fault::DropBeforeWork, None);
        return instead_of_work(vendor, fault);
    }
    reception.announce(&call);
    let answer = vendor.carry_out(&call, &head.headers);
    reception.ended(&call, fault.is_none() && answer.status >= 400, Some(answer.status));
    // From here on the caller may hang up: what was done stays done.
    if !reception.latency.is_zero() {
        reception.clock.sleep(reception.latency).await;
    }
    match fault {
        Some(Fault::Delay(duration)) => reception.clock.sleep(duration).await,
        Some(Fault::DropAfterWork) => return severed(),
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::StatusAfterWork(status, body)) => return told(vendor, status, &body),
        Some(Fault::Edited(edit)) => return answer.edited(&edit).into_response(),
        _ => {}
    }
    answer.into_response()
}

fn instead_of_work<V: Vendor>(vendor: &V, fault: &Fault) -> Response {
    match fault {
        Fault::Throttle { retry_after } => vendor.throttled(*retry_after).into_response(),
        Fault::Status(status, body) => told(vendor, *status, body),
        _ => severed(),
    }
}

fn told<V: Vendor>(vendor: &V, status: u16, body: &str) -> Response {
    let answer = match serde_json::from_str(body) {
        _ if body.is_empty() => vendor.failed(status),
        Ok(json) => Answer::json(status, &json),
        Err(_) => Answer::text(status, body),
    };
    answer.into_response()
}

/// What a vendor answers.
#[derive(Debug)]
pub(super) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Answer {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json;charset=utf-8".to_owned())];
        Self { status, headers, body: body.to_string() }
    }

    pub(super) fn text(status: u16, body: &str) -> Self {
        let headers = vec![("content-type", "text/plain; charset=utf-8".to_owned())];
        Self { status, headers, body: body.to_owned() }
    }

    /// 204 No Content.
    pub(super) fn nothing() -> Self {
        Self { status: 204, headers: Vec::new(), body: String::new() }
    }

    #[must_use]
    pub(super) fn with_headers(mut self, headers: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.headers.extend(headers);
        self
    }

    /// An answer that isn't JSON stays as it is.
    fn edited(mut self, edit: &AnswerEdit) -> Self {
        if let Ok(body) = serde_json::from_str(&self.body) {
            self.body = edit.apply(body).to_string();
        }
        self
    }

    fn into_response(self) -> Response {
        let mut builder = Response::builder().status(self.status);
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        // Only a fault can name a status or a value that HTTP doesn't have.
        builder.body(Body::from(self.body)).unwrap_or_else(|_| {
            let mut response = Response::new(Body::from("the fault's status isn't one of HTTP's"));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
    }
}

/// A body that fails before its first byte. The server hasn't sent the head by then, and closes the connection: the
/// caller sees it end without an answer.
struct Severed;

impl hyper::body::Body for Severed {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(Err("the simulator was told to drop the connection")))
    }
}

fn severed() -> Response {
    let mut response = Response::new(Body::new(Severed));
    response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    response
}
