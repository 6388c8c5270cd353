//! Signals, beside the leads: each puts its lead into a sequence, once, unless somebody has said meanwhile that they are not to
//! be written to. None of it costs a credit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use leadgate_aws::enrolments::LineKey;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::{Clock, days, later};
use leadgate_enrichment::enrolment::line::{ENROLLED, Ended, Line, State};
use leadgate_sandbox::simulators::apollo::{Enrolment, sequence_id};
use leadgate_sandbox::simulators::hubspot::Contact;
use leadgate_sandbox::world::{SEQUENCE, Settings, job_change};
use serde_json::{Value, json};

use super::model::Lead;
use super::plan::Fault;
use super::play::Play;
use crate::violation::{Findings, Promise};
use crate::way::Way;

/// Nobody is put into a sequence again for so long (the default of the configuration).
const COOL_DOWN: Duration = days(90);
/// The property that says in a CRM that somebody is not to be written to.
const OPTED_OUT: &str = "hs_email_optout";

/// The signals of a history.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// What was told, in which delivery, and whether that was accepted.
    told: Vec<Told>,
    /// Who was not to be written to any more.
    stopped: Vec<Stopped>,
    /// Addresses that the CRM didn't have when they were told of.
    strangers: Vec<String>,
    /// A call may have been carried out after its caller was gone, when somebody else was at work.
    may_land_late: bool,
}

#[derive(Debug, Clone)]
struct Told {
    delivery: String,
    source: &'static str,
    contact: String,
    signal: Value,
    was_accepted: bool,
    /// When it was told last.
    at: Timestamp,
}

#[derive(Debug, Clone)]
struct Stopped {
    contact: String,
    /// In so many sequences they were then.
    places: usize,
}

/// The world with rules for signals, in which everybody's address is vouched for.
pub(super) fn served(settings: Settings) -> Settings {
    let mut settings = settings.with_signals();
    settings.config = settings.config.replace("mailbox_per_day = 40", "mailbox_per_day = 2\nnot_in_crm = \"request\"");
    // All leads work at the same place.
    settings.config = settings.config.replace("allow = [\"job-change\"]", "allow = [\"job-change\", \"same-company\"]");
    settings.apollo.extrapolated_share = 0.0;
    settings
}

impl Play {
    /// A signal about a lead is delivered, or one that was delivered before is once more.
    pub(super) async fn signal(&mut self, lead: usize, again: bool, fault: Option<Fault>) {
        let contact = self.leads[lead].contact.clone();
        let before = self.signals.told.iter().rposition(|told| again && told.contact == contact);
        let which = before.unwrap_or_else(|| {
            let delivery = format!("delivery-{}", self.signals.told.len());
            let signal = job_change(&contact);
            self.signals.told.push(Told {
                delivery,
                source: "intent",
                contact,
                signal,
                was_accepted: false,
                at: Timestamp::MIN,
            });
            self.signals.told.len() - 1
        });
        self.arm(fault);
        self.tell(which).await;
        self.world.wire.mend();
    }

    /// A signal about somebody whom the CRM doesn't have.
    pub(super) async fn signal_of_a_stranger(&mut self, fault: Option<Fault>) {
        let email = format!("stranger{}.stranger@elsewhere.example", self.signals.strangers.len());
        self.known.introduce(&self.world, &email, true);
        let delivery = format!("delivery-{}", self.signals.told.len());
        let signal = json!({ "type": "job-change", "email": email, "seniority": "VP", "employees": 250 });
        let told = Told {
            delivery,
            source: "engagement",
            contact: email.clone(),
            signal,
            was_accepted: false,
            at: Timestamp::MIN,
        };
        self.signals.told.push(told);
        self.signals.strangers.push(email);
        self.arm(fault);
        self.tell(self.signals.told.len() - 1).await;
        self.world.wire.mend();
    }

    /// Strangers who were requested are in the CRM by now, once, and are leads from here on; but for those of whom was told so
    /// long ago that the signal had been given up when they could be looked for. It isn't told again.
    pub(super) async fn strangers_are_leads(&mut self, findings: &mut Findings) -> Result<(), StoreError> {
        let lines = self.world.enrolments.all(self.world.tenant_id()).await?;
        let give_up = self.world.tenant().signals.as_ref().map_or(Duration::MAX, |signals| signals.give_up);
        for email in std::mem::take(&mut self.signals.strangers) {
            let contacts = self.world.hubspot.contacts();
            let own = |contact: &&Contact| contact.value("email").is_some_and(|it| it.eq_ignore_ascii_case(&email));
            let own: Vec<String> = contacts.iter().filter(own).map(|contact| contact.id.clone()).collect();
            let since = self.signals.told.iter().filter(|told| told.contact == email).map(|told| told.at).max();
            let is_over = since.is_some_and(|since| later(since, give_up) < self.world.clock.now());
            findings.check(own.len() == 1 || (own.is_empty() && is_over), Promise::Leads, || {
                format!("{email} was told of by a signal, and is in the CRM as {own:?}")
            });
            let is_own = |(key, line): &(LineKey, Line)| own.contains(&key.record.id) && !line.ended.is_empty();
            if is_over && !lines.iter().any(is_own) {
                self.signals.told.retain(|told| told.contact != email);
            }
            let Some(contact) = own.into_iter().next() else { continue };
            let told = self.signals.told.iter_mut().filter(|told| told.contact == email);
            told.for_each(|told| told.contact.clone_from(&contact));
            self.leads.push(Lead { contact, emails: vec![email], ..Lead::default() });
        }
        Ok(())
    }

    async fn tell(&mut self, which: usize) {
        let told = self.signals.told[which].clone();
        self.signals.told[which].at = self.world.clock.now();
        let sent = self.world.signals(told.source, &told.delivery, &[told.signal]).send().await;
        let was_accepted = sent.is_ok_and(|response| response.status().as_u16() == 200);
        self.signals.told[which].was_accepted |= was_accepted;
    }

    /// Somebody is not to be written to any more: it is noted in the CRM, or they have unsubscribed.
    pub(super) async fn stop(&mut self, lead: usize, in_crm: bool) {
        let (contact, email) = (self.leads[lead].contact.clone(), self.leads[lead].emails.last().cloned());
        let is_known = match in_crm {
            true => self.world.crm().type_in(&contact, OPTED_OUT, "true"),
            false => {
                let delivery = format!("delivery-{}", self.signals.told.len());
                let signal = json!({ "type": "unsubscribed", "email": email });
                let told = Told {
                    delivery,
                    source: "engagement",
                    contact: String::new(),
                    signal,
                    was_accepted: false,
                    at: Timestamp::MIN,
                };
                self.signals.told.push(told);
                self.tell(self.signals.told.len() - 1).await;
                self.signals.told.last().is_some_and(|told| told.was_accepted)
            }
        };
        if is_known {
            let places = self.places(&self.leads[lead]).len();
            self.signals.stopped.push(Stopped { contact, places });
        }
    }

    /// What lands late may have been decided on before somebody opted out.
    pub(super) fn note_ways(&mut self, fault: Option<Fault>) {
        self.signals.may_land_late |= fault.is_some_and(|fault| fault.way == Way::LandsLate);
    }

    /// Whatever wasn't accepted is delivered again, or, of those who ask for it, everything.
    pub(super) async fn tell_again(&mut self, everything: bool) {
        for which in 0..self.signals.told.len() {
            if everything || !self.signals.told[which].was_accepted {
                self.tell(which).await;
            }
        }
    }

    /// Where the lead is in the sequence, under whichever address.
    fn places(&self, lead: &Lead) -> Vec<Enrolment> {
        let is_own = |email: Option<&str>| email.is_some_and(|email| lead.emails.iter().any(|own| own == email));
        let contacts = self.world.apollo.contacts().into_iter().filter(|contact| is_own(contact.text("email")));
        let places = contacts.flat_map(|contact| contact.enrolments);
        places.filter(|place| place.sequence_id == sequence_id(SEQUENCE)).collect()
    }

    /// Every signal has come to an end; each lead is in the sequence as often as that says, which is once within its cool-down;
    /// and nobody was put there who was not to be written to.
    pub(super) async fn check_signals(&self, findings: &mut Findings) -> Result<(), StoreError> {
        if !self.wide.signals {
            return Ok(());
        }
        let lines = self.world.enrolments.all(self.world.tenant_id()).await?;
        let lines: BTreeMap<String, Line> = lines.into_iter().map(|(key, line)| (key.record.id, line)).collect();
        for lead in &self.leads {
            let (contact, line) = (&lead.contact, lines.get(&lead.contact).cloned().unwrap_or_default());
            let told = self.signals.told.iter().filter(|told| told.contact == *contact);
            let told: BTreeSet<&str> = told.map(|told| told.delivery.as_str()).collect();
            let ended = line.state == State::Idle && line.ended.len() == told.len();
            findings.check(ended || lead.erased, Promise::Leads, || {
                format!("contact {contact} was told of by {told:?}, of which has become: {line:?}")
            });
            let enrolled: Vec<&Ended> = line.ended.iter().filter(|ended| ended.how == ENROLLED).collect();
            let places = self.places(lead);
            findings.check(places.len() == enrolled.len(), Promise::Once, || {
                format!("contact {contact} was enrolled by {enrolled:?}, and is in the sequence at {places:?}")
            });
            let mut since: Vec<Timestamp> = places.iter().map(|place| place.added).collect();
            since.sort_unstable();
            let again = since.windows(2).any(|two| two[1] < later(two[0], COOL_DOWN));
            findings.check(!again, Promise::Once, || format!("contact {contact} was enrolled again: {places:?}"));
            let stops = self.signals.stopped.iter().filter(|stopped| stopped.contact == *contact);
            let late = stops.filter(|stopped| places.len() > stopped.places).count();
            findings.check(late == 0 || self.signals.may_land_late, Promise::Crm, || {
                format!("contact {contact} is not to be written to, and was enrolled: {places:?}")
            });
        }
        Ok(())
    }
}
