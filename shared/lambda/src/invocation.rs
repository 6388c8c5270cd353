//! One run of a function.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lambda_runtime::Context;
use leadgate_enrichment::clock::{later, until};

/// Which run this is, and when it ends.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Unique to the run.
    pub id: String,
    /// When it began.
    pub began: Timestamp,
    /// When Lambda ends it, finished or not.
    pub deadline: Timestamp,
}

/// A write that was sent just before the function was ended may land this much later. A claim lasts that much longer
/// than the function.
pub const CLAIM_MARGIN: Duration = Duration::from_secs(5);

impl Invocation {
    /// From what Lambda says at its beginning.
    pub fn of(context: &Context, began: Timestamp) -> Self {
        let deadline = context.deadline().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { id: context.request_id.clone(), began, deadline: later(Timestamp::UNIX_EPOCH, deadline) }
    }

    /// How long a claim can last at most that was made in a run like this one: from its beginning on.
    pub fn longest_claim(&self) -> Duration {
        until(self.began, self.claim_until())
    }

    /// Until when a claim made in this run lasts.
    pub fn claim_until(&self) -> Timestamp {
        later(self.deadline, CLAIM_MARGIN)
    }
}
