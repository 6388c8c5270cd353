//! What a failed call to Salesforce means: again or not, and when. It goes by the error's code, as statuses are shared by
//! codes that mean different things (developer.salesforce.com, "Status Codes and Error Responses"; "Core Data Types Used in
//! API Calls", `StatusCode`).

use std::time::Duration;

use leadgate_enrichment::crm::{CrmError, Written};
use leadgate_enrichment::retry::Retry;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::wire::Complaint;
use crate::http::{ExchangeError, retry_after};

/// The day's calls are those of the last 24 hours, so that some come back all the time. Nothing says when: see once an
/// hour.
const DAILY: Duration = Duration::from_secs(60 * 60);

/// Too many long calls at a time: those of others end.
const CONCURRENT: Duration = Duration::from_secs(60);

/// For answers that say "too often" without saying for how long.
const BUSY: Duration = Duration::from_secs(30);

/// How often to see whether an operator has mended what Salesforce refuses.
const OPERATOR: Duration = Duration::from_secs(15 * 60);

/// What an answer other than 200 means for the call as a whole.
pub(super) fn failure(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> CrmError {
    let complaint = Complaint::read(body);
    let code = complaint.code().unwrap_or("without a code");
    let (retry, advice) = match (code, status.as_u16()) {
        ("REQUEST_LIMIT_EXCEEDED", _) if complaint.says("Concurrent") => (Retry::After(CONCURRENT), ""),
        ("REQUEST_LIMIT_EXCEEDED", _) => (Retry::After(DAILY), ": the day's API calls are used up"),
        (code, _) if is_transient(code, &complaint) => (Retry::Backoff, ""),
        ("API_DISABLED_FOR_ORG" | "API_CURRENTLY_DISABLED", _) => {
            (Retry::After(OPERATOR), ": the org has no API access")
        }
        ("INVALID_TYPE", _) => (Retry::After(OPERATOR), ": the user sees no such records"),
        // An operator has to mend the app, its user, or the API version. The lead must live until then.
        (_, 401) => (Retry::After(OPERATOR), ": the token isn't accepted"),
        (_, 403) => (Retry::After(OPERATOR), ": the integration user lacks a permission"),
        (_, 404 | 410) => (Retry::After(OPERATOR), ": the base URL or the API version is wrong"),
        (_, 420 | 429) => (Retry::After(retry_after(headers).unwrap_or(BUSY)), ""),
        (_, 408) => (Retry::Backoff, ""),
        (_, 400..=499) => (Retry::Never, ""),
        _ => (Retry::Backoff, ""),
    };
    CrmError { reason: format!("Salesforce answered {} {code}{advice}", status.as_u16()), retry }
}

/// Too few of the day's calls are left.
pub(super) fn below_floor(wait: Duration) -> CrmError {
    let reason = "Salesforce: the rest of the day's API calls is left to others".to_owned();
    CrmError { reason, retry: Retry::After(wait) }
}

/// The token endpoint gives none.
pub(super) fn no_token(status: StatusCode, error: Option<&str>) -> CrmError {
    let retry = match status.as_u16() {
        408 | 500..=599 => Retry::Backoff,
        429 => Retry::After(BUSY),
        _ => Retry::After(OPERATOR),
    };
    let error = error.unwrap_or("without a reason");
    CrmError { reason: format!("Salesforce gives no token: {} {error}", status.as_u16()), retry }
}

/// What an operator has to mend before anything can be called.
pub(super) fn misconfigured(what: &str) -> CrmError {
    CrmError { reason: format!("Salesforce: {what}"), retry: Retry::After(OPERATOR) }
}

/// What becomes of one record of an update that failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is over.
    End(Written),
    /// It may go better at another time, once it has been read again.
    Later,
    /// Without the fields that the complaint names, it may be accepted.
    Without,
}

pub(super) fn verdict(complaint: &Complaint) -> Verdict {
    let code = complaint.code().unwrap_or("without a code");
    match code {
        "ENTITY_IS_DELETED" | "NOT_FOUND" | "MALFORMED_ID" => Verdict::End(Written::Gone),
        // Of the record's own id: there is no such record. Of a field: it names another record that isn't there.
        "INVALID_CROSS_REFERENCE_KEY" if complaint.refused().keys().all(|field| field == "Id") => {
            Verdict::End(Written::Gone)
        }
        // It has become a contact since it was read: what that contact holds has to be read before it is written.
        "CANNOT_UPDATE_CONVERTED_LEAD" => Verdict::Later,
        code if is_transient(code, complaint) => Verdict::Later,
        _ if !complaint.refused().is_empty() => Verdict::Without,
        // It doesn't say what became of it.
        _ if complaint.code().is_none() => Verdict::Later,
        _ => Verdict::End(Written::Rejected(format!("Salesforce refuses it: {code}"))),
    }
}

/// Whether it goes away by itself. A flow that fails may have failed for a lock: only its sentence says so.
fn is_transient(code: &str, complaint: &Complaint) -> bool {
    match code {
        "UNABLE_TO_LOCK_ROW"
        | "SERVER_UNAVAILABLE"
        | "UNKNOWN_EXCEPTION"
        | "QUERY_TIMEOUT"
        | "REQUEST_RUNNING_TOO_LONG"
        | "REQUEST_LIMIT_EXCEEDED" => true,
        "CANNOT_EXECUTE_FLOW_TRIGGER" | "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" => complaint.says("UNABLE_TO_LOCK_ROW"),
        _ => false,
    }
}

/// Reads and writes may be repeated without harm, so that every broken exchange is worth another.
pub(super) fn broken(error: ExchangeError) -> CrmError {
    CrmError { reason: format!("Salesforce: {error}"), retry: Retry::Backoff }
}

/// An answer that says 200 and can't be read as one.
pub(super) fn unreadable(what: &str) -> CrmError {
    CrmError { reason: format!("Salesforce's answer is unreadable: {what}"), retry: Retry::Backoff }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(status: u16, code: &str, message: &str) -> Retry {
        let status = StatusCode::from_u16(status).expect("a status");
        let body = serde_json::json!([{ "errorCode": code, "message": message }]).to_string();
        failure(status, &HeaderMap::new(), body.as_bytes()).retry
    }

    #[test]
    fn each_failure_says_when_to_come_back() {
        let after = |seconds| Retry::After(Duration::from_secs(seconds));
        assert_eq!(retry(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), after(3600));
        assert_eq!(retry(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."), after(60));
        for operator in [401, 403, 404, 410] {
            assert_eq!(retry(operator, "X", ""), after(900), "{operator}");
        }
        for passing in ["UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "UNKNOWN_EXCEPTION"] {
            assert_eq!(retry(400, passing, ""), Retry::Backoff, "{passing}");
        }
        assert_eq!(retry(400, "CANNOT_EXECUTE_FLOW_TRIGGER", "UNABLE_TO_LOCK_ROW: retry"), Retry::Backoff);
        assert_eq!(retry(400, "CANNOT_EXECUTE_FLOW_TRIGGER", "division by zero"), Retry::Never);
        assert_eq!(retry(400, "JSON_PARSER_ERROR", ""), Retry::Never);
        for weather in [302, 408, 500, 502, 503] {
            assert_eq!(retry(weather, "", ""), Retry::Backoff, "{weather}");
        }
        assert_eq!(retry(429, "", ""), after(30));
        let page = failure(StatusCode::BAD_GATEWAY, &HeaderMap::new(), b"<html>Ada</html>");
        assert_eq!(page.reason, "Salesforce answered 502 without a code");
    }

    #[test]
    fn each_records_failure_has_its_verdict() {
        let of = |code: &str, fields: &[&str]| {
            let body = serde_json::json!([{ "statusCode": code, "fields": fields, "message": "about Ada" }]);
            verdict(&Complaint::read(body.to_string().as_bytes()))
        };
        assert_eq!(of("ENTITY_IS_DELETED", &[]), Verdict::End(Written::Gone));
        assert_eq!(of("INVALID_CROSS_REFERENCE_KEY", &[]), Verdict::End(Written::Gone));
        assert_eq!(of("INVALID_CROSS_REFERENCE_KEY", &["OwnerId"]), Verdict::Without);
        assert_eq!(of("UNABLE_TO_LOCK_ROW", &[]), Verdict::Later);
        assert_eq!(of("CANNOT_UPDATE_CONVERTED_LEAD", &[]), Verdict::Later);
        assert_eq!(of("STRING_TOO_LONG", &["Title"]), Verdict::Without);
        assert_eq!(verdict(&Complaint::read(b"[]")), Verdict::Later);
        let duplicates = Written::Rejected("Salesforce refuses it: DUPLICATES_DETECTED".to_owned());
        assert_eq!(of("DUPLICATES_DETECTED", &[]), Verdict::End(duplicates));
    }
}
