//! What the simulated routine tells of a person.

use serde_json::{Map, Value, json};

use crate::simulators::apollo::{EmailStatus, Person};

/// All that is known, under the names of the configuration. What isn't known is null.
pub(super) fn person(person: &Person) -> Value {
    let status = if person.email_status == EmailStatus::Verified { "verified" } else { "guessed" };
    let organization = person.organization.as_ref();
    let of = |value: Option<Value>| value.unwrap_or_default();
    let known = [
        ("email", json!(person.email)),
        ("email_status", json!(person.email.as_ref().map(|_| status))),
        ("first_name", json!(person.first_name)),
        ("last_name", json!(person.last_name)),
        ("title", json!(person.title)),
        ("headline", json!(person.headline)),
        ("seniority", json!(person.seniority)),
        ("linkedin_url", json!(person.linkedin_url)),
        ("city", json!(person.city)),
        ("state", json!(person.state)),
        ("country", json!(person.country)),
        ("mobile_phone", json!(person.mobile.as_ref().map(|mobile| &mobile.number))),
        ("company_name", of(organization.map(|it| json!(it.name)))),
        ("company_domain", of(organization.map(|it| json!(it.domain)))),
        ("company_industry", of(organization.map(|it| json!(it.industry)))),
        ("company_employees", of(organization.map(|it| json!(it.employees)))),
    ];
    Value::Object(known.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}
