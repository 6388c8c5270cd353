//! Whom a record's person was asked of, where more than one provider may be asked.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};

use super::{Record, State};
use crate::clock::later;
use crate::credits::Amounts;
use crate::credits::ledger::LineResult;
use crate::fingerprint::Fingerprint;
use crate::ids::{ProviderName, PurchaseId};
use crate::lead::windows::Windows;
use crate::person::ProfileField;
use crate::provider::Answer;

/// What was asked of whom about one person, so that each is asked once, and no other is asked for what is known. A record
/// of a tenant with one provider has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Who that person is, by what we haven't written ourselves.
    pub about: Fingerprint,
    /// What was asked, in order.
    pub asked: Vec<AskedOf>,
}

/// What was asked of one provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedOf {
    /// Which.
    pub provider: ProviderName,
    /// When it answered.
    #[serde(with = "millisecond::required")]
    pub at: Timestamp,
    /// What it said.
    pub said: Said,
    /// What it was asked for, of what has an order of its own.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub fields: BTreeSet<ProfileField>,
    /// Set where it was asked to check an address: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<Fingerprint>,
    /// The purchase that paid for it. None did, where the answer was known already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase: Option<PurchaseId>,
    /// What it cost.
    #[serde(default, skip_serializing_if = "Amounts::is_zero")]
    pub cost: Amounts,
}

/// What a provider said of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// It knows them.
    Hit,
    /// It doesn't.
    Miss,
    /// It may not say.
    Suppressed,
    /// It is finding out: what it says arrives later.
    Pending,
    /// It isn't known: as many calls as policy allows have ended in unknown outcomes.
    Unknown,
}

impl From<&Answer> for Said {
    fn from(answer: &Answer) -> Self {
        match answer {
            Answer::Hit(_) => Self::Hit,
            Answer::Miss => Self::Miss,
            Answer::Suppressed => Self::Suppressed,
            Answer::Pending(_) => Self::Pending,
        }
    }
}

impl AskedOf {
    /// Whether the person was asked for, and not only whether an address works. What a provider may not say of a person it
    /// says of the person, whatever it was asked.
    pub fn is_of_the_person(&self) -> bool {
        self.checked.is_none() || self.said == Said::Suppressed
    }

    /// Whether it still holds. A suppression holds for ever.
    fn holds(&self, windows: Windows, now: Timestamp) -> bool {
        match self.said {
            Said::Suppressed => true,
            Said::Hit => now < later(self.at, windows.freshness),
            Said::Miss | Said::Pending | Said::Unknown => now < later(self.at, windows.miss),
        }
    }
}

/// The most that is remembered of one record: more than any waterfall has steps.
const ASKED_MAX: usize = 12;

impl Record {
    /// What was asked about this person and still holds.
    pub fn asked_about(&self, person: &Fingerprint, windows: Windows, now: Timestamp) -> Vec<&AskedOf> {
        let progress = self.progress.iter().filter(|progress| progress.about == *person);
        let asked = progress.flat_map(|progress| &progress.asked).filter(|asked| asked.is_of_the_person());
        asked.filter(|asked| asked.holds(windows, now)).collect()
    }

    /// Notes what was asked. To be written with the step that keeps the answer.
    #[must_use]
    pub fn asked_of(self, person: &Fingerprint, asked: AskedOf) -> Self {
        let before = self.progress.filter(|progress| progress.about == *person);
        let mut all = before.map(|progress| progress.asked).unwrap_or_default();
        all.push(asked);
        let too_many = all.len().saturating_sub(ASKED_MAX);
        all.drain(..too_many);
        Self { progress: Some(Progress { about: person.clone(), asked: all }), ..self }
    }

    /// A provider doesn't know the person, and the next one is going to be asked. It stays claimed.
    #[must_use]
    pub fn missed(self, now: Timestamp) -> Self {
        Self { since: now, unknowns: 0, ..self }
    }

    /// Whether some provider knows this person.
    pub fn is_known_by_one(&self, person: &Fingerprint) -> bool {
        let progress = self.progress.iter().filter(|progress| progress.about == *person);
        let mut asked = progress.flat_map(|progress| &progress.asked);
        asked.any(|asked| asked.said == Said::Hit && asked.is_of_the_person())
    }

    /// Whether anything was asked under the claim that it has.
    pub fn was_asked_under_its_claim(&self) -> bool {
        let since = self.claim.as_ref().map(|claim| claim.since);
        let mut asked = self.progress.iter().flat_map(|progress| &progress.asked);
        asked.any(|asked| since.is_some_and(|since| asked.at >= since))
    }

    /// As many calls as policy allows have ended in unknown outcomes: this provider is not asked about the person any more, or
    /// not to check this address.
    #[must_use]
    pub fn gave_up_on(
        self,
        person: &Fingerprint,
        provider: ProviderName,
        checked: Option<Fingerprint>,
        now: Timestamp,
    ) -> Self {
        let (fields, cost) = (BTreeSet::new(), Amounts::default());
        let asked = AskedOf { provider, at: now, said: Said::Unknown, fields, checked, purchase: None, cost };
        Self { unknowns: 0, ..self.asked_of(person, asked) }
    }

    /// What this record keeps of `purchase`: how it ended and what it cost. `None` when it keeps nothing of it.
    pub fn kept_of(&self, purchase: &PurchaseId) -> Option<(LineResult, Amounts)> {
        let mut asked = self.progress.iter().flat_map(|progress| &progress.asked);
        if let Some(asked) = asked.find(|asked| asked.purchase.as_ref() == Some(purchase)) {
            let result = match asked.said {
                Said::Hit => LineResult::Hit,
                Said::Miss | Said::Suppressed => LineResult::Miss,
                Said::Pending => LineResult::Pending,
                Said::Unknown => LineResult::Unknown,
            };
            return Some((result, asked.cost.clone()));
        }
        let result = match self.state {
            State::Deferred { .. } | State::Released if self.owed.is_some() => LineResult::Hit,
            State::Noted | State::Claimed | State::Deferred { .. } | State::Released => return None,
            State::Unmatched => LineResult::Miss,
            State::Written if self.is_miss() => LineResult::Miss,
            State::Bought | State::Written | State::Refused { .. } | State::Failed { .. } => LineResult::Hit,
        };
        (self.purchase() == Some(purchase)).then(|| (result, self.cost.clone()))
    }
}
