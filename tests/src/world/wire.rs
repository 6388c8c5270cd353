//! Every call that the functions make to the outside, counted, and breakable one by one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use serde_json::Value;
use tokio::sync::watch;

use super::connector::Tapped;
use crate::simulators;
use crate::simulators::fault::Fault;
use crate::simulators::hubspot::HubSpot;

/// Whose call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// The door.
    Webhook,
    /// The side door.
    ProviderWebhook,
    /// The worker.
    Worker,
    /// The schedule's function.
    Release,
    /// One of our functions: a vendor can't tell which.
    AtVendor,
    /// The event source mapping, which polls and deletes on our behalf. Its calls aren't broken.
    EventSource,
    /// Whoever looks on. Its calls aren't broken, either.
    Observer,
}

impl Caller {
    fn is_function(self) -> bool {
        !matches!(self, Self::EventSource | Self::Observer)
    }
}

/// One call to the outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Counted from 0, over all parties.
    pub index: usize,
    /// As in `dynamodb PutItem`, `apollo POST /api/v1/people/match`.
    pub operation: String,
    /// Whose it is.
    pub caller: Caller,
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
        Self::error("com.amazonaws.dynamodb.v20120810#ThrottlingException", "Rate of requests exceeds the limit.")
    }

    /// SQS throttles.
    pub fn queue_throttled() -> Self {
        Self::error("com.amazonaws.sqs#RequestThrottled", "The request was denied due to request throttling.")
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

    fn error(kind: &str, message: &str) -> Self {
        Self::Answered(400, format!(r#"{{"__type":"{kind}","message":"{message}"}}"#))
    }

    /// Whether the caller is gone afterwards.
    pub fn is_death(&self) -> bool {
        matches!(self, Self::DeathBefore | Self::DeathAfter)
    }
}

/// What becomes of a call on its way, as if the caller had meant it so.
#[derive(Debug, Clone, PartialEq)]
pub enum Rewrite {
    /// This goes out in its place. Calls to vendors can't be rewritten so.
    Sent(Value),
    /// It does not go out; this is answered with 200.
    Answered(Value),
}

type Plan = Box<dyn FnMut(&Call) -> Option<Break> + Send>;
type Rewriter = Arc<dyn Fn(&Call, &Value) -> Option<Rewrite> + Send + Sync>;

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
    rewriter: Option<Rewriter>,
}

/// A call, and what is to happen to it.
pub(super) struct Fate {
    pub(super) call: Call,
    pub(super) broken: Option<Break>,
    pub(super) rewriter: Option<Rewriter>,
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

    /// Shows each call of a function, with its JSON body, to `rewriter` from now on, whatever else happens to it.
    pub fn rewrite_by(&self, rewriter: impl Fn(&Call, &Value) -> Option<Rewrite> + Send + Sync + 'static) {
        self.lock().rewriter = Some(Arc::new(rewriter));
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

    /// An HTTP client for the SDK over this wire, which leads to `inner`.
    pub fn sdk_client(self: &Arc<Self>, caller: Caller, inner: &SharedHttpClient) -> SharedHttpClient {
        SharedHttpClient::new(Tapped { wire: self.clone(), caller, inner: inner.clone() })
    }

    /// Puts the calls to the simulators on this wire, too.
    pub fn tap(self: &Arc<Self>, hubspot: &HubSpot, apollo: &simulators::apollo::Apollo) {
        for faults in [hubspot.faults(), apollo.faults()] {
            let wire = self.clone();
            faults.decide_by(move |call| {
                let operation = format!("{} {} {}", call.vendor, call.method, call.path);
                let fate = wire.fate_of(Caller::AtVendor, operation);
                if let Some(broken) = &fate.broken {
                    return Some(wire.fault_of(broken));
                }
                match fate.rewriter?(&fate.call, &call.json().unwrap_or_default())? {
                    Rewrite::Answered(answer) => Some(Fault::Status(200, answer.to_string())),
                    Rewrite::Sent(_) => None,
                }
            });
        }
    }

    fn fault_of(&self, broken: &Break) -> Fault {
        if broken.is_death() {
            self.die();
        }
        match broken {
            Break::Refused | Break::DeathBefore => Fault::DropBeforeWork,
            Break::AnswerLost | Break::DeathAfter => Fault::DropAfterWork,
            Break::Answered(status, body) => Fault::Status(*status, body.clone()),
        }
    }

    /// Counts a call, and says what is to happen to it.
    pub(super) fn fate_of(&self, caller: Caller, operation: String) -> Fate {
        let mut state = self.lock();
        *state.counts.entry(operation.clone()).or_default() += 1;
        let call = Call { index: state.calls.len(), operation, caller };
        if !caller.is_function() {
            return Fate { call, broken: None, rewriter: None };
        }
        let rewriter = state.rewriter.clone();
        if state.plan.is_some() {
            state.calls.push(call.clone());
        }
        let broken = state.plan.as_mut().and_then(|plan| plan(&call));
        Fate { call, broken, rewriter }
    }

    pub(super) fn die(&self) {
        self.deaths.send_modify(|deaths| *deaths += 1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
