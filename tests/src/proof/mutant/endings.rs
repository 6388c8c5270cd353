//! Bugs in how a purchase ends: in trouble with the store, when the CRM refuses, when the provider's figures tell.

use serde_json::{Value, json};

use super::edit::{is_put, record, rewritten, state, swallowed, writes};
use super::{Mutant, Part};
use crate::proof::crash::Flow;
use crate::proof::history::Kind;
use crate::world::{Call, Caller, Rewrite};

pub(super) static BUGS: &[Mutant] = &[
    Mutant {
        bug: "records in trouble go on naming a purchase that was not called",
        first: Part::Crashes(Flow::TurnedAway),
        rewrite: named_for_ever,
    },
    Mutant { bug: "what the CRM refuses is not kept", first: Part::HistoriesOf(Kind::Rejects), rewrite: unkept },
    Mutant {
        bug: "waiting for too long ends what is fresh",
        first: Part::HistoriesOf(Kind::Windows),
        rewrite: forgets_freshness,
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
    record(call, body).filter(|record| record["failed"]["S"] == "write-rejected")?;
    let mut body = body.clone();
    if let Value::Object(item) = &mut body["Item"] {
        item.remove("patch");
    }
    Some(Rewrite::Sent(body))
}

/// The release closes what has waited for too long: as if it had never been enriched.
fn forgets_freshness(call: &Call, body: &Value) -> Option<Rewrite> {
    record(call, body).filter(|record| state(record) == "written")?;
    let mut body = body.clone();
    if let Value::Object(item) = &mut body["Item"] {
        item.remove("last_enriched");
        item.insert("state".to_owned(), json!({ "S": "refused" }));
        item.insert("refused".to_owned(), json!({ "S": "too-old" }));
    }
    (call.caller == Caller::Release).then_some(Rewrite::Sent(body))
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
