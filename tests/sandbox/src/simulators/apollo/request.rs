//! What a call asks for.

use jiff::Timestamp;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ApolloSetup;
use super::asynchronous::Wanted;
use super::endpoints::Endpoint;
use super::ledger::{Charge, Item};
use super::people::{Asked, text};
use crate::simulators::exchange::{Answer, Call};

/// A call that may be carried out.
pub(super) struct Request<'a> {
    pub(super) setup: &'a ApolloSetup,
    pub(super) endpoint: Endpoint,
    pub(super) call: &'a Call,
    /// What the path has where it may have anything.
    pub(super) id: &'a str,
    pub(super) at: Timestamp,
}

impl Request<'_> {
    /// From the query, where Apollo wants nearly all of them, and from a JSON body, which it takes as well.
    pub(super) fn parameters(&self) -> Result<Parameters, Answer> {
        let mut all = Map::new();
        for (name, value) in &self.call.query {
            match name.strip_suffix("[]") {
                Some(name) => match all.entry(name).or_insert_with(|| json!([])) {
                    Value::Array(values) => values.push(Value::from(value.as_str())),
                    _ => return Err(invalid_request()),
                },
                None => drop(all.insert(name.clone(), Value::from(value.as_str()))),
            }
        }
        if !self.call.body.is_empty() {
            let body: Map<String, Value> = self.call.json().map_err(|_| invalid_request())?;
            all.extend(body);
        }
        Ok(Parameters(all))
    }

    /// What costs something without being a person.
    pub(super) fn charge(&self, item: Item, id: &str, asked: &str, milli: i64) -> Charge {
        let (id, asked) = (id.to_owned(), asked.to_owned());
        Charge {
            item,
            at: self.at,
            endpoint: self.endpoint.name(),
            call: self.call.index,
            id,
            email: None,
            asked,
            milli,
        }
    }
}

/// The parameters of a call, or a part of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters(pub(super) Map<String, Value>);

impl Parameters {
    /// A text that isn't blank.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = self.0.get(name)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(super) fn is_on(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| value == true || value == "true")
    }

    /// A whole number, if it is one.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        let value = self.0.get(name)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    }

    /// The end of a range: `name[min]`, or `min` in the object of that name.
    pub(super) fn bound(&self, name: &str, end: &str) -> Option<u64> {
        let inner = self.0.get(name).and_then(Value::as_object).cloned().map(Parameters);
        self.number(&format!("{name}[{end}]")).or_else(|| inner?.number(end))
    }

    /// Texts. One alone is as good as a list.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let texts = match self.0.get(name) {
            Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(value)) => vec![value.as_str()],
            _ => Vec::new(),
        };
        texts.into_iter().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
    }

    /// Parts that have parameters of their own.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<Parameters>, Answer> {
        let objects = self.0.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let one = |object: &Value| object.as_object().cloned().map(Parameters).ok_or_else(invalid_request);
        objects.iter().map(one).collect()
    }

    /// Whoever is asked for. An id that isn't one of Apollo's is an error; everything else may be anything.
    pub(super) fn asked(&self) -> Result<Asked, Answer> {
        let asked = Asked::deserialize(Value::from(self.0.clone())).map_err(|_| invalid_request())?;
        match text(&asked.id) {
            Some(id) => checked(id).map(|()| asked.clone()),
            None => Ok(asked),
        }
    }

    /// What is to arrive later, if anything is.
    pub(super) fn wanted(&self) -> Result<Option<Wanted>, Answer> {
        let wanted = Wanted {
            phone: self.is_on("reveal_phone_number"),
            waterfall_email: self.is_on("run_waterfall_email"),
            waterfall_phone: self.is_on("run_waterfall_phone"),
            webhook_url: self.text("webhook_url"),
        };
        if !wanted.phone && !wanted.is_waterfall() {
            return Ok(None);
        }
        match &wanted.webhook_url {
            Some(_) if self.is_on("poll_only") => {
                Err(failed(400, "WEBHOOK_URL_WITH_POLL_ONLY", "'webhook_url' can't be combined with 'poll_only'."))
            }
            Some(url) if !can_be_called(url) => {
                Err(failed(400, "INVALID_WEBHOOK_URL", "The 'webhook_url' isn't valid."))
            }
            None if !self.is_on("poll_only") => {
                let flag = if wanted.phone { "reveal_phone_number" } else { "run_waterfall" };
                let message = format!("Please add a valid 'webhook_url' parameter when using '{flag}'");
                Err(failed(400, "INVALID_REQUEST", &message))
            }
            _ => Ok(Some(wanted)),
        }
    }
}

/// Apollo calls only what is secure. On one machine there is nothing to secure.
fn can_be_called(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

/// Refuses an id that Apollo can't have given.
pub(super) fn checked(id: &str) -> Result<(), Answer> {
    let is_id = id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { Ok(()) } else { Err(unprocessable(&format!("{id} is not a valid ID"))) }
}

pub(super) fn invalid_request() -> Answer {
    failed(400, "INVALID_REQUEST", "The request's parameters are misconfigured.")
}

pub(super) fn failed(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "status": "failed", "error_code": code, "error_message": message }))
}

pub(super) fn unprocessable(error: &str) -> Answer {
    Answer::json(422, &json!({ "error": error }))
}

pub(super) fn not_found() -> Answer {
    Answer::json(404, &json!({ "error": "Not Found" }))
}
