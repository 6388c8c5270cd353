//! An Apollo team: whom it knows, what it charges, how often it lets itself be asked, and a ledger of every charge.

mod callbacks;
mod contacts;
mod endpoints;
mod enrich;
mod enrol;
mod generator;
mod later;
mod later_wire;
mod ledger;
mod limits;
mod organizations;
mod people;
mod request;
mod routes;
mod search;
mod sequences;
mod setup;
mod tasks;
#[cfg(test)]
mod tests;
mod usage;
mod wire;

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard};

use jiff::Timestamp;
use leadgate_enrichment::clock::Clock;
use serde_json::Value;

pub use callbacks::Callback;
pub use contacts::Contact;
pub use generator::Generator;
pub use ledger::{Charge, Item, Ledger};
pub use limits::{Limits, Windows};
pub use organizations::Organization;
pub use people::{Asked, DoNotCall, EmailStatus, Mobile, Person};
pub use sequences::Enrolment;
pub use setup::{ApolloSetup, Gap, KeyScope, LaterSetup, Miss, OutOfCredits};

use super::exchange::{Call, Reception};
use super::fault::Faults;
use super::guarded::Guarded;
use contacts::Contacts;
use later::Later;
use limits::Meter;
use organizations::Register;
use people::Directory;
use sequences::Sequences;

/// A team at Apollo. What a test does to it goes through these methods, what a customer does through HTTP.
pub struct Apollo {
    setup: ApolloSetup,
    reception: Reception,
    team: Guarded<Team>,
}

/// Everything that is behind one lock.
struct Team {
    directory: Directory,
    register: Register,
    generator: Generator,
    contacts: Contacts,
    sequences: Sequences,
    tasks: Vec<Value>,
    /// Endpoints that the plan doesn't have.
    gated: BTreeSet<String>,
    later: Later,
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
            mobile_share: setup.mobile_share,
            do_not_call_share: setup.do_not_call_share,
        };
        let team = Team {
            directory: Directory::new(move |asked| generator.person(asked)),
            register: Register::new(move |domain| generator.organization(domain)),
            generator,
            contacts: Contacts::default(),
            sequences: Sequences::default(),
            tasks: Vec::new(),
            gated: setup.gated.clone(),
            later: Later::default(),
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

    /// Knows from now on only who was introduced, people and organizations.
    pub fn know_nobody_by_default(&self) {
        self.know_by_default(|_| None);
        self.team.lock().register.know_by_default(|_| None);
    }

    /// Introduces an organization.
    pub fn know_organization(&self, organization: Organization) {
        self.team.lock().register.know(organization);
    }

    /// Doesn't know the organization with this domain any more.
    pub fn forget_organization(&self, domain: &str) {
        self.team.lock().register.forget(domain);
    }

    /// What it would answer of the organization with this domain, free of charge.
    pub fn organization(&self, domain: &str) -> Option<Organization> {
        self.team.lock().register.find(domain)
    }

    /// Takes an endpoint, written as `api/v1/people/match`, out of the team's plan, or puts it back.
    pub fn gate(&self, endpoint: &str, is_gated: bool) {
        let mut team = self.team.lock();
        if is_gated {
            team.gated.insert(endpoint.to_owned());
        } else {
            team.gated.remove(endpoint);
        }
    }

    /// Doesn't know whoever has this address any more.
    pub fn forget(&self, email: &str) {
        self.team.lock().directory.forget(email);
    }

    /// From now on, this is the mobile number of whoever has this address; or they have none. What was asked for
    /// before has been found already, and only takes its time.
    pub fn set_mobile(&self, email: &str, mobile: Option<Mobile>) {
        self.team.lock().directory.set_mobile(email, mobile);
    }

    /// Whom it would answer with, free of charge.
    pub fn whom(&self, asked: &Asked) -> Option<Person> {
        self.team.lock().directory.find(asked)
    }

    /// What was charged, and what was turned away.
    pub fn ledger(&self) -> Ledger {
        Ledger { received: self.reception.calls(), ..self.team().ledger.clone() }
    }

    /// How often somebody with this address was charged for.
    pub fn charges_of(&self, email: &str) -> usize {
        self.team().ledger.charges_of(email)
    }

    /// How often the mobile number of somebody with this address was charged for.
    pub fn mobile_charges_of(&self, email: &str) -> usize {
        self.team().ledger.mobile_charges_of(email)
    }

    /// How often the organization with this domain was charged for.
    pub fn organization_charges_of(&self, domain: &str) -> usize {
        self.team().ledger.organization_charges_of(domain)
    }

    /// What is left of the cycle's credits, in thousandths.
    pub fn credits_left(&self) -> i64 {
        let team = self.team();
        team.granted - team.spent
    }

    /// Adds credits to the running cycle, in thousandths.
    pub fn top_up(&self, milli: i64) {
        self.team().granted += milli;
    }

    /// Begins a new cycle with so many credits, in thousandths. What was left is gone.
    pub fn begin_cycle(&self, pool_milli: i64) {
        let mut team = self.team();
        team.granted = pool_milli;
        team.spent = 0;
        team.cycle_began = self.reception.clock.now();
    }

    /// The team as it is now: whatever should have arrived by now has.
    fn team(&self) -> MutexGuard<'_, Team> {
        let now = self.reception.clock.now();
        let mut team = self.team.lock();
        team.settle(&self.setup, now);
        team
    }
}
