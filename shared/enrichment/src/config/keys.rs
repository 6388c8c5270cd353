//! Every key of the file, and what has to be in it.

use super::shape::{Key, Shape};

const fn needed(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, needed: true }
}

const fn optional(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, needed: false }
}

/// Nothing is good, or waits, for longer than a hundred years.
const DAYS_MAX: i64 = 36_500;
/// More than anything is counted to in a day.
const COUNT_MAX: i64 = 1_000_000_000;

static CREDITS: Shape = Shape::Credits;
const AMOUNTS: Shape = Shape::Named(&CREDITS);
static SECRET: Shape = Shape::Secret("leadgate/acme/apollo-key");
static PROPERTY: Shape = Shape::Text("jobtitle");
static PERCENT: Shape = Shape::Whole(0, 100);
const CADENCE: Shape = Shape::OneOf(&["monthly", "quarterly", "semi-annual", "annual"]);
const ACTION: Shape =
    Shape::OneOf(&["match", "enrich-organization", "search-organizations", "search-people", "export"]);

/// The whole file.
pub(super) static FILE: Shape = Shape::Table(&[
    optional("price_sets", Shape::List(&Shape::Text("apollo-2026-08"))),
    optional("prices", Shape::List(&PRICE)),
    needed("tenants", Shape::Named(&TENANT)),
]);

static PRICE: Shape = Shape::Table(&[
    needed("version", Shape::Text("apollo-2026-08")),
    needed("provider", Shape::OneOf(&["apollo"])),
    needed("action", ACTION),
    needed(
        "field",
        Shape::OneOf(&[
            "person",
            "email",
            "mobile",
            "waterfall-email",
            "waterfall-mobile",
            "organization",
            "page",
            "record",
        ]),
    ),
    needed("from", Shape::Day),
    needed("charge_on", Shape::OneOf(&["lookup", "match", "verified", "verified-net-new"])),
    optional("repeat", Shape::OneOf(&["charged", "free"])),
    needed("cost", AMOUNTS),
]);

static TENANT: Shape = Shape::Table(&[
    optional("time_zone", Shape::Text("Europe/Berlin")),
    optional("freshness_days", Shape::Whole(1, DAYS_MAX)),
    optional("miss_days", Shape::Whole(0, DAYS_MAX)),
    optional("give_up_days", Shape::Whole(1, DAYS_MAX)),
    optional("hops_per_hour", Shape::Whole(1, COUNT_MAX)),
    needed("crm", CRM),
    needed("provider", PROVIDER),
    needed("plan", PLAN),
    optional("on_exhausted", Shape::OneOf(&["defer", "degrade"])),
    optional("caps", CAPS),
    optional("floor", AMOUNTS),
    optional("alert_percents", Shape::List(&PERCENT)),
    optional("identity", IDENTITY),
    needed("fields", Shape::Named(&FIELD)),
]);

const CRM: Shape = Shape::Table(&[
    needed("kind", Shape::OneOf(&["hubspot"])),
    needed("portal_id", Shape::Whole(1, i64::MAX)),
    needed("public_url", Shape::Text("https://hooks.example.com/hubspot/acme")),
    needed("signing_secrets", Shape::List(&Shape::Secret("leadgate/acme/hubspot-signing"))),
    optional("signature_versions", Shape::List(&Shape::OneOf(&["v1", "v2", "v3"]))),
    needed("access_token", Shape::Secret("leadgate/acme/hubspot-token")),
    optional("base_url", Shape::Text("https://api.hubapi.com")),
    optional("api_version", Shape::Text("2026-03")),
    optional("enrich_on_change", Shape::List(&PROPERTY)),
    optional("last_enriched_property", Shape::Text("leadgate_last_enriched")),
    optional("owner_property", Shape::Text("hubspot_owner_id")),
]);

const PROVIDER: Shape = Shape::Table(&[
    needed("kind", Shape::OneOf(&["apollo"])),
    needed("api_key", Shape::Secret("leadgate/acme/apollo-key")),
    optional("base_url", Shape::Text("https://api.apollo.io/api/v1")),
    optional("organizations", Shape::Flag),
    optional("waterfall", Shape::List(&Shape::OneOf(&["email", "mobile"]))),
    optional("callback_url", Shape::Text("https://hooks.example.com/apollo/acme")),
    optional("callback_secrets", Shape::List(&SECRET)),
    optional(
        "limits",
        Shape::Table(&[
            optional("minute", Shape::Whole(1, COUNT_MAX)),
            optional("hour", Shape::Whole(1, COUNT_MAX)),
            optional("day", Shape::Whole(1, COUNT_MAX)),
            optional("low_priority_percent", Shape::Whole(1, 100)),
        ]),
    ),
]);

const PLAN: Shape = Shape::Table(&[
    needed("anchor", Shape::Day),
    needed("cycle", CADENCE),
    optional("grant_every", CADENCE),
    needed("grant", AMOUNTS),
    optional(
        "trial",
        Shape::Table(&[
            needed("from", Shape::Day),
            optional("days", Shape::Whole(1, DAYS_MAX)),
            needed("grant", AMOUNTS),
        ]),
    ),
    optional("allowances", Shape::List(&ALLOWANCE)),
    optional("packs", Shape::List(&PACK)),
    optional("overage", Shape::Table(&[needed("limit", AMOUNTS), needed("price", Shape::Text("0.10 USD"))])),
]);

static ALLOWANCE: Shape = Shape::Table(&[
    needed("name", Shape::Text("free")),
    needed("action", ACTION),
    needed("every", CADENCE),
    needed("grant", AMOUNTS),
]);

static PACK: Shape = Shape::Table(&[
    needed("name", Shape::Text("extra")),
    needed("from", Shape::Day),
    optional("until", Shape::Day),
    needed("grant", AMOUNTS),
]);

const CAPS: Shape = Shape::Table(&[
    optional("per_day", AMOUNTS),
    optional("per_owner", AMOUNTS),
    optional("per_source", Shape::Table(&[optional("new-lead", AMOUNTS), optional("change", AMOUNTS)])),
]);

const IDENTITY: Shape = Shape::Table(&[
    needed("email", Shape::Text("email")),
    needed("first_name", Shape::Text("firstname")),
    needed("last_name", Shape::Text("lastname")),
    needed("company", Shape::Text("company")),
    needed("website", Shape::Text("website")),
    needed("linkedin_url", Shape::Text("hs_linkedin_url")),
]);

static FIELD: Shape = Shape::Table(&[
    needed("from", Shape::OneOf(&PROFILE_FIELDS)),
    optional("policy", Shape::OneOf(&["fill_blank", "overwrite", "overwrite_ours", "never"])),
]);

static PROFILE_FIELDS: [&str; 26] = [
    "first_name",
    "last_name",
    "email",
    "email_status",
    "title",
    "seniority",
    "headline",
    "linkedin_url",
    "city",
    "state",
    "country",
    "company_name",
    "company_domain",
    "company_website",
    "company_industry",
    "company_employees",
    "company_phone",
    "company_revenue",
    "company_founded",
    "company_funding",
    "company_description",
    "company_city",
    "company_country",
    "mobile_phone",
    "mobile_phone_status",
    "mobile_phone_do_not_call",
];
