//! From a request to events that are HubSpot's own.

use lambda_http::Request;
use leadgate_aws::error::StoreError;
use leadgate_connectors::crm::hubspot::signature::{Delivery, Rules, SignatureHeaders, Verified, Version};
use leadgate_connectors::crm::hubspot::webhook::{self, BodyError, EventRules, Events};
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_lambda::http::bytes;

use crate::CrmWebhook;
use crate::answer::Refusal;

/// A hundred events are some 30 KB.
const BODY_BYTES_MAX: usize = 1024 * 1024;

impl CrmWebhook {
    /// Bytes first, then meaning: nothing is parsed before it is known to be HubSpot's.
    pub(crate) async fn verify(&self, tenant: &Tenant, request: Request) -> Result<Delivery<Verified>, Refusal> {
        let found = request.body().len();
        if found > BODY_BYTES_MAX {
            return Err(Refusal::TooLarge { found, most: BODY_BYTES_MAX });
        }
        let rules = self.signature_rules(tenant).await?;
        let headers = signature_headers(&request);
        let method = request.method().to_string();
        Ok(Delivery::new(&method, headers, bytes(request)).verify(&rules, self.clock.now())?)
    }

    async fn signature_rules(&self, tenant: &Tenant) -> Result<Rules, StoreError> {
        let mut secrets = Vec::with_capacity(tenant.crm.signing_secrets.len());
        for name in &tenant.crm.signing_secrets {
            secrets.push(Secret::new(self.secrets.get(name).await?));
        }
        let version = |name: &String| match name.as_str() {
            "v1" => Some(Version::V1),
            "v2" => Some(Version::V2),
            "v3" => Some(Version::V3),
            _ => None,
        };
        let versions = tenant.crm.signature_versions.iter().filter_map(version).collect();
        Ok(Rules { versions, ..Rules::new(tenant.crm.public_url.clone(), secrets) })
    }
}

fn signature_headers(request: &Request) -> SignatureHeaders {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    SignatureHeaders {
        signature_v3: header("x-hubspot-signature-v3"),
        request_timestamp: header("x-hubspot-request-timestamp"),
        signature: header("x-hubspot-signature"),
        signature_version: header("x-hubspot-signature-version"),
    }
}

/// What the delivery tells.
pub(crate) fn events(
    tenant: &Tenant,
    key: &FingerprintKey,
    delivery: &Delivery<Verified>,
) -> Result<Events, BodyError> {
    let rules = EventRules {
        tenant: tenant.id.clone(),
        portal_id: tenant.crm.portal_id,
        enrich_on_change: tenant.crm.enrich_on_change.clone(),
        key: key.clone(),
    };
    webhook::events(delivery, &rules)
}
