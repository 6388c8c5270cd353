//! Which fields an org's leads have (zoho.com/crm, "REST API v8": Fields metadata). A mapping has the names of leads.

use leadgate_enrichment::crm::CrmError;
use leadgate_enrichment::crm::schema::{Property, Takes};
use leadgate_enrichment::retry::Retry;
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::classify::unreadable;
use super::client::Zoho;
use super::wire::LEADS;
use crate::loose::{List, Loose, Scalar, read};

/// The most fields that are read: a module has some hundreds.
const FIELDS_MAX: usize = 1000;
/// The most values of a list that are read.
const CHOICES_MAX: usize = 1000;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    fields: List<Loose<Field>, FIELDS_MAX>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Field {
    api_name: Scalar,
    data_type: Scalar,
    length: Scalar,
    read_only: Scalar,
    field_read_only: Scalar,
    pick_list_values: List<Loose<Choice>, CHOICES_MAX>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice {
    actual_value: Scalar,
}

impl Zoho {
    pub(super) async fn list_fields(&self) -> Result<Vec<Property>, CrmError> {
        let module = LEADS;
        let query = [("module", module.as_str())];
        let answer = self.call(Method::GET, "/settings/fields", &query, None).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.failure());
        }
        let answer = read::<Loose<Answer>>(&answer.body).ok().and_then(Loose::into_object).unwrap_or_default();
        match answer.fields {
            List::Of { total, .. } if total > FIELDS_MAX => Err(unreadable("too many fields")),
            List::Other(_) => Err(unreadable("no list of fields")),
            fields @ List::Of { .. } => Ok(fields.into_objects().into_iter().filter_map(Field::property).collect()),
        }
    }
}

/// Zoho names a field by itself, after its label.
pub(super) fn no_creation(property: &Property) -> CrmError {
    let reason = format!(
        "create a field for leads (and one for contacts) in Zoho CRM (Setup, Modules and fields) whose API name is {:?}",
        property.name
    );
    CrmError { reason, retry: Retry::Never }
}

impl Field {
    fn property(self) -> Option<Property> {
        let name = self.api_name.as_text()?.to_owned();
        let chars_max = self.length.to_integer().and_then(|length| usize::try_from(length).ok());
        let choices = || {
            let choices = self.pick_list_values.items().iter().filter_map(Loose::as_object);
            choices.filter_map(|choice| choice.actual_value.to_text()).collect()
        };
        let takes = match self.data_type.as_text()? {
            "text" | "textarea" | "email" | "phone" | "website" => Takes::Text { chars_max },
            "picklist" => Takes::Choice(choices()),
            "integer" | "bigint" | "double" | "currency" => Takes::Number,
            "datetime" => Takes::Instant,
            other => Takes::Other(other.to_owned()),
        };
        let is_read_only = [self.read_only, self.field_read_only].contains(&Scalar::Boolean(true));
        Some(Property { name, takes, is_read_only })
    }
}
