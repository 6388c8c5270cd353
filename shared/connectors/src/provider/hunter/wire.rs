//! The shapes of Hunter's requests and answers, and what of them becomes a profile.

use std::time::Duration;

use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::person::{Confidence, EmailStatus, Identity, Profile, ProfileField};
use leadgate_enrichment::provider::{Answer, Reply, Usage};
use serde::Deserialize;

use super::super::exchange::{Received, answered_one, parsed, unreadable};
use super::super::person::{set_amounts, set_domain, set_texts};
use super::classify::{classify, is_a_miss, max_duration};
use crate::loose::fields::said;
use crate::loose::{List, Loose, Scalar};

/// From this score on, of 100, an address that can't be verified is likely.
const LIKELY: i64 = 80;

/// The most numbers of a company that are read: the first is taken.
const NUMBERS_MAX: usize = 20;

/// What is asked of a person.
pub(super) enum Question<'a> {
    /// What is known of the one with this address.
    WhoHas(&'a str),
    /// The address of the one with this name, who works there: at a domain, or a company of this name.
    Address { first_name: &'a str, last_name: &'a str, employer: (&'static str, &'a str) },
    /// The address of the one with this profile.
    AddressOf { linkedin_handle: &'a str },
}

impl<'a> Question<'a> {
    /// `None` if there is too little to ask with.
    pub(super) fn about(identity: &'a Identity) -> Option<Self> {
        if let Some(email) = identity.email.as_deref() {
            return Some(Self::WhoHas(email));
        }
        let domain = identity.domain.as_deref().map(|domain| ("domain", domain));
        let employer = domain.or_else(|| Some(("company", identity.company.as_deref()?)));
        match (identity.first_name.as_deref(), identity.last_name.as_deref(), employer) {
            (Some(first_name), Some(last_name), Some(employer)) => {
                Some(Self::Address { first_name, last_name, employer })
            }
            _ => Some(Self::AddressOf { linkedin_handle: handle(identity.linkedin_url.as_deref()?)? }),
        }
    }

    pub(super) fn path(&self) -> &'static str {
        match self {
            Self::WhoHas(_) => "combined/find",
            Self::Address { .. } | Self::AddressOf { .. } => "email-finder",
        }
    }

    pub(super) fn parameters(&self, timeout: Duration) -> Vec<(&'static str, String)> {
        let mut parameters = match self {
            Self::WhoHas(email) => return vec![("email", (*email).to_owned())],
            Self::Address { first_name, last_name, employer: (kind, name) } => vec![
                (*kind, (*name).to_owned()),
                ("first_name", (*first_name).to_owned()),
                ("last_name", (*last_name).to_owned()),
            ],
            Self::AddressOf { linkedin_handle } => vec![("linkedin_handle", (*linkedin_handle).to_owned())],
        };
        parameters.push(("max_duration", max_duration(timeout).to_string()));
        parameters
    }

    /// What comes of the answer. It says nothing of its cost.
    pub(super) fn read(&self, received: &Received) -> Result<Reply, Reply> {
        let answer = match is_a_miss(received) {
            true => Answer::Miss,
            false => self.answer(classify(received)?)?,
        };
        Ok(answered_one(answer))
    }

    fn answer(&self, body: &[u8]) -> Result<Answer, Reply> {
        let profile = match self {
            Self::WhoHas(_) => data::<Combined>(body)?.profile(),
            Self::Address { .. } | Self::AddressOf { .. } => {
                let found: Found = data(body)?;
                // One that isn't found isn't charged for, whatever else comes back.
                if said(&found.email).is_none() {
                    return Ok(Answer::Miss);
                }
                found.profile()
            }
        };
        Ok(if profile.is_blank() { Answer::Miss } else { Answer::Hit(profile) })
    }
}

/// `https://www.linkedin.com/in/ada-l/?x=y` → `ada-l`
fn handle(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("/in/")?;
    rest.split(['/', '?', '#']).next().filter(|handle| !handle.is_empty())
}

/// What a success holds.
fn data<T: for<'de> Deserialize<'de> + Default>(body: &[u8]) -> Result<T, Reply> {
    #[derive(Deserialize)]
    struct Success<T> {
        data: Loose<T>,
    }
    match parsed::<Loose<Success<T>>>(body)? {
        Loose::Object(Success { data: Loose::Object(data) }) => Ok(data),
        _ => Err(unreadable("without data")),
    }
}

/// An address that was found.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Found {
    first_name: Scalar,
    last_name: Scalar,
    email: Scalar,
    score: Scalar,
    domain: Scalar,
    position: Scalar,
    linkedin_url: Scalar,
    company: Scalar,
    verification: Loose<Verification>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Verification {
    status: Scalar,
}

impl Found {
    /// Its number isn't said to be a mobile one.
    fn profile(&self) -> Profile {
        let mut profile = Profile::default();
        let texts = [
            (ProfileField::FirstName, &self.first_name),
            (ProfileField::LastName, &self.last_name),
            (ProfileField::Email, &self.email),
            (ProfileField::Title, &self.position),
            (ProfileField::LinkedinUrl, &self.linkedin_url),
            (ProfileField::CompanyName, &self.company),
        ];
        set_texts(&mut profile, texts);
        set_domain(&mut profile, &self.domain);
        let status = self.verification.as_object().and_then(|it| it.status.as_text()).unwrap_or_default();
        let (status, confidence) = standing(status, self.score.to_integer().unwrap_or_default());
        profile.set_confidence(ProfileField::Email, Some(confidence));
        profile.set_email_status(Some(status));
        profile
    }
}

/// An address's status in the words that all providers share, and how sure Hunter is of it: what it has verified works. At a
/// host that takes everything, or doesn't answer, its score of 0 to 100 is all there is.
fn standing(status: &str, score: i64) -> (EmailStatus, Confidence) {
    let by_score = if score >= LIKELY { Confidence::Medium } else { Confidence::Low };
    match status {
        "valid" => (EmailStatus::Verified, Confidence::Verified),
        "accept_all" | "unknown" | "" => (EmailStatus::Extrapolated, by_score),
        "invalid" => (EmailStatus::Invalid, Confidence::Low),
        _ => (EmailStatus::Unknown, Confidence::Low),
    }
}

/// What it says of an address that it was asked to check (hunter.io/api-documentation; the words are documented). It charges for
/// none that it can't tell anything of.
pub(super) fn verdict(address: &str, received: &Received) -> Result<Reply, Reply> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Verdict {
        status: Scalar,
        score: Scalar,
    }
    let verdict: Verdict = data(classify(received)?)?;
    let score = verdict.score.to_integer().unwrap_or_default();
    let (status, confidence) = match verdict.status.as_text().unwrap_or_default() {
        "" => return Err(unreadable("without a status")),
        "unknown" | "disposable" => return Ok(answered_one(Answer::Miss)),
        "invalid" => (EmailStatus::Invalid, None),
        // A mail service for all the world tells nobody who has an address there.
        "webmail" => {
            (EmailStatus::Extrapolated, Some(if score >= LIKELY { Confidence::Medium } else { Confidence::Low }))
        }
        other => {
            let (status, confidence) = standing(other, score);
            (status, Some(confidence))
        }
    };
    let mut profile = Profile::default();
    profile.set(ProfileField::Email, Some(address));
    profile.set_email_status(Some(status));
    profile.set_confidence(ProfileField::Email, confidence);
    Ok(answered_one(Answer::Hit(profile)))
}

/// What is known of a person and their employer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Combined {
    person: Loose<Person>,
    company: Loose<Company>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Person {
    id: Scalar,
    name: Loose<Name>,
    email: Scalar,
    geo: Loose<Place>,
    employment: Loose<Employment>,
    linkedin: Loose<Handle>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Name {
    given_name: Scalar,
    family_name: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Place {
    city: Scalar,
    state: Scalar,
    country: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Employment {
    domain: Scalar,
    name: Scalar,
    title: Scalar,
    seniority: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Handle {
    handle: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Company {
    name: Scalar,
    domain: Scalar,
    site: Loose<Site>,
    category: Loose<Category>,
    description: Scalar,
    founded_year: Scalar,
    geo: Loose<Place>,
    metrics: Loose<Metrics>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Site {
    phone_numbers: List<Scalar, NUMBERS_MAX>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Category {
    industry: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metrics {
    employees: Scalar,
    raised: Scalar,
    annual_revenue: Scalar,
}

impl Combined {
    fn profile(&self) -> Profile {
        let mut profile = Profile::default();
        if let Some(person) = self.person.as_object() {
            person.describe(&mut profile);
        }
        if let Some(company) = self.company.as_object() {
            company.describe(&mut profile);
        }
        profile
    }
}

impl Person {
    fn describe(&self, profile: &mut Profile) {
        profile.set_id(self.id.as_text());
        profile.set(ProfileField::Email, self.email.as_text());
        if let Some(Name { given_name, family_name }) = self.name.as_object() {
            set_texts(profile, [(ProfileField::FirstName, given_name), (ProfileField::LastName, family_name)]);
        }
        if let Some(Place { city, state, country }) = self.geo.as_object() {
            let places = [(ProfileField::City, city), (ProfileField::State, state), (ProfileField::Country, country)];
            set_texts(profile, places);
        }
        if let Some(Employment { domain, name, title, seniority }) = self.employment.as_object() {
            let texts =
                [(ProfileField::CompanyName, name), (ProfileField::Title, title), (ProfileField::Seniority, seniority)];
            set_texts(profile, texts);
            set_domain(profile, domain);
        }
        let handle = self.linkedin.as_object().and_then(|linkedin| linkedin.handle.as_word());
        profile.set(ProfileField::LinkedinUrl, handle.map(|handle| format!("https://www.linkedin.com/in/{handle}")));
    }
}

impl Company {
    /// What the company says of itself goes before what is known of the person's work there.
    fn describe(&self, profile: &mut Profile) {
        let texts = [(ProfileField::CompanyName, &self.name), (ProfileField::CompanyDescription, &self.description)];
        set_texts(profile, texts);
        set_domain(profile, &self.domain);
        let industry = self.category.as_object().and_then(|category| category.industry.as_text());
        profile.set(ProfileField::CompanyIndustry, industry);
        let numbers = self.site.as_object().map(|site| site.phone_numbers.items()).unwrap_or_default();
        profile.set(ProfileField::CompanyPhone, numbers.iter().find_map(Scalar::as_text));
        if let Some(Place { city, country, .. }) = self.geo.as_object() {
            set_texts(profile, [(ProfileField::CompanyCity, city), (ProfileField::CompanyCountry, country)]);
        }
        set_amounts(profile, [(ProfileField::CompanyFounded, &self.founded_year)]);
        if let Some(Metrics { employees, raised, annual_revenue }) = self.metrics.as_object() {
            let amounts = [
                (ProfileField::CompanyEmployees, employees),
                (ProfileField::CompanyFunding, raised),
                (ProfileField::CompanyRevenue, annual_revenue),
            ];
            set_amounts(profile, amounts);
        }
    }
}

/// What `account` says was used: of the credits, where a plan has one pool, else of searches and verifications. Its cycle is named by the day
/// on which it ends.
pub(super) fn used(body: &[u8]) -> Option<Usage> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Account {
        reset_date: Scalar,
        requests: Loose<Requests>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Requests {
        credits: Loose<Count>,
        searches: Loose<Count>,
        verifications: Loose<Count>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Count {
        used: Scalar,
    }
    let account: Account = data(body).ok()?;
    let Requests { credits, searches, verifications } = account.requests.into_object()?;
    let used = |count: &Loose<Count>| Milli::from_decimal(count.as_object()?.used.to_decimal()?).ok();
    let cycle = said(&account.reset_date)?;
    let of_pools = || Some(used(&searches)? + used(&verifications).unwrap_or_default());
    Some(Usage { cycle, began: None, used: used(&credits).or_else(of_pools)? })
}
