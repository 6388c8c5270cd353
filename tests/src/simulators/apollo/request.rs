//! What a call to an enrichment endpoint asks for.

use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::later::Wanted;
use super::people::{Asked, text};
use crate::simulators::exchange::{Answer, Call};

/// The parameters of a call: from the query, where Apollo wants nearly all of them, and from a JSON body, which it takes
/// as well.
pub(super) fn parameters(call: &Call) -> Result<Map<String, Value>, Answer> {
    let query = call.query.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    let mut parameters: Map<String, Value> = query.collect();
    if !call.body.is_empty() {
        let body: Map<String, Value> = call.json().map_err(|_| invalid_request())?;
        parameters.extend(body);
    }
    Ok(parameters)
}

/// Whoever is asked for. An id that isn't one of Apollo's is an error; everything else may be anything.
pub(super) fn asked(parameters: &Value) -> Result<Asked, Answer> {
    let asked = Asked::deserialize(parameters).map_err(|_| invalid_request())?;
    match text(&asked.id) {
        Some(id) if !is_id(id) => Err(Answer::json(422, &json!({ "error": format!("{id} is not a valid ID") }))),
        _ => Ok(asked),
    }
}

/// Whether this is an id as Apollo has them.
pub(super) fn is_id(id: &str) -> bool {
    id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What is to arrive later, if anything is.
pub(super) fn wanted(parameters: &Map<String, Value>) -> Result<Option<Wanted>, Answer> {
    let is_on = |name: &str| parameters.get(name).is_some_and(|value| value == true || value == "true");
    let wanted = Wanted {
        phone: is_on("reveal_phone_number"),
        waterfall_email: is_on("run_waterfall_email"),
        waterfall_phone: is_on("run_waterfall_phone"),
        webhook_url: parameters.get("webhook_url").and_then(Value::as_str).map(str::to_owned),
    };
    if !wanted.phone && !wanted.is_waterfall() {
        return Ok(None);
    }
    match &wanted.webhook_url {
        Some(_) if is_on("poll_only") => {
            Err(failed(400, "WEBHOOK_URL_WITH_POLL_ONLY", "'webhook_url' can't be combined with 'poll_only'."))
        }
        Some(url) if !can_be_called(url) => Err(failed(400, "INVALID_WEBHOOK_URL", "The 'webhook_url' isn't valid.")),
        None if !is_on("poll_only") => {
            let flag = if wanted.phone { "reveal_phone_number" } else { "run_waterfall" };
            let message = format!("Please add a valid 'webhook_url' parameter when using '{flag}'");
            Err(failed(400, "INVALID_REQUEST", &message))
        }
        _ => Ok(Some(wanted)),
    }
}

/// Apollo calls only what is secure. On one machine there is nothing to secure.
fn can_be_called(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

pub(super) fn invalid_request() -> Answer {
    failed(400, "INVALID_REQUEST", "The request's parameters are misconfigured.")
}

pub(super) fn failed(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "status": "failed", "error_code": code, "error_message": message }))
}
