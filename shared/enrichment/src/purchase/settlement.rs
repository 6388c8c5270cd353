//! What a purchase really cost, from the best evidence there is.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use crate::credits::ledger::{
    Entry, EntryLine, Evidence, Hold, HoldLine, LineResult, PurchaseKind, assume_spent, charge,
};
use crate::credits::price::Tariff;
use crate::credits::{Amounts, Milli};
use crate::ids::RecordKey;
use crate::lead::record::Record;
use crate::person::{Identity, Profile};
use crate::provider::Answer;

/// What became of one line of a purchase.
#[derive(Debug, Clone, PartialEq)]
pub enum LineEnd {
    /// The provider answered.
    Answered(Answer),
    /// It called the request invalid, and charged nothing.
    Invalid,
    /// It may or may not have been asked.
    Unknown,
    /// It was not asked.
    NotAsked,
}

impl LineEnd {
    fn result(&self) -> Option<LineResult> {
        match self {
            Self::Answered(Answer::Hit(_)) => Some(LineResult::Hit),
            Self::Answered(Answer::Pending(_)) => Some(LineResult::Pending),
            Self::Answered(Answer::Miss | Answer::Suppressed) | Self::Invalid => Some(LineResult::Miss),
            Self::Unknown => Some(LineResult::Unknown),
            Self::NotAsked => None,
        }
    }

    fn profile(&self) -> Option<&Profile> {
        match self {
            Self::Answered(Answer::Hit(profile)) => Some(profile),
            _ => None,
        }
    }
}

/// Who was asked about.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What is charged for the answer.
    pub tariff: &'a Tariff,
    /// What we asked with.
    pub identity: &'a Identity,
    /// They were bought before, for the same record.
    pub repeated: bool,
    /// Another record in the same purchase pays for the same person.
    pub shared: bool,
}

/// What each line cost: as reported, else inferred from what came back, and the worst case where nothing is known.
/// `None` for a line that was not asked for.
pub fn costs(asked: &[Asked<'_>], ends: &[LineEnd], reported: Option<Milli>) -> (Vec<Option<Amounts>>, Evidence) {
    let results: Vec<Option<LineResult>> = ends.iter().map(LineEnd::result).collect();
    let unknown = results.contains(&Some(LineResult::Unknown));
    let reported = reported.filter(|_| !unknown).and_then(|reported| in_credits(asked, reported));
    if let Some(reported) = reported {
        // What is shared is charged to the record that pays for it, and counts towards their caps.
        let paying = |(result, asked): (&Option<LineResult>, &Asked<'_>)| {
            result.map(|result| if asked.shared { LineResult::Miss } else { result })
        };
        let paying: Vec<LineResult> = results.iter().zip(asked).filter_map(paying).collect();
        let mut spread = spread(&reported, &paying).into_iter();
        let costs = results.iter().map(|result| result.and_then(|_| spread.next())).collect();
        return (costs, Evidence::Reported);
    }
    let cost = |(end, asked): (&LineEnd, &Asked<'_>)| match end {
        LineEnd::NotAsked => None,
        _ if asked.shared => Some(Amounts::default()),
        LineEnd::Invalid | LineEnd::Answered(Answer::Suppressed | Answer::Pending(_)) => Some(Amounts::default()),
        LineEnd::Unknown => Some(asked.tariff.worst_of(asked.repeated)),
        LineEnd::Answered(_) => Some(asked.tariff.of(asked.identity, asked.repeated, end.profile())),
    };
    let evidence = if unknown { Evidence::Assumed } else { Evidence::Inferred };
    (ends.iter().zip(asked).map(cost).collect(), evidence)
}

/// What a figure for a whole call stands for: `None` where its lines are in different kinds of credit.
fn in_credits(asked: &[Asked<'_>], reported: Milli) -> Option<Amounts> {
    let mut all = asked.iter().map(|asked| asked.tariff.reported(reported));
    let first = all.next()??;
    all.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// The ledger entry for a purchase whose worker saw how it ended. Lines that were not asked for are left out: their
/// part of the hold is freed. `None` when no line was asked for, so that the whole hold is to be freed.
pub fn seen(
    hold: &Hold,
    ends: &[LineEnd],
    costs: &[Option<Amounts>],
    evidence: Evidence,
    at: Timestamp,
) -> Option<Entry> {
    let lines = hold.lines.iter().zip(ends).zip(costs).filter_map(|((line, end), cost)| {
        Some(EntryLine { subject: line.subject.clone(), result: end.result()?, cost: cost.clone()? })
    });
    let lines: Vec<EntryLine> = lines.collect();
    (!lines.is_empty()).then(|| entry(hold, lines, evidence, at))
}

/// The ledger entry for a purchase whose worker is gone: what the records kept of it, and for the rest, that it was
/// spent. `None` when it was not called for any of them, so that the whole hold is to be freed.
pub fn found(hold: &Hold, records: &HashMap<RecordKey, Record>, at: Timestamp) -> Option<Entry> {
    let kept = |line: &HoldLine| {
        let (result, cost) = records.get(&line.subject)?.kept_of(&hold.purchase)?;
        Some(EntryLine { subject: line.subject.clone(), result, cost })
    };
    let called = |line: &HoldLine| was_called(hold, records.get(&line.subject));
    let ended = |line: &HoldLine| kept(line).or_else(|| called(line).then(|| assume_spent(line)));
    let lines: Vec<EntryLine> = hold.lines.iter().filter_map(ended).collect();
    let known = lines.iter().all(|line| line.result != LineResult::Unknown);
    let evidence = if known { Evidence::Inferred } else { Evidence::Assumed };
    (!lines.is_empty()).then(|| entry(hold, lines, evidence, at))
}

/// Whether the provider may have been called for the record of a hold that is still open. A record is claimed before
/// its hold is made, and goes on naming the purchase until that is settled: another worker settles it before it claims
/// the record anew. So one that names it no longer was given back by the purchase's own worker, which does so only
/// without having called. Employers are looked up for a record that names the purchase of the person.
fn was_called(hold: &Hold, record: Option<&Record>) -> bool {
    matches!(hold.kind, PurchaseKind::Organization | PurchaseKind::Search)
        || record.is_none_or(|record| record.purchase() == Some(hold.claim()))
}

/// The ledger entry for a hold of which `lines` were asked for.
pub fn entry(hold: &Hold, lines: Vec<EntryLine>, evidence: Evidence, at: Timestamp) -> Entry {
    let charge = charge(hold, &lines);
    let slices = hold.slices.iter().cloned().zip(charge.spent);
    let slices = slices.filter(|(_, spent)| *spent > Milli::ZERO).map(|(mut slice, spent)| {
        slice.amount = spent;
        slice
    });
    let slices = slices.chain(charge.unheld);
    Entry::Purchase {
        purchase: hold.purchase.clone(),
        kind: hold.kind,
        claim: hold.claim.clone(),
        provider: hold.provider.clone(),
        at,
        slices: slices.collect(),
        excess: charge.excess,
        evidence,
        price_version: hold.price_version.clone(),
        lines,
    }
}

/// The same entry for the hold as it stands: its credits may have moved to other wallets since the entry was made.
pub fn for_hold(made: &Entry, hold: &Hold) -> Entry {
    match made {
        Entry::Purchase { lines, evidence, at, .. } if !hold.slices.is_empty() => {
            entry(hold, lines.clone(), *evidence, *at)
        }
        _ => made.clone(),
    }
}

/// The records of a settled purchase for which it is unknown whether they were charged.
pub fn unknowns(entry: &Entry) -> HashSet<RecordKey> {
    let Entry::Purchase { lines, .. } = entry else { return HashSet::new() };
    lines.iter().filter(|line| line.result == LineResult::Unknown).map(|line| line.subject.clone()).collect()
}

/// Spreads a total that a provider reported for a whole call over the lines that were hits, to the thousandth.
/// When nothing was a hit, the first line carries it: one of them was charged for.
pub fn spread(reported: &Amounts, results: &[LineResult]) -> Vec<Amounts> {
    let mut costs = vec![Amounts::default(); results.len()];
    let mut payers: Vec<usize> = (0..results.len()).filter(|i| results[*i] == LineResult::Hit).collect();
    if payers.is_empty() && !results.is_empty() {
        payers.push(0);
    }
    let Some(count) = i64::try_from(payers.len()).ok().filter(|count| *count > 0) else { return costs };
    for (bucket, total) in reported.iter() {
        let share = total.get() / count;
        let mut rest = total.get() % count;
        for payer in &payers {
            let extra = i64::from(rest > 0);
            rest -= extra;
            costs[*payer].add(bucket, Milli::new(share + extra));
        }
    }
    costs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credits::Bucket;
    use crate::credits::price::{Action, ChargeOn, PERSON, Price, PricedField, Repeat};
    use crate::ids::ProviderName;

    fn tariff(charge_on: ChargeOn) -> Tariff {
        let row = Price {
            version: "test".into(),
            provider: ProviderName::known("data"),
            action: Action::Match,
            field: PricedField::Person,
            from: Timestamp::UNIX_EPOCH,
            charge_on,
            repeat: Repeat::Charged,
            cost: Amounts::one(Bucket::new("credits"), Milli::credits(1)),
        };
        Tariff::at(&[row], &ProviderName::known("data"), Action::Match, &PERSON, Timestamp::UNIX_EPOCH)
            .expect("in force")
    }

    fn cost_of(charge_on: ChargeOn, ends: &[LineEnd], reported: Option<Milli>) -> (Vec<Option<i64>>, Evidence) {
        let identity = Identity::default();
        let tariff = tariff(charge_on);
        let asked = vec![Asked { tariff: &tariff, identity: &identity, repeated: false, shared: false }; ends.len()];
        let (costs, evidence) = costs(&asked, ends, reported);
        (costs.iter().map(|cost| cost.as_ref().map(|cost| cost.total().get())).collect(), evidence)
    }

    #[test]
    fn evidence_is_used_best_first_and_an_unknown_line_costs_the_worst() {
        let hit = || LineEnd::Answered(Answer::Hit(Profile::default()));
        let miss = || LineEnd::Answered(Answer::Miss);
        let ends = [hit(), miss(), LineEnd::NotAsked, hit()];

        let (costs, evidence) = cost_of(ChargeOn::Match, &ends, Some(Milli::new(1500)));
        assert_eq!((costs, evidence), (vec![Some(750), Some(0), None, Some(750)], Evidence::Reported));

        let (costs, evidence) = cost_of(ChargeOn::Match, &ends, None);
        assert_eq!((costs, evidence), (vec![Some(1000), Some(0), None, Some(1000)], Evidence::Inferred));

        let ends = [hit(), LineEnd::Unknown, LineEnd::Invalid];
        let (costs, evidence) = cost_of(ChargeOn::Match, &ends, Some(Milli::new(1)));
        assert_eq!((costs, evidence), (vec![Some(1000), Some(1000), Some(0)], Evidence::Assumed));
    }

    #[test]
    fn a_lookup_price_falls_due_for_a_miss_too() {
        let (costs, _) = cost_of(ChargeOn::Lookup, &[LineEnd::Answered(Answer::Miss)], None);
        assert_eq!(costs, [Some(1000)]);
    }

    #[test]
    fn a_reported_total_is_spread_without_loss() {
        let reported = Amounts::one(Bucket::new("credits"), Milli::new(1000));
        let results = [LineResult::Hit, LineResult::Miss, LineResult::Hit, LineResult::Hit];
        let costs = spread(&reported, &results);
        assert_eq!(costs.iter().map(|c| c.total().get()).collect::<Vec<_>>(), [334, 0, 333, 333]);
        let costs = spread(&reported, &[LineResult::Miss, LineResult::Miss]);
        assert_eq!(costs.iter().map(|c| c.total().get()).sum::<i64>(), 1000);
    }
}
