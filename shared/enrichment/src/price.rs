//! What a provider charges, as configuration with dates: published price lists disagree and change.

use jiff::Timestamp;
use serde::Deserialize;

use crate::credits::{Amounts, Milli};
use crate::ledger::LineResult;
use crate::person::Profile;

/// Something that a provider may charge for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Looking a person up by what we know of them.
    Match,
}

/// What of a person the price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PricedField {
    /// Name, job, company and work e-mail: what a match returns at once.
    Person,
}

/// When the charge falls due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChargeOn {
    /// For asking, whatever the answer.
    Lookup,
    /// Only when the provider knows the person.
    Match,
    /// Only when it returns a verified e-mail.
    Verified,
}

/// One row of the price list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// Names the price list the row came from. Stored with each hold.
    pub version: String,
    /// Whose price.
    pub provider: ProviderKind,
    /// For doing what.
    pub action: Action,
    /// To get what.
    pub field: PricedField,
    /// The first instant it applies.
    pub from: Timestamp,
    /// When it falls due.
    pub charge_on: ChargeOn,
    /// How much.
    pub cost: Amounts,
}

/// Who sells data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// Apollo.io.
    Apollo,
}

impl ProviderKind {
    /// The word used in configuration and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apollo => "apollo",
        }
    }
}

impl Price {
    /// The most that one person can cost.
    pub fn worst(&self) -> Amounts {
        self.cost.clone()
    }

    /// What an answer costs: `None` for a person the provider doesn't know.
    pub fn of(&self, profile: Option<&Profile>) -> Amounts {
        let due = match (self.charge_on, profile) {
            (ChargeOn::Lookup, _) | (ChargeOn::Match, Some(_)) => true,
            (ChargeOn::Verified, Some(profile)) => profile.has_verified_email(),
            (ChargeOn::Match | ChargeOn::Verified, None) => false,
        };
        if due { self.cost.clone() } else { Amounts::default() }
    }
}

/// The row that applies at `now`: of those that have come into force, the latest.
pub fn price_at(prices: &[Price], provider: ProviderKind, now: Timestamp) -> Option<&Price> {
    prices.iter().filter(|price| price.provider == provider && price.from <= now).max_by_key(|price| price.from)
}

/// Spreads a total that a provider reported for a whole call over the lines that were hits, to the thousandth.
/// When nothing was a hit, the first line carries it: somebody was charged for.
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
