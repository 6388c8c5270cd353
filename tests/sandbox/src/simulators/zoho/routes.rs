//! Which call is which operation, and who may make it (zoho.com/crm, "REST API v8").

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::HeaderMap;
use jiff::Timestamp;
use leadgate_enrichment::clock::earlier;
use serde_json::{Map, Value, json};

use super::Zoho;
use super::org::{API, Org};
use super::records::Kind;
use crate::simulators::exchange::{Answer, Call, Reception, Vendor};

/// The most records of a call (documented).
const RECORDS_MAX: usize = 100;

impl Vendor for Zoho {
    const NAME: &'static str = "zoho";

    fn reception(&self) -> &Reception {
        &self.reception
    }

    fn carry_out(&self, call: &Call, headers: &HeaderMap) -> Answer {
        let now = self.now();
        let mut org = self.org.lock();
        if call.path == "/oauth/v2/token" {
            return self.token(&mut org, call, now);
        }
        let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let token = authorization.strip_prefix("Zoho-oauthtoken ");
        let is_good = org.token.as_ref().is_some_and(|(good, until)| Some(good.as_str()) == token && now < *until);
        if !is_good {
            org.counters.unauthorized += 1;
            return error(401, "INVALID_TOKEN");
        }
        let path: Vec<&str> = call.path.trim_start_matches("/crm/v8/").split('/').collect();
        match (call.method.as_str(), path.as_slice()) {
            ("GET", ["settings", "fields"]) => org.list_fields(),
            ("GET", [module @ ("Leads" | "Contacts")]) => org.list(module, call),
            ("GET", [module @ ("Leads" | "Contacts"), "search"]) => {
                org.search(module, call, earlier(now, self.setup.search_lag))
            }
            ("PUT", [module @ ("Leads" | "Contacts")]) => org.update_all(module, call, now),
            ("POST", [module @ ("Leads" | "Contacts")]) => org.create_all(module, call, now),
            _ => error(404, "INVALID_URL_PATTERN"),
        }
    }

    fn throttled(&self, retry_after: Option<Duration>) -> Answer {
        let headers = retry_after.map(|after| ("retry-after", after.as_secs().to_string()));
        error(429, "TOO_MANY_REQUESTS").with_headers(headers)
    }

    fn failed(&self, status: u16) -> Answer {
        error(status, "INTERNAL_ERROR")
    }
}

impl Zoho {
    /// What is wrong is said with 200.
    fn token(&self, org: &mut Org, call: &Call, now: Timestamp) -> Answer {
        let form = call.form();
        let is = |name: &str, expected: &str| form.get(name).map(String::as_str) == Some(expected);
        let (secret, refresh_token) = self.setup.credential.split_once(':').unwrap_or_default();
        let is_client = is("client_id", &self.setup.client_id) && is("client_secret", secret);
        if !is_client {
            return Answer::json(200, &json!({ "error": "invalid_client" }));
        }
        if !is("grant_type", "refresh_token") || !is("refresh_token", refresh_token) {
            return Answer::json(200, &json!({ "error": "invalid_code" }));
        }
        let token = org.give_token(now);
        let body =
            json!({ "access_token": token, "api_domain": org.api_domain, "token_type": "Bearer", "expires_in": 3600 });
        Answer::json(200, &body)
    }
}

fn error(status: u16, code: &str) -> Answer {
    Answer::json(status, &json!({ "code": code, "details": {}, "message": "something is wrong", "status": "error" }))
}

fn refused(code: &str, field: &str) -> Value {
    let details = json!({ "api_name": field, "json_path": format!("$.data[0].{field}") });
    json!({ "code": code, "details": details, "message": "invalid data", "status": "error" })
}

impl Org {
    /// Those that aren't there are left out; without any, there is no content.
    fn list(&mut self, module: &str, call: &Call) -> Answer {
        let ids: Vec<&str> = call.parameter("ids").unwrap_or_default().split(',').collect();
        let Some(fields) = call.parameter("fields") else { return error(400, "REQUIRED_PARAM_MISSING") };
        let fields: Vec<&str> = fields.split(',').collect();
        if ids.len() > RECORDS_MAX || fields.len() > 50 {
            return error(400, "LIMIT_EXCEEDED");
        }
        let there = ids.iter().filter_map(|id| self.records.get(*id)).filter(|record| record.module == module);
        let rows: Vec<Value> = there.map(|record| record.shown(&fields)).collect();
        self.counters.records_read += rows.len() as u64;
        match rows.is_empty() {
            true => Answer::nothing(),
            false => Answer::json(200, &json!({ "data": rows, "info": { "more_records": false } })),
        }
    }

    /// Those with this address in any field that were created by then, in no order that can be relied on; without any, there is
    /// no content. Only searches by an address are simulated.
    fn search(&mut self, module: &str, call: &Call, created_by: Timestamp) -> Answer {
        let Some(email) = call.parameter("email") else { return error(400, "REQUIRED_PARAM_MISSING") };
        let has_it = |record: &&super::Record| {
            ["Email", "Secondary_Email"]
                .iter()
                .filter_map(|name| record.value(name))
                .any(|it| it.eq_ignore_ascii_case(email))
        };
        let there = self.records.values().filter(|record| record.module == module && record.created_at <= created_by);
        let mut rows: Vec<Value> = there.filter(has_it).map(super::Record::shown_whole).collect();
        rows.reverse();
        self.counters.records_read += rows.len() as u64;
        match rows.is_empty() {
            true => Answer::nothing(),
            false => Answer::json(200, &json!({ "data": rows, "info": { "more_records": false } })),
        }
    }

    /// Each row has an outcome of its own.
    fn update_all(&mut self, module: &str, call: &Call, now: Timestamp) -> Answer {
        let rows = rows(call);
        if rows.is_empty() || rows.len() > RECORDS_MAX {
            return error(400, "INVALID_DATA");
        }
        let (mut outcomes, mut changes) = (Vec::new(), BTreeMap::new());
        for row in &rows {
            let id = row.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            let violation = self.violation(row);
            let record = self.records.get_mut(&id).filter(|record| record.module == module);
            outcomes.push(match (record, violation) {
                (None, _) => refused("INVALID_DATA", "id"),
                (Some(_), Some(field)) => {
                    self.counters.refused += 1;
                    refused("INVALID_DATA", &field)
                }
                (Some(record), None) => {
                    changes.insert(id.clone(), record.set(row, API, now));
                    self.counters.records_written += 1;
                    json!({ "code": "SUCCESS", "details": { "id": id }, "message": "record updated", "status": "success" })
                }
            });
        }
        self.counters.writes += 1;
        self.changed(module, changes, now);
        answered(&outcomes)
    }

    fn create_all(&mut self, module: &str, call: &Call, now: Timestamp) -> Answer {
        let mut outcomes = Vec::new();
        for row in rows(call) {
            let required = if module == "Leads" { &["Last_Name", "Company"][..] } else { &["Last_Name"] };
            if let Some(missing) = required.iter().find(|name| row.get(**name).is_none_or(Value::is_null)) {
                outcomes.push(refused("MANDATORY_NOT_FOUND", missing));
                continue;
            }
            outcomes.push(match self.create(module, &row, API, now) {
                Ok(id) => json!({ "code": "SUCCESS", "details": { "id": id }, "message": "record added", "status": "success" }),
                Err(field) => refused("INVALID_DATA", &field),
            });
        }
        answered(&outcomes)
    }

    fn list_fields(&self) -> Answer {
        let row = |(name, kind): (&String, &Kind)| {
            let (length, choices) = match kind {
                Kind::Text(most) => (*most, &[][..]),
                Kind::Picklist(choices) => (120, choices.as_slice()),
                Kind::Number | Kind::DateTime => (120, &[][..]),
            };
            let choices: Vec<Value> = choices.iter().map(|choice| json!({ "actual_value": choice })).collect();
            json!({ "api_name": name, "data_type": kind.word(), "length": length, "read_only": false,
                    "field_read_only": false, "pick_list_values": choices })
        };
        Answer::json(200, &json!({ "fields": self.fields.iter().map(row).collect::<Vec<_>>() }))
    }
}

/// The status is another one where none, some or all of the rows failed.
fn answered(outcomes: &[Value]) -> Answer {
    let failed = outcomes.iter().filter(|outcome| outcome["status"] == "error").count();
    let status = match failed {
        0 => 200,
        _ if failed == outcomes.len() => 400,
        _ => 207,
    };
    Answer::json(status, &json!({ "data": outcomes }))
}

fn rows(call: &Call) -> Vec<Map<String, Value>> {
    let body = call.json::<Value>().unwrap_or_default();
    let rows = body["data"].as_array().cloned().unwrap_or_default();
    rows.into_iter().filter_map(|row| row.as_object().cloned()).collect()
}
