//! What HubSpot tells an app about contacts, and what it still has to tell.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use leadgate_enrichment::clock::later;
use serde::Serialize;

use super::contacts::Source;
use super::subscription::{EVENTS_MAX, Format, RETRIES_MAX, Subscription};

/// One event, as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are HubSpot's")]
pub struct Event {
    /// Counted per subscription, so that it isn't unique: HubSpot doesn't promise that it is.
    pub event_id: u64,
    pub subscription_id: u64,
    pub portal_id: u64,
    pub app_id: u64,
    /// In milliseconds.
    pub occurred_at: i64,
    pub subscription_type: String,
    /// 0 the first time.
    pub attempt_number: u32,
    pub object_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_type_id: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub property_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub property_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_flag: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_object_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_object_id: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merged_object_ids: Vec<u64>,
    pub change_source: String,
    pub source_id: String,
}

impl Event {
    /// Tells an event from all others, however often it is delivered.
    pub fn key(&self) -> (u64, u64) {
        (self.subscription_id, self.event_id)
    }
}

/// What happened to a contact.
pub(super) enum Happening<'a> {
    Created,
    Changed {
        property: &'a str,
        value: &'a str,
    },
    Deleted,
    Forgotten,
    /// It is what these two were merged into. A merge tells of no changed property.
    Merged {
        from: [u64; 2],
    },
}

/// To which contact it happened, by whom, and when.
pub(super) struct About<'a> {
    pub(super) portal_id: u64,
    pub(super) app_id: u64,
    pub(super) contact: u64,
    pub(super) source: &'a Source,
    pub(super) at: Timestamp,
}

/// Subscriptions are numbered from here.
const FIRST_SUBSCRIPTION_ID: u64 = 2_500_001;

/// HubSpot's number for contacts.
const CONTACT_TYPE_ID: &str = "0-1";

/// An event that is still to be told, from when on.
struct Waiting {
    event: Event,
    due: Timestamp,
}

/// One of the app's subscriptions, and how much it was told through it.
struct Counted {
    subscription_id: u64,
    events: u64,
}

/// What is still to be told.
#[derive(Default)]
pub(super) struct Outbox {
    subscription: Option<Arc<Subscription>>,
    waiting: Vec<Waiting>,
    /// Given up after the last retry.
    lost: Vec<Event>,
    /// By the type, and the property where there is one.
    counted: BTreeMap<String, Counted>,
}

impl Outbox {
    pub(super) fn subscribe(&mut self, subscription: Option<Subscription>) {
        self.subscription = subscription.map(Arc::new);
    }

    pub(super) fn subscription(&self) -> Option<Arc<Subscription>> {
        self.subscription.clone()
    }

    pub(super) fn waiting(&self) -> Vec<Event> {
        self.waiting.iter().map(|waiting| waiting.event.clone()).collect()
    }

    pub(super) fn lost(&self) -> Vec<Event> {
        self.lost.clone()
    }

    /// Writes down that a contact came to be with these values.
    pub(super) fn tell_created(&mut self, about: &About<'_>, values: &[(String, String)]) {
        self.tell(about, &Happening::Created);
        if self.subscription.as_ref().is_some_and(|subscription| subscription.changes_on_creation) {
            self.tell_changed(about, values);
        }
    }

    /// Writes down that a contact's properties changed to these values.
    pub(super) fn tell_changed(&mut self, about: &About<'_>, values: &[(String, String)]) {
        for (property, value) in values {
            self.tell(about, &Happening::Changed { property, value });
        }
    }

    /// Writes down what happened, if the app wants to know.
    pub(super) fn tell(&mut self, about: &About<'_>, happening: &Happening<'_>) {
        let Some(subscription) = self.subscription.clone().filter(|it| it.wants(happening)) else { return };
        for is_generic in subscription.format.forms(happening) {
            let event = self.event(about, happening, *is_generic);
            self.waiting.push(Waiting { event, due: about.at });
        }
    }

    /// Everything that is due, as deliveries. Some events are in there twice, and the order is not that of the
    /// events: HubSpot promises neither.
    pub(super) fn take_due(&mut self, duplicate_share: f64, rng: &mut Rng, now: Timestamp) -> Vec<Vec<Event>> {
        let Some(subscription) = self.subscription.clone() else { return Vec::new() };
        let (due, waiting) = self.waiting.drain(..).partition(|waiting: &Waiting| waiting.due <= now);
        self.waiting = waiting;
        let mut events: Vec<Event> = Vec::with_capacity(due.len());
        for Waiting { event, .. } in due {
            if event.attempt_number == 0 && rng.f64() < duplicate_share {
                events.push(event.clone());
            }
            events.push(event);
        }
        rng.shuffle(&mut events);
        let size = subscription.events_per_delivery.clamp(1, EVENTS_MAX);
        events.chunks(size).map(<[Event]>::to_vec).collect()
    }

    /// Keeps what wasn't accepted for another time, up to the last retry. How many are given up.
    pub(super) fn put_back(&mut self, events: Vec<Event>, spread: Duration, rng: &mut Rng, now: Timestamp) -> usize {
        let lost_before = self.lost.len();
        // One draw for all: what was refused together comes back together.
        let gap = spread.div_f64(f64::from(RETRIES_MAX)).mul_f64(0.5 + rng.f64());
        for mut event in events {
            if event.attempt_number >= RETRIES_MAX {
                self.lost.push(event);
                continue;
            }
            event.attempt_number += 1;
            self.waiting.push(Waiting { event, due: later(now, gap) });
        }
        self.lost.len() - lost_before
    }

    fn event(&mut self, about: &About<'_>, happening: &Happening<'_>, is_generic: bool) -> Event {
        let subscription_type = happening.subscription_type(is_generic);
        let (property_name, property_value) = match happening {
            Happening::Changed { property, value } => (Some((*property).to_owned()), Some((*value).to_owned())),
            _ => (None, None),
        };
        let merged = match happening {
            Happening::Merged { from } => Some(*from),
            _ => None,
        };
        let key = format!("{subscription_type} {}", property_name.as_deref().unwrap_or_default());
        let subscription_id = FIRST_SUBSCRIPTION_ID + u64::try_from(self.counted.len()).unwrap_or_default();
        let counted = self.counted.entry(key).or_insert(Counted { subscription_id, events: 0 });
        counted.events += 1;
        Event {
            event_id: counted.events,
            subscription_id: counted.subscription_id,
            portal_id: about.portal_id,
            app_id: about.app_id,
            occurred_at: about.at.as_millisecond(),
            subscription_type,
            attempt_number: 0,
            object_id: about.contact,
            object_type_id: is_generic.then_some(CONTACT_TYPE_ID),
            property_name,
            property_value,
            change_flag: happening.flag(is_generic),
            new_object_id: merged.map(|_| about.contact),
            primary_object_id: merged.map(|[primary, _]| primary),
            merged_object_ids: merged.map(Vec::from).unwrap_or_default(),
            change_source: about.source.kind.clone(),
            source_id: about.source.id.clone(),
        }
    }
}

impl Subscription {
    fn wants(&self, happening: &Happening<'_>) -> bool {
        match happening {
            Happening::Created => self.creation,
            Happening::Merged { .. } => self.merge,
            Happening::Changed { property, .. } => self.properties.iter().any(|name| name == property),
            Happening::Deleted => self.deletion,
            Happening::Forgotten => self.privacy_deletion,
        }
    }
}

impl Format {
    /// For each time that the event is told, whether in the generic form. Privacy deletions have only the classic one.
    fn forms(self, happening: &Happening<'_>) -> &'static [bool] {
        match self {
            _ if matches!(happening, Happening::Forgotten) => &[false],
            Self::Classic => &[false],
            Self::Generic => &[true],
            Self::Both => &[false, true],
        }
    }
}

impl Happening<'_> {
    fn subscription_type(&self, is_generic: bool) -> String {
        let what = match self {
            Self::Created => "creation",
            Self::Changed { .. } => "propertyChange",
            Self::Deleted => "deletion",
            Self::Merged { .. } => "merge",
            Self::Forgotten => "privacyDeletion",
        };
        format!("{}.{what}", if is_generic { "object" } else { "contact" })
    }

    fn flag(&self, is_generic: bool) -> Option<&'static str> {
        match self {
            Self::Created if is_generic => Some("CREATED"),
            Self::Created => Some("NEW"),
            Self::Deleted | Self::Forgotten => Some("DELETED"),
            Self::Changed { .. } | Self::Merged { .. } => None,
        }
    }
}
