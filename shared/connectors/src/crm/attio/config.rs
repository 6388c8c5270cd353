//! What is Attio's own in a tenant's `crm` table, and what Attio can do.

use leadgate_enrichment::config::{CrmVendor, Key, ObjectKind, OwnKeys, SecretKey, SecretRole, Shape, Wrong};
use leadgate_enrichment::person::IdentityProperties;

use super::wire::{PEOPLE, RECORDS_MAX, is_id};

const WORKSPACE: &str = "workspace_id";
const OBJECT: &str = "people_object_id";
const ACTOR: &str = "actor_id";

const EXAMPLE: &str = "14beef7a-99f7-4534-a87e-70b564330a4c";

/// What the configuration has to know of Attio.
pub static VENDOR: CrmVendor = CrmVendor {
    name: "attio",
    base_url: "https://api.attio.com",
    // People have no owner of Attio's own.
    owner_property: "owner",
    // The employer's name and web site are the company's.
    identity: || {
        IdentityProperties::named([
            "email_addresses",
            "name.first_name",
            "name.last_name",
            "company",
            "website",
            "linkedin",
        ])
    },
    // Attio's own attribute of addresses is unique; an operator may name another one.
    has_unique_email: false,
    records_per_call: RECORDS_MAX,
    property_name_max: 100,
    related: &[],
    keys: &[
        Key::needed(WORKSPACE, Shape::Text(EXAMPLE)),
        Key::needed(OBJECT, Shape::Text(EXAMPLE)),
        Key::optional(ACTOR, Shape::Text(EXAMPLE)),
    ],
    secrets: &[
        SecretKey::needed("webhook_secrets", SecretRole::CrmSigning),
        SecretKey::needed("access_token", SecretRole::CrmToken),
    ],
    account_key: Some(WORKSPACE),
    check,
    objects: &[ObjectKind { object: PEOPLE, is_created: true, id: |id| is_id(id).then(|| id.to_owned()) }],
    company: None,
    record_of: |id| (PEOPLE, id.to_owned()),
};

/// What is Attio's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The tenant's workspace: deliveries of another one are refused.
    pub workspace_id: String,
    /// What events call the object "people".
    pub people_object_id: String,
    /// The token that Leadgate writes with: what it changes is no event.
    pub actor_id: Option<String>,
}

impl Settings {
    /// From a configuration that was checked.
    pub fn of(own: &OwnKeys) -> Self {
        let text = |key| own.text(key).map(str::to_owned);
        Self {
            workspace_id: text(WORKSPACE).unwrap_or_default(),
            people_object_id: text(OBJECT).unwrap_or_default(),
            actor_id: text(ACTOR),
        }
    }
}

fn check(own: &OwnKeys) -> Vec<Wrong> {
    let wrong = |key: &'static str| {
        let found = own.text(key).filter(|id| !is_id(id))?;
        let expected = "an id as Attio shows it: 36 small letters, digits and dashes";
        Some(Wrong { key, found: format!("{found:?}"), expected, remedy: "Copy it from `GET /v2/objects`." })
    };
    [WORKSPACE, OBJECT, ACTOR].into_iter().filter_map(wrong).collect()
}
