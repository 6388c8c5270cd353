//! Several providers, shown: each is asked about those whom the ones before it don't know, and is paid from its own credits.
//! One runs dry, one refuses the key for a while, and one may not say anything of some people.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use leadgate_connectors::provider::{apollo, hunter, pdl};
use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::credits::ledger::{Entry, LineResult};
use leadgate_enrichment::lead::record::{Record, Said, StateName};
use serde::Serialize;

use super::{CYCLES_MAX, DUPLICATE_SHARE, DemoCrm, WORKERS, leads, per};
use crate::simulators::SimulatedProvider;
use crate::simulators::apollo::ApolloSetup;
use crate::world::{Settings, StartError, States, World};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// Where leads appear.
    pub crm: DemoCrm,
    /// How many leads appear.
    pub leads: usize,
    /// Where chance starts from.
    pub seed: u64,
}

/// What `leadgate demo --waterfall --json` prints.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Leads created in the CRM.
    pub leads: usize,
    /// Leads that stand so at the end.
    pub written_back: usize,
    /// See `written_back`: no provider knows them.
    pub unmatched: usize,
    /// See `written_back`: a provider may not say anything of them.
    pub refused: usize,
    /// See `written_back`; messages in the dead-letter queue are counted as well.
    pub failed: usize,
    /// Leads without any end.
    pub lost: usize,
    /// Leads about which somebody was asked after a provider had said that it may not say anything of them.
    pub asked_in_spite: usize,
    /// Billing cycles it took.
    pub cycles: usize,
    /// The providers, in the order in which they are asked.
    pub providers: Vec<Provider>,
    /// What went wrong, in its order.
    pub troubles: Vec<Trouble>,
    /// From the first delivery to the last write.
    pub seconds: f64,
}

/// One provider. Credits are its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Provider {
    /// Its name in the ledger.
    pub name: &'static str,
    /// People it was asked about, by its own books.
    pub people_asked: u64,
    /// Leads that were written with what it knows.
    pub leads_written: usize,
    /// How many fields of them were filled, by property.
    pub fields: BTreeMap<String, usize>,
    /// What our ledger says was spent with it.
    pub spent: f64,
    /// What of that is for outcomes that nobody knows.
    pub unknown: f64,
    /// What it charged, by its own books.
    pub charged: f64,
    /// What it charged for each lead that was written with what it knows.
    pub per_lead: f64,
}

/// Something that goes wrong, and what became of the leads that appeared meanwhile.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Trouble {
    /// At which provider.
    pub provider: &'static str,
    /// What.
    pub what: What,
    /// Leads that appeared meanwhile.
    pub leads: usize,
    /// Of those whom it knows and no one before it does: written meanwhile with what a later provider knows.
    pub sold_by_the_next: usize,
    /// Leads that waited when it was over.
    pub waited: usize,
    /// Of those, written back later.
    pub written_later: usize,
    /// Of those, unknown to all providers.
    pub unmatched_later: usize,
    /// Leads that nobody else was asked about.
    pub refused: usize,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Its credits are used up.
    #[default]
    RanDry,
    /// It refuses the key.
    RefusedTheKey,
    /// It may not say anything of those whom it alone knows.
    Suppressed,
}

/// What each provider's own pool is filled with at each cycle: what the plans grant.
const POOL_MILLI: i64 = 2_500_000;
/// Which share of the people there are each of them doesn't know.
const UNKNOWN_SHARE: f64 = 0.45;
/// After so long, whoever waits for a provider that was down waits no longer.
const LONG: Duration = Duration::from_secs(2 * 60 * 60);
/// As many parts as something goes wrong in, and one in which nothing does.
const PARTS: usize = 4;

/// Runs it.
pub async fn run(request: Request) -> Result<Report, StartError> {
    let world = World::start(settings(request)).await?;
    let mut demo = Demo { world, contacts: Vec::new(), emails: Vec::new(), troubles: Vec::new() };
    let started = Instant::now();
    let all = leads(request.leads, request.seed);
    let mut parts = all.chunks(request.leads.div_ceil(PARTS).max(1)).map(|part| part.iter().map(|lead| &lead.card));
    if let Some(part) = parts.next() {
        demo.appear(part).await;
    }
    for what in [What::RanDry, What::RefusedTheKey, What::Suppressed] {
        if let Some(part) = parts.next() {
            demo.in_trouble(what, part).await?;
        }
    }
    let (states, cycles) = demo.wait_for_all().await?;
    let mut report = demo.report(&states).await?;
    (report.cycles, report.seconds) = (cycles, started.elapsed().as_secs_f64());
    Ok(report)
}

fn settings(Request { crm, seed, .. }: Request) -> Settings {
    let apollo = ApolloSetup { seed, pool_milli: POOL_MILLI, unknown_share: UNKNOWN_SHARE, ..ApolloSetup::default() };
    let mut settings = Settings { seed, apollo, ..Settings::default() };
    for account in settings.accounts.all() {
        (account.credits_milli, account.unknown_share) = (POOL_MILLI, UNKNOWN_SHARE);
    }
    let settings = crm.chosen(settings.with_duplicate_events(DUPLICATE_SHARE, seed));
    let order = [apollo::VENDOR.name, pdl::VENDOR.name, hunter::VENDOR.name];
    let waterfall = format!("order = {order:?}\non_exhausted = \"skip\"\non_unavailable = \"wait\"");
    settings.with_beside(&order[1..], &waterfall)
}

struct Demo {
    world: World,
    contacts: Vec<String>,
    emails: Vec<String>,
    troubles: Vec<(Trouble, Vec<String>)>,
}

impl Demo {
    /// These leads appear, and whatever can be done about them is done.
    async fn appear<'l>(&mut self, cards: impl Iterator<Item = &'l Vec<(&'static str, String)>>) {
        let crm = self.world.crm();
        for card in cards {
            self.contacts.push(crm.create_person(card));
            self.emails.extend(card.iter().find(|(name, _)| *name == "email").map(|(_, email)| email.clone()));
        }
        while crm.pending() > 0 {
            crm.deliver().await;
        }
        self.world.settle_down(WORKERS).await;
        // The echoes of what was written: the gate drops them.
        crm.deliver().await;
        self.world.settle_down(WORKERS).await;
    }

    /// The same, while something is wrong.
    async fn in_trouble<'l>(
        &mut self,
        what: What,
        cards: impl Iterator<Item = &'l Vec<(&'static str, String)>> + Clone,
    ) -> Result<(), StartError> {
        let name = if what == What::RanDry { pdl::VENDOR.name } else { hunter::VENDOR.name };
        let provider = self.world.provider_named(name);
        match what {
            What::RanDry => provider.set_left(0),
            What::RefusedTheKey => {
                let denial = provider.denial();
                provider.faults().decide_by(move |_| Some(denial.clone()));
            }
            What::Suppressed => {
                let emails = cards.clone().flatten().filter(|(name, _)| *name == "email").map(|(_, email)| email);
                emails.filter(|email| self.first_who_knows(email) == Some(name)).for_each(|email| {
                    provider.suppress(email);
                });
            }
        }
        let began = self.contacts.len();
        self.appear(cards).await;
        self.take_note(what, name, began).await?;
        match what {
            What::RanDry => provider.set_left(POOL_MILLI),
            What::RefusedTheKey => {
                provider.faults().clear();
                self.world.wire.tap_vendor(provider.faults());
            }
            What::Suppressed => {}
        }
        Ok(())
    }

    /// What has become of the leads that have appeared since `began`.
    async fn take_note(&mut self, what: What, name: &'static str, began: usize) -> Result<(), StartError> {
        let (contacts, emails) = (self.contacts[began..].to_vec(), &self.emails[began..]);
        let states = self.world.states(&contacts).await?;
        let record = |contact: &String| states.records.get(contact);
        let passed_over = contacts.iter().zip(emails).filter(|(contact, email)| {
            let sold = record(contact).and_then(sold_by);
            self.first_who_knows(email) == Some(name) && sold.is_some_and(|sold| sold != name)
        });
        let waits = |contact: &&String| record(contact).is_some_and(|record| record.state.is_deferred());
        let waiting: Vec<String> = contacts.iter().filter(waits).cloned().collect();
        let trouble = Trouble {
            provider: name,
            what,
            leads: contacts.len(),
            sold_by_the_next: passed_over.count(),
            waited: waiting.len(),
            refused: states.count(StateName::Refused),
            ..Trouble::default()
        };
        self.troubles.push((trouble, waiting));
        Ok(())
    }

    /// The first in the order who knows this person.
    fn first_who_knows(&self, email: &str) -> Option<&'static str> {
        let providers: Vec<(&'static str, Arc<dyn SimulatedProvider>)> = self.world.tenants_providers();
        providers.into_iter().find(|(_, provider)| provider.whom(email).is_some()).map(|(name, _)| name)
    }

    /// Time goes by, and then cycle after cycle, until nobody waits any more. How many cycles it took.
    async fn wait_for_all(&self) -> Result<(States, usize), StartError> {
        self.world.clock.turn(LONG);
        self.world.pump.show_hidden().await;
        self.world.settle_down(WORKERS).await;
        let mut cycles = 1;
        loop {
            let states = self.world.states(&self.contacts).await?;
            if states.count(StateName::Deferred) == 0 || cycles >= CYCLES_MAX {
                return Ok((states, cycles));
            }
            self.world.next_cycle(POOL_MILLI).await;
            self.world.settle_down(WORKERS).await;
            cycles += 1;
        }
    }

    async fn report(&mut self, states: &States) -> Result<Report, StartError> {
        let ended = |contacts: &[String], end: StateName| {
            let at = |contact: &&String| states.records.get(*contact).is_some_and(|it| it.state.name() == end);
            contacts.iter().filter(at).count()
        };
        let troubles = std::mem::take(&mut self.troubles).into_iter().map(|(trouble, waiting)| Trouble {
            written_later: ended(&waiting, StateName::Written),
            unmatched_later: ended(&waiting, StateName::Unmatched),
            ..trouble
        });
        let troubles = troubles.collect();
        let [written_back, unmatched, refused, failed] =
            [StateName::Written, StateName::Unmatched, StateName::Refused, StateName::Failed]
                .map(|end| ended(&self.contacts, end));
        let lost = self.contacts.len() - (written_back + unmatched + refused + failed);
        Ok(Report {
            leads: self.contacts.len(),
            written_back,
            unmatched,
            refused,
            failed: failed + self.world.dead_letters().await,
            lost,
            asked_in_spite: states.records.values().filter(|record| was_asked_in_spite(record)).count(),
            providers: self.providers(states).await?,
            troubles,
            ..Report::default()
        })
    }

    /// Each provider's own books beside what our ledger says of it.
    async fn providers(&self, states: &States) -> Result<Vec<Provider>, StartError> {
        let entries = self.world.credits.unmetered().entries(self.world.tenant_id()).await?;
        let providers = self.world.tenants_providers().into_iter().map(|(name, provider)| {
            let ledger = provider.ledger();
            let of = |entry: &&Entry| matches!(entry, Entry::Purchase { provider: Some(own), .. } if *own == *name);
            let lines = || {
                entries.iter().filter(of).flat_map(|entry| match entry {
                    Entry::Purchase { lines, .. } => lines.as_slice(),
                    _ => &[],
                })
            };
            let cost = |only: fn(LineResult) -> bool| {
                lines().filter(|line| only(line.result)).map(|line| line.cost.total().get()).sum::<i64>()
            };
            let sold: Vec<&Record> = states.records.values().filter(|it| sold_by(it) == Some(name)).collect();
            let mut fields = BTreeMap::new();
            // That of the date is ours.
            let ours = self.world.tenant().crm.last_enriched_property.as_deref();
            let filled = sold.iter().flat_map(|record| record.written.keys());
            for property in filled.filter(|property| Some(property.as_str()) != ours) {
                *fields.entry(property.clone()).or_default() += 1;
            }
            let charged = Milli::new(ledger.credits_charged).to_decimal();
            Provider {
                name,
                people_asked: ledger.people_asked,
                leads_written: sold.len(),
                fields,
                spent: Milli::new(cost(|_| true)).to_decimal(),
                unknown: Milli::new(cost(|result| result == LineResult::Unknown)).to_decimal(),
                charged,
                per_lead: per(charged, sold.len()),
            }
        });
        Ok(providers.collect())
    }
}

/// With what whose knowledge a lead was written.
fn sold_by(record: &Record) -> Option<&'static str> {
    let mut asked = record.progress.iter().flat_map(|progress| &progress.asked).filter(|_| record.state.is_written());
    let name = asked.find(|asked| asked.said == Said::Hit)?.provider.clone();
    [apollo::VENDOR.name, pdl::VENDOR.name, hunter::VENDOR.name].into_iter().find(|own| name == **own)
}

/// Whether another provider was asked after one had said that it may not say anything.
fn was_asked_in_spite(record: &Record) -> bool {
    let mut asked = record.progress.iter().flat_map(|progress| &progress.asked);
    asked.any(|asked| asked.said == Said::Suppressed) && asked.next().is_some()
}

impl Report {
    /// What must be so, whatever was asked for. The complaints; none is good.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut check = |fine: bool, complaint: String| complaints.extend((!fine).then_some(complaint));
        for Provider { name, spent, charged, unknown, .. } in &self.providers {
            check(
                (spent - charged).abs() < 0.0005 && *unknown == 0.0,
                format!("our ledger says {spent} spent with {name}, {unknown} of it unknown, {name} {charged} charged"),
            );
        }
        let sold: usize = self.providers.iter().map(|provider| provider.leads_written).sum();
        check(sold == self.written_back, format!("{} leads are written, {sold} were sold", self.written_back));
        check(self.lost + self.failed == 0, format!("{} leads have no end, {} failed", self.lost, self.failed));
        check(self.asked_in_spite == 0, format!("{} were asked about in spite of a refusal", self.asked_in_spite));
        for Trouble { provider, waited, written_later, unmatched_later, .. } in &self.troubles {
            let finished = written_later + unmatched_later;
            check(finished == *waited, format!("{finished} of {waited} that waited for {provider} were finished"));
        }
        complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_provider_is_paid_from_its_own_credits_and_every_trouble_ends() {
        let report = run(Request { crm: DemoCrm::HubSpot, leads: 80, seed: 1 }).await.expect("a demo");
        assert_eq!(report.complaints(), Vec::<String>::new(), "{report:?}");
        assert!(report.providers.iter().all(|provider| provider.leads_written > 0), "{report:?}");
        let [dry, refusing, suppressing] = &report.troubles[..] else { panic!("{report:?}") };
        assert!(dry.sold_by_the_next > 0 && dry.written_later > 0, "whom no other knows waits: {report:?}");
        assert!(refusing.waited > 0 && suppressing.refused > 0, "{report:?}");
    }
}
