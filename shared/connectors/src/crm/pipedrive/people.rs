//! Finding a person by the address, and creating one (developers.pipedrive.com, "API v2 reference": "Search persons", "Add a
//! person"). Any number of persons may have the same address: of several it is the oldest, so that it is always the same.

use leadgate_enrichment::crm::{Created, CrmError};
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::retry::Retry;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::classify::unreadable;
use super::client::Pipedrive;
use super::wire::{CUSTOM_FIELDS, Complaint, PERSON, Place, Row, is_custom, list_of, place, row};
use crate::loose::{List, Loose, Scalar, read};

/// How many of those who have the same address are looked at.
const FOUND_MAX: usize = 100;
/// Parts of the name, which is written as a whole.
const NAMES: [&str; 2] = ["first_name", "last_name"];

/// The answer of a search.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Found {
    success: Scalar,
    data: Loose<Items>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Items {
    items: List<Loose<Item>, FOUND_MAX>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Item {
    item: Loose<Row>,
}

impl Pipedrive {
    /// The search sees what was created a moment ago only after a while.
    pub(super) async fn with_email(&self, email: &str) -> Result<Option<String>, CrmError> {
        let query = [("term", email), ("fields", "email"), ("exact_match", "true"), ("limit", "100")];
        let answer = self.call(Method::GET, "/persons/search", &query, None).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.failure());
        }
        let found = read::<Loose<Found>>(&answer.body).ok().and_then(Loose::into_object);
        let data = found.filter(|found| found.success == Scalar::Boolean(true)).map(|found| found.data);
        let Some(Items { items: items @ List::Of { .. } }) = data.and_then(Loose::into_object) else {
            return Err(unreadable("no list of what was found"));
        };
        let rows = items.into_objects().into_iter().filter_map(|item| item.item.into_object());
        Ok(rows.filter_map(|row| row.id()).min_by_key(|id| id.parse::<u64>().unwrap_or(u64::MAX)))
    }

    /// Creates a person. A person has to have a name: where none is known, the address stands there. What an organization
    /// has is left out.
    pub(super) async fn create(&self, properties: &Patch) -> Result<Created, CrmError> {
        let body = new_person(properties);
        let answer = self.call(Method::POST, "/persons", &[], Some(&body)).await?;
        if !matches!(answer.status, StatusCode::OK | StatusCode::CREATED) {
            let failure = answer.failure();
            let is_about_it = failure.retry == Retry::Never && Complaint::read(&answer.body).is_pipedrives();
            return if is_about_it { Ok(Created::Rejected(failure.reason)) } else { Err(failure) };
        }
        let id = row(&answer.body).and_then(|row| row.id()).ok_or_else(|| unreadable("no person who was created"))?;
        Ok(Created::Record(PERSON, id))
    }
}

fn new_person(properties: &Patch) -> Value {
    let (mut fields, mut custom) = (Map::new(), Map::new());
    for (property, value) in properties {
        match (place(property), list_of(property)) {
            (Place::OfOrganization(_), _) => {}
            (_, Some(list)) => {
                let entry = json!([{ "value": value, "primary": true, "label": "work" }]);
                fields.insert(list.to_owned(), entry);
            }
            (Place::Own(name), None) if is_custom(name) => drop(custom.insert(name.to_owned(), value.as_str().into())),
            (Place::Own(name), None) if NAMES.contains(&name) => {}
            (Place::Own(name), None) => drop(fields.insert(name.to_owned(), value.as_str().into())),
        }
    }
    let names: Vec<&str> = NAMES.iter().filter_map(|name| properties.get(*name)).map(String::as_str).collect();
    let email = properties.get("email").map(String::as_str);
    let name = if names.is_empty() { email.unwrap_or_default().to_owned() } else { names.join(" ") };
    fields.insert("name".to_owned(), name.into());
    if !custom.is_empty() {
        fields.insert(CUSTOM_FIELDS.to_owned(), custom.into());
    }
    fields.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_a_name_and_nothing_of_an_organization() {
        let of = |named: &[(&str, &str)]| {
            new_person(&named.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        let entry = json!([{ "value": "ada@x.example", "primary": true, "label": "work" }]);
        let named = [("email", "ada@x.example"), ("first_name", "Ada"), ("last_name", "L"), ("company", "Engine")];
        assert_eq!(of(&named), json!({ "name": "Ada L", "emails": entry }));
        let key = "0123456789abcdef0123456789abcdef01234567";
        let bare = json!({ "name": "ada@x.example", "emails": entry, "custom_fields": { key: "linkedin.com/in/ada" } });
        assert_eq!(of(&[("email", "ada@x.example"), (key, "linkedin.com/in/ada")]), bare);
    }
}
