//! A workspace at Clay: runs of a routine that end after a while, each item of which costs a credit if it finds someone,
//! and a webhook that is told when one has ended, unless that is lost.

mod routes;
mod runs;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::Clock;

use super::account::{Account, AccountSetup, AtAccount};
use super::apollo::Windows;
use super::fault::Fault;
use super::guarded::Guarded;
use runs::Runs;

pub use runs::Webhook;

/// Its one kind of credit.
const CREDITS: &str = "clay_credits";
/// Its name in configurations and ledgers.
pub const PROVIDER: &str = "clay";
/// The routine that there is.
pub const ROUTINE_ID: &str = "function:t_simulated";
/// The webhook that is registered.
pub const WEBHOOK_ID: &str = "wh_simulated";

/// A workspace. What a test does to it goes through these methods, what a customer does through HTTP.
pub struct Clay {
    account: Account,
    runs: Guarded<Runs>,
}

impl Clay {
    /// A workspace at the beginning of its cycle.
    pub fn new(clock: Arc<dyn Clock>, setup: AccountSetup) -> Self {
        Self { account: Account::new("clay", &[CREDITS], clock, setup), runs: Guarded::default() }
    }

    /// What every workspace is like. The number of calls isn't published.
    pub fn setup() -> AccountSetup {
        AccountSetup::with("simulated-clay-key", Windows::per_minute(60))
    }

    /// Registers the webhook: where it is told, and what deliveries are signed with.
    pub fn register_webhook(&self, url: &str, secret: &str) {
        self.runs.lock().registered = Some((url.to_owned(), secret.to_owned()));
    }

    /// From now on, each run takes so long.
    pub fn take_time(&self, delay: Duration) {
        self.runs.lock().delay = delay;
    }

    /// Keeps no result that is older than this.
    pub fn keep_results_for(&self, retention: Duration) {
        self.runs.lock().retention = Some(retention);
    }

    /// How many runs were started.
    pub fn runs(&self) -> usize {
        self.runs.lock().started.len()
    }

    /// The deliveries that have yet to be made. It makes none of them any more.
    pub fn take_webhooks(&self) -> Vec<Webhook> {
        self.finish();
        std::mem::take(&mut self.runs.lock().outbox)
    }

    /// Makes the deliveries that are due, each once, whatever is answered. How many.
    pub async fn deliver_webhooks(&self, http: &reqwest::Client) -> usize {
        let due = self.take_webhooks();
        for webhook in &due {
            webhook.post(http).await;
        }
        due.len()
    }

    /// Ends the runs whose time has come.
    fn finish(&self) {
        let now: Timestamp = self.account.now();
        let mut state = self.account.state();
        self.runs.lock().finish(&mut state, now);
    }
}

impl AtAccount for Clay {
    const TITLE: &'static str = "Clay";
    /// It has no word for that: such a person isn't found.
    const SUPPRESSES: bool = false;
    const CHARGES_AT: &'static str = "/run";

    fn account(&self) -> &Account {
        self.finish();
        &self.account
    }

    fn denial(&self) -> Fault {
        Fault::Status(401, r#"{"message":"Authentication failed"}"#.to_owned())
    }
}
