//! The rows of an org, with what became of each field.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A value that a field was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The field.
    pub field: String,
    /// Blank when it was cleared.
    pub value: String,
    /// When.
    pub at: Timestamp,
    /// By which user.
    pub by: String,
}

/// A lead, a contact or an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// In the long form.
    pub id: String,
    /// `Lead`, `Contact`, `Account`.
    pub object: String,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When it was last saved.
    pub modified_at: Timestamp,
    /// Who saved it last.
    pub modified_by: String,
    /// Whether it is in the recycle bin.
    pub is_deleted: bool,
    /// What a converted lead has become.
    pub converted_to: Option<String>,
    values: BTreeMap<String, String>,
    changes: Vec<Change>,
}

impl Record {
    pub(super) fn new(id: String, object: &str, by: &str, now: Timestamp) -> Self {
        Self {
            id,
            object: object.to_owned(),
            created_at: now,
            modified_at: now,
            modified_by: by.to_owned(),
            is_deleted: false,
            converted_to: None,
            values: BTreeMap::new(),
            changes: Vec::new(),
        }
    }

    /// A field's value, if it has one.
    pub fn value(&self, field: &str) -> Option<&str> {
        self.values.get(field).map(String::as_str)
    }

    /// All the fields that have a value.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// Every value that any field was given, the earliest first.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Sets values. Saving is a change of the record even where no value is another.
    pub(super) fn set(&mut self, values: &BTreeMap<String, String>, by: &str, at: Timestamp) -> bool {
        let before = self.changes.len();
        for (field, value) in values {
            if self.value(field).unwrap_or_default() == value {
                continue;
            }
            match value.is_empty() {
                true => drop(self.values.remove(field)),
                false => drop(self.values.insert(field.clone(), value.clone())),
            }
            self.changes.push(Change { field: field.clone(), value: value.clone(), at, by: by.to_owned() });
        }
        (self.modified_at, self.modified_by) = (at, by.to_owned());
        self.changes.len() > before
    }

    /// A field as the APIs show it, with those that Salesforce keeps itself.
    pub(super) fn shown(&self, field: &str) -> Option<String> {
        match field {
            "Id" => Some(self.id.clone()),
            "CreatedDate" => Some(instant(self.created_at)),
            "LastModifiedDate" | "SystemModstamp" => Some(instant(self.modified_at)),
            "LastModifiedById" => Some(self.modified_by.clone()),
            "IsDeleted" => Some(self.is_deleted.to_string()),
            "IsConverted" => Some(self.converted_to.is_some().to_string()),
            "ConvertedContactId" => self.converted_to.clone(),
            _ => self.value(field).map(str::to_owned),
        }
    }
}

/// A time as SOAP has it. The REST API writes `+0000` for the `Z`.
pub(super) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The long form of an id: three characters at its end say which of the others are capitals.
pub(super) fn long(id: &str) -> Option<String> {
    let is_id = id.chars().all(|c| c.is_ascii_alphanumeric()) && matches!(id.len(), 15 | 18);
    if !is_id {
        return None;
    }
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let mut long = id[..15].to_owned();
    for start in [0, 5, 10] {
        let bits = (0..5).filter(|place| id[start..].chars().nth(*place).is_some_and(|c| c.is_ascii_uppercase()));
        long.extend(letters.chars().nth(bits.map(|place| 1 << place).sum()));
    }
    Some(long)
}
