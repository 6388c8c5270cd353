//! The leads and contacts of an org, with what became of each field.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A value that a field was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The field.
    pub field: String,
    /// Null when it was cleared.
    pub value: Value,
    /// When.
    pub at: Timestamp,
    /// `hand` or `api`.
    pub by: String,
}

/// A lead or a contact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number.
    pub id: String,
    /// `Leads`, `Contacts`.
    pub module: String,
    /// When it came to be.
    pub created_at: Timestamp,
    values: BTreeMap<String, Value>,
    changes: Vec<Change>,
}

impl Record {
    pub(super) fn new(id: String, module: &str, created_at: Timestamp) -> Self {
        Self { id, module: module.to_owned(), created_at, values: BTreeMap::new(), changes: Vec::new() }
    }

    /// A field in text, if it has a value.
    pub fn value(&self, name: &str) -> Option<String> {
        let value = self.values.get(name)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    /// Every value that any field was given, the earliest first.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Sets fields. Those that were changed, with their new values.
    pub(super) fn set(&mut self, values: &Map<String, Value>, by: &str, at: Timestamp) -> Map<String, Value> {
        let mut changed = Map::new();
        for (field, value) in values.iter().filter(|(field, _)| *field != "id") {
            if self.values.get(field).unwrap_or(&Value::Null) == value {
                continue;
            }
            match value.is_null() {
                true => drop(self.values.remove(field)),
                false => drop(self.values.insert(field.clone(), value.clone())),
            }
            self.changes.push(Change { field: field.clone(), value: value.clone(), at, by: by.to_owned() });
            changed.insert(field.clone(), value.clone());
        }
        changed
    }

    /// All of its fields, as a search shows them.
    pub(super) fn shown_whole(&self) -> Value {
        let fields: Vec<&str> = self.values.keys().map(String::as_str).collect();
        self.shown(&fields)
    }

    /// These fields of it, as the API shows them: of those that it hasn't, `null`.
    pub(super) fn shown(&self, fields: &[&str]) -> Value {
        let mut shown = json!({ "id": self.id });
        for field in fields.iter().filter(|field| **field != "id") {
            let value = self.values.get(*field).cloned().unwrap_or_default();
            shown[*field] = match (*field, value.as_str()) {
                ("Account_Name", Some(name)) => json!({ "name": name, "id": "99" }),
                _ => value,
            };
        }
        shown
    }
}

/// What may be put into a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text of so many characters.
    Text(usize),
    /// A number.
    Number,
    /// A date and time, with an offset and without fractions of a second.
    DateTime,
    /// One of these.
    Picklist(Vec<String>),
}

impl Kind {
    /// Zoho's word for it.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Number => "integer",
            Self::DateTime => "datetime",
            Self::Picklist(_) => "picklist",
        }
    }

    pub(super) fn takes(&self, value: &Value) -> bool {
        let text = value.as_str();
        value.is_null()
            || match self {
                Self::Text(most) => text.is_some_and(|text| text.chars().count() <= *most),
                Self::Number => value.is_number(),
                Self::DateTime => text.is_some_and(|text| {
                    text.parse::<Timestamp>().is_ok() && text.ends_with("+00:00") && !text.contains('.')
                }),
                Self::Picklist(choices) => text.is_some_and(|text| choices.iter().any(|choice| choice == text)),
            }
    }
}

/// The fields that there are at first.
pub(super) fn fields() -> BTreeMap<String, Kind> {
    let texts = [
        "Email",
        "First_Name",
        "Last_Name",
        "Company",
        "Website",
        "Designation",
        "Title",
        "City",
        "Country",
        "Industry",
        "Mobile",
        "Mobile_Do_Not_Call",
        "Mailing_City",
        "Mailing_Country",
        "Account_Name",
        "Owner",
    ];
    let texts = texts.into_iter().map(|name| (name.to_owned(), Kind::Text(120)));
    texts.chain([("Last_Enriched_At".to_owned(), Kind::DateTime)]).collect()
}
