//! What arrives later: numbers that Apollo looks for itself, and what it gets from others (a waterfall). The answer
//! to `webhook_result` holds what the callback held; the two kinds name their fields alike, as far as we read them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use leadgate_enrichment::person::{Confidence, DoNotCall, NumberStatus, Profile, ProfileField};
use leadgate_enrichment::provider::{AsynchronousId, Collected};
use serde::Deserialize;

use super::super::person::e164;
use super::classify::CallError;
use super::exchange::{PEOPLE_MAX, amount, object};
use super::people::{is_shown, set_email};
use crate::loose::fields::said;
use crate::loose::{List, Loose, Scalar};

/// The most numbers, and the most addresses, that are compared for one person. Apollo sends a handful.
const CHOICES_MAX: usize = 50;

/// The 200 of `webhook_result` for this call. Whatever can't be told for sure isn't taken as arrived: it can be asked
/// for again, and would be lost otherwise.
pub(super) fn arrived(body: &[u8], asked: &AsynchronousId) -> Result<Collected, CallError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Stored {
        request_id: Scalar,
        webhook_result: Loose<Payload>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Payload {
        people: List<Loose<Arrival>, PEOPLE_MAX>,
        credits_consumed: Scalar,
    }
    let stored: Stored = object(body)?;
    if stored.request_id.to_text().is_some_and(|id| id != asked.0) {
        return Err(CallError::unreadable("of another call"));
    }
    let Loose::Object(payload) = stored.webhook_result else { return Err(CallError::unreadable("without a result")) };
    let List::Of { items, total } = &payload.people else { return Err(CallError::unreadable("without people")) };
    if *total > items.len() {
        return Err(CallError::unreadable(&format!("with {total} people for at most {PEOPLE_MAX}")));
    }
    let mut people = BTreeMap::new();
    for item in items.iter().filter(|item| !item.is_null()) {
        let profile = item.as_object().and_then(Arrival::profile);
        let profile = profile.ok_or_else(|| CallError::unreadable("with a person that can't be read"))?;
        if profile.is_blank() {
            continue;
        }
        let id = profile.id().map(str::to_owned).ok_or_else(|| CallError::unreadable("with something of nobody"))?;
        // Two of those asked about may be the same person.
        people.entry(id).or_insert(profile);
    }
    Ok(Collected::Arrived { people, unpaid: BTreeSet::new(), reported: amount(&payload.credits_consumed) })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Arrival {
    id: Scalar,
    phone_numbers: List<Loose<Number>, CHOICES_MAX>,
    /// Of a waterfall alone.
    emails: List<Loose<Email>, CHOICES_MAX>,
}

impl Arrival {
    /// `None` if there may be something that isn't understood.
    fn profile(&self) -> Option<Profile> {
        let mut profile = Profile::default();
        profile.set_id(said(&self.id));
        let numbers = self.phone_numbers.objects()?.into_iter();
        let numbers = numbers.filter_map(|number| Some((number, number.mobile()?)));
        if let Some((best, number)) = numbers.min_by_key(|(number, _)| number.rank()) {
            profile.set(ProfileField::MobilePhone, Some(number));
            profile.set_confidence(ProfileField::MobilePhone, best.confidence());
            profile.set_number_status(best.shared_status(), best.do_not_call().map(do_not_call));
        }
        let emails = self.emails.objects()?.into_iter().filter(|email| is_shown(&email.email));
        if let Some(best) = emails.min_by_key(|email| email.rank()) {
            set_email(&mut profile, &best.email, &best.email_status_cd);
        }
        Some(profile)
    }
}

/// The names with `_cd` are those of what arrives later; the others are those of a contact's numbers.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Number {
    sanitized_number: Scalar,
    raw_number: Scalar,
    type_cd: Scalar,
    r#type: Scalar,
    status_cd: Scalar,
    status: Scalar,
    confidence_cd: Scalar,
    position: Scalar,
    dnc_status_cd: Scalar,
    dnc_status: Scalar,
}

impl Number {
    /// The number in E.164, if it may be a mobile one: a switchboard or a direct line at work is none. Apollo leaves
    /// the type out at times, or says `other` (the example of its documentation does): that is what was asked for, and
    /// charged.
    fn mobile(&self) -> Option<String> {
        let numbers = [&self.sanitized_number, &self.raw_number];
        self.kind()
            .is_none_or(|kind| is_mobile(kind) || is_other(kind))
            .then(|| numbers.into_iter().find_map(e164))
            .flatten()
    }

    /// The best first: surely mobile, not of another kind, a valid status, the most confidence, and then as Apollo puts them.
    fn rank(&self) -> (u8, u8, u8, i64) {
        let kind = match self.kind() {
            Some(kind) if is_mobile(kind) => 0,
            None => 1,
            Some(_) => 2,
        };
        let status = match self.shared_status() {
            Some(NumberStatus::ValidNumber) => 0,
            Some(NumberStatus::InvalidNumber) => 2,
            Some(NumberStatus::NoStatus | NumberStatus::Unknown) | None => 1,
        };
        let confidence = match self.said_confidence() {
            Some(Confidence::Verified | Confidence::High) => 0,
            Some(Confidence::Medium) => 1,
            Some(Confidence::Low) => 2,
            None => 3,
        };
        (kind, status, confidence, place(&self.position))
    }

    /// How sure Apollo is of it. Of one that it knows not to work, it isn't, whatever it says; one that it found to work
    /// without saying more is likely.
    fn confidence(&self) -> Option<Confidence> {
        match (self.shared_status(), self.said_confidence()) {
            (Some(NumberStatus::InvalidNumber), _) => Some(Confidence::Low),
            (Some(NumberStatus::ValidNumber), None) => Some(Confidence::Medium),
            (_, said) => said,
        }
    }

    /// Its status in the words that all providers share.
    fn shared_status(&self) -> Option<NumberStatus> {
        Some(match self.status()?.to_ascii_lowercase().as_str() {
            "valid_number" | "valid" => NumberStatus::ValidNumber,
            invalid if invalid.starts_with("invalid") => NumberStatus::InvalidNumber,
            "no_status" => NumberStatus::NoStatus,
            _ => NumberStatus::Unknown,
        })
    }

    fn said_confidence(&self) -> Option<Confidence> {
        match self.confidence_cd.as_text()?.to_ascii_lowercase().as_str() {
            "high" => Some(Confidence::High),
            "medium" => Some(Confidence::Medium),
            "low" => Some(Confidence::Low),
            _ => None,
        }
    }

    fn kind(&self) -> Option<&str> {
        either(&self.type_cd, &self.r#type)
    }

    fn status(&self) -> Option<&str> {
        either(&self.status_cd, &self.status)
    }

    fn do_not_call(&self) -> Option<&str> {
        either(&self.dnc_status_cd, &self.dnc_status)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Email {
    email: Scalar,
    email_status_cd: Scalar,
    position: Scalar,
}

impl Email {
    /// The best first: one that is vouched for, and then as Apollo puts them.
    fn rank(&self) -> (Reverse<bool>, i64) {
        let verified = self.email_status_cd.as_text().is_some_and(|status| status.eq_ignore_ascii_case("verified"));
        (Reverse(verified), place(&self.position))
    }
}

fn is_mobile(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("mobile")
}

fn is_other(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("other")
}

fn either<'a>(one: &'a Scalar, other: &'a Scalar) -> Option<&'a str> {
    [one, other].into_iter().filter_map(Scalar::as_text).map(str::trim).find(|text| !text.is_empty())
}

/// Without one it comes last.
fn place(position: &Scalar) -> i64 {
    position.to_text().and_then(|place| place.parse().ok()).unwrap_or(i64::MAX)
}

/// Only `not_found` is documented as the absence of a number from the register.
fn do_not_call(word: &str) -> DoNotCall {
    match word.to_ascii_lowercase().as_str() {
        "not_found" => DoNotCall::NotFound,
        "found" => DoNotCall::Found,
        _ => DoNotCall::Unknown,
    }
}
