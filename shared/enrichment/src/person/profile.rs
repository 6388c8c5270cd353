//! What a provider knows of a person, or of an organization.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use super::{DoNotCall, EmailStatus, NumberStatus, ProfileField, clean};

/// How sure a provider is of a value, from the least to the most. Each provider has words or numbers of its own for it, which
/// its adapter puts into these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Confidence {
    /// A guess.
    Low,
    /// Likely.
    Medium,
    /// Very likely.
    High,
    /// Found to work.
    Verified,
}

/// What a provider knows about a person, or about an organization.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    values: BTreeMap<ProfileField, String>,
    /// Of the values of which it says how sure it is.
    confidence: BTreeMap<ProfileField, Confidence>,
    id: Option<String>,
}

impl Profile {
    /// Takes a value in, made safe for a CRM. A blank one is no value.
    pub fn set(&mut self, field: ProfileField, value: Option<impl AsRef<str>>) {
        if let Some(value) = value.and_then(|value| clean::value(field, value.as_ref())) {
            self.values.insert(field, value);
        }
    }

    /// Says how sure the provider is of a value that is there.
    pub fn set_confidence(&mut self, field: ProfileField, confidence: Option<Confidence>) {
        if let Some(confidence) = confidence.filter(|_| self.values.contains_key(&field)) {
            self.confidence.insert(field, confidence);
        }
    }

    /// Says what the provider says of the address.
    pub fn set_email_status(&mut self, status: Option<EmailStatus>) {
        self.set(ProfileField::EmailStatus, status.map(<&str>::from));
    }

    /// Says what the provider says of the mobile number, and whether that is on a do-not-call register.
    pub fn set_number_status(&mut self, status: Option<NumberStatus>, do_not_call: Option<DoNotCall>) {
        self.set(ProfileField::MobilePhoneStatus, status.map(<&str>::from));
        self.set(ProfileField::MobilePhoneDoNotCall, do_not_call.map(<&str>::from));
    }

    /// How sure the provider is of what it says, where it says so.
    pub fn confidence(&self) -> &BTreeMap<ProfileField, Confidence> {
        &self.confidence
    }

    /// The provider's own id for them. What arrives later is told apart by it.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Takes the provider's id in, if it is one: at most 64 letters, digits, `-` and `_`.
    pub fn set_id(&mut self, id: Option<impl AsRef<str>>) {
        self.id = id.and_then(|id| clean::id(id.as_ref()));
    }

    /// Takes from `other` what isn't known here.
    pub fn fill_from(&mut self, other: &Self) {
        for (field, value) in &other.values {
            if self.values.contains_key(field) {
                continue;
            }
            self.values.insert(*field, value.clone());
            self.set_confidence(*field, other.confidence.get(field).copied());
        }
    }

    /// Leaves these out.
    pub fn forget(&mut self, fields: &[ProfileField]) {
        self.values.retain(|field, _| !fields.contains(field));
        self.confidence.retain(|field, _| !fields.contains(field));
    }

    /// All that is known.
    pub fn values(&self) -> &BTreeMap<ProfileField, String> {
        &self.values
    }

    /// What is known of this.
    pub fn get(&self, field: ProfileField) -> Option<&str> {
        self.values.get(&field).map(String::as_str)
    }

    /// Whether it says nothing at all: how some providers say that they don't know a person.
    pub fn is_blank(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether its number is on a do-not-call register, as far as the provider knows.
    pub fn is_on_do_not_call_register(&self) -> bool {
        let not_found: &str = DoNotCall::NotFound.into();
        self.get(ProfileField::MobilePhoneDoNotCall).is_some_and(|status| status != not_found)
    }

    /// Whether this is its address.
    pub fn has_email(&self, email: Option<&str>) -> bool {
        email.is_some_and(|email| self.get(ProfileField::Email).is_some_and(|own| own.eq_ignore_ascii_case(email)))
    }

    /// Whether it has an address that the provider vouches for.
    pub fn has_verified_email(&self) -> bool {
        self.get(ProfileField::Email).is_some()
            && self.get(ProfileField::EmailStatus) == Some(EmailStatus::Verified.into())
    }
}
