//! Our ledger beside the provider's own figures.

mod unknown;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::{ProviderConnection, Tenant};
use crate::credits::Milli;
use crate::credits::ledger::{Entry, LineResult};
use crate::ids::ProviderName;
use crate::provider::Began;

pub use self::unknown::{Answer, Resolved, Unknown, resolve, unknowns};

/// What was compared at one time. Kept as the start of the next comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The provider's billing cycle, in its own words.
    pub cycle: String,
    /// What the provider says was used in it.
    pub used: Milli,
    /// What our ledger says was spent, over all time.
    pub spent: Milli,
    /// What was held then: it may or may not have been charged already.
    pub held: Milli,
}

/// What is remembered of the comparisons with one provider, as JSON in a mark of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// When it was compared last, in milliseconds since 1970.
    pub at: i64,
    /// When `from` was read, likewise: there once an installation has compared with a version that keeps it.
    #[serde(default)]
    pub since: Option<i64>,
    /// Where the next comparison starts.
    pub from: Comparison,
    /// What the provider said last was used in its cycle. Absent in what was remembered by a version that didn't keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Milli>,
    /// Whose figures they are: where providers have changed places in the file, another's are under this name. Absent in what
    /// was remembered by a version that didn't keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderName>,
}

impl Remembered {
    /// What the mark is called. Each provider's figures are remembered by themselves: the first's under the plain name.
    pub fn mark(tenant: &Tenant, provider: &ProviderConnection) -> String {
        mark_of(tenant, provider, "reconciliation")
    }

    /// What the text of that mark says of this provider.
    pub fn read(text: &str, provider: &ProviderConnection) -> Option<Self> {
        let remembered: Self = serde_json::from_str(text).ok()?;
        let is_its = remembered.provider.as_ref().is_none_or(|own| *own == provider.name());
        is_its.then_some(remembered)
    }
}

/// What a mark about one provider is called.
pub fn mark_of(tenant: &Tenant, provider: &ProviderConnection, mark: &str) -> String {
    match tenant.is_first(provider) {
        true => mark.to_owned(),
        false => format!("{mark}-{}", provider.vendor.name),
    }
}

/// What two comparisons show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// They agree, or differ by no more than what is under way: keep the old start, so that it adds up.
    Agree,
    /// They agree to the unit, with nothing under way: start from here.
    Settled,
    /// The first comparison of all, or of a new cycle of which nothing disagrees: start from here.
    NewCycle,
    /// The provider's figure moved otherwise than ours, by this much more (or less). Start from here.
    Drift(Milli),
}

/// Compares how far both have moved since `before`.
pub fn compare(before: &Comparison, now: &Comparison) -> Verdict {
    if before.cycle != now.cycle {
        return Verdict::NewCycle;
    }
    let (theirs, ours) = (now.used - before.used, now.spent - before.spent);
    // What was held before may have been charged before, and what is held now may be charged already.
    let (least, most) = (ours - before.held, ours + now.held);
    if theirs < least || theirs > most {
        return Verdict::Drift(theirs - ours);
    }
    if now.held == Milli::ZERO && theirs == ours { Verdict::Settled } else { Verdict::Agree }
}

/// What the provider may say of a cycle that has begun since the last comparison, going by our ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// What was surely charged in it.
    pub least: Milli,
    /// What may have been.
    pub most: Milli,
}

impl Expected {
    /// Of a cycle that began then, for figures that were asked for at `asked_at`. `entries` are the purchases that may
    /// have been charged in it, and `held` is what is under way.
    pub fn of(began: Began, entries: &[Entry], asked_at: Timestamp, held: Milli) -> Self {
        let mut expected = Self { least: Milli::ZERO, most: held };
        for entry in entries {
            let Entry::Purchase { purchase, kind, at, slices, lines, .. } = entry else { continue };
            let cost: Milli = slices.iter().map(|slice| slice.amount).sum();
            let unknown = lines.iter().filter(|line| line.result == LineResult::Unknown);
            let unknown: Milli = unknown.map(|line| line.cost.total()).sum();
            let arrived = kind.is_asynchronous() && *at >= began.earliest;
            if purchase.made_at() >= began.earliest || arrived {
                expected.most += cost;
            }
            // What is settled only while the provider is asked may not be in its figure yet.
            if purchase.made_at() >= began.latest && *at <= asked_at {
                expected.least += cost - unknown;
            }
        }
        expected
    }
}

/// Compares what the provider says was used in a new cycle with all that our ledger knows of it, so that what went wrong
/// across the boundary is not forgotten with the old cycle.
pub fn first_of_cycle(used: Milli, expected: Expected) -> Verdict {
    if used > expected.most {
        Verdict::Drift(used - expected.most)
    } else if used < expected.least {
        Verdict::Drift(used - expected.least)
    } else {
        Verdict::NewCycle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credits::ledger::PurchaseKind;

    fn at(used: i64, spent: i64, held: i64) -> Comparison {
        let milli = Milli::new;
        Comparison { cycle: "2026-01-01".into(), used: milli(used), spent: milli(spent), held: milli(held) }
    }

    #[test]
    fn what_is_under_way_is_not_a_drift_and_everything_else_is() {
        assert_eq!(compare(&at(10, 100, 0), &at(15, 105, 0)), Verdict::Settled);
        assert_eq!(compare(&at(10, 100, 0), &at(17, 105, 2)), Verdict::Agree, "charged, not settled yet");
        assert_eq!(compare(&at(12, 100, 2), &at(15, 105, 0)), Verdict::Agree, "was charged before, settled since");
        assert_eq!(compare(&at(10, 100, 0), &at(18, 105, 2)), Verdict::Drift(Milli::new(3)), "another system bought");
        assert_eq!(
            compare(&at(10, 100, 0), &at(12, 105, 0)),
            Verdict::Drift(Milli::new(-3)),
            "unknown was not charged"
        );
        let other = Comparison { cycle: "2026-02-01".into(), ..at(0, 105, 0) };
        assert_eq!(compare(&at(10, 100, 0), &other), Verdict::NewCycle);
    }

    #[test]
    fn a_new_cycle_is_compared_with_all_that_was_charged_since_it_began() {
        use crate::credits::ledger::{EntryLine, Evidence, Slice};
        use crate::credits::wallet::WalletId;
        use crate::credits::{Amounts, Bucket};
        use crate::ids::PurchaseId;

        let at = |second| Timestamp::from_second(second).expect("in range");
        let bought = |made: i64, is_asynchronous: bool, settled: i64, cost: i64, unknown: i64| {
            let first = PurchaseId::derive(&"acme".parse().expect("a tenant"), "run", at(made));
            let (bucket, wallet) = (Bucket::new("credits"), WalletId("plan".into()));
            let line = |result, cost| EntryLine {
                subject: "t#crm#contact#1".parse().expect("a key"),
                result,
                cost: Amounts::one(bucket.clone(), Milli::new(cost)),
            };
            Entry::Purchase {
                purchase: if is_asynchronous { first.asynchronous() } else { first },
                kind: if is_asynchronous { PurchaseKind::Asynchronous } else { PurchaseKind::Person },
                claim: None,
                provider: None,
                at: at(settled),
                slices: vec![Slice { wallet, bucket: bucket.clone(), amount: Milli::new(cost) }],
                excess: Amounts::default(),
                evidence: Evidence::Reported,
                price_version: String::new(),
                lines: vec![line(LineResult::Hit, cost - unknown), line(LineResult::Unknown, unknown)],
            }
        };
        let began = Began { earliest: at(1000), latest: at(2000) };
        let entries = [
            bought(900, false, 901, 1, 0),
            bought(900, true, 1500, 10, 0),
            bought(1500, false, 1501, 100, 0),
            bought(2500, false, 2501, 1000, 300),
            bought(2990, false, 3001, 10_000, 0),
        ];
        let expected = Expected::of(began, &entries, at(3000), Milli::new(5));
        assert_eq!(expected, Expected { least: Milli::new(700), most: Milli::new(11_115) });
        assert_eq!(first_of_cycle(Milli::new(700), expected), Verdict::NewCycle);
        assert_eq!(first_of_cycle(Milli::new(699), expected), Verdict::Drift(Milli::new(-1)));
        assert_eq!(first_of_cycle(Milli::new(11_117), expected), Verdict::Drift(Milli::new(2)));
    }
}
