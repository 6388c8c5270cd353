//! What there is to call, who may, and how often.

use std::time::Duration;

use axum::http::HeaderMap;
use jiff::Timestamp;
use leadgate_enrichment::clock::{days, later};
use serde_json::{Value, json};

use super::wire::{contact, error, has, no_match};
use super::{CLIENT_ID, CREDITS, ZoomInfo};
use crate::simulators::account::{Found, Price, State};
use crate::simulators::apollo::{Asked, Person};
use crate::simulators::exchange::{Answer, Call, Reception, Vendor};

/// What a record costs that isn't under management, in thousandths of a credit.
const RECORD_MILLI: i64 = 1000;
/// For how long one is, from when it was paid for.
const UNDER_MANAGEMENT: Duration = days(365);
/// How long an access token is good.
const TOKEN_LIFE: Duration = Duration::from_secs(60 * 60);

/// The most people in one call.
const PEOPLE_MAX: usize = 25;

const TOKEN: &str = "oauth/v1/token";
const ENRICH: &str = "data/v1/contacts/enrich";
const USAGE: &str = "data/v1/users/usage";
/// What its limits count: all calls of an account.
const METER: &str = "gtm";

impl Vendor for ZoomInfo {
    const NAME: &'static str = "zoominfo";

    fn reception(&self) -> &Reception {
        &self.account.reception
    }

    fn carry_out(&self, call: &Call, headers: &HeaderMap) -> Answer {
        let endpoint = match (call.method.as_str(), call.path.as_str()) {
            ("POST", "/gtm/oauth/v1/token") => TOKEN,
            ("POST", "/gtm/data/v1/contacts/enrich") => ENRICH,
            ("GET", "/gtm/data/v1/users/usage") => USAGE,
            _ => return answer(404, "ZI0005", "Not found"),
        };
        if endpoint == TOKEN {
            return self.give_token(call);
        }
        let mut state = self.account.state();
        let token = headers.get("authorization").and_then(|token| token.to_str().ok()?.strip_prefix("Bearer "));
        if !token.is_some_and(|token| self.is_good(token)) {
            state.ledger.denied += 1;
            return answer(401, "ZI0001", "Your session has expired. Please provide a valid token and try again.");
        }
        let now = self.account.now();
        if let Err(throttled) = state.meter.take(METER, self.account.setup.limits, now) {
            state.ledger.throttled += 1;
            return self.with_headers(&state, too_many(Some(throttled.retry_after)));
        }
        state.let_through(endpoint);
        let answered = match endpoint {
            ENRICH => self.enrich(&mut state, call, now),
            _ => usage(&state),
        };
        self.with_headers(&state, answered)
    }

    fn throttled(&self, retry_after: Option<Duration>) -> Answer {
        self.account.state().ledger.throttled += 1;
        too_many(retry_after)
    }

    fn failed(&self, status: u16) -> Answer {
        answer(status, "PFAPI0007", "Internal Server Error")
    }
}

impl ZoomInfo {
    fn give_token(&self, call: &Call) -> Answer {
        let form = call.form();
        let is = |name: &str, expected: &str| form.get(name).map(String::as_str) == Some(expected);
        let is_client = is("client_id", CLIENT_ID) && is("client_secret", &self.account.setup.api_key);
        if !is_client || !is("grant_type", "client_credentials") {
            self.account.state().ledger.denied += 1;
            return Answer::json(401, &json!({ "error": "invalid_client" }));
        }
        let mut tokens = self.tokens.lock();
        let token = format!("simulated-access-token-{}", tokens.len());
        tokens.insert(token.clone(), later(self.account.now(), TOKEN_LIFE));
        let life = TOKEN_LIFE.as_secs();
        Answer::json(200, &json!({ "token_type": "Bearer", "expires_in": life, "access_token": token }))
    }

    fn is_good(&self, token: &str) -> bool {
        self.tokens.lock().get(token).is_some_and(|until| self.account.now() < *until)
    }

    fn enrich(&self, state: &mut State, call: &Call, now: Timestamp) -> Answer {
        let attributes = call.json::<Value>().unwrap_or_default()["data"]["attributes"].clone();
        let texts = |name: &str| -> Vec<String> {
            let items = attributes[name].as_array().into_iter().flatten();
            items.filter_map(|item| Some(item.as_str()?.to_owned())).collect()
        };
        let (fields, required) = (texts("outputFields"), texts("requiredFields"));
        let inputs = attributes["matchPersonInput"].as_array().cloned().unwrap_or_default();
        if inputs.is_empty() || inputs.len() > PEOPLE_MAX {
            return answer(400, "PFAPI0002", "matchPersonInput must have 1 to 25 items");
        }
        if fields.is_empty() {
            return answer(400, "PFAPI0002", "Required request parameters are missing: outputFields");
        }
        let data: Vec<Value> =
            inputs.iter().map(|input| self.one(state, call, now, input, [&fields, &required])).collect();
        Answer::json(200, &json!({ "data": data }))
    }

    /// One person. A record is charged for unless it is under management, and only while there is something left.
    fn one(
        &self,
        state: &mut State,
        call: &Call,
        now: Timestamp,
        input: &Value,
        [fields, required]: [&Vec<String>; 2],
    ) -> Value {
        let asked = asked(input);
        if asked == Asked::default() {
            return no_match(input, "INVALID_INPUT");
        }
        let person = match state.find(&asked) {
            Found::Invalid => return no_match(input, "INVALID_INPUT"),
            Found::Unknown => return no_match(input, "NO_MATCH"),
            Found::Suppressed => return no_match(input, "OPT_OUT"),
            Found::Known(person) => *person,
        };
        if !required.iter().all(|field| has(&person, field)) {
            state.ledger.people_missed += 1;
            return no_match(input, "NON_MATCH_BY_REQUIRED_FIELDS");
        }
        let milli = if is_under_management(state, &person, now) { 0 } else { RECORD_MILLI };
        let price = Price { kind: CREDITS, endpoint: ENRICH, asked: &asked, person: &person, milli };
        match state.pay(&price, call, now) {
            true => contact(&person, input, fields),
            false => {
                state.ledger.out_of_credits += 1;
                no_match(input, "LIMIT_EXCEEDED")
            }
        }
    }

    fn with_headers(&self, state: &State, answer: Answer) -> Answer {
        const NAMES: [[&str; 2]; 2] = [
            ["x-ratelimit-limit-hour", "x-ratelimit-remaining-hour"],
            ["x-ratelimit-limit-day", "x-ratelimit-remaining-day"],
        ];
        let (used, _) = state.meter.used(METER);
        let windows = NAMES.into_iter().zip(used.into_iter().zip(self.account.setup.limits.each()).skip(1));
        let headers = windows.filter_map(|(names, (used, most))| {
            let most = most?;
            Some(names.into_iter().zip([most, most.saturating_sub(used)].map(|value| value.to_string())))
        });
        answer.with_headers(headers.flatten())
    }
}

fn is_under_management(state: &State, person: &Person, now: Timestamp) -> bool {
    state.last_paid(CREDITS, person).is_some_and(|paid| now < later(paid, UNDER_MANAGEMENT))
}

fn usage(state: &State) -> Answer {
    let (used, left) = (state.used(CREDITS) / 1000, state.left(CREDITS) / 1000);
    let kind = |name: &str, used: i64, total: i64| json!({ "limitType": name, "totalLimit": total, "currentUsage": used, "usageRemaining": total - used });
    let asked = i64::try_from(state.ledger.people_asked).unwrap_or(i64::MAX);
    let usage = [kind("record", asked, 25 * (used + left)), kind("uniqueID", used, used + left)];
    Answer::json(200, &json!({ "data": [{ "id": "1", "type": "UserUsage", "attributes": { "usage": usage } }] }))
}

fn asked(input: &Value) -> Asked {
    let text = |name: &str| input[name].as_str().map(str::to_owned);
    Asked {
        email: text("emailAddress"),
        linkedin_url: text("externalURL"),
        first_name: text("firstName"),
        last_name: text("lastName"),
        organization_name: text("companyName"),
        ..Asked::default()
    }
}

fn too_many(retry_after: Option<Duration>) -> Answer {
    let headers = retry_after.map(|wait| ("retry-after", wait.as_secs().to_string()));
    answer(429, "ZI0004", "You have exceeded the rate limit for this resource. Please try again later.")
        .with_headers(headers)
}

fn answer(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &error(status, code, message))
}
