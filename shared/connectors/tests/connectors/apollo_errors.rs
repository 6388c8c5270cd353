//! No error says who was asked about, or with what key.

use std::fmt::Debug;
use std::time::Duration;

use leadgate_connectors::http::client;
use leadgate_connectors::provider::apollo::client::Apollo;
use leadgate_connectors::provider::apollo::contacts::{ContactFields, ContactSearch};
use leadgate_connectors::provider::apollo::search::{OrganizationSearch, PeopleSearch};
use leadgate_connectors::secret::Secret;
use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::person::Identity;
use leadgate_enrichment::provider::{AsynchronousId, AsynchronousRequest, Provider};

use crate::apollo::{NO_FIELDS, SILENCE, TIMEOUT};
use crate::loopback::{Server, nobody, raw};

/// What nothing may repeat.
const PRIVATE: [&str; 6] = ["ada", "lovelace", "b.example", "7700900001", "s3cr3t", "t0k3n"];

fn ada() -> Identity {
    Identity {
        email: Some("ada@b.example".into()),
        first_name: Some("Ada".into()),
        last_name: Some("Lovelace".into()),
        company: Some("Lovelace & co".into()),
        domain: Some("b.example".into()),
        linkedin_url: Some("https://linkedin.example/in/ada-lovelace".into()),
        ..Identity::default()
    }
}

/// Every way to fail, in words.
async fn failures(url: &str, timeout: Duration) -> Vec<String> {
    let apollo = Apollo::new(client(), url.to_owned(), Secret::new("s3cr3t".into()));
    let asynchronous = AsynchronousRequest {
        fields: vec![PricedField::Mobile, PricedField::EmailOfOthers, PricedField::MobileOfOthers],
        callback: Some("https://hooks.example/t0k3n".into()),
        names: Vec::new(),
    };
    let contact = ContactFields {
        email: Some("ada@b.example".into()),
        mobile_phone: Some("+447700900001".into()),
        ..ContactFields::default()
    };
    let search = ContactSearch { q_keywords: Some("Lovelace".into()), ..ContactSearch::default() };
    let people = PeopleSearch { q_keywords: Some("Lovelace".into()), ..PeopleSearch::default() };
    let organizations = OrganizationSearch { q_organization_name: Some("b.example".into()), ..Default::default() };
    let (one, two) = (vec!["b.example".to_owned()], vec!["b.example".to_owned(); 2]);
    let mut failures = vec![
        in_words(&apollo.look_up(&[ada()], &NO_FIELDS, Some(&asynchronous), timeout).await.reply),
        in_words(&apollo.look_up(&[ada(), ada()], &NO_FIELDS, Some(&asynchronous), timeout).await.reply),
        in_words(&apollo.look_up_organizations(&one, timeout).await.reply),
        in_words(&apollo.look_up_organizations(&two, timeout).await.reply),
        in_words(&apollo.collect(&AsynchronousId("42".into()), timeout).await.reply),
        in_words(&apollo.collect(&AsynchronousId("t0k3n/ada".into()), timeout).await.reply),
        in_words(&apollo.usage(timeout).await),
    ];
    let errors = [
        apollo.create_contact(&contact, true, timeout).await.reply.err(),
        apollo.update_contact("c1", &contact, timeout).await.reply.err(),
        apollo.update_contact("ada@b.example", &contact, timeout).await.reply.err(),
        apollo.search_contacts(&search, timeout).await.reply.err(),
        apollo.search_people(&people, timeout).await.reply.err(),
        apollo.search_organizations(&organizations, timeout).await.reply.err(),
        apollo.health(timeout).await.reply.err(),
    ];
    for error in errors.into_iter().flatten() {
        failures.extend([error.to_string(), in_words(&error)]);
    }
    failures
}

fn in_words(failure: &impl Debug) -> String {
    format!("{failure:?}")
}

fn assert_private(failures: &[String], what: &str) {
    assert!(failures.len() > 7, "{what}: too few failures");
    for failure in failures {
        let words = failure.to_lowercase();
        let told = PRIVATE.iter().find(|word| words.contains(**word));
        assert_eq!(told, None, "{what}: {failure}");
    }
}

/// Apollo's sentences repeat what they are about.
#[tokio::test]
async fn no_error_repeats_what_apollo_says_of_anybody() {
    let sentence = "Ada Lovelace (ada@b.example, +447700900001) with key s3cr3t and https://hooks.example/t0k3n";
    for status in [202, 302, 400, 401, 402, 403, 404, 405, 408, 410, 422, 429, 500, 503] {
        let bodies = [
            sentence.to_owned(),
            serde_json::json!({"error": sentence, "error_code": sentence, "error_message": sentence}).to_string(),
            serde_json::json!({"error": "{\"error_code\": \"ada@b.example\"}"}).to_string(),
        ];
        for body in bodies {
            let server = Server::start(move |_, _| (status, body.clone())).await;
            assert_private(&failures(&server.url, TIMEOUT).await, &format!("{status}"));
        }
    }
}

#[tokio::test]
async fn no_error_repeats_what_could_not_be_read() {
    for body in ["\"Ada Lovelace\"", "{\"ada@b.example\": ", "[{\"email\": \"ada@b.example\"}]"] {
        let server = Server::start(move |_, _| (200, body.to_owned())).await;
        assert_private(&failures(&server.url, TIMEOUT).await, body);
    }
}

#[tokio::test]
async fn no_error_repeats_what_did_not_arrive() {
    let (silent, _) = raw(None).await;
    let (broken, _) = raw(Some("HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{\"person\":\"Ada")).await;
    for (url, timeout) in [(nobody().await, TIMEOUT), (silent, SILENCE), (broken, TIMEOUT)] {
        assert_private(&failures(&url, timeout).await, &url);
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_sent_is_not_repeated_either() {
    let apollo = Apollo::new(client(), "http://nowhere.example".into(), Secret::new("s3cr3t\u{0}x".into()));
    let denied = in_words(&apollo.look_up(&[ada()], &NO_FIELDS, None, TIMEOUT).await.reply);
    assert!(denied.starts_with("Denied") && !denied.contains("s3cr3t"), "{denied}");
}
