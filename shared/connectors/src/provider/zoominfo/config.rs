//! What is ZoomInfo's own in a tenant's `provider` table, and its price list.

use leadgate_enrichment::config::{Key, OwnKeys, ProviderVendor, SecretKey, SecretRole, Shape};
use leadgate_enrichment::person::{Identity, ProfileField};
use leadgate_enrichment::provider::limits::CallLimits;

const CLIENT_ID: &str = "client_id";

/// What the configuration has to know of ZoomInfo.
pub static VENDOR: ProviderVendor = ProviderVendor {
    name: "zoominfo",
    base_url: "https://api.zoominfo.com/gtm",
    // Those of the smallest package ("Rate Limits"). The first answer says what they really are.
    limits: CallLimits::new(None, Some(10_800), Some(129_600)),
    keys: &[Key::needed(CLIENT_ID, Shape::Text("0oaf6t3osgvaPvy4E1d7"))],
    secrets: &[SecretKey::needed("api_key", SecretRole::ProviderKey)],
    price_lists: &[("zoominfo-2026", include_str!("prices/zoominfo-2026.toml"))],
    asynchronous: |_, _| None,
    needs_callback: false,
    tells,
    can_be_asked,
    check: |_| Vec::new(),
};

/// Whose secret the key is.
pub(super) fn client_id(own: &OwnKeys) -> &str {
    own.text(CLIENT_ID).unwrap_or_default()
}

/// What it has fields for. Of an address it says nothing.
fn tells(field: ProfileField) -> bool {
    super::contact::output_field(field).is_some()
}

/// It knows employers by name, and not by their domains.
fn can_be_asked(person: &Identity) -> bool {
    person.email.is_some() || person.linkedin_url.is_some() || person.company.is_some()
}
