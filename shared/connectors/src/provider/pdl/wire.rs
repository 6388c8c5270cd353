//! The shapes of People Data Labs' requests and answers, and what of them becomes a profile.

use std::collections::{BTreeMap, BTreeSet};

use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::person::{Confidence, Identity, Profile, ProfileField};
use leadgate_enrichment::provider::{Answer, RefusedAlone, Reply};
use serde::{Deserialize, Serialize};

use super::super::exchange::{Received, parsed, unreadable};
use super::super::person::{Names, described, e164, set_amounts, set_domain, set_texts, values};
use super::classify::{classify, is_a_miss, refused_alone};
use super::client::spent;
use crate::loose::{List, Loose, Scalar};

/// The most levels of seniority that are read. It has one or two.
const LEVELS_MAX: usize = 10;
/// The most answers that are read: as many as one call may be about.
const ANSWERS_MAX: usize = 100;

/// Its names for what a person is asked about by. `company` is a name or a web site: the site, which tells more, takes its
/// place.
const NAMES: Names = Names {
    email: "email",
    first_name: "first_name",
    last_name: "last_name",
    company: "company",
    domain: "company",
    linkedin_url: "profile",
};

/// Who is meant, and what a match has to have. What we don't know is left out.
#[derive(Serialize)]
pub(super) struct Params<'a> {
    #[serde(flatten)]
    person: BTreeMap<&'static str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_likelihood: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<&'static str>,
    /// Names come in small letters otherwise.
    titlecase: bool,
}

impl<'a> Params<'a> {
    pub(super) fn new(identity: &'a Identity, required: Option<&'static str>, min_likelihood: Option<u64>) -> Self {
        Self { person: described(identity, &NAMES), min_likelihood, required, titlecase: true }
    }
}

/// What a person has to have to count as a match, and so to cost something: where nothing but an address or a number is
/// wanted, one without is of no use.
pub(super) fn required(fields: &BTreeSet<ProfileField>) -> Option<&'static str> {
    match values(fields).iter().collect::<Vec<_>>()[..] {
        [ProfileField::Email] => Some("work_email"),
        [ProfileField::MobilePhone] => Some("mobile_phone"),
        [ProfileField::Email, ProfileField::MobilePhone] => Some("work_email OR mobile_phone"),
        _ => None,
    }
}

/// Body of `person/bulk`.
#[derive(Serialize)]
pub(super) struct Bulk<'a> {
    requests: Vec<OneOfSeveral<'a>>,
}

#[derive(Serialize)]
struct OneOfSeveral<'a> {
    params: Params<'a>,
}

impl<'a> Bulk<'a> {
    pub(super) fn of(people: Vec<Params<'a>>) -> Self {
        Self { requests: people.into_iter().map(|params| OneOfSeveral { params }).collect() }
    }
}

/// What `person/enrich` answers, and each item of what `person/bulk` does.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Item {
    status: Scalar,
    likelihood: Scalar,
    data: Loose<Person>,
}

/// The answer of `person/enrich`.
pub(super) fn single_answer(received: &Received) -> Result<Reply, Reply> {
    let answers = if is_a_miss(received) {
        vec![Answer::Miss]
    } else {
        let Loose::Object(item) = parsed::<Loose<Item>>(classify(received)?)? else {
            return Err(unreadable("that is no object"));
        };
        vec![item.hit().ok_or_else(|| unreadable("without a person"))?]
    };
    Ok(Reply::Answered { answers, reported: spent(received), asynchronous: None })
}

/// The 200 of `person/bulk` for this many people: a status for each, in the order asked (documented).
pub(super) fn bulk_answer(body: &[u8], people: usize, reported: Option<Milli>) -> Result<Reply, Reply> {
    let answers: List<Loose<Item>, ANSWERS_MAX> = parsed(body)?;
    let List::Of { items, total } = answers else { return Err(unreadable("that is no list")) };
    if total != people {
        // Whose answer is whose can't be said, and it may have been charged.
        return Err(unreadable(format!("with {total} answers for {people} people")));
    }
    let answer = |item: &Loose<Item>| {
        let item = item.as_object()?;
        match item.status.to_integer()? {
            200 => item.hit().map(Ok),
            404 => Some(Ok(Answer::Miss)),
            status => Some(Err(refused_alone(status))),
        }
    };
    let answers: Option<Vec<Result<Answer, RefusedAlone>>> = items.iter().map(answer).collect();
    let answers = answers.ok_or_else(|| unreadable("with an answer of another shape"))?;
    Ok(match answers.iter().all(Result::is_ok) {
        true => Reply::Answered { answers: answers.into_iter().flatten().collect(), reported, asynchronous: None },
        false => Reply::InPart { answers, reported },
    })
}

impl Item {
    /// The person, if there is one.
    fn hit(&self) -> Option<Answer> {
        let mut profile = self.data.as_object()?.profile();
        if profile.is_blank() {
            return None;
        }
        let likelihood = self.likelihood.to_integer().and_then(confidence);
        for field in [ProfileField::Email, ProfileField::MobilePhone] {
            profile.set_confidence(field, likelihood);
        }
        Some(Answer::Hit(profile))
    }
}

/// How sure it is that the person is the one who was meant ("Likelihood score": 1 to 10, and 6 or more where a wrong person
/// would do harm). Values are at best as sure as that, and none was found to work.
fn confidence(likelihood: i64) -> Option<Confidence> {
    match likelihood {
        1..=5 => Some(Confidence::Low),
        6..=8 => Some(Confidence::Medium),
        9..=10 => Some(Confidence::High),
        _ => None,
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Person {
    id: Scalar,
    first_name: Scalar,
    last_name: Scalar,
    work_email: Scalar,
    mobile_phone: Scalar,
    job_title: Scalar,
    job_title_levels: List<Scalar, LEVELS_MAX>,
    headline: Scalar,
    linkedin_url: Scalar,
    location_locality: Scalar,
    location_region: Scalar,
    location_country: Scalar,
    job_company_name: Scalar,
    job_company_website: Scalar,
    job_company_industry: Scalar,
    job_company_employee_count: Scalar,
    job_company_founded: Scalar,
    job_company_total_funding_raised: Scalar,
    job_company_location_locality: Scalar,
    job_company_location_country: Scalar,
}

impl Person {
    /// Head counts and revenues come as ranges, which are no amounts, and so are left out; what a plan lacks is `true`.
    fn profile(&self) -> Profile {
        let mut profile = Profile::default();
        profile.set_id(self.id.as_text());
        let texts = [
            (ProfileField::FirstName, &self.first_name),
            (ProfileField::LastName, &self.last_name),
            (ProfileField::Email, &self.work_email),
            (ProfileField::Title, &self.job_title),
            (ProfileField::Headline, &self.headline),
            (ProfileField::LinkedinUrl, &self.linkedin_url),
            (ProfileField::City, &self.location_locality),
            (ProfileField::State, &self.location_region),
            (ProfileField::Country, &self.location_country),
            (ProfileField::CompanyName, &self.job_company_name),
            (ProfileField::CompanyIndustry, &self.job_company_industry),
            (ProfileField::CompanyCity, &self.job_company_location_locality),
            (ProfileField::CompanyCountry, &self.job_company_location_country),
        ];
        set_texts(&mut profile, texts);
        set_domain(&mut profile, &self.job_company_website);
        let amounts = [
            (ProfileField::CompanyEmployees, &self.job_company_employee_count),
            (ProfileField::CompanyFounded, &self.job_company_founded),
            (ProfileField::CompanyFunding, &self.job_company_total_funding_raised),
        ];
        set_amounts(&mut profile, amounts);
        profile.set(ProfileField::Seniority, self.job_title_levels.items().iter().find_map(Scalar::as_text));
        profile.set(ProfileField::MobilePhone, e164(&self.mobile_phone));
        profile
    }
}
