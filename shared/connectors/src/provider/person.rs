//! How a person is described to a provider, and how what it tells becomes a profile: what the vendors' own shapes have in
//! common.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_enrichment::person::{DoNotCall, Identity, Profile, ProfileField};

use crate::loose::Scalar;

/// A vendor's names for what a person is asked about by. Blank where it has none.
pub(super) struct Names {
    pub(super) email: &'static str,
    pub(super) first_name: &'static str,
    pub(super) last_name: &'static str,
    pub(super) company: &'static str,
    pub(super) domain: &'static str,
    pub(super) linkedin_url: &'static str,
}

/// What is known of a person, under a vendor's names. What isn't known is left out.
pub(super) fn described<'a>(identity: &'a Identity, names: &Names) -> BTreeMap<&'static str, &'a str> {
    let all = [
        (names.email, &identity.email),
        (names.first_name, &identity.first_name),
        (names.last_name, &identity.last_name),
        (names.company, &identity.company),
        (names.domain, &identity.domain),
        (names.linkedin_url, &identity.linkedin_url),
    ];
    let named = all.into_iter().filter(|(name, _)| !name.is_empty());
    named.filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
}

/// The values that are wanted: what is said of one is wanted along with it.
pub(super) fn values(fields: &BTreeSet<ProfileField>) -> BTreeSet<ProfileField> {
    fields.iter().map(|field| field.says_something_of().unwrap_or(*field)).collect()
}

/// Takes texts in. What is no text is no value.
pub(super) fn set_texts<const COUNT: usize>(profile: &mut Profile, texts: [(ProfileField, &Scalar); COUNT]) {
    for (field, value) in texts {
        profile.set(field, value.as_text());
    }
}

/// Takes whole numbers in. Ranges and negative ones are no amounts.
pub(super) fn set_amounts<const COUNT: usize>(profile: &mut Profile, amounts: [(ProfileField, &Scalar); COUNT]) {
    for (field, value) in amounts {
        profile.set(field, value.to_integer().filter(|amount| *amount >= 0).map(|amount| amount.to_string()));
    }
}

/// Takes the employer's domain in, which stands for the web site as well.
pub(super) fn set_domain(profile: &mut Profile, domain: &Scalar) {
    let domain = domain.as_text().map(|domain| domain.trim_start_matches("www."));
    profile.set(ProfileField::CompanyDomain, domain);
    profile.set(ProfileField::CompanyWebsite, domain);
}

/// Whether a number is on a do-not-call register, in the words that all providers share, where a vendor says true or false.
pub(super) fn do_not_call(is_listed: &Scalar) -> Option<DoNotCall> {
    match is_listed.to_text()?.as_str() {
        "true" => Some(DoNotCall::Found),
        "false" => Some(DoNotCall::NotFound),
        _ => None,
    }
}

/// The number in E.164, if it is one.
pub(super) fn e164(number: &Scalar) -> Option<String> {
    /// How many digits such a number has.
    const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
    let text = number.to_text()?;
    let digits = text.trim().strip_prefix('+')?;
    let is_number = DIGITS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.trim().to_owned())
}
