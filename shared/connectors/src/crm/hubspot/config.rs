//! What is HubSpot's own in a tenant's `crm` table, and what HubSpot can do.

use leadgate_enrichment::config::{
    CompanyKind, CrmVendor, Key, ObjectKind, OwnKeys, SecretKey, SecretRole, Shape, Wrong, contact,
};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::person::IdentityProperties;

use super::api_version::ApiVersion;
use super::companies::{COMPANY, OF_COMPANY};
use super::inbound::signature::Version;
use super::wire::RECORDS_MAX;

const PORTAL: &str = "portal_id";
const SIGNATURES: &str = "signature_versions";
const API: &str = "api_version";
const CLIENT: &str = "client_id";
const FLOOR: &str = "daily_calls_floor";
/// A Starter account has 250,000 calls in a day, and others may need some of them.
const FLOOR_DEFAULT: u64 = 1000;
/// A date-based version, the first that there was: HubSpot ends its v3 paths in September 2027.
const API_DEFAULT: &str = "2026-03";

/// What the configuration has to know of HubSpot.
pub static VENDOR: CrmVendor = CrmVendor {
    name: "hubspot",
    base_url: "https://api.hubapi.com",
    owner_property: "hubspot_owner_id",
    identity: || IdentityProperties::named(["email", "firstname", "lastname", "company", "website", "hs_linkedin_url"]),
    // The address is what tells contacts apart (documented).
    has_unique_email: true,
    records_per_call: RECORDS_MAX,
    property_name_max: 100,
    related: &[OF_COMPANY],
    keys: &[
        Key::needed(PORTAL, Shape::Whole(1, i64::MAX)),
        Key::optional(SIGNATURES, Shape::List(&Shape::OneOf(&["v1", "v2", "v3"]))),
        Key::optional(API, Shape::Text(API_DEFAULT)),
        Key::optional(CLIENT, Shape::Text("00000000-0000-4000-8000-000000000000")),
        Key::optional(FLOOR, Shape::Whole(0, 1_000_000_000)),
    ],
    secrets: &[
        SecretKey::needed("signing_secrets", SecretRole::CrmSigning),
        SecretKey::needed("access_token", SecretRole::CrmToken),
    ],
    account_key: Some(PORTAL),
    objects: &[ObjectKind::numbered_and_created(ObjectType::CONTACT)],
    company: Some(&CompanyKind { object: COMPANY, domain_property: "domain" }),
    record_of: contact,
    check,
};

/// What is HubSpot's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// HubSpot's number for the tenant: deliveries for another one are refused.
    pub portal_id: u64,
    /// Which signatures are accepted: version 3, and 1 or 2 only where switched on.
    pub signature_versions: Vec<Version>,
    /// Which generation of the API is called.
    pub api_version: ApiVersion,
    /// The OAuth app that Leadgate calls as. Without one, it calls with a static token.
    pub client_id: Option<String>,
    /// How many of a day's API calls are left to others.
    pub daily_calls_floor: u64,
}

impl Settings {
    /// From a configuration that was checked.
    pub fn of(own: &OwnKeys) -> Self {
        let signatures = own.texts(SIGNATURES).map(|words| words.into_iter().filter_map(Version::named).collect());
        let api = own.text(API).and_then(|text| text.parse().ok());
        Self {
            portal_id: own.whole(PORTAL).unwrap_or_default(),
            signature_versions: signatures.unwrap_or_else(|| vec![Version::default()]),
            api_version: api.unwrap_or_else(|| ApiVersion::Dated(API_DEFAULT.to_owned())),
            client_id: own.text(CLIENT).map(str::to_owned),
            daily_calls_floor: own.whole(FLOOR).unwrap_or(FLOOR_DEFAULT),
        }
    }
}

fn check(own: &OwnKeys) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    if let Some(text) = own.text(API).filter(|text| !is_known(text)) {
        let expected = "\"v3\", or a year and month from \"2026-03\" on";
        wrong.push(Wrong { key: API, found: format!("{text:?}"), expected, remedy: "Write one of these." });
    }
    if own.text(CLIENT).is_some_and(|text| text.trim().is_empty()) {
        wrong.push(Wrong {
            key: CLIENT,
            found: "nothing".to_owned(),
            expected: "the OAuth app's client id",
            remedy: "Copy it from the app's page, or leave the key out to call with a static token.",
        });
    }
    if own.texts(SIGNATURES).is_some_and(|versions| versions.is_empty()) {
        wrong.push(Wrong {
            key: SIGNATURES,
            found: "none".to_owned(),
            expected: "at least one, such as [\"v3\"]",
            remedy: "Name one, or leave the key out.",
        });
    }
    wrong
}

/// HubSpot names a version by the year and month it appeared in.
fn is_known(text: &str) -> bool {
    match text.parse() {
        Ok(ApiVersion::V3) => true,
        Ok(ApiVersion::Dated(date)) => date.as_str() >= API_DEFAULT && ("01"..="12").contains(&&date[5..]),
        Err(_) => false,
    }
}
