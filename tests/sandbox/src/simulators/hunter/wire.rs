//! People as Hunter shows them.

use serde_json::{Value, json};

use crate::simulators::apollo::{EmailStatus, Person};

/// An address that was found.
pub(super) fn finder(person: &Person) -> Value {
    let organization = person.organization.as_ref();
    let (status, score) = match person.email_status {
        EmailStatus::Verified => ("valid", 97),
        EmailStatus::Extrapolated | EmailStatus::Unavailable => ("accept_all", 71),
    };
    json!({
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "score": score,
        "domain": organization.map(|it| it.domain.clone()),
        "accept_all": status == "accept_all",
        "position": person.title,
        "linkedin_url": person.linkedin_url,
        "phone_number": organization.map(|it| it.phone.clone()),
        "company": organization.map(|it| it.name.clone()),
        "sources": [],
        "verification": { "date": "2026-01-01", "status": status },
    })
}

/// What is known of an address.
pub(super) fn combined(person: &Person) -> Value {
    let handle = person.linkedin_url.rsplit('/').next().unwrap_or_default();
    let company = person.organization.as_ref().map(|it| {
        json!({
            "id": it.id,
            "name": it.name,
            "domain": it.domain,
            "site": { "phoneNumbers": [it.phone], "emailAddresses": [] },
            "category": { "industry": it.industry },
            "description": it.description,
            "foundedYear": it.founded_year,
            "geo": { "city": it.city, "state": it.state, "country": it.country },
            "metrics": { "employees": it.employees, "raised": it.funding, "annualRevenue": it.revenue },
        })
    });
    let organization = person.organization.as_ref();
    json!({
        "person": {
            "id": person.id,
            "name": {
                "fullName": format!("{} {}", person.first_name, person.last_name),
                "givenName": person.first_name,
                "familyName": person.last_name,
            },
            "email": person.email,
            "geo": { "city": person.city, "state": person.state, "country": person.country },
            "employment": {
                "domain": organization.map(|it| it.domain.clone()),
                "name": organization.map(|it| it.name.clone()),
                "title": person.title,
                "seniority": person.seniority,
            },
            "linkedin": { "handle": handle },
            "phone": null,
        },
        "company": company,
    })
}

/// What it says of an address that it was asked to check.
pub(super) fn verified(address: &str, verdict: &str) -> Value {
    let (result, score) = match verdict {
        "valid" => ("deliverable", 98),
        "invalid" => ("undeliverable", 0),
        "unknown" => ("unknown", 50),
        _ => ("risky", 71),
    };
    json!({
        "status": verdict,
        "result": result,
        "score": score,
        "email": address,
        "regexp": true,
        "gibberish": false,
        "disposable": verdict == "disposable",
        "webmail": verdict == "webmail",
        "mx_records": true,
        "smtp_server": verdict != "unknown",
        "smtp_check": verdict == "valid",
        "accept_all": verdict == "accept_all",
        "block": false,
        "sources": [],
    })
}

/// What an error looks like.
pub(super) fn error(status: u16, id: &str, details: &str) -> Value {
    json!({ "errors": [{ "id": id, "code": status, "details": details }] })
}
