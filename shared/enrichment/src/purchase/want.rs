//! Whether a claimed record, as the CRM shows it now, is worth buying for.

use jiff::Timestamp;

use crate::clock::later;
use crate::config::Tenant;
use crate::credits::price::PricedField;
use crate::fingerprint::{Fingerprint, FingerprintKey};
use crate::lead::gate::is_known_miss;
use crate::lead::record::Record;
use crate::outcome::{Outcome, RefuseReason};
use crate::person::{Identity, Properties, value_of};

/// What is to be done with a claimed record.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Ask the provider.
    Buy(Want),
    /// Nothing is bought: the record as it shall be, and how the request ends.
    Close(Box<Record>, Outcome),
}

/// What to ask a provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Want {
    /// About whom.
    pub identity: Identity,
    /// Who that is by what we haven't written into the record ourselves: a miss is remembered by it.
    pub described: Fingerprint,
    /// For what, beside what comes at once: sorted, each once.
    pub asynchronous: Vec<PricedField>,
}

/// Judges `record` by what the CRM holds; `None` when the CRM doesn't have it.
pub fn judge(
    record: &Record,
    current: Option<&Properties>,
    tenant: &Tenant,
    key: &FingerprintKey,
    now: Timestamp,
) -> Verdict {
    let close = |record: Record, outcome| Verdict::Close(Box::new(record), outcome);
    let refuse = |reason| close(record.clone().refused(reason, now), Outcome::Refused(reason));
    let Some(current) = current else { return refuse(RefuseReason::Gone) };
    // What is owed was not bought together with the rest, which is why it is bought although the rest is fresh. And the
    // date on an unknown person may be our own: of what was known of their employer.
    let ours = |at: &Timestamp| record.last_enriched.is_some_and(|own| own.as_millisecond() == at.as_millisecond());
    let of_employer = |at: &Timestamp| record.asked.is_some() && ours(at);
    let fresh =
        |at: &Timestamp| record.owed.is_none() && !of_employer(at) && now < later(*at, tenant.windows.freshness);
    if let Some(at) = enriched_by_the_crm(current, tenant).filter(fresh) {
        return close(record.clone().satisfied(at, now), Outcome::Fresh);
    }
    let (at_once, asynchronous) = wanted(record, current, tenant, key);
    if !at_once && asynchronous.is_empty() {
        return close(record.clone().satisfied(now, now), Outcome::NothingWanted);
    }
    let identity = Identity::read(current, &tenant.identity);
    if !identity.is_usable() {
        return refuse(RefuseReason::NoIdentity);
    }
    let described = described(record, current, tenant, key);
    if is_known_miss(record, &described, tenant.windows, now) {
        return close(record.clone().still_unmatched(now), Outcome::Unmatched);
    }
    if record.hops.within_hour(now) >= tenant.hops_per_hour {
        return refuse(RefuseReason::TooManyHops);
    }
    Verdict::Buy(Want { identity, described, asynchronous })
}

/// Who the CRM says the record is about, but for what we have written into it: of an unknown person's employer, say.
/// That tells nothing new of the person.
fn described(record: &Record, current: &Properties, tenant: &Tenant, key: &FingerprintKey) -> Fingerprint {
    let ours = record.ours(key);
    let is_ours = |name: &String, value: &Option<String>| value.as_deref().is_some_and(|value| ours.wrote(name, value));
    let theirs = current.iter().filter(|(name, value)| !is_ours(name, value));
    let theirs: Properties = theirs.map(|(name, value)| (name.clone(), value.clone())).collect();
    Identity::read(&theirs, &tenant.identity).fingerprint(key)
}

/// Whether any field that comes at once wants a value, and what is wanted of what arrives later. What is on its way
/// already is not asked for again.
fn wanted(record: &Record, current: &Properties, tenant: &Tenant, key: &FingerprintKey) -> (bool, Vec<PricedField>) {
    let (mut at_once, mut asynchronous) = (false, Vec::new());
    for field in tenant.fields.iter().filter(|field| field.may_write(current, record.ours(key))) {
        match tenant.is_asynchronous(field.from) {
            Some(priced) if record.awaited.is_none() => asynchronous.push(priced),
            Some(_) => {}
            // What is said of a number is no reason to buy one.
            None => at_once |= record.owed.is_none() && !field.from.comes_with_a_number(),
        }
    }
    asynchronous.sort_unstable();
    asynchronous.dedup();
    (at_once, asynchronous)
}

/// The CRM's own last-enriched field: an ISO 8601 instant or epoch milliseconds, as CRMs write them. Whatever
/// else is in it counts for nothing.
fn enriched_by_the_crm(current: &Properties, tenant: &Tenant) -> Option<Timestamp> {
    let text = value_of(current, tenant.crm.last_enriched_property.as_deref()?)?;
    let millisecond = || Timestamp::from_millisecond(text.parse().ok()?).ok();
    text.parse().ok().or_else(millisecond)
}
