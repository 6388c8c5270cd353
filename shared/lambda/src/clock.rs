//! The machine's own clock and chance: the one place that reads them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use leadgate_enrichment::clock::{Clock, whole_milliseconds};

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    chance: Mutex<Rng>,
}

impl SystemClock {
    /// A clock whose jitter differs from that of every other process.
    #[expect(clippy::disallowed_methods, reason = "this is where chance comes from")]
    pub fn new() -> Self {
        Self { chance: Mutex::new(Rng::new()) }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait::async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
    fn now(&self) -> Timestamp {
        whole_milliseconds(Timestamp::now())
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn jitter(&self) -> f64 {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }
}
