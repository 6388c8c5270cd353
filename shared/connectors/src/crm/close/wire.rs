//! The shapes of requests to Close and of its answers (developer.close.com, "Contacts", "Leads", "Custom fields").

use leadgate_enrichment::ids::ObjectType;
use serde::Deserialize;
use serde_json::{Value, json};

use super::people::FOUND_MAX;
use crate::loose::{List, Loose, Map, Scalar, read};

/// The most records of a batch. Each is read and written with a call of its own, of which there may be some twenty in a
/// second, and a batch has to end while its worker lives.
pub(super) const RECORDS_MAX: usize = 10;

/// The most fields of a record that are read.
const FIELDS_MAX: usize = 500;

/// A person: the only kind of record that is enriched. A lead is a company at Close.
pub(super) const CONTACT: ObjectType = ObjectType::CONTACT;
/// What names of custom fields begin with.
pub(super) const CUSTOM: &str = "custom.";

/// A list of which one entry is a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entries {
    /// The first entry.
    pub(super) property: &'static str,
    /// The list.
    pub(super) field: &'static str,
    /// The type of an entry that is added.
    kind: &'static str,
}

/// The lists. Where the value of an entry is, is what the property is called.
pub(super) const LISTS: [Entries; 2] = [
    Entries { property: "email", field: "emails", kind: "office" },
    Entries { property: "phone", field: "phones", kind: "mobile" },
];

/// Where a property is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// A field of the contact.
    Own(&'a str),
    /// A part of one, which is only read.
    Derived,
    /// A field of the lead.
    OfLead(&'static str),
}

/// Names of properties, and of the lead's fields.
pub(super) const OF_LEAD: [(&str, &str); 2] = [("company", "name"), ("website", "url")];
/// Parts of the name, and one of the URLs.
pub(super) const DERIVED: [(&str, &str); 3] = [("first_name", "name"), ("last_name", "name"), ("linkedin", "urls")];

/// What a URL of a LinkedIn profile holds.
const LINKEDIN: &str = "linkedin.com/";

/// Where a property is.
pub(super) fn place(property: &str) -> Place<'_> {
    let of_lead = OF_LEAD.iter().find(|(name, _)| *name == property);
    match of_lead {
        Some((_, field)) => Place::OfLead(field),
        None if DERIVED.iter().any(|(name, _)| *name == property) => Place::Derived,
        None => Place::Own(property),
    }
}

/// The list that a property is the first entry of.
pub(super) fn list_of(property: &str) -> Option<Entries> {
    LISTS.into_iter().find(|list| list.property == property)
}

/// The field of the contact that holds a property.
pub(super) fn field_of(property: &str) -> &str {
    let derived = DERIVED.iter().find(|(name, _)| *name == property).map(|(_, field)| *field);
    list_of(property).map(|list| list.field).or(derived).unwrap_or(property)
}

/// Whether it is an id of this kind: `cont_` and letters and digits. Anything else is no record, and would stray into the
/// path.
pub(super) fn is_id(kind: &str, id: &str) -> bool {
    let rest = id.strip_prefix(kind).and_then(|rest| rest.strip_prefix('_'));
    id.len() <= 64 && rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// A record as it is read.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Row(Map<Value, FIELDS_MAX>);

impl Row {
    fn field(&self, name: &str) -> Option<&Value> {
        self.0.0.get(name)
    }

    /// Whether it is the record of this id.
    pub(super) fn is(&self, id: &str) -> bool {
        self.field("id").and_then(Value::as_str) == Some(id)
    }

    /// The lead that the contact belongs to.
    pub(super) fn lead(&self) -> Option<String> {
        self.field("lead_id")?.as_str().filter(|id| is_id("lead", id)).map(str::to_owned)
    }

    /// The value of a property of its own.
    pub(super) fn property(&self, name: &str) -> Option<String> {
        match (list_of(name), name) {
            (Some(list), _) => first(&self.entries(list), list).map(str::to_owned),
            (None, "first_name") => self.name().map(|(first, _)| first).filter(|first| !first.is_empty()),
            (None, "last_name") => self.name().map(|(_, last)| last),
            (None, "linkedin") => {
                let urls = self.field("urls")?.as_array()?.iter().filter_map(|url| url.get("url")?.as_str());
                urls.into_iter().find(|url| url.contains(LINKEDIN)).map(str::to_owned)
            }
            (None, _) => text(self.field(name).or_else(|| self.field("custom")?.get(name.strip_prefix(CUSTOM)?))?),
        }
    }

    /// Its parts: all but the last word, and that. One word alone is a family name.
    fn name(&self) -> Option<(String, String)> {
        let name = self.field("name")?.as_str()?.trim();
        let (first, last) = name.rsplit_once(char::is_whitespace).unwrap_or(("", name));
        (!last.is_empty()).then(|| (first.trim().to_owned(), last.to_owned()))
    }

    /// The entries of a list, but for blank ones.
    pub(super) fn entries(&self, list: Entries) -> Vec<Value> {
        let entries = self.field(list.field).and_then(Value::as_array);
        entries.into_iter().flatten().filter(|entry| value_of(entry, list).is_some()).cloned().collect()
    }
}

/// The value of an entry, if it isn't blank.
pub(super) fn value_of(entry: &Value, list: Entries) -> Option<&str> {
    entry.get(list.property)?.as_str().map(str::trim).filter(|value| !value.is_empty())
}

/// The value of the first entry.
pub(super) fn first(entries: &[Value], list: Entries) -> Option<&str> {
    entries.iter().find_map(|entry| value_of(entry, list))
}

/// An entry with this value.
pub(super) fn entry(list: Entries, value: &str) -> Value {
    json!({ "type": list.kind, list.property: value })
}

/// A value as text. One of several parts is told as it is: it must not pass for a blank one.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(items) => (!items.is_empty()).then(|| value.to_string()),
        Value::Object(parts) => (!parts.is_empty()).then(|| value.to_string()),
    }
}

/// The record of an answer. `None` if it isn't the one that was asked for.
pub(super) fn row(body: &[u8], id: &str) -> Option<Row> {
    read::<Loose<Row>>(body).ok()?.into_object().filter(|row| row.is(id))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NewLead {
    contacts: List<Loose<Row>, 1>,
}

/// The id of the only contact of a lead that was created.
pub(super) fn only_contact(body: &[u8]) -> Option<String> {
    let contact = read::<Loose<NewLead>>(body).ok()?.into_object()?.contacts.into_objects().pop()?;
    contact.property("id").filter(|id| is_id("cont", id))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Found {
    data: List<Loose<Row>, FOUND_MAX>,
    cursor: Scalar,
}

/// What a search has found, and whether there is more. `None` if it isn't such an answer.
pub(super) fn rows(body: &[u8]) -> Option<(Vec<Row>, bool)> {
    let found = read::<Loose<Found>>(body).ok()?.into_object()?;
    let is_whole = matches!(&found.data, List::Of { total, .. } if *total <= FOUND_MAX);
    is_whole.then(|| (found.data.into_objects(), found.cursor.to_text().is_some()))
}

#[derive(Deserialize)]
#[serde(default, bound(deserialize = "T: Deserialize<'de>"))]
struct Page<T, const MOST: usize> {
    data: List<Loose<T>, MOST>,
    has_more: Scalar,
}

impl<T, const MOST: usize> Default for Page<T, MOST> {
    fn default() -> Self {
        Self { data: List::default(), has_more: Scalar::default() }
    }
}

/// What is on a page, and whether there are more. `None` if it isn't such an answer.
pub(super) fn page<T, const MOST: usize>(body: &[u8]) -> Option<(Vec<T>, bool)>
where
    T: for<'de> Deserialize<'de>,
{
    let page = read::<Loose<Page<T, MOST>>>(body).ok()?.into_object()?;
    let is_whole = matches!(&page.data, List::Of { total, .. } if *total <= MOST);
    is_whole.then(|| (page.data.into_objects(), page.has_more == Scalar::Boolean(true)))
}

/// What Close objects to: `{"field-errors": {"custom.cf_…": "The Custom Field … does not exist."}, "errors": []}`, as its own
/// client reads it; for other failures, `error`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Complaint {
    #[serde(rename = "field-errors")]
    field_errors: Map<Value, FIELDS_MAX>,
    errors: Option<Value>,
    error: Option<Value>,
}

impl Complaint {
    /// The error in the body of a failed call; an empty one when the body is something else, such as a page.
    pub(super) fn read(body: &[u8]) -> Self {
        read::<Loose<Self>>(body).ok().and_then(Loose::into_object).unwrap_or_default()
    }

    /// Whether it is Close's own API that answers, and not what stands before it.
    pub(super) fn is_closes(&self) -> bool {
        self.error.is_some() || self.errors.is_some() || !self.field_errors.0.is_empty()
    }

    /// Whether one of its sentences is about this field. Sentences repeat values, so that only their names are read.
    pub(super) fn is_about(&self, field: &str) -> bool {
        let in_custom = || self.field_errors.0.get("custom")?.get(field.strip_prefix(CUSTOM)?);
        self.field_errors.0.contains_key(field) || in_custom().is_some()
    }

    /// For how many seconds not to call, if it is about that.
    pub(super) fn rate_reset(&self) -> Option<f64> {
        self.error.as_ref()?.get("rate_reset")?.as_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(body: Value) -> Row {
        serde_json::from_value(body).expect("a row")
    }

    #[test]
    fn a_value_of_any_form_is_told_from_a_blank_one() {
        for (value, expected) in [
            (json!("a"), Some("a")),
            (json!(7), Some("7")),
            (Value::Null, None),
            (json!([]), None),
            (json!(["a", "b"]), Some(r#"["a","b"]"#)),
        ] {
            assert_eq!(row(json!({ "custom.cf_x": value })).property("custom.cf_x").as_deref(), expected);
            assert_eq!(row(json!({ "custom": { "cf_x": value } })).property("custom.cf_x").as_deref(), expected);
        }
    }

    #[test]
    fn names_addresses_and_profiles_are_parts_of_fields() {
        let ada = row(json!({ "name": "Augusta Ada Lovelace",
            "emails": [{ "email": " " }, { "email": "a@x.example" }, { "email": "b@x.example" }],
            "urls": [{ "url": "https://x.example" }, { "url": "https://www.linkedin.com/in/ada" }] }));
        let read = ["first_name", "last_name", "email", "phone", "linkedin"].map(|name| ada.property(name));
        let expected = ["Augusta Ada", "Lovelace", "a@x.example", "", "https://www.linkedin.com/in/ada"];
        assert_eq!(read, expected.map(|text| Some(text.to_owned()).filter(|text| !text.is_empty())));
        assert_eq!(row(json!({ "name": "Ada" })).property("last_name").as_deref(), Some("Ada"));
        for blank in [json!({}), json!({ "name": " ", "emails": null, "urls": {} }), json!({ "name": 7 })] {
            assert_eq!(
                ["first_name", "last_name", "email", "linkedin"].map(|name| row(blank.clone()).property(name)),
                [const { None }; 4]
            );
        }
    }

    #[test]
    fn a_complaint_names_fields_and_no_values() {
        let complaint = |body: Value| Complaint::read(body.to_string().as_bytes());
        let several =
            complaint(json!({ "field-errors": { "custom.cf_x": "title is wrong", "emails": {} }, "errors": [] }));
        assert!(several.is_about("custom.cf_x") && several.is_about("emails"));
        assert!(!several.is_about("title") && !several.is_about("phones"));
        assert!(complaint(json!({ "field-errors": { "custom": { "cf_x": "?" } } })).is_about("custom.cf_x"));
        for other in ["", "<html>", "[]", r#"{"field-errors":7}"#] {
            assert!(!Complaint::read(other.as_bytes()).is_about("title"), "{other}");
        }
    }

    #[test]
    fn an_id_has_its_kind_in_front() {
        assert!(is_id("cont", "cont_BHQfA1"));
        for wrong in ["", "cont_", "cont", "lead_BHQfA1", "cont_../lead", "cont_a/b"] {
            assert!(!is_id("cont", wrong), "{wrong}");
        }
    }
}
