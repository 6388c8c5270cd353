//! Apollo's sequences in the words of the heart. Which calls there are, and that none of them costs a credit, is documented.

use std::collections::BTreeMap;
use std::time::Duration;

use leadgate_enrichment::enrolment::SkipReason;
use leadgate_enrichment::enrolment::sequencer::{
    ContactEnd, Enrolment, Exception, Mailbox, Prospect, SellerTask, Sequencer, SequencerCall, SequencerError,
    TaskKind, TaskPage, TaskPriority, TaskThere,
};
use leadgate_enrichment::provider::Told;

use super::classify::CallError;
use super::contacts::{BulkContacts, Contact, ContactFields};
use super::exchange::{Apollo, Called};
use super::sequences::{Addition, Additions, Exclusion, SkipReason as Skip};
use super::tasks::{NewTasks, Priority, TASKS_MAX, Task, TaskStatus, TaskType};
use crate::loose::fields::Open;

#[async_trait::async_trait]
impl Sequencer for Apollo {
    fn endpoint(&self, call: SequencerCall) -> &'static str {
        match call {
            SequencerCall::FindOrCreate => "contacts/bulk_create",
            SequencerCall::IsInSequence => "contacts/show",
            SequencerCall::Enrol => "emailer_campaigns/add_contact_ids",
            SequencerCall::Mailboxes => "email_accounts",
            SequencerCall::Tasks => "tasks/search",
            SequencerCall::CreateTasks => "tasks/bulk_create",
            SequencerCall::SetStage => "contacts/update_stages",
        }
    }

    async fn find_or_create(
        &self,
        people: &[Prospect],
        timeout: Duration,
    ) -> Told<Result<Vec<Option<String>>, SequencerError>> {
        let contacts: Vec<ContactFields> = people.iter().map(fields).collect();
        let told = self.create_contacts(&contacts, timeout).await;
        said(told, |found| people.iter().map(|person| contact_of(person, &found)).collect())
    }

    async fn is_in_sequence(
        &self,
        contact: &str,
        sequence: &str,
        timeout: Duration,
    ) -> Told<Result<bool, SequencerError>> {
        let told = self.show_contact(contact, timeout).await;
        if let Err(CallError::Missing(_) | CallError::Invalid(_) | CallError::NotFound(_)) = &told.reply {
            // One that was deleted is in no sequence.
            return Told { reply: Ok(false), rates: told.rates };
        }
        said(told, |saved| {
            let contact = saved.contact.unwrap_or_default();
            let mut places = contact.contact_campaign_statuses.iter();
            let is_told = places.any(|place| place.emailer_campaign_id.as_deref() == Some(sequence));
            is_told || contact.emailer_campaign_ids.iter().any(|id| id == sequence)
        })
    }

    async fn enrol(
        &self,
        enrolment: &Enrolment,
        timeout: Duration,
    ) -> Told<Result<BTreeMap<String, ContactEnd>, SequencerError>> {
        let additions = Additions {
            contacts: enrolment.contacts.clone(),
            mailboxes: vec![enrolment.mailbox.clone()],
            even: enrolment.allow.iter().copied().map(exclusion).collect(),
            user: enrolment.owner.clone(),
            ..Additions::default()
        };
        let told = self.add_to_sequence(&enrolment.sequence, &additions, timeout).await;
        said(told, |added| added.contacts.into_iter().map(|(id, addition)| (id, end(&addition))).collect())
    }

    async fn mailboxes(&self, timeout: Duration) -> Told<Result<Vec<Mailbox>, SequencerError>> {
        let mailbox = |told: super::account::Mailbox| {
            let is_active = told.active != Some(false) && told.revoked_at.is_none();
            Some(Mailbox { id: told.id?, is_active, reason: told.inactive_reason })
        };
        said(Apollo::mailboxes(self, timeout).await, |all| all.into_iter().filter_map(mailbox).collect())
    }

    async fn tasks(&self, page: u32, timeout: Duration) -> Told<Result<TaskPage, SequencerError>> {
        said(self.search_tasks(page, timeout).await, |found| {
            let pages = found.pagination.as_ref().and_then(|pagination| pagination.total_pages);
            let is_last = match pages {
                Some(pages) => pages <= u64::from(page),
                None => found.tasks.len() < TASKS_MAX,
            };
            let time = |text: Option<String>| text.and_then(|text| text.parse().ok());
            let task = |task: Task| TaskThere {
                contact: task.contact_id,
                created_at: time(task.created_at),
                due: time(task.due_at),
            };
            TaskPage { tasks: found.tasks.into_iter().map(task).collect(), is_last }
        })
    }

    async fn create_tasks(
        &self,
        contacts: &[String],
        task: &SellerTask,
        timeout: Duration,
    ) -> Told<Result<(), SequencerError>> {
        let tasks = NewTasks {
            user_id: task.owner.clone(),
            contact_ids: contacts.to_vec(),
            r#type: match task.kind {
                TaskKind::Call => TaskType::Call,
                TaskKind::Email => TaskType::OutreachManualEmail,
                TaskKind::ActionItem => TaskType::ActionItem,
            },
            status: TaskStatus::Scheduled,
            due_at: task.due,
            priority: Some(match task.priority {
                TaskPriority::High => Priority::High,
                TaskPriority::Medium => Priority::Medium,
                TaskPriority::Low => Priority::Low,
            }),
            note: task.note.clone(),
        };
        said(Apollo::create_tasks(self, &tasks, timeout).await, drop)
    }

    async fn set_stage(&self, contacts: &[String], stage: &str, timeout: Duration) -> Told<Result<(), SequencerError>> {
        said(self.update_stages(contacts, stage, timeout).await, drop)
    }
}

fn said<T, U>(told: Called<T>, read: impl FnOnce(T) -> U) -> Told<Result<U, SequencerError>> {
    Told { reply: told.reply.map(read).map_err(SequencerError::from), rates: told.rates }
}

fn fields(person: &Prospect) -> ContactFields {
    ContactFields {
        email: Some(person.email.clone()),
        first_name: person.first_name.clone(),
        last_name: person.last_name.clone(),
        organization_name: person.company.clone(),
        website_url: person.domain.clone(),
        ..ContactFields::default()
    }
}

/// The contact with the person's address. One that Apollo takes for the same person by the name and has another address of
/// isn't sure to be.
fn contact_of(person: &Prospect, found: &BulkContacts) -> Option<String> {
    let has_address = |contact: &&Contact| {
        contact.email.as_ref().is_some_and(|email| email.trim().eq_ignore_ascii_case(&person.email))
    };
    let mut all = found.existing_contacts.iter().chain(&found.created_contacts);
    all.find(has_address)?.id.clone()
}

fn exclusion(exception: Exception) -> Exclusion {
    match exception {
        Exception::FinishedElsewhere => Exclusion::FinishedElsewhere,
        Exception::JobChange => Exclusion::JobChange,
        Exception::OthersContact => Exclusion::WithoutOwnership,
        Exception::SameCompany => Exclusion::SameCompany,
        Exception::UnverifiedEmail => Exclusion::UnverifiedEmail,
    }
}

fn end(addition: &Addition) -> ContactEnd {
    let reason = match addition {
        Addition::Added(_) => return ContactEnd::Enrolled,
        Addition::Untold => return ContactEnd::Untold,
        Addition::Skipped(Some(Open::Known(reason))) => reason,
        Addition::Skipped(_) => return ContactEnd::LeftOut(SkipReason::LeftOut),
    };
    ContactEnd::LeftOut(match reason {
        // Another call deletes or adds them right now.
        Skip::ContactNotFound | Skip::ContactsInPendingState => return ContactEnd::NotYet,
        Skip::ContactsAlreadyExistsInCurrentCampaign => SkipReason::AlreadyInSequence,
        Skip::ContactsActiveInOtherCampaigns => SkipReason::ActiveElsewhere,
        Skip::ContactsFinishedInOtherCampaigns => SkipReason::FinishedElsewhere,
        Skip::ContactsWithoutEmail => SkipReason::NoEmail,
        Skip::ContactsUnverifiedEmail | Skip::ContactsWithUnverifiedUserManagedEmail => SkipReason::UnverifiedEmail,
        Skip::ContactsWithJobChange => SkipReason::JobChange,
        Skip::ContactsInSameCompany => SkipReason::SameCompany,
        Skip::ContactsWithoutOwnershipPermission => SkipReason::OthersContact,
    })
}

impl From<CallError> for SequencerError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Throttled { retry_after } => Self::Throttled { retry_after },
            CallError::Locked { retry_after } => Self::Locked { retry_after },
            CallError::Denied(reason) => Self::Denied(reason),
            // An id in the path: of a sequence, which the configuration names.
            CallError::Invalid(reason)
            | CallError::Missing(reason)
            | CallError::NotFound(reason)
            | CallError::Gone(reason) => Self::Invalid(reason),
            CallError::OutOfCredits => Self::Denied(error.to_string()),
            CallError::Pending { .. } => Self::Transient(error.to_string()),
            CallError::Transient(reason) => Self::Transient(reason),
            CallError::Unknown(reason) => Self::Unknown(reason),
        }
    }
}
