//! Keeping to the provider's limits: a permit before each call, and no claim on records that there is surely no call for.

use std::time::Duration;

use leadgate_aws::limits::{Permit, Ticket};
use leadgate_aws::queue::DELAY_MAX;
use leadgate_enrichment::clock::until;
use leadgate_enrichment::limits::{Ending, LimitKey, Rates, Share};
use leadgate_enrichment::outcome::{DeferReason, Outcome};
use leadgate_enrichment::provider::{CallKind, Provider};
use leadgate_enrichment::request::Source;
use leadgate_enrichment::retry::Retry;
use tracing::warn;

use crate::defer::Waiting;
use crate::look::Due;
use crate::unit::Unit;

/// How long a permit is waited for in the function. A run is paid for while it waits, and others could use it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Messages that wait for the same window come back within this long of each other: all at once, they would only be in
/// each other's way. A unit's own stay together, so that a call is for as many people as it can be.
const SPREAD: Duration = Duration::from_secs(1);
/// The same for bulk, which begins when the others have come back: a lead that came alone gets the first calls of a window.
const BULK_SPREAD: Duration = Duration::from_secs(2);
const REASON: &str = "the provider's limits leave no room";

impl Unit<'_> {
    /// Leaves those that there is no call for now: they come back when there is, and are parked when that is later than
    /// the queue can wait. Nothing has been claimed yet, so that they cost nothing.
    pub(crate) async fn in_the_providers_time(&mut self, due: Vec<Due>) -> Vec<Due> {
        if due.is_empty() {
            return due;
        }
        let Ok(provider) = self.worker.connections.provider(self.tenant).await else { return due };
        let share = share(due.iter().map(|due| due.request.source));
        let waterfall = !self.tenant.provider.waterfall.is_empty();
        let most = provider.people_max(&self.tenant.fields_of_people(), waterfall);
        let call = CallKind::People(due.len().min(most));
        let peeked = self.worker.limits.peek(&self.key(provider.endpoint(call)), self.limits(), share).await;
        let not_before = match peeked {
            Ok(not_before) => not_before,
            Err(error) => {
                warn!(tenant = %self.tenant.id, %error, "the provider's limits can't be read: the call will tell");
                None
            }
        };
        let now = self.now();
        let Some(not_before) = not_before.filter(|at| until(now, *at) > PATIENCE) else { return due };
        let wait = until(now, not_before);
        if wait > DELAY_MAX {
            let park = |Due { record, request }| Waiting {
                record,
                request,
                reason: DeferReason::ProviderLimit,
                worst: self.worst_of(false),
                not_before,
            };
            let waiting = due.into_iter().map(park).collect();
            self.park(waiting).await;
            return Vec::new();
        }
        let jitter = self.worker.clock.jitter();
        let bulk = due.iter().all(|due| due.request.bulk);
        let after = wait + if bulk { SPREAD + BULK_SPREAD.mul_f64(jitter) } else { SPREAD.mul_f64(jitter) };
        for due in due {
            self.end(&due.record.key, Outcome::Postponed { reason: REASON, after });
        }
        Vec::new()
    }

    /// The right to make one call of this kind, or when to try again.
    pub(crate) async fn permit(
        &self,
        provider: &dyn Provider,
        call: CallKind,
        share: Share,
    ) -> Result<Ticket, (Retry, String)> {
        let key = self.key(provider.endpoint(call));
        match self.worker.limits.permit(&key, self.limits(), share, PATIENCE).await {
            Ok(Permit::Granted(ticket)) => Ok(ticket),
            Ok(Permit::NotBefore(at)) => Err((Retry::After(until(self.now(), at)), REASON.to_owned())),
            Err(error) => Err((error.retry, error.to_string())),
        }
    }

    /// Says how a permitted call ended, and what the provider said of its limits. If that is lost, the next answer says
    /// it again.
    pub(crate) async fn call_ended(&self, ticket: Ticket, rates: &Rates, ending: Ending) {
        if let Err(error) = self.worker.limits.ended(ticket, rates, ending).await {
            warn!(tenant = %self.tenant.id, %error, "what the provider said of its limits could not be kept");
        }
    }

    fn key(&self, endpoint: &'static str) -> LimitKey {
        LimitKey { tenant: self.tenant.id.clone(), provider: self.tenant.provider.kind, endpoint }
    }

    fn limits(&self) -> &leadgate_enrichment::limits::CallLimits {
        &self.tenant.provider.limits
    }
}

/// What a call may use that is made for wishes from these sources: one that somebody waits for speaks for all.
pub(crate) fn share(sources: impl Iterator<Item = Source>) -> Share {
    Share::of(sources.min().unwrap_or(Source::Change))
}
