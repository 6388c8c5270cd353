//! People as ZoomInfo shows them.

use serde_json::{Map, Value, json};

use crate::simulators::apollo::{DoNotCall, Person};

/// Whether a contact has this field.
pub(super) fn has(person: &Person, field: &str) -> bool {
    field == "id" || value(person, field).is_some_and(|value| !value.is_null())
}

/// A record, with the fields that were asked for.
pub(super) fn contact(person: &Person, input: &Value, fields: &[String]) -> Value {
    let mut attributes = Map::new();
    let mut company = Map::new();
    for field in fields {
        let Some(value) = value(person, field) else { continue };
        match field.strip_prefix("company") {
            Some(name) => drop(company.insert(lower_first(name), value)),
            None => drop(attributes.insert(field.clone(), value)),
        }
    }
    if !company.is_empty() {
        attributes.insert("company".to_owned(), Value::Object(company));
    }
    let meta = json!({ "input": input, "matchStatus": "FULL_MATCH" });
    json!({ "id": person.id, "type": "Contact", "attributes": attributes, "meta": meta })
}

/// Nobody, and why.
pub(super) fn no_match(input: &Value, status: &str) -> Value {
    json!({ "id": "0", "type": "NoMatch", "meta": { "input": input, "matchStatus": status } })
}

/// `None` for what isn't there, or isn't a field.
fn value(person: &Person, field: &str) -> Option<Value> {
    let mobile = person.mobile.as_ref();
    let it = person.organization.as_ref();
    Some(match field {
        "firstName" => json!(person.first_name),
        "lastName" => json!(person.last_name),
        "email" => json!(person.email.as_ref()?),
        "jobTitle" => json!(person.title),
        "managementLevel" => json!([person.seniority]),
        "externalUrls" => json!([{ "type": "LinkedIn", "url": person.linkedin_url }]),
        "city" => json!(person.city),
        "state" => json!(person.state),
        "country" => json!(person.country),
        "mobilePhone" => json!(mobile?.number),
        "mobilePhoneDoNotCall" => json!(mobile?.do_not_call == DoNotCall::Listed),
        "contactAccuracyScore" => json!("95"),
        "companyName" => json!(it?.name),
        "companyWebsite" => json!(format!("www.{}", it?.domain)),
        "companyPrimaryIndustry" => json!([it?.industry]),
        "companyEmployeeCount" => json!(it?.employees),
        "companyPhone" => json!(it?.phone),
        "companyRevenueNumeric" => json!(it?.revenue),
        "companyDescription" => json!(it?.description),
        "companyCity" => json!(it?.city),
        "companyCountry" => json!(it?.country),
        _ => return None,
    })
}

/// `EmployeeCount` → `employeeCount`
fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// What an error looks like.
pub(super) fn error(status: u16, code: &str, message: &str) -> Value {
    json!({ "errors": [{ "id": "simulated", "code": code, "status": status.to_string(), "detail": message }] })
}
