//! Carrying out what happens.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::{Clock, days, earlier, later, until};
use leadgate_enrichment::config::Config;
use leadgate_enrichment::credits::wallet::Wallet;
use leadgate_enrichment::lead::record::Record;
use tokio::task::JoinSet;

use super::companies::{self, Company};
use super::crm::Crm;
use super::limits::Purchases;
use super::model::{Known, Lead};
use super::neighbour::Theirs;
use super::nights::Nights;
use super::plan::{Fault as CallFault, Operation, Plan, Trouble};
use super::seen::{Meanwhile, Moment, Screens, Seen};
use super::several::{ADDRESS, Several};
use super::signals::Signals;
use super::terms::{POOL_MILLI, Terms};
use super::wide::Wide;
use crate::lane::Lane;
use crate::violation::Findings;
use crate::way::Way;
use leadgate_sandbox::simulators::apollo::Callback;
use leadgate_sandbox::simulators::fault::{Fault, FaultRule};
use leadgate_sandbox::simulators::hubspot::Event;
use leadgate_sandbox::world::{StartError, World};

/// After this, SQS shows a message again that nobody has deleted.
const VISIBILITY: Duration = Duration::from_secs(6 * 60);
/// A cycle that lasts longer isn't waited for.
const MONTH: Duration = days(32);
/// How long a provider or CRM that is asked too often wants to be left alone.
const RETRY_AFTER: Duration = Duration::from_secs(3);

/// A history that is being played.
pub(super) struct Play {
    pub(super) world: World,
    pub(super) crm: Crm,
    pub(super) calm: bool,
    pub(super) leads: Vec<Lead>,
    pub(super) companies: Vec<Company>,
    pub(super) known: Known,
    pub(super) several: Option<Several>,
    pub(super) nights: Option<Nights>,
    /// Everything that HubSpot has told so far.
    pub(super) told: Vec<Event>,
    /// What went over the wire.
    pub(super) seen: Seen,
    /// Purchases whose effect on the floor was looked at.
    pub(super) looked_at: Purchases,
    /// Everything that the provider has promised to say so far.
    pub(super) promised: Vec<Callback>,
    /// Workers that were disturbed while they collected.
    pub(super) disturbed: usize,
    pub(super) wide: Wide,
    /// What is deployed, and everything that was, since when.
    pub(super) terms: Terms,
    pub(super) eras: Vec<(Timestamp, Arc<Config>)>,
    /// Numbers were taken out of the configuration for a time.
    pub(super) was_unmapped: bool,
    /// More was to be spent than there was, which has been said.
    pub(super) pool_is_short: bool,
    /// In which workers died.
    pub(super) cut_short: Vec<(Moment, Moment)>,
    /// When each operation was carried out.
    pub(super) spans: Vec<(Moment, Moment)>,
    /// Parked records that are nobody's lead.
    pub(super) crowd: Vec<Record>,
    /// The leads of the second tenant.
    pub(super) theirs: Vec<Theirs>,
    pub(super) meanwhile: Meanwhile,
    pub(super) packs: Vec<Wallet>,
    pub(super) chance: Rng,
    /// Runs over many records, so far.
    pub(super) runs: usize,
    pub(super) signals: Signals,
}

impl Play {
    pub(super) async fn begin(lane: &mut Lane, plan: &Plan) -> Result<Self, StartError> {
        let terms = Terms::of(plan);
        let world = lane.world(terms.settings()).await?;
        if plan.crm == Crm::HUBSPOT {
            world.hubspot.define_property(&world.tenant().crm.owner_property);
            world.hubspot.define_property(ADDRESS);
        }
        if plan.wide.signals {
            world.prepare_for_signals();
        }
        if plan.wide.companies {
            companies::prepare(&world);
        }
        let (seen, mutant) = (Seen::default(), lane.mutant);
        let noted = seen.clone();
        world.wire.rewrite_by(move |call, body| {
            noted.note(call, body);
            mutant.and_then(|mutant| (mutant.rewrite)(call, body))
        });
        world.wire.remember_writes();
        let meanwhile = Meanwhile::default();
        for (_, provider) in world.tenants_providers() {
            let (edits, crm) = (meanwhile.clone(), Screens::of(&world));
            provider.watch_calls(Arc::new(move |_| edits.make(&crm)));
            let (asked, clock) = (seen.clone(), world.clock.clone());
            provider.watch_ends(Arc::new(move |call, ending| asked.note_asked(call, ending, clock.now())));
        }
        let eras = vec![(Timestamp::MIN, world.config.clone())];
        Ok(Self {
            world,
            crm: plan.crm,
            calm: plan.calm,
            leads: Vec::new(),
            companies: Vec::new(),
            known: Known::of(plan.numbers, plan.several.is_some()),
            several: plan.several.clone(),
            nights: plan.nights,
            told: Vec::new(),
            seen,
            looked_at: Purchases::new(),
            promised: Vec::new(),
            disturbed: 0,
            wide: plan.wide,
            terms,
            eras,
            was_unmapped: false,
            pool_is_short: false,
            cut_short: Vec::new(),
            spans: Vec::new(),
            crowd: Vec::new(),
            theirs: Vec::new(),
            meanwhile,
            packs: Vec::new(),
            chance: Rng::with_seed(plan.seed),
            runs: 0,
            signals: Signals::default(),
        })
    }

    /// Carries it out, and takes note if a worker died in it.
    pub(super) async fn carry_out(&mut self, operation: &Operation, findings: &mut Findings) -> Result<(), StoreError> {
        let (from, deaths) = (self.seen.moment(), self.world.deaths());
        let carried_out = self.do_it(operation, findings).await;
        let span = (from, self.seen.moment());
        self.spans.push(span);
        if self.world.deaths() > deaths {
            self.cut_short.push(span);
        }
        carried_out
    }

    async fn do_it(&mut self, operation: &Operation, findings: &mut Findings) -> Result<(), StoreError> {
        match operation {
            Operation::Lead { known, own_title, owner } => self.lead(*known, *own_title, *owner),
            Operation::Deliver(fault) => {
                self.arm(*fault);
                self.deliver().await;
                self.world.wire.mend();
            }
            Operation::DeliverAgain => self.deliver_again().await,
            Operation::QueueAgain => self.queue_again().await,
            Operation::Edit { lead, edit } => self.edit(*lead, *edit),
            Operation::EditMeanwhile { lead, edit } => self.edit_meanwhile(*lead, *edit),
            Operation::Delete { lead } => {
                let lead = &mut self.leads[*lead];
                lead.deleted |= self.world.crm().delete(&lead.contact);
            }
            Operation::Erase { lead } => {
                let lead = &mut self.leads[*lead];
                if self.crm == Crm::HUBSPOT {
                    lead.erased |= self.world.hubspot.privacy_delete(&lead.contact);
                } else {
                    // Others don't tell that it was asked for.
                    lead.deleted |= self.world.crm().delete(&lead.contact);
                }
            }
            Operation::Forget { lead } => {
                let email = self.leads[*lead].emails.last().cloned().unwrap_or_default();
                self.known.forget(&self.world, &email);
            }
            Operation::Work { sizes, order, fault } => self.work(sizes, *order, *fault).await,
            Operation::WorkBeside { at, slow } => self.work_beside(*at, *slow).await,
            Operation::Release(fault) => {
                self.arm(*fault);
                self.world.run_release_or_die().await;
                self.world.wire.mend();
            }
            Operation::Callbacks(fate, fault) => {
                self.arm(*fault);
                self.callbacks(*fate).await;
                self.world.wire.mend();
            }
            Operation::Turn(duration) => {
                self.ask_in_time(later(self.world.clock.now(), *duration)).await?;
                self.turn(*duration).await;
            }
            Operation::NextCycle => self.next_cycle().await?,
            Operation::Provider(trouble) => {
                let provider = self.any_provider();
                let fault = if *trouble == Trouble::Denied { provider.denial() } else { fault_of(*trouble) };
                provider.faults().add(FaultRule::next(fault));
            }
            Operation::RunDry => self.any_provider().set_left(0),
            Operation::Suppress { lead } => self.suppress(*lead),
            Operation::Crm(Trouble::Rejected) if self.crm == Crm::HUBSPOT => {
                let body =
                    r#"{"status":"error","category":"VALIDATION_ERROR","message":"Property values were not valid"}"#;
                let refused = Fault::Status(400, body.to_owned());
                // The batch, and then the first of those who are written one by one.
                for path in ["batch/update", "contacts/3"] {
                    self.world.hubspot.faults().add(FaultRule::on(path, refused.clone()));
                }
            }
            Operation::Crm(trouble) => self.world.crm().faults().add(FaultRule::next(fault_of(*trouble))),
            Operation::TopUp(credits) => self.top_up(*credits).await,
            Operation::PayAgain => self.pay_again().await,
            Operation::Polls(polls) => self.world.apollo.set_polls(*polls),
            Operation::ChangeTeams => self.world.apollo.change_teams(),
            Operation::Configure(change) => self.configure(*change, findings),
            Operation::Eve(before) => {
                let now = self.world.clock.now();
                let eve = earlier(self.world.tenant().provider.plan.calendar.cycle_at(now).closes, *before);
                if until(now, eve) < MONTH {
                    self.turn(until(now, eve)).await;
                }
            }
            Operation::Outage { lasts, from } => self.outage(*lasts, *from).await,
            Operation::CrmRests(lasts) => {
                self.ask_in_time(later(self.world.clock.now(), *lasts)).await?;
                self.crm_rests(*lasts, findings).await;
            }
            Operation::Crowd(count) => self.crowd(*count).await?,
            Operation::NeighbourLead => self.neighbour_lead(),
            Operation::Night { twice, fault } => self.night(*twice, *fault).await,
            Operation::LeadOfTheList(which) => self.lead_of_the_list(*which),
            Operation::Signal { lead, again, fault } => self.signal(*lead, *again, *fault).await,
            Operation::SignalOfAStranger(fault) => self.signal_of_a_stranger(*fault).await,
            Operation::Stop { lead, in_crm } => self.stop(*lead, *in_crm).await,
            Operation::Company { domain, own_city } => self.company(*domain, *own_city),
            Operation::ChangeCompany { which, fate, meanwhile } => self.change_company(*which, *fate, *meanwhile),
            Operation::Bulk { again } => self.bulk(*again).await,
        }
        Ok(())
    }

    async fn turn(&mut self, duration: Duration) {
        self.world.clock.turn(duration);
        if duration > VISIBILITY {
            self.world.pump.show_hidden().await;
        }
    }

    /// The next cycle opens, where one lasts no longer than a month, and otherwise a month goes by.
    pub(super) async fn next_cycle(&mut self) -> Result<(), StoreError> {
        let now = self.world.clock.now();
        let closes = self.world.tenant().provider.plan.calendar.cycle_at(now).closes;
        if until(now, closes) > MONTH {
            self.ask_in_time(later(now, MONTH)).await?;
            self.turn(MONTH).await;
            return Ok(());
        }
        self.ask_in_time(closes).await?;
        if self.wide.exact {
            // There, it begins by itself.
            let now = self.world.clock.now();
            self.turn(until(now, closes) + Duration::from_secs(1)).await;
        } else {
            self.world.next_cycle(POOL_MILLI).await;
        }
        Ok(())
    }

    pub(super) fn arm(&self, fault: Option<CallFault>) {
        let Some(CallFault { call, way }) = fault else { return };
        self.world.wire.break_by(way.plan(call));
    }

    /// The same for what may call a provider: where everything is to be known, nothing is broken that could hide what was
    /// charged.
    pub(super) fn arm_at_work(&self, fault: Option<CallFault>) {
        let Some(CallFault { call, way }) = fault else { return };
        let mut plan = way.plan(call);
        let (calm, clock, timeout) = (self.calm, self.world.clock.clone(), self.world.worker_timeout());
        self.world.wire.break_by(move |call| {
            let broken = plan(call)?;
            if way == Way::Deadline {
                clock.turn(timeout);
                return None;
            }
            Some(if calm { way.gently(&call.operation) } else { broken })
        });
    }

    fn lead(&mut self, known: bool, own_title: bool, owner: u8) {
        let email = format!("first{0}.last{0}@engine.example", self.leads.len());
        let mut lead = Lead { emails: vec![email.clone()], owner: owner.to_string(), ..Lead::default() };
        let mut properties = vec![("email", email.clone())];
        if own_title {
            lead.human.insert("jobtitle", "As I said in the form".to_owned());
            properties.push(("jobtitle", "As I said in the form".to_owned()));
        }
        self.known.introduce(&self.world, &email, known);
        lead.contact = if self.crm == Crm::HUBSPOT {
            let owner = (self.world.tenant().crm.owner_property.clone(), owner.to_string());
            let properties = properties.into_iter().map(|(name, value)| (name.to_owned(), value));
            self.world.hubspot.create_contact(properties.chain([owner]))
        } else {
            self.world.crm().create_person(&properties)
        };
        self.leads.push(lead);
    }

    /// The CRM delivers what it has to tell.
    pub(super) async fn deliver(&mut self) -> usize {
        let pending = if self.crm == Crm::HUBSPOT { self.world.hubspot.pending_events() } else { Vec::new() };
        let new = |event: &Event| !self.told.iter().any(|told| told.key() == event.key());
        let new: Vec<Event> = pending.into_iter().filter(new).collect();
        self.told.extend(new);
        self.deliver_to_the_neighbour().await;
        self.world.crm().deliver().await.deliveries
    }

    /// Some of what HubSpot has told before, in another order.
    async fn deliver_again(&mut self) {
        let mut events = self.told.clone();
        self.chance.shuffle(&mut events);
        events.truncate(self.chance.usize(1..=4));
        if !events.is_empty() {
            self.world.deliver_again(&events).await;
        }
    }

    /// SQS delivers at least once: a message may be there twice.
    async fn queue_again(&mut self) {
        let sent = self.seen.sent();
        let again = self.chance.choice(&sent).cloned();
        // An observer's call isn't broken.
        let _ = self.world.queue.send(again.as_slice()).await;
        let hints = self.seen.hints();
        if !hints.is_empty() {
            let again = self.chance.choice(&hints).cloned();
            let _ = self.world.queue.send_hints(again.as_slice()).await;
        }
    }

    async fn work(&mut self, sizes: &[i32], order: u64, fault: Option<CallFault>) {
        self.note_ways(fault);
        let mut batches = Vec::new();
        for size in sizes {
            let batch = self.world.pump.receive_at_most(*size).await;
            if !batch.is_empty() {
                batches.push(batch);
            }
        }
        Rng::with_seed(order).shuffle(&mut batches);
        self.arm_at_work(fault);
        let mut workers = JoinSet::new();
        for batch in batches {
            let pump = self.world.pump.clone();
            workers.spawn(async move { pump.invoke(batch).await });
        }
        while let Some(worked) = workers.join_next().await {
            if let Err(error) = worked
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
        let calls = self.world.wire.mend();
        let collects = calls.iter().any(|call| call.operation.contains("webhook_result"));
        self.disturbed += usize::from(collects && fault.is_some_and(|fault| fault.call < calls.len()));
        self.note_meanwhile();
    }
}

fn fault_of(trouble: Trouble) -> Fault {
    match trouble {
        Trouble::Busy => Fault::Status(503, String::new()),
        Trouble::Throttled => Fault::Throttle { retry_after: Some(RETRY_AFTER) },
        Trouble::OutOfCredits => Fault::Status(402, String::new()),
        Trouble::Denied => Fault::Status(401, String::new()),
        Trouble::Dropped => Fault::DropBeforeWork,
        Trouble::AnswerLost => Fault::DropAfterWork,
        Trouble::Rejected => Fault::Status(400, String::new()),
        Trouble::FailedAfterWork => Fault::StatusAfterWork(500, String::new()),
    }
}
