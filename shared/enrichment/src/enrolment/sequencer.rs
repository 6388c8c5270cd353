//! What is needed of a vendor that sends sequences of messages. The bodies are in `leadgate-connectors`. None of these calls
//! costs a credit.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::VariantNames;

use super::SkipReason;
use crate::provider::Told;

/// The most contacts in one call.
pub const CONTACTS_MAX: usize = 100;

/// A vendor with sequences, mailboxes and contacts of its own.
#[async_trait::async_trait]
pub trait Sequencer: Send + Sync {
    /// What the limits of a call are counted under.
    fn endpoint(&self, call: SequencerCall) -> &'static str;

    /// The contact of each person, in their order: the one that is there, which stays as it is, or a new one. `None` for a
    /// person with whom no contact can be told for sure. May be made again. At most [`CONTACTS_MAX`] people.
    async fn find_or_create(
        &self,
        people: &[Prospect],
        timeout: Duration,
    ) -> Told<Result<Vec<Option<String>>, SequencerError>>;

    /// Whether a contact is or was in a sequence.
    async fn is_in_sequence(
        &self,
        contact: &str,
        sequence: &str,
        timeout: Duration,
    ) -> Told<Result<bool, SequencerError>>;

    /// Puts contacts into a sequence, and says of each what became of them. Those who are in it already stay there once.
    async fn enrol(
        &self,
        enrolment: &Enrolment,
        timeout: Duration,
    ) -> Told<Result<BTreeMap<String, ContactEnd>, SequencerError>>;

    /// The mailboxes that there are.
    async fn mailboxes(&self, timeout: Duration) -> Told<Result<Vec<Mailbox>, SequencerError>>;

    /// A page of all tasks, those that are due last first. The first is 1.
    async fn tasks(&self, page: u32, timeout: Duration) -> Told<Result<TaskPage, SequencerError>>;

    /// Creates a task about each of the contacts. After [`SequencerError::Unknown`] they may be there: made again, they
    /// would be there twice.
    async fn create_tasks(
        &self,
        contacts: &[String],
        task: &SellerTask,
        timeout: Duration,
    ) -> Told<Result<(), SequencerError>>;

    /// Puts contacts into a stage. May be made again.
    async fn set_stage(&self, contacts: &[String], stage: &str, timeout: Duration) -> Told<Result<(), SequencerError>>;
}

/// The kinds of call that count towards a vendor's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SequencerCall {
    /// [`Sequencer::find_or_create`]
    FindOrCreate,
    /// [`Sequencer::is_in_sequence`]
    IsInSequence,
    /// [`Sequencer::enrol`]
    Enrol,
    /// [`Sequencer::mailboxes`]
    Mailboxes,
    /// [`Sequencer::tasks`]
    Tasks,
    /// [`Sequencer::create_tasks`]
    CreateTasks,
    /// [`Sequencer::set_stage`]
    SetStage,
}

/// Somebody who is to become a contact, as the CRM knows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prospect {
    /// E-mail address, in small letters.
    pub email: String,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Employer's name.
    pub company: Option<String>,
    /// Employer's domain.
    pub domain: Option<String>,
}

/// Contacts who are to be put into a sequence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Enrolment {
    /// The sequence's id.
    pub sequence: String,
    /// The id of the mailbox that is sent from.
    pub mailbox: String,
    /// Ids of contacts; from 1 to [`CONTACTS_MAX`].
    pub contacts: Vec<String>,
    /// Who is taken although the vendor would leave them out.
    pub allow: Vec<Exception>,
    /// The user who is said to have done it.
    pub owner: Option<String>,
}

/// Whom a rule may have enrolled although the vendor would leave them out. What protects the person can't be lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Exception {
    /// Those who have been through another sequence.
    FinishedElsewhere,
    /// Those who have changed jobs: what some signals are about.
    JobChange,
    /// Those who are other users' contacts.
    OthersContact,
    /// Those of whom a colleague is in the sequence.
    SameCompany,
    /// Those whose address isn't vouched for.
    UnverifiedEmail,
}

/// What became of a contact who was to be enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactEnd {
    /// They are in the sequence now.
    Enrolled,
    /// They were left out, for good.
    LeftOut(SkipReason),
    /// They were left out, and may be taken later.
    NotYet,
    /// The vendor says nothing of them.
    Untold,
}

/// A mailbox that sequences are sent from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// Its id.
    pub id: String,
    /// Whether it can be sent from. What isn't said is taken for a yes.
    pub is_active: bool,
    /// Why not, in the vendor's words.
    pub reason: Option<String>,
}

/// Why the mailbox of this id can't be sent from, going by all that there are. `None` if it can be.
pub fn why_not(id: &str, there: &[Mailbox]) -> Option<String> {
    match there.iter().find(|mailbox| mailbox.id == id) {
        None => Some("there is no such mailbox".to_owned()),
        Some(Mailbox { is_active: true, .. }) => None,
        Some(Mailbox { reason, .. }) => {
            Some(format!("it is inactive: {}", reason.as_deref().unwrap_or("no reason is given")))
        }
    }
}

/// A page of tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskPage {
    /// Those on it.
    pub tasks: Vec<TaskThere>,
    /// Whether there are no more after it.
    pub is_last: bool,
}

/// A task that there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskThere {
    /// The contact it is about.
    pub contact: Option<String>,
    /// When it was created, if that is said.
    pub created_at: Option<Timestamp>,
    /// When it has to be done, if that is said.
    pub due: Option<Timestamp>,
}

/// A task for a seller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SellerTask {
    /// The user whose it is.
    pub owner: String,
    /// What is to be done.
    pub kind: TaskKind,
    /// When it has to be done.
    pub due: Timestamp,
    /// How urgent it is.
    pub priority: TaskPriority,
    /// What else there is to say.
    pub note: Option<String>,
}

/// What a seller is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum TaskKind {
    /// Call.
    Call,
    /// Write a message by hand.
    Email,
    /// Anything else.
    ActionItem,
}

/// How urgent a task is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum TaskPriority {
    /// Very.
    High,
    /// Somewhat.
    #[default]
    Medium,
    /// Hardly.
    Low,
}

/// Why a call came to nothing. Safe to log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum SequencerError {
    /// A rate limit: nothing was done.
    #[error("the vendor's rate limit is reached")]
    Throttled {
        /// When it said to come back.
        retry_after: Option<Duration>,
    },
    /// The vendor is still at work on the same sequence: nothing was done, and no rate limit is reached.
    #[error("the vendor is still at work on the sequence")]
    Locked {
        /// When it said to come back.
        retry_after: Option<Duration>,
    },
    /// The key is wrong or lacks the right, or the address of the API is wrong. Nothing was done.
    #[error("{0}")]
    Denied(String),
    /// The call itself is wrong: a sequence or a mailbox that isn't there or is inactive. Nothing was done.
    #[error("{0}")]
    Invalid(String),
    /// It didn't get there. Nothing was done.
    #[error("{0}")]
    Transient(String),
    /// It can't be known whether it was carried out.
    #[error("{0}")]
    Unknown(String),
}
