//! Signals, shown: changes of jobs are told of, twice, and put people into a sequence; some of them have opted out, reply
//! meanwhile, or are in another sequence. Some aren't in the CRM: they are requested, and enrolled once it has them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use leadgate_enrichment::credits::Milli;
use leadgate_enrichment::enrolment::line::{ENROLLED, Ended, TaskState};
use serde::Serialize;
use serde_json::{Value, json};

use super::report::Credits;
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
    /// People who aren't in the CRM, each told of once by their addresses: one for ten contacts.
    pub not_in_crm: usize,
    /// Of these, those who were requested as new leads, by what we remember. The others have unsubscribed.
    pub requested: usize,
    /// Of these, those whom the CRM has now, by its own books.
    pub created: usize,
    /// Of these, those who were enrolled, by our own lines.
    pub enrolled_once_created: usize,
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
    /// Credits that were spent, all of them on those who were requested, by our own ledger.
    pub credits_spent: f64,
    /// Credits that the vendor charged, by its own books.
    pub credits_charged: f64,
    /// Calls that the vendor received, and those that it turned away for its rate limits.
    pub calls: u64,
    /// See `calls`.
    pub throttled: u64,
    /// From the arrival of a signal to the enrolment of a contact who was in the CRM: half of them took no longer than this, by the world's clock.
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
        let Self { credits_spent, credits_charged, requested, created, .. } = self;
        let is_paid = credits_spent == credits_charged;
        unless(is_paid, format!("we spent {credits_spent} credits, and the vendor charged {credits_charged}"));
        #[expect(clippy::cast_precision_loss, reason = "a number of people")]
        let is_once = *credits_spent <= *requested as f64;
        unless(is_once, format!("{credits_spent} credits were spent on {requested} people: a credit each at most"));
        unless(requested == created, format!("we requested {requested}, and the CRM has {created}"));
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
    let places = format!("mailbox_per_day = {}", request.contacts.max(1) * 2);
    let config = settings.config.replace("mailbox_per_day = 40", &format!("{places}\nnot_in_crm = \"request\""));
    let world = World::start(Settings { config, ..settings }).await?;
    world.prepare_for_signals();
    let started = Instant::now();
    let mut demo = Demo { world, contacts: Vec::new(), not_in_crm: Vec::new(), kept_out: BTreeSet::new() };
    demo.people(request);
    let mut report = demo.tell().await?;
    demo.tell_of_those_not_in_crm(&mut report).await?;
    demo.world.settle_down(WORKERS).await;
    demo.account(&mut report).await?;
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

struct Demo {
    world: World,
    contacts: Vec<String>,
    /// Addresses of those whom the CRM doesn't have.
    not_in_crm: Vec<String>,
    /// Addresses of those who must not be enrolled.
    kept_out: BTreeSet<String>,
}

/// For so many contacts in the CRM, there is one person who isn't in it.
const ONE_OUTSIDE_FOR: usize = 10;
/// Of so many of these, one has unsubscribed.
const ONE_UNSUBSCRIBED_OF: usize = 5;
/// What becomes of one in ten each.
const OPTED_OUT: usize = 0;
const OPTS_OUT_SINCE: usize = 1;
const REPLIES_SINCE: usize = 2;
const IN_ANOTHER_SEQUENCE: usize = 3;
const TOO_JUNIOR: usize = 4;

impl Demo {
    fn people(&mut self, request: Request) {
        let crm = self.world.crm();
        let outside = request.contacts.div_ceil(ONE_OUTSIDE_FOR);
        for (i, lead) in leads(request.contacts + outside, request.seed).into_iter().enumerate() {
            if i >= request.contacts {
                self.not_in_crm
                    .extend(lead.card.into_iter().find(|(name, _)| *name == "email").map(|(_, email)| email));
                continue;
            }
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

    /// Tells of those whom the CRM doesn't have, twice; some have unsubscribed before.
    async fn tell_of_those_not_in_crm(&mut self, report: &mut Report) -> Result<(), StartError> {
        report.not_in_crm = self.not_in_crm.len();
        let of =
            |name: &str, email: &String| json!({ "type": name, "email": email, "seniority": "VP", "employees": 250 });
        let gone: Vec<String> = self.not_in_crm.iter().step_by(ONE_UNSUBSCRIBED_OF).cloned().collect();
        let told: [(&str, &str, &[String]); 3] = [
            ("gone", "unsubscribed", &gone),
            ("outside", "job-change", &self.not_in_crm),
            ("outside", "job-change", &self.not_in_crm),
        ];
        for (id, name, people) in told {
            for (i, some) in people.chunks(PER_DELIVERY).enumerate() {
                let signals: Vec<Value> = some.iter().map(|email| of(name, email)).collect();
                let answer = self.world.signals("engagement", &format!("{id}-{i}"), &signals).send().await?;
                let counts: BTreeMap<String, usize> = answer.error_for_status()?.json().await?;
                report.deliveries += usize::from(id == "outside");
                report.queued += counts.get("queued").copied().unwrap_or_default();
            }
        }
        self.kept_out.extend(gone);
        Ok(())
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
        for (contact, ended) in &ended {
            if ended.how == ENROLLED {
                report.enrolled += 1;
                report.tasks += usize::from(ended.task == Some(TaskState::Created));
                // Those who had to be created first are no measure of the enrolment.
                let was_there = self.contacts.contains(contact);
                latencies.extend(was_there.then_some(ended.at.as_millisecond() - ended.arrived_at.as_millisecond()));
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
        let all = world.hubspot.contacts();
        report.written_back = all.iter().filter(|contact| contact.value("leadgate_sequence").is_some()).count();
        report.requested = world.enrolments.all_requested(world.tenant_id()).await?.len();
        let outside: BTreeSet<&str> = self.not_in_crm.iter().map(String::as_str).collect();
        let created = all.iter().filter(|contact| contact.value("email").is_some_and(|it| outside.contains(it)));
        let created: Vec<&str> = created.map(|contact| contact.id.as_str()).collect();
        let is_enrolled = |id: &&&str| ended.get(**id).is_some_and(|ended| ended.how == ENROLLED);
        report.created = created.len();
        report.enrolled_once_created = created.iter().filter(is_enrolled).count();
        let told = self.contacts.len() - self.kind(TOO_JUNIOR).len() + report.requested;
        report.lost = told.saturating_sub(ended.len()) + world.dead_letters().await + world.waiting().await;
        let ledger = world.apollo.ledger();
        (report.calls, report.throttled) = (ledger.received, ledger.throttled);
        report.credits_charged = Milli::new(ledger.credits_charged).to_decimal();
        report.credits_spent = Credits::of(&world.credits.unmetered().wallets(world.tenant_id()).await?).spent;
        Ok(())
    }
}

/// The value below which so many per cent of them are; zero of none.
fn percentile(sorted: &[i64], percent: usize) -> i64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}
