//! What a simulated CRM still has to tell: each event in a delivery of its own, again when it isn't accepted, until it is
//! given up. Some are told twice, and their order is not that in which they happened: neither is promised by any vendor.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use leadgate_enrichment::clock::later;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::JoinSet;

use super::exchange::Vendor;
use super::report::DeliveryReport;
use crate::kept::{Log, One, Undelivered};

/// The most deliveries in flight.
const CONCURRENT_MAX: usize = 10;

/// Where a CRM tells, and how it shows that it is itself.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Where.
    pub target_url: String,
    /// What it shows that it is itself with, in its own way.
    pub secret: String,
    /// How long an answer may take, by the machine's clock.
    pub deadline: Duration,
    /// After how long it delivers again, each time. With zeroes, it is due again at once.
    pub retries: Vec<Duration>,
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Stays the same when it is delivered again.
    pub id: String,
    /// The record.
    #[serde(alias = "person")]
    pub record: String,
    /// The vendor's word for what happened.
    pub action: String,
    /// What is sent.
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
    event: Event,
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

    /// Writes down what happened, if there is a webhook for it. The body is made with the event's id.
    pub(super) fn tell(&mut self, record: &str, action: &str, at: Timestamp, body: impl FnOnce(&str) -> Value) {
        if self.subscription.is_none() {
            return;
        }
        *self.told += 1;
        let id = format!("00000000-0000-4000-8000-{:012}", *self.told);
        let (record, action, body) = (record.to_owned(), action.to_owned(), body(&id));
        self.undelivered.push(Waiting { event: Event { id, record, action, body, attempts: 0 }, due: at });
    }

    /// Everything that is due.
    fn take_due(
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
    fn delivered(&mut self, taken: &Taken) {
        taken.number.into_iter().for_each(|number| self.undelivered.done(number));
    }

    /// Keeps what wasn't accepted for another time. Whether it is given up; `None` for a duplicate, which isn't kept twice.
    fn put_back(&mut self, taken: Taken, by: &Subscription, now: Timestamp) -> Option<bool> {
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

/// A vendor that tells of what happens.
pub(super) trait Teller: Vendor {
    /// Which share of the events is delivered twice.
    fn duplicate_share(&self) -> f64;
    /// Lets `work` have the outbox, and chance.
    fn with_outbox<R>(&self, work: impl FnOnce(&mut Outbox, &mut Rng) -> R) -> R;
    /// The request that tells of an event now.
    fn request(&self, to: &Subscription, event: &Event) -> reqwest::RequestBuilder;
}

/// How one delivery ended: with a status, or without any answer.
struct Ended {
    taken: Taken,
    status: Option<u16>,
}

/// Delivers everything that is due, and waits for the answers. What isn't accepted is kept for a later call.
pub(super) async fn deliver<T: Teller>(teller: &T) -> DeliveryReport {
    let now = teller.reception().clock.now();
    let share = teller.duplicate_share();
    let due = teller.with_outbox(|outbox, rng| outbox.take_due(share, rng, now));
    let Some((subscription, events)) = due else { return DeliveryReport::default() };
    let mut report = DeliveryReport { deliveries: events.len(), ..DeliveryReport::default() };
    let mut seen = HashSet::new();
    let mut in_flight = JoinSet::new();
    for taken in events {
        match seen.insert(taken.event.id.clone()) {
            true => report.events += 1,
            false => report.duplicates += 1,
        }
        if in_flight.len() >= CONCURRENT_MAX {
            close_next(teller, &mut in_flight, &subscription, &mut report).await;
        }
        let request = teller.request(&subscription, &taken.event).timeout(subscription.deadline);
        in_flight.spawn(async move {
            let status = request.send().await.ok().map(|response| response.status().as_u16());
            Ended { taken, status }
        });
    }
    while !in_flight.is_empty() {
        close_next(teller, &mut in_flight, &subscription, &mut report).await;
    }
    report
}

async fn close_next<T: Teller>(
    teller: &T,
    in_flight: &mut JoinSet<Ended>,
    to: &Subscription,
    report: &mut DeliveryReport,
) {
    let Some(Ok(ended)) = in_flight.join_next().await else { return };
    let now = teller.reception().clock.now();
    match ended.status {
        Some(200..=299) => {
            teller.with_outbox(|outbox, _| outbox.delivered(&ended.taken));
            return report.accepted += 1;
        }
        Some(status) => report.rejected.push(status),
        None => report.unanswered += 1,
    }
    match teller.with_outbox(|outbox, _| outbox.put_back(ended.taken, to, now)) {
        Some(true) => report.given_up += 1,
        Some(false) => report.kept += 1,
        None => {}
    }
}
