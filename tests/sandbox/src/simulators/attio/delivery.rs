//! How a workspace tells what happens to its people (docs.attio.com, "Configuring webhooks", "Record events").

use std::time::Duration;

use fastrand::Rng;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::json;
use sha2::Sha256;

use super::Attio;
use super::attributes::attribute_id;
use super::workspace::By;
use crate::simulators::outbox::{Event, Outbox, Subscription, Teller};

/// How long Attio waits for an answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// How often it delivers again, over some three days.
const RETRIES: usize = 10;

/// To this address, signed with this secret.
pub fn subscription(target_url: &str, secret: &str) -> Subscription {
    let [target_url, secret] = [target_url, secret].map(str::to_owned);
    Subscription { target_url, secret, deadline: DEADLINE, retries: vec![Duration::ZERO; RETRIES] }
}

/// What happened to a person.
pub(super) enum Happening {
    Created,
    Updated { slug: String },
    Deleted,
    Merged { duplicate: String },
}

/// Writes down what happened to a record of this workspace and object.
pub(super) fn tell(
    outbox: &mut Outbox,
    (workspace, object): (&str, &str),
    record: &str,
    by: &By,
    now: Timestamp,
    happening: &Happening,
) {
    let kind = match happening {
        Happening::Created => "record.created",
        Happening::Updated { .. } => "record.updated",
        Happening::Deleted => "record.deleted",
        Happening::Merged { .. } => "record.merged",
    };
    let mut event = json!({
        "event_type": kind, "actor": { "type": by.kind, "id": by.id },
        "id": { "workspace_id": workspace, "object_id": object, "record_id": record } });
    match happening {
        Happening::Updated { slug } => event["id"]["attribute_id"] = attribute_id(slug).into(),
        Happening::Merged { duplicate } => {
            event["duplicate_object_id"] = object.into();
            event["duplicate_record_id"] = duplicate.clone().into();
        }
        Happening::Created | Happening::Deleted => {}
    }
    let body = json!({ "webhook_id": "23e42eaf-323a-41da-b5bb-fd67eebda553", "events": [event] });
    outbox.tell(record, kind, now, |_| body);
}

impl Teller for Attio {
    fn duplicate_share(&self) -> f64 {
        self.setup.duplicate_share
    }

    fn with_outbox<R>(&self, work: impl FnOnce(&mut Outbox, &mut Rng) -> R) -> R {
        let mut workspace = self.workspace.lock();
        let workspace = &mut *workspace;
        work(&mut workspace.outbox, &mut workspace.rng)
    }

    fn request(&self, to: &Subscription, event: &Event) -> reqwest::RequestBuilder {
        let body = event.body.to_string();
        let signature = signature(&to.secret, &body);
        let request = self.http.post(&to.target_url).header("content-type", "application/json");
        let request = request.header("attio-signature", &signature).header("x-attio-signature", &signature);
        request.header("idempotency-key", &event.id).body(body)
    }
}

pub(super) fn signature(secret: &str, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    hex::encode(mac.chain_update(body.as_bytes()).finalize().into_bytes())
}
