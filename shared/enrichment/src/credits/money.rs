//! What credits are worth. Integers throughout, as for credits: a cap in money is a promise.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Amounts, Bucket, Milli};

/// An amount of money in billionths of its currency's unit. A thousandth of a credit, at a value with at most six decimals,
/// comes to a whole number of them: nothing is ever rounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(i64);

/// Of one unit of a currency.
const BILLIONTHS: i64 = 1_000_000_000;
/// What can be written has at most so many decimals.
const DECIMALS_MAX: usize = 6;
/// What can be written is less than 10 to the power of this: far above any budget, below where sums overflow.
const DIGITS_MAX: usize = 9;
/// What is shown has at least so many decimals.
const DECIMALS_SHOWN: usize = 2;
/// An average is shown with so many.
const DECIMALS_OF_AVERAGE: u32 = 4;

impl Money {
    /// None.
    pub const ZERO: Self = Self(0);

    /// From billionths.
    pub const fn new(billionths: i64) -> Self {
        Self(billionths)
    }

    /// In billionths.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// As a number of units, for JSON.
    pub fn to_decimal(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "only shown: what is counted are the integers")]
        let (money, unit) = (self.0 as f64, BILLIONTHS as f64);
        money / unit
    }

    /// What each of so many comes to on average, to four decimals; `None` if there are none.
    pub fn per(self, count: usize) -> Option<Self> {
        let count = i64::try_from(count).ok().filter(|count| *count > 0)?;
        let step = BILLIONTHS / 10_i64.pow(DECIMALS_OF_AVERAGE);
        let half = count * step / 2;
        Some(Self(self.0.saturating_add(half).div_euclid(count * step) * step))
    }

    /// From digits with at most six decimals.
    fn read(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        if !is_number(whole) || !is_number(decimals) || whole.len() > DIGITS_MAX || decimals.len() > DECIMALS_MAX {
            return None;
        }
        let decimals: i64 = format!("{decimals:0<9}").parse().ok()?;
        Some(Self(whole.parse::<i64>().ok()? * BILLIONTHS + decimals))
    }
}

impl fmt::Display for Money {
    /// All its decimals, and at least two.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, units) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let (whole, decimals) = (units / BILLIONTHS.unsigned_abs(), units % BILLIONTHS.unsigned_abs());
        let decimals = format!("{decimals:09}");
        write!(f, "{sign}{whole}.{:0<DECIMALS_SHOWN$}", decimals.trim_end_matches('0'))
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// A currency by its code of three letters (ISO 4217): `USD`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Currency(String);

impl Currency {
    /// Its code.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The currency of this code, if it looks like one.
    pub fn read(code: &str) -> Option<Self> {
        (code.len() == 3 && code.chars().all(|c| c.is_ascii_uppercase())).then(|| Self(code.to_owned()))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An amount in a currency, as it is written in the configuration: `0.025 USD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrencyAmount {
    /// How much.
    pub amount: Money,
    /// Of what.
    pub currency: Currency,
}

/// Why a text is no amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an amount below 10^9 with at most six decimals and its currency, in quotes, such as \"0.025 USD\"")]
pub struct NoMoney;

impl FromStr for CurrencyAmount {
    type Err = NoMoney;

    fn from_str(text: &str) -> Result<Self, NoMoney> {
        let (amount, currency) = text.split_once(' ').ok_or(NoMoney)?;
        let (amount, currency) = (Money::read(amount), Currency::read(currency));
        let (amount, currency) = amount.zip(currency).ok_or(NoMoney)?;
        Ok(Self { amount, currency })
    }
}

impl fmt::Display for CurrencyAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

/// What one credit of each kind is worth, all in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values {
    /// Which currency.
    pub currency: Currency,
    /// By kind of credit.
    pub each: BTreeMap<Bucket, Money>,
}

impl Values {
    /// What these credits are worth: of kinds without a value, nothing. What is below zero is worth less than nothing.
    pub fn worth(&self, amounts: &Amounts) -> Money {
        let worth = |(bucket, amount): (&Bucket, Milli)| {
            let value = self.each.get(bucket).copied().unwrap_or_default();
            let exact = i128::from(value.0) * i128::from(amount.get()) / 1000;
            let bound = exact.clamp(i64::MIN.into(), i64::MAX.into());
            Money(i64::try_from(bound).unwrap_or(i64::MAX))
        };
        amounts.iter().map(worth).sum()
    }

    /// The same with its currency.
    pub fn worth_in_currency(&self, amounts: &Amounts) -> CurrencyAmount {
        self.in_currency(self.worth(amounts))
    }

    /// So much of its currency.
    pub fn in_currency(&self, amount: Money) -> CurrencyAmount {
        CurrencyAmount { amount, currency: self.currency.clone() }
    }

    /// The kinds of these credits that have no value.
    pub fn lacks<'a>(&self, amounts: &'a Amounts) -> Vec<&'a Bucket> {
        let some = amounts.iter().filter(|(_, amount)| *amount != Milli::ZERO);
        some.map(|(bucket, _)| bucket).filter(|bucket| !self.each.contains_key(*bucket)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn money(text: &str) -> Money {
        text.parse::<CurrencyAmount>().expect("money").amount
    }

    #[test]
    fn what_is_written_is_read_exactly_or_refused() {
        for (text, billionths) in [
            ("0.025 USD", 25_000_000),
            ("12 EUR", 12_000_000_000),
            ("0.000001 USD", 1000),
            ("999999999.999999 USD", 999_999_999_999_999_000),
        ] {
            assert_eq!(text.parse::<CurrencyAmount>().map(|money| money.amount.get()), Ok(billionths), "{text}");
        }
        let wrong = ["0.025", "USD", "0.025USD", "0.0000001 USD", "-1 USD", "1e3 USD", "1. USD", ".5 USD", "1 usd"];
        for wrong in wrong.into_iter().chain(["1 USDX", "1  USD", "1000000000 USD", "1,5 USD", ""]) {
            assert_eq!(wrong.parse::<CurrencyAmount>(), Err(NoMoney), "{wrong:?}");
        }
    }

    #[test]
    fn it_is_shown_with_all_its_decimals_and_at_least_two() {
        let shown = [0, 1_000_000_000, 25_000_000, -1_500_000_000, 1, 120_000_000_000].map(|it| Money(it).to_string());
        assert_eq!(shown, ["0.00", "1.00", "0.025", "-1.50", "0.000000001", "120.00"]);
    }

    #[test]
    fn an_average_is_rounded_and_of_nothing_there_is_none() {
        assert_eq!(money("1 USD").per(3), Some(money("0.3333 USD")));
        assert_eq!(money("2 USD").per(3), Some(money("0.6667 USD")));
        assert_eq!((money("1 USD").per(4), money("1 USD").per(0)), (Some(money("0.25 USD")), None));
    }

    proptest! {
        /// Freeing and settling hold for caps only as long as the worth of a sum is the sum of the worths.
        #[test]
        fn what_is_held_and_freed_in_parts_is_worth_what_it_is_in_all(
            value in 0i64..10_000_000, parts in prop::collection::vec(-1_000_000_000i64..1_000_000_000, 0..9),
        ) {
            let bucket = Bucket::new("credits");
            let each = BTreeMap::from([(bucket.clone(), Money(value * 1000))]);
            let values = Values { currency: Currency::read("USD").expect("a code"), each };
            let amounts = |milli| Amounts::one(bucket.clone(), Milli::new(milli));
            let apart: Money = parts.iter().map(|part| values.worth(&amounts(*part))).sum();
            prop_assert_eq!(values.worth(&amounts(parts.iter().sum())), apart);
            prop_assert_eq!(i128::from(apart.get()), i128::from(value) * parts.iter().map(|part| i128::from(*part)).sum::<i128>());
        }
    }
}
