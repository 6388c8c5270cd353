//! Billing cycles: periods counted from an anchor day, in the tenant's time zone.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::Deserialize;
use strum::{IntoStaticStr, VariantNames};

/// How long a billing cycle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Cadence {
    /// One month.
    Monthly,
    /// Three months.
    Quarterly,
    /// Six months.
    SemiAnnual,
    /// Twelve months.
    Annual,
}

impl Cadence {
    /// The word used in configuration.
    pub fn word(self) -> &'static str {
        self.into()
    }

    fn months(self) -> i32 {
        match self {
            Self::Monthly => 1,
            Self::Quarterly => 3,
            Self::SemiAnnual => 6,
            Self::Annual => 12,
        }
    }
}

/// One billing cycle: from `opens`, until just before `closes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillingCycle {
    /// The day it opens on, in the tenant's time zone. Names the cycle.
    pub first_day: Date,
    /// The day the next one opens on.
    pub next_first_day: Date,
    /// Its first instant.
    pub opens: Timestamp,
    /// The first instant of the next one.
    pub closes: Timestamp,
}

/// The tenant's calendar of billing cycles.
#[derive(Debug, Clone)]
pub struct Calendar {
    anchor: Date,
    cadence: Cadence,
    time_zone: TimeZone,
}

impl Calendar {
    /// Cycles of `cadence` counted from `anchor`, which open at midnight in `time_zone`.
    pub fn new(anchor: Date, cadence: Cadence, time_zone: TimeZone) -> Self {
        Self { anchor, cadence, time_zone }
    }

    /// How long each of its cycles is.
    pub fn cadence(&self) -> Cadence {
        self.cadence
    }

    /// The one cycle that `now` is in.
    pub fn cycle_at(&self, now: Timestamp) -> BillingCycle {
        let today = now.to_zoned(self.time_zone.clone()).date();
        let months = (i32::from(today.year()) - i32::from(self.anchor.year())) * 12 + i32::from(today.month())
            - i32::from(self.anchor.month());
        // The month count is right to within a cycle: a clamped or later day of the month decides.
        let mut index = months.div_euclid(self.cadence.months());
        while self.opening(index) > now {
            index -= 1;
        }
        while self.opening(index + 1) <= now {
            index += 1;
        }
        BillingCycle {
            first_day: self.first_day(index),
            next_first_day: self.first_day(index + 1),
            opens: self.opening(index),
            closes: self.opening(index + 1),
        }
    }

    /// Always counted from the anchor itself, so that an anchor on the 31st is clamped in February and back on the
    /// 31st in March.
    fn first_day(&self, index: i32) -> Date {
        let months = Span::new().months(i64::from(index) * i64::from(self.cadence.months()));
        self.anchor.saturating_add(months)
    }

    fn opening(&self, index: i32) -> Timestamp {
        let day = self.first_day(index);
        // A midnight that a clock change skips is the first instant after it: what `to_zoned` picks by default.
        day.to_zoned(self.time_zone.clone()).map_or(Timestamp::MAX, |midnight| midnight.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn calendar(anchor: &str, cadence: Cadence, time_zone: &str) -> Calendar {
        let time_zone = TimeZone::get(time_zone).expect("a time zone");
        Calendar::new(anchor.parse().expect("a date"), cadence, time_zone)
    }

    #[test]
    fn an_anchor_on_the_31st_clamps_and_does_not_drift() {
        let calendar = calendar("2025-12-31", Cadence::Monthly, "UTC");
        let first_day = |at: &str| calendar.cycle_at(at.parse().expect("an instant")).first_day.to_string();
        assert_eq!(first_day("2026-01-31T00:00:00Z"), "2026-01-31");
        assert_eq!(first_day("2026-03-01T00:00:00Z"), "2026-02-28");
        assert_eq!(first_day("2026-03-30T23:59:59Z"), "2026-02-28");
        assert_eq!(first_day("2026-03-31T00:00:00Z"), "2026-03-31");
        assert_eq!(first_day("2025-12-30T00:00:00Z"), "2025-11-30");
    }

    proptest! {
        #[test]
        fn every_instant_is_in_exactly_one_cycle_and_cycles_touch(
            second in 1_500_000_000i64..2_500_000_000,
            day in 0i64..1500,
            cadence in prop::sample::select(vec![
                Cadence::Monthly, Cadence::Quarterly, Cadence::SemiAnnual, Cadence::Annual,
            ]),
            zone in prop::sample::select(vec!["UTC", "America/New_York", "Asia/Kolkata", "America/Santiago"]),
        ) {
            let now = Timestamp::from_second(second).expect("in range");
            let anchor = jiff::civil::date(2024, 1, 1).saturating_add(Span::new().days(day));
            let calendar = Calendar::new(anchor, cadence, TimeZone::get(zone).expect("a time zone"));
            let cycle = calendar.cycle_at(now);
            prop_assert!(cycle.opens <= now && now < cycle.closes);
            let next = calendar.cycle_at(cycle.closes);
            prop_assert_eq!(next.opens, cycle.closes);
            let last_instant = Timestamp::from_nanosecond(cycle.closes.as_nanosecond() - 1).expect("in range");
            prop_assert_eq!(calendar.cycle_at(last_instant), cycle);
        }
    }
}
