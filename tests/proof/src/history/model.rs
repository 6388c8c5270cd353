//! What each lead of a history is, as far as those can know who didn't look into our tables, and what may become of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::{days, later};
use leadgate_enrichment::lead::record::{Record, State};
use leadgate_enrichment::outcome::RefuseReason;

use super::numbers::{NUMBER, Numbers};
use super::several::Suppressed;
use crate::books::Lines;
use crate::violation::{Findings, Promise};
use leadgate_sandbox::simulators::SimulatedCrm;
use leadgate_sandbox::simulators::apollo::Person;
use leadgate_sandbox::world::World;

/// A lead.
#[derive(Debug, Default)]
pub(super) struct Lead {
    /// The contact.
    pub(super) contact: String,
    /// Whose it is.
    pub(super) owner: String,
    /// Every address that it has had, the latest last.
    pub(super) emails: Vec<String>,
    /// Properties that a person has set or cleared, with what they hold.
    pub(super) human: BTreeMap<&'static str, String>,
    /// How often a person has changed it.
    pub(super) edits: usize,
    /// And how often where they work: by that, they may be someone else.
    pub(super) employers: usize,
    /// A person deleted it.
    pub(super) deleted: bool,
    /// The person asked to be forgotten.
    pub(super) erased: bool,
    /// Addresses of which some providers may not say anything any more.
    pub(super) suppressed: Vec<Suppressed>,
    /// It is a person whom the list finds as well.
    pub(super) is_of_the_list: bool,
}

/// Whom the providers know.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Set when it is asked for mobile numbers as well.
    pub(super) numbers: Option<Numbers>,
    /// Set when there are several.
    several: bool,
    people: BTreeMap<String, Person>,
    forgotten: BTreeSet<String>,
}

impl Known {
    /// Nobody yet.
    pub(super) fn of(numbers: Option<Numbers>, several: bool) -> Self {
        Self { numbers, several, ..Self::default() }
    }

    /// Somebody, whom at least one provider knows or none does; where there are several, it is left to them.
    pub(super) fn introduce(&mut self, world: &World, email: &str, known: bool) {
        let providers = world.tenants_providers();
        if known {
            let person = providers.iter().find_map(|(_, provider)| provider.whom(email));
            self.people.extend(person.map(|person| (email.to_owned(), person)));
        } else {
            providers.iter().for_each(|(_, provider)| provider.forget(email));
        }
    }

    /// None of them knows them any more.
    pub(super) fn forget(&mut self, world: &World, email: &str) {
        world.tenants_providers().iter().for_each(|(_, provider)| provider.forget(email));
        self.forgotten.insert(email.to_owned());
    }

    /// Whoever has this address, if it ever knew them.
    pub(super) fn person(&self, email: &String) -> Option<&Person> {
        self.people.get(email)
    }

    fn has_employers(&self) -> bool {
        self.numbers.is_some_and(|numbers| numbers.employers)
    }

    /// How often one is bought, at most, who is asked about as one person.
    fn purchases_max(&self) -> usize {
        if self.numbers.is_some_and(|numbers| numbers.degrading) { 2 } else { 1 }
    }

    fn ever(&self, email: &String) -> bool {
        self.people.contains_key(email)
    }

    pub(super) fn always(&self, email: &String) -> bool {
        self.ever(email) && !self.is_forgotten(email)
    }

    pub(super) fn is_forgotten(&self, email: &str) -> bool {
        self.forgotten.contains(email)
    }
}

/// When a lead may be given up on because it is too old.
#[derive(Debug, Clone, Copy)]
pub(super) struct GiveUp {
    /// When the newest event about it arose.
    pub(super) newest: Timestamp,
    /// How long after it.
    pub(super) after: Duration,
}

impl GiveUp {
    /// It may be a little early: a newer event need not renew a wait that has hardly begun.
    fn may_have_ended(self, record: &Record) -> bool {
        let tolerance = days(1).min(self.after / 16);
        later(self.newest, self.after.saturating_sub(tolerance)) <= record.since
    }
}

/// Some CRMs put a number that a person types into a form of their own.
fn is_same(property: &str, value: &str, own: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    value == own || (property == NUMBER && digits(value) == digits(own))
}

/// How many identities a record may be asked about in an hour before it counts as going in circles.
pub(super) const IDENTITIES_MAX: usize = 3;

impl Lead {
    /// There is nobody to write to any more.
    pub(super) fn is_gone(&self) -> bool {
        self.deleted || self.erased
    }

    /// Whether `record` is an end that this lead may come to when there are credits for all.
    pub(super) fn check_end(
        &self,
        record: Option<&Record>,
        lines: Lines,
        known: &Known,
        give_up: Option<GiveUp>,
        findings: &mut Findings,
    ) {
        let contact = &self.contact;
        let Some(record) = record else {
            return findings.note(Promise::Leads, format!("contact {contact} is lost: there is no record of it"));
        };
        let latest = self.emails.last().expect("a lead has an address");
        // Of an unknown person, the employer may be known.
        let may_be_written = known.has_employers() || self.emails.iter().any(|email| known.ever(email));
        let may_be_unmatched = !known.always(latest);
        let gone = self.is_gone();
        let ended = match &record.state {
            State::Written => may_be_written,
            // Of one whom the others don't know, it may not be known what one of several has said.
            State::Unmatched => may_be_unmatched || gone || (known.several && lines.unknowns >= 2),
            State::Refused { reason: RefuseReason::Suppressed } => !self.suppressed.is_empty() || gone,
            State::Refused { reason: RefuseReason::TooOld } => {
                give_up.is_some_and(|give_up| give_up.may_have_ended(record)) || gone
            }
            State::Refused { .. } => gone || self.emails.len() * known.purchases_max() > IDENTITIES_MAX,
            // What the CRM refused is kept no longer than its person wants to be known.
            State::Failed { .. } => lines.unknowns >= 2 || gone,
            State::Noted => self.erased,
            State::Claimed | State::Bought | State::Deferred { .. } | State::Released => false,
        };
        findings.check(ended, Promise::Leads, || {
            let why = (&record.state, record.since, give_up);
            format!("contact {contact} stands at {why:?} with {lines:?}; {self:?}, {known:?}")
        });
        let waits = record.awaited.is_some() || (record.owed.is_some() && !record.state.is_failed());
        findings
            .check(!waits, Promise::Leads, || format!("contact {contact} waits for a number that nobody looks for"));
        findings.check(!self.erased || record.erased_at.is_some(), Promise::Crm, || {
            format!("contact {contact} asked to be forgotten, and nobody noted it")
        });
        let keeps = record.erased_at.is_some() && (!record.patch.is_empty() || !record.written.is_empty());
        findings.check(!keeps, Promise::Crm, || format!("contact {contact} asked to be forgotten, and is remembered"));
    }

    /// Whether what stands in the CRM is what people put there, and otherwise what the provider says.
    pub(super) fn check_values(
        &self,
        crm: &dyn SimulatedCrm,
        there: &BTreeMap<String, String>,
        state: &State,
        lines: Lines,
        known: &Known,
        findings: &mut Findings,
    ) {
        let contact = &self.contact;
        for (property, own) in &self.human {
            let value = there.get(*property).map(String::as_str).unwrap_or_default();
            let stays = is_same(property, value, own) || (own.is_empty() && self.is_said(property, value, known));
            findings.check(stays, Promise::Crm, || format!("contact {contact}: {property} is {value:?}, not {own:?}"));
        }
        for property in there.keys() {
            let history = crm.history(contact, property);
            let overwritten = history.windows(2).find(|two| {
                let [(typed, by_person), (_, again)] = [&two[0], &two[1]];
                *by_person && !again && !typed.is_empty()
            });
            findings.check(overwritten.is_none(), Promise::Crm, || {
                format!("contact {contact}: what a person wrote into {property} was overwritten: {overwritten:?}")
            });
        }
        if !state.is_written() {
            return;
        }
        for property in ["jobtitle", "city"].into_iter().filter(|property| !self.human.contains_key(property)) {
            let value = there.get(property).map(String::as_str).unwrap_or_default();
            let of_an_employer = known.has_employers() && lines.hits == 0 && value.is_empty();
            findings.check(of_an_employer || self.is_said(property, value, known), Promise::Crm, || {
                format!("contact {contact}: {property} is {value:?}, which the provider says of nobody it was about")
            });
        }
    }

    /// Whether the provider says so of somebody whom the lead was about.
    fn is_said(&self, property: &str, value: &str, known: &Known) -> bool {
        let said = |person: &Person| if property == "city" { person.city == value } else { person.title == value };
        self.emails.iter().filter_map(|email| known.people.get(email)).any(said)
    }
}
