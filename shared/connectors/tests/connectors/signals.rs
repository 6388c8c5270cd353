//! The tables of signals: what is refused, and whom a rule is for.

use leadgate_connectors::registry;
use leadgate_enrichment::config::Config;
use serde_json::json;

/// A small file that is right, but has no signals.
const FILE: &str = include_str!("config/file.toml");

const SIGNALS: &str = r#"
[tenants.acme.signals]
do_not_contact = ["hs_email_optout"]
enrolled_property = "leadgate_sequence"
stops = { replied = 30 }
[tenants.acme.signals.sources.intent]
signature = "github"
secrets = ["leadgate/acme/intent/crm-signing"]
record = "/contact"
signal = "/type"
[[tenants.acme.signals.rules]]
name = "new-job"
signal = "job-change"
when = [{ at = "/seniority", one_of = ["VP"] }, { at = "/company/employees", at_least = 50, at_most = 500 }]
sequence = "s1"
mailboxes = ["m1"]
owner = "u1"
task = { kind = "call" }
"#;

fn checked(signals: &str) -> Result<Config, String> {
    let now = "2026-08-15T00:00:00Z".parse().expect("a time");
    Config::check(&format!("{FILE}{signals}"), &registry::vendors(), now).map_err(|error| error.to_string())
}

#[test]
fn a_rule_is_for_signals_of_its_name_that_say_what_it_wants() {
    let config = checked(SIGNALS).expect("a good file");
    let signals = config.tenants.values().next().and_then(|tenant| tenant.signals.as_ref()).expect("signals");
    let rule = signals.rule("new-job").expect("the rule");
    let fits = |seniority: serde_json::Value, employees: serde_json::Value| {
        rule.fits("job-change", &json!({ "seniority": seniority, "company": { "employees": employees } }))
    };
    assert!(fits(json!(" vp "), json!(50)) && fits(json!("VP"), json!("500")) && fits(json!("VP"), json!(77.5)));
    assert!(!fits(json!("vp"), json!(49)) && !fits(json!("vp"), json!(501)) && !fits(json!("intern"), json!(50)));
    assert!(!fits(json!("vp"), json!("many")) && !fits(json!("vp"), json!(null)) && !fits(json!(["vp"]), json!(50)));
    assert!(!rule.fits("job-change", &json!({})), "what isn't there fits nothing");
    assert!(!rule.fits("funding", &json!({ "seniority": "vp", "company": { "employees": 50 } })));
}

#[test]
fn each_mistake_says_where_it_is_and_what_is_allowed() {
    let cases = [
        ("do_not_contact = [\"hs_email_optout\"]", "do_not_contact = []", "do_not_contact: found none"),
        ("do_not_contact = [\"hs_email_optout\"]\n", "", "do_not_contact: found nothing"),
        ("\"leadgate_sequence\"", "\"jobtitle\"", "enrolled_property: found one that is written already"),
        ("replied = 30", "job-change = 30", "rules[0].signal: found \"job-change\", which is among `stops`"),
        ("replied = 30", "replied = 0", "stops.replied: found 0"),
        ("record = \"/contact\"\n", "", "sources.intent.record: found nothing, and no `email`"),
        ("record = \"/contact\"", "record = \"/contact\"\nemail = \"/email\"", "record: found this and `email`"),
        ("record = \"/contact\"", "record = \"contact\"", "sources.intent.record: found \"contact\""),
        ("signal = \"/type\"\n", "", "sources.intent.signal: found nothing, and no `name`"),
        ("signal = \"/type\"", "signal = \"/type\"\nname = \"x\"", "sources.intent.signal: found this and `name`"),
        ("mailboxes = [\"m1\"]", "mailboxes = []", "rules[0].mailboxes: found none"),
        ("owner = \"u1\"\n", "", "rules[0].owner: found nothing"),
        ("one_of = [\"VP\"]", "one_of = [\"VP\"], at_least = 1", "rules[0].when[0]: found words and a number"),
        (", one_of = [\"VP\"]", "", "rules[0].when[0]: found nothing that it should be"),
        ("kind = \"call\"", "kind = \"visit\"", "rules[0].task.kind: found \"visit\""),
        ("/intent/crm-signing", "/intent/other", "sources.intent.secrets[0]: found another name"),
        ("owner = \"u1\"", "owner = \"u1\"\nallow = [\"active-elsewhere\"]", "rules[0].allow[0]: found"),
    ];
    for (from, to, said) in cases {
        assert!(SIGNALS.contains(from), "{from:?}");
        let problem = checked(&SIGNALS.replacen(from, to, 1)).expect_err(said);
        assert!(problem.contains(said) && problem.contains("tenants.acme.signals."), "{to}: {problem}");
    }
}

#[test]
fn two_rules_of_a_name_and_a_tenant_without_sequences_are_refused() {
    let rule = SIGNALS.split_once("[[").map(|(_, rule)| format!("[[{rule}")).expect("a rule");
    let problem = checked(&format!("{SIGNALS}{rule}")).expect_err("two of a name");
    assert!(problem.contains("rules[1].name: found \"new-job\" again"), "{problem}");
    let mut vendors = registry::vendors();
    vendors.sequencers.clear();
    let problem = Config::parse(&format!("{FILE}{SIGNALS}"), &vendors).expect_err("nobody has sequences").to_string();
    assert!(problem.contains("signals: found no provider with sequences"), "{problem}");
}
