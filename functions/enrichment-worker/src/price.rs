//! What each claimed record wants, who it is about, and what that can cost at worst.

use std::collections::{BTreeMap, HashSet};

use futures_util::future::join_all;
use leadgate_aws::error::StoreError;
use leadgate_aws::usage::Step;
use leadgate_enrichment::choice::{Cap, caps};
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::crm::CrmError;
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::ids::ObjectType;
use leadgate_enrichment::outcome::{DeferReason, Outcome, RefuseReason};
use leadgate_enrichment::patch::FieldMapping;
use leadgate_enrichment::person::{Identity, Properties, value_of};
use leadgate_enrichment::price::PricedField;
use leadgate_enrichment::record::Record;
use leadgate_enrichment::request::Source;
use leadgate_enrichment::retry::Retry;
use leadgate_enrichment::want::{Verdict, Want, judge};
use tracing::warn;

use crate::unit::Unit;

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
    /// Somebody else in the same unit pays for the same person.
    pub(crate) shared: bool,
    /// What it wants of what arrives later.
    pub(crate) later: Vec<PricedField>,
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
    /// Whether one answer does for both.
    pub(crate) fn is_for_the_same(&self, other: &Self) -> bool {
        self.identity == other.identity && self.later == other.later
    }
}

impl Unit<'_> {
    /// Reads the claimed records in the CRM, once for all, and closes those that nothing needs to be bought for.
    pub(crate) async fn price(&mut self, claimed: Vec<Record>) -> Vec<Wanted> {
        if claimed.is_empty() {
            return Vec::new();
        }
        let read = match self.read_crm(&claimed, &self.tenant.properties()).await {
            Ok(read) => read,
            Err(error) if error.retry == Retry::Never => {
                self.refused_by_the_crm(claimed, &error.reason).await;
                return Vec::new();
            }
            Err(error) => {
                self.give_all_back(&claimed, &error.reason, error.retry);
                return Vec::new();
            }
        };
        let now = self.now();
        let judge = |record: &Record| judge(record, read.get(&record.key.id), self.tenant, &self.fingerprints, now);
        let verdicts: Vec<Verdict> = claimed.iter().map(judge).collect();
        let forgotten = match self.forgotten(&verdicts).await {
            Ok(forgotten) => forgotten,
            Err(error) => {
                self.give_all_back(&claimed, &error.reason, error.retry);
                return Vec::new();
            }
        };
        let (mut wanted, mut closed) = (Vec::new(), Vec::new());
        for (record, verdict) in claimed.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Buy(want) if self.names_of(&want.identity).iter().any(|name| forgotten.contains(name)) => {
                    let reason = RefuseReason::Erased;
                    closed.push((record.refused(reason, now), Outcome::Refused(reason)));
                }
                Verdict::Buy(Want { identity, described, later }) => {
                    let owner = read.get(&record.key.id).and_then(|current| self.owner(current));
                    let source = record.source.unwrap_or(Source::Change);
                    let caps = caps(self.tenant, source, owner, now);
                    let repeated = record.was_bought_for(&identity, &self.fingerprints);
                    let worst = self.worst_of(repeated);
                    let total = [&worst, &self.worst_later(&later)].into_iter().sum();
                    let employer = self.employer(&record, &identity, read.get(&record.key.id));
                    let (owed, shared) = (None, false);
                    let asked = identity.fingerprint(&self.fingerprints);
                    wanted.push(Wanted {
                        record,
                        identity,
                        asked,
                        described,
                        employer,
                        repeated,
                        shared,
                        later,
                        owed,
                        worst,
                        total,
                        caps,
                    });
                }
                Verdict::Close(record, outcome) => closed.push((*record, outcome)),
            }
        }
        let outcomes: Vec<_> = closed.iter().map(|(record, outcome)| (record.key.clone(), outcome.clone())).collect();
        let steps = join_all(closed.into_iter().map(|(record, _)| self.step(Step::Dismiss, record))).await;
        self.done_with(steps, outcomes);
        wanted
    }

    /// Who of those that are to be bought asked to be forgotten, under whatever id the CRM knew them then.
    async fn forgotten(&self, verdicts: &[Verdict]) -> Result<HashSet<Fingerprint>, StoreError> {
        let names = |verdict: &Verdict| match verdict {
            Verdict::Buy(want) => Some(self.names_of(&want.identity)),
            Verdict::Close(..) => None,
        };
        let names: HashSet<Fingerprint> = verdicts.iter().filter_map(names).flatten().collect();
        self.worker.records.forgotten(&self.tenant.id, &names).await
    }

    /// What a person is remembered by: when they were bought, and when they were not found.
    fn names_of(&self, identity: &Identity) -> [Fingerprint; 2] {
        [identity.person_fingerprint(&self.fingerprints), identity.fingerprint(&self.fingerprints)]
    }

    /// Whom to look up beside the person, where the record has room for what is known of employers.
    fn employer(&self, record: &Record, identity: &Identity, current: Option<&Properties>) -> Option<String> {
        let has_room = |field: &FieldMapping| {
            field.from.is_of_employer()
                && current.is_some_and(|current| field.may_write(current, record.ours(&self.fingerprints)))
        };
        let wanted = self.tenant.provider.organizations && self.tenant.fields.iter().any(has_room);
        identity.employer().filter(|_| wanted)
    }

    fn owner<'p>(&self, current: &'p Properties) -> Option<&'p str> {
        value_of(current, &self.tenant.crm.owner_property)
    }

    pub(crate) async fn read_crm(
        &self,
        records: &[Record],
        properties: &[&str],
    ) -> Result<BTreeMap<String, Properties>, CrmError> {
        let ids: Vec<String> = records.iter().map(|record| record.key.id.clone()).collect();
        let crm = self.worker.connections.crm(self.tenant).await;
        let crm = crm.map_err(|error| CrmError { reason: error.to_string(), retry: error.retry })?;
        crm.read(ObjectType::Contact, &ids, properties).await
    }

    /// Leaves claimed records on the queue, all for the same reason, if there are any.
    pub(crate) fn give_all_back(&mut self, records: &[Record], reason: &str, retry: Retry) {
        if records.is_empty() {
            return;
        }
        warn!(tenant = %self.tenant.id, purchase = %self.purchase, reason, "claimed records go back to the queue");
        for record in records {
            self.give_back_claimed(&record.key, "see the warning for its purchase", retry);
        }
    }
}
