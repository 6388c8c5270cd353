//! Which call is which operation, and who may make it (docs.attio.com, "Endpoint reference").

use std::time::Duration;

use axum::http::HeaderMap;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use leadgate_enrichment::clock::{earlier, later};
use serde_json::{Map, Value, json};

use super::Attio;
use super::attributes::{Kind, Violation, attribute_id};
use super::workspace::{By, Several, Workspace};
use crate::simulators::exchange::{Answer, Call, Reception, Vendor};

/// The most records of a list (documented).
const RECORDS_MAX: usize = 500;
/// What events call the object "companies".
const COMPANIES_ID: &str = "c0000000-0000-4000-8000-000000000001";

impl Vendor for Attio {
    const NAME: &'static str = "attio";

    fn reception(&self) -> &Reception {
        &self.reception
    }

    fn carry_out(&self, call: &Call, headers: &HeaderMap) -> Answer {
        let now = self.now();
        let mut workspace = self.workspace.lock();
        let token = headers.get("authorization").and_then(|value| value.to_str().ok());
        if token != Some(&format!("Bearer {}", self.setup.token)) {
            workspace.counters.unauthorized += 1;
            return error(401, "unauthorized", "The token is not valid.");
        }
        let path: Vec<&str> = call.path.trim_start_matches("/v2/").split('/').collect();
        let is_write = matches!(call.method.as_str(), "PATCH" | "PUT") || path.last() == Some(&"records");
        if !workspace.limits.take(&self.setup, is_write, now) {
            workspace.counters.throttled += 1;
            return self.throttled(None);
        }
        workspace.counters.calls += 1;
        let by = By { id: self.setup.actor_id.clone(), kind: "api-token" };
        match (call.method.as_str(), path.as_slice()) {
            ("POST", ["objects", "people", "records", "query"]) => match address(call) {
                Some(email) => workspace.search(&email, earlier(now, self.setup.search_lag)),
                None => workspace.list(call),
            },
            ("POST", ["objects", "companies", "records", "query"]) => workspace.list_companies(call),
            ("POST", ["objects", "people", "records"]) => workspace.create_one(call, &by, now),
            ("GET", ["objects", "people", "records", id]) => workspace.read_one(id),
            ("PATCH", ["objects", "people", "records", id]) => workspace.update_one(id, call, Several::Stay, &by, now),
            ("PUT", ["objects", "people", "records", id]) => workspace.update_one(id, call, Several::GiveWay, &by, now),
            ("GET", ["objects", "people", "attributes"]) => workspace.list_attributes(),
            ("POST", ["objects", "people", "attributes"]) => workspace.create_attribute(call),
            _ => error(404, "endpoint_not_found", "There is no such endpoint."),
        }
    }

    /// The header is a moment.
    fn throttled(&self, retry_after: Option<Duration>) -> Answer {
        let at = later(self.now(), retry_after.unwrap_or(Duration::from_secs(1)));
        let at = at.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let body = json!({ "status_code": 429, "type": "rate_limit_error", "code": "rate_limit_exceeded",
                           "message": "Rate limit exceeded, please try again later" });
        Answer::json(429, &body).with_headers([("retry-after", at)])
    }

    fn failed(&self, status: u16) -> Answer {
        error(status, "internal_error", "Something went wrong.")
    }
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    let body = json!({ "status_code": status, "type": "invalid_request_error", "code": code, "message": message });
    Answer::json(status, &body)
}

fn ok(data: Value) -> Answer {
    Answer::json(200, &json!({ "data": data }))
}

fn no_record(id: &str) -> Answer {
    error(404, "not_found", &format!("Record with ID \"{id}\" was not found."))
}

/// The address of a query by an address ("Filtering and sorting": its verbose form).
fn address(call: &Call) -> Option<String> {
    let body = call.json::<Value>().unwrap_or_default();
    body["filter"]["email_addresses"]["email_address"]["$eq"].as_str().map(str::to_owned)
}

/// The ids of a query by ids: beside that by an address, no other filter is known here.
fn ids(call: &Call) -> Result<Vec<String>, Answer> {
    let body = call.json::<Value>().unwrap_or_default();
    let ids: Option<Vec<String>> = body["filter"]["record_id"]["$in"]
        .as_array()
        .map(|ids| ids.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    ids.filter(|ids| ids.len() <= RECORDS_MAX).ok_or_else(|| error(400, "filter_error", "Error in filter."))
}

impl Workspace {
    fn shown(&self, person: &super::Person) -> Value {
        let kind = |slug: &str| self.attributes.get(slug).map_or("text", Kind::word);
        person.shown(&self.id, &self.people_object_id, kind)
    }

    /// Those that aren't there are left out.
    fn list(&mut self, call: &Call) -> Answer {
        let ids = match ids(call) {
            Ok(ids) => ids,
            Err(answer) => return answer,
        };
        let rows: Vec<Value> =
            ids.iter().filter_map(|id| self.people.get(id)).map(|person| self.shown(person)).collect();
        self.counters.records_read += rows.len() as u64;
        ok(rows.into())
    }

    /// Those with this address who were created by then.
    fn search(&mut self, email: &str, created_by: Timestamp) -> Answer {
        let there = self.people.values().filter(|person| person.created_at <= created_by && person.has_address(email));
        let rows: Vec<Value> = there.map(|person| self.shown(person)).collect();
        self.counters.records_read += rows.len() as u64;
        ok(rows.into())
    }

    fn list_companies(&mut self, call: &Call) -> Answer {
        let ids = match ids(call) {
            Ok(ids) => ids,
            Err(answer) => return answer,
        };
        let row = |id: &String| {
            let name = json!([{ "active_until": null, "attribute_type": "text", "value": self.companies.get(id)? }]);
            Some(json!({ "id": { "workspace_id": self.id, "object_id": COMPANIES_ID, "record_id": id },
                         "values": { "name": name, "domains": [] } }))
        };
        ok(ids.iter().filter_map(row).collect())
    }

    fn read_one(&mut self, id: &str) -> Answer {
        let Some(person) = self.people.get(id) else { return no_record(id) };
        let shown = self.shown(person);
        self.counters.records_read += 1;
        ok(shown)
    }

    fn create_one(&mut self, call: &Call, by: &By, now: Timestamp) -> Answer {
        let values = values(call);
        let given = values.get("email_addresses").and_then(Value::as_array).cloned().unwrap_or_default();
        let is_taken = |email: &str| self.people.values().any(|person| person.has_address(email));
        if given.iter().filter_map(Value::as_str).any(is_taken) {
            let sentence = format!(
                "The value provided for attribute with ID \"{}\" conflicts with one already in the system.",
                attribute_id("email_addresses")
            );
            return self.refused(&[("uniqueness_conflict", sentence)]);
        }
        match self.create(&values, by, now) {
            Ok(id) => self.read_one(&id),
            Err(violations) => self.refused(&violations),
        }
    }

    /// All of it, or nothing.
    fn update_one(&mut self, id: &str, call: &Call, several: Several, by: &By, now: Timestamp) -> Answer {
        match self.update(id, &values(call), several, by, now) {
            Ok(true) => {
                self.counters.writes += 1;
                self.read_one(id)
            }
            Ok(false) => no_record(id),
            Err(violations) => self.refused(&violations),
        }
    }

    /// Of several violations, the first one is told.
    fn refused(&mut self, violations: &[Violation]) -> Answer {
        self.counters.refused += 1;
        match violations.first() {
            Some((code, sentence)) if !self.refuses_silently => error(400, code, sentence),
            _ => error(400, "validation_type", "Body payload validation error."),
        }
    }

    fn list_attributes(&self) -> Answer {
        let row = |(slug, kind): (&String, &Kind)| {
            json!({ "id": { "workspace_id": self.id, "object_id": self.people_object_id, "attribute_id": attribute_id(slug) },
                    "api_slug": slug, "title": slug, "type": kind.word(), "is_writable": *kind != Kind::ReadOnly,
                    "is_archived": false, "is_multiselect": kind.is_multiselect() })
        };
        ok(self.attributes.all().map(row).collect())
    }

    fn create_attribute(&mut self, call: &Call) -> Answer {
        let body = call.json::<Value>().unwrap_or_default();
        let Some(slug) = body["data"]["api_slug"].as_str() else {
            return error(400, "validation_type", "Body payload validation error.");
        };
        if self.attributes.get(slug).is_some() {
            return error(409, "slug_conflict", &format!("An attribute with slug \"{slug}\" already exists."));
        }
        let kind = match body["data"]["type"].as_str() {
            Some("timestamp") => Kind::Timestamp,
            Some("number") => Kind::Number,
            _ => Kind::Text,
        };
        self.attributes.define(slug, kind);
        ok(json!({ "api_slug": slug }))
    }
}

/// The values of a body.
fn values(call: &Call) -> Map<String, Value> {
    let body = call.json::<Value>().unwrap_or_default();
    body["data"]["values"].as_object().cloned().unwrap_or_default()
}
