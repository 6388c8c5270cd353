//! What is Zoho's own in a tenant's `crm` table, and what Zoho can do.

use leadgate_enrichment::config::{CrmVendor, Key, ObjectKind, OwnKeys, SecretKey, SecretRole, Shape, Wrong};
use leadgate_enrichment::person::IdentityProperties;

use super::wire::{CONTACTS, LEADS, RECORDS_MAX};

const CHANNEL: &str = "channel_id";
const CLIENT: &str = "client_id";

/// What the configuration has to know of Zoho.
pub static VENDOR: CrmVendor = CrmVendor {
    name: "zoho",
    // Where tokens come from. Where the API is, Zoho says along with a token.
    base_url: "https://accounts.zoho.com",
    owner_property: "Owner",
    identity: || IdentityProperties::named(["Email", "First_Name", "Last_Name", "Company", "Website", ""]),
    // Any number of leads may have the same address.
    has_unique_email: false,
    records_per_call: RECORDS_MAX,
    property_name_max: 100,
    related: &[],
    keys: &[
        Key::needed(CHANNEL, Shape::Whole(1, i64::MAX)),
        Key::needed(CLIENT, Shape::Text("1000.GMB0YULZHJK411248S8I5GZ4CHUEX0")),
    ],
    secrets: &[
        SecretKey::needed("channel_tokens", SecretRole::CrmSigning),
        SecretKey::needed("credential", SecretRole::CrmToken),
    ],
    account_key: Some(CHANNEL),
    check: |_: &OwnKeys| Vec::<Wrong>::new(),
    objects: &[ObjectKind::numbered_and_created(LEADS), ObjectKind::numbered(CONTACTS)],
    company: None,
    record_of: |id| (LEADS, id.to_owned()),
};

/// What is Zoho's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The channel that the tenant's notifications come from: those of another one are refused.
    pub channel_id: u64,
    /// The client whose refresh token Leadgate has.
    pub client_id: String,
}

impl Settings {
    /// From a configuration that was checked.
    pub fn of(own: &OwnKeys) -> Self {
        Self {
            channel_id: own.whole(CHANNEL).unwrap_or_default(),
            client_id: own.text(CLIENT).unwrap_or_default().to_owned(),
        }
    }
}
