//! Tasks for sellers. Free of charge.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::classify::CallError;
use super::exchange::{Apollo, Called, not_made};
use super::search::Pagination;
use crate::loose::fields::{Open, list, object, text, truth, word};

/// The most contacts in one call: one task is created for each. No limit is documented; this is the one for contacts.
pub const CONTACTS_MAX: usize = 100;

/// The most tasks on a page of a search (documented).
pub const TASKS_MAX: usize = 100;

impl Apollo {
    /// Creates the same task for each of the contacts. Apollo doesn't look for duplicates: after
    /// [`CallError::Unknown`] sending it again may create all of them twice.
    pub async fn create_tasks(&self, tasks: &NewTasks, timeout: Duration) -> Called<TasksCreated> {
        if !(1..=CONTACTS_MAX).contains(&tasks.contact_ids.len()) {
            return not_made(CallError::Invalid(format!("tasks for other than 1 to {CONTACTS_MAX} contacts")));
        }
        self.call(self.request(Method::POST, "tasks/bulk_create").json(tasks), timeout).await
    }

    /// A page of the team's tasks, the most future-dated first. Documented (docs.apollo.io, "Search for Tasks"): the order, the
    /// paging, that only a master key may, and that there is no filter for contacts. Not documented, but as in the answer to a
    /// creation: what a task says.
    pub async fn search_tasks(&self, page: u32, timeout: Duration) -> Called<TasksFound> {
        let (page, size) = (page.to_string(), TASKS_MAX.to_string());
        let query = [("sort_by_field", "task_due_at"), ("page", page.as_str()), ("per_page", size.as_str())];
        self.call(self.request(Method::POST, "tasks/search").query(&query), timeout).await
    }
}

/// A task for each of several contacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewTasks {
    /// Whose they are.
    pub user_id: String,
    /// About whom: ids of contacts, not of people; from 1 to [`CONTACTS_MAX`].
    pub contact_ids: Vec<String>,
    /// What is to be done.
    pub r#type: TaskType,
    /// How far it is.
    pub status: TaskStatus,
    /// When it has to be done.
    pub due_at: Timestamp,
    /// How urgent it is. Medium unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskType {
    /// Call.
    Call,
    /// Write a message by hand.
    OutreachManualEmail,
    /// Ask for a connection on LinkedIn.
    LinkedinStepConnect,
    /// Write a message there.
    LinkedinStepMessage,
    /// Look at the profile there.
    LinkedinStepViewProfile,
    /// React to a post there.
    LinkedinStepInteractPost,
    /// Anything else.
    ActionItem,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// To be done.
    Scheduled,
    /// Done.
    Completed,
    /// Left out.
    Skipped,
}

/// How urgent a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Very.
    High,
    /// Somewhat.
    Medium,
    /// Hardly.
    Low,
}

/// The tasks that were created.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TasksCreated {
    /// Whether Apollo calls it a success.
    #[serde(deserialize_with = "truth")]
    pub success: Option<bool>,
    /// One for each contact.
    #[serde(deserialize_with = "list::<_, _, CONTACTS_MAX>")]
    pub tasks: Vec<Task>,
}

/// A page of a search for tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TasksFound {
    /// In their order.
    #[serde(deserialize_with = "list::<_, _, TASKS_MAX>")]
    pub tasks: Vec<Task>,
    /// Where the page stands.
    #[serde(deserialize_with = "object")]
    pub pagination: Option<Pagination>,
}

/// A task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Task {
    /// Its id.
    #[serde(deserialize_with = "text")]
    pub id: Option<String>,
    /// Whose it is.
    #[serde(deserialize_with = "text")]
    pub user_id: Option<String>,
    /// About whom.
    #[serde(deserialize_with = "text")]
    pub contact_id: Option<String>,
    /// What is to be done.
    #[serde(deserialize_with = "word")]
    pub r#type: Option<Open<TaskType>>,
    /// How far it is.
    #[serde(deserialize_with = "word")]
    pub status: Option<Open<TaskStatus>>,
    /// How urgent it is.
    #[serde(deserialize_with = "word")]
    pub priority: Option<Open<Priority>>,
    /// When it has to be done, in Apollo's words.
    #[serde(deserialize_with = "text")]
    pub due_at: Option<String>,
    /// When it was created, in Apollo's words; not documented.
    #[serde(deserialize_with = "text")]
    pub created_at: Option<String>,
    /// Its line.
    #[serde(deserialize_with = "text")]
    pub title: Option<String>,
    /// What else there is to say.
    #[serde(deserialize_with = "text")]
    pub note: Option<String>,
}
