//! Settling what a purchase really cost, and sending each of its records its way.

use std::collections::HashMap;

use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::ledger::{Entry, Evidence, Hold};
use leadgate_enrichment::lead::record::Record;
use leadgate_enrichment::outcome::DeferReason;
use leadgate_enrichment::purchase::asynchronous::{self, Answers};
use leadgate_enrichment::purchase::settlement::{self, LineEnd};
use leadgate_enrichment::retry::Retry;
use leadgate_purchase::look_up::{Call, Stopped};
use leadgate_purchase::settle as protocol;

use crate::batch::Batch;
use crate::defer::{park, waiting};
use crate::outcomes::Outcomes;
use crate::price::Wanted;
use crate::reserve::Held;
use crate::single_flight::came;
use crate::turn::Turn;
use crate::waterfall::Waterfall;

/// Settles what came at once, and what arrives later if nothing of it is awaited. What is awaited is there for others before that:
/// as long as the hold is open, they see by it that they have to wait. Whether it is settled: if not, the sweeper does it from the records.
pub(crate) async fn settle(
    batch: &Batch<'_>,
    turn: &Turn<'_>,
    held: &Held,
    wanted: &[Wanted],
    call: &Call,
    (costs, evidence): (&[Option<Amounts>], Evidence),
    kept: &[Record],
) -> bool {
    came(batch, turn, wanted, call).keep_awaited().await;
    let entry = settlement::seen(&held.at_once, &call.ends, costs, evidence, batch.now());
    let settled = protocol::settle(&batch.worker.credits, &batch.tenant.id, &held.at_once, entry.as_ref()).await;
    match held.asynchronous.as_ref().filter(|_| settled) {
        Some(asynchronous) => settle_asynchronous(batch, asynchronous, entry.as_ref(), kept).await,
        None => settled,
    }
}

/// What arrives later is settled when it has arrived, unless nothing will. Of a call whose outcome is unknown something may
/// still be found, and charged then: its hold stays open for as long as `collect` waits for that.
async fn settle_asynchronous(batch: &Batch<'_>, hold: &Hold, at_once: Option<&Entry>, kept: &[Record]) -> bool {
    let may_be_found = at_once.is_some_and(|entry| !settlement::unknowns(entry).is_empty());
    if may_be_found || kept.iter().any(|record| record.awaits(&hold.purchase).is_some()) {
        return true;
    }
    let none = HashMap::new();
    let entry = asynchronous::settled(hold, at_once, &none, &Answers::new(), batch.now());
    protocol::settle(&batch.worker.credits, &batch.tenant.id, hold, entry.as_ref()).await
}

/// Sends each record its way.
pub(crate) async fn pass_on(
    batch: &Batch<'_>,
    outcomes: &mut Outcomes<'_>,
    waterfall: &mut Waterfall,
    wanted: Vec<Wanted>,
    call: Call,
    kept: Vec<Record>,
    settled: bool,
) {
    let mut not_asked = Vec::new();
    for (wanted, end) in wanted.into_iter().zip(call.ends) {
        match end {
            LineEnd::Answered(_) | LineEnd::Invalid => {
                // One that is not there was written by another worker: it has gone back to the queue.
                if let Some(record) = kept.iter().find(|record| record.key == wanted.record.key) {
                    waterfall.place(batch, outcomes, wanted, record.clone(), &end);
                }
            }
            LineEnd::Unknown => outcomes.give_back_claimed(&wanted.record.key, "outcome unknown", Retry::Backoff),
            LineEnd::NotAsked => not_asked.push(wanted),
        }
    }
    let Some(stopped) = call.stopped else { return };
    // Under a claim whose hold may be open, none goes on to another provider: it would be taken for called.
    let is_uncertain = matches!(stopped, Stopped::Later(..) | Stopped::AskedByOthers) || batch.tenant.is_waterfall();
    if !settled && is_uncertain {
        let reason = "not asked about, and its hold may still be open";
        let records = not_asked.into_iter().map(|wanted| wanted.record).collect();
        return outcomes.give_back_uncalled(records, reason, Retry::Backoff).await;
    }
    let reason = match &stopped {
        Stopped::AskedByOthers => {
            let records: Vec<Record> = not_asked.into_iter().map(|wanted| wanted.record).collect();
            let reason = "another worker asks about the same person, or has just done so";
            return outcomes.give_all_back(&records, reason, Retry::Backoff);
        }
        Stopped::OutOfCredits => DeferReason::ProviderOutOfCredits,
        Stopped::Denied => DeferReason::ProviderDenied,
        Stopped::Later(..) => DeferReason::ProviderLimit,
    };
    let left: Vec<Wanted> =
        not_asked.into_iter().filter_map(|wanted| waterfall.blocked(batch, wanted, reason)).collect();
    if let Stopped::Later(retry, reason) = stopped {
        let records: Vec<Record> = left.into_iter().map(|wanted| wanted.record).collect();
        return outcomes.give_all_back(&records, &reason, retry);
    }
    let waiting = left.into_iter().filter_map(|wanted| waiting(batch, wanted, reason)).collect();
    park(batch, outcomes, waiting).await;
}
