//! Finding a person by the address, and creating one (docs.attio.com, "Filtering and sorting", "Create a person Record").
//! Attio keeps `email_addresses` unique: who is there already is never created again.

use leadgate_enrichment::crm::{Created, CrmError};
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::retry::Retry;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::classify::unreadable;
use super::client::Attio;
use super::wire::{Complaint, EMAILS, PEOPLE, Place, RECORDS_MAX, Row, list_of, many, place, row, update};

/// How often a person is sent: with everything, and without attributes that Attio refuses.
const TRIES_MAX: usize = 3;

/// The attribute with the parts of the name.
const NAME: &str = "name";
/// Its parts, in the order of the third one. A write gives all three ("Attribute types": Personal name).
const FIRST_LAST_FULL: [&str; 3] = ["first_name", "last_name", "full_name"];

/// Attio's word for a value that another record has, of an attribute that is unique. Others have seen it with the status 400,
/// and with a sentence that names the attribute by its id.
const UNIQUENESS: &str = "uniqueness_conflict";

impl Attio {
    /// Nothing is said of how soon a query has who is new.
    pub(super) async fn with_email(&self, email: &str) -> Result<Option<String>, CrmError> {
        let filter = json!({ EMAILS: { "email_address": { "$eq": email } } });
        let body = json!({ "filter": filter, "limit": RECORDS_MAX, "offset": 0 });
        let path = format!("/objects/{}/records/query", PEOPLE.as_str());
        let answer = self.call(Method::POST, &path, Some(&body)).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.failure());
        }
        let rows = many::<Row, RECORDS_MAX>(&answer.body).ok_or_else(|| unreadable("no list of records"))?;
        // Who hasn't the address is another person, whatever was asked.
        let has_it = |row: &Row| row.texts(EMAILS).iter().any(|there| there.eq_ignore_ascii_case(email));
        Ok(rows.into_iter().filter(has_it).filter_map(|row| row.id()).min())
    }

    /// Creates a person, without the attributes that Attio refuses. What a company has is left out.
    pub(super) async fn create(&self, properties: &Patch) -> Result<Created, CrmError> {
        let mut values = new_person(properties);
        let mut rejection = String::new();
        for _ in 0..TRIES_MAX {
            let path = format!("/objects/{}/records", PEOPLE.as_str());
            let answer = self.call(Method::POST, &path, Some(&update(values.clone().into()))).await?;
            if matches!(answer.status, StatusCode::OK | StatusCode::CREATED) {
                let id = row(&answer.body).and_then(|row| row.id());
                let id = id.ok_or_else(|| unreadable("no person who was created"))?;
                return Ok(Created::Record(PEOPLE, id));
            }
            let (failure, complaint) = (answer.failure(), Complaint::read(&answer.body));
            if complaint.code() == Some(UNIQUENESS) {
                let there = self.with_email(properties.get(EMAILS).map_or("", String::as_str)).await?;
                let there = there.ok_or_else(|| unreadable("a conflict with no person"))?;
                return Ok(Created::Record(PEOPLE, there));
            }
            if failure.retry != Retry::Never || !complaint.is_attios() {
                return Err(failure);
            }
            rejection = failure.reason;
            let before = values.len();
            values.retain(|attribute, _| attribute == EMAILS || !complaint.is_about(attribute));
            if values.len() == before {
                break;
            }
        }
        Ok(Created::Rejected(rejection))
    }
}

fn new_person(properties: &Patch) -> Map<String, Value> {
    let mut values = Map::new();
    for (property, value) in properties {
        match (place(property), list_of(property)) {
            (Place::OfCompany(_) | Place::Part(..), _) => {}
            (Place::Own(attribute), Some(_)) => drop(values.insert(attribute.to_owned(), json!([value]))),
            (Place::Own(attribute), None) => drop(values.insert(attribute.to_owned(), value.as_str().into())),
        }
    }
    let part = |part: &str| properties.get(&format!("{NAME}.{part}")).map_or("", String::as_str);
    let [first, last, full] = FIRST_LAST_FULL;
    let name = [part(first), part(last)].join(" ").trim().to_owned();
    if !name.is_empty() {
        values.insert(NAME.to_owned(), json!({ first: part(first), last: part(last), full: name }));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_the_whole_name_and_nothing_of_a_company() {
        let of = |named: &[(&str, &str)]| {
            Value::from(new_person(
                &named.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ))
        };
        let named = [
            ("email_addresses", "ada@x.example"),
            ("name.last_name", "Lovelace"),
            ("company", "Engine"),
            ("website", "x.example"),
            ("linkedin", "linkedin.com/in/ada"),
        ];
        let name = json!({ "first_name": "", "last_name": "Lovelace", "full_name": "Lovelace" });
        let expected = json!({ "email_addresses": ["ada@x.example"], "name": name, "linkedin": "linkedin.com/in/ada" });
        assert_eq!(of(&named), expected);
        assert_eq!(of(&named[..1]), json!({ "email_addresses": ["ada@x.example"] }));
    }
}
