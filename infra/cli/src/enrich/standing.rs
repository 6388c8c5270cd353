//! How far one record of a run has come, judged as the worker judges it.

use jiff::Timestamp;
use leadgate_enrichment::ids::{RecordKey, RequestId};
use leadgate_enrichment::lead::gate::{self, at_worker};
use leadgate_enrichment::lead::record::Record;
use leadgate_enrichment::lead::request::{EnrichmentRequest, Source};
use leadgate_enrichment::lead::windows::Windows;
use leadgate_enrichment::outcome::{DeferReason, Outcome};

use super::begun::Plan;

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is to be asked about, or is being worked on.
    Open,
    /// There is nothing to do for it any more, in a word.
    Ended(&'static str),
    /// It waits, for this.
    Waits(DeferReason),
}

/// What is queued for a record.
pub(super) fn request(plan: &Plan, record: &RecordKey) -> EnrichmentRequest {
    EnrichmentRequest {
        request: RequestId::derive(record, &format!("bulk/{}/{}", plan.name, plan.began.as_millisecond())),
        record: record.clone(),
        source: Source::Bulk,
        occurred_at: plan.began,
        not_before: None,
        queued_at: None,
        parked_since: None,
        bulk: true,
        found_for: None,
    }
}

/// How far `record` has come with its request. `was_bought` says that the ledger has a purchase for it since the run began.
pub(super) fn standing(
    record: Option<&Record>,
    request: &EnrichmentRequest,
    was_bought: bool,
    windows: Windows,
    now: Timestamp,
) -> Standing {
    match at_worker(record, request, windows, now) {
        gate::Standing::Due | gate::Standing::InFlight(_) | gate::Standing::Abandoned(_) => Standing::Open,
        gate::Standing::Parked(parked) => Standing::Waits(parked.reason),
        gate::Standing::Ended(Outcome::Deferred { reason, .. }) => Standing::Waits(reason),
        gate::Standing::Ended(Outcome::Fresh) if was_bought => Standing::Ended("written-back"),
        gate::Standing::Ended(outcome) => Standing::Ended(outcome.word()),
    }
}
