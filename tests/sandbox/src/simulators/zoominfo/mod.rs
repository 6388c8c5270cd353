//! An account at ZoomInfo: access tokens that end, up to 25 people with a call and a match status each, a credit for each record
//! that isn't under management yet.

mod routes;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use leadgate_enrichment::clock::Clock;

use super::account::{Account, AccountSetup, AtAccount};
use super::apollo::Windows;
use super::fault::Fault;
use super::guarded::Guarded;

/// Its one kind of credit.
const CREDITS: &str = "zoominfo_credits";

/// The application that may use the account. Its secret is the account's key.
pub const CLIENT_ID: &str = "simulated-zoominfo-client";

/// An account. What a test does to it goes through these methods, what a customer does through HTTP.
pub struct ZoomInfo {
    account: Account,
    /// The access tokens that were given, and until when each is good.
    tokens: Guarded<BTreeMap<String, Timestamp>>,
}

impl ZoomInfo {
    /// An account at the beginning of its contract.
    pub fn new(clock: Arc<dyn Clock>, setup: AccountSetup) -> Self {
        let account = Account::new("zoominfo", &[CREDITS], clock, setup);
        Self { account, tokens: Guarded::new(BTreeMap::new()) }
    }

    /// What an account of the smallest package is like, but for its limit of a second.
    pub fn setup() -> AccountSetup {
        AccountSetup::with(
            "simulated-zoominfo-secret",
            Windows { minute: None, hour: Some(10_800), day: Some(129_600) },
        )
    }

    /// How many access tokens were given.
    pub fn tokens_given(&self) -> usize {
        self.tokens.lock().len()
    }
}

impl AtAccount for ZoomInfo {
    const TITLE: &'static str = "ZoomInfo";
    const SUPPRESSES: bool = true;
    const CHARGES_AT: &'static str = "contacts/enrich";

    fn account(&self) -> &Account {
        &self.account
    }

    fn denial(&self) -> Fault {
        let said = wire::error(403, "ZI0003", "You do not have permission to access the ZoomInfo API.");
        Fault::Status(403, said.to_string())
    }
}
