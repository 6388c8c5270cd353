//! The credits of a team: those of its running cycle, and those that were bought on top.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::{Apollo, ApolloSetup, Team};

/// What there is to spend. All amounts are in thousandths of a credit.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Pool {
    /// What the running cycle started with, and what was added to it.
    granted: i64,
    /// What was taken out of that.
    taken: i64,
    /// What was charged in the running cycle, wherever it was taken from.
    charged: i64,
    /// Bought on top: how much is left of each, and until when.
    packs: Vec<(Timestamp, i64)>,
    began: Timestamp,
    /// What each month starts with, for a team whose cycles begin by themselves.
    monthly: Option<i64>,
}

impl Pool {
    pub(super) fn new(setup: &ApolloSetup, now: Timestamp) -> Self {
        let monthly = setup.renews_monthly.then_some(setup.pool_milli);
        Self { granted: setup.pool_milli, taken: 0, charged: 0, packs: Vec::new(), began: now, monthly }
    }

    /// What is left at `at`.
    pub(super) fn left(&self, at: Timestamp) -> i64 {
        let packs: i64 = self.packs.iter().filter(|(until, _)| at < *until).map(|(_, left)| left).sum();
        self.granted - self.taken + packs
    }

    /// What was left of packs that ended since then, when they did.
    fn expired(&self, since: Timestamp, at: Timestamp) -> i64 {
        let ended = |until: &Timestamp| since <= *until && *until <= at;
        self.packs.iter().filter(|(until, _)| ended(until)).map(|(_, left)| left).sum()
    }

    /// Takes so much: from the cycle first, then from what ends first.
    pub(super) fn take(&mut self, milli: i64, at: Timestamp) {
        self.charged += milli;
        let of_cycle = milli.min(self.granted - self.taken);
        self.taken += of_cycle;
        let mut rest = milli - of_cycle;
        self.packs.sort_unstable();
        for (_, left) in self.packs.iter_mut().filter(|(until, _)| at < *until) {
            let of_pack = rest.min(*left);
            (*left, rest) = (*left - of_pack, rest - of_pack);
        }
        // Nothing is charged that isn't there.
        self.taken += rest;
    }

    /// What the provider says of the running cycle: its limit, and what was used.
    pub(super) fn figures(&self) -> (i64, i64) {
        let packs: i64 = self.packs.iter().map(|(_, left)| left).sum();
        (self.granted - self.taken + packs + self.charged, self.charged)
    }

    pub(super) fn began(&self) -> Timestamp {
        self.began
    }

    fn begin(&mut self, granted: i64, at: Timestamp) {
        (self.granted, self.taken, self.charged, self.began) = (granted, 0, 0, at);
    }

    /// When the next cycle begins by itself, if it does so by `now`.
    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.monthly?;
        let began = self.began.to_zoned(TimeZone::UTC).date();
        let next = began.first_of_month().checked_add(1.month()).ok()?;
        let next = next.to_zoned(TimeZone::UTC).ok()?.timestamp();
        (next <= now).then_some(next)
    }
}

impl Team {
    /// Lets everything happen that is due: what arrives is charged in the cycle in which it arrives.
    pub(super) fn settle(&mut self, setup: &ApolloSetup, now: Timestamp) {
        while let Some(next) = self.pool.next(now) {
            self.arrive(setup, Timestamp::from_millisecond(next.as_millisecond() - 1).unwrap_or(next));
            let monthly = self.pool.monthly.unwrap_or_default();
            self.pool.begin(monthly, next);
        }
        self.arrive(setup, now);
    }
}

impl Apollo {
    /// What is left of the credits, in thousandths.
    pub fn credits_left(&self) -> i64 {
        self.team().pool.left(self.reception.clock.now())
    }

    /// What has expired unused since then of credits that were bought on top, in thousandths.
    pub fn credits_expired(&self, since: Timestamp) -> i64 {
        self.team().pool.expired(since, self.reception.clock.now())
    }

    /// Adds credits to the running cycle, in thousandths.
    pub fn top_up(&self, milli: i64) {
        self.team().pool.granted += milli;
    }

    /// Has so many credits left in the running cycle, in thousandths, beside those that were bought on top.
    pub fn set_left(&self, milli: i64) {
        let mut team = self.team();
        team.pool.granted = team.pool.taken + milli;
    }

    /// Adds credits, in thousandths, that are good until then, whatever cycle it is.
    pub fn add_pack(&self, milli: i64, until: Timestamp) {
        self.team().pool.packs.push((until, milli));
    }

    /// Begins a new cycle with so many credits, in thousandths. What was left is gone.
    pub fn begin_cycle(&self, pool_milli: i64) {
        let now = self.reception.clock.now();
        self.team().pool.begin(pool_milli, now);
    }
}
