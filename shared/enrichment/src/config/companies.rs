//! Companies as records of their own, beside those of the people who work there.
//!
//! Their mapping is written into a tenant that is the same in everything else: what works on records works on those of
//! companies, whose tenant has another mapping, one provider to ask, and nothing that is about people.

use std::collections::BTreeMap;

use super::check::Checker;
use super::file::CompaniesTable;
use super::waterfall::{Step, Waterfall};
use super::{CrmConnection, FeedPolicy, ProviderConnection, Tenant};
use crate::credits::ledger::PurchaseKind;
use crate::credits::price::Action;
use crate::ids::ObjectType;
use crate::person::{Identity, IdentityProperties, Properties};

/// What a record is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RecordKind {
    /// A person.
    #[default]
    Person,
    /// A company.
    Company,
}

impl RecordKind {
    /// What is paid for when one is looked up: the wallets go by it.
    pub fn action(self) -> Action {
        match self {
            Self::Person => Action::Match,
            Self::Company => Action::EnrichOrganization,
        }
    }

    /// What that buys.
    pub fn purchase(self) -> PurchaseKind {
        match self {
            Self::Person => PurchaseKind::Person,
            Self::Company => PurchaseKind::Company,
        }
    }
}

impl Checker<'_> {
    /// The tenant of companies. `None` where the CRM's companies are no records of ours, which has been said by then.
    pub(super) fn companies(&mut self, path: &str, table: CompaniesTable, people: &Tenant) -> Option<Tenant> {
        let vendor = people.crm.vendor;
        let Some(kind) = vendor.company else {
            let able: Vec<&str> =
                self.vendors.crms.iter().filter(|crm| crm.company.is_some()).map(|crm| crm.name).collect();
            let (found, expected) = (format!("companies of {}", vendor.name), format!("only with {}", able.join(", ")));
            self.problem(path, found, expected, "Take the table out.");
            return None;
        };
        let domain = table.domain_property.clone().unwrap_or_else(|| kind.domain_property.to_owned());
        self.company_properties(path, &table, &domain, vendor.property_name_max);
        let fields = self.fields(&format!("{path}.fields"), table.fields, vendor);
        let first = Step { provider: people.provider.name(), person: true, fields: [].into() };
        Some(Tenant {
            kind: RecordKind::Company,
            companies: None,
            crm: CrmConnection {
                enrich_on_change: table.enrich_on_change,
                last_enriched_property: table.last_enriched_property,
                source_property: table.source_property,
                candidate_property: None,
                ..people.crm.clone()
            },
            identity: IdentityProperties::named(["", "", "", "", &domain, ""]),
            fields,
            waterfall: Waterfall { steps: vec![first], ..Waterfall::default() },
            routes: Vec::new(),
            provider: ProviderConnection {
                organizations: false,
                asynchronous: BTreeMap::new(),
                ..people.provider.clone()
            },
            // Nothing is asked of them about companies. They stay, because their credits have to be known as theirs.
            fallbacks: people.paid_providers().skip(1).cloned().collect(),
            sources: BTreeMap::new(),
            feed: None,
            feed_policy: FeedPolicy::NONE,
            signals: None,
            icps: BTreeMap::new(),
            ..people.clone()
        })
    }

    fn company_properties(&mut self, path: &str, table: &CompaniesTable, domain: &String, most: usize) {
        let changes = table.enrich_on_change.iter().enumerate();
        let changes = changes.map(|(i, property)| (format!("enrich_on_change[{i}]"), property));
        let ours = [
            ("last_enriched_property", table.last_enriched_property.as_ref()),
            ("source_property", table.source_property.as_ref()),
            ("domain_property", Some(domain)),
        ];
        let ours = ours.into_iter().filter_map(|(key, property)| Some((key.to_owned(), property?)));
        for (key, property) in changes.chain(ours) {
            self.property(&format!("{path}.{key}"), property, most);
            self.no_related(&format!("{path}.{key}"), property);
        }
        for (property, field) in &table.fields {
            let path = format!("{path}.fields.{property}");
            self.no_related(&path, property);
            if !field.from.is_of_employer() {
                let (found, expected) = (format!("{:?}", field.from.word()), "something of a company: `company_…`");
                self.problem(&path, found, expected, "Map it in the tenant's own `fields`, or take it out.");
            }
        }
    }
}

impl Tenant {
    /// The tenant as records of this kind are enriched: with their own mapping. `None` for companies, where they aren't
    /// enriched.
    pub fn of_object(&self, object: &ObjectType) -> Option<&Self> {
        let is_company = self.crm.vendor.company.is_some_and(|company| company.object == *object);
        match (is_company, self.kind) {
            (true, RecordKind::Person) => self.companies.as_deref(),
            (true, RecordKind::Company) | (false, _) => Some(self),
        }
    }

    /// Changes something of the tenant that is the same for all kinds of record.
    pub fn change_all(&mut self, change: &mut impl FnMut(&mut Self)) {
        change(self);
        self.companies.iter_mut().for_each(|companies| change(companies));
    }

    /// Each kind of record with a mapping of its own: people, and companies where they are enriched.
    pub fn mappings(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.companies.as_deref())
    }

    /// Whether this provider is paid for what is known of organizations: employers, or companies that are records.
    pub fn buys_organizations(&self, provider: &ProviderConnection) -> bool {
        provider.organizations || (self.companies.is_some() && self.is_first(provider))
    }

    /// Who, or which company, a record with these properties is about.
    pub fn identity_of(&self, properties: &Properties) -> Identity {
        let read = Identity::read(properties, &self.identity);
        match self.kind {
            RecordKind::Person => read,
            RecordKind::Company => Identity { domain: read.employer(), ..Identity::default() },
        }
    }

    /// Whether this provider can be asked with what is known of who, or which company, a record is about.
    pub fn can_ask(&self, provider: &ProviderConnection, identity: &Identity) -> bool {
        match self.kind {
            RecordKind::Person => identity.may_be_asked_of(&provider.name()) && provider.vendor.can_find(identity),
            RecordKind::Company => identity.domain.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::{FILE, vendors};
    use super::super::{Config, ConfigError};
    use super::*;

    const PRICE: &str = r#"
        [[prices]]
        version = "2026-08"
        provider = "data"
        action = "enrich-organization"
        field = "organization"
        from = "2026-08-01"
        charge_on = "match"
        cost = { credits = 1 }
    "#;

    fn parse(companies: &str, prices: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!("{FILE}\n[tenants.acme.companies]\n{companies}\n{prices}"), &vendors())
    }

    #[test]
    fn companies_have_a_mapping_of_their_own_and_the_rest_is_the_tenants() {
        let said = "enrich_on_change = [\"domain\"]\nfields = { industry = { from = \"company_industry\" } }";
        let config = parse(said, PRICE).expect("it is right");
        let tenant = config.tenant(&"acme".parse().expect("a name")).expect("it is there");
        let companies = tenant.of_object(&ObjectType::known("company")).expect("they are enriched");
        assert_eq!((companies.kind, companies.properties()), (RecordKind::Company, vec!["domain", "industry"]));
        assert_eq!(tenant.of_object(&ObjectType::CONTACT).map(|it| it.kind), Some(RecordKind::Person));
        assert_eq!(companies.of_object(&ObjectType::known("company")).map(|it| it.kind), Some(RecordKind::Company));
        assert!(!companies.is_waterfall() && companies.crm.enrich_on_change == ["domain"]);
        let named: Vec<String> = companies.named_properties().into_iter().map(|named| named.path).collect();
        assert!(named.iter().all(|path| path.starts_with("tenants.acme.companies.")), "{named:?}");

        let plain = Config::parse(FILE, &vendors()).expect("it is right");
        let plain = plain.tenant(&"acme".parse().expect("a name")).expect("it is there");
        assert!(plain.of_object(&ObjectType::known("company")).is_none() && plain.mappings().count() == 1);
    }

    #[test]
    fn what_is_of_people_is_not_written_into_companies_and_what_is_bought_has_a_price() {
        let problems = |said: &str, prices: &str| {
            let problems = parse(said, prices).expect_err("something is wrong").problems;
            problems.into_iter().map(|problem| problem.path).collect::<Vec<_>>()
        };
        let title = "fields = { owner = { from = \"title\" } }";
        assert_eq!(problems(title, PRICE), ["tenants.acme.companies.fields.owner"]);
        assert_eq!(problems("fields = { industry = { from = \"company_industry\" } }", ""), ["prices"]);
    }
}
