//! Signals, shown: changes of jobs are told of, twice, and put people into a sequence; some of them have opted out, reply
//! meanwhile, or are in another sequence.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use leadgate_enrichment::enrolment::line::{ENROLLED, Ended, TaskState};
use serde::Serialize;
use serde_json::{Value, json};

use super::{WORKERS, leads};
use crate::simulators::apollo::{ApolloSetup, sequence_id};
use crate::world::{SEQUENCE, Settings, StartError, World, job_change};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// How many contacts there are.
    pub contacts: usize,
    /// Where chance starts from.
    pub seed: u64,
}

/// What `leadgate demo --pattern signals --json` prints.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Contacts in the CRM, each told of once.
    pub contacts: usize,
    /// Deliveries made, each of them twice.
    pub deliveries: usize,
    /// Signals that the door queued, repeats included.
    pub queued: usize,
    /// Signals that no rule is for, repeats included.
    pub unmatched: usize,
    /// Contacts who were enrolled, by our own lines.
    pub enrolled: usize,
    /// Contacts who weren't, by the reason.
    pub skipped: BTreeMap<String, usize>,
    /// Contacts in the sequence, by the vendor's own books.
    pub in_sequence: usize,
    /// Contacts who are in it twice, by the vendor's own books.
    pub enrolled_twice: usize,
    /// Contacts in it who had opted out, replied or unsubscribed before.
    pub enrolled_in_spite: usize,
    /// Tasks that our lines say were created.
    pub tasks: usize,
    /// Tasks for sellers, by the vendor's own books.
    pub tasks_created: usize,
    /// Contacts in the CRM that say that they were enrolled.
    pub written_back: usize,
    /// Contacts whose signal has no end; messages in the dead-letter queue are counted as well.
    pub lost: usize,
    /// Credits that were spent.
    pub credits_spent: f64,
    /// Calls that the vendor received, and those that it turned away for its rate limits.
    pub calls: u64,
    /// See `calls`.
    pub throttled: u64,
    /// From the arrival of a signal to the enrolment: half of them took no longer than this, by the world's clock.
    pub latency_p50_ms: i64,
    /// The same of nineteen in twenty.
    pub latency_p95_ms: i64,
    /// From the first delivery to the last write, by the machine's clock.
    pub seconds: f64,
}

impl Report {
    /// What must not be: it is empty when all is well.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut unless = |right: bool, complaint: String| complaints.extend((!right).then_some(complaint));
        let Self { enrolled, in_sequence, tasks, tasks_created, written_back, .. } = self;
        unless(enrolled == in_sequence, format!("we enrolled {enrolled}, and the vendor has {in_sequence}"));
        unless(tasks == tasks_created, format!("we created {tasks} tasks, and the vendor has {tasks_created}"));
        unless(enrolled == written_back, format!("the CRM says that {written_back} of {enrolled} were enrolled"));
        unless(self.enrolled_twice == 0, format!("{} were enrolled twice", self.enrolled_twice));
        unless(self.enrolled_in_spite == 0, format!("{} should not have been enrolled", self.enrolled_in_spite));
        unless(self.lost == 0, format!("{} signals have no end", self.lost));
        unless(self.credits_spent == 0.0, format!("{} credits were spent", self.credits_spent));
        complaints
    }
}

/// How long the vendor takes for an answer.
const ANSWER: Duration = Duration::from_millis(300);
/// So many signals are in one delivery: one is about everybody at once.
const PER_DELIVERY: usize = 500;

/// Runs it.
pub async fn run(request: Request) -> Result<Report, StartError> {
    let apollo = ApolloSetup { seed: request.seed, latency: ANSWER, ..ApolloSetup::default() };
    let settings = Settings { seed: request.seed, apollo, ..Settings::default() }.with_signals();
    let places = format!("mailbox_per_day = {}", request.contacts.max(1));
    let config = settings.config.replace("mailbox_per_day = 40", &places);
    let world = World::start(Settings { config, ..settings }).await?;
    world.prepare_for_signals();
    let started = Instant::now();
    let mut demo = Demo { world, contacts: Vec::new(), kept_out: BTreeSet::new() };
    demo.people(request);
    let mut report = demo.tell().await?;
    demo.world.settle_down(WORKERS).await;
    demo.account(&mut report).await?;
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

struct Demo {
    world: World,
    contacts: Vec<String>,
    /// Addresses of those who must not be enrolled.
    kept_out: BTreeSet<String>,
}

/// What becomes of one in ten each.
const OPTED_OUT: usize = 0;
const OPTS_OUT_SINCE: usize = 1;
const REPLIES_SINCE: usize = 2;
const IN_ANOTHER_SEQUENCE: usize = 3;
const TOO_JUNIOR: usize = 4;

impl Demo {
    fn people(&mut self, request: Request) {
        let crm = self.world.crm();
        for (i, lead) in leads(request.contacts, request.seed).into_iter().enumerate() {
            let id = crm.create_person(&lead.card);
            if i % 10 == OPTED_OUT {
                self.world.hubspot.edit(&id, "hs_email_optout", "true");
                self.kept_out.insert(self.email(&id));
            }
            self.contacts.push(id);
        }
    }

    fn email(&self, contact: &str) -> String {
        let contact = self.world.hubspot.contact(contact);
        contact.and_then(|contact| contact.value("email").map(str::to_owned)).unwrap_or_default()
    }

    /// Those of whom this becomes.
    fn kind(&self, kind: usize) -> Vec<String> {
        let of_kind = self.contacts.iter().enumerate().filter(|(i, _)| i % 10 == kind);
        of_kind.map(|(_, contact)| contact.clone()).collect()
    }

    /// Tells of everybody, twice. Before anybody is enrolled, some opt out or reply.
    async fn tell(&mut self) -> Result<Report, StartError> {
        let mut report = Report { contacts: self.contacts.len(), ..Report::default() };
        self.put_into_another_sequence().await?;
        let junior: BTreeSet<String> = self.kind(TOO_JUNIOR).into_iter().collect();
        let signal = |contact: &String| match junior.contains(contact) {
            true => json!({ "type": "job-change", "contact": contact, "seniority": "intern", "employees": 250 }),
            false => job_change(contact),
        };
        for (i, some) in self.contacts.chunks(PER_DELIVERY).enumerate() {
            let signals: Vec<Value> = some.iter().map(signal).collect();
            for _ in 0..2 {
                let answer = self.world.signals("intent", &format!("delivery-{i}"), &signals).send().await?;
                let counts: BTreeMap<String, usize> = answer.error_for_status()?.json().await?;
                let count = |name: &str| counts.get(name).copied().unwrap_or_default();
                report.deliveries += 1;
                report.queued += count("queued");
                report.unmatched += count("unmatched");
            }
        }
        for contact in self.kind(OPTS_OUT_SINCE) {
            self.world.hubspot.edit(&contact, "hs_email_optout", "true");
            self.kept_out.insert(self.email(&contact));
        }
        let replied: Vec<String> = self.kind(REPLIES_SINCE).iter().map(|contact| self.email(contact)).collect();
        for some in replied.chunks(PER_DELIVERY) {
            let signals: Vec<Value> = some.iter().map(|email| json!({ "type": "replied", "email": email })).collect();
            self.world.signals("engagement", &some.join(","), &signals).send().await?.error_for_status()?;
        }
        self.kept_out.extend(replied);
        Ok(report)
    }

    /// A seller has put them there by hand.
    async fn put_into_another_sequence(&self) -> Result<(), StartError> {
        let other = self.world.apollo.add_sequence("By hand");
        for contact in self.kind(IN_ANOTHER_SEQUENCE) {
            self.world.apollo.save_contact_in(&self.email(&contact), &other);
        }
        Ok(())
    }

    /// Holds our lines against the books of the vendor and of the CRM.
    async fn account(&self, report: &mut Report) -> Result<(), StartError> {
        let (world, sequence) = (&self.world, sequence_id(SEQUENCE));
        let lines = world.enrolments.all(world.tenant_id()).await?;
        let ended: BTreeMap<String, Ended> =
            lines.into_iter().filter_map(|(key, line)| Some((key.record.id, line.ended.first()?.clone()))).collect();
        let mut latencies: Vec<i64> = Vec::new();
        for ended in ended.values() {
            if ended.how == ENROLLED {
                report.enrolled += 1;
                report.tasks += usize::from(ended.task == Some(TaskState::Created));
                latencies.push(ended.at.as_millisecond() - ended.arrived_at.as_millisecond());
            } else {
                *report.skipped.entry(ended.how.clone()).or_default() += 1;
            }
        }
        latencies.sort_unstable();
        (report.latency_p50_ms, report.latency_p95_ms) = (percentile(&latencies, 50), percentile(&latencies, 95));
        let mut emails = BTreeSet::new();
        for contact in world.apollo.contacts() {
            let email = contact.text("email").unwrap_or_default().to_owned();
            for _ in contact.enrolments.iter().filter(|it| it.sequence_id == sequence) {
                report.in_sequence += 1;
                report.enrolled_in_spite += usize::from(self.kept_out.contains(&email));
                report.enrolled_twice += usize::from(!emails.insert(email.clone()));
            }
        }
        report.tasks_created = world.apollo.tasks().len();
        let says_so = |contact: &&String| {
            world.hubspot.contact(contact).is_some_and(|contact| contact.value("leadgate_sequence").is_some())
        };
        report.written_back = self.contacts.iter().filter(says_so).count();
        let told = self.contacts.len() - self.kind(TOO_JUNIOR).len();
        report.lost = told.saturating_sub(ended.len()) + world.dead_letters().await + world.waiting().await;
        let ledger = world.apollo.ledger();
        #[expect(clippy::cast_precision_loss, reason = "a number of people")]
        let spent = ledger.records_charged as f64;
        (report.credits_spent, report.calls, report.throttled) = (spent, ledger.received, ledger.throttled);
        Ok(())
    }
}

/// The value below which so many per cent of them are; zero of none.
fn percentile(sorted: &[i64], percent: usize) -> i64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}
