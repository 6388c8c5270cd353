//! People as People Data Labs shows them.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::simulators::apollo::Person;

/// A person in an answer, and how sure it is that they are the one who was meant.
pub(super) struct Shown {
    pub(super) likelihood: i64,
    pub(super) data: Map<String, Value>,
}

/// A person. Head counts are ranges, and a mobile number is there at once.
pub(super) fn person(person: &Person) -> Shown {
    let organization = person.organization.as_ref();
    let company = |value: fn(&crate::simulators::apollo::Organization) -> Value| organization.map(value);
    let digest = Sha256::digest(person.id.as_bytes());
    let data = json!({
        "id": format!("{}_0000", &person.id[..20]),
        "full_name": format!("{} {}", person.first_name, person.last_name),
        "first_name": person.first_name,
        "last_name": person.last_name,
        "work_email": person.email,
        "mobile_phone": person.mobile.as_ref().map(|mobile| mobile.number.clone()),
        "job_title": person.title,
        "job_title_levels": [person.seniority],
        "headline": person.headline,
        "linkedin_url": person.linkedin_url.trim_start_matches("http://www."),
        "location_locality": person.city,
        "location_region": person.state,
        "location_country": person.country,
        "job_company_name": company(|it| json!(it.name)),
        "job_company_website": company(|it| json!(it.domain)),
        "job_company_industry": company(|it| json!(it.industry)),
        "job_company_size": company(|it| json!(if it.employees > 50 { "51-200" } else { "1-50" })),
        "job_company_employee_count": company(|it| json!(it.employees)),
        "job_company_founded": company(|it| json!(it.founded_year)),
        "job_company_location_locality": company(|it| json!(it.city)),
        "job_company_location_country": company(|it| json!(it.country)),
    });
    let likelihood = 4 + i64::from(digest[0] % 7);
    Shown { likelihood, data: data.as_object().cloned().unwrap_or_default() }
}

/// What an error looks like.
pub(super) fn error(status: u16, kind: &str, message: &str) -> Value {
    json!({ "status": status, "error": { "type": kind, "message": message } })
}
