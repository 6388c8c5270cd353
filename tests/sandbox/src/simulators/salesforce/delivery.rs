//! Delivering what flows tell, a few at a time, and again when it isn't taken.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::Salesforce;
use super::message::{callout, change_event, is_ack, outbound, signature};
use super::outbox::{Event, Taken};
use super::records::Record;
use super::subscription::{Road, Subscription};
use crate::simulators::report::DeliveryReport;

/// The most deliveries in flight.
const CONCURRENT_MAX: usize = 10;

/// How one delivery ended: with a status and whether it was taken, or without any answer.
struct Ended {
    events: Vec<Taken>,
    answer: Option<(u16, bool)>,
}

impl Salesforce {
    /// Delivers everything that is due, and waits for the answers. What isn't taken is kept for a later call.
    pub async fn deliver(&self) -> DeliveryReport {
        let Some((subscription, messages)) = self.take_messages() else { return DeliveryReport::default() };
        let mut report = DeliveryReport { deliveries: messages.len(), ..DeliveryReport::default() };
        let mut seen = HashSet::new();
        let mut in_flight = JoinSet::new();
        for events in messages {
            let new = events.iter().filter(|taken| seen.insert(taken.event.id.clone())).count();
            report.events += new;
            report.duplicates += events.len() - new;
            if in_flight.len() >= CONCURRENT_MAX {
                self.close_next(&mut in_flight, &subscription, &mut report).await;
            }
            let request = self.request(&subscription, &events);
            let road = subscription.road;
            in_flight.spawn(async move { Ended { events, answer: sent(request, road).await } });
        }
        while !in_flight.is_empty() {
            self.close_next(&mut in_flight, &subscription, &mut report).await;
        }
        report
    }

    /// What is due, and where to.
    pub(super) fn take_messages(&self) -> Option<(Arc<Subscription>, Vec<Vec<Taken>>)> {
        let now = self.reception.clock.now();
        let mut org = self.org.lock();
        let org = &mut *org;
        let subscription = org.outbox.subscription()?;
        Some((subscription, org.outbox.take_due(self.setup.duplicate_share, &mut org.rng, now)))
    }

    /// A message is written when it is sent: its records are as they stand then.
    fn request(&self, to: &Subscription, events: &[Taken]) -> reqwest::RequestBuilder {
        let request = self.http.post(&to.target_url).timeout(to.deadline);
        let organization_id = &self.setup.organization_id;
        match (to.road, events) {
            (Road::Callouts, [Taken { event, .. }, ..]) => {
                let (body, seconds) = (callout(organization_id, event), self.reception.clock.now().as_second());
                request
                    .header("content-type", "application/json")
                    .header("webhook-id", &event.id)
                    .header("webhook-timestamp", seconds.to_string())
                    .header("webhook-signature", signature(&to.secret, &event.id, seconds, &body))
                    .body(body)
            }
            (Road::ChangeEvents, [Taken { event, .. }, ..]) => {
                let record = self.org.lock().records.get(&event.record).cloned();
                let ours = &self.setup.user_id;
                let body = change_event(organization_id, ours, event, record.as_ref());
                request.header("content-type", "application/json").body(body)
            }
            _ => {
                let org = self.org.lock();
                let told: Vec<(Event, Option<Record>)> = events
                    .iter()
                    .map(|taken| (taken.event.clone(), org.records.get(&taken.event.record).cloned()))
                    .collect();
                request.header("content-type", "text/xml; charset=utf-8").header("soapaction", "\"\"").body(outbound(
                    organization_id,
                    &to.fields,
                    &told,
                ))
            }
        }
    }

    async fn close_next(&self, in_flight: &mut JoinSet<Ended>, to: &Subscription, report: &mut DeliveryReport) {
        let Some(Ok(ended)) = in_flight.join_next().await else { return };
        match ended.answer {
            Some((_, true)) => {
                self.org.lock().outbox.delivered(&ended.events);
                return report.accepted += 1;
            }
            Some((status, false)) => report.rejected.push(status),
            None => report.unanswered += 1,
        }
        let now = self.reception.clock.now();
        let count = ended.events.len();
        let given_up = self.org.lock().outbox.put_back(ended.events, to, now);
        report.given_up += given_up;
        report.kept += count - given_up;
    }
}

/// The status, and whether the delivery was taken: for a message that is in the answer's body, for a callout in its
/// status.
async fn sent(request: reqwest::RequestBuilder, road: Road) -> Option<(u16, bool)> {
    let response = request.send().await.ok()?;
    let status = response.status();
    let body = response.text().await.ok()?;
    let taken = match road {
        Road::OutboundMessages => status.as_u16() == 200 && is_ack(&body),
        Road::Callouts | Road::ChangeEvents => status.is_success(),
    };
    Some((status.as_u16(), taken))
}
