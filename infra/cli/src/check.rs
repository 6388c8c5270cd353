//! `leadgate check`: is a configuration right?

mod plan;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use leadgate_connectors::registry;
use leadgate_enrichment::config::{Callback, Config, ConfigError, Route, SecretRole, Step, Tenant, Waterfall};
use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::person::ProfileField;
use serde_json::{Map, Value, json};

use crate::credits::amounts;
use crate::crm::live::{self, Found};
use crate::terminal::{count, object, say};
use crate::{Failure, Outcome, now};

/// Check a configuration file, and say what is wrong with it.
///
/// If nothing is, it says for each tenant what arrives later and where, which wallets its plan fills at present, and
/// which secrets have to exist: their names, since a file never holds one. Given a running ledger, it also says what the
/// next run of the release will change there once the file is deployed.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file to check.
    #[arg(default_value = "infra/leadgate.toml")]
    file: PathBuf,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    /// Ask the CRM of each tenant as well whether it has the properties that the file names, and takes what is written
    /// into them; and the provider with the sequences whether the mailboxes that the rules for signals name can be sent from.
    ///
    /// The secrets that the file names open it, with region and credentials from the environment or the AWS profile; with
    /// --local, it is the CRM of that world. Nothing is changed.
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    against: plan::Against,
}

pub(crate) async fn run(arguments: &Arguments) -> Outcome {
    let name = arguments.file.display().to_string();
    let is_good;
    match read(&arguments.file)? {
        Ok(config) if arguments.json => {
            let arrivals: Map<String, Value> =
                config.tenants.iter().map(|(id, tenant)| (id.to_string(), arrivals_json(tenant))).collect();
            let plans = plan::compared(&config, &arguments.against).await?;
            let live = arguments.ask_crms(&config).await?;
            is_good = live.iter().all(Found::is_good);
            let (tenants, secrets) = (tenants(&config), secrets(&config));
            let said = json!({
                "file": name, "ok": is_good, "tenants": tenants, "arrives_later": arrivals, "secrets": secrets,
                "plans": plans.iter().map(plan::Plan::json).collect::<Vec<_>>(),
                "live": arguments.live.then(|| live.iter().map(Found::json).collect::<Vec<_>>()),
            });
            println!("{}", object(said));
        }
        Ok(config) => {
            say(&format!("{name} is good: {}.", describe(&config)));
            for tenant in config.tenants.values() {
                say(&format!("  {}\n  {}", arrivals(tenant), in_a_day(tenant)));
                steps(tenant).iter().for_each(|steps| say(&format!("  {steps}")));
            }
            let plans = plan::compared(&config, &arguments.against).await?;
            plans.iter().for_each(|plan| say(&format!("  {}", plan.text().replace('\n', "\n    "))));
            println!("These secrets must exist in AWS Secrets Manager:");
            secrets(&config).iter().for_each(|(secret, what)| say(&format!("  {secret}  ({what})")));
            let live = arguments.ask_crms(&config).await?;
            is_good = live.iter().all(Found::is_good);
            live.iter().for_each(|found| say(&found.text()));
        }
        Err(ConfigError { problems }) => {
            if arguments.json {
                let problems = problems.iter().map(|problem| {
                    json!({
                        "path": problem.path, "problem": problem.what(), "found": problem.found,
                        "expected": problem.expected, "remedy": problem.remedy,
                    })
                });
                let said = json!({ "file": name, "ok": false, "problems": problems.collect::<Vec<_>>() });
                println!("{}", object(said));
            } else {
                println!("{name} has {}:", count(problems.len(), "problem"));
                problems.iter().for_each(|problem| say(&format!("  {problem}")));
            }
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Arguments {
    /// What the CRMs say, if they are to be asked.
    async fn ask_crms(&self, config: &Config) -> Result<Vec<Found>, Failure> {
        if !self.live {
            return Ok(Vec::new());
        }
        live::compare(config, self.against.local.as_deref()).await
    }
}

/// Reads a configuration as it has to be for what is deployed.
pub(crate) fn read(file: &Path) -> Result<Result<Config, ConfigError>, Failure> {
    Ok(Config::check(&text_of(file)?, &registry::vendors(), now()))
}

/// The text of a file that an operator has named.
pub(crate) fn text_of(file: &Path) -> Result<String, Failure> {
    let name = file.display();
    let read = std::fs::read_to_string(file);
    Ok(read.map_err(|error| format!("{name} can't be read: {error}. Name a file that is there, by its path"))?)
}

fn tenants(config: &Config) -> Vec<&str> {
    config.tenants.keys().map(leadgate_enrichment::ids::TenantId::as_str).collect()
}

fn describe(config: &Config) -> String {
    let fields: usize = config.tenants.values().map(|tenant| tenant.fields.len()).sum();
    let (names, prices) = (tenants(config), count(config.prices.len(), "price"));
    let tenant = if names.len() == 1 { "tenant" } else { "tenants" };
    format!("{tenant} {}, {prices}, {}", names.join(", "), count(fields, "mapped field"))
}

/// What a tenant buys that arrives later, by the word used in `[[prices]]`, and where it arrives.
fn asynchronous(tenant: &Tenant) -> (Vec<String>, Option<&Callback>) {
    let word = |field: PricedField| serde_json::to_value(field).ok()?.as_str().map(str::to_owned);
    let fields: Vec<String> = tenant.asynchronous_fields(&tenant.provider).into_iter().filter_map(word).collect();
    let callback = tenant.provider.callback.as_ref().filter(|_| !fields.is_empty());
    (fields, callback)
}

fn arrivals(tenant: &Tenant) -> String {
    let id = &tenant.id;
    match asynchronous(tenant) {
        (fields, Some(callback)) => {
            let mapped = || tenant.fields.iter().filter(|field| field.is_mapped());
            let asynchronous = mapped().filter(|field| tenant.is_asynchronous(field.from));
            let properties: Vec<&str> = asynchronous.map(|field| field.property.as_str()).collect();
            let says_register = mapped().any(|field| field.from == ProfileField::MobilePhoneDoNotCall);
            let left_out = if says_register { "" } else { ". Numbers on a do-not-call register are not written" };
            let (properties, fields, url) = (properties.join(", "), fields.join(", "), &callback.url);
            format!("{id} buys {properties} (priced as {fields}), to arrive minutes later at {url}/TOKEN{left_out}")
        }
        _ => format!("{id} buys no mobile numbers: nothing arrives later"),
    }
}

/// Who is asked for what, where there are several providers, and by which route.
fn steps(tenant: &Tenant) -> Vec<String> {
    if !tenant.is_waterfall() {
        return Vec::new();
    }
    let of_all = format!("{} asks, for what is still missing: {}", tenant.id, steps_of(&tenant.waterfall));
    let route =
        |route: &Route| format!("{} asks, by the route {:?}: {}", tenant.id, route.name, steps_of(&route.waterfall));
    std::iter::once(of_all).chain(tenant.routes.iter().map(route)).collect()
}

fn steps_of(waterfall: &Waterfall) -> String {
    let step = |(at, step): (usize, &Step)| {
        let fields = step.fields.iter().filter_map(|field| serde_json::to_value(field).ok());
        let fields = fields.filter_map(|field| field.as_str().map(str::to_owned));
        let person = step.person.then(|| "the person".to_owned());
        let asked: Vec<String> = person.into_iter().chain(fields).collect();
        format!("{}. {} for {}", at + 1, step.provider, asked.join(", "))
    };
    let checks = waterfall.verifier.iter().map(|verifier| {
        format!("addresses that they haven't found to work are checked by {verifier} before they are written")
    });
    let steps: Vec<String> = waterfall.steps.iter().enumerate().map(step).chain(checks).collect();
    steps.join("; ")
}

/// The most that a mistake can cost.
fn in_a_day(tenant: &Tenant) -> String {
    let id = &tenant.id;
    match (&tenant.caps.per_day, &tenant.caps.money.per_day) {
        (Some(most), None) => format!("{id} spends {} in a day at most", amounts(most)),
        (None, Some(most)) => format!("{id} spends {most} in a day at most"),
        (Some(credits), Some(money)) => format!("{id} spends {} in a day at most, and {money}", amounts(credits)),
        (None, None) => {
            format!("{id} may spend all that it has in one day: tenants.{id}.caps.per_day would limit that")
        }
    }
}

fn arrivals_json(tenant: &Tenant) -> Value {
    let (fields, callback) = asynchronous(tenant);
    json!({ "buys": fields, "callback_url": callback.map(|callback| &callback.url) })
}

/// The name of each secret that the functions read, and what it is for. Those of an address that nothing arrives at
/// aren't read.
fn secrets(config: &Config) -> BTreeMap<&str, String> {
    let of = |tenant| secrets_of(tenant).into_iter();
    let mut secrets: BTreeMap<&str, String> = BTreeMap::new();
    for (name, what) in config.tenants.values().flat_map(of) {
        let uses = secrets.entry(name).or_default();
        if !uses.is_empty() {
            uses.push_str("; ");
        }
        uses.push_str(&what);
    }
    secrets
}

fn secrets_of(tenant: &Tenant) -> Vec<(&str, String)> {
    let (id, crm) = (&tenant.id, tenant.crm.vendor.name);
    let is_called_back = asynchronous(tenant).1.is_some();
    let what = |role, provider: &str| match role {
        SecretRole::CrmSigning => Some(format!("{id}: signs the webhooks of {crm}")),
        SecretRole::CrmToken => Some(format!("{id}: the access token of {crm}")),
        SecretRole::ProviderKey => Some(format!("{id}: the key of {provider}")),
        SecretRole::ProviderCallback => {
            is_called_back.then(|| format!("{id}: any long random text, for the callback address"))
        }
    };
    let of_providers = tenant.providers().flat_map(|it| it.secrets.iter().map(|secret| (secret, it.vendor.name)));
    let all = tenant.crm.secrets.iter().map(|secret| (secret, crm)).chain(of_providers);
    let mut secrets = Vec::new();
    for ((key, names), vendor) in all {
        let Some(what) = what(key.role, vendor) else { continue };
        secrets.extend(names.iter().map(|name| (name.as_str(), what.clone())));
    }
    for (source, hook) in &tenant.sources {
        let what = format!("{id}: signs what {source} posts to /hooks/{id}/{source}");
        secrets.extend(hook.secrets.iter().map(|name| (name.as_str(), what.clone())));
    }
    for (source, signals) in tenant.signals.iter().flat_map(|signals| &signals.sources) {
        let what = format!("{id}: signs what {source} posts to /signals/{id}/{source}");
        secrets.extend(signals.hook.secrets.iter().map(|name| (name.as_str(), what.clone())));
    }
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../../leadgate.toml");
    const NUMBER: &str = "mobilephone = { from = \"mobile_phone\" }\n";

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, &registry::vendors())
    }

    fn problems(text: &str) -> String {
        parse(text).expect_err("the file is bad").to_string()
    }

    #[test]
    fn it_says_where_numbers_arrive_and_which_secrets_must_exist() {
        let without = parse(FILE).expect("a good file");
        let demo = without.tenants.values().next().expect("a tenant");
        assert_eq!(arrivals(demo), "demo buys no mobile numbers: nothing arrives later");
        assert!(!secrets(&without).contains_key("leadgate/demo/provider-callback"));

        let with = parse(&format!("{FILE}{NUMBER}")).expect("a good file");
        let demo = with.tenants.values().next().expect("a tenant");
        let told = "demo buys mobilephone (priced as mobile), to arrive minutes later at \
                    https://hooks.example.com/apollo/demo/TOKEN. Numbers on a do-not-call register are not written";
        assert_eq!(arrivals(demo), told);
        let names: Vec<&str> = secrets(&with).into_keys().collect();
        let expected = ["crm-signing", "crm-token", "provider-callback", "provider-key"];
        assert_eq!(names, expected.map(|name| format!("leadgate/demo/{name}")));
    }

    #[test]
    fn it_says_who_is_asked_for_what_and_which_secrets_that_takes() {
        let file = FILE.replacen("price_sets = []", "price_sets = [\"pdl-2026\"]", 1);
        let beside = "\n[[tenants.demo.fallbacks]]\nkind = \"pdl\"\napi_key = \"leadgate/demo/pdl/provider-key\"\n\
                      plan = { anchor = \"2026-01-01\", cycle = \"monthly\", grant = { pdl_credits = 1 } }\n\
                      [tenants.demo.waterfall]\nfields = { mobile_phone = [\"pdl\", \"apollo\"] }\n";
        let config = parse(&format!("{file}{NUMBER}{beside}")).expect("a good file");
        let demo = config.tenants.values().next().expect("a tenant");
        let said = "demo asks, for what is still missing: 1. apollo for the person; 2. pdl for the person, mobile_phone; \
                    3. apollo for mobile_phone";
        assert_eq!(steps(demo), [said]);
        let needed = secrets(&config);
        assert_eq!(needed["leadgate/demo/pdl/provider-key"], "demo: the key of pdl");
        assert_eq!(needed["leadgate/demo/provider-key"], "demo: the key of apollo");

        let same = beside.replace("pdl_credits", "credits");
        let said = problems(&format!("{file}{NUMBER}{same}"));
        assert!(said.contains("found a kind of credit that apollo grants as well"), "{said}");
        let unknown = beside.replace("[\"pdl\", \"apollo\"]", "[\"pdl\", \"lusha\"]");
        let said = problems(&format!("{file}{NUMBER}{unknown}"));
        assert!(said.contains("found \"lusha\", expected a provider of this tenant: apollo, pdl"), "{said}");
    }

    #[test]
    fn it_says_which_secrets_sources_of_signals_need() {
        let tables = "\n[tenants.demo.signals]\ndo_not_contact = [\"hs_email_optout\"]\n\
                      [tenants.demo.signals.sources.intent]\nsignature = \"github\"\nrecord = \"/id\"\nname = \"intent\"\n\
                      secrets = [\"leadgate/demo/intent/crm-signing\"]\n";
        let config = parse(&format!("{FILE}{tables}")).expect("a good file");
        let what = secrets(&config).remove("leadgate/demo/intent/crm-signing");
        assert_eq!(what.as_deref(), Some("demo: signs what intent posts to /signals/demo/intent"));
    }

    #[test]
    fn it_says_which_secrets_sources_need() {
        let source = "\n[tenants.demo.sources.form]\nsignature = \"github\"\nrecord = \"/id\"\n\
                      secrets = [\"leadgate/demo/form/crm-signing\"]\n";
        let config = parse(&format!("{FILE}{source}")).expect("a good file");
        let what = secrets(&config).remove("leadgate/demo/form/crm-signing");
        assert_eq!(what.as_deref(), Some("demo: signs what form posts to /hooks/demo/form"));
    }

    #[test]
    fn it_says_what_may_be_spent_in_a_day() {
        let said = |text: &str| {
            let config = parse(text).expect("a good file");
            in_a_day(config.tenants.values().next().expect("a tenant"))
        };
        assert_eq!(said(FILE), "demo spends 500 credits in a day at most");
        let without = FILE.replace("per_day = { credits = 500 }", "");
        let told = "demo may spend all that it has in one day: tenants.demo.caps.per_day would limit that";
        assert_eq!(said(&without), told);
    }

    #[test]
    fn numbers_without_an_address_a_price_or_a_secret_are_refused() {
        let file = format!("{FILE}{NUMBER}");
        let address = "callback_url = \"https://hooks.example.com/apollo/demo\"";
        let secret = "callback_secrets = [\"leadgate/demo/provider-callback\"]";
        let cases = [
            (address, "", "tenants.demo.provider.callback_url: found none, but fields.mobilephone"),
            ("field = \"mobile\"", "field = \"record\"", "prices: found no price of apollo for \"mobile\""),
            (secret, "callback_secrets = []", "tenants.demo.provider.callback_secrets: found none"),
            (secret, "callback_secrets = [\"\"]", "tenants.demo.provider.callback_secrets[0]: found something else"),
            (secret, "", "tenants.demo.provider.callback_secrets: found none"),
        ];
        for (from, to, said) in cases {
            assert!(file.contains(from), "{from:?} is in the file");
            let problems = problems(&file.replace(from, to));
            assert!(problems.contains(said), "{said:?} is not said in: {problems}");
        }
    }
}
