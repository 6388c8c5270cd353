//! Which fields an organization's contacts have (developer.close.com, "Contacts", "Contact custom fields").

use leadgate_enrichment::crm::CrmError;
use leadgate_enrichment::crm::schema::{Property, Takes};
use leadgate_enrichment::retry::Retry;
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::classify::unreadable;
use super::client::Close;
use super::wire::{CUSTOM, DERIVED, LISTS, OF_LEAD, page};
use crate::loose::{List, Scalar};

/// The most fields on a page.
const FIELDS_MAX: usize = 100;
/// The most pages that are read.
const PAGES_MAX: usize = 10;
/// The most choices of a field that are read.
const CHOICES_MAX: usize = 1000;

/// Close's own fields that may be written, and those that only Close writes.
const OWN: [&str; 2] = ["name", "title"];
const READ_ONLY: [&str; 5] = ["id", "date_created", "date_updated", "created_by", "updated_by"];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Field {
    id: Scalar,
    #[serde(rename = "type")]
    kind: Scalar,
    choices: List<Scalar, CHOICES_MAX>,
}

impl Close {
    /// The fields of contacts, and what a contact has from the lead.
    pub(super) async fn list_fields(&self) -> Result<Vec<Property>, CrmError> {
        let only_read = OF_LEAD.iter().chain(&DERIVED).map(|(name, _)| *name).chain(READ_ONLY);
        let written = OWN.into_iter().chain(LISTS.map(|list| list.property));
        let mut properties: Vec<Property> = only_read.map(|name| text(name, true)).collect();
        properties.extend(written.map(|name| text(name, false)));
        for number in 0..PAGES_MAX {
            let (limit, skip) = (FIELDS_MAX.to_string(), (number * FIELDS_MAX).to_string());
            let query = [("_limit", limit.as_str()), ("_skip", skip.as_str())];
            let answer = self.call(Method::GET, "/custom_field/contact/", &query, None).await?;
            if answer.status != StatusCode::OK {
                return Err(answer.failure());
            }
            let (fields, has_more) =
                page::<Field, FIELDS_MAX>(&answer.body).ok_or_else(|| unreadable("no list of fields"))?;
            properties.extend(fields.into_iter().filter_map(Field::property));
            if !has_more {
                return Ok(properties);
            }
        }
        Err(unreadable("too many fields"))
    }
}

/// Close chooses the ids of custom fields itself: one that is created can't have the name that the configuration has.
pub(super) fn no_creation(property: &Property) -> CrmError {
    let reason = format!(
        "create a custom field for contacts in Close (Settings, Custom fields), and write `{CUSTOM}` and its id in the place \
         of {:?}: Close chooses the id",
        property.name
    );
    CrmError { reason, retry: Retry::Never }
}

fn text(name: &str, is_read_only: bool) -> Property {
    Property { name: name.to_owned(), takes: Takes::Text { chars_max: None }, is_read_only }
}

impl Field {
    fn property(self) -> Option<Property> {
        let name = format!("{CUSTOM}{}", self.id.as_text()?);
        let takes = match self.kind.as_text()? {
            "text" | "textarea" | "url" => Takes::Text { chars_max: None },
            "number" => Takes::Number,
            "datetime" => Takes::Instant,
            "choices" => Takes::Choice(self.choices.items().iter().filter_map(Scalar::to_text).collect()),
            other => Takes::Other(other.to_owned()),
        };
        Some(Property { name, takes, is_read_only: false })
    }
}
