//! How far spending may go within a time, and what counts towards that.

use std::collections::BTreeMap;

use super::Amounts;
use super::money::{Currency, Money, Values};

/// How far a cap goes: in credits, by kind, and in money, over all kinds together. What it doesn't name is not capped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limit {
    /// The most of each kind.
    pub credits: Amounts,
    /// The most of all kinds together.
    pub money: Option<MoneyLimit>,
}

/// The most in money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoneyLimit {
    /// How much.
    pub most: Money,
    /// What credits are worth, and in which currency that is.
    pub values: Values,
}

/// What counts towards a cap: what was spent, and what is held at its worst case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    /// Of each kind of credit.
    pub credits: Amounts,
    /// In money, at the values of the time it was held at. Only what was held while a cap was in money.
    pub money: BTreeMap<Currency, Money>,
}

impl Limit {
    /// What is left of it when so much is kept for others.
    #[must_use]
    pub fn less(&self, keep: &Amounts) -> Self {
        let less = |limit: &MoneyLimit| {
            let most = (limit.most - limit.values.worth(keep)).max(Money::ZERO);
            MoneyLimit { most, values: limit.values.clone() }
        };
        Self { credits: self.credits.less(keep), money: self.money.as_ref().map(less) }
    }

    /// Whether `more` doesn't fit under it any more once so much is used.
    pub fn is_too_low_for(&self, used: &Used, more: &Amounts) -> bool {
        let is_over = |(bucket, amount)| used.credits.get(bucket) + amount > self.credits.get(bucket);
        let is_over_in_money = |limit: &MoneyLimit| {
            let (used, more) = (used.money.get(&limit.values.currency).copied(), limit.values.worth(more));
            more > Money::ZERO && used.unwrap_or_default() + more > limit.most
        };
        more.iter().filter(|(bucket, _)| self.credits.names(bucket)).any(is_over)
            || self.money.as_ref().is_some_and(is_over_in_money)
    }

    /// Counts `more` towards what is used.
    pub fn count(&self, used: &mut Used, more: &Amounts) {
        used.credits += more;
        if let Some(MoneyLimit { values, .. }) = &self.money {
            *used.money.entry(values.currency.clone()).or_default() += values.worth(more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credits::{Bucket, Milli};

    fn amounts(kind: &str, credits: i64) -> Amounts {
        Amounts::one(Bucket::new(kind), Milli::credits(credits))
    }

    #[test]
    fn a_limit_in_money_counts_all_kinds_together_and_what_is_worth_nothing_not_at_all() {
        let dollars = |dollars: i64| Money::new(dollars * 1_000_000_000);
        let each = [("a", 1), ("b", 3), ("free", 0)].map(|(kind, value)| (Bucket::new(kind), dollars(value)));
        let values = Values { currency: Currency::read("USD").expect("a code"), each: each.into() };
        let limit = Limit { credits: amounts("b", 2), money: Some(MoneyLimit { most: dollars(10), values }) };
        let mut used = Used::default();
        let fits = |used: &Used, kind, credits| !limit.is_too_low_for(used, &amounts(kind, credits));
        assert!(fits(&used, "a", 10) && !fits(&used, "a", 11), "ten dollars");
        assert!(fits(&used, "b", 2) && !fits(&used, "b", 3), "nine dollars, and more than two credits");
        limit.count(&mut used, &amounts("b", 2));
        limit.count(&mut used, &amounts("a", 3));
        assert!(fits(&used, "a", 1) && !fits(&used, "a", 2), "one dollar is left");
        let less = limit.less(&amounts("a", 1));
        assert!(less.is_too_low_for(&used, &amounts("a", 1)), "it is kept for others");
        limit.count(&mut used, &amounts("a", 5));
        assert!(fits(&used, "free", 7) && !fits(&used, "a", 1), "over, as when the cap was lowered");
    }
}
