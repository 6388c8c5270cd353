//! The door: a CRM, or any system with a signature, tells us something. Verify, gate, queue, and only then answer 200.
//!
//! A CRM that isn't told 200 delivers again.

mod answer;
mod delivery;
mod route;

use std::sync::Arc;

use lambda_http::http::header::{CONTENT_TYPE, HeaderValue};
use lambda_http::{Body, Request, Response};
use leadgate_aws::secrets::Secrets;
use leadgate_connectors::inbound::Reply;
use leadgate_connectors::registry::Inbound;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::{Config, Tenant};
use leadgate_gate::{Accepted, Gate};
use leadgate_lambda::door::Refusal;
use leadgate_lambda::fingerprints::Fingerprints;
use tracing::{info, warn};

use crate::answer::{ADDRESSES, accepted};
use crate::route::{Route, Sender};

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
        let route = Route::read(&path);
        let name = route.as_ref().map_or("-", |route| route.tenant.as_str());
        let content_type = content_type(&request);
        let addressed = route.as_ref().and_then(|route| Some((route, self.sender(route)?)));
        let source = addressed.as_ref().map_or("-", |(_, (_, sender))| sender.source());
        let answer = match addressed {
            Some((route, (tenant, sender))) => self.answer(tenant, sender, route.path_secret(), request).await,
            None => Err(Refusal::Address(ADDRESSES)),
        };
        let (response, taken) = match answer {
            Ok(counts) => {
                info!(tenant = name, source, bytes, answer = %counts, "delivery accepted");
                (accepted(&counts), true)
            }
            Err(refusal) => {
                let status = refusal.status().as_u16();
                warn!(tenant = name, source, bytes, status, reason = %refusal, "delivery refused");
                (refusal.response(), false)
            }
        };
        match addressed.and_then(|(_, (_, sender))| sender.reply(&content_type, taken)) {
            Some(reply) => in_its_words(response, reply),
            None => response,
        }
    }

    async fn answer(
        &self,
        tenant: &Tenant,
        sender: Sender<'_>,
        path_secret: Option<Secret>,
        request: Request,
    ) -> Result<Accepted, Refusal> {
        let delivery = self.verify(tenant, sender, path_secret, request).await?;
        let key = self.fingerprints.key_of(&tenant.id).await?;
        self.accept(tenant, sender, &delivery, &key).await
    }
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
