//! Parking what the credits can't pay for.

use std::time::Duration;

use jiff::Timestamp;
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::lead::record::{Deferral, Record};
use leadgate_enrichment::lead::request::EnrichmentRequest;
use leadgate_enrichment::outcome::{DeferReason, Outcome};

use crate::batch::Batch;
use crate::outcomes::Outcomes;
use crate::price::Wanted;

/// A record that has to wait.
pub(crate) struct Waiting {
    pub(crate) record: Record,
    pub(crate) request: EnrichmentRequest,
    pub(crate) reason: DeferReason,
    /// What it waits for.
    pub(crate) worst: Amounts,
    /// Not to be tried again before.
    pub(crate) not_before: Timestamp,
}

/// When the provider itself says no, whatever our ledger says, an operator has to act: asking again at once would
/// only ask again.
pub(crate) const PROVIDER_PAUSE: Duration = Duration::from_secs(60 * 60);

/// Before it is looked again whether what another record asked for has arrived.
const ARRIVAL_PAUSE: Duration = Duration::from_secs(10 * 60);

/// A claimed record that has to wait, and for how long at least.
pub(crate) fn waiting(batch: &Batch<'_>, wanted: Wanted, reason: DeferReason) -> Option<Waiting> {
    let worst = match reason {
        // Another record pays for it.
        DeferReason::AskedForAnother => Amounts::default(),
        // One who takes a part waits for no more than that.
        _ => wanted.part(batch.tenant.on_exhausted).unwrap_or(&wanted.total).clone(),
    };
    let Wanted { record, caps, .. } = wanted;
    let request = record.to_request()?;
    let lifts = || caps.iter().find(|cap| cap.reason == reason).map(|cap| cap.lifts);
    let now = batch.now();
    let not_before = lifts().unwrap_or_else(|| pause(reason).map_or(now, |pause| later(now, pause)));
    Some(Waiting { record, request, reason, worst, not_before })
}

/// How long what was refused for this reason isn't tried again, where no cap says so.
fn pause(reason: DeferReason) -> Option<Duration> {
    match reason {
        DeferReason::ProviderOutOfCredits | DeferReason::ProviderDenied => Some(PROVIDER_PAUSE),
        DeferReason::AskedForAnother => Some(ARRIVAL_PAUSE),
        _ => None,
    }
}

/// Parks them, at one write each.
pub(crate) async fn park(batch: &Batch<'_>, outcomes: &mut Outcomes<'_>, waiting: Vec<Waiting>) {
    let now = batch.now();
    let mut parked = Vec::with_capacity(waiting.len());
    for Waiting { record, request, reason, worst, not_before } in waiting {
        let until = if not_before > now { not_before } else { next_grant(batch) };
        let deferral = Deferral { reason, since: now, not_before, until, worst };
        parked.push((record.deferred(&request, deferral), Outcome::Deferred { reason, until }));
    }
    outcomes.write_and_end(Step::Defer, parked).await;
}

/// One whose person was bought and written, and that waits for what arrives later, or for another provider: the same write
/// closes the one and parks the other. `waits_for` says what that can cost, where it is known.
pub(crate) fn park_the_rest_of(batch: &Batch<'_>, record: Record, waits_for: Option<&Amounts>) -> Record {
    let (Some(reason), Some(request)) = (record.owed, record.to_request()) else { return record };
    let worst = match (waits_for, reason) {
        (_, DeferReason::AskedForAnother) => Amounts::default(),
        (Some(worst), _) => worst.clone(),
        // It isn't known yet what that costs: the worker sees.
        (None, DeferReason::NextStep) => Amounts::default(),
        (None, _) => {
            let first = &batch.tenant.provider;
            let person = batch.worker.config.person_tariff(first, batch.purchase.made_at());
            let person = person.map(|tariff| tariff.worst_of(true)).unwrap_or_default();
            let fields = batch.tenant.asynchronous_fields(first);
            [&person, &batch.worst_asynchronous(first, &fields)].into_iter().sum()
        }
    };
    let now = batch.now();
    let not_before = pause(reason).map(|pause| later(now, pause));
    let until = not_before.unwrap_or_else(|| next_grant(batch));
    let not_before = not_before.unwrap_or(now);
    record.deferred(&request, Deferral { reason, since: now, not_before, until, worst })
}

/// When the last of the tenant's providers begins its next cycle.
pub(crate) fn next_grant(batch: &Batch<'_>) -> Timestamp {
    let now = batch.now();
    let closes = batch.tenant.paid_providers().map(|provider| provider.plan.grants.cycle_at(now).closes);
    closes.max().unwrap_or(now)
}
