//! Many contacts in one call.

use serde_json::{Value, json};

use super::request::{Parameters, Request, unprocessable};
use super::{Apollo, Enrolment, Team};
use crate::simulators::exchange::Answer;

/// How many there are in one call at most (documented).
const CONTACTS_MAX: usize = 100;

impl Team {
    /// `contacts/bulk_create`. With `run_dedupe`, those who are there stay as they are (documented).
    pub(super) fn create_contacts(&mut self, request: &Request<'_>) -> Result<Answer, Answer> {
        let parameters = request.parameters()?;
        let contacts = parameters.objects("contacts")?;
        if contacts.is_empty() || contacts.len() > CONTACTS_MAX {
            return Err(unprocessable("contacts must have between 1 and 100 entries"));
        }
        let (mut created, mut existing) = (Vec::new(), Vec::new());
        for sent in &contacts {
            let found = if parameters.is_on("run_dedupe") { self.contacts.same_as(sent) } else { None };
            if let Some(contact) = found.and_then(|(id, _)| self.contacts.get(&id)) {
                existing.push(contact.wire());
                continue;
            }
            let id = self.new_contact(sent, request.at);
            if let Some(contact) = self.contacts.get_mut(&id) {
                contact.overwrite(sent, request.at);
                created.push(contact.wire());
            }
        }
        Ok(Answer::json(200, &json!({ "created_contacts": created, "existing_contacts": existing })))
    }

    /// `contacts/update_stages`
    pub(super) fn update_stages(&mut self, request: &Request<'_>) -> Result<Answer, Answer> {
        let parameters = request.parameters()?;
        let (ids, stage) = (parameters.list("contact_ids"), parameters.text("contact_stage_id"));
        let Some(stage) = stage.filter(|_| !ids.is_empty()) else {
            return Err(unprocessable("contact_ids and contact_stage_id can not be blank"));
        };
        let mut changed: Vec<Value> = Vec::new();
        for id in &ids {
            let Some(contact) = self.contacts.get_mut(id) else { continue };
            contact.put_into_stage(&stage, request.at);
            changed.push(contact.wire());
        }
        Ok(Answer::json(200, &json!({ "contacts": changed })))
    }
}

impl Apollo {
    /// Somebody saves a contact with this address at Apollo's own screen, and puts them into a sequence there.
    pub fn save_contact_in(&self, email: &str, sequence: &str) {
        let now = self.reception.clock.now();
        let sent = Parameters(serde_json::Map::from_iter([("email".to_owned(), email.into())]));
        let mut team = self.team.lock();
        let id = team.new_contact(&sent, now);
        if let Some(contact) = team.contacts.get_mut(&id) {
            contact.overwrite(&sent, now);
            let (sequence_id, status) = (sequence.to_owned(), "active".to_owned());
            contact.enrolments.push(Enrolment {
                sequence_id,
                status,
                mailbox_id: String::new(),
                added: now,
                unpause_at: None,
            });
        }
    }
}
