//! Who may be added to a sequence, and why not.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::contacts::{Contact, Contacts};
use super::people::EmailStatus;
use super::request::{Parameters, unprocessable};
use super::sequences::Enrolment;
use crate::simulators::exchange::Answer;

/// Each of these lifts what would keep somebody out (documented).
const LIFTS: [&str; 9] = [
    "sequence_no_email",
    "sequence_unverified_email",
    "sequence_job_change",
    "sequence_active_in_other_campaigns",
    "sequence_finished_in_other_campaigns",
    "sequence_same_company_in_same_campaign",
    "contacts_without_ownership_permission",
    "add_if_in_queue",
    "contact_verification_skipped",
];

/// A call that adds contacts to a sequence.
pub(super) struct Enrol {
    sequence_id: String,
    pub(super) contact_ids: Vec<String>,
    pub(super) labels: Vec<String>,
    pub(super) mailbox_ids: Vec<String>,
    lifted: BTreeSet<&'static str>,
    is_paused: bool,
    unpause_at: Option<String>,
}

impl Enrol {
    pub(super) fn of(parameters: &Parameters, sequence_id: &str) -> Result<Self, Answer> {
        let enrol = Self {
            sequence_id: sequence_id.to_owned(),
            contact_ids: parameters.list("contact_ids"),
            labels: parameters.list("label_names"),
            mailbox_ids: parameters.list("send_email_from_email_account_id"),
            lifted: LIFTS.into_iter().filter(|name| parameters.is_on(name)).collect(),
            is_paused: parameters.text("status").is_some_and(|status| status == "paused"),
            unpause_at: parameters.text("auto_unpause_at"),
        };
        if parameters.text("emailer_campaign_id").as_deref() != Some(sequence_id) {
            return Err(unprocessable("emailer_campaign_id is missing or invalid"));
        }
        if enrol.mailbox_ids.is_empty() {
            return Err(unprocessable("send_email_from_email_account_id can not be blank"));
        }
        if enrol.contact_ids.is_empty() && enrol.labels.is_empty() {
            return Err(unprocessable("contact_ids or label_names must be present"));
        }
        Ok(enrol)
    }

    /// The place of the contact with this number: of several mailboxes each sends in turn.
    pub(super) fn enrolment(&self, index: usize, now: Timestamp) -> Enrolment {
        Enrolment {
            sequence_id: self.sequence_id.clone(),
            status: if self.is_paused { "paused" } else { "active" }.to_owned(),
            mailbox_id: self.mailbox_ids[index % self.mailbox_ids.len()].clone(),
            added: now,
            unpause_at: self.unpause_at.clone().filter(|_| self.is_paused),
        }
    }
}

/// Why this contact isn't added, if it isn't. Which of several reasons is named isn't documented.
pub(super) fn skipped(contacts: &Contacts, enrol: &Enrol, id: &str) -> Option<&'static str> {
    let Some(contact) = contacts.get(id) else { return Some("contact_not_found") };
    let is_here = |it: &Enrolment| it.sequence_id == enrol.sequence_id;
    if contact.enrolments.iter().any(is_here) {
        return Some("contacts_already_exists_in_current_campaign");
    }
    let is_elsewhere = |status: &str| contact.enrolments.iter().any(|it| !is_here(it) && it.status == status);
    let has_email = contact.text("email").is_some();
    let is_unverified = has_email && contact.email_status.is_some_and(|status| status != EmailStatus::Verified);
    let is_own_affair = has_email && contact.email_status.is_none();
    let has_colleague = contacts.all().any(|it| is_colleague(contact, it) && it.enrolments.iter().any(is_here));
    let reasons = [
        (!has_email, "sequence_no_email", "contacts_without_email"),
        (is_unverified, "sequence_unverified_email", "contacts_unverified_email"),
        (is_own_affair, "contact_verification_skipped", "contacts_with_unverified_user_managed_email"),
        (contact.changed_job, "sequence_job_change", "contacts_with_job_change"),
        (is_elsewhere("active"), "sequence_active_in_other_campaigns", "contacts_active_in_other_campaigns"),
        (is_elsewhere("finished"), "sequence_finished_in_other_campaigns", "contacts_finished_in_other_campaigns"),
        (has_colleague, "sequence_same_company_in_same_campaign", "contacts_in_same_company"),
        (contact.belongs_to_others, "contacts_without_ownership_permission", "contacts_without_ownership_permission"),
        (contact.is_pending, "add_if_in_queue", "contacts_in_pending_state"),
    ];
    let keeps_out = |(applies, lift, _): &&(bool, &str, &str)| *applies && !enrol.lifted.contains(lift);
    reasons.iter().find(keeps_out).map(|(_, _, reason)| *reason)
}

fn is_colleague(one: &Contact, other: &Contact) -> bool {
    let company = one.text("organization_name");
    one.id != other.id && company.is_some() && company == other.text("organization_name")
}
