//! Bugs in what a changed plan, a new cycle and a long line of parked leads ask for.

use serde_json::{Value, json};

use super::edit::{is_put, record, rewritten, state, swallowed, writes};
use super::{Mutant, Part};
use crate::history::Kind;
use leadgate_sandbox::simulators::fault::AnswerEdit;
use leadgate_sandbox::world::{Call, Caller, Rewrite};

pub(super) static BUGS: &[Mutant] = &[
    Mutant {
        bug: "a wallet of a plan that is gone stays open",
        first: Part::HistoriesOf(Kind::Changes),
        rewrite: lasting_plans,
    },
    Mutant { bug: "a changed grant is ignored", first: Part::HistoriesOf(Kind::Changes), rewrite: lasting_grants },
    Mutant {
        bug: "what is under way is not moved at a boundary",
        first: Part::HistoriesOf(Kind::Exact),
        rewrite: no_carry,
    },
    Mutant { bug: "moving a hold changes nothing", first: Part::HistoriesOf(Kind::Exact), rewrite: no_moves },
    Mutant { bug: "a newer event doesn't renew a wait", first: Part::HistoriesOf(Kind::Windows), rewrite: no_renewal },
    Mutant { bug: "only the first of the parked are looked at", first: Part::Crowded, rewrite: first_page_only },
    Mutant {
        bug: "who was bought is not remembered",
        first: Part::HistoriesOf(Kind::Free),
        rewrite: bought_for_nobody,
    },
    Mutant { bug: "what is sent anew is lost", first: Part::HistoriesOf(Kind::Outages), rewrite: lost_anew },
];

/// The reasons of the changes of plans that a transaction enters.
fn changes<'v>(call: &Call, body: &'v Value) -> impl Iterator<Item = &'v str> {
    let entered = writes(call, body).iter().filter(|write| is_put(write, "plan-change"));
    entered.filter_map(|write| write["Put"]["Item"]["reason"]["S"].as_str())
}

fn lasting_plans(call: &Call, body: &Value) -> Option<Rewrite> {
    changes(call, body).any(|reason| matches!(reason, "superseded" | "removed")).then(swallowed)
}

fn lasting_grants(call: &Call, body: &Value) -> Option<Rewrite> {
    changes(call, body).any(|reason| reason == "grant-changed").then(swallowed)
}

/// A wallet opens as if nothing were to be moved into it.
/// Neither is a new wallet marked, nor does a closed one show that something is held in it.
fn no_carry(call: &Call, body: &Value) -> Option<Rewrite> {
    let reads_wallets = body["ExpressionAttributeValues"][":prefix"]["S"] == "wallet#";
    if call.operation == "dynamodb Query" && reads_wallets && call.caller != Caller::Observer {
        return Some(Rewrite::Received(AnswerEdit::new(|mut answer| {
            for wallet in answer["Items"].as_array_mut().into_iter().flatten() {
                wallet["held"] = json!({ "M": {} });
            }
            answer
        })));
    }
    let marked = |write: &Value| is_put(write, "wallet") && write["Put"]["Item"].get("carrying").is_some();
    writes(call, body).iter().any(marked).then(|| {
        rewritten(body, |mut write| {
            if let Some(Value::Object(item)) = write.pointer_mut("/Put/Item") {
                item.remove("carrying");
            }
            Some(write)
        })
    })
}

fn no_moves(call: &Call, body: &Value) -> Option<Rewrite> {
    let moves = |write: &Value| write["Update"]["Key"]["item"]["S"].as_str().is_some_and(|it| it.starts_with("hold#"));
    writes(call, body).iter().any(moves).then(swallowed)
}

/// A parked record that is parked again with another time of its request.
fn no_renewal(call: &Call, body: &Value) -> Option<Rewrite> {
    let record = record(call, body).filter(|record| state(record) == "deferred")?;
    let rev: u64 = record["rev"]["N"].as_str()?.parse().ok()?;
    (call.caller == Caller::Worker && rev > 1 && record.get("claim").is_none()).then(swallowed)
}

fn first_page_only(call: &Call, body: &Value) -> Option<Rewrite> {
    let goes_on = call.operation == "dynamodb Query" && body["IndexName"].is_string();
    let goes_on = goes_on && body.get("ExclusiveStartKey").is_some();
    goes_on.then(|| Rewrite::Answered(json!({ "Items": [], "Count": 0, "ScannedCount": 0 })))
}

fn bought_for_nobody(call: &Call, body: &Value) -> Option<Rewrite> {
    record(call, body)?.get("bought_for")?;
    let mut body = body.clone();
    if let Value::Object(item) = &mut body["Item"] {
        item.remove("bought_for");
    }
    Some(Rewrite::Sent(body))
}

fn lost_anew(call: &Call, _: &Value) -> Option<Rewrite> {
    let sends = call.operation == "sqs SendMessageBatch" && call.caller == Caller::Worker;
    sends.then(|| Rewrite::Answered(json!({ "Successful": [], "Failed": [] })))
}
