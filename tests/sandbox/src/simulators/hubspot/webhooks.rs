//! What HubSpot tells an app about contacts, and what it still has to tell.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use leadgate_enrichment::clock::later;
use serde::{Deserialize, Serialize};

use super::contacts::Source;
use super::portal::Object;
use super::subscription::{EVENTS_MAX, Format, RETRIES_MAX, Subscription};
use crate::kept::{Log, Table, Undelivered};

/// One event, as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    pub object_type_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub property_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub property_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_flag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_object_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_object_id: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
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
    pub(super) object: Object,
    pub(super) contact: u64,
    pub(super) source: &'a Source,
    pub(super) at: Timestamp,
}

/// Subscriptions are numbered from here.
const FIRST_SUBSCRIPTION_ID: u64 = 2_500_001;

impl Object {
    /// HubSpot's number for it.
    fn type_id(self) -> &'static str {
        match self {
            Self::Contact => "0-1",
            Self::Company => "0-2",
        }
    }

    /// HubSpot's word for it in the classic events.
    fn word(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Company => "company",
        }
    }
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

/// One of the app's subscriptions, and how much it was told through it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Counted {
    subscription_id: u64,
    events: u64,
}

/// What is still to be told.
#[derive(Default)]
pub(super) struct Outbox {
    subscription: Option<Arc<Subscription>>,
    pub(super) undelivered: Undelivered<Waiting>,
    /// Given up after the last retry.
    pub(super) lost: Log<Event>,
    /// By the type, and the property where there is one.
    pub(super) counted: Table<String, Counted>,
}

impl Outbox {
    pub(super) fn subscribe(&mut self, subscription: Option<Subscription>) {
        self.subscription = subscription.map(Arc::new);
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
        let Some(subscription) = self.subscription.clone().filter(|it| it.wants(about.object, happening)) else {
            return;
        };
        for is_generic in subscription.format.forms(happening) {
            let event = self.event(about, happening, *is_generic);
            self.undelivered.push(Waiting { event, due: about.at });
        }
    }

    /// Everything that is due, as deliveries. Some events are in there twice, and the order is not that of the
    /// events: HubSpot promises neither.
    pub(super) fn take_due(&mut self, duplicate_share: f64, rng: &mut Rng, now: Timestamp) -> Vec<Vec<Taken>> {
        let Some(subscription) = self.subscription.clone() else { return Vec::new() };
        let due = self.undelivered.take(|waiting| waiting.due <= now);
        let mut events: Vec<Taken> = Vec::with_capacity(due.len());
        for (number, Waiting { event, .. }) in due {
            if event.attempt_number == 0 && rng.f64() < duplicate_share {
                events.push(Taken { event: event.clone(), number: None });
            }
            events.push(Taken { event, number: Some(number) });
        }
        rng.shuffle(&mut events);
        let size = subscription.events_per_delivery.clamp(1, EVENTS_MAX);
        let mut deliveries = Vec::with_capacity(events.len().div_ceil(size));
        while !events.is_empty() {
            let rest = events.split_off(size.min(events.len()));
            deliveries.push(std::mem::replace(&mut events, rest));
        }
        deliveries
    }

    /// These were accepted.
    pub(super) fn delivered(&mut self, events: &[Taken]) {
        events.iter().filter_map(|taken| taken.number).for_each(|number| self.undelivered.done(number));
    }

    /// Keeps what wasn't accepted for another time, up to the last retry. How many are given up.
    pub(super) fn put_back(&mut self, events: Vec<Taken>, spread: Duration, rng: &mut Rng, now: Timestamp) -> usize {
        let lost_before = self.lost.len();
        // One draw for all: what was refused together comes back together.
        let gap = spread.div_f64(f64::from(RETRIES_MAX)).mul_f64(0.5 + rng.f64());
        self.delivered(&events);
        for Taken { mut event, .. } in events {
            if event.attempt_number >= RETRIES_MAX {
                self.lost.push(event);
                continue;
            }
            event.attempt_number += 1;
            self.undelivered.push(Waiting { event, due: later(now, gap) });
        }
        self.lost.len() - lost_before
    }

    fn event(&mut self, about: &About<'_>, happening: &Happening<'_>, is_generic: bool) -> Event {
        let subscription_type = happening.subscription_type(about.object, is_generic);
        let (property_name, property_value) = match happening {
            Happening::Changed { property, value } => (Some((*property).to_owned()), Some((*value).to_owned())),
            _ => (None, None),
        };
        let merged = match happening {
            Happening::Merged { from } => Some(*from),
            _ => None,
        };
        let key =
            format!("{subscription_type} {} {}", about.object.word(), property_name.as_deref().unwrap_or_default());
        let subscription_id = FIRST_SUBSCRIPTION_ID + u64::try_from(self.counted.len()).unwrap_or_default();
        let counted = self.counted.get_or_insert(key, Counted { subscription_id, events: 0 });
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
            object_type_id: is_generic.then(|| about.object.type_id().to_owned()),
            property_name,
            property_value,
            change_flag: happening.flag(is_generic).map(str::to_owned),
            new_object_id: merged.map(|_| about.contact),
            primary_object_id: merged.map(|[primary, _]| primary),
            merged_object_ids: merged.map(Vec::from).unwrap_or_default(),
            change_source: about.source.kind.clone(),
            source_id: about.source.id.clone(),
        }
    }
}

impl Subscription {
    fn wants(&self, object: Object, happening: &Happening<'_>) -> bool {
        if object == Object::Company {
            return self.companies;
        }
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
    fn subscription_type(&self, object: Object, is_generic: bool) -> String {
        let what = match self {
            Self::Created => "creation",
            Self::Changed { .. } => "propertyChange",
            Self::Deleted => "deletion",
            Self::Merged { .. } => "merge",
            Self::Forgotten => "privacyDeletion",
        };
        format!("{}.{what}", if is_generic { "object" } else { object.word() })
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
