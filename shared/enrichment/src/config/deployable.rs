//! Whether what is deployed can work with a configuration: beside what the file itself has to be, its addresses have to be
//! served, its secrets readable, and its prices in force. A function doesn't check this when it starts: what an operator
//! is told before deploying must not stop what runs already.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::address::address;
use super::vendor::SecretRole;
use super::{Config, Problem, Tenant};
use crate::credits::Milli;
use crate::credits::price::{Action, PERSON, PricedField};
use crate::icp::Icp;

/// A secret that a tenant names, which is not repeated where it may be the secret itself: where in the file, the name, and
/// what it is for.
type Named<'a> = (String, &'a str, SecretRole);

pub(super) fn problems(config: &Config, now: Timestamp) -> Vec<Problem> {
    let mut problems = Vec::new();
    for tenant in config.tenants.values() {
        problems.extend(route_problems(tenant));
        problems.extend(secrets(tenant).iter().filter_map(unreadable));
        problems.extend(floor_problems(tenant));
        problems.extend(price_problems(config, tenant, now));
    }
    problems.extend(shared_accounts(config));
    problems.extend(shared_secrets(config));
    problems.extend(prefixes(config));
    problems
}

/// The routes of the deployed API end in the tenant's own name.
fn route_problems(tenant: &Tenant) -> Vec<Problem> {
    let (id, mut problems) = (&tenant.id, Vec::new());
    let crm = ("crm.public_url".to_owned(), &tenant.crm.public_url, format!("/{}/{id}", tenant.crm.vendor.name));
    let callbacks = tenant.provider_tables().filter_map(|(table, provider)| {
        let url = &provider.callback.as_ref()?.url;
        Some((format!("{table}.callback_url"), url, format!("/{}/{id}", provider.vendor.name)))
    });
    for (key, text, served) in std::iter::once(crm).chain(callbacks) {
        let Ok(url) = address(text) else { continue };
        if url.path() != served {
            let expected = format!("the path {served:?}, which is what is served for this tenant");
            let remedy = format!("Write {:?}.", url.join(&served).map_or(served, String::from));
            problems.push(Problem::new(format!("tenants.{id}.{key}"), format!("{text:?}"), expected, remedy));
        }
    }
    problems
}

fn secrets(tenant: &Tenant) -> Vec<Named<'_>> {
    let mut all = Vec::new();
    let crm = ("crm".to_owned(), &tenant.crm.secrets);
    let providers = tenant.provider_tables().map(|(table, provider)| (table, &provider.secrets));
    for (table, secrets) in std::iter::once(crm).chain(providers) {
        for (secret, names) in secrets.iter() {
            let path = format!("tenants.{}.{table}.{}", tenant.id, secret.key);
            for (i, name) in names.iter().enumerate() {
                let path = if secret.role.is_list() { format!("{path}[{i}]") } else { path.clone() };
                all.push((path, name.as_str(), secret.role));
            }
        }
    }
    for (name, source) in &tenant.sources {
        let path = |i| format!("tenants.{}.sources.{name}.secrets[{i}]", tenant.id);
        all.extend(source.secrets.iter().enumerate().map(|(i, secret)| (path(i), secret.as_str(), SOURCE_ROLE)));
    }
    for (name, source) in tenant.signals.iter().flat_map(|signals| &signals.sources) {
        let path = |i| format!("tenants.{}.signals.sources.{name}.secrets[{i}]", tenant.id);
        let secrets = source.hook.secrets.iter().enumerate();
        all.extend(secrets.map(|(i, secret)| (path(i), secret.as_str(), SOURCE_ROLE)));
    }
    all
}

/// The webhook's role reads those of sources as it does those of CRMs.
const SOURCE_ROLE: SecretRole = SecretRole::CrmSigning;

/// The roles may read PREFIX/…/LAST, where PREFIX is the parameter SecretPrefix of the template.
fn unreadable((path, name, role): &Named<'_>) -> Option<Problem> {
    let last = role.last_parts();
    let allowed: Vec<String> = last.iter().map(|last| format!("\"leadgate/TENANT/{last}\"")).collect();
    let expected = format!("a name that the functions' roles can read: {}", allowed.join(" or "));
    let remedy = "Give the secret such a name; what stands for `leadgate` is the template's SecretPrefix.";
    (!is_readable(name, last)).then(|| Problem::new(path, "another name (not shown)", expected, remedy))
}

fn is_readable(name: &str, last: &[&str]) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    parts.len() >= 3 && parts.last().is_some_and(|own| last.contains(own))
}

/// The template has one prefix for all.
fn prefixes(config: &Config) -> Option<Problem> {
    let mut all: Vec<Named<'_>> = config.tenants.values().flat_map(secrets).collect();
    all.retain(|(_, name, role)| is_readable(name, role.last_parts()));
    let prefix = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
    let first = prefix(all.first()?.1);
    let (path, name, _) = all.iter().find(|(_, name, _)| prefix(name) != first)?;
    let expected = format!("a name that begins with \"{first}/\", as the others do");
    let remedy = "Let all names begin alike: the functions' roles can read one SecretPrefix.";
    Some(Problem::new(path, format!("one that begins with \"{}/\"", prefix(name)), expected, remedy))
}

/// A delivery says which account it is from, and belongs to one tenant.
fn shared_accounts(config: &Config) -> Vec<Problem> {
    let (mut seen, mut problems) = (BTreeMap::new(), Vec::new());
    for tenant in config.tenants.values() {
        let Some(key) = tenant.crm.vendor.account_key else { continue };
        let Some(account) = tenant.crm.own.shown(key) else { continue };
        if let Some(other) = seen.insert((tenant.crm.vendor.name, account.clone()), &tenant.id) {
            let (path, found) = (format!("tenants.{}.crm.{key}", tenant.id), format!("{account}, as of {other}"));
            let remedy = "Write this tenant's own, or take one of the two tenants out.";
            problems.push(Problem::new(path, found, "another one for each tenant", remedy));
        }
    }
    problems
}

/// With another tenant's key, one would spend what the other is counted for. A signature doesn't say where it was sent: with
/// another source's secret, what is meant for the one could be sent to the other.
fn shared_secrets(config: &Config) -> Vec<Problem> {
    let (mut seen, mut problems) = (BTreeMap::new(), Vec::new());
    for tenant in config.tenants.values() {
        for (path, name, _) in secrets(tenant) {
            let table = path.rsplit_once('.').map_or("", |(table, _)| table).to_owned();
            let (found, expected, remedy) = match seen.insert(name, (&tenant.id, table.clone())) {
                Some((other, _)) if *other != tenant.id => (
                    format!("the name of a secret of {other}"),
                    "secrets of its own for each tenant",
                    "Name a secret of this tenant's own.",
                ),
                Some((_, other)) if other != table => (
                    format!("the name of a secret of {other}"),
                    "secrets of its own for each source",
                    "Name a secret of this source's own.",
                ),
                _ => continue,
            };
            problems.push(Problem::new(path, found, expected, remedy));
        }
    }
    problems
}

/// Changed records could never buy anything below such a floor.
fn floor_problems(tenant: &Tenant) -> Vec<Problem> {
    let granted = tenant.granted();
    let above = tenant.floor.iter().filter(|(bucket, floor)| granted.names(bucket) && *floor > granted.get(bucket));
    let problem = |(bucket, floor): (&_, Milli)| {
        let path = format!("tenants.{}.floor.{bucket}", tenant.id);
        let expected = format!("at most {}, which is all that the plan grants", granted.get(bucket));
        Problem::new(path, floor, expected, "Lower the floor, or raise the grant.")
    };
    above.map(problem).collect()
}

/// What is priced from a later day on only can't be bought now.
fn price_problems(config: &Config, tenant: &Tenant, now: Timestamp) -> Vec<Problem> {
    let bought = tenant.paid_providers().flat_map(|provider| {
        let asked = tenant.asked_of(provider);
        let number = provider.at_once(&asked).into_iter().filter(|field| !PERSON.contains(field));
        let rest = provider.asynchronous_of(&asked).into_iter().chain(number);
        let person = (!provider.answers_later()).then_some(PricedField::Person);
        let person = person.into_iter().chain(rest).map(|field| (Action::Match, field));
        let organization = (Action::EnrichOrganization, PricedField::Organization);
        let verifies = tenant.waterfall.verifier.as_ref() == Some(&provider.name());
        let verification = verifies.then_some((Action::Verify, PricedField::Email));
        let bought = person.chain(tenant.buys_organizations(provider).then_some(organization)).chain(verification);
        let bought: Vec<_> = bought.collect();
        bought.into_iter().map(|(action, field)| (provider.name(), action, field))
    });
    let page = |icp: &Icp| (icp.provider.clone(), Action::SearchOrganizations, PricedField::Page);
    let bought = bought.chain(tenant.icps.values().map(page));
    let mut problems = Vec::new();
    for (provider, action, field) in bought {
        let rows = config.prices.iter().filter(|row| row.provider == provider && row.action == action);
        let rows =
            rows.filter(|row| row.field == field || (field == PricedField::Person && PERSON.contains(&row.field)));
        let Some(first) = rows.map(|row| row.from).min().filter(|first| *first > now) else { continue };
        let (field, day, today) =
            (field.word(), first.to_zoned(TimeZone::UTC).date(), now.to_zoned(TimeZone::UTC).date());
        let found = format!("prices for \"{field}\" from {day} on only, which tenants.{} buys", tenant.id);
        let expected = format!("a price that holds today, {today}");
        problems.push(Problem::new("prices", found, expected, "Add the price that holds until then."));
    }
    problems
}
