//! Which fields a company's persons have (developers.pipedrive.com, "API v2 reference": `GET /personFields`; the models of
//! Pipedrive's own client).

use leadgate_enrichment::crm::CrmError;
use leadgate_enrichment::crm::schema::{Property, Takes};
use leadgate_enrichment::retry::Retry;
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::classify::unreadable;
use super::client::Pipedrive;
use super::wire::{LISTS, OF_ORGANIZATION, page};
use crate::loose::Scalar;

/// The most fields on a page (documented).
const FIELDS_MAX: usize = 500;
/// The most pages that are read: a company has far fewer fields of its own.
const PAGES_MAX: usize = 10;

/// A text of one line has so many characters (support.pipedrive.com, "Custom fields").
const LINE_CHARS_MAX: usize = 255;

/// Parts of the name, which are read and never written: Pipedrive takes a name as one.
pub(super) const OF_NAME: [&str; 2] = ["first_name", "last_name"];

/// What Pipedrive itself keeps, as far as a mapping may name it.
const READ_ONLY: [&str; 5] = ["id", "add_time", "update_time", "is_deleted", "picture_id"];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Field {
    field_code: Scalar,
    field_type: Scalar,
}

impl Pipedrive {
    /// The fields of persons, and what a person has from the organization.
    pub(super) async fn list_fields(&self) -> Result<Vec<Property>, CrmError> {
        let mut properties: Vec<Property> = OF_ORGANIZATION.iter().map(|(name, _)| only_read(name)).collect();
        properties.extend(OF_NAME.iter().map(|name| only_read(name)));
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut query = vec![("limit", "500")];
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let answer = self.call(Method::GET, "/personFields", &query, None).await?;
            if answer.status != StatusCode::OK {
                return Err(answer.failure());
            }
            let (fields, next) =
                page::<Field, FIELDS_MAX>(&answer.body).ok_or_else(|| unreadable("no list of fields"))?;
            let found = fields.into_iter().filter_map(Field::property);
            properties.extend(found.filter(|it| !OF_NAME.contains(&it.name.as_str())));
            cursor = next;
            if cursor.is_none() {
                return Ok(properties);
            }
        }
        Err(unreadable("too many fields"))
    }
}

/// Pipedrive chooses the keys of custom fields itself: one that is created can't have the name that the configuration has.
pub(super) fn no_creation(property: &Property) -> CrmError {
    let reason = format!(
        "create a text field for persons in Pipedrive (Company settings, Data fields), and write its API key in the place \
         of {:?}: Pipedrive chooses the key",
        property.name
    );
    CrmError { reason, retry: Retry::Never }
}

fn only_read(name: &str) -> Property {
    Property { name: name.to_owned(), takes: Takes::Text { chars_max: None }, is_read_only: true }
}

impl Field {
    fn property(self) -> Option<Property> {
        let code = self.field_code.as_text()?;
        // A list goes by the name of its primary entry.
        let list = LISTS.iter().find(|(name, list)| [*name, *list].contains(&code));
        let name = list.map_or(code, |(name, _)| name);
        let takes = match self.field_type.as_text()? {
            _ if list.is_some() => Takes::Text { chars_max: None },
            "varchar" => Takes::Text { chars_max: Some(LINE_CHARS_MAX) },
            "varchar_auto" | "text" | "phone" => Takes::Text { chars_max: None },
            "int" | "double" => Takes::Number,
            other => Takes::Other(other.to_owned()),
        };
        Some(Property { name: name.to_owned(), takes, is_read_only: READ_ONLY.contains(&name) })
    }
}
