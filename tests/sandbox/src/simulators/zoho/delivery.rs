//! How an org tells what happens to its records (zoho.com/crm, "Notification APIs").

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Zoho;
use crate::simulators::outbox::{Event, Outbox, Subscription, Teller};

/// How long an answer may take. Zoho names no bound.
const DEADLINE: Duration = Duration::from_secs(10);
/// How often it delivers again. Zoho names no number: a few, so that what isn't accepted once isn't lost.
const RETRIES: usize = 3;

/// To this address, with this token in each body.
pub fn subscription(target_url: &str, token: &str) -> Subscription {
    let [target_url, secret] = [target_url, token].map(str::to_owned);
    Subscription { target_url, secret, deadline: DEADLINE, retries: vec![Duration::ZERO; RETRIES] }
}

/// Writes down what happened to these records: what it was, and what changed of each. The token is put in when it is sent.
pub(super) fn tell(
    outbox: &mut Outbox,
    channel_id: u64,
    (module, operation): (&str, &'static str),
    records: &BTreeMap<String, Map<String, Value>>,
    now: Timestamp,
) {
    let ids: Vec<&String> = records.keys().collect();
    let fields = records.iter().filter(|(_, changed)| !changed.is_empty()).map(|(id, changed)| {
        let names: Vec<&String> = changed.keys().collect();
        json!({ id: names })
    });
    let values = records.iter().filter(|(_, changed)| !changed.is_empty());
    let values = values.map(|(id, changed)| json!({ "record_id": id, "values": changed }));
    let body = json!({
        "server_time": now.as_millisecond(), "query_params": {}, "module": module, "ids": ids, "operation": operation,
        "resource_uri": format!("https://www.zohoapis.com/crm/v8/{module}"), "channel_id": channel_id.to_string(),
        "affected_fields": fields.collect::<Vec<_>>(), "affected_values": values.collect::<Vec<_>>() });
    outbox.tell(&ids.first().map(|id| (*id).clone()).unwrap_or_default(), operation, now, |_| body);
}

impl Teller for Zoho {
    fn duplicate_share(&self) -> f64 {
        self.setup.duplicate_share
    }

    fn with_outbox<R>(&self, work: impl FnOnce(&mut Outbox, &mut Rng) -> R) -> R {
        let mut org = self.org.lock();
        let org = &mut *org;
        work(&mut org.outbox, &mut org.rng)
    }

    fn request(&self, to: &Subscription, event: &Event) -> reqwest::RequestBuilder {
        let mut body = event.body.clone();
        body["token"] = to.secret.clone().into();
        self.http.post(&to.target_url).json(&body)
    }
}
