//! Every call that the functions make to the outside, counted, and breakable one by one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use serde_json::Value;
use tokio::sync::watch;

use super::connector::Tapped;
use super::servers::SqsClock;
use super::stale::Writes;
use super::under_way::UnderWay;
use crate::simulators;
use crate::simulators::fault::{AnswerEdit, Fault, Faults};
use crate::simulators::hubspot::HubSpot;

/// Whose call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// The door.
    Webhook,
    /// The door for change events.
    CrmEvents,
    /// The side door.
    ProviderWebhook,
    /// The worker.
    Worker,
    /// The schedule's function.
    Release,
    /// Whoever takes a feed in.
    FeedImport,
    /// The door for signals.
    SignalWebhook,
    /// The worker that enrols.
    EnrolmentWorker,
    /// The nightly build.
    TamBuild,
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
    /// A BatchGetItem reads so many of its keys, and the rest stays unprocessed. Any other call is carried out as it is.
    Unprocessed {
        /// How many keys are read.
        read: usize,
    },
    /// An eventually consistent read of records, of the table or of its index, shows each of them as it stood before its
    /// last write, if that was just now (see [`Wire::remember_writes`]). Any other call is carried out as it is.
    Stale,
    /// The caller dies while its request is under way: it is carried out right before the `calls`th call that functions
    /// make from then on, and before the clock is turned too far for that. A vendor carries it out at once.
    DeathThenLands {
        /// Before which of the next calls; the first is 1.
        calls: usize,
    },
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
        matches!(self, Self::DeathBefore | Self::DeathAfter | Self::DeathThenLands { .. })
    }
}

/// What becomes of a call on its way, as if the caller had meant it so.
#[derive(Debug, Clone, PartialEq)]
pub enum Rewrite {
    /// This goes out in its place. Calls to vendors can't be rewritten so.
    Sent(Value),
    /// It does not go out; this is answered with 200.
    Answered(Value),
    /// It goes out as it is, and a JSON answer of success is changed before the caller reads it.
    Received(AnswerEdit),
}

type Plan = Box<dyn FnMut(&Call) -> Option<Break> + Send>;
type Rewriter = Arc<dyn Fn(&Call, &Value) -> Option<Rewrite> + Send + Sync>;

/// The wire between the functions and everybody else.
pub struct Wire {
    state: Mutex<State>,
    /// It is asked while nothing else is locked: it may turn the clock.
    plan: Mutex<Option<Plan>>,
    deaths: watch::Sender<u64>,
    /// It has to know for how long messages are hidden.
    sqs: OnceLock<SqsClock>,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    counts: BTreeMap<String, u64>,
    rewriter: Option<Rewriter>,
    /// What was written last, if that is remembered.
    writes: Option<Writes>,
    /// Requests of callers that are dead.
    under_way: Vec<UnderWay>,
}

/// A call, and what is to happen to it.
pub(super) struct Fate {
    pub(super) call: Call,
    /// Whether there is a plan, whatever it says.
    pub(super) is_planned: bool,
    pub(super) broken: Option<Break>,
    pub(super) rewriter: Option<Rewriter>,
}

impl Default for Wire {
    fn default() -> Self {
        Self { state: Mutex::default(), plan: Mutex::default(), deaths: watch::Sender::new(0), sqs: OnceLock::new() }
    }
}

impl Wire {
    /// Asks `plan` about each call of a function from now on, and counts calls from 0 again. A plan that turns the clock
    /// past a function's deadline ends that function before it makes the call.
    pub fn break_by(&self, plan: impl FnMut(&Call) -> Option<Break> + Send + 'static) {
        let mut current = self.plan();
        self.lock().calls.clear();
        *current = Some(Box::new(plan));
    }

    /// Breaks nothing any more, and gives the calls since the plan began.
    pub fn mend(&self) -> Vec<Call> {
        *self.plan() = None;
        std::mem::take(&mut self.lock().calls)
    }

    /// Shows each call of a function, with its JSON body, to `rewriter` from now on, whatever else happens to it.
    pub fn rewrite_by(&self, rewriter: impl Fn(&Call, &Value) -> Option<Rewrite> + Send + Sync + 'static) {
        self.lock().rewriter = Some(Arc::new(rewriter));
    }

    /// Remembers what is written from now on, so that reads can be stale.
    pub fn remember_writes(&self) {
        self.lock().writes.get_or_insert_default();
    }

    /// Carries out what is still under way, and gives how many requests that were.
    pub fn land_all(&self) -> usize {
        let landing = std::mem::take(&mut self.lock().under_way);
        self.land(landing)
    }

    /// The clock is about to be turned by this much.
    pub(super) fn before_turn(&self, by: Duration) {
        let mut state = self.lock();
        if let Some(writes) = &mut state.writes {
            writes.pass(by);
        }
        let landing = state.under_way.extract_if(.., |request| request.must_land_before(by)).collect();
        drop(state);
        self.land(landing);
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
        [hubspot.faults(), apollo.faults()].into_iter().for_each(|faults| self.tap_vendor(faults));
    }

    /// Puts the calls to a simulator with these faults on this wire, too.
    pub fn tap_vendor(self: &Arc<Self>, faults: &Faults) {
        let wire = self.clone();
        faults.decide_by(move |call| {
            let operation = format!("{} {} {}", call.vendor, call.method, call.path);
            let fate = wire.fate_of(Caller::AtVendor, operation);
            if let Some(fault) = fate.broken.as_ref().and_then(|broken| wire.fault_of(broken)) {
                return Some(fault);
            }
            match fate.rewriter?(&fate.call, &call.json().unwrap_or_default())? {
                Rewrite::Answered(answer) => Some(Fault::Status(200, answer.to_string())),
                Rewrite::Received(edit) => Some(Fault::Edited(edit)),
                Rewrite::Sent(_) => None,
            }
        });
    }

    fn fault_of(&self, broken: &Break) -> Option<Fault> {
        if broken.is_death() {
            self.die();
        }
        match broken {
            Break::Refused | Break::DeathBefore => Some(Fault::DropBeforeWork),
            Break::AnswerLost | Break::DeathAfter | Break::DeathThenLands { .. } => Some(Fault::DropAfterWork),
            Break::Answered(status, body) => Some(Fault::Status(*status, body.clone())),
            Break::Unprocessed { .. } | Break::Stale => None,
        }
    }

    /// Counts a call, and says what is to happen to it. What lands before it has landed then.
    pub(super) fn fate_of(&self, caller: Caller, operation: String) -> Fate {
        if caller.is_function() {
            let landing = self.lock().under_way.extract_if(.., UnderWay::lands_before_this_call).collect();
            self.land(landing);
        }
        let mut plan = self.plan();
        let mut state = self.lock();
        *state.counts.entry(operation.clone()).or_default() += 1;
        let call = Call { index: state.calls.len(), operation, caller };
        if !caller.is_function() {
            return Fate { call, is_planned: false, broken: None, rewriter: None };
        }
        let rewriter = state.rewriter.clone();
        let is_planned = plan.is_some();
        if is_planned {
            state.calls.push(call.clone());
        }
        drop(state);
        let broken = plan.as_mut().and_then(|plan| plan(&call));
        Fate { call, is_planned, broken, rewriter }
    }

    /// Messages that are hidden over this wire come into sight again by this clock.
    pub(super) fn lead_to(&self, sqs: Option<SqsClock>) {
        // It is told once, when its world starts.
        let _ = sqs.map(|sqs| self.sqs.set(sqs));
    }

    /// A message is hidden for so many seconds.
    pub(super) fn hides(&self, seconds: u64) {
        if let Some(sqs) = self.sqs.get() {
            sqs.hides(seconds);
        }
    }

    /// The caller dies, and its request lands later.
    pub(super) fn put_off(&self, request: UnderWay) {
        self.lock().under_way.push(request);
        self.die();
    }

    fn land(&self, landing: Vec<UnderWay>) -> usize {
        for request in &landing {
            if request.land() {
                self.written(request.body());
            }
        }
        landing.len()
    }

    /// Takes note of a write that was carried out.
    pub(super) fn written(&self, request: &[u8]) {
        if let Some(writes) = &mut self.lock().writes {
            writes.note(request);
        }
    }

    /// What an eventually consistent read may still answer, instead of what is there.
    pub(super) fn stale(&self, request: &Value, answer: Value) -> Value {
        match &self.lock().writes {
            Some(writes) => writes.as_before(request, answer),
            None => answer,
        }
    }

    pub(super) fn die(&self) {
        self.deaths.send_modify(|deaths| *deaths += 1);
    }

    fn plan(&self) -> MutexGuard<'_, Option<Plan>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
