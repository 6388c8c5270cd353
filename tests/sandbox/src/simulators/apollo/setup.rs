//! What a team is like.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::limits::{Limits, Windows};

/// Which endpoints a key may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyScope {
    /// All of them.
    Master,
    /// These, written as `api/v1/people/match`.
    Endpoints(Vec<String>),
}

/// How Apollo says that the credits are used up. No way is documented for its enrichment endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfCredits {
    /// 402 Payment Required.
    PaymentRequired,
    /// 403 Forbidden.
    Forbidden,
    /// 422 Unprocessable Entity, as its conversation endpoints document it.
    Unprocessable,
}

/// How the single match says that it doesn't know somebody. All are 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Miss {
    /// `{"person": null}`.
    Null,
    /// A person with nothing in it.
    Blank,
    /// One and the other in turn.
    Alternate,
}

/// What stands in a list in the place of what isn't known. Apollo's documents don't say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// `null`.
    Null,
    /// Nothing at all: the list is shorter than what was asked for.
    LeftOut,
}

/// What a team is like.
#[derive(Debug, Clone)]
pub struct ApolloSetup {
    /// Its key.
    pub api_key: String,
    /// What the key may call.
    pub scope: KeyScope,
    /// The credits of a cycle, in thousandths.
    pub pool_milli: i64,
    /// Whether each month begins a new cycle, by itself, with as many.
    pub renews_monthly: bool,
    /// What one person costs, in thousandths.
    pub price_milli: i64,
    /// Another price for a person, in thousandths, from this instant on.
    pub next_price: Option<(Timestamp, i64)>,
    /// What one organization costs, in thousandths.
    pub organization_milli: i64,
    /// What a page of companies costs, in thousandths. An empty one is free (observed).
    pub page_milli: i64,
    /// Whether somebody who was bought before is charged again.
    pub charge_repeats: bool,
    /// How it says that there are not enough credits.
    pub out_of_credits: OutOfCredits,
    /// How it says that it doesn't know somebody.
    pub miss: Miss,
    /// How a list of organizations tells that one of them isn't known.
    pub organization_gap: Gap,
    /// How often it may be asked.
    pub limits: Limits,
    /// The same for single endpoints, written as `api/v1/people/match`, in the place of the plan's.
    pub endpoint_limits: BTreeMap<String, Windows>,
    /// Endpoints that the team's plan doesn't have.
    pub gated: BTreeSet<String>,
    /// How many organizations there are to be found by looking for some.
    pub organizations: u32,
    /// For how long a sequence is busy after people were added to it.
    pub sequence_busy: Duration,
    /// Which share of the people that nobody introduced is unknown, `0.0..=1.0`.
    pub unknown_share: f64,
    /// Which share of the generated people has a guessed address, `0.0..=1.0`.
    pub extrapolated_share: f64,
    /// Which share of the generated people has a mobile number, `0.0..=1.0`.
    pub mobile_share: f64,
    /// Which share of those numbers is on a do-not-call register, `0.0..=1.0`.
    pub do_not_call_share: f64,
    /// What becomes of what arrives later.
    pub asynchronous: AsynchronousSetup,
    /// Where all chance comes from.
    pub seed: u64,
    /// How long every answer takes, by the simulator's clock.
    pub latency: Duration,
}

impl ApolloSetup {
    /// What one person costs at `now`, in thousandths.
    pub(super) fn price_at(&self, now: Timestamp) -> i64 {
        self.next_price.filter(|(from, _)| *from <= now).map_or(self.price_milli, |(_, price)| price)
    }
}

impl Default for ApolloSetup {
    fn default() -> Self {
        Self {
            api_key: "simulated-api-key".to_owned(),
            scope: KeyScope::Master,
            pool_milli: 10_000_000,
            renews_monthly: false,
            price_milli: 1000,
            next_price: None,
            organization_milli: 1000,
            page_milli: 1000,
            charge_repeats: true,
            out_of_credits: OutOfCredits::Unprocessable,
            miss: Miss::Null,
            organization_gap: Gap::Null,
            limits: Limits::paid(),
            endpoint_limits: BTreeMap::new(),
            gated: BTreeSet::new(),
            organizations: 150,
            sequence_busy: Duration::ZERO,
            unknown_share: 0.06,
            extrapolated_share: 0.1,
            mobile_share: 0.6,
            do_not_call_share: 0.1,
            asynchronous: AsynchronousSetup::default(),
            seed: 1,
            latency: Duration::ZERO,
        }
    }
}

/// How a team is served with what arrives later: mobile numbers, and what a waterfall of other sources finds.
#[derive(Debug, Clone)]
pub struct AsynchronousSetup {
    /// How long it takes to find.
    pub delay: Duration,
    /// What a mobile number costs, in thousandths of a credit.
    pub mobile_milli: i64,
    /// What an address costs that other sources have found, in thousandths of a credit.
    pub waterfall_email_milli: i64,
    /// Whether a number is charged for as soon as it is asked for, and whether or not there is one (observed), in the
    /// place of once it is found (documented).
    pub charge_at_acceptance: bool,
    /// Whether the team may have waterfalls at all.
    pub has_waterfalls: bool,
    /// Which share of the results never arrives, `0.0..=1.0`.
    pub stuck_share: f64,
    /// Which share of the callbacks is never made, `0.0..=1.0`.
    pub lost_share: f64,
    /// Which share of the callbacks is made twice, `0.0..=1.0`.
    pub doubled_share: f64,
    /// How often a callback is tried that isn't answered with 2xx. Apollo says only that it may try again.
    pub attempts_max: u32,
}

impl Default for AsynchronousSetup {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(5 * 60),
            mobile_milli: 8000,
            waterfall_email_milli: 2000,
            charge_at_acceptance: false,
            has_waterfalls: true,
            stuck_share: 0.0,
            lost_share: 0.0,
            doubled_share: 0.0,
            attempts_max: 3,
        }
    }
}
