//! What is Salesforce's own in a tenant's `crm` table, and what Salesforce can do.

use leadgate_enrichment::config::{CrmVendor, Key, ObjectKind, OwnKeys, SecretKey, SecretRole, Shape, Wrong};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::person::IdentityProperties;

use super::record_id;
use super::wire::{CONTACT, LEAD, RECORDS_MAX, id_prefix};

const ORGANIZATION: &str = "organization_id";
const CLIENT: &str = "client_id";
const USERNAME: &str = "username";
const AUDIENCE: &str = "audience";
const API: &str = "api_version";
const INTEGRATION_USER: &str = "integration_user_id";
const EVENT_SOURCE: &str = "event_source";
const FLOOR: &str = "daily_calls_floor";

/// The key that names what an Outbound Message's address ends in.
pub const PATH_SECRETS: &str = "path_secrets";
/// The key that names what Apex signs with.
pub const SIGNING_SECRETS: &str = "signing_secrets";

/// Winter '26. Each version is supported for three years at least
/// (developer.salesforce.com, "API End-of-Life Policy").
const API_DEFAULT: &str = "65.0";
/// Where JWTs of production orgs are addressed to
/// (help.salesforce.com, "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration").
const AUDIENCE_DEFAULT: &str = "https://login.salesforce.com";
/// A developer's org has 15,000 calls in a day, and others may need some of them.
const FLOOR_DEFAULT: u64 = 1000;

/// What the names of partner event sources begin with: Event Relay's, which goes on with the org's id and the channel's
/// (developer.salesforce.com, `EventRelayFeedback.RemoteResource`), and AppFlow's (AWS, "Amazon AppFlow event notifications").
const EVENT_SOURCES: [&str; 2] = ["aws.partner/salesforce.com/", "aws.partner/appflow"];

/// What the configuration has to know of Salesforce.
pub static VENDOR: CrmVendor = CrmVendor {
    name: "salesforce",
    base_url: "https://login.salesforce.com",
    owner_property: "OwnerId",
    // Salesforce has no field for a LinkedIn profile.
    identity: || IdentityProperties::named(["Email", "FirstName", "LastName", "Company", "Website", ""]),
    // Any number of leads and contacts may have the same address.
    has_unique_email: false,
    records_per_call: RECORDS_MAX,
    // A namespace, two underscores, 40 characters, and two underscores with a `c`.
    property_name_max: 60,
    related: &[],
    keys: &[
        Key::needed(ORGANIZATION, Shape::Text("00D000000000001EAA")),
        Key::needed(CLIENT, Shape::Text("3MVG9…")),
        Key::optional(USERNAME, Shape::Text("leadgate@example.com")),
        Key::optional(AUDIENCE, Shape::OneOf(&[AUDIENCE_DEFAULT, "https://test.salesforce.com"])),
        Key::optional(API, Shape::Text(API_DEFAULT)),
        Key::optional(INTEGRATION_USER, Shape::Text("005000000000001AAA")),
        Key::optional(EVENT_SOURCE, Shape::Text("aws.partner/salesforce.com/00D000000000001EAA/0YL000000000001AAA")),
        Key::optional(FLOOR, Shape::Whole(0, 1_000_000_000)),
    ],
    secrets: &[
        SecretKey::optional(PATH_SECRETS, SecretRole::CrmSigning),
        SecretKey::optional(SIGNING_SECRETS, SecretRole::CrmSigning),
        SecretKey::needed("credential", SecretRole::CrmToken),
    ],
    account_key: Some(ORGANIZATION),
    objects: &[
        ObjectKind { object: LEAD, is_created: true, id: |id| record_id::of_kind(id, id_prefix(&LEAD)) },
        ObjectKind { object: CONTACT, is_created: false, id: |id| record_id::of_kind(id, id_prefix(&CONTACT)) },
    ],
    company: None,
    record_of,
    check,
};

/// What is Salesforce's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The org, in the long form: deliveries of another one are refused, and so is a token of another one.
    pub organization_id: String,
    /// The consumer key of the app that Leadgate calls as.
    pub client_id: String,
    /// The user that a JWT is for. Without one, the app itself signs in, with its consumer secret.
    pub username: Option<String>,
    /// Where a JWT is addressed to.
    pub audience: String,
    /// Such as `65.0`.
    pub api_version: String,
    /// The user that Leadgate writes as, in the long form: what this one changes is no event.
    pub integration_user_id: Option<String>,
    /// What the org's change events come from, on an event bus.
    pub event_source: Option<String>,
    /// How many of a day's API calls are left to others.
    pub daily_calls_floor: u64,
}

impl Settings {
    /// From a configuration that was checked.
    pub fn of(own: &OwnKeys) -> Self {
        let text = |key: &str, or: &str| own.text(key).unwrap_or(or).to_owned();
        Self {
            organization_id: own.text(ORGANIZATION).and_then(record_id::canonical).unwrap_or_default(),
            client_id: text(CLIENT, ""),
            username: own.text(USERNAME).map(str::to_owned),
            audience: text(AUDIENCE, AUDIENCE_DEFAULT),
            api_version: text(API, API_DEFAULT),
            integration_user_id: own.text(INTEGRATION_USER).and_then(record_id::canonical),
            event_source: own.text(EVENT_SOURCE).map(str::to_owned),
            daily_calls_floor: own.whole(FLOOR).unwrap_or(FLOOR_DEFAULT),
        }
    }
}

fn check(own: &OwnKeys) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut needs = |key: &'static str, is_good: fn(&str) -> bool, expected: &'static str, remedy: &'static str| {
        if let Some(text) = own.text(key).filter(|text| !is_good(text)) {
            wrong.push(Wrong { key, found: format!("{text:?}"), expected, remedy });
        }
    };
    needs(
        ORGANIZATION,
        |text| record_id::of_kind(text, "00D").is_some(),
        "an org's id: 15 or 18 characters that begin with 00D",
        "Copy it from Setup, Company Information.",
    );
    needs(
        INTEGRATION_USER,
        |text| record_id::of_kind(text, "005").is_some(),
        "a user's id: 15 or 18 characters that begin with 005",
        "Copy it from the address of the user's page in Setup.",
    );
    needs(API, is_version, "a version such as \"65.0\"", "Write one that Salesforce supports.");
    needs(CLIENT, |text| !text.trim().is_empty(), "the app's consumer key", "Copy it from the External Client App.");
    needs(
        USERNAME,
        |text| text.contains('@'),
        "a username, which has the form of an e-mail address",
        "Write the integration user's, or leave the key out to sign in with the consumer secret.",
    );
    needs(
        EVENT_SOURCE,
        |text| EVENT_SOURCES.iter().any(|prefix| text.len() > prefix.len() && text.starts_with(prefix)),
        "the name of a partner event source, which begins with aws.partner/salesforce.com/ or aws.partner/appflow",
        "Copy it from EventBridge, Partner event sources.",
    );
    let organization = own.text(ORGANIZATION).and_then(record_id::canonical);
    let relayed = own.text(EVENT_SOURCE).and_then(|text| text.strip_prefix(EVENT_SOURCES[0])?.split('/').next());
    if let Some(of) = relayed.filter(|of| organization.is_some() && record_id::canonical(of) != organization) {
        wrong.push(Wrong {
            key: EVENT_SOURCE,
            found: format!("the source of {of:?}"),
            expected: "the source of the org in `organization_id`",
            remedy: "Copy the one from EventBridge that has the org's id in its name.",
        });
    }
    let tells = [PATH_SECRETS, SIGNING_SECRETS].iter().any(|key| own.texts(key).is_some());
    if !tells && own.text(EVENT_SOURCE).is_none() {
        wrong.push(Wrong {
            key: PATH_SECRETS,
            found: "nothing, and neither `signing_secrets` nor `event_source`".to_owned(),
            expected: "the names of secrets for Outbound Messages here, those for Apex in `signing_secrets`, or where change \
                       events come from in `event_source`",
            remedy: "Add the one that the org sends by.",
        });
    }
    wrong
}

fn is_version(text: &str) -> bool {
    let digits = text.strip_suffix(".0").unwrap_or_default();
    (2..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A lead, unless the id says that it is a contact.
fn record_of(id: &str) -> (ObjectType, String) {
    let id = record_id::canonical(id).unwrap_or_else(|| id.to_owned());
    let object = if id.starts_with(id_prefix(&CONTACT)) { CONTACT } else { LEAD };
    (object, id)
}
