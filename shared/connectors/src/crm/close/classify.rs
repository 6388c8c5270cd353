//! What a failed call to Close means: again or not, and when (developer.close.com, "HTTP response codes", "Rate limits").

use std::time::Duration;

use leadgate_enrichment::crm::CrmError;
use leadgate_enrichment::retry::Retry;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::wire::Complaint;
use crate::http::{ExchangeError, RETRY_AFTER_MAX, retry_after};

/// For answers that say "too often" without saying for how long: limits are counted by the second.
const BUSY: Duration = Duration::from_secs(2);

/// How often to see whether an operator has mended what Close refuses.
const OPERATOR: Duration = Duration::from_secs(15 * 60);

/// `limit=100, remaining=0, reset=4`
const RATE_LIMIT: &str = "ratelimit";

/// What an answer other than 200 means for the call as a whole.
pub(super) fn failure(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> CrmError {
    let (retry, advice) = match status.as_u16() {
        // An operator has to mend the key, its user, or the organization's subscription. The lead must live until then.
        401 => (Retry::After(OPERATOR), ": the API key isn't accepted"),
        402 => (Retry::After(OPERATOR), ": the organization's subscription has ended"),
        403 => (Retry::After(OPERATOR), ": the key's user lacks a permission"),
        404 => (Retry::After(OPERATOR), ": the base URL is wrong"),
        429 => (Retry::After(pause(headers, body)), ""),
        408 | 409 | 423 => (Retry::Backoff, ""),
        400..=499 => (Retry::Never, ""),
        _ => (Retry::Backoff, ""),
    };
    CrmError { reason: format!("Close answered {}{advice}", status.as_u16()), retry }
}

/// For how long not to call: the longest of what the headers and the body say.
fn pause(headers: &HeaderMap, body: &[u8]) -> Duration {
    let limit = headers.get(RATE_LIMIT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let reset = limit.split(',').find_map(|part| part.trim().strip_prefix("reset=")?.parse().ok());
    let seconds = [reset, Complaint::read(body).rate_reset()].into_iter().flatten();
    // A wait that can't be one is none.
    let pauses = seconds.filter_map(|seconds: f64| Duration::try_from_secs_f64(seconds.ceil()).ok());
    pauses.chain(retry_after(headers)).max().unwrap_or(BUSY).min(RETRY_AFTER_MAX)
}

/// Reads and writes may be repeated without harm, so that every broken exchange is worth another.
pub(super) fn broken(error: ExchangeError) -> CrmError {
    CrmError { reason: format!("Close: {error}"), retry: Retry::Backoff }
}

/// An answer that says 200 and can't be read as one.
pub(super) fn unreadable(what: &str) -> CrmError {
    CrmError { reason: format!("Close's answer is unreadable: {what}"), retry: Retry::Backoff }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Retry {
        let status = StatusCode::from_u16(status).expect("a status");
        let headers = headers.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("text")));
        failure(status, &headers.collect(), body.as_bytes()).retry
    }

    #[test]
    fn each_failure_says_when_to_come_back() {
        let after = |seconds| Retry::After(Duration::from_secs(seconds));
        for operator in [401, 402, 403, 404] {
            assert_eq!(retry(operator, &[], "{}"), after(900), "{operator}");
        }
        for weather in [302, 408, 409, 500, 502, 503] {
            assert_eq!(retry(weather, &[], "{}"), Retry::Backoff, "{weather}");
        }
        assert_eq!(retry(400, &[], r#"{"field-errors":{"title":"Ada"}}"#), Retry::Never);
        assert_eq!(retry(429, &[], "{}"), after(2));
        assert_eq!(retry(429, &[("ratelimit", "limit=100, remaining=0, reset=4")], ""), after(4));
        assert_eq!(retry(429, &[("ratelimit", "limit=100, remaining=0, reset=4"), ("retry-after", "9")], ""), after(9));
        assert_eq!(retry(429, &[], r#"{"error":{"rate_reset":1.2,"message":"API call count exceeded"}}"#), after(2));
        for nonsense in ["reset=-1", "reset=NaN", "reset=soon", "reset=1e400"] {
            assert_eq!(retry(429, &[("ratelimit", nonsense)], "{}"), after(2), "{nonsense}");
        }
        assert_eq!(retry(429, &[("ratelimit", "reset=1e9")], "{}"), Retry::After(RETRY_AFTER_MAX));
    }
}
