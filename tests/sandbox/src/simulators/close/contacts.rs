//! The contacts of an organization, with what became of each field.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A value that a field was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The field, as the API names it.
    pub field: String,
    /// Null when it was cleared.
    pub value: Value,
    /// When.
    pub at: Timestamp,
    /// By which user.
    pub by: String,
}

/// A contact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// Its id.
    pub id: String,
    /// When it came to be.
    pub created_at: Timestamp,
    values: BTreeMap<String, Value>,
    changes: Vec<Change>,
}

impl Contact {
    pub(super) fn new(id: String, created_at: Timestamp) -> Self {
        Self { id, created_at, values: BTreeMap::new(), changes: Vec::new() }
    }

    /// A field as the API shows it.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// A field in text, if it has a value. `email` and `phone` are the first entries.
    pub fn value(&self, name: &str) -> Option<String> {
        let value = match name {
            "email" | "phone" => self.entries(&format!("{name}s")).first()?[name].clone(),
            _ => self.field(name)?.clone(),
        };
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    /// `emails` or `phones`.
    pub fn entries(&self, list: &str) -> Vec<Value> {
        self.field(list).and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// Whether one of the addresses is this one.
    pub fn has_address(&self, email: &str) -> bool {
        let entries = self.entries("emails");
        entries.iter().any(|entry| entry["email"].as_str().is_some_and(|there| there.eq_ignore_ascii_case(email)))
    }

    /// Every value that any field was given, the earliest first.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Sets fields. The names of those that were changed.
    pub(super) fn set(&mut self, values: &Map<String, Value>, by: &str, at: Timestamp) -> Vec<String> {
        let mut changed = Vec::new();
        for (field, value) in values {
            let before = self.values.get(field).cloned().unwrap_or(Value::Null);
            if before == *value {
                continue;
            }
            match value.is_null() {
                true => drop(self.values.remove(field)),
                false => drop(self.values.insert(field.clone(), value.clone())),
            }
            self.changes.push(Change { field: field.clone(), value: value.clone(), at, by: by.to_owned() });
            changed.push(field.clone());
        }
        changed
    }

    /// As the API shows it.
    pub(super) fn shown(&self, organization_id: &str) -> Value {
        let mut shown = json!({ "id": self.id, "organization_id": organization_id, "name": "", "title": null,
            "emails": [], "phones": [], "urls": [], "date_created": without_offset(self.created_at) });
        self.values.iter().for_each(|(name, value)| shown[name] = value.clone());
        shown
    }
}

/// A time as Close shows it.
pub(super) fn without_offset(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}
