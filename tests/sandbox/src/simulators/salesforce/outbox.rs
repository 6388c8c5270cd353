//! What an org still has to tell.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use leadgate_enrichment::clock::{later, until};
use serde::{Deserialize, Serialize};

use super::records::{Record, long};
use super::subscription::{NOTIFICATIONS_MAX, Road, Subscription};
use crate::kept::{Log, One, Undelivered};

/// Messages are given up a day after their event (developer.salesforce.com, "Understanding Outbound Messaging"), and the first
/// attempt is made at once: it is counted from that. Our class gives callouts up sooner.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest time between two attempts.
const RETRY_MAX: Duration = Duration::from_secs(2 * 60 * 60);
/// As often the class of `infra/salesforce/` makes a callout.
pub(super) const CALLOUTS_MAX: u32 = 6;

/// What happened to a record.
pub(super) enum Happening {
    Created,
    Edited { fields: Vec<String> },
    Deleted,
    Forgotten,
}

impl Happening {
    fn cause(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Edited { .. } => "updated",
            Self::Deleted => "deleted",
            Self::Forgotten => "forgotten",
        }
    }
}

/// One thing to tell of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The notification's id: stays the same when it is sent again.
    pub id: String,
    /// `Lead`, `Contact`.
    pub object: String,
    /// The record.
    pub record: String,
    /// `created`, `updated`, `deleted`, `forgotten`.
    pub cause: String,
    /// The fields that were set or changed.
    #[serde(default)]
    pub fields: Vec<String>,
    /// By which user.
    pub changed_by: String,
    /// When.
    pub occurred_at: Timestamp,
    /// Attempts so far.
    pub attempts: u32,
    /// When the first of them had failed.
    #[serde(default)]
    pub failed_since: Option<Timestamp>,
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

    pub(super) fn subscription(&self) -> Option<Arc<Subscription>> {
        self.subscription.clone()
    }

    pub(super) fn waiting(&self) -> Vec<Event> {
        self.undelivered.waiting().map(|waiting| waiting.event.clone()).collect()
    }

    pub(super) fn lost(&self) -> Vec<Event> {
        self.lost.to_vec()
    }

    /// Writes down what happened, if a flow tells of it.
    pub(super) fn tell(&mut self, record: &Record, happening: Happening) {
        let Some(subscription) = self.subscription.clone() else { return };
        let is_person = matches!(record.object.as_str(), "Lead" | "Contact");
        if !is_person || !subscription.tells(&happening, &record.modified_by) {
            return;
        }
        *self.told += 1;
        let event = Event {
            id: long(&format!("04l{:012}", *self.told)).unwrap_or_default(),
            object: record.object.clone(),
            record: record.id.clone(),
            cause: happening.cause().to_owned(),
            fields: match happening {
                Happening::Edited { fields } => fields,
                _ => Vec::new(),
            },
            changed_by: record.modified_by.clone(),
            occurred_at: record.modified_at,
            attempts: 0,
            failed_since: None,
        };
        self.undelivered.push(Waiting { event, due: record.modified_at });
    }

    /// Everything that is due, as messages: each is about one kind of record, and a callout about one cause and user.
    /// Some events are in there twice, and their order is not that of the events: neither is promised.
    pub(super) fn take_due(&mut self, duplicate_share: f64, rng: &mut Rng, now: Timestamp) -> Vec<Vec<Taken>> {
        let Some(subscription) = self.subscription.clone() else { return Vec::new() };
        let mut events: Vec<Taken> = Vec::new();
        for (number, Waiting { event, .. }) in self.undelivered.take(|waiting| waiting.due <= now) {
            if event.attempts == 0 && rng.f64() < duplicate_share {
                events.push(Taken { event: event.clone(), number: None });
            }
            events.push(Taken { event, number: Some(number) });
        }
        rng.shuffle(&mut events);
        let key = |taken: &Taken| match subscription.road {
            Road::OutboundMessages => (taken.event.object.clone(), String::new()),
            Road::Callouts | Road::ChangeEvents => (taken.event.object.clone(), taken.event.id.clone()),
        };
        events.sort_by_key(key);
        let size = subscription.notifications_per_message.clamp(1, NOTIFICATIONS_MAX);
        let mut messages: Vec<Vec<Taken>> = Vec::new();
        for taken in events {
            match messages.last_mut().filter(|message| message.len() < size && key(&message[0]) == key(&taken)) {
                Some(message) => message.push(taken),
                None => messages.push(vec![taken]),
            }
        }
        messages
    }

    /// These were accepted.
    pub(super) fn delivered(&mut self, events: &[Taken]) {
        events.iter().filter_map(|taken| taken.number).for_each(|number| self.undelivered.done(number));
    }

    /// Keeps what wasn't accepted for another time. How many are given up.
    pub(super) fn put_back(&mut self, events: Vec<Taken>, by: &Subscription, now: Timestamp) -> usize {
        let lost_before = self.lost.len();
        self.delivered(&events);
        for Taken { mut event, number } in events {
            // A duplicate is not kept twice.
            if number.is_none() {
                continue;
            }
            event.attempts += 1;
            let failed_since = *event.failed_since.get_or_insert(now);
            let is_over = match by.road {
                Road::OutboundMessages | Road::ChangeEvents => until(now, later(failed_since, LIFE)).is_zero(),
                Road::Callouts => event.attempts >= CALLOUTS_MAX,
            };
            if is_over {
                self.lost.push(event);
                continue;
            }
            let gap = by.first_retry.saturating_mul(1 << event.attempts.min(16)).min(RETRY_MAX);
            self.undelivered.push(Waiting { event, due: later(now, gap) });
        }
        self.lost.len() - lost_before
    }
}

impl Subscription {
    fn tells(&self, happening: &Happening, by: &str) -> bool {
        let is_left_out = self.leaves_out.as_deref() == Some(by);
        match happening {
            Happening::Created => !is_left_out,
            Happening::Edited { fields } => {
                let is_watched = self.watched.is_empty() || fields.iter().any(|field| self.watched.contains(field));
                is_watched && !is_left_out
            }
            // An Outbound Message is sent by a save.
            Happening::Deleted | Happening::Forgotten => self.road != Road::OutboundMessages,
        }
    }
}
