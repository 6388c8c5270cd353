//! The people of a workspace, with what became of each attribute.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Values that an attribute was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The attribute.
    pub slug: String,
    /// None when it was cleared.
    pub values: Vec<Value>,
    /// When.
    pub at: Timestamp,
    /// By which actor.
    pub by: String,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// Its id.
    pub id: String,
    /// When it came to be.
    pub created_at: Timestamp,
    values: BTreeMap<String, Vec<Value>>,
    changes: Vec<Change>,
}

impl Person {
    pub(super) fn new(id: String, created_at: Timestamp) -> Self {
        Self { id, created_at, values: BTreeMap::new(), changes: Vec::new() }
    }

    /// The values of an attribute, as the API shows them.
    pub fn values(&self, slug: &str) -> &[Value] {
        self.values.get(slug).map(Vec::as_slice).unwrap_or_default()
    }

    /// The first value of an attribute in text.
    pub fn value(&self, slug: &str) -> Option<String> {
        let first = self.values(slug).first()?;
        let plain = ["value", "email_address", "phone_number", "full_name", "target_record_id"];
        let plain = plain.iter().map(|name| &first[*name]).chain([&first["option"]["title"]]);
        plain.into_iter().find(|value| !value.is_null()).map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }

    /// A part of the first value of an attribute.
    pub fn part(&self, slug: &str, part: &str) -> Option<String> {
        self.values(slug).first()?[part].as_str().map(str::to_owned)
    }

    /// Whether one of the e-mail addresses is this one.
    pub fn has_address(&self, email: &str) -> bool {
        let addresses = self.values("email_addresses").iter().filter_map(|value| value["email_address"].as_str());
        addresses.into_iter().any(|there| there.eq_ignore_ascii_case(email))
    }

    /// Every change of any attribute, the earliest first.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    pub(super) fn all(&self) -> &BTreeMap<String, Vec<Value>> {
        &self.values
    }

    /// Sets an attribute. Whether that changes anything.
    pub(super) fn set(&mut self, slug: &str, values: Vec<Value>, by: &str, at: Timestamp) -> bool {
        if self.values(slug) == values {
            return false;
        }
        match values.is_empty() {
            true => drop(self.values.remove(slug)),
            false => drop(self.values.insert(slug.to_owned(), values.clone())),
        }
        self.changes.push(Change { slug: slug.to_owned(), values, at, by: by.to_owned() });
        true
    }

    /// As the API shows it.
    pub(super) fn shown(&self, workspace_id: &str, object_id: &str, kind: impl Fn(&str) -> &'static str) -> Value {
        let values: Map<String, Value> = self
            .values
            .iter()
            .map(|(slug, values)| {
                let shown = values.iter().map(|value| {
                    let mut shown = json!({ "active_from": self.created_at.to_string(), "active_until": null,
                    "created_by_actor": { "type": "system", "id": null }, "attribute_type": kind(slug) });
                    value.as_object().into_iter().flatten().for_each(|(name, part)| shown[name] = part.clone());
                    shown
                });
                (slug.clone(), shown.collect())
            })
            .collect();
        json!({ "id": { "workspace_id": workspace_id, "object_id": object_id, "record_id": self.id },
                "created_at": self.created_at.to_string(), "values": values })
    }
}
