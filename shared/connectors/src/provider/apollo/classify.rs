//! What an answer means, by its status. Apollo's errors come as objects, as text, and as JSON within text, with or
//! without a code, so that the status leads and the text is only searched for what it alone can tell.

use std::time::Duration;

use leadgate_enrichment::provider::{Collected, Reply};
use leadgate_enrichment::retry::Retry;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use crate::http::{ExchangeError, RETRY_AFTER_MAX, retry_after};
use crate::loose::{Loose, Scalar};

/// How Apollo says that credits are used up. There is no documented answer for it on the enrichment endpoints; these
/// are the words that it uses elsewhere.
const OUT_OF_CREDITS: [&str; 3] = ["insufficient credit", "out of credits", "credit limit"];

/// How it says that a 429 is about a sequence that it is still at work on, and not about a rate (documented).
const LOCKED: &str = "already processing";

/// The windows of a rate limit. They open with the first call in them, so that their length is the longest wait.
const WINDOWS: [Window; 3] = [
    Window { named: "per day", left: "x-24-hour-requests-left", length: Duration::from_secs(24 * 60 * 60) },
    Window { named: "per hour", left: "x-hourly-requests-left", length: Duration::from_secs(60 * 60) },
    Window { named: "per minute", left: "x-minute-requests-left", length: Duration::from_secs(60) },
];

struct Window {
    /// In the text of a 429: "… is 600 times per hour. …"
    named: &'static str,
    /// The header that says how many calls are left in it.
    left: &'static str,
    length: Duration,
}

/// Why a call to Apollo has no answer to read. Reasons hold the status, Apollo's code and words of ours: its sentences
/// may repeat what was asked, which is personal data. Safe to log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Not now, and nothing was done: a rate limit.
    #[error("Apollo's rate limit is reached")]
    Throttled {
        /// When it said to come back.
        retry_after: Option<Duration>,
    },
    /// Not now, and nothing was done: another call is at work on the same sequence. No rate limit.
    #[error("Apollo is still at work on the sequence")]
    Locked {
        /// When it said to come back.
        retry_after: Option<Duration>,
    },
    /// Apollo says that our credits with it are used up.
    #[error("Apollo says that its credits are used up")]
    OutOfCredits,
    /// The key is wrong or lacks the right.
    #[error("{0}")]
    Denied(String),
    /// The call itself is wrong. Nothing was done.
    #[error("{0}")]
    Invalid(String),
    /// There is nothing at the address: the base URL is wrong, or an id in the path.
    #[error("{0}")]
    Missing(String),
    /// What was to arrive later hasn't yet.
    #[error("not yet")]
    Pending {
        /// When to ask again, if it says so.
        retry_after: Option<Duration>,
    },
    /// Apollo doesn't know the call. The key may be another team's.
    #[error("{0}")]
    NotFound(String),
    /// Apollo keeps the result no longer, or the id is none that it gives out.
    #[error("{0}")]
    Gone(String),
    /// It didn't get there, or was turned away before any work.
    #[error("{0}")]
    Transient(String),
    /// We can't know whether it was carried out: a time-out after sending, a broken answer, a server error.
    #[error("{0}")]
    Unknown(String),
}

/// What an answer means: that it can be read, or why not.
pub(super) fn classify(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<(), CallError> {
    if matches!(status.as_u16(), 200 | 201) {
        return Ok(());
    }
    let text = String::from_utf8_lossy(body).to_lowercase().replace('_', " ");
    let out_of_credits = || OUT_OF_CREDITS.iter().any(|words| text.contains(words));
    let failure = Failure::read(body);
    let code = failure.code();
    let reason = |why: &str| match code {
        Some(code) => format!("{} {code}: {why}", status.as_u16()),
        None => format!("{}: {why}", status.as_u16()),
    };
    Err(match (status.as_u16(), code) {
        (429, _) if text.contains(LOCKED) => CallError::Locked { retry_after: retry_after(headers) },
        (429, _) => CallError::Throttled { retry_after: retry_after(headers).or_else(|| spent_window(headers, &text)) },
        (402, _) => CallError::OutOfCredits,
        (400 | 403 | 422, _) if out_of_credits() => CallError::OutOfCredits,
        (401, _) => CallError::Denied(reason("the key is refused")),
        (403, _) => CallError::Denied(reason("the key or the plan lacks the right")),
        (404, Some("result_pending")) => {
            CallError::Pending { retry_after: failure.wait().or_else(|| retry_after(headers)) }
        }
        (404, Some("request_id_unknown")) => CallError::NotFound(reason("there is no such call of this key's team")),
        (400, Some("invalid_request_id")) => CallError::Gone(reason("that names no call")),
        (410, _) => CallError::Gone(reason("it is there no longer")),
        // Apollo's API redirects nowhere: this is about our base URL, and no fault of the person's.
        (300..=399, _) => CallError::Missing(reason("redirected, so the base URL is wrong")),
        (404 | 405, _) => CallError::Missing(reason("there is nothing at this address")),
        // A time-out on their side: part of the call was there, and we can't know what became of it.
        (408, _) => CallError::Unknown(reason("gave up on the call")),
        (400..=499, _) => CallError::Invalid(reason("the call is refused")),
        (503, _) => CallError::Transient(reason("turned away")),
        _ => CallError::Unknown(reason("no answer to the call")),
    })
}

impl CallError {
    /// Of a success that can't be read.
    pub(super) fn unreadable(what: &str) -> Self {
        Self::Unknown(format!("200 {what}"))
    }

    /// Whether to try again, and when. After [`Self::Unknown`] it depends on the call: what only reads may be asked
    /// again; for what creates something, look first.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Throttled { retry_after } | Self::Locked { retry_after } | Self::Pending { retry_after } => {
                retry_after.map_or(Retry::Backoff, Retry::After)
            }
            Self::Transient(_) => Retry::Backoff,
            Self::OutOfCredits
            | Self::Denied(_)
            | Self::Invalid(_)
            | Self::Missing(_)
            | Self::NotFound(_)
            | Self::Gone(_)
            | Self::Unknown(_) => Retry::Never,
        }
    }
}

impl From<ExchangeError> for CallError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::NotSent(_) => Self::Transient(error.to_string()),
            ExchangeError::NoAnswer(_) => Self::Unknown(error.to_string()),
        }
    }
}

impl From<CallError> for Reply {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Throttled { retry_after } | CallError::Locked { retry_after } => Self::Throttled { retry_after },
            CallError::OutOfCredits => Self::OutOfCredits,
            // No look-up has an id in its path: the address of the API is wrong, whichever person is asked about.
            CallError::Denied(reason)
            | CallError::Missing(reason)
            | CallError::NotFound(reason)
            | CallError::Gone(reason) => Self::Denied(reason),
            CallError::Invalid(reason) => Self::Invalid(reason),
            CallError::Pending { .. } => Self::Transient(error.to_string()),
            CallError::Transient(reason) => Self::Transient(reason),
            CallError::Unknown(reason) => Self::Unknown(reason),
        }
    }
}

impl From<CallError> for Collected {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Pending { retry_after } => Self::Pending { retry_after },
            CallError::NotFound(reason) => Self::NotFound(reason),
            CallError::Gone(reason) => Self::Expired(reason),
            CallError::Throttled { retry_after } | CallError::Locked { retry_after } => Self::Throttled { retry_after },
            CallError::Denied(reason) => Self::Denied(reason),
            // Asking is free and does no harm: whatever isn't an answer can be tried again.
            CallError::OutOfCredits
            | CallError::Invalid(_)
            | CallError::Missing(_)
            | CallError::Transient(_)
            | CallError::Unknown(_) => Self::Transient(error.to_string()),
        }
    }
}

/// Which window ran out, as its text or its headers say: an upper bound of the wait when there is no `Retry-After`.
fn spent_window(headers: &HeaderMap, text: &str) -> Option<Duration> {
    let is_spent = |window: &&Window| headers.get(window.left).is_some_and(|left| left.as_bytes() == b"0");
    let named = WINDOWS.iter().find(|window| text.contains(window.named));
    named.or_else(|| WINDOWS.iter().find(is_spent)).map(|window| window.length)
}

/// What an error says besides its sentences, also when it is JSON within text.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Failure {
    /// `API_INACCESSIBLE`, `RECORD_LIMIT_EXCEEDED`, `result_pending`, …
    error_code: Scalar,
    error: Scalar,
    retry_after_seconds: Scalar,
}

impl Failure {
    fn read(body: &[u8]) -> Self {
        let outer = Self::read_once(body);
        match outer.error.as_text() {
            Some(inner) if outer.code().is_none() => Self::read_once(inner.as_bytes()),
            _ => outer,
        }
    }

    fn read_once(body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(Loose::Object(failure)) => failure,
            _ => Self { error: serde_json::from_slice(body).unwrap_or_default(), ..Self::default() },
        }
    }

    fn code(&self) -> Option<&str> {
        self.error_code.as_word()
    }

    /// In seconds. Never more than a day, as for the header.
    fn wait(&self) -> Option<Duration> {
        let seconds = self.retry_after_seconds.to_text()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
    }
}

#[cfg(test)]
mod tests;
