//! Finding people and organizations by what they are.
//!
//! The filters go into a JSON body, as Apollo's own command line tool sends them.

use std::time::Duration;

use jiff::civil::Date;
use leadgate_enrichment::person::Profile;
use reqwest::Method;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::classify::CallError;
use super::client::Apollo;
use super::exchange::{Called, not_made};
use super::organizations::Organization;
use crate::loose::fields::{count, list, object, text, truth};
use crate::loose::{List, Loose};

/// The most results on a page (documented).
pub(super) const PAGE_RESULTS_MAX: usize = 100;

/// The last page that Apollo shows: 50,000 results in all (documented).
const PAGES_MAX: u16 = 500;

/// The most values in one filter: what is documented for domains.
const VALUES_MAX: usize = 1000;

impl Apollo {
    /// People, without their addresses and with masked family names: their ids are what to look up. Free of charge.
    pub async fn search_people(&self, search: &PeopleSearch, timeout: Duration) -> Called<PeopleFound> {
        if let Err(error) = search.check() {
            return not_made(error);
        }
        self.call(self.request(Method::POST, "mixed_people/api_search").json(search), timeout).await
    }

    /// Organizations. Charged by the page, whether it holds one or 100; an empty one is free (observed). After
    /// [`CallError::Unknown`] it may have been charged.
    pub async fn search_organizations(
        &self,
        search: &OrganizationSearch,
        timeout: Duration,
    ) -> Called<OrganizationsFound> {
        if let Err(error) = search.check() {
            return not_made(error);
        }
        self.call(self.request(Method::POST, "mixed_companies/search").json(search), timeout).await
    }
}

/// A page of results. The first unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Page {
    page: u16,
    per_page: u8,
}

impl Page {
    /// Page number `page`, from 1 to 500, of `size` results, from 1 to 100. `None` beyond that.
    pub fn new(page: u16, size: u8) -> Option<Self> {
        let fits = (1..=PAGES_MAX).contains(&page) && (1..=PAGE_RESULTS_MAX).contains(&usize::from(size));
        fits.then_some(Self { page, per_page: size })
    }
}

impl Default for Page {
    fn default() -> Self {
        Self { page: 1, per_page: 25 }
    }
}

/// From and to, both included. Open where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Range<T> {
    /// From.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<T>,
    /// To.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<T>,
}

/// So many employees, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Employees {
    /// From.
    pub min: u32,
    /// To.
    pub max: u32,
}

impl Serialize for Employees {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{},{}", self.min, self.max))
    }
}

/// How high somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Seniority {
    /// Owns it.
    Owner,
    /// Founded it.
    Founder,
    /// CEO, CFO, …
    CSuite,
    /// A partner.
    Partner,
    /// A vice president.
    Vp,
    /// Head of something.
    Head,
    /// A director.
    Director,
    /// A manager.
    Manager,
    /// A senior.
    Senior,
    /// At the beginning.
    Entry,
    /// An intern.
    Intern,
}

/// What Apollo says of an address, as a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressStatus {
    /// It vouches for it.
    Verified,
    /// It doesn't.
    Unverified,
    /// It expects an answer.
    #[serde(rename = "likely to engage")]
    LikelyToEngage,
    /// It has none.
    Unavailable,
}

/// Who is looked for: those who meet every filter, by one of its values. Those left empty don't count.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PeopleSearch {
    /// Job titles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub person_titles: Vec<String>,
    /// Whether similar titles do as well. They do unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_similar_titles: Option<bool>,
    /// Words that occur anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q_keywords: Option<String>,
    /// Where they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub person_locations: Vec<String>,
    /// How high they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub person_seniorities: Vec<Seniority>,
    /// What is said of their addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contact_email_status: Vec<AddressStatus>,
    /// What their employers are.
    #[serde(flatten)]
    pub employer: OrganizationFilters,
    /// All of these technologies are in use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub currently_using_all_of_technology_uids: Vec<String>,
    /// None of these is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub currently_not_using_any_of_technology_uids: Vec<String>,
    /// Which of them.
    #[serde(flatten)]
    pub page: Page,
}

/// What organizations are looked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct OrganizationSearch {
    /// What they are.
    #[serde(flatten)]
    pub filters: OrganizationFilters,
    /// A part of the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q_organization_name: Option<String>,
    /// Where they are not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub organization_not_locations: Vec<String>,
    /// What they do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub q_organization_keyword_tags: Vec<String>,
    /// The last round, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_funding_amount_range: Option<Range<u64>>,
    /// All rounds, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_funding_range: Option<Range<u64>>,
    /// When the last round was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_funding_date_range: Option<Range<Date>>,
    /// Which of them.
    #[serde(flatten)]
    pub page: Page,
}

/// What organizations are, in both searches.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct OrganizationFilters {
    /// By Apollo's ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub organization_ids: Vec<String>,
    /// By bare domains.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub q_organization_domains_list: Vec<String>,
    /// Where their seat is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub organization_locations: Vec<String>,
    /// How large they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub organization_num_employees_ranges: Vec<Employees>,
    /// Yearly, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revenue_range: Option<Range<u64>>,
    /// One of these technologies is in use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub currently_using_any_of_technology_uids: Vec<String>,
    /// Titles that they look for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub q_organization_job_titles: Vec<String>,
    /// Where they look for somebody.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub organization_job_locations: Vec<String>,
    /// For how many jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_num_jobs_range: Option<Range<u32>>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_job_posted_at_range: Option<Range<Date>>,
}

impl PeopleSearch {
    fn check(&self) -> Result<(), CallError> {
        self.employer.check()?;
        let own = [
            &self.person_titles,
            &self.person_locations,
            &self.currently_using_all_of_technology_uids,
            &self.currently_not_using_any_of_technology_uids,
        ];
        fit(&own)
    }
}

impl OrganizationSearch {
    fn check(&self) -> Result<(), CallError> {
        self.filters.check()?;
        fit(&[&self.organization_not_locations, &self.q_organization_keyword_tags])
    }
}

impl OrganizationFilters {
    fn check(&self) -> Result<(), CallError> {
        fit(&[
            &self.organization_ids,
            &self.q_organization_domains_list,
            &self.organization_locations,
            &self.currently_using_any_of_technology_uids,
            &self.q_organization_job_titles,
            &self.organization_job_locations,
        ])
    }
}

pub(super) fn fit(filters: &[&Vec<String>]) -> Result<(), CallError> {
    match filters.iter().all(|values| values.len() <= VALUES_MAX) {
        true => Ok(()),
        false => Err(CallError::Invalid(format!("a filter has more than {VALUES_MAX} values"))),
    }
}

/// A page of people.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PeopleFound {
    /// How many there are on all pages.
    #[serde(deserialize_with = "count")]
    pub total_entries: Option<u64>,
    /// Those on this one.
    #[serde(deserialize_with = "list::<_, _, PAGE_RESULTS_MAX>")]
    pub people: Vec<PersonFound>,
}

/// Somebody, before being looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PersonFound {
    /// Apollo's id of them.
    #[serde(deserialize_with = "text")]
    pub id: Option<String>,
    /// Given name.
    #[serde(deserialize_with = "text")]
    pub first_name: Option<String>,
    /// Family name, with most of it masked.
    #[serde(deserialize_with = "text")]
    pub last_name_obfuscated: Option<String>,
    /// Job title.
    #[serde(deserialize_with = "text")]
    pub title: Option<String>,
    /// When Apollo last looked.
    #[serde(deserialize_with = "text")]
    pub last_refreshed_at: Option<String>,
    /// Whether there is an address.
    #[serde(deserialize_with = "truth")]
    pub has_email: Option<bool>,
    /// `Yes`, or what else Apollo says of a number.
    #[serde(deserialize_with = "text")]
    pub has_direct_phone: Option<String>,
    /// The employer.
    #[serde(deserialize_with = "object")]
    pub organization: Option<EmployerFound>,
}

/// An employer, before anybody is looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct EmployerFound {
    /// Its name.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
}

/// A page of organizations.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct OrganizationsFound {
    /// Where it stands among all of them.
    #[serde(deserialize_with = "object")]
    pub pagination: Option<Pagination>,
    /// Those that the team has not saved.
    #[serde(deserialize_with = "profiles")]
    pub organizations: Vec<Profile>,
    /// Those that it has, as accounts.
    #[serde(deserialize_with = "profiles")]
    pub accounts: Vec<Profile>,
    /// Whether there are more than Apollo shows.
    #[serde(deserialize_with = "truth")]
    pub partial_results_only: Option<bool>,
}

/// Where a page stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Pagination {
    /// Its number, from 1.
    #[serde(deserialize_with = "count")]
    pub page: Option<u64>,
    /// The most on a page.
    #[serde(deserialize_with = "count")]
    pub per_page: Option<u64>,
    /// How many there are on all pages.
    #[serde(deserialize_with = "count")]
    pub total_entries: Option<u64>,
    /// How many pages there are.
    #[serde(deserialize_with = "count")]
    pub total_pages: Option<u64>,
}

fn profiles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Profile>, D::Error> {
    let organizations = List::<Loose<Organization>, PAGE_RESULTS_MAX>::deserialize(deserializer)?.into_objects();
    Ok(organizations.iter().map(Organization::profile).collect())
}
