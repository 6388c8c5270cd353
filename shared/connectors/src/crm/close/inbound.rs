//! What Close sends: whether it is the organization's, and what it tells.

pub mod events;
pub mod signature;

use jiff::Timestamp;
use leadgate_enrichment::config::{CrmConnection, Tenant};
use leadgate_enrichment::fingerprint::FingerprintKey;

use self::events::EventRules;
use super::config::Settings;
use crate::inbound::{BodyError, Delivery, Events, SignatureError, Unverified, Verified};
use crate::secret::Secret;

pub(super) fn verify(
    delivery: Delivery<Unverified>,
    _: &CrmConnection,
    secrets: Vec<Secret>,
    now: Timestamp,
) -> Result<Delivery<Verified>, SignatureError> {
    delivery.verified_by(|delivery| signature::check(delivery, secrets, now))
}

pub(super) fn read(delivery: &Delivery<Verified>, tenant: &Tenant, key: &FingerprintKey) -> Result<Events, BodyError> {
    let settings = Settings::of(&tenant.crm.own);
    let enrich_on_change = tenant.crm.enrich_on_change.clone();
    events::events(delivery, &EventRules { tenant: tenant.id.clone(), settings, enrich_on_change, key: key.clone() })
}
