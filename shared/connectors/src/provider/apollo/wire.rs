//! The shapes of requests to Apollo and of its answers, and what of them becomes a profile.

use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::person::{Identity, Profile, ProfileField};
use leadgate_enrichment::provider::{Answer, Reply, Usage};
use serde::{Deserialize, Serialize};

use super::client::PEOPLE_MAX;
use crate::loose::{List, Loose, Scalar};

/// What Apollo shows instead of an address that hasn't been paid for: the same for everybody, and marked as verified.
const LOCKED_EMAIL: &str = "email_not_unlocked@domain.com";

/// Who is meant. What we don't know is left out.
#[derive(Serialize)]
pub(super) struct Details<'a> {
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

/// The 200 of `usage_stats/credit_usage_stats`. On plans with one pool `lead_credit` is that pool; the other figures
/// are parts of it and are not to be added.
pub(super) fn usage(body: &[u8]) -> Option<Usage> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let used = answer.pointer("/credit_usage_stats/lead_credit/consumed")?.as_f64()?;
    let cycle = answer.pointer("/current_credit_cycle/start_date")?.as_str()?.to_owned();
    Some(Usage { cycle, used: Milli::from_decimal((used * 1000.0).round() / 1000.0).ok()? })
}

/// The 200 of `people/match`.
pub(super) fn single_reply(body: &[u8]) -> Reply {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Match {
        person: Loose<Person>,
    }
    let Ok(Loose::Object(Match { person })) = serde_json::from_slice(body) else { return unreadable("not JSON") };
    match answer(&person) {
        Some(answer) => Reply::Answered { answers: vec![answer], reported: None, later: None },
        None => unreadable("without a person"),
    }
}

/// The 200 of `people/bulk_match` for this many people.
pub(super) fn bulk_reply(body: &[u8], asked: usize) -> Reply {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Matches {
        matches: List<Loose<Person>, PEOPLE_MAX>,
        credits_consumed: Scalar,
    }
    let Ok(Loose::Object(bulk)) = serde_json::from_slice::<Loose<Matches>>(body) else {
        return unreadable("not JSON");
    };
    let List::Of { items, total } = bulk.matches else { return unreadable("without matches") };
    if total != asked {
        // Whose answer is whose can't be told, and it may have been charged.
        return Reply::Unknown(format!("200 with {total} matches for {asked} people"));
    }
    match items.iter().map(answer).collect() {
        Some(answers) => Reply::Answered { answers, reported: amount(&bulk.credits_consumed), later: None },
        None => unreadable("with a match that is no person"),
    }
}

fn unreadable(what: &str) -> Reply {
    Reply::Unknown(format!("200 {what}"))
}

/// Rounded up where Apollo's fraction is finer than a thousandth: an amount that is a hair too high is better than
/// none at all.
fn amount(credits: &Scalar) -> Option<Milli> {
    let credits = credits.to_decimal()?;
    let rounded = || Milli::from_decimal((credits * 1000.0).ceil() / 1000.0);
    Milli::from_decimal(credits).or_else(|_| rounded()).ok()
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

#[derive(Default, Deserialize)]
#[serde(default)]
struct Organization {
    name: Scalar,
    primary_domain: Scalar,
    website_url: Scalar,
    industry: Scalar,
    estimated_num_employees: Scalar,
    primary_phone: Loose<Phone>,
    phone: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Phone {
    sanitized_number: Scalar,
}

impl Person {
    /// Without an id it is a blank that stands for nobody.
    fn answer(&self) -> Answer {
        let mut profile = self.profile();
        profile.id = self.id.to_text();
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
        // The status of an address that isn't shown says something of an address that we don't have.
        let is_locked = self.email.as_text().is_some_and(|email| email.trim().eq_ignore_ascii_case(LOCKED_EMAIL));
        let email = [(ProfileField::Email, &self.email), (ProfileField::EmailStatus, &self.email_status)];
        for (field, value) in own.into_iter().chain(email.into_iter().filter(|_| !is_locked)) {
            profile.set(field, value.to_text());
        }
        if let Some(organization) = self.organization.as_object() {
            organization.describe(&mut profile);
        }
        profile
    }
}

impl Organization {
    fn describe(&self, profile: &mut Profile) {
        let phone = self.primary_phone.as_object().and_then(|phone| phone.sanitized_number.to_text());
        profile.set(ProfileField::CompanyName, self.name.to_text());
        profile.set(ProfileField::CompanyDomain, self.primary_domain.to_text());
        profile.set(ProfileField::CompanyWebsite, self.website_url.to_text());
        profile.set(ProfileField::CompanyIndustry, self.industry.to_text());
        profile.set(ProfileField::CompanyEmployees, self.estimated_num_employees.to_text());
        profile.set(ProfileField::CompanyPhone, phone.or_else(|| self.phone.to_text()));
    }
}
