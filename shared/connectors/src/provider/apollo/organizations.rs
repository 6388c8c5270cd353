//! Organizations: those looked up by domain, and those that people work for.

use leadgate_enrichment::person::{Profile, ProfileField};
use leadgate_enrichment::provider::{Answer, Reply};
use serde::{Deserialize, Serialize};

use super::classify::CallError;
use super::exchange::{PEOPLE_MAX, amount, object};
use crate::loose::fields::said;
use crate::loose::{List, Loose, Scalar};

/// Query of `organizations/enrich`, and one of those looked up with `organizations/bulk_enrich`.
#[derive(Serialize)]
pub(super) struct Asked<'a> {
    pub(super) domain: &'a str,
}

/// Body of `organizations/bulk_enrich`. The documented alternative is `domains[]` in the query, which it goes before.
#[derive(Serialize)]
pub(super) struct Bulk<'a> {
    pub(super) details: Vec<Asked<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Organization {
    id: Scalar,
    /// In search results an account, which is an organization that has been saved, has an id of its own.
    organization_id: Scalar,
    name: Scalar,
    primary_domain: Scalar,
    /// An account's word for it.
    domain: Scalar,
    website_url: Scalar,
    industry: Scalar,
    estimated_num_employees: Scalar,
    primary_phone: Loose<Phone>,
    phone: Scalar,
    annual_revenue: Scalar,
    founded_year: Scalar,
    total_funding: Scalar,
    short_description: Scalar,
    seo_description: Scalar,
    city: Scalar,
    country: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Phone {
    sanitized_number: Scalar,
}

impl Organization {
    /// What is known of it, under its own id.
    pub(super) fn profile(&self) -> Profile {
        let mut profile = Profile::default();
        profile.set_id(first([&self.organization_id, &self.id]));
        self.describe(&mut profile);
        profile
    }

    /// Adds it to what is known of a person who works there.
    pub(super) fn describe(&self, profile: &mut Profile) {
        let phone = self.primary_phone.as_object().map(|phone| &phone.sanitized_number);
        let fields = [
            (ProfileField::CompanyName, self.name.to_text()),
            (ProfileField::CompanyDomain, first([&self.primary_domain, &self.domain])),
            (ProfileField::CompanyWebsite, self.website_url.to_text()),
            (ProfileField::CompanyIndustry, self.industry.to_text()),
            (ProfileField::CompanyEmployees, self.estimated_num_employees.to_text()),
            (ProfileField::CompanyPhone, first([phone.unwrap_or(&self.phone), &self.phone])),
            (ProfileField::CompanyRevenue, self.annual_revenue.to_text()),
            (ProfileField::CompanyFounded, self.founded_year.to_text()),
            (ProfileField::CompanyFunding, self.total_funding.to_text()),
            (ProfileField::CompanyDescription, first([&self.short_description, &self.seo_description])),
            (ProfileField::CompanyCity, self.city.to_text()),
            (ProfileField::CompanyCountry, self.country.to_text()),
        ];
        for (field, value) in fields {
            profile.set(field, value);
        }
    }

    fn answer(&self) -> Answer {
        let profile = self.profile();
        if profile.is_blank() { Answer::Miss } else { Answer::Hit(profile) }
    }

    /// Whether it is what was meant by this domain.
    fn is_at(&self, domain: &str) -> bool {
        let own = [&self.primary_domain, &self.domain, &self.website_url];
        own.iter().filter_map(|own| own.as_text()).any(|own| bare(own) == bare(domain))
    }
}

/// The 200 of `organizations/enrich`.
pub(super) fn single_answer(body: &[u8]) -> Result<Reply, CallError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Enriched {
        organization: Loose<Organization>,
        credits_consumed: Scalar,
    }
    let enriched: Enriched = object(body)?;
    let answer = match &enriched.organization {
        Loose::Object(organization) => organization.answer(),
        none if none.is_null() => Answer::Miss,
        Loose::Other(_) => return Err(CallError::unreadable("without an organization")),
    };
    let reported = amount(&enriched.credits_consumed);
    Ok(Reply::Answered { answers: vec![answer], reported, asynchronous: None })
}

/// The 200 of `organizations/bulk_enrich`. It lists those that Apollo knows, so that a place in the list says nothing:
/// each goes to the request for its domain.
pub(super) fn bulk_answer(body: &[u8], domains: &[String]) -> Result<Reply, CallError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Enriched {
        organizations: List<Loose<Organization>, PEOPLE_MAX>,
        credits_consumed: Scalar,
    }
    let enriched: Enriched = object(body)?;
    let List::Of { items, total } = &enriched.organizations else {
        return Err(CallError::unreadable("without organizations"));
    };
    if *total > domains.len() || items.iter().any(|item| item.as_object().is_none() && !item.is_null()) {
        // Whose answer is whose can't be told, and it may have been charged.
        return Err(CallError::unreadable("with organizations that weren't asked for"));
    }
    let known: Vec<&Organization> = items.iter().filter_map(Loose::as_object).collect();
    let find = |domain: &String| known.iter().find(|organization| organization.is_at(domain));
    let answers = domains.iter().map(|domain| find(domain).map_or(Answer::Miss, |found| found.answer())).collect();
    Ok(Reply::Answered { answers, reported: amount(&enriched.credits_consumed), asynchronous: None })
}

/// The first that says something.
fn first(values: [&Scalar; 2]) -> Option<String> {
    values.into_iter().find_map(said)
}

/// `https://www.Example.com/about` → `example.com`.
fn bare(site: &str) -> String {
    let site = site.trim().to_lowercase();
    let host = site.split_once("://").map_or(site.as_str(), |(_, rest)| rest);
    let host = host.split(['/', '?', '#', ':']).next().unwrap_or_default();
    host.strip_prefix("www.").unwrap_or(host).to_owned()
}
