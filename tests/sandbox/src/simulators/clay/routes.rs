//! What there is to call, who may, and how often.

use std::time::Duration;

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::runs::Standing;
use super::{CREDITS, Clay, ROUTINE_ID, WEBHOOK_ID};
use crate::simulators::account::{Found, State};
use crate::simulators::apollo::Asked;
use crate::simulators::exchange::{Answer, Call, Reception, Vendor};

/// The most items in one run, and on one page.
const ITEMS_MAX: usize = 100;
/// The longest id of an item.
const ID_CHARS_MAX: usize = 64;
/// How many items are on a page, unless it is asked for another number.
const PAGE_DEFAULT: usize = 20;

const API: &str = "/public/v0/";

impl Vendor for Clay {
    const NAME: &'static str = "clay";

    fn reception(&self) -> &Reception {
        &self.account.reception
    }

    fn carry_out(&self, call: &Call, headers: &HeaderMap) -> Answer {
        self.finish();
        let mut state = self.account.state();
        let key = headers.get("clay-api-key").and_then(|key| key.to_str().ok());
        if key != Some(self.account.setup.api_key.as_str()) {
            state.ledger.denied += 1;
            return answer(401, "Authentication failed");
        }
        let Some(path) = call.path.strip_prefix(API) else { return answer(404, "Not found") };
        // Counted by workspace, whatever is called.
        if let Err(throttled) = state.meter.take("workspace", self.account.setup.limits, self.account.now()) {
            state.ledger.throttled += 1;
            return too_many(throttled.retry_after);
        }
        let parts: Vec<&str> = path.split('/').collect();
        match (call.method.as_str(), &parts[..]) {
            ("POST", ["routines", routine, "run"]) => {
                state.let_through("routines/run");
                if *routine != ROUTINE_ID {
                    return answer(404, "Routine not found");
                }
                self.start(&mut state, call)
            }
            ("GET", ["routines", "run", run, "results"]) => {
                state.let_through("routines/run/results");
                self.results(run, call)
            }
            _ => answer(404, "Not found"),
        }
    }

    fn throttled(&self, retry_after: Option<Duration>) -> Answer {
        self.account.state().ledger.throttled += 1;
        too_many(retry_after.unwrap_or(Duration::from_secs(60)))
    }

    fn failed(&self, status: u16) -> Answer {
        answer(status, "Something went wrong")
    }
}

impl Clay {
    /// A workspace without a credit starts no run. What becomes of one that has too few is seen item by item.
    fn start(&self, state: &mut State, call: &Call) -> Answer {
        let body: Value = call.json().unwrap_or_default();
        let items: Vec<&Value> = body["items"].as_array().into_iter().flatten().collect();
        if items.is_empty() || items.len() > ITEMS_MAX {
            return answer(400, "Validation failed");
        }
        let mut asked = Vec::new();
        for item in items {
            let (Some(id), Some(_)) = (item["id"].as_str(), item["inputs"].as_object()) else {
                return answer(400, "Validation failed");
            };
            if id.is_empty() || id.len() > ID_CHARS_MAX {
                return answer(400, "Validation failed");
            }
            let one = asked_of(&item["inputs"]);
            let found = state.find(&one);
            // It is counted as asked about when the run gets to it.
            state.ledger.people_asked -= 1;
            match found {
                Found::Invalid => return answer(400, "Validation failed"),
                Found::Unknown => state.ledger.people_missed -= 1,
                Found::Known(_) | Found::Suppressed => {}
            }
            asked.push((id.to_owned(), one));
        }
        if state.left(CREDITS) <= 0 {
            state.ledger.out_of_credits += 1;
            return answer(402, "You have run out of credits");
        }
        let is_told = body["webhook_id"] == WEBHOOK_ID;
        let run = self.runs.lock().start(asked, call, is_told, self.account.now());
        Answer::json(202, &json!({ "routine_run_id": run, "status": "in_progress" }))
    }

    fn results(&self, run: &str, call: &Call) -> Answer {
        let number = |name| call.parameter(name).and_then(|text| text.parse().ok());
        let (limit, from) = (number("limit").unwrap_or(PAGE_DEFAULT).min(ITEMS_MAX), number("cursor").unwrap_or(0));
        let runs = self.runs.lock();
        match runs.standing(run, self.account.now()) {
            Standing::Unknown => answer(404, "Run not found"),
            Standing::Running { finished, total } => {
                let body =
                    json!({ "routine_run_id": run, "status": "in_progress", "finished": finished, "total": total });
                Answer::json(202, &body)
            }
            Standing::Ended(results) => {
                let page: Vec<&Value> = results.iter().skip(from).take(limit).collect();
                let next = from + page.len();
                let total = results.len();
                let mut body = json!({
                    "routine_run_id": run, "status": "complete", "finished": total, "total": total, "data": page,
                });
                if next < total {
                    body["cursor"] = json!(next.to_string());
                }
                Answer::json(200, &body)
            }
        }
    }
}

fn asked_of(inputs: &Value) -> Asked {
    let text = |name: &str| inputs[name].as_str().map(str::to_owned);
    Asked {
        email: text("email"),
        linkedin_url: text("linkedin_url"),
        first_name: text("first_name"),
        last_name: text("last_name"),
        organization_name: text("company"),
        domain: text("domain"),
        ..Asked::default()
    }
}

/// 429 always says when to come back.
fn too_many(retry_after: Duration) -> Answer {
    answer(429, "Rate limit exceeded").with_headers([("retry-after", retry_after.as_secs().to_string())])
}

fn answer(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "message": message }))
}
