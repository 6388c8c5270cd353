//! Lists of accounts that are built at night, beside the leads: people whom a search finds are bought by the provider's id,
//! and found or created in the CRM. Some of them are leads as well.

use std::collections::BTreeMap;

use fastrand::Rng;
use leadgate_aws::error::StoreError;
use leadgate_aws::table::Consistency;
use leadgate_enrichment::clock::days;
use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::icp::list::Stopped;
use leadgate_enrichment::ids::{ProviderName, RecordKey};
use leadgate_enrichment::lead::record::{Record, State};

use super::model::Lead;
use super::plan::Fault;
use super::play::Play;
use super::sent::Held;
use super::wide::Wide;
use crate::books::{Books, Goods, Lines};
use crate::violation::{Findings, Promise};
use leadgate_sandbox::simulators::apollo::{Asked, Item, Person};
use leadgate_sandbox::world::Settings;

/// The profile, and where its people are found.
const PROFILE: &str = "saas";
const PROVIDER: &str = "apollo";
/// Accounts with at least so many employees fit: about one in eight.
const EMPLOYEES: u32 = 18_000;
/// What a title has to have in it.
const TITLE: &str = "e";
/// More nights than any list takes here.
const NIGHTS_MAX: usize = 60;

/// How a list is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Nights {
    /// How many accounts the search finds, of which a hundred are on a page.
    accounts: u32,
    /// So many people are bought of an account.
    per_account: u8,
    /// What a night may cost, in credits.
    budget: i64,
}

impl Nights {
    /// Not with the chance that everything else comes from.
    pub(super) fn made_up(seed: u64, wide: Wide) -> Option<Self> {
        let mut rng = Rng::with_seed(seed.rotate_left(24) ^ 0x7a);
        wide.nights.then(|| Self {
            accounts: [20, 60, 110, 210][rng.usize(..4)],
            per_account: rng.u8(1..=2),
            budget: [2, 3, 5, 100][rng.usize(..4)],
        })
    }

    /// The world with the profile in it.
    pub(super) fn served(self, settings: Settings) -> Settings {
        let Self { accounts, per_account, budget } = self;
        let profile = format!(
            "\n[[prices]]\nversion = \"pages\"\nprovider = \"{PROVIDER}\"\naction = \"search-organizations\"\n\
             field = \"page\"\nfrom = \"2020-01-01\"\ncharge_on = \"match\"\ncost = {{ credits = 1 }}\n\n\
             [tenants.demo.icps.{PROFILE}]\nemployees = [\"1-1000000\"]\n\
             fit = [{{ field = \"company_employees\", at_least = {EMPLOYEES} }}]\ntitles = [\"{TITLE}\"]\n\
             people_per_account = {per_account}\nbudget = {{ credits = {budget} }}\n"
        );
        let mut settings = settings;
        settings.config += &profile;
        settings.apollo.organizations = accounts;
        settings
    }
}

impl Play {
    /// A night begins, and whatever is first on the queues is worked on. One that is told twice to begin begins once.
    pub(super) async fn night(&mut self, twice: bool, fault: Option<Fault>) {
        self.world.clock.turn(days(1));
        self.world.pump.show_hidden().await;
        self.note_ways(fault);
        self.arm_at_work(fault);
        for _ in 0..if twice { 2 } else { 1 } {
            self.world.or_die(self.world.tam_build.begin()).await;
        }
        let (one, other) = (self.world.pump.receive_at_most(1).await, self.world.pump.receive_at_most(1).await);
        tokio::join!(self.invoke(one), self.invoke(other));
        self.world.wire.mend();
        self.note_meanwhile();
    }

    async fn invoke(&self, batch: Vec<aws_sdk_sqs::types::Message>) {
        if !batch.is_empty() {
            self.world.pump.invoke(batch).await;
        }
    }

    /// Those whom the list finds, with whom the provider would sell.
    fn to_be_found(&self) -> Vec<Person> {
        let is_wanted = |person: &Person| person.title.to_lowercase().contains(TITLE);
        self.world.apollo.at_organizations(EMPLOYEES).into_iter().filter(is_wanted).collect()
    }

    /// A person whom the list finds, or has found, is told of as a lead, unless the CRM has them.
    pub(super) fn lead_of_the_list(&mut self, which: usize) {
        let found = self.to_be_found();
        let Some(person) = found.get(which % found.len().max(1)) else { return };
        let Some(email) = person.email.clone() else { return };
        let is_there = |contact: &leadgate_sandbox::simulators::hubspot::Contact| {
            contact.value("email").is_some_and(|there| there.eq_ignore_ascii_case(&email))
        };
        // Nor is anybody told of a second time: they may have asked to be forgotten.
        let was_told = self.leads.iter().any(|lead| lead.emails.contains(&email));
        if was_told || self.world.hubspot.contacts().iter().any(is_there) {
            return;
        }
        self.known.introduce(&self.world, &email, true);
        let contact = self.world.hubspot.create_contact([("email", email.clone())]);
        self.leads.push(Lead { contact, emails: vec![email], is_of_the_list: true, ..Lead::default() });
    }

    /// Nights, with credits for all, until the list is at its end.
    pub(super) async fn finish_the_list(&mut self, findings: &mut Findings) -> Result<(), StoreError> {
        let Some(nights) = self.nights else { return Ok(()) };
        let mut stopped = None;
        for _ in 0..NIGHTS_MAX {
            self.top_up(nights.budget.min(10) + 10).await;
            self.world.clock.turn(days(1));
            // An observer's call isn't broken.
            let _ = self.world.tam_build.begin().await;
            self.world.settle_down(1).await;
            let list = self.world.lists.read(self.world.tenant_id(), PROFILE).await?;
            let Some(list) = list else { continue };
            let (used, most) = (list.night.used.total(), Milli::credits(nights.budget));
            findings.check(used <= most, Promise::Credits, || {
                format!("the night {} used {used}, its budget is {most}", list.night.run)
            });
            stopped = list.night.stopped;
            if stopped == Some(Stopped::AtTheEnd) && !self.candidates_wait().await? {
                return Ok(());
            }
        }
        findings.note(Promise::Leads, format!("the list is not at its end after {NIGHTS_MAX} nights: {stopped:?}"));
        Ok(())
    }

    async fn candidates_wait(&self) -> Result<bool, StoreError> {
        Ok(self.candidates().await?.values().flatten().any(|record| record.state.is_deferred()))
    }

    /// What is remembered of those whom the list finds, by their ids.
    async fn candidates(&self) -> Result<BTreeMap<String, Option<Record>>, StoreError> {
        let found = self.to_be_found();
        let ids: Vec<(String, RecordKey)> =
            found.iter().filter_map(|it| Some((it.id.clone(), self.key_of(it)?))).collect();
        let keys: Vec<RecordKey> = ids.iter().map(|(_, key)| key.clone()).collect();
        let mut records = self.world.records.unmetered().read(&keys, Consistency::Strong).await?;
        Ok(ids.into_iter().map(|(id, key)| (id, records.remove(&key))).collect())
    }

    fn key_of(&self, person: &Person) -> Option<RecordKey> {
        RecordKey::of_candidate(self.world.tenant_id(), &ProviderName::read(PROVIDER)?, &person.id)
    }

    /// What was settled for this person before they were in the CRM.
    pub(super) fn lines_as_candidate(&self, books: &Books, email: &str) -> Lines {
        let person = self.world.apollo.whom(&Asked::email(email)).filter(|_| self.nights.is_some());
        person.map(|person| books.lines_of(Goods::People, &person.id)).unwrap_or_default()
    }

    /// Nobody was bought twice, whether as a lead or from the list; no page was bought twice; and all of an account are in
    /// the CRM, once, with what the provider says of them.
    pub(super) async fn check_the_list(&self, books: &Books, findings: &mut Findings) -> Result<(), StoreError> {
        let Some(nights) = self.nights else { return Ok(()) };
        let ledger = self.world.apollo.ledger();
        let mut pages: BTreeMap<&str, usize> = BTreeMap::new();
        for charge in ledger.charges.iter().filter(|charge| charge.item == Item::Page) {
            *pages.entry(charge.asked.as_str()).or_default() += 1;
        }
        let unknown_pages: usize = books.lines_for(Goods::Pages).map(|lines| lines.unknowns).sum();
        let more: usize = pages.values().map(|times| times - 1).sum();
        findings.check(more <= unknown_pages, Promise::Once, || {
            format!("pages were bought again: {pages:?}, {unknown_pages} unknown to us")
        });
        let candidates = self.candidates().await?;
        let mut of_account: BTreeMap<String, usize> = BTreeMap::new();
        for person in self.to_be_found() {
            let Some(email) = &person.email else { continue };
            let lead = self.leads.iter().find(|lead| lead.emails.contains(email));
            let as_candidate = books.lines_of(Goods::People, &person.id);
            let as_lead = lead.map(|lead| books.lines_of(Goods::People, &lead.contact)).unwrap_or_default();
            let (hits, unknowns) = (as_candidate.hits + as_lead.hits, as_candidate.unknowns + as_lead.unknowns);
            let charged = self.world.apollo.charges_of(email);
            let purchases_of = |id: &str| {
                let of = books.purchases.iter().filter(|purchase| purchase.line_of(id).is_some());
                of.map(|purchase| purchase.id.clone()).collect::<Vec<_>>()
            };
            let as_whom = [purchases_of(&person.id), lead.map(|lead| purchases_of(&lead.contact)).unwrap_or_default()];
            // Who is bought by an id and by an address at the same moment isn't known to be one person yet.
            let most = 1 + usize::from(self.were_bought_at_once(&as_whom));
            findings.check(hits <= most && charged <= most + unknowns, Promise::Once, || {
                format!("{email} was bought {hits} times and charged for {charged} times: {as_whom:?}")
            });
            let place = of_account.entry(domain_of(email).to_owned()).or_default();
            *place += 1;
            let record = candidates.get(&person.id).and_then(Option::as_ref);
            let is_wanted = *place <= usize::from(nights.per_account) && !self.was_forgotten_at(email);
            findings.check(!is_wanted || record.is_some(), Promise::Leads, || {
                format!("{email} was found by the list, and nobody asked for them")
            });
            if let Some(record) = record.filter(|_| lead.is_none()) {
                self.check_candidate(&person, record, as_candidate, findings);
            }
        }
        Ok(())
    }

    /// Whether a purchase of the one kind and one of the other were made within the same operation.
    fn were_bought_at_once(&self, [one, other]: &[Vec<String>; 2]) -> bool {
        let holds = self.seen.holds();
        let spans_of = |purchases: &[String]| {
            let held = holds.iter().filter(|held| purchases.contains(&held.purchase));
            let place = |held: &Held| self.spans.iter().position(|(from, to)| (*from..=*to).contains(&held.at));
            held.map(place).collect::<Vec<_>>()
        };
        let others = spans_of(other);
        spans_of(one).iter().any(|span| others.contains(span))
    }

    /// Of an account with people whom the provider doesn't know any more, others may have been found.
    fn was_forgotten_at(&self, email: &str) -> bool {
        let gone = self.leads.iter().filter(|lead| lead.is_of_the_list);
        gone.flat_map(|lead| &lead.emails).any(|it| domain_of(it) == domain_of(email) && self.known.is_forgotten(it))
    }

    fn check_candidate(&self, person: &Person, record: &Record, lines: Lines, findings: &mut Findings) {
        let email = person.email.as_deref().unwrap_or_default();
        let contacts = self.world.hubspot.contacts();
        let of_person = contacts.iter().filter(|it| it.value("email").is_some_and(|it| it.eq_ignore_ascii_case(email)));
        let there: Vec<_> = of_person.collect();
        let ended = match record.state {
            State::Written => there.len() == 1,
            State::Failed { .. } => lines.unknowns >= 2,
            _ => false,
        };
        findings.check(ended, Promise::Leads, || {
            format!("{email} stands at {:?} and is {} times in the CRM: {lines:?}", record.state, there.len())
        });
        for contact in there {
            let title = contact.value("jobtitle").unwrap_or_default();
            findings.check(title == person.title || lines.hits == 0, Promise::Crm, || {
                format!("{email} has the job title {title:?}, and the provider says {:?}", person.title)
            });
        }
    }
}

fn domain_of(email: &str) -> &str {
    email.rsplit_once('@').map_or(email, |(_, domain)| domain)
}
