//! An account at People Data Labs: people one by one and in bulk, a credit for each who is found, and headers that say what
//! a call cost, what is left and how often it may be asked.

mod routes;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use leadgate_enrichment::clock::Clock;

use super::account::{Account, AccountSetup, AtAccount};
use super::apollo::Windows;
use super::fault::Fault;

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

impl AtAccount for PeopleDataLabs {
    const TITLE: &'static str = "People Data Labs";
    /// A person who opted out is unknown to it.
    const SUPPRESSES: bool = false;

    fn account(&self) -> &Account {
        &self.0
    }

    fn denial(&self) -> Fault {
        let said = wire::error(401, "authentication_error", "Request contained a missing or invalid key");
        Fault::Status(401, said.to_string())
    }
}
