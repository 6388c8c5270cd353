//! Sequences of messages, the mailboxes that they are sent from, and who is in which.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use leadgate_enrichment::clock::later;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::enrol::{Enrol, skipped};
use super::people::object_id;
use super::request::{Request, not_found, unprocessable};
use super::search::Page;
use super::{Apollo, Team};
use crate::kept::Table;
use crate::simulators::exchange::Answer;

/// How many contacts one call adds. Those beyond are neither added nor named (observed).
const ADDED_MAX: usize = 500;

/// Somebody's place in a sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// Which one.
    pub sequence_id: String,
    /// `active`, `paused`, `finished`, …
    pub status: String,
    /// Where their messages come from.
    pub mailbox_id: String,
    /// Since when.
    pub added: Timestamp,
    /// When it goes on by itself, if it is paused.
    pub unpause_at: Option<String>,
}

impl Enrolment {
    pub(super) fn wire(&self) -> Value {
        json!({
            "id": object_id("enrolment", &format!("{} {}", self.sequence_id, self.added)),
            "emailer_campaign_id": self.sequence_id,
            "send_email_from_user_id": null,
            "status": self.status,
            "inactive_reason": null,
            "added_at": self.added.to_string(),
            "added_by_user_id": null,
            "finished_at": null,
            "paused_at": null,
            "auto_unpause_at": self.unpause_at,
            "send_email_from_email_address": null,
            "send_email_from_email_account_id": self.mailbox_id,
            "manually_set_unpause": null,
            "failure_reason": null,
            "current_step_id": null,
            "in_response_to_emailer_message_id": null,
            "cc_emails": null,
            "bcc_emails": null,
            "to_emails": null,
            "current_step_position": 1,
        })
    }
}

/// A sequence of messages.
#[derive(Serialize, Deserialize)]
pub(super) struct Sequence {
    id: String,
    name: String,
    active: bool,
    /// Until when it takes nobody.
    busy_until: Option<Timestamp>,
}

struct Mailbox {
    id: String,
    email: String,
    active: bool,
}

/// What the team sends, and from where.
#[derive(Default)]
pub(super) struct Sequences {
    pub(super) all: Table<String, Sequence>,
    mailboxes: BTreeMap<String, Mailbox>,
}

impl Sequences {
    /// Refuses while the sequence still works on an earlier call: a lock, and no rate limit (documented).
    fn check_free(&self, id: &str, now: Timestamp) -> Result<(), Answer> {
        let sequence = self.all.get(id).ok_or_else(not_found)?;
        if sequence.busy_until.is_none_or(|until| until <= now) {
            return Ok(());
        }
        let error = "We are already processing the request for your sequence. Please try again later.";
        Err(Answer::json(429, &json!({ "error": error })))
    }

    fn check_mailboxes(&self, ids: &[String]) -> Result<(), Answer> {
        let is_active = |id: &&String| self.mailboxes.get(*id).is_some_and(|mailbox| mailbox.active);
        let inactive: Vec<&str> = ids.iter().filter(|id| !is_active(id)).map(String::as_str).collect();
        if inactive.is_empty() {
            return Ok(());
        }
        Err(unprocessable(&format!("The following email accounts are inactive: {}", inactive.join(", "))))
    }
}

impl Sequence {
    fn wire(&self) -> Value {
        json!({ "id": self.id, "name": self.name, "active": self.active, "archived": false, "num_steps": 1,
            "user_id": null, "emailer_schedule_id": null, "max_emails_per_day": null, "created_at": null })
    }
}

impl Team {
    /// `emailer_campaigns/search`.
    pub(super) fn search_sequences(&self, request: &Request<'_>) -> Result<Answer, Answer> {
        let parameters = request.parameters()?;
        let page = Page::of(&parameters)?;
        let name = parameters.text("q_name").unwrap_or_default().to_lowercase();
        let found: Vec<&Sequence> =
            self.sequences.all.values().filter(|it| it.name.to_lowercase().contains(&name)).collect();
        let pagination = page.pagination(found.len());
        let found: Vec<Value> = page.cut(found).into_iter().map(Sequence::wire).collect();
        Ok(Answer::json(200, &json!({ "pagination": pagination, "breadcrumbs": [], "emailer_campaigns": found })))
    }

    /// `emailer_campaigns/{id}/add_contact_ids`. Who can't be added is named with the reason, and the others are added.
    pub(super) fn add_to_sequence(&mut self, request: &Request<'_>) -> Result<Answer, Answer> {
        let enrol = Enrol::of(&request.parameters()?, request.id)?;
        self.sequences.check_free(request.id, request.at)?;
        self.sequences.check_mailboxes(&enrol.mailbox_ids)?;
        let labelled = self.contacts.all().filter(|it| it.labels.iter().any(|label| enrol.labels.contains(label)));
        let mut ids: Vec<String> = enrol.contact_ids.clone();
        ids.extend(labelled.map(|contact| contact.id.clone()));
        let mut seen = BTreeSet::new();
        ids.retain(|id| seen.insert(id.clone()));
        let (mut added, mut reasons) = (Vec::new(), BTreeMap::new());
        for (index, id) in ids.into_iter().take(ADDED_MAX).enumerate() {
            if let Some(reason) = skipped(&self.contacts, &enrol, &id) {
                reasons.insert(id, reason);
                continue;
            }
            let enrolment = enrol.enrolment(index, request.at);
            added.extend(self.contacts.get_mut(&id).map(|contact| {
                contact.enrolments.push(enrolment);
                contact.wire()
            }));
        }
        let sequence = self.sequences.all.get_mut(&request.id.to_owned()).ok_or_else(not_found)?;
        sequence.busy_until = Some(later(request.at, request.setup.sequence_busy));
        let answer = json!({ "contacts": added, "skipped_contact_ids": reasons, "emailer_campaign": sequence.wire(),
            "emailer_steps": [], "emailer_touches": [], "team": {}, "signals_hash": {} });
        Ok(Answer::json(200, &answer))
    }

    /// `emailer_campaigns/remove_or_stop_contact_ids`.
    pub(super) fn remove_from_sequences(&mut self, request: &Request<'_>) -> Result<Answer, Answer> {
        let parameters = request.parameters()?;
        let (sequences, ids) = (parameters.list("emailer_campaign_ids"), parameters.list("contact_ids"));
        let mode = parameters.text("mode").unwrap_or_default();
        if sequences.is_empty() || ids.is_empty() {
            return Err(unprocessable("emailer_campaign_ids and contact_ids can not be blank"));
        }
        let status = match mode.as_str() {
            "mark_as_finished" => Some("finished"),
            "stop" => Some("paused"),
            "remove" => None,
            _ => return Err(unprocessable("mode is invalid")),
        };
        for sequence in &sequences {
            self.sequences.check_free(sequence, request.at)?;
        }
        let mut contacts = Vec::new();
        for id in &ids {
            let Some(contact) = self.contacts.get_mut(id) else { continue };
            let is_meant = |it: &Enrolment| sequences.contains(&it.sequence_id);
            match status {
                Some(status) => contact
                    .enrolments
                    .iter_mut()
                    .filter(|it| is_meant(it))
                    .for_each(|it| status.clone_into(&mut it.status)),
                None => contact.enrolments.retain(|it| !is_meant(it)),
            }
            contacts.push(contact.wire());
        }
        let campaigns: Vec<Value> =
            sequences.iter().filter_map(|id| self.sequences.all.get(id)).map(Sequence::wire).collect();
        let answer = json!({ "num_contacts": contacts.len(), "contacts": contacts, "emailer_campaigns": campaigns,
            "contact_statuses": self.statuses(&sequences), "emailer_steps": [] });
        Ok(Answer::json(200, &answer))
    }

    /// `email_accounts`.
    pub(super) fn list_mailboxes(&self) -> Answer {
        let mailbox = |it: &Mailbox| {
            json!({ "id": it.id, "user_id": null, "email": it.email, "type": "gmail", "active": it.active, "default": false,
                "email_daily_threshold": 50, "max_outbound_emails_per_hour": 6, "seconds_delay_between_emails": 600,
                "inactive_reason": (!it.active).then_some("Revoked"), "revoked_at": null })
        };
        let all: Vec<Value> = self.sequences.mailboxes.values().map(mailbox).collect();
        Answer::json(200, &json!({ "email_accounts": all }))
    }

    /// How many contacts there are of each status. What has to be counted elsewhere isn't there yet: a text (documented).
    fn statuses(&self, sequences: &[String]) -> Value {
        let enrolments = self.contacts.all().flat_map(|contact| &contact.enrolments);
        let mut counts = json!({ "active": 0, "paused": 0, "finished": 0, "failed": 0, "bounced": "loading",
            "hard_bounced": "loading", "spam_blocked": "loading", "not_sent": "loading" });
        for enrolment in enrolments.filter(|it| sequences.contains(&it.sequence_id)) {
            let count = counts.get(&enrolment.status).and_then(Value::as_u64).unwrap_or_default();
            counts[&enrolment.status] = json!(count + 1);
        }
        counts
    }
}

/// The id of the sequence of this name.
pub fn sequence_id(name: &str) -> String {
    object_id("sequence", name)
}

/// The id of the mailbox with this address.
pub fn mailbox_id(email: &str) -> String {
    object_id("mailbox", email)
}

impl Apollo {
    /// Adds a sequence, and says its id.
    pub fn add_sequence(&self, name: &str) -> String {
        let id = sequence_id(name);
        let sequence = Sequence { id: id.clone(), name: name.to_owned(), active: true, busy_until: None };
        self.team.lock().sequences.all.insert(id.clone(), sequence);
        id
    }

    /// Adds a mailbox, and says its id.
    pub fn add_mailbox(&self, email: &str, active: bool) -> String {
        let id = mailbox_id(email);
        let mailbox = Mailbox { id: id.clone(), email: email.to_owned(), active };
        self.team.lock().sequences.mailboxes.insert(id.clone(), mailbox);
        id
    }

    /// Lets a sequence take nobody for this long.
    pub fn lock_sequence(&self, id: &str, duration: Duration) {
        let until = later(self.reception.clock.now(), duration);
        if let Some(sequence) = self.team.lock().sequences.all.get_mut(&id.to_owned()) {
            sequence.busy_until = Some(until);
        }
    }

    /// The contacts that are in a sequence or were in it, with their status there.
    pub fn enrolled(&self, sequence_id: &str) -> Vec<(String, String)> {
        let team = self.team.lock();
        let of = |contact: &super::Contact| {
            let place = contact.enrolments.iter().find(|it| it.sequence_id == sequence_id)?;
            Some((contact.id.clone(), place.status.clone()))
        };
        team.contacts.all().filter_map(of).collect()
    }
}
