//! The bugs.

use serde_json::{Value, json};

use super::edit::{
    answer, is_put, purchases_later, puts, record, resolves, rewritten, state, swallowed, unconditional,
    without_conditions, writes,
};
use super::{AFTER_A_CHARGE, Mutant, Part};
use crate::crash::{Flow, Over};
use leadgate_sandbox::world::{Call, Caller, Rewrite};

/// All of them. Each stands for a line of the product that could be missing, or be there once too often.
pub(super) static BUGS: &[Mutant] = &[
    Mutant { bug: "records are written whoever wrote them before", first: Part::Races, rewrite: blind_records },
    Mutant { bug: "claims end as they begin", first: Part::Races, rewrite: short_claims },
    Mutant { bug: "credits are held that aren't there", first: Part::Races, rewrite: blind_holds },
    Mutant { bug: "credits are not held", first: Part::Crashes(Flow::Unit), rewrite: no_holds },
    Mutant { bug: "a grant is made again", first: Part::Histories, rewrite: grants_again },
    Mutant { bug: "credits don't expire", first: Part::Histories, rewrite: lasting_grants },
    Mutant { bug: "caps aren't counted", first: Part::Histories, rewrite: blind_caps },
    Mutant { bug: "what was bought isn't kept", first: Part::Races, rewrite: nothing_kept },
    Mutant { bug: "purchases aren't settled", first: Part::Crashes(Flow::Unit), rewrite: no_settlements },
    Mutant { bug: "a settled hold stays", first: Part::Crashes(Flow::Unit), rewrite: lasting_holds },
    Mutant { bug: "a hold is settled twice", first: Part::Races, rewrite: blind_settlements },
    Mutant { bug: "a purchase is settled at its worst case", first: Part::Crashes(Flow::Unit), rewrite: worst_case },
    Mutant { bug: "an unused hold isn't freed", first: Part::Crashes(Flow::TurnedAway), rewrite: no_voids },
    Mutant { bug: "an unknown outcome costs nothing", first: AFTER_A_CHARGE, rewrite: free_unknowns },
    Mutant { bug: "the CRM isn't told", first: Part::Crashes(Flow::Unit), rewrite: silent_crm },
    Mutant { bug: "a delivery is accepted and not queued", first: Part::Crashes(Flow::Unit), rewrite: lost_deliveries },
    Mutant { bug: "parked leads are marked and not sent", first: Part::Crashes(Flow::Scarce), rewrite: lost_releases },
    Mutant { bug: "parked leads aren't in the line", first: Part::Crashes(Flow::Scarce), rewrite: lost_deferrals },
    Mutant { bug: "an erasure isn't noted", first: Part::Crashes(Flow::Webhook), rewrite: deaf_to_erasures },
    Mutant { bug: "a number is settled twice", first: Part::Crashes(HINTS), rewrite: blind_numbers },
    Mutant { bug: "a number costs nothing", first: Part::Crashes(Flow::Arrival), rewrite: free_numbers },
    Mutant { bug: "what is awaited isn't kept", first: Part::Crashes(Flow::Numbers), rewrite: nothing_awaited },
    Mutant { bug: "nobody asks after what hasn't come", first: Part::Crashes(Flow::Silence), rewrite: no_asking },
    Mutant { bug: "nobody looks whom others ask about", first: Part::Crashes(NAMESAKES), rewrite: blind_to_others },
    Mutant { bug: "what came isn't kept for others", first: Part::Crashes(NAMESAKES), rewrite: nothing_shared },
    Mutant { bug: "an employer is asked about by all", first: Part::Crashes(COLLEAGUES), rewrite: blind_employers },
];

const HINTS: Flow = Flow::Meeting(Over::Hint);
const NAMESAKES: Flow = Flow::Meeting(Over::Person);
const COLLEAGUES: Flow = Flow::Meeting(Over::Employer);

fn blind_records(call: &Call, body: &Value) -> Option<Rewrite> {
    record(call, body)?;
    Some(Rewrite::Sent(unconditional(body.clone())))
}

fn short_claims(call: &Call, body: &Value) -> Option<Rewrite> {
    record(call, body).filter(|record| state(record) == "claimed")?;
    let mut body = body.clone();
    let claim = &mut body["Item"]["claim"]["M"];
    claim["until"] = claim["since"].clone();
    Some(Rewrite::Sent(body))
}

fn blind_holds(call: &Call, body: &Value) -> Option<Rewrite> {
    puts(writes(call, body), "hold").then(|| {
        rewritten(body, |mut write| {
            if let Some(update) = write.get_mut("Update") {
                *update = without_conditions(update.take(), ">=");
            }
            Some(write)
        })
    })
}

fn no_holds(call: &Call, body: &Value) -> Option<Rewrite> {
    puts(writes(call, body), "hold").then(swallowed)
}

fn grants_again(call: &Call, body: &Value) -> Option<Rewrite> {
    puts(writes(call, body), "wallet").then(|| {
        rewritten(body, |mut write| {
            if let Some(put) = write.get_mut("Put") {
                *put = unconditional(put.take());
            }
            Some(write)
        })
    })
}

/// A month longer than a month.
const MONTH_MS: i64 = 31 * 24 * 60 * 60 * 1000;

fn lasting_grants(call: &Call, body: &Value) -> Option<Rewrite> {
    puts(writes(call, body), "wallet").then(|| {
        rewritten(body, |mut write| {
            if is_put(&write, "wallet") {
                let expires = &mut write["Put"]["Item"]["expires"];
                let at: i64 = expires["N"].as_str().and_then(|at| at.parse().ok()).unwrap_or_default();
                *expires = json!({ "N": (at + MONTH_MS).to_string() });
            }
            Some(write)
        })
    })
}

fn blind_caps(call: &Call, body: &Value) -> Option<Rewrite> {
    let is_cap =
        |write: &Value| write["Update"]["Key"]["item"]["S"].as_str().is_some_and(|item| item.starts_with("cap#"));
    let writes = writes(call, body);
    writes.iter().any(is_cap).then(|| rewritten(body, |write| (!is_cap(&write)).then_some(write)))
}

fn nothing_kept(call: &Call, body: &Value) -> Option<Rewrite> {
    record(call, body).filter(|record| state(record) == "bought").map(|_| swallowed())
}

fn no_settlements(call: &Call, body: &Value) -> Option<Rewrite> {
    puts(writes(call, body), "purchase").then(swallowed)
}

fn lasting_holds(call: &Call, body: &Value) -> Option<Rewrite> {
    let settles = puts(writes(call, body), "purchase");
    settles.then(|| rewritten(body, |write| write.get("Delete").is_none().then_some(write)))
}

fn blind_settlements(call: &Call, body: &Value) -> Option<Rewrite> {
    resolves(writes(call, body)).then(|| without_looking(body))
}

fn without_looking(body: &Value) -> Rewrite {
    rewritten(body, |mut write| {
        for kind in ["Put", "Delete"] {
            if let Some(inner) = write.get_mut(kind) {
                *inner = unconditional(inner.take());
            }
        }
        Some(write)
    })
}

/// In the wallets only: what was held is spent, and none of it freed.
fn worst_case(call: &Call, body: &Value) -> Option<Rewrite> {
    puts(writes(call, body), "purchase").then(|| rewritten(body, |write| Some(moving(write, |held| (held, 0)))))
}

/// An update of a wallet, with what is spent and what is freed of each amount held.
fn moving(mut write: Value, moved: impl Fn(i64) -> (i64, i64)) -> Value {
    let Some(Value::Object(values)) = write.pointer_mut("/Update/ExpressionAttributeValues") else { return write };
    let number = |value: &Value| value["N"].as_str().and_then(|number| number.parse::<i64>().ok());
    let held: Vec<(String, i64)> =
        values.iter().filter_map(|(name, value)| Some((name.strip_prefix(":h")?.to_owned(), number(value)?))).collect();
    for (index, held) in held {
        let (spent, freed) = moved(held);
        values.insert(format!(":s{index}"), json!({ "N": spent.to_string() }));
        values.insert(format!(":f{index}"), json!({ "N": freed.to_string() }));
    }
    write
}

fn no_voids(call: &Call, body: &Value) -> Option<Rewrite> {
    let writes = writes(call, body);
    (resolves(writes) && !puts(writes, "purchase")).then(swallowed)
}

/// Where every line of a purchase is unknown, as if none had cost anything.
fn free_unknowns(call: &Call, body: &Value) -> Option<Rewrite> {
    let put = writes(call, body).iter().find(|write| is_put(write, "purchase"))?;
    let lines = put["Put"]["Item"]["lines"]["L"].as_array()?;
    let unknown = lines.iter().all(|line| line["M"]["result"]["S"] == "unknown");
    unknown.then(|| for_nothing(body))
}

/// The settlement, as if nothing had been charged.
pub(super) fn for_nothing(body: &Value) -> Rewrite {
    rewritten(body, |mut write| {
        if let Some(item) = write.pointer_mut("/Put/Item") {
            item["slices"]["L"] = json!([]);
            for line in item["lines"]["L"].as_array_mut().into_iter().flatten() {
                line["M"]["cost"] = json!({ "M": {} });
            }
        }
        Some(moving(write, |held| (0, held)))
    })
}

fn silent_crm(call: &Call, body: &Value) -> Option<Rewrite> {
    let inputs = body["inputs"].as_array().filter(|_| call.operation.ends_with("batch/update"))?;
    let result = |input: &Value| json!({ "id": input["id"], "objectWriteTraceId": input["id"], "properties": {} });
    let results: Vec<Value> = inputs.iter().map(result).collect();
    Some(Rewrite::Answered(json!({ "status": "COMPLETE", "results": results })))
}

/// The queue says that it has the messages, and doesn't.
fn unsent(call: &Call) -> Option<Rewrite> {
    let sends = call.operation == "sqs SendMessageBatch";
    sends.then(|| Rewrite::Answered(json!({ "Successful": [], "Failed": [] })))
}

fn lost_deliveries(call: &Call, _: &Value) -> Option<Rewrite> {
    unsent(call).filter(|_| call.caller == Caller::Webhook)
}

fn lost_releases(call: &Call, _: &Value) -> Option<Rewrite> {
    unsent(call).filter(|_| call.caller == Caller::Release)
}

fn lost_deferrals(call: &Call, body: &Value) -> Option<Rewrite> {
    record(call, body).filter(|record| state(record) == "deferred")?;
    let mut body = body.clone();
    if let Value::Object(item) = &mut body["Item"] {
        item.retain(|name, _| !name.starts_with("deferred_"));
    }
    Some(Rewrite::Sent(body))
}

fn deaf_to_erasures(call: &Call, body: &Value) -> Option<Rewrite> {
    record(call, body).filter(|record| record.get("erased_at").is_some())?;
    (call.caller == Caller::Webhook).then(swallowed)
}

fn blind_numbers(call: &Call, body: &Value) -> Option<Rewrite> {
    purchases_later(writes(call, body)).then(|| without_looking(body))
}

fn free_numbers(call: &Call, body: &Value) -> Option<Rewrite> {
    purchases_later(writes(call, body)).then(|| for_nothing(body))
}

fn nothing_awaited(call: &Call, body: &Value) -> Option<Rewrite> {
    record(call, body)?.get("awaited")?;
    let mut body = body.clone();
    if let Value::Object(item) = &mut body["Item"] {
        item.remove("awaited");
    }
    Some(Rewrite::Sent(body))
}

fn no_asking(call: &Call, body: &Value) -> Option<Rewrite> {
    let first = body["Entries"][0]["MessageBody"].as_str().unwrap_or_default();
    lost_releases(call, body).filter(|_| first.contains("\"collect\""))
}

/// What others hold is looked for between two keys.
fn blind_to_others(call: &Call, body: &Value) -> Option<Rewrite> {
    let looks = call.operation == "dynamodb Query" && call.caller == Caller::Worker;
    let between = body["KeyConditionExpression"].as_str().is_some_and(|key| key.contains("BETWEEN"));
    (looks && between).then(|| Rewrite::Answered(json!({ "Items": [], "Count": 0, "ScannedCount": 0 })))
}

fn nothing_shared(call: &Call, body: &Value) -> Option<Rewrite> {
    answer(call, body).filter(|answer| answer.contains("#person#")).map(|_| swallowed())
}

fn blind_employers(call: &Call, body: &Value) -> Option<Rewrite> {
    answer(call, body).filter(|answer| answer.contains("#organization#"))?;
    Some(Rewrite::Sent(unconditional(body.clone())))
}
