//! What an answer means, by its status and its code, and what its headers say of the limits.

use leadgate_enrichment::provider::Reply;
use leadgate_enrichment::provider::limits::Rates;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::super::exchange::{Received, rate};
use crate::http::retry_after;
use crate::loose::{List, Loose, Scalar, read};

/// "Credit Limit Reached".
const CREDIT_LIMIT: &str = "PFAPI0011";

/// The most errors in one answer that are read. It has one.
const ERRORS_MAX: usize = 5;

/// The body of a success, or why there is none.
pub(super) fn classify(received: &Received) -> Result<&[u8], Reply> {
    let code = code(received.text());
    Err(match (received.status.as_u16(), code.as_deref()) {
        (200, _) => return received.whole(),
        (402, _) | (400 | 403 | 429, Some(CREDIT_LIMIT)) => Reply::OutOfCredits,
        (429, _) => Reply::Throttled { retry_after: retry_after(&received.headers) },
        (401, code) => Reply::Denied(received.reason(code, "the access token is refused")),
        (403, code) => Reply::Denied(received.reason(code, "the application or the account lacks the right")),
        // A field that the account may not have: nobody could be asked about.
        (400, code @ Some("PFAPI0001" | "PFAPI0009")) => {
            Reply::Denied(received.reason(code, "a field that is mapped isn't in the plan"))
        }
        (_, code) => received.failed(code),
    })
}

/// The limits as of this answer, without that of a second. What is left may be −1, which stands for unknown.
pub(super) fn rates(headers: &HeaderMap) -> Rates {
    let window = |limit, left| rate(headers, limit, "x-ratelimit-used", left);
    Rates {
        minute: None,
        hour: window("x-ratelimit-limit-hour", "x-ratelimit-remaining-hour"),
        day: window("x-ratelimit-limit-day", "x-ratelimit-remaining-day"),
    }
}

/// Its code for what is wrong: `ZI0004`, `PFAPI0011`, … It stands in a list of errors (OpenAPI of the Data API), or in one
/// ("Status Codes and Errors").
fn code(body: &[u8]) -> Option<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Failure {
        error: Loose<Kind>,
        errors: List<Loose<Kind>, ERRORS_MAX>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Kind {
        code: Scalar,
    }
    let failure = read::<Loose<Failure>>(body).ok()?.into_object()?;
    let kinds = failure.errors.items().iter().chain([&failure.error]);
    kinds.filter_map(Loose::as_object).find_map(|kind| kind.code.as_word().map(str::to_owned))
}
