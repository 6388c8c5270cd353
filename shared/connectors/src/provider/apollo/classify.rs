//! What an answer other than 200 means. Apollo's errors come as objects, as text, and as JSON within text, with or
//! without a code, so that the status leads and the text is only searched for what it alone can tell.

use std::time::Duration;

use leadgate_enrichment::provider::Reply;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use crate::http::retry_after;
use crate::loose::{Loose, Scalar};

/// How Apollo says that credits are used up. There is no documented answer for it on the enrichment endpoints; these
/// are the words that it uses elsewhere.
const OUT_OF_CREDITS: [&str; 3] = ["insufficient credit", "out of credits", "credit limit"];

/// The windows of a rate limit. They open with the first call in them, so that their length is the longest wait.
const WINDOWS: [Window; 3] = [
    Window { named: "per day", left: "x-24-hour-requests-left", length: Duration::from_secs(24 * 60 * 60) },
    Window { named: "per hour", left: "x-hourly-requests-left", length: Duration::from_secs(60 * 60) },
    Window { named: "per minute", left: "x-minute-requests-left", length: Duration::from_secs(60) },
];

struct Window {
    /// In the text of a 429: "… is 600 times per hour. …"
    named: &'static str,
    /// The header that says how many calls are left in it.
    left: &'static str,
    length: Duration,
}

/// What the answer means. Reasons hold the status, Apollo's code and words of ours: its sentences may repeat what was
/// asked, which is personal data.
pub(super) fn classify(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Reply {
    let text = String::from_utf8_lossy(body).to_lowercase().replace('_', " ");
    let out_of_credits = || OUT_OF_CREDITS.iter().any(|words| text.contains(words));
    let reason = |why: &str| match error_code(body) {
        Some(code) => format!("{} {code}: {why}", status.as_u16()),
        None => format!("{}: {why}", status.as_u16()),
    };
    match status.as_u16() {
        429 => Reply::Throttled { retry_after: retry_after(headers).or_else(|| spent_window(headers, &text)) },
        402 => Reply::OutOfCredits,
        400 | 403 | 422 if out_of_credits() => Reply::OutOfCredits,
        401 => Reply::Denied(reason("the key is refused")),
        403 => Reply::Denied(reason("the key or the plan lacks the right")),
        // Apollo's API redirects nowhere: this is about our base URL, and no fault of the person's.
        300..=399 => Reply::Denied(reason("redirected, so the base URL is wrong")),
        // A time-out on their side: part of the call was there, and we can't know what became of it.
        408 => Reply::Unknown(reason("gave up on the call")),
        // A look-up has no such answer: the address of the API is wrong, whoever is asked about.
        404 | 405 | 410 => Reply::Denied(reason("there is no such endpoint")),
        400..=499 => Reply::Invalid(reason("the call is refused")),
        503 => Reply::Transient(reason("turned away")),
        _ => Reply::Unknown(reason("no answer to the call")),
    }
}

/// Which window ran out, as its text or its headers say: an upper bound of the wait when there is no `Retry-After`.
fn spent_window(headers: &HeaderMap, text: &str) -> Option<Duration> {
    let is_spent = |window: &&Window| headers.get(window.left).is_some_and(|left| left.as_bytes() == b"0");
    let named = WINDOWS.iter().find(|window| text.contains(window.named));
    named.or_else(|| WINDOWS.iter().find(is_spent)).map(|window| window.length)
}

/// `API_INACCESSIBLE`, `RECORD_LIMIT_EXCEEDED`, …, also from JSON within text.
fn error_code(body: &[u8]) -> Option<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Failure {
        error_code: Scalar,
        error: Scalar,
    }
    let read = |body: &[u8]| match serde_json::from_slice(body) {
        Ok(Loose::Object(failure)) => failure,
        _ => Failure { error: serde_json::from_slice(body).unwrap_or_default(), ..Failure::default() },
    };
    let outer = read(body);
    let code = |failure: &Failure| failure.error_code.as_word().map(str::to_owned);
    code(&outer).or_else(|| code(&read(outer.error.as_text()?.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_answer_has_its_meaning() {
        let denied = |reason: &str| Reply::Denied(reason.into());
        let invalid = |reason: &str| Reply::Invalid(reason.into());
        let unknown = |status: u16| Reply::Unknown(format!("{status}: no answer to the call"));
        let refused = "the call is refused";
        let plan = "the key or the plan lacks the right";
        let out = Reply::OutOfCredits;
        #[rustfmt::skip]
        let answers = [
            (400, r#"{"status":"failed","error_code":"INVALID_REQUEST","error_message":"ada@b.example is missing"}"#, invalid(&format!("400 INVALID_REQUEST: {refused}"))),
            (400, r#"{"status":"failed","error_code":"RECORD_LIMIT_EXCEEDED","error_message":"10"}"#, invalid(&format!("400 RECORD_LIMIT_EXCEEDED: {refused}"))),
            (400, r#"{"error_code":"NOT_FOUND"}"#, invalid(&format!("400 NOT_FOUND: {refused}"))),
            (400, "You are out of credits.", out.clone()),
            (401, "Invalid API key. See the documentation.", denied("401: the key is refused")),
            (401, r#"{"error_code":"INVALID_ACCESS_TOKEN"}"#, denied("401 INVALID_ACCESS_TOKEN: the key is refused")),
            (401, "insufficient credits", denied("401: the key is refused")),
            (402, "", out.clone()),
            (403, r#"{"error":"api/v1/people/match is not accessible","error_code":"API_INACCESSIBLE"}"#, denied(&format!("403 API_INACCESSIBLE: {plan}"))),
            (403, r#"{"message":"only for paid plans"}"#, denied(&format!("403: {plan}"))),
            (403, r#"{"error_code":"INSUFFICIENT_CREDITS"}"#, out.clone()),
            (404, "<html>", denied("404: there is no such endpoint")),
            (410, "", denied("410: there is no such endpoint")),
            (422, r#"{"error":"Invalid parameters"}"#, invalid(&format!("422: {refused}"))),
            (422, r#"{"status":"failed","error_code":"UNKNOWN_ERROR","error_message":"?"}"#, invalid(&format!("422 UNKNOWN_ERROR: {refused}"))),
            (422, r#""{\"error_code\":\"UNKNOWN_ERROR\"}""#, invalid(&format!("422 UNKNOWN_ERROR: {refused}"))),
            (422, r#"{"error":"{\"error_code\":\"UNKNOWN_ERROR\"}"}"#, invalid(&format!("422 UNKNOWN_ERROR: {refused}"))),
            (422, r#"{"error":"Insufficient credits. Please upgrade your plan."}"#, out.clone()),
            (422, r#""{\"error\":\"You have reached your Credit Limit\"}""#, out),
            (500, "", unknown(500)),
            (502, "<html>", unknown(502)),
            (503, "", Reply::Transient("503: turned away".into())),
            (504, "", unknown(504)),
            (524, "", unknown(524)),
            (202, "{}", unknown(202)),
            (408, "", Reply::Unknown("408: gave up on the call".into())),
            (302, "", denied("302: redirected, so the base URL is wrong")),
        ];
        for (status, body, expected) in answers {
            let code = StatusCode::from_u16(status).expect("a status");
            assert_eq!(classify(code, &HeaderMap::new(), body.as_bytes()), expected, "{status} {body}");
        }
    }

    #[test]
    fn throttling_lasts_as_long_as_apollo_says_or_as_the_window_it_names() {
        let wait = |headers: &[(&'static str, &'static str)], body: &str| {
            let header = |(name, value): &(&'static str, &'static str)| {
                (name.parse::<reqwest::header::HeaderName>().expect("a name"), value.parse().expect("a value"))
            };
            match classify(StatusCode::TOO_MANY_REQUESTS, &headers.iter().map(header).collect(), body.as_bytes()) {
                Reply::Throttled { retry_after } => retry_after.map(|wait| wait.as_secs()),
                other => panic!("a 429 was read as {other:?}"),
            }
        };
        let text = |window: &str| {
            format!(
                r#"{{"message":"The maximum number of api calls allowed for api/v1/people/match is 200 times per {window}. Please upgrade your plan from …"}}"#
            )
        };
        assert_eq!(wait(&[("retry-after", "17")], &text("hour")), Some(17));
        assert_eq!(wait(&[], &text("minute")), Some(60));
        assert_eq!(wait(&[], &text("hour")), Some(3600));
        assert_eq!(wait(&[], &text("day")), Some(86_400));
        let left = [("x-minute-requests-left", "0"), ("x-hourly-requests-left", "12"), ("x-24-hour-requests-left", "")];
        assert_eq!(wait(&left, "slow down"), Some(60));
        assert_eq!(wait(&[], "slow down"), None);
    }
}
