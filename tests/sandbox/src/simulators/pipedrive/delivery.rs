//! How a company tells what happens to its persons (pipedrive.readme.io, "Guide for Webhooks v2").

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::Pipedrive;
use super::company::By;
use super::persons::{Person, merge_fields};
use crate::simulators::outbox::{Event, Outbox, Subscription, Teller};

/// How long Pipedrive waits for an answer (documented).
const DEADLINE: Duration = Duration::from_secs(10);
/// How often it delivers again (recalled: after 3, 30 and 150 seconds).
const RETRIES: usize = 3;

/// To this address, with this user and password (`http_auth_user`, `http_auth_password`).
pub fn subscription(target_url: &str, user: &str, password: &str) -> Subscription {
    let (target_url, secret) = (target_url.to_owned(), format!("{user}:{password}"));
    Subscription { target_url, secret, deadline: DEADLINE, retries: vec![Duration::ZERO; RETRIES] }
}

/// What happened to a person.
pub(super) enum Happening {
    Created,
    Changed { previous: Map<String, Value> },
    Deleted { merged_to: Option<String> },
}

/// Writes down what happened to a person.
pub(super) fn tell(outbox: &mut Outbox, company: u64, person: &Person, by: By, happening: Happening) {
    let (action, data, previous, merged_to) = match happening {
        Happening::Created => ("create", person.shown(), Value::Null, None),
        Happening::Changed { previous } => {
            let mut shown = json!({});
            merge_fields(&mut shown, previous);
            ("change", person.shown(), shown, None)
        }
        Happening::Deleted { merged_to } => ("delete", Value::Null, person.shown(), merged_to),
    };
    let at = person.modified_at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let user = by.user.to_string();
    outbox.tell(&person.id, action, person.modified_at, |id| {
        let mut meta = json!({
            "action": action, "company_id": company.to_string(), "correlation_id": id, "entity_id": person.id,
            "entity": "person", "id": id, "is_bulk_edit": false, "timestamp": at, "type": "general", "user_id": user,
            "version": "2.0", "webhook_id": "1", "webhook_owner_id": user, "change_source": by.source,
            "permitted_user_ids": [user],
        });
        if let Some(merged_to) = merged_to {
            meta["merged_to_id"] = merged_to.into();
        }
        json!({ "data": data, "previous": previous, "meta": meta })
    });
}

impl Teller for Pipedrive {
    fn duplicate_share(&self) -> f64 {
        self.setup.duplicate_share
    }

    fn with_outbox<R>(&self, work: impl FnOnce(&mut Outbox, &mut Rng) -> R) -> R {
        let mut company = self.company.lock();
        let company = &mut *company;
        work(&mut company.outbox, &mut company.rng)
    }

    fn request(&self, to: &Subscription, event: &Event) -> reqwest::RequestBuilder {
        let mut body = event.body.clone();
        body["meta"]["attempt"] = (event.attempts + 1).into();
        let (user, password) = to.secret.split_once(':').unwrap_or((&to.secret, ""));
        self.http.post(&to.target_url).basic_auth(user, Some(password)).json(&body)
    }
}
