//! The limits that Apollo tells along with its answers.

use std::collections::BTreeSet;
use std::time::Duration;

use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::person::ProfileField;
use leadgate_enrichment::provider::limits::{Rate, Rates};
use leadgate_enrichment::provider::{AsynchronousId, CallKind, Collected, Provider, Reply};

use crate::apollo::{NO_FIELDS, TIMEOUT, apollo, people};
use crate::loopback::{Server, nobody};

const HEADERS: [(&str, &str); 6] = [
    ("x-rate-limit-minute", "50"),
    ("x-minute-usage", "50"),
    ("x-minute-requests-left", "0"),
    ("x-rate-limit-hourly", "200"),
    ("x-hourly-requests-left", "120"),
    ("x-rate-limit-24-hour", ""),
];

fn told() -> Rates {
    Rates {
        minute: Some(Rate::Limited { limit: 50, used: 50 }),
        hour: Some(Rate::Limited { limit: 200, used: 80 }),
        day: Some(Rate::Unlimited),
    }
}

#[tokio::test]
async fn every_answer_brings_the_limits_with_it() {
    let retry_after = Some(Duration::from_secs(60));
    for status in [200, 401, 422, 429, 500] {
        let server = Server::with_headers(&HEADERS, move |_, _| (status, r#"{"person":null}"#.to_owned())).await;
        let apollo = apollo(&server.url);
        let looked_up = apollo.look_up(&people(1), &NO_FIELDS, None, TIMEOUT).await;
        let organization = apollo.look_up_organizations(&["b.example".to_owned()], TIMEOUT).await;
        let collected = apollo.collect(&AsynchronousId("1".into()), TIMEOUT).await;
        let health = apollo.health(TIMEOUT).await;
        assert_eq!([looked_up.rates, organization.rates, collected.rates, health.rates], [told(); 4], "{status}");
        if status == 429 {
            assert_eq!(looked_up.reply, Reply::Throttled { retry_after });
            assert_eq!(organization.reply, Reply::Throttled { retry_after });
            assert_eq!(collected.reply, Collected::Throttled { retry_after });
        }
    }
}

#[tokio::test]
async fn without_a_word_of_limits_nothing_is_known_of_them() {
    let server = Server::start(|_, _| (200, r#"{"person":null}"#.to_owned())).await;
    for url in [server.url.clone(), nobody().await] {
        assert_eq!(apollo(&url).look_up(&people(1), &NO_FIELDS, None, TIMEOUT).await.rates, Rates::default(), "{url}");
    }
}

#[test]
fn limits_count_under_the_endpoint_that_is_called() {
    let apollo = apollo("http://nowhere.example");
    let endpoints = [
        (CallKind::People(1), "people/match"),
        (CallKind::People(2), "people/bulk_match"),
        (CallKind::Organizations(1), "organizations/enrich"),
        (CallKind::Organizations(10), "organizations/bulk_enrich"),
        (CallKind::Collect, "webhook_result"),
    ];
    for (call, endpoint) in endpoints {
        assert_eq!(apollo.endpoint(call), endpoint);
    }
}

#[test]
fn a_field_that_is_left_out_of_an_answer_about_several_is_asked_for_alone() {
    let apollo = apollo("http://nowhere.example");
    let people = |field, asynchronous: &[PricedField]| {
        apollo.people_max(&BTreeSet::from([ProfileField::Title, field]), asynchronous)
    };
    let organizations = |field| apollo.organizations_max(&BTreeSet::from([ProfileField::CompanyName, field]));
    let cases = [
        (ProfileField::City, [10, 10, 10]),
        (ProfileField::CompanyIndustry, [10, 1, 10]),
        (ProfileField::CompanyDescription, [1, 1, 10]),
        (ProfileField::CompanyRevenue, [1, 1, 1]),
        (ProfileField::CompanyFunding, [1, 1, 1]),
    ];
    for (field, most) in cases {
        assert_eq!(
            [people(field, &[PricedField::Mobile]), people(field, &[PricedField::EmailOfOthers]), organizations(field)],
            most,
            "{field:?}"
        );
    }
}
