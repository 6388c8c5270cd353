//! What a vendor allows in a day, of which some is left to others.

use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::{later, until};

/// No more than this share is left to others: a floor above all that there is would stop everything.
const FLOOR_SHARE: u64 = 2;
/// How long nothing is called once only the others' part is left. What was seen longer ago is not known any more, and is
/// seen anew.
const FLOOR_WAIT: Duration = Duration::from_secs(15 * 60);

/// What is left of it, as the vendor last said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DailyBudget {
    pub(crate) left: u64,
    /// Of how much, if the vendor says so.
    pub(crate) of: Option<u64>,
    /// When it said so.
    pub(crate) at: Timestamp,
}

impl DailyBudget {
    /// How long to wait before anything is called, if no more is left than `floor`.
    pub(crate) fn wait(&self, floor: u64, now: Timestamp) -> Option<Duration> {
        let floor = self.of.map_or(floor, |of| floor.min(of / FLOOR_SHARE));
        let seen_until = later(self.at, FLOOR_WAIT);
        (self.left <= floor && now < seen_until).then(|| until(now, seen_until))
    }
}
