//! The door for signals: a change of jobs, a round of funding, a reply. Verify, match to a rule, queue, and only then
//! answer 200. Whoever isn't told 200 delivers again.
//!
//! A signal that stops enrolments, such as a reply, is noted here and now: on the queue it would stand behind those that it
//! is to stop.

mod sorted;

use std::sync::Arc;

use futures_util::future::try_join_all;
use lambda_http::http::StatusCode;
use lambda_http::{Body, Request, Response};
use leadgate_aws::enrolments::Enrolments;
use leadgate_aws::error::StoreError;
use leadgate_aws::queue::Queue;
use leadgate_aws::secrets::Secrets;
use leadgate_connectors::hooks;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::{Config, SignalSource, Signals, Tenant};
use leadgate_enrichment::ids::TenantId;
use leadgate_lambda::door::{self, Refusal};
use leadgate_lambda::fingerprints::Fingerprints;
use leadgate_lambda::http::json;
use tracing::{info, warn};

pub use crate::sorted::Accepted;
use crate::sorted::Sorted;

/// Everything the door may touch.
pub struct SignalWebhook {
    /// Tenants, their sources and rules.
    pub config: Arc<Config>,
    /// Where it is noted who is not to be enrolled.
    pub enrolments: Enrolments,
    /// Where requests to enrol go.
    pub queue: Queue,
    /// What sources sign with.
    pub secrets: Arc<Secrets>,
    /// What people are told apart by, and sealed with.
    pub fingerprints: Fingerprints,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// What is served.
const ADDRESSES: &str = "POST /signals/TENANT/SOURCE, with one of the sources of the tenant's signals; where that is configured, with /RECORD after it";
/// So many stops are noted side by side.
const AT_ONCE: usize = 25;
/// Of the signals of one delivery that can't be read, so many are described in the log.
const UNREADABLE_LOGGED_MAX: usize = 5;

impl SignalWebhook {
    /// Answers one request.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let (bytes, path) = (request.body().len(), request.uri().path().to_owned());
        let addressed = self.source(&path);
        let (tenant, source) = match &addressed {
            Some((tenant, _, source, _)) => (tenant.id.as_str(), source.hook.name.as_str()),
            None => ("-", "-"),
        };
        let answer = match addressed {
            Some((tenant, signals, source, record)) => self.accept(tenant, signals, (source, record), request).await,
            None => Err(Refusal::Address(ADDRESSES)),
        };
        match answer {
            Ok(accepted) => {
                info!(tenant, source, bytes, answer = %accepted, "signals accepted");
                json(StatusCode::OK, &accepted.json())
            }
            Err(refusal) => {
                let status = refusal.status().as_u16();
                warn!(tenant, source, bytes, status, reason = %refusal, "delivery refused");
                refusal.response()
            }
        }
    }

    /// Who sends to this address, and about which record, if it says so; nothing, for one that isn't served.
    fn source<'p>(&self, path: &'p str) -> Option<(&Tenant, &Signals, &SignalSource, Option<&'p str>)> {
        let (tenant, source) = path.strip_prefix("/signals/")?.split_once('/')?;
        let (source, record) = source.split_once('/').map_or((source, None), |(source, it)| (source, Some(it)));
        let tenant = self.config.tenant(&tenant.parse::<TenantId>().ok()?)?;
        let signals = tenant.signals.as_ref()?;
        let source = signals.sources.get(source)?;
        (record.is_none() || source.hook.is_about_its_address()).then_some((tenant, signals, source, record))
    }

    /// Bytes first, then meaning: nothing is parsed before it is known to be the source's.
    async fn accept(
        &self,
        tenant: &Tenant,
        signals: &Signals,
        (source, record): (&SignalSource, Option<&str>),
        request: Request,
    ) -> Result<Accepted, Refusal> {
        let now = self.clock.now();
        let delivery = door::delivery(request, now)?;
        let delivery = door::from_source(delivery, &source.hook, &self.secrets, now).await?;
        let key = self.fingerprints.key_of(&tenant.id).await?;
        let told = hooks::signals(&delivery, tenant, source, record)?;
        for error in told.unreadable.iter().take(UNREADABLE_LOGGED_MAX) {
            warn!(tenant = %tenant.id, source = source.hook.name, %error, "a signal can't be read, and is left out");
        }
        let sorted = Sorted::of(told, tenant, signals, source, &key);
        let sorted = sorted.ok_or_else(|| StoreError::unreadable("sealing a message", "it can't be sealed"))?;
        // The stops first: what is queued with them must not overtake them.
        for stops in sorted.stops.chunks(AT_ONCE) {
            let stop = |(name, until): &(String, _)| self.stop(&tenant.id, name.clone(), *until);
            try_join_all(stops.iter().map(stop)).await?;
        }
        self.queue.send_messages(&sorted.requests, None).await?;
        Ok(sorted.accepted)
    }

    async fn stop(&self, tenant: &TenantId, name: String, until: jiff::Timestamp) -> Result<(), StoreError> {
        self.enrolments.stop(tenant, &name, until).await
    }
}
