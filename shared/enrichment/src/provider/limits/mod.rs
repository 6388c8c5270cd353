//! A provider's rate limits, as it counts them, and how all who call it share them.

mod meter;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::meter::{ARRIVAL, Count, Decision, Ending, Grant, Meter};
use crate::clock::days;
use crate::ids::{ProviderName, TenantId};

/// What a provider said of its limits with an answer, window by window. `None` where it said nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// The window of a minute.
    pub minute: Option<Rate>,
    /// Of an hour.
    pub hour: Option<Rate>,
    /// Of a day.
    pub day: Option<Rate>,
}

/// One window, in calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// There is no limit.
    Unlimited,
    /// There is one.
    Limited {
        /// The most in a window.
        limit: u32,
        /// How many have been made in the running one, this call included.
        used: u32,
    },
}

impl Rates {
    /// What was said of this window.
    pub fn of(&self, span: Span) -> Option<Rate> {
        match span {
            Span::Minute => self.minute,
            Span::Hour => self.hour,
            Span::Day => self.day,
        }
    }
}

/// The windows that a provider counts in. Each opens with the first call in it and closes as a whole (documented).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Sixty seconds.
    Minute,
    /// Sixty minutes.
    Hour,
    /// Twenty-four hours.
    Day,
}

impl Span {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// How long it is open.
    pub const fn length(self) -> Duration {
        match self {
            Self::Minute => Duration::from_secs(60),
            Self::Hour => Duration::from_secs(60 * 60),
            Self::Day => days(1),
        }
    }

    /// The word for it in a stored meter.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// How many calls may be made in each window, until the provider says otherwise. `None` is as many as you like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// In a minute.
    pub minute: Option<u32>,
    /// In an hour.
    pub hour: Option<u32>,
    /// In a day.
    pub day: Option<u32>,
    /// How much of each window is open to calls of low priority, in per cent: 1 to 100.
    pub low_priority_percent: u8,
}

/// Half of each window is kept for new leads.
pub const LOW_PRIORITY_PERCENT: u8 = 50;

impl CallLimits {
    /// These limits, with half of each window for what is urgent.
    pub const fn new(minute: Option<u32>, hour: Option<u32>, day: Option<u32>) -> Self {
        Self { minute, hour, day, low_priority_percent: LOW_PRIORITY_PERCENT }
    }

    /// No limits at all, until the provider names one.
    pub const UNLIMITED: Self =
        Self { minute: None, hour: None, day: None, low_priority_percent: LOW_PRIORITY_PERCENT };

    /// Of this window.
    pub fn of(&self, span: Span) -> Option<u32> {
        match span {
            Span::Minute => self.minute,
            Span::Hour => self.hour,
            Span::Day => self.day,
        }
    }
}

/// How much of each window a call may go into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// All of it.
    Full,
    /// Only as long as less than [`CallLimits::low_priority_percent`] has been used, by any work.
    Low,
}

impl Share {
    /// How many of `limit` calls. Never none: work that may use some of a small limit may use one.
    fn part_of(self, limit: u32, configured: &CallLimits) -> u32 {
        let part = match self {
            Self::Full => u64::from(limit),
            Self::Low => u64::from(limit) * u64::from(configured.low_priority_percent.min(100)) / 100,
        };
        u32::try_from(part).unwrap_or(limit).max(1)
    }
}

/// What one meter is for: providers count by key, and by endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitKey {
    /// Whose key.
    pub tenant: TenantId,
    /// At which provider.
    pub provider: ProviderName,
    /// The provider's name for the endpoint: see [`crate::provider::Provider::endpoint`].
    pub endpoint: &'static str,
}

impl LimitKey {
    /// What its meter is stored under. An endpoint is never blank, so it isn't a breaker's.
    pub fn meter(&self) -> String {
        format!("{}#{}#{}", self.tenant, self.provider.as_str(), self.endpoint)
    }

    /// What the breaker is stored under: all endpoints of a provider share it.
    pub fn breaker(&self) -> String {
        format!("{}#{}", self.tenant, self.provider.as_str())
    }
}

/// A limit that was learned from the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Learned {
    Unlimited,
    Calls(u32),
}

/// The later of an instant and one that may not be.
fn latest(a: Option<Timestamp>, b: Timestamp) -> Option<Timestamp> {
    Some(a.map_or(b, |a| a.max(b)))
}

#[cfg(test)]
mod tests;
