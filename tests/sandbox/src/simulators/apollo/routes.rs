//! Who may make which call, and how often.

use std::time::Duration;

use axum::http::HeaderMap;
use serde_json::json;

use super::endpoints::Endpoint;
use super::limits::Windows;
use super::request::{Request, not_found};
use super::{Apollo, KeyScope, Team};
use crate::simulators::exchange::{Answer, Call, Reception, Vendor};

/// What a wrong key is told, as plain text.
const INVALID_KEY: &str = "Invalid API key. See https://docs.apollo.io/docs/create-api-key for how to get one.";

impl Vendor for Apollo {
    const NAME: &'static str = "apollo";

    fn reception(&self) -> &Reception {
        &self.reception
    }

    fn carry_out(&self, call: &Call, headers: &HeaderMap) -> Answer {
        let now = self.reception.clock.now();
        let mut team = self.team();
        team.ledger.received = self.reception.calls();
        if key_of(headers) != Some(self.setup.api_key.as_str()) {
            team.ledger.denied += 1;
            return Answer::text(401, INVALID_KEY);
        }
        let Some((endpoint, id)) = Endpoint::of(&call.method, &call.path) else {
            return not_found();
        };
        if !self.setup.scope.allows(endpoint) {
            team.ledger.denied += 1;
            let message = format!("{} is not accessible with this api_key", endpoint.name());
            return Answer::json(403, &json!({ "error": message, "error_code": "API_INACCESSIBLE" }));
        }
        if team.gated.contains(endpoint.name()) {
            team.ledger.denied += 1;
            let message = format!("{} is available on paid plans only. Please upgrade your plan.", endpoint.name());
            return Answer::json(403, &json!({ "message": message }));
        }
        let limits = self.limits_of(endpoint);
        if let Err(throttled) = team.meter.take(endpoint.name(), limits, now) {
            team.ledger.throttled += 1;
            let headers = team.meter.headers(endpoint.name(), limits);
            return turned_away(&throttled.message, Some(throttled.retry_after)).with_headers(headers);
        }
        *team.ledger.calls.entry(endpoint.name().to_owned()).or_default() += 1;
        let request = Request { setup: &self.setup, endpoint, call, id, at: now };
        let answer = match endpoint {
            Endpoint::ApiUsage => self.api_usage(&team, now),
            _ => team.answer(&request).unwrap_or_else(|refused| refused),
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
        let own = self.setup.endpoint_limits.get(endpoint.name());
        own.copied().unwrap_or_else(|| endpoint.windows(&self.setup.limits))
    }
}

impl Team {
    fn answer(&mut self, request: &Request<'_>) -> Result<Answer, Answer> {
        match request.endpoint {
            Endpoint::Match => self.match_one(request),
            Endpoint::BulkMatch => self.match_many(request),
            Endpoint::PersonShow => self.show_person(request),
            Endpoint::OrganizationEnrich => self.enrich_organization(request),
            Endpoint::OrganizationBulk => self.enrich_organizations(request),
            Endpoint::WebhookResult => Ok(self.poll(request.id, request.at)),
            Endpoint::PeopleSearch => self.search_people(request),
            Endpoint::CompanySearch => self.search_companies(request),
            Endpoint::ContactCreate => self.create_contact(request),
            Endpoint::ContactsCreate => self.create_contacts(request),
            Endpoint::ContactsStage => self.update_stages(request),
            Endpoint::ContactUpdate => self.update_contact(request),
            Endpoint::ContactShow => self.show_contact(request),
            Endpoint::ContactSearch => self.search_contacts(request),
            Endpoint::SequenceSearch => self.search_sequences(request),
            Endpoint::SequenceAdd => self.add_to_sequence(request),
            Endpoint::SequenceRemove => self.remove_from_sequences(request),
            Endpoint::Mailboxes => Ok(self.list_mailboxes()),
            Endpoint::TasksCreate => self.create_tasks(request),
            Endpoint::TasksSearch => self.search_tasks(request),
            Endpoint::CreditUsage => Ok(self.credit_usage()),
            Endpoint::ApiUsage => Ok(not_found()),
            Endpoint::Health => Ok(Answer::json(200, &json!({ "healthy": true, "is_logged_in": true }))),
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

/// The key: documented in `x-api-key`. Apollo's own command line tool sends it as a bearer token, too.
fn key_of(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    text("x-api-key").or_else(|| text("authorization")?.strip_prefix("Bearer "))
}

/// 429, with whole seconds to wait: rounded up, since a fixed window doesn't open a moment earlier.
fn turned_away(message: &str, retry_after: Option<Duration>) -> Answer {
    let seconds = retry_after.map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
    let headers = seconds.map(|seconds| ("retry-after", seconds.to_string()));
    Answer::json(429, &json!({ "message": message })).with_headers(headers)
}
