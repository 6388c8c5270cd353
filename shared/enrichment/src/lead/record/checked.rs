//! An address that a provider told and another checks before it is written, and what was not taken of what providers told.

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use serde::{Deserialize, Serialize};

use super::{Record, Said, State};
use crate::fingerprint::{Fingerprint, FingerprintKey};
use crate::ids::ProviderName;
use crate::lead::patch::{FieldMapping, Patch, patch_from};
use crate::person::{Confidence, Profile, ProfileField};

/// An address that was bought and is checked before it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Whose it is, by what we haven't written into the record ourselves.
    pub about: Fingerprint,
    /// Who told it.
    pub told_by: ProviderName,
    /// The address.
    pub address: String,
    /// What they said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// How sure they are of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
}

/// A value that a provider told, and that was not good enough to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedValue {
    /// Who told it.
    pub told_by: ProviderName,
    /// What it is.
    pub field: ProfileField,
    /// The value, sealed under the record and the field. `None` if it could not be sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// What is said of it, by who checked it or else by who told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Who checked it. Nobody did, where who told it wasn't sure enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_by: Option<ProviderName>,
    /// When.
    #[serde(with = "millisecond::required")]
    pub at: Timestamp,
}

/// What was told and is not taken.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// Who told it.
    pub told_by: ProviderName,
    /// What it is.
    pub field: ProfileField,
    /// The value.
    pub value: String,
    /// What is said of it.
    pub status: Option<String>,
    /// Who checked it.
    pub checked_by: Option<ProviderName>,
}

/// What becomes of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// It is written, with what is said of it.
    Taken(Patch),
    /// It isn't. What is said of it.
    Rejected(Option<String>),
}

/// The most rejected values that are remembered of one record: the latest.
const REJECTED_MAX: usize = 4;

impl Candidate {
    /// The address of this profile, if it is to be checked: one that its provider has found to work isn't.
    pub fn of(profile: &Profile, told_by: ProviderName, about: &Fingerprint) -> Option<Self> {
        let confidence = profile.confidence().get(&ProfileField::Email).copied();
        let address = profile.get(ProfileField::Email).filter(|_| confidence != Some(Confidence::Verified))?;
        let status = profile.get(ProfileField::EmailStatus).map(str::to_owned);
        Some(Self { about: about.clone(), told_by, address: address.to_owned(), status, confidence })
    }

    /// What becomes of it, going by `verdict`: the address with how sure the verifier is of it, and not at all of one that it
    /// calls wrong. Without a verdict, what its own provider says of it goes.
    pub fn decided(&self, mapping: &[FieldMapping], verdict: Option<&Profile>) -> Decided {
        let said = |profile: &Profile| profile.get(ProfileField::EmailStatus).map(str::to_owned);
        let (status, confidence) = match verdict {
            Some(verdict) => (said(verdict), verdict.confidence().get(&ProfileField::Email).copied()),
            None => (self.status.clone(), self.confidence),
        };
        if verdict.is_some() && confidence.is_none() {
            return Decided::Rejected(status);
        }
        let mut profile = Profile::default();
        profile.set(ProfileField::Email, Some(&self.address));
        profile.set(ProfileField::EmailStatus, status.as_ref());
        profile.set_confidence(ProfileField::Email, confidence);
        let patch = patch_from(mapping, &profile);
        let is_email = |field: &&FieldMapping| field.from == ProfileField::Email && patch.contains_key(&field.property);
        match mapping.iter().any(|field| is_email(&field)) {
            true => Decided::Taken(patch),
            false => Decided::Rejected(status),
        }
    }
}

impl RejectedValue {
    /// The value, with the key that it was sealed with.
    pub fn value(&self, record: &Record, key: &FingerprintKey) -> Option<String> {
        key.sealing().open(&Self::name(record, self.field), self.sealed.as_deref()?)
    }

    /// What its value is sealed under.
    fn name(record: &Record, field: ProfileField) -> String {
        format!("rejected\n{}\n{}", record.key, field.word())
    }
}

impl Record {
    /// The address that is to be checked, if it is this person's.
    pub fn candidate_of(&self, about: &Fingerprint) -> Option<&Candidate> {
        self.candidate.as_ref().filter(|candidate| candidate.about == *about)
    }

    /// What was said of this address when it was checked before and found not good enough.
    pub fn checked_before(&self, address: &str, key: &FingerprintKey) -> Option<&RejectedValue> {
        let mut checked = self.rejected.iter().filter(|value| value.checked_by.is_some());
        checked.find(|it| it.field == ProfileField::Email && it.value(self, key).as_deref() == Some(address))
    }

    /// Whether it was given up to have this address checked.
    pub fn gave_up_checking(&self, address: &Fingerprint) -> bool {
        let mut asked = self.progress.iter().flat_map(|progress| &progress.asked);
        asked.any(|asked| asked.checked.as_ref() == Some(address) && asked.said == Said::Unknown)
    }

    /// Remembers a value that was not taken, with the latest of the others.
    #[must_use]
    pub fn rejecting(self, told: Rejection, key: &FingerprintKey, now: Timestamp) -> Self {
        let Rejection { told_by, field, value, status, checked_by } = told;
        let sealed = key.sealing().seal(&RejectedValue::name(&self, field), &value);
        let value = RejectedValue { told_by, field, sealed, status, checked_by, at: now };
        let mut rejected = self.rejected;
        rejected.retain(|other| (&other.told_by, other.field) != (&value.told_by, value.field));
        rejected.push(value);
        let too_many = rejected.len().saturating_sub(REJECTED_MAX);
        rejected.drain(..too_many);
        Self { rejected, ..self }
    }

    /// Its address is not written: it is remembered as one that was not taken.
    #[must_use]
    pub fn without_its_candidate(
        self,
        status: Option<String>,
        checked_by: Option<ProviderName>,
        key: &FingerprintKey,
        now: Timestamp,
    ) -> Self {
        let Some(Candidate { told_by, address, .. }) = self.candidate.clone() else { return self };
        let told = Rejection { told_by, field: ProfileField::Email, value: address, status, checked_by };
        Self { candidate: None, ..self }.rejecting(told, key, now)
    }

    /// Its address is written without having been checked, and what else may be missing is seen after that.
    #[must_use]
    pub fn taken_unchecked(self, patch: Patch) -> Self {
        let mut all = self.patch.clone();
        all.extend(patch);
        Self { state: State::Bought, patch: all, candidate: None, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lead::patch::FieldPolicy;

    fn mapping(min_confidence: Option<Confidence>) -> [FieldMapping; 2] {
        let field = |property: &str, from, min_confidence| FieldMapping {
            property: property.to_owned(),
            from,
            policy: FieldPolicy::FillBlank,
            min_confidence,
        };
        [field("email", ProfileField::Email, min_confidence), field("email_is", ProfileField::EmailStatus, None)]
    }

    fn profile(status: &str, confidence: Option<Confidence>) -> Profile {
        let mut profile = Profile::default();
        profile.set(ProfileField::Email, Some("ada@engine.example"));
        profile.set(ProfileField::EmailStatus, Some(status));
        profile.set_confidence(ProfileField::Email, confidence);
        profile
    }

    fn candidate(confidence: Option<Confidence>) -> Option<Candidate> {
        let about = crate::fingerprint::tests::key().of("ada");
        Candidate::of(&profile("extrapolated", confidence), ProviderName::known("data"), &about)
    }

    #[test]
    fn what_its_provider_has_verified_is_not_checked() {
        assert!(candidate(Some(Confidence::Verified)).is_none());
        assert!(candidate(Some(Confidence::High)).is_some() && candidate(None).is_some());
    }

    #[test]
    fn the_verdict_counts_and_without_one_what_its_provider_said() {
        let low = candidate(Some(Confidence::Low)).expect("a candidate");
        let wrong = profile("invalid", None);
        let (sure, unsure) =
            (profile("verified", Some(Confidence::Verified)), profile("extrapolated", Some(Confidence::Medium)));
        let patch = |status: &str| {
            Decided::Taken(Patch::from([
                ("email".to_owned(), "ada@engine.example".to_owned()),
                ("email_is".to_owned(), status.to_owned()),
            ]))
        };
        let rejected = |status: &str| Decided::Rejected(Some(status.to_owned()));
        for (floor, verdict, expected) in [
            (None, Some(&sure), patch("verified")),
            (None, Some(&unsure), patch("extrapolated")),
            (None, Some(&wrong), rejected("invalid")),
            (None, None, patch("extrapolated")),
            (Some(Confidence::High), Some(&sure), patch("verified")),
            (Some(Confidence::High), Some(&unsure), rejected("extrapolated")),
            (Some(Confidence::High), None, rejected("extrapolated")),
        ] {
            assert_eq!(low.decided(&mapping(floor), verdict), expected, "{floor:?} {verdict:?}");
        }
    }
}
