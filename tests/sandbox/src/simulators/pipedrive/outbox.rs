//! What a company still has to tell (pipedrive.readme.io, "Guide for Webhooks v2").

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use leadgate_enrichment::clock::later;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::company::By;
use super::persons::{Person, merge_fields};
use crate::kept::{Log, One, Undelivered};

/// How long Pipedrive waits for an answer (documented).
const DEADLINE: Duration = Duration::from_secs(10);
/// How often it delivers again (recalled: after 3, 30 and 150 seconds).
const RETRIES: usize = 3;

/// Where it tells, and how it shows that it is itself.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Where.
    pub target_url: String,
    /// `http_auth_user`.
    pub user: String,
    /// `http_auth_password`.
    pub password: String,
    /// How long an answer may take, by the machine's clock.
    pub deadline: Duration,
    /// After how long it delivers again. With zeroes, it is due again at once.
    pub retries: [Duration; RETRIES],
}

impl Subscription {
    /// To this address, with this user and password.
    pub fn new(target_url: &str, user: &str, password: &str) -> Self {
        let [target_url, user, password] = [target_url, user, password].map(str::to_owned);
        Self { target_url, user, password, deadline: DEADLINE, retries: [Duration::ZERO; RETRIES] }
    }
}

/// What happened to a person.
pub(super) enum Happening {
    Created,
    Changed { previous: Map<String, Value> },
    Deleted { merged_to: Option<String> },
}

/// One thing to tell of one person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Stays the same when it is delivered again.
    pub id: String,
    /// The person.
    pub person: String,
    /// `create`, `change`, `delete`.
    pub action: String,
    /// What is sent, without the number of the attempt.
    pub body: Value,
    /// Attempts so far.
    pub attempts: usize,
}

/// An event that is still to be told, from when on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Waiting {
    event: Event,
    due: Timestamp,
}

/// An event that is being told, and its number among those that are still to be told. A duplicate has none.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) event: Event,
    number: Option<u64>,
}

/// What is still to be told.
#[derive(Default)]
pub(super) struct Outbox {
    subscription: Option<Arc<Subscription>>,
    pub(super) undelivered: Undelivered<Waiting>,
    /// Given up.
    pub(super) lost: Log<Event>,
    /// How many events there ever were.
    pub(super) told: One<u64>,
}

impl Outbox {
    pub(super) fn subscribe(&mut self, subscription: Subscription) {
        self.subscription = Some(Arc::new(subscription));
    }

    pub(super) fn waiting(&self) -> Vec<Event> {
        self.undelivered.waiting().map(|waiting| waiting.event.clone()).collect()
    }

    pub(super) fn lost(&self) -> Vec<Event> {
        self.lost.to_vec()
    }

    /// Writes down what happened, if there is a webhook for it.
    pub(super) fn tell(&mut self, company: u64, person: &Person, by: By, happening: Happening) {
        if self.subscription.is_none() {
            return;
        }
        *self.told += 1;
        let id = format!("00000000-0000-4000-8000-{:012}", *self.told);
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
        let mut meta = json!({
            "action": action, "company_id": company.to_string(), "correlation_id": id, "entity_id": person.id,
            "entity": "person", "id": id, "is_bulk_edit": false, "timestamp": at, "type": "general", "user_id": user,
            "version": "2.0", "webhook_id": "1", "webhook_owner_id": user, "change_source": by.source,
            "permitted_user_ids": [user],
        });
        if let Some(merged_to) = merged_to {
            meta["merged_to_id"] = merged_to.into();
        }
        let body = json!({ "data": data, "previous": previous, "meta": meta });
        let event = Event { id, person: person.id.clone(), action: action.to_owned(), body, attempts: 0 };
        self.undelivered.push(Waiting { event, due: person.modified_at });
    }

    /// Everything that is due. Some events are in there twice, and their order is not that in which they happened: neither
    /// is promised.
    pub(super) fn take_due(
        &mut self,
        duplicate_share: f64,
        rng: &mut Rng,
        now: Timestamp,
    ) -> Option<(Arc<Subscription>, Vec<Taken>)> {
        let subscription = self.subscription.clone()?;
        let mut events: Vec<Taken> = Vec::new();
        for (number, Waiting { event, .. }) in self.undelivered.take(|waiting| waiting.due <= now) {
            if event.attempts == 0 && rng.f64() < duplicate_share {
                events.push(Taken { event: event.clone(), number: None });
            }
            events.push(Taken { event, number: Some(number) });
        }
        rng.shuffle(&mut events);
        Some((subscription, events))
    }

    /// It was accepted.
    pub(super) fn delivered(&mut self, taken: &Taken) {
        taken.number.into_iter().for_each(|number| self.undelivered.done(number));
    }

    /// Keeps what wasn't accepted for another time. Whether it is given up; `None` for a duplicate, which isn't kept twice.
    pub(super) fn put_back(&mut self, taken: Taken, by: &Subscription, now: Timestamp) -> Option<bool> {
        self.delivered(&taken);
        let Taken { mut event, number } = taken;
        number?;
        let gap = by.retries.get(event.attempts).copied();
        event.attempts += 1;
        match gap {
            Some(gap) => self.undelivered.push(Waiting { event, due: later(now, gap) }),
            None => self.lost.push(event),
        }
        Some(gap.is_none())
    }
}
