//! The gate: is a record to be enriched? It stands twice. At the door `crm-webhook` only reads, and drops what is
//! plainly not due, so that storms of edits cost next to nothing. The worker decides for good.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{days, later};
use crate::fingerprint::{Fingerprint, FingerprintKey};
use crate::ids::PurchaseId;
use crate::lead::event::{Cause, DueEvent};
use crate::lead::record::{Deferral, Record, State};
use crate::lead::request::{EnrichmentRequest, Source};
use crate::lead::windows::Windows;
use crate::outcome::{Outcome, RefuseReason};
use crate::person::IdentityProperties;

impl Windows {
    /// A newer event renews a deferral only when it is newer by this much. A renewal is a write, and a storm of edits on
    /// leads that wait must cost next to nothing; a sixteenth of the time after which they are closed is little enough.
    fn renewal(&self) -> Duration {
        (self.give_up / RENEWALS_PER_WINDOW).min(RENEWAL_MAX)
    }
}

/// How many renewals there may be at most within the time after which a lead that waits is closed.
const RENEWALS_PER_WINDOW: u32 = 16;
/// However long leads may wait, a day's events are renewed by one write.
const RENEWAL_MAX: Duration = days(1);

/// How far the CRM's clock may be from ours when we ask whether a change was made before we read the record.
const CLOCK_SKEW: Duration = Duration::from_secs(30);

/// What the door does with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// On to the worker.
    Queue,
    /// Dropped: enriched within the window.
    Fresh,
    /// Dropped: a worker has it and will read it, or it is parked and the event is no newer than its deferral.
    InFlight,
    /// Dropped: the CRM tells us what we wrote.
    Echo,
    /// Dropped: the person asked to be forgotten.
    Erased,
}

/// What the door goes by.
#[derive(Debug, Clone, Copy)]
pub struct DoorRules<'a> {
    /// How long things are remembered.
    pub windows: Windows,
    /// Which properties say who a record is about.
    pub identity: &'a IdentityProperties,
    /// What the tenant's fingerprints are made with.
    pub key: &'a FingerprintKey,
}

/// What to do with `event`, going by a possibly slightly stale `record`: its own, or one that was merged into that. When
/// in doubt it goes to the worker.
pub fn at_door(record: Option<&Record>, event: &DueEvent, rules: &DoorRules<'_>, now: Timestamp) -> Door {
    let windows = rules.windows;
    let Some(record) = record else { return Door::Queue };
    if is_on_its_way_in_another(record, event) {
        return Door::InFlight;
    }
    if record.erased_at.is_some() {
        return Door::Erased;
    }
    if is_echo(record, &event.cause, rules.key) {
        return Door::Echo;
    }
    match record.state {
        State::Claimed | State::Bought => in_flight(record, event, now),
        State::Deferred { .. } if renews(record, event.occurred_at, event.cause.source(), windows) => Door::Queue,
        State::Deferred { .. } => Door::InFlight,
        State::Written | State::Unmatched if record.is_miss() => {
            let known = is_within(record, windows.miss, now) && !tells_who(&event.cause, rules.identity);
            if known { Door::Fresh } else { Door::Queue }
        }
        State::Written if is_within(record, windows.freshness, now) => Door::Fresh,
        State::Written | State::Unmatched | State::Noted | State::Released => Door::Queue,
        State::Refused { .. } | State::Failed { .. } => Door::Queue,
    }
}

/// Whether the record was merged into the event's, and is being worked on or waits: the CRM reads and writes what they have
/// become under the old id as well.
fn is_on_its_way_in_another(record: &Record, event: &DueEvent) -> bool {
    record.key != event.record && record.state.is_open()
}

/// The worker reads the CRM after it has claimed, so a change made before the claim is in what it reads. A later one
/// may not be: it goes on to the worker, or an address typed in while we were looking would be lost.
fn in_flight(record: &Record, event: &DueEvent, now: Timestamp) -> Door {
    let Some(claim) = record.claim.as_ref().filter(|_| record.claim_lives(now)) else { return Door::Queue };
    let seen = event.cause == Cause::Created || later(event.occurred_at, CLOCK_SKEW) <= claim.since;
    if seen { Door::InFlight } else { Door::Queue }
}

/// A parked record is read when its turn comes, so that what an event tells is not lost. But a deferral lasts from when
/// its event occurred: a newer one renews it, and so does one that goes first in the line.
fn renews(record: &Record, occurred_at: Timestamp, source: Source, windows: Windows) -> bool {
    let is_newer = record.occurred_at.is_none_or(|at| later(at, windows.renewal()) < occurred_at);
    is_newer || record.source.is_none_or(|own| source < own)
}

fn is_echo(record: &Record, cause: &Cause, key: &FingerprintKey) -> bool {
    let Cause::Changed { property, value } = cause else { return false };
    let bought = record.patch.get(property).map(|value| key.of(value));
    record.written.get(property) == Some(value) || bought.as_ref() == Some(value)
}

fn tells_who(cause: &Cause, identity: &IdentityProperties) -> bool {
    match cause {
        Cause::Created => false,
        Cause::Changed { property, .. } => identity.known_names().any(|name| name == property),
        // Whatever was changed, it may be that. Each of two that were merged may have had what the other lacked.
        Cause::Edited | Cause::Merged { .. } => true,
    }
}

fn is_within(record: &Record, window: Duration, now: Timestamp) -> bool {
    record.last_enriched.is_some_and(|at| now < later(at, window))
}

/// What the worker finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It may be claimed.
    Due,
    /// Another worker is at work on it until then.
    InFlight(Timestamp),
    /// The worker that had it is gone, and left this purchase: it must be resolved before anything else.
    Abandoned(PurchaseId),
    /// It is parked until a time that is still ahead: this request only renews the deferral.
    Parked(Deferral),
    /// There is nothing to do for this request any more.
    Ended(Outcome),
}

/// What to do with `request`, going by `record` as it really stands.
pub fn at_worker(record: Option<&Record>, request: &EnrichmentRequest, windows: Windows, now: Timestamp) -> Standing {
    let Some(record) = record else { return Standing::Due };
    if let Some(claim) = &record.claim {
        match record.state {
            State::Claimed | State::Bought if now < claim.until => return Standing::InFlight(claim.until),
            State::Claimed | State::Bought => return Standing::Abandoned(claim.purchase.clone()),
            _ => {}
        }
    }
    if record.erased_at.is_some() {
        return Standing::Ended(Outcome::Refused(RefuseReason::Erased));
    }
    // A request that arose no later than the one it was last worked on for was answered with it: the CRM was read after
    // both. Without this, a late redelivery would start over what was given up on.
    let answered = record.occurred_at.is_some_and(|at| request.occurred_at <= at) || was_seen(record, request);
    let same = answered || record.request.as_ref() == Some(&request.request);
    match &record.state {
        // A change may tell who the person is after all. Whether it does is seen once the record has been read.
        State::Written | State::Unmatched if record.is_miss() => {
            let known = same || (is_within(record, windows.miss, now) && request.source != Source::Change);
            if known { Standing::Ended(Outcome::Unmatched) } else { Standing::Due }
        }
        State::Written if same || is_within(record, windows.freshness, now) => Standing::Ended(Outcome::Fresh),
        State::Refused { reason } if same => Standing::Ended(Outcome::Refused(*reason)),
        State::Failed { reason } if same => Standing::Ended(Outcome::Failed(*reason)),
        State::Deferred { deferral } => at_worker_parked(record, deferral, request, windows, now),
        // Paid for, but the CRM refused it then: it is written now rather than bought again.
        State::Failed { .. } if record.is_paid_for() => {
            record.purchase().map_or(Standing::Due, |purchase| Standing::Abandoned(purchase.clone()))
        }
        _ => Standing::Due,
    }
}

/// Whether the CRM was read for a claim that was made after the request arose, and that has ended. Its event may have been
/// dropped while the claim lived.
fn was_seen(record: &Record, request: &EnrichmentRequest) -> bool {
    let since = record.claim.as_ref().map(|claim| claim.since).filter(|_| record.state.has_ended());
    since.is_some_and(|since| later(request.occurred_at, CLOCK_SKEW) <= since)
}

/// From its date on, a parked record is due for what renews it and for the request that the release has queued for this
/// parking: it sends that before it marks the record, so that it may find it still parked, and must not end. Whatever else
/// comes is one more edit of a storm, or late. A message that was received twice is among these: its twin has parked the
/// record and deleted it, and a worker that took the record out of the line now could die without a message to come back.
/// Clocks differ, and a date that is a moment ahead has come.
fn at_worker_parked(
    record: &Record,
    deferral: &Deferral,
    request: &EnrichmentRequest,
    windows: Windows,
    now: Timestamp,
) -> Standing {
    let is_ahead = later(now, CLOCK_SKEW) < deferral.not_before;
    let is_its_own = request.parked_since == Some(deferral.since);
    match renews(record, request.occurred_at, request.source, windows) {
        true if is_ahead => Standing::Parked(deferral.clone()),
        false if is_ahead || !is_its_own => {
            Standing::Ended(Outcome::Deferred { reason: deferral.reason, until: deferral.until })
        }
        _ => Standing::Due,
    }
}

/// Whether a record that was unmatched would only be asked about the same person again.
pub fn is_known_miss(record: &Record, asked: &Fingerprint, windows: Windows, now: Timestamp) -> bool {
    record.asked.as_ref() == Some(asked) && is_within(record, windows.miss, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::days;
    use crate::credits::Amounts;
    use crate::fingerprint::tests::key as fingerprint_key;
    use crate::ids::{RecordKey, RequestId, TenantId};
    use crate::lead::patch::Patch;
    use crate::lead::record::{Claim, Rest};
    use crate::outcome::{DeferReason, FailReason};

    const WINDOWS: Windows = Windows { freshness: days(90), miss: days(30), give_up: days(8) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).expect("in range")
    }

    fn key() -> RecordKey {
        "acme#crm#contact#1".parse().expect("a key")
    }

    fn change(property: &str, value: &str, second: i64) -> DueEvent {
        let cause = Cause::Changed { property: property.into(), value: fingerprint_key().of(value) };
        DueEvent { record: key(), request: RequestId::derive(&key(), property), occurred_at: at(second), cause }
    }

    fn created(second: i64) -> DueEvent {
        DueEvent { cause: Cause::Created, request: RequestId::derive(&key(), "new"), ..change("", "", second) }
    }

    fn edited(second: i64) -> DueEvent {
        DueEvent { cause: Cause::Edited, ..created(second) }
    }

    fn claim(since: i64, until: i64) -> Claim {
        let tenant: TenantId = "acme".parse().expect("a tenant");
        Claim { purchase: PurchaseId::derive(&tenant, "i", at(0)), since: at(since), until: at(until) }
    }

    fn claimed() -> Record {
        Record::new(key(), at(0)).claimed(&created(0).into(), claim(100, 160))
    }

    fn written() -> Record {
        let patch = Patch::from([("jobtitle".into(), "CTO".into())]);
        claimed().bought(patch.clone(), Amounts::default(), Rest::None, at(101)).written(
            fingerprint_key().of_all(&patch),
            false,
            at(102),
        )
    }

    fn door(record: &Record, event: &DueEvent, second: i64) -> Door {
        let (identity, key) = (
            IdentityProperties::named(["email", "firstname", "lastname", "company", "website", "linkedin"]),
            fingerprint_key(),
        );
        at_door(Some(record), event, &DoorRules { windows: WINDOWS, identity: &identity, key: &key }, at(second))
    }

    #[test]
    fn the_door_drops_what_is_fresh_in_flight_or_our_own_echo() {
        assert_eq!(door(&claimed(), &created(0), 110), Door::InFlight);
        assert_eq!(door(&claimed(), &change("email", "a@b.c", 20), 110), Door::InFlight);
        assert_eq!(door(&claimed(), &change("email", "a@b.c", 105), 110), Door::Queue, "made after the worker read it");
        assert_eq!(door(&claimed(), &created(0), 161), Door::Queue, "the worker that claimed it is gone");
        assert_eq!(door(&claimed(), &edited(20), 110), Door::InFlight);
        assert_eq!(door(&claimed(), &edited(105), 110), Door::Queue, "made after the worker read it");
        assert_eq!(door(&written(), &created(0), 200), Door::Fresh);
        assert_eq!(door(&written(), &edited(190), 200), Door::Fresh, "our own write, told without its fields");
        assert_eq!(door(&written(), &change("jobtitle", "CTO", 103), 200), Door::Echo);
        let old = 91 * 24 * 3600;
        assert_eq!(door(&written(), &change("jobtitle", "CTO", old), old), Door::Echo, "however late it comes");
        assert_eq!(door(&written(), &change("email", "a@b.c", old), old + 200), Door::Queue);
        assert_eq!(door(&written().erasure_noted(at(300)), &created(0), 301), Door::Erased);
    }

    fn parked_until(not_before: i64) -> Record {
        let deferral = Deferral {
            reason: DeferReason::OwnerCap,
            since: at(10),
            not_before: at(not_before),
            until: at(not_before),
            worst: Amounts::default(),
        };
        Record::new(key(), at(0)).deferred(&change("email", "a@b.c", 0).into(), deferral)
    }

    #[test]
    fn what_was_dropped_while_a_claim_lived_starts_nothing_over_when_it_has_failed() {
        let failed = claimed().failed(FailReason::OutcomeUnknown, at(130));
        let before: EnrichmentRequest = change("email", "a@b.c", 70).into();
        assert_eq!(door(&claimed(), &change("email", "a@b.c", 70), 120), Door::InFlight);
        let again = at_worker(Some(&failed), &before, WINDOWS, at(200));
        assert_eq!(again, Standing::Ended(Outcome::Failed(FailReason::OutcomeUnknown)));
        let after: EnrichmentRequest = change("email", "a@b.c", 110).into();
        assert_eq!(at_worker(Some(&failed), &after, WINDOWS, at(200)), Standing::Due, "it may not have been seen");
    }

    #[test]
    fn the_door_lets_through_what_renews_a_deferral_and_little_else() {
        let parked = parked_until(1_000_000);
        let half_a_day = 12 * 3600;
        assert_eq!(door(&parked, &change("email", "c@d.e", half_a_day), half_a_day), Door::InFlight, "not much newer");
        assert_eq!(door(&parked, &change("email", "c@d.e", half_a_day + 1), half_a_day + 1), Door::Queue);
        assert_eq!(door(&parked, &created(-5), 100), Door::Queue, "a new lead goes first, however late it is told of");
        let raised = parked.clone().renewed(&created(-5).into());
        assert_eq!((raised.source, raised.occurred_at), (Some(Source::NewLead), Some(at(0))));
        assert_eq!(door(&raised, &created(-5), 100), Door::InFlight, "once");
    }

    #[test]
    fn a_parked_record_is_renewed_before_its_date_and_due_from_it_on() {
        let (parked, day) = (parked_until(2_000_000), 24 * 3600);
        let newer: EnrichmentRequest = change("email", "c@d.e", day).into();
        let standing = |record: &Record, request: &EnrichmentRequest, second| {
            at_worker(Some(record), request, WINDOWS, at(second))
        };
        assert!(matches!(standing(&parked, &newer, 1_999_969), Standing::Parked(_)));
        assert_eq!(standing(&parked, &newer, 1_999_970), Standing::Due, "clocks differ");
        let renewed = parked.clone().renewed(&newer);
        assert_eq!((renewed.occurred_at, renewed.state.deferral()), (Some(at(day)), parked.state.deferral()));
        let ended = |standing| matches!(standing, Standing::Ended(Outcome::Deferred { .. }));
        assert!(ended(standing(&renewed, &newer, 1_999_969)));
        let released = renewed.to_request().expect("a request");
        assert_eq!(standing(&renewed, &released, 2_000_000), Standing::Due, "the release sends before it marks");
        assert!(ended(standing(&renewed, &newer, 2_000_000)), "received twice");
        let parked_again = Deferral { since: at(99), ..renewed.state.deferral().cloned().expect("it is parked") };
        let parked_again = Record { state: State::Deferred { deferral: parked_again }, ..renewed.clone() };
        assert!(ended(standing(&parked_again, &released, 2_000_000)), "the release's message received twice");
        for second in [0, day - 60, day + 60] {
            let other: EnrichmentRequest = change("email", "e@f.g", second).into();
            assert!(
                ended(standing(&renewed, &other, 1_999_969)) && ended(standing(&renewed, &other, 2_000_000)),
                "{second}"
            );
        }
    }

    #[test]
    fn a_miss_is_remembered_until_the_record_tells_who_it_is() {
        let missed = claimed().unmatched(Amounts::default(), fingerprint_key().of("nobody"), at(101));
        assert_eq!(door(&missed, &created(0), 200), Door::Fresh);
        assert_eq!(door(&missed, &change("jobtitle", "x", 190), 200), Door::Fresh);
        assert_eq!(door(&missed, &change("email", "a@b.c", 190), 200), Door::Queue);
        assert_eq!(door(&missed, &edited(190), 200), Door::Queue, "the CRM doesn't say in what");
        let again: EnrichmentRequest = change("email", "a@b.c", 190).into();
        assert_eq!(at_worker(Some(&missed), &again, WINDOWS, at(200)), Standing::Due);
        assert!(is_known_miss(&missed, &fingerprint_key().of("nobody"), WINDOWS, at(200)));
        assert!(!is_known_miss(&missed, &fingerprint_key().of("somebody"), WINDOWS, at(200)));
    }

    #[test]
    fn the_till_leaves_a_living_claim_alone_and_resolves_a_dead_one_first() {
        let request: EnrichmentRequest = created(0).into();
        let standing = |record: &Record, second| at_worker(Some(record), &request, WINDOWS, at(second));
        assert_eq!(at_worker(None, &request, WINDOWS, at(0)), Standing::Due);
        assert_eq!(standing(&claimed(), 159), Standing::InFlight(at(160)));
        assert_eq!(standing(&claimed(), 160), Standing::Abandoned(claim(0, 0).purchase));
        assert_eq!(standing(&written(), 200), Standing::Ended(Outcome::Fresh));
    }
}
