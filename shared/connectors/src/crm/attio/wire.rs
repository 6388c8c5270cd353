//! The shapes of requests to Attio and of its answers (docs.attio.com, "Endpoint reference": Records, People; "Attribute
//! types").

use leadgate_enrichment::ids::ObjectType;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::loose::{List, Loose, Map, Scalar, read};

/// The most records that are read with one call. Attio takes 500, but writes one record with a call, of which there may be
/// 25 in a second, and a batch has to end while its worker lives.
pub(super) const RECORDS_MAX: usize = 20;

/// The most attributes of a record that are read: a person has some 40 of Attio's own.
const ATTRIBUTES_MAX: usize = 500;
/// The most values of an attribute that are read.
const VALUES_MAX: usize = 100;
/// The most characters of an error's sentence that are searched.
const SENTENCE_CHARS_MAX: usize = 4000;

/// A person, by the object's slug: the only kind of record that is enriched.
pub(super) const PEOPLE: ObjectType = ObjectType::known("people");
/// The object with the employers.
pub(super) const COMPANIES: &str = "companies";
/// The attribute that says which company a person is with.
pub(super) const COMPANY: &str = "company";
/// The attributes with several values of which one is the property.
pub(super) const LISTS: [&str; 2] = [EMAILS, "phone_numbers"];
/// The one with the addresses.
pub(super) const EMAILS: &str = "email_addresses";

/// Where a property is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// An attribute of the person.
    Own(&'a str),
    /// A part of the value of one: `name.first_name`.
    Part(&'a str, &'a str),
    /// An attribute of the company.
    OfCompany(&'static str),
}

/// Names of properties, and of the company's attributes.
pub(super) const OF_COMPANY: [(&str, &str); 2] = [(COMPANY, "name"), ("website", "domains")];

/// Where a property is.
pub(super) fn place(property: &str) -> Place<'_> {
    let named = OF_COMPANY.iter().find(|(name, _)| *name == property);
    match (named, property.split_once('.')) {
        (Some((_, attribute)), _) => Place::OfCompany(attribute),
        (None, Some((attribute, part))) => Place::Part(attribute, part),
        (None, None) => Place::Own(property),
    }
}

/// The property that is one of several values, by the name that lives as long as the program.
pub(super) fn list_of(property: &str) -> Option<&'static str> {
    LISTS.into_iter().find(|list| *list == property)
}

/// Attio's ids are UUIDs. Anything else is no record, and would stray into the path.
pub(super) fn is_id(id: &str) -> bool {
    let fits = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    id.len() == 36 && id.bytes().enumerate().all(fits)
}

/// A record as it is read.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Row {
    id: Loose<RowId>,
    values: Map<List<Value, VALUES_MAX>, ATTRIBUTES_MAX>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RowId {
    record_id: Scalar,
}

impl Row {
    /// Which record it is.
    pub(super) fn id(&self) -> Option<String> {
        self.id.as_object()?.record_id.as_text().filter(|id| is_id(id)).map(str::to_owned)
    }

    /// Which company the person is with.
    pub(super) fn company(&self) -> Option<String> {
        let id = self.values(COMPANY).next()?.get("target_record_id")?.as_str()?;
        is_id(id).then(|| id.to_owned())
    }

    /// The first value of an attribute.
    pub(super) fn property(&self, attribute: &str) -> Option<String> {
        self.texts(attribute).into_iter().next()
    }

    /// All values of an attribute that aren't blank, in their order.
    pub(super) fn texts(&self, attribute: &str) -> Vec<String> {
        self.values(attribute).filter_map(text).filter(|text| !text.trim().is_empty()).collect()
    }

    /// A part of the first value of an attribute.
    pub(super) fn part(&self, attribute: &str, part: &str) -> Option<String> {
        scalar(self.values(attribute).next()?.get(part)?)
    }

    /// Values that are over are there no longer.
    fn values(&self, attribute: &str) -> impl Iterator<Item = &Value> {
        let values = self.values.0.get(attribute).map(List::items).unwrap_or_default();
        values.iter().filter(|value| value.get("active_until").is_none_or(Value::is_null))
    }
}

/// Where types of attributes have their value ("Attribute types").
const VALUE_IN: [&str; 10] = [
    "value",
    "email_address",
    "phone_number",
    "original_phone_number",
    "full_name",
    "domain",
    "currency_value",
    "target_record_id",
    "referenced_actor_id",
    "interacted_at",
];
/// Types whose value is a choice by its title.
const TITLE_IN: [&str; 2] = ["option", "status"];

/// A value as text. One of another type is told as it is: it must not pass for a blank one.
fn text(value: &Value) -> Option<String> {
    let plain = VALUE_IN.iter().find_map(|name| scalar(value.get(name)?));
    let title = || TITLE_IN.iter().find_map(|name| scalar(value.get(name)?.get("title")?));
    let named = plain.or_else(title);
    let holds_null = || VALUE_IN.iter().any(|name| value.get(name).is_some_and(Value::is_null));
    named.or_else(|| (value.is_object() && !holds_null()).then(|| value.to_string()))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What asks for the records with these ids ("Filtering and sorting": `$in`).
pub(super) fn query(ids: &[&str]) -> Value {
    json!({ "filter": { "record_id": { "$in": ids } }, "limit": ids.len(), "offset": 0 })
}

/// What sets these attributes.
pub(super) fn update(values: Value) -> Value {
    json!({ "data": { "values": values } })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct One {
    data: Loose<Row>,
}

/// The record of an answer. `None` if it isn't such an answer.
pub(super) fn row(body: &[u8]) -> Option<Row> {
    read::<Loose<One>>(body).ok()?.into_object()?.data.into_object()
}

#[derive(Deserialize)]
#[serde(default, bound(deserialize = "T: Deserialize<'de>"))]
struct Many<T, const MOST: usize> {
    data: List<Loose<T>, MOST>,
}

impl<T, const MOST: usize> Default for Many<T, MOST> {
    fn default() -> Self {
        Self { data: List::default() }
    }
}

/// What an answer lists. `None` if it isn't such an answer.
pub(super) fn many<T, const MOST: usize>(body: &[u8]) -> Option<Vec<T>>
where
    T: for<'de> Deserialize<'de>,
{
    let many = read::<Loose<Many<T, MOST>>>(body).ok()?.into_object()?;
    let is_whole = matches!(&many.data, List::Of { total, .. } if *total <= MOST);
    is_whole.then(|| many.data.into_objects())
}

/// What Attio objects to (seen in its documentation: `status_code`, `type`, `code`, `message`).
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Complaint {
    status_code: Scalar,
    code: Scalar,
    message: Scalar,
}

impl Complaint {
    /// The error in the body of a failed call; an empty one when the body is something else, such as a page.
    pub(super) fn read(body: &[u8]) -> Self {
        read::<Loose<Self>>(body).ok().and_then(Loose::into_object).unwrap_or_default()
    }

    /// `validation_type`, `value_not_found`, …
    pub(super) fn code(&self) -> Option<&str> {
        self.code.as_word()
    }

    /// Whether it is Attio's own API that answers, and not what stands before it.
    pub(super) fn is_attios(&self) -> bool {
        self.status_code.as_integer().is_some()
    }

    /// Whether its sentence is about this attribute: `Cannot find attribute with slug/ID "titel".`, `An invalid value was
    /// passed to attribute with slug "job_title".` (both as integrations of others have seen them). Sentences repeat values,
    /// so that only names are searched for that are known, and only where a name stands.
    pub(super) fn is_about(&self, attribute: &str) -> bool {
        let sentence: String = self.message.as_text().unwrap_or_default().chars().take(SENTENCE_CHARS_MAX).collect();
        ["slug", "slug/ID"].iter().any(|word| sentence.contains(&format!("attribute with {word} \"{attribute}\"")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &Value) -> Row {
        serde_json::from_value(json!({ "values": values })).expect("a row")
    }

    #[test]
    fn a_value_of_any_type_is_told_from_a_blank_one() {
        for (value, expected) in [
            (json!({ "value": "a" }), Some("a")),
            (json!({ "value": 7 }), Some("7")),
            (json!({ "value": true }), Some("true")),
            (json!({ "value": null }), None),
            (json!({ "value": "" }), None),
            (json!({ "email_address": "a@x.example", "email_domain": "x.example" }), Some("a@x.example")),
            (json!({ "original_phone_number": "1", "phone_number": "+1" }), Some("+1")),
            (json!({ "option": { "title": "Software" } }), Some("Software")),
            (json!({ "status": { "title": "New" } }), Some("New")),
            (json!({ "domain": "x.example" }), Some("x.example")),
            (json!({ "first_name": "Ada", "full_name": "Ada Lovelace" }), Some("Ada Lovelace")),
            (json!({ "locality": "London" }), Some(r#"{"locality":"London"}"#)),
        ] {
            assert_eq!(row(&json!({ "a": [value] })).property("a").as_deref(), expected, "{value}");
        }
        for blank in [json!({}), json!({ "a": [] }), json!({ "a": null }), json!({ "a": "x" })] {
            assert_eq!(row(&blank).property("a"), None, "{blank}");
        }
        let over = json!({ "a": [{ "value": "old", "active_until": "2026-01-01" }, { "value": "new", "active_until": null }] });
        assert_eq!(row(&over).property("a").as_deref(), Some("new"));
        assert_eq!(
            row(&json!({ "name": [{ "first_name": "Ada" }] })).part("name", "first_name").as_deref(),
            Some("Ada")
        );
    }

    #[test]
    fn a_complaint_names_attributes_and_no_values() {
        let complaint = |message: &str| Complaint::read(json!({ "message": message }).to_string().as_bytes());
        assert!(complaint("Cannot find attribute with slug/ID \"titel\".").is_about("titel"));
        let invalid = complaint("An invalid value was passed to attribute with slug \"job_title\": \"city\".");
        assert!(invalid.is_about("job_title") && !invalid.is_about("city") && !invalid.is_about("title"));
        for other in ["", "<html>", "[]", r#"{"message":7}"#] {
            assert!(!Complaint::read(other.as_bytes()).is_about("name"), "{other}");
        }
    }

    #[test]
    fn an_id_is_a_uuid() {
        assert!(is_id("bf071e1f-6035-429d-b874-d83ea64ea13b"));
        let wrong =
            ["", "1", "../people", "bf071e1f-6035-429d-b874-d83ea64ea13", "bf071e1f-6035-429d-b874-d83ea64ea13B"];
        for wrong in wrong {
            assert!(!is_id(wrong), "{wrong}");
        }
    }
}
