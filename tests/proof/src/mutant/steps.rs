//! Bugs in how one provider is asked after another.

use serde_json::{Value, json};

use super::edit::{answer, is_put, resolves, swallowed, writes};
use super::{Mutant, Part};
use crate::crash::Flow;
use crate::history::Kind;
use leadgate_sandbox::simulators::fault::AnswerEdit;
use leadgate_sandbox::world::{Call, Caller, Rewrite};

pub(super) static BUGS: &[Mutant] = &[
    Mutant {
        bug: "a step is not settled before the next",
        first: Part::Crashes(Flow::Steps),
        rewrite: unsettled_steps,
    },
    Mutant {
        bug: "who may not be told of is taken for unknown, and the next is asked",
        first: Part::HistoriesOf(Kind::Several),
        rewrite: falls_through,
    },
    Mutant {
        bug: "every step is paid from the first provider's wallets",
        first: Part::HistoriesOf(Kind::Several),
        rewrite: wrong_wallets,
    },
    Mutant {
        bug: "whoever is claimed anew begins with the first step",
        first: Part::HistoriesOf(Kind::Several),
        rewrite: restarts,
    },
];

/// Whether an item's name is that of a purchase of a later turn than the first: `hold#…-…-1`, `purchase#…-…-1`.
fn is_of_a_later_turn(name: &str) -> bool {
    let turn = name.split('-').nth(2);
    name.split('-').count() == 3 && turn.is_some_and(|turn| turn.parse::<usize>().is_ok())
}

fn unsettled_steps(call: &Call, body: &Value) -> Option<Rewrite> {
    let is_later = |write: &Value| write["Put"]["Item"]["item"]["S"].as_str().is_some_and(is_of_a_later_turn);
    let writes = writes(call, body);
    writes.iter().any(|write| is_put(write, "purchase") && is_later(write)).then(swallowed)
}

/// A provider's word for those of whom it may not say anything is read as that for those whom it doesn't know.
fn falls_through(call: &Call, _: &Value) -> Option<Rewrite> {
    call.operation.starts_with("lusha ").then(|| {
        Rewrite::Received(AnswerEdit::new(|mut answer| {
            for result in answer["results"].as_array_mut().into_iter().flatten() {
                if result["error"]["code"] == "COMPLIANCE_RESTRICTED" {
                    result["error"] = json!({ "code": "NOT_FOUND", "message": "Contact not found" });
                }
            }
            answer
        }))
    })
}

/// Holds and settlements of all others are made as if they were the first one's.
fn wrong_wallets(call: &Call, body: &Value) -> Option<Rewrite> {
    const NAMES: [(&str, &str); 6] = [
        ("pdl_credits", "credits"),
        ("hunter_searches", "credits"),
        ("lusha_credits", "credits"),
        ("pdl-plan", "plan"),
        ("hunter-plan", "plan"),
        ("lusha-plan", "plan"),
    ];
    let writes = writes(call, body);
    let moves = resolves(writes) || writes.iter().any(|write| is_put(write, "hold") || is_put(write, "purchase"));
    let text = body.to_string();
    let changed = NAMES.iter().fold(text.clone(), |text, (from, to)| text.replace(from, to));
    let is_changed = moves && changed != text;
    is_changed.then(|| serde_json::from_str(&changed).ok().map(Rewrite::Sent))?
}

/// What a record says of who was asked is not read as long as nothing was bought for it, and neither is what is kept for
/// others.
fn restarts(call: &Call, body: &Value) -> Option<Rewrite> {
    if answer(call, body).is_some() {
        return Some(swallowed());
    }
    (call.operation == "dynamodb BatchGetItem" && call.caller == Caller::Worker).then(|| {
        Rewrite::Received(AnswerEdit::new(|mut read| {
            let tables = read["Responses"].as_object_mut().into_iter().flat_map(|tables| tables.values_mut());
            for item in tables.filter_map(Value::as_array_mut).flatten() {
                if let Value::Object(fields) = item
                    && matches!(
                        fields.get("state").and_then(|state| state["S"].as_str()),
                        Some("deferred" | "released")
                    )
                {
                    fields.remove("progress");
                }
            }
            read
        }))
    })
}
