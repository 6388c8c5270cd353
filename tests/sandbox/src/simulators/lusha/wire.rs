//! People as Lusha shows them.

use serde_json::{Value, json};

use crate::simulators::apollo::{DoNotCall, EmailStatus, Person};

/// Without addresses and numbers, and with what they would cost.
pub(super) fn preview(person: &Person) -> Value {
    let mut shown = shown(person);
    let emails = person.email.as_ref().map(|_| json!({ "field": "emails", "credits": 1 }));
    let phones = person.mobile.as_ref().map(|_| json!({ "field": "phones", "credits": 5 }));
    shown["canReveal"] = emails.into_iter().chain(phones).collect();
    shown
}

/// With what was asked for: addresses, numbers.
pub(super) fn revealed(person: &Person, [emails, phones]: [bool; 2]) -> Value {
    let mut shown = shown(person);
    let grade = if person.email_status == EmailStatus::Verified { "A+" } else { "C" };
    let email = person.email.as_ref().filter(|_| emails);
    let email = email.map(|email| json!({ "email": email, "type": "work", "confidence": grade }));
    let mobile = person.mobile.as_ref().filter(|_| phones);
    let mobile = mobile.map(|mobile| {
        let listed = mobile.do_not_call == DoNotCall::Listed;
        json!({ "number": mobile.number, "type": "mobile", "doNotCall": listed })
    });
    shown["emails"] = email.into_iter().collect();
    shown["phones"] = mobile.into_iter().collect();
    shown
}

fn shown(person: &Person) -> Value {
    let company = person.organization.as_ref().map(
        |it| json!({ "id": it.id, "name": it.name, "domain": format!("www.{}", it.domain), "industry": it.industry }),
    );
    json!({
        "id": person.id,
        "firstName": person.first_name,
        "lastName": person.last_name,
        "jobTitle": { "title": person.title, "departments": person.departments, "seniority": person.seniority },
        "location": { "city": person.city, "state": person.state, "country": person.country },
        "company": company,
        "socialLinks": { "linkedin": person.linkedin_url },
    })
}

/// What an error looks like.
pub(super) fn error(status: u16, message: &str) -> Value {
    json!({ "statusCode": status, "message": message })
}
