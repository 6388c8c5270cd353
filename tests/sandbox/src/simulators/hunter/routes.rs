//! What there is to call, who may, and how often.

use std::time::Duration;

use axum::http::HeaderMap;
use jiff::ToSpan;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::wire::{combined, error, finder, verified};
use super::{Hunter, SEARCHES, VERIFICATIONS};
use crate::simulators::account::{Found, Price, State};
use crate::simulators::apollo::{Asked, Person, Windows};
use crate::simulators::exchange::{Answer, Call, Reception, Vendor};

/// What an address that is found costs, in thousandths of a search.
const ADDRESS_MILLI: i64 = 1000;
/// What is known of an address costs.
const PERSON_MILLI: i64 = 200;

const FINDER: &str = "email-finder";
const COMBINED: &str = "combined/find";
const VERIFIER: &str = "email-verifier";
const ACCOUNT: &str = "account";

/// What is said of an address costs, in thousandths of a verification.
const VERDICT_MILLI: i64 = 1000;
/// How often addresses may be checked.
const VERIFIER_LIMITS: Windows = Windows::per_minute(300);

impl Vendor for Hunter {
    const NAME: &'static str = "hunter";

    fn reception(&self) -> &Reception {
        &self.account.reception
    }

    fn carry_out(&self, call: &Call, headers: &HeaderMap) -> Answer {
        let mut state = self.account.state();
        let key = headers.get("x-api-key").and_then(|key| key.to_str().ok()).or_else(|| call.parameter("api_key"));
        if key != Some(self.account.setup.api_key.as_str()) {
            state.ledger.denied += 1;
            return answer(401, "authentication_failed", "No user found for the API key supplied");
        }
        let endpoint = match (call.method.as_str(), call.path.as_str()) {
            ("GET", "/v2/email-finder") => FINDER,
            ("GET", "/v2/combined/find") => COMBINED,
            ("GET", "/v2/email-verifier") => VERIFIER,
            ("GET", "/v2/account") => ACCOUNT,
            _ => return Answer::text(404, "<html>Not found</html>"),
        };
        let limits = if endpoint == VERIFIER { VERIFIER_LIMITS } else { self.account.setup.limits };
        if state.meter.take(endpoint, limits, self.account.now()).is_err() {
            state.ledger.throttled += 1;
            return too_many(None);
        }
        state.let_through(endpoint);
        match endpoint {
            FINDER => self.find(&mut state, call),
            COMBINED => self.combined(&mut state, call),
            VERIFIER => self.verify(&mut state, call),
            _ => self.account_of(&state),
        }
    }

    fn throttled(&self, retry_after: Option<Duration>) -> Answer {
        self.account.state().ledger.throttled += 1;
        too_many(retry_after)
    }

    fn failed(&self, status: u16) -> Answer {
        answer(status, "internal_error", "Something went wrong on Hunter's end")
    }
}

impl Hunter {
    fn find(&self, state: &mut State, call: &Call) -> Answer {
        let text = |name: &str| call.parameter(name).map(str::to_owned);
        let asked = Asked {
            first_name: text("first_name"),
            last_name: text("last_name"),
            name: text("full_name"),
            domain: text("domain"),
            organization_name: text("company"),
            linkedin_url: text("linkedin_handle").map(|handle| format!("https://www.linkedin.com/in/{handle}")),
            ..Asked::default()
        };
        let is_address = |person: &Person| person.email.is_some();
        self.sell(state, call, FINDER, &asked, ADDRESS_MILLI, |person| is_address(person).then(|| finder(person)))
    }

    fn combined(&self, state: &mut State, call: &Call) -> Answer {
        let Some(email) = call.parameter("email").filter(|email| email.contains('@')) else { return wrong() };
        self.sell(state, call, COMBINED, &Asked::email(email), PERSON_MILLI, |person| Some(combined(person)))
    }

    /// Charges for what it can tell of an address, once in a cycle.
    fn verify(&self, state: &mut State, call: &Call) -> Answer {
        let Some(address) = call.parameter("email").filter(|email| email.contains('@')) else { return wrong() };
        if state.is_suppressed(address) {
            return answer(451, "claimed_email", "The person asked us not to process their data");
        }
        let verdict = self.verdict(address);
        let milli = if matches!(verdict, "unknown" | "disposable") { 0 } else { VERDICT_MILLI };
        match state.pay_for_a_verdict((VERIFICATIONS, VERIFIER), call, self.account.now(), address, milli) {
            true => Answer::json(200, &json!({ "data": verified(address, verdict) })),
            false => out_of_credits(),
        }
    }

    /// Charges for a person who is known, once in a cycle.
    fn sell(
        &self,
        state: &mut State,
        call: &Call,
        endpoint: &'static str,
        asked: &Asked,
        milli: i64,
        shown: impl Fn(&Person) -> Option<Value>,
    ) -> Answer {
        if *asked == Asked::default() {
            return wrong();
        }
        if state.left(SEARCHES) < milli {
            state.ledger.out_of_credits += 1;
            return out_of_credits();
        }
        let person = match state.find(asked) {
            Found::Invalid => return wrong(),
            Found::Suppressed => return answer(451, "claimed_email", "The person asked us not to process their data"),
            Found::Unknown if endpoint == FINDER => return Answer::json(200, &json!({ "data": { "email": null } })),
            Found::Unknown => return answer(404, "not_found", "The person was not found"),
            Found::Known(person) => person,
        };
        let Some(shown) = shown(&person) else { return answer(404, "not_found", "The person was not found") };
        let milli = if state.was_paid(SEARCHES, &person) { 0 } else { milli };
        let price = Price { kind: SEARCHES, endpoint, asked, person: &person, milli };
        match state.pay(&price, call, self.account.now()) {
            true => Answer::json(200, &json!({ "data": shown, "meta": { "params": {} } })),
            false => out_of_credits(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "some thousand")]
    fn account_of(&self, state: &State) -> Answer {
        let began = state.began.to_zoned(TimeZone::UTC);
        let resets = began.checked_add(1.month()).unwrap_or(began).date().to_string();
        let pool = |kind: &'static str| {
            let (used, left) = (state.used(kind), state.left(kind));
            json!({ "used": used as f64 / 1000.0, "available": (used + left) as f64 / 1000.0 })
        };
        let requests = json!({ "searches": pool(SEARCHES), "verifications": pool(VERIFICATIONS) });
        Answer::json(200, &json!({ "data": { "plan_name": "Starter", "reset_date": resets, "requests": requests } }))
    }
}

fn out_of_credits() -> Answer {
    let said = "You've reached the limit for the number of searches per billing period included in your plan.";
    answer(429, "too_many_requests", said)
}

/// It says nothing of how long to wait; a fault may ask for that.
fn too_many(retry_after: Option<Duration>) -> Answer {
    let headers = retry_after.map(|wait| ("retry-after", wait.as_secs().to_string()));
    answer(403, "too_many_requests", "You have reached the rate limit").with_headers(headers)
}

fn wrong() -> Answer {
    answer(400, "wrong_params", "The supplied parameters are invalid")
}

fn answer(status: u16, id: &str, details: &str) -> Answer {
    Answer::json(status, &error(status, id, details))
}
