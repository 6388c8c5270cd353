//! Collecting what arrives later. A message says no more than that it may be there: what there is, the provider is asked
//! for, which costs nothing however often it is done. So nothing needs to be kept before the hold is settled, and
//! doing it twice finds the same.
//!
//! The hold is settled when the provider has given its last answer for all that the purchase asked for, or keeps none
//! any more: then what is missing is assumed spent. What has arrived until then is written at once.

mod answer;
mod ask;
mod ended;

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use leadgate_aws::answers::{About, Claimed, Whose};
use leadgate_aws::credits::Standing;
use leadgate_aws::error::StoreError;
use leadgate_aws::table::Consistency;
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::{earlier, later, until};
use leadgate_enrichment::config::ProviderConnection;
use leadgate_enrichment::credits::ledger::{Entry, Hold, PurchaseKind};
use leadgate_enrichment::crm::{CrmError, Written};
use leadgate_enrichment::fingerprint::Fingerprints;
use leadgate_enrichment::ids::{PurchaseId, RecordKey};
use leadgate_enrichment::lead::patch::Patch;
use leadgate_enrichment::lead::record::{Awaited, Record};
use leadgate_enrichment::lead::related::known_by;
use leadgate_enrichment::lead::request::Collect;
use leadgate_enrichment::outcome::{FailReason, RefuseReason};
use leadgate_enrichment::provider::Collected;
use leadgate_enrichment::purchase::asynchronous::{self as arriving, Answers, OVERDUE};
use leadgate_enrichment::purchase::settlement::unknowns;
use leadgate_enrichment::retry::Retry;
use leadgate_purchase::recover;
use leadgate_purchase::settle::settle;
use leadgate_purchase::single_flight::{Arrived, keep_arrived};
use tracing::{error, warn};

use self::answer::{Answer, candidate, patched};
use self::ask::{Asked, ask};
pub(crate) use self::ended::ended;
use crate::Stuck;
use crate::batch::Batch;
use crate::outcomes::step;
use crate::write_back::{WriteEnd, write_patches};

/// What is kept back of the run for closing the records.
const AFTER_THE_WRITE: Duration = Duration::from_secs(3);
/// Before a message is looked at again after trouble.
const TROUBLE_PAUSE: Duration = Duration::from_secs(30);
/// Before the provider is asked again for what has been settled and not been written. It may be an operator who has to
/// mend that, and it is asked for until the provider keeps it no longer.
const AGAIN_PAUSE: Duration = Duration::from_secs(5 * 60);
/// How often a purchase may be asked after, whatever is delivered to its address: a stranger who has the address could use up the
/// provider's limit otherwise.
const ASK_EVERY: Duration = Duration::from_secs(30);
/// How far our clocks may be apart.
const CLOCK_SKEW: Duration = Duration::from_secs(2);

/// How a hint ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// All that arrives has arrived, and the CRM has it: so many records were written.
    Collected { written: usize },
    /// Not everything is there yet, or the provider can't say now. It is asked after again in time.
    NotYet(String),
    /// Nothing waits for it, any more or at all.
    NothingAwaited,
    /// The CRM has asked for a wait: the message is sent anew.
    Postponed { reason: &'static str, after: Duration },
    /// Something of it can't be read: the message is in the dead-letter queue.
    DeadLettered { reason: &'static str },
    /// The message stays on the queue.
    Returned { reason: &'static str, after: Duration },
}

impl From<Stuck> for End {
    fn from(stuck: Stuck) -> Self {
        match stuck {
            Stuck::Returned { reason, after } => Self::Returned { reason, after },
            Stuck::DeadLettered { reason } => Self::DeadLettered { reason },
        }
    }
}

/// A purchase of what arrives later, as it stands.
struct Awaiting<'a> {
    /// Who is asked for it: the tenant's first, if it doesn't buy any more from the one that was asked.
    provider: &'a ProviderConnection,
    /// There until it is settled.
    hold: Option<Hold>,
    at_once: Option<Entry>,
    records: HashMap<RecordKey, Record>,
}

impl Awaiting<'_> {
    /// Whether the provider may have accepted a call of which we don't know the id of its result: what it finds is
    /// charged when it is found. Settled at once, that could fall into a cycle whose credits were all offered anew.
    fn may_still_be_charged(&self, now: Timestamp) -> bool {
        let is_recent = self.hold.as_ref().is_some_and(|hold| now < later(hold.held_at, OVERDUE));
        is_recent && self.at_once.as_ref().is_some_and(|entry| !unknowns(entry).is_empty())
    }
}

/// Collects what the purchase waits for, if it is there.
pub(crate) async fn collect(batch: &Batch<'_>, hint: &Collect) -> End {
    collect_with(batch, hint, Answers::new()).await
}

/// The same, with what the provider has just said of it.
async fn collect_with(batch: &Batch<'_>, hint: &Collect, known: Answers) -> End {
    let (tenant, purchase) = (&batch.tenant.id, &hint.collect);
    match try_collect(batch, hint, known).await {
        Ok(end) => end,
        Err(error) if error.retry == Retry::Never => {
            error!(%tenant, %purchase, %error, "can't be read: mend the item, then redrive the dead-letter queue");
            End::DeadLettered { reason: error.doing }
        }
        Err(error) => {
            warn!(%tenant, %purchase, %error, "collecting is tried again");
            End::Returned { reason: error.doing, after: TROUBLE_PAUSE }
        }
    }
}

async fn try_collect(batch: &Batch<'_>, hint: &Collect, known: Answers) -> Result<End, StoreError> {
    let purchase = &hint.collect;
    let awaiting = match awaiting(batch, purchase).await? {
        Ok(awaiting) => awaiting,
        Err(end) => return Ok(end),
    };
    let mut waiting: Vec<Record> =
        awaiting.records.values().filter(|record| record.awaits(purchase).is_some()).cloned().collect();
    waiting.sort_by(|a, b| a.key.cmp(&b.key));
    if waiting.is_empty() && awaiting.hold.is_none() {
        return Ok(End::NothingAwaited);
    }
    let now = batch.now();
    // A worker must not find a record changed that it is at work on.
    let busy = waiting.iter().filter(|record| record.claim_lives(now)).filter_map(|record| record.claim.as_ref());
    if let Some(end) = busy.map(|claim| claim.until).max() {
        return Ok(End::Returned { reason: "another worker is at work on a record of it", after: until(now, end) });
    }
    if waiting.is_empty() && awaiting.may_still_be_charged(now) {
        return Ok(End::NotYet("its call's outcome is unknown: it may still be found and charged".to_owned()));
    }
    if !waiting.is_empty()
        && known.is_empty()
        && let Some(end) = was_asked_after(batch, hint, &awaiting).await?
    {
        return Ok(end);
    }
    let Asked { answers, open } = ask(batch, awaiting.provider, purchase, (&waiting, known)).await?;
    match (open, &awaiting.hold) {
        (None, _) => {}
        // What is settled isn't asked after any more: this message is all that is left to write it by.
        (Some(_), None) => {
            return Ok(End::Returned { reason: "the provider can't say again what had arrived", after: AGAIN_PAUSE });
        }
        (Some(reason), Some(_)) => {
            write_early(batch, awaiting.provider, waiting, &answers).await;
            return Ok(End::NotYet(reason));
        }
    }
    if let Some(hold) = &awaiting.hold {
        keep_for_others(batch, &awaiting, &waiting, &answers).await;
        // What arrives in a new cycle is charged in it: the hold moves there before it is settled.
        batch.wallets().opened(batch.now()).await?;
        let entry = arriving::settled(hold, awaiting.at_once.as_ref(), &awaiting.records, &answers, now);
        let settled = settle(&batch.worker.credits, &batch.tenant.id, hold, entry.as_ref()).await;
        if !settled {
            return Ok(End::Returned { reason: "it could not be settled", after: TROUBLE_PAUSE });
        }
    }
    write_arrived(batch, awaiting.provider, waiting, &answers).await
}

/// Where the purchase stands. `Err` when there is nothing to collect, or not by us and not now.
async fn awaiting<'a>(batch: &Batch<'a>, purchase: &PurchaseId) -> Result<Result<Awaiting<'a>, End>, StoreError> {
    let (records, credits, tenant) = (&batch.worker.records, &batch.worker.credits, &batch.tenant.id);
    let at_once = purchase.at_once();
    let mut standings = credits.standing(tenant, &[purchase.clone(), at_once.clone()]).await?;
    let now = batch.now();
    let at_once = match standings.remove(&at_once).unwrap_or(Standing::Nothing) {
        Standing::Open(hold) if now < hold.claimed_until => {
            let after = until(now, hold.claimed_until) + Duration::from_secs(1);
            return Ok(Err(End::Returned { reason: "the call itself has not ended yet", after }));
        }
        Standing::Open(hold) => {
            recover::settle(records, credits, tenant, &hold, now).await?;
            match credits.standing(tenant, std::slice::from_ref(&at_once)).await?.remove(&at_once) {
                Some(Standing::Settled(entry)) => Some(entry),
                _ => None,
            }
        }
        Standing::Settled(entry) => Some(entry),
        Standing::Nothing => None,
    };
    let (hold, provider, keys): (Option<Hold>, _, Vec<RecordKey>) = match standings.remove(purchase) {
        Some(Standing::Open(hold)) => {
            let keys = hold.lines.iter().map(|line| line.subject.clone()).collect();
            let provider = hold.provider.clone();
            (Some(hold), provider, keys)
        }
        Some(Standing::Settled(Entry::Purchase { lines, provider, .. })) => {
            (None, provider, lines.into_iter().map(|line| line.subject).collect())
        }
        _ => return Ok(Err(End::NothingAwaited)),
    };
    let records = records.read(&keys, Consistency::Strong).await?;
    let provider = batch.tenant.provider_of(provider.as_ref()).unwrap_or(&batch.tenant.provider);
    Ok(Ok(Awaiting { hold, at_once, records, provider }))
}

/// How the hint ends without asking, if the provider was asked a moment ago. A worker that asked after the hint was
/// queued has seen what it hints at, or comes back with a message of their own; while the hold is open it is asked after in
/// any case. What is settled isn't, so that no message for it may be dropped.
async fn was_asked_after(
    batch: &Batch<'_>,
    hint: &Collect,
    awaiting: &Awaiting<'_>,
) -> Result<Option<End>, StoreError> {
    let (is_open, whose) = (awaiting.hold.is_some(), Whose::of(batch.tenant, awaiting.provider));
    let now = batch.now();
    let (ends, about) = (later(now, ASK_EVERY), About::Awaited(hint.collect.clone()));
    let until_then = match batch.worker.answers.claim(whose, &about, ends, now).await? {
        Claimed::ByUs => return Ok(None),
        Claimed::ByOthers { until } => until.unwrap_or(ends),
    };
    let asked_at = earlier(until_then, ASK_EVERY);
    let was_seen = hint.queued_at.is_some_and(|queued_at| later(queued_at, CLOCK_SKEW) < asked_at);
    if was_seen && is_open {
        return Ok(Some(End::NotYet("it was asked for since".to_owned())));
    }
    let after = until(now, until_then).min(ASK_EVERY);
    Ok(Some(End::Postponed { reason: "it was asked for a moment ago", after }))
}

/// Keeps what has arrived for other records of the same people, which wait for it: before it is settled, after which nobody
/// asks the provider for it again.
async fn keep_for_others(batch: &Batch<'_>, awaiting: &Awaiting<'_>, waiting: &[Record], answers: &Answers) {
    let awaited = waiting.iter().filter(|record| record.erased_at.is_none()).filter_map(|it| it.awaited.as_ref());
    let has_arrived = |awaited: &&Awaited| match answers.get(&awaited.request) {
        Some(Collected::Arrived { unpaid, .. }) => !unpaid.contains(awaited.person.as_str()),
        _ => false,
    };
    let kept = awaited.filter(has_arrived).filter_map(|awaited| {
        let profile = arriving::arrived(awaited, answers);
        Some(Arrived { asked: awaited.asked.as_ref()?, profile })
    });
    let (kept, whose) = (kept.collect::<Vec<_>>(), Whose::of(batch.tenant, awaiting.provider));
    keep_arrived(&batch.worker.answers, whose, &kept, batch.now(), &batch.fingerprints.sealing()).await;
}

/// Writes what has arrived while the rest of the purchase is still awaited, as far as that goes now: what fails is
/// written with the rest.
async fn write_early(batch: &Batch<'_>, provider: &ProviderConnection, waiting: Vec<Record>, answers: &Answers) {
    let patched: Vec<Record> = waiting.iter().filter_map(|record| patched(batch, provider, record, answers)).collect();
    let limit = batch.time_left().saturating_sub(AFTER_THE_WRITE);
    let Some(Ok(ends)) =
        batch.within(limit, write_patches(batch, &patched, PurchaseKind::Asynchronous, |_| false)).await
    else {
        warn!(tenant = %batch.tenant.id, "what has arrived is written later");
        return;
    };
    let written = waiting.into_iter().filter_map(|record| match ends.get(&record.key)? {
        WriteEnd { patch, end: end @ Written::Done { .. }, .. } => {
            Some(record.written_early(batch.fingerprints.of_all(&known_by(&end.of(patch)))))
        }
        _ => None,
    });
    // A record that was written by another worker meanwhile is written once more with the rest: the same values.
    join_all(written.map(|record| step(batch, Step::Close, record))).await;
}

/// Writes what has arrived, and closes the records. A person who asked to be forgotten meanwhile is not written.
async fn write_arrived(
    batch: &Batch<'_>,
    provider: &ProviderConnection,
    waiting: Vec<Record>,
    answers: &Answers,
) -> Result<End, StoreError> {
    let patched: Vec<Record> = waiting.iter().filter_map(|record| patched(batch, provider, record, answers)).collect();
    let limit = batch.time_left().saturating_sub(AFTER_THE_WRITE);
    let returned = |reason| Ok(End::Returned { reason, after: TROUBLE_PAUSE });
    let ends = match batch.within(limit, write_patches(batch, &patched, PurchaseKind::Asynchronous, |_| false)).await {
        Some(Ok(ends)) => ends,
        Some(Err(error)) => return Ok(not_written(batch, provider, (waiting, &patched), answers, &error).await),
        None => return returned("the CRM was too slow for what is left of the run"),
    };
    let (mut closed, mut written) = (Vec::with_capacity(waiting.len()), 0);
    for record in waiting {
        let answer = Answer::of(&record, answers);
        let candidate = candidate(batch, provider, &record, answers).or_else(|| record.candidate.clone());
        let record = Record { candidate, ..answer.noted(record, batch.now()) };
        let is_written = patched.iter().any(|patched| patched.key == record.key);
        if let Some(WriteEnd { end: Written::Gone, .. }) = ends.get(&record.key).filter(|_| answer.is_of_the_person()) {
            closed.push(record.collected(Fingerprints::new()).refused(RefuseReason::Gone, batch.now()));
            continue;
        }
        if let Some(WriteEnd { patch, end: Written::Rejected(reason), .. }) = ends.get(&record.key) {
            error!(record = %record.key, reason, "the CRM refuses what has arrived: it is kept");
            closed.push(record.arrived_unwritten(patch.clone(), FailReason::WriteRejected, batch.now()));
            continue;
        }
        let kept = match ends.get(&record.key) {
            Some(WriteEnd { patch, end, .. }) => end.of(patch),
            None if is_written => return returned("the CRM gave no answer for a record"),
            None => Patch::new(),
        };
        written += usize::from(!kept.is_empty());
        let collected = record.collected(batch.fingerprints.of_all(&known_by(&kept)));
        closed.push(answer.for_the_next_step(batch, provider, collected, is_written));
    }
    let steps = join_all(closed.into_iter().map(|record| step(batch, Step::Close, record))).await;
    if steps.iter().any(Result::is_err) {
        return returned("a record of it was written by another worker");
    }
    Ok(End::Collected { written })
}

/// The CRM has failed as a whole. A wait that it asks for is kept; what it would refuse again isn't tried again, and
/// what has arrived is kept.
async fn not_written(
    batch: &Batch<'_>,
    provider: &ProviderConnection,
    (waiting, patched): (Vec<Record>, &[Record]),
    answers: &Answers,
    error: &CrmError,
) -> End {
    let (tenant, reason) = (&batch.tenant.id, &error.reason);
    if error.retry != Retry::Never {
        warn!(%tenant, reason, "what has arrived is written later");
    }
    match error.retry {
        Retry::After(after) => return End::Postponed { reason: "the CRM asks for a wait", after },
        Retry::Backoff => return End::Returned { reason: "the CRM failed", after: TROUBLE_PAUSE },
        Retry::Never => error!(%tenant, reason, "the CRM refuses a call as a whole: what has arrived is kept"),
    }
    let arrived = |record: &Record| patched.iter().find(|patched| patched.key == record.key);
    let steps = waiting.into_iter().map(|record| {
        let (patch, answer) = (arrived(&record).map(|patched| patched.patch.clone()), Answer::of(&record, answers));
        let record = answer.noted(record, batch.now());
        match patch {
            Some(patch) => record.arrived_unwritten(patch, FailReason::CrmRefused, batch.now()),
            None if answer.is_of_the_person() => answer.for_the_next_step(batch, provider, record, false),
            None => record.collected(Fingerprints::new()),
        }
    });
    let steps = join_all(steps.map(|record| step(batch, Step::Close, record))).await;
    match steps.iter().any(Result::is_err) {
        true => End::Returned { reason: "a record of it was written by another worker", after: TROUBLE_PAUSE },
        false => End::Collected { written: 0 },
    }
}
