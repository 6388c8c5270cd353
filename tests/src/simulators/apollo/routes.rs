//! Which call is which operation, and who may make it.

use std::time::Duration;

use axum::http::HeaderMap;
use serde_json::json;

use super::limits::Windows;
use super::{Apollo, KeyScope};
use crate::simulators::exchange::{Answer, Call, Reception, Vendor};

/// What a wrong key is told, as plain text.
const INVALID_KEY: &str = "Invalid API key. See https://docs.apollo.io/docs/create-api-key for how to get one.";

/// What there is to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Match,
    BulkMatch,
    WebhookResult,
    CreditUsage,
    ApiUsage,
    Health,
}

/// Where in a route there can be anything.
const ANYTHING: &str = "*";

impl Endpoint {
    pub(super) const ALL: [Self; 6] =
        [Self::Match, Self::BulkMatch, Self::WebhookResult, Self::CreditUsage, Self::ApiUsage, Self::Health];

    /// Which one is called, and what the path has where it may have anything.
    fn of<'a>(method: &str, path: &'a str) -> Option<(Self, &'a str)> {
        let path = path.trim_matches('/').strip_prefix("api/v1/")?;
        Self::ALL.into_iter().find_map(|endpoint| {
            let (expected, route) = endpoint.route();
            let anything = captured(route, path)?;
            (method == expected).then_some((endpoint, anything))
        })
    }

    fn route(self) -> (&'static str, &'static str) {
        match self {
            Self::Match => ("POST", "people/match"),
            Self::BulkMatch => ("POST", "people/bulk_match"),
            Self::WebhookResult => ("GET", "webhook_result/*"),
            Self::CreditUsage => ("POST", "usage_stats/credit_usage_stats"),
            Self::ApiUsage => ("POST", "usage_stats/api_usage_stats"),
            Self::Health => ("GET", "auth/health"),
        }
    }

    /// As in a key's scope, in messages and in what Apollo says of its use.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Match => "api/v1/people/match",
            Self::BulkMatch => "api/v1/people/bulk_match",
            Self::WebhookResult => "api/v1/webhook_result/show",
            Self::CreditUsage => "api/v1/usage_stats/credit_usage_stats",
            Self::ApiUsage => "api/v1/usage_stats/api_usage_stats",
            Self::Health => "api/v1/auth/health",
        }
    }
}

/// What `path` has in the place of anything, if it follows `route`.
fn captured<'a>(route: &str, path: &'a str) -> Option<&'a str> {
    let (mut expected, mut given, mut anything) = (route.split('/'), path.split('/'), "");
    loop {
        match (expected.next(), given.next()) {
            (None, None) => return Some(anything),
            (Some(ANYTHING), Some(part)) if !part.is_empty() => anything = part,
            (Some(expected), Some(part)) if expected == part => {}
            _ => return None,
        }
    }
}

impl Vendor for Apollo {
    const NAME: &'static str = "apollo";

    fn reception(&self) -> &Reception {
        &self.reception
    }

    fn carry_out(&self, call: &Call, headers: &HeaderMap) -> Answer {
        let now = self.reception.clock.now();
        let mut team = self.team();
        let key = headers.get("x-api-key").and_then(|value| value.to_str().ok());
        if key != Some(self.setup.api_key.as_str()) {
            team.ledger.denied += 1;
            return Answer::text(401, INVALID_KEY);
        }
        let Some((endpoint, id)) = Endpoint::of(&call.method, &call.path) else {
            return Answer::json(404, &json!({ "error": "Not Found" }));
        };
        if !self.setup.scope.allows(endpoint) {
            team.ledger.denied += 1;
            let message = format!("{} is not accessible with this api_key", endpoint.name());
            return Answer::json(403, &json!({ "error": message, "error_code": "API_INACCESSIBLE" }));
        }
        let limits = self.limits_of(endpoint);
        if let Err(throttled) = team.meter.take(endpoint.name(), limits, now) {
            team.ledger.throttled += 1;
            let headers = team.meter.headers(endpoint.name(), limits);
            return turned_away(&throttled.message, Some(throttled.retry_after)).with_headers(headers);
        }
        *team.ledger.calls.entry(endpoint.name()).or_default() += 1;
        let answer = match endpoint {
            Endpoint::Match => team.match_one(&self.setup, call, now).unwrap_or_else(|refused| refused),
            Endpoint::BulkMatch => team.match_many(&self.setup, call, now).unwrap_or_else(|refused| refused),
            Endpoint::WebhookResult => team.poll(id, now),
            Endpoint::CreditUsage => team.credit_usage(),
            Endpoint::ApiUsage => self.api_usage(&team, now),
            Endpoint::Health => Answer::json(200, &json!({ "healthy": true, "is_logged_in": true })),
        };
        answer.with_headers(team.meter.headers(endpoint.name(), limits))
    }

    fn throttled(&self, retry_after: Option<Duration>) -> Answer {
        self.team.lock().ledger.throttled += 1;
        turned_away("The maximum number of api calls allowed is exceeded.", retry_after)
    }

    fn failed(&self, status: u16) -> Answer {
        Answer::json(status, &json!({ "error": "Something went wrong. Please try again later." }))
    }
}

impl Apollo {
    pub(super) fn limits_of(&self, endpoint: Endpoint) -> Windows {
        match endpoint {
            Endpoint::Match => self.setup.limits.single,
            Endpoint::BulkMatch => self.setup.limits.bulk,
            Endpoint::WebhookResult | Endpoint::CreditUsage | Endpoint::ApiUsage | Endpoint::Health => {
                self.setup.limits.other
            }
        }
    }
}

impl KeyScope {
    /// Every key may ask whether it is good.
    fn allows(&self, endpoint: Endpoint) -> bool {
        match self {
            Self::Master => true,
            Self::Endpoints(paths) => endpoint == Endpoint::Health || paths.iter().any(|path| path == endpoint.name()),
        }
    }
}

/// 429, with whole seconds to wait: rounded up, since a fixed window doesn't open a moment earlier.
fn turned_away(message: &str, retry_after: Option<Duration>) -> Answer {
    let seconds = retry_after.map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
    let headers = seconds.map(|seconds| ("retry-after", seconds.to_string()));
    Answer::json(429, &json!({ "message": message })).with_headers(headers)
}
