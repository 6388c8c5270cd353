//! What each claimed record wants, who it is about, and what that can cost at worst.

use std::collections::HashSet;

use leadgate_aws::error::StoreError;
use leadgate_aws::usage::Step;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::lead::patch::FieldMapping;
use leadgate_enrichment::lead::record::Record;
use leadgate_enrichment::lead::request::Source;
use leadgate_enrichment::outcome::{DeferReason, Outcome, RefuseReason};
use leadgate_enrichment::person::{Identity, Properties, value_of};
use leadgate_enrichment::purchase::choice::{Cap, caps};
use leadgate_enrichment::purchase::settlement::Asked;
use leadgate_enrichment::purchase::want::{Verdict, Want, judge};
use leadgate_enrichment::retry::Retry;

use crate::batch::Batch;
use crate::crm;
use crate::outcomes::Outcomes;

/// A claimed record that is worth buying for.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) record: Record,
    pub(crate) identity: Identity,
    /// Who is asked about.
    pub(crate) asked: Fingerprint,
    /// Who it is by what we haven't written ourselves: a miss is remembered by it.
    pub(crate) described: Fingerprint,
    /// The domain of the employer, if that is looked up as well.
    pub(crate) employer: Option<String>,
    /// The same person was bought for it before.
    pub(crate) repeated: bool,
    /// Another record in the same batch pays for the same person.
    pub(crate) shared: bool,
    /// What it wants of what arrives later.
    pub(crate) asynchronous: Vec<PricedField>,
    /// Set when that could not be paid for, and only the rest is bought now.
    pub(crate) owed: Option<DeferReason>,
    /// The most that what comes at once can cost.
    pub(crate) worst: Amounts,
    /// The most that it can cost in all.
    pub(crate) total: Amounts,
    /// What it counts towards.
    pub(crate) caps: Vec<Cap>,
}

impl Wanted {
    /// As the settlement sees it.
    pub(crate) fn to_settle(&self) -> Asked<'_> {
        Asked { identity: &self.identity, repeated: self.repeated, shared: self.shared }
    }

    /// Whether one answer does for both.
    pub(crate) fn is_for_the_same(&self, other: &Self) -> bool {
        self.identity == other.identity && self.asynchronous == other.asynchronous
    }
}

/// Reads the claimed records in the CRM, once for all, and closes those that nothing needs to be bought for.
pub(crate) async fn price(batch: &Batch<'_>, outcomes: &mut Outcomes<'_>, claimed: Vec<Record>) -> Vec<Wanted> {
    if claimed.is_empty() {
        return Vec::new();
    }
    let read = match crm::read(batch, claimed.iter().map(|record| &record.key), &batch.tenant.properties()).await {
        Ok(read) => read,
        Err(error) if error.retry == Retry::Never => {
            crm::refused(batch, outcomes, claimed, &error.reason).await;
            return Vec::new();
        }
        Err(error) => {
            outcomes.give_all_back(&claimed, &error.reason, error.retry);
            return Vec::new();
        }
    };
    let now = batch.now();
    let judge = |record: &Record| judge(record, read.get(&record.key), batch.tenant, &batch.fingerprints, now);
    let verdicts: Vec<Verdict> = claimed.iter().map(judge).collect();
    let forgotten = match forgotten(batch, &verdicts).await {
        Ok(forgotten) => forgotten,
        Err(error) => {
            outcomes.give_all_back(&claimed, &error.reason, error.retry);
            return Vec::new();
        }
    };
    let (mut wanted, mut closed) = (Vec::new(), Vec::new());
    for (record, verdict) in claimed.into_iter().zip(verdicts) {
        match verdict {
            Verdict::Buy(want) if names_of(batch, &want.identity).iter().any(|name| forgotten.contains(name)) => {
                let reason = RefuseReason::Erased;
                closed.push((record.refused(reason, now), Outcome::Refused(reason)));
            }
            Verdict::Buy(Want { identity, described, asynchronous }) => {
                let owner = read.get(&record.key).and_then(|current| owner(batch, current));
                let source = record.source.unwrap_or(Source::Change);
                let caps = caps(batch.tenant, source, owner, now);
                let repeated = record.was_bought_for(&identity, &batch.fingerprints);
                let worst = batch.worst_of(repeated);
                let total = [&worst, &batch.worst_asynchronous(&asynchronous)].into_iter().sum();
                let employer = employer(batch, &record, &identity, read.get(&record.key));
                let (owed, shared) = (None, false);
                let asked = identity.fingerprint(&batch.fingerprints);
                wanted.push(Wanted {
                    record,
                    identity,
                    asked,
                    described,
                    employer,
                    repeated,
                    shared,
                    asynchronous,
                    owed,
                    worst,
                    total,
                    caps,
                });
            }
            Verdict::Close(record, outcome) => closed.push((*record, outcome)),
        }
    }
    outcomes.write_and_end(Step::Dismiss, closed).await;
    wanted
}

/// Who of those that are to be bought asked to be forgotten, under whatever id the CRM knew them then.
async fn forgotten(batch: &Batch<'_>, verdicts: &[Verdict]) -> Result<HashSet<Fingerprint>, StoreError> {
    let names = |verdict: &Verdict| match verdict {
        Verdict::Buy(want) => Some(names_of(batch, &want.identity)),
        Verdict::Close(..) => None,
    };
    let names: HashSet<Fingerprint> = verdicts.iter().filter_map(names).flatten().collect();
    batch.worker.records.forgotten(&batch.tenant.id, &names).await
}

/// What a person is remembered by: when they were bought, and when they were not found.
fn names_of(batch: &Batch<'_>, identity: &Identity) -> [Fingerprint; 2] {
    [identity.person_fingerprint(&batch.fingerprints), identity.fingerprint(&batch.fingerprints)]
}

/// Whom to look up beside the person, where the record has room for what is known of employers.
fn employer(batch: &Batch<'_>, record: &Record, identity: &Identity, current: Option<&Properties>) -> Option<String> {
    let has_room = |field: &FieldMapping| {
        field.from.is_of_employer()
            && current.is_some_and(|current| field.may_write(current, record.ours(&batch.fingerprints)))
    };
    let wanted = batch.tenant.provider.organizations && batch.tenant.fields.iter().any(has_room);
    identity.employer().filter(|_| wanted)
}

fn owner<'p>(batch: &Batch<'_>, current: &'p Properties) -> Option<&'p str> {
    value_of(current, &batch.tenant.crm.owner_property)
}
