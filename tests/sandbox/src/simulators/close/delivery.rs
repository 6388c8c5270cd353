//! How an organization tells what happens to its contacts (developer.close.com, "Webhooks", "Event log").

use std::time::Duration;

use fastrand::Rng;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use super::contacts::{Contact, without_offset};
use super::{Close, USER};
use crate::simulators::exchange::Vendor;
use crate::simulators::outbox::{Event, Outbox, Subscription, Teller};

/// How long an answer may take. Close names no bound.
const DEADLINE: Duration = Duration::from_secs(10);
/// It delivers again for 72 hours, every 20 minutes at last.
const RETRIES: usize = 200;

/// To this address, signed with this secret: its bytes are the key.
pub fn subscription(target_url: &str, secret: &str) -> Subscription {
    let (target_url, secret) = (target_url.to_owned(), signature_key(secret));
    Subscription { target_url, secret, deadline: DEADLINE, retries: vec![Duration::ZERO; RETRIES] }
}

/// A secret as a signature key, which Close shows in hexadecimal digits.
pub fn signature_key(secret: &str) -> String {
    hex::encode(secret)
}

/// By whom something is done, and how.
#[derive(Debug, Clone)]
pub(super) struct By {
    pub(super) user: String,
    pub(super) method: &'static str,
    pub(super) path: String,
}

impl By {
    /// At the screen, which makes calls of its own.
    pub(super) fn hand() -> Self {
        Self { user: USER.to_owned(), method: "PUT", path: "/api/v1/contact/".to_owned() }
    }
}

/// Writes down what happened to a contact: what it was, and which fields it changed.
pub(super) fn tell(
    outbox: &mut Outbox,
    organization: &str,
    contact: &Contact,
    (action, changed): (&'static str, &[String]),
    by: &By,
    now: Timestamp,
) {
    let data = if action == "deleted" { Value::Null } else { contact.shown(organization) };
    outbox.tell(&contact.id, action, now, |id| {
        json!({ "subscription_id": "whsub_simulated", "event": {
            "id": format!("ev_{}", id.replace('-', "")), "action": action, "object_type": "contact",
            "object_id": contact.id, "lead_id": contact.field("lead_id"), "organization_id": organization,
            "user_id": by.user, "date_created": without_offset(now), "date_updated": without_offset(now),
            "changed_fields": changed, "previous_data": {}, "data": data, "request_id": "req_simulated",
            "meta": { "request_method": by.method, "request_path": by.path } } })
    });
}

impl Teller for Close {
    fn duplicate_share(&self) -> f64 {
        self.setup.duplicate_share
    }

    fn with_outbox<R>(&self, work: impl FnOnce(&mut Outbox, &mut Rng) -> R) -> R {
        let mut organization = self.organization.lock();
        let organization = &mut *organization;
        work(&mut organization.outbox, &mut organization.rng)
    }

    fn request(&self, to: &Subscription, event: &Event) -> reqwest::RequestBuilder {
        let (body, at) = (event.body.to_string(), self.reception().clock.now().as_second().to_string());
        let request = self.http.post(&to.target_url).header("content-type", "application/json");
        let request = request.header("close-sig-hash", signature(&to.secret, &at, &body));
        request.header("close-sig-timestamp", at).body(body)
    }
}

pub(super) fn signature(key: &str, at: &str, body: &str) -> String {
    let key = hex::decode(key).unwrap_or_default();
    let mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    hex::encode(mac.chain_update(at).chain_update(body).finalize().into_bytes())
}
