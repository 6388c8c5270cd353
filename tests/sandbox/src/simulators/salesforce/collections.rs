//! sObject Collections: reading and writing several records with one call
//! (developer.salesforce.com, "REST API Developer Guide").

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::org::{Org, Refusal};
use super::records::{Record, long};
use super::schema::{Kind, Violation};
use crate::simulators::exchange::{Answer, Call};

/// The most records of a write.
const WRITES_MAX: usize = 200;
/// The most records of a read.
const READS_MAX: usize = 2000;
/// The most runs of records of one kind in a write.
const RUNS_MAX: usize = 10;

#[derive(Deserialize)]
struct Retrieve {
    ids: Vec<String>,
    fields: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    #[serde(default)]
    all_or_none: bool,
    records: Vec<Map<String, Value>>,
}

/// The error of a whole call.
pub(super) fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!([{ "message": message, "errorCode": code, "fields": [] }]))
}

fn no_column(object: &str, field: &str) -> Answer {
    let message = format!(
        "\nSELECT {field}\n       ^\nERROR at Row:1:Column:8\nNo such column '{field}' on entity '{object}'. If you are \
         attempting to use a custom field, be sure to append the '__c' after the custom field name."
    );
    error(400, "INVALID_FIELD", &message)
}

impl Org {
    /// The rows of the ids, in their order: null for one that isn't there.
    pub(super) fn retrieve(&mut self, object: &str, call: &Call) -> Answer {
        if !self.schema.has(object) {
            return error(404, "NOT_FOUND", "The requested resource does not exist");
        }
        let body: Retrieve = match call.json() {
            Ok(body) => body,
            Err(wrong) => return error(400, "JSON_PARSER_ERROR", &wrong.to_string()),
        };
        if let Some(field) = body.fields.iter().find(|field| self.schema.kind(object, field).is_none()) {
            return no_column(object, field);
        }
        if body.ids.len() > READS_MAX {
            return error(400, "EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than 2000 records");
        }
        let mut rows = Vec::new();
        for id in &body.ids {
            let Some(id) = long(id) else {
                return error(400, "MALFORMED_ID", &format!("{object} ID: id value of incorrect type: {id}"));
            };
            let record = self.records.get(&id).filter(|record| record.object == object && !record.is_deleted);
            self.counters.records_read += u64::from(record.is_some());
            rows.push(record.map_or(Value::Null, |record| self.shown(record, &body.fields)));
        }
        Answer::json(200, &Value::from(rows))
    }

    /// A record with these fields. Its id comes with it, asked for or not.
    fn shown(&self, record: &Record, fields: &[String]) -> Value {
        let object = &record.object;
        let url = format!("/services/data/v65.0/sobjects/{object}/{}", record.id);
        let mut row = json!({ "attributes": { "type": object, "url": url }, "Id": record.id });
        for field in fields {
            row[field] = match (record.shown(field), self.schema.kind(object, field)) {
                (None, _) => Value::Null,
                (Some(text), Some(Kind::Number)) => text.parse::<f64>().map_or(Value::Null, number),
                (Some(text), _) if field.starts_with("Is") => (text == "true").into(),
                (Some(text), _) if field.ends_with("Date") || field.ends_with("At__c") => {
                    text.replace('Z', "+0000").into()
                }
                (Some(text), _) => text.into(),
            };
        }
        row
    }

    /// Each record for itself. A field that isn't there, and a value that can't be read, fail all of it.
    pub(super) fn update_all(&mut self, call: &Call, by: &str, now: Timestamp) -> Answer {
        let body: Update = match call.json() {
            Ok(body) => body,
            Err(wrong) => return error(400, "JSON_PARSER_ERROR", &wrong.to_string()),
        };
        if body.records.len() > WRITES_MAX {
            return error(400, "EXCEEDED_MAX_SIZE_REQUEST", "The request must not contain more than 200 records");
        }
        let object =
            |row: &Map<String, Value>| row.get("attributes").and_then(|it| it["type"].as_str()).map(str::to_owned);
        let mut objects: Vec<String> = body.records.iter().filter_map(object).collect();
        if body.all_or_none || objects.len() != body.records.len() {
            return error(400, "INVALID_INPUT", "attributes with a type are needed, and allOrNone isn't simulated");
        }
        let mut asked = Vec::new();
        for (row, object) in body.records.iter().zip(&objects) {
            match self.values(object, row) {
                Ok(values) => asked.push((row.get("id").and_then(Value::as_str).and_then(long), values)),
                Err(answer) => return answer,
            }
        }
        objects.dedup();
        if objects.len() > RUNS_MAX {
            return error(400, "TOO_MANY_CHUNKS", "the records are in more than 10 runs of one type");
        }
        let mut written = 0;
        let outcomes: Vec<Value> = asked
            .into_iter()
            .map(|(id, values)| {
                let done = id.as_deref().ok_or(Refusal::NotFound).and_then(|id| self.update(id, &values, by, now));
                written += u64::from(done.is_ok());
                outcome(id.as_deref(), done)
            })
            .collect();
        self.counters.records_written += written;
        self.counters.writes += u64::from(written > 0);
        Answer::json(200, &Value::from(outcomes))
    }

    /// The values of a row, as text.
    fn values(&self, object: &str, row: &Map<String, Value>) -> Result<BTreeMap<String, String>, Answer> {
        let mut values = BTreeMap::new();
        for (field, value) in row.iter().filter(|(field, _)| !["attributes", "id", "Id"].contains(&field.as_str())) {
            let Some(kind) = self.schema.kind(object, field) else { return Err(no_column(object, field)) };
            let text = match value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let is_time = |text: &str| {
                let digits =
                    text.split_once('.').map_or(0, |(_, rest)| rest.chars().filter(char::is_ascii_digit).count());
                text.parse::<Timestamp>().is_ok() && digits <= 3
            };
            let is_readable = match kind {
                Kind::Number => text.is_empty() || text.parse::<f64>().is_ok(),
                Kind::DateTime => text.is_empty() || is_time(&text),
                _ => true,
            };
            if !is_readable {
                let message = format!("Cannot deserialize instance of {kind:?} from VALUE_STRING value {text}");
                return Err(error(400, "JSON_PARSER_ERROR", &message));
            }
            values.insert(field.clone(), text);
        }
        Ok(values)
    }

    /// The ids of those that have a value in a field: the only query that is simulated.
    pub(super) fn query(&mut self, call: &Call) -> Answer {
        let query = call.parameter("q").unwrap_or_default();
        let Some(asked) = Asked::read(query).filter(|asked| self.schema.has(&asked.object)) else {
            return error(400, "MALFORMED_QUERY", "unexpected token");
        };
        let Some(kind) = self.schema.kind(&asked.object, &asked.field) else {
            return error(400, "INVALID_FIELD", &format!("No such column '{}' on entity", asked.field));
        };
        if asked.is_quoted == matches!(kind, Kind::Number | Kind::DateTime) {
            return error(400, "INVALID_FIELD", "filter criteria of another type, or quotes that are not there");
        }
        let is_one = |record: &&Record| {
            let is_value = record.value(&asked.field).is_some_and(|own| own.eq_ignore_ascii_case(&asked.value));
            let is_behind = asked.after.as_ref().is_none_or(|after| record.id > *after);
            let is_left_out = asked.is_unconverted && record.converted_to.is_some();
            record.object == asked.object && !record.is_deleted && is_value && is_behind && !is_left_out
        };
        let mut found: Vec<&Record> = self.records.values().filter(is_one).collect();
        match asked.is_by_id {
            true => found.sort_by(|one, other| one.id.cmp(&other.id)),
            false => found.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id))),
        }
        let rows: Vec<Value> = found.into_iter().take(asked.limit).map(|record| self.shown(record, &[])).collect();
        self.counters.records_read += rows.len() as u64;
        Answer::json(200, &json!({ "totalSize": rows.len(), "done": true, "records": rows }))
    }

    /// Creates one record.
    pub(super) fn create_one(&mut self, object: &str, call: &Call, by: &str, now: Timestamp) -> Answer {
        let row: Map<String, Value> = match call.json() {
            Ok(row) if self.schema.has(object) => row,
            Ok(_) => return error(404, "NOT_FOUND", "The requested resource does not exist"),
            Err(wrong) => return error(400, "JSON_PARSER_ERROR", &wrong.to_string()),
        };
        let lacks = |name: &&&str| row.get(**name).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty());
        let required = ["LastName", "Company"].iter().filter(|_| object == "Lead").find(lacks);
        if let Some(name) = required {
            let message = format!("Required fields are missing: [{name}]");
            let missing = [Violation { code: "REQUIRED_FIELD_MISSING", field: (*name).to_owned(), message }];
            return Answer::json(400, &errors(&missing, "errorCode"));
        }
        self.counters.created += 1;
        let created = self.values(object, &row).map(|values| self.create(object, &values, by, now));
        match created {
            Ok(Ok(id)) => Answer::json(201, &json!({ "id": id, "success": true, "errors": [] })),
            Ok(Err(Refusal::Invalid(violations))) => Answer::json(400, &errors(&violations, "errorCode")),
            Ok(Err(_)) => error(400, "UNKNOWN_EXCEPTION", "it can't be created"),
            Err(answer) => answer,
        }
    }

    /// The fields of a kind of record.
    pub(super) fn describe(&self, object: &str) -> Answer {
        let fields: Vec<Value> = self.schema.of(object).map(|(name, kind)| described(name, kind)).collect();
        match fields.is_empty() {
            true => error(404, "NOT_FOUND", "The requested resource does not exist"),
            false => Answer::json(200, &json!({ "name": object, "fields": fields })),
        }
    }

    /// One record with all of its values.
    pub(super) fn read_one(&mut self, object: &str, id: &str) -> Answer {
        let record = long(id).and_then(|id| self.records.get(&id)).filter(|record| record.object == object);
        match record {
            Some(record) if !record.is_deleted => {
                let names: Vec<String> = record.values().keys().cloned().collect();
                Answer::json(200, &self.shown(record, &names))
            }
            Some(_) => error(404, "ENTITY_IS_DELETED", "entity is deleted"),
            None => error(404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible"),
        }
    }
}

/// A query for those that have a value in a field.
struct Asked {
    object: String,
    is_unconverted: bool,
    field: String,
    value: String,
    is_quoted: bool,
    after: Option<String>,
    /// By their ids, or else the oldest first.
    is_by_id: bool,
    limit: usize,
}

impl Asked {
    fn read(query: &str) -> Option<Self> {
        let (object, rest) = query.strip_prefix("SELECT Id FROM ")?.split_once(" WHERE ")?;
        let unconverted = rest.strip_prefix("IsConverted = false AND ");
        let (field, rest) = unconverted.unwrap_or(rest).split_once(" = ")?;
        let (value, is_quoted, rest) = literal(rest)?;
        let (after, rest) = match rest.strip_prefix(" AND Id > ") {
            Some(rest) => literal(rest).map(|(id, _, rest)| (Some(id), rest))?,
            None => (None, rest),
        };
        let (order, limit) = rest.strip_prefix(" ORDER BY ")?.split_once(" LIMIT ")?;
        let is_by_id = match order {
            "Id" => true,
            "CreatedDate, Id" => false,
            _ => return None,
        };
        let (object, field) = (object.to_owned(), field.to_owned());
        let (is_unconverted, limit) = (unconverted.is_some(), limit.parse().ok()?);
        Some(Self { object, is_unconverted, field, value, is_quoted, after, is_by_id, limit })
    }
}

/// A value, whether it stands in quotes, and what follows it.
fn literal(text: &str) -> Option<(String, bool, &str)> {
    let Some(quoted) = text.strip_prefix('\'') else {
        let (value, _) = text.split_once(' ')?;
        return Some((value.to_owned(), false, &text[value.len()..]));
    };
    let (mut value, mut rest) = (String::new(), quoted.chars());
    loop {
        match rest.next()? {
            '\'' => return Some((value, true, rest.as_str())),
            '\\' => value.push(rest.next()?),
            plain => value.push(plain),
        }
    }
}

fn described(name: &str, kind: &Kind) -> Value {
    let (word, length) = match kind {
        Kind::Text(most) => ("string", *most),
        Kind::Email => ("email", 80),
        Kind::Number => ("double", 0),
        Kind::Picklist(_) => ("picklist", 255),
        Kind::DateTime => ("datetime", 0),
        Kind::Reference | Kind::ReadOnly => ("reference", 18),
    };
    let values = if let Kind::Picklist(values) = kind { values.as_slice() } else { &[] };
    let values: Vec<Value> = values.iter().map(|value| json!({ "active": true, "value": value })).collect();
    json!({
        "name": name, "type": word, "length": length, "updateable": *kind != Kind::ReadOnly,
        "restrictedPicklist": !values.is_empty(), "picklistValues": values,
    })
}

#[expect(clippy::cast_possible_truncation, reason = "a whole number is written as one")]
fn number(number: f64) -> Value {
    if number.fract() == 0.0 { Value::from(number as i64) } else { Value::from(number) }
}

fn outcome(id: Option<&str>, done: Result<(), Refusal>) -> Value {
    let failed = |code: &str, message: &str| json!({ "success": false, "errors": [{ "statusCode": code, "message": message, "fields": [] }] });
    match done {
        Ok(()) => json!({ "id": id, "success": true, "errors": [] }),
        Err(Refusal::NotFound) => failed("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
        Err(Refusal::Deleted) => failed("ENTITY_IS_DELETED", "entity is deleted"),
        Err(Refusal::Converted) => failed("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"),
        Err(Refusal::Invalid(violations)) => json!({ "success": false, "errors": errors(&violations, "statusCode") }),
    }
}

fn errors(violations: &[Violation], code: &str) -> Value {
    let error = |violation: &Violation| json!({ code: violation.code, "message": violation.message, "fields": [violation.field] });
    violations.iter().map(error).collect()
}
