//! Apollo as a provider that finds accounts and people.

use std::collections::BTreeSet;
use std::time::Duration;

use leadgate_enrichment::person::{Profile, ProfileField, bare_domain};
use leadgate_enrichment::provider::Told;
use leadgate_enrichment::provider::prospecting::{
    AccountFilter, FoundAccount, FoundPerson, PeopleFilter, Prospector, SearchCeiling, SearchKind, SearchPage,
    SearchReply,
};

use super::classify::CallError;
use super::exchange::{Apollo, Called};
use super::search::{
    COMPANIES, Employees, OrganizationFilters, OrganizationSearch, OrganizationsFound, PAGES_MAX, PEOPLE, Page,
    PeopleFound, PeopleSearch, PersonFound, RESULTS_PER_PAGE,
};

/// 50,000 results (documented). For organizations, an answer was seen that speaks of 10,000 (recalled): `pages_max` in the
/// configuration says so where that holds.
pub const CEILING: SearchCeiling = SearchCeiling { results_per_page: RESULTS_PER_PAGE as u16, pages_max: PAGES_MAX };

#[async_trait::async_trait]
impl Prospector for Apollo {
    fn ceiling(&self) -> SearchCeiling {
        CEILING
    }

    fn search_endpoint(&self, search: SearchKind) -> &'static str {
        match search {
            SearchKind::Accounts => COMPANIES,
            SearchKind::People => PEOPLE,
        }
    }

    async fn find_accounts(
        &self,
        wanted: &AccountFilter,
        page: u16,
        timeout: Duration,
    ) -> Told<SearchReply<FoundAccount>> {
        let Some(at) = Page::new(page, RESULTS_PER_PAGE) else { return beyond_the_ceiling() };
        let search = OrganizationSearch {
            filters: OrganizationFilters {
                organization_locations: wanted.locations.clone(),
                organization_num_employees_ranges: employees(wanted),
                ..OrganizationFilters::default()
            },
            organization_not_locations: wanted.locations_excluded.clone(),
            q_organization_keyword_tags: wanted.industries.clone(),
            page: at,
            ..OrganizationSearch::default()
        };
        reply(self.search_organizations(&search, timeout).await, |found| accounts(found, page))
    }

    async fn find_people(&self, wanted: &PeopleFilter, page: u16, timeout: Duration) -> Told<SearchReply<FoundPerson>> {
        let Some(at) = Page::new(page, RESULTS_PER_PAGE) else { return beyond_the_ceiling() };
        let search = PeopleSearch {
            person_titles: wanted.titles.clone(),
            person_seniorities: wanted.seniorities.clone(),
            employer: OrganizationFilters {
                q_organization_domains_list: wanted.domains.clone(),
                ..OrganizationFilters::default()
            },
            page: at,
            ..PeopleSearch::default()
        };
        reply(self.search_people(&search, timeout).await, |found| people(found, page))
    }
}

fn employees(wanted: &AccountFilter) -> Vec<Employees> {
    wanted.employees.iter().map(|range| Employees { min: range.min, max: range.max }).collect()
}

/// Those that the team has saved are results like the others. One may stand in both lists.
fn accounts(found: OrganizationsFound, page: u16) -> Result<SearchPage<FoundAccount>, CallError> {
    let total = found.pagination.and_then(|pagination| pagination.total_entries);
    let account = |profile: Profile| {
        let domain = profile.get(ProfileField::CompanyDomain).and_then(bare_domain)?;
        Some((domain.clone(), FoundAccount { domain, profile }))
    };
    searched(found.organizations.into_iter().chain(found.accounts), account, total, page)
}

fn people(found: PeopleFound, page: u16) -> Result<SearchPage<FoundPerson>, CallError> {
    let person = |person: PersonFound| {
        let PersonFound { id, title, has_email, .. } = person;
        let id = id?;
        Some((id.clone(), FoundPerson { id, title, has_email }))
    };
    searched(found.people, person, found.total_entries, page)
}

/// The page, each result once, if the answer can be one to the search. Without a total, or with nothing where the total
/// says that there is something, it would pass for the end of the search, and what comes after it would be lost.
fn searched<Row, T>(
    rows: impl IntoIterator<Item = Row>,
    read: impl Fn(Row) -> Option<(String, T)>,
    total: Option<u64>,
    page: u16,
) -> Result<SearchPage<T>, CallError> {
    let total = total.ok_or_else(|| CallError::unreadable("without a total"))?;
    let mut searched = SearchPage { found: Vec::new(), left_out: 0, total };
    let mut seen = BTreeSet::new();
    for row in rows {
        match read(row).filter(|(key, _)| seen.insert(key.clone())) {
            Some((_, result)) => searched.found.push(result),
            None => searched.left_out += 1,
        }
    }
    let before = u64::from(page.saturating_sub(1)) * u64::from(RESULTS_PER_PAGE);
    match searched.is_empty() && before < total {
        true => Err(CallError::unreadable("without the results that it counts")),
        false => Ok(searched),
    }
}

fn beyond_the_ceiling<T>() -> Told<SearchReply<T>> {
    Told::without_rates(SearchReply::Invalid(format!("a page that is none of the {PAGES_MAX} that Apollo shows")))
}

/// What is read from a success, or what the lack of one means.
fn reply<Found, T>(
    told: Called<Found>,
    read: impl FnOnce(Found) -> Result<SearchPage<T>, CallError>,
) -> Told<SearchReply<T>> {
    let reply = match told.reply.and_then(read) {
        Ok(page) => SearchReply::Found(page),
        Err(error) => failed(error),
    };
    Told { reply, rates: told.rates }
}

fn failed<T>(error: CallError) -> SearchReply<T> {
    match error {
        CallError::Throttled { retry_after } | CallError::Locked { retry_after } => {
            SearchReply::Throttled { retry_after }
        }
        CallError::OutOfCredits => SearchReply::OutOfCredits,
        // A search has no id in its path: what isn't there is the API, or the right to it.
        CallError::Denied(reason)
        | CallError::Missing(reason)
        | CallError::NotFound(reason)
        | CallError::Gone(reason) => SearchReply::Denied(reason),
        CallError::Invalid(reason) => SearchReply::Invalid(reason),
        CallError::Pending { .. } => SearchReply::Transient(error.to_string()),
        CallError::Transient(reason) => SearchReply::Transient(reason),
        CallError::Unknown(reason) => SearchReply::Unknown(reason),
    }
}
