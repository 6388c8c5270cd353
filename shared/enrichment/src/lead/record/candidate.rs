//! From a candidate to the CRM's record that they are.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Claim, Record, Rest, State};
use crate::credits::Amounts;
use crate::fingerprint::Fingerprint;
use crate::lead::patch::Patch;

impl Record {
    /// What was bought for this candidate is the CRM's record's by now.
    pub fn passed_on(self, now: Timestamp) -> Self {
        let (patch, told_by) = (Patch::new(), BTreeMap::new());
        Self { state: State::Written, since: now, patch, told_by, person: None, ..self }
    }

    /// What was bought for this candidate, as bought for the CRM's record that they are, which this one is. It cost nothing
    /// more, and the purchase stays the one that paid.
    pub fn taken_from(self, candidate: &Self, (person, until): (Fingerprint, Timestamp), now: Timestamp) -> Self {
        let Some(purchase) = candidate.purchase().cloned() else { return self };
        let claim = Some(Claim { purchase, since: now, until });
        let (source, request) = (candidate.source, candidate.request.clone());
        let there =
            Self { claim, source, request, occurred_at: Some(now), found_for: candidate.found_for.clone(), ..self };
        let bought = there.bought(candidate.patch.clone(), Amounts::default(), Rest::None, now);
        let (bought_for, told_by) = (Some(person), candidate.told_by.clone());
        Self { bought_for, told_by, provider_id: candidate.provider_id.clone(), ..bought }
    }
}
