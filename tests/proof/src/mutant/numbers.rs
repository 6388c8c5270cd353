//! Bugs in what becomes of results that arrive later.

use serde_json::{Value, json};

use super::bugs::for_nothing;
use super::edit::{is_put, purchases_later, puts, rewritten, writes};
use super::{Mutant, Part};
use crate::history::Kind;
use leadgate_sandbox::world::{Call, Rewrite};

pub(super) static BUGS: &[Mutant] = &[
    Mutant {
        bug: "a result that can't be had any more costs nothing",
        first: Part::HistoriesOf(Kind::Slow),
        rewrite: free_unknown_results,
    },
    Mutant { bug: "what isn't there yet never comes", first: Part::HistoriesOf(Kind::Slow), rewrite: impatient },
    Mutant { bug: "prices aren't stored with a hold", first: Part::Histories, rewrite: no_prices },
    Mutant { bug: "what a hold was priced with is worth nothing", first: Part::Histories, rewrite: worthless_prices },
];

/// A purchase of what arrives later, of which some is assumed.
fn free_unknown_results(call: &Call, body: &Value) -> Option<Rewrite> {
    let writes = writes(call, body);
    let put = writes.iter().find(|write| is_put(write, "purchase")).filter(|_| purchases_later(writes))?;
    (put["Put"]["Item"]["evidence"]["S"] == "assumed").then(|| for_nothing(body))
}

/// A poll is answered as if there were a result that is empty.
fn impatient(call: &Call, _: &Value) -> Option<Rewrite> {
    let id = call.operation.strip_prefix("apollo GET /api/v1/webhook_result/")?;
    Some(Rewrite::Answered(json!({ "request_id": id, "webhook_result": { "people": [] } })))
}

fn no_prices(call: &Call, body: &Value) -> Option<Rewrite> {
    with_prices(call, body, |item| {
        if let Value::Object(fields) = item {
            fields.remove("prices");
        }
    })
}

fn worthless_prices(call: &Call, body: &Value) -> Option<Rewrite> {
    with_prices(call, body, |item| {
        for price in item["prices"]["L"].as_array_mut().into_iter().flatten() {
            price["M"]["cost"] = json!({ "M": {} });
        }
    })
}

/// A hold that is made, with its prices changed.
fn with_prices(call: &Call, body: &Value, change: impl Fn(&mut Value)) -> Option<Rewrite> {
    puts(writes(call, body), "hold").then(|| {
        rewritten(body, |mut write| {
            if is_put(&write, "hold") {
                change(&mut write["Put"]["Item"]);
            }
            Some(write)
        })
    })
}
