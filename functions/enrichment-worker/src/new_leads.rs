//! People of whom another system tells: each is found in the CRM, or created there, and handed on as a request like any other.
//! That comes before anything is bought, so that the lead is there whether or not there are credits.
//!
//! | step | dies right after | the next worker |
//! | --- | --- | --- |
//! | claim | nothing was created | claims anew once the claim has run out |
//! | create | the CRM has the record | claims anew, and finds it |
//! | keep | it is known which record it is | hands it on |
//! | hand on | the request is on the queue | hands on the same request: the second of the two does nothing |
//!
//! What another worker may have sent last to a CRM in which an address can stand twice is waited for before the CRM is
//! searched again.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_aws::records::{NewLeadClaim, NewLeadStanding};
use leadgate_enrichment::clock::until;
use leadgate_enrichment::crm::{Created, CrmError};
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::ids::{Origin, RecordKey};
use leadgate_enrichment::lead::new_lead::{NewLead, Person};
use leadgate_enrichment::lead::request::EnrichmentRequest;
use leadgate_enrichment::retry::Retry;
use tracing::{error, warn};

use crate::batch::Batch;
use crate::{Stuck, crm};

/// What is kept back of the run for what becomes of the messages.
const AFTER_THE_CREATION: Duration = Duration::from_secs(5);
/// With less of the run left, nothing is begun: another run has time for it.
const TIME_NEEDED: Duration = Duration::from_secs(5);
/// How long a CRM's search may not see what was created: seconds, as observed. Where an address can't stand twice, the CRM
/// itself says that it is there.
const SEARCH_LAG: Duration = Duration::from_secs(60);
/// How long after a claim has run out it is tried again.
const AFTER_A_CLAIM: Duration = Duration::from_secs(1);
/// Before a message is looked at again after our own trouble.
const TROUBLE_PAUSE: Duration = Duration::from_secs(10);

/// How a new lead ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// It is this record, and a request for that is on the queue.
    HandedOn(RecordKey),
    /// The person asked to be forgotten. Nothing was created.
    Erased,
    /// The CRM has asked for a wait: the message is sent anew.
    Postponed { reason: &'static str, after: Duration },
    /// Trying again can't help: the message is in the dead-letter queue.
    DeadLettered { reason: &'static str },
    /// The message stays on the queue.
    Returned { reason: &'static str, after: Duration },
}

impl End {
    /// Whether it waits for another try.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Postponed { .. } | Self::Returned { .. })
    }
}

impl From<Stuck> for End {
    fn from(stuck: Stuck) -> Self {
        match stuck {
            Stuck::Returned { reason, after } => Self::Returned { reason, after },
            Stuck::DeadLettered { reason } => Self::DeadLettered { reason },
        }
    }
}

/// What went wrong.
enum Failure {
    Store(StoreError),
    Crm(CrmError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CrmError> for Failure {
    fn from(error: CrmError) -> Self {
        Self::Crm(error)
    }
}

/// Finds or creates the person, and hands the record on.
pub(crate) async fn take_in(batch: &Batch<'_>, lead: &NewLead) -> End {
    let limit = batch.time_left().saturating_sub(AFTER_THE_CREATION);
    if limit < TIME_NEEDED {
        return End::Returned { reason: "too little of the run is left", after: Duration::ZERO };
    }
    match batch.within(limit, try_take_in(batch, lead)).await {
        Some(Ok(end)) => end,
        Some(Err(failure)) => end_of_failure(batch, &lead.new_lead, failure),
        None => End::Returned { reason: "the CRM took too long", after: after_our_claim(batch) },
    }
}

async fn try_take_in(batch: &Batch<'_>, lead: &NewLead) -> Result<End, Failure> {
    let Some(person) = lead.open(&batch.fingerprints) else {
        error!(tenant = %batch.tenant.id, "a new lead was sealed with another secret of fingerprints, or changed");
        return Ok(End::DeadLettered { reason: "it can't be opened" });
    };
    match record_of(batch, &lead.new_lead, &person).await? {
        Ok(record) => hand_on(batch, lead, record).await,
        Err(end) => Ok(end),
    }
}

/// The CRM's record of a person who was bought as a candidate: found there, or created.
pub(crate) async fn find_or_create_one(
    batch: &Batch<'_>,
    name: &Fingerprint,
    person: &Person,
) -> Result<RecordKey, End> {
    let limit = batch.time_left().saturating_sub(AFTER_THE_CREATION);
    if limit < TIME_NEEDED {
        return Err(End::Returned { reason: "too little of the run is left", after: Duration::ZERO });
    }
    match batch.within(limit, record_of(batch, name, person)).await {
        Some(Ok(found)) => found,
        Some(Err(failure)) => Err(end_of_failure(batch, name, failure)),
        None => Err(End::Returned { reason: "the CRM took too long", after: after_our_claim(batch) }),
    }
}

/// Which record the person is, by what they are told by: known before, found or created. Or why that isn't known yet.
async fn record_of(batch: &Batch<'_>, name: &Fingerprint, person: &Person) -> Result<Result<RecordKey, End>, Failure> {
    let claim = match claim(batch, name).await? {
        Claimed::Record(record) => return Ok(Ok(record)),
        Claimed::ByUs(claim) => claim,
        Claimed::Ended(end) => return Ok(Err(end)),
    };
    let names = HashSet::from([name.clone()]);
    if !batch.worker.records.forgotten(&batch.tenant.id, &names).await?.is_empty() {
        return Ok(Err(End::Erased));
    }
    let record = match find_or_create(batch, person).await? {
        Ok(record) => record,
        Err(end) => return Ok(Err(end)),
    };
    if !batch.worker.records.keep_new_lead(claim, name, &record, batch.now()).await? {
        return Ok(Err(End::Returned { reason: "another worker has taken it over", after: AFTER_A_CLAIM }));
    }
    Ok(Ok(record))
}

/// What comes of claiming a person.
enum Claimed {
    ByUs(NewLeadClaim),
    /// Which record they are is known.
    Record(RecordKey),
    Ended(End),
}

/// Claims the person, or ends with what is known of them.
async fn claim(batch: &Batch<'_>, name: &Fingerprint) -> Result<Claimed, Failure> {
    let (records, tenant, now) = (&batch.worker.records, batch.tenant, batch.now());
    let times = (now, batch.invocation.claim_until());
    let lag = if tenant.crm.vendor.has_unique_email { Duration::ZERO } else { SEARCH_LAG };
    let taken = |end: Timestamp| {
        let reason = "another worker is at it, or was a moment ago";
        Ok(Claimed::Ended(End::Returned { reason, after: until(now, end) + AFTER_A_CLAIM }))
    };
    let (record, claim) = match records.claim_new_lead(&tenant.id, name, times, lag).await? {
        NewLeadStanding::Claimed(claim) => return Ok(Claimed::ByUs(claim)),
        NewLeadStanding::Taken(end) => return taken(end),
        NewLeadStanding::Record(record, claim) => (record, claim),
    };
    let read = crm::read(batch, [&record], &[tenant.identity.email.as_str()]).await?;
    if read.contains_key(&record) {
        return Ok(Claimed::Record(record));
    }
    // The CRM has it no longer, and the person has come again.
    match records.reclaim_new_lead(claim, times).await? {
        NewLeadStanding::Claimed(claim) => Ok(Claimed::ByUs(claim)),
        NewLeadStanding::Taken(end) => taken(end),
        NewLeadStanding::Record(..) => taken(now),
    }
}

/// Nothing of a record that is found is changed here.
async fn find_or_create(batch: &Batch<'_>, person: &Person) -> Result<Result<RecordKey, End>, Failure> {
    let tenant = batch.tenant;
    let crm = crm::connect(batch).await?;
    let (object, id) = match crm.find_person(person.email()).await? {
        Some(found) => found,
        None => match crm.create_person(&person.properties(&tenant.identity)).await? {
            Created::Record(object, id) => (object, id),
            Created::Rejected(reason) => {
                error!(tenant = %tenant.id, reason, "the CRM refuses a new lead: mend what it asks for, then redrive it");
                return Ok(Err(End::DeadLettered { reason: "the CRM refuses it" }));
            }
        },
    };
    let origin = Origin::known(tenant.crm.vendor.name);
    Ok(Ok(RecordKey { tenant: tenant.id.clone(), origin, object, id }))
}

async fn hand_on(batch: &Batch<'_>, lead: &NewLead, record: RecordKey) -> Result<End, Failure> {
    let request = EnrichmentRequest::of_new_lead(lead, record.clone());
    batch.worker.queue.send(&[request]).await?;
    Ok(End::HandedOn(record))
}

fn end_of_failure(batch: &Batch<'_>, name: &Fingerprint, failure: Failure) -> End {
    let (tenant, person) = (&batch.tenant.id, name.as_str());
    match failure {
        Failure::Store(error) if error.retry == Retry::Never => {
            error!(%tenant, person, %error, "can't be read: mend the item, then redrive the dead-letter queue");
            End::DeadLettered { reason: error.doing }
        }
        Failure::Store(error) => {
            warn!(%tenant, person, %error, "a new lead goes back to the queue");
            End::Returned { reason: error.doing, after: TROUBLE_PAUSE }
        }
        Failure::Crm(CrmError { reason, retry }) => {
            warn!(%tenant, person, reason, "a new lead waits for the CRM");
            let (claim, reason) = (after_our_claim(batch), "see the warning for it");
            match retry {
                Retry::After(asked) => End::Postponed { reason, after: claim.max(asked) },
                Retry::Backoff => End::Returned { reason, after: claim },
                Retry::Never => End::DeadLettered { reason: "the CRM refuses the call" },
            }
        }
    }
}

/// A claim of ours stands until it has run out: what was sent last may have been carried out.
fn after_our_claim(batch: &Batch<'_>) -> Duration {
    until(batch.now(), batch.invocation.claim_until()) + AFTER_A_CLAIM
}
