//! What each claimed record wants, who it is about, and what that can cost at worst.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures_util::future::join_all;
use leadgate_aws::error::StoreError;
use leadgate_aws::usage::Step;
use leadgate_enrichment::config::RecordKind;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::price::{PricedField, Tariff};
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::ids::ProviderName;
use leadgate_enrichment::lead::patch::FieldMapping;
use leadgate_enrichment::lead::record::Record;
use leadgate_enrichment::lead::request::Source;
use leadgate_enrichment::outcome::{DeferReason, Outcome, RefuseReason};
use leadgate_enrichment::person::{Identity, ProfileField, Properties, value_of};
use leadgate_enrichment::purchase::choice::{Cap, caps};
use leadgate_enrichment::purchase::next_step::Ask;
use leadgate_enrichment::purchase::settlement::Asked;
use leadgate_enrichment::purchase::want::{Verdict, Want, judge, without_a_check};
use leadgate_enrichment::retry::Retry;
use tracing::error;

use crate::batch::Batch;
use crate::claim::UNKNOWNS_MAX;
use crate::crm;
use crate::outcomes::{Outcomes, step};

/// A claimed record that is worth buying for, with what its next step is about.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) record: Record,
    pub(crate) identity: Identity,
    /// Who is asked about.
    pub(crate) asked: Fingerprint,
    /// Who it is by what we haven't written ourselves: what was asked is remembered by it.
    pub(crate) described: Fingerprint,
    /// The place of the route that it takes, if it doesn't go by the waterfall of all.
    pub(crate) route: Option<usize>,
    /// What is missing.
    pub(crate) missing: BTreeSet<ProfileField>,
    /// What its next step asks, and of whom.
    pub(crate) ask: Ask,
    /// Whose steps are left out this time, and why.
    pub(crate) skipped: BTreeMap<ProviderName, DeferReason>,
    /// The domain of the employer, if that is looked up as well.
    pub(crate) employer: Option<String>,
    /// What the answer costs, but for what arrives later.
    pub(crate) tariff: Tariff,
    /// The same person was bought for it before, of the same provider, which may remember it still.
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
        let (tariff, identity) = (&self.tariff, &self.identity);
        Asked { tariff, identity, repeated: self.repeated, shared: self.shared }
    }

    /// Whether one answer does for both.
    pub(crate) fn is_for_the_same(&self, other: &Self) -> bool {
        self.identity == other.identity && self.asynchronous == other.asynchronous && self.ask == other.ask
    }

    /// Who is asked about: whose address is checked, that alone.
    pub(crate) fn asks_with(&self) -> Identity {
        match &self.ask.checks {
            Some(address) => Identity { email: Some(address.clone()), ..Identity::default() },
            None => self.identity.clone(),
        }
    }

    /// The same record at this step. `None` when its provider has no price that holds, which has been said by then.
    pub(crate) fn at_step(self, batch: &Batch<'_>, record: Record, ask: Ask) -> Option<Self> {
        let provider = batch.tenant.provider_named(ask.provider.as_str())?;
        let (config, at, checks) = (&batch.worker.config, batch.purchase.made_at(), ask.checks.is_some());
        let tariff = match (checks, batch.tenant.kind) {
            (true, _) => config.verification_tariff(provider, at),
            (false, RecordKind::Person) => config.at_once_tariff(provider, &ask.fields, at),
            (false, RecordKind::Company) => config.organization_tariff(provider, at),
        };
        let Some(tariff) = tariff else {
            error!(tenant = %batch.tenant.id, provider = %ask.provider, "no price of it is in force: its step is left out");
            return None;
        };
        let repeated = !checks
            && batch.tenant.is_first(provider)
            && record.was_bought_for(&self.identity, &batch.fingerprints)
            && tariff.is_repeat(record.charged_at, batch.purchase.made_at());
        let worst = tariff.worst_of(repeated);
        // Of a candidate, there is no record yet that what arrives later could be written to.
        let asynchronous = match checks || record.key.candidate().is_some() {
            true => Vec::new(),
            false => provider.asynchronous_of(&ask.fields),
        };
        let total = [&worst, &batch.worst_asynchronous(provider, &asynchronous)].into_iter().sum();
        let (owed, shared) = (None, false);
        Some(Self { record, ask, tariff, repeated, shared, asynchronous, owed, worst, total, ..self })
    }
}

/// Reads the claimed records in the CRM, once for all, and closes those that nothing needs to be bought for.
/// Beside them stands what is written at once, because it isn't checked any more.
pub(crate) async fn price(
    batch: &Batch<'_>,
    outcomes: &mut Outcomes<'_>,
    claimed: Vec<Record>,
) -> (Vec<Wanted>, Vec<Record>) {
    let nothing = || (Vec::new(), Vec::new());
    if claimed.is_empty() {
        return nothing();
    }
    let in_crm = claimed.iter().map(|record| &record.key).filter(|key| key.candidate().is_none());
    let read = match crm::read(batch, in_crm, &batch.tenant.properties()).await {
        // Of a candidate, the CRM holds nothing.
        Ok(mut read) => {
            let candidates = claimed.iter().filter(|record| record.key.candidate().is_some());
            read.extend(candidates.map(|record| (record.key.clone(), Properties::new())));
            read
        }
        Err(error) if error.retry == Retry::Never => {
            crm::refused(batch, outcomes, claimed, &error.reason).await;
            return nothing();
        }
        Err(error) => {
            outcomes.give_all_back(&claimed, &error.reason, error.retry);
            return nothing();
        }
    };
    let now = batch.now();
    let judge = |record: &Record| {
        judge(record, read.get(&record.key), (batch.tenant, &batch.fingerprints), batch.delivered_at, now)
    };
    let claimed = give_up_steps(batch, outcomes, claimed, judge).await;
    let (mut unchecked, mut rest) = (Vec::new(), Vec::with_capacity(claimed.len()));
    for record in claimed {
        let decided = read
            .get(&record.key)
            .and_then(|current| without_a_check(&record, current, batch.tenant, &batch.fingerprints, now));
        match decided {
            Some((record, true)) => unchecked.push(record),
            Some((record, false)) => rest.push(record),
            None => rest.push(record),
        }
    }
    let claimed = rest;
    let verdicts: Vec<Verdict> = claimed.iter().map(judge).collect();
    let forgotten = match forgotten(batch, &verdicts).await {
        Ok(forgotten) => forgotten,
        Err(error) => {
            outcomes.give_all_back(&claimed, &error.reason, error.retry);
            return nothing();
        }
    };
    let (mut wanted, mut closed) = (Vec::new(), Vec::new());
    for (record, verdict) in claimed.into_iter().zip(verdicts) {
        match verdict {
            Verdict::Buy(want) if names_of(batch, &want.identity).iter().any(|name| forgotten.contains(name)) => {
                let reason = RefuseReason::Erased;
                closed.push((record.refused(reason, now), Outcome::Refused(reason)));
            }
            Verdict::Buy(want) => {
                let key = record.key.clone();
                match wanted_of(batch, record, *want, read.get(&key)) {
                    Some(one) => wanted.push(one),
                    None => outcomes.give_back_claimed(&key, "no price is in force", Retry::Never),
                }
            }
            Verdict::Close(record, outcome) => closed.push((*record, outcome)),
        }
    }
    outcomes.write_and_end(Step::Dismiss, closed).await;
    (wanted, unchecked)
}

/// A step whose calls have ended in unknown outcomes as often as policy allows is given up, and the next one is taken. It is
/// written at once: the unknown outcomes of the next step are counted from none.
async fn give_up_steps(
    batch: &Batch<'_>,
    outcomes: &mut Outcomes<'_>,
    claimed: Vec<Record>,
    judge: impl Fn(&Record) -> Verdict,
) -> Vec<Record> {
    let is_over = |record: &Record| batch.tenant.is_waterfall() && record.unknowns >= UNKNOWNS_MAX;
    let (over, mut rest): (Vec<Record>, Vec<Record>) = claimed.into_iter().partition(is_over);
    let given_up = over.into_iter().map(|record| match judge(&record) {
        Verdict::Buy(want) => {
            let Want { described, ask, .. } = *want;
            error!(record = %record.key, provider = %ask.provider, "its outcome stays unknown: it is not asked any more");
            let checked = ask.checks.as_ref().map(|address| batch.fingerprints.of(address));
            record.gave_up_on(&described, ask.provider, checked, batch.now())
        }
        Verdict::Close(..) => record,
    });
    let steps = join_all(given_up.map(|record| step(batch, Step::Claim, record))).await;
    rest.extend(outcomes.done(steps));
    rest
}

/// What a record wants, with what its first step costs.
fn wanted_of(batch: &Batch<'_>, record: Record, want: Want, current: Option<&Properties>) -> Option<Wanted> {
    let Want { identity, described, route, missing, ask } = want;
    let source = record.source.unwrap_or(Source::Change);
    let owner = current.and_then(|current| owner(batch, current));
    let caps = caps(batch.tenant, source, owner, batch.now());
    let employer = employer(batch, &record, &identity, current);
    let asked = identity.fingerprint(&batch.fingerprints);
    let nothing = Amounts::default;
    let unpriced = Wanted {
        record: record.clone(),
        identity,
        asked,
        described,
        route,
        missing,
        ask: ask.clone(),
        skipped: BTreeMap::new(),
        employer,
        tariff: Tariff::default(),
        repeated: false,
        shared: false,
        asynchronous: Vec::new(),
        owed: None,
        worst: nothing(),
        total: nothing(),
        caps,
    };
    unpriced.at_step(batch, record, ask)
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
