//! The shapes of requests to Pipedrive and of its answers (developers.pipedrive.com, "API v2 reference": Persons,
//! Organizations; the models of Pipedrive's own client, npm `pipedrive` 33.7).

use leadgate_enrichment::ids::ObjectType;
use serde::Deserialize;
use serde_json::Value;

use crate::loose::{List, Loose, Map, Scalar, read};

/// The most records that are read with one call. Pipedrive takes 100 ids, but writes one record with a call, and a batch
/// has to end while its worker lives.
pub(super) const RECORDS_MAX: usize = 20;

/// The most fields of a record that are read: Pipedrive has some 50 of its own, and custom fields are one of them.
const FIELDS_MAX: usize = 500;
/// The most characters of an error's sentence that are searched.
const SENTENCE_CHARS_MAX: usize = 4000;

/// A person: the only kind of record that is enriched.
pub(super) const PERSON: ObjectType = ObjectType::known("person");
/// Which organization a person is with.
pub(super) const ORGANIZATION: &str = "org_id";
/// Where custom fields are.
pub(super) const CUSTOM_FIELDS: &str = "custom_fields";
/// The properties that are the primary one of several, and where the several are.
pub(super) const LISTS: [(&str, &str); 2] = [("email", "emails"), ("phone", "phones")];

/// Where a property is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// On the person.
    Own(&'a str),
    /// On the organization, under this name.
    OfOrganization(&'static str),
}

/// Names of properties, and of the organization's fields.
pub(super) const OF_ORGANIZATION: [(&str, &str); 2] = [("company", "name"), ("website", "website")];

/// Where a property is.
pub(super) fn place(property: &str) -> Place<'_> {
    let named = OF_ORGANIZATION.iter().find(|(name, _)| *name == property);
    named.map_or(Place::Own(property), |(_, field)| Place::OfOrganization(field))
}

/// The list that a property is the primary one of.
pub(super) fn list_of(property: &str) -> Option<&'static str> {
    LISTS.iter().find(|(name, _)| *name == property).map(|(_, list)| *list)
}

/// Whether it is the key of a custom field: a hash of 40 characters.
pub(super) fn is_custom(property: &str) -> bool {
    property.len() == 40 && property.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Pipedrive's ids are numbers. Anything else is no record, and would stray into the path.
pub(super) fn is_id(id: &str) -> bool {
    (1..=18).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit()) && !id.starts_with('0')
}

/// A record as it is read: all of its fields, or in an event those that were changed.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Row(Map<Value, FIELDS_MAX>);

impl Row {
    fn field(&self, name: &str) -> Option<&Value> {
        self.0.0.get(name)
    }

    /// Which record it is.
    pub(super) fn id(&self) -> Option<String> {
        text(self.field("id")?).filter(|id| is_id(id))
    }

    /// Whether it is in the trash, from which it is removed after 30 days.
    pub(super) fn is_deleted(&self) -> bool {
        self.field("is_deleted") == Some(&Value::Bool(true))
    }

    /// Which organization the person is with.
    pub(super) fn organization(&self) -> Option<String> {
        text(self.field(ORGANIZATION)?).filter(|id| is_id(id))
    }

    /// The value of a property of its own.
    pub(super) fn property(&self, name: &str) -> Option<String> {
        match list_of(name) {
            Some(list) => primary(&self.entries(list)).and_then(entry_value).map(str::to_owned),
            None if is_custom(name) => text(self.field(CUSTOM_FIELDS)?.get(name)?),
            None => text(self.field(name)?),
        }
    }

    /// Whether a property of its own is there, with or without a value.
    pub(super) fn has(&self, name: &str) -> bool {
        match list_of(name) {
            Some(list) => self.field(list).or(self.field(name)).is_some(),
            None if is_custom(name) => self.field(CUSTOM_FIELDS).is_some_and(|fields| fields.get(name).is_some()),
            None => self.field(name).is_some(),
        }
    }

    /// The entries of a list of e-mail addresses or telephone numbers. Webhooks may name a list by its property.
    pub(super) fn entries(&self, list: &str) -> Vec<Value> {
        let property = LISTS.iter().find(|(_, known)| *known == list).and_then(|(name, _)| self.field(name));
        match self.field(list).or(property) {
            Some(Value::Array(entries)) => {
                entries.iter().filter(|entry| entry_value(entry).is_some()).cloned().collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The value of an entry, if it isn't blank.
pub(super) fn entry_value(entry: &Value) -> Option<&str> {
    entry.get("value")?.as_str().map(str::trim).filter(|value| !value.is_empty())
}

/// The primary one of several, or the first where none is marked.
pub(super) fn primary(entries: &[Value]) -> Option<&Value> {
    let marked = entries.iter().find(|entry| entry.get("primary") == Some(&Value::Bool(true)));
    marked.or(entries.first())
}

/// A value as text. One of several parts is told by its `value`, or else as it is: it must not pass for a blank one.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(items) => (!items.is_empty()).then(|| value.to_string()),
        Value::Object(parts) => match parts.get("value").or(parts.get("id")) {
            Some(Value::Object(_) | Value::Array(_)) => Some(value.to_string()),
            Some(part) => text(part),
            None => (!parts.is_empty()).then(|| value.to_string()),
        },
    }
}

/// An answer with one record.
#[derive(Default, Deserialize)]
#[serde(default)]
struct One {
    success: Scalar,
    data: Loose<Row>,
}

/// The record of an answer. `None` if it isn't such an answer.
pub(super) fn row(body: &[u8]) -> Option<Row> {
    let one = read::<Loose<One>>(body).ok()?.into_object()?;
    one.data.into_object().filter(|_| one.success == Scalar::Boolean(true))
}

/// An answer with several.
#[derive(Deserialize)]
#[serde(default, bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct Page<T, const MOST: usize> {
    success: Scalar,
    data: List<Loose<T>, MOST>,
    additional_data: Loose<Additional>,
}

impl<T, const MOST: usize> Default for Page<T, MOST> {
    fn default() -> Self {
        Self { success: Scalar::default(), data: List::default(), additional_data: Loose::default() }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Additional {
    next_cursor: Scalar,
}

/// What is on a page, and where the next one begins. `None` if it isn't such an answer.
pub(super) fn page<T, const MOST: usize>(body: &[u8]) -> Option<(Vec<T>, Option<String>)>
where
    T: for<'de> Deserialize<'de>,
{
    let page = read::<Loose<Page<T, MOST>>>(body).ok()?.into_object()?;
    let is_whole = matches!(&page.data, List::Of { total, .. } if *total <= MOST);
    if !is_whole || page.success != Scalar::Boolean(true) {
        return None;
    }
    let next = page.additional_data.into_object().and_then(|additional| additional.next_cursor.to_text());
    Some((page.data.into_objects(), next.filter(|cursor| !cursor.is_empty())))
}

/// What Pipedrive objects to.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Complaint {
    success: Scalar,
    error: Scalar,
    code: Scalar,
}

impl Complaint {
    /// The error in the body of a failed call; an empty one when the body is something else, such as a page.
    pub(super) fn read(body: &[u8]) -> Self {
        read::<Loose<Self>>(body).ok().and_then(Loose::into_object).unwrap_or_default()
    }

    /// `ERR_SCHEMA_VALIDATION_FAILED`, …
    pub(super) fn code(&self) -> Option<&str> {
        self.code.as_word()
    }

    /// Whether it is Pipedrive's own API that answers, and not what stands before it.
    pub(super) fn is_pipedrives(&self) -> bool {
        self.success == Scalar::Boolean(false)
    }

    /// Whether one of its clauses is about this field: `Validation failed: job_title: …; custom_fields.KEY: …`. Sentences
    /// repeat values, so that only the beginnings of clauses are searched, and only for names that are known.
    pub(super) fn is_about(&self, field: &str) -> bool {
        let sentence: String = self.error.as_text().unwrap_or_default().chars().take(SENTENCE_CHARS_MAX).collect();
        let Some((_, clauses)) = sentence.split_once("Validation failed: ") else { return false };
        clauses.split("; ").filter_map(|clause| clause.split_once(": ")).any(|(path, _)| {
            let path = path.strip_prefix("custom_fields.").unwrap_or(path);
            path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef01234567";

    fn row(body: &str) -> Row {
        serde_json::from_str(body).expect("a row")
    }

    #[test]
    fn a_value_of_any_form_is_told_from_a_blank_one() {
        let told = |value: &str| row(&format!(r#"{{"custom_fields":{{"{KEY}":{value}}}}}"#)).property(KEY);
        for (value, expected) in [
            ("\"a\"", Some("a")),
            ("7", Some("7")),
            ("1.5", Some("1.5")),
            ("null", None),
            ("[]", None),
            ("{}", None),
            ("[1,2]", Some("[1,2]")),
            (r#"{"value":5,"currency":"EUR"}"#, Some("5")),
            (r#"{"type":"varchar","value":null}"#, None),
            (r#"{"id":3,"label":"x"}"#, Some("3")),
            (r#"{"from":"a"}"#, Some(r#"{"from":"a"}"#)),
        ] {
            assert_eq!(told(value).as_deref(), expected, "{value}");
        }
        assert_eq!(row("{}").property(KEY), None);
    }

    #[test]
    fn the_primary_one_of_several_is_meant() {
        let two = r#"[{"value":" ","primary":true},{"value":"a@x.example"},{"value":"b@x.example","primary":true}]"#;
        assert_eq!(row(&format!(r#"{{"emails":{two}}}"#)).property("email").as_deref(), Some("b@x.example"));
        assert_eq!(row(&format!(r#"{{"email":{two}}}"#)).entries("emails").len(), 2, "a blank one is none");
        let unmarked = row(r#"{"phones":[{"value":"1"},{"value":"2","primary":false}]}"#);
        assert_eq!(unmarked.property("phone").as_deref(), Some("1"));
        for blank in ["{}", r#"{"phones":null}"#, r#"{"phones":[]}"#, r#"{"phones":[{"value":"","primary":true}]}"#] {
            assert_eq!(row(blank).property("phone"), None, "{blank}");
        }
    }

    #[test]
    fn a_complaint_names_fields_and_no_values() {
        let complaint = |error: &str| Complaint::read(serde_json::json!({ "error": error }).to_string().as_bytes());
        let several =
            complaint(&format!("Validation failed: custom_fields.{KEY}: is wrong; emails[0].value: job_title: x"));
        assert!(several.is_about(KEY) && several.is_about("emails"));
        assert!(!several.is_about("job_title") && !several.is_about("email") && !several.is_about("phones"));
        assert!(!complaint("job_title: x").is_about("job_title"), "another sentence");
        for other in ["", "<html>", "[]", r#"{"error":7}"#] {
            assert!(!Complaint::read(other.as_bytes()).is_about("name"), "{other}");
        }
    }
}
