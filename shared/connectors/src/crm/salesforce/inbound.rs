//! What Salesforce sends: whether it is the org's, and what it tells.
//!
//! It comes by three roads. **Outbound Messages** aren't signed: their address ends in a secret, and they name the org they
//! come from. **Apex callouts** are made by our own class in the org (`infra/salesforce/`), which signs them by Standard
//! Webhooks. A secret belongs to one of these: those that begin with `whsec_` sign, the others end addresses. **Change events**
//! come from an event bus of the operator's own.

pub mod callout;
pub mod change_event;
pub mod outbound_message;
mod xml;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use leadgate_enrichment::config::{CrmConnection, Tenant};
use leadgate_enrichment::fingerprint::FingerprintKey;
use leadgate_enrichment::ids::{ObjectType, Origin, RecordKey, TenantId};
use sha2::Sha256;

use super::config::{Settings, VENDOR};
use super::record_id;
use super::wire::{CONTACT, LEAD};
use crate::inbound::{
    BodyError, BusEvents, Delivery, Events, Reply, SignatureError, Unverified, Verified, any_matches,
};
use crate::secret::Secret;
use crate::signatures::standard_webhooks::{self, SECRET_PREFIX};

/// The fewest characters that can't be guessed. Shorter secrets, as a blank placeholder is, end no address.
pub const PATH_SECRET_CHARS_MIN: usize = 20;

/// An answer with this `Ack`.
macro_rules! ack {
    ($ack:literal) => {
        concat!(
            r#"<?xml version="1.0" encoding="UTF-8"?>"#,
            r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>"#,
            r#"<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>"#,
            $ack,
            r#"</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>"#
        )
    };
}

/// What an Outbound Message is answered with: one word for all of its notifications. Anything else counts as a failure,
/// and the message comes again (developer.salesforce.com, "Understanding Outbound Messaging").
const ACK: Reply = Reply { content_type: XML, body: ack!("true") };
const NO_ACK: Reply = Reply { content_type: XML, body: ack!("false") };
const XML: &str = "text/xml; charset=utf-8";

pub(super) fn verify(
    delivery: Delivery<Unverified>,
    _: &CrmConnection,
    secrets: Vec<Secret>,
    now: Timestamp,
) -> Result<Delivery<Verified>, SignatureError> {
    let (signing, ending): (Vec<Secret>, Vec<Secret>) =
        secrets.into_iter().partition(|secret| secret.expose().starts_with(SECRET_PREFIX));
    delivery.verified_by(|delivery| match delivery.path_secret() {
        Some(given) => check_path(given, ending),
        None => standard_webhooks::check(delivery, &signing, now),
    })
}

/// What is compared is a digest: neither how long a secret is nor how far a guess is right shows in the time it takes.
fn check_path(given: &Secret, mut secrets: Vec<Secret>) -> Result<(), SignatureError> {
    secrets.retain(|secret| secret.expose().len() >= PATH_SECRET_CHARS_MIN);
    any_matches(&secrets, &digest(given), digest)
}

fn digest(secret: &Secret) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(b"the end of an address").expect("HMAC takes keys of any length");
    mac.chain_update(secret.expose()).finalize().into_bytes().into()
}

pub(super) fn read(delivery: &Delivery<Verified>, tenant: &Tenant, _: &FingerprintKey) -> Result<Events, BodyError> {
    let rules = EventRules::of(tenant);
    match delivery.has_path_secret() {
        true => outbound_message::events(delivery, &rules),
        false => callout::events(delivery, &rules),
    }
}

/// What an event bus has of the tenant's org.
pub(super) fn from_bus(event: &[u8], tenant: &Tenant) -> Result<BusEvents, BodyError> {
    change_event::events(event, &EventRules::of(tenant))
}

/// XML is answered in XML.
pub(super) fn reply(content_type: &str, taken: bool) -> Option<Reply> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let is_xml = ["text/xml", "application/xml", "application/soap+xml"].iter().any(|it| kind.eq_ignore_ascii_case(it));
    is_xml.then_some(if taken { ACK } else { NO_ACK })
}

/// What events are read by.
#[derive(Debug, Clone)]
pub struct EventRules {
    /// Whose they are.
    pub tenant: TenantId,
    /// The org that they have to come from, in the long form.
    pub organization_id: String,
    /// The user that we write as.
    pub integration_user_id: Option<String>,
    /// What their change events come from, on an event bus.
    pub event_source: Option<String>,
    /// The fields of which a change makes a record due, where what is told names fields.
    pub enrich_on_change: Vec<String>,
}

impl EventRules {
    /// A tenant's.
    pub fn of(tenant: &Tenant) -> Self {
        let Settings { organization_id, integration_user_id, event_source, .. } = Settings::of(&tenant.crm.own);
        let enrich_on_change = tenant.crm.enrich_on_change.clone();
        Self { tenant: tenant.id.clone(), organization_id, integration_user_id, event_source, enrich_on_change }
    }

    /// Anything else than the tenant's org is refused. What isn't an id is not repeated.
    fn check_organization(&self, found: Option<&str>) -> Result<(), BodyError> {
        let found = found.and_then(record_id::canonical);
        match found {
            Some(found) if found == self.organization_id => Ok(()),
            found => Err(BodyError::Account {
                found: found.unwrap_or_else(|| "none that is an id".to_owned()),
                expected: self.organization_id.clone(),
            }),
        }
    }

    /// Whether the change was our own.
    fn is_ours(&self, changed_by: Option<&str>) -> bool {
        let changed_by = changed_by.and_then(record_id::canonical);
        changed_by.is_some() && changed_by == self.integration_user_id
    }

    fn key(&self, object: ObjectType, id: String) -> RecordKey {
        RecordKey { tenant: self.tenant.clone(), origin: Origin::known(VENDOR.name), object, id }
    }
}

/// Of the kinds of record there are, those that are about people.
fn person(object: &str) -> Option<ObjectType> {
    [LEAD, CONTACT].into_iter().find(|known| known.as_str() == object)
}
