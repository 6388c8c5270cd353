//! What there is to call, who may, and how often.

use std::time::Duration;

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::wire::{error, preview, revealed};
use super::{CREDITS, Lusha};
use crate::simulators::account::{Found, Price, State};
use crate::simulators::apollo::{Asked, Person};
use crate::simulators::exchange::{Answer, Call, Reception, Vendor};

/// What a search costs for so many results, in thousandths of a credit: at least once with each call.
const SEARCH_MILLI: i64 = 1000;
const RESULTS_OF_A_SEARCH: usize = 25;
/// What is revealed costs, once for each person.
const EMAIL_MILLI: i64 = 1000;
const PHONE_MILLI: i64 = 5000;

/// The most people in one call.
const CONTACTS_MAX: usize = 100;

const SEARCH: &str = "v3/contacts/search";
const BOTH: &str = "v3/contacts/search-and-enrich";
const USAGE: &str = "v3/account/usage";
/// What its limits count: all calls of an account.
const METER: &str = "v3";

impl Vendor for Lusha {
    const NAME: &'static str = "lusha";

    fn reception(&self) -> &Reception {
        &self.0.reception
    }

    fn carry_out(&self, call: &Call, headers: &HeaderMap) -> Answer {
        let mut state = self.0.state();
        let key = headers.get("api_key").and_then(|key| key.to_str().ok());
        if key != Some(self.0.setup.api_key.as_str()) {
            state.ledger.denied += 1;
            return answer(401, "Invalid API key");
        }
        let endpoint = match (call.method.as_str(), call.path.as_str()) {
            ("POST", "/v3/contacts/search") => SEARCH,
            ("POST", "/v3/contacts/search-and-enrich") => BOTH,
            ("GET", "/v3/account/usage") => USAGE,
            _ => return answer(404, "Not Found"),
        };
        if state.meter.take(METER, self.0.setup.limits, self.0.now()).is_err() {
            state.ledger.throttled += 1;
            return self.with_headers(&state, too_many(None));
        }
        state.let_through(endpoint);
        let answered = match endpoint {
            USAGE => self.usage(&state),
            _ => self.sell(&mut state, call, endpoint),
        };
        self.with_headers(&state, answered)
    }

    fn throttled(&self, retry_after: Option<Duration>) -> Answer {
        self.0.state().ledger.throttled += 1;
        too_many(retry_after)
    }

    fn failed(&self, status: u16) -> Answer {
        answer(status, "Internal server error")
    }
}

/// What is to be bought for one of those who are asked about.
struct Order {
    asked: Asked,
    person: Person,
    /// What is revealed, with its price.
    reveals: Vec<(&'static str, i64)>,
}

impl Lusha {
    /// A search, and what it reveals. The credits have to suffice for all of it, or none of it is done.
    fn sell(&self, state: &mut State, call: &Call, endpoint: &'static str) -> Answer {
        let body = call.json::<Value>().unwrap_or_default();
        let contacts = body["contacts"].as_array().cloned().unwrap_or_default();
        if contacts.is_empty() || contacts.len() > CONTACTS_MAX {
            return answer(400, "contacts must contain 1 to 100 items");
        }
        let has = |word: &str| body["reveal"].as_array().is_some_and(|words| words.iter().any(|own| own == word));
        let reveals = [endpoint == BOTH && has("emails"), endpoint == BOTH && has("phones")];
        let mut orders = Vec::new();
        let mut results = Vec::new();
        for contact in &contacts {
            let asked = asked(contact);
            let result = match state.find(&asked) {
                Found::Invalid => return answer(400, "contacts contain an invalid email"),
                Found::Unknown => failed("NOT_FOUND", "Contact not found"),
                Found::Suppressed => failed("COMPLIANCE_RESTRICTED", "The contact may not be shown"),
                Found::Known(person) => {
                    let mut bought = prices(&person, reveals);
                    bought.retain(|(what, _)| !state.was_paid(what, &person));
                    let shown = if endpoint == BOTH { revealed(&person, reveals) } else { preview(&person) };
                    orders.push(Order { asked, person: *person, reveals: bought });
                    shown
                }
            };
            let mut result = result;
            result["clientReferenceId"] = contact["clientReferenceId"].clone();
            results.push(result);
        }
        let searches = orders.len().div_ceil(RESULTS_OF_A_SEARCH).max(1);
        let searches = i64::try_from(searches).unwrap_or(i64::MAX).saturating_mul(SEARCH_MILLI);
        let charged = searches + orders.iter().flat_map(|order| &order.reveals).map(|(_, milli)| milli).sum::<i64>();
        if state.left(CREDITS) < charged {
            state.ledger.out_of_credits += 1;
            return answer(402, "Insufficient credits for this operation");
        }
        self.charge(state, call, endpoint, searches, orders);
        let billing = json!({ "creditsCharged": charged / 1000, "resultsReturned": contacts.len() });
        Answer::json(
            200,
            &json!({ "requestId": format!("call-{}", call.index), "results": results, "billing": billing }),
        )
    }

    /// The search is charged along with the first who is known, else to no one by name.
    fn charge(&self, state: &mut State, call: &Call, endpoint: &'static str, searches: i64, orders: Vec<Order>) {
        let mut rest = searches;
        for Order { asked, person, reveals } in &orders {
            let milli = reveals.iter().map(|(_, milli)| milli).sum::<i64>() + std::mem::take(&mut rest);
            let price = Price { kind: CREDITS, endpoint, asked, person, milli };
            state.pay(&price, call, self.0.now());
            reveals.iter().for_each(|(what, _)| state.note_paid(what, person));
        }
        if rest > 0 {
            state.pay_for_a_call(CREDITS, endpoint, call, self.0.now(), rest);
        }
    }

    fn usage(&self, state: &State) -> Answer {
        let (used, left) = (state.used(CREDITS) / 1000, state.left(CREDITS) / 1000);
        let credits = json!({ "total": used + left, "used": used, "remaining": left });
        let plan =
            json!({ "category": "professional", "renewalType": "monthly", "startDate": state.began.to_string() });
        Answer::json(200, &json!({ "credits": credits, "plan": plan, "rateLimits": {}, "pricing": {} }))
    }

    fn with_headers(&self, state: &State, answer: Answer) -> Answer {
        const NAMES: [[&str; 3]; 3] = [
            ["x-rate-limit-minute", "x-minute-usage", "x-minute-requests-left"],
            ["x-rate-limit-hourly", "x-hourly-usage", "x-hourly-requests-left"],
            ["x-rate-limit-daily", "x-daily-usage", "x-daily-requests-left"],
        ];
        let (used, _) = state.meter.used(METER);
        let windows = NAMES.into_iter().zip(used).zip(self.0.setup.limits.each());
        let headers = windows.filter_map(|((names, used), most)| {
            let most = most?;
            let values = [most, used, most.saturating_sub(used)];
            Some(names.into_iter().zip(values.map(|value| value.to_string())))
        });
        answer.with_headers(headers.flatten())
    }
}

/// What is to be revealed of a person, if it is there, with its price.
fn prices(person: &Person, [emails, phones]: [bool; 2]) -> Vec<(&'static str, i64)> {
    let email = (emails && person.email.is_some()).then_some(("emails", EMAIL_MILLI));
    let phone = (phones && person.mobile.is_some()).then_some(("phones", PHONE_MILLI));
    email.into_iter().chain(phone).collect()
}

fn asked(contact: &Value) -> Asked {
    let text = |name: &str| contact[name].as_str().map(str::to_owned);
    Asked {
        email: text("email"),
        linkedin_url: text("linkedinUrl"),
        first_name: text("firstName"),
        last_name: text("lastName"),
        organization_name: text("companyName"),
        domain: text("companyDomain"),
        ..Asked::default()
    }
}

fn failed(code: &str, message: &str) -> Value {
    json!({ "error": { "code": code, "message": message } })
}

/// 429. It sends no `Retry-After`; a fault may ask for one.
fn too_many(retry_after: Option<Duration>) -> Answer {
    let headers = retry_after.map(|wait| ("retry-after", wait.as_secs().to_string()));
    answer(429, "Rate limit exceeded").with_headers(headers)
}

fn answer(status: u16, message: &str) -> Answer {
    Answer::json(status, &error(status, message))
}
