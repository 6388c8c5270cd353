//! What a story says of a record and of a purchase.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::ledger::LineResult;
use leadgate_enrichment::record::{Record, State, Waited};

use super::facts::{Bought, Facts};
use crate::credits::words::{amounts, deferral, evidence, failure, listed, moment, refusal, source, time};

/// One word for where a record stands.
pub(super) fn word(state: State) -> &'static str {
    match state {
        State::Noted => "known",
        State::Claimed => "being worked on",
        State::Bought => "bought",
        State::Written => "written",
        State::Unmatched => "unmatched",
        State::Deferred => "deferred",
        State::Released => "released",
        State::Refused => "refused",
        State::Failed => "failed",
    }
}

/// What that means, as the last thing that happened.
pub(super) fn stands(record: &Record, facts: &Facts<'_>) -> String {
    let zone = &facts.tenant.time_zone;
    match record.state {
        State::Noted => "Known, but nothing has been done with it.".to_owned(),
        State::Claimed => claimed(record, zone, facts.now),
        State::Bought => "Paid for; what was bought is on its way to the CRM.".to_owned(),
        State::Written if record.written.is_empty() => "Closed: the CRM wanted nothing, or had it already.".to_owned(),
        State::Written => {
            let names: Vec<String> = record.written.keys().cloned().collect();
            format!("Written back: the CRM has what was bought. From us it has {}.", listed(&names))
        }
        State::Unmatched => {
            let again = record.last_enriched.map(|asked| moment(later(asked, facts.tenant.windows.miss), zone));
            let again = again.map(|again| format!(" before {again}, unless the record changes")).unwrap_or_default();
            format!("Closed: nobody is asked about them again{again}.")
        }
        State::Deferred => deferred(record, zone),
        State::Released => "Released: a message for it is on the queue.".to_owned(),
        State::Refused => {
            let why = record.refused.map_or("no reason was kept", refusal);
            format!("Refused: {why}. It is taken up again when the record changes.")
        }
        State::Failed => {
            let why = record.failed.map_or("no reason was kept", failure);
            let kept = if record.patch.is_empty() { "" } else { " What was paid for is kept." };
            format!("Given up: {why}.{kept}")
        }
    }
}

fn claimed(record: &Record, zone: &TimeZone, now: Timestamp) -> String {
    let until = record.claim.as_ref().map(|claim| time(claim.until, zone)).unwrap_or_default();
    if record.claim_lives(now) {
        return format!("A worker has it until {until}; unless it is done by then, it is taken up again.");
    }
    format!("A worker had it, until {until}, and is gone: whoever gets its message next finds out what was done.")
}

fn deferred(record: &Record, zone: &TimeZone) -> String {
    let Some(parked) = &record.deferral else { return "Deferred: no reason was kept.".to_owned() };
    let (why, needs) = (deferral(parked.reason), amounts(&parked.worst));
    let not_before = match parked.not_before > parked.since {
        true => format!("not before {}", moment(parked.not_before, zone)),
        false => format!("as soon as there are credits, expected by {}", moment(parked.until, zone)),
    };
    format!("Deferred: {why} ({needs} at most). It is released {not_before}.")
}

/// The wish that it was last worked on for.
pub(super) fn wished(record: &Record) -> Option<String> {
    let (from, request) = (record.source.map(source)?, record.request.as_ref()?);
    Some(format!("The CRM told of {from} (request {request})."))
}

/// Between the wish and the purchase there was too little, or a cap was reached.
pub(super) fn waited(waited: &Waited) -> String {
    let day = waited.until.strftime("%Y-%m-%d");
    format!("Deferred: {}. It was to be taken up again by {day} at the latest.", deferral(waited.reason))
}

/// The beginning of a purchase, for one of its leads.
pub(super) fn held(bought: &Bought<'_>, worst: Option<&Amounts>, waited: bool) -> String {
    let begin = if waited { "Released, and taken" } else { "Taken" };
    let others = with_others(bought.leads);
    let held = match worst {
        Some(worst) => format!("{} held for it, the most it can cost", amounts(worst)),
        None => "the most it can cost was held for it".to_owned(),
    };
    format!("{begin} up in purchase {}{others}: {held} (prices {}).", bought.purchase, bought.price_version)
}

/// `, with 9 other leads`.
pub(super) fn with_others(leads_in_all: usize) -> String {
    match leads_in_all {
        0 | 1 => String::new(),
        2 => ", with 1 other lead".to_owned(),
        all => format!(", with {} other leads", all - 1),
    }
}

/// The end of a purchase, for one of its leads.
pub(super) fn settled(bought: &Bought<'_>, worst: Option<&Amounts>) -> String {
    let (line, how) = (bought.line, evidence(bought.evidence, bought.line.result));
    let cost = match line.cost.is_zero() {
        true => "It cost nothing".to_owned(),
        false => format!("It cost {} out of {}", amounts(&line.cost), out_of(bought)),
    };
    match line.result {
        LineResult::Hit => format!("Settled: the provider knew the person. {cost}, {how}.{}", freed(&line.cost, worst)),
        LineResult::Miss => {
            format!("Settled: the provider doesn't know the person. {cost}, {how}.{}", freed(&line.cost, worst))
        }
        LineResult::Unknown => format!(
            "Settled without an answer: nobody knows whether the provider charged for it. {cost}, {how}, and counts as \
             spent."
        ),
    }
}

/// `plan-2026-02-01`, or several.
pub(super) fn out_of(bought: &Bought<'_>) -> String {
    let mut names: Vec<String> = Vec::new();
    for part in &bought.parts {
        let name = part.wallet.map_or("no wallet", |wallet| wallet.0.as_str());
        if names.last().is_none_or(|last| last != name) {
            names.push(name.to_owned());
        }
    }
    listed(&names)
}

fn freed(cost: &Amounts, worst: Option<&Amounts>) -> String {
    let Some(worst) = worst else { return String::new() };
    let free = worst.minus(cost);
    if free.is_zero() {
        " Nothing was left to free.".to_owned()
    } else if worst.covers(cost) {
        format!(" What else was held was freed: {}.", amounts(&free))
    } else {
        " That is more than was held for it.".to_owned()
    }
}
