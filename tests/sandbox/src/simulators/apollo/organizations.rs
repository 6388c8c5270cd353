//! Employers: who is known, and what it costs to hear of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ledger::{Charge, Item};
use super::people::object_id;
use super::request::{Parameters, Request, failed, unprocessable};
use super::setup::Gap;
use super::{Team, wire};
use crate::simulators::exchange::Answer;

/// The most organizations in one call.
const DETAILS_MAX: usize = 10;

/// An employer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Organization {
    /// 24 hexadecimal digits.
    pub id: String,
    pub name: String,
    pub domain: String,
    pub industry: String,
    pub employees: u32,
    pub phone: String,
    pub founded_year: u16,
    pub city: String,
    pub state: String,
    pub country: String,
    /// Yearly, in US dollars. 0 is unknown.
    pub revenue: u64,
    /// In US dollars. 0 is unknown.
    pub funding: u64,
    pub description: String,
}

impl Organization {
    /// An organization of which nothing is known but its name and its domain.
    pub fn new(name: &str, domain: &str) -> Self {
        Self {
            id: object_id("organization", domain),
            name: name.to_owned(),
            domain: domain.to_owned(),
            industry: String::new(),
            employees: 0,
            phone: String::new(),
            founded_year: 0,
            city: String::new(),
            state: String::new(),
            country: String::new(),
            revenue: 0,
            funding: 0,
            description: String::new(),
        }
    }
}

type Know = Arc<dyn Fn(&str) -> Option<Organization> + Send + Sync>;

/// All organizations.
pub(super) struct Register {
    introduced: BTreeMap<String, Organization>,
    forgotten: BTreeSet<String>,
    by_default: Know,
}

impl Register {
    pub(super) fn new(by_default: impl Fn(&str) -> Option<Organization> + Send + Sync + 'static) -> Self {
        let (introduced, forgotten) = (BTreeMap::new(), BTreeSet::new());
        Self { introduced, forgotten, by_default: Arc::new(by_default) }
    }

    pub(super) fn know(&mut self, organization: Organization) {
        let domain = organization.domain.to_lowercase();
        self.forgotten.remove(&domain);
        self.introduced.insert(domain, organization);
    }

    pub(super) fn forget(&mut self, domain: &str) {
        self.forgotten.insert(domain.to_lowercase());
    }

    pub(super) fn know_by_default(&mut self, know: impl Fn(&str) -> Option<Organization> + Send + Sync + 'static) {
        self.by_default = Arc::new(know);
    }

    pub(super) fn introduced(&self) -> impl Iterator<Item = &Organization> {
        self.introduced.values().filter(|it| !self.forgotten.contains(&it.domain.to_lowercase()))
    }

    pub(super) fn find(&self, domain: &str) -> Option<Organization> {
        let domain = domain.to_lowercase();
        if self.forgotten.contains(&domain) {
            return None;
        }
        self.introduced.get(&domain).cloned().or_else(|| (self.by_default)(&domain))
    }

    /// The domain that is meant, by whatever tells: Apollo takes a domain, a site, a profile or a name.
    fn domain_of(&self, asked: &Parameters) -> Option<String> {
        let bare = |url: &str| {
            let url = url.split_once("://").map_or(url, |(_, rest)| rest);
            let host = url.split(['/', '?', '#']).next().unwrap_or_default();
            host.trim_start_matches("www.").trim_start_matches('@').to_lowercase()
        };
        if let Some(domain) = asked.text("domain").or_else(|| asked.text("website")) {
            return Some(bare(&domain));
        }
        if let Some(profile) = asked.text("linkedin_url") {
            let (_, slug) = profile.split_once("/company/")?;
            return Some(format!("{}.example", slug.trim_matches('/').to_lowercase()));
        }
        let name = asked.text("name")?;
        let known = self.introduced.values().find(|it| it.name.eq_ignore_ascii_case(&name));
        let made_up = || format!("{}.example", name.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "-"));
        Some(known.map_or_else(made_up, |it| it.domain.to_lowercase()))
    }
}

impl Team {
    /// `organizations/enrich`.
    pub(super) fn enrich_organization(&mut self, request: &Request<'_>) -> Result<Answer, Answer> {
        let domain = self.register.domain_of(&request.parameters()?);
        let domain = domain.ok_or_else(|| unprocessable("Required parameter 'domain' missing"))?;
        let found = self.buy_organizations(request, &[Some(domain)])?;
        let organization = found.first().and_then(Option::as_ref).map(wire::whole_organization);
        Ok(Answer::json(200, &json!({ "organization": organization })))
    }

    /// `organizations/bulk_enrich`: by details, or else by domains.
    pub(super) fn enrich_organizations(&mut self, request: &Request<'_>) -> Result<Answer, Answer> {
        let parameters = request.parameters()?;
        let mut domains: Vec<Option<String>> =
            parameters.objects("details")?.iter().map(|one| self.register.domain_of(one)).collect();
        if domains.is_empty() {
            domains = parameters.list("domains").into_iter().map(|domain| Some(domain.to_lowercase())).collect();
        }
        if domains.is_empty() {
            return Err(unprocessable("Required parameter 'domains' missing"));
        }
        if domains.len() > DETAILS_MAX {
            let message = format!("The number of records exceeds the limit of {DETAILS_MAX}.");
            return Err(failed(400, "RECORD_LIMIT_EXCEEDED", &message));
        }
        let found = self.buy_organizations(request, &domains)?;
        let unique: BTreeSet<&String> = domains.iter().flatten().collect();
        let known: BTreeSet<&str> = found.iter().flatten().map(|it| it.id.as_str()).collect();
        let all = found.iter().map(|it| it.as_ref().map(wire::organization_of_several).into());
        let leaves_gaps = request.setup.organization_gap == Gap::LeftOut;
        let organizations: Vec<Value> = all.filter(|it: &Value| !(leaves_gaps && it.is_null())).collect();
        Ok(Answer::json(
            200,
            &json!({
                "status": "success",
                "error_code": null,
                "error_message": null,
                "total_requested_records": domains.len(),
                "total_requested_domains": domains.len(),
                "unique_domains": unique.len(),
                "unique_records": unique.len(),
                "unique_enriched_records": known.len(),
                "missing_records": found.iter().filter(|it| it.is_none()).count(),
                "organizations": organizations,
            }),
        ))
    }

    /// Charges once for each organization that is known, all or nothing.
    fn buy_organizations(
        &mut self,
        request: &Request<'_>,
        domains: &[Option<String>],
    ) -> Result<Vec<Option<Organization>>, Answer> {
        let found: Vec<Option<Organization>> =
            domains.iter().map(|domain| self.register.find(domain.as_deref()?)).collect();
        let mut seen = BTreeSet::new();
        let is_free = |id: &str| !self.terms.charge_repeats && self.ledger.has_charged(Item::Organization, id);
        let charged = found.iter().flatten().filter(|it| seen.insert(it.id.as_str()) && !is_free(&it.id));
        let charges: Vec<Charge> = charged
            .map(|it| request.charge(Item::Organization, &it.id, &it.domain, request.setup.organization_milli))
            .collect();
        self.pay(request.setup, charges, request.at)?;
        Ok(found)
    }
}
