//! A clock that can be turned forward by hand. Unless its world waits in real time, that is all that moves it: what a test
//! finds must not depend on how fast the machine is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;
use jiff::Timestamp;
use leadgate_enrichment::clock::{Clock, later, until, whole_milliseconds};
use tokio::sync::{oneshot, watch};

use super::servers::{PATIENCE, SqsClock};

/// The time in the world.
pub struct WorldClock {
    started: Instant,
    state: Mutex<State>,
    patience: Patience,
    /// Counts the turns, for those who wait for a moment without being asleep.
    turns: watch::Sender<u64>,
}

type TurnHook = Box<dyn Fn(Duration) + Send + Sync>;

struct State {
    /// What it showed when it was started, and by how much it has been turned since.
    shows: Timestamp,
    chance: Rng,
    /// Who else goes by it.
    sqs: Option<SqsClock>,
    /// What is done before it is turned.
    before_turns: Vec<TurnHook>,
    /// Who is asleep, by when they wake up.
    asleep: BTreeMap<(Timestamp, u64), oneshot::Sender<()>>,
    sleeps: u64,
    companions: usize,
}

/// How long it takes to read a clock that is only turned: what is done one after the other doesn't happen at the same
/// instant, as it would not on any real machine. SQS, which goes by seconds, doesn't notice.
const READING: Duration = Duration::from_millis(1);

/// How the world waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// As long as it takes: the clock goes by the machine's.
    Real,
    /// Not at all: who sleeps turns the clock instead. Otherwise it stands, but for the time that it takes to read it.
    None,
    /// Together: when all companions sleep, the clock is turned to when the first of them wakes up. Otherwise it stands.
    Together,
}

/// Somebody who is awake unless asleep: see [`Patience::Together`]. Whoever is waited for by a companion sleeps in its
/// name.
pub struct Companion(Arc<WorldClock>);

impl Drop for Companion {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.companions -= 1;
        state.wake_the_first();
        drop(state);
        self.0.turned();
    }
}

impl WorldClock {
    /// A clock that shows `start` now.
    pub fn new(start: Timestamp, seed: u64, patience: Patience) -> Self {
        let state = State {
            shows: start,
            chance: Rng::with_seed(seed),
            sqs: None,
            before_turns: Vec::new(),
            asleep: BTreeMap::new(),
            sleeps: 0,
            companions: 0,
        };
        Self { started: Instant::now(), state: Mutex::new(state), patience, turns: watch::Sender::new(0) }
    }

    /// How long anything may take by the machine's clock, where this one doesn't go by it.
    pub(super) fn patience(&self) -> Option<Duration> {
        (self.patience != Patience::Real).then_some(PATIENCE)
    }

    /// From now on SQS goes by it too.
    pub(super) fn lead(&self, sqs: Option<SqsClock>) {
        if let Some(sqs) = sqs.as_ref().filter(|_| self.patience == Patience::Real) {
            sqs.go_on();
        }
        if let Some(sqs) = &sqs {
            sqs.is_at_rest();
        }
        self.lock().sqs = sqs;
    }

    /// From now on `hook` is called before each turn, with the time that is about to pass. It must not use this clock.
    pub(super) fn before_turns(&self, hook: impl Fn(Duration) + Send + Sync + 'static) {
        self.lock().before_turns.push(Box::new(hook));
    }

    /// Turns it forward.
    pub fn turn(&self, duration: Duration) {
        let mut state = self.lock();
        state.pass(duration);
        let still_asleep = (state.shows, u64::MAX);
        let later_on = state.asleep.split_off(&still_asleep);
        for sleeper in std::mem::replace(&mut state.asleep, later_on).into_values() {
            // Who doesn't sleep any more needs no waking.
            let _ = sleeper.send(());
        }
        drop(state);
        self.turned();
    }

    /// Waits until it shows `at`. That is no sleep: it neither turns the clock nor lets it be turned.
    pub async fn reached(&self, at: Timestamp) {
        let mut turns = self.turns.subscribe();
        loop {
            let left = until(self.now(), at);
            if left.is_zero() {
                return;
            }
            // An error would mean that the clock is gone, which we hold.
            if self.patience == Patience::Real {
                let _ = tokio::time::timeout(left, turns.changed()).await;
            } else {
                let _ = turns.changed().await;
            }
        }
    }

    fn turned(&self) {
        self.turns.send_modify(|turns| *turns += 1);
    }

    /// One more who is awake. The clock stands until all of them sleep.
    pub fn companion(self: &Arc<Self>) -> Companion {
        self.lock().companions += 1;
        Companion(self.clone())
    }

    async fn sleep_together(&self, duration: Duration) {
        let (waker, woken) = oneshot::channel();
        let asleep = {
            let mut state = self.lock();
            state.sleeps += 1;
            let key = (later(state.shows, duration), state.sleeps);
            state.asleep.insert(key, waker);
            state.wake_the_first();
            self.turned();
            Asleep { clock: self, key }
        };
        // An error would mean that the clock is gone, which we hold.
        let _ = woken.await;
        drop(asleep);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sleep that may be given up.
struct Asleep<'a> {
    clock: &'a WorldClock,
    key: (Timestamp, u64),
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.clock.lock().asleep.remove(&self.key);
    }
}

impl State {
    /// Lets time pass, here and wherever it is gone by.
    fn pass(&mut self, duration: Duration) {
        if duration.is_zero() {
            return;
        }
        for hook in &self.before_turns {
            hook(duration);
        }
        if let Some(sqs) = &self.sqs {
            sqs.turn(duration);
        }
        self.shows = later(self.shows, duration);
    }

    /// Wakes up whoever is first, if all sleep.
    fn wake_the_first(&mut self) {
        if self.asleep.len() < self.companions {
            return;
        }
        let Some(((at, _), sleeper)) = self.asleep.pop_first() else { return };
        self.pass(until(self.shows, at));
        // Who doesn't sleep any more has left the list.
        let _ = sleeper.send(());
    }
}

#[async_trait::async_trait]
impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        let passed = if self.patience == Patience::Real { self.started.elapsed() } else { Duration::ZERO };
        let mut state = self.lock();
        if self.patience == Patience::None {
            state.shows = later(state.shows, READING);
        }
        whole_milliseconds(later(state.shows, passed))
    }

    async fn sleep(&self, duration: Duration) {
        match self.patience {
            Patience::Real => tokio::time::sleep(duration).await,
            Patience::None => {
                self.turn(duration);
                tokio::task::yield_now().await;
            }
            Patience::Together => self.sleep_together(duration).await,
        }
    }

    async fn passed(&self, duration: Duration) {
        self.reached(later(self.now(), duration)).await;
    }

    fn jitter(&self) -> f64 {
        self.lock().chance.f64()
    }
}
