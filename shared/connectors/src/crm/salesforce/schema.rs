//! Which fields an org's leads and contacts have (developer.salesforce.com, "sObject Describe").

use leadgate_enrichment::crm::CrmError;
use leadgate_enrichment::crm::schema::{Property, Takes};
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::retry::Retry;
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::classify::unreadable;
use super::client::{NOTHING, Salesforce};
use super::wire::{CONTACT, LEAD};
use crate::loose::{List, Loose, Scalar, read};

/// The most fields that are read: an object has 800 of an org's own at most, beside Salesforce's.
const FIELDS_MAX: usize = 2000;
/// The most values of one picklist that are read.
const CHOICES_MAX: usize = 2000;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Described {
    fields: List<Loose<Field>, FIELDS_MAX>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Field {
    name: Scalar,
    #[serde(rename = "type")]
    kind: Scalar,
    length: Scalar,
    updateable: Scalar,
    restricted_picklist: Scalar,
    picklist_values: List<Loose<Choice>, CHOICES_MAX>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice {
    active: Scalar,
    value: Scalar,
}

impl Salesforce {
    /// The fields of leads, whose names a mapping has, or of contacts.
    pub(super) async fn describe(&self, object: &ObjectType) -> Result<Vec<Property>, CrmError> {
        let object = if *object == CONTACT { CONTACT } else { LEAD };
        let answer = self.call(Method::GET, &format!("/sobjects/{object}/describe"), NOTHING).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.failure());
        }
        let described = read::<Loose<Described>>(&answer.body).ok().and_then(Loose::into_object);
        match described.map(|described| described.fields) {
            Some(fields @ List::Of { .. }) => {
                Ok(fields.into_objects().into_iter().filter_map(Field::property).collect())
            }
            _ => Err(unreadable("no list of fields")),
        }
    }
}

/// Fields are created in Setup: by the API only with rights that Leadgate's user is not to have.
pub(super) fn no_creation(property: &Property) -> CrmError {
    let reason = format!("create {:?} in the org's Setup, on leads and on contacts: Leadgate can't", property.name);
    CrmError { reason, retry: Retry::Never }
}

impl Field {
    fn property(self) -> Option<Property> {
        let takes = match self.kind.as_text()? {
            "picklist" | "multipicklist" if self.restricted_picklist == Scalar::Boolean(true) => self.choices(),
            "string" | "textarea" | "phone" | "url" | "email" | "combobox" | "picklist" | "multipicklist" => {
                let chars_max = self.length.as_integer().and_then(|length| usize::try_from(length).ok());
                Takes::Text { chars_max: chars_max.filter(|length| *length > 0) }
            }
            "int" | "double" | "currency" | "percent" => Takes::Number,
            "datetime" => Takes::Instant,
            other => Takes::Other(other.to_owned()),
        };
        let is_read_only = self.updateable != Scalar::Boolean(true);
        Some(Property { name: self.name.as_text()?.to_owned(), takes, is_read_only })
    }

    fn choices(&self) -> Takes {
        let choices = self.picklist_values.items().iter().filter_map(Loose::as_object);
        let active = choices.filter(|choice| choice.active != Scalar::Boolean(false));
        Takes::Choice(active.filter_map(|choice| choice.value.to_text()).collect())
    }
}
