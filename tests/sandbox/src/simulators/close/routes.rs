//! Which call is which operation, and who may make it (developer.close.com, "API reference").

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use leadgate_enrichment::clock::earlier;
use serde_json::{Map, Value, json};

use super::Close;
use super::delivery::By;
use super::organization::{Organization, Violations};
use crate::simulators::exchange::{Answer, Call, Reception, Vendor};

impl Vendor for Close {
    const NAME: &'static str = "close";

    fn reception(&self) -> &Reception {
        &self.reception
    }

    fn carry_out(&self, call: &Call, headers: &HeaderMap) -> Answer {
        let now = self.now();
        let mut organization = self.organization.lock();
        let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
        let expected = format!("Basic {}", STANDARD.encode(format!("{}:", self.setup.api_key)));
        if authorization != Some(expected.as_str()) {
            organization.counters.unauthorized += 1;
            return error(401, "The request is not authorized.");
        }
        if !organization.take_call(self.setup.calls_per_second, now) {
            organization.counters.throttled += 1;
            return self.throttled(None);
        }
        organization.counters.calls += 1;
        let path: Vec<&str> = call.path.trim_matches('/').split('/').collect();
        let method = if call.method == "POST" { "POST" } else { "PUT" };
        let by = By { user: self.setup.user_id.clone(), method, path: format!("/api/v1{}", call.path) };
        match (call.method.as_str(), path.as_slice()) {
            ("POST", ["contact"]) => organization.create_one(call, &by, now),
            ("GET", ["contact", id]) => organization.read_one(id),
            ("PUT", ["contact", id]) => organization.update_one(id, call, &by, now),
            ("GET", ["lead", id]) => organization.read_lead(id),
            ("POST", ["lead"]) => organization.create_lead(call, &by, now),
            ("POST", ["data", "search"]) => organization.search(call, earlier(now, self.setup.search_lag)),
            ("GET", ["custom_field", "contact"]) => organization.list_fields(),
            _ => Answer::text(404, "<html>Not found</html>"),
        }
    }

    fn throttled(&self, retry_after: Option<Duration>) -> Answer {
        let seconds = retry_after.unwrap_or(Duration::from_secs(1)).as_secs();
        let body = json!({ "error": { "rate_reset": seconds, "message": "API call count exceeded for this second.",
                                      "rate_limit": self.setup.calls_per_second, "rate_window": 1 } });
        let limit = format!("limit={}, remaining=0, reset={seconds}", self.setup.calls_per_second);
        Answer::json(429, &body).with_headers([("ratelimit", limit), ("retry-after", seconds.to_string())])
    }

    fn failed(&self, status: u16) -> Answer {
        error(status, "Something went wrong.")
    }
}

fn error(status: u16, sentence: &str) -> Answer {
    Answer::json(status, &json!({ "error": sentence }))
}

impl Organization {
    fn read_one(&mut self, id: &str) -> Answer {
        let Some(contact) = self.contacts.get(id) else { return error(404, "Empty query: Contact does not exist.") };
        self.counters.records_read += 1;
        Answer::json(200, &contact.shown(&self.id))
    }

    fn read_lead(&self, id: &str) -> Answer {
        match self.leads.get(id) {
            Some(name) => Answer::json(200, &json!({ "id": id, "name": name, "display_name": name, "url": null })),
            None => error(404, "Empty query: Lead does not exist."),
        }
    }

    fn create_one(&mut self, call: &Call, by: &By, now: Timestamp) -> Answer {
        match self.create(&values(call), by, now) {
            Ok(id) => self.read_one(&id),
            Err(violations) => self.refused(&violations),
        }
    }

    /// A lead and its contacts: all of it, or nothing. Each contact is told of.
    fn create_lead(&mut self, call: &Call, by: &By, now: Timestamp) -> Answer {
        let lead = values(call);
        let contacts = lead.get("contacts").and_then(Value::as_array).cloned().unwrap_or_default();
        let contacts: Vec<Map<String, Value>> = contacts.into_iter().filter_map(|it| it.as_object().cloned()).collect();
        let url = lead.get("url").and_then(Value::as_str);
        let mut violations = Violations::new();
        if url.is_some_and(|url| !url.starts_with("http")) {
            violations.insert("url".to_owned(), "Not a valid URL.".to_owned());
        }
        contacts.iter().for_each(|contact| violations.extend(self.fields.violations(contact)));
        if !violations.is_empty() {
            return self.refused(&violations);
        }
        let name = lead.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = self.add_lead(name.clone());
        let mut shown = Vec::new();
        for mut contact in contacts {
            contact.insert("lead_id".to_owned(), id.clone().into());
            let Ok(contact) = self.create(&contact, by, now) else { continue };
            shown.extend(self.contacts.get(&contact).map(|contact| contact.shown(&self.id)));
        }
        Answer::json(200, &json!({ "id": id, "name": name, "url": url, "contacts": shown }))
    }

    /// Contacts with an address that has all the words of another one, who were created by then. Only this query is simulated.
    fn search(&mut self, call: &Call, created_by: Timestamp) -> Answer {
        let body = call.json::<Value>().unwrap_or_default();
        let related = &body["query"]["queries"][1];
        let address = &related["related_query"]["queries"][0];
        let (mode, email) = (&address["condition"]["mode"], address["condition"]["value"].as_str());
        let is_it = related["related_object_type"] == "contact_email" && mode == "full_words";
        let (Some(email), true) = (email, is_it) else { return error(400, "Invalid query.") };
        let words = |text: &str| -> BTreeSet<String> {
            text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect()
        };
        let asked = words(email);
        let has_them = |contact: &&super::Contact| {
            let entries = contact.entries("emails");
            entries.iter().filter_map(|entry| entry["email"].as_str()).any(|there| words(there).is_superset(&asked))
        };
        let there = self.contacts.values().filter(|contact| contact.created_at <= created_by).filter(has_them);
        let mut found: Vec<Value> = there.map(|contact| contact.shown(&self.id)).collect();
        found.reverse();
        self.counters.records_read += found.len() as u64;
        found.iter_mut().for_each(|row| row["__object_type"] = "contact".into());
        Answer::json(200, &json!({ "data": found, "cursor": null, "count": { "limited": null, "total": null } }))
    }

    /// All of it, or nothing.
    fn update_one(&mut self, id: &str, call: &Call, by: &By, now: Timestamp) -> Answer {
        match self.update(id, &values(call), by, now) {
            Ok(true) => {
                self.counters.writes += 1;
                self.read_one(id)
            }
            Ok(false) => error(404, "Empty query: Contact does not exist."),
            Err(violations) => self.refused(&violations),
        }
    }

    fn refused(&mut self, violations: &Violations) -> Answer {
        self.counters.refused += 1;
        let body = match self.refuses_silently {
            true => json!({ "errors": ["Invalid request."], "field-errors": {} }),
            false => json!({ "errors": [], "field-errors": violations }),
        };
        Answer::json(400, &body)
    }

    fn list_fields(&self) -> Answer {
        let row = |(id, kind): (&str, &super::Kind)| {
            let choices = if let super::Kind::Choices(choices) = kind { choices.as_slice() } else { &[] };
            json!({ "id": id, "name": id, "type": kind.word(), "choices": choices, "accepts_multiple_values": false })
        };
        let fields: Vec<Value> = self.fields.custom().map(row).collect();
        Answer::json(200, &json!({ "data": fields, "has_more": false, "total_results": fields.len() }))
    }
}

/// The fields of a body.
fn values(call: &Call) -> Map<String, Value> {
    call.json().unwrap_or_default()
}
