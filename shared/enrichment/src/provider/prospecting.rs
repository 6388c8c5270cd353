//! Finding accounts and people that nobody has named. What is found is a candidate: its id is what to look up.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use crate::person::Profile;
use crate::provider::told::Told;

/// A provider that finds accounts and people by what they are.
#[async_trait::async_trait]
pub trait Prospector: Send + Sync {
    /// How much of one search the provider shows.
    fn ceiling(&self) -> SearchCeiling;

    /// What the limits of a search are counted under.
    fn search_endpoint(&self, search: SearchKind) -> &'static str;

    /// One page of accounts, in one call that may be charged, so that it isn't retried inside.
    async fn find_accounts(
        &self,
        wanted: &AccountFilter,
        page: u16,
        timeout: Duration,
    ) -> Told<SearchReply<FoundAccount>>;

    /// One page of people, in one call that may be charged, so that it isn't retried inside.
    async fn find_people(&self, wanted: &PeopleFilter, page: u16, timeout: Duration) -> Told<SearchReply<FoundPerson>>;
}

/// The kinds of search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchKind {
    /// Of accounts.
    Accounts,
    /// Of people.
    People,
}

/// How much of one search a provider shows, whatever it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchCeiling {
    /// The results on a full page.
    pub results_per_page: u16,
    /// The last page, counted from 1.
    pub pages_max: u16,
}

impl SearchCeiling {
    /// The most results of one search.
    pub fn results_max(self) -> u64 {
        u64::from(self.results_per_page) * u64::from(self.pages_max)
    }

    /// Whether all of so many results are shown. If not, the search has to be split.
    pub fn shows(self, total: u64) -> bool {
        total <= self.results_max()
    }

    /// How many pages are shown of so many results.
    pub fn pages(self, total: u64) -> u16 {
        let pages = total.div_ceil(u64::from(self.results_per_page.max(1)));
        u16::try_from(pages).unwrap_or(u16::MAX).min(self.pages_max)
    }
}

/// Which accounts are wanted: those that meet every list by one of its values. An empty list is no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// How many people work there.
    pub employees: Vec<EmployeeRange>,
    /// Where the seat is: countries, states or cities, in English.
    pub locations: Vec<String>,
    /// Where it is not.
    pub locations_excluded: Vec<String>,
    /// What they do, in the provider's words.
    pub industries: Vec<String>,
}

/// So many employees, both included: `51-200`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmployeeRange {
    /// From.
    pub min: u32,
    /// To.
    pub max: u32,
}

impl fmt::Display for EmployeeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.min, self.max)
    }
}

/// Which people are wanted: those who meet every list by one of its values. An empty list is no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeopleFilter {
    /// Bare domains of the accounts that they work for.
    pub domains: Vec<String>,
    /// Job titles, or parts of them.
    pub titles: Vec<String>,
    /// How high they are.
    pub seniorities: Vec<Seniority>,
}

/// How high a person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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

/// An account, as a search tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundAccount {
    /// Its bare domain: accounts are told apart by it.
    pub domain: String,
    /// What the search tells of it, under the provider's id.
    pub profile: Profile,
}

/// A person, as a search tells them: too little to write to anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPerson {
    /// The provider's id, by which they are looked up.
    pub id: String,
    /// Job title.
    pub title: Option<String>,
    /// Whether the provider has an address. `None` if it doesn't say.
    pub has_email: Option<bool>,
}

/// A page of results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPage<T> {
    /// Those on it that can be worked with.
    pub found: Vec<T>,
    /// How many more are on it: named twice, or without what they are told apart by.
    pub left_out: usize,
    /// How many results there are on all pages, also on those beyond the ceiling.
    pub total: u64,
}

impl<T> SearchPage<T> {
    /// Whether there is nothing on it. Some providers charge for a page only if there is.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.left_out == 0
    }
}

/// How a search ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchReply<T> {
    /// With a page.
    Found(SearchPage<T>),
    /// Not now, and not charged: a rate limit.
    Throttled {
        /// When it said to come back.
        retry_after: Option<Duration>,
    },
    /// The provider says that our credits with it are used up. Not charged.
    OutOfCredits,
    /// The key is wrong, or it or the plan lacks the right. Not charged.
    Denied(String),
    /// The search itself is wrong, or the page is beyond the ceiling. Not charged.
    Invalid(String),
    /// It didn't get there, or was turned away before any work. Not charged.
    Transient(String),
    /// We can't know whether it was carried out, or what it found: it may have been charged.
    Unknown(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    const CEILING: SearchCeiling = SearchCeiling { results_per_page: 100, pages_max: 500 };

    #[test]
    fn pages_end_at_the_ceiling() {
        let pages = [0, 1, 100, 101, 49_901, 50_000, 50_001, u64::MAX].map(|total| CEILING.pages(total));
        assert_eq!(pages, [0, 1, 1, 2, 500, 500, 500, 500]);
    }

    #[test]
    fn a_search_is_split_only_when_some_of_it_is_not_shown() {
        assert_eq!(CEILING.results_max(), 50_000);
        assert!(CEILING.shows(0) && CEILING.shows(50_000) && !CEILING.shows(50_001));
    }
}
