//! Whether a claimed record, as the CRM shows it now, is worth buying for.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::clock::later;
use crate::config::{ProviderConnection, RecordKind, Tenant};
use crate::credits::Amounts;
use crate::fingerprint::{Fingerprint, FingerprintKey};
use crate::lead::candidate::identity_of;
use crate::lead::gate::is_known_miss;
use crate::lead::record::{AskedOf, Decided, Record, Said};
use crate::lead::related;
use crate::lead::request::Source;
use crate::outcome::{DeferReason, FailReason, Outcome, RefuseReason};
use crate::person::{Identity, ProfileField, Properties, value_of};
use crate::purchase::next_step::{Ask, Position};

/// What is to be done with a claimed record.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Ask the provider.
    Buy(Box<Want>),
    /// Nothing is bought: the record as it shall be, and how the request ends.
    Close(Box<Record>, Outcome),
}

/// Who a record is about, what is missing of them, and whom to ask first.
#[derive(Debug, Clone, PartialEq)]
pub struct Want {
    /// About whom.
    pub identity: Identity,
    /// Who that is by what we haven't written into the record ourselves: what was asked is remembered by it.
    pub described: Fingerprint,
    /// The place of the route that it takes, if it doesn't go by the waterfall of all.
    pub route: Option<usize>,
    /// What is missing.
    pub missing: BTreeSet<ProfileField>,
    /// The next step.
    pub ask: Ask,
}

/// Judges `record` by what the CRM holds; `None` when the CRM doesn't have it. The last batch of the tenant's feed came at
/// `delivered_at`.
pub fn judge(
    record: &Record,
    current: Option<&Properties>,
    (tenant, key): (&Tenant, &FingerprintKey),
    delivered_at: Option<Timestamp>,
    now: Timestamp,
) -> Verdict {
    let close = |record: Record, outcome| Verdict::Close(Box::new(record), outcome);
    let refuse = |reason| close(record.clone().refused(reason, now), Outcome::Refused(reason));
    let Some(current) = current else { return refuse(RefuseReason::Gone) };
    if tenant.of_object(&record.key.object).is_none() {
        return refuse(RefuseReason::NotEnriched);
    }
    if is_for_nothing(record, current, tenant) {
        return refuse(RefuseReason::DoNotContact);
    }
    // What is owed was not bought together with the rest, which is why it is bought although the rest is fresh. And the
    // date on an unknown person may be our own: of what was known of their employer.
    let ours = |at: &Timestamp| record.last_enriched.is_some_and(|own| own.as_millisecond() == at.as_millisecond());
    let of_employer = |at: &Timestamp| record.asked.is_some() && ours(at);
    let fresh =
        |at: &Timestamp| record.owed.is_none() && !of_employer(at) && now < later(*at, tenant.windows.freshness);
    if let Some(at) = enriched_by_the_crm(current, tenant).filter(fresh) {
        return close(record.clone().satisfied(at, now), Outcome::Fresh);
    }
    let candidate = identity_of(&record.key);
    let missing = match candidate {
        Some(_) => missing_of_candidate(record, tenant),
        None => missing(record, current, tenant, key),
    };
    if missing.is_empty() && !record.has_a_lost_call() {
        return close(record.clone().satisfied(now, now), Outcome::NothingWanted);
    }
    let identity = candidate.clone().unwrap_or_else(|| tenant.identity_of(current));
    let is_usable = match tenant.kind {
        RecordKind::Person => identity.is_usable() || tenant.feed_provider().is_some(),
        RecordKind::Company => identity.domain.is_some(),
    };
    if !is_usable {
        return refuse(RefuseReason::NoIdentity);
    }
    let theirs = theirs(record, current, key);
    let described_as = candidate.clone().unwrap_or_else(|| tenant.identity_of(&theirs));
    // What a route goes by isn't known of a candidate.
    let route = if candidate.is_some() { None } else { tenant.route_of(&described_as, &theirs) };
    let described = described_as.fingerprint(key);
    if record.has_a_lost_call() {
        return close(lost_call(record, tenant, &described, now), Outcome::Pending);
    }
    let asked = tenant.asked_about(record, &described, delivered_at, now);
    if asked.iter().any(|asked| asked.said == Said::Suppressed) {
        return refuse(RefuseReason::Suppressed);
    }
    let is_known_miss = !tenant.is_waterfall() && is_known_miss(record, &described, tenant.windows, now);
    let is_known = record.owed.is_some();
    let awaits = record.awaited.is_some();
    let waterfall = tenant.waterfall_of(route);
    let candidate = record.candidate_of(&described);
    let position =
        Position { waterfall, candidate, asked, is_known, missing: &missing, skipped: &BTreeSet::new(), awaits };
    let Some(ask) = position.next(tenant, &identity).filter(|_| !is_known_miss) else {
        let said = |said| position.asked.iter().any(|asked| asked.said == said);
        return match (is_known || said(Said::Hit), said(Said::Unknown), said(Said::Miss) || is_known_miss) {
            // What is missing is what those who know the person don't have.
            (true, ..) => {
                close(record.clone().satisfied(record.last_enriched.unwrap_or(now), now), Outcome::NothingWanted)
            }
            (_, true, _) => {
                let reason = FailReason::OutcomeUnknown;
                close(record.clone().failed(reason, now), Outcome::Failed(reason))
            }
            (_, _, true) => close(record.clone().still_unmatched(now), Outcome::Unmatched),
            // What there is to ask with is too little for any of them.
            _ => refuse(RefuseReason::NoIdentity),
        };
    };
    if record.hops.within_hour(now) >= tenant.hops_per_hour {
        return refuse(RefuseReason::TooManyHops);
    }
    let missing = missing.clone();
    let ask = match tenant.kind {
        RecordKind::Person => ask,
        // A company is told of as a whole: whoever asks about it asks for the same.
        RecordKind::Company => Ask { fields: tenant.fields_of_employers(), ..ask },
    };
    Verdict::Buy(Box::new(Want { identity, described, route, missing, ask }))
}

/// Whether it is wanted for an enrolment that the CRM forbids. What has been paid for already is taken to its end.
fn is_for_nothing(record: &Record, current: &Properties, tenant: &Tenant) -> bool {
    let signals = tenant.signals.as_ref().filter(|_| record.source == Some(Source::Signal));
    let is_begun = !record.patch.is_empty() || record.candidate.is_some() || record.owed.is_some();
    let is_forbidden = signals.is_some_and(|signals| signals.says_do_not_contact(current));
    is_forbidden && !is_begun && !record.has_a_lost_call()
}

/// The record of a claimed one whose address was to be checked and won't be, because nobody checks addresses any more, or it was
/// given up: what its own provider says of it decides. Set with what is to be written at once; one that nothing is to be
/// written for goes on without the address. That of another person is dropped.
pub fn without_a_check(
    record: &Record,
    current: &Properties,
    tenant: &Tenant,
    key: &FingerprintKey,
    now: Timestamp,
) -> Option<(Record, IsWritten)> {
    let candidate = record.candidate.as_ref()?;
    let theirs = theirs(record, current, key);
    let person = Identity::read(&theirs, &tenant.identity);
    let waterfall = tenant.waterfall_of(tenant.route_of(&person, &theirs));
    if candidate.about != person.fingerprint(key) {
        return Some((Record { candidate: None, ..record.clone() }, false));
    }
    if waterfall.verifier.is_some() && !record.gave_up_checking(&key.of(&candidate.address)) {
        return None;
    }
    Some(match candidate.decided(&tenant.fields, None) {
        Decided::Taken(patch) => {
            // What else is missing is seen once this is written.
            let owed = Some(DeferReason::NextStep);
            let told_by = tenant.told_by(&candidate.told_by, &patch);
            (Record { owed, told_by, ..record.clone().taken_unchecked(patch) }, true)
        }
        Decided::Rejected(status) => (record.clone().without_its_candidate(status, None, key, now), false),
    })
}

/// Whether there is something to write.
pub type IsWritten = bool;

/// The record, which waits for a call whose answer was lost: whether it was made, and what it found, the provider may tell.
fn lost_call(record: &Record, tenant: &Tenant, described: &Fingerprint, now: Timestamp) -> Record {
    let at_once = record.awaited.as_ref().map(|awaited| awaited.purchase.at_once());
    let provider = tenant.providers().find(|provider| provider.answers_later());
    let Some(provider) = provider.map(ProviderConnection::name) else { return record.clone() };
    let steps = tenant.waterfalls().flat_map(|waterfall| &waterfall.steps);
    let own = steps.filter(|step| step.provider == provider);
    let fields = own.flat_map(|step| &step.fields).copied().collect();
    let (said, cost) = (Said::Pending, Amounts::default());
    let asked = AskedOf { provider, at: now, said, fields, checked: None, purchase: at_once, cost };
    record.clone().pending_lost(described, asked, now)
}

/// What the CRM says of the record, but for what we have written into it: of an unknown person's employer, say. That tells
/// nothing new of the person.
fn theirs(record: &Record, current: &Properties, key: &FingerprintKey) -> Properties {
    let ours = record.ours(key);
    let is_ours = |name: &String, value: &Option<String>| {
        value.as_deref().is_some_and(|value| related::is_ours(ours, current, name, value))
    };
    let theirs = current.iter().filter(|(name, value)| !is_ours(name, value));
    theirs.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What wants a value. What is on its way already is not asked for again, and what is said of a number is no reason to buy
/// one.
fn missing(record: &Record, current: &Properties, tenant: &Tenant, key: &FingerprintKey) -> BTreeSet<ProfileField> {
    let may_be_written = tenant.fields.iter().filter(|field| field.may_write(current, record.ours(key)));
    let paid_for = record.awaited.as_ref().map(|awaited| awaited.fields.as_slice()).unwrap_or_default();
    let is_on_its_way = |field: ProfileField| tenant.is_on_its_way(field, paid_for);
    may_be_written
        .map(|field| field.from)
        .filter(|field| !field.comes_with_a_number() && !is_on_its_way(*field))
        .collect()
}

/// What is bought of a candidate: all that comes at once, and in any case the address by which the CRM finds them. What
/// arrives later would have no record to be written to.
fn missing_of_candidate(record: &Record, tenant: &Tenant) -> BTreeSet<ProfileField> {
    let Some((provider, _)) = record.key.candidate() else { return BTreeSet::new() };
    let later = tenant.provider_named(provider.as_str()).map(|provider| &provider.asynchronous);
    let is_later = |field: &ProfileField| later.is_some_and(|later| later.contains_key(field));
    let mapped = tenant.mapped().filter(|field| !is_later(field) && !field.comes_with_a_number());
    mapped.chain([ProfileField::Email]).collect()
}

/// The CRM's own last-enriched field: an ISO 8601 instant or epoch milliseconds, as CRMs write them. Whatever
/// else is in it counts for nothing.
fn enriched_by_the_crm(current: &Properties, tenant: &Tenant) -> Option<Timestamp> {
    let text = value_of(current, tenant.crm.last_enriched_property.as_deref()?)?;
    let millisecond = || Timestamp::from_millisecond(text.parse().ok()?).ok();
    text.parse().ok().or_else(millisecond)
}
