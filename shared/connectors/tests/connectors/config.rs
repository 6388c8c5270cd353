//! A bad file is answered with the key, what was found, what is allowed and what to do: all that is wrong, at once.

use jiff::Timestamp;
use leadgate_connectors::registry;
use leadgate_enrichment::clock::days;
use leadgate_enrichment::config::{Config, ConfigError};
use leadgate_enrichment::lead::patch::FieldPolicy;

/// A small file that is right.
const GOOD: &str = include_str!("config/file.toml");

/// In the middle of August 2026.
fn now() -> Timestamp {
    Timestamp::from_second(1_786_800_000).expect("a time")
}

fn check(text: &str, now: Timestamp) -> Result<Config, ConfigError> {
    Config::check(text, &registry::vendors(), now)
}

/// The problems of the good file with one thing changed.
fn problems(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from:?} is in the file");
    check(&GOOD.replacen(from, to, 1), now()).expect_err("the file is bad now").to_string()
}

#[test]
fn a_good_file_needs_few_words() {
    let config = check(GOOD, now()).expect("a good file");
    let tenant = &config.tenants[&"acme".parse().expect("a name")];
    assert_eq!(tenant.windows.freshness, days(90));
    assert_eq!(tenant.crm.base_url, "https://api.hubapi.com");
    assert_eq!(tenant.fields[0].policy, FieldPolicy::FillBlank);
    assert_eq!(tenant.properties().len(), 7);
}

/// What is changed in the good file, and what is said of it.
const CASES: [&str; 3] =
    [include_str!("config/first.txt"), include_str!("config/second.txt"), include_str!("config/feed.txt")];

#[test]
fn each_problem_says_where_it_is_what_was_found_what_is_allowed_and_what_to_do() {
    let mut wrong = String::new();
    let mut count = 0;
    for case in CASES.iter().flat_map(|cases| cases.trim_end().split("\n====\n")) {
        let (change, expected) = case.split_once("\n----\n").expect("a change and what is said of it");
        let (from, to) = change.split_once("\n>>>>\n").unwrap_or((change.trim_end_matches("\n>>>>"), ""));
        let said = problems(from, to);
        if said != expected.trim_end() {
            wrong.push_str(&format!("{from}\n>>>>\n{to}\n----\n{said}\n====\n"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "said otherwise:\n{wrong}");
    assert!(count >= 50, "{count} cases are tried");
}

#[test]
fn everything_that_is_wrong_is_named_at_once() {
    let edits = [
        ("cycle = \"monthly\"", "cycle = \"monthyl\""),
        ("portal_id = 62515", "portal_id = \"62515\""),
        ("from = \"title\"", "from = \"titel\""),
        ("https://hooks", "ftp://hooks"),
        ("cost = { credits = 1 }", "cots = { credits = 1 }"),
        ("[tenants.acme]\n", "[tenants.acme]\ntime_zone = \"Mars\"\nhops_per_hour = 0\n"),
        ("leadgate/acme/crm-token", "leadgate/acme/token"),
    ];
    let bad = edits.iter().fold(GOOD.to_owned(), |text, (from, to)| text.replacen(from, to, 1));
    let error = check(&bad, now()).expect_err("the file is bad");
    let mut paths: Vec<&str> = error.problems.iter().map(|problem| problem.path.as_str()).collect();
    let mut expected = [
        "prices[0].cost",
        "prices[0].cots",
        "tenants.acme.crm.access_token",
        "tenants.acme.crm.portal_id",
        "tenants.acme.crm.public_url",
        "tenants.acme.fields.jobtitle.from",
        "tenants.acme.hops_per_hour",
        "tenants.acme.plan.cycle",
        "tenants.acme.time_zone",
    ];
    paths.sort_unstable();
    expected.sort_unstable();
    assert_eq!(paths, expected, "{error}");
}

#[test]
fn no_tenant_takes_what_is_anothers() {
    let tenant = &GOOD[GOOD.find("[tenants.acme]").expect("a tenant")..];
    let other = tenant.replace("tenants.acme", "tenants.other").replace("/hubspot/acme", "/hubspot/other");
    let error = check(&format!("{GOOD}\n{other}"), now()).expect_err("what is shared is refused").to_string();
    for said in [
        "tenants.other.crm.portal_id: found 62515, as of acme, expected another one for each tenant. Write",
        "tenants.other.crm.access_token: found the name of a secret of acme, expected secrets of its own",
        "tenants.other.provider.api_key: found the name of a secret of acme, expected secrets of its own",
        "tenants.other.crm.signing_secrets[0]: found the name of a secret of acme, expected secrets",
    ] {
        assert!(error.contains(said), "{said:?} is missing from:\n{error}");
    }
    let own = other.replace("62515", "62516").replace("leadgate/acme/", "leadgate/other/");
    check(&format!("{GOOD}\n{own}"), now()).expect("two tenants of their own");
}

#[test]
fn what_looks_like_a_secret_is_not_repeated() {
    for (from, to) in [
        ("\"leadgate/acme/provider-key\"", "\"sk-very secret\""),
        ("\"leadgate/acme/provider-key\"", "sk-very-secret"),
        ("[\"leadgate/acme/crm-signing\"]", "\"sk-very-secret\""),
        ("https://hooks", "https://user:very-secret@hooks"),
    ] {
        let said = problems(from, to);
        assert!(!said.contains("very"), "{said}");
    }
}

#[test]
fn only_where_a_crm_has_related_records_are_their_properties_written() {
    let field = "\"companies.industry\" = { from = \"company_industry\" }\n";
    assert!(check(&format!("{GOOD}{field}"), now()).is_ok());
    let other = format!("{}{field}", include_str!("config/pipedrive.toml"));
    let said = check(&other, now()).expect_err("it has none").to_string();
    let expected = "tenants.acme.fields.\"companies.industry\": found a property of a related record, in pipedrive, expected a \
                    property of the record itself: only in hubspot is another one written. Name a property of the record, or \
                    take the field out.";
    assert!(said.contains(expected), "{said}");
}
