//! What there is to call, who may, and how often.

use std::time::Duration;

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::wire::{contact, error, preview, redeem_id};
use super::{CREDITS, Cognism};
use crate::simulators::account::{Found, Price, State};
use crate::simulators::apollo::Asked;
use crate::simulators::exchange::{Answer, Call, Reception, Vendor};

/// What a contact costs the first time, in thousandths of a credit.
const CONTACT_MILLI: i64 = 1000;
/// How many previews there are for each credit.
const PREVIEWS_PER_CREDIT: i64 = 10;

/// The most contacts in one call.
const REDEEM_IDS_MAX: usize = 20;

const ENRICH: &str = "contact/enrich";
const REDEEM: &str = "contact/redeem";

impl Vendor for Cognism {
    const NAME: &'static str = "cognism";

    fn reception(&self) -> &Reception {
        &self.account.reception
    }

    fn carry_out(&self, call: &Call, headers: &HeaderMap) -> Answer {
        let mut state = self.account.state();
        let key = headers.get("authorization").and_then(|key| key.to_str().ok());
        if key.and_then(|key| key.strip_prefix("Bearer ")) != Some(self.account.setup.api_key.as_str()) {
            state.ledger.denied += 1;
            return answer(401, "MissingCredentials", "Missing required credentials");
        }
        let endpoint = match (call.method.as_str(), call.path.as_str()) {
            ("POST", "/api/search/contact/enrich") => ENRICH,
            ("POST", "/api/search/contact/redeem") => REDEEM,
            _ => return answer(404, "RouteNotFound", "Not found"),
        };
        let body: Value = call.json().unwrap_or_default();
        let ids: Vec<String> = body["redeemIds"].as_array().into_iter().flatten().map(text).collect();
        // It is records that are counted.
        for _ in 0..ids.len().max(1) {
            if state.meter.take(endpoint, self.account.setup.limits, self.account.now()).is_err() {
                state.ledger.throttled += 1;
                return too_many(None);
            }
        }
        state.let_through(endpoint);
        match endpoint {
            ENRICH => self.enrich(&mut state, &body),
            _ => self.redeem(&mut state, call, &ids),
        }
    }

    fn throttled(&self, retry_after: Option<Duration>) -> Answer {
        self.account.state().ledger.throttled += 1;
        too_many(retry_after)
    }

    fn failed(&self, status: u16) -> Answer {
        answer(status, "InternalError", "Something went wrong")
    }
}

impl Cognism {
    /// The best match, without values.
    fn enrich(&self, state: &mut State, body: &Value) -> Answer {
        let asked = asked(body);
        if asked == Asked::default() {
            return answer(400, "BadRequest", "At least one field is required");
        }
        let mut previews = self.previews.lock();
        let (cycle, count) = previews.counted;
        let count = if cycle == state.began { count } else { 0 };
        let granted = (state.left(CREDITS) + state.used(CREDITS)) / 1000;
        if count >= granted * PREVIEWS_PER_CREDIT {
            state.ledger.out_of_credits += 1;
            return answer(403, "Forbidden", "You have reached your preview limit. Please contact your CSM.");
        }
        match state.find(&asked) {
            Found::Invalid => answer(400, "BadRequest", "email is invalid"),
            Found::Unknown | Found::Suppressed => Answer::json(200, &json!({ "results": [] })),
            Found::Known(person) => {
                previews.counted = (state.began, count + 1);
                previews.shown.insert(redeem_id(&person), asked);
                Answer::json(200, &json!({ "matchScore": 42, "results": [preview(&person)] }))
            }
        }
    }

    /// All that is known of those who were found. The credits have to suffice for all who are new.
    fn redeem(&self, state: &mut State, call: &Call, ids: &[String]) -> Answer {
        if ids.is_empty() || ids.len() > REDEEM_IDS_MAX {
            return answer(400, "BadRequest", "redeemIds must have 1 to 20 items");
        }
        let mut orders = Vec::new();
        for id in ids {
            let asked = self.previews.lock().shown.get(id).cloned();
            let Some(asked) = asked else { return answer(400, "BadRequest", "redeemId is invalid") };
            // It was counted as asked about when it was found.
            state.ledger.people_asked -= 1;
            if let Found::Known(person) = state.find(&asked) {
                let milli = if state.last_paid(CREDITS, &person).is_some() { 0 } else { CONTACT_MILLI };
                orders.push((asked, person, milli));
            }
        }
        if state.left(CREDITS) < orders.iter().map(|(.., milli)| milli).sum() {
            state.ledger.out_of_credits += 1;
            return answer(403, "InsufficientCredits", "You don't have enough credits. Please contact your CSM.");
        }
        for (asked, person, milli) in &orders {
            let price = Price { kind: CREDITS, endpoint: REDEEM, asked, person, milli: *milli };
            state.pay(&price, call, self.account.now());
        }
        let results: Vec<Value> = orders.iter().map(|(_, person, _)| contact(person)).collect();
        Answer::json(200, &json!({ "totalResults": results.len(), "results": results }))
    }
}

fn asked(body: &Value) -> Asked {
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    Asked {
        email: text("email"),
        linkedin_url: text("linkedinUrl"),
        first_name: text("firstName"),
        last_name: text("lastName"),
        organization_name: text("accountName"),
        domain: text("accountWebsite"),
        ..Asked::default()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// 429. It sends no `Retry-After`; a fault may ask for one.
fn too_many(retry_after: Option<Duration>) -> Answer {
    let headers = retry_after.map(|wait| ("retry-after", wait.as_secs().to_string()));
    answer(429, "TooManyRequests", "Rate limit exceeded").with_headers(headers)
}

fn answer(status: u16, key: &str, message: &str) -> Answer {
    Answer::json(status, &error(status, key, message))
}
