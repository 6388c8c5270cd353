//! An account at Hunter: addresses by name and domain, people by their addresses, two pools of requests, and answers that
//! aren't ready yet.

mod routes;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;

use leadgate_enrichment::clock::Clock;

use super::account::{Account, AccountSetup, AtAccount};
use super::apollo::Windows;
use super::fault::Fault;

/// What finding addresses and people is paid with.
const SEARCHES: &str = "hunter_searches";
/// What verifying them is paid with.
const VERIFICATIONS: &str = "hunter_verifications";

/// An account. What a test does to it goes through these methods, what a customer does through HTTP.
pub struct Hunter(Account);

impl Hunter {
    /// An account at the beginning of its cycle.
    pub fn new(clock: Arc<dyn Clock>, setup: AccountSetup) -> Self {
        Self(Account::new("hunter", &[SEARCHES, VERIFICATIONS], clock, setup))
    }

    /// What every account is like.
    pub fn setup() -> AccountSetup {
        AccountSetup::with("simulated-hunter-key", Windows::per_minute(500))
    }
}

impl AtAccount for Hunter {
    const TITLE: &'static str = "Hunter";
    const SUPPRESSES: bool = true;

    fn account(&self) -> &Account {
        &self.0
    }

    fn denial(&self) -> Fault {
        let said = wire::error(401, "authentication_failed", "No user found for the API key supplied");
        Fault::Status(401, said.to_string())
    }
}
