//! Whether what is deployed can work with a configuration: beside what the file itself has to be, its addresses have to be
//! served, its secrets readable, and its prices in force. A function doesn't check this when it starts: what an operator
//! is told before deploying must not stop what runs already.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::address::address;
use super::money::{floor_problems, price_problems};
use super::{Config, Problem, Tenant};

/// What the last part of a secret's name has to be, by what it is for: the roles of the functions can read no others.
const SIGNING: [&str; 2] = ["hubspot-signing", "hubspot-signing-next"];
const TOKEN: [&str; 1] = ["hubspot-token"];
const KEY: [&str; 1] = ["apollo-key"];
const CALLBACK: [&str; 2] = ["apollo-callback", "apollo-callback-next"];

/// A secret that a tenant names, which is not repeated where it may be the secret itself: where in the file, the name, and which last parts it may have.
type Named<'a> = (String, &'a str, &'static [&'static str]);

pub(super) fn problems(config: &Config, now: Timestamp) -> Vec<Problem> {
    let mut problems = Vec::new();
    for tenant in config.tenants.values() {
        problems.extend(route_problems(tenant));
        problems.extend(secrets(tenant).iter().filter_map(unreadable));
        problems.extend(floor_problems(tenant));
        problems.extend(price_problems(config, tenant, now));
    }
    problems.extend(shared_portals(config));
    problems.extend(shared_secrets(config));
    problems.extend(prefixes(config));
    problems
}

/// The routes of the deployed API end in the tenant's own name.
fn route_problems(tenant: &Tenant) -> Vec<Problem> {
    let (id, mut problems) = (&tenant.id, Vec::new());
    let callback = tenant.provider.callback.as_ref();
    let addresses = [
        ("crm.public_url", Some(&tenant.crm.public_url), format!("/hubspot/{id}")),
        ("provider.callback_url", callback.map(|callback| &callback.url), format!("/apollo/{id}")),
    ];
    for (key, text, served) in addresses {
        let Some((text, url)) = text.and_then(|text| Some((text, address(text).ok()?))) else { continue };
        if url.path() != served {
            let expected = format!("the path {served:?}, which is what is served for this tenant");
            let remedy = format!("Write {:?}.", url.join(&served).map_or(served, String::from));
            problems.push(Problem::new(format!("tenants.{id}.{key}"), format!("{text:?}"), expected, remedy));
        }
    }
    problems
}

fn secrets(tenant: &Tenant) -> Vec<Named<'_>> {
    let at = |key: &str| format!("tenants.{}.{key}", tenant.id);
    let signing = tenant.crm.signing_secrets.iter().enumerate();
    let signing = signing.map(|(i, name)| (at(&format!("crm.signing_secrets[{i}]")), name.as_str(), &SIGNING[..]));
    let callback = tenant.provider.callback.iter().flat_map(|callback| callback.secrets.iter().enumerate());
    let callback =
        callback.map(|(i, name)| (at(&format!("provider.callback_secrets[{i}]")), name.as_str(), &CALLBACK[..]));
    let token = (at("crm.access_token"), tenant.crm.access_token.as_str(), &TOKEN[..]);
    let key = (at("provider.api_key"), tenant.provider.api_key.as_str(), &KEY[..]);
    signing.chain([token, key]).chain(callback).collect()
}

/// The roles may read PREFIX/…/LAST, where PREFIX is the parameter SecretPrefix of the template.
fn unreadable((path, name, last): &Named<'_>) -> Option<Problem> {
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
    all.retain(|(_, name, last)| is_readable(name, last));
    let prefix = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
    let first = prefix(all.first()?.1);
    let (path, name, _) = all.iter().find(|(_, name, _)| prefix(name) != first)?;
    let expected = format!("a name that begins with \"{first}/\", as the others do");
    let remedy = "Let all names begin alike: the functions' roles can read one SecretPrefix.";
    Some(Problem::new(path, format!("one that begins with \"{}/\"", prefix(name)), expected, remedy))
}

/// A delivery says which portal it is from, and belongs to one tenant.
fn shared_portals(config: &Config) -> Vec<Problem> {
    let (mut seen, mut problems) = (BTreeMap::new(), Vec::new());
    for tenant in config.tenants.values() {
        let portal = tenant.crm.portal_id;
        if let Some(other) = seen.insert(portal, &tenant.id) {
            let (path, found) = (format!("tenants.{}.crm.portal_id", tenant.id), format!("{portal}, as of {other}"));
            let remedy = "Write this tenant's own number, or take one of the two tenants out.";
            problems.push(Problem::new(path, found, "a portal of its own for each tenant", remedy));
        }
    }
    problems
}

/// With another tenant's key, one would spend what the other is counted for.
fn shared_secrets(config: &Config) -> Vec<Problem> {
    let (mut seen, mut problems) = (BTreeMap::new(), Vec::new());
    for tenant in config.tenants.values() {
        for (path, name, _) in secrets(tenant) {
            match seen.insert(name, &tenant.id) {
                Some(other) if *other != tenant.id => {
                    let (found, remedy) =
                        (format!("the name of a secret of {other}"), "Name a secret of this tenant's own.");
                    problems.push(Problem::new(path, found, "secrets of its own for each tenant", remedy));
                }
                _ => {}
            }
        }
    }
    problems
}
