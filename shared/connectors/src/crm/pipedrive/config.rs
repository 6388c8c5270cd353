//! What is Pipedrive's own in a tenant's `crm` table, and what Pipedrive can do.

use leadgate_enrichment::config::{CrmVendor, Key, ObjectKind, OwnKeys, SecretKey, SecretRole, Shape};
use leadgate_enrichment::person::IdentityProperties;

use super::wire::{PERSON, RECORDS_MAX, is_id};

const COMPANY: &str = "company_id";
const USER: &str = "user_id";
const FLOOR: &str = "daily_budget_floor";

/// A company has 30,000 tokens in a day and seat at least, and others may need some of them
/// (pipedrive.readme.io, "Rate limiting"; the figure is recalled).
const FLOOR_DEFAULT: u64 = 1000;

/// What the configuration has to know of Pipedrive.
pub static VENDOR: CrmVendor = CrmVendor {
    name: "pipedrive",
    base_url: "https://api.pipedrive.com",
    owner_property: "owner_id",
    // The employer's name and web site are the organization's. Pipedrive has no field for a person's LinkedIn profile.
    identity: || IdentityProperties::named(["email", "first_name", "last_name", "company", "website", ""]),
    // Any number of persons may have the same address.
    has_unique_email: false,
    records_per_call: RECORDS_MAX,
    // A custom field's key has 40 characters, and no field of Pipedrive's own has a longer name.
    property_name_max: 40,
    related: &[],
    keys: &[
        Key::needed(COMPANY, Shape::Whole(1, i64::MAX)),
        Key::optional(USER, Shape::Whole(1, i64::MAX)),
        Key::optional(FLOOR, Shape::Whole(0, 1_000_000_000)),
    ],
    secrets: &[
        SecretKey::needed("webhook_credentials", SecretRole::CrmSigning),
        SecretKey::needed("api_token", SecretRole::CrmToken),
    ],
    account_key: Some(COMPANY),
    check: |_| Vec::new(),
    objects: &[ObjectKind { object: PERSON, is_created: true, id: |id| is_id(id).then(|| id.to_owned()) }],
    company: None,
    record_of: |id| (PERSON, id.to_owned()),
};

/// What is Pipedrive's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Pipedrive's number for the tenant: deliveries of another one are refused.
    pub company_id: u64,
    /// The user whose token Leadgate has: what this one changes through the API is no event.
    pub user_id: Option<u64>,
    /// How much of a day's budget is left to others.
    pub daily_budget_floor: u64,
}

impl Settings {
    /// From a configuration that was checked.
    pub fn of(own: &OwnKeys) -> Self {
        Self {
            company_id: own.whole(COMPANY).unwrap_or_default(),
            user_id: own.whole(USER),
            daily_budget_floor: own.whole(FLOOR).unwrap_or(FLOOR_DEFAULT),
        }
    }
}
