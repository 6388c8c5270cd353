//! When a kind of credit runs out, going by how fast it has been going.
//!
//! An estimate for people, so there are floats here: nothing is booked by them.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{days, later, until};
use crate::credits::ledger::Entry;
use crate::credits::{Bucket, Milli};

/// The most days that are looked back: four whole weeks, so that each day of the week counts the same.
pub const DAYS_MAX: u32 = 28;
/// Fewer days than this say nothing about how much one day differs from the next.
pub const DAYS_MIN: usize = 3;
/// How sure the interval is, in per cent.
pub const CONFIDENCE_PERCENT: u8 = 80;

/// The normal distribution holds 80 % within so many standard deviations.
const DEVIATIONS: f64 = 1.281_551_6;
/// Plans don't reach further ahead.
const YEARS_AHEAD_MAX: f64 = 100.0;
const DAY: Duration = days(1);

/// What was spent of one kind of credit on each of the last whole days, counted back from now. Days on which the
/// credits had run out are left out: what they would have taken is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Burn {
    by_day: Vec<Milli>,
}

/// When a kind of credit runs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forecast {
    /// There is nothing left that a lead could be paid for with.
    UsedUp,
    /// The ledger is too young, or the credits had run out on too many days.
    TooLittleHistory,
    /// Nothing was spent on any of the days.
    NothingBurns,
    /// Before the next grant comes.
    RunsOut(RunOut),
    /// Not before the next grant comes, if the estimate is right.
    Lasts(RunOut),
}

/// An estimate, with the interval that it lies in as surely as [`CONFIDENCE_PERCENT`] says.
///
/// The interval takes spending as normally distributed from day to day, and counts both how much the days to come
/// will differ among each other and how little a few days tell about the average and about the differences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOut {
    /// The estimate.
    pub at: Timestamp,
    /// Hardly before.
    pub early: Timestamp,
    /// Hardly after. `None` when the days differ so much that there is no saying.
    pub late: Option<Timestamp>,
}

impl Burn {
    /// Reads it off a ledger that is sorted by age. `least` is what the cheapest purchase takes at worst: with less
    /// than that, the credits have run out. At most `most_days` are looked at, and never more than [`DAYS_MAX`].
    pub fn of(entries: &[Entry], bucket: &Bucket, least: Milli, most_days: u32, now: Timestamp) -> Self {
        let age = entries.first().map_or(Duration::ZERO, |first| until(first.at(), now));
        let whole = (age.as_secs() / DAY.as_secs()).min(u64::from(most_days.min(DAYS_MAX)));
        let whole = usize::try_from(whole).unwrap_or_default();
        let (mut spent, mut short) = (vec![Milli::ZERO; whole], vec![false; whole]);
        let (mut balance, mut day) = (Milli::ZERO, 0);
        let least = least.max(Milli::new(1));
        for entry in entries.iter().filter(|entry| entry.at() <= now) {
            let ago = usize::try_from(until(entry.at(), now).as_secs() / DAY.as_secs()).unwrap_or(usize::MAX);
            let (before, bought) = (balance, bought(entry, bucket));
            balance = balance + moved(entry, bucket) - bought;
            if ago >= whole {
                continue;
            }
            let today = whole - 1 - ago;
            short[day.min(today)..=today].iter_mut().for_each(|short| *short |= before < least);
            short[today] |= balance < least;
            spent[today] += bought;
            day = today;
        }
        if let Some(rest) = short.get_mut(day..) {
            rest.iter_mut().for_each(|short| *short |= balance < least);
        }
        Self { by_day: spent.into_iter().zip(short).filter(|(_, short)| !short).map(|(spent, _)| spent).collect() }
    }

    /// On how many days it rests.
    pub fn days(&self) -> usize {
        self.by_day.len()
    }

    /// The average of a day.
    pub fn per_day(&self) -> Milli {
        let days = i64::try_from(self.days()).unwrap_or(i64::MAX).max(1);
        Milli::new(self.by_day.iter().copied().sum::<Milli>().get() / days)
    }

    fn mean(&self) -> f64 {
        self.by_day.iter().map(|spent| float(*spent)).sum::<f64>() / count(self.days())
    }

    /// Of the days among each other, around their mean.
    fn variance(&self) -> f64 {
        let mean = self.mean();
        self.by_day.iter().map(|spent| (float(*spent) - mean).powi(2)).sum::<f64>() / (count(self.days()) - 1.0)
    }
}

/// What an entry put into the balance of this kind, or took away, purchases apart.
fn moved(entry: &Entry, bucket: &Bucket) -> Milli {
    match entry {
        Entry::Grant { amounts, .. } | Entry::Adjust { amounts, .. } | Entry::PlanChange { amounts, .. } => {
            amounts.get(bucket)
        }
        Entry::Expire { amounts, .. } => Milli::ZERO - amounts.get(bucket),
        Entry::Resolution { slices, .. } => {
            slices.iter().filter(|slice| slice.bucket == *bucket).map(|slice| slice.amount).sum()
        }
        Entry::Drift { .. } | Entry::Purchase { .. } => Milli::ZERO,
    }
}

fn bought(entry: &Entry, bucket: &Bucket) -> Milli {
    let Entry::Purchase { lines, .. } = entry else { return Milli::ZERO };
    lines.iter().map(|line| line.cost.get(bucket)).sum()
}

/// When `available` is used up at this burn, seen from `now`, with more to come at `next_grant`.
pub fn forecast(burn: &Burn, available: Milli, now: Timestamp, next_grant: Timestamp) -> Forecast {
    if available <= Milli::ZERO {
        return Forecast::UsedUp;
    }
    if burn.days() < DAYS_MIN {
        return Forecast::TooLittleHistory;
    }
    let (mean, variance) = (burn.mean(), burn.variance());
    if mean <= 0.0 {
        return Forecast::NothingBurns;
    }
    let estimate = float(available) / mean;
    let (early, late) = interval(float(available), mean, variance, count(burn.days()));
    let run_out = RunOut {
        at: in_days(now, estimate),
        early: in_days(now, early.min(estimate)),
        late: late.map(|late| in_days(now, late.max(estimate))),
    };
    if run_out.at < next_grant { Forecast::RunsOut(run_out) } else { Forecast::Lasts(run_out) }
}

/// After how many days at the earliest and at the latest.
///
/// What `n` days take has the mean `n·mean`, and the variance `n·variance` of the days themselves, and
/// `n²·variance/days` more because the mean itself was taken from a few days. So the bounds are where `available` is
/// just so many deviations from that mean: the roots of a quadratic equation, of which the later one can be lost.
fn interval(available: f64, mean: f64, variance: f64, days: f64) -> (f64, Option<f64>) {
    let spread = deviations(days - 1.0).powi(2) * variance;
    let (a, b, c) = (mean * mean - spread / days, 2.0 * mean * available + spread, available * available);
    let root = (b * b - 4.0 * a * c).max(0.0).sqrt();
    let late = 2.0 * c / (b - root);
    (2.0 * c / (b + root), (a > 0.0 && late.is_finite()).then_some(late))
}

/// The deviation itself comes from a few days, too. Student's distribution allows for that; this is its expansion
/// around the normal one, right to 2 % for three days and better for more.
fn deviations(freedom: f64) -> f64 {
    let z = DEVIATIONS;
    let (first, second) = ((z.powi(3) + z) / 4.0, (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0);
    z + first / freedom + second / freedom.powi(2)
}

fn in_days(now: Timestamp, days: f64) -> Timestamp {
    let seconds = (days.min(YEARS_AHEAD_MAX * 365.25) * DAY.as_secs_f64()).max(0.0);
    later(now, Duration::from_secs_f64(seconds))
}

#[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^53")]
fn float(amount: Milli) -> f64 {
    amount.get() as f64
}

#[expect(clippy::cast_precision_loss, reason = "a handful of days")]
fn count(days: usize) -> f64 {
    days as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credits::Amounts;
    use crate::credits::ledger::{EntryLine, Evidence, LineResult, PurchaseKind};
    use crate::credits::wallet::WalletId;
    use crate::ids::RecordKey;
    use proptest::prelude::*;

    const NOW: i64 = 1_770_000_000;

    fn credits() -> Bucket {
        Bucket::new("credits")
    }

    fn ago(hours: i64) -> Timestamp {
        Timestamp::from_second(NOW - hours * 3600).expect("in range")
    }

    fn granted(amount: i64, hours_ago: i64) -> Entry {
        let (wallet, amounts) = (WalletId("w".into()), Amounts::one(credits(), Milli::credits(amount)));
        Entry::Grant { wallet, amounts, at: ago(hours_ago), reference: None }
    }

    fn purchase(amount: i64, hours_ago: i64) -> Entry {
        let record: RecordKey = "t#crm#contact#1".parse().expect("a key");
        let cost = Amounts::one(credits(), Milli::credits(amount));
        Entry::Purchase {
            purchase: serde_json::from_str("\"p\"").expect("an id"),
            kind: PurchaseKind::Person,
            claim: None,
            provider: None,
            at: ago(hours_ago),
            slices: Vec::new(),
            excess: Amounts::default(),
            evidence: Evidence::Reported,
            price_version: "test".into(),
            lines: vec![EntryLine { subject: record, result: LineResult::Hit, cost }],
        }
    }

    /// `by_day[0]` is the day that ends now.
    fn ledger(by_day: &[i64]) -> Vec<Entry> {
        let days = i64::try_from(by_day.len()).expect("few");
        let mut entries = vec![granted(1_000_000, days * 24)];
        let purchases = by_day.iter().zip(0i64..).map(|(amount, day)| purchase(*amount, day * 24 + 12));
        entries.extend(purchases.collect::<Vec<_>>().into_iter().rev());
        entries
    }

    fn burn(entries: &[Entry]) -> Burn {
        Burn::of(entries, &credits(), Milli::credits(1), DAYS_MAX, ago(0))
    }

    fn run_out(by_day: &[i64], available: i64) -> Option<RunOut> {
        let forecast = forecast(&burn(&ledger(by_day)), Milli::credits(available), ago(0), Timestamp::MAX);
        let Forecast::RunsOut(run_out) = forecast else { return None };
        Some(run_out)
    }

    #[test]
    fn an_even_burn_runs_out_on_the_day_and_an_uneven_one_around_it() {
        let even = run_out(&[10, 10, 10, 10], 50).expect("a date");
        assert_eq!((even.at, even.early, even.late), (ago(-120), ago(-120), Some(ago(-120))));
        let uneven = run_out(&[5, 15, 8, 12], 50).expect("a date");
        assert_eq!(uneven.at, ago(-120));
        assert!(uneven.early < uneven.at && uneven.late.is_some_and(|late| late > uneven.at));
        let wild = run_out(&[40, 0, 0, 0], 50).expect("a date");
        assert_eq!((wild.at, wild.late), (ago(-120), None), "four such days don't tell how long it may take");
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        let of =
            |by_day: &[i64], available| forecast(&burn(&ledger(by_day)), Milli::credits(available), ago(0), ago(-48));
        assert_eq!(of(&[1, 1], 50), Forecast::TooLittleHistory);
        assert_eq!(of(&[0, 0, 0], 50), Forecast::NothingBurns);
        assert_eq!(of(&[1, 1, 1], 0), Forecast::UsedUp);
        assert!(matches!(of(&[10, 10, 10], 50), Forecast::Lasts(_)), "the next grant comes in two days");
        assert!(matches!(of(&[10, 10, 10], 19), Forecast::RunsOut(_)));
        assert_eq!(burn(&[]).days(), 0);
        assert_eq!(burn(&ledger(&[1; 40])).days(), 28);
    }

    #[test]
    fn days_without_credits_are_no_days_of_little_burn() {
        // 60 credits, 20 a day: after three days there are none, for four; then more come.
        let entries = [
            granted(60, 9 * 24),
            purchase(20, 9 * 24 - 12),
            purchase(20, 8 * 24 - 12),
            purchase(20, 7 * 24 - 12),
            granted(100, 2 * 24 + 6),
            purchase(20, 24 + 12),
            purchase(20, 12),
        ];
        let burn = burn(&entries);
        assert_eq!((burn.days(), burn.per_day()), (4, Milli::credits(20)));
    }

    proptest! {
        #[test]
        fn the_interval_contains_the_estimate_and_more_burn_is_never_later(
            by_day in prop::collection::vec(0i64..1000, 3..28),
            more in prop::collection::vec(0i64..1000, 28),
            available in 1i64..100_000,
        ) {
            let Some(less) = run_out(&by_day, available) else { return Ok(()) };
            prop_assert!(less.early <= less.at && less.late.is_none_or(|late| less.at <= late));
            let by_day: Vec<i64> = by_day.iter().zip(more).map(|(spent, more)| spent + more).collect();
            let more = run_out(&by_day, available).expect("it burns");
            prop_assert!(more.at <= less.at);
        }
    }
}
