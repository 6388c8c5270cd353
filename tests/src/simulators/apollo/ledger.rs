//! What was charged, as the vendor sees it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

/// One person, paid for once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Charge {
    /// When.
    pub at: Timestamp,
    /// Through which endpoint: `api/v1/people/match`, `api/v1/people/bulk_match`.
    pub endpoint: &'static str,
    /// The number of the call among all calls to the vendor, from 0.
    pub call: u64,
    /// Who.
    pub person_id: String,
    /// The address that was handed out.
    pub email: Option<String>,
    /// What was asked with.
    pub asked: String,
    /// What it cost, in thousandths of a credit.
    pub milli: i64,
}

/// The whole of it. This is the truth that our own books are compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Every charge, in its order.
    pub charges: Vec<Charge>,
    /// Requests that arrived, whatever became of them.
    pub received: u64,
    /// Calls that were let through to their work, by endpoint.
    pub calls: BTreeMap<&'static str, u64>,
    /// People asked for in them.
    pub people_asked: u64,
    /// People asked for who aren't known.
    pub people_missed: u64,
    /// People charged for.
    pub records_charged: u64,
    /// What they cost, in thousandths of a credit.
    pub credits_charged: i64,
    /// Calls turned away by a rate limit.
    pub throttled: u64,
    /// Calls turned away because there were not enough credits.
    pub out_of_credits: u64,
    /// Calls turned away because of their key.
    pub denied: u64,
}

impl Ledger {
    /// How often somebody with this address was charged for.
    pub fn charges_of(&self, email: &str) -> usize {
        let email = email.trim().to_lowercase();
        let is_of = |charge: &&Charge| charge.email.as_ref() == Some(&email) || charge.asked == email;
        self.charges.iter().filter(is_of).count()
    }

    /// Calls to an endpoint that were let through.
    pub fn calls_to(&self, endpoint: &str) -> u64 {
        self.calls.get(endpoint).copied().unwrap_or_default()
    }

    pub(super) fn has_charged(&self, person_id: &str) -> bool {
        self.charges.iter().any(|charge| charge.person_id == person_id)
    }

    pub(super) fn charge(&mut self, charge: Charge) {
        self.records_charged += 1;
        self.credits_charged += charge.milli;
        self.charges.push(charge);
    }
}
