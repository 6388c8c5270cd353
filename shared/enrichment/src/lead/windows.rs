//! How long things are good.

use std::time::Duration;

/// How long answers stay good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// What was bought.
    pub freshness: Duration,
    /// That the provider doesn't know a person.
    pub miss: Duration,
    /// A request: a lead that has waited for credits for longer is closed.
    pub give_up: Duration,
}
