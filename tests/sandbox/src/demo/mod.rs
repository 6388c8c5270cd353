//! The main job, shown: leads appear in the CRM, are enriched within the credits, and the rest is finished when the
//! next cycle opens.

mod people;
mod report;
pub mod signals;
pub mod tam;
pub mod waterfall;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::config::Config;
use leadgate_enrichment::credits::ledger::Entry;
use leadgate_enrichment::credits::wallet::Wallet;
use leadgate_enrichment::lead::record::{Record, StateName};
use leadgate_enrichment::purchase::cost::Cost;

use crate::simulators::apollo::{ApolloSetup, AsynchronousSetup};
use crate::world::{Settings, StartError, States, World};

pub use people::{Lead, leads};
pub use report::{Aws, CostReport, Credits, Crm, Provider, Report};

/// Where leads appear.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DemoCrm {
    /// As contacts of a HubSpot portal.
    #[default]
    HubSpot,
    /// As leads of a Salesforce org, which sends Outbound Messages.
    Salesforce,
    /// As persons of a company at Pipedrive.
    Pipedrive,
    /// As people of a workspace at Attio.
    Attio,
    /// As contacts of an organization at Close.
    Close,
    /// As leads of an org at Zoho CRM.
    Zoho,
}

impl DemoCrm {
    /// The same settings, with this CRM.
    fn chosen(self, settings: Settings) -> Settings {
        match self {
            Self::HubSpot => settings,
            Self::Salesforce => settings.with_salesforce(),
            Self::Pipedrive => settings.with_pipedrive(),
            Self::Attio => settings.with_attio(),
            Self::Close => settings.with_close(),
            Self::Zoho => settings.with_zoho(),
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// Where leads appear.
    pub crm: DemoCrm,
    /// How many leads appear.
    pub leads: usize,
    /// How many credits each cycle starts with.
    pub credits: i64,
    /// Where chance starts from.
    pub seed: u64,
    /// Whether mobile numbers are bought as well.
    pub phones: bool,
}

/// How far the demo is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Leads are being created and told about.
    Delivering,
    /// So many leads have come to an end, or wait for credits.
    Working(usize),
    /// So many numbers are on their way.
    Awaiting(usize),
    /// The first cycle is over; so many leads wait.
    NextCycle(usize),
}

/// One lead, before and after.
#[derive(Debug, Clone)]
pub struct Story {
    /// The contact's id.
    pub contact: String,
    /// Its properties as they were created.
    pub before: BTreeMap<String, String>,
    /// Its properties at the end.
    pub after: BTreeMap<String, String>,
    /// Where it stood at the end of the first cycle, and at the end.
    pub states: (StateName, StateName),
}

/// A demo that has run.
pub struct Shown {
    /// The figures.
    pub report: Report,
    /// A few leads.
    pub stories: Vec<Story>,
    /// One that waited for credits and was written back in a later cycle, if there is one.
    pub waited: Option<Waited>,
}

/// A lead that waited, and the books that tell why, as they stand at the end.
#[derive(Debug, Clone)]
pub struct Waited {
    /// The lead.
    pub record: Record,
    /// The wallets.
    pub wallets: Vec<Wallet>,
    /// The ledger.
    pub entries: Vec<Entry>,
    /// What the world was configured with.
    pub config: Arc<Config>,
    /// When the demo was over, by its own clock.
    pub now: Timestamp,
}

/// How many workers work at a time.
const WORKERS: usize = 6;
/// About one event in ten is delivered twice.
const DUPLICATE_SHARE: f64 = 0.1;
/// Leads that can't be paid for within this many cycles are not going to be.
const CYCLES_MAX: usize = 60;
/// How far the clock is turned while something is on its way, and how often at most: a day's wait is over by then.
const ARRIVALS_EVERY: Duration = Duration::from_secs(6 * 60);
const ARRIVALS_MAX: usize = 300;
/// The steps that enriching a lead takes, as against parking it.
const ENRICHING: [&str; 8] = ["claim", "dismiss", "open", "hold", "permit", "keep", "settle", "close"];

/// Runs it, telling how far it is.
pub async fn run(request: Request, progress: &(dyn Fn(Progress) + Send + Sync)) -> Result<Shown, StartError> {
    let pool_milli = request.credits * 1000;
    // A few of the deliveries of what arrives later are lost, and a few are made twice.
    let deliveries =
        AsynchronousSetup { lost_share: 0.05, doubled_share: DUPLICATE_SHARE, ..AsynchronousSetup::default() };
    let settings = Settings {
        credits_per_cycle: Some(request.credits),
        seed: request.seed,
        apollo: ApolloSetup { pool_milli, seed: request.seed, asynchronous: deliveries, ..ApolloSetup::default() },
        ..Settings::default()
    };
    let settings = settings.with_values().with_duplicate_events(DUPLICATE_SHARE, request.seed);
    let settings = request.crm.chosen(settings);
    let settings = if request.phones { settings.with_phones() } else { settings };
    let world = World::start(settings).await?;
    let mut demo = Demo { world, request, report: Report::default(), contacts: Vec::new() };
    demo.create_leads();
    let befores: Vec<_> = demo.contacts.iter().filter_map(|id| demo.world.crm().card(id)).collect();

    let started = Instant::now();
    let first = demo.first_cycle(progress).await?;
    let first_cycle_seconds = started.elapsed().as_secs_f64();
    let last = demo.later_cycles(&first, progress).await?;
    demo.report.seconds = started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let through = (demo.report.written_back + demo.report.unmatched + demo.report.deferred) as f64;
    demo.report.leads_per_second = through / first_cycle_seconds;
    demo.close_the_books().await?;
    demo.report.cost = demo.cost(&last).await?;
    let stories = demo.stories(befores, &first, &last);
    let waited = demo.waited(&first, &last).await?;
    Ok(Shown { report: demo.report, stories, waited })
}

struct Demo {
    world: World,
    request: Request,
    report: Report,
    contacts: Vec<String>,
}

impl Demo {
    fn create_leads(&mut self) {
        let leads = leads(self.request.leads, self.request.seed);
        let crm = self.world.crm();
        self.contacts = leads.into_iter().map(|lead| crm.create_person(&lead.card)).collect();
        self.report.leads = self.contacts.len();
    }

    /// Everything that can be done with the credits of the first cycle.
    async fn first_cycle(&mut self, progress: &(dyn Fn(Progress) + Send + Sync)) -> Result<States, StartError> {
        progress(Progress::Delivering);
        let crm = self.world.crm();
        let settled = async {
            while crm.pending() > 0 {
                let delivered = crm.deliver().await;
                self.report.events_sent += delivered.events + delivered.duplicates;
                if delivered.rejected.is_empty() && delivered.unanswered == 0 {
                    self.report.accepted += delivered.events + delivered.duplicates;
                }
            }
            self.world.settle_down(WORKERS).await;
        };
        watch(&self.world, settled, progress).await;
        // The echoes of what was written: the gate drops them.
        crm.deliver().await;
        self.world.settle_down(WORKERS).await;
        self.arrivals(progress).await?;

        let states = self.world.states(&self.contacts).await?;
        let report = &mut self.report;
        report.written_back = states.count(StateName::Written);
        report.unmatched = states.count(StateName::Unmatched);
        report.deferred = states.count(StateName::Deferred);
        report.refused = states.count(StateName::Refused);
        report.cycles = 1;
        let units = self.world.usage.write_units();
        let parked = states.records.values().filter(|record| record.state.is_deferred() || record.waited.is_some());
        let parked = parked.count();
        let of = |steps: &[&str]| steps.iter().filter_map(|step| units.get(step)).sum::<f64>();
        report.aws.write_units_per_written_lead = per(of(&ENRICHING), report.written_back);
        report.aws.write_units_per_deferred_lead = per(of(&["defer", "release"]), parked);
        report.aws.first_cycle_write_units = units;
        Ok(states)
    }

    /// The clock is turned until nothing is on its way any more. What frees credits on arriving lets others in.
    async fn arrivals(&mut self, progress: &(dyn Fn(Progress) + Send + Sync)) -> Result<(), StartError> {
        for _ in 0..ARRIVALS_MAX {
            let holds = self.world.credits.unmetered().open_holds(self.world.tenant_id()).await?;
            if holds.is_empty() {
                return Ok(());
            }
            progress(Progress::Awaiting(holds.iter().map(|hold| hold.lines.len()).sum()));
            self.world.clock.turn(ARRIVALS_EVERY);
            watch(&self.world, self.world.settle_down(WORKERS), progress).await;
        }
        Ok(())
    }

    /// The clock is turned, cycle by cycle, until nobody waits any more.
    async fn later_cycles(
        &mut self,
        first: &States,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<States, StartError> {
        let mut states = first.clone();
        while states.count(StateName::Deferred) > 0 && self.report.cycles < CYCLES_MAX {
            progress(Progress::NextCycle(states.count(StateName::Deferred)));
            self.world.next_cycle(self.request.credits * 1000).await;
            watch(&self.world, self.world.settle_down(WORKERS), progress).await;
            self.arrivals(progress).await?;
            states = self.world.states(&self.contacts).await?;
            self.report.cycles += 1;
        }
        let stands = |states: &States, id: &String| states.records.get(id).map(|record| record.state.name());
        let waited = || self.contacts.iter().filter(|id| stands(first, id) == Some(StateName::Deferred));
        let ended = |ends: &[StateName]| {
            waited().filter(|id| stands(&states, id).is_some_and(|end| ends.contains(&end))).count()
        };
        (self.report.released, self.report.given_up) =
            (ended(&[StateName::Written, StateName::Unmatched]), ended(&[StateName::Refused]));
        self.report.failed = states.count(StateName::Failed) + self.world.dead_letters().await;
        let unfinished =
            [StateName::Noted, StateName::Claimed, StateName::Bought, StateName::Released, StateName::Deferred];
        self.report.lost = states.unknown.len() + unfinished.iter().map(|state| states.count(*state)).sum::<usize>();
        Ok(states)
    }

    /// Our books beside everybody else's.
    async fn close_the_books(&mut self) -> Result<(), StartError> {
        let (world, report, crm) = (&self.world, &mut self.report, self.world.crm());
        let wallets = world.credits.unmetered().wallets(world.tenant_id()).await?;
        report.credits = Credits::of(&wallets);
        if self.request.phones {
            let number = |id: &&String| crm.card(id).is_some_and(|card| card.contains_key("mobilephone"));
            report.phones_written = Some(self.contacts.iter().filter(number).count());
        }
        let ledger = world.apollo.ledger();
        report.provider = Provider {
            calls: ledger.calls_to("api/v1/people/match") + ledger.calls_to("api/v1/people/bulk_match"),
            records_charged: ledger.records_charged,
            phones_charged: ledger.mobiles_charged,
            credits_charged: leadgate_enrichment::credits::Milli::new(ledger.credits_charged).to_decimal(),
            throttled: ledger.throttled,
        };
        let (records_written, writes) = crm.written();
        report.crm = Crm { records_written, writes };
        report.aws.write_units = world.usage.write_units().values().sum();
        report.aws.read_units = world.usage.read_units().values().sum();
        let counts = world.wire.counts();
        report.aws.sqs_requests =
            counts.iter().filter(|(name, _)| name.starts_with("sqs ")).map(|(_, count)| count).sum();
        Ok(())
    }

    /// What it cost, in money.
    async fn cost(&self, last: &States) -> Result<Option<CostReport>, StartError> {
        let tenant = self.world.tenant();
        let Some(values) = &tenant.values else { return Ok(None) };
        let entries = self.world.credits.unmetered().entries(&tenant.id).await?;
        let records = last.records.values().map(|record| (record.key.clone(), record.clone())).collect();
        Ok(Some(CostReport::of(Cost::of(tenant, values, &entries, &records))))
    }

    /// One that waited for credits and was written back, with the books.
    async fn waited(&self, first: &States, last: &States) -> Result<Option<Waited>, StartError> {
        let stood = |states: &States, contact: &String| states.records.get(contact).map(|record| record.state.name());
        let waited = |contact: &&String| {
            stood(first, contact) == Some(StateName::Deferred) && stood(last, contact) == Some(StateName::Written)
        };
        let Some(record) = self.contacts.iter().find(waited).and_then(|contact| last.records.get(contact)) else {
            return Ok(None);
        };
        let (world, credits) = (&self.world, self.world.credits.unmetered());
        Ok(Some(Waited {
            record: record.clone(),
            wallets: credits.wallets(world.tenant_id()).await?,
            entries: credits.entries(world.tenant_id()).await?,
            config: world.config.clone(),
            now: world.clock.now(),
        }))
    }

    /// One lead of each kind, so that there is something to look at.
    fn stories(&self, befores: Vec<BTreeMap<String, String>>, first: &States, last: &States) -> Vec<Story> {
        let mut kinds: BTreeMap<String, Story> = BTreeMap::new();
        for (contact, before) in self.contacts.iter().zip(befores) {
            let state = |states: &States| states.records.get(contact).map(|record| record.state.name());
            let (Some(was), Some(is)) = (state(first), state(last)) else { continue };
            let Some(after) = self.world.crm().card(contact) else { continue };
            let told = before.contains_key("jobtitle");
            let story = Story { contact: contact.clone(), before, after, states: (was, is) };
            kinds.entry(format!("{was:?} {is:?} {told}")).or_insert(story);
        }
        kinds.into_values().collect()
    }
}

/// Tells how far it is while `work` goes on.
async fn watch(world: &World, work: impl Future<Output = ()>, progress: &(dyn Fn(Progress) + Send + Sync)) {
    tokio::pin!(work);
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            () = &mut work => return,
            _ = tick.tick() => progress(Progress::Working(world.pump.finished())),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn per(units: f64, leads: usize) -> f64 {
    if leads == 0 { 0.0 } else { (units / leads as f64 * 1000.0).round() / 1000.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Credits that pay for nobody, or for so few that most leads wait for longer than anybody waits.
    #[tokio::test]
    async fn few_credits_run_to_a_right_account() {
        let (hubspot, salesforce, pipedrive) = (DemoCrm::HubSpot, DemoCrm::Salesforce, DemoCrm::Pipedrive);
        let cases = [
            (hubspot, 20, 1, false),
            (hubspot, 3, 8, true),
            (hubspot, 5, 9, true),
            (salesforce, 20, 1, false),
            (salesforce, 5, 9, true),
            (pipedrive, 20, 1, false),
            (pipedrive, 5, 9, true),
        ];
        for (crm, leads, credits, phones) in cases {
            let request = Request { crm, leads, credits, seed: 1, phones };
            let report = run(request, &|_| ()).await.expect("a demo").report;
            assert_eq!(report.complaints(), Vec::<String>::new(), "{leads} leads, {credits} credits");
            assert!(report.given_up > 0 || phones, "most of {leads} leads wait in vain for {credits} credits");
        }
    }
}
