//! Which call is which operation, and who may make it (developers.pipedrive.com, "API v2 reference").

use std::time::Duration;

use axum::http::HeaderMap;
use jiff::Timestamp;
use leadgate_enrichment::clock::earlier;
use serde_json::{Map, Value, json};

use super::Pipedrive;
use super::company::{By, Company};
use super::fields::is_custom;
use super::persons::number;
use crate::simulators::exchange::{Answer, Call, Reception, Vendor};

/// How many tokens calls of version 2 cost (pipedrive.readme.io, "Rate limiting"; the figures are recalled).
const COST_OF_ONE: u64 = 1;
const COST_OF_A_LIST: u64 = 10;
const COST_OF_A_WRITE: u64 = 5;

/// The most ids of a list (documented).
const IDS_MAX: usize = 100;

impl Vendor for Pipedrive {
    const NAME: &'static str = "pipedrive";

    fn reception(&self) -> &Reception {
        &self.reception
    }

    fn carry_out(&self, call: &Call, headers: &HeaderMap) -> Answer {
        let now = self.now();
        let mut company = self.company.lock();
        let token = headers.get("x-api-token").and_then(|value| value.to_str().ok());
        if token != Some(self.setup.token.as_str()) {
            company.counters.unauthorized += 1;
            return error(401, "unauthorized access", None);
        }
        let path: Vec<&str> = call.path.trim_start_matches("/api/v2/").split('/').collect();
        let cost = match (call.method.as_str(), path.len()) {
            ("GET", 1) => COST_OF_A_LIST,
            ("GET", _) => COST_OF_ONE,
            _ => COST_OF_A_WRITE,
        };
        let most = self.setup.daily_budget;
        let Some(left) = company.budget.take(cost, most, now) else {
            company.counters.over_budget += 1;
            return with_budget(error(429, "request over limit", None), 0, most);
        };
        company.counters.calls += 1;
        let by = By { user: self.setup.user_id, source: "api" };
        let answer = match (call.method.as_str(), path.as_slice()) {
            ("GET", ["persons"]) => company.list(call),
            ("POST", ["persons"]) => company.create_one(call, by, now),
            ("GET", ["persons", "search"]) => company.search(call, earlier(now, self.setup.search_lag)),
            ("GET", ["persons", id]) => company.read_one(id),
            ("PATCH", ["persons", id]) => company.update_one(id, call, by, now),
            ("GET", ["organizations"]) => company.list_organizations(call),
            ("GET", ["personFields"]) => company.list_fields(),
            _ => error(404, "Unknown method .", None),
        };
        with_budget(answer, left, most)
    }

    fn throttled(&self, retry_after: Option<Duration>) -> Answer {
        let seconds = retry_after.unwrap_or(Duration::from_secs(2)).as_secs().to_string();
        let headers = [("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", seconds)];
        error(429, "request over limit", None).with_headers(headers)
    }

    fn failed(&self, status: u16) -> Answer {
        error(status, "Internal Server Error", Some("ERR_UNKNOWN"))
    }
}

fn error(status: u16, sentence: &str, code: Option<&str>) -> Answer {
    let info = "Please check developers.pipedrive.com for more information about Pipedrive API.";
    let mut body = json!({ "success": false, "error": sentence, "error_info": info, "data": null });
    if let Some(code) = code {
        body["code"] = code.into();
    }
    Answer::json(status, &body)
}

fn with_budget(answer: Answer, left: u64, most: u64) -> Answer {
    answer.with_headers([
        ("x-daily-ratelimit-token-limit", most.to_string()),
        ("x-daily-ratelimit-token-remaining", left.to_string()),
    ])
}

fn ok(data: Value) -> Answer {
    Answer::json(200, &json!({ "success": true, "data": data, "additional_data": { "next_cursor": null } }))
}

fn ids(call: &Call) -> Result<Vec<String>, Answer> {
    let ids: Vec<String> = call.parameter("ids").unwrap_or_default().split(',').map(str::to_owned).collect();
    let is_id = |id: &String| id.parse::<u64>().is_ok();
    match ids.len() <= IDS_MAX && ids.iter().all(is_id) {
        true => Ok(ids),
        false => Err(error(400, "Validation failed: ids: is not valid", Some("ERR_SCHEMA_VALIDATION_FAILED"))),
    }
}

impl Company {
    /// Those that aren't there are left out.
    fn list(&mut self, call: &Call) -> Answer {
        let ids = match ids(call) {
            Ok(ids) => ids,
            Err(answer) => return answer,
        };
        let there = ids.iter().filter_map(|id| self.persons.get(id)).filter(|person| !person.is_deleted);
        let rows: Vec<Value> = there.map(super::Person::shown).collect();
        self.counters.records_read += rows.len() as u64;
        ok(rows.into())
    }

    /// Those with this address who were created by then, in no order that can be relied on. Only exact searches by address are
    /// simulated.
    fn search(&mut self, call: &Call, created_by: Timestamp) -> Answer {
        let (term, is_exact) = (call.parameter("term").unwrap_or_default(), call.parameter("exact_match"));
        if term.is_empty() || is_exact != Some("true") || call.parameter("fields") != Some("email") {
            return error(400, "Validation failed: term: is required", Some("ERR_SCHEMA_VALIDATION_FAILED"));
        }
        let has_it = |person: &&super::Person| {
            let entries = person.entries("emails");
            entries.iter().any(|entry| entry["value"].as_str().is_some_and(|it| it.eq_ignore_ascii_case(term)))
        };
        let there = self.persons.values().filter(|person| !person.is_deleted && person.created_at <= created_by);
        let mut found: Vec<Value> = there.filter(has_it).map(super::Person::shown).collect();
        found.reverse();
        self.counters.records_read += found.len() as u64;
        let items: Vec<Value> = found.into_iter().map(|item| json!({ "result_score": 1.0, "item": item })).collect();
        ok(json!({ "items": items }))
    }

    fn list_organizations(&mut self, call: &Call) -> Answer {
        let ids = match ids(call) {
            Ok(ids) => ids,
            Err(answer) => return answer,
        };
        let row = |id: &String| Some(json!({ "id": number(id), "name": self.organizations.get(id)?, "website": null }));
        ok(ids.iter().filter_map(row).collect())
    }

    /// A deleted one is shown for 30 days.
    fn read_one(&mut self, id: &str) -> Answer {
        let Some(person) = self.persons.get(id) else { return error(404, "Person not found", Some("ERR_NOT_FOUND")) };
        self.counters.records_read += 1;
        ok(person.shown())
    }

    fn create_one(&mut self, call: &Call, by: By, now: Timestamp) -> Answer {
        let mut values = match values(call) {
            Ok(values) => values,
            Err(answer) => return answer,
        };
        let Some(name) = values.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) else {
            return self.refused(&["name: is required".to_owned()]);
        };
        // Pipedrive takes the name apart.
        let (first, last) = name.split_once(' ').unwrap_or((name, ""));
        for (field, part) in [("first_name", first.to_owned()), ("last_name", last.to_owned())] {
            values.insert(field.to_owned(), if part.is_empty() { Value::Null } else { part.into() });
        }
        self.counters.created += 1;
        match self.create(&values, by, now) {
            Ok(id) => self.read_one(&id),
            Err(violations) => self.refused(&violations),
        }
    }

    /// All of it, or nothing.
    fn update_one(&mut self, id: &str, call: &Call, by: By, now: Timestamp) -> Answer {
        let values = match values(call) {
            Ok(values) => values,
            Err(answer) => return answer,
        };
        match self.update(id, &values, by, now) {
            Ok(true) => {
                self.counters.writes += 1;
                self.read_one(id)
            }
            Ok(false) => error(404, "Person not found", Some("ERR_NOT_FOUND")),
            Err(violations) => self.refused(&violations),
        }
    }

    fn refused(&mut self, violations: &[String]) -> Answer {
        self.counters.refused += 1;
        let sentence = match self.refuses_silently {
            true => "Bad request".to_owned(),
            false => format!("Validation failed: {}", violations.join("; ")),
        };
        error(400, &sentence, Some("ERR_SCHEMA_VALIDATION_FAILED"))
    }

    fn list_fields(&self) -> Answer {
        let row = |(code, kind): (&String, &super::Kind)| json!({ "field_code": code, "field_name": code, "field_type": kind.word(), "is_custom_field": is_custom(code) });
        ok(self.fields.all().map(row).collect())
    }
}

/// The fields of a body, custom ones among the others.
fn values(call: &Call) -> Result<Map<String, Value>, Answer> {
    let body = call.json::<Map<String, Value>>();
    let mut values = body.map_err(|_| error(400, "Bad request: not JSON", Some("ERR_BAD_REQUEST")))?;
    if let Some(Value::Object(custom)) = values.remove("custom_fields") {
        values.extend(custom);
    }
    Ok(values)
}
