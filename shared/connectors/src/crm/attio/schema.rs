//! Which attributes a workspace's people have (docs.attio.com, "List attributes", "Create an attribute", "Attribute types").

use leadgate_enrichment::crm::CrmError;
use leadgate_enrichment::crm::schema::{Property, Takes};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::classify::unreadable;
use super::client::Attio;
use super::wire::{Complaint, OF_COMPANY, PEOPLE, many};
use crate::loose::{Loose, Scalar};

/// The most attributes that are read; more than any workspace was seen to have.
const ATTRIBUTES_MAX: usize = 500;

/// The parts of a name and of a location, which are read and never written by themselves.
const PARTS: [(&str, &[&str]); 2] = [
    ("personal-name", &["first_name", "last_name", "full_name"]),
    ("location", &["locality", "region", "postcode", "country_code"]),
];

/// What Attio itself keeps.
const READ_ONLY: [&str; 3] = ["record_id", "created_at", "created_by"];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Attribute {
    id: Loose<Id>,
    api_slug: Scalar,
    #[serde(rename = "type")]
    kind: Scalar,
    is_archived: Scalar,
    is_writable: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Id {
    attribute_id: Scalar,
}

impl Attio {
    /// The attributes of people, by their slugs and, for events, by their ids, and what a person has from the company.
    pub(super) async fn list_attributes(&self) -> Result<Vec<Property>, CrmError> {
        let path = format!("/objects/{}/attributes?limit={ATTRIBUTES_MAX}", PEOPLE.as_str());
        let answer = self.call(Method::GET, &path, None).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.failure());
        }
        let attributes = many::<Attribute, ATTRIBUTES_MAX>(&answer.body);
        let attributes = attributes.ok_or_else(|| unreadable("no list of attributes"))?;
        let there = attributes.iter().filter(|attribute| attribute.is_archived != Scalar::Boolean(true));
        let mut properties: Vec<Property> = OF_COMPANY.iter().map(|(name, _)| only_read(name)).collect();
        for property in there.flat_map(Attribute::properties) {
            if properties.iter().all(|known| known.name != property.name) {
                properties.push(property);
            }
        }
        Ok(properties)
    }

    /// `false` when there is one of that slug already.
    pub(super) async fn create_attribute(&self, property: &Property) -> Result<bool, CrmError> {
        let kind = match property.takes {
            Takes::Number => "number",
            Takes::Instant => "timestamp",
            _ => "text",
        };
        let body = json!({ "data": {
            "title": property.name, "description": "Set by Leadgate", "api_slug": property.name, "type": kind,
            "is_required": false, "is_unique": false, "is_multiselect": false, "config": {} } });
        let path = format!("/objects/{}/attributes", PEOPLE.as_str());
        let answer = self.call(Method::POST, &path, Some(&body)).await?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => Ok(true),
            StatusCode::CONFLICT if Complaint::read(&answer.body).code() == Some("slug_conflict") => Ok(false),
            _ => Err(answer.failure()),
        }
    }
}

fn only_read(name: &str) -> Property {
    Property { name: name.to_owned(), takes: Takes::Text { chars_max: None }, is_read_only: true }
}

impl Attribute {
    /// Itself, its id, and the parts of its value.
    fn properties(&self) -> Vec<Property> {
        let (Some(slug), Some(kind)) = (self.api_slug.as_text(), self.kind.as_text()) else { return Vec::new() };
        let is_read_only = READ_ONLY.contains(&slug) || self.is_writable == Scalar::Boolean(false);
        let itself = Property { name: slug.to_owned(), takes: takes(kind), is_read_only };
        let id = self.id.as_object().and_then(|id| id.attribute_id.as_text()).map(only_read);
        let parts = PARTS.iter().filter(|(of, _)| *of == kind).flat_map(|(_, parts)| *parts);
        let parts = parts.map(|part| only_read(&format!("{slug}.{part}")));
        [itself].into_iter().chain(id).chain(parts).collect()
    }
}

fn takes(kind: &str) -> Takes {
    match kind {
        "text" | "email-address" | "phone-number" | "domain" => Takes::Text { chars_max: None },
        "number" | "currency" | "rating" => Takes::Number,
        "timestamp" => Takes::Instant,
        other => Takes::Other(other.to_owned()),
    }
}
