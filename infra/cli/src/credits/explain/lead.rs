//! The story of a lead.

use jiff::Timestamp;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::LineResult;
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::record::{Record, RejectedValue};
use serde_json::{Value, json};

use super::facts::{Bought, Facts, Half, Taken};
use super::{Step, Story, asynchronous, sentences};
use crate::credits::export::{word_for, word_of};
use crate::credits::words::{arrives, decimals, time};

pub(super) fn story(key: &RecordKey, record: Option<&Record>, facts: &Facts<'_>) -> Story {
    let taken = facts.taken(key);
    let mut steps = Vec::new();
    let waited = record.and_then(|record| request(record, &taken, &mut steps));
    steps.extend(facts.grants(taken.iter().flat_map(Taken::halves).flat_map(Half::wallets)));
    for half in taken.iter().flat_map(Taken::halves) {
        steps.extend(facts.moves((half.purchase(), half.kind()), half.wallets().into_iter()));
        let is_unknown = half.settled().is_some_and(|bought| bought.line.result == LineResult::Unknown);
        steps.extend(is_unknown.then(|| facts.resolution(half.purchase())).flatten());
    }
    for (i, call) in taken.iter().enumerate() {
        let Some(held_at) = call.first().map(Half::held_at) else { continue };
        steps.push(Step { at: held_at, what: sentences::held(call, waited == Some(held_at), facts) });
        if let Some(bought) = call.bought_at_once() {
            let what = sentences::settled(bought, facts.held_for(bought).as_ref());
            steps.push(Step { at: bought.settled_at, what });
        }
        if let Some(Half::Settled(bought)) = &call.asynchronous {
            let latest = record.filter(|_| i + 1 == taken.len());
            steps.push(Step { at: bought.settled_at, what: asynchronous::settled(bought, call, latest, facts) });
        }
    }
    steps.extend(record.into_iter().flat_map(|record| ends(record, &taken, facts)));
    steps.sort_by_key(|step| step.at);
    let last = steps.last().map(|last| last.at);
    steps.extend(taken.iter().filter_map(|call| on_its_way(record, call, last, facts)));
    Story {
        head: head(key, record, facts),
        steps,
        lines: Vec::new(),
        json: json(key, record, &taken, facts),
        zone: facts.tenant.time_zone.clone(),
    }
}

fn head(key: &RecordKey, record: Option<&Record>, facts: &Facts<'_>) -> String {
    let Some(record) = record else { return format!("{key}: only the ledger still knows of it.") };
    let since = time(record.since, &facts.tenant.time_zone);
    let noun = facts.noun().one;
    let rest = match (&record.awaited, record.owed) {
        (Some(_), _) => format!("; the {noun} is on its way"),
        (None, Some(_)) => format!("; the {noun} has yet to be bought"),
        (None, None) => String::new(),
    };
    format!("{key}: {} since {since}{rest}.", sentences::word(record.state.name()))
}

/// How it began, and why it had to wait, if it did. Gives when the waiting ended.
fn request(record: &Record, taken: &[Taken<'_>], steps: &mut Vec<Step>) -> Option<Timestamp> {
    let begun = record.occurred_at?;
    steps.push(Step { at: begun, what: sentences::wished(record)? });
    let waited = record.waited.as_ref()?;
    let in_part = |bought: &Bought<'_>| {
        let meanwhile = begun <= bought.settled_at && bought.settled_at <= waited.since;
        meanwhile && bought.line.result == LineResult::Hit
    };
    let in_part = taken.iter().filter_map(Taken::bought_at_once).any(in_part);
    steps.push(Step { at: waited.since, what: sentences::waited(waited, in_part) });
    taken.iter().filter_map(Taken::first).map(Half::held_at).find(|held_at| *held_at >= waited.since)
}

/// Where it stands, and what else the record remembers.
fn ends(record: &Record, taken: &[Taken<'_>], facts: &Facts<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(claim) = record.claim.as_ref().filter(|_| !record.state.is_written()) {
        let is_its = |half: &Half<'_>| half.purchase().at_once() == claim.purchase;
        if !taken.iter().filter_map(Taken::first).any(is_its) {
            let what = format!("Taken up in purchase {}, of which nothing was spent.", claim.purchase);
            steps.push(Step { at: claim.since, what });
        }
    }
    let rejected = record.rejected.iter();
    steps.extend(
        rejected.map(|value| Step { at: value.at, what: sentences::rejected(value, value_of(value, record, facts)) }),
    );
    if let Some(candidate) = &record.candidate {
        let what = format!("{} told an email, which is to be checked before it is written.", candidate.told_by);
        steps.push(Step { at: record.since, what });
    }
    if let Some(at) = record.erased_at {
        let what = "The person asked to be forgotten: what was personal is gone.".to_owned();
        steps.push(Step { at, what });
    }
    // What the provider said is kept before the purchase is settled, and only then is it over.
    let settled = taken.iter().filter_map(Taken::bought_at_once).map(|bought| bought.settled_at).max();
    let at = settled.map_or(record.since, |settled| settled.max(record.since));
    let with_asynchronous = taken.last().is_some_and(|call| call.asynchronous.is_some());
    steps.push(Step { at, what: sentences::stands(record, with_asynchronous, facts) });
    steps
}

/// A value that was not written, where it can be read.
fn value_of(value: &RejectedValue, record: &Record, facts: &Facts<'_>) -> Option<String> {
    value.value(record, facts.key?)
}

/// What still is to arrive, as the last thing to be said.
fn on_its_way(record: Option<&Record>, call: &Taken<'_>, last: Option<Timestamp>, facts: &Facts<'_>) -> Option<Step> {
    let (Half::Open(hold, line), Some(at_once)) = (call.asynchronous.as_ref()?, call.bought_at_once()) else {
        return None;
    };
    Some(Step { at: last.unwrap_or(hold.held_at), what: asynchronous::open(hold, line, at_once, record, facts) })
}

fn json(key: &RecordKey, record: Option<&Record>, taken: &[Taken<'_>], facts: &Facts<'_>) -> Value {
    let awaited = record.and_then(|record| record.awaited.as_ref()).map(|awaited| {
        let own = taken.iter().filter_map(|call| call.asynchronous.as_ref()).find(|it| *it.purchase() == awaited.purchase);
        let since = awaited.purchase.made_at();
        json!({
            "purchase": awaited.purchase, "since": since,
            "held": own.filter(|half| half.settled().is_none()).and_then(|half| half.worst(facts)).as_ref().map(decimals),
        })
    });
    let bought = taken.iter().flat_map(Taken::halves).filter_map(Half::settled);
    json!({
        "record": key,
        "state": record.map(|record| record.state.word()),
        "since": record.map(|record| record.since),
        "request": record.and_then(|record| record.request.as_ref()),
        "deferral": record.and_then(|record| record.state.deferral()).map(|deferral| json!({
            "reason": deferral.reason, "since": deferral.since, "not_before": deferral.not_before,
            "until": deferral.until, "needs": decimals(&deferral.worst),
        })),
        "awaited": awaited,
        "owed": record.and_then(|record| record.owed),
        "rejected": record.map(|record| record.rejected.iter().map(|value| json!({
            "told_by": value.told_by, "field": value.field, "value": value_of(value, record, facts),
            "status": value.status, "checked_by": value.checked_by, "at": value.at,
        })).collect::<Vec<_>>()).unwrap_or_default(),
        "purchases": bought.map(|bought| purchase_json(bought, facts)).collect::<Vec<_>>(),
    })
}

fn purchase_json(bought: &Bought<'_>, facts: &Facts<'_>) -> Value {
    let from = bought.parts.iter().map(|part| {
        let amount = decimals(&Amounts::one(part.bucket.clone(), part.amount));
        json!({ "wallet": part.wallet, "amounts": amount })
    });
    json!({
        "purchase": bought.purchase,
        "provider": bought.provider,
        "arrives": arrives(bought.kind),
        "held_at": bought.held_at,
        "held": facts.held_for(bought).as_ref().map(decimals),
        "settled_at": bought.settled_at,
        "result": word_for(bought.line.result),
        "evidence": word_of(bought.evidence),
        "cost": decimals(&bought.line.cost),
        "from": from.collect::<Vec<_>>(),
        "price_version": bought.price_version,
    })
}
