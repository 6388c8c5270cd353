//! An account at Cognism: people are found free of charge, redeemed for a credit each, once and for all, and there are ten
//! previews for each credit.

mod routes;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use leadgate_enrichment::clock::Clock;

use super::account::{Account, AccountSetup, AtAccount};
use super::apollo::{Asked, Windows};
use super::fault::Fault;
use super::guarded::Guarded;

/// Its one kind of credit.
const CREDITS: &str = "cognism_credits";

/// An account. What a test does to it goes through these methods, what a customer does through HTTP.
pub struct Cognism {
    account: Account,
    previews: Guarded<Previews>,
}

/// Who was shown without being redeemed.
#[derive(Default)]
struct Previews {
    /// By the id to redeem them by: what they were found by.
    shown: BTreeMap<String, Asked>,
    /// How many there were in the cycle that began then.
    counted: (Timestamp, i64),
}

impl Cognism {
    /// An account at the beginning of its cycle.
    pub fn new(clock: Arc<dyn Clock>, setup: AccountSetup) -> Self {
        Self { account: Account::new("cognism", &[CREDITS], clock, setup), previews: Guarded::default() }
    }

    /// What every account is like.
    pub fn setup() -> AccountSetup {
        AccountSetup::with("simulated-cognism-key", Windows::per_minute(1000))
    }
}

impl AtAccount for Cognism {
    const TITLE: &'static str = "Cognism";
    /// A person who opted out is unknown to it.
    const SUPPRESSES: bool = false;
    const CHARGES_AT: &'static str = "contact/redeem";

    fn account(&self) -> &Account {
        &self.account
    }

    fn denial(&self) -> Fault {
        let said = wire::error(401, "MissingCredentials", "Missing required credentials");
        Fault::Status(401, said.to_string())
    }
}
