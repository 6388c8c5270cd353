//! The story of a purchase.

use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::ledger::{Entry, Hold, LineResult};
use serde_json::{Value, json};

use super::facts::{Bought, Facts};
use super::{Step, Story, sentences};
use crate::credits::attribution::parts;
use crate::credits::export::{word_for, word_of};
use crate::credits::history::ends;
use crate::credits::words::{amounts, decimals, evidence, leads, time};

/// `None` when neither the ledger nor an open hold knows it.
pub(super) fn story(asked: &str, facts: &Facts<'_>) -> Option<Story> {
    let is_asked = |entry: &&Entry| matches!(entry, Entry::Purchase { purchase, .. } if purchase.as_str() == asked);
    let settled = facts.entries.iter().find(is_asked).and_then(|entry| settled(entry, facts));
    settled.or_else(|| facts.holds.iter().find(|hold| hold.purchase.as_str() == asked).map(|hold| open(hold, facts)))
}

fn settled(entry: &Entry, facts: &Facts<'_>) -> Option<Story> {
    let Entry::Purchase { purchase, at, slices, excess, evidence: how, price_version, lines } = entry else {
        return None;
    };
    let held_at = facts.held_at(purchase, slices, *at);
    let each: Vec<Bought<'_>> = lines
        .iter()
        .zip(parts(slices, lines))
        .map(|(line, parts)| Bought {
            purchase,
            held_at,
            settled_at: *at,
            evidence: *how,
            price_version,
            line,
            parts,
            leads: lines.len(),
        })
        .collect();
    let cost: Amounts = lines.iter().map(|line| &line.cost).sum();
    let unknown = lines.iter().any(|line| line.result == LineResult::Unknown);
    let why = evidence(*how, if unknown { LineResult::Unknown } else { LineResult::Hit });
    let excess = match excess.is_zero() {
        true => String::new(),
        false => format!(" {} of it beyond what was held.", amounts(excess)),
    };
    let held = match facts.worst(held_at, price_version, false) {
        Some(worst) => format!("{} held for each lead, the most it can cost", amounts(&worst)),
        None => "the most that each lead can cost was held".to_owned(),
    };
    let mut steps = facts.grants(slices.iter().map(|slice| &slice.wallet));
    steps.push(Step { at: held_at, what: format!("Taken up: {held} (prices {price_version}).") });
    let ends = ends(lines, ["known to the provider", "not known to it", "of which nobody knows how it ended"]);
    let what = format!("Settled for {ends}. It cost {}, {why}.{excess}", amounts(&cost));
    steps.push(Step { at: *at, what });
    steps.sort_by_key(|step| step.at);
    let zone = facts.tenant.time_zone.clone();
    Some(Story {
        head: format!("Purchase {purchase}: settled {}.", time(*at, &zone)),
        steps,
        lines: each.iter().map(line).collect(),
        json: json!({
            "purchase": purchase, "held_at": held_at, "settled_at": at, "cost": decimals(&cost),
            "evidence": word_of(*how), "price_version": price_version,
            "lines": each.iter().map(line_json).collect::<Vec<_>>(),
        }),
        zone,
    })
}

fn line(bought: &Bought<'_>) -> [String; 4] {
    let result = match bought.line.result {
        LineResult::Hit => "the provider knew the person",
        LineResult::Miss => "the provider doesn't know the person",
        LineResult::Unknown => "nobody knows",
    };
    let cost = if bought.line.cost.is_zero() { "nothing".to_owned() } else { amounts(&bought.line.cost) };
    [bought.line.record.to_string(), result.to_owned(), cost, sentences::out_of(bought)]
}

fn line_json(bought: &Bought<'_>) -> Value {
    let cost = decimals(&bought.line.cost);
    json!({ "record": bought.line.record, "result": word_for(bought.line.result), "cost": cost })
}

/// One that is under way, or whose worker is gone.
fn open(hold: &Hold, facts: &Facts<'_>) -> Story {
    let zone = facts.tenant.time_zone.clone();
    let worst: Amounts = hold.lines.iter().map(|line| &line.worst).sum();
    let until = time(hold.claimed_until, &zone);
    let what = match facts.now < hold.claimed_until {
        true => format!("A worker is at it, until {until} at the latest."),
        false => {
            format!("Its worker had until {until}, and is gone: the message or the sweep finds out what was done.")
        }
    };
    let mut steps = facts.grants(hold.slices.iter().map(|slice| &slice.wallet));
    let held = format!("Held: {} for {} (prices {}).", amounts(&worst), leads(hold.lines.len()), hold.price_version);
    steps.push(Step { at: hold.held_at, what: held });
    steps.push(Step { at: facts.now, what });
    let line = |line: &leadgate_enrichment::ledger::HoldLine| {
        [
            line.record.to_string(),
            "not settled yet".to_owned(),
            format!("up to {}", amounts(&line.worst)),
            String::new(),
        ]
    };
    Story {
        head: format!("Purchase {}: held since {}, not settled.", hold.purchase, time(hold.held_at, &zone)),
        steps,
        lines: hold.lines.iter().map(line).collect(),
        json: json!({
            "purchase": hold.purchase, "held_at": hold.held_at, "settled_at": Value::Null, "held": decimals(&worst),
            "price_version": hold.price_version,
            "records": hold.lines.iter().map(|line| &line.record).collect::<Vec<_>>(),
        }),
        zone,
    }
}
