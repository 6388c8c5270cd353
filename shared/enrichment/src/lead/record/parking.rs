//! A record on its way into parking, while it waits, and out again.

use jiff::Timestamp;

use super::{Deferral, Record, State, Waited};
use crate::lead::request::EnrichmentRequest;

impl Record {
    /// Parked for `request`. One that was bought in part stays a part of that purchase, unless it says what it bought of whom.
    pub fn deferred(self, request: &EnrichmentRequest, deferral: Deferral) -> Self {
        let claim = self.claim.filter(|_| self.owed.is_some() && self.progress.is_none());
        Self {
            since: deferral.since,
            state: State::Deferred { deferral },
            request: Some(request.request.clone()),
            source: Some(request.source),
            occurred_at: Some(request.occurred_at),
            found_for: request.found_for.clone().or(self.found_for),
            claim,
            ..self
        }
    }

    /// Given back before the provider was called, with its message on the queue. It names no purchase any more, which is
    /// proof that none was called for it.
    pub fn unclaimed(self, now: Timestamp) -> Self {
        Self { state: State::Released, since: now, claim: None, ..self }
    }

    /// Parked as before, for `request` as well.
    pub fn renewed(self, request: &EnrichmentRequest) -> Self {
        let EnrichmentRequest { request, source, occurred_at, .. } = self.joined(request);
        Self { request: Some(request), source: Some(source), occurred_at: Some(occurred_at), ..self }
    }

    /// Parked as before, and to be tried at once: what it waits for was changed.
    pub fn to_be_tried(self, now: Timestamp) -> Self {
        let state = match self.state {
            State::Deferred { deferral } => State::Deferred { deferral: Deferral { not_before: now, ..deferral } },
            other => other,
        };
        Self { state, ..self }
    }

    /// `request`, together with the one that this record is being worked on for, while that has not ended: a late
    /// redelivery must not make it older, nor an edit put a new lead further back in the line.
    pub fn joined(&self, request: &EnrichmentRequest) -> EnrichmentRequest {
        let is_open = matches!(self.state, State::Claimed | State::Deferred { .. } | State::Released);
        match self.to_request().filter(|_| is_open) {
            Some(own) => own.joined(request),
            None => request.clone(),
        }
    }

    /// Out of parking: a message is on the queue.
    pub fn released(self, now: Timestamp) -> Self {
        Self { waited: self.last_wait(), state: State::Released, since: now, ..self }
    }

    pub(super) fn last_wait(&self) -> Option<Waited> {
        let waited =
            |deferral: &Deferral| Waited { reason: deferral.reason, since: deferral.since, until: deferral.until };
        self.state.deferral().map(waited).or_else(|| self.waited.clone())
    }
}
