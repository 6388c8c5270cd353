//! An account at People Data Labs: people one by one and in bulk, a credit for each who is found, and headers that say what
//! a call cost, what is left and how often it may be asked.

mod routes;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use leadgate_enrichment::clock::Clock;

use super::account::{Account, AccountSetup};
use super::apollo::{Ledger, Person, Windows};
use super::fault::{Fault, Faults};
use super::provider::SimulatedProvider;

/// Its one kind of credit.
const CREDITS: &str = "pdl_credits";

/// An account. What a test does to it goes through these methods, what a customer does through HTTP.
pub struct PeopleDataLabs(Account);

impl PeopleDataLabs {
    /// An account at the beginning of its cycle.
    pub fn new(clock: Arc<dyn Clock>, setup: AccountSetup) -> Self {
        Self(Account::new("pdl", &[CREDITS], clock, setup))
    }

    /// What an account of the paid plan is like.
    pub fn setup() -> AccountSetup {
        AccountSetup::with("simulated-pdl-key", Windows::per_minute(1000))
    }
}

impl SimulatedProvider for PeopleDataLabs {
    fn name(&self) -> &'static str {
        "People Data Labs"
    }

    fn faults(&self) -> &Faults {
        &self.0.reception.faults
    }

    fn ledger(&self) -> Ledger {
        self.0.ledger()
    }

    fn begin_cycle(&self, milli: i64) {
        self.0.begin_cycle(milli);
    }

    fn whom(&self, email: &str) -> Option<Person> {
        self.0.whom(email)
    }

    fn forget(&self, email: &str) {
        self.0.forget(email);
    }

    fn refuse(&self, email: &str) {
        self.0.refuse(email);
    }

    fn denial(&self) -> Fault {
        Fault::Status(
            401,
            wire::error(401, "authentication_error", "Request contained a missing or invalid key").to_string(),
        )
    }
}
