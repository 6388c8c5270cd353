//! Every answer that is documented or has been observed, and a few that might be.

use reqwest::header::HeaderName;

use super::*;

const REFUSED: &str = "the call is refused";
const RIGHT: &str = "the key or the plan lacks the right";
const NOTHING: &str = "there is nothing at this address";

fn meaning(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Result<(), CallError> {
    let header = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), value.parse().expect("a header value"))
    };
    let status = StatusCode::from_u16(status).expect("a status");
    classify(status, &headers.iter().map(header).collect(), body.as_bytes())
}

fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[test]
fn every_answer_has_its_meaning() {
    let denied = |reason: &str| CallError::Denied(reason.into());
    let invalid = |code: &str| CallError::Invalid(format!("{code}: {REFUSED}"));
    let missing = |reason: &str| CallError::Missing(reason.into());
    let gone = |reason: &str| CallError::Gone(reason.into());
    let unknown = |status: u16| CallError::Unknown(format!("{status}: no answer to the call"));
    let out = CallError::OutOfCredits;
    #[rustfmt::skip]
    let answers = [
        (400, r#"{"status":"failed","error_code":"INVALID_REQUEST","error_message":"ada@b.example is missing"}"#, invalid("400 INVALID_REQUEST")),
        (400, r#"{"status":"failed","error_code":"RECORD_LIMIT_EXCEEDED","error_message":"10"}"#, invalid("400 RECORD_LIMIT_EXCEEDED")),
        (400, r#"{"error_code":"WEBHOOK_URL_WITH_POLL_ONLY"}"#, invalid("400 WEBHOOK_URL_WITH_POLL_ONLY")),
        (400, r#"{"error_code":"NOT_FOUND"}"#, invalid("400 NOT_FOUND")),
        (400, r#"{"error_code":"invalid_request_id"}"#, gone("400 invalid_request_id: that names no call")),
        (400, "You are out of credits.", out.clone()),
        (401, "Invalid API key. See the documentation.", denied("401: the key is refused")),
        (401, r#"{"error_code":"INVALID_ACCESS_TOKEN"}"#, denied("401 INVALID_ACCESS_TOKEN: the key is refused")),
        (401, r#"{"error_code":"INVALID_API_KEY_LOCATION"}"#, denied("401 INVALID_API_KEY_LOCATION: the key is refused")),
        (401, "insufficient credits", denied("401: the key is refused")),
        (402, "", out.clone()),
        (403, r#"{"error":"api/v1/people/match is not accessible","error_code":"API_INACCESSIBLE"}"#, denied(&format!("403 API_INACCESSIBLE: {RIGHT}"))),
        (403, r#"{"message":"only for paid plans"}"#, denied(&format!("403: {RIGHT}"))),
        (403, r#"{"error_code":"INSUFFICIENT_CREDITS"}"#, out.clone()),
        (404, r#"{"error_code":"result_pending","retry_after_seconds":10}"#, CallError::Pending { retry_after: seconds(10) }),
        (404, r#"{"error_code":"result_pending","retry_after_seconds":"10"}"#, CallError::Pending { retry_after: seconds(10) }),
        (404, r#"{"error_code":"result_pending","retry_after_seconds":999999999}"#, CallError::Pending { retry_after: seconds(86_400) }),
        (404, r#"{"error_code":"result_pending","retry_after_seconds":-1}"#, CallError::Pending { retry_after: None }),
        (404, r#"{"error":"{\"error_code\":\"result_pending\"}"}"#, CallError::Pending { retry_after: None }),
        (404, r#"{"error_code":"request_id_unknown"}"#, CallError::NotFound("404 request_id_unknown: there is no such call of this key's team".into())),
        (404, "<html>", missing(&format!("404: {NOTHING}"))),
        (405, "", missing(&format!("405: {NOTHING}"))),
        (408, "", CallError::Unknown("408: gave up on the call".into())),
        (410, r#"{"error_code":"request_id_expired"}"#, gone("410 request_id_expired: it is there no longer")),
        (410, "", gone("410: it is there no longer")),
        (422, r#"{"error":"Invalid parameters"}"#, invalid("422")),
        (422, r#"{"error":"Required parameter 'domain' missing"}"#, invalid("422")),
        (422, r#"{"error":"type and user can not be blank"}"#, invalid("422")),
        (422, r#"{"status":"failed","error_code":"UNKNOWN_ERROR","error_message":"?"}"#, invalid("422 UNKNOWN_ERROR")),
        (422, r#""{\"error_code\":\"UNKNOWN_ERROR\"}""#, invalid("422 UNKNOWN_ERROR")),
        (422, r#"{"error":"{\"error_code\":\"UNKNOWN_ERROR\"}"}"#, invalid("422 UNKNOWN_ERROR")),
        (422, r#"{"error_code":"ada@b.example is no code"}"#, invalid("422")),
        (422, r#"{"error":"Insufficient credits. Please upgrade your plan."}"#, out.clone()),
        (422, r#""{\"error\":\"You have reached your Credit Limit\"}""#, out),
        (429, r#"{"error":"We are already processing the request for your sequence."}"#, CallError::Locked { retry_after: None }),
        (429, r#"{"message":"slow down"}"#, CallError::Throttled { retry_after: None }),
        (500, "", unknown(500)),
        (502, "<html>", unknown(502)),
        (503, "", CallError::Transient("503: turned away".into())),
        (504, "", unknown(504)),
        (524, "", unknown(524)),
        (202, "{}", unknown(202)),
        (302, "", missing("302: redirected, so the base URL is wrong")),
    ];
    for (status, body, expected) in answers {
        assert_eq!(meaning(status, &[], body), Err(expected), "{status} {body}");
    }
    assert_eq!((meaning(200, &[], "insufficient credits"), meaning(201, &[], "")), (Ok(()), Ok(())));
}

#[test]
fn throttling_lasts_as_long_as_apollo_says_or_as_the_window_it_names() {
    let wait = |headers: &[(&'static str, &'static str)], body: &str| match meaning(429, headers, body) {
        Err(CallError::Throttled { retry_after }) => retry_after,
        other => panic!("a 429 was read as {other:?}"),
    };
    let text = |window: &str| {
        format!(
            r#"{{"message":"The maximum number of api calls allowed for api/v1/people/match is 200 times per {window}. Please upgrade your plan from …"}}"#
        )
    };
    assert_eq!(wait(&[("retry-after", "17")], &text("hour")), seconds(17));
    assert_eq!(wait(&[], &text("minute")), seconds(60));
    assert_eq!(wait(&[], &text("hour")), seconds(3600));
    assert_eq!(wait(&[], &text("day")), seconds(86_400));
    let left = [("x-minute-requests-left", "0"), ("x-hourly-requests-left", "12"), ("x-24-hour-requests-left", "")];
    assert_eq!(wait(&left, "slow down"), seconds(60));
    assert_eq!(wait(&[], "slow down"), None);
    let locked = meaning(429, &[("retry-after", "9"), left[0]], r#""{\"error\":\"Already processing the request\"}""#);
    assert_eq!(locked, Err(CallError::Locked { retry_after: seconds(9) }));
}

/// What each way to fail is to a look-up, to asking for what arrives later, and to trying again.
#[test]
fn every_meaning_comes_down_to_what_a_flow_knows() {
    let word = || "why".to_owned();
    let retry_after = seconds(7);
    let throttled = (Reply::Throttled { retry_after }, Collected::Throttled { retry_after });
    let after = Retry::After(Duration::from_secs(7));
    let transient = || Collected::Transient(word());
    #[rustfmt::skip]
    let meanings = [
        (CallError::Throttled { retry_after }, throttled.0.clone(), throttled.1.clone(), after),
        (CallError::Locked { retry_after }, throttled.0, throttled.1, after),
        (CallError::OutOfCredits, Reply::OutOfCredits, Collected::Transient("Apollo says that its credits are used up".into()), Retry::Never),
        (CallError::Denied(word()), Reply::Denied(word()), Collected::Denied(word()), Retry::Never),
        (CallError::Invalid(word()), Reply::Invalid(word()), transient(), Retry::Never),
        (CallError::Missing(word()), Reply::Denied(word()), transient(), Retry::Never),
        (CallError::Pending { retry_after }, Reply::Transient("not yet".into()), Collected::Pending { retry_after }, after),
        (CallError::NotFound(word()), Reply::Denied(word()), Collected::NotFound(word()), Retry::Never),
        (CallError::Gone(word()), Reply::Denied(word()), Collected::Expired(word()), Retry::Never),
        (CallError::Transient(word()), Reply::Transient(word()), transient(), Retry::Backoff),
        (CallError::Unknown(word()), Reply::Unknown(word()), transient(), Retry::Never),
    ];
    for (error, reply, collected, retry) in meanings {
        assert_eq!(error.retry(), retry, "{error:?}");
        assert_eq!(Reply::from(error.clone()), reply, "{error:?}");
        assert_eq!(Collected::from(error), collected);
    }
}
