//! What we remember of a CRM record, and the steps it goes through.
//!
//! A step takes the record as it was read and gives the record as it shall be. The store writes it only if no other worker has
//! written in between (`rev`), so every step is decided on what is really there.

mod candidate;
mod checked;
mod kept;
mod parking;
mod parts;
mod pending;
mod progress;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};

pub use self::checked::{Candidate, Decided, RejectedValue, Rejection};
pub use self::parts::{Awaited, Claim, Deferral, Hops, PersonAsked, Rest, State, StateName, Waited};
pub use self::progress::{AskedOf, Progress, Said};
use crate::credits::Amounts;
use crate::fingerprint::{Fingerprint, FingerprintKey, Fingerprints, Ours};
use crate::ids::{ProviderName, PurchaseId, RecordKey, RequestId};
use crate::lead::candidate::FoundFor;
use crate::lead::new_lead::Person;
use crate::lead::patch::Patch;
use crate::lead::request::{EnrichmentRequest, Source};
use crate::outcome::{DeferReason, FailReason, RefuseReason};
use crate::person::Identity;

/// What we remember of a CRM record. Never a whole provider answer: well under 1 KB, because a write costs by the KB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Which.
    #[serde(rename = "record")]
    pub key: RecordKey,
    /// How often it has been written. The store counts.
    pub rev: u64,
    /// Where it stands.
    #[serde(flatten)]
    pub state: State,
    /// Since when.
    #[serde(with = "millisecond::required")]
    pub since: Timestamp,
    /// The request that it was last worked on for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request: Option<RequestId>,
    /// Where that request came from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<Source>,
    /// When that request arose.
    #[serde(with = "millisecond::optional", skip_serializing_if = "Option::is_none", default)]
    pub occurred_at: Option<Timestamp>,
    /// The last claim, running or run out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub claim: Option<Claim>,
    /// The flag that the gate goes by.
    #[serde(with = "millisecond::optional", skip_serializing_if = "Option::is_none", default)]
    pub last_enriched: Option<Timestamp>,
    /// What the last purchase cost for this record.
    #[serde(skip_serializing_if = "Amounts::is_zero", default)]
    pub cost: Amounts,
    /// Bought and not yet written.
    #[serde(skip_serializing_if = "Patch::is_empty", default)]
    pub patch: Patch,
    /// Of what is bought, what another provider than the tenant's first has told.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub told_by: BTreeMap<String, ProviderName>,
    /// What we wrote into the CRM last.
    #[serde(skip_serializing_if = "Fingerprints::is_empty", default)]
    pub written: Fingerprints,
    /// The purchase whose write-back was the first and changed nothing but blank fields: `written` says all that it takes to
    /// undo it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub filled_by: Option<PurchaseId>,
    /// Purchases in a row whose outcome is unknown.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub unknowns: u8,
    /// Purchases within the hour.
    #[serde(default)]
    pub hops: Hops,
    /// Set while something is on its way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub awaited: Option<Awaited>,
    /// What comes at once was bought, and what arrives later could not be paid for, for this reason: it still is
    /// wanted, by itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owed: Option<DeferReason>,
    /// Who an unmatched record was about when we asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub asked: Option<Fingerprint>,
    /// Who it was about when it was bought: a provider that charges nothing for the same person again goes by that.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bought_for: Option<Fingerprint>,
    /// When that was charged for, if the provider remembers it for some time only.
    #[serde(with = "millisecond::optional", skip_serializing_if = "Option::is_none", default)]
    pub charged_at: Option<Timestamp>,
    /// Whom it was asked of, where more than one provider may be asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<Progress>,
    /// An address that was bought and is to be checked before it is written.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub candidate: Option<Candidate>,
    /// What was told and not good enough to be written: the latest.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub rejected: Vec<RejectedValue>,
    /// How it last waited for the request that it was last worked on for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waited: Option<Waited>,
    /// Of a candidate, and of the CRM's record that they have become: which search has found them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub found_for: Option<FoundFor>,
    /// Of a candidate who was bought: who it is, until the CRM has them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub person: Option<Person>,
    /// What the person is remembered by as a candidate, by the provider's id, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider_id: Option<Fingerprint>,
    /// When the person asked to be forgotten.
    #[serde(with = "millisecond::optional", skip_serializing_if = "Option::is_none", default)]
    pub erased_at: Option<Timestamp>,
}

/// serde wants a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(count: &u8) -> bool {
    *count == 0
}

impl Record {
    /// A record we have not met before.
    pub fn new(key: RecordKey, now: Timestamp) -> Self {
        Self {
            key,
            rev: 0,
            state: State::Noted,
            since: now,
            request: None,
            source: None,
            occurred_at: None,
            claim: None,
            last_enriched: None,
            cost: Amounts::default(),
            patch: Patch::new(),
            told_by: BTreeMap::new(),
            written: Fingerprints::new(),
            filled_by: None,
            unknowns: 0,
            hops: Hops::default(),
            awaited: None,
            owed: None,
            asked: None,
            bought_for: None,
            charged_at: None,
            progress: None,
            candidate: None,
            rejected: Vec::new(),
            waited: None,
            found_for: None,
            person: None,
            provider_id: None,
            erased_at: None,
        }
    }

    /// Its last purchase turns out to have ended in an unknown outcome. To be written with the step that comes next.
    pub fn with_unknown(self) -> Self {
        Self { unknowns: self.unknowns.saturating_add(1), ..self }
    }

    /// Claimed for `request`, as part of `claim`'s purchase.
    pub fn claimed(self, request: &EnrichmentRequest, claim: Claim) -> Self {
        let ended = self.state.has_ended();
        Self {
            request: Some(request.request.clone()),
            source: Some(request.source),
            occurred_at: Some(request.occurred_at),
            found_for: request.found_for.clone().or(self.found_for.clone()),
            unknowns: if ended { 0 } else { self.unknowns },
            cost: Amounts::default(),
            waited: if ended { None } else { self.last_wait() },
            since: claim.since,
            claim: Some(claim),
            state: State::Claimed,
            ..self
        }
    }

    /// Bought already, and taken up again by a worker that will write it, until then. The purchase stays the one that paid,
    /// and the claim as old as it is: only what had happened by then was seen.
    pub fn taken_over(self, until: Timestamp) -> Self {
        let claim = self.claim.map(|claim| Claim { until, ..claim });
        Self { state: State::Bought, claim, ..self }
    }

    /// Paid for: the patch is ours from here on. `rest` says what becomes of what arrives later.
    pub fn bought(self, patch: Patch, cost: Amounts, rest: Rest, now: Timestamp) -> Self {
        let hops = self.hops.plus_one(now);
        let (awaited, owed) = match rest {
            Rest::None => (self.awaited, None),
            Rest::Awaited(awaited) => (Some(awaited), None),
            Rest::Owed(reason) => (self.awaited, Some(reason)),
        };
        // What arrived before and the CRM refused was paid for, too.
        let mut kept = self.patch.clone();
        kept.extend(patch);
        Self {
            awaited,
            owed,
            state: State::Bought,
            since: now,
            patch: kept,
            cost,
            hops,
            unknowns: 0,
            last_enriched: Some(now),
            asked: None,
            ..self
        }
    }

    /// The provider doesn't know who this is, going by `asked`.
    pub fn unmatched(self, cost: Amounts, asked: Fingerprint, now: Timestamp) -> Self {
        let hops = self.hops.plus_one(now);
        Self {
            owed: None,
            state: self.state_of_a_miss(),
            since: now,
            cost,
            hops,
            unknowns: 0,
            last_enriched: Some(now),
            asked: Some(asked),
            ..self
        }
    }

    /// The CRM has it. What people had filled in meanwhile isn't ours. `only_filled` says that nothing was written before,
    /// and this into blank fields alone.
    pub fn written(self, written: Fingerprints, only_filled: bool, now: Timestamp) -> Self {
        let filled_by = match (only_filled, written.is_empty()) {
            (true, _) => self.purchase().cloned(),
            (false, true) => self.filled_by.clone(),
            (false, false) => None,
        };
        let mut all = self.written.clone();
        all.extend(written);
        let (patch, told_by) = (Patch::new(), BTreeMap::new());
        Self { state: State::Written, since: now, patch, told_by, written: all, filled_by, ..self }
    }

    /// What was on its way has arrived, and the CRM has what it may have of it; or it never will.
    pub fn collected(self, written: Fingerprints) -> Self {
        let mut all = self.written.clone();
        // Whose person has asked to be forgotten keeps nothing.
        all.extend(written.into_iter().filter(|_| self.erased_at.is_none()));
        Self { awaited: None, written: all, ..self }
    }

    /// What was on its way has arrived and is written, while the purchase it belongs to waits for the results of others.
    pub fn written_early(self, written: Fingerprints) -> Self {
        let awaited = self.awaited.clone().map(|awaited| Awaited { written: true, ..awaited });
        Self { awaited, ..self.collected(written) }
    }

    /// Nothing to do: it was enriched at `last_enriched`, or wanted nothing then.
    pub fn satisfied(self, last_enriched: Timestamp, now: Timestamp) -> Self {
        Self {
            state: State::Written,
            since: now,
            last_enriched: Some(last_enriched),
            owed: None,
            asked: None,
            candidate: None,
            ..self
        }
    }

    /// Asked for again, but about the same unknown person: nothing was bought.
    pub fn still_unmatched(self, now: Timestamp) -> Self {
        Self { state: self.state_of_a_miss(), since: now, owed: None, ..self }
    }

    /// What was written of where they work, or of whom the record was about before, stays.
    fn state_of_a_miss(&self) -> State {
        if self.written.is_empty() { State::Unmatched } else { State::Written }
    }

    /// Can't be enriched as it is. Of one that the CRM doesn't have any more, only who it was is kept, as a fingerprint: an
    /// erasure that is told of afterwards goes by that.
    pub fn refused(self, reason: RefuseReason, now: Timestamp) -> Self {
        let (written, filled_by) = match reason {
            RefuseReason::Gone => (Fingerprints::new(), None),
            _ => (self.written, self.filled_by),
        };
        Self {
            state: State::Refused { reason },
            since: now,
            patch: Patch::new(),
            candidate: None,
            person: None,
            owed: None,
            written,
            filled_by,
            ..self
        }
    }

    /// Whether the CRM's deleting it ends it here and now: no worker is at work on it, and it doesn't wait. The others end when
    /// they are read in the CRM. One that was merged is deleted as well, and what waits under its old id goes on as what
    /// it has become.
    pub fn ends_when_deleted(&self) -> bool {
        let is_gone = self.state == State::Refused { reason: RefuseReason::Gone };
        !self.state.is_open() && self.erased_at.is_none() && !is_gone
    }

    /// Given up on. What was paid for is kept, in case the CRM takes it later.
    pub fn failed(self, reason: FailReason, now: Timestamp) -> Self {
        Self { state: State::Failed { reason }, since: now, ..self }
    }

    /// Whether this person was bought for it before. Another person in the same record was not.
    pub fn was_bought_for(&self, identity: &Identity, key: &FingerprintKey) -> bool {
        self.bought_for.as_ref() == Some(&identity.person_fingerprint(key))
    }

    /// What of the CRM's values is ours.
    pub fn ours<'a>(&'a self, key: &'a FingerprintKey) -> Ours<'a> {
        Ours { written: &self.written, key }
    }

    /// Whether the provider didn't know the person, even if there was something to say of where they work.
    pub fn is_miss(&self) -> bool {
        self.state == State::Unmatched || self.asked.is_some()
    }

    /// Whether something was bought for it that the CRM doesn't have yet.
    pub fn is_paid_for(&self) -> bool {
        self.state.is_bought() || (self.state.is_failed() && !self.patch.is_empty())
    }

    /// The person asked to be forgotten: what is personal goes at once, the rest is for the erasure to finish.
    pub fn erasure_noted(self, now: Timestamp) -> Self {
        Self {
            erased_at: Some(now),
            patch: Patch::new(),
            person: None,
            provider_id: None,
            written: Fingerprints::new(),
            filled_by: None,
            asked: None,
            bought_for: None,
            charged_at: None,
            progress: None,
            candidate: None,
            rejected: Vec::new(),
            ..self
        }
    }

    /// The purchase that the last claim belongs to.
    pub fn purchase(&self) -> Option<&PurchaseId> {
        self.claim.as_ref().map(|claim| &claim.purchase)
    }

    /// What is on its way as a part of `purchase`.
    pub fn awaits(&self, purchase: &PurchaseId) -> Option<&Awaited> {
        self.awaited.as_ref().filter(|awaited| awaited.purchase == *purchase)
    }

    /// Whether a worker may be at work on it at `now`.
    pub fn claim_lives(&self, now: Timestamp) -> bool {
        let working = matches!(self.state, State::Claimed | State::Bought);
        working && self.claim.as_ref().is_some_and(|claim| now < claim.until)
    }
}
