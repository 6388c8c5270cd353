//! Delivering what there is to tell, a few at a time, and again when it isn't accepted.

use std::collections::HashSet;

use tokio::task::JoinSet;

use super::Pipedrive;
use super::outbox::{Subscription, Taken};
use crate::simulators::report::DeliveryReport;

/// The most deliveries in flight.
const CONCURRENT_MAX: usize = 10;

/// How one delivery ended: with a status, or without any answer.
struct Ended {
    taken: Taken,
    status: Option<u16>,
}

impl Pipedrive {
    /// Delivers everything that is due, and waits for the answers. What isn't accepted is kept for a later call.
    pub async fn deliver(&self) -> DeliveryReport {
        let now = self.now();
        let due = {
            let mut company = self.company.lock();
            let company = &mut *company;
            company.outbox.take_due(self.setup.duplicate_share, &mut company.rng, now)
        };
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
                self.close_next(&mut in_flight, &subscription, &mut report).await;
            }
            let request = self.request(&subscription, &taken);
            in_flight.spawn(async move {
                let status = request.send().await.ok().map(|response| response.status().as_u16());
                Ended { taken, status }
            });
        }
        while !in_flight.is_empty() {
            self.close_next(&mut in_flight, &subscription, &mut report).await;
        }
        report
    }

    fn request(&self, to: &Subscription, taken: &Taken) -> reqwest::RequestBuilder {
        let mut body = taken.event.body.clone();
        body["meta"]["attempt"] = (taken.event.attempts + 1).into();
        let request = self.http.post(&to.target_url).timeout(to.deadline);
        request.basic_auth(&to.user, Some(&to.password)).json(&body)
    }

    async fn close_next(&self, in_flight: &mut JoinSet<Ended>, to: &Subscription, report: &mut DeliveryReport) {
        let Some(Ok(ended)) = in_flight.join_next().await else { return };
        let now = self.now();
        match ended.status {
            Some(200..=299) => {
                self.company.lock().outbox.delivered(&ended.taken);
                return report.accepted += 1;
            }
            Some(status) => report.rejected.push(status),
            None => report.unanswered += 1,
        }
        match self.company.lock().outbox.put_back(ended.taken, to, now) {
            Some(true) => report.given_up += 1,
            Some(false) => report.kept += 1,
            None => {}
        }
    }
}
