//! What an answer means, by its status, and what its headers say of the limits. Errors are objects with the status and
//! sentences, which are left alone.

use std::time::Duration;

use leadgate_enrichment::provider::limits::Rates;
use leadgate_enrichment::provider::{Answer, Reply};
use reqwest::header::HeaderMap;

use super::super::exchange::{Received, answered_one, header, rate};
use crate::http::retry_after;

/// The windows of its limits, the longest first: what says how many calls are left in each, and how long to wait at most
/// when there are none.
const WINDOWS: [(&str, Duration); 3] = [
    ("x-daily-requests-left", Duration::from_secs(24 * 60 * 60)),
    ("x-hourly-requests-left", Duration::from_secs(60 * 60)),
    ("x-minute-requests-left", Duration::from_secs(60)),
];

/// The body of a success, or why there is none, for a call about this many people.
pub(super) fn classify(received: &Received, people: usize) -> Result<&[u8], Reply> {
    Err(match received.status.as_u16() {
        200 | 201 => return received.whole(),
        402 => Reply::OutOfCredits,
        429 => Reply::Throttled { retry_after: retry_after(&received.headers).or_else(|| spent_window(received)) },
        // Of several, it can't be said whom it is about: they are asked about one by one.
        451 if people == 1 => answered_one(Answer::Suppressed),
        451 => Reply::Invalid(received.reason(None, "one of several may not be shown")),
        499 => Reply::Unknown(received.reason(None, "gave up on the call")),
        _ => received.failed(None),
    })
}

/// The limits as of this answer.
pub(super) fn rates(headers: &HeaderMap) -> Rates {
    Rates {
        minute: rate(headers, "x-rate-limit-minute", "x-minute-usage", "x-minute-requests-left"),
        hour: rate(headers, "x-rate-limit-hourly", "x-hourly-usage", "x-hourly-requests-left"),
        day: rate(headers, "x-rate-limit-daily", "x-daily-usage", "x-daily-requests-left"),
    }
}

fn spent_window(received: &Received) -> Option<Duration> {
    let is_spent = |name: &str| header(&received.headers, name) == Some("0");
    WINDOWS.into_iter().find(|(left, _)| is_spent(left)).map(|(_, length)| length)
}
