//! Bugs in how a purchase ends: in trouble with the store, when the CRM refuses, when the provider's figures tell.

use serde_json::Value;

use super::edit::{is_put, record, rewritten, state, swallowed, writes};
use super::{Mutant, Part};
use crate::crash::Flow;
use crate::history::Kind;
use leadgate_sandbox::world::{Call, Caller, Rewrite};

pub(super) static BUGS: &[Mutant] = &[
    Mutant {
        bug: "records in trouble go on naming a purchase that was not called",
        first: Part::Crashes(Flow::TurnedAway),
        rewrite: named_for_ever,
    },
    Mutant { bug: "what the CRM refuses is not kept", first: Part::HistoriesOf(Kind::Rejects), rewrite: unkept },
    Mutant {
        bug: "a number that the CRM refuses is not kept",
        first: Part::HistoriesOf(Kind::Rejects),
        rewrite: unkept_number,
    },
    Mutant {
        bug: "a resolution gives nothing back",
        first: Part::HistoriesOf(Kind::Unlucky),
        rewrite: stingy_resolutions,
    },
    Mutant {
        bug: "a resolution is made and not entered",
        first: Part::HistoriesOf(Kind::Unlucky),
        rewrite: silent_resolutions,
    },
];

fn named_for_ever(call: &Call, body: &Value) -> Option<Rewrite> {
    let is_one = |record: &&Value| state(record) == "released" && record.get("claim").is_none();
    record(call, body).filter(is_one)?;
    (call.caller == Caller::Worker).then(swallowed)
}

fn unkept(call: &Call, body: &Value) -> Option<Rewrite> {
    let record = record(call, body).filter(|record| record["failed"]["S"] == "write-rejected")?;
    let has_number = record["patch"]["M"].get("mobilephone").is_some();
    (!has_number).then(|| without_patch(body))
}

fn unkept_number(call: &Call, body: &Value) -> Option<Rewrite> {
    let record = record(call, body).filter(|record| record["failed"]["S"] == "write-rejected")?;
    record["patch"]["M"].get("mobilephone").map(|_| without_patch(body))
}

fn without_patch(body: &Value) -> Rewrite {
    let mut body = body.clone();
    if let Value::Object(item) = &mut body["Item"] {
        item.remove("patch");
    }
    Rewrite::Sent(body)
}

fn resolves_unknowns(call: &Call, body: &Value) -> bool {
    writes(call, body).iter().any(|write| is_put(write, "resolution"))
}

fn stingy_resolutions(call: &Call, body: &Value) -> Option<Rewrite> {
    let is_wallet = |write: &Value| {
        let item = write["Update"]["Key"]["item"]["S"].as_str();
        item.is_some_and(|item| item.starts_with("wallet#"))
    };
    let gives = resolves_unknowns(call, body) && writes(call, body).iter().any(is_wallet);
    gives.then(|| rewritten(body, |write| (!is_wallet(&write)).then_some(write)))
}

fn silent_resolutions(call: &Call, body: &Value) -> Option<Rewrite> {
    resolves_unknowns(call, body).then(|| rewritten(body, |write| (!is_put(&write, "resolution")).then_some(write)))
}
