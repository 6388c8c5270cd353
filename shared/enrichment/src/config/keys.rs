//! Every key of the file, and what has to be in it.

use strum::VariantNames;

use super::OnExhausted;
use super::hooks::{HookCause, SignatureWord};
use super::routes::Known;
use super::shape::{Key, Shape};
use super::signals::NotInCrm;
use super::vendor::{SecretKey, SecretRole};
use super::waterfall::OnBlocked;
use crate::credits::cycle::Cadence;
use crate::credits::price::{Action, ChargeOn, PricedField, Repeat};
use crate::enrolment::sequencer::{Exception, TaskKind, TaskPriority};
use crate::lead::patch::FieldPolicy;
use crate::person::{Confidence, ProfileField};
use crate::provider::prospecting::Seniority;

/// Nothing is good, or waits, for longer than a hundred years.
const DAYS_MAX: i64 = 36_500;
/// More than anything is counted to in a day.
const COUNT_MAX: i64 = 1_000_000_000;

static CREDITS: Shape = Shape::Credits;
const AMOUNTS: Shape = Shape::Named(&CREDITS);
static MONEY: Shape = Shape::Money;
static PROPERTY: Shape = Shape::Text("jobtitle");
static PERCENT: Shape = Shape::Whole(0, 100);
const CADENCE: Shape = Shape::OneOf(Cadence::VARIANTS);
const ACTION: Shape = Shape::OneOf(Action::VARIANTS);

/// The whole file.
pub(super) static FILE: Shape = Shape::Table(&[
    Key::optional("price_sets", Shape::List(&Shape::PriceListName)),
    Key::optional("prices", Shape::List(&PRICE)),
    Key::needed("tenants", Shape::Named(&TENANT)),
]);

static PRICE: Shape = Shape::Table(&[
    Key::needed("version", Shape::Text("2026-08")),
    Key::needed("provider", Shape::ProviderName),
    Key::needed("action", ACTION),
    Key::needed("field", Shape::OneOf(PricedField::VARIANTS)),
    Key::needed("from", Shape::Day),
    Key::needed("charge_on", Shape::OneOf(ChargeOn::VARIANTS)),
    Key::optional("repeat", Shape::OneOf(Repeat::VARIANTS)),
    Key::needed("cost", AMOUNTS),
]);

static TENANT: Shape = Shape::Table(&[
    Key::optional("time_zone", Shape::Text("Europe/Berlin")),
    Key::optional("freshness_days", Shape::Whole(1, DAYS_MAX)),
    Key::optional("miss_days", Shape::Whole(0, DAYS_MAX)),
    Key::optional("give_up_days", Shape::Whole(1, DAYS_MAX)),
    Key::optional("hops_per_hour", Shape::Whole(1, COUNT_MAX)),
    Key::optional("undo_days", Shape::Whole(0, DAYS_MAX)),
    Key::needed("crm", Shape::Crm),
    Key::optional("sources", Shape::Named(&SOURCE)),
    Key::optional("feed", FEED),
    Key::optional("signals", Shape::Table(SIGNALS)),
    Key::optional("icps", Shape::Named(&ICP)),
    Key::needed("provider", Shape::Provider),
    Key::needed("plan", PLAN),
    Key::optional("fallbacks", Shape::List(&Shape::Fallback)),
    Key::optional("waterfall", WATERFALL),
    Key::optional("on_exhausted", Shape::OneOf(OnExhausted::VARIANTS)),
    Key::optional("caps", CAPS),
    Key::optional("floor", AMOUNTS),
    Key::optional("alert_percents", Shape::List(&PERCENT)),
    Key::optional("identity", IDENTITY),
    Key::needed("fields", Shape::Named(&FIELD)),
    Key::optional("companies", COMPANIES),
]);

const COMPANIES: Shape = Shape::Table(&[
    Key::optional("enrich_on_change", Shape::List(&PROPERTY)),
    Key::optional("domain_property", Shape::Text("domain")),
    Key::optional("last_enriched_property", Shape::Text("leadgate_last_enriched")),
    Key::optional("source_property", Shape::Text("leadgate_source")),
    Key::needed("fields", Shape::Named(&FIELD)),
]);

static HEADER: Shape = Shape::Text("Business Name");

const FEED: Shape = Shape::Table(&[
    Key::optional("delimiter", Shape::Text(";")),
    Key::optional("calling_code", Shape::Text("44")),
    Key::needed("columns", Shape::Named(&HEADER)),
    Key::optional(
        "asked_by",
        Shape::Table(&[
            Key::optional("phone", Shape::Text("phone")),
            Key::optional("postal_code", Shape::Text("zip")),
            Key::optional("licence", Shape::Text("license_number")),
        ]),
    ),
    Key::optional("on_miss", Shape::OneOf(OnBlocked::VARIANTS)),
    Key::optional("every_days", Shape::Whole(1, DAYS_MAX)),
]);

/// The words are those of [`FIELDS`](crate::lead::new_lead::FIELDS).
const PEOPLE: Shape = Shape::Table(&[
    Key::needed("email", Shape::Text("/lead/email")),
    Key::optional("first_name", Shape::Text("/lead/first_name")),
    Key::optional("last_name", Shape::Text("/lead/last_name")),
    Key::optional("company", Shape::Text("/lead/company")),
    Key::optional("domain", Shape::Text("/lead/domain")),
    Key::optional("linkedin_url", Shape::Text("/lead/linkedin_url")),
]);

static SOURCE: Shape = Shape::Table(&[
    Key::needed("signature", Shape::OneOf(SignatureWord::VARIANTS)),
    Key::needed("secrets", Shape::List(&Shape::Secret("leadgate/acme/warehouse/crm-signing"))),
    Key::optional("header", Shape::Text("X-Api-Token")),
    Key::optional("time_header", Shape::Text("X-Api-Timestamp")),
    Key::optional("pointer", Shape::Text("/token")),
    Key::optional("object", Shape::Text("contact")),
    Key::optional("record", Shape::Text("/contact/id")),
    Key::optional("fields", PEOPLE),
    Key::optional("items", Shape::Text("/rows")),
    Key::optional("id", Shape::Text("/event_id")),
    Key::optional("cause", Shape::OneOf(HookCause::VARIANTS)),
]);

static SIGNAL_SOURCE: Shape = Shape::Table(&[
    Key::needed("signature", Shape::OneOf(SignatureWord::VARIANTS)),
    Key::needed("secrets", Shape::List(&Shape::Secret("leadgate/acme/intent/crm-signing"))),
    Key::optional("header", Shape::Text("X-Api-Token")),
    Key::optional("time_header", Shape::Text("X-Api-Timestamp")),
    Key::optional("pointer", Shape::Text("/token")),
    Key::optional("object", Shape::Text("contact")),
    Key::optional("record", Shape::Text("/contact/id")),
    Key::optional("email", Shape::Text("/contact/email")),
    Key::optional("items", Shape::Text("/rows")),
    Key::optional("id", Shape::Text("/event_id")),
    Key::optional("signal", Shape::Text("/type")),
    Key::optional("name", Shape::Text("job-change")),
]);

static WORD: Shape = Shape::Text("vp");
static STOP_DAYS: Shape = Shape::Whole(1, DAYS_MAX);
static EXCEPTION: Shape = Shape::OneOf(Exception::VARIANTS);
const NUMBER: Shape = Shape::Whole(-COUNT_MAX * 1000, COUNT_MAX * 1000);

static CONDITION: Shape = Shape::Table(&[
    Key::needed("at", Shape::Text("/company/employees")),
    Key::optional("one_of", Shape::List(&WORD)),
    Key::optional("at_least", NUMBER),
    Key::optional("at_most", NUMBER),
]);

static SIGNAL_RULE: Shape = Shape::Table(&[
    Key::needed("name", Shape::Text("new-job")),
    Key::needed("signal", Shape::Text("job-change")),
    Key::optional("when", Shape::List(&CONDITION)),
    Key::needed("sequence", Shape::Text("66e9e215ece19801b219997f")),
    Key::needed("mailboxes", Shape::List(&Shape::Text("6633baaece5fbd01c791d7ca"))),
    Key::optional("mailbox_per_day", Shape::Whole(1, 10_000)),
    Key::optional("owner", Shape::Text("66302798d03b9601c7934ebf")),
    Key::optional(
        "task",
        Shape::Table(&[
            Key::needed("kind", Shape::OneOf(TaskKind::VARIANTS)),
            Key::optional("due_hours", Shape::Whole(1, 10_000)),
            Key::optional("priority", Shape::OneOf(TaskPriority::VARIANTS)),
            Key::optional("note", Shape::Text("They have a new job.")),
        ]),
    ),
    Key::optional("stage", Shape::Text("6095a710bd01d100a506d4af")),
    Key::optional("allow", Shape::List(&EXCEPTION)),
    Key::optional("cool_down_days", Shape::Whole(0, DAYS_MAX)),
    Key::optional("not_in_crm", Shape::OneOf(NotInCrm::VARIANTS)),
]);

const SIGNALS: &[Key] = &[
    Key::optional("sources", Shape::Named(&SIGNAL_SOURCE)),
    Key::optional("rules", Shape::List(&SIGNAL_RULE)),
    Key::optional("stops", Shape::Named(&STOP_DAYS)),
    Key::needed("do_not_contact", Shape::List(&PROPERTY)),
    Key::optional("enrolled_property", Shape::Text("leadgate_sequence")),
    Key::optional("give_up_days", Shape::Whole(1, 365)),
];

static PLACE: Shape = Shape::Text("Germany");
static RANGE: Shape = Shape::Text("51-200");

static FIT_RULE: Shape = Shape::Table(&[
    Key::needed("field", Shape::OneOf(ProfileField::VARIANTS)),
    Key::optional("one_of", Shape::List(&WORD)),
    Key::optional("none_of", Shape::List(&WORD)),
    Key::optional("at_least", Shape::Whole(0, COUNT_MAX * 1000)),
    Key::optional("at_most", Shape::Whole(0, COUNT_MAX * 1000)),
    Key::optional("unknown_fits", Shape::Flag),
]);

static ICP: Shape = Shape::Table(&[
    Key::optional("employees", Shape::List(&RANGE)),
    Key::optional("locations", Shape::List(&PLACE)),
    Key::optional("locations_excluded", Shape::List(&PLACE)),
    Key::optional("industries", Shape::List(&Shape::Text("saas"))),
    Key::optional("fit", Shape::List(&FIT_RULE)),
    Key::optional("titles", Shape::List(&Shape::Text("head of sales"))),
    Key::optional("seniorities", Shape::List(&Shape::OneOf(Seniority::VARIANTS))),
    Key::optional("people_per_account", Shape::Whole(1, 100)),
    Key::optional("pages_max", Shape::Whole(1, 10_000)),
    Key::needed("budget", AMOUNTS),
]);

/// What every CRM has, beside what is its own.
pub(super) static CRM: &[Key] = &[
    Key::needed("kind", Shape::CrmName),
    Key::needed("public_url", Shape::Text("https://hooks.example.com/crm/acme")),
    Key::optional("base_url", Shape::Text("https://api.example.com")),
    Key::optional("enrich_on_change", Shape::List(&PROPERTY)),
    Key::optional("last_enriched_property", Shape::Text("leadgate_last_enriched")),
    Key::optional("source_property", Shape::Text("leadgate_source")),
    Key::optional("candidate_property", Shape::Text("leadgate_search")),
    Key::optional("owner_property", Shape::Text("owner_id")),
];

/// What every provider has, beside what is its own.
pub(super) static PROVIDER: &[Key] = &[
    Key::needed("kind", Shape::ProviderName),
    Key::optional("base_url", Shape::Text("https://api.example.com")),
    Key::optional("organizations", Shape::Flag),
    Key::optional("callback_url", Shape::Text("https://hooks.example.com/provider/acme")),
    Key::optional(CALLBACK_SECRETS.key, CALLBACK_SECRETS.role.shape()),
    Key::optional(
        "limits",
        Shape::Table(&[
            Key::optional("minute", Shape::Whole(1, COUNT_MAX)),
            Key::optional("hour", Shape::Whole(1, COUNT_MAX)),
            Key::optional("day", Shape::Whole(1, COUNT_MAX)),
            Key::optional("low_priority_percent", Shape::Whole(1, 100)),
        ]),
    ),
];

/// What one that is asked beside the first has, beside that.
/// Only one that delivers in batches needs no plan: that is checked with the rest.
pub(super) static FALLBACK: &[Key] = &[Key::optional("plan", PLAN)];

static PROVIDERS: Shape = Shape::List(&Shape::ProviderName);

const WATERFALL: Shape = Shape::Table(&[
    Key::optional("order", Shape::List(&Shape::ProviderName)),
    Key::optional("fields", Shape::Named(&PROVIDERS)),
    Key::optional("verify", Shape::Table(&[Key::optional("email", Shape::ProviderName)])),
    Key::optional("on_exhausted", Shape::OneOf(OnBlocked::VARIANTS)),
    Key::optional("on_unavailable", Shape::OneOf(OnBlocked::VARIANTS)),
    Key::optional("routes", Shape::List(&ROUTE)),
]);

static ROUTE: Shape = Shape::Table(&[
    Key::needed("name", Shape::Text("local-businesses")),
    Key::needed("when", Shape::List(&ROUTE_CONDITION)),
    Key::optional("order", Shape::List(&Shape::ProviderName)),
    Key::optional("fields", Shape::Named(&PROVIDERS)),
    Key::optional("on_exhausted", Shape::OneOf(OnBlocked::VARIANTS)),
    Key::optional("on_unavailable", Shape::OneOf(OnBlocked::VARIANTS)),
]);

static ROUTE_CONDITION: Shape = Shape::Table(&[
    Key::optional("has", Shape::OneOf(Known::VARIANTS)),
    Key::optional("lacks", Shape::OneOf(Known::VARIANTS)),
    Key::optional("property", Shape::Text("industry")),
    Key::optional("blank", Shape::Flag),
    Key::optional("one_of", Shape::List(&WORD)),
    Key::optional("at_least", NUMBER),
    Key::optional("at_most", NUMBER),
]);

/// What the tokens in the addresses are made with that a provider delivers to.
pub(super) static CALLBACK_SECRETS: SecretKey = SecretKey::needed("callback_secrets", SecretRole::ProviderCallback);

const PLAN: Shape = Shape::Table(&[
    Key::needed("anchor", Shape::Day),
    Key::needed("cycle", CADENCE),
    Key::optional("grant_every", CADENCE),
    Key::needed("grant", AMOUNTS),
    Key::optional("value", Shape::Named(&MONEY)),
    Key::optional(
        "trial",
        Shape::Table(&[
            Key::needed("from", Shape::Day),
            Key::optional("days", Shape::Whole(1, DAYS_MAX)),
            Key::needed("grant", AMOUNTS),
        ]),
    ),
    Key::optional("allowances", Shape::List(&ALLOWANCE)),
    Key::optional("packs", Shape::List(&PACK)),
    Key::optional(
        "overage",
        Shape::Table(&[Key::needed("limit", AMOUNTS), Key::needed("price", Shape::Text("0.10 USD"))]),
    ),
]);

static ALLOWANCE: Shape = Shape::Table(&[
    Key::needed("name", Shape::Text("free")),
    Key::needed("action", ACTION),
    Key::needed("every", CADENCE),
    Key::needed("grant", AMOUNTS),
]);

static PACK: Shape = Shape::Table(&[
    Key::needed("name", Shape::Text("extra")),
    Key::needed("from", Shape::Day),
    Key::optional("until", Shape::Day),
    Key::needed("grant", AMOUNTS),
]);

const CAPS: Shape = Shape::Table(&[
    Key::optional("per_day", AMOUNTS),
    Key::optional("per_owner", AMOUNTS),
    Key::optional(
        "per_source",
        Shape::Table(&[
            Key::optional("new-lead", AMOUNTS),
            Key::optional("change", AMOUNTS),
            Key::optional("bulk", AMOUNTS),
            Key::optional("signal", AMOUNTS),
            Key::optional("tam", AMOUNTS),
        ]),
    ),
    Key::optional("money", MONEY_CAPS),
]);

const MONEY_CAPS: Shape = Shape::Table(&[
    Key::optional("per_day", Shape::Money),
    Key::optional("per_owner", Shape::Money),
    Key::optional(
        "per_source",
        Shape::Table(&[
            Key::optional("new-lead", Shape::Money),
            Key::optional("change", Shape::Money),
            Key::optional("bulk", Shape::Money),
            Key::optional("signal", Shape::Money),
            Key::optional("tam", Shape::Money),
        ]),
    ),
]);

const IDENTITY: Shape = Shape::Table(&[
    Key::needed("email", Shape::Text("email")),
    Key::needed("first_name", Shape::Text("firstname")),
    Key::needed("last_name", Shape::Text("lastname")),
    Key::needed("company", Shape::Text("company")),
    Key::needed("website", Shape::Text("website")),
    Key::needed("linkedin_url", Shape::Text("linkedin_url")),
]);

static FIELD: Shape = Shape::Table(&[
    Key::needed("from", Shape::OneOf(ProfileField::VARIANTS)),
    Key::optional("policy", Shape::OneOf(FieldPolicy::VARIANTS)),
    Key::optional("min_confidence", Shape::OneOf(Confidence::VARIANTS)),
]);
