//! An Apollo team: whom it knows, what it charges, how often it lets itself be asked, and a ledger of every charge.

mod enrich;
mod generator;
mod ledger;
mod limits;
mod people;
mod routes;
#[cfg(test)]
mod tests;
mod usage;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::Clock;

pub use generator::Generator;
pub use ledger::{Charge, Ledger};
pub use limits::{Limits, Windows};
pub use people::{Asked, EmailStatus, Organization, Person};

use super::exchange::{Call, Reception};
use super::fault::Faults;
use super::guarded::Guarded;
use limits::Meter;
use people::Directory;

/// Which endpoints a key may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyScope {
    /// All of them.
    Master,
    /// These, written as `api/v1/people/match`.
    Endpoints(Vec<String>),
}

/// How Apollo says that the credits are used up. No way is documented for its enrichment endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfCredits {
    /// 402 Payment Required.
    PaymentRequired,
    /// 403 Forbidden.
    Forbidden,
    /// 422 Unprocessable Entity, as its conversation endpoints document it.
    Unprocessable,
}

/// How the single match says that it doesn't know somebody. All are 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Miss {
    /// `{"person": null}`.
    Null,
    /// A person with nothing in it.
    Blank,
    /// One and the other in turn.
    Alternate,
}

/// What a team is like.
#[derive(Debug, Clone)]
pub struct ApolloSetup {
    /// Its key.
    pub api_key: String,
    /// What the key may call.
    pub scope: KeyScope,
    /// The credits of a cycle, in thousandths.
    pub pool_milli: i64,
    /// What one person costs, in thousandths.
    pub price_milli: i64,
    /// Another price, from this instant on.
    pub next_price: Option<(Timestamp, i64)>,
    /// Whether somebody who was bought before is charged again.
    pub charge_repeats: bool,
    /// How it says that there are not enough credits.
    pub out_of_credits: OutOfCredits,
    /// How it says that it doesn't know somebody.
    pub miss: Miss,
    /// How often it may be asked.
    pub limits: Limits,
    /// Which share of the people that nobody introduced is unknown, `0.0..=1.0`.
    pub unknown_share: f64,
    /// Which share of the generated people has a guessed address, `0.0..=1.0`.
    pub extrapolated_share: f64,
    /// Where all chance comes from.
    pub seed: u64,
    /// How long every answer takes, by the simulator's clock.
    pub latency: Duration,
}

impl Default for ApolloSetup {
    fn default() -> Self {
        Self {
            api_key: "simulated-api-key".to_owned(),
            scope: KeyScope::Master,
            pool_milli: 10_000_000,
            price_milli: 1000,
            next_price: None,
            charge_repeats: true,
            out_of_credits: OutOfCredits::Unprocessable,
            miss: Miss::Null,
            limits: Limits::paid(),
            unknown_share: 0.06,
            extrapolated_share: 0.1,
            seed: 1,
            latency: Duration::ZERO,
        }
    }
}

impl ApolloSetup {
    fn price_at(&self, now: Timestamp) -> i64 {
        self.next_price.filter(|(from, _)| *from <= now).map_or(self.price_milli, |(_, price)| price)
    }
}

/// A team at Apollo. What a test does to it goes through these methods, what a customer does through HTTP.
pub struct Apollo {
    setup: ApolloSetup,
    reception: Reception,
    team: Guarded<Team>,
}

/// Everything that is behind one lock.
struct Team {
    directory: Directory,
    ledger: Ledger,
    meter: Meter,
    /// Credits of the running cycle, in thousandths.
    granted: i64,
    spent: i64,
    cycle_began: Timestamp,
    misses: u64,
}

impl Apollo {
    /// A team at the beginning of its cycle.
    pub fn new(clock: Arc<dyn Clock>, setup: ApolloSetup) -> Self {
        let cycle_began = clock.now();
        let reception = Reception::new(clock, setup.latency);
        let generator = Generator {
            seed: setup.seed,
            unknown_share: setup.unknown_share,
            extrapolated_share: setup.extrapolated_share,
        };
        let team = Team {
            directory: Directory::new(move |asked| generator.person(asked)),
            ledger: Ledger::default(),
            meter: Meter::default(),
            granted: setup.pool_milli,
            spent: 0,
            cycle_began,
            misses: 0,
        };
        Self { setup, reception, team: Guarded::new(team) }
    }

    /// What it is told to do wrong.
    pub fn faults(&self) -> &Faults {
        &self.reception.faults
    }

    /// Calls `hook` before each API call is carried out, in the place of an earlier hook.
    pub fn on_call(&self, hook: impl Fn(&Call) + Send + Sync + 'static) {
        self.reception.on_call(Arc::new(hook));
    }

    /// Introduces somebody.
    pub fn know(&self, person: Person) {
        self.team.lock().directory.know(person);
    }

    /// Asks `know` about people who weren't introduced, in the place of the generator. It is called under a lock: it
    /// must not turn to the simulator.
    pub fn know_by_default(&self, know: impl Fn(&Asked) -> Option<Person> + Send + Sync + 'static) {
        self.team.lock().directory.know_by_default(know);
    }

    /// Knows from now on only who was introduced.
    pub fn know_nobody_by_default(&self) {
        self.know_by_default(|_| None);
    }

    /// Doesn't know whoever has this address any more.
    pub fn forget(&self, email: &str) {
        self.team.lock().directory.forget(email);
    }

    /// Whom it would answer with, free of charge.
    pub fn whom(&self, asked: &Asked) -> Option<Person> {
        self.team.lock().directory.find(asked)
    }

    /// What was charged, and what was turned away.
    pub fn ledger(&self) -> Ledger {
        Ledger { received: self.reception.calls(), ..self.team.lock().ledger.clone() }
    }

    /// How often somebody with this address was charged for.
    pub fn charges_of(&self, email: &str) -> usize {
        self.team.lock().ledger.charges_of(email)
    }

    /// What is left of the cycle's credits, in thousandths.
    pub fn credits_left(&self) -> i64 {
        let team = self.team.lock();
        team.granted - team.spent
    }

    /// Adds credits to the running cycle, in thousandths.
    pub fn top_up(&self, milli: i64) {
        self.team.lock().granted += milli;
    }

    /// Begins a new cycle with so many credits, in thousandths. What was left is gone.
    pub fn begin_cycle(&self, pool_milli: i64) {
        let mut team = self.team.lock();
        team.granted = pool_milli;
        team.spent = 0;
        team.cycle_began = self.reception.clock.now();
    }
}
