//! The story of a purchase.

use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::{Entry, Hold, HoldLine, LineResult, PurchaseKind};
use leadgate_enrichment::ids::ProviderName;
use serde_json::{Value, json};

use super::asynchronous;
use super::facts::{Bought, Facts, Which};
use super::{Step, Story, sentences};
use crate::credits::attribution::parts;
use crate::credits::export::{word_for, word_of};
use crate::credits::history::ends;
use crate::credits::words::{amounts, arrives, decimals, evidence, leads, time};

/// `None` when neither the ledger nor an open hold knows it.
pub(super) fn story(asked: &str, facts: &Facts<'_>) -> Option<Story> {
    let is_asked = |entry: &&Entry| matches!(entry, Entry::Purchase { purchase, .. } if purchase.as_str() == asked);
    let settled = facts.entries.iter().find(is_asked).and_then(|entry| settled(entry, facts));
    settled.or_else(|| facts.holds.iter().find(|hold| hold.purchase.as_str() == asked).map(|hold| open(hold, facts)))
}

fn settled(entry: &Entry, facts: &Facts<'_>) -> Option<Story> {
    let Entry::Purchase { purchase, kind, provider, at, slices, excess, evidence: how, price_version, lines, .. } =
        entry
    else {
        return None;
    };
    let (which, provider) = ((purchase, *kind), provider.as_ref().unwrap_or(facts.first));
    let held_at = facts.held_at(which, slices, *at);
    let each: Vec<Bought<'_>> = lines
        .iter()
        .zip(parts(slices, lines))
        .map(|(line, parts)| Bought {
            purchase,
            kind: *kind,
            provider,
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
    let worst = facts.worst(which, provider, price_version, false);
    let mut steps = facts.grants(slices.iter().map(|slice| &slice.wallet));
    steps.extend(facts.moves(which, slices.iter().map(|slice| &slice.wallet)));
    steps.push(Step { at: held_at, what: held(*kind, worst.as_ref(), price_version, facts) });
    steps.push(Step { at: *at, what: ended(entry, &cost, excess, facts) });
    steps.extend(facts.resolution(purchase));
    steps.sort_by_key(|step| step.at);
    steps.extend(other_half(which, facts));
    let zone = facts.tenant.time_zone.clone();
    Some(Story {
        head: format!("{}: settled {}.", name(which, provider, facts), time(*at, &zone)),
        steps,
        lines: each.iter().map(|bought| line(bought, facts)).collect(),
        json: json!({
            "purchase": purchase, "provider": provider, "arrives": arrives(*kind), "held_at": held_at, "settled_at": at,
            "cost": decimals(&cost), "evidence": word_of(*how), "price_version": price_version,
            "lines": each.iter().map(line_json).collect::<Vec<_>>(),
        }),
        zone,
    })
}

/// What it is, if it isn't the whole of a call.
fn name((purchase, kind): Which<'_>, provider: &ProviderName, facts: &Facts<'_>) -> String {
    if !kind.is_asynchronous() {
        return format!("Purchase {purchase} of {provider}");
    }
    format!("Purchase {purchase} of {provider}, the {} asked for with {}", facts.noun().many, purchase.at_once())
}

fn held(kind: PurchaseKind, worst: Option<&Amounts>, prices: &str, facts: &Facts<'_>) -> String {
    let noun = facts.noun().one;
    let held = match (worst, kind.is_asynchronous()) {
        (Some(worst), false) => format!("Taken up: {} held for each lead, the most it can cost", amounts(worst)),
        (None, false) => "Taken up: the most that each lead can cost was held".to_owned(),
        (Some(worst), true) => format!("Asked for: {} held for each {noun}, the most it can cost", amounts(worst)),
        (None, true) => format!("Asked for: the most that each {noun} can cost was held"),
    };
    format!("{held} (prices {prices}).")
}

/// Those whose answers arrive later.
const FINDING_OUT: &str = "whom the provider is finding out about";

fn ended(entry: &Entry, cost: &Amounts, excess: &Amounts, facts: &Facts<'_>) -> String {
    let Entry::Purchase { kind, evidence: how, lines, .. } = entry else { return String::new() };
    let has = |result| lines.iter().any(|line| line.result == result);
    let overall = match (has(LineResult::Unknown), has(LineResult::Hit)) {
        (true, _) => LineResult::Unknown,
        (false, true) => LineResult::Hit,
        (false, false) if has(LineResult::Pending) => LineResult::Pending,
        (false, false) => LineResult::Miss,
    };
    let (noun, nobody) = (facts.noun().one, "of which nobody knows how it ended");
    let (ends, why) = match kind.is_asynchronous() {
        true => {
            let words = [format!("whose {noun} arrived"), format!("for whom no {noun} came")];
            (ends(lines, [&words[0], &words[1], FINDING_OUT, nobody]), asynchronous::evidence(*how, overall))
        }
        false => {
            (ends(lines, ["known to the provider", "not known to it", FINDING_OUT, nobody]), evidence(*how, overall))
        }
    };
    let excess = match excess.is_zero() {
        true => String::new(),
        false => format!(" {} of it beyond what was held.", amounts(excess)),
    };
    let cost = if cost.is_zero() { "nothing".to_owned() } else { amounts(cost) };
    format!("Settled for {ends}. It cost {cost}, {why}.{excess}")
}

/// What arrives later is a purchase of its own: whoever asks about the one may mean the other.
fn other_half((purchase, kind): Which<'_>, facts: &Facts<'_>) -> Option<Step> {
    if kind.is_asynchronous() {
        return None;
    }
    let (asynchronous, noun) = (purchase.asynchronous(), facts.noun().many);
    let settled = facts.entries.iter().find_map(|entry| match entry {
        Entry::Purchase { purchase, at, .. } if *purchase == asynchronous => Some(*at),
        _ => None,
    });
    let told =
        |what: String| format!("The {noun} asked for with it are a purchase of their own, {asynchronous}: {what}.");
    if let Some(at) = settled {
        return Some(Step { at, what: told("settled".to_owned()) });
    }
    let hold = facts.holds.iter().find(|hold| hold.purchase == asynchronous)?;
    let worst: Amounts = hold.lines.iter().map(|line| &line.worst).sum();
    Some(Step { at: facts.now, what: told(format!("on their way, {} held", amounts(&worst))) })
}

fn line(bought: &Bought<'_>, facts: &Facts<'_>) -> [String; 4] {
    let noun = facts.noun().one;
    let result = match (bought.line.result, bought.kind.is_asynchronous()) {
        (LineResult::Hit, false) => format!("the provider knew the {}", sentences::asked_about(bought.kind)),
        (LineResult::Miss, false) => format!("the provider doesn't know the {}", sentences::asked_about(bought.kind)),
        (LineResult::Hit, true) => format!("the {noun} arrived"),
        (LineResult::Miss, true) => format!("no {noun} came"),
        (LineResult::Pending, _) => "the provider is finding out".to_owned(),
        (LineResult::Unknown, _) => "nobody knows".to_owned(),
    };
    let cost = if bought.line.cost.is_zero() { "nothing".to_owned() } else { amounts(&bought.line.cost) };
    [bought.line.subject.to_string(), result, cost, sentences::out_of(bought)]
}

fn line_json(bought: &Bought<'_>) -> Value {
    let cost = decimals(&bought.line.cost);
    json!({ "record": bought.line.subject, "result": word_for(bought.line.result), "cost": cost })
}

/// One that is under way, or whose worker is gone.
fn open(hold: &Hold, facts: &Facts<'_>) -> Story {
    let zone = facts.tenant.time_zone.clone();
    let worst: Amounts = hold.lines.iter().map(|line| &line.worst).sum();
    let mut steps = facts.grants(hold.slices.iter().map(|slice| &slice.wallet));
    steps.extend(facts.moves((&hold.purchase, hold.kind), hold.slices.iter().map(|slice| &slice.wallet)));
    let held = format!("Held: {} for {} (prices {}).", amounts(&worst), leads(hold.lines.len()), hold.price_version);
    steps.push(Step { at: hold.held_at, what: held });
    steps.sort_by_key(|step| step.at);
    steps.push(Step { at: facts.now, what: under_way(hold, facts) });
    steps.extend(other_half((&hold.purchase, hold.kind), facts));
    let line = |line: &HoldLine| {
        [
            line.subject.to_string(),
            "not settled yet".to_owned(),
            format!("up to {}", amounts(&line.worst)),
            String::new(),
        ]
    };
    let (since, provider) = (time(hold.held_at, &zone), hold.provider.as_ref().unwrap_or(facts.first));
    Story {
        head: format!("{}: held since {since}, not settled.", name((&hold.purchase, hold.kind), provider, facts)),
        steps,
        lines: hold.lines.iter().map(line).collect(),
        json: json!({
            "purchase": hold.purchase, "provider": provider, "arrives": arrives(hold.kind), "held_at": hold.held_at,
            "settled_at": Value::Null, "held": decimals(&worst), "price_version": hold.price_version,
            "records": hold.lines.iter().map(|line| &line.subject).collect::<Vec<_>>(),
        }),
        zone,
    }
}

fn under_way(hold: &Hold, facts: &Facts<'_>) -> String {
    let zone = &facts.tenant.time_zone;
    let until = time(hold.claimed_until, zone);
    if facts.now < hold.claimed_until {
        return format!("A worker is at it, until {until} at the latest.");
    }
    if !hold.kind.is_asynchronous() {
        return format!("Its worker had until {until}, and is gone: the message or the sweep finds out what was done.");
    }
    format!("The {} are on their way. It stays open until the provider's last answer.", facts.noun().many)
}
