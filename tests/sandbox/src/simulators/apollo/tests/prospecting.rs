//! The client against the team: whom a search finds, page by page, and what it costs.

use std::collections::BTreeSet;
use std::time::Duration;

use leadgate_connectors::http::client;
use leadgate_connectors::provider::apollo::client::Apollo as Client;
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::person::ProfileField;
use leadgate_enrichment::provider::prospecting::{
    AccountFilter, EmployeeRange, FoundAccount, FoundPerson, PeopleFilter, Prospector, SearchPage, SearchReply,
};

use super::*;

/// Longer than any answer takes, however busy the machine is.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A team that can find so many organizations.
async fn world(organizations: u32) -> World {
    let clock = HandClock::start();
    let setup = ApolloSetup { organizations, unknown_share: 0.0, ..ApolloSetup::default() };
    let apollo = Arc::new(Apollo::new(clock.clone(), setup));
    let base = loopback::serve(apollo_router(apollo.clone())).await;
    World { clock, apollo, http: loopback::client(), base }
}

impl World {
    fn client(&self) -> Client {
        Client::new(client(), format!("{}/api/v1", self.base), Secret::new("simulated-api-key".into()))
    }

    async fn accounts(&self, wanted: &AccountFilter, page: u16) -> SearchPage<FoundAccount> {
        let reply = self.client().find_accounts(wanted, page, TIMEOUT).await.reply;
        let SearchReply::Found(page) = reply else { panic!("{reply:?}") };
        page
    }

    async fn people(&self, domains: Vec<String>, page: u16) -> SearchPage<FoundPerson> {
        let wanted = PeopleFilter { domains, ..PeopleFilter::default() };
        let reply = self.client().find_people(&wanted, page, TIMEOUT).await.reply;
        let SearchReply::Found(page) = reply else { panic!("{reply:?}") };
        page
    }
}

fn with_employees(min: u32, max: u32) -> AccountFilter {
    AccountFilter { employees: vec![EmployeeRange { min, max }], ..AccountFilter::default() }
}

#[tokio::test]
async fn the_pages_of_a_search_are_all_accounts_and_each_once() {
    let (one, same) = (world(250).await, world(250).await);
    let mut domains = BTreeSet::new();
    for (page, size) in [(1, 100), (2, 100), (3, 50), (4, 0)] {
        let found = one.accounts(&AccountFilter::default(), page).await;
        assert_eq!((found.found.len(), found.left_out, found.total), (size, 0, 250), "page {page}");
        assert_eq!(found, same.accounts(&AccountFilter::default(), page).await, "page {page}");
        domains.extend(found.found.into_iter().map(|account| account.domain));
    }
    assert_eq!(domains.len(), 250);
    assert_eq!(one.apollo.ledger().milli_for(Item::Page), 3000, "a page costs a credit, and an empty one nothing");
}

#[tokio::test]
async fn what_an_account_is_said_to_be_is_what_was_asked_for() {
    let world = world(150).await;
    let wanted = AccountFilter {
        locations: vec!["Germany".into()],
        industries: vec!["machinery".into(), "retail".into()],
        ..with_employees(30, 1000)
    };
    let found = world.accounts(&wanted, 1).await;
    assert!(!found.is_empty());
    for FoundAccount { profile, .. } in &found.found {
        let employees = profile.get(ProfileField::CompanyEmployees).and_then(|count| count.parse::<u32>().ok());
        assert!(employees.is_some_and(|count| (30..=1000).contains(&count)), "{profile:?}");
        assert!(matches!(profile.get(ProfileField::CompanyIndustry), Some("machinery" | "retail")), "{profile:?}");
        assert_eq!(profile.get(ProfileField::CompanyCountry), Some("Germany"), "{profile:?}");
    }
    let elsewhere = AccountFilter { locations_excluded: vec!["Germany".into()], ..AccountFilter::default() };
    let in_it = AccountFilter { locations: vec!["Germany".into()], ..AccountFilter::default() };
    let (elsewhere, in_it) = (world.accounts(&elsewhere, 1).await, world.accounts(&in_it, 1).await);
    assert_eq!(elsewhere.total + in_it.total, 150);
}

#[tokio::test]
async fn whoever_is_found_at_an_account_is_looked_up_by_id() {
    let world = world(20).await;
    let domains: Vec<String> =
        world.accounts(&AccountFilter::default(), 1).await.found.into_iter().map(|account| account.domain).collect();
    let before = world.apollo.ledger().credits_charged;
    let found = world.people(domains.clone(), 1).await;
    assert_eq!((world.apollo.ledger().credits_charged, found.left_out), (before, 0), "looking for people is free");
    assert_eq!(found.total, found.found.len() as u64);
    for person in &found.found {
        let (status, _, body) = world.post(MATCH, json!({ "id": person.id })).await;
        let known = &body["person"];
        assert_eq!((status, &known["id"], &known["title"]), (200, &json!(person.id), &json!(person.title)));
        let domain = known["organization"]["primary_domain"].as_str().expect("a domain");
        assert!(domains.iter().any(|it| it == domain), "{domain}");
    }
}

#[tokio::test]
async fn beyond_the_ceiling_smaller_searches_find_what_the_whole_one_counts() {
    let world = world(50_001).await;
    let ceiling = world.client().ceiling();
    let whole = world.accounts(&AccountFilter::default(), ceiling.pages_max).await;
    assert_eq!((whole.found.len(), whole.total), (100, 50_001));
    assert!(!ceiling.shows(whole.total), "the last account is on a page that isn't shown");
    let body = json!({ "page": ceiling.pages_max + 1, "per_page": 100 });
    assert_eq!(world.post("/api/v1/mixed_companies/search", body).await.0, 422);
    let (small, large) = (with_employees(0, 100), with_employees(101, 1_000_000));
    let (small, large) = (world.accounts(&small, 1).await, world.accounts(&large, 1).await);
    assert!(ceiling.shows(small.total) && ceiling.shows(large.total));
    assert_eq!(small.total + large.total, whole.total);
}
