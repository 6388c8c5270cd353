//! A bad file is answered with the key, what was found, and what is allowed.

use super::super::EXAMPLE as GOOD;
use super::*;
use crate::clock::days;
use crate::patch::FieldPolicy;

/// The problems of the good file with one thing changed.
fn problems(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from:?} is in the file");
    parse(&GOOD.replace(from, to)).expect_err("the file is bad now").to_string()
}

#[test]
fn a_good_file_needs_few_words() {
    let config = parse(GOOD).expect("a good file");
    let tenant = &config.tenants[&"acme".parse().expect("a name")];
    assert_eq!(tenant.windows.freshness, days(90));
    assert_eq!(tenant.crm.api_version, "2026-03");
    assert_eq!(tenant.fields[0].policy, FieldPolicy::FillBlank);
    assert_eq!(tenant.properties().len(), 7);
}

#[test]
fn each_problem_names_the_key_what_was_found_and_what_is_allowed() {
    let cases = [
        ("cycle = \"monthly\"", "cycle = \"weekly\"", "tenants.acme.plan.cycle", "`weekly`", "`monthly`"),
        ("portal_id = 62515", "portal_id = \"x\"", "tenants.acme.crm.portal_id", "string \"x\"", "u64"),
        ("from = \"title\"", "from = \"titel\"", "tenants.acme.fields.jobtitle.from", "`titel`", "`title`"),
        (
            "[tenants.acme.plan]",
            "[tenants.acme.plan]\ngrnt = 1",
            "tenants.acme.plan.grnt",
            "unknown field `grnt`",
            "`grant`",
        ),
        ("https://hooks", "http://hooks", "tenants.acme.crm.public_url", "http://hooks", "https://"),
        ("{ credits = 2500 }", "{ credits = -1 }", "tenants.acme.plan.grant.credits", "-1", "0 to"),
        ("{ credits = 2500 }", "{ mobile = 5 }", "tenants.acme.plan.grant", "5 mobile", "some \"credits\""),
        ("[tenants.acme]", "[tenants.acme]\ntime_zone = \"Mars\"", "tenants.acme.time_zone", "Mars", "Europe/Berlin"),
        ("2026-01-31", "2026-13-31", "tenants.acme.plan.anchor", "2026-13-31", "a day such as"),
        ("[\"leadgate/acme/hubspot-signing\"]", "[]", "tenants.acme.crm.signing_secrets", "none", "name of a secret"),
        (
            "[tenants.acme.plan]",
            "[tenants.acme.provider.limits]\nminute = 0\nlow_priority_percent = 120\n[tenants.acme.plan]",
            "tenants.acme.provider.limits.minute",
            "120",
            "at least 1 call",
        ),
        ("[[prices]]", "[[prices]", "the file", "", ""),
    ];
    for (from, to, path, found, expected) in cases {
        let said = problems(from, to);
        for part in [path, found, expected] {
            assert!(said.contains(part), "{part:?} is missing from: {said}");
        }
    }
}

#[test]
fn what_looks_like_a_secret_is_not_repeated() {
    let said = problems("leadgate/acme/apollo-key", "sk-very secret");
    assert!(said.contains("tenants.acme.provider.api_key") && !said.contains("very"), "{said}");
}
