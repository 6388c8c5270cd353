//! What a failed call to Zoho means: again or not, and when (zoho.com/crm, "REST API v8": Status codes and errors, API
//! limits).

use std::time::Duration;

use leadgate_enrichment::crm::CrmError;
use leadgate_enrichment::retry::Retry;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::wire::Complaint;
use crate::http::{ExchangeError, retry_after};

/// For answers that say "too often" without saying for how long: calls at the same time are limited, and those of others
/// end.
const BUSY: Duration = Duration::from_secs(30);

/// The credits of a day are used up. They are those of the last 24 hours, so that some come back all the time: see once an
/// hour.
const DAILY: Duration = Duration::from_secs(60 * 60);

/// How often to see whether an operator has mended what Zoho refuses.
const OPERATOR: Duration = Duration::from_secs(15 * 60);

/// What an answer other than one of success means for the call as a whole.
pub(super) fn failure(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> CrmError {
    let complaint = Complaint::read(body);
    let code = complaint.code().unwrap_or("without a code");
    let (retry, advice) = match (code, status.as_u16()) {
        ("LIMIT_EXCEEDED" | "API_LIMIT_EXCEEDED", _) => (Retry::After(DAILY), ": the day's API credits are used up"),
        // An operator has to mend the client, its user, or the edition. The lead must live until then.
        (_, 401) => (Retry::After(OPERATOR), ": the token isn't accepted, or lacks a scope"),
        ("NO_PERMISSION" | "OAUTH_SCOPE_MISMATCH" | "AUTHENTICATION_FAILURE", _) | (_, 403) => {
            (Retry::After(OPERATOR), ": the token's user lacks a permission")
        }
        ("INVALID_MODULE" | "INVALID_URL_PATTERN", _) | (_, 404) => {
            (Retry::After(OPERATOR), ": the base URL is wrong, or there is no such module")
        }
        (_, 429) => (Retry::After(retry_after(headers).unwrap_or(BUSY)), ""),
        (_, 408) => (Retry::Backoff, ""),
        (_, 400..=499) => (Retry::Never, ""),
        _ => (Retry::Backoff, ""),
    };
    CrmError { reason: format!("Zoho answered {} {code}{advice}", status.as_u16()), retry }
}

/// The accounts server gives no token; it says so with 200 as well.
pub(super) fn no_token(status: StatusCode, headers: &HeaderMap, error: Option<&str>) -> CrmError {
    let error = error.unwrap_or("without a code");
    let retry = match status.as_u16() {
        429 => Retry::After(retry_after(headers).unwrap_or(OPERATOR)),
        500..=599 => Retry::Backoff,
        // The client, its secret, or the refresh token; or too many tokens within ten minutes.
        _ => Retry::After(OPERATOR),
    };
    CrmError { reason: format!("Zoho gives no access token: {} {error}", status.as_u16()), retry }
}

/// Something in the configuration or a secret that no call would mend.
pub(super) fn misconfigured(what: &str) -> CrmError {
    CrmError { reason: format!("Zoho: {what}"), retry: Retry::After(OPERATOR) }
}

/// Reads and writes may be repeated without harm, so that every broken exchange is worth another.
pub(super) fn broken(error: ExchangeError) -> CrmError {
    CrmError { reason: format!("Zoho: {error}"), retry: Retry::Backoff }
}

/// An answer that says that all is well and can't be read as one.
pub(super) fn unreadable(what: &str) -> CrmError {
    CrmError { reason: format!("Zoho's answer is unreadable: {what}"), retry: Retry::Backoff }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(status: u16, code: &str) -> Retry {
        let status = StatusCode::from_u16(status).expect("a status");
        let body = format!(r#"{{"code":"{code}","details":{{}},"message":"about Ada","status":"error"}}"#);
        failure(status, &HeaderMap::new(), body.as_bytes()).retry
    }

    #[test]
    fn each_failure_says_when_to_come_back() {
        let after = |seconds| Retry::After(Duration::from_secs(seconds));
        for (status, code) in
            [(401, "INVALID_TOKEN"), (401, "OAUTH_SCOPE_MISMATCH"), (403, "NO_PERMISSION"), (404, "X")]
        {
            assert_eq!(retry(status, code), after(900), "{code}");
        }
        for weather in [302, 408, 500, 502, 503] {
            assert_eq!(retry(weather, "INTERNAL_ERROR"), Retry::Backoff, "{weather}");
        }
        assert_eq!(retry(400, "INVALID_DATA"), Retry::Never);
        assert_eq!((retry(429, "TOO_MANY_REQUESTS"), retry(429, "LIMIT_EXCEEDED")), (after(30), after(3600)));
        assert_eq!(no_token(StatusCode::OK, &HeaderMap::new(), Some("invalid_code")).retry, after(900));
        assert_eq!(no_token(StatusCode::BAD_GATEWAY, &HeaderMap::new(), None).retry, Retry::Backoff);
    }
}
