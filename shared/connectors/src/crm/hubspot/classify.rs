//! What a failed call to HubSpot means: again or not, and when.

use std::time::Duration;

use leadgate_enrichment::crm::CrmError;
use leadgate_enrichment::retry::Retry;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::wire::Complaint;
use crate::http::{ExchangeError, retry_after};

/// HubSpot asks for at least this long after a 423.
const LOCKED: Duration = Duration::from_secs(2);

/// The window of the burst limit, which is a rolling one.
const BURST_WINDOW: Duration = Duration::from_secs(10);

/// The daily limit opens again at midnight in the account's time zone, which we don't know: look once an hour.
const DAILY: Duration = Duration::from_secs(60 * 60);

/// How often to see whether an operator has mended what HubSpot refuses.
const OPERATOR: Duration = Duration::from_secs(15 * 60);

/// HubSpot's own status while it moves an account to another region: up to a day, and `Retry-After` says how long.
const MIGRATING: u16 = 477;

/// What an answer other than 200 and 207 means for the call as a whole.
pub(super) fn failure(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> CrmError {
    let complaint = Complaint::read(body);
    let retry = match status.as_u16() {
        429 if complaint.policy() == Some("DAILY") => Retry::After(DAILY),
        429 => Retry::After(retry_after(headers).unwrap_or(BURST_WINDOW)),
        423 => Retry::After(LOCKED),
        MIGRATING => retry_after(headers).map_or(Retry::Backoff, Retry::After),
        // An operator has to mend the token, its scopes or the API version. The lead must live until then.
        401 | 403 | 404 => Retry::After(OPERATOR),
        408 => Retry::Backoff,
        400..=499 => Retry::Never,
        _ => Retry::Backoff,
    };
    let word = complaint.policy().or(complaint.category()).unwrap_or("without a category");
    let advice = match status.as_u16() {
        401 => ": the token has to be renewed",
        403 => ": the token lacks a scope",
        404 => ": the base URL or the API version is wrong",
        _ => "",
    };
    CrmError { reason: format!("HubSpot answered {} {word}{advice}", status.as_u16()), retry }
}

/// The token endpoint gives no token.
pub(super) fn no_token(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> CrmError {
    let retry = match status.as_u16() {
        429 => Retry::After(retry_after(headers).unwrap_or(OPERATOR)),
        408 | 500..=599 => Retry::Backoff,
        // The app, its secret, or the refresh token.
        _ => Retry::After(OPERATOR),
    };
    let complaint = Complaint::read(body);
    let word = complaint.category().unwrap_or("without a category");
    CrmError { reason: format!("HubSpot gives no access token: {} {word}", status.as_u16()), retry }
}

/// An operator has to mend what is configured.
pub(super) fn misconfigured(what: &str) -> CrmError {
    CrmError { reason: format!("HubSpot: {what}"), retry: Retry::After(OPERATOR) }
}

pub(super) fn below_floor(wait: Duration) -> CrmError {
    let reason = "HubSpot: the rest of the day's calls is left to others".to_owned();
    CrmError { reason, retry: Retry::After(wait) }
}

/// Reads and writes may be repeated without harm, so that every broken exchange is worth another.
pub(super) fn broken(error: ExchangeError) -> CrmError {
    CrmError { reason: format!("HubSpot: {error}"), retry: Retry::Backoff }
}

/// An answer that says 200 and can't be read as one.
pub(super) fn unreadable(what: &str) -> CrmError {
    CrmError { reason: format!("HubSpot's answer is unreadable: {what}"), retry: Retry::Backoff }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::RETRY_AFTER;

    fn retry(status: u16, asked: Option<&str>, body: &str) -> Retry {
        let header = asked.map(|seconds| (RETRY_AFTER, seconds.parse().expect("a header value")));
        let status = StatusCode::from_u16(status).expect("a status");
        failure(status, &HeaderMap::from_iter(header), body.as_bytes()).retry
    }

    #[test]
    fn each_failure_says_when_to_come_back() {
        let after = |seconds| Retry::After(Duration::from_secs(seconds));
        let burst = r#"{"errorType":"RATE_LIMIT","policyName":"TEN_SECONDLY_ROLLING"}"#;
        assert_eq!(retry(429, None, burst), after(10));
        assert_eq!(retry(429, Some("3"), burst), after(3));
        assert_eq!(retry(429, Some("3"), r#"{"policyName":"DAILY"}"#), after(3600));
        assert_eq!(retry(429, None, "slow down"), after(10));
        assert_eq!(retry(423, None, ""), after(2));
        assert_eq!(retry(477, Some("7200"), ""), after(7200));
        assert_eq!(retry(477, Some("999999"), ""), after(86_400));
        for operator in [401, 403, 404] {
            assert_eq!(retry(operator, None, ""), after(900), "{operator}");
        }
        for weather in [408, 477, 500, 502, 503, 504, 521, 524, 302] {
            assert_eq!(retry(weather, None, ""), Retry::Backoff, "{weather}");
        }
        for wrong in [400, 409, 413, 415, 422] {
            assert_eq!(retry(wrong, None, ""), Retry::Never, "{wrong}");
        }
    }

    #[test]
    fn a_reason_says_what_to_do_and_repeats_no_sentence() {
        let body = br#"{"category":"MISSING_SCOPES","message":"ada@example.com may not"}"#;
        let error = failure(StatusCode::FORBIDDEN, &HeaderMap::new(), body);
        assert_eq!(error.reason, "HubSpot answered 403 MISSING_SCOPES: the token lacks a scope");
    }
}
