//! The shapes of requests to Zoho CRM and of its answers (zoho.com/crm, "REST API v8": Get records, Update records; Zoho's
//! own OpenAPI files, zoho/crm-oas).

use std::collections::{BTreeMap, BTreeSet};

use leadgate_enrichment::ids::ObjectType;
use serde::Deserialize;
use serde_json::Value;

use crate::loose::{List, Loose, Map, Scalar, read};

/// The most records that are read or written with one call (documented).
pub(super) const RECORDS_MAX: usize = 100;

/// The most fields of a record that are read.
const FIELDS_MAX: usize = 500;

/// People who aren't customers yet.
pub(super) const LEADS: ObjectType = ObjectType::known("Leads");
/// People at customers'.
pub(super) const CONTACTS: ObjectType = ObjectType::known("Contacts");

/// What stands where Zoho requires a value of a lead and none is known. Read as if nothing did.
pub(super) const NOT_PROVIDED: &str = "[not provided]";

/// Whether there are such records here.
pub(super) fn is_module(object: &ObjectType) -> bool {
    *object == LEADS || *object == CONTACTS
}

/// Zoho's ids are numbers. Anything else is no record, and would stray into the query.
pub(super) fn is_id(id: &str) -> bool {
    (1..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit()) && !id.starts_with('0')
}

/// A record as it is read.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Row(Map<Value, FIELDS_MAX>);

impl Row {
    /// Which record it is.
    pub(super) fn id(&self) -> Option<String> {
        text(self.0.0.get("id")?).filter(|id| is_id(id))
    }

    /// The value of a field. Another record is told by its id.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        text(self.0.0.get(name)?).filter(|text| text != NOT_PROVIDED)
    }

    /// Whether one of its fields holds this address, in whatever letters.
    pub(super) fn has_address(&self, email: &str) -> bool {
        self.0.0.values().any(|value| value.as_str().is_some_and(|there| there.trim().eq_ignore_ascii_case(email)))
    }

    /// The name of the record that a field names.
    pub(super) fn name(&self, field: &str) -> Option<String> {
        text(self.0.0.get(field)?.get("name")?)
    }
}

/// A value as text. One of several parts is told by its id, or else as it is: it must not pass for a blank one.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(items) => (!items.is_empty()).then(|| value.to_string()),
        Value::Object(parts) => match parts.get("id") {
            Some(Value::String(id)) => Some(id.clone()),
            _ => (!parts.is_empty()).then(|| value.to_string()),
        },
    }
}

#[derive(Deserialize)]
#[serde(default, bound(deserialize = "T: Deserialize<'de>"))]
struct Data<T> {
    data: List<Loose<T>, RECORDS_MAX>,
}

impl<T> Default for Data<T> {
    fn default() -> Self {
        Self { data: List::default() }
    }
}

/// The records of an answer, by id. `None` if it isn't such an answer, or has a record that wasn't asked for.
pub(super) fn rows(body: &[u8], asked: &BTreeSet<&str>) -> Option<BTreeMap<String, Row>> {
    let data = read::<Loose<Data<Row>>>(body).ok()?.into_object()?.data;
    let is_whole = matches!(&data, List::Of { total, .. } if *total <= RECORDS_MAX);
    let named = |row: Row| Some((row.id().filter(|id| asked.contains(id.as_str()))?, row));
    is_whole.then(|| data.into_objects().into_iter().map(named).collect())?
}

/// The records of a search. `None` if it isn't such an answer.
pub(super) fn found(body: &[u8]) -> Option<Vec<Row>> {
    let data = read::<Loose<Data<Row>>>(body).ok()?.into_object()?.data;
    let is_whole = matches!(&data, List::Of { total, .. } if *total <= RECORDS_MAX);
    is_whole.then(|| data.into_objects())
}

/// What became of one row of a write.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Outcome {
    code: Scalar,
    details: Loose<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    id: Scalar,
    /// The field that it is about.
    api_name: Scalar,
    /// The record that has the value already.
    duplicate_record: Loose<Duplicate>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Duplicate {
    id: Scalar,
}

impl Outcome {
    /// `SUCCESS`, `INVALID_DATA`, …
    pub(super) fn code(&self) -> &str {
        self.code.as_word().unwrap_or("UNKNOWN")
    }

    /// The record that was written.
    pub(super) fn id(&self) -> Option<String> {
        self.details.as_object()?.id.to_text()
    }

    /// The record that has a value already that no two may have: beside the field, or as a record of its own (recalled).
    pub(super) fn duplicate(&self) -> Option<String> {
        let details = self.details.as_object()?;
        let named = details.duplicate_record.as_object().and_then(|record| record.id.to_text());
        named.or_else(|| details.id.to_text()).filter(|id| is_id(id))
    }

    /// The field that it is about.
    pub(super) fn field(&self) -> Option<&str> {
        self.details.as_object()?.api_name.as_text()
    }
}

/// What became of so many rows, in their order. `None` if it isn't such an answer.
pub(super) fn outcomes(body: &[u8], count: usize) -> Option<Vec<Outcome>> {
    let data = read::<Loose<Data<Outcome>>>(body).ok()?.into_object()?.data;
    let outcomes = data.into_objects();
    (outcomes.len() == count).then_some(outcomes)
}

/// What Zoho objects to.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Complaint {
    code: Scalar,
}

impl Complaint {
    /// The error in the body of a failed call; an empty one when the body is something else, such as a page.
    pub(super) fn read(body: &[u8]) -> Self {
        read::<Loose<Self>>(body).ok().and_then(Loose::into_object).unwrap_or_default()
    }

    /// `INVALID_TOKEN`, `OAUTH_SCOPE_MISMATCH`, …
    pub(super) fn code(&self) -> Option<&str> {
        self.code.as_word()
    }
}

/// What the accounts server answers.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TokenAnswer {
    pub(super) access_token: Scalar,
    pub(super) api_domain: Scalar,
    pub(super) error: Scalar,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_of_any_form_is_told_from_a_blank_one() {
        for (value, expected) in [
            (json!("a"), Some("a")),
            (json!(7), Some("7")),
            (Value::Null, None),
            (json!([]), None),
            (json!({ "name": "Engine", "id": "12" }), Some("12")),
            (json!({ "x": 1 }), Some(r#"{"x":1}"#)),
        ] {
            assert_eq!(text(&value).as_deref(), expected, "{value}");
        }
        let row: Row =
            serde_json::from_value(json!({ "Account_Name": { "name": "Engine", "id": "12" } })).expect("a row");
        assert_eq!(row.name("Account_Name").as_deref(), Some("Engine"));
    }
}
