//! Our ledger beside the provider's own figures.

use serde::{Deserialize, Serialize};

use crate::credits::Milli;

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

/// What two comparisons show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// They agree, or differ by no more than what is under way: keep the old start, so that it adds up.
    Agree,
    /// They agree to the unit, with nothing under way: start from here.
    Settled,
    /// The provider has begun a new cycle: there is nothing to compare, start from here.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(used: i64, spent: i64, held: i64) -> Comparison {
        let milli = Milli::new;
        Comparison { cycle: "2026-01-01".into(), used: milli(used), spent: milli(spent), held: milli(held) }
    }

    #[test]
    fn what_is_under_way_is_not_a_drift_and_everything_else_is() {
        assert_eq!(compare(&at(10, 100, 0), &at(15, 105, 0)), Verdict::Settled);
        assert_eq!(compare(&at(10, 100, 0), &at(17, 105, 2)), Verdict::Agree, "charged, not settled yet");
        assert_eq!(compare(&at(12, 100, 2), &at(15, 105, 0)), Verdict::Agree, "was charged before, settled since");
        assert_eq!(compare(&at(10, 100, 0), &at(18, 105, 2)), Verdict::Drift(Milli::new(3)), "somebody else bought");
        assert_eq!(
            compare(&at(10, 100, 0), &at(12, 105, 0)),
            Verdict::Drift(Milli::new(-3)),
            "unknown was not charged"
        );
        let other = Comparison { cycle: "2026-02-01".into(), ..at(0, 105, 0) };
        assert_eq!(compare(&at(10, 100, 0), &other), Verdict::NewCycle);
    }
}
