//! Looking for people and for companies that nobody has named.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::generator::Generator;
use super::ledger::Item;
use super::organizations::Organization;
use super::people::{Asked, Person};
use super::request::{Parameters, Request, unprocessable};
use super::{Apollo, Team, wire};
use crate::simulators::exchange::Answer;

/// The most that a page holds, and the last page that is shown (documented).
const PER_PAGE_MAX: u64 = 100;
const PAGE_MAX: u64 = 500;

/// How much a page holds if nobody says.
const PER_PAGE: u64 = 10;

/// The most domains in one search (documented).
const DOMAINS_MAX: usize = 1000;

/// The page that is asked for.
pub(super) struct Page {
    number: u64,
    size: u64,
}

impl Page {
    pub(super) fn of(parameters: &Parameters) -> Result<Self, Answer> {
        let number = parameters.number("page").unwrap_or(1);
        let size = parameters.number("per_page").unwrap_or(PER_PAGE);
        let is_shown = (1..=PAGE_MAX).contains(&number) && (1..=PER_PAGE_MAX).contains(&size);
        if is_shown { Ok(Self { number, size }) } else { Err(unprocessable("Invalid parameters")) }
    }

    /// What of it is on this page.
    pub(super) fn cut<T>(&self, all: Vec<T>) -> Vec<T> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let before = usize::try_from((self.number - 1) * self.size).unwrap_or(usize::MAX);
        all.into_iter().skip(before).take(size).collect()
    }

    pub(super) fn pagination(&self, total: usize) -> Value {
        let pages = u64::try_from(total).unwrap_or(u64::MAX).div_ceil(self.size);
        json!({ "page": self.number, "per_page": self.size, "total_entries": total, "total_pages": pages })
    }
}

impl Apollo {
    /// Whom a search finds at organizations with at least so many employees, free of charge, in the order of the search.
    pub fn at_organizations(&self, employees: u32) -> Vec<Person> {
        let (mut team, count) = (self.team(), self.setup.organizations);
        let mut organizations = team.organizations_at(&[], count);
        organizations.retain(|it| it.employees >= employees);
        let mut seen = BTreeSet::new();
        let emails: Vec<String> = organizations.iter().flat_map(|it| Generator::colleagues(&it.domain)).collect();
        let people = emails.iter().filter_map(|email| team.directory.find(&Asked::email(email)));
        people.filter(|person| seen.insert(person.id.clone())).collect()
    }
}

impl Team {
    /// `mixed_people/api_search`. It is free, and tells neither addresses nor numbers nor whole names.
    pub(super) fn search_people(&mut self, request: &Request<'_>) -> Result<Answer, Answer> {
        let parameters = request.parameters()?;
        let page = Page::of(&parameters)?;
        let domains = parameters.list("q_organization_domains_list");
        if domains.len() > DOMAINS_MAX {
            return Err(unprocessable("Invalid parameters"));
        }
        let organizations = self.organizations_at(&domains, request.setup.organizations);
        let mut people: Vec<Person> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut emails: Vec<String> = self.directory.introduced().filter_map(|person| person.email.clone()).collect();
        emails.extend(organizations.iter().flat_map(|it| Generator::colleagues(&it.domain)));
        for email in emails {
            // Whoever is found here can be asked for by id from then on.
            let found = self.directory.find(&Asked::email(&email)).filter(|person| is_wanted(person, &parameters));
            people.extend(found.filter(|person| seen.insert(person.id.clone())));
        }
        let total = people.len();
        let refreshed = self.pool.began().to_string();
        let people: Vec<Value> = page.cut(people).iter().map(|person| teaser(person, &refreshed)).collect();
        Ok(Answer::json(200, &json!({ "total_entries": total, "people": people })))
    }

    /// `mixed_companies/search`. A page costs a credit, unless it is empty.
    pub(super) fn search_companies(&mut self, request: &Request<'_>) -> Result<Answer, Answer> {
        let parameters = request.parameters()?;
        let page = Page::of(&parameters)?;
        let domains = parameters.list("q_organization_domains_list");
        if domains.len() > DOMAINS_MAX {
            return Err(unprocessable("Invalid parameters"));
        }
        let mut found = self.organizations_at(&domains, request.setup.organizations);
        found.retain(|organization| is_company_wanted(organization, &parameters));
        let pagination = page.pagination(found.len());
        let shown = page.cut(found);
        if !shown.is_empty() {
            let charge = request.charge(Item::Page, "", &format!("page {}", page.number), request.setup.page_milli);
            self.pay(request.setup, vec![charge], request.at)?;
        }
        Ok(Answer::json(
            200,
            &json!({
                "pagination": pagination,
                "accounts": [],
                "organizations": shown.iter().map(wire::organization).collect::<Vec<_>>(),
                "model_ids": shown.iter().map(|it| &it.id).collect::<Vec<_>>(),
                "breadcrumbs": [],
                "partial_results_only": false,
                "partial_results_limit": 10_000,
                "has_join": false,
                "disable_eu_prospecting": false,
                "num_fetch_result": shown.len(),
                "derived_params": null,
            }),
        ))
    }

    /// Those with these domains, or all that can be found.
    fn organizations_at(&self, domains: &[String], count: u32) -> Vec<Organization> {
        if !domains.is_empty() {
            return domains.iter().filter_map(|domain| self.register.find(domain)).collect();
        }
        let made_up = self.generator.organizations(count);
        let made_up = made_up.filter_map(|it| self.register.find(&it.domain));
        let mut seen = BTreeSet::new();
        let all = self.register.introduced().cloned().chain(made_up);
        all.filter(|organization| seen.insert(organization.domain.clone())).collect()
    }
}

fn is_wanted(person: &Person, wanted: &Parameters) -> bool {
    let texts = [&person.title, &person.headline, &person.first_name, &person.last_name].map(|it| it.to_lowercase());
    let place = [&person.city, &person.state, &person.country];
    let keywords = wanted.text("q_keywords").map(|it| it.to_lowercase());
    let organization = person.organization.as_ref();
    let domains = wanted.list("q_organization_domains_list");
    any(&wanted.list("person_titles"), |title| texts[0].contains(title))
        && any(&wanted.list("person_seniorities"), |seniority| person.seniority == seniority)
        && any(&wanted.list("person_locations"), |wanted| is_in(&place, wanted))
        && any(&wanted.list("contact_email_status"), |status| person.email_status.as_str() == status)
        && any(&domains, |domain| organization.is_some_and(|it| it.domain.eq_ignore_ascii_case(domain)))
        && keywords.is_none_or(|keywords| texts.iter().any(|text| text.contains(&keywords)))
        && (!is_about_companies(wanted) || organization.is_some_and(|it| is_company_wanted(it, wanted)))
}

/// Whether a search for people says anything of their employers.
fn is_about_companies(wanted: &Parameters) -> bool {
    ["organization_", "revenue_range"].iter().any(|start| wanted.0.keys().any(|name| name.starts_with(start)))
}

fn is_company_wanted(organization: &Organization, wanted: &Parameters) -> bool {
    let place = [&organization.city, &organization.state, &organization.country];
    let (name, industry) = (organization.name.to_lowercase(), organization.industry.to_lowercase());
    let not_there = wanted.list("organization_not_locations");
    let (least, most) = (wanted.bound("revenue_range", "min"), wanted.bound("revenue_range", "max"));
    wanted.text("q_organization_name").is_none_or(|wanted| name.contains(&wanted.to_lowercase()))
        && any(&wanted.list("organization_ids"), |id| organization.id == id)
        && any(&wanted.list("organization_locations"), |wanted| is_in(&place, wanted))
        && (not_there.is_empty() || !any(&not_there, |unwanted| is_in(&place, unwanted)))
        && any(&wanted.list("organization_num_employees_ranges"), |range| is_within(organization.employees, range))
        && any(&wanted.list("q_organization_keyword_tags"), |tag| industry.contains(tag))
        && least.is_none_or(|least| organization.revenue >= least)
        && most.is_none_or(|most| organization.revenue <= most)
}

/// Whether one of them will do. None at all is no condition.
fn any(wanted: &[String], is_it: impl Fn(&str) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(|wanted| is_it(&wanted.to_lowercase()))
}

fn is_in(place: &[&String; 3], wanted: &str) -> bool {
    let wanted = wanted.to_lowercase();
    let mut parts = wanted.split(',').map(str::trim);
    parts.all(|part| place.iter().any(|name| name.to_lowercase() == part))
}

/// `"1,10"`, both ends included.
fn is_within(employees: u32, range: &str) -> bool {
    let Some((least, most)) = range.split_once(',') else { return false };
    let end = |end: &str, default: u32| end.trim().parse().unwrap_or(default);
    (end(least, 0)..=end(most, u32::MAX)).contains(&employees)
}

/// What is told of a person before anybody has paid for them.
fn teaser(person: &Person, refreshed: &str) -> Value {
    let organization = person.organization.as_ref();
    let phone = if person.direct_phone.is_some() { "Yes" } else { "Maybe: please request direct dial" };
    json!({
        "id": person.id,
        "first_name": person.first_name,
        "last_name_obfuscated": obfuscated(&person.last_name),
        "title": person.title,
        "last_refreshed_at": refreshed,
        "has_email": person.email.is_some(),
        "has_city": !person.city.is_empty(),
        "has_state": !person.state.is_empty(),
        "has_country": !person.country.is_empty(),
        "has_direct_phone": phone,
        "organization": organization.map(|it| json!({
            "name": it.name,
            "has_industry": !it.industry.is_empty(),
            "has_phone": !it.phone.is_empty(),
            "has_city": !it.city.is_empty(),
            "has_state": !it.state.is_empty(),
            "has_country": !it.country.is_empty(),
            "has_zip_code": false,
            "has_revenue": it.revenue > 0,
            "has_employee_count": it.employees > 0,
        })),
    })
}

/// `Hutchinson` → `Hu***n`.
fn obfuscated(name: &str) -> String {
    let start: String = name.chars().take(2).collect();
    let end = name.chars().last().map(String::from).unwrap_or_default();
    format!("{start}***{end}")
}
