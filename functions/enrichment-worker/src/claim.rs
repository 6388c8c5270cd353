//! The worker's gate: which records may be worked on, and winning the right to.

mod lost;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use leadgate_aws::credits::Standing as PurchaseStanding;
use leadgate_aws::error::StoreError;
use leadgate_aws::table::Consistency;
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::until;
use leadgate_enrichment::credits::wallet::Wallet;
use leadgate_enrichment::ids::{PurchaseId, RecordKey};
use leadgate_enrichment::lead::gate::{Standing, at_worker};
use leadgate_enrichment::lead::record::{Claim, Record, State};
use leadgate_enrichment::lead::request::EnrichmentRequest;
use leadgate_enrichment::outcome::{DeferReason, FailReason, Outcome, RefuseReason};
use leadgate_enrichment::purchase::choice::{Balances, Choice, Demand, choose};
use leadgate_enrichment::retry::Retry;
use leadgate_purchase::recover;

use tracing::warn;

use crate::batch::Batch;
use crate::defer::{Waiting, park};
use crate::delivered::windows;
use crate::outcomes::{Outcomes, step};

/// How many unknown outcomes in a row a record may have: the first, and that of its one new try.
pub(crate) const UNKNOWNS_MAX: u8 = 2;

/// How long after a claim has run out its record is looked at again.
pub(crate) const AFTER_A_CLAIM: Duration = Duration::from_secs(1);

/// What a batch found to do.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) due: Vec<Due>,
    /// Paid for by a worker that is gone, and claimed by us to be written back.
    pub(crate) bought: Vec<Record>,
}

impl Found {
    /// Of those that only have to be written: people whom the provider didn't know, and of whom something was changed
    /// since. Writing what there is of their employers doesn't deal with that change.
    pub(crate) fn told_more(&self, requests: &BTreeMap<RecordKey, Vec<EnrichmentRequest>>) -> Vec<RecordKey> {
        let changed = |record: &&Record| {
            let mut requests = requests.get(&record.key).into_iter().flatten();
            record.is_miss() && requests.any(|request| Some(request.occurred_at) > record.occurred_at)
        };
        self.bought.iter().filter(changed).map(|record| record.key.clone()).collect()
    }
}

/// A record that may be claimed.
pub(crate) struct Due {
    pub(crate) request: EnrichmentRequest,
    pub(crate) record: Record,
}

impl Due {
    /// The purchase that the record names although no worker is at work on it. One that a dead worker left was settled
    /// when it was taken over.
    fn earlier_purchase(&self) -> Option<&PurchaseId> {
        self.record.purchase().filter(|_| self.record.state != State::Claimed)
    }
}

/// Of purchases whose workers are gone, the records for which it isn't known whether they were charged.
type Unknowns = HashMap<PurchaseId, recover::Unknowns>;

/// A record whose worker is gone.
struct Abandoned {
    purchase: PurchaseId,
    due: Due,
    /// When the last of the requests for it arose that are before us.
    latest: Option<Timestamp>,
}

/// Looks at the records as they really stand.
pub(crate) async fn find(
    batch: &Batch<'_>,
    outcomes: &mut Outcomes<'_>,
    requests: &BTreeMap<RecordKey, Vec<EnrichmentRequest>>,
) -> Found {
    let keys: Vec<RecordKey> = requests.keys().cloned().collect();
    let mut records = match batch.worker.records.read_apart(&keys, Consistency::Strong).await {
        Ok(records) => records,
        Err(error) => {
            outcomes.give_back_after(&keys, &error);
            return Found::default();
        }
    };
    let now = batch.now();
    let mut found = Found::default();
    let mut abandoned = Vec::new();
    for (key, requests) in requests {
        let record = match records.remove(key).transpose() {
            Ok(record) => record,
            Err(error) => {
                outcomes.dead_letter(key, &error);
                continue;
            }
        };
        let Some((request, standing)) = standing_of(batch, record.as_ref(), requests) else { continue };
        match standing {
            Standing::Due => {
                let record = record.unwrap_or_else(|| Record::new(key.clone(), now));
                found.due.push(Due { request, record });
            }
            Standing::InFlight(end) => {
                outcomes.give_back(key, "another worker is at work on it", until(now, end) + AFTER_A_CLAIM);
            }
            Standing::Abandoned(purchase) => {
                let due = record.map(|record| Due { request, record });
                let latest = requests.iter().map(|request| request.occurred_at).max();
                abandoned.extend(due.map(|due| Abandoned { purchase, due, latest }));
            }
            Standing::Parked(deferral) => {
                if let Some(record) = record {
                    let outcome = Outcome::Deferred { reason: deferral.reason, until: deferral.until };
                    outcomes.write_and_end(Step::Defer, vec![(record.renewed(&request), outcome)]).await;
                }
            }
            Standing::Ended(outcome) => {
                if outcome == Outcome::Refused(RefuseReason::Erased) {
                    forget_undo(batch, key).await;
                }
                end(outcomes, key, record, outcome, now).await;
            }
        }
    }
    if let Err(error) = take_over(batch, outcomes, abandoned, &mut found).await {
        let left: Vec<_> = requests.keys().filter(|key| !is_placed(outcomes, key, &found)).cloned().collect();
        outcomes.give_back_after(&left, &error);
    }
    found
}

/// A worker that was writing while the erasure was noted may have kept something after that.
async fn forget_undo(batch: &Batch<'_>, key: &RecordKey) {
    if let Err(error) = batch.worker.records.forget_undo(key, batch.now()).await {
        warn!(record = %key, %error, "what was kept to undo is forgotten at the end of its time");
    }
}

async fn end(outcomes: &mut Outcomes<'_>, key: &RecordKey, record: Option<Record>, outcome: Outcome, now: Timestamp) {
    match (record, &outcome) {
        // Erased while it waited: nothing else is going to end it.
        (Some(record), Outcome::Refused(RefuseReason::Erased)) if is_waiting(&record) => {
            outcomes.dismiss(record.refused(RefuseReason::Erased, now), outcome).await;
        }
        _ => outcomes.end(key, outcome),
    }
}

/// How the record stands towards its requests, and what they ask for together: of those that are not dealt with yet,
/// the best source speaks, with the time of the latest. One that was dealt with before must not speak for one that
/// wasn't.
fn standing_of(
    batch: &Batch<'_>,
    record: Option<&Record>,
    requests: &[EnrichmentRequest],
) -> Option<(EnrichmentRequest, Standing)> {
    let now = batch.now();
    let standing = |request| (request, at_worker(record, request, windows(batch, now), now));
    let mut standings: Vec<_> = requests.iter().map(standing).collect();
    standings.sort_by_key(|(_, standing)| matches!(standing, Standing::Ended(_)));
    let open = standings.iter().filter(|(_, standing)| !matches!(standing, Standing::Ended(_)));
    let together = open.map(|(request, _)| (*request).clone()).reduce(|all, request| all.joined(&request));
    let (first, standing) = standings.into_iter().next()?;
    let request = together.unwrap_or_else(|| first.clone());
    Some((record.map_or_else(|| request.clone(), |record| record.joined(&request)), standing))
}

fn is_placed(outcomes: &Outcomes<'_>, key: &RecordKey, found: &Found) -> bool {
    let due = found.due.iter().any(|due| due.record.key == *key);
    due || found.bought.iter().any(|record| record.key == *key) || outcomes.has_ended(key)
}

/// The workers of these are gone. First their purchases are resolved, then what was bought is written and the
/// rest may be claimed anew.
async fn take_over(
    batch: &Batch<'_>,
    outcomes: &mut Outcomes<'_>,
    abandoned: Vec<Abandoned>,
    found: &mut Found,
) -> Result<(), StoreError> {
    if abandoned.is_empty() {
        return Ok(());
    }
    let purchases: HashSet<PurchaseId> = abandoned.iter().map(|abandoned| abandoned.purchase.clone()).collect();
    let purchases: Vec<PurchaseId> = purchases.into_iter().collect();
    let (unknowns, unreadable) = match resolve(batch, &purchases).await {
        Err(error) if error.retry == Retry::Never => resolve_apart(batch, &purchases).await?,
        resolved => (resolved?, HashMap::new()),
    };
    for abandoned in abandoned {
        match unreadable.get(&abandoned.purchase) {
            Some(error) => outcomes.dead_letter(&abandoned.due.record.key, error),
            None => take_over_one(batch, outcomes, abandoned, &unknowns, found).await,
        }
    }
    Ok(())
}

async fn resolve(batch: &Batch<'_>, purchases: &[PurchaseId]) -> Result<Unknowns, StoreError> {
    let (records, credits, now) = (&batch.worker.records, &batch.worker.credits, batch.now());
    recover::resolve(records, credits, &batch.tenant.id, purchases, now).await
}

/// One by one, so that one of which something can't be read stands in the way of no other. Those are given as well,
/// with what can't be read.
async fn resolve_apart(
    batch: &Batch<'_>,
    purchases: &[PurchaseId],
) -> Result<(Unknowns, HashMap<PurchaseId, StoreError>), StoreError> {
    let (mut unknowns, mut unreadable) = (Unknowns::new(), HashMap::new());
    for purchase in purchases {
        match resolve(batch, std::slice::from_ref(purchase)).await {
            Ok(one) => unknowns.extend(one),
            Err(error) if error.retry == Retry::Never => drop(unreadable.insert(purchase.clone(), error)),
            Err(error) => return Err(error),
        }
    }
    Ok((unknowns, unreadable))
}

async fn take_over_one(
    batch: &Batch<'_>,
    outcomes: &mut Outcomes<'_>,
    abandoned: Abandoned,
    unknowns: &Unknowns,
    found: &mut Found,
) {
    let Abandoned { purchase, due: Due { request, record }, latest } = abandoned;
    let now = batch.now();
    if record.erased_at.is_some() {
        let reason = RefuseReason::Erased;
        return outcomes.dismiss(record.refused(reason, now), Outcome::Refused(reason)).await;
    }
    let unknown = unknowns.get(&purchase).and_then(|records| records.get(&record.key));
    let record = match unknown {
        Some(unknown) => match lost::with_the_lost_call(batch, record.with_unknown(), unknown).await {
            Ok(record) => record,
            Err((key, error)) => return outcomes.give_back_after([&key], &error),
        },
        None => record,
    };
    if record.is_paid_for() {
        let taken_over = step(batch, Step::Claim, record.taken_over(batch.invocation.claim_until())).await;
        found.bought.extend(outcomes.done(vec![taken_over]));
        return;
    }
    // Where other providers may be asked, it goes on to them: see `price`.
    if record.unknowns >= UNKNOWNS_MAX && !batch.tenant.is_waterfall() && !record.has_a_lost_call() {
        let reason = FailReason::OutcomeUnknown;
        // Given up on is what the record was last worked on for. A request that arose later is taken up after that.
        let outcome = match latest > record.occurred_at {
            true => Outcome::Returned { reason: "an earlier request was given up on", after: AFTER_A_CLAIM },
            false => Outcome::Failed(reason),
        };
        return outcomes.dismiss(record.failed(reason, now), outcome).await;
    }
    found.due.push(Due { request, record });
}

/// Settles what earlier purchases of these records left open, before they are claimed anew: a record that names a
/// purchase no longer says that it was not called for.
pub(crate) async fn settle_open(batch: &Batch<'_>, outcomes: &mut Outcomes<'_>, due: Vec<Due>) -> Vec<Due> {
    let named: HashSet<PurchaseId> = due.iter().filter_map(Due::earlier_purchase).cloned().collect();
    if named.is_empty() {
        return due;
    }
    let named: Vec<PurchaseId> = named.into_iter().collect();
    let keys: Vec<RecordKey> = due.iter().map(|due| due.record.key.clone()).collect();
    let open = match open_purchases(batch, &named).await {
        Ok(open) => open,
        Err(error) => {
            outcomes.give_back_after(&keys, &error);
            return Vec::new();
        }
    };
    let now = batch.now();
    let (waiting, due): (Vec<Due>, Vec<Due>) =
        due.into_iter().partition(|due| due.earlier_purchase().is_some_and(|purchase| open.contains_key(purchase)));
    for due in waiting {
        let until_then = due.earlier_purchase().and_then(|purchase| open.get(purchase)).map(|at| until(now, *at));
        let reason = "an earlier purchase of it has not been settled yet";
        outcomes.give_back(&due.record.key, reason, until_then.unwrap_or_default() + AFTER_A_CLAIM);
    }
    due
}

/// Those of these purchases whose worker may still be at work, and until when. The others are settled.
async fn open_purchases(batch: &Batch<'_>, named: &[PurchaseId]) -> Result<HashMap<PurchaseId, Timestamp>, StoreError> {
    let (records, credits, tenant, now) = (&batch.worker.records, &batch.worker.credits, &batch.tenant.id, batch.now());
    let mut open = HashMap::new();
    for claim in named {
        for (_, standing) in credits.standing_of_claim(tenant, claim).await? {
            match standing {
                PurchaseStanding::Open(hold) if now < hold.claimed_until => {
                    open.insert(claim.clone(), hold.claimed_until);
                }
                PurchaseStanding::Open(hold) => drop(recover::settle(records, credits, tenant, &hold, now).await?),
                PurchaseStanding::Settled(_) | PurchaseStanding::Nothing => {}
            }
        }
    }
    Ok(open)
}

/// Claims what the wallets can pay for, new leads first, and parks the rest without a claim: when credits have
/// run out, a lead costs one write. Beside them, the wallets as they were then, for the first hold.
pub(crate) async fn claim(
    batch: &Batch<'_>,
    outcomes: &mut Outcomes<'_>,
    mut due: Vec<Due>,
) -> (Vec<Record>, Option<Vec<Wallet>>) {
    due.sort_by_key(|due| (due.request.source, due.request.occurred_at));
    let keys: Vec<RecordKey> = due.iter().map(|due| due.record.key.clone()).collect();
    let Affordable { due, waiting, wallets } = match affordable(batch, due).await {
        Ok(parted) => parted,
        Err(error) => {
            outcomes.give_back_after(&keys, &error);
            return (Vec::new(), None);
        }
    };
    park(batch, outcomes, waiting).await;
    let claim = Claim { purchase: batch.purchase.clone(), since: batch.now(), until: batch.invocation.claim_until() };
    let claims = due
        .into_iter()
        .map(|Due { request, record }| step(batch, Step::Claim, record.claimed(&request, claim.clone())));
    let claims = join_all(claims).await;
    (outcomes.done(claims), wallets)
}

fn is_waiting(record: &Record) -> bool {
    matches!(record.state, State::Deferred { .. } | State::Released)
}

/// Whether it has waited for what was asked for another record.
fn was_asked_for(due: &Due) -> bool {
    let waited = due.record.waited.as_ref().filter(|_| due.record.state == State::Released);
    waited.is_some_and(|waited| waited.reason == DeferReason::AskedForAnother)
}

/// Those that the wallets can pay for, those that have to wait, and the wallets, if they were looked at.
struct Affordable {
    due: Vec<Due>,
    waiting: Vec<Waiting>,
    wallets: Option<Vec<Wallet>>,
}

/// Parts those that the wallets can pay for from those that have to wait. Nothing is known of them yet but where
/// they come from, so caps are not looked at.
async fn affordable(batch: &Batch<'_>, due: Vec<Due>) -> Result<Affordable, StoreError> {
    // Where the first provider is left out when its credits have run out, where it is another by record, or was asked
    // already, it isn't known yet who is to be paid. And for what was asked for another record, nobody may have to be.
    let first = batch.tenant.first_of_all().filter(|_| !batch.tenant.may_skip_exhausted());
    let (mut taken, due): (Vec<Due>, Vec<Due>) =
        due.into_iter().partition(|due| first.is_none() || due.record.progress.is_some() || was_asked_for(due));
    let Some(first) = first.filter(|_| !due.is_empty()) else {
        return Ok(Affordable { due: taken, waiting: Vec::new(), wallets: None });
    };
    let no_price = || StoreError::exhausted("pricing", "no price is in force yet for looking a record up");
    let tariff =
        batch.worker.config.record_tariff(batch.tenant, first, batch.purchase.made_at()).ok_or_else(no_price)?;
    let now = batch.now();
    let wallets = batch.spendable_on_records().await?;
    let (worst, balances) = (tariff.worst(), Balances::of(&wallets, &batch.tenant.floor, BTreeMap::new()));
    let demands: Vec<Demand<'_>> =
        due.iter().map(|due| Demand { worst: &worst, part: None, source: due.request.source, caps: &[] }).collect();
    let mut waiting = Vec::new();
    for (due, choice) in due.into_iter().zip(choose(&demands, &balances)) {
        match choice {
            Choice::Whole | Choice::Part(_) => taken.push(due),
            Choice::Wait(reason) => {
                let Due { record, request } = due;
                waiting.push(Waiting { record, request, reason, worst: worst.clone(), not_before: now });
            }
        }
    }
    Ok(Affordable { due: taken, waiting, wallets: Some(wallets) })
}
