//! Which properties an account has, and adding ours.

use leadgate_enrichment::crm::CrmError;
use leadgate_enrichment::crm::schema::{Property, Takes};
use leadgate_enrichment::ids::ObjectType;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::classify::unreadable;
use super::client::HubSpot;
use crate::loose::{List, Loose, Scalar, read};

/// The group that HubSpot's own properties of people are in: every account has it (recalled, not documented).
const GROUP: &str = "contactinformation";

/// The most properties that are read: an account may have a thousand of its own (recalled), beside HubSpot's 300.
const PROPERTIES_MAX: usize = 5000;
/// The most values of one property that are read.
const CHOICES_MAX: usize = 5000;

/// Answer of `GET …/properties/contacts`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Listed {
    results: List<Loose<Definition>, PROPERTIES_MAX>,
}

/// A property. Of an answer, every field is optional.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Definition {
    name: Scalar,
    #[serde(rename = "type")]
    kind: Scalar,
    calculated: Scalar,
    options: List<Loose<Choice>, CHOICES_MAX>,
    modification_metadata: Loose<Modification>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Choice {
    value: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Modification {
    read_only_value: Scalar,
}

/// Body of `POST …/properties/contacts`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Creation<'a> {
    name: &'a str,
    label: String,
    group_name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    field_type: &'a str,
}

impl HubSpot {
    pub(super) async fn list_properties(&self, object: &ObjectType) -> Result<Vec<Property>, CrmError> {
        let answer = self.send(self.properties_request(Method::GET, object)).await?;
        if answer.status.as_u16() != 200 {
            return Err(answer.failure());
        }
        let Ok(Loose::Object(listed)) = read::<Loose<Listed>>(&answer.body) else {
            return Err(unreadable("not a JSON object"));
        };
        match &listed.results {
            List::Other(_) => Err(unreadable("no list of properties")),
            results => {
                Ok(results.items().iter().filter_map(Loose::as_object).filter_map(Definition::property).collect())
            }
        }
    }

    pub(super) async fn create_property(&self, object: &ObjectType, property: &Property) -> Result<bool, CrmError> {
        let (kind, field_type) = match property.takes {
            Takes::Instant => ("datetime", "date"),
            Takes::Number => ("number", "number"),
            _ => ("string", "text"),
        };
        let name = property.name.as_str();
        let creation = Creation { name, label: label(name), group_name: GROUP, kind, field_type };
        let answer = self.send(self.properties_request(Method::POST, object).json(&creation)).await?;
        match answer.status.as_u16() {
            200 | 201 => Ok(true),
            // It is there already (recalled, not documented).
            409 => Ok(false),
            _ => Err(answer.failure()),
        }
    }
}

impl Definition {
    fn property(&self) -> Option<Property> {
        let is = |scalar: &Scalar| scalar.to_text().as_deref() == Some("true");
        let metadata = self.modification_metadata.as_object();
        let is_read_only = is(&self.calculated) || metadata.is_some_and(|metadata| is(&metadata.read_only_value));
        let takes = match self.kind.as_text()? {
            // HubSpot takes 65,536 characters, more than any value has.
            "string" | "phone_number" => Takes::Text { chars_max: None },
            "number" => Takes::Number,
            "datetime" => Takes::Instant,
            "enumeration" => {
                let choices = self.options.items().iter().filter_map(Loose::as_object);
                Takes::Choice(choices.filter_map(|choice| choice.value.to_text()).collect())
            }
            other => Takes::Other(other.to_owned()),
        };
        Some(Property { name: self.name.as_text()?.to_owned(), takes, is_read_only })
    }
}

/// `leadgate_last_enriched` → `Leadgate last enriched`.
fn label(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
