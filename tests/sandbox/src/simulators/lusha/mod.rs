//! An account at Lusha: searches, what they reveal of several people, a minimum for each call, and people of whom nothing may
//! be shown.

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
const CREDITS: &str = "lusha_credits";

/// An account. What a test does to it goes through these methods, what a customer does through HTTP.
pub struct Lusha(Account);

impl Lusha {
    /// An account at the beginning of its cycle.
    pub fn new(clock: Arc<dyn Clock>, setup: AccountSetup) -> Self {
        Self(Account::new("lusha", &[CREDITS], clock, setup))
    }

    /// What an account is like; the numbers of its limits aren't published.
    pub fn setup() -> AccountSetup {
        AccountSetup::with("simulated-lusha-key", Windows::new(300, 5000, 50_000))
    }
}

impl AtAccount for Lusha {
    const TITLE: &'static str = "Lusha";
    const SUPPRESSES: bool = true;

    fn account(&self) -> &Account {
        &self.0
    }

    fn denial(&self) -> Fault {
        Fault::Status(401, wire::error(401, "Invalid API key").to_string())
    }
}
