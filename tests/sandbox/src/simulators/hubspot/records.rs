//! The operations on one contact, and those on the properties.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::contacts::Source;
use super::portal::{Portal, Refusal};
use super::schema::Kind;
use super::wire::{self, Wanted};
use crate::simulators::exchange::{Answer, Call};

/// The most contacts on one page of the list.
const PAGE_MAX: usize = 100;

/// How many contacts a page has when nothing is said.
const PAGE_DEFAULT: usize = 10;

#[derive(Deserialize)]
struct PropertiesBody {
    properties: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GdprDeleteBody {
    object_id: String,
    id_property: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PropertyBody {
    name: String,
    #[serde(rename = "type")]
    property_type: String,
    // HubSpot wants them, and this portal has no use for them.
    #[serde(rename = "label")]
    _label: String,
    #[serde(rename = "groupName")]
    _group_name: String,
    field_type: String,
    #[serde(default)]
    options: Vec<PropertyOption>,
}

#[derive(Deserialize)]
struct PropertyOption {
    value: String,
}

impl Portal {
    pub(super) fn list(&mut self, call: &Call) -> Answer {
        let wanted = Wanted::asked(call);
        let limit = call.parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE_DEFAULT);
        if limit > PAGE_MAX {
            return self.error(400, "VALIDATION_ERROR", "limit must be at most 100");
        }
        let after: u64 = call.parameter("after").and_then(|after| after.parse().ok()).unwrap_or_default();
        let mut from_here = self.contacts.all(is_archived(call)).filter(|contact| contact.number() >= after);
        let page: Vec<_> = from_here.by_ref().take(limit).collect();
        let next = from_here.next().map(|contact| contact.id.clone());
        let results: Vec<Value> =
            page.iter().map(|contact| wire::contact(contact, &wanted, |name| self.exists(name))).collect();
        let mut body = json!({ "results": results });
        if let Some(next) = next {
            body["paging"] = json!({ "next": { "after": next } });
        }
        self.counters.records_read += count(results.len());
        Answer::json(200, &body)
    }

    pub(super) fn read_one(&mut self, id: &str, call: &Call) -> Answer {
        let found = self.find(id, call.parameter("idProperty"), is_archived(call));
        let Some(contact) = found.and_then(|id| self.contacts.get(id)) else { return self.not_found() };
        let body = wire::contact(contact, &Wanted::asked(call), |name| self.exists(name));
        self.counters.records_read += 1;
        Answer::json(200, &body)
    }

    pub(super) fn create_one(&mut self, call: &Call, now: Timestamp) -> Answer {
        let body: PropertiesBody = match self.body(call) {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        match self.create(&body.properties, &Source::app(self.app_id), now) {
            Ok(id) => self.written(201, id, body.properties),
            Err(refusal) => self.refused(refusal),
        }
    }

    pub(super) fn update_one(&mut self, id: &str, call: &Call, now: Timestamp) -> Answer {
        let body: PropertiesBody = match self.body(call) {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        if body.properties.is_empty() {
            let message = "No properties found to update, please provide at least one.";
            return self.error(400, "VALIDATION_ERROR", message);
        }
        let Some(id) = self.find(id, call.parameter("idProperty"), false) else { return self.not_found() };
        match self.update(id, &body.properties, &Source::app(self.app_id), now) {
            Ok(()) => self.written(200, id, body.properties),
            Err(refusal) => self.refused(refusal),
        }
    }

    pub(super) fn archive_one(&mut self, id: &str, now: Timestamp) -> Answer {
        let Some(id) = id.parse().ok().filter(|id| self.contacts.get(*id).is_some()) else {
            return self.not_found();
        };
        self.archive(id, &Source::app(self.app_id), now);
        self.counters.writes += 1;
        Answer::nothing()
    }

    pub(super) fn gdpr_delete(&mut self, call: &Call, now: Timestamp) -> Answer {
        let body: GdprDeleteBody = match self.body(call) {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        let Some(id) = self.find(&body.object_id, body.id_property.as_deref(), false) else {
            return self.not_found();
        };
        self.forget(id, &Source::app(self.app_id), now);
        self.counters.writes += 1;
        Answer::nothing()
    }

    pub(super) fn properties(&self) -> Answer {
        let results: Vec<Value> = self.schema.iter().map(|(name, kind)| wire::property(name, kind)).collect();
        Answer::json(200, &json!({ "results": results }))
    }

    pub(super) fn property(&mut self, name: &str) -> Answer {
        match self.schema.kind(name) {
            Some(kind) => Answer::json(200, &wire::property(name, kind)),
            None => self.not_found(),
        }
    }

    pub(super) fn create_property(&mut self, call: &Call) -> Answer {
        let body: PropertyBody = match self.body(call) {
            Ok(body) => body,
            Err(answer) => return answer,
        };
        if self.exists(&body.name) {
            let message = format!("A property named '{}' already exists.", body.name);
            return self.error(409, "OBJECT_ALREADY_EXISTS", &message);
        }
        let kind = match body.property_type.as_str() {
            "datetime" => Kind::DateTime,
            "date" => Kind::Date,
            "number" => Kind::Number,
            _ if body.field_type == "phonenumber" => Kind::Phone,
            "enumeration" => Kind::Choice(body.options.into_iter().map(|option| option.value).collect()),
            _ => Kind::Text,
        };
        self.schema.define(&body.name, kind.clone());
        Answer::json(201, &wire::property(&body.name, &kind))
    }

    /// The id behind an id, or behind an address when `idProperty` says so.
    pub(super) fn find(&self, id: &str, id_property: Option<&str>, is_archived: bool) -> Option<u64> {
        let id = match id_property {
            None | Some("hs_object_id") => id.parse().ok()?,
            Some("email") => self.contacts.with_email(id)?,
            Some(_) => return None,
        };
        let id = self.contacts.survivor(id);
        let contact = self.contacts.get(id)?;
        (contact.archived_at.is_some() == is_archived).then_some(id)
    }

    pub(super) fn exists(&self, property: &str) -> bool {
        self.schema.kind(property).is_some()
    }

    pub(super) fn body<T: DeserializeOwned>(&mut self, call: &Call) -> Result<T, Answer> {
        call.json().map_err(|error| {
            let message = format!("Invalid input JSON on line {}, column {}: {error}", error.line(), error.column());
            self.error(400, "VALIDATION_ERROR", &message)
        })
    }

    pub(super) fn error(&mut self, status: u16, category: &str, message: &str) -> Answer {
        wire::error(status, category, message, &self.correlation_id())
    }

    fn not_found(&mut self) -> Answer {
        self.error(404, "OBJECT_NOT_FOUND", "resource not found")
    }

    pub(super) fn refused(&mut self, refusal: Refusal) -> Answer {
        match refusal {
            Refusal::NotFound => self.not_found(),
            Refusal::Exists(_) => self.error(409, "CONFLICT", &refusal.to_string()),
            Refusal::Invalid(violations) => wire::violations(&violations, self.portal_id, &self.correlation_id()),
        }
    }

    fn written(&mut self, status: u16, id: u64, properties: BTreeMap<String, String>) -> Answer {
        self.counters.writes += 1;
        self.counters.records_written += 1;
        Answer::json(status, &self.shown_written(id, properties))
    }

    /// The contact with the properties that were written.
    pub(super) fn shown_written(&self, id: u64, properties: BTreeMap<String, String>) -> Value {
        let wanted = Wanted { properties: properties.into_keys().collect(), ..Wanted::default() };
        let contact = self.contacts.get(id);
        contact.map(|contact| wire::contact(contact, &wanted, |name| self.exists(name))).unwrap_or_default()
    }
}

impl Wanted {
    /// What the query asks for: parameters may be repeated, or lists with commas.
    fn asked(call: &Call) -> Self {
        let all = |name: &str| {
            let values = call.query.iter().filter(|(key, _)| key == name).flat_map(|(_, value)| value.split(','));
            values.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        Self { properties: all("properties"), with_history: all("propertiesWithHistory") }
    }
}

/// Whether what is in the recycle bin is asked for, and nothing else.
pub(super) fn is_archived(call: &Call) -> bool {
    call.parameter("archived") == Some("true")
}

pub(super) fn count(many: usize) -> u64 {
    u64::try_from(many).unwrap_or(u64::MAX)
}
