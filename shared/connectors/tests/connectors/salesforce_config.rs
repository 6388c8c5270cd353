//! What is Salesforce's own in the configuration.

use jiff::Timestamp;
use leadgate_connectors::crm::salesforce::config::Settings;
use leadgate_connectors::registry;
use leadgate_enrichment::config::{Config, SecretRole};

const GOOD: &str = include_str!("config/salesforce.toml");

fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().expect("a time")
}

fn problems(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from:?} is in the file");
    let checked = Config::check(&GOOD.replacen(from, to, 1), &registry::vendors(), now());
    checked.expect_err("the file is bad now").to_string()
}

#[test]
fn a_good_file_is_read() {
    let config = Config::check(GOOD, &registry::vendors(), now()).expect("a good file");
    let tenant = config.tenants.values().next().expect("a tenant");
    let settings = Settings::of(&tenant.crm.own);
    assert_eq!((settings.api_version.as_str(), settings.daily_calls_floor), ("65.0", 1000));
    assert_eq!(settings.integration_user_id.as_deref(), Some("005000000000001AAA"), "in the long form");
    assert_eq!(tenant.crm.secrets.of(SecretRole::CrmSigning).count(), 3);
    assert_eq!(tenant.crm.base_url, "https://login.salesforce.com");
    let one_road = GOOD.replacen("path_secrets = [\"leadgate/acme/outbound-messages/crm-signing\"]\n", "", 1);
    Config::check(&one_road, &registry::vendors(), now()).expect("one road is enough");
}

#[test]
fn each_problem_says_what_is_allowed() {
    let cases = [
        ("00D000000000001EAA", "00Q000000000001EAA", "an org's id: 15 or 18 characters that begin with 00D"),
        ("00D000000000001EAA", "00D000000000001AAA", "an org's id"),
        ("005000000000001", "leadgate", "a user's id: 15 or 18 characters that begin with 005"),
        ("leadgate@acme.example", "leadgate", "a username, which has the form of an e-mail address"),
        ("3MVG9consumer.key", " ", "the app's consumer key"),
        ("username", "api_version = \"v65\"\nusername", "a version such as \"65.0\""),
        ("username", "audience = \"https://evil.example\"\nusername", "\"https://login.salesforce.com\""),
        ("username", "event_source = \"leadgate\"\nusername", "the name of a partner event source"),
        (
            "username",
            "event_source = \"aws.partner/salesforce.com/00D000000000002EAA/0YL000000000001AAA\"\nusername",
            "the source of the org in `organization_id`",
        ),
        ("outbound-messages/crm-signing", "outbound-messages", "a name that the functions' roles can read"),
    ];
    for (from, to, said) in cases {
        let problems = problems(from, to);
        assert!(problems.contains(said), "{to}: {problems}");
    }
    let neither = GOOD.replace("path_secrets = [\"leadgate/acme/outbound-messages/crm-signing\"]\n", "").replace(
        "signing_secrets = [\"leadgate/acme/apex/crm-signing\", \"leadgate/acme/apex/crm-signing-next\"]\n",
        "",
    );
    let error = Config::check(&neither, &registry::vendors(), now()).expect_err("nothing can come").to_string();
    assert!(error.contains("found nothing, and neither `signing_secrets` nor `event_source`"), "{error}");
}
