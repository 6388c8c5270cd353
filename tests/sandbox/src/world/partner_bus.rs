//! A partner's event bus: its events go where the template's rules say, in the form that these make of them.
//!
//! Of the rules' language it speaks what the template uses: patterns of objects, lists and `exists`; paths of names; and
//! templates that put a path's value in the place of its name.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_sqs::Client;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;

use crate::template::Template;

/// Where a partner puts its events.
pub(super) const PATH: &str = "/simulators/eventbridge/partner";
/// The queue that rules send to, in the template.
pub(super) const QUEUE: &str = "ChangeEventQueue";

/// A rule that sends to the queue.
#[derive(Debug, Clone)]
struct Rule {
    pattern: Value,
    paths: BTreeMap<String, String>,
    template: String,
}

/// The bus.
pub(super) struct PartnerBus {
    rules: Vec<Rule>,
    sqs: Client,
    queue_url: String,
}

impl PartnerBus {
    /// With the rules of the template.
    pub(super) fn new(template: &Template, sqs: Client, queue_url: &str) -> Self {
        Self { rules: rules(template), sqs, queue_url: queue_url.to_owned() }
    }

    /// Whether an event was sent on by every rule that it matches.
    async fn put(&self, event: &Value) -> bool {
        for rule in self.rules.iter().filter(|rule| matches(&rule.pattern, event)) {
            let message = rule.transformed(event);
            let sent = self.sqs.send_message().queue_url(&self.queue_url).message_body(message).send().await;
            if sent.is_err() {
                return false;
            }
        }
        true
    }
}

fn rules(template: &Template) -> Vec<Rule> {
    let rules = template.resources("AWS::Events::Rule");
    let targets = rules.flat_map(|(_, rule)| {
        let targets = rule["Targets"].as_array().into_iter().flatten();
        targets.map(move |target| (rule["EventPattern"].clone(), target))
    });
    let to_queue = targets.filter(|(_, target)| target["Arn"]["Fn::GetAtt"][0] == QUEUE);
    let rule = |(pattern, target): (Value, &Value)| {
        let transformer = &target["InputTransformer"];
        let paths = transformer["InputPathsMap"].as_object().into_iter().flatten();
        let paths = paths.filter_map(|(name, path)| Some((name.clone(), path.as_str()?.to_owned()))).collect();
        Rule { pattern, paths, template: transformer["InputTemplate"].as_str().unwrap_or_default().to_owned() }
    };
    to_queue.map(rule).collect()
}

impl Rule {
    fn transformed(&self, event: &Value) -> String {
        self.paths.iter().fold(self.template.clone(), |text, (name, path)| {
            let names = path.trim_start_matches("$.").split('.');
            let value = names.fold(event, |value, name| &value[name]);
            text.replace(&format!("<{name}>"), &value.to_string())
        })
    }
}

/// As EventBridge matches: every name of the pattern is there, with one of the values that it lists.
fn matches(pattern: &Value, event: &Value) -> bool {
    match pattern {
        Value::Object(names) => names.iter().all(|(name, pattern)| matches(pattern, &event[name])),
        Value::Array(values) => values.iter().any(|value| match value.get("exists") {
            Some(exists) => *exists == Value::Bool(!event.is_null()),
            None => value == event,
        }),
        _ => false,
    }
}

pub(super) fn router(bus: Arc<PartnerBus>) -> Router {
    let put = async |State(bus): State<Arc<PartnerBus>>, Json(event): Json<Value>| match bus.put(&event).await {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    Router::new().route(PATH, post(put)).with_state(bus)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_form_of_an_event_matches_one_rule_that_takes_no_value_along() {
        let rules = rules(&Template::load().expect("the template"));
        let header = json!({ "changeType": "CREATE", "recordIds": ["00Q000000000001EAA"] });
        let source = "aws.partner/salesforce.com/00D000000000001EAA/0YL000000000001AAA";
        let relayed = json!({ "payload": { "Email": "ada@engine.example", "ChangeEventHeader": header } });
        let flow = json!({ "Email": "ada@engine.example", "ChangeEventHeader": header });
        for detail in [relayed, flow] {
            let event = json!({ "id": "1", "source": source, "time": "2026-02-16T00:00:00Z", "detail": detail });
            let found: Vec<&Rule> = rules.iter().filter(|rule| matches(&rule.pattern, &event)).collect();
            assert_eq!(found.len(), 1, "{event}");
            let message: Value = serde_json::from_str(&found[0].transformed(&event)).expect("JSON");
            assert_eq!(message, json!({ "source": source, "time": "2026-02-16T00:00:00Z", "header": header }));
        }
        let other = json!({ "id": "1", "source": source, "detail": { "payload": {} } });
        assert!(!rules.iter().any(|rule| matches(&rule.pattern, &other)));
    }
}
