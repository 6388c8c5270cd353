//! What a failed call to Pipedrive means: again or not, and when (pipedrive.readme.io, "HTTP status codes", "Rate
//! limiting").

use std::time::Duration;

use leadgate_enrichment::crm::CrmError;
use leadgate_enrichment::retry::Retry;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::session::budget_left;
use super::wire::Complaint;
use crate::http::{ExchangeError, RETRY_AFTER_MAX, retry_after};

/// The day's budget is used up: it comes back at the start of the next day. Which day is meant isn't said, so that it is
/// tried once an hour.
const DAILY: Duration = Duration::from_secs(60 * 60);

/// For answers that say "too often" without saying for how long: the window of a burst is 2 seconds.
const BUSY: Duration = Duration::from_secs(10);

/// How often to see whether an operator has mended what Pipedrive refuses.
const OPERATOR: Duration = Duration::from_secs(15 * 60);

/// After how many seconds a burst may go on.
const RESET: &str = "x-ratelimit-reset";

/// What an answer other than 200 means for the call as a whole.
pub(super) fn failure(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> CrmError {
    let complaint = Complaint::read(body);
    let code = complaint.code().unwrap_or("without a code");
    let (retry, advice) = match status.as_u16() {
        // An operator has to mend the token, its user, or the company's subscription. The lead must live until then.
        401 => (Retry::After(OPERATOR), ": the token isn't accepted"),
        402 => (Retry::After(OPERATOR), ": the company's subscription has ended"),
        // Also what follows where too many answers of 429 went unheeded.
        403 => (Retry::After(OPERATOR), ": the token's user lacks a permission"),
        404 | 410 => (Retry::After(OPERATOR), ": the base URL is wrong"),
        429 if budget_left(headers) == Some(0) => (Retry::After(DAILY), ": the day's budget is used up"),
        420 | 429 => (Retry::After(pause(headers)), ""),
        408 | 423 => (Retry::Backoff, ""),
        400..=499 => (Retry::Never, ""),
        _ => (Retry::Backoff, ""),
    };
    CrmError { reason: format!("Pipedrive answered {} {code}{advice}", status.as_u16()), retry }
}

/// For how long not to call: what either of the two headers says, the longer one.
fn pause(headers: &HeaderMap) -> Duration {
    let reset = headers.get(RESET).and_then(|value| value.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
    let pause = reset.into_iter().chain(retry_after(headers)).max();
    pause.unwrap_or(BUSY).min(RETRY_AFTER_MAX)
}

/// Too little of the day's budget is left.
pub(super) fn below_floor(wait: Duration) -> CrmError {
    let reason = "Pipedrive: the rest of the day's budget is left to others".to_owned();
    CrmError { reason, retry: Retry::After(wait) }
}

/// Reads and writes may be repeated without harm, so that every broken exchange is worth another.
pub(super) fn broken(error: ExchangeError) -> CrmError {
    CrmError { reason: format!("Pipedrive: {error}"), retry: Retry::Backoff }
}

/// An answer that says 200 and can't be read as one.
pub(super) fn unreadable(what: &str) -> CrmError {
    CrmError { reason: format!("Pipedrive's answer is unreadable: {what}"), retry: Retry::Backoff }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(status: u16, headers: &[(&'static str, &'static str)]) -> Retry {
        let status = StatusCode::from_u16(status).expect("a status");
        let headers = headers.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("text")));
        failure(status, &headers.collect(), br#"{"success":false,"error":"about Ada","code":"ERR_X"}"#).retry
    }

    #[test]
    fn each_failure_says_when_to_come_back() {
        let after = |seconds| Retry::After(Duration::from_secs(seconds));
        for operator in [401, 402, 403, 404, 410] {
            assert_eq!(retry(operator, &[]), after(900), "{operator}");
        }
        for weather in [302, 408, 423, 500, 502, 503] {
            assert_eq!(retry(weather, &[]), Retry::Backoff, "{weather}");
        }
        assert_eq!(retry(400, &[]), Retry::Never);
        assert_eq!(retry(429, &[]), after(10));
        assert_eq!(retry(429, &[("x-ratelimit-reset", "2")]), after(2));
        assert_eq!(retry(429, &[("x-ratelimit-reset", "2"), ("retry-after", "31")]), after(31));
        assert_eq!(retry(429, &[("x-ratelimit-reset", "99999999")]), after(24 * 60 * 60));
        assert_eq!(retry(429, &[("x-daily-requests-left", "0"), ("x-ratelimit-reset", "2")]), after(3600));
        assert_eq!(retry(429, &[("x-daily-ratelimit-token-remaining", "0")]), after(3600));
        let page = failure(StatusCode::BAD_GATEWAY, &HeaderMap::new(), b"<html>Ada</html>");
        assert_eq!(page.reason, "Pipedrive answered 502 without a code");
    }
}
