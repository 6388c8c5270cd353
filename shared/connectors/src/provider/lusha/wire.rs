//! The shapes of Lusha's requests and answers, and what of them becomes a profile.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::person::{Confidence, DoNotCall, Identity, Profile, ProfileField};
use leadgate_enrichment::provider::{Answer, Began, RefusedAlone, Reply, Usage};
use serde::{Deserialize, Serialize};

use super::super::exchange::{parsed, unreadable};
use super::super::person::{Names, described, do_not_call, e164, set_domain, set_texts, values};
use crate::loose::fields::said;
use crate::loose::{List, Loose, Scalar};

/// The most results that are read: as many as one call may be about.
const RESULTS_MAX: usize = 100;
/// The most addresses, and the most numbers, that are compared for one person.
const CHOICES_MAX: usize = 20;

const NAMES: Names = Names {
    email: "email",
    first_name: "firstName",
    last_name: "lastName",
    company: "companyName",
    domain: "companyDomain",
    linkedin_url: "linkedinUrl",
};

/// Body of a search, with what is to be revealed, if anything is.
#[derive(Serialize)]
pub(super) struct Request<'a> {
    contacts: Vec<Contact<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reveal: Vec<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Contact<'a> {
    /// Comes back with the result, which tells whose it is.
    client_reference_id: String,
    #[serde(flatten)]
    person: BTreeMap<&'static str, &'a str>,
}

impl<'a> Request<'a> {
    pub(super) fn about(people: &'a [Identity], reveal: Vec<&'static str>) -> Self {
        let contact = |(number, person): (usize, &'a Identity)| Contact {
            client_reference_id: number.to_string(),
            person: described(person, &NAMES),
        };
        Self { contacts: people.iter().enumerate().map(contact).collect(), reveal }
    }
}

/// What has to be revealed to know `fields`. Each costs by itself.
pub(super) fn reveal(fields: &BTreeSet<ProfileField>) -> Vec<&'static str> {
    let wanted = values(fields);
    let all = [(ProfileField::Email, "emails"), (ProfileField::MobilePhone, "phones")];
    all.into_iter().filter(|(value, _)| wanted.contains(value)).map(|(_, word)| word).collect()
}

/// The 200 of a search for this many people.
pub(super) fn answers(body: &[u8], people: usize) -> Result<Reply, Reply> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Success {
        results: List<Loose<Person>, RESULTS_MAX>,
        billing: Loose<Billing>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Billing {
        credits_charged: Scalar,
    }
    let Loose::Object(success) = parsed::<Loose<Success>>(body)? else { return Err(unreadable("that is no object")) };
    let charged = success.billing.as_object().and_then(|billing| billing.credits_charged.to_decimal());
    let reported = charged.and_then(|credits| Milli::from_decimal(credits).ok());
    let List::Of { items, total } = &success.results else { return Err(unreadable("without results")) };
    if *total > people {
        return Err(unreadable(format!("with {total} results for {people} people")));
    }
    let answers = in_order(items, people)?;
    let is_charged = reported.is_none_or(|reported| reported > Milli::ZERO);
    Ok(if answers.iter().all(Result::is_ok) {
        Reply::Answered { answers: answers.into_iter().flatten().collect(), reported, asynchronous: None }
    } else if is_charged && answers.iter().all(Result::is_err) {
        // What was charged belongs to none of them, and would be forgotten.
        return Err(unreadable("with a charge, and an answer for none of them"));
    } else {
        Reply::InPart { answers, reported }
    })
}

/// Each result goes to whom it was asked for. One without a result isn't known.
fn in_order(items: &[Loose<Person>], people: usize) -> Result<Vec<Result<Answer, RefusedAlone>>, Reply> {
    let mut results: BTreeMap<usize, &Person> = BTreeMap::new();
    for (place, item) in items.iter().enumerate() {
        let person = item.as_object().ok_or_else(|| unreadable("with a result that is no object"))?;
        let number = match said(&person.client_reference_id) {
            Some(reference) => reference.parse().ok(),
            // Without references, only the order tells.
            None => (items.len() == people).then_some(place),
        };
        let number = number.filter(|number| *number < people && !results.contains_key(number));
        results.insert(number.ok_or_else(|| unreadable("with a result that was not asked for"))?, person);
    }
    Ok((0..people).map(|number| results.get(&number).map_or(Ok(Answer::Miss), |person| person.answer())).collect())
}

/// What `v3/account/usage` says was used. Its cycle is named by the day on which it began.
pub(super) fn used(body: &[u8]) -> Option<Usage> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Account {
        credits: Loose<Credits>,
        plan: Loose<Plan>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Credits {
        used: Scalar,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Plan {
        start_date: Scalar,
    }
    let account: Loose<Account> = parsed(body).ok()?;
    let Account { credits, plan } = account.into_object()?;
    let used = Milli::from_decimal(credits.into_object()?.used.to_decimal()?).ok()?;
    let cycle = said(&plan.into_object()?.start_date)?;
    Some(Usage { began: Began::read(&cycle), cycle, used })
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Person {
    client_reference_id: Scalar,
    id: Scalar,
    first_name: Scalar,
    last_name: Scalar,
    job_title: Loose<JobTitle>,
    location: Loose<Location>,
    company: Loose<Company>,
    social_links: Loose<SocialLinks>,
    emails: List<Loose<Email>, CHOICES_MAX>,
    phones: List<Loose<Phone>, CHOICES_MAX>,
    error: Loose<Failure>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JobTitle {
    title: Scalar,
    seniority: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location {
    city: Scalar,
    state: Scalar,
    country: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Company {
    name: Scalar,
    domain: Scalar,
    industry: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SocialLinks {
    linkedin: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Email {
    email: Scalar,
    r#type: Scalar,
    confidence: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Phone {
    number: Scalar,
    r#type: Scalar,
    do_not_call: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Failure {
    code: Scalar,
}

impl Person {
    fn answer(&self) -> Result<Answer, RefusedAlone> {
        if let Some(failure) = self.error.as_object() {
            return match failure.code.as_word() {
                Some("NOT_FOUND") => Ok(Answer::Miss),
                Some("COMPLIANCE_RESTRICTED") => Ok(Answer::Suppressed),
                Some("ENRICH_FAILED") => Err(RefusedAlone::Transient("ENRICH_FAILED for one of several".to_owned())),
                _ => Err(RefusedAlone::Invalid),
            };
        }
        let profile = self.profile();
        Ok(if profile.is_blank() { Answer::Miss } else { Answer::Hit(profile) })
    }

    fn profile(&self) -> Profile {
        let mut profile = Profile::default();
        profile.set_id(said(&self.id));
        let names = [(ProfileField::FirstName, &self.first_name), (ProfileField::LastName, &self.last_name)];
        set_texts(&mut profile, names);
        if let Some(JobTitle { title, seniority }) = self.job_title.as_object() {
            set_texts(&mut profile, [(ProfileField::Title, title), (ProfileField::Seniority, seniority)]);
        }
        if let Some(Location { city, state, country }) = self.location.as_object() {
            let places = [(ProfileField::City, city), (ProfileField::State, state), (ProfileField::Country, country)];
            set_texts(&mut profile, places);
        }
        if let Some(Company { name, domain, industry }) = self.company.as_object() {
            set_texts(&mut profile, [(ProfileField::CompanyName, name), (ProfileField::CompanyIndustry, industry)]);
            set_domain(&mut profile, domain);
        }
        let linkedin = self.social_links.as_object().and_then(|links| links.linkedin.as_text());
        profile.set(ProfileField::LinkedinUrl, linkedin);
        self.add_email(&mut profile);
        self.add_number(&mut profile);
        profile
    }

    /// The best address that isn't private.
    fn add_email(&self, profile: &mut Profile) {
        let objects = self.emails.items().iter().filter_map(Loose::as_object);
        let Some(best) = objects.filter_map(|email| Some((email.rank()?, email))).min_by_key(|(rank, _)| *rank) else {
            return;
        };
        let (_, email) = best;
        profile.set(ProfileField::Email, email.email.as_text());
        profile.set_confidence(ProfileField::Email, email.confidence());
    }

    /// The best number that may be a mobile one.
    fn add_number(&self, profile: &mut Profile) {
        let objects = self.phones.items().iter().filter_map(Loose::as_object);
        let numbers = objects.filter_map(|phone| Some((phone.rank()?, phone, e164(&phone.number)?)));
        let Some((_, phone, number)) = numbers.min_by_key(|(rank, ..)| *rank) else { return };
        profile.set(ProfileField::MobilePhone, Some(number));
        profile.set_number_status(None, do_not_call(&phone.do_not_call));
    }
}

impl Email {
    /// `None` for one that isn't for work. The best first: surely for work, and then as sure as Lusha is of it.
    fn rank(&self) -> Option<(u8, std::cmp::Reverse<Option<Confidence>>)> {
        let kind = match self.r#type.as_text() {
            Some("work") => 0,
            Some("private") => return None,
            _ => 1,
        };
        said(&self.email).map(|_| (kind, std::cmp::Reverse(self.confidence())))
    }

    /// Its grades go from `A+` down. What they promise isn't documented: none is taken for an address that was found to work.
    fn confidence(&self) -> Option<Confidence> {
        match self.confidence.as_text()?.trim() {
            "A+" | "A" => Some(Confidence::High),
            "B+" | "B" => Some(Confidence::Medium),
            "" => None,
            _ => Some(Confidence::Low),
        }
    }
}

impl Phone {
    /// `None` for the number of a desk. The best first: surely mobile, and on no register.
    fn rank(&self) -> Option<(u8, bool)> {
        let kind = match self.r#type.as_text() {
            Some("mobile") => 0,
            Some("direct" | "work") => return None,
            _ => 1,
        };
        Some((kind, do_not_call(&self.do_not_call) == Some(DoNotCall::Found)))
    }
}
