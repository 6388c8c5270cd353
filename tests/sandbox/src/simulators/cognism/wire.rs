//! People as Cognism shows them.

use serde_json::{Value, json};

use crate::simulators::apollo::{DoNotCall, EmailStatus, Person};

/// By what a person is redeemed: it names them, their job and their employer.
pub(super) fn redeem_id(person: &Person) -> String {
    let employer = person.organization.as_ref().map(|it| it.id.as_str()).unwrap_or_default();
    format!("redeem-{}-{employer}", person.id)
}

/// Without values: what there is to redeem.
pub(super) fn preview(person: &Person) -> Value {
    let organization = person.organization.as_ref();
    json!({
        "id": person.id,
        "fullName": format!("{} {}", person.first_name, person.last_name),
        "firstName": person.first_name,
        "lastName": person.last_name,
        "jobTitle": person.title,
        "hasEmail": person.email.is_some(),
        "hasMobilePhoneNumbers": person.mobile.is_some(),
        "hasDirectPhoneNumbers": person.direct_phone.is_some(),
        "hasLinkedinUrl": true,
        "redeemId": redeem_id(person),
        "account": organization.map(|it| json!({ "id": it.id, "name": it.name, "hasDomain": true })),
    })
}

/// All that is known.
pub(super) fn contact(person: &Person) -> Value {
    let quality = if person.email_status == EmailStatus::Verified { "HIGH_PLUS" } else { "MEDIUM" };
    let email = person.email.as_ref().map(|email| json!({ "address": email, "quality": quality }));
    let mobile = person.mobile.as_ref().map(|mobile| {
        let listed = mobile.do_not_call == DoNotCall::Listed;
        let (number, label) = (&mobile.number, "DIRECT_DIAL");
        json!({ "number": number, "numberType": "MOBILE", "label": label, "score": 99, "dnc": listed })
    });
    let numbers: Vec<Value> = mobile.into_iter().collect();
    let account = person.organization.as_ref().map(|it| {
        let offices = [
            json!({ "addressType": "office", "city": "Elsewhere", "country": it.country }),
            json!({ "addressType": "hq", "city": it.city, "state": it.state, "country": it.country }),
        ];
        json!({
            "id": it.id,
            "name": it.name,
            "domain": it.domain,
            "website": it.domain,
            "industry": [it.industry],
            "headcount": it.employees,
            "revenue": it.revenue,
            "founded": it.founded_year,
            "shortDescription": it.description,
            "location": offices,
        })
    });
    json!({
        "id": person.id,
        "fullName": format!("{} {}", person.first_name, person.last_name),
        "firstName": person.first_name,
        "lastName": person.last_name,
        "jobTitle": person.title,
        "managementLevel": person.seniority,
        "linkedinUrl": person.linkedin_url,
        "email": email,
        "mobilePhoneNumbers": numbers,
        "city": person.city,
        "state": person.state,
        "country": person.country,
        "redeemId": redeem_id(person),
        "account": account,
    })
}

/// What errors look like: a list.
pub(super) fn error(status: u16, key: &str, message: &str) -> Value {
    json!([{ "key": key, "code": status, "msg": message }])
}
