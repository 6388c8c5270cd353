//! Checks how parties are reached, and what goes where.

use std::collections::BTreeMap;

use strum::IntoEnumIterator;
use toml::Value;

use super::address::address;
use super::check::Checker;
use super::file::{CrmTable, FieldTable, LimitsTable, ProviderTable};
use super::keys::CALLBACK_SECRETS;
use super::vendor::{CrmVendor, OwnKeys, SecretKey, SecretNames, Wrong};
use super::{Callback, CrmConnection, ProviderConnection, Tenant};
use crate::credits::plan::Plan;
use crate::lead::patch::FieldMapping;
use crate::person::ProfileField;
use crate::provider::limits::{CallLimits, LOW_PRIORITY_PERCENT};

impl Checker<'_> {
    /// `None` when there is no such CRM, which has been said by then.
    pub(super) fn crm(&mut self, path: &str, table: CrmTable) -> Option<CrmConnection> {
        let vendor = self.vendors.crm(&table.kind)?;
        let base_url = table.base_url.unwrap_or_else(|| vendor.base_url.to_owned());
        self.url(&format!("{path}.public_url"), &table.public_url);
        self.url(&format!("{path}.base_url"), &base_url);
        let mut own = OwnKeys(table.own);
        self.wrong(path, (vendor.check)(&own));
        let secrets = self.secrets(path, &mut own, vendor.secrets);
        let name_max = vendor.property_name_max;
        for (i, property) in table.enrich_on_change.iter().enumerate() {
            let path = format!("{path}.enrich_on_change[{i}]");
            self.property(&path, property, name_max);
            self.no_related(&path, property);
        }
        let named = [
            ("last_enriched_property", &table.last_enriched_property),
            ("source_property", &table.source_property),
            ("candidate_property", &table.candidate_property),
            ("owner_property", &table.owner_property),
        ];
        for (key, property) in named {
            if let Some(property) = property {
                self.property(&format!("{path}.{key}"), property, name_max);
                self.no_related(&format!("{path}.{key}"), property);
            }
        }
        Some(CrmConnection {
            vendor,
            public_url: table.public_url,
            base_url: base_url.trim_end_matches('/').to_owned(),
            secrets,
            own,
            enrich_on_change: table.enrich_on_change,
            last_enriched_property: table.last_enriched_property,
            source_property: table.source_property,
            candidate_property: table.candidate_property,
            owner_property: table.owner_property.unwrap_or_else(|| vendor.owner_property.to_owned()),
        })
    }

    /// `None` when there is no such provider, which has been said by then.
    pub(super) fn provider(&mut self, path: &str, table: ProviderTable, plan: Plan) -> Option<ProviderConnection> {
        let vendor = self.vendors.provider(&table.kind)?;
        let base_url = table.base_url.unwrap_or_else(|| vendor.base_url.to_owned());
        self.url(&format!("{path}.base_url"), &base_url);
        let mut own = OwnKeys(table.own);
        self.wrong(path, (vendor.check)(&own));
        let mut secrets = self.secrets(path, &mut own, vendor.secrets);
        let own_limits = table.limits.map(|limits| limits_of(&limits));
        let verification_limits = self.vendors.verifies(vendor.name).map(|limits| own_limits.unwrap_or(limits));
        let limits = own_limits.unwrap_or(vendor.limits);
        let callback = self.callback(path, table.callback_url, &table.callback_secrets);
        if callback.is_some() {
            secrets.0.push((&CALLBACK_SECRETS, table.callback_secrets));
        }
        let asynchronous = |field| Some((field, (vendor.asynchronous)(&own, field)?));
        let asynchronous = ProfileField::iter().filter_map(asynchronous).collect();
        Some(ProviderConnection {
            vendor,
            base_url: base_url.trim_end_matches('/').to_owned(),
            limits,
            verification_limits,
            organizations: table.organizations,
            asynchronous,
            callback,
            secrets,
            own,
            plan,
        })
    }

    /// Each provider once, and no kind of credit that two of them grant: what is held of it could be anyone's.
    pub(super) fn apart(&mut self, path: &str, providers: &[&ProviderConnection]) {
        for (i, provider) in providers.iter().enumerate().skip(1) {
            let (before, name) = (&providers[..i], provider.vendor.name);
            if before.iter().any(|other| other.vendor.name == name) {
                let (path, found) = (format!("{path}.fallbacks[{}].kind", i - 1), format!("{name:?} again"));
                self.problem(&path, found, "each provider once", "Take one of the two tables out.");
                continue;
            }
            for (bucket, _) in provider.plan.granted().iter() {
                let Some(other) = before.iter().find(|other| other.plan.granted().names(bucket)) else { continue };
                let path = format!("{path}.fallbacks[{}].plan.grant.{bucket}", i - 1);
                let found = format!("a kind of credit that {} grants as well", other.vendor.name);
                let remedy = format!("Name it for its provider, such as {name}_{bucket}, here and in its prices.");
                self.problem(&path, found, "a name of its own for each provider's credits", remedy);
            }
        }
    }

    /// What is wrong with a vendor's own keys.
    fn wrong(&mut self, path: &str, wrong: Vec<Wrong>) {
        for Wrong { key, found, expected, remedy } in wrong {
            self.problem(&format!("{path}.{key}"), found, expected, remedy);
        }
    }

    /// Takes the names of secrets out of a vendor's own keys.
    fn secrets(&mut self, path: &str, own: &mut OwnKeys, keys: &'static [SecretKey]) -> SecretNames {
        let mut all = SecretNames::default();
        for secret in keys {
            let path = format!("{path}.{}", secret.key);
            let text = |value: Value| if let Value::String(text) = value { Some(text) } else { None };
            let there = own.0.remove(secret.key);
            if there.is_none() && !secret.needed {
                continue;
            }
            let names: Vec<String> = match there {
                Some(Value::Array(names)) => names.into_iter().filter_map(text).collect(),
                one => one.and_then(text).into_iter().collect(),
            };
            match secret.role.is_list() {
                true => self.secret_names(&path, &names),
                false => names.iter().for_each(|name| self.secret_name(&path, name)),
            }
            all.0.push((secret, names));
        }
        all
    }

    fn callback(&mut self, path: &str, url: Option<String>, secrets: &[String]) -> Option<Callback> {
        let url = url?;
        self.url(&format!("{path}.callback_url"), &url);
        self.secret_names(&format!("{path}.{}", CALLBACK_SECRETS.key), secrets);
        Some(Callback { url: url.trim_end_matches('/').to_owned() })
    }

    /// What arrives later needs somewhere to arrive.
    pub(super) fn somewhere_to_arrive(&mut self, path: &str, tenant: &Tenant) {
        for (table, provider) in tenant.provider_tables() {
            let fields = tenant.asked_of(provider);
            let asynchronous = |field: &&FieldMapping| {
                field.is_mapped() && fields.contains(&field.from) && provider.asynchronous.contains_key(&field.from)
            };
            let Some(field) = tenant
                .fields
                .iter()
                .find(asynchronous)
                .filter(|_| provider.callback.is_none() && provider.vendor.needs_callback)
            else {
                continue;
            };
            let found = format!("none, but fields.{} is filled with what arrives later", field.property);
            let route = format!("{}/{}", provider.vendor.name, tenant.id);
            let expected = format!("the address of provider-webhook, such as \"https://hooks.example.com/{route}\"");
            let remedy = "Add it, with `callback_secrets`; or take the field out.";
            self.problem(&format!("{path}.{table}.callback_url"), found, expected, remedy);
        }
    }

    pub(super) fn fields(
        &mut self,
        path: &str,
        table: BTreeMap<String, FieldTable>,
        crm: &'static CrmVendor,
    ) -> Vec<FieldMapping> {
        if table.is_empty() {
            let expected = "at least one field, such as jobtitle = { from = \"title\" }";
            self.problem(path, "nothing", expected, "Add what is to be written.");
        }
        for (property, field) in &table {
            self.property(&format!("{path}.{property:?}"), property, crm.property_name_max);
            self.known_related(&format!("{path}.{property:?}"), property, crm);
            if field.min_confidence.is_some() && !field.from.has_confidence() {
                let path = format!("{path}.{property}.min_confidence");
                let expected =
                    "one only with `email` and `mobile_phone`: of nothing else does a provider say how sure it is";
                self.problem(&path, "a floor for something else", expected, "Take it out.");
            }
        }
        let mapping = |(property, field): (String, FieldTable)| {
            let FieldTable { from, policy, min_confidence } = field;
            FieldMapping { property, from, policy, min_confidence }
        };
        table.into_iter().map(mapping).collect()
    }

    fn url(&mut self, path: &str, url: &str) {
        if let Err(wrong) = address(url) {
            self.problem(path, wrong.found, wrong.expected, wrong.remedy);
        }
    }

    /// The CRM's own name of a property, not the label that people see.
    pub(super) fn property(&mut self, path: &str, name: &str, most: usize) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if name.is_empty() || name.len() > most || !name.chars().all(allowed) {
            let expected = "the CRM's own name of a property: letters, digits, '_', '-' and '.' only";
            self.problem(path, quoted(name), expected, "Write the property's internal name, not its label.");
        }
    }

    /// What begins with the name of a relation that another CRM has would be taken for a property of the lead.
    fn known_related(&mut self, path: &str, property: &str, crm: &'static CrmVendor) {
        let is_of = |vendor: &CrmVendor| vendor.related.iter().any(|relation| property.starts_with(relation));
        if is_of(crm) || !self.vendors.crms.iter().any(|vendor| is_of(vendor)) {
            return;
        }
        let others: Vec<&str> =
            self.vendors.crms.iter().filter(|vendor| is_of(vendor)).map(|vendor| vendor.name).collect();
        let found = format!("a property of a related record, in {}", crm.name);
        let expected = format!("a property of the record itself: only in {} is another one written", others.join(", "));
        self.problem(path, found, expected, "Name a property of the record, or take the field out.");
    }

    /// For what is said of each lead by itself.
    pub(super) fn no_related(&mut self, path: &str, property: &str) {
        if self.vendors.crms.iter().flat_map(|vendor| vendor.related).any(|relation| property.starts_with(relation)) {
            let (found, expected) = ("a property of a related record", "a property of the record itself");
            self.problem(
                path,
                found,
                expected,
                "Name one: those of related records may stand in `fields` and `identity`.",
            );
        }
    }

    /// One name, or two while one secret replaces the other.
    pub(super) fn secret_names(&mut self, path: &str, names: &[String]) {
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

    /// A name such as `leadgate/acme/provider-key`. What looks like a secret itself is not repeated in the message.
    fn secret_name(&mut self, path: &str, name: &str) {
        let in_alphabet = name.chars().all(|c| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c));
        let parts = name.contains('/') && name.split('/').all(|part| !part.is_empty());
        if !in_alphabet || !parts || name.len() > 200 {
            let expected = "the name of a secret with a '/' in it, such as \"leadgate/acme/provider-key\"";
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
