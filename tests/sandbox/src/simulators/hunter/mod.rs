//! An account at Hunter: addresses by name and domain, people by their addresses, two pools of requests, and answers that
//! aren't ready yet.

mod routes;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use leadgate_enrichment::clock::Clock;

use super::account::{Account, AccountSetup, AtAccount};
use super::apollo::{Dice, Windows};
use super::fault::Fault;
use super::guarded::Guarded;

/// What finding addresses and people is paid with.
const SEARCHES: &str = "hunter_searches";
/// What verifying them is paid with.
const VERIFICATIONS: &str = "hunter_verifications";

/// An account. What a test does to it goes through these methods, what a customer does through HTTP.
pub struct Hunter {
    account: Account,
    /// What it was told to say of addresses.
    verdicts: Guarded<BTreeMap<String, &'static str>>,
}

impl Hunter {
    /// An account at the beginning of its cycle.
    pub fn new(clock: Arc<dyn Clock>, setup: AccountSetup) -> Self {
        let account = Account::new("hunter", &[SEARCHES, VERIFICATIONS], clock, setup);
        Self { account, verdicts: Guarded::new(BTreeMap::new()) }
    }

    /// What it says from now on when it is asked to check this address: `valid`, `invalid`, `accept_all`, `webmail`, `disposable`
    /// or `unknown`.
    pub fn judge(&self, address: &str, verdict: &'static str) {
        self.verdicts.lock().insert(address.to_lowercase(), verdict);
    }

    /// What it says of an address: of ten that it was told nothing of, six work and two don't.
    pub fn verdict(&self, address: &str) -> &'static str {
        let told = self.verdicts.lock().get(&address.to_lowercase()).copied();
        let share = Dice::of(self.account.setup.seed, &format!("verdict\n{address}")).share(0);
        told.unwrap_or(match share {
            share if share < 0.6 => "valid",
            share if share < 0.8 => "invalid",
            share if share < 0.9 => "accept_all",
            _ => "unknown",
        })
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
        &self.account
    }

    fn denial(&self) -> Fault {
        let said = wire::error(401, "authentication_failed", "No user found for the API key supplied");
        Fault::Status(401, said.to_string())
    }
}
