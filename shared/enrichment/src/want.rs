//! Whether a claimed record, as the CRM shows it now, is worth buying for.

use jiff::Timestamp;

use crate::clock::later;
use crate::config::Tenant;
use crate::gate::is_known_miss;
use crate::outcome::{Outcome, RefuseReason};
use crate::patch::wants_anything;
use crate::person::{Identity, Properties, value_of};
use crate::record::Record;

/// What is to be done with a claimed record.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Ask the provider about this person.
    Buy(Identity),
    /// Nothing is bought: the record as it shall be, and how the request ends.
    Close(Box<Record>, Outcome),
}

/// Judges `record` by what the CRM holds; `None` when the CRM doesn't have it.
pub fn judge(record: &Record, current: Option<&Properties>, tenant: &Tenant, now: Timestamp) -> Verdict {
    let close = |record: Record, outcome| Verdict::Close(Box::new(record), outcome);
    let refuse = |reason| close(record.clone().refused(reason, now), Outcome::Refused(reason));
    let Some(current) = current else { return refuse(RefuseReason::Gone) };
    if let Some(at) = enriched_by_the_crm(current, tenant).filter(|at| now < later(*at, tenant.windows.freshness)) {
        return close(record.clone().satisfied(at, now), Outcome::Fresh);
    }
    if !wants_anything(&tenant.fields, current, &record.written) {
        return close(record.clone().satisfied(now, now), Outcome::NothingWanted);
    }
    let identity = Identity::read(current, &tenant.identity);
    if !identity.is_usable() {
        return refuse(RefuseReason::NoIdentity);
    }
    if is_known_miss(record, &identity.fingerprint(), tenant.windows, now) {
        return close(record.clone().still_unmatched(now), Outcome::Unmatched);
    }
    if record.hops.within_hour(now) >= tenant.hops_per_hour {
        return refuse(RefuseReason::TooManyHops);
    }
    Verdict::Buy(identity)
}

/// The CRM's own last-enriched field: an ISO 8601 instant or epoch milliseconds, as HubSpot writes them. Whatever
/// else is in it counts for nothing.
fn enriched_by_the_crm(current: &Properties, tenant: &Tenant) -> Option<Timestamp> {
    let text = value_of(current, tenant.crm.last_enriched_property.as_deref()?)?;
    let millisecond = || Timestamp::from_millisecond(text.parse().ok()?).ok();
    text.parse().ok().or_else(millisecond)
}
