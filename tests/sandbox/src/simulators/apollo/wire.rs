//! The shapes in which Apollo answers: the whole set of keys, with `null` for what isn't known.

use serde_json::{Value, json};

use super::organizations::Organization;
use super::people::Person;

/// A person.
pub(super) fn person(person: &Person) -> Value {
    let organization = person.organization.as_ref();
    json!({
        "id": person.id,
        "first_name": known(&person.first_name),
        "last_name": known(&person.last_name),
        "name": known(format!("{} {}", person.first_name, person.last_name).trim()),
        "linkedin_url": known(&person.linkedin_url),
        "title": known(&person.title),
        "email_status": person.email_status.as_str(),
        "photo_url": null,
        "twitter_url": null,
        "github_url": null,
        "facebook_url": null,
        "extrapolated_email_confidence": null,
        "headline": known(&person.headline),
        "email": person.email,
        "organization_id": organization.map(|organization| &organization.id),
        "employment_history": organization.map_or_else(|| json!([]), |it| json!([employment(person, it)])),
        "state": known(&person.state),
        "city": known(&person.city),
        "country": known(&person.country),
        "contact_id": null,
        "contact": null,
        "revealed_for_current_team": true,
        "organization": organization.map(self::organization),
        "is_likely_to_engage": false,
        "show_intent": false,
        "departments": person.departments,
        "subdepartments": [],
        "functions": [],
        "seniority": known(&person.seniority),
    })
}

/// The amounts that are told of an organization alone, and not of several.
const AMOUNTS: [&str; 4] = ["annual_revenue", "annual_revenue_printed", "total_funding", "total_funding_printed"];

/// A person as one of several. By the schema and the example of `people/bulk_match`, the employer is without amounts and
/// descriptions; by the example with a waterfall, there is none.
pub(super) fn one_of_several(mut person: Value, waterfall: bool) -> Value {
    if waterfall && let Some(keys) = person.as_object_mut() {
        keys.remove("organization");
    }
    if let Some(employer) = person.get_mut("organization").and_then(Value::as_object_mut) {
        employer.retain(|key, _| !AMOUNTS.contains(&key.as_str()));
        employer.retain(|key, _| !["short_description", "seo_description"].contains(&key.as_str()));
    }
    person
}

/// A person of whom nothing is known: one of the ways to say that there is no match.
pub(super) fn nobody() -> Value {
    let mut blank = person(&Person::new("", "", ""));
    if let Some(keys) = blank.as_object_mut() {
        keys.values_mut().for_each(|value| *value = Value::Null);
    }
    blank
}

/// Credits as Apollo writes them: whole where they are, and else with a fraction.
pub(super) fn credits(milli: i64) -> Value {
    if milli % 1000 == 0 {
        return json!(milli / 1000);
    }
    #[expect(clippy::cast_precision_loss, reason = "pools are far below 2^53")]
    let milli = milli as f64;
    json!(milli / 1000.0)
}

fn employment(person: &Person, organization: &Organization) -> Value {
    json!({
        "_id": person.id,
        "id": person.id,
        "key": person.id,
        "created_at": null,
        "updated_at": null,
        "current": true,
        "degree": null,
        "description": null,
        "emails": null,
        "start_date": null,
        "end_date": null,
        "grade_level": null,
        "kind": null,
        "major": null,
        "organization_id": organization.id,
        "organization_name": organization.name,
        "raw_address": null,
        "title": known(&person.title),
    })
}

/// An organization as those see it who asked for one, rather than for a person.
pub(super) fn whole_organization(organization: &Organization) -> Value {
    let mut whole = self::organization(organization);
    whole["account_id"] = Value::Null;
    whole["account"] = Value::Null;
    whole["departmental_head_count"] = json!({ "engineering": 0, "sales": 0, "media_and_commmunication": 0 });
    for period in ["six", "twelve", "twenty_four"] {
        whole[format!("organization_headcount_{period}_month_growth")] = Value::Null;
    }
    whole
}

/// The same as one of several. By the schema and the example of `organizations/bulk_enrich`, it is without amounts.
pub(super) fn organization_of_several(organization: &Organization) -> Value {
    let mut whole = whole_organization(organization);
    if let Some(keys) = whole.as_object_mut() {
        keys.retain(|key, _| !AMOUNTS.contains(&key.as_str()));
    }
    whole
}

/// An organization.
pub(super) fn organization(organization: &Organization) -> Value {
    let mut all = unknown_of_organization();
    let known_ones = json!({
        "id": organization.id,
        "name": known(&organization.name),
        "website_url": known(&organization.domain).map(|domain| format!("http://www.{domain}")),
        "primary_phone": primary_phone(&organization.phone),
        "phone": known(&organization.phone),
        "founded_year": Some(organization.founded_year).filter(|year| *year > 0),
        "annual_revenue": dollars(organization.revenue),
        "annual_revenue_printed": printed(organization.revenue),
        "total_funding": Some(organization.funding).filter(|funding| *funding > 0),
        "total_funding_printed": printed(organization.funding),
        "short_description": known(&organization.description),
        "primary_domain": known(&organization.domain),
        "industry": known(&organization.industry),
        "industries": known(&organization.industry).into_iter().collect::<Vec<_>>(),
        "estimated_num_employees": Some(organization.employees).filter(|employees| *employees > 0),
        "city": known(&organization.city),
        "state": known(&organization.state),
        "country": known(&organization.country),
    });
    if let (Some(all), Value::Object(known_ones)) = (all.as_object_mut(), known_ones) {
        all.extend(known_ones);
    }
    all
}

/// Apollo writes revenue with a fraction, and funding without one.
fn dollars(amount: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "nobody earns 2^53 dollars a year")]
    (amount > 0).then_some(amount as f64)
}

/// `12_500_000` → `12.5M`.
fn printed(amount: u64) -> Option<String> {
    let tenths = |unit: u64| (amount / unit, amount % unit * 10 / unit);
    let (whole, tenth, letter) = match amount {
        0 => return None,
        1..1_000_000 => (tenths(1000).0, tenths(1000).1, "K"),
        1_000_000..1_000_000_000 => (tenths(1_000_000).0, tenths(1_000_000).1, "M"),
        _ => (tenths(1_000_000_000).0, tenths(1_000_000_000).1, "B"),
    };
    Some(if tenth == 0 { format!("{whole}{letter}") } else { format!("{whole}.{tenth}{letter}") })
}

fn primary_phone(number: &str) -> Value {
    let digits: String = number.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    match known(number) {
        Some(number) => json!({ "number": number, "source": "Scraped", "sanitized_number": digits }),
        None => json!({}),
    }
}

/// The keys that an organization has beside those that the simulator knows something for.
fn unknown_of_organization() -> Value {
    json!({
        "blog_url": null,
        "angellist_url": null,
        "linkedin_url": null,
        "twitter_url": null,
        "facebook_url": null,
        "languages": [],
        "num_languages": 0,
        "alexa_ranking": null,
        "linkedin_uid": null,
        "publicly_traded_symbol": null,
        "publicly_traded_exchange": null,
        "logo_url": null,
        "crunchbase_url": null,
        "secondary_industries": [],
        "keywords": [],
        "snippets_loaded": true,
        "industry_tag_id": null,
        "industry_tag_hash": {},
        "retail_location_count": 0,
        "num_retail_locations": 0,
        "raw_address": null,
        "street_address": null,
        "postal_code": null,
        "owned_by_organization_id": null,
        "seo_description": null,
        "short_description": null,
        "suborganizations": [],
        "num_suborganizations": 0,
        "annual_revenue": null,
        "annual_revenue_printed": null,
        "total_funding": null,
        "total_funding_printed": null,
        "latest_funding_round_date": null,
        "latest_funding_stage": null,
        "funding_events": [],
        "technology_names": [],
        "current_technologies": [],
        "org_chart_root_people_ids": [],
        "org_chart_sector": null,
        "org_chart_removed": null,
        "org_chart_show_department_filter": null,
    })
}

fn known(value: &str) -> Option<&str> {
    (!value.is_empty()).then_some(value)
}
