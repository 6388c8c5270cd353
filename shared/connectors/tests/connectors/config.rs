//! A bad file is answered with the key, what was found, what is allowed and what to do: all that is wrong, at once.

use jiff::Timestamp;
use leadgate_connectors::registry;
use leadgate_enrichment::clock::days;
use leadgate_enrichment::config::{Config, ConfigError, OnBlocked};
use leadgate_enrichment::lead::patch::FieldPolicy;
use leadgate_enrichment::person::{Identity, Properties};

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

/// The good file with another provider beside the first.
fn with_pdl(rest: &str) -> String {
    let pdl = "[[tenants.acme.fallbacks]]\nkind = \"pdl\"\napi_key = \"leadgate/acme/pdl/provider-key\"\n\
               plan = { anchor = \"2026-01-01\", cycle = \"monthly\", grant = { pdl_credits = 2500 } }\n";
    format!("price_sets = [\"pdl-2026\"]\n{GOOD}\n{pdl}{rest}")
}

#[test]
fn routes_go_by_what_a_record_says_and_take_the_rest_from_the_waterfall_of_all() {
    let route = "[[tenants.acme.waterfall.routes]]\nname = \"local\"\norder = [\"pdl\", \"apollo\"]\n";
    let when = "when = [{ lacks = \"domain\" }, { property = \"industry\", one_of = [\"Restaurants\", \"Hotels\"] }, \
                { property = \"numberofemployees\", at_most = 50 }, { property = \"vat_number\", blank = false }]\n";
    let all = "[tenants.acme.waterfall]\non_exhausted = \"skip\"\nfields = { title = [\"apollo\"] }\n";
    let config = check(&with_pdl(&format!("{all}{route}{when}")), now()).expect("a good file");
    let tenant = &config.tenants[&"acme".parse().expect("a name")];
    let read = tenant.properties();
    assert!(["industry", "numberofemployees", "vat_number"].iter().all(|name| read.contains(name)), "{read:?}");
    let full = [("industry", " restaurants"), ("numberofemployees", "12"), ("vat_number", "DE1")];
    let route_of = |changes: &[(&str, &str)]| {
        let both = full.iter().chain(changes);
        let properties: Properties =
            both.map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect();
        tenant.route_of(&Identity::read(&properties, &tenant.identity), &properties)
    };
    assert_eq!(route_of(&[]), Some(0));
    assert_eq!(
        route_of(&[("email", "ada@gmail.com")]),
        Some(0),
        "an address of a public mail service is no employer's"
    );
    for other in [
        ("email", "ada@ritz.example"),
        ("website", "https://ritz.example"),
        ("industry", "Banking"),
        ("industry", ""),
        ("numberofemployees", "51"),
        ("numberofemployees", "many"),
        ("vat_number", " "),
    ] {
        assert_eq!(route_of(&[other]), None, "{other:?}");
    }
    let steps = |route| {
        let steps = tenant.waterfall_of(route).steps.iter();
        steps.map(|step| (step.provider.to_string(), step.person, step.fields.len())).collect::<Vec<_>>()
    };
    let [apollo, pdl] = ["apollo", "pdl"].map(str::to_owned);
    assert_eq!(steps(None), [(apollo.clone(), true, 1), (pdl.clone(), true, 0)]);
    assert_eq!(steps(Some(0)), [(pdl, true, 0), (apollo, true, 1)]);
    assert_eq!(tenant.waterfall_of(Some(0)).on_exhausted, OnBlocked::Skip);
    assert!(tenant.first_of_all().is_none(), "whom to ask first depends on the record");
}

#[test]
fn a_route_that_makes_no_sense_is_refused() {
    let refused = |route: &str| {
        let text = with_pdl(&format!("[[tenants.acme.waterfall.routes]]\nname = \"local\"\n{route}"));
        check(&text, now()).expect_err("the file is bad").to_string()
    };
    let all_of_them = refused("when = []");
    assert!(
        all_of_them.contains("waterfall.routes[0].when: found none, expected at least one condition"),
        "{all_of_them}"
    );
    for condition in [
        "{}",
        "{ property = \"industry\" }",
        "{ has = \"email\", lacks = \"domain\" }",
        "{ has = \"email\", property = \"industry\", blank = true }",
        "{ lacks = \"domain\", at_most = 3 }",
        "{ property = \"industry\", blank = true, one_of = [\"hotels\"] }",
    ] {
        let said = refused(&format!("when = [{condition}]"));
        assert!(said.contains("routes[0].when[0]: found something else, expected a `property` with"), "{said}");
    }
    let both = refused("when = [{ property = \"industry\", one_of = [\"hotels\"], at_least = 3 }]");
    assert!(both.contains("found words and a number"), "{both}");
    let unknown = refused("when = [{ has = \"shoes\" }]");
    assert!(unknown.contains("\"shoes\"") && unknown.contains("linkedin_url"), "{unknown}");
    let stranger = refused("when = [{ has = \"email\" }]\norder = [\"hunter\"]");
    assert!(stranger.contains("routes[0].order[0]"), "{stranger}");
    let twice = refused(
        "when = [{ has = \"email\" }]\n[[tenants.acme.waterfall.routes]]\nname = \"local\"\nwhen = [{ has = \"name\" }]",
    );
    assert!(twice.contains("routes[1].name: found \"local\" again"), "{twice}");
}

#[test]
fn addresses_are_checked_by_a_provider_that_can_and_has_a_price_for_it() {
    let hunter = "[[tenants.acme.fallbacks]]\nkind = \"hunter\"\napi_key = \"leadgate/acme/hunter/provider-key\"\n\
                  plan = { anchor = \"2026-01-01\", cycle = \"monthly\", grant = { hunter_searches = 100, hunter_verifications = 100 } }\n";
    let file = |hunter: &str, verify: &str| {
        let file = with_pdl(&format!("{hunter}[tenants.acme.waterfall]\nverify = {{ email = \"{verify}\" }}\n"));
        let file = file.replacen("[\"pdl-2026\"]", "[\"pdl-2026\", \"hunter-2026\"]", 1);
        file.replacen(
            "jobtitle = { from = \"title\" }",
            "jobtitle = { from = \"title\" }\nemail = { from = \"email\" }",
            1,
        )
    };
    let config = check(&file(hunter, "hunter"), now()).expect("a good file");
    let tenant = &config.tenants[&"acme".parse().expect("a name")];
    assert_eq!(tenant.waterfall.verifier.as_ref().map(|name| name.as_str()), Some("hunter"));
    let connection = tenant.provider_named("hunter").expect("there");
    let cost = config.verification_tariff(connection, now()).expect("a price").worst().to_string();
    assert_eq!(cost, "1 hunter_verifications");
    assert!(connection.verification_limits.is_some());

    let refused = |text: &str| check(text, now()).expect_err("the file is bad").to_string();
    let cannot = refused(&file(hunter, "pdl"));
    let expected = "verify.email: found \"pdl\", expected a provider of this tenant that checks addresses: hunter";
    assert!(cannot.contains(expected), "{cannot}");
    let none = refused(&file("", "hunter"));
    assert!(
        none.contains("that checks addresses: and this tenant has none") || none.contains("verify.email"),
        "{none}"
    );
    let unmapped = refused(&file(hunter, "hunter").replacen("email = { from = \"email\" }", "", 1));
    assert!(unmapped.contains("verify.email") && unmapped.contains("`email` mapped"), "{unmapped}");
    let unpaid = refused(&file(hunter, "hunter").replacen(", hunter_verifications = 100", "", 1));
    assert!(unpaid.contains("some \"hunter_verifications\""), "{unpaid}");
    let icp = "[tenants.acme.icps.saas]\nemployees = [\"1-5\"]\ntitles = [\"x\"]\nbudget = { credits = 5 }\n";
    let searched = refused(&format!("{}\n{icp}", file(hunter, "hunter")));
    assert!(searched.contains("icps.saas: found addresses that are checked before"), "{searched}");
}
