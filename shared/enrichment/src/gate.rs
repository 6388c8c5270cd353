//! The gate: is a record to be enriched? It stands twice. At the door `crm-webhook` only reads, and drops what is
//! plainly not due, so that storms of edits cost next to nothing. At the till the worker decides for good.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::later;
use crate::event::{Cause, DueEvent};
use crate::ids::PurchaseId;
use crate::outcome::{Outcome, RefuseReason};
use crate::patch::Fingerprint;
use crate::person::IdentityProperties;
use crate::record::{Record, State};
use crate::request::{EnrichmentRequest, Source};

/// How long answers stay good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// What was bought.
    pub freshness: Duration,
    /// That the provider doesn't know somebody.
    pub miss: Duration,
}

/// How far the CRM's clock may be from ours when we ask whether a change was made before we read the record.
const CLOCK_SKEW: Duration = Duration::from_secs(30);

/// What the door does with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// On to the till.
    Queue,
    /// Dropped: enriched within the window.
    Fresh,
    /// Dropped: somebody is at work on it and will read it, or it is parked.
    InFlight,
    /// Dropped: the CRM tells us what we wrote.
    Echo,
    /// Dropped: the person asked to be forgotten.
    Erased,
}

/// What to do with `event`, going by a possibly slightly stale `record`. When in doubt it goes to the till.
pub fn at_door(
    record: Option<&Record>,
    event: &DueEvent,
    windows: Windows,
    identity: &IdentityProperties,
    now: Timestamp,
) -> Door {
    let Some(record) = record else { return Door::Queue };
    if record.erased_at.is_some() {
        return Door::Erased;
    }
    if is_echo(record, &event.cause) {
        return Door::Echo;
    }
    match record.state {
        State::Claimed | State::Bought => in_flight(record, event, now),
        State::Deferred => Door::InFlight,
        State::Written | State::Unmatched if record.is_miss() => {
            let known = is_within(record, windows.miss, now) && !tells_who(&event.cause, identity);
            if known { Door::Fresh } else { Door::Queue }
        }
        State::Written if is_within(record, windows.freshness, now) => Door::Fresh,
        State::Written | State::Unmatched | State::Noted | State::Released | State::Refused | State::Failed => {
            Door::Queue
        }
    }
}

/// The worker reads the CRM after it has claimed, so a change made before the claim is in what it reads. A later one
/// may not be: it goes on to the till, or an address typed in while we were looking would be lost.
fn in_flight(record: &Record, event: &DueEvent, now: Timestamp) -> Door {
    let Some(claim) = record.claim.as_ref().filter(|_| record.claim_lives(now)) else { return Door::Queue };
    let seen = event.cause == Cause::Created || later(event.occurred_at, CLOCK_SKEW) <= claim.since;
    if seen { Door::InFlight } else { Door::Queue }
}

fn is_echo(record: &Record, cause: &Cause) -> bool {
    let Cause::Changed { property, value } = cause else { return false };
    let bought = record.patch.get(property).map(|value| Fingerprint::of(value));
    record.written.get(property) == Some(value) || bought.as_ref() == Some(value)
}

fn tells_who(cause: &Cause, identity: &IdentityProperties) -> bool {
    matches!(cause, Cause::Changed { property, .. } if identity.names().contains(&property.as_str()))
}

fn is_within(record: &Record, window: Duration, now: Timestamp) -> bool {
    record.last_enriched.is_some_and(|at| now < later(at, window))
}

/// What the till finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It may be claimed.
    Due,
    /// Somebody is at work on it until then.
    InFlight(Timestamp),
    /// Whoever worked on it is gone, and left this purchase: it must be resolved before anything else.
    Abandoned(PurchaseId),
    /// There is nothing to do for this request any more.
    Ended(Outcome),
}

/// What to do with `request`, going by `record` as it really stands.
pub fn at_till(record: Option<&Record>, request: &EnrichmentRequest, windows: Windows, now: Timestamp) -> Standing {
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
    // A wish that arose no later than the one it was last worked on for was answered with it: the CRM was read after
    // both. Without this, a late redelivery would start over what was given up on.
    let answered = record.occurred_at.is_some_and(|at| request.occurred_at <= at);
    let same = answered || record.request.as_ref() == Some(&request.request);
    match (record.state, record.refused, record.failed) {
        // A change may tell who the person is after all. Whether it does is seen once the record has been read.
        (State::Written | State::Unmatched, ..) if record.is_miss() => {
            let known = same || (is_within(record, windows.miss, now) && request.source == Source::NewLead);
            if known { Standing::Ended(Outcome::Unmatched) } else { Standing::Due }
        }
        (State::Written, ..) if same || is_within(record, windows.freshness, now) => Standing::Ended(Outcome::Fresh),
        (State::Refused, Some(reason), _) if same => Standing::Ended(Outcome::Refused(reason)),
        (State::Failed, _, Some(reason)) if same => Standing::Ended(Outcome::Failed(reason)),
        // Paid for, but the CRM refused it then: it is written now rather than bought again.
        (State::Failed, ..) if record.is_paid_for() => {
            record.purchase().map_or(Standing::Due, |purchase| Standing::Abandoned(purchase.clone()))
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
    use crate::ids::{RecordKey, RequestId, TenantId};
    use crate::patch::{Patch, fingerprints};
    use crate::record::{Claim, Rest};

    const WINDOWS: Windows = Windows { freshness: days(90), miss: days(30) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).expect("in range")
    }

    fn key() -> RecordKey {
        "acme#hubspot#contact#1".parse().expect("a key")
    }

    fn change(property: &str, value: &str, second: i64) -> DueEvent {
        let cause = Cause::Changed { property: property.into(), value: Fingerprint::of(value) };
        DueEvent { record: key(), request: RequestId::derive(&key(), property), occurred_at: at(second), cause }
    }

    fn created(second: i64) -> DueEvent {
        DueEvent { cause: Cause::Created, request: RequestId::derive(&key(), "new"), ..change("", "", second) }
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
        claimed().bought(patch.clone(), Amounts::default(), Rest::None, at(101)).written(fingerprints(&patch), at(102))
    }

    fn door(record: &Record, event: &DueEvent, second: i64) -> Door {
        at_door(Some(record), event, WINDOWS, &IdentityProperties::default(), at(second))
    }

    #[test]
    fn the_door_drops_what_is_fresh_in_flight_or_our_own_echo() {
        assert_eq!(door(&claimed(), &created(0), 110), Door::InFlight);
        assert_eq!(door(&claimed(), &change("email", "a@b.c", 20), 110), Door::InFlight);
        assert_eq!(door(&claimed(), &change("email", "a@b.c", 105), 110), Door::Queue, "made after the worker read it");
        assert_eq!(door(&claimed(), &created(0), 161), Door::Queue, "whoever claimed it is gone");
        assert_eq!(door(&written(), &created(0), 200), Door::Fresh);
        assert_eq!(door(&written(), &change("jobtitle", "CTO", 103), 200), Door::Echo);
        let old = 91 * 24 * 3600;
        assert_eq!(door(&written(), &change("jobtitle", "CTO", old), old), Door::Echo, "however late it comes");
        assert_eq!(door(&written(), &change("email", "a@b.c", old), old + 200), Door::Queue);
        assert_eq!(door(&written().erasure_noted(at(300)), &created(0), 301), Door::Erased);
    }

    #[test]
    fn a_miss_is_remembered_until_the_record_tells_who_it_is() {
        let missed = claimed().unmatched(Amounts::default(), Fingerprint::of("nobody"), at(101));
        assert_eq!(door(&missed, &created(0), 200), Door::Fresh);
        assert_eq!(door(&missed, &change("jobtitle", "x", 190), 200), Door::Fresh);
        assert_eq!(door(&missed, &change("email", "a@b.c", 190), 200), Door::Queue);
        let again: EnrichmentRequest = change("email", "a@b.c", 190).into();
        assert_eq!(at_till(Some(&missed), &again, WINDOWS, at(200)), Standing::Due);
        assert!(is_known_miss(&missed, &Fingerprint::of("nobody"), WINDOWS, at(200)));
        assert!(!is_known_miss(&missed, &Fingerprint::of("somebody"), WINDOWS, at(200)));
    }

    #[test]
    fn the_till_leaves_a_living_claim_alone_and_resolves_a_dead_one_first() {
        let request: EnrichmentRequest = created(0).into();
        let till = |record: &Record, second| at_till(Some(record), &request, WINDOWS, at(second));
        assert_eq!(at_till(None, &request, WINDOWS, at(0)), Standing::Due);
        assert_eq!(till(&claimed(), 159), Standing::InFlight(at(160)));
        assert_eq!(till(&claimed(), 160), Standing::Abandoned(claim(0, 0).purchase));
        assert_eq!(till(&written(), 200), Standing::Ended(Outcome::Fresh));
    }
}
