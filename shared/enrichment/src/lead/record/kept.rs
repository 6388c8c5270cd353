//! What stays of a record although something came to nothing: its request, and what was paid for.

use std::time::Duration;

use jiff::Timestamp;

use super::{Record, State};
use crate::clock::later;
use crate::lead::patch::Patch;
use crate::lead::request::EnrichmentRequest;
use crate::outcome::{FailReason, RefuseReason};

impl Record {
    /// The request it was last worked on for, to be queued again.
    pub fn to_request(&self) -> Option<EnrichmentRequest> {
        Some(EnrichmentRequest {
            record: self.key.clone(),
            request: self.request.clone()?,
            source: self.source?,
            occurred_at: self.occurred_at?,
            not_before: None,
            queued_at: None,
            parked_since: self.state.deferral().map(|deferral| deferral.since),
            bulk: false,
            found_for: self.found_for.clone(),
        })
    }

    /// It has waited for longer than it is worth. What it waited for is given up, and nothing else: what was bought before
    /// stays as fresh as it is, and what the CRM hasn't taken yet is kept.
    pub fn waited_too_long(self, freshness: Duration, now: Timestamp) -> Self {
        let is_fresh = !self.is_miss() && self.last_enriched.is_some_and(|at| now < later(at, freshness));
        let (was_owed, waited) = (self.owed.is_some(), self.last_wait());
        let over = Self { owed: None, waited, ..self };
        if over.erased_at.is_none() && !over.patch.is_empty() {
            return over.failed(FailReason::WriteRejected, now);
        }
        if is_fresh || was_owed {
            return Self { state: State::Written, since: now, ..over };
        }
        over.refused(RefuseReason::TooOld, now)
    }

    /// What was on its way has arrived, and the CRM refuses it for this reason: it is kept like what came at once, to be
    /// written when the CRM takes it. A record that is being worked on goes its way, and takes it along.
    pub fn arrived_unwritten(self, arrived: Patch, reason: FailReason, now: Timestamp) -> Self {
        let mut patch = self.patch.clone();
        patch.extend(arrived);
        let record = Self { awaited: None, patch, ..self };
        if record.state.is_open() { record } else { record.failed(reason, now) }
    }
}
