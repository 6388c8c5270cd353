//! What Pipedrive sends: whether it is the company's, and what it tells.

pub mod events;

use jiff::Timestamp;
use leadgate_enrichment::config::{CrmConnection, Tenant};
use leadgate_enrichment::fingerprint::FingerprintKey;

use self::events::EventRules;
use super::config::Settings;
use crate::inbound::{BodyError, Delivery, Events, SignatureError, Unverified, Verified};
use crate::secret::Secret;
use crate::signatures::basic;

/// The webhook is created with a user and a password, which come with each of its deliveries (pipedrive.readme.io, "Guide
/// for Webhooks v2": `http_auth_user`, `http_auth_password`).
pub(super) fn verify(
    delivery: Delivery<Unverified>,
    _: &CrmConnection,
    secrets: Vec<Secret>,
    _: Timestamp,
) -> Result<Delivery<Verified>, SignatureError> {
    delivery.verified_by(|delivery| basic::check(delivery, secrets))
}

pub(super) fn read(delivery: &Delivery<Verified>, tenant: &Tenant, key: &FingerprintKey) -> Result<Events, BodyError> {
    let Settings { company_id, user_id, .. } = Settings::of(&tenant.crm.own);
    let enrich_on_change = tenant.crm.enrich_on_change.clone();
    events::events(
        delivery,
        &EventRules { tenant: tenant.id.clone(), company_id, user_id, enrich_on_change, key: key.clone() },
    )
}
