//! What HubSpot sends: whether it is HubSpot's, and what it tells.

pub mod events;
pub mod signature;
mod workflow;

use jiff::Timestamp;
use leadgate_enrichment::config::{CrmConnection, Tenant};
use leadgate_enrichment::fingerprint::FingerprintKey;

use self::events::{EventRules, events};
use self::signature::Rules;
use super::config::Settings;
use crate::inbound::{BodyError, Delivery, Events, SignatureError, Unverified, Verified};
use crate::secret::Secret;

pub(super) fn verify(
    delivery: Delivery<Unverified>,
    connection: &CrmConnection,
    secrets: Vec<Secret>,
    now: Timestamp,
) -> Result<Delivery<Verified>, SignatureError> {
    let versions = Settings::of(&connection.own).signature_versions;
    signature::verify(delivery, &Rules { versions, ..Rules::new(connection.public_url.clone(), secrets) }, now)
}

pub(super) fn read(delivery: &Delivery<Verified>, tenant: &Tenant, key: &FingerprintKey) -> Result<Events, BodyError> {
    let rules = EventRules {
        tenant: tenant.id.clone(),
        portal_id: Settings::of(&tenant.crm.own).portal_id,
        enrich_on_change: tenant.crm.enrich_on_change.clone(),
        of_companies: tenant.companies.as_ref().map(|companies| companies.crm.enrich_on_change.clone()),
        key: key.clone(),
    };
    events(delivery, &rules)
}
