//! Checks how parties are reached, and what goes where.

use std::collections::BTreeMap;

use super::check::Checker;
use super::file::{CrmTable, FieldTable, LimitsTable, ProviderTable};
use super::{Callback, CrmConnection, ProviderConnection, Tenant};
use crate::limits::{CallLimits, LOW_PRIORITY_PERCENT, Span};
use crate::patch::FieldMapping;

const HUBSPOT_URL: &str = "https://api.hubapi.com";
/// A date-based version: HubSpot ends its v3 paths in September 2027.
const HUBSPOT_VERSION: &str = "2026-03";
/// HubSpot's own property for whose record it is.
const HUBSPOT_OWNER: &str = "hubspot_owner_id";
const APOLLO_URL: &str = "https://api.apollo.io/api/v1";

impl Checker {
    pub(super) fn crm(&mut self, path: &str, table: CrmTable) -> CrmConnection {
        let base_url = table.base_url.unwrap_or_else(|| HUBSPOT_URL.to_owned());
        let api_version = table.api_version.unwrap_or_else(|| HUBSPOT_VERSION.to_owned());
        self.url(&format!("{path}.public_url"), &table.public_url);
        self.url(&format!("{path}.base_url"), &base_url);
        if api_version != "v3" && !is_dated_version(&api_version) {
            self.problem(&format!("{path}.api_version"), quoted(&api_version), "\"v3\" or a date such as \"2026-03\"");
        }
        if table.signing_secrets.is_empty() {
            self.problem(&format!("{path}.signing_secrets"), "none", "one name of a secret, or two during a rotation");
        }
        for (i, name) in table.signing_secrets.iter().enumerate() {
            self.secret_name(&format!("{path}.signing_secrets[{i}]"), name);
        }
        self.secret_name(&format!("{path}.access_token"), &table.access_token);
        for (i, version) in table.signature_versions.iter().enumerate() {
            if !["v1", "v2", "v3"].contains(&version.as_str()) {
                self.problem(&format!("{path}.signature_versions[{i}]"), quoted(version), "\"v1\", \"v2\" or \"v3\"");
            }
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
        let limits = table.limits.map_or(CallLimits::LEAST, |limits| self.limits(&format!("{path}.limits"), &limits));
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
        if secrets.is_empty() {
            let expected = "one name of a secret of your own making, or two during a rotation";
            self.problem(&format!("{path}.callback_secrets"), "none", expected);
        }
        for (i, name) in secrets.iter().enumerate() {
            self.secret_name(&format!("{path}.callback_secrets[{i}]"), name);
        }
        Some(Callback { url: url.trim_end_matches('/').to_owned(), secrets })
    }

    /// What arrives later needs somewhere to arrive.
    pub(super) fn somewhere_to_arrive(&mut self, path: &str, tenant: &Tenant) {
        let later = |field: &&FieldMapping| field.is_mapped() && tenant.arrives_later(field.from).is_some();
        if let Some(field) = tenant.fields.iter().find(later).filter(|_| tenant.provider.callback.is_none()) {
            let found = format!("none, but fields.{} is filled with what arrives later", field.property);
            let expected = "the address of provider-webhook, such as \"https://hooks.example.com/apollo/acme\"";
            self.problem(&format!("{path}.provider.callback_url"), found, expected);
        }
    }

    fn limits(&mut self, path: &str, table: &LimitsTable) -> CallLimits {
        let low_priority_percent = table.low_priority_percent.unwrap_or(LOW_PRIORITY_PERCENT);
        let (minute, hour, day) = (table.minute, table.hour, table.day);
        let limits = CallLimits { minute, hour, day, low_priority_percent };
        for span in Span::ALL.into_iter().filter(|span| limits.of(*span) == Some(0)) {
            self.problem(&format!("{path}.{}", span.word()), 0, "at least 1 call; leave it out if there is no limit");
        }
        if !(1..=100).contains(&low_priority_percent) {
            self.problem(&format!("{path}.low_priority_percent"), low_priority_percent, "1 to 100");
        }
        limits
    }

    pub(super) fn fields(&mut self, path: &str, table: BTreeMap<String, FieldTable>) -> Vec<FieldMapping> {
        if table.is_empty() {
            self.problem(path, "nothing", "at least one field, such as jobtitle = { from = \"title\" }");
        }
        let mapping =
            |(property, field): (String, FieldTable)| FieldMapping { property, from: field.from, policy: field.policy };
        table.into_iter().map(mapping).collect()
    }

    fn url(&mut self, path: &str, url: &str) {
        let loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        let safe = url.starts_with("https://") || loopback.iter().any(|prefix| url.starts_with(prefix));
        if !safe || url.chars().any(char::is_whitespace) {
            self.problem(path, quoted(url), "an https:// URL (http:// only on this machine)");
        }
    }

    /// A name such as `leadgate/acme/apollo-key`. What looks like a secret itself is not repeated in the message.
    fn secret_name(&mut self, path: &str, name: &str) {
        let in_alphabet = name.chars().all(|c| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c));
        let parts = name.contains('/') && name.split('/').all(|part| !part.is_empty());
        if !in_alphabet || !parts || name.len() > 200 {
            let expected = "the name of a secret with a '/' in it, such as \"leadgate/acme/apollo-key\" \
                            (never the secret itself)";
            self.problem(path, "something else (not shown)", expected);
        }
    }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// `2026-03`: HubSpot names a version by the year and month it appeared in.
fn is_dated_version(text: &str) -> bool {
    let digits = |part: &str, count| part.len() == count && part.chars().all(|c| c.is_ascii_digit());
    text.split_once('-').is_some_and(|(year, month)| digits(year, 4) && digits(month, 2))
}
