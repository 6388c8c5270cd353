//! The side door: a provider says that what was asked for earlier has arrived.
//!
//! Most providers don't sign what they deliver, so that whatever is said here is only a hint. The token in the address tells
//! which purchase it is about, and nothing that is delivered is believed: the worker asks the provider itself. Nothing is
//! written here. A hint that is lost costs time and no more, because what doesn't arrive is asked after.

mod answer;

use std::collections::BTreeSet;
use std::sync::Arc;

use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};
use leadgate_aws::credits::{Credits, Standing};
use leadgate_aws::queue::Queue;
use leadgate_aws::records::Records;
use leadgate_aws::secrets::Secrets;
use leadgate_aws::table::Consistency;
use leadgate_connectors::connector::SignedCallbacks;
use leadgate_connectors::inbound::Delivery;
use leadgate_connectors::registry::Inbound;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::{Config, ProviderConnection, SecretRole, Tenant};
use leadgate_enrichment::credits::ledger::Hold;
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::ids::{PurchaseId, RecordKey, TenantId};
use leadgate_enrichment::lead::request::{CallEnded, Collect};
use leadgate_lambda::callbacks::purchase_of;
use leadgate_lambda::fingerprints::Fingerprints;
use leadgate_lambda::http::bytes;
use leadgate_lambda::secrets::read;
use tracing::{info, warn};

use crate::answer::{Answer, Refusal};

/// Ten people with all that is known of their numbers are some 50 KB.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Everything the webhook may touch.
pub struct ProviderWebhook {
    /// The providers that there are.
    pub vendors: Inbound,
    /// Tenants and their secrets' names.
    pub config: Arc<Config>,
    /// Read to see who is awaited.
    pub records: Records,
    /// Read to see whether anything is awaited still.
    pub credits: Credits,
    /// Where hints go.
    pub queue: Queue,
    /// What tokens are made with.
    pub secrets: Arc<Secrets>,
    /// What people are told apart by.
    pub fingerprints: Fingerprints,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl ProviderWebhook {
    /// Answers one delivery, at once: the work is done from the queue.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let size = request.body().len();
        let path = request.uri().path().to_owned();
        let route = Route::read(&path);
        let name = route.as_ref().map_or("-", |route| route.tenant.as_str()).to_owned();
        match self.answer(route, request).await {
            Ok(answer) => {
                info!(tenant = name, bytes = size, answer = answer.word(), "delivery accepted");
                answer.response()
            }
            Err(refusal) => {
                let status = refusal.status().as_u16();
                warn!(tenant = name, bytes = size, status, reason = %refusal, "delivery refused");
                refusal.response()
            }
        }
    }

    async fn answer(&self, route: Option<Route<'_>>, request: Request) -> Result<Answer, Refusal> {
        let Route { provider, tenant, token } = route.ok_or(Refusal::UnknownTenant)?;
        let tenant = self.config.tenant(&tenant).ok_or(Refusal::UnknownTenant)?;
        let provider = tenant.provider_named(provider).ok_or(Refusal::UnknownTenant)?;
        let connector = self.vendors.provider(provider).map_err(|_| Refusal::UnknownTenant)?;
        if request.method() != Method::POST {
            return Err(Refusal::Method(request.method().clone()));
        }
        let now = self.clock.now();
        if let Some(signed) = &connector.signed {
            // It was given its address once and for all, so that there is no token.
            return match token.is_empty() {
                true => self.signed(signed, (tenant, provider), request).await,
                false => Err(Refusal::UnknownTenant),
            };
        }
        if token.is_empty() {
            return Err(Refusal::UnknownTenant);
        }
        let purchase = purchase_of(&self.secrets, (&tenant.id, provider), token, now).await??;
        let found = request.body().len();
        if found > BODY_BYTES_MAX {
            return Err(Refusal::TooLarge { found, most: BODY_BYTES_MAX });
        }
        let people_in = connector.people_in.ok_or(Refusal::UnknownTenant)?;
        let people = people_in(&bytes(request))?;
        let Some(hold) = self.open(tenant, &purchase).await? else { return Ok(Answer::NothingAwaited) };
        let key = self.fingerprints.key_of(&tenant.id).await?;
        let people: Vec<Fingerprint> = people.iter().map(|person| key.of(person)).collect();
        self.awaited(&hold, &people).await?;
        let tenant = tenant.id.clone();
        let hint = Collect { tenant, collect: purchase, not_before: None, queued_at: Some(now) };
        self.queue.send_hints(&[hint]).await?;
        Ok(Answer::Queued)
    }

    /// A provider that signs says that a call has ended. The worker asks what it has come to, and whose it is.
    async fn signed(
        &self,
        signed: &SignedCallbacks,
        (tenant, provider): (&Tenant, &ProviderConnection),
        request: Request,
    ) -> Result<Answer, Refusal> {
        let found = request.body().len();
        if found > BODY_BYTES_MAX {
            return Err(Refusal::TooLarge { found, most: BODY_BYTES_MAX });
        }
        let secrets = read(&self.secrets, &provider.secrets, SecretRole::ProviderCallback).await?;
        let (method, headers) = (request.method().to_string(), request.headers().clone());
        let delivery = Delivery::new(&method, headers, bytes(request));
        let delivery = delivery.verified_by(|delivery| (signed.check)(delivery, &secrets))?;
        let Some(ended) = (signed.run)(&delivery)? else { return Ok(Answer::NothingAwaited) };
        let (tenant, queued_at) = (tenant.id.clone(), Some(self.clock.now()));
        let call = CallEnded { tenant, provider: provider.name(), ended, not_before: None, queued_at };
        self.queue.send_ended(&[call]).await?;
        Ok(Answer::Queued)
    }

    /// The hold, while it waits. A token that has been used up has none.
    async fn open(&self, tenant: &Tenant, purchase: &PurchaseId) -> Result<Option<Hold>, Refusal> {
        let standing = self.credits.standing(&tenant.id, std::slice::from_ref(purchase)).await?.remove(purchase);
        Ok(if let Some(Standing::Open(hold)) = standing { Some(hold) } else { None })
    }

    /// Whether one of `people` is waited for. Until the call itself has ended no person is known by name, and a
    /// delivery may be faster than that.
    async fn awaited(&self, hold: &Hold, people: &[Fingerprint]) -> Result<(), Refusal> {
        let keys: Vec<RecordKey> = hold.lines.iter().map(|line| line.subject.clone()).collect();
        let records = self.records.read(&keys, Consistency::Eventual).await?;
        let awaited = records.values().filter_map(|record| record.awaits(&hold.purchase));
        let awaited: BTreeSet<&Fingerprint> = awaited.map(|awaited| &awaited.person).collect();
        let known = awaited.is_empty() || people.iter().any(|person| awaited.contains(person));
        if known { Ok(()) } else { Err(Refusal::UnknownPeople { found: people.len() }) }
    }
}

/// `/{provider}/{tenant}/{token}`, or without a token where the provider signs.
struct Route<'a> {
    provider: &'a str,
    tenant: TenantId,
    token: &'a str,
}

impl<'a> Route<'a> {
    fn read(path: &'a str) -> Option<Self> {
        let mut parts = path.strip_prefix('/')?.splitn(3, '/');
        let (provider, tenant, token) = (parts.next()?, parts.next()?, parts.next().unwrap_or_default());
        Some(Self { provider, tenant: tenant.parse().ok()?, token })
    }
}
