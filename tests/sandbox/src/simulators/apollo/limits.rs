//! How often Apollo lets itself be asked: per endpoint, in three fixed windows at once, each opened by the first request
//! in it.

use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::{later, until};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::kept::Table;

/// How many requests fit into each window. `None` is as many as you like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Per minute.
    pub minute: Option<u32>,
    /// Per hour.
    pub hour: Option<u32>,
    /// Per day.
    pub day: Option<u32>,
}

impl Windows {
    /// As many as you like.
    pub const UNLIMITED: Self = Self { minute: None, hour: None, day: None };

    /// So many per minute, hour and day.
    pub const fn new(minute: u32, hour: u32, day: u32) -> Self {
        Self { minute: Some(minute), hour: Some(hour), day: Some(day) }
    }

    /// So many per minute.
    pub const fn per_minute(minute: u32) -> Self {
        Self { minute: Some(minute), hour: None, day: None }
    }
}

/// What a plan allows, by class of endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `people/match`, and whatever else looks up one person or organization.
    pub single: Windows,
    /// `people/bulk_match`, and the same for organizations. One request counts once, however many it is about.
    pub bulk: Windows,
    /// Searches for people and for companies. One for contacts is none of them.
    pub search: Windows,
    /// All others.
    pub other: Windows,
}

/// What every paid plan allows.
const SEARCH: Windows = Windows::new(200, 6000, 50_000);

impl Limits {
    /// No plan is like that.
    pub const fn unlimited() -> Self {
        let all = Windows::UNLIMITED;
        Self { single: all, bulk: all, search: all, other: all }
    }

    /// The free plan.
    pub const fn free() -> Self {
        let bulk = Windows { minute: Some(20), hour: Some(100), day: None };
        let all = Windows::new(50, 200, 600);
        Self { single: all, bulk, search: all, other: all }
    }

    /// Basic and Professional.
    pub const fn paid() -> Self {
        let enrichment = Windows::per_minute(1000);
        Self { single: enrichment, bulk: enrichment, search: SEARCH, other: Windows::new(200, 400, 2000) }
    }

    /// Organization.
    pub const fn organization() -> Self {
        let enrichment = Windows::per_minute(1000);
        Self { single: enrichment, bulk: enrichment, search: SEARCH, other: Windows::new(200, 600, 6000) }
    }
}

/// The windows' names in headers and in messages, and how long they are open.
const WINDOWS: [Window; 3] = [
    Window {
        unit: "minute",
        limit: "x-rate-limit-minute",
        usage: "x-minute-usage",
        left: "x-minute-requests-left",
        length: Duration::from_secs(60),
    },
    Window {
        unit: "hour",
        limit: "x-rate-limit-hourly",
        usage: "x-hourly-usage",
        left: "x-hourly-requests-left",
        length: Duration::from_secs(60 * 60),
    },
    Window {
        unit: "day",
        limit: "x-rate-limit-24-hour",
        usage: "x-24-hour-usage",
        left: "x-24-hour-requests-left",
        length: Duration::from_secs(24 * 60 * 60),
    },
];

struct Window {
    unit: &'static str,
    limit: &'static str,
    usage: &'static str,
    left: &'static str,
    length: Duration,
}

/// A request that was turned away.
#[derive(Debug)]
pub(in crate::simulators) struct Throttled {
    pub(super) message: String,
    pub(in crate::simulators) retry_after: Duration,
}

/// What was used of a window.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(in crate::simulators) struct Used {
    opened: Option<Timestamp>,
    requests: u32,
}

/// What was used of the limits, by endpoint.
#[derive(Debug, Default)]
pub(in crate::simulators) struct Meter(pub(super) Table<String, [Used; 3]>);

impl Meter {
    /// Counts a request in, or says why it is turned away. What is turned away isn't counted.
    pub(in crate::simulators) fn take(
        &mut self,
        endpoint: &'static str,
        limits: Windows,
        now: Timestamp,
    ) -> Result<(), Throttled> {
        let used = self.0.get_or_insert(endpoint.to_owned(), Default::default());
        let mut throttled: Option<Throttled> = None;
        for ((window, used), most) in WINDOWS.iter().zip(used.iter_mut()).zip(limits.each()) {
            let closes = used.opened.map(|opened| later(opened, window.length)).filter(|closes| *closes > now);
            if closes.is_none() {
                *used = Used::default();
            }
            let (Some(most), Some(closes)) = (most, closes) else { continue };
            if used.requests >= most {
                // Of several full windows the longest is the one to wait for, and it comes last.
                let message = format!(
                    "The maximum number of api calls allowed for {endpoint} is {most} times per {}. \
                     Please upgrade your plan from https://app.apollo.io/#/settings/plans/upgrade",
                    window.unit
                );
                throttled = Some(Throttled { message, retry_after: until(now, closes) });
            }
        }
        if let Some(throttled) = throttled {
            return Err(throttled);
        }
        for used in used {
            used.opened.get_or_insert(now);
            used.requests += 1;
        }
        Ok(())
    }

    /// How many requests there were in each of the running windows, and when the first of them closes.
    pub(in crate::simulators) fn used(&self, endpoint: &str) -> ([u32; 3], Option<Timestamp>) {
        let used = self.0.get(endpoint).copied().unwrap_or_default();
        let [minute, ..] = used;
        (used.map(|used| used.requests), minute.opened.map(|opened| later(opened, WINDOWS[0].length)))
    }

    /// The nine headers. An unlimited window has an empty limit, and nothing else.
    pub(super) fn headers(&self, endpoint: &str, limits: Windows) -> Vec<(&'static str, String)> {
        let used = self.0.get(endpoint).copied().unwrap_or_default();
        let mut headers = Vec::with_capacity(9);
        for ((window, used), most) in WINDOWS.iter().zip(used).zip(limits.each()) {
            let Some(most) = most else {
                headers.push((window.limit, String::new()));
                continue;
            };
            headers.push((window.limit, most.to_string()));
            headers.push((window.usage, used.requests.to_string()));
            headers.push((window.left, most.saturating_sub(used.requests).to_string()));
        }
        headers
    }

    /// What the usage endpoint says of an endpoint.
    pub(super) fn stats(&self, endpoint: &str, limits: Windows, now: Timestamp) -> Value {
        let used = self.0.get(endpoint).copied().unwrap_or_default();
        let mut stats = json!({});
        for ((window, used), most) in WINDOWS.iter().zip(used).zip(limits.each()) {
            let is_open = used.opened.is_some_and(|opened| later(opened, window.length) > now);
            let consumed = if is_open { used.requests } else { 0 };
            let left_over = most.map(|most| most.saturating_sub(consumed));
            stats[window.unit] = json!({ "limit": most, "consumed": consumed, "left_over": left_over });
        }
        stats
    }
}

impl Windows {
    pub(in crate::simulators) fn each(self) -> [Option<u32>; 3] {
        [self.minute, self.hour, self.day]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_357_400 + second).expect("in range")
    }

    #[test]
    fn a_window_opens_with_the_first_request_and_closes_as_a_whole() {
        let limits = Windows::per_minute(2);
        let mut meter = Meter::default();
        let mut wait = |second| meter.take("x", limits, at(second)).err().map(|it| it.retry_after.as_secs());
        assert_eq!(wait(10), None);
        assert_eq!(wait(69), None);
        assert_eq!(wait(69), Some(1));
        assert_eq!(wait(70), None);
        assert_eq!(wait(71), None);
        assert_eq!(wait(72), Some(58));
    }

    #[test]
    fn the_longest_full_window_is_the_one_to_wait_for() {
        let limits = Windows { minute: Some(1), hour: Some(1), day: None };
        let mut meter = Meter::default();
        assert!(meter.take("x", limits, at(0)).is_ok());
        let throttled = meter.take("x", limits, at(1)).expect_err("is full");
        assert_eq!(throttled.retry_after.as_secs(), 3599);
        assert!(throttled.message.contains("for x is 1 times per hour"), "{}", throttled.message);
    }

    #[test]
    fn an_unlimited_window_has_an_empty_header_and_no_other() {
        let mut meter = Meter::default();
        let limits = Windows::per_minute(5);
        assert!(meter.take("x", limits, at(0)).is_ok());
        let headers = meter.headers("x", limits);
        let expected = [
            ("x-rate-limit-minute", "5"),
            ("x-minute-usage", "1"),
            ("x-minute-requests-left", "4"),
            ("x-rate-limit-hourly", ""),
            ("x-rate-limit-24-hour", ""),
        ];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(headers, expected);
    }
}
