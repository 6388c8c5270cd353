//! Companies that are records themselves, beside the leads: some records of each of a few companies, which people change,
//! delete and merge.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use leadgate_aws::error::StoreError;
use leadgate_aws::table::Consistency;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::ids::{ObjectType, RecordKey};
use leadgate_enrichment::lead::record::{Record, State, StateName};
use leadgate_enrichment::outcome::RefuseReason;

use super::model::IDENTITIES_MAX;
use super::play::Play;
use super::seen::{Change, Screens, Whose};
use super::sent::UNKNOWNS_MAX;
use crate::books::{Books, Goods};
use crate::violation::{Findings, Promise};
use leadgate_sandbox::simulators::apollo::Organization;
use leadgate_sandbox::simulators::hubspot::Kind;
use leadgate_sandbox::world::{Settings, World};

/// By which companies are known. The leads work at the first, and the provider doesn't know the last.
const DOMAINS: [&str; 4] = ["engine.example", "loom.example", "mill.example", "nowhere.example"];
const UNKNOWN: &str = DOMAINS[3];

const DOMAIN: &str = "domain";
/// We may overwrite it as long as it is ours.
const INDUSTRY: &str = "industry";
/// It is only filled where it is blank.
const CITY: &str = "city";

const MAPPING: &str = "\n[tenants.demo.companies]\n\
                       enrich_on_change = [\"domain\"]\n\
                       last_enriched_property = \"leadgate_last_enriched\"\n\
                       source_property = \"leadgate_source\"\n\
                       [tenants.demo.companies.fields]\n\
                       industry = { from = \"company_industry\", policy = \"overwrite_ours\" }\n\
                       city = { from = \"company_city\" }\n";

/// A record of a company.
#[derive(Debug, Default)]
pub(super) struct Company {
    id: String,
    /// Every domain that it has had, the latest last.
    domains: Vec<String>,
    /// Properties that a person has set or cleared, with what they hold.
    human: BTreeMap<&'static str, String>,
    edits: usize,
    /// A person deleted it, or merged it into another.
    gone: bool,
    /// The places of those that have become it.
    merged_from: Vec<usize>,
}

/// What becomes of the record of a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It gets another domain.
    Domain(usize),
    /// Its industry is filled in.
    Industry,
    /// Its city is filled in.
    City,
    /// Its city is cleared.
    NoCity,
    Deleted,
    /// It and another become one.
    Merged(usize),
}

impl Fate {
    pub(super) fn made_up(rng: &mut Rng) -> Self {
        match rng.u8(..10) {
            0..5 => Self::Domain(rng.usize(..DOMAINS.len())),
            5 => Self::Industry,
            6 => Self::City,
            7 => Self::NoCity,
            8 => Self::Deleted,
            _ => Self::Merged(rng.usize(..8)),
        }
    }
}

/// One of the domains. Most are known.
pub(super) fn any_domain(rng: &mut Rng) -> usize {
    rng.usize(..DOMAINS.len())
}

/// The world with companies in it, beside people whose employers are looked up or aren't.
pub(super) fn served(settings: Settings, employers: bool) -> Settings {
    let mut settings = if employers { settings } else { settings.with_employers() };
    if !employers {
        settings.config = settings.config.replacen("organizations = true\n", "", 1);
    }
    settings.config.push_str(MAPPING);
    settings
}

/// The provider knows the companies, and the CRM what we write of them.
pub(super) fn prepare(world: &World) {
    for (domain, industry) in DOMAINS.into_iter().zip(["Machinery", "Weaving", "Milling"]) {
        let (organization, city) = (Organization::new(industry, domain), format!("{industry} City"));
        world.apollo.know_organization(Organization { industry: industry.to_owned(), city, ..organization });
    }
    world.apollo.forget_organization(UNKNOWN);
    for (property, kind) in [("leadgate_last_enriched", Kind::DateTime), ("leadgate_source", Kind::Text)] {
        world.hubspot.define_company_property_as(property, kind);
    }
}

impl Company {
    fn check_end(&self, record: Option<&Record>, unknowns: usize, findings: &mut Findings) {
        let Some(record) = record else {
            return findings.note(Promise::Leads, format!("company {} is lost: there is no record of it", self.id));
        };
        let is_full = [INDUSTRY, CITY].iter().all(|it| self.human.get(it).is_some_and(|value| !value.is_empty()));
        let is_known = self.domains.iter().any(|domain| domain != UNKNOWN);
        let may_be_unmatched = self.domains.last().is_some_and(|domain| domain == UNKNOWN) || self.gone;
        let ended = match &record.state {
            // One that has become another is written as that.
            State::Written => is_known || is_full || self.gone,
            State::Unmatched => may_be_unmatched,
            State::Refused { reason: RefuseReason::Gone } => self.gone,
            State::Refused { .. } => self.gone || self.domains.len() > IDENTITIES_MAX,
            State::Failed { .. } => unknowns >= UNKNOWNS_MAX || self.gone,
            State::Noted => self.gone,
            State::Claimed | State::Bought | State::Deferred { .. } | State::Released => false,
        };
        findings.check(ended, Promise::Leads, || {
            format!(
                "company {} stands at {:?} since {}, {unknowns} unknown: {self:?}",
                self.id, record.state, record.since
            )
        });
    }

    /// What people put there stands there, and otherwise what the provider says of a company that it has been.
    fn check_values(&self, play: &Play, state: &State, findings: &mut Findings) {
        let Some(there) = play.world.hubspot.company(&self.id) else { return };
        let of_some = |value: fn(Organization) -> String| -> BTreeSet<String> {
            let known = self.domains.iter().filter_map(|domain| play.world.apollo.organization(domain));
            known.map(value).collect()
        };
        let said = [(INDUSTRY, of_some(|it| it.industry)), (CITY, of_some(|it| it.city))];
        for (property, said) in said {
            let value = there.value(property).unwrap_or_default();
            let own = self.human.get(property);
            // Only what is blank is filled.
            let is_theirs = own.is_some_and(|own| own == value);
            let may_be_ours = own.is_none_or(String::is_empty);
            let is_blank = value.is_empty() && (said.is_empty() || !state.is_written());
            findings.check(is_theirs || (may_be_ours && (said.contains(value) || is_blank)), Promise::Crm, || {
                format!("company {}: {property} is {value:?}, not {own:?} or one of {said:?}: {state:?}", self.id)
            });
        }
    }
}

impl Play {
    /// A company appears in the CRM.
    pub(super) fn company(&mut self, domain: usize, own_city: bool) {
        let domain = DOMAINS[domain].to_owned();
        let mut properties = vec![(DOMAIN, domain.clone())];
        let mut human = BTreeMap::new();
        if own_city {
            properties.push((CITY, "Typed City".to_owned()));
            human.insert(CITY, "Typed City".to_owned());
        }
        let id = self.world.hubspot.create_company(properties);
        self.companies.push(Company { id, domains: vec![domain], human, ..Company::default() });
    }

    /// A person does something to a company that is there, at once or the next time that the provider is asked.
    pub(super) fn change_company(&mut self, which: usize, fate: Fate, meanwhile: bool) {
        let living: Vec<usize> = (0..self.companies.len()).filter(|it| !self.companies[*it].gone).collect();
        let Some(at) = living.get(which % living.len().max(1)).copied() else { return };
        let number = self.chance.u32(..);
        let (property, value) = match fate {
            Fate::Domain(domain) => (DOMAIN, DOMAINS[domain].to_owned()),
            Fate::Industry => (INDUSTRY, format!("Industry {number}")),
            Fate::City => (CITY, format!("City {number}")),
            Fate::NoCity => (CITY, String::new()),
            Fate::Deleted => {
                let company = &mut self.companies[at];
                company.gone |= self.world.hubspot.delete_company(&company.id);
                return;
            }
            Fate::Merged(other) => return self.merge_companies(at, living[other % living.len()]),
        };
        let change = Change { whose: Whose::Company(at), id: self.companies[at].id.clone(), property, value };
        match meanwhile {
            true => self.meanwhile.plan(change),
            false if change.make(&Screens::of(&self.world)) => self.note_change_of_company(at, change),
            false => {}
        }
    }

    pub(super) fn note_change_of_company(&mut self, at: usize, Change { property, value, .. }: Change) {
        let company = &mut self.companies[at];
        company.edits += 1;
        match property {
            // The same again is no change.
            DOMAIN if company.domains.last() == Some(&value) => {}
            DOMAIN => company.domains.push(value),
            _ => drop(company.human.insert(property, value)),
        }
    }

    /// What they become has what one of them had.
    fn merge_companies(&mut self, one: usize, other: usize) {
        if one == other {
            return;
        }
        let both = [one, other].map(|it| self.companies[it].id.clone());
        let Some(id) = self.world.hubspot.merge_companies(&both[0], &both[1]) else { return };
        let mut domains = [self.companies[other].domains.clone(), self.companies[one].domains.clone()].concat();
        let there = self.world.hubspot.company(&id);
        let latest = there.as_ref().and_then(|there| there.value(DOMAIN)).unwrap_or_default().to_owned();
        domains.push(latest);
        // Whatever stands there now was typed by people, or was ours before.
        let human = |property: &'static str| {
            let value = there.as_ref().and_then(|there| there.value(property)).unwrap_or_default();
            let mut typed = [one, other].into_iter().filter_map(|it| self.companies[it].human.get(property));
            typed.find(|it| *it == value).map(|it| (property, it.clone()))
        };
        let human = [INDUSTRY, CITY].into_iter().filter_map(human).collect();
        let edits = 1 + self.companies[one].edits + self.companies[other].edits;
        self.companies[one].gone = true;
        self.companies[other].gone = true;
        self.companies.push(Company { id, domains, human, edits, gone: false, merged_from: vec![one, other] });
    }

    fn company_key(&self, id: &str) -> RecordKey {
        RecordKey { object: ObjectType::known("company"), ..self.world.key(id) }
    }

    async fn company_records(&self) -> Result<BTreeMap<String, Record>, StoreError> {
        let keys: Vec<RecordKey> = self.companies.iter().map(|company| self.company_key(&company.id)).collect();
        let records = self.world.records.unmetered().read(&keys, Consistency::Strong).await?;
        Ok(records.into_iter().map(|(key, record)| (key.id, record)).collect())
    }

    /// Where nothing was due when two became one, that is ours of one of them, to which HubSpot leads what we write.
    fn record_of<'r>(&self, company: &Company, records: &'r BTreeMap<String, Record>) -> Option<&'r Record> {
        let is_it = |it: &&Record| company.gone || it.state.is_written();
        let of_one = |at: &usize| self.record_of(&self.companies[*at], records).filter(is_it);
        records.get(&company.id).or_else(|| company.merged_from.iter().find_map(of_one))
    }

    /// How the records of companies stand, and what the CRM holds of them: what must not change when everything is
    /// delivered once more.
    pub(super) async fn companies_now(
        &self,
    ) -> Result<BTreeMap<String, (Option<StateName>, [Option<String>; 2])>, StoreError> {
        let records = self.company_records().await?;
        let there = self.companies.iter().filter(|company| !company.gone);
        let now = there.map(|company| {
            let card = self.world.hubspot.company(&company.id);
            let value = |property| card.as_ref().and_then(|card| card.value(property)).map(str::to_owned);
            let state = records.get(&company.id).map(|record| record.state.name());
            (company.id.clone(), (state, [value(INDUSTRY), value(CITY)]))
        });
        Ok(now.collect())
    }

    /// Whether one waits for credits.
    pub(super) async fn a_company_waits(&self) -> Result<bool, StoreError> {
        Ok(self.company_records().await?.values().any(|record| record.state.deferral().is_some()))
    }

    /// A company that waits for credits waits because there are none for it.
    pub(super) async fn check_waiting_companies(
        &self,
        available: &Amounts,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        let now = self.world.clock.now();
        for (id, record) in self.company_records().await? {
            let Some(deferral) = record.state.deferral() else { continue };
            let leaves = record.source.filter(|source| source.leaves_floor()).map(|_| &self.world.tenant().floor);
            let need: Amounts = leaves.into_iter().chain([&deferral.worst]).sum();
            findings.check(deferral.not_before > now || !available.covers(&need), Promise::Leads, || {
                format!("company {id} waits ({:?}) while {available} are there for it", deferral.reason)
            });
        }
        Ok(())
    }

    /// What must be true of companies at rest: each came to an end, says what it should, and was paid for once.
    pub(super) async fn check_companies(&self, books: &mut Books, findings: &mut Findings) -> Result<(), StoreError> {
        if self.companies.is_empty() {
            return Ok(());
        }
        let records = self.company_records().await?;
        for company in &self.companies {
            let record = self.record_of(company, &records);
            let lines = books.lines_of(Goods::Employers, &company.id);
            company.check_end(record, lines.unknowns, findings);
            if let Some(record) = record.filter(|_| !company.gone) {
                company.check_values(self, &record.state, findings);
            }
            let mut events: Vec<_> = self.told.iter().filter(|it| it.object_id.to_string() == company.id).collect();
            events.dedup_by_key(|event| event.key());
            findings.check(lines.unknowns <= UNKNOWNS_MAX * events.len(), Promise::Credits, || {
                format!("company {} was tried {} times, with {} events", company.id, lines.unknowns, events.len())
            });
        }
        DOMAINS.iter().for_each(|domain| books.employer_charged_once(&self.world, domain));
        Ok(())
    }
}
