//! Whether to try again, and when.

use std::time::Duration;

/// What a failure says about trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same attempt would fail the same way.
    Never,
    /// Later, at our own pace.
    Backoff,
    /// Not before this much time has passed: the other side said so.
    After(Duration),
}

/// Exponential backoff with full jitter.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The longest first wait.
    pub base: Duration,
    /// The longest wait of all.
    pub cap: Duration,
    /// Attempts in all: one more than the retries.
    pub attempts: u32,
}

impl Backoff {
    /// For calls inside a function's run time: three attempts within a few seconds.
    pub const IN_FUNCTION: Self = Self { base: Duration::from_millis(250), cap: Duration::from_secs(4), attempts: 3 };

    /// For a hot wallet: conflicts clear in milliseconds, so many short tries beat one long one.
    pub const CONTENTION: Self =
        Self { base: Duration::from_millis(10), cap: Duration::from_millis(400), attempts: 12 };

    /// For writing much at once: a table takes more after it has been written to for a while, so that it is worth waiting.
    pub const BATCH_WRITE: Self = Self { base: Duration::from_millis(100), cap: Duration::from_secs(3), attempts: 8 };

    /// How long to wait after `attempts_made` failed attempts, or `None` when there were enough. `jitter` is in
    /// `0.0..1.0`.
    pub fn wait(&self, attempts_made: u32, jitter: f64) -> Option<Duration> {
        if attempts_made >= self.attempts {
            return None;
        }
        let doublings = attempts_made.saturating_sub(1).min(16);
        let ceiling = self.base.saturating_mul(1 << doublings).min(self.cap);
        Some(ceiling.mul_f64(jitter.clamp(0.0, 1.0)))
    }

    /// Like [`Backoff::wait`], but honouring what the failure asked for. A wait that was asked for is kept whole and
    /// gets its jitter on top: fixed windows don't clear earlier.
    pub fn wait_for(&self, retry: Retry, attempts_made: u32, jitter: f64) -> Option<Duration> {
        let own = self.wait(attempts_made, jitter)?;
        match retry {
            Retry::Never => None,
            Retry::Backoff => Some(own),
            Retry::After(asked) => Some(asked + self.base.mul_f64(jitter.clamp(0.0, 1.0))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_wait_never_overflows_and_never_exceeds_the_cap(made in 0u32.., jitter in 0.0f64..1.0) {
            let backoff = Backoff { attempts: u32::MAX, ..Backoff::IN_FUNCTION };
            if let Some(wait) = backoff.wait(made, jitter) {
                prop_assert!(wait <= backoff.cap);
            }
        }
    }

    #[test]
    fn what_was_asked_for_is_kept_whole() {
        let asked = Duration::from_secs(7);
        let wait = Backoff::IN_FUNCTION.wait_for(Retry::After(asked), 1, 0.0);
        assert_eq!(wait, Some(asked));
        assert_eq!(Backoff::IN_FUNCTION.wait_for(Retry::Never, 1, 0.5), None);
        assert_eq!(Backoff::IN_FUNCTION.wait_for(Retry::After(asked), 3, 0.5), None);
    }
}
