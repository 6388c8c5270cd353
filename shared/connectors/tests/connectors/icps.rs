//! The tables of ideal customer profiles: what is read of them, and what is refused.

use leadgate_connectors::registry;
use leadgate_enrichment::config::Config;

/// A small file that is right, but has no profiles.
const FILE: &str = include_str!("config/file.toml");

const PAGE: &str = r#"
[[prices]]
version = "pages"
provider = "apollo"
action = "search-organizations"
field = "page"
from = "2026-01-01"
charge_on = "lookup"
cost = { credits = 1 }
"#;

const ICP: &str = r#"
[tenants.acme.icps.saas]
employees = ["51-200", "201-500"]
locations = ["Germany"]
industries = ["saas"]
fit = [{ field = "company_employees", at_least = 51, at_most = 500 }, { field = "company_industry", one_of = ["Software"], unknown_fits = true }]
titles = ["head of sales"]
seniorities = ["vp", "c_suite"]
people_per_account = 2
budget = { credits = 100 }
"#;

fn checked(rest: &str) -> Result<Config, String> {
    let now = "2026-08-15T00:00:00Z".parse().expect("a time");
    Config::check(&format!("{PAGE}{FILE}{rest}"), &registry::vendors(), now).map_err(|error| error.to_string())
}

#[test]
fn a_profile_says_which_accounts_whom_there_and_for_how_much() {
    let config = checked(ICP).expect("a good file");
    let tenant = config.tenants.values().next().expect("a tenant");
    let icp = &tenant.icps["saas"];
    assert_eq!((icp.provider.as_str(), icp.ceiling.results_max(), icp.people_per_account), ("apollo", 50_000, 2));
    let employees: Vec<String> = icp.accounts.employees.iter().map(ToString::to_string).collect();
    assert_eq!((employees, icp.fit.len(), icp.seniorities.len()), (vec!["51-200".to_owned(), "201-500".into()], 2, 2));
    let costs = config.search_costs(tenant, icp, "2026-08-15T00:00:00Z".parse().expect("a time")).expect("prices");
    let credits = |amounts: &leadgate_enrichment::credits::Amounts| amounts.total().to_decimal();
    assert_eq!((credits(&costs.page), credits(&costs.people_page), credits(&costs.person)), (1.0, 0.0, 1.0));
    assert_eq!(config.search_costs(tenant, icp, "2025-08-15T00:00:00Z".parse().expect("a time")), None);

    let fewer = checked(&ICP.replace("budget", "pages_max = 100\nbudget")).expect("a plan that shows fewer");
    assert_eq!(fewer.tenants.values().next().expect("a tenant").icps["saas"].ceiling.results_max(), 10_000);
}

#[test]
fn each_mistake_says_where_it_is_and_what_is_allowed() {
    let cases = [
        ("\"51-200\"", "\"200-51\"", ".saas.employees[0]: found \"200-51\""),
        ("\"51-200\"", "\"51+\"", ".saas.employees[0]: found \"51+\""),
        ("[\"Germany\"]", "[\" \"]", ".saas.locations[0]: found nothing"),
        (
            "titles = [\"head of sales\"]\nseniorities = [\"vp\", \"c_suite\"]\n",
            "",
            ".saas: found nothing that people are",
        ),
        ("[\"vp\", \"c_suite\"]", "[\"boss\"]", ".saas.seniorities[0]: found \"boss\""),
        ("people_per_account = 2", "people_per_account = 0", ".saas.people_per_account: found 0"),
        ("budget = { credits = 100 }", "", ".saas.budget: found nothing"),
        (
            "{ credits = 100 }",
            "{ credits = 0.5 }",
            ".saas.budget.credits: found 0.5 of \"credits\", expected 1 at least",
        ),
        ("{ credits = 100 }", "{ credits = 100, gold = 1 }", ".saas.budget.gold: found 1 of an unknown kind"),
        ("{ credits = 100 }", "{ credits = 100 }\npages_max = 501", ".saas.pages_max: found 501, expected at most 500"),
        ("\"company_employees\"", "\"title\"", ".saas.fit[0].field: found \"title\""),
        ("at_least = 51, ", "at_least = 501, ", ".saas.fit[0]: found `at_least` above `at_most`"),
        (", at_least = 51, at_most = 500", "", ".saas.fit[0]: found none of the tests"),
        ("one_of = [\"Software\"]", "one_of = []", ".saas.fit[1]: found none of the tests"),
        (
            "one_of = [\"Software\"]",
            "at_most = 5",
            ".saas.fit[1]: found bounds of \"company_industry\", which is no number",
        ),
        ("icps.saas]", "icps.SaaS]", ".SaaS: found the name \"SaaS\""),
        ("employees = [", "emplyees = [", ".saas.emplyees: found an unknown key"),
    ];
    for (from, to, said) in cases {
        assert!(ICP.contains(from), "{from:?}");
        let problem = checked(&ICP.replacen(from, to, 1)).expect_err(said);
        assert!(problem.contains(said) && problem.contains("tenants.acme.icps."), "{to}: {problem}");
    }
    let nothing = "\n[tenants.acme.icps.all]\ntitles = [\"x\"]\nbudget = { credits = 1 }\n";
    let problem = checked(nothing).expect_err("all accounts there are");
    assert!(problem.contains("icps.all: found nothing that accounts are searched by"), "{problem}");
}

#[test]
fn what_it_buys_has_a_price_and_a_provider_and_a_place_in_the_crm() {
    let parse = |text: &str, vendors| Config::parse(text, vendors).map_err(|error| error.to_string());
    let vendors = registry::vendors();
    let problem = parse(&format!("{FILE}{ICP}"), &vendors).expect_err("no price of a page");
    assert!(problem.contains("prices: found no price of apollo for a page of organizations"), "{problem}");
    let free = PAGE.replace("credits = 1", "credits = 0");
    parse(&format!("{free}{FILE}{ICP}"), &vendors).expect("a page may be free, if that is said");
    let unsaid = PAGE.replace("{ credits = 1 }", "{}");
    let problem = parse(&format!("{unsaid}{FILE}{ICP}"), &vendors).expect_err("what it costs isn't said");
    assert!(problem.contains("cost: found nothing"), "{problem}");
    let later = PAGE.replace("2026-01-01", "2026-12-01");
    let now = "2026-08-15T00:00:00Z".parse().expect("a time");
    let problem = Config::check(&format!("{later}{FILE}{ICP}"), &vendors, now).expect_err("not yet in force");
    assert!(problem.to_string().contains("prices for \"page\" from 2026-12-01 on only"), "{problem}");

    let row = "version = \"more\"\nprovider = \"apollo\"\naction = \"search-people\"\nfield = \"page\"";
    let dear = format!("[[prices]]\n{row}\nfrom = \"2026-01-01\"\ncharge_on = \"lookup\"\ncost = {{ credits = 1 }}\n");
    let problem = parse(&format!("{dear}{PAGE}{FILE}{ICP}"), &vendors).expect_err("a search of people that costs");
    assert!(problem.contains("a price of apollo for a page of people"), "{problem}");

    let mut without = registry::vendors();
    without.prospectors.clear();
    let problem = parse(&format!("{PAGE}{FILE}{ICP}"), &without).expect_err("nobody finds accounts");
    assert!(problem.contains("icps: found no provider that finds accounts"), "{problem}");
}
