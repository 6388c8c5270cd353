//! Keeping to the provider's rate limits: a permit before each call.

use std::time::Duration;

use jiff::Timestamp;
use leadgate_aws::limits::{Limits, Permit, Ticket};
use leadgate_enrichment::clock::{Clock, until};
use leadgate_enrichment::config::ProviderConnection;
use leadgate_enrichment::ids::TenantId;
use leadgate_enrichment::lead::request::Source;
use leadgate_enrichment::provider::limits::{CallLimits, Ending, LimitKey, Rates, Share};
use leadgate_enrichment::provider::{CallKind, Provider, Reply};
use leadgate_enrichment::retry::Retry;
use tracing::warn;

/// How long a permit is waited for in the function. A run is paid for while it waits, and others could use it.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Why there is no permit.
pub const NO_ROOM: &str = "the provider's limits leave no room";

/// The rate limits of one of a tenant's providers, which all workers share.
#[derive(Clone, Copy)]
pub struct Permits<'a> {
    /// Where they are counted.
    pub limits: &'a Limits,
    /// Whose provider it is.
    pub tenant: &'a TenantId,
    /// Which, with the limits that are configured for it.
    pub connection: &'a ProviderConnection,
    /// Time.
    pub clock: &'a dyn Clock,
}

impl Permits<'_> {
    /// Until when there is surely no room for such a call, if that is longer than a permit is waited for. It costs a read,
    /// and counts nothing.
    pub async fn full_until(&self, provider: &dyn Provider, call: CallKind, share: Share) -> Option<Timestamp> {
        let peeked = self.limits.peek(&self.key(provider, call), self.configured(call), share).await;
        let not_before = peeked.unwrap_or_else(|error| {
            warn!(tenant = %self.tenant, %error, "the provider's limits can't be read: the call will tell");
            None
        });
        not_before.filter(|at| until(self.clock.now(), *at) > PATIENCE)
    }

    /// The right to make one such call, or when to try again, and why.
    pub async fn permit(
        &self,
        provider: &dyn Provider,
        call: CallKind,
        share: Share,
    ) -> Result<Ticket, (Retry, String)> {
        self.permit_of(&self.key(provider, call), self.configured(call), share).await
    }

    /// The same at an endpoint that is no look-up's.
    pub async fn permit_at(&self, endpoint: &'static str, share: Share) -> Result<Ticket, (Retry, String)> {
        self.permit_of(&self.at(endpoint), &self.connection.limits, share).await
    }

    async fn permit_of(&self, key: &LimitKey, limits: &CallLimits, share: Share) -> Result<Ticket, (Retry, String)> {
        match self.limits.permit(key, limits, share, PATIENCE).await {
            Ok(Permit::Granted(ticket)) => Ok(ticket),
            Ok(Permit::NotBefore(at)) => Err((Retry::After(until(self.clock.now(), at)), NO_ROOM.to_owned())),
            Err(error) => Err((error.retry, error.to_string())),
        }
    }

    /// Notes how a permitted call ended, and what the provider said of its limits. If that is lost, the next answer says
    /// it again.
    pub async fn ended(&self, ticket: Ticket, rates: &Rates, ending: Ending) {
        if let Err(error) = self.limits.ended(ticket, rates, ending).await {
            warn!(tenant = %self.tenant, %error, "what the provider said of its limits could not be kept");
        }
    }

    fn key(&self, provider: &dyn Provider, call: CallKind) -> LimitKey {
        self.at(provider.endpoint(call))
    }

    fn at(&self, endpoint: &'static str) -> LimitKey {
        LimitKey { tenant: self.tenant.clone(), provider: self.connection.name(), endpoint }
    }

    fn configured(&self, call: CallKind) -> &CallLimits {
        let own = self.connection.verification_limits.as_ref().filter(|_| call == CallKind::Verification);
        own.unwrap_or(&self.connection.limits)
    }
}

/// What a call may use that is made for requests from these sources: one for a waiting lead speaks for all.
pub fn share(sources: impl Iterator<Item = Source>) -> Share {
    sources.min().unwrap_or(Source::Change).share()
}

/// What the end of a call means for the limits and the breaker. A refusal is an answer like any other.
pub fn ending(reply: &Reply) -> Ending {
    match reply {
        Reply::Throttled { retry_after } => Ending::Throttled { retry_after: *retry_after },
        Reply::Transient(_) | Reply::Unknown(_) => Ending::Failed,
        _ => Ending::Answered,
    }
}
