//! An operator has records enriched that are there already: a request for each, which nobody waits for.

use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::ids::RequestId;
use leadgate_enrichment::lead::request::{EnrichmentRequest, Source};

use super::play::Play;

impl Play {
    /// All records that are known so far are asked for. Whoever was interrupted (`again`) has asked for some before.
    pub(super) async fn bulk(&mut self, again: bool) {
        self.runs += 1;
        let (run, now) = (self.runs, self.world.clock.now());
        let request = |contact: &String| {
            let record = self.world.key(contact);
            EnrichmentRequest {
                request: RequestId::derive(&record, &format!("bulk/{run}")),
                record,
                source: Source::Bulk,
                occurred_at: now,
                not_before: None,
                queued_at: None,
                parked_since: None,
                bulk: true,
                found_for: None,
            }
        };
        let requests: Vec<_> = self.leads.iter().map(|lead| request(&lead.contact)).collect();
        self.seen.note_sent(&requests);
        let before = if again { self.chance.usize(..=requests.len()) } else { 0 };
        // An observer's call isn't broken.
        let _ = self.world.queue.send(&requests[..before]).await;
        let _ = self.world.queue.send(&requests).await;
    }
}
