//! How often HubSpot lets itself be called: a rolling window of ten seconds per app, a day per account, and a second
//! for searches, which count apart and have no headers.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use leadgate_enrichment::clock::later;

/// The burst's window.
const BURST_WINDOW: Duration = Duration::from_secs(10);

/// The searches' window.
const SEARCH_WINDOW: Duration = Duration::from_secs(1);

/// What `X-HubSpot-RateLimit-Secondly` says. It is still sent and hasn't been enforced for long.
const SECONDLY_SHOWN: u32 = 19;

/// What a portal's plan allows. `None` is as much as you like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls in any ten seconds.
    pub burst_per_10s: Option<u32>,
    /// Calls from one midnight to the next, in UTC.
    pub daily: Option<u32>,
    /// Searches in any second.
    pub searches_per_second: Option<u32>,
}

impl Limits {
    /// For showing things: no plan is like that.
    pub const fn unlimited() -> Self {
        Self { burst_per_10s: None, daily: None, searches_per_second: None }
    }

    /// Free and Starter.
    pub const fn starter() -> Self {
        Self { burst_per_10s: Some(100), daily: Some(250_000), searches_per_second: Some(5) }
    }

    /// Professional. Of the two daily figures that HubSpot gives, the lower.
    pub const fn professional() -> Self {
        Self { burst_per_10s: Some(190), daily: Some(625_000), searches_per_second: Some(5) }
    }

    /// Enterprise.
    pub const fn enterprise() -> Self {
        Self { burst_per_10s: Some(190), daily: Some(1_000_000), searches_per_second: Some(5) }
    }
}

/// Which limit a call ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    Daily,
    TenSecondlyRolling,
    Secondly,
}

impl Policy {
    /// As in the body's `policyName`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Daily => "DAILY",
            Self::TenSecondlyRolling => "TEN_SECONDLY_ROLLING",
            Self::Secondly => "SECONDLY",
        }
    }
}

type Headers = Vec<(&'static str, String)>;

/// What was used of the limits.
#[derive(Debug, Default)]
pub(super) struct Meter {
    burst: VecDeque<Timestamp>,
    searches: VecDeque<Timestamp>,
    day: Option<Date>,
    today: u32,
}

impl Meter {
    /// Counts a call in and says which headers its answer has, or by which limit it is turned away. What is turned
    /// away isn't counted.
    pub(super) fn take(&mut self, limits: &Limits, is_search: bool, now: Timestamp) -> (Option<Policy>, Headers) {
        self.forget_the_past(now);
        let refused = if is_full(limits.daily, self.today) {
            Some(Policy::Daily)
        } else if is_search && is_full(limits.searches_per_second, count(&self.searches)) {
            Some(Policy::Secondly)
        } else if !is_search && is_full(limits.burst_per_10s, count(&self.burst)) {
            Some(Policy::TenSecondlyRolling)
        } else {
            None
        };
        if refused.is_none() {
            self.today += 1;
            if is_search { &mut self.searches } else { &mut self.burst }.push_back(now);
        }
        (refused, if is_search { Vec::new() } else { self.headers(limits) })
    }

    fn forget_the_past(&mut self, now: Timestamp) {
        while self.burst.front().is_some_and(|at| later(*at, BURST_WINDOW) <= now) {
            self.burst.pop_front();
        }
        while self.searches.front().is_some_and(|at| later(*at, SEARCH_WINDOW) <= now) {
            self.searches.pop_front();
        }
        let today = now.to_zoned(TimeZone::UTC).date();
        if self.day != Some(today) {
            self.day = Some(today);
            self.today = 0;
        }
    }

    fn headers(&self, limits: &Limits) -> Headers {
        let mut headers = Vec::new();
        if let Some(most) = limits.burst_per_10s {
            let left = most.saturating_sub(count(&self.burst));
            headers.push(("x-hubspot-ratelimit-max", most.to_string()));
            headers.push(("x-hubspot-ratelimit-remaining", left.to_string()));
            headers.push(("x-hubspot-ratelimit-interval-milliseconds", BURST_WINDOW.as_millis().to_string()));
            headers.push(("x-hubspot-ratelimit-secondly", SECONDLY_SHOWN.to_string()));
            headers.push(("x-hubspot-ratelimit-secondly-remaining", SECONDLY_SHOWN.saturating_sub(1).to_string()));
        }
        if let Some(most) = limits.daily {
            headers.push(("x-hubspot-ratelimit-daily", most.to_string()));
            headers.push(("x-hubspot-ratelimit-daily-remaining", most.saturating_sub(self.today).to_string()));
        }
        headers
    }
}

fn is_full(most: Option<u32>, used: u32) -> bool {
    most.is_some_and(|most| used >= most)
}

fn count(calls: &VecDeque<Timestamp>) -> u32 {
    u32::try_from(calls.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_357_400 + second).expect("in range")
    }

    #[test]
    fn the_burst_rolls_and_does_not_reset() {
        let limits = Limits { burst_per_10s: Some(2), daily: None, searches_per_second: None };
        let mut meter = Meter::default();
        let mut refused = |second| meter.take(&limits, false, at(second)).0;
        assert_eq!(refused(0), None);
        assert_eq!(refused(6), None);
        assert_eq!(refused(9), Some(Policy::TenSecondlyRolling));
        assert_eq!(refused(10), None);
        assert_eq!(refused(15), Some(Policy::TenSecondlyRolling));
        assert_eq!(refused(16), None);
    }

    #[test]
    fn the_day_ends_at_midnight_and_searches_count_apart() {
        let limits = Limits { burst_per_10s: Some(1), daily: Some(2), searches_per_second: Some(1) };
        let mut meter = Meter::default();
        assert_eq!(meter.take(&limits, false, at(0)).0, None);
        let (refused, headers) = meter.take(&limits, true, at(0));
        assert_eq!((refused, headers), (None, Vec::new()));
        assert_eq!(meter.take(&limits, true, at(60)).0, Some(Policy::Daily));
        assert_eq!(meter.take(&limits, true, at(24 * 60 * 60)).0, None);
        assert_eq!(meter.take(&limits, true, at(24 * 60 * 60)).0, Some(Policy::Secondly));
    }
}
