//! What a simulator can be told to do wrong.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::exchange::Call;
use super::guarded::Guarded;

/// One way for a call to go wrong. In JSON: `{"status": [503, "busy"]}`, `{"delay_ms": 1500}`, `"drop_after_work"`,
/// `{"throttle": {"retry_after_s": 30}}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing is done, and this is answered. A blank body stands for the vendor's own.
    Status(u16, String),
    /// The work is done (and charged), and this is answered all the same.
    StatusAfterWork(u16, String),
    /// The work is done at once, and the answer comes this much later by the simulator's clock.
    #[serde(rename = "delay_ms", deserialize_with = "millis")]
    Delay(Duration),
    /// The connection is closed before anything was done.
    DropBeforeWork,
    /// The work is done (and charged), and the connection is closed without an answer: a lost acknowledgement.
    DropAfterWork,
    /// The work is done (and charged), and nothing is ever said: the caller's own deadline ends the call, whatever
    /// the simulator's clock does.
    Silence,
    /// The work is done, and its JSON answer is changed on the way. Only a program can ask for it.
    #[serde(skip)]
    Edited(AnswerEdit),
    /// Turned away by a rate limit, in the vendor's own words.
    Throttle {
        /// What the `Retry-After` header says, if there is one.
        #[serde(default, rename = "retry_after_s", deserialize_with = "seconds")]
        retry_after: Option<Duration>,
    },
}

impl Fault {
    /// Whether the call is carried out nevertheless.
    pub(super) fn does_the_work(&self) -> bool {
        match self {
            Self::StatusAfterWork(..) | Self::Delay(_) | Self::DropAfterWork | Self::Silence | Self::Edited(_) => true,
            Self::Status(..) | Self::DropBeforeWork | Self::Throttle { .. } => false,
        }
    }
}

/// What is made of a JSON answer on its way.
#[derive(Clone)]
pub struct AnswerEdit(Arc<dyn Fn(Value) -> Value + Send + Sync>);

impl AnswerEdit {
    /// Gives what the caller reads for what was answered.
    pub fn new(edit: impl Fn(Value) -> Value + Send + Sync + 'static) -> Self {
        Self(Arc::new(edit))
    }

    /// What the caller reads.
    pub fn apply(&self, answer: Value) -> Value {
        (self.0)(answer)
    }
}

impl fmt::Debug for AnswerEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerEdit")
    }
}

/// Two edits are equal if they are the same one.
impl PartialEq for AnswerEdit {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for AnswerEdit {}

/// A fault, and the calls that it is for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// A part of the path. Blank is any path.
    #[serde(default)]
    pub path_contains: String,
    /// For how many such calls.
    #[serde(default = "once")]
    pub times: u32,
    /// What happens to them.
    pub fault: Fault,
}

impl FaultRule {
    /// For the next call, whatever it is.
    pub fn next(fault: Fault) -> Self {
        Self { path_contains: String::new(), times: once(), fault }
    }

    /// For the next call to a path that contains this.
    pub fn on(path_contains: &str, fault: Fault) -> Self {
        Self { path_contains: path_contains.to_owned(), times: once(), fault }
    }

    /// For this many calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }
}

/// Decides call by call. It is asked before the queue is.
pub type FaultHook = Arc<dyn Fn(&Call) -> Option<Fault> + Send + Sync>;

/// What a simulator was told, in the order in which it was told.
#[derive(Default)]
pub struct Faults {
    queue: Guarded<Vec<FaultRule>>,
    hook: Guarded<Option<FaultHook>>,
}

impl Faults {
    /// One more, after those that are there.
    pub fn add(&self, rule: FaultRule) {
        self.queue.lock().push(rule);
    }

    /// Asks `hook` about each call, in the place of an earlier hook.
    pub fn decide_by(&self, hook: impl Fn(&Call) -> Option<Fault> + Send + Sync + 'static) {
        *self.hook.lock() = Some(Arc::new(hook));
    }

    /// Everything goes well again.
    pub fn clear(&self) {
        self.queue.lock().clear();
        *self.hook.lock() = None;
    }

    /// How many calls the queue still has faults for.
    pub fn left(&self) -> u64 {
        self.queue.lock().iter().map(|rule| u64::from(rule.times)).sum()
    }

    /// What is to happen to this call. A queued fault is used up by it.
    pub(super) fn take(&self, call: &Call) -> Option<Fault> {
        // The hook is called outside the lock: it may well turn to the simulator itself.
        let hook = self.hook.lock().clone();
        if let Some(fault) = hook.and_then(|hook| hook(call)) {
            return Some(fault);
        }
        let mut queue = self.queue.lock();
        let found = queue.iter_mut().find(|rule| rule.times > 0 && call.path.contains(&rule.path_contains))?;
        found.times -= 1;
        let fault = found.fault.clone();
        queue.retain(|rule| rule.times > 0);
        Some(fault)
    }
}

fn once() -> u32 {
    1
}

fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(path: &str) -> Call {
        Call::to("test", "POST", path)
    }

    #[test]
    fn a_rule_is_used_up_by_the_calls_that_it_is_for() {
        let faults = Faults::default();
        faults.add(FaultRule::on("batch/read", Fault::DropBeforeWork).times(2));
        assert_eq!(faults.take(&call("/search")), None);
        assert_eq!(faults.take(&call("/x/batch/read")), Some(Fault::DropBeforeWork));
        assert_eq!(faults.left(), 1);
        assert_eq!(faults.take(&call("/x/batch/read")), Some(Fault::DropBeforeWork));
        assert_eq!(faults.take(&call("/x/batch/read")), None);
    }

    #[test]
    fn the_hook_is_asked_first_and_leaves_the_queue_alone() {
        let faults = Faults::default();
        faults.add(FaultRule::next(Fault::DropBeforeWork));
        faults.decide_by(|call| (call.index == 0).then_some(Fault::Silence));
        assert_eq!(faults.take(&call("/x")), Some(Fault::Silence));
        assert_eq!(faults.left(), 1);
    }

    #[test]
    fn faults_can_be_told_in_json() {
        let told = |json: &str| serde_json::from_str::<FaultRule>(json).expect("a rule").fault;
        assert_eq!(told(r#"{"fault":{"status":[503,"busy"]}}"#), Fault::Status(503, "busy".to_owned()));
        assert_eq!(told(r#"{"times":2,"fault":{"delay_ms":1500}}"#), Fault::Delay(Duration::from_millis(1500)));
        assert_eq!(told(r#"{"path_contains":"match","fault":"drop_after_work"}"#), Fault::DropAfterWork);
        let retry_after = Some(Duration::from_secs(30));
        assert_eq!(told(r#"{"fault":{"throttle":{"retry_after_s":30}}}"#), Fault::Throttle { retry_after });
        assert_eq!(told(r#"{"fault":{"throttle":{}}}"#), Fault::Throttle { retry_after: None });
    }
}
