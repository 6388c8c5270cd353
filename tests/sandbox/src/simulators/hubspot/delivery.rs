//! Delivering webhooks: signed, ten at a time, and again when they aren't accepted.

use std::collections::HashSet;
use std::sync::Arc;

use leadgate_enrichment::clock::Clock;
use tokio::task::JoinSet;

use super::HubSpot;
use super::signature;
use super::subscription::Subscription;
use super::webhooks::{Event, Taken};
use crate::simulators::report::DeliveryReport;

/// The most deliveries in flight: HubSpot's default per account.
const CONCURRENT_MAX: usize = 10;

/// How one delivery ended: with a status, or without any.
struct Ended {
    events: Vec<Taken>,
    status: Option<u16>,
}

impl HubSpot {
    /// Delivers everything that is due, and waits for the answers. What isn't answered with 2xx within the deadline
    /// is kept, with its `attemptNumber` raised, for a later call. To be awaited to its end: HubSpot doesn't stop
    /// half-way either.
    pub async fn deliver(&self) -> DeliveryReport {
        let Some((subscription, deliveries)) = self.take_deliveries() else { return DeliveryReport::default() };
        let mut report = DeliveryReport { deliveries: deliveries.len(), ..DeliveryReport::default() };
        let mut seen = HashSet::new();
        let mut in_flight = JoinSet::new();
        for events in deliveries {
            let new = events.iter().filter(|taken| seen.insert(taken.event.key())).count();
            report.events += new;
            report.duplicates += events.len() - new;
            if in_flight.len() >= CONCURRENT_MAX {
                self.close_next(&mut in_flight, &subscription, &mut report).await;
            }
            let (http, clock) = (self.http.clone(), self.reception.clock.clone());
            in_flight.spawn(post(http, clock, subscription.clone(), events));
        }
        while !in_flight.is_empty() {
            self.close_next(&mut in_flight, &subscription, &mut report).await;
        }
        report
    }

    pub(super) fn take_deliveries(&self) -> Option<(Arc<Subscription>, Vec<Vec<Taken>>)> {
        let now = self.reception.clock.now();
        let mut portal = self.portal.lock();
        let portal = &mut *portal;
        let subscription = portal.outbox.subscription()?;
        Some((subscription, portal.outbox.take_due(self.setup.duplicate_share, &mut portal.rng, now)))
    }

    async fn close_next(&self, in_flight: &mut JoinSet<Ended>, to: &Subscription, report: &mut DeliveryReport) {
        let Some(Ok(ended)) = in_flight.join_next().await else { return };
        match ended.status {
            Some(200..=299) => {
                self.portal.lock().outbox.delivered(&ended.events);
                return report.accepted += 1;
            }
            Some(status) => report.rejected.push(status),
            None => report.unanswered += 1,
        }
        let now = self.reception.clock.now();
        let mut portal = self.portal.lock();
        let portal = &mut *portal;
        let count = ended.events.len();
        let given_up = portal.outbox.put_back(ended.events, to.retry_spread, &mut portal.rng, now);
        report.given_up += given_up;
        report.kept += count - given_up;
    }
}

async fn post(http: reqwest::Client, clock: Arc<dyn Clock>, to: Arc<Subscription>, events: Vec<Taken>) -> Ended {
    let told: Vec<&Event> = events.iter().map(|taken| &taken.event).collect();
    let body = serde_json::to_vec(&told).expect("events are plain data");
    let timestamp = clock.now().as_millisecond();
    let request = http
        .post(&to.target_url)
        .timeout(to.deadline)
        .header("content-type", "application/json")
        .header("x-hubspot-signature-version", "v1")
        .header("x-hubspot-signature", signature::v1(&to.client_secret, &body))
        .header("x-hubspot-request-timestamp", timestamp.to_string())
        .header("x-hubspot-signature-v3", signature::v3(&to.client_secret, "POST", &to.signed_url, &body, timestamp))
        .body(body);
    let status = request.send().await.ok().map(|response| response.status().as_u16());
    Ended { events, status }
}
