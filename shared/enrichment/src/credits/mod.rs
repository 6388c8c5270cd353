//! Amounts of credit. Integers throughout: a provider may report fractions, and floats don't add up.
//!
//! | file | what |
//! | --- | --- |
//! | [`cycle`], [`plan`] | when credits are granted, and how many |
//! | [`price`] | what a provider charges |
//! | [`money`], [`cap`] | what credits are worth, and how far spending may go |
//! | [`wallet`], [`plan_change`], [`carry`] | balances with a life, and what becomes of them when the plan or the cycle changes |
//! | [`ledger`] | holds, and the entries that explain every unit |
//! | [`alerts`], [`forecast`] | what operators are told |

pub mod alerts;
pub mod cap;
pub mod carry;
pub mod cycle;
pub mod forecast;
pub mod ledger;
pub mod money;
pub mod plan;
pub mod plan_change;
pub mod price;
pub mod wallet;

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Deserializer, Serialize};

/// An amount in thousandths of a credit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Milli(i64);

/// The most credits one amount may hold: far above any plan, far below where sums overflow.
const CREDITS_MAX: i64 = 1_000_000_000_000;

/// Why a number isn't an amount.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("found {0}, expected 0 to 10^12 credits with at most three decimals")]
pub struct AmountError(f64);

impl Milli {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From thousandths.
    pub const fn new(milli: i64) -> Self {
        Self(milli)
    }

    /// In thousandths.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// From whole credits.
    pub const fn credits(credits: i64) -> Self {
        Self(credits * 1000)
    }

    /// From a number of credits as people and providers write it: `1`, `0.5`, `2.125`.
    pub fn from_decimal(credits: f64) -> Result<Self, AmountError> {
        let milli = (credits * 1000.0).round();
        let exact = (milli / 1000.0 - credits).abs() < 1e-9;
        #[expect(clippy::cast_precision_loss, reason = "the bound is far below 2^53")]
        let most = (CREDITS_MAX * 1000) as f64;
        if !credits.is_finite() || !exact || !(0.0..=most).contains(&milli) {
            return Err(AmountError(credits));
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked to be within 0..=10^15 above")]
        Ok(Self(milli as i64))
    }

    /// As a number of credits, for people and JSON.
    pub fn to_decimal(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^53")]
        let milli = self.0 as f64;
        milli / 1000.0
    }
}

impl fmt::Display for Milli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_decimal())
    }
}

impl Add for Milli {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Milli {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for Milli {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Milli {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl<'de> Deserialize<'de> for Milli {
    /// Stored amounts are integers in thousandths.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self)
    }
}

/// A kind of credit, named by the plan: `credits`, `email`, `mobile`, …
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bucket(String);

impl Bucket {
    /// A bucket by its name in the configuration, where it has been checked.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An amount of each of several kinds. A kind that isn't named is zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Amounts(BTreeMap<Bucket, Milli>);

impl Amounts {
    /// One amount of one kind.
    pub fn one(bucket: Bucket, amount: Milli) -> Self {
        Self(BTreeMap::from([(bucket, amount)]))
    }

    /// The amount of this kind.
    pub fn get(&self, bucket: &Bucket) -> Milli {
        self.0.get(bucket).copied().unwrap_or_default()
    }

    /// Whether it says anything of this kind, be it zero.
    pub fn names(&self, bucket: &Bucket) -> bool {
        self.0.contains_key(bucket)
    }

    /// Adds to one kind.
    pub fn add(&mut self, bucket: &Bucket, amount: Milli) {
        *self.0.entry(bucket.clone()).or_default() += amount;
    }

    /// Each kind that is named, with its amount.
    pub fn iter(&self) -> impl Iterator<Item = (&Bucket, Milli)> {
        self.0.iter().map(|(bucket, amount)| (bucket, *amount))
    }

    /// Of the kinds that `other` names alone.
    #[must_use]
    pub fn of_kinds_in(&self, other: &Self) -> Self {
        let named = self.iter().filter(|(bucket, _)| other.names(bucket));
        named.map(|(bucket, amount)| (bucket.clone(), amount)).collect()
    }

    /// Whether no kind is named in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every kind is zero.
    pub fn is_zero(&self) -> bool {
        self.0.values().all(|amount| *amount == Milli::ZERO)
    }

    /// Whether this is at least `other` in every kind.
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|(bucket, amount)| self.get(bucket) >= amount)
    }

    /// Of each kind, the smaller of the two: nothing of one that either lacks.
    #[must_use]
    pub fn smaller(&self, other: &Self) -> Self {
        let mut smaller = Self::default();
        for (bucket, amount) in self.iter().filter(|(bucket, _)| other.names(bucket)) {
            smaller.add(bucket, amount.min(other.get(bucket)));
        }
        smaller
    }

    /// What is left of each kind that either names, which may be less than nothing.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let mut difference = self.clone();
        for (bucket, amount) in other.iter() {
            difference.add(bucket, Milli::ZERO - amount);
        }
        difference
    }

    /// What is left of each kind, and nothing where `other` takes more than there is.
    #[must_use]
    pub fn less(&self, other: &Self) -> Self {
        let left = |(bucket, amount): (&Bucket, Milli)| (bucket.clone(), (amount - other.get(bucket)).max(Milli::ZERO));
        self.iter().map(left).collect()
    }

    /// Of each kind the larger amount.
    #[must_use]
    pub fn larger(&self, other: &Self) -> Self {
        let mut larger = self.clone();
        for (bucket, amount) in other.iter() {
            let own = larger.0.entry(bucket.clone()).or_insert(amount);
            *own = (*own).max(amount);
        }
        larger
    }

    /// The sum over all kinds: only for showing, since kinds are not worth the same.
    pub fn total(&self) -> Milli {
        self.0.values().copied().sum()
    }
}

impl AddAssign<&Amounts> for Amounts {
    fn add_assign(&mut self, other: &Amounts) {
        for (bucket, amount) in other.iter() {
            self.add(bucket, amount);
        }
    }
}

impl<'a> Sum<&'a Amounts> for Amounts {
    fn sum<I: Iterator<Item = &'a Amounts>>(amounts: I) -> Self {
        let mut sum = Self::default();
        for amount in amounts {
            sum += amount;
        }
        sum
    }
}

impl FromIterator<(Bucket, Milli)> for Amounts {
    fn from_iter<I: IntoIterator<Item = (Bucket, Milli)>>(amounts: I) -> Self {
        let mut sum = Self::default();
        for (bucket, amount) in amounts {
            sum.add(&bucket, amount);
        }
        sum
    }
}

impl fmt::Display for Amounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("nothing");
        }
        let named: Vec<String> = self.iter().map(|(bucket, amount)| format!("{amount} {bucket}")).collect();
        f.write_str(&named.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_kept_to_the_thousandth_and_refused_beyond() {
        assert_eq!(Milli::from_decimal(2.125), Ok(Milli::new(2125)));
        assert_eq!(Milli::from_decimal(0.1), Ok(Milli::new(100)));
        for wrong in [-1.0, 0.0005, f64::NAN, f64::INFINITY, 1e13] {
            assert!(Milli::from_decimal(wrong).is_err(), "{wrong} is not an amount");
        }
    }
}
