//! A clock for the simulators' own tests.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::{Clock, later};

use super::guarded::Guarded;

/// Turned by hand. Who sleeps by it is awake at once, and that much later.
pub(super) struct HandClock(Guarded<Timestamp>);

impl HandClock {
    /// It shows the first of March 2026, half past nine.
    pub(super) fn start() -> Arc<Self> {
        let start = "2026-03-01T09:30:00Z".parse().expect("an instant");
        Arc::new(Self(Guarded::new(start)))
    }

    pub(super) fn advance(&self, duration: Duration) {
        let mut now = self.0.lock();
        *now = later(*now, duration);
    }
}

#[async_trait::async_trait]
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }

    fn jitter(&self) -> f64 {
        0.5
    }
}
