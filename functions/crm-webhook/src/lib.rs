//! The door: a CRM tells us something. Verify, gate, queue, and only then answer 200.
//!
//! Nothing is written here on the way of a lead: either the message is on the queue, or the CRM was not told 200 and
//! delivers again. There is no step in between at which a crash could lose one.

mod answer;
mod delivery;
mod gate;

use std::sync::Arc;

use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};
use leadgate_aws::queue::Queue;
use leadgate_aws::records::Records;
use leadgate_aws::secrets::Secrets;
use leadgate_connectors::registry::Inbound;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::{Config, Tenant};
use leadgate_enrichment::ids::TenantId;
use leadgate_lambda::fingerprints::Fingerprints;
use tracing::{info, warn};

use crate::answer::{Answer, Refusal};

/// Everything the webhook may touch.
pub struct CrmWebhook {
    /// The CRMs that there are.
    pub vendors: Inbound,
    /// Tenants and their secrets' names.
    pub config: Arc<Config>,
    /// Read for the gate; written only to note an erasure or a deletion.
    pub records: Records,
    /// Where what is due goes.
    pub queue: Queue,
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
        let route = parts(&path);
        let name = route.as_ref().map_or("-", |(_, tenant)| tenant.as_str()).to_owned();
        match self.answer(route, request).await {
            Ok(answer) => {
                info!(tenant = name, bytes, answer = %answer, "delivery accepted");
                answer.response()
            }
            Err(refusal) => {
                warn!(tenant = name, bytes, status = refusal.status().as_u16(), reason = %refusal, "delivery refused");
                refusal.response()
            }
        }
    }

    async fn answer(&self, route: Option<(&str, TenantId)>, request: Request) -> Result<Answer, Refusal> {
        let tenant = self.tenant(route, &request)?;
        let connector = self.vendors.crm(tenant).map_err(|_| Refusal::UnknownTenant)?;
        let delivery = self.verify(tenant, connector, request).await?;
        let key = self.fingerprints.key_of(&tenant.id).await?;
        let events = (connector.events)(&delivery, tenant, &key)?;
        Ok(self.accept(tenant, &key, events).await?)
    }

    /// An unknown path, an unknown tenant and another CRM than the tenant's look the same from outside.
    fn tenant(&self, route: Option<(&str, TenantId)>, request: &Request) -> Result<&Tenant, Refusal> {
        let (crm, tenant) = route.ok_or(Refusal::UnknownTenant)?;
        let tenant = self.config.tenant(&tenant).filter(|tenant| tenant.crm.vendor.name == crm);
        let tenant = tenant.ok_or(Refusal::UnknownTenant)?;
        if request.method() == Method::POST { Ok(tenant) } else { Err(Refusal::Method(request.method().clone())) }
    }
}

/// `/{crm}/{tenant}`
fn parts(path: &str) -> Option<(&str, TenantId)> {
    let (crm, tenant) = path.strip_prefix('/')?.split_once('/')?;
    Some((crm, tenant.parse().ok()?))
}
