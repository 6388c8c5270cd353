//! Which wallet paid for which line of a purchase.
//!
//! A purchase is settled as a whole: lines have costs, slices have wallets. They are joined the way the charge was
//! spread, first line out of the first slice, so that the parts of each line add up to its cost and the parts of each
//! wallet to what it gave.

use leadgate_enrichment::credits::ledger::{EntryLine, Slice};
use leadgate_enrichment::credits::wallet::WalletId;
use leadgate_enrichment::credits::{Bucket, Milli};

/// A part of what a line cost.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    /// Where it came from. `None` when the tenant had no wallet at all that could give it.
    pub(super) wallet: Option<&'a WalletId>,
    pub(super) bucket: &'a Bucket,
    pub(super) amount: Milli,
}

/// For each line, its parts.
pub(super) fn parts<'a>(slices: &'a [Slice], lines: &'a [EntryLine]) -> Vec<Vec<Part<'a>>> {
    let mut left: Vec<Milli> = slices.iter().map(|slice| slice.amount).collect();
    lines.iter().map(|line| parts_of(line, slices, &mut left)).collect()
}

fn parts_of<'a>(line: &'a EntryLine, slices: &'a [Slice], left: &mut [Milli]) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    for (bucket, mut owed) in line.cost.iter() {
        for (slice, left) in slices.iter().zip(left.iter_mut()).filter(|(slice, _)| slice.bucket == *bucket) {
            let amount = owed.min(*left);
            if amount > Milli::ZERO {
                parts.push(Part { wallet: Some(&slice.wallet), bucket, amount });
                (*left, owed) = (*left - amount, owed - amount);
            }
        }
        if owed > Milli::ZERO {
            parts.push(Part { wallet: None, bucket, amount: owed });
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadgate_enrichment::credits::Amounts;
    use leadgate_enrichment::credits::ledger::LineResult;

    #[test]
    fn lines_are_paid_slice_by_slice() {
        let bucket = Bucket::new("credits");
        let slice = |wallet: &str, amount| Slice {
            wallet: WalletId(wallet.to_owned()),
            bucket: bucket.clone(),
            amount: Milli::new(amount),
        };
        let line = |cost| EntryLine {
            subject: "t#hubspot#contact#1".parse().expect("a key"),
            result: LineResult::Hit,
            cost: Amounts::one(bucket.clone(), Milli::new(cost)),
        };
        let (slices, lines) = ([slice("b", 3), slice("a", 4)], [line(2), line(0), line(2), line(3)]);
        let parts = parts(&slices, &lines);
        let told: Vec<Vec<(&str, i64)>> = parts
            .iter()
            .map(|parts| parts.iter().map(|p| (p.wallet.expect("a wallet").0.as_str(), p.amount.get())).collect())
            .collect();
        assert_eq!(told, [vec![("b", 2)], vec![], vec![("b", 1), ("a", 1)], vec![("a", 3)]]);
    }
}
