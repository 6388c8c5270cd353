//! Finding people and organizations.

use leadgate_connectors::provider::apollo::CallError;
use leadgate_connectors::provider::apollo::search::{
    AddressStatus, Employees, OrganizationFilters, OrganizationSearch, OrganizationsFound, Page, PeopleFound,
    PeopleSearch, Range,
};
use leadgate_enrichment::person::ProfileField;
use leadgate_enrichment::provider::prospecting::Seniority;
use serde_json::{Value, json};

use crate::apollo::{TIMEOUT, apollo};
use crate::loopback::Server;

async fn people(search: &PeopleSearch, body: &Value) -> (Result<PeopleFound, CallError>, Vec<(String, Value)>) {
    let body = body.to_string();
    let server = Server::start(move |_, _| (200, body.clone())).await;
    (apollo(&server.url).search_people(search, TIMEOUT).await.reply, server.asked())
}

async fn organizations(
    search: &OrganizationSearch,
    body: &Value,
) -> (Result<OrganizationsFound, CallError>, Vec<(String, Value)>) {
    let body = body.to_string();
    let server = Server::start(move |_, _| (200, body.clone())).await;
    (apollo(&server.url).search_organizations(search, TIMEOUT).await.reply, server.asked())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn filters() -> OrganizationFilters {
    OrganizationFilters {
        organization_ids: words(&["o1"]),
        q_organization_domains_list: words(&["b.example"]),
        organization_locations: words(&["london"]),
        organization_num_employees_ranges: vec![Employees { min: 1, max: 10 }, Employees { min: 51, max: 200 }],
        revenue_range: Some(Range { min: Some(300_000), max: None }),
        currently_using_any_of_technology_uids: words(&["loom"]),
        q_organization_job_titles: words(&["weaver"]),
        organization_job_locations: words(&["paris"]),
        organization_num_jobs_range: Some(Range { min: Some(1), max: Some(9) }),
        organization_job_posted_at_range: Some(Range { min: Some(jiff::civil::date(2026, 1, 2)), max: None }),
    }
}

fn filters_sent() -> Value {
    json!({
        "organization_ids": ["o1"], "q_organization_domains_list": ["b.example"],
        "organization_locations": ["london"], "organization_num_employees_ranges": ["1,10", "51,200"],
        "revenue_range": {"min": 300_000}, "currently_using_any_of_technology_uids": ["loom"],
        "q_organization_job_titles": ["weaver"], "organization_job_locations": ["paris"],
        "organization_num_jobs_range": {"min": 1, "max": 9}, "organization_job_posted_at_range": {"min": "2026-01-02"},
        "page": 2, "per_page": 100,
    })
}

fn with(mut object: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("no object") };
    object.as_object_mut().expect("an object").extend(more);
    object
}

#[tokio::test]
async fn people_are_found_by_every_filter() {
    let search = PeopleSearch {
        person_titles: words(&["analyst", "countess"]),
        include_similar_titles: Some(false),
        q_keywords: Some("engine".into()),
        person_locations: words(&["london"]),
        person_seniorities: vec![Seniority::CSuite, Seniority::Vp],
        contact_email_status: vec![AddressStatus::Verified, AddressStatus::LikelyToEngage],
        employer: filters(),
        currently_using_all_of_technology_uids: words(&["steam"]),
        currently_not_using_any_of_technology_uids: words(&["horse"]),
        page: Page::new(2, 100).expect("a page"),
    };
    let body = json!({
        "total_entries": "101",
        "people": [
            {
                "id": "587cf802f65125cad923a266", "first_name": "Ada", "last_name_obfuscated": "Lo***e",
                "title": "Analyst", "last_refreshed_at": "2026-01-01T00:00:00Z", "has_email": true, "has_city": true,
                "has_direct_phone": "Yes", "organization": {"name": "Analytical", "has_phone": true},
            },
            {"id": 7, "has_email": "true", "has_direct_phone": null, "organization": []},
            null,
        ],
    });
    let (found, asked) = people(&search, &body).await;
    let own = json!({
        "person_titles": ["analyst", "countess"], "include_similar_titles": false, "q_keywords": "engine",
        "person_locations": ["london"], "person_seniorities": ["c_suite", "vp"],
        "contact_email_status": ["verified", "likely to engage"], "currently_using_all_of_technology_uids": ["steam"],
        "currently_not_using_any_of_technology_uids": ["horse"],
    });
    assert_eq!(asked, [("POST /mixed_people/api_search".to_owned(), with(filters_sent(), own))]);
    let found = found.expect("an answer");
    assert_eq!(found.total_entries, Some(101));
    let [ada, sparse] = &found.people[..] else { panic!("{found:?}") };
    assert_eq!(ada.id.as_deref(), Some("587cf802f65125cad923a266"));
    assert_eq!(ada.last_name_obfuscated.as_deref(), Some("Lo***e"));
    assert_eq!((ada.has_email, ada.has_direct_phone.as_deref()), (Some(true), Some("Yes")));
    let employer = ada.organization.as_ref().and_then(|organization| organization.name.as_deref());
    assert_eq!(employer, Some("Analytical"));
    assert_eq!((sparse.id.as_deref(), sparse.has_email, &sparse.organization), (Some("7"), Some(true), &None));
}

#[tokio::test]
async fn organizations_are_found_by_every_filter() {
    let search = OrganizationSearch {
        filters: filters(),
        q_organization_name: Some("ana".into()),
        organization_not_locations: words(&["rome"]),
        q_organization_keyword_tags: words(&["mining"]),
        latest_funding_amount_range: Some(Range { min: Some(1), max: None }),
        total_funding_range: Some(Range { min: None, max: Some(2) }),
        latest_funding_date_range: Some(Range { min: None, max: Some(jiff::civil::date(2026, 3, 4)) }),
        page: Page::new(2, 100).expect("a page"),
    };
    let body = json!({
        "pagination": {"page": 2, "per_page": "100", "total_entries": 101, "total_pages": 2}, "breadcrumbs": [],
        "organizations": [{"id": "o1", "name": "Analytical", "primary_domain": "b.example"}, 7],
        "accounts": [{"id": "a2", "organization_id": "o2", "name": "Difference", "domain": "c.example"}],
        "partial_results_only": false, "derived_params": null,
    });
    let (found, asked) = organizations(&search, &body).await;
    let own = json!({
        "q_organization_name": "ana", "organization_not_locations": ["rome"], "q_organization_keyword_tags": ["mining"],
        "latest_funding_amount_range": {"min": 1}, "total_funding_range": {"max": 2},
        "latest_funding_date_range": {"max": "2026-03-04"},
    });
    assert_eq!(asked, [("POST /mixed_companies/search".to_owned(), with(filters_sent(), own))]);
    let found = found.expect("an answer");
    let pagination = found.pagination.expect("a pagination");
    assert_eq!((pagination.page, pagination.per_page, pagination.total_pages), (Some(2), Some(100), Some(2)));
    assert_eq!(found.partial_results_only, Some(false));
    let told = |profile: &leadgate_enrichment::person::Profile| {
        (
            profile.id().expect("an id").to_owned(),
            profile.get(ProfileField::CompanyDomain).expect("a domain").to_owned(),
        )
    };
    let pair = |id: &str, domain: &str| (id.to_owned(), domain.to_owned());
    assert_eq!(found.organizations.iter().map(told).collect::<Vec<_>>(), [pair("o1", "b.example")]);
    assert_eq!(found.accounts.iter().map(told).collect::<Vec<_>>(), [pair("o2", "c.example")]);
}

#[tokio::test]
async fn what_is_not_filtered_by_is_not_sent() {
    let page = json!({"page": 1, "per_page": 25});
    assert_eq!(people(&PeopleSearch::default(), &json!({})).await.1[0].1, page);
    assert_eq!(organizations(&OrganizationSearch::default(), &json!({})).await.1[0].1, page);
}

#[tokio::test]
async fn an_answer_of_another_shape_finds_nobody() {
    for body in [json!({}), json!({"people": null, "total_entries": -1}), json!({"people": {"id": 1}})] {
        assert_eq!(people(&PeopleSearch::default(), &body).await.0, Ok(PeopleFound::default()), "{body}");
    }
    for body in
        [json!({}), json!({"organizations": 1, "accounts": null, "pagination": [], "partial_results_only": "?"})]
    {
        let found = organizations(&OrganizationSearch::default(), &body).await.0;
        assert_eq!(found, Ok(OrganizationsFound::default()), "{body}");
    }
    for body in [json!([]), json!(null), json!("people")] {
        let found = people(&PeopleSearch::default(), &body).await.0;
        assert!(matches!(found, Err(CallError::Unknown(_))), "{body}");
    }
}

#[tokio::test]
async fn what_apollo_would_refuse_does_not_go_out() {
    assert!(Page::new(500, 100).is_some() && Page::new(1, 1).is_some());
    for (page, size) in [(0, 1), (501, 1), (1, 0), (1, 101)] {
        assert_eq!(Page::new(page, size), None);
    }
    let employer = OrganizationFilters {
        q_organization_domains_list: vec!["b.example".into(); 1001],
        ..OrganizationFilters::default()
    };
    let (found, asked) = people(&PeopleSearch { employer, ..PeopleSearch::default() }, &json!({})).await;
    assert!(matches!(found, Err(CallError::Invalid(_))), "{found:?}");
    let search = OrganizationSearch { q_organization_keyword_tags: vec!["x".into(); 1001], ..Default::default() };
    let (found, asked_too) = organizations(&search, &json!({})).await;
    assert!(matches!(found, Err(CallError::Invalid(_))), "{found:?}");
    assert!(asked.is_empty() && asked_too.is_empty());
}
