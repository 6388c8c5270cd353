//! What Zoho sends: whether it is the tenant's, and what it tells.

pub mod events;

use jiff::Timestamp;
use leadgate_enrichment::config::{CrmConnection, Pointer, Tenant};
use leadgate_enrichment::fingerprint::FingerprintKey;

use self::events::EventRules;
use super::config::Settings;
use crate::inbound::{BodyError, Delivery, Events, SignatureError, Unverified, Verified};
use crate::secret::Secret;
use crate::signatures::token;

/// Where the token is that the channel was created with ("Enable notifications": `token`, 50 characters at most).
const TOKEN: &str = "/token";

pub(super) fn verify(
    delivery: Delivery<Unverified>,
    _: &CrmConnection,
    secrets: Vec<Secret>,
    _: Timestamp,
) -> Result<Delivery<Verified>, SignatureError> {
    let at: Pointer = TOKEN.parse().map_err(|_| SignatureError::Mismatch)?;
    delivery.verified_by(|delivery| token::check_body(delivery, &at, secrets))
}

pub(super) fn read(delivery: &Delivery<Verified>, tenant: &Tenant, key: &FingerprintKey) -> Result<Events, BodyError> {
    let Settings { channel_id, .. } = Settings::of(&tenant.crm.own);
    let enrich_on_change = tenant.crm.enrich_on_change.clone();
    events::events(delivery, &EventRules { tenant: tenant.id.clone(), channel_id, enrich_on_change, key: key.clone() })
}
