//! Bugs of reasoning: a step that is skipped, a limit that isn't kept, a time that is reckoned wrong.

use serde_json::{Value, json};

use super::bugs::for_nothing;
use super::edit::{is_put, puts, record, resolves, rewritten, state, writes};
use super::{Mutant, Part};
use crate::crash::{Flow, Moment};
use crate::history::Kind;
use leadgate_sandbox::world::{Call, Caller, Rewrite};

pub(super) static BUGS: &[Mutant] = &[
    Mutant {
        bug: "who takes over doesn't settle first",
        first: Part::Crashes(Flow::TakeOver(Moment::Asked)),
        rewrite: no_standings,
    },
    Mutant {
        bug: "there is no end to tries whose outcome is unknown",
        first: Part::HistoriesOf(Kind::Unlucky),
        rewrite: uncounted_unknowns,
    },
    Mutant { bug: "answers go stale a day early", first: Part::HistoriesOf(Kind::Windows), rewrite: stale_early },
    Mutant { bug: "holds are swept without grace", first: Part::HistoriesOf(Kind::Beside), rewrite: swept_early },
    Mutant { bug: "claims end before their workers", first: Part::HistoriesOf(Kind::Beside), rewrite: early_claims },
    Mutant { bug: "what nobody reports costs nothing", first: Part::Histories, rewrite: free_inferences },
    Mutant { bug: "caps keep what wasn't spent", first: Part::Histories, rewrite: sticky_caps },
    Mutant { bug: "what waits for a day's cap waits for ever", first: Part::Histories, rewrite: endless_waits },
    Mutant {
        bug: "the CRM is asked again before it said",
        first: Part::HistoriesOf(Kind::Outages),
        rewrite: short_waits,
    },
];

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// As long as the sweeper waits after a claim has run out, and the rest of a run more.
const GRACE_MS: i64 = 17 * 60 * 1000;
/// More than a claim outlasts its worker.
const MARGIN_MS: i64 = 30 * 1000;
/// Longer than any history lasts.
const AGES_MS: i64 = 4000 * DAY_MS;

fn number(value: &Value) -> Option<i64> {
    value["N"].as_str()?.parse().ok()
}

fn moved(value: &mut Value, by: i64) {
    if let Some(at) = number(value) {
        *value = json!({ "N": (at + by).to_string() });
    }
}

/// A record, with something of it changed. `None` if it stays what it is.
fn changed(call: &Call, body: &Value, change: impl Fn(&mut Value)) -> Option<Rewrite> {
    record(call, body)?;
    let mut edited = body.clone();
    change(&mut edited["Item"]);
    (edited != *body).then_some(Rewrite::Sent(edited))
}

fn without(item: &mut Value, name: &str) {
    if let Value::Object(fields) = item {
        fields.remove(name);
    }
}

/// Where a purchase stands, of which nothing arrives later, is read as if there were nothing.
fn no_standings(call: &Call, body: &Value) -> Option<Rewrite> {
    if call.operation != "dynamodb BatchGetItem" || call.caller != Caller::Worker {
        return None;
    }
    let (table, wanted) = body["RequestItems"].as_object()?.iter().next()?;
    let of_purchase = |key: &Value| {
        let item = key["item"]["S"].as_str();
        item.is_some_and(|item| {
            (item.starts_with("hold#") || item.starts_with("purchase#")) && !item.ends_with("-later")
        })
    };
    let all = wanted["Keys"].as_array().is_some_and(|keys| keys.iter().all(of_purchase));
    let mut responses = json!({});
    responses[table] = json!([]);
    all.then(|| Rewrite::Answered(json!({ "Responses": responses, "UnprocessedKeys": {} })))
}

fn uncounted_unknowns(call: &Call, body: &Value) -> Option<Rewrite> {
    changed(call, body, |item| without(item, "unknowns"))
}

fn stale_early(call: &Call, body: &Value) -> Option<Rewrite> {
    record(call, body)?.get("last_enriched")?;
    changed(call, body, |item| moved(&mut item["last_enriched"], -DAY_MS))
}

fn swept_early(call: &Call, body: &Value) -> Option<Rewrite> {
    puts(writes(call, body), "hold").then(|| {
        rewritten(body, |mut write| {
            if is_put(&write, "hold") {
                moved(&mut write["Put"]["Item"]["claimed_until"], -GRACE_MS);
            }
            Some(write)
        })
    })
}

fn early_claims(call: &Call, body: &Value) -> Option<Rewrite> {
    record(call, body).filter(|record| matches!(state(record), "claimed" | "bought"))?;
    changed(call, body, |item| moved(&mut item["claim"]["M"]["until"], -MARGIN_MS))
}

/// A purchase of which the provider didn't say what it cost.
fn free_inferences(call: &Call, body: &Value) -> Option<Rewrite> {
    let put = writes(call, body).iter().find(|write| is_put(write, "purchase"))?;
    (put["Put"]["Item"]["evidence"]["S"] == "inferred").then(|| for_nothing(body))
}

fn sticky_caps(call: &Call, body: &Value) -> Option<Rewrite> {
    let is_cap =
        |write: &Value| write["Update"]["Key"]["item"]["S"].as_str().is_some_and(|item| item.starts_with("cap#"));
    let writes = writes(call, body);
    let gives_back = resolves(writes) && writes.iter().any(is_cap);
    gives_back.then(|| rewritten(body, |write| (!is_cap(&write)).then_some(write)))
}

fn endless_waits(call: &Call, body: &Value) -> Option<Rewrite> {
    let record = record(call, body)?;
    (record["deferral"]["M"]["reason"]["S"] == "day-cap").then_some(())?;
    changed(call, body, |item| moved(&mut item["deferral"]["M"]["not_before"], AGES_MS))
}

/// What is sent anew isn't put off any longer than a queue hides a message.
fn short_waits(call: &Call, body: &Value) -> Option<Rewrite> {
    if call.caller != Caller::Worker || !call.operation.starts_with("sqs Send") {
        return None;
    }
    let mut edited = body.clone();
    for entry in edited["Entries"].as_array_mut()? {
        let mut message: Value = serde_json::from_str(entry["MessageBody"].as_str()?).ok()?;
        without(&mut message, "not_before");
        entry["MessageBody"] = message.to_string().into();
    }
    (edited != *body).then_some(Rewrite::Sent(edited))
}
