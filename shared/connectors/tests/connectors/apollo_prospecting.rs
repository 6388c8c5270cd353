//! Apollo as a provider that finds accounts and people.

use std::time::Duration;

use leadgate_enrichment::provider::Provider;
use leadgate_enrichment::provider::prospecting::{
    AccountFilter, EmployeeRange, FoundAccount, FoundPerson, PeopleFilter, Prospector, SearchCeiling, SearchKind,
    SearchReply, Seniority,
};
use serde_json::{Value, json};

use crate::apollo::{SILENCE, TIMEOUT, apollo};
use crate::loopback::{Server, nobody, raw};

/// What comes of an answer with this status and body, and what was asked.
async fn accounts(page: u16, status: u16, body: Value) -> (SearchReply<FoundAccount>, Vec<(String, Value)>) {
    let server = Server::start(move |_, _| (status, body.to_string())).await;
    let wanted = AccountFilter {
        employees: vec![EmployeeRange { min: 51, max: 200 }, EmployeeRange { min: 201, max: 500 }],
        locations: vec!["germany".into()],
        locations_excluded: vec!["berlin".into()],
        industries: vec!["machinery".into()],
    };
    (apollo(&server.url).find_accounts(&wanted, page, TIMEOUT).await.reply, server.asked())
}

async fn people(page: u16, status: u16, body: Value) -> (SearchReply<FoundPerson>, Vec<(String, Value)>) {
    let server = Server::start(move |_, _| (status, body.to_string())).await;
    let wanted = PeopleFilter {
        domains: vec!["b.example".into()],
        titles: vec!["sales".into()],
        seniorities: vec![Seniority::CSuite, Seniority::Vp],
    };
    (apollo(&server.url).find_people(&wanted, page, TIMEOUT).await.reply, server.asked())
}

fn of(total: u64, organizations: Value) -> Value {
    json!({"pagination": {"page": 1, "per_page": 100, "total_entries": total}, "organizations": organizations})
}

#[tokio::test]
async fn accounts_are_told_apart_by_domain_whether_they_are_saved_or_not() {
    let mut body = of(
        104,
        json!([
            {"id": "o1", "name": "Analytical", "primary_domain": "B.example", "estimated_num_employees": 60},
            {"id": "o3", "name": "Nowhere"},
        ]),
    );
    body["accounts"] = json!([
        {"id": "a1", "organization_id": "o1", "name": "Analytical", "domain": "b.example"},
        {"id": "a2", "organization_id": "o2", "name": "Difference", "domain": "c.example"},
    ]);
    let (reply, asked) = accounts(1, 200, body).await;
    let sent = json!({
        "organization_num_employees_ranges": ["51,200", "201,500"], "organization_locations": ["germany"],
        "organization_not_locations": ["berlin"], "q_organization_keyword_tags": ["machinery"],
        "page": 1, "per_page": 100,
    });
    assert_eq!(asked, [("POST /mixed_companies/search".to_owned(), sent)]);
    let SearchReply::Found(page) = reply else { panic!("{reply:?}") };
    let found: Vec<_> = page.found.iter().map(|it| (it.domain.as_str(), it.profile.id())).collect();
    assert_eq!(found, [("b.example", Some("o1")), ("c.example", Some("o2"))]);
    assert_eq!((page.left_out, page.total), (2, 104));
}

#[tokio::test]
async fn people_are_told_by_the_id_that_they_are_looked_up_by() {
    let body = json!({"total_entries": 3, "people": [
        {"id": "p1", "title": "Head of Sales", "has_email": true}, {"title": "Nobody"}, {"id": "p1"},
    ]});
    let (reply, asked) = people(1, 200, body).await;
    let sent = json!({
        "q_organization_domains_list": ["b.example"], "person_titles": ["sales"],
        "person_seniorities": ["c_suite", "vp"], "page": 1, "per_page": 100,
    });
    assert_eq!(asked, [("POST /mixed_people/api_search".to_owned(), sent)]);
    let SearchReply::Found(page) = reply else { panic!("{reply:?}") };
    let person = FoundPerson { id: "p1".into(), title: Some("Head of Sales".into()), has_email: Some(true) };
    assert_eq!((page.found, page.left_out, page.total), (vec![person], 2, 3));
}

#[tokio::test]
async fn an_answer_that_would_end_the_search_too_early_is_none() {
    let cut = [json!({}), of(7, json!([])), json!({"organizations": [{"primary_domain": "b.example"}]})];
    for body in cut {
        let (reply, _) = accounts(1, 200, body.clone()).await;
        assert!(matches!(reply, SearchReply::Unknown(_)), "{body}: {reply:?}");
    }
    for body in [json!({}), json!({"total_entries": 101, "people": []}), json!({"people": [{"id": "p1"}]})] {
        let (reply, _) = people(2, 200, body.clone()).await;
        assert!(matches!(reply, SearchReply::Unknown(_)), "{body}: {reply:?}");
    }
}

#[tokio::test]
async fn a_page_after_the_last_result_is_empty() {
    for (page, total) in [(1, 0), (2, 100), (2, 7), (500, 49_900)] {
        let (reply, _) = accounts(page, 200, of(total, json!([]))).await;
        assert!(matches!(&reply, SearchReply::Found(page) if page.is_empty()), "{page}, {total}: {reply:?}");
    }
}

#[tokio::test]
async fn what_was_turned_away_is_not_charged_and_what_broke_may_have_been() {
    type Is = fn(&SearchReply<FoundAccount>) -> bool;
    let ends: [(u16, &str, Is); 8] = [
        (401, "{}", |reply| matches!(reply, SearchReply::Denied(_))),
        (402, "{}", |reply| matches!(reply, SearchReply::OutOfCredits)),
        (403, "API_INACCESSIBLE", |reply| matches!(reply, SearchReply::Denied(_))),
        (404, "{}", |reply| matches!(reply, SearchReply::Denied(_))),
        (422, "insufficient credits", |reply| matches!(reply, SearchReply::OutOfCredits)),
        (422, "Invalid parameters", |reply| matches!(reply, SearchReply::Invalid(_))),
        (429, "{}", |reply| matches!(reply, SearchReply::Throttled { .. })),
        (503, "{}", |reply| matches!(reply, SearchReply::Transient(_))),
    ];
    for (status, body, is_it) in ends {
        let (reply, asked) = accounts(1, status, json!(body)).await;
        assert!(is_it(&reply), "{status} {body}: {reply:?}");
        assert_eq!(asked.len(), 1, "a call that may be charged is made once");
    }
    for status in [408, 500, 502] {
        let (reply, asked) = accounts(1, status, json!({})).await;
        assert!(matches!(reply, SearchReply::Unknown(_)), "{status}: {reply:?}");
        assert_eq!(asked.len(), 1, "a call that may be charged is made once");
    }
    let (gone, (silent, _)) = (nobody().await, raw(None).await);
    assert!(matches!(found_at(&gone, TIMEOUT).await, SearchReply::Transient(_)));
    assert!(matches!(found_at(&silent, SILENCE).await, SearchReply::Unknown(_)));
}

async fn found_at(url: &str, timeout: Duration) -> SearchReply<FoundAccount> {
    apollo(url).find_accounts(&AccountFilter::default(), 1, timeout).await.reply
}

#[tokio::test]
async fn the_ceiling_is_known_before_anything_is_asked() {
    for page in [0, 501, u16::MAX] {
        let (reply, asked) = accounts(page, 200, of(0, json!([]))).await;
        assert!(matches!(reply, SearchReply::Invalid(_)) && asked.is_empty(), "{page}: {reply:?}");
        let (reply, asked) = people(page, 200, json!({"total_entries": 0})).await;
        assert!(matches!(reply, SearchReply::Invalid(_)) && asked.is_empty(), "{page}: {reply:?}");
    }
    let apollo = apollo("http://127.0.0.1:9");
    let prospector = apollo.prospector().expect("Apollo finds people");
    assert_eq!(prospector.ceiling(), SearchCeiling { results_per_page: 100, pages_max: 500 });
    assert_eq!(prospector.search_endpoint(SearchKind::Accounts), "mixed_companies/search");
    assert_eq!(prospector.search_endpoint(SearchKind::People), "mixed_people/api_search");
}
