//! Time as something that is handed in.

use std::time::Duration;

use jiff::Timestamp;

/// Where a flow gets the time from and how it waits. One body reads the machine's clock; tests and the local world
/// have one that is turned by hand.
#[async_trait::async_trait]
pub trait Clock: Send + Sync {
    /// The present instant, in whole milliseconds: what is written down must read back the same.
    fn now(&self) -> Timestamp;
    /// Waits this long.
    async fn sleep(&self, duration: Duration);
    /// Ends when this much time has passed: for giving something else that long. Where the clock is turned by hand, it
    /// doesn't make time pass by itself, as a sleep may.
    async fn passed(&self, duration: Duration) {
        self.sleep(duration).await;
    }
    /// A number in `0.0..1.0` for jitter: chance, like time, comes from outside.
    fn jitter(&self) -> f64;
}

/// Without what is finer than a millisecond.
pub fn whole_milliseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// `at` plus `duration`, staying at the end of time when there is no such instant.
pub fn later(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// `at` less `duration`, staying at the beginning of time when there is no such instant.
pub fn earlier(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_sub(duration).unwrap_or(Timestamp::MIN)
}

/// From `now` until `at`; zero when that has passed.
pub fn until(now: Timestamp, at: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
}

/// Days as a duration.
pub const fn days(count: u32) -> Duration {
    Duration::from_secs(count as u64 * 24 * 60 * 60)
}
