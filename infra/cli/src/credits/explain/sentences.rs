//! What a story says of a record and of a purchase.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::{LineResult, PurchaseKind};
use leadgate_enrichment::lead::record::{Deferral, Record, RejectedValue, State, StateName, Waited};

use super::facts::{Bought, Facts, Half, Taken};
use crate::credits::words::{amounts, deferral, evidence, failure, listed, moment, refusal, source, time};

/// One word for where a record stands.
pub(super) fn word(state: StateName) -> &'static str {
    match state {
        StateName::Noted => "known",
        StateName::Claimed => "being worked on",
        StateName::Bought => "bought",
        StateName::Written => "written",
        StateName::Unmatched => "unmatched",
        StateName::Deferred => "deferred",
        StateName::Released => "released",
        StateName::Refused => "refused",
        StateName::Failed => "failed",
    }
}

/// What that means, as the last thing that happened. `with_later` says that the last call was for more than what comes
/// at once.
pub(super) fn stands(record: &Record, with_asynchronous: bool, facts: &Facts<'_>) -> String {
    let (zone, noun) = (&facts.tenant.time_zone, facts.noun().one);
    match (&record.state, record.owed) {
        (State::Noted, _) => "Known, but nothing has been done with it.".to_owned(),
        (State::Claimed, _) => claimed(record, zone, facts.now),
        (State::Bought, Some(why)) => {
            format!("The person is paid for and on the way to the CRM. The {noun} is to wait: {}.", deferral(why))
        }
        (State::Bought, None) => "Paid for; what was bought is on its way to the CRM.".to_owned(),
        (State::Written, _) => written(record, with_asynchronous, facts),
        (State::Unmatched, _) => {
            let again = record.last_enriched.map(|asked| moment(later(asked, facts.tenant.windows.miss), zone));
            let again = again.map(|again| format!(" before {again}, unless the record changes")).unwrap_or_default();
            format!("Closed: the provider isn't asked about them again{again}.")
        }
        (State::Deferred { deferral }, Some(_)) => owed(record, deferral, facts),
        (State::Deferred { deferral }, None) => deferred(deferral, zone),
        (State::Released, Some(_)) => format!("Released: a message is on the queue, to buy the {noun}."),
        (State::Released, None) => "Released: a message for it is on the queue.".to_owned(),
        (State::Refused { reason }, _) => {
            format!("Refused: {}. It is taken up again when the record changes.", refusal(*reason))
        }
        (State::Failed { reason }, _) => {
            let kept = if record.patch.is_empty() { "" } else { " What was paid for is kept." };
            format!("Given up: {}.{kept}", failure(*reason))
        }
    }
}

/// What arrives later is told of with its own purchase.
fn written(record: &Record, with_asynchronous: bool, facts: &Facts<'_>) -> String {
    let is_told_here = |name: &&String| !with_asynchronous || !facts.is_filled_asynchronously(name);
    let names: Vec<String> = record.written.keys().filter(is_told_here).cloned().collect();
    if let (true, Some(_)) = (names.is_empty(), record.erased_at) {
        return "Closed: the person asked to be forgotten, and what was written is no longer kept here.".to_owned();
    }
    match (names.is_empty(), with_asynchronous) {
        (true, false) => "Closed: the CRM wanted nothing, or had it already.".to_owned(),
        (true, true) => "Closed: of what came at once, the CRM wanted nothing or had it already.".to_owned(),
        (false, false) => format!("Written back: the CRM has what was bought. From us it has {}.", listed(&names)),
        (false, true) => format!("Written back: the CRM has what came at once. From us it has {}.", listed(&names)),
    }
}

fn claimed(record: &Record, zone: &TimeZone, now: Timestamp) -> String {
    let until = record.claim.as_ref().map(|claim| time(claim.until, zone)).unwrap_or_default();
    if record.claim_lives(now) {
        return format!("A worker has it until {until}; unless it is done by then, it is taken up again.");
    }
    format!(
        "A worker had it, until {until}, and is gone: the worker that gets its message next finds out what was done."
    )
}

fn deferred(parked: &Deferral, zone: &TimeZone) -> String {
    let (why, needs) = (deferral(parked.reason), amounts(&parked.worst));
    format!("Deferred: {why} ({needs} at most). It is released {}.", not_before(parked, zone))
}

/// Bought in part.
fn owed(record: &Record, parked: &Deferral, facts: &Facts<'_>) -> String {
    let (noun, zone) = (facts.noun().one, &facts.tenant.time_zone);
    let names: Vec<String> = record.written.keys().cloned().collect();
    let has = if names.is_empty() { String::new() } else { format!(" From us the CRM has {}.", listed(&names)) };
    format!(
        "The person was bought now, and the {noun} deferred: {}. It takes {} at most, since the person has to be \
         looked up again, and is released {}.{has}",
        deferral(parked.reason),
        amounts(&parked.worst),
        not_before(parked, zone),
    )
}

fn not_before(parked: &Deferral, zone: &TimeZone) -> String {
    match parked.not_before > parked.since {
        true => format!("not before {}", moment(parked.not_before, zone)),
        false => format!("as soon as there are credits, expected by {}", moment(parked.until, zone)),
    }
}

/// The request that it was last worked on for.
pub(super) fn wished(record: &Record) -> Option<String> {
    let (from, request) = (record.source.map(source)?, record.request.as_ref()?);
    Some(format!("The CRM told of {from} (request {request})."))
}

/// Between the request and the purchase there was too little, or a cap was reached; `in_part` says that the person was
/// bought before.
pub(super) fn waited(waited: &Waited, in_part: bool) -> String {
    let day = waited.until.strftime("%Y-%m-%d");
    let what = if in_part { "The person was bought, and the rest deferred" } else { "Deferred" };
    format!("{what}: {}. It was to be taken up again by {day} at the latest.", deferral(waited.reason))
}

/// The beginning of a call, for one of its leads.
pub(super) fn held(taken: &Taken<'_>, waited: bool, facts: &Facts<'_>) -> String {
    let Some(first) = taken.first() else { return String::new() };
    let begin = if waited { "Released, and taken" } else { "Taken" };
    let (purchase, others, prices) = (first.purchase(), with_others(first.leads()), first.price_version());
    let worst = |half: &Option<Half<'_>>| half.as_ref().map(|half| half.worst(facts).as_ref().map(amounts));
    let noun = facts.noun().one;
    let held = match (worst(&taken.at_once), worst(&taken.asynchronous)) {
        (Some(Some(person)), None) => format!("{person} held for it, the most it can cost"),
        (Some(Some(person)), Some(Some(asynchronous))) => {
            format!("{person} held for the person and {asynchronous} for the {noun}, the most that each can cost")
        }
        (None, Some(Some(asynchronous))) => format!("{asynchronous} held for the {noun}, the most that it can cost"),
        (Some(Some(person)), Some(None)) => {
            format!("{person} held for the person, and the most that the {noun} can cost for that")
        }
        (Some(None), Some(_)) => format!("the most that the person and the {noun} can cost was held"),
        (_, None) | (None, Some(None)) => "the most it can cost was held for it".to_owned(),
    };
    let open = if taken.bought_at_once().is_some() { "" } else { " Not settled yet." };
    let provider = first.provider(facts);
    format!("{begin} up in purchase {purchase} of {provider}{others}: {held} (prices {prices}).{open}")
}

/// `, with 9 other leads`.
pub(super) fn with_others(leads_in_all: usize) -> String {
    match leads_in_all {
        0 | 1 => String::new(),
        2 => ", with 1 other lead".to_owned(),
        all => format!(", with {} other leads", all - 1),
    }
}

/// The end of a purchase of what comes at once, for one of its leads.
pub(super) fn settled(bought: &Bought<'_>, worst: Option<&Amounts>) -> String {
    let line = bought.line;
    let (cost, freed) = (paid(bought, evidence(bought.evidence, line.result)), freed(&line.cost, worst));
    match line.result {
        LineResult::Hit if bought.kind == PurchaseKind::Verification => {
            format!("Settled: the address was checked. {cost}.{freed}")
        }
        LineResult::Miss if bought.kind == PurchaseKind::Verification => {
            format!("Settled: nothing could be told of the address. {cost}.{freed}")
        }
        LineResult::Hit => format!("Settled: the provider knew the {}. {cost}.{freed}", asked_about(bought.kind)),
        LineResult::Miss => {
            format!("Settled: the provider doesn't know the {}. {cost}.{freed}", asked_about(bought.kind))
        }
        LineResult::Pending => {
            format!("The provider is finding out who it is: its answer is paid for when it arrives.{freed}")
        }
        LineResult::Unknown => format!(
            "Settled without an answer: nobody knows whether the provider charged for it. {cost}, and counts as spent."
        ),
    }
}

/// A value that was told and not written.
pub(super) fn rejected(rejected: &RejectedValue, value: Option<String>) -> String {
    let RejectedValue { told_by, field, status, checked_by, .. } = rejected;
    let what = field.word().replace('_', " ");
    let value = value.map(|value| format!(" {value}")).unwrap_or_default();
    let status = status.as_ref().map(|status| format!(" ({status})")).unwrap_or_default();
    match checked_by {
        Some(checked_by) => {
            format!("{told_by} told the {what}{value}, which {checked_by} checked{status}: it was not written.")
        }
        None => {
            format!("{told_by} told the {what}{value}, and isn't sure enough of it{status}: it was not written.")
        }
    }
}

/// Whom a purchase is about.
pub(super) fn asked_about(kind: PurchaseKind) -> &'static str {
    match kind {
        PurchaseKind::Organization => "employer",
        PurchaseKind::Company => "company",
        PurchaseKind::Search => "page",
        PurchaseKind::Person | PurchaseKind::Asynchronous => "person",
        PurchaseKind::Verification => "address",
    }
}

/// `It cost 1 credit out of plan-2026-02-01-2026-03-01, as the provider reported`.
pub(super) fn paid(bought: &Bought<'_>, how: &str) -> String {
    match bought.line.cost.is_zero() {
        true => format!("It cost nothing, {how}"),
        false => format!("It cost {} out of {}, {how}", amounts(&bought.line.cost), out_of(bought)),
    }
}

/// `plan-2026-02-01-2026-03-01`, or several.
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

pub(super) fn freed(cost: &Amounts, worst: Option<&Amounts>) -> String {
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
