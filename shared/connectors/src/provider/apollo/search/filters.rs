//! What people and organizations are found by.

use jiff::civil::Date;
use leadgate_enrichment::provider::prospecting::Seniority;
use serde::{Serialize, Serializer};

use super::super::classify::CallError;
use super::Page;

/// The most values in one filter: what is documented for domains.
const VALUES_MAX: usize = 1000;

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
    /// Where they look for new people.
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
    pub(super) fn check(&self) -> Result<(), CallError> {
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
    pub(super) fn check(&self) -> Result<(), CallError> {
        self.filters.check()?;
        fit(&[&self.organization_not_locations, &self.q_organization_keyword_tags])
    }
}

impl OrganizationFilters {
    pub(super) fn check(&self) -> Result<(), CallError> {
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

pub(in super::super) fn fit(filters: &[&Vec<String>]) -> Result<(), CallError> {
    match filters.iter().all(|values| values.len() <= VALUES_MAX) {
        true => Ok(()),
        false => Err(CallError::Invalid(format!("a filter has more than {VALUES_MAX} values"))),
    }
}
