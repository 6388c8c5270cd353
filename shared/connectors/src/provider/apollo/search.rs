//! Finding people and organizations by what they are.
//!
//! The filters go into a JSON body, as Apollo's own command line tool sends them.

mod filters;

use std::time::Duration;

use leadgate_enrichment::person::Profile;
use reqwest::Method;
use serde::{Deserialize, Deserializer, Serialize};

pub(super) use self::filters::fit;
pub use self::filters::{AddressStatus, Employees, OrganizationFilters, OrganizationSearch, PeopleSearch, Range};
use super::exchange::{Apollo, Called, not_made};
use super::organizations::Organization;
use crate::loose::fields::{count, list, object, text, truth};
use crate::loose::{List, Loose};

/// Where people are found.
pub(super) const PEOPLE: &str = "mixed_people/api_search";

/// Where organizations are found.
pub(super) const COMPANIES: &str = "mixed_companies/search";

/// The most results on a page (documented).
pub(super) const RESULTS_PER_PAGE: u8 = 100;
pub(super) const PAGE_RESULTS_MAX: usize = RESULTS_PER_PAGE as usize;

/// The last page that Apollo shows: 50,000 results in all (documented).
pub(super) const PAGES_MAX: u16 = 500;

impl Apollo {
    /// People, without their addresses and with masked family names: their ids are what to look up. Free of charge.
    pub async fn search_people(&self, search: &PeopleSearch, timeout: Duration) -> Called<PeopleFound> {
        if let Err(error) = search.check() {
            return not_made(error);
        }
        self.call(self.request(Method::POST, PEOPLE).json(search), timeout).await
    }

    /// Organizations. Charged by the page, whether it holds one or 100; an empty one is free (observed). After
    /// [`CallError::Unknown`](super::CallError::Unknown) it may have been charged.
    pub async fn search_organizations(
        &self,
        search: &OrganizationSearch,
        timeout: Duration,
    ) -> Called<OrganizationsFound> {
        if let Err(error) = search.check() {
            return not_made(error);
        }
        self.call(self.request(Method::POST, COMPANIES).json(search), timeout).await
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

/// A person, before being looked up.
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

/// An employer, before a person is looked up.
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
