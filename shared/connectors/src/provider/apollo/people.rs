//! Looking people up: who is meant, what Apollo answers, and what of it becomes a profile.

use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::person::{Confidence, EmailStatus, Identity, Profile, ProfileField};
use leadgate_enrichment::provider::{Answer, AsynchronousId, AsynchronousRequest, Reply};
use serde::{Deserialize, Deserializer, Serialize};

use super::classify::CallError;
use super::exchange::{PEOPLE_MAX, amount, object};
use super::organizations::Organization;
use crate::loose::fields::said;
use crate::loose::{List, Loose, Scalar};

/// What Apollo shows instead of an address that hasn't been paid for: the same for all people, and marked as verified.
const LOCKED_EMAIL: &str = "email_not_unlocked@domain.com";

/// The flags of a look-up. They go into the query, where they are documented; who is meant stays in the body.
pub(super) fn flags(asynchronous: Option<&AsynchronousRequest>) -> Vec<(&'static str, &str)> {
    let Some(asynchronous) = asynchronous else { return Vec::new() };
    let flags = [
        ("reveal_phone_number", asynchronous.fields.contains(&PricedField::Mobile)),
        ("run_waterfall_email", asynchronous.fields.contains(&PricedField::EmailOfOthers)),
        ("run_waterfall_phone", asynchronous.fields.contains(&PricedField::MobileOfOthers)),
    ];
    let mut query: Vec<_> = flags.into_iter().filter(|(_, wanted)| *wanted).map(|(flag, _)| (flag, "true")).collect();
    if let Some(callback) = asynchronous.callback.as_deref().filter(|_| !query.is_empty()) {
        // Each of them makes it mandatory.
        query.push(("webhook_url", callback));
    }
    query
}

/// Who is meant. What we don't know is left out.
#[derive(Serialize)]
pub(super) struct Details<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    linkedin_url: Option<&'a str>,
}

impl<'a> From<&'a Identity> for Details<'a> {
    fn from(identity: &'a Identity) -> Self {
        Self {
            // Whose id it is has been seen to: no provider is asked by another's.
            id: identity.found.as_ref().map(|found| found.id.as_str()),
            email: identity.email.as_deref(),
            first_name: identity.first_name.as_deref(),
            last_name: identity.last_name.as_deref(),
            organization_name: identity.company.as_deref(),
            domain: identity.domain.as_deref(),
            linkedin_url: identity.linkedin_url.as_deref(),
        }
    }
}

/// Body of `people/bulk_match`.
#[derive(Serialize)]
pub(super) struct Bulk<'a> {
    pub(super) details: Vec<Details<'a>>,
}

/// The 200 of `people/match`.
pub(super) fn single_answer(body: &[u8], asked: Option<&AsynchronousRequest>) -> Result<Reply, CallError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Match {
        person: Loose<Person>,
        request_id: Scalar,
        waterfall: Loose<Waterfall>,
    }
    let Match { person, request_id, waterfall } = object(body)?;
    let answer = answer(&person).ok_or_else(|| CallError::unreadable("without a person"))?;
    Ok(Reply::Answered {
        answers: vec![answer],
        reported: None,
        asynchronous: asynchronous_id(asked, &request_id, &waterfall),
    })
}

/// The 200 of `people/bulk_match` for this many people. With a waterfall it doesn't say what it cost, since that is
/// still open.
pub(super) fn bulk_answer(body: &[u8], people: usize, asked: Option<&AsynchronousRequest>) -> Result<Reply, CallError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Matches {
        matches: List<Loose<Person>, PEOPLE_MAX>,
        credits_consumed: Scalar,
        request_id: Scalar,
        waterfall: Loose<Waterfall>,
    }
    let bulk: Matches = object(body)?;
    let List::Of { items, total } = &bulk.matches else { return Err(CallError::unreadable("without matches")) };
    if *total != people {
        // Whose answer is whose can't be told, and it may have been charged.
        return Err(CallError::unreadable(&format!("with {total} matches for {people} people")));
    }
    let answers: Option<Vec<Answer>> = items.iter().map(answer).collect();
    let answers = answers.ok_or_else(|| CallError::unreadable("with a match that is no person"))?;
    let asynchronous = asynchronous_id(asked, &bulk.request_id, &bulk.waterfall);
    Ok(Reply::Answered { answers, reported: amount(&bulk.credits_consumed), asynchronous })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Waterfall {
    status: Scalar,
}

/// Under what the rest can be asked for. A waterfall that isn't accepted brings nothing (documented), but says nothing
/// of a number of Apollo's own, which is on its way all the same under the same id. If Apollo gives an id and no word
/// of the waterfall, the id counts: asking is free, and says so when nothing will come.
fn asynchronous_id(
    asked: Option<&AsynchronousRequest>,
    request_id: &Scalar,
    waterfall: &Loose<Waterfall>,
) -> Option<AsynchronousId> {
    let asked = asked?;
    let status = waterfall.as_object().and_then(|waterfall| waterfall.status.as_text());
    let is_refused = status.is_some_and(|status| !status.eq_ignore_ascii_case("accepted"));
    let is_own = |field: &PricedField| *field == PricedField::Mobile;
    let is_awaited = asked.fields.iter().any(|field| is_own(field) || !is_refused);
    // A signed number of 64 bits here, and text when it is asked for (documented).
    let id = request_id.as_integer().map(|id| id.to_string()).or_else(|| request_id.as_word().map(str::to_owned));
    id.filter(|_| is_awaited).map(AsynchronousId)
}

/// Sets the address and its status. Of one that isn't shown, the status says something that is of no use either. Some
/// endpoints write a status with a capital letter.
pub(super) fn set_email(profile: &mut Profile, email: &Scalar, status: &Scalar) {
    if !is_locked(email) {
        profile.set(ProfileField::Email, email.to_text());
        let status = status.to_text().map(|status| shared_status(&status.to_ascii_lowercase()));
        profile.set_confidence(ProfileField::Email, status.and_then(confidence));
        profile.set_email_status(status);
    }
}

/// The status of an address in the words that all providers share. Only `verified` and `extrapolated` are documented for an
/// address that is shown; an older word for the latter is `guessed`, and a search tells `unverified` ones apart
/// (docs.apollo.io, "People Enrichment", "People API Search").
fn shared_status(word: &str) -> EmailStatus {
    match word {
        "verified" => EmailStatus::Verified,
        "extrapolated" | "guessed" => EmailStatus::Extrapolated,
        "unverified" => EmailStatus::Unverified,
        "unavailable" => EmailStatus::Unavailable,
        _ => EmailStatus::Unknown,
    }
}

/// How sure Apollo is of an address by its status.
fn confidence(status: EmailStatus) -> Option<Confidence> {
    match status {
        EmailStatus::Verified => Some(Confidence::Verified),
        EmailStatus::Extrapolated | EmailStatus::Unverified => Some(Confidence::Low),
        EmailStatus::Invalid | EmailStatus::Unavailable | EmailStatus::Unknown => None,
    }
}

/// An address, unless it is a locked one.
pub(super) fn shown_email<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let email = Scalar::deserialize(deserializer)?;
    Ok(email.to_text().filter(|_| is_shown(&email)))
}

/// Whether there is an address, and not a locked one.
pub(super) fn is_shown(email: &Scalar) -> bool {
    said(email).is_some() && !is_locked(email)
}

fn is_locked(email: &Scalar) -> bool {
    email.as_text().is_some_and(|email| email.trim().eq_ignore_ascii_case(LOCKED_EMAIL))
}

/// `None` if it can't be told whether this is a person.
fn answer(person: &Loose<Person>) -> Option<Answer> {
    match person {
        Loose::Object(person) => Some(person.answer()),
        Loose::Other(_) if person.is_null() => Some(Answer::Miss),
        Loose::Other(_) => None,
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Person {
    id: Scalar,
    first_name: Scalar,
    last_name: Scalar,
    email: Scalar,
    email_status: Scalar,
    title: Scalar,
    seniority: Scalar,
    headline: Scalar,
    linkedin_url: Scalar,
    city: Scalar,
    state: Scalar,
    country: Scalar,
    organization: Loose<Organization>,
}

impl Person {
    /// Without an id it is a blank that stands for no person.
    fn answer(&self) -> Answer {
        let mut profile = self.profile();
        profile.set_id(self.id.to_text());
        if self.id.to_text().is_none_or(|id| id.is_empty()) || profile.is_blank() {
            return Answer::Miss;
        }
        Answer::Hit(profile)
    }

    fn profile(&self) -> Profile {
        let mut profile = Profile::default();
        let own = [
            (ProfileField::FirstName, &self.first_name),
            (ProfileField::LastName, &self.last_name),
            (ProfileField::Title, &self.title),
            (ProfileField::Seniority, &self.seniority),
            (ProfileField::Headline, &self.headline),
            (ProfileField::LinkedinUrl, &self.linkedin_url),
            (ProfileField::City, &self.city),
            (ProfileField::State, &self.state),
            (ProfileField::Country, &self.country),
        ];
        for (field, value) in own {
            profile.set(field, value.to_text());
        }
        set_email(&mut profile, &self.email, &self.email_status);
        if let Some(organization) = self.organization.as_object() {
            organization.describe(&mut profile);
        }
        profile
    }
}
