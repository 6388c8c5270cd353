//! Which record of the CRM a person has become of whom another system told, by the fingerprint of their address: one who is
//! told of twice, at the same time or later, is created once. A CRM may not tell for a while that it has a new record.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use leadgate_enrichment::clock::{days, later};
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::ids::{RecordKey, TenantId};
use serde::{Deserialize, Serialize};

use super::{Consistency, KEY, REV, Records};
use crate::error::StoreError;
use crate::table::{Condition, Item, Put, from_item, number, text, to_item};
use crate::usage::Step;

/// For how long it is kept: longer than a message may wait on a queue and then on the queue of dead letters.
const KEPT: Duration = days(35);
/// When DynamoDB may forget it, in whole seconds.
const FORGET_AT: &str = "forget_at";

const CLAIMING: &str = "claiming a new lead";
const KEEPING: &str = "keeping which record a new lead has become";
const FORGETTING: &str = "forgetting which record a new lead has become";

/// The right to create a person in the CRM, until a time.
#[derive(Debug)]
pub struct NewLeadClaim {
    name: String,
    rev: u64,
}

/// What is to be done about a person.
#[derive(Debug)]
pub enum NewLeadStanding {
    /// They are for us to find or to create.
    Claimed(NewLeadClaim),
    /// Another worker is at it, or was and may have created them a moment ago: until then.
    Taken(Timestamp),
    /// They are this record, unless the CRM has it no longer.
    Record(RecordKey, NewLeadClaim),
}

/// An item.
#[derive(Serialize, Deserialize)]
struct Kept {
    rev: u64,
    /// Until when a worker may create it.
    #[serde(with = "millisecond::required")]
    until: Timestamp,
    /// What it has become.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    became: Option<RecordKey>,
}

/// An item beside a record: who it was created or found for.
#[derive(Serialize, Deserialize)]
struct ToldOf {
    person: Fingerprint,
}

impl Records {
    /// Claims a person until a time. A claim that has run out may be taken over when `after` has passed since: what its
    /// worker sent last may not be found at once.
    pub async fn claim_new_lead(
        &self,
        tenant: &TenantId,
        person: &Fingerprint,
        (now, until): (Timestamp, Timestamp),
        after: Duration,
    ) -> Result<NewLeadStanding, StoreError> {
        let name = name(tenant, person);
        let rev = match self.kept(&name).await? {
            None => 0,
            Some(Kept { became: Some(record), rev, .. }) => {
                return Ok(NewLeadStanding::Record(record, NewLeadClaim { name, rev }));
            }
            Some(kept) if now < later(kept.until, after) => {
                return Ok(NewLeadStanding::Taken(later(kept.until, after)));
            }
            Some(kept) => kept.rev,
        };
        self.reclaim(NewLeadClaim { name, rev }, (now, until)).await
    }

    /// Claims a person anew whose record is gone.
    pub async fn reclaim_new_lead(
        &self,
        claim: NewLeadClaim,
        times: (Timestamp, Timestamp),
    ) -> Result<NewLeadStanding, StoreError> {
        self.reclaim(claim, times).await
    }

    async fn reclaim(
        &self,
        NewLeadClaim { name, rev }: NewLeadClaim,
        (now, until): (Timestamp, Timestamp),
    ) -> Result<NewLeadStanding, StoreError> {
        let kept = Kept { rev: rev + 1, until, became: None };
        match self.put_kept(&name, kept, later(now, KEPT), CLAIMING).await? {
            true => Ok(NewLeadStanding::Claimed(NewLeadClaim { name, rev: rev + 1 })),
            false => Ok(NewLeadStanding::Taken(until)),
        }
    }

    /// Keeps which record the person has become. `false` if the claim was lost meanwhile.
    pub async fn keep_new_lead(
        &self,
        NewLeadClaim { name, rev }: NewLeadClaim,
        person: &Fingerprint,
        record: &RecordKey,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let forget_at = later(now, KEPT);
        // First what an erasure of the record goes by.
        let mut beside = to_item(&ToldOf { person: person.clone() }, KEEPING)?;
        beside.insert(KEY.to_owned(), text(name_beside(record)));
        beside.insert(FORGET_AT.to_owned(), number(forget_at.as_second()));
        self.table.put(beside, Step::Claim, KEEPING).await?;
        let kept = Kept { rev: rev + 1, until: now, became: Some(record.clone()) };
        self.put_kept(&name, kept, forget_at, KEEPING).await
    }

    /// Forgets what the person has become. A worker that is at it loses its claim.
    pub(super) async fn forget_new_lead(&self, tenant: &TenantId, person: &Fingerprint) -> Result<(), StoreError> {
        let name = name(tenant, person);
        let Some(kept) = self.kept(&name).await? else { return Ok(()) };
        let empty = Kept { rev: kept.rev + 1, until: Timestamp::UNIX_EPOCH, became: None };
        self.table.put(item(&name, &empty, Timestamp::UNIX_EPOCH, FORGETTING)?, Step::Erase, FORGETTING).await
    }

    /// Whom another system told of when this record was found or created.
    pub(super) async fn told_of(&self, record: &RecordKey) -> Result<Option<Fingerprint>, StoreError> {
        let name = std::iter::once(name_beside(record));
        let beside = self.items(name, Consistency::Strong, FORGETTING).await?.pop();
        let told_of: Option<ToldOf> = beside.map(|item| from_item(item, FORGETTING)).transpose()?;
        Ok(told_of.map(|told_of| told_of.person))
    }

    async fn kept(&self, name: &str) -> Result<Option<Kept>, StoreError> {
        let there = self.items(std::iter::once(name.to_owned()), Consistency::Strong, CLAIMING).await?.pop();
        there.map(|item| from_item(item, CLAIMING)).transpose()
    }

    /// Whether it was put: no other worker has meanwhile. A repeat of a put that is there already was.
    async fn put_kept(
        &self,
        name: &str,
        kept: Kept,
        forget_at: Timestamp,
        doing: &'static str,
    ) -> Result<bool, StoreError> {
        let condition = match kept.rev {
            1 => Condition::absent(KEY),
            rev => Condition::unchanged([(REV, number(rev - 1))]),
        };
        let put = self.table.put_if(item(name, &kept, forget_at, doing)?, condition, Step::Claim, doing).await?;
        Ok(matches!(put, Put::Now | Put::Same))
    }
}

fn item(name: &str, kept: &Kept, forget_at: Timestamp, doing: &'static str) -> Result<Item, StoreError> {
    let mut item = to_item(kept, doing)?;
    item.insert(KEY.to_owned(), text(name));
    item.insert(FORGET_AT.to_owned(), number(forget_at.as_second()));
    Ok(item)
}

/// It has fewer parts than a record's name.
fn name(tenant: &TenantId, person: &Fingerprint) -> String {
    format!("{tenant}#new-lead#{}", person.as_str())
}

/// It has more parts than a record's name.
fn name_beside(record: &RecordKey) -> String {
    format!("{record}#told-of")
}
