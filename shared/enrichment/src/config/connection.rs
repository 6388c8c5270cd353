//! Checks how parties are reached, and what goes where.

use std::collections::BTreeMap;

use super::address::address;
use super::check::Checker;
use super::file::{CrmTable, FieldTable, LimitsTable, ProviderTable};
use super::{Callback, CrmConnection, ProviderConnection, Tenant};
use crate::limits::{CallLimits, LOW_PRIORITY_PERCENT};
use crate::patch::FieldMapping;

const HUBSPOT_URL: &str = "https://api.hubapi.com";
/// A date-based version: HubSpot ends its v3 paths in September 2027.
const HUBSPOT_VERSION: &str = "2026-03";
/// HubSpot's own property for whose record it is.
const HUBSPOT_OWNER: &str = "hubspot_owner_id";
/// Which versions there are.
const VERSIONS: &str = "\"v3\", or a year and month from \"2026-03\" on";
/// HubSpot takes no longer name.
const PROPERTY_MAX: usize = 100;
const APOLLO_URL: &str = "https://api.apollo.io/api/v1";

impl Checker {
    pub(super) fn crm(&mut self, path: &str, table: CrmTable) -> CrmConnection {
        let base_url = table.base_url.unwrap_or_else(|| HUBSPOT_URL.to_owned());
        let api_version = table.api_version.unwrap_or_else(|| HUBSPOT_VERSION.to_owned());
        self.url(&format!("{path}.public_url"), &table.public_url);
        self.url(&format!("{path}.base_url"), &base_url);
        if api_version != "v3" && !is_dated_version(&api_version) {
            self.problem(&format!("{path}.api_version"), quoted(&api_version), VERSIONS, "Write one of these.");
        }
        self.secret_names(&format!("{path}.signing_secrets"), &table.signing_secrets);
        self.secret_name(&format!("{path}.access_token"), &table.access_token);
        if table.signature_versions.is_empty() {
            let path = format!("{path}.signature_versions");
            self.problem(&path, "none", "at least one, such as [\"v3\"]", "Name one, or leave the key out.");
        }
        for (i, property) in table.enrich_on_change.iter().enumerate() {
            self.property(&format!("{path}.enrich_on_change[{i}]"), property);
        }
        let own =
            [("last_enriched_property", &table.last_enriched_property), ("owner_property", &table.owner_property)];
        for (key, property) in own {
            property.iter().for_each(|property| self.property(&format!("{path}.{key}"), property));
        }
        CrmConnection {
            kind: table.kind,
            portal_id: table.portal_id,
            public_url: table.public_url,
            signing_secrets: table.signing_secrets,
            signature_versions: table.signature_versions,
            access_token: table.access_token,
            base_url: base_url.trim_end_matches('/').to_owned(),
            api_version,
            enrich_on_change: table.enrich_on_change,
            last_enriched_property: table.last_enriched_property,
            owner_property: table.owner_property.unwrap_or_else(|| HUBSPOT_OWNER.to_owned()),
        }
    }

    pub(super) fn provider(&mut self, path: &str, table: ProviderTable) -> ProviderConnection {
        let base_url = table.base_url.unwrap_or_else(|| APOLLO_URL.to_owned());
        self.url(&format!("{path}.base_url"), &base_url);
        self.secret_name(&format!("{path}.api_key"), &table.api_key);
        let limits = table.limits.map_or(CallLimits::LEAST, |limits| limits_of(&limits));
        ProviderConnection {
            kind: table.kind,
            api_key: table.api_key,
            base_url: base_url.trim_end_matches('/').to_owned(),
            limits,
            organizations: table.organizations,
            waterfall: table.waterfall,
            callback: self.callback(path, table.callback_url, table.callback_secrets),
        }
    }

    fn callback(&mut self, path: &str, url: Option<String>, secrets: Vec<String>) -> Option<Callback> {
        let url = url?;
        self.url(&format!("{path}.callback_url"), &url);
        self.secret_names(&format!("{path}.callback_secrets"), &secrets);
        Some(Callback { url: url.trim_end_matches('/').to_owned(), secrets })
    }

    /// What arrives later needs somewhere to arrive.
    pub(super) fn somewhere_to_arrive(&mut self, path: &str, tenant: &Tenant) {
        let later = |field: &&FieldMapping| field.is_mapped() && tenant.arrives_later(field.from).is_some();
        if let Some(field) = tenant.fields.iter().find(later).filter(|_| tenant.provider.callback.is_none()) {
            let found = format!("none, but fields.{} is filled with what arrives later", field.property);
            let expected = "the address of provider-webhook, such as \"https://hooks.example.com/apollo/acme\"";
            let remedy = "Add it, with `callback_secrets`; or take the field out.";
            self.problem(&format!("{path}.provider.callback_url"), found, expected, remedy);
        }
    }

    pub(super) fn fields(&mut self, path: &str, table: BTreeMap<String, FieldTable>) -> Vec<FieldMapping> {
        if table.is_empty() {
            let expected = "at least one field, such as jobtitle = { from = \"title\" }";
            self.problem(path, "nothing", expected, "Add what is to be written.");
        }
        for property in table.keys() {
            self.property(&format!("{path}.{property:?}"), property);
        }
        let mapping =
            |(property, field): (String, FieldTable)| FieldMapping { property, from: field.from, policy: field.policy };
        table.into_iter().map(mapping).collect()
    }

    fn url(&mut self, path: &str, url: &str) {
        if let Err(wrong) = address(url) {
            self.problem(path, wrong.found, wrong.expected, wrong.remedy);
        }
    }

    /// HubSpot's own name of a property, not the label that people see.
    pub(super) fn property(&mut self, path: &str, name: &str) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if name.is_empty() || name.len() > PROPERTY_MAX || !name.chars().all(allowed) {
            let expected = "the CRM's own name of a property: letters, digits, '_', '-' and '.' only";
            self.problem(path, quoted(name), expected, "Write the property's internal name, not its label.");
        }
    }

    /// One name, or two while one secret replaces the other.
    fn secret_names(&mut self, path: &str, names: &[String]) {
        if !(1..=2).contains(&names.len()) {
            let found = if names.is_empty() { "none".to_owned() } else { format!("{} names", names.len()) };
            let expected = "one name of a secret, or two during a rotation: the current and the next";
            self.problem(path, found, expected, "Name the current secret, and the next one if there is one.");
        }
        for (i, name) in names.iter().enumerate() {
            self.secret_name(&format!("{path}[{i}]"), name);
        }
        if names.len() == 2 && names[0] == names[1] {
            let remedy = "Take one out, or name the secret that replaces it.";
            self.problem(&format!("{path}[1]"), "the same name again", "another name", remedy);
        }
    }

    /// A name such as `leadgate/acme/apollo-key`. What looks like a secret itself is not repeated in the message.
    fn secret_name(&mut self, path: &str, name: &str) {
        let in_alphabet = name.chars().all(|c| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c));
        let parts = name.contains('/') && name.split('/').all(|part| !part.is_empty());
        if !in_alphabet || !parts || name.len() > 200 {
            let expected = "the name of a secret with a '/' in it, such as \"leadgate/acme/apollo-key\"";
            let remedy = "Write the secret's name in AWS Secrets Manager, never the secret itself.";
            self.problem(path, "something else (not shown)", expected, remedy);
        }
    }
}

fn limits_of(table: &LimitsTable) -> CallLimits {
    let (minute, hour, day) = (table.minute, table.hour, table.day);
    CallLimits { minute, hour, day, low_priority_percent: table.low_priority_percent.unwrap_or(LOW_PRIORITY_PERCENT) }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// `2026-03`: HubSpot names a version by the year and month it appeared in. That was the first.
fn is_dated_version(text: &str) -> bool {
    let digits = |part: &str, count| part.len() == count && part.chars().all(|c| c.is_ascii_digit());
    let parts = text.split_once('-');
    parts.is_some_and(|(year, month)| {
        digits(year, 4) && digits(month, 2) && ("01"..="12").contains(&month) && text >= HUBSPOT_VERSION
    })
}
