//! A clock that goes on by itself and can be turned forward by hand.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use fastrand::Rng;
use jiff::Timestamp;
use leadgate_enrichment::clock::{Clock, later, whole_milliseconds};

/// The time in the world.
#[derive(Debug)]
pub struct WorldClock {
    started: Instant,
    state: Mutex<State>,
    patience: Patience,
}

#[derive(Debug)]
struct State {
    /// What it showed when it was started, and by how much it has been turned since.
    shows: Timestamp,
    chance: Rng,
}

/// How the world waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// As long as it takes.
    Real,
    /// Not at all: who sleeps turns the clock instead.
    None,
}

impl WorldClock {
    /// A clock that shows `start` now.
    pub fn new(start: Timestamp, seed: u64, patience: Patience) -> Self {
        let state = State { shows: start, chance: Rng::with_seed(seed) };
        Self { started: Instant::now(), state: Mutex::new(state), patience }
    }

    /// Turns it forward.
    pub fn turn(&self, duration: Duration) {
        let mut state = self.lock();
        state.shows = later(state.shows, duration);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        whole_milliseconds(later(self.lock().shows, self.started.elapsed()))
    }

    async fn sleep(&self, duration: Duration) {
        match self.patience {
            Patience::Real => tokio::time::sleep(duration).await,
            Patience::None => {
                self.turn(duration);
                tokio::task::yield_now().await;
            }
        }
    }

    fn jitter(&self) -> f64 {
        self.lock().chance.f64()
    }
}
