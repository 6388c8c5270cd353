//! The persons of a company, with what became of each field.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::fields::is_custom;

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
    pub by: u64,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// Its number.
    pub id: String,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When it was last saved.
    pub modified_at: Timestamp,
    /// Whether it is in the trash.
    pub is_deleted: bool,
    values: BTreeMap<String, Value>,
    changes: Vec<Change>,
}

impl Person {
    pub(super) fn new(id: String, now: Timestamp) -> Self {
        let (created_at, modified_at) = (now, now);
        Self { id, created_at, modified_at, is_deleted: false, values: BTreeMap::new(), changes: Vec::new() }
    }

    /// A field as the API shows it.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// A field in text, if it has a value. `email` and `phone` are the primary entries.
    pub fn value(&self, name: &str) -> Option<String> {
        let entries = match name {
            "email" => self.entries("emails"),
            "phone" => self.entries("phones"),
            _ => {
                return match self.field(name)? {
                    Value::String(text) => Some(text.clone()),
                    other => Some(other.to_string()),
                };
            }
        };
        let primary = entries.iter().find(|entry| entry["primary"] == true).or(entries.first())?;
        primary["value"].as_str().map(str::to_owned)
    }

    /// `emails` or `phones`.
    pub fn entries(&self, list: &str) -> Vec<Value> {
        self.field(list).and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// Every value that any field was given, the earliest first.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Sets fields, and says what those that were changed held before.
    pub(super) fn set(&mut self, values: &Map<String, Value>, by: u64, at: Timestamp) -> Map<String, Value> {
        let mut previous = Map::new();
        for (field, value) in values {
            let before = self.values.get(field).cloned().unwrap_or(Value::Null);
            if before == *value {
                continue;
            }
            match value.is_null() {
                true => drop(self.values.remove(field)),
                false => drop(self.values.insert(field.clone(), value.clone())),
            }
            self.changes.push(Change { field: field.clone(), value: value.clone(), at, by });
            previous.insert(field.clone(), before);
        }
        self.modified_at = at;
        previous
    }

    /// As the API shows it.
    pub(super) fn shown(&self) -> Value {
        let times = [("add_time", self.created_at), ("update_time", self.modified_at)];
        let mut shown = json!({ "id": number(&self.id), "is_deleted": self.is_deleted, "emails": [], "phones": [] });
        for (name, at) in times {
            shown[name] = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
        }
        merge_fields(&mut shown, self.values.clone());
        shown
    }
}

/// Puts fields where the API has them: custom ones apart from Pipedrive's own.
pub(super) fn merge_fields(into: &mut Value, fields: impl IntoIterator<Item = (String, Value)>) {
    let mut custom = Map::new();
    for (name, value) in fields {
        match is_custom(&name) {
            true => drop(custom.insert(name, value)),
            false => into[name] = value,
        }
    }
    into["custom_fields"] = custom.into();
}

/// An id as the API shows it.
pub(super) fn number(id: &str) -> Value {
    id.parse::<u64>().map_or(Value::Null, Value::from)
}
