//! An Apollo team: whom it knows, what it charges, how often it lets itself be asked, and a ledger of every charge.

mod asynchronous;
mod asynchronous_wire;
mod bulk_contacts;
mod callbacks;
mod contacts;
mod endpoints;
mod enrich;
mod enrol;
mod generator;
mod ledger;
mod limits;
mod organizations;
mod people;
mod pool;
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
use std::sync::Arc;

use leadgate_enrichment::clock::Clock;
use serde_json::Value;

pub use asynchronous::Polls;
pub use callbacks::Callback;
pub use contacts::Contact;
pub use endpoints::EndpointName;
pub(super) use generator::Dice;
pub use generator::Generator;
use ledger::Books;
pub use ledger::{Charge, Item, Ledger};
pub(super) use limits::Meter;
pub use limits::{Limits, Windows};
pub use organizations::Organization;
pub(super) use people::Directory;
pub use people::{Asked, DoNotCall, EmailStatus, Mobile, Person};
pub use sequences::{Enrolment, mailbox_id, sequence_id};
pub use setup::{ApolloSetup, AsynchronousSetup, Gap, KeyScope, Miss, OutOfCredits};

use super::exchange::{Call, Reception};
use super::fault::Faults;
use crate::kept::{Guard, Keep, Keeper, Kept, Log, One, Part, StoreError};
use asynchronous::AsynchronousResults;
use contacts::Contacts;
use organizations::Register;
use pool::Pool;
use sequences::Sequences;

/// A team at Apollo. What a test does to it goes through these methods, what a customer does through HTTP.
pub struct Apollo {
    setup: ApolloSetup,
    reception: Reception,
    team: Keeper<Team>,
}

/// Everything that is behind one lock.
struct Team {
    directory: Directory,
    register: Register,
    generator: Generator,
    contacts: Contacts,
    sequences: Sequences,
    tasks: Log<Value>,
    /// Endpoints that the plan doesn't have.
    gated: BTreeSet<String>,
    asynchronous: AsynchronousResults,
    ledger: Books,
    meter: Meter,
    pool: One<Pool>,
    terms: Terms,
    misses: u64,
}

/// What holds until it is changed. Amounts are in thousandths of a credit.
struct Terms {
    /// What a person costs, in the place of what the setup says.
    person_milli: Option<i64>,
    mobile_milli: i64,
    charge_repeats: bool,
}

/// Whom it knows and what it charges is said when it is set up. What its plan has and how it is told to answer ends with
/// the process.
impl Keep for Team {
    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Kept)> {
        vec![
            ("people", &mut self.directory.by_id),
            ("contacts", &mut self.contacts.by_id),
            ("deleted", &mut self.contacts.deleted),
            ("created", &mut self.contacts.created),
            ("sequences", &mut self.sequences.all),
            ("tasks", &mut self.tasks),
            ("jobs", &mut self.asynchronous.jobs),
            ("callbacks", &mut self.asynchronous.outbox),
            ("ledger", &mut self.ledger),
            ("limits", &mut self.meter.0),
            ("pool", &mut self.pool),
        ]
    }
}

impl Apollo {
    /// A team at the beginning of its cycle.
    pub fn new(clock: Arc<dyn Clock>, setup: ApolloSetup) -> Self {
        let reception = Reception::new(clock.clone(), setup.latency);
        let generator = Generator::of(&setup);
        let team = Team {
            directory: Directory::new(move |asked| generator.person(asked)),
            register: Register::new(move |domain| generator.organization(domain)),
            generator,
            contacts: Contacts::default(),
            sequences: Sequences::default(),
            tasks: Log::default(),
            gated: setup.gated.clone(),
            asynchronous: AsynchronousResults::default(),
            ledger: Books::default(),
            meter: Meter::default(),
            pool: One::new(Pool::new(&setup, clock.now())),
            terms: Terms {
                person_milli: None,
                mobile_milli: setup.asynchronous.mobile_milli,
                charge_repeats: setup.charge_repeats,
            },
            misses: 0,
        };
        Self { setup, reception, team: Keeper::new(team) }
    }

    /// Goes on with the team that was kept here, and keeps it here from now on.
    pub(crate) fn keep_in(&self, part: Part) -> Result<(), StoreError> {
        self.team.keep_in(part)?;
        self.reception.go_on_from(self.team.lock().ledger.received);
        Ok(())
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

    /// From now on a person costs so much, in thousandths.
    pub fn set_person_price(&self, milli: i64) {
        self.team().terms.person_milli = Some(milli);
    }

    /// A mobile number that is asked for from now on costs so much, in thousandths.
    pub fn set_mobile_price(&self, milli: i64) {
        self.team().terms.mobile_milli = milli;
    }

    /// From now on, whether somebody who was bought before is charged again.
    pub fn set_charge_repeats(&self, charge_repeats: bool) {
        self.team().terms.charge_repeats = charge_repeats;
    }

    /// From now on, the poll endpoint answers so.
    pub fn set_polls(&self, polls: Polls) {
        self.team().asynchronous.polls = polls;
    }

    /// The key now belongs to another team: nothing that was asked for before can be polled for.
    pub fn change_teams(&self) {
        self.team().asynchronous.disown();
    }

    /// Whether a number of whoever has this address was promised and can't be polled for any more.
    pub fn has_lost_a_number_of(&self, email: &str) -> bool {
        let now = self.reception.clock.now();
        self.team().asynchronous.is_lost(email, now)
    }

    /// The team as it is now: whatever should have arrived by now has.
    fn team(&self) -> Guard<'_, Team> {
        let now = self.reception.clock.now();
        let mut team = self.team.lock();
        team.settle(&self.setup, now);
        team
    }
}
