//! What a flow needs of a data provider. The bodies are in `leadgate-connectors`.

use std::time::Duration;

use crate::credits::Milli;
use crate::person::{Identity, Profile};

/// Somebody who sells data about people.
#[async_trait::async_trait]
pub trait Provider: Send + Sync {
    /// The most people in one call.
    fn people_max(&self) -> usize;

    /// Looks people up, in one charging call. It isn't retried inside: whether that may be done is the caller's
    /// decision, because a second call can be charged again.
    async fn look_up(&self, people: &[Identity], timeout: Duration) -> Reply;

    /// What the provider itself says that we have used in its running billing cycle. Free of charge.
    async fn usage(&self, timeout: Duration) -> Result<Usage, UsageError>;
}

/// A provider's own figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Its billing cycle, in its own words: a change of these means that it counts from zero.
    pub cycle: String,
    /// Credits used in it.
    pub used: Milli,
}

/// Why there are no figures. Safe to log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// How a charging call ended. Every provider's ways to answer come down to these.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// It answered.
    Answered {
        /// One per person asked for, in the order asked.
        answers: Vec<Answer>,
        /// What it says it charged for the call, when it does say so.
        reported: Option<Milli>,
    },
    /// Not now, and not charged: a rate limit.
    Throttled {
        /// When it said to come back.
        retry_after: Option<Duration>,
    },
    /// The provider says that our credits with it are used up. Not charged.
    OutOfCredits,
    /// The key is wrong or lacks the right, whatever the person. Not charged.
    Denied(String),
    /// The call itself is wrong. Not charged.
    Invalid(String),
    /// It didn't get there, or was turned away before any work. Not charged.
    Transient(String),
    /// We can't know whether it was carried out: a time-out after sending, a broken answer, a server error.
    Unknown(String),
}

/// What a provider knows of one person.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It knows them.
    Hit(Profile),
    /// It doesn't.
    Miss,
}
