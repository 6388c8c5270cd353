//! What an answer means, by its status: errors are objects with the status and a word for it, and sentences that are left
//! alone.

use std::time::Duration;

use leadgate_enrichment::provider::{RefusedAlone, Reply};
use serde::Deserialize;

use super::super::exchange::{Received, header};
use crate::http::retry_after;
use crate::loose::{Loose, Scalar};

/// The window of its limits is this long ("Usage limits"): the longest wait when it doesn't say how long.
const WINDOW: Duration = Duration::from_secs(60);

/// The body of a success, or why there is none. A 404 is a miss to a single call, and nothing to any other.
pub(super) fn classify(received: &Received) -> Result<&[u8], Reply> {
    Err(match received.status.as_u16() {
        200 => return received.whole(),
        402 => Reply::OutOfCredits,
        429 => Reply::Throttled { retry_after: Some(wait(received)) },
        _ => received.failed(word(received.text()).as_deref()),
    })
}

/// Whether a 404 is its word for a person whom it doesn't know, and not a proxy's for an address that isn't there.
pub(super) fn is_a_miss(received: &Received) -> bool {
    received.status.as_u16() == 404 && word(received.text()).as_deref() == Some("not_found")
}

/// What the status of one person in a bulk call means, unless it is a match or a miss. Only a match is charged for.
pub(super) fn refused_alone(status: i64) -> RefusedAlone {
    match status {
        402 => RefusedAlone::OutOfCredits,
        400 => RefusedAlone::Invalid,
        _ => RefusedAlone::Transient(format!("{status} for one of several")),
    }
}

/// As `Retry-After` says, else until the end of the window.
fn wait(received: &Received) -> Duration {
    let until_reset = || {
        let at: jiff::Timestamp = header(&received.headers, "x-ratelimit-reset")?.parse().ok()?;
        let now = jiff::fmt::rfc2822::parse(header(&received.headers, "date")?).ok()?.timestamp();
        let seconds = u64::try_from(at.duration_since(now).as_secs()).ok()?;
        // Its moments have no fractions, and neither has the answer's own.
        Some(Duration::from_secs(seconds + 1)).filter(|wait| *wait <= WINDOW + Duration::from_secs(1))
    };
    retry_after(&received.headers).or_else(until_reset).unwrap_or(WINDOW)
}

/// Its word for what is wrong: `payment_required`, `rate_limit_error`, `not_found`, …
fn word(body: &[u8]) -> Option<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Failure {
        error: Loose<Kind>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Kind {
        r#type: Scalar,
    }
    let failure: Loose<Failure> = serde_json::from_slice(body).ok()?;
    let kind = failure.into_object()?.error.into_object()?;
    kind.r#type.as_word().map(str::to_owned)
}
