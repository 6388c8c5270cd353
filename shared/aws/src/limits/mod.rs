//! The `limits` table: how often a provider was called, and whether it answers, shared by all workers.
//!
//! One item per endpoint (its meter) and one per provider (its breaker). Within an open window a permit is one addition,
//! on condition that there is room, so that callers don't get into each other's way. Everything else is decided on an
//! item as it was read and written on condition that it is still like that.

mod items;

use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::{later, until};
use leadgate_enrichment::provider::breaker::{Breaker, Passage};
use leadgate_enrichment::provider::limits::{
    ARRIVAL, CallLimits, Decision, Ending, Grant, LimitKey, Meter, Rates, Share,
};
use leadgate_enrichment::retry::Backoff;

use self::items::{Counted, Kept};
use crate::error::StoreError;
use crate::table::{Consistency, Database, Table};

/// How long to wait before checking again whether another worker's call has been answered. Calls take a second or so.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Who has waited until a window closes waits this much longer at most, so that not all come at once.
const SPREAD: Duration = Duration::from_millis(250);
/// A permit that took longer than this to get is not used: its call could arrive too late to be counted where it was
/// granted. What is left of [`ARRIVAL`] is for the way to the provider.
const FRESH: Duration = Duration::from_secs(2);
/// More rounds than this mean that something goes in circles. A minute's patience, looking again and again, is 480.
const ROUNDS_MAX: u32 = 1000;

/// Permits to call providers.
#[derive(Clone)]
pub struct Limits {
    table: Table,
}

/// What came of asking for a permit.
#[derive(Debug)]
pub enum Permit {
    /// Make the call at once, and hand the ticket to [`Limits::ended`] when it has ended. One that isn't used wastes a
    /// call of the limit.
    Granted(Ticket),
    /// There is surely no room before that.
    NotBefore(Timestamp),
}

/// The right to one call.
#[derive(Debug)]
pub struct Ticket {
    key: LimitKey,
    limits: CallLimits,
    by: u64,
    grant: Grant,
    /// Whether an answer is news to the breaker.
    worried: bool,
    good_until: Timestamp,
}

impl Ticket {
    /// A call that hasn't been begun by then must not be made.
    pub fn good_until(&self) -> Timestamp {
        self.good_until
    }
}

/// One round of asking.
enum Round {
    Done(Permit),
    /// Another worker wrote first.
    Conflict,
    /// Another worker finds out how much room there is.
    LookAgain,
    NotBefore(Timestamp),
}

/// What is known about an endpoint.
#[derive(Debug, Clone, Default)]
struct Sight {
    meter: Meter,
    breaker: Breaker,
}

impl Limits {
    /// Permits from this table.
    pub fn new(database: &Database, table: impl Into<String>) -> Self {
        Self { table: Table::new(database, table) }
    }

    /// The right to one call, waited for as long as `patience`: moments longer only if others write at the same time.
    /// `limits` are what is configured; what the provider itself has said goes before.
    pub async fn permit(
        &self,
        key: &LimitKey,
        limits: &CallLimits,
        share: Share,
        patience: Duration,
    ) -> Result<Permit, StoreError> {
        let give_up = later(self.table.clock().now(), patience);
        let mut conflicts = 0;
        for _ in 0..ROUNDS_MAX {
            let now = self.table.clock().now();
            let (not_before, spread) = match self.round(key, limits, share, now).await? {
                Round::Done(permit) => return Ok(permit),
                Round::Conflict => {
                    conflicts += 1;
                    let Some(wait) = Backoff::CONTENTION.wait(conflicts, self.table.clock().jitter()) else { break };
                    self.table.clock().sleep(wait).await;
                    continue;
                }
                Round::LookAgain => (later(now, LOOK_AGAIN / 2), LOOK_AGAIN),
                Round::NotBefore(not_before) => (not_before, SPREAD),
            };
            if not_before > give_up {
                return Ok(Permit::NotBefore(not_before));
            }
            self.table
                .clock()
                .sleep(until(self.table.clock().now(), not_before) + spread.mul_f64(self.table.clock().jitter()))
                .await;
        }
        Ok(Permit::NotBefore(later(self.table.clock().now(), LOOK_AGAIN)))
    }

    /// Until when there is surely no room; `None` when it is worth asking. A single read, which may be a moment old.
    pub async fn peek(
        &self,
        key: &LimitKey,
        limits: &CallLimits,
        share: Share,
    ) -> Result<Option<Timestamp>, StoreError> {
        let sight = self.read(key, Consistency::Eventual).await?;
        let now = self.table.clock().now();
        if let Passage::NotBefore(not_before) = sight.breaker.passage(NO_CALLER, now) {
            return Ok(Some(not_before));
        }
        match sight.meter.decide(limits, share, NO_CALLER, now) {
            Decision::NotBefore(not_before) => Ok(Some(not_before)),
            _ => Ok(None),
        }
    }

    /// A permitted call has ended like this, and the provider said this of its limits. Costs nothing when it is what was
    /// known anyway.
    pub async fn ended(&self, ticket: Ticket, rates: &Rates, ending: Ending) -> Result<(), StoreError> {
        let failed = ending == Ending::Failed;
        // The breaker first: others wait for an opening call's end, and shall see both.
        if failed || ticket.worried {
            let next = |sight: &Sight, now| {
                if failed { sight.breaker.failed(ticket.by, now) } else { sight.breaker.answered(ticket.by) }
            };
            self.change(&ticket.key, |sight, now| next(sight, now).map(Kept::Breaker)).await?;
        }
        self.told(&ticket, rates, ending).await
    }

    /// Tells the meter how a call ended.
    async fn told(&self, ticket: &Ticket, rates: &Rates, ending: Ending) -> Result<(), StoreError> {
        if ticket.grant.expected(rates, ending, &ticket.limits) {
            return Ok(());
        }
        let next = |sight: &Sight, now| sight.meter.ended(&ticket.grant, rates, ending, &ticket.limits, now);
        self.change(&ticket.key, |sight, now| next(sight, now).map(|next| Kept::Meter(Box::new(next)))).await
    }

    async fn round(
        &self,
        key: &LimitKey,
        limits: &CallLimits,
        share: Share,
        now: Timestamp,
    ) -> Result<Round, StoreError> {
        let sight = self.read(key, Consistency::Strong).await?;
        let by = self.number();
        let decision = sight.meter.decide(limits, share, by, now);
        match decision {
            Decision::NotBefore(not_before) => return Ok(Round::NotBefore(not_before)),
            Decision::Opening => return Ok(Round::LookAgain),
            Decision::Unlimited | Decision::Count(_) | Decision::Open(_) => {}
        }
        match sight.breaker.passage(by, now) {
            Passage::Free => {}
            Passage::NotBefore(not_before) => return Ok(Round::NotBefore(not_before)),
            Passage::Probe(next) => {
                if !self.keep(key, &sight, &Kept::Breaker(next)).await? {
                    return Ok(Round::Conflict);
                }
            }
        }
        let meter = match decision {
            Decision::Count(count) => match self.count(key, &sight.meter, count).await? {
                Counted::There(meter) => *meter,
                Counted::Changed => return Ok(Round::Conflict),
            },
            Decision::Open(next) => {
                if !self.keep(key, &sight, &Kept::Meter(next.clone())).await? {
                    return Ok(Round::Conflict);
                }
                *next
            }
            _ => sight.meter,
        };
        let ticket = Ticket {
            key: key.clone(),
            limits: *limits,
            by,
            grant: meter.grant(by),
            worried: sight.breaker.is_worried(),
            good_until: later(now, ARRIVAL.saturating_sub(FRESH)),
        };
        if self.table.clock().now() <= later(now, FRESH) {
            return Ok(Round::Done(Permit::Granted(ticket)));
        }
        // It was never made: no worker is to wait for its answer.
        self.told(&ticket, &Rates::default(), Ending::Failed).await?;
        Ok(Round::Conflict)
    }

    /// Changes an item as `decide` says, again and again until no other worker wrote meanwhile. `None` leaves it as it is.
    async fn change(
        &self,
        key: &LimitKey,
        decide: impl Fn(&Sight, Timestamp) -> Option<Kept>,
    ) -> Result<(), StoreError> {
        for attempts_made in 1.. {
            let sight = self.read(key, Consistency::Strong).await?;
            let Some(next) = decide(&sight, self.table.clock().now()) else { return Ok(()) };
            if self.keep(key, &sight, &next).await? {
                return Ok(());
            }
            let Some(wait) = Backoff::CONTENTION.wait(attempts_made, self.table.clock().jitter()) else { break };
            self.table.clock().sleep(wait).await;
        }
        Err(StoreError::exhausted(items::WRITING, "another worker wrote first, again and again"))
    }

    /// A number that no other call has.
    fn number(&self) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 2^53, not negative")]
        let number = (self.table.clock().jitter() * NUMBERS) as u64;
        number
    }
}

/// As many as a float tells apart.
const NUMBERS: f64 = 9_007_199_254_740_992.0;
/// A reader, which makes no call.
const NO_CALLER: u64 = u64::MAX;
