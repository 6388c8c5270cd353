//! What providers say of addresses and numbers, in words that all share: each adapter puts its vendor's own into these, so that
//! a list of words in a CRM doesn't grow with the vendors.

use strum::{EnumString, IntoStaticStr};

use super::ProfileField;

/// What a provider says of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case", ascii_case_insensitive)]
pub enum EmailStatus {
    /// Found to work.
    Verified,
    /// Made up after a pattern of the employer's, or at a host that takes everything.
    Extrapolated,
    /// Known, and not tried.
    Unverified,
    /// Found not to work.
    Invalid,
    /// There is none to show.
    Unavailable,
    /// A word that isn't known here.
    Unknown,
}

/// What a provider says of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case", ascii_case_insensitive)]
pub enum NumberStatus {
    /// Found to work.
    ValidNumber,
    /// Found not to work.
    InvalidNumber,
    /// Not tried.
    NoStatus,
    /// A word that isn't known here.
    Unknown,
}

/// Whether a number is on a do-not-call register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case", ascii_case_insensitive)]
pub enum DoNotCall {
    /// It is.
    Found,
    /// It isn't.
    NotFound,
    /// A word that isn't known here. It counts as one that is.
    Unknown,
}

/// The shared word for a status, whoever it comes from. `None` of what is no status.
pub(super) fn shared(field: ProfileField, text: &str) -> Option<&'static str> {
    match field {
        ProfileField::EmailStatus => Some(text.parse().unwrap_or(EmailStatus::Unknown).into()),
        ProfileField::MobilePhoneStatus => Some(text.parse().unwrap_or(NumberStatus::Unknown).into()),
        ProfileField::MobilePhoneDoNotCall => Some(text.parse().unwrap_or(DoNotCall::Unknown).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::Profile;

    #[test]
    fn whoever_says_it_a_status_is_one_of_the_words_that_all_share() {
        let said = |field: ProfileField, word: &str| {
            let mut profile = Profile::default();
            profile.set(field, Some(word));
            profile.get(field).map(str::to_owned)
        };
        let cases = [
            (ProfileField::EmailStatus, "Verified", "verified"),
            (ProfileField::EmailStatus, "a word of tomorrow", "unknown"),
            (ProfileField::MobilePhoneStatus, "valid_number", "valid_number"),
            (ProfileField::MobilePhoneStatus, "fine", "unknown"),
            (ProfileField::MobilePhoneDoNotCall, "not_found", "not_found"),
            (ProfileField::Title, "verified", "verified"),
        ];
        for (field, word, shared) in cases {
            assert_eq!(said(field, word).as_deref(), Some(shared), "{word}");
        }
        assert_eq!(said(ProfileField::EmailStatus, " "), None);
        let mut listed = Profile::default();
        listed.set(ProfileField::MobilePhoneDoNotCall, Some("who knows"));
        assert!(listed.is_on_do_not_call_register(), "what isn't understood counts as listed");
    }
}
