//! The shapes in which HubSpot answers.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::contacts::Contact;
use super::limits::Policy;
use super::schema::{Kind, READ_ONLY_PROPERTIES, Violation};
use crate::simulators::exchange::Answer;

/// What comes with every contact, asked for or not.
const ALWAYS_SHOWN: [&str; 3] = READ_ONLY_PROPERTIES;

/// What comes with a contact when nothing is asked for.
const SHOWN_BY_DEFAULT: [&str; 3] = ["email", "firstname", "lastname"];

/// An instant as HubSpot writes it: to the millisecond, and without a fraction when there is none.
pub(super) fn instant(at: Timestamp) -> String {
    let form = if at.as_millisecond() % 1000 == 0 { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%.3fZ" };
    at.strftime(form).to_string()
}

/// Which of a contact's properties are asked for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Their present values.
    pub(super) properties: Vec<String>,
    /// All their values.
    pub(super) with_history: Vec<String>,
}

/// A contact. A property that was asked for and has no value is `null`; one that doesn't exist is left out.
pub(super) fn contact(contact: &Contact, wanted: &Wanted, exists: impl Fn(&str) -> bool) -> Value {
    let mut names: BTreeSet<&str> = ALWAYS_SHOWN.into();
    if wanted.properties.is_empty() && wanted.with_history.is_empty() {
        names.extend(SHOWN_BY_DEFAULT);
    }
    names.extend(wanted.properties.iter().map(String::as_str).filter(|name| exists(name)));
    let properties: Map<String, Value> =
        names.into_iter().map(|name| (name.to_owned(), json!(contact.shown(name)))).collect();
    let mut shown = json!({
        "id": contact.id,
        "properties": properties,
        "createdAt": instant(contact.created_at),
        "updatedAt": instant(contact.updated_at),
        "archived": contact.archived_at.is_some(),
    });
    if let Some(at) = contact.archived_at {
        shown["archivedAt"] = json!(instant(at));
    }
    if !wanted.with_history.is_empty() {
        let histories = wanted.with_history.iter().filter(|name| exists(name));
        let histories: Map<String, Value> = histories.map(|name| (name.clone(), history(contact, name))).collect();
        shown["propertiesWithHistory"] = json!(histories);
    }
    shown
}

fn history(contact: &Contact, property: &str) -> Value {
    let versions = contact.history(property).iter().map(|version| {
        json!({
            "value": version.value,
            "timestamp": instant(version.at),
            "sourceType": version.source.kind,
            "sourceId": version.source.id,
        })
    });
    versions.collect()
}

/// One record's failure within a batch.
pub(super) struct RecordError {
    pub(super) category: &'static str,
    pub(super) message: String,
    pub(super) ids: Vec<String>,
    /// Only known when the caller gave the input one.
    pub(super) trace_id: Option<String>,
}

/// A batch's answer: 200 when all went well, 207 when some of it did not.
pub(super) fn batch(results: Vec<Value>, errors: &[RecordError], now: Timestamp) -> Answer {
    let mut body = json!({
        "status": "COMPLETE",
        "results": results,
        "startedAt": instant(now),
        "completedAt": instant(now),
    });
    if errors.is_empty() {
        return Answer::json(200, &body);
    }
    body["numErrors"] = json!(errors.len());
    body["errors"] = errors.iter().map(record_error).collect();
    Answer::json(207, &body)
}

fn record_error(error: &RecordError) -> Value {
    let mut context = json!({ "ids": error.ids });
    if let Some(trace_id) = &error.trace_id {
        context["objectWriteTraceId"] = json!([trace_id]);
    }
    json!({ "status": "error", "category": error.category, "message": error.message, "context": context })
}

/// An error that says no more than its category.
pub(super) fn error(status: u16, category: &str, message: &str, correlation_id: &str) -> Answer {
    let body = json!({ "status": "error", "message": message, "correlationId": correlation_id, "category": category });
    Answer::json(status, &body)
}

/// The error for values that were not accepted, with a part for each of them.
pub(super) fn violations(violations: &[Violation], portal_id: u64, correlation_id: &str) -> Answer {
    let errors: Vec<Value> = violations
        .iter()
        .map(|violation| {
            let context = json!({ "propertyName": [violation.property] });
            json!({ "message": violation.message, "code": violation.code, "context": context })
        })
        .collect();
    let body = json!({
        "status": "error",
        "message": violations_message(violations, portal_id),
        "correlationId": correlation_id,
        "errors": errors,
        "category": "VALIDATION_ERROR",
    });
    Answer::json(400, &body)
}

/// HubSpot puts a JSON text into the sentence.
pub(super) fn violations_message(violations: &[Violation], portal_id: u64) -> String {
    let details: Vec<Value> = violations
        .iter()
        .map(|violation| {
            json!({
                "isValid": false,
                "message": violation.message,
                "error": violation.code,
                "name": violation.property,
                "localizedErrorMessage": violation.message,
                "propertyValue": violation.value,
                "portalId": portal_id,
            })
        })
        .collect();
    format!("Property values were not valid: {}", Value::from(details))
}

/// The error for being called too often. It has no `Retry-After`: HubSpot documents none.
pub(super) fn rate_limited(policy: Policy, correlation_id: &str) -> Answer {
    let body = json!({
        "status": "error",
        "message": format!("You have reached your {} limit.", policy.name().to_lowercase()),
        "errorType": "RATE_LIMIT",
        "correlationId": correlation_id,
        "policyName": policy.name(),
        "requestId": correlation_id,
    });
    Answer::json(429, &body)
}

/// A property's definition.
pub(super) fn property(name: &str, kind: &Kind) -> Value {
    let (property_type, field_type) = kind.names();
    let options: Vec<Value> = match kind {
        Kind::Choice(options) => options.iter().enumerate().map(option).collect(),
        _ => Vec::new(),
    };
    json!({
        "name": name,
        "label": name,
        "type": property_type,
        "fieldType": field_type,
        "description": "",
        "groupName": "contactinformation",
        "options": options,
        "displayOrder": -1,
        "calculated": false,
        "externalOptions": false,
        "hasUniqueValue": *kind == Kind::Email,
        "hidden": false,
        "hubspotDefined": !name.starts_with("leadgate_"),
        "modificationMetadata": {
            "archivable": true,
            "readOnlyDefinition": false,
            "readOnlyValue": *kind == Kind::ReadOnly,
        },
        "formField": *kind != Kind::ReadOnly,
    })
}

fn option((order, value): (usize, &String)) -> Value {
    json!({ "label": value, "value": value, "displayOrder": order, "hidden": false })
}
