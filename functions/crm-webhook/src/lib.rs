//! The door: a CRM tells us something. Verify, gate, queue, and only then answer 200.
//!
//! A CRM that isn't told 200 delivers again.

mod answer;
mod delivery;

use std::sync::Arc;

use lambda_http::http::Method;
use lambda_http::http::header::{CONTENT_TYPE, HeaderValue};
use lambda_http::{Body, Request, Response};
use leadgate_aws::secrets::Secrets;
use leadgate_connectors::connector::CrmInbound;
use leadgate_connectors::inbound::Reply;
use leadgate_connectors::registry::Inbound;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::{Config, Tenant};
use leadgate_enrichment::ids::TenantId;
use leadgate_gate::{Accepted, Gate};
use leadgate_lambda::fingerprints::Fingerprints;
use tracing::{info, warn};

use crate::answer::{Refusal, accepted};

/// Everything the webhook may touch.
pub struct CrmWebhook {
    /// The CRMs that there are.
    pub vendors: Inbound,
    /// Tenants and their secrets' names.
    pub config: Arc<Config>,
    /// What is due, and the way to the queue.
    pub gate: Gate,
    /// Signing secrets.
    pub secrets: Arc<Secrets>,
    /// What values are told apart by.
    pub fingerprints: Fingerprints,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl CrmWebhook {
    /// Answers one request. A CRM delivers again after anything but a 2xx, so whatever is not our own trouble is
    /// named in the log, without the body.
    pub async fn handle(&self, request: Request) -> Response<Body> {
        let bytes = request.body().len();
        let path = request.uri().path().to_owned();
        let route = route(&path);
        let name = route.as_ref().map_or("-", |route| route.tenant.as_str()).to_owned();
        let content_type = content_type(&request);
        let (connector, answer) = match self.connector(route, &request) {
            Ok((tenant, connector, secret)) => (Some(connector), self.answer(tenant, connector, secret, request).await),
            Err(refusal) => (None, Err(refusal)),
        };
        let (response, taken) = match answer {
            Ok(counts) => {
                info!(tenant = name, bytes, answer = %counts, "delivery accepted");
                (accepted(&counts), true)
            }
            Err(refusal) => {
                warn!(tenant = name, bytes, status = refusal.status().as_u16(), reason = %refusal, "delivery refused");
                (refusal.response(), false)
            }
        };
        match connector.and_then(|connector| (connector.reply)(&content_type, taken)) {
            Some(reply) => in_its_words(response, reply),
            None => response,
        }
    }

    /// Whose delivery it is, and which CRM's, with what its address ends in. An unknown path, an unknown tenant and
    /// another CRM than the tenant's look the same from outside.
    fn connector(&self, route: Option<Route<'_>>, request: &Request) -> Result<Addressed<'_>, Refusal> {
        let Route { crm, tenant, secret } = route.ok_or(Refusal::UnknownTenant)?;
        let tenant = self.config.tenant(&tenant).filter(|tenant| tenant.crm.vendor.name == crm);
        let tenant = tenant.ok_or(Refusal::UnknownTenant)?;
        let connector = self.vendors.crm(tenant).map_err(|_| Refusal::UnknownTenant)?;
        if secret.is_some() && !connector.takes_path_secret {
            return Err(Refusal::UnknownTenant);
        }
        match request.method() {
            &Method::POST => Ok((tenant, connector, secret)),
            other => Err(Refusal::Method(other.clone())),
        }
    }

    async fn answer(
        &self,
        tenant: &Tenant,
        connector: &CrmInbound,
        secret: Option<Secret>,
        request: Request,
    ) -> Result<Accepted, Refusal> {
        let delivery = self.verify(tenant, connector, secret, request).await?;
        let key = self.fingerprints.key_of(&tenant.id).await?;
        let events = (connector.events)(&delivery, tenant, &key)?;
        Ok(self.gate.accept(tenant, &key, events).await?)
    }
}

/// Whose delivery it is, which CRM's, and what its address ends in.
type Addressed<'a> = (&'a Tenant, &'static CrmInbound, Option<Secret>);

/// `/{crm}/{tenant}`, or `/{crm}/{tenant}/{secret}`.
struct Route<'p> {
    crm: &'p str,
    tenant: TenantId,
    secret: Option<Secret>,
}

fn route(path: &str) -> Option<Route<'_>> {
    let (crm, rest) = path.strip_prefix('/')?.split_once('/')?;
    let (tenant, secret) = rest.split_once('/').map_or((rest, None), |(tenant, secret)| (tenant, Some(secret)));
    let secret = secret.map(|secret| Secret::new(secret.to_owned()));
    Some(Route { crm, tenant: tenant.parse().ok()?, secret })
}

fn content_type(request: &Request) -> String {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// The same status, in the words that the CRM waits for.
fn in_its_words(response: Response<Body>, reply: Reply) -> Response<Body> {
    let mut response = response.map(|_| Body::from(reply.body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    response
}
