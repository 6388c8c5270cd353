//! Which call is which operation, and who may make it.

use std::time::Duration;

use axum::http::{HeaderMap, header};

use super::Salesforce;
use super::collections::error;
use super::oauth;
use crate::simulators::exchange::{Answer, Call, Reception, Vendor};

/// With every answer of the API (developer.salesforce.com, "Limit Info Header").
const LIMIT_INFO: &str = "sforce-limit-info";

impl Vendor for Salesforce {
    const NAME: &'static str = "salesforce";

    fn reception(&self) -> &Reception {
        &self.reception
    }

    fn carry_out(&self, call: &Call, headers: &HeaderMap) -> Answer {
        let now = self.reception.clock.now();
        if call.method == "POST" && call.path == oauth::PATH {
            return self.give_token(call, now);
        }
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(by) = self.signed_in(authorization, now) else {
            self.org.lock().counters.unauthorized += 1;
            return error(401, "INVALID_SESSION_ID", "Session expired or invalid");
        };
        let mut org = self.org.lock();
        let most = self.setup.daily_calls;
        let used = match org.meter.take(most, now) {
            Ok(used) => used,
            Err(used) => {
                org.counters.over_limit += 1;
                let refused = error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
                return refused.with_headers([(LIMIT_INFO, format!("api-usage={used}/{most}"))]);
            }
        };
        org.counters.calls += 1;
        let answer = match (call.method.as_str(), parts(&call.path).as_deref()) {
            ("POST", Some(["composite", "sobjects", object])) => org.retrieve(object, call),
            ("PATCH", Some(["composite", "sobjects"])) => org.update_all(call, &by, now),
            ("POST", Some(["sobjects", object])) => org.create_one(object, call, &by, now),
            ("GET", Some(["query"])) => org.query(call),
            ("GET", Some(["sobjects", object, "describe"])) => org.describe(object),
            ("GET", Some(["sobjects", object, id])) => org.read_one(object, id),
            _ => error(404, "NOT_FOUND", "The requested resource does not exist"),
        };
        answer.with_headers([(LIMIT_INFO, format!("api-usage={used}/{most}"))])
    }

    /// There is no such answer for the day's limit: too many calls at a time are refused like this.
    fn throttled(&self, _: Option<Duration>) -> Answer {
        error(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.")
    }

    fn failed(&self, status: u16) -> Answer {
        let code = if status == 503 { "SERVER_UNAVAILABLE" } else { "UNKNOWN_EXCEPTION" };
        error(status, code, "An unexpected error occurred")
    }
}

/// What follows the version in a path of the API.
fn parts(path: &str) -> Option<Vec<&str>> {
    let rest = path.strip_prefix("/services/data/v")?;
    let (version, rest) = rest.split_once('/')?;
    version.ends_with(".0").then(|| rest.split('/').collect())
}
