//! What there is to call, who may, and how often.

use std::time::Duration;

use axum::http::HeaderMap;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::{Map, Value, json};

use super::wire::{Shown, error, person};
use super::{CREDITS, PeopleDataLabs};
use crate::simulators::account::{Found, Price, State};
use crate::simulators::apollo::Asked;
use crate::simulators::exchange::{Answer, Call, Reception, Vendor};

/// What one person costs, in thousandths of a credit.
const PERSON_MILLI: i64 = 1000;

/// The most people in one call.
const REQUESTS_MAX: usize = 100;

const ENRICH: &str = "person/enrich";
const BULK: &str = "person/bulk";

impl Vendor for PeopleDataLabs {
    const NAME: &'static str = "pdl";

    fn reception(&self) -> &Reception {
        &self.0.reception
    }

    fn carry_out(&self, call: &Call, headers: &HeaderMap) -> Answer {
        let mut state = self.0.state();
        let key = headers.get("x-api-key").and_then(|key| key.to_str().ok());
        if key != Some(self.0.setup.api_key.as_str()) {
            state.ledger.denied += 1;
            return answer(401, "authentication_error", "Request contained a missing or invalid key");
        }
        let endpoint = match (call.method.as_str(), call.path.as_str()) {
            ("GET" | "POST", "/v5/person/enrich") => ENRICH,
            ("POST", "/v5/person/bulk") => BULK,
            _ => return answer(404, "invalid_request_error", "There is nothing at this path"),
        };
        if let Err(throttled) = state.meter.take(endpoint, self.0.setup.limits, self.0.now()) {
            state.ledger.throttled += 1;
            return self.with_headers(&state, endpoint, 0, too_many(Some(throttled.retry_after)));
        }
        state.let_through(endpoint);
        let before = state.used_ever;
        let answered = match endpoint {
            ENRICH => self.enrich(&mut state, call),
            _ => self.bulk(&mut state, call),
        };
        let spent = state.used_ever - before;
        self.with_headers(&state, endpoint, spent, answered)
    }

    fn throttled(&self, retry_after: Option<Duration>) -> Answer {
        self.0.state().ledger.throttled += 1;
        too_many(retry_after)
    }

    fn failed(&self, status: u16) -> Answer {
        answer(status, "api_error", "The server encountered an unexpected condition")
    }
}

impl PeopleDataLabs {
    fn enrich(&self, state: &mut State, call: &Call) -> Answer {
        let mut params: Map<String, Value> =
            call.query.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        params.extend(call.json::<Map<String, Value>>().unwrap_or_default());
        if params.is_empty() {
            return answer(400, "invalid_request_error", "Request contained either missing or invalid parameters");
        }
        let item = self.one(state, call, ENRICH, &params);
        let status = item["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        Answer::json(status.unwrap_or(500), &item)
    }

    /// The same as several calls for one, and a status for each.
    fn bulk(&self, state: &mut State, call: &Call) -> Answer {
        let requests = call.json::<Value>().unwrap_or_default()["requests"].as_array().cloned().unwrap_or_default();
        if requests.is_empty() || requests.len() > REQUESTS_MAX {
            return answer(400, "invalid_request_error", "`requests` must have 1 to 100 items");
        }
        if state.left(CREDITS) <= 0 {
            state.ledger.out_of_credits += 1;
            return Answer::json(402, &out_of_credits());
        }
        let nothing = Map::new();
        let params = requests.iter().map(|request| request["params"].as_object().unwrap_or(&nothing));
        let items: Vec<Value> = params.map(|params| self.one(state, call, BULK, params)).collect();
        Answer::json(200, &Value::from(items))
    }

    /// One person. Only a match is charged for, and only while there is something left a person is looked for.
    fn one(&self, state: &mut State, call: &Call, endpoint: &'static str, params: &Map<String, Value>) -> Value {
        let asked = asked(params);
        if state.left(CREDITS) < PERSON_MILLI {
            state.ledger.out_of_credits += 1;
            return out_of_credits();
        }
        let invalid = || error(400, "invalid_request_error", "Request contained either missing or invalid parameters");
        if asked == Asked::default() {
            return invalid();
        }
        let person = match state.find(&asked) {
            Found::Invalid => return invalid(),
            Found::Known(person) => *person,
            Found::Unknown | Found::Suppressed => return unknown(),
        };
        let shown = self::person(&person);
        let likelihood = params.get("min_likelihood").and_then(Value::as_i64).unwrap_or(2);
        if !has(&shown, params) || shown.likelihood < likelihood {
            state.ledger.people_missed += 1;
            return unknown();
        }
        let price = Price { kind: CREDITS, endpoint, asked: &asked, person: &person, milli: PERSON_MILLI };
        match state.pay(&price, call, self.0.now()) {
            true => json!({ "status": 200, "likelihood": shown.likelihood, "data": shown.data }),
            false => out_of_credits(),
        }
    }

    /// The headers, with objects written as the vendor writes them.
    fn with_headers(&self, state: &State, endpoint: &str, spent: i64, answer: Answer) -> Answer {
        let ([minute, ..], closes) = state.meter.used(endpoint);
        let limits = self.0.setup.limits;
        let windows = |minute: Option<u32>| {
            let minute = minute.map_or_else(|| "None".to_owned(), |minute| minute.to_string());
            format!("{{'minute': {minute}, 'day': None, 'month': None}}")
        };
        let remaining = limits.minute.map(|limit| limit.saturating_sub(minute));
        let reset = closes.map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let used = state.used_ever / 1000;
        let headers = [
            ("x-call-credits-type", Some("enrich".to_owned())),
            ("x-call-credits-spent", Some((spent / 1000).to_string())),
            ("x-lifetime-used", Some(used.to_string())),
            ("x-totallimit-remaining", Some((state.left(CREDITS) / 1000).to_string())),
            ("x-ratelimit-limit", Some(windows(limits.minute))),
            ("x-ratelimit-remaining", Some(windows(remaining))),
            ("x-ratelimit-reset", reset),
            ("date", date(self.0.now())),
        ];
        answer.with_headers(headers.into_iter().filter_map(|(name, value)| Some((name, value?))))
    }
}

/// The moment of an answer, in the form of HTTP.
fn date(now: Timestamp) -> Option<String> {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok()
}

/// Whether the person has what a match has to have.
fn has(shown: &Shown, params: &Map<String, Value>) -> bool {
    let Some(required) = params.get("required").and_then(Value::as_str) else { return true };
    required.split(" OR ").any(|field| shown.data.get(field).is_some_and(|value| !value.is_null()))
}

fn asked(params: &Map<String, Value>) -> Asked {
    let text = |name: &str| params.get(name).and_then(Value::as_str).map(str::to_owned);
    let company = text("company");
    let (domain, organization_name) = match company {
        Some(site) if site.contains('.') => (Some(site), None),
        name => (None, name),
    };
    Asked {
        id: None,
        email: text("email"),
        linkedin_url: text("profile"),
        first_name: text("first_name"),
        last_name: text("last_name"),
        name: text("name"),
        organization_name,
        domain,
    }
}

fn unknown() -> Value {
    error(404, "not_found", "No records were found matching your request")
}

fn out_of_credits() -> Value {
    error(402, "payment_required", "You have reached your account maximum (all matches have been used)")
}

/// 429. The vendor sends no `Retry-After`; a fault may ask for one.
fn too_many(retry_after: Option<Duration>) -> Answer {
    let headers = retry_after.map(|wait| ("retry-after", wait.as_secs().to_string()));
    answer(429, "rate_limit_error", "An error occurred due to requests hitting the API too quick").with_headers(headers)
}

fn answer(status: u16, kind: &str, message: &str) -> Answer {
    Answer::json(status, &error(status, kind, message))
}
