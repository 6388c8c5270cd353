//! A small file that is right, and the vendors that it names, for tests.

use super::{CompanyKind, CrmVendor, Key, ObjectKind, ProviderVendor, SecretKey, SecretRole, Shape, Vendors, contact};
use crate::ids::ObjectType;
use crate::person::IdentityProperties;
use crate::provider::limits::CallLimits;
use crate::provider::prospecting::SearchCeiling;

/// The file.
pub(crate) const FILE: &str = include_str!("example/file.toml");

static CRM: CrmVendor = CrmVendor {
    name: "crm",
    base_url: "https://api.crm.example",
    owner_property: "owner",
    identity: || IdentityProperties::named(["email", "firstname", "lastname", "company", "website", "linkedin"]),
    has_unique_email: true,
    records_per_call: 100,
    property_name_max: 100,
    related: &[],
    keys: &[Key::needed("account", Shape::Whole(1, i64::MAX))],
    secrets: &[
        SecretKey::needed("signing_secrets", SecretRole::CrmSigning),
        SecretKey::needed("access_token", SecretRole::CrmToken),
    ],
    account_key: Some("account"),
    objects: &[ObjectKind::numbered(ObjectType::CONTACT)],
    company: Some(&CompanyKind { object: ObjectType::known("company"), domain_property: "domain" }),
    record_of: contact,
    check: |_| Vec::new(),
};

static PROVIDER: ProviderVendor = ProviderVendor {
    name: "data",
    base_url: "https://api.data.example",
    limits: CallLimits::UNLIMITED,
    keys: &[],
    secrets: &[SecretKey::needed("api_key", SecretRole::ProviderKey)],
    price_lists: &[],
    asynchronous: |_, _| None,
    needs_callback: true,
    tells: |_| true,
    can_be_asked: |_| true,
    check: |_| Vec::new(),
};

/// The vendors.
pub(crate) fn vendors() -> Vendors {
    let prospectors = vec![(PROVIDER.name, SearchCeiling { results_per_page: 100, pages_max: 500 })];
    let (providers, sequencers) = (vec![&PROVIDER], vec![PROVIDER.name]);
    Vendors { crms: vec![&CRM], providers, sequencers, verifiers: Vec::new(), prospectors }
}
