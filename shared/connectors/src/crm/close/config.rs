//! What is Close's own in a tenant's `crm` table, and what Close can do.

use leadgate_enrichment::config::{CrmVendor, Key, ObjectKind, OwnKeys, SecretKey, SecretRole, Shape, Wrong};
use leadgate_enrichment::person::IdentityProperties;

use super::wire::{CONTACT, RECORDS_MAX, is_id};

const ORGANIZATION: &str = "organization_id";
const USER: &str = "user_id";

/// What the configuration has to know of Close.
pub static VENDOR: CrmVendor = CrmVendor {
    name: "close",
    base_url: "https://api.close.com/api/v1",
    owner_property: "created_by",
    // The employer's name and web site are the lead's. The others are parts of the name, and one of the URLs.
    identity: || IdentityProperties::named(["email", "first_name", "last_name", "company", "website", "linkedin"]),
    // Any number of contacts may have the same address.
    has_unique_email: false,
    records_per_call: RECORDS_MAX,
    // `custom.cf_` and 43 characters.
    property_name_max: 100,
    related: &[],
    keys: &[
        Key::needed(ORGANIZATION, Shape::Text("orga_bwwWG475zqWiQGur0thQshwVXo8rIYecQHDWFanqhen")),
        Key::optional(USER, Shape::Text("user_scOgjLAQD6aBSJYBVhIeNr6FJDp8iDTug8Mv6VqYoFn")),
    ],
    secrets: &[
        SecretKey::needed("signature_keys", SecretRole::CrmSigning),
        SecretKey::needed("api_key", SecretRole::CrmToken),
    ],
    account_key: Some(ORGANIZATION),
    check,
    objects: &[ObjectKind { object: CONTACT, is_created: true, id: |id| is_id("cont", id).then(|| id.to_owned()) }],
    company: None,
    record_of: |id| (CONTACT, id.to_owned()),
};

/// What is Close's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The tenant's organization: deliveries of another one are refused.
    pub organization_id: String,
    /// The user whose API key Leadgate has: what this one changes through the API is no event.
    pub user_id: Option<String>,
}

impl Settings {
    /// From a configuration that was checked.
    pub fn of(own: &OwnKeys) -> Self {
        let text = |key| own.text(key).map(str::to_owned);
        Self { organization_id: text(ORGANIZATION).unwrap_or_default(), user_id: text(USER) }
    }
}

fn check(own: &OwnKeys) -> Vec<Wrong> {
    let wrong = |(key, kind): (&'static str, &'static str)| {
        let found = own.text(key).filter(|id| !is_id(kind, id))?;
        let expected = "an id as Close shows it: `orga_` or `user_` and letters and digits";
        Some(Wrong { key, found: format!("{found:?}"), expected, remedy: "Copy it from `GET /me/`." })
    };
    [(ORGANIZATION, "orga"), (USER, "user")].into_iter().filter_map(wrong).collect()
}
