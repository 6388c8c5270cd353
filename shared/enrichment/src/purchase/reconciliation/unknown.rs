//! What became of calls of which it is not known whether they happened, where the provider's figure can tell.
//!
//! Between two comparisons with nothing under way at either of them, the figure moved by exactly what was charged for the
//! purchases in between. Those of known cost are taken off; what is left is what the unknown ones cost.

use std::time::Duration;

use jiff::Timestamp;

use super::Comparison;
use crate::clock::later;
use crate::credits::Milli;
use crate::credits::ledger::{Entry, LineResult, PurchaseKind, ResolvedAs, Slice};
use crate::ids::PurchaseId;

/// A call that timed out may still be worked on, and charged, by the provider. Its figures are up to date within seconds
/// of that; minutes are on the safe side.
const CERTAIN_AFTER: Duration = Duration::from_secs(10 * 60);

/// A purchase with lines of which it is not known whether they were charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Which.
    pub purchase: PurchaseId,
    /// What it buys.
    pub kind: PurchaseKind,
    /// When it was settled.
    pub settled_at: Timestamp,
    /// What those lines cost at most, which counts as spent.
    pub cost: Milli,
    /// Where all of the purchase came from, in burn order.
    pub slices: Vec<Slice>,
}

/// What the figure says of one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Which.
    pub purchase: PurchaseId,
    /// What it buys.
    pub kind: PurchaseKind,
    /// What it says.
    pub outcome: ResolvedAs,
    /// What was not charged, out of the wallets that gave it last.
    pub slices: Vec<Slice>,
}

/// The unknown purchases among those that were settled since `since`. `None` when these are not all that our ledger has
/// spent between the two comparisons, so that nothing can be concluded from them.
pub fn unknowns(entries: &[Entry], since: Timestamp, spent: Milli) -> Option<Vec<Unknown>> {
    let (mut all, mut unknowns) = (Milli::ZERO, Vec::new());
    for entry in entries {
        let Entry::Purchase { purchase, kind, at, slices, lines, .. } = entry else { continue };
        if *at < since {
            continue;
        }
        all += slices.iter().map(|slice| slice.amount).sum();
        let cost: Milli =
            lines.iter().filter(|line| line.result == LineResult::Unknown).map(|line| line.cost.total()).sum();
        if cost > Milli::ZERO {
            let (purchase, slices) = (purchase.clone(), slices.clone());
            unknowns.push(Unknown { purchase, kind: *kind, settled_at: *at, cost, slices });
        }
    }
    (all == spent).then_some(unknowns)
}

/// What there is to say of unknown purchases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This became of each of them.
    Told(Vec<Resolved>),
    /// Nothing yet: the provider may still be at one of them.
    TooEarly,
    /// The figure fits several outcomes, or none.
    CantTell,
}

/// Reads off the provider's figure what became of `unknowns`, all that there are between two comparisons.
pub fn resolve(before: &Comparison, now: &Comparison, unknowns: &[Unknown], at: Timestamp) -> Answer {
    let at_rest = before.held == Milli::ZERO && now.held == Milli::ZERO && before.cycle == now.cycle;
    if unknowns.is_empty() || !at_rest {
        return Answer::CantTell;
    }
    if unknowns.iter().any(|unknown| at < later(unknown.settled_at, CERTAIN_AFTER)) {
        return Answer::TooEarly;
    }
    let missing = (now.spent - before.spent) - (now.used - before.used);
    let all: Milli = unknowns.iter().map(|unknown| unknown.cost).sum();
    let each = |outcome, returned: fn(&Unknown) -> Milli| {
        Answer::Told(unknowns.iter().map(|unknown| unknown.resolved(outcome, returned(unknown))).collect())
    };
    match unknowns {
        _ if missing == Milli::ZERO => each(ResolvedAs::Charged, |_| Milli::ZERO),
        _ if missing == all => each(ResolvedAs::NotCharged, |unknown| unknown.cost),
        [one] if Milli::ZERO < missing && missing < all => {
            Answer::Told(vec![one.resolved(ResolvedAs::ChargedInPart, missing)])
        }
        _ => Answer::CantTell,
    }
}

impl Unknown {
    fn resolved(&self, outcome: ResolvedAs, mut returned: Milli) -> Resolved {
        let mut slices = Vec::new();
        for slice in self.slices.iter().rev() {
            let amount = slice.amount.min(returned);
            if amount > Milli::ZERO {
                slices.push(Slice { amount, ..slice.clone() });
                returned = returned - amount;
            }
        }
        Resolved { purchase: self.purchase.clone(), kind: self.kind, outcome, slices }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credits::ledger::{EntryLine, Evidence};
    use crate::credits::wallet::WalletId;
    use crate::credits::{Amounts, Bucket};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn slice(wallet: &str, amount: i64) -> Slice {
        Slice { wallet: WalletId(wallet.into()), bucket: Bucket::new("credits"), amount: Milli::new(amount) }
    }

    fn comparison(used: i64, spent: i64, held: i64) -> Comparison {
        let milli = Milli::new;
        Comparison { cycle: "2026-01-01".into(), used: milli(used), spent: milli(spent), held: milli(held) }
    }

    /// A purchase that cost so much, of which so much is unknown.
    fn bought(second: i64, cost: i64, unknown: i64) -> Entry {
        let line = |result, cost| EntryLine {
            subject: "t#crm#contact#1".parse().expect("a key"),
            result,
            cost: Amounts::one(Bucket::new("credits"), Milli::new(cost)),
        };
        Entry::Purchase {
            purchase: PurchaseId::derive(&"acme".parse().expect("a tenant"), "run", at(second)),
            kind: PurchaseKind::Person,
            claim: None,
            provider: None,
            at: at(second),
            slices: vec![slice("plan", cost - 1), slice("pack", 1)],
            excess: Amounts::default(),
            evidence: Evidence::Assumed,
            price_version: String::new(),
            lines: vec![line(LineResult::Hit, cost - unknown), line(LineResult::Unknown, unknown)],
        }
    }

    /// What is said at 2000 when the provider's figure moved by `used`: an outcome and what goes back, for each.
    fn told(entries: &[Entry], used: i64) -> Result<Vec<(ResolvedAs, Vec<Slice>)>, Answer> {
        let spent = entries.iter().map(|entry| match entry {
            Entry::Purchase { slices, .. } => slices.iter().map(|slice| slice.amount.get()).sum::<i64>(),
            _ => 0,
        });
        let spent: i64 = spent.sum();
        let unknowns = unknowns(entries, at(0), Milli::new(spent)).expect("they are all there is");
        match resolve(&comparison(7, 100, 0), &comparison(7 + used, 100 + spent, 0), &unknowns, at(2000)) {
            Answer::Told(all) => Ok(all.into_iter().map(|one| (one.outcome, one.slices)).collect()),
            other => Err(other),
        }
    }

    #[test]
    fn the_figure_says_all_none_or_how_much_of_the_only_one() {
        let one = [bought(10, 20, 0), bought(20, 5, 3)];
        assert_eq!(told(&one, 25), Ok(vec![(ResolvedAs::Charged, vec![])]));
        assert_eq!(told(&one, 22), Ok(vec![(ResolvedAs::NotCharged, vec![slice("pack", 1), slice("plan", 2)])]));
        assert_eq!(told(&one, 24), Ok(vec![(ResolvedAs::ChargedInPart, vec![slice("pack", 1)])]));
        for impossible in [21, 26] {
            assert_eq!(told(&one, impossible), Err(Answer::CantTell), "other things happened, too");
        }
        let two = [bought(10, 4, 4), bought(20, 5, 3)];
        assert_eq!(told(&two, 9).map(|all| all.len()), Ok(2));
        assert_eq!(told(&two, 2).map(|all| all.iter().flat_map(|(_, slices)| slices).count()), Ok(4));
        assert_eq!(told(&two, 5), Err(Answer::CantTell), "the first, or a part of both");
    }

    #[test]
    fn nothing_is_concluded_while_anything_is_under_way_or_from_half_of_the_ledger() {
        let entries = [bought(10, 5, 3)];
        let unknowns = unknowns(&entries, at(0), Milli::new(5)).expect("all there is");
        let (before, now) = (comparison(0, 0, 0), comparison(2, 5, 0));
        assert_eq!(resolve(&before, &now, &unknowns, at(609)), Answer::TooEarly);
        assert!(matches!(resolve(&before, &now, &unknowns, at(610)), Answer::Told(_)));
        assert_eq!(resolve(&before, &comparison(2, 5, 1), &unknowns, at(700)), Answer::CantTell);
        assert_eq!(resolve(&comparison(0, 0, 1), &now, &unknowns, at(700)), Answer::CantTell);
        assert_eq!(super::unknowns(&entries, at(0), Milli::new(6)), None);
        assert_eq!(super::unknowns(&entries, at(11), Milli::ZERO), Some(Vec::new()), "settled before");
    }
}
