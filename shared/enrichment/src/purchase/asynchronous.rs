//! What arrives later: a second purchase within the same call, with a hold of its own that stays open until it is known
//! what has arrived.
//!
//! Nothing needs to be kept on the way to settling it. What there is can be asked for again and again, free of charge,
//! so a worker that finds the hold open starts from the provider's own answer.
//!
//! The hold stays open until the provider has given its last answer, or can give none any more. Only a result says that
//! something was not found: an answer that can no longer be had is assumed spent, because it may have been charged.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use crate::credits::Amounts;
use crate::credits::ledger::{Entry, EntryLine, Evidence, Hold, HoldLine, LineResult, assume_spent};
use crate::credits::price::Tariff;
use crate::ids::RecordKey;
use crate::lead::record::{Awaited, Record};
use crate::person::{Identity, Profile};
use crate::provider::{AsynchronousId, Collected};
use crate::purchase::settlement::{entry, spread};

/// How long a result usually takes at most: providers say minutes. Credits that are held for longer are reported.
pub const OVERDUE: Duration = Duration::from_secs(24 * 60 * 60);

/// When something that was asked for so long ago is asked after, if no delivery said that it has arrived: soon at first,
/// then ever more seldom, and once a day after that.
const ASK_AFTER: [Duration; 6] = [
    Duration::from_secs(10 * 60),
    Duration::from_secs(20 * 60),
    Duration::from_secs(40 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(6 * 60 * 60),
    Duration::from_secs(12 * 60 * 60),
];
/// How often it is asked after from then on.
const ASK_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// For how long a call whose answer was lost is waited for, where the provider tells of calls that have ended: after that it is
/// made anew, and the first counts as spent.
pub const LOST_CALL_PATIENCE: Duration = Duration::from_secs(20 * 60);

/// Whether it is time to ask after what was asked for at `since`, when it was last thought of at `before`.
pub fn is_to_be_asked_after(since: Timestamp, before: Timestamp, now: Timestamp) -> bool {
    let (before, age) = (crate::clock::until(since, before), crate::clock::until(since, now));
    let days = |age: Duration| age.as_secs() / ASK_EVERY.as_secs();
    days(before) < days(age) || ASK_AFTER.iter().any(|after| before < *after && *after <= age)
}

/// What the provider says has arrived, by what it was asked for. People are named by the fingerprints of the provider's
/// ids, as in [`Awaited::person`].
pub type Answers = BTreeMap<AsynchronousId, Collected>;

/// What has arrived for a record; `None` when nothing has, or never will.
pub fn arrived<'a>(awaited: &Awaited, answers: &'a Answers) -> Option<&'a Profile> {
    match answers.get(&awaited.request)? {
        Collected::Arrived { people, .. } => people.get(awaited.person.as_str()).filter(|profile| !profile.is_blank()),
        _ => None,
    }
}

/// The ledger entry that settles `hold`, once everything that its records await has been answered, or can't be any more:
/// an awaited result without an [`Collected::Arrived`] is assumed spent. `at_once` is the entry for what came at once
/// with the same call: of a line that awaits nothing, it says how it ended. It is settled by the prices that are stored
/// with the hold, whatever the configuration says by now. `None` when no person was asked about, so that the whole hold is
/// to be freed.
pub fn settled(
    hold: &Hold,
    at_once: Option<&Entry>,
    records: &HashMap<RecordKey, Record>,
    answers: &Answers,
    at: Timestamp,
) -> Option<Entry> {
    let awaited = |line: &HoldLine| records.get(&line.subject)?.awaits(&hold.purchase);
    let awaited: Vec<Option<&Awaited>> = hold.lines.iter().map(awaited).collect();
    let line = |(line, awaited): (&HoldLine, &Option<&Awaited>)| match awaited {
        Some(awaited) if has_arrived(awaited, answers) => {
            let profile = arrived(awaited, answers);
            let result = if profile.is_some() { LineResult::Hit } else { LineResult::Miss };
            Some(EntryLine { subject: line.subject.clone(), result, cost: cost(hold, line, awaited, profile) })
        }
        Some(_) => Some(assume_spent(line)),
        None => ended_at_once(line, at_once),
    };
    let mut lines: Vec<Option<EntryLine>> = hold.lines.iter().zip(&awaited).map(line).collect();
    // What is reported is the cost of the whole call. Where some of it is assumed already, that can't be parted.
    let unknown = lines.iter().flatten().any(|line| line.result == LineResult::Unknown);
    let mut evidence = if answers.is_empty() { Evidence::Inferred } else { Evidence::Reported };
    for (request, answer) in answers {
        let own = |awaited: &Awaited| awaited.request == *request;
        let own: Vec<usize> = (0..lines.len()).filter(|i| awaited[*i].is_some_and(own)).collect();
        let tariff = own.first().and_then(|i| awaited[*i]).and_then(|awaited| hold.tariff(&awaited.fields));
        match tariff.filter(|_| !unknown).and_then(|tariff| reported(answer, &tariff)) {
            Some(reported) => {
                let paid = paid_at_once(&own.iter().map(|i| &hold.lines[*i].subject).collect::<Vec<_>>(), at_once);
                let waterfall = own.iter().any(|i| awaited[*i].is_some_and(Awaited::is_waterfall));
                let rest = if waterfall { reported.less(&paid) } else { reported };
                charge_reported(&rest, &own, hold, &mut lines);
            }
            None => evidence = Evidence::Inferred,
        }
    }
    let lines: Vec<EntryLine> = lines.into_iter().flatten().collect();
    if unknown {
        evidence = Evidence::Assumed;
    }
    (!lines.is_empty()).then(|| entry(hold, lines, evidence, at))
}

/// Whether the provider has given its result for this.
fn has_arrived(awaited: &Awaited, answers: &Answers) -> bool {
    matches!(answers.get(&awaited.request), Some(Collected::Arrived { .. }))
}

/// What a result costs by the stored prices. A line that shares what another one pays for costs nothing, and without
/// stored prices it is the worst case.
fn cost(hold: &Hold, line: &HoldLine, awaited: &Awaited, profile: Option<&Profile>) -> Amounts {
    if line.worst.is_zero() {
        return Amounts::default();
    }
    match hold.tariff(&awaited.fields) {
        Some(tariff) => tariff.of(&Identity::default(), false, profile),
        None => line.worst.clone(),
    }
}

/// A line that awaits nothing ended with the call itself: if that may have been carried out without our seeing its
/// answer, so may this.
fn ended_at_once(line: &HoldLine, at_once: Option<&Entry>) -> Option<EntryLine> {
    let Some(Entry::Purchase { lines, .. }) = at_once else { return None };
    match lines.iter().find(|there| there.subject == line.subject)?.result {
        // It was accepted, and nothing is known of the rest.
        LineResult::Unknown | LineResult::Pending => Some(assume_spent(line)),
        LineResult::Hit | LineResult::Miss => {
            let (record, cost) = (line.subject.clone(), Amounts::default());
            Some(EntryLine { subject: record, result: LineResult::Miss, cost })
        }
    }
}

/// What these records cost when the call was answered, as far as that was not the provider's own figure: a call with a
/// waterfall says nothing of its cost, and its result says what the whole of it cost.
fn paid_at_once(records: &[&RecordKey], at_once: Option<&Entry>) -> Amounts {
    match at_once {
        Some(Entry::Purchase { lines, evidence, .. }) if *evidence != Evidence::Reported => {
            lines.iter().filter(|line| records.contains(&&line.subject)).map(|line| &line.cost).sum()
        }
        _ => Amounts::default(),
    }
}

fn reported(answer: &Collected, tariff: &Tariff) -> Option<Amounts> {
    match answer {
        Collected::Arrived { reported, .. } => reported.and_then(|reported| tariff.reported(reported)),
        _ => None,
    }
}

/// Where the provider says what the rest of a call cost, that is what it cost: those who share what another line pays
/// for pay nothing of it.
fn charge_reported(reported: &Amounts, own: &[usize], hold: &Hold, lines: &mut [Option<EntryLine>]) {
    let charged: Vec<usize> = own.iter().copied().filter(|i| lines[*i].is_some()).collect();
    let paying = |i: &usize| match &lines[*i] {
        Some(line) if !hold.lines[*i].worst.is_zero() => line.result,
        _ => LineResult::Miss,
    };
    let results: Vec<LineResult> = charged.iter().map(paying).collect();
    for (i, cost) in charged.into_iter().zip(spread(reported, &results)) {
        if let Some(line) = &mut lines[i] {
            line.cost = cost;
        }
    }
}

#[cfg(test)]
#[path = "asynchronous/tests.rs"]
mod tests;
