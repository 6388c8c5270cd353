//! Every call that the functions make to the outside, counted, and breakable one by one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use tokio::sync::watch;

use crate::simulators;
use crate::simulators::hubspot::HubSpot;

/// Whose call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// One of our functions. Only these calls can be broken.
    Function,
    /// The event source mapping, which polls and deletes on our behalf.
    EventSource,
}

/// One call to the outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Counted from 0, over all parties.
    pub index: usize,
    /// As in `dynamodb PutItem`, `apollo POST /api/v1/people/match`.
    pub operation: String,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Break {
    /// It never gets there.
    Refused,
    /// It is carried out, and its answer is lost.
    AnswerLost,
    /// The caller dies before it makes the call.
    DeathBefore,
    /// The caller dies after the call was carried out.
    DeathAfter,
    /// It is not carried out; this is answered (status and body).
    Answered(u16, String),
}

impl Break {
    /// DynamoDB throttles.
    pub fn throttled() -> Self {
        Self::error("ThrottlingException", "Rate of requests exceeds the allowed throughput.")
    }

    /// Another transaction is on the same item.
    pub fn transaction_conflict() -> Self {
        let reasons =
            r#"[{"Code":"None"},{"Code":"TransactionConflict","Message":"Transaction is ongoing for the item"}]"#;
        let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
        Self::Answered(
            400,
            format!(r#"{{"__type":"{kind}","Message":"Transaction cancelled","CancellationReasons":{reasons}}}"#),
        )
    }

    fn error(code: &str, message: &str) -> Self {
        let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
        Self::Answered(400, format!(r#"{{"__type":"{kind}","message":"{message}"}}"#))
    }
}

type Plan = Box<dyn FnMut(&Call) -> Option<Break> + Send>;

/// The wire between the functions and everybody else.
pub struct Wire {
    state: Mutex<State>,
    deaths: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    counts: BTreeMap<String, u64>,
    plan: Option<Plan>,
}

impl Default for Wire {
    fn default() -> Self {
        Self { state: Mutex::default(), deaths: watch::Sender::new(0) }
    }
}

impl Wire {
    /// Asks `plan` about each call of a function from now on, and counts calls from 0 again.
    pub fn break_by(&self, plan: impl FnMut(&Call) -> Option<Break> + Send + 'static) {
        let mut state = self.lock();
        state.calls.clear();
        state.plan = Some(Box::new(plan));
    }

    /// Breaks nothing any more, and gives the calls since the plan began.
    pub fn mend(&self) -> Vec<Call> {
        let mut state = self.lock();
        state.plan = None;
        std::mem::take(&mut state.calls)
    }

    /// How often each operation was called, whoever called it.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.lock().counts.clone()
    }

    /// Waits until a function dies.
    pub async fn death(&self) {
        let mut deaths = self.deaths.subscribe();
        // The sender lives as long as this.
        let _ = deaths.changed().await;
    }

    /// An HTTP client for the SDK over this wire.
    pub fn sdk_client(self: &Arc<Self>, caller: Caller) -> SharedHttpClient {
        let inner = SharedHttpClient::new(aws_smithy_http_client::Builder::new().build_http());
        SharedHttpClient::new(Tapped { wire: self.clone(), caller, inner })
    }

    /// Puts the calls to the simulators on this wire, too.
    pub fn tap(self: &Arc<Self>, hubspot: &HubSpot, apollo: &simulators::apollo::Apollo) {
        for faults in [hubspot.faults(), apollo.faults()] {
            let wire = self.clone();
            faults.decide_by(move |call| {
                let operation = format!("{} {} {}", call.vendor, call.method, call.path);
                wire.fault_of(&wire.call(Caller::Function, operation)?)
            });
        }
    }

    fn fault_of(&self, broken: &Break) -> Option<simulators::fault::Fault> {
        use simulators::fault::Fault;
        Some(match broken {
            Break::Refused => Fault::DropBeforeWork,
            Break::AnswerLost => Fault::DropAfterWork,
            Break::DeathBefore => {
                self.die();
                Fault::DropBeforeWork
            }
            Break::DeathAfter => {
                self.die();
                Fault::DropAfterWork
            }
            Break::Answered(status, body) => Fault::Status(*status, body.clone()),
        })
    }

    /// Counts a call, and says how it is broken.
    fn call(&self, caller: Caller, operation: String) -> Option<Break> {
        let mut state = self.lock();
        *state.counts.entry(operation.clone()).or_default() += 1;
        if caller == Caller::EventSource || state.plan.is_none() {
            return None;
        }
        let call = Call { index: state.calls.len(), operation };
        state.calls.push(call.clone());
        state.plan.as_mut().and_then(|plan| plan(&call))
    }

    fn die(&self) {
        self.deaths.send_modify(|deaths| *deaths += 1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone)]
struct Tapped {
    wire: Arc<Wire>,
    caller: Caller,
    inner: SharedHttpClient,
}

impl std::fmt::Debug for Tapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tapped")
    }
}

impl HttpClient for Tapped {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(TappedConnector { wire: self.wire.clone(), caller: self.caller, inner })
    }
}

struct TappedConnector {
    wire: Arc<Wire>,
    caller: Caller,
    inner: SharedHttpConnector,
}

impl std::fmt::Debug for TappedConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TappedConnector")
    }
}

impl HttpConnector for TappedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let broken = self.wire.call(self.caller, operation_of(&request));
        let (wire, inner) = (self.wire.clone(), self.inner.clone());
        HttpConnectorFuture::new(async move {
            let lost = |why: &'static str| ConnectorError::io(why.into());
            match broken {
                None => inner.call(request).await,
                Some(Break::Refused) => Err(lost("refused, as planned")),
                Some(Break::AnswerLost) => {
                    inner.call(request).await?;
                    Err(lost("the answer was lost, as planned"))
                }
                Some(Break::DeathBefore) => {
                    wire.die();
                    std::future::pending().await
                }
                Some(Break::DeathAfter) => {
                    inner.call(request).await?;
                    wire.die();
                    std::future::pending().await
                }
                Some(Break::Answered(status, body)) => answer(status, body),
            }
        })
    }
}

fn answer(status: u16, body: String) -> Result<HttpResponse, ConnectorError> {
    let wrong = |error| ConnectorError::other(Box::new(error), None);
    let mut response = HttpResponse::new(status.try_into().map_err(wrong)?, SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    Ok(response)
}

/// `DynamoDB_20120810.PutItem` → `dynamodb PutItem`
fn operation_of(request: &HttpRequest) -> String {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    match target.split_once('.') {
        Some((service, operation)) if service.starts_with("DynamoDB") => format!("dynamodb {operation}"),
        Some((_, operation)) => format!("sqs {operation}"),
        None => request.uri().to_owned(),
    }
}
