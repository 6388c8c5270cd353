//! What an answer means, by its status and its words: statuses alone don't say whether it is a rate or a quota that is used up.

use std::time::Duration;

use leadgate_enrichment::provider::{Answer, RefusedAlone, Reply};
use serde::Deserialize;

use super::super::exchange::{Received, alone, answered_one};
use crate::http::retry_after;
use crate::loose::{List, Loose, Scalar, read};

/// The words with which it says that a quota is used up: "You've reached the limit for the number of searches per billing
/// period included in your plan." (observed), "… usage limit. Upgrade your plan …" (documented).
const QUOTA: [&str; 5] = ["billing period", "upgrade your plan", "usage limit", "insufficient", "out of credits"];
/// And those for a rate.
const RATE: [&str; 5] = ["rate limit", "too many requests", "per second", "per minute", "slow down"];

/// The most errors in one answer that are read. It has one.
const ERRORS_MAX: usize = 5;

/// The body of a success, or why there is none. A 404 is a miss to a look-up, and nothing to any other call.
pub(super) fn classify(received: &Received) -> Result<&[u8], Reply> {
    let text = String::from_utf8_lossy(received.text()).to_lowercase().replace('_', " ");
    let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
    let throttled = || Reply::Throttled { retry_after: retry_after(&received.headers) };
    Err(match received.status.as_u16() {
        200 => return received.whole(),
        // It is at work on this one person, and charges once, when it is done. No other is concerned.
        202 => alone(RefusedAlone::Transient("202: still at work".to_owned())),
        402 => Reply::OutOfCredits,
        403 | 429 if says(&QUOTA) => Reply::OutOfCredits,
        // Its name for either is the same with both statuses, so that a 429 without a sentence about a rate is what is
        // documented: a quota.
        403 if says(&RATE) => throttled(),
        429 if says(&RATE[..1]) || says(&RATE[2..]) => throttled(),
        429 => Reply::OutOfCredits,
        451 => answered_one(Answer::Suppressed),
        _ => received.failed(word(received.text()).as_deref()),
    })
}

/// Whether a 404 is its word for a person whom it doesn't know, and not a proxy's for an address that isn't there.
pub(super) fn is_a_miss(received: &Received) -> bool {
    received.status.as_u16() == 404 && errors(received.text()).is_some()
}

/// How long Hunter may take over an address, in whole seconds: 3 to 20 (documented), and less than the call may.
pub(super) fn max_duration(timeout: Duration) -> u64 {
    timeout.as_secs().saturating_sub(4).clamp(3, 20)
}

/// Its word for what is wrong: `wrong_params`, `authentication_failed`, `too_many_requests`, …
fn word(body: &[u8]) -> Option<String> {
    errors(body)?.iter().find_map(|error| error.as_object()?.id.as_word().map(str::to_owned))
}

fn errors(body: &[u8]) -> Option<Vec<Loose<Failure>>> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Failures {
        errors: List<Loose<Failure>, ERRORS_MAX>,
    }
    let failures: Loose<Failures> = read(body).ok()?;
    match failures.into_object()?.errors {
        List::Of { items, total } if total > 0 => Some(items),
        _ => None,
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Failure {
    id: Scalar,
}
