//! What a failed call to Attio means: again or not, and when (docs.attio.com, "Handling rate limits", and the errors of
//! each endpoint).

use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::crm::CrmError;
use leadgate_enrichment::retry::Retry;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::wire::Complaint;
use crate::http::{ExchangeError, retry_after_at};

/// For answers that say "too often" without saying for how long: limits are counted by the second.
const BUSY: Duration = Duration::from_secs(2);

/// How often to see whether an operator has mended what Attio refuses.
const OPERATOR: Duration = Duration::from_secs(15 * 60);

/// Another call wrote the same record at the same moment.
const CONFLICT: &str = "concurrent_write_conflict";

/// What an answer other than 200 means for the call as a whole.
pub(super) fn failure(status: StatusCode, headers: &HeaderMap, body: &[u8], now: Timestamp) -> CrmError {
    let complaint = Complaint::read(body);
    let code = complaint.code().unwrap_or("without a code");
    let (retry, advice) = match status.as_u16() {
        // An operator has to mend the token or its scopes. The lead must live until then.
        401 => (Retry::After(OPERATOR), ": the token isn't accepted"),
        403 => (Retry::After(OPERATOR), ": the token lacks a scope"),
        404 => (Retry::After(OPERATOR), ": the base URL is wrong, or there is no object \"people\""),
        // The header is a moment.
        429 => (Retry::After(retry_after_at(headers, now).unwrap_or(BUSY)), ""),
        408 => (Retry::Backoff, ""),
        409 if code == CONFLICT => (Retry::Backoff, ""),
        400..=499 => (Retry::Never, ""),
        _ => (Retry::Backoff, ""),
    };
    CrmError { reason: format!("Attio answered {} {code}{advice}", status.as_u16()), retry }
}

/// Reads may be repeated without harm, and so may writes: a value that is there already isn't put there twice. So every
/// broken exchange is worth another.
pub(super) fn broken(error: ExchangeError) -> CrmError {
    CrmError { reason: format!("Attio: {error}"), retry: Retry::Backoff }
}

/// An answer that says 200 and can't be read as one.
pub(super) fn unreadable(what: &str) -> CrmError {
    CrmError { reason: format!("Attio's answer is unreadable: {what}"), retry: Retry::Backoff }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(status: u16, code: &str, headers: &[(&'static str, &'static str)]) -> Retry {
        let status = StatusCode::from_u16(status).expect("a status");
        let headers = headers.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("text")));
        let body = format!(r#"{{"status_code":400,"code":"{code}","message":"about Ada"}}"#);
        let now = "2026-10-21T07:27:13Z".parse().expect("a time");
        failure(status, &headers.collect(), body.as_bytes(), now).retry
    }

    #[test]
    fn each_failure_says_when_to_come_back() {
        let after = |seconds| Retry::After(Duration::from_secs(seconds));
        for operator in [401, 403, 404] {
            assert_eq!(retry(operator, "x", &[]), after(900), "{operator}");
        }
        for weather in [302, 408, 500, 502, 503] {
            assert_eq!(retry(weather, "x", &[]), Retry::Backoff, "{weather}");
        }
        assert_eq!(retry(400, "validation_type", &[]), Retry::Never);
        assert_eq!(retry(409, "concurrent_write_conflict", &[]), Retry::Backoff);
        assert_eq!(retry(409, "uniqueness_conflict", &[]), Retry::Never);
        assert_eq!(retry(429, "rate_limit_exceeded", &[]), after(2));
        assert_eq!(retry(429, "rate_limit_exceeded", &[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")]), after(47));
        let page = failure(StatusCode::BAD_GATEWAY, &HeaderMap::new(), b"<html>Ada</html>", Timestamp::UNIX_EPOCH);
        assert_eq!(page.reason, "Attio answered 502 without a code");
    }
}
