//! What a tenant has bought.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::cycle::{Cadence, Calendar};
use super::money::CurrencyAmount;
use super::price::Action;
use super::{Amounts, Bucket};

/// What a tenant has bought.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What the names of its wallets begin with: nothing, for the first provider's.
    pub prefix: String,
    /// When billing cycles open and close.
    pub calendar: Calendar,
    /// When grants are made: with each cycle, or in another rhythm.
    pub grants: Calendar,
    /// What each of them is.
    pub grant: Amounts,
    /// What one credit is worth, by its kind and wherever it was granted.
    pub values: BTreeMap<Bucket, CurrencyAmount>,
    /// To try things with, once.
    pub trial: Option<Trial>,
    /// What is free.
    pub allowances: Vec<Allowance>,
    /// What is bought on top of each cycle.
    pub packs: Vec<Pack>,
    /// What is permitted beyond.
    pub overage: Option<Overage>,
}

/// Credits to try things with.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Its first instant.
    pub opens: Timestamp,
    /// The first instant after it.
    pub expires: Timestamp,
    /// How much.
    pub grant: Amounts,
}

/// Credits that are free for one action, period by period.
#[derive(Debug, Clone)]
pub struct Allowance {
    /// Its name.
    pub name: String,
    /// For what.
    pub action: Action,
    /// How often anew.
    pub calendar: Calendar,
    /// How much.
    pub grant: Amounts,
}

/// Credits bought on top: with each billing cycle, and at once in the one it is bought in.
#[derive(Debug, Clone)]
pub struct Pack {
    /// Its name.
    pub name: String,
    /// Since when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// How much with each cycle.
    pub grant: Amounts,
}

/// What may be spent beyond what was bought, in each billing cycle.
#[derive(Debug, Clone)]
pub struct Overage {
    /// How much.
    pub limit: Amounts,
    /// What a credit of it is billed at, for the bill: `0.10 USD`.
    pub price: String,
}

impl Plan {
    /// That of a provider that nothing is paid to.
    pub fn of_nothing(prefix: String, time_zone: &TimeZone) -> Self {
        let calendar = Calendar::new(Date::constant(1970, 1, 1), Cadence::Monthly, time_zone.clone());
        Self {
            prefix,
            grants: calendar.clone(),
            calendar,
            grant: Amounts::default(),
            values: BTreeMap::new(),
            trial: None,
            allowances: Vec::new(),
            packs: Vec::new(),
            overage: None,
        }
    }

    /// What the names of a provider's wallets begin with, unless it is the first.
    pub fn prefix_of(provider: &str) -> String {
        format!("{provider}-")
    }

    /// Everything that can ever be granted under it, added up: which kinds of credit there are.
    pub fn granted(&self) -> Amounts {
        let packs = self.packs.iter().map(|pack| &pack.grant);
        let free = self.allowances.iter().map(|allowance| &allowance.grant);
        let rest = self.trial.iter().map(|trial| &trial.grant).chain(self.overage.iter().map(|overage| &overage.limit));
        [&self.grant].into_iter().chain(packs).chain(free).chain(rest).sum()
    }
}
