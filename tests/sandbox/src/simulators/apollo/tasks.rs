//! Tasks for people.

use serde_json::{Value, json};

use super::people::object_id;
use super::request::{Request, unprocessable};
use super::search::Page;
use super::{Apollo, Team};
use crate::simulators::exchange::Answer;

/// What there is to do (documented).
const TYPES: [&str; 7] = [
    "call",
    "outreach_manual_email",
    "linkedin_step_connect",
    "linkedin_step_message",
    "linkedin_step_view_profile",
    "linkedin_step_interact_post",
    "action_item",
];

/// How far it has come (documented).
const STATUSES: [&str; 3] = ["scheduled", "completed", "skipped"];

/// How soon it matters (documented).
const PRIORITIES: [&str; 3] = ["high", "medium", "low"];

impl Team {
    /// `tasks/bulk_create`: one for each contact, and again each time it is called.
    pub(super) fn create_tasks(&mut self, request: &Request<'_>) -> Result<Answer, Answer> {
        let sent = request.parameters()?;
        let (Some(user), Some(kind)) = (sent.text("user_id"), sent.text("type")) else {
            return Err(unprocessable("type and user can not be blank"));
        };
        let (Some(status), Some(due)) = (sent.text("status"), sent.text("due_at")) else {
            return Err(unprocessable("status and due_at can not be blank"));
        };
        let priority = sent.text("priority").unwrap_or_else(|| "medium".to_owned());
        let is_valid = TYPES.contains(&kind.as_str())
            && STATUSES.contains(&status.as_str())
            && PRIORITIES.contains(&priority.as_str())
            && due.parse::<jiff::Timestamp>().is_ok();
        let contacts = sent.list("contact_ids");
        if !is_valid || contacts.is_empty() {
            return Err(unprocessable("Invalid parameters"));
        }
        let first = self.tasks.len();
        for contact in contacts {
            let id = object_id("task", &self.tasks.len().to_string());
            self.tasks.push(json!({ "id": id, "user_id": user, "contact_id": contact, "type": kind, "status": status,
                "due_at": due, "priority": priority, "note": sent.text("note"), "title": sent.text("title"),
                "created_from": "api", "created_at": request.at.to_string() }));
        }
        Ok(Answer::json(200, &json!({ "success": true, "tasks": self.tasks[first..] })))
    }

    /// `tasks/search`: all of them, page by page, the most future-dated first (documented).
    pub(super) fn search_tasks(&self, request: &Request<'_>) -> Result<Answer, Answer> {
        let parameters = request.parameters()?;
        let page = Page::of(&parameters)?;
        let mut found: Vec<&Value> = self.tasks.iter().collect();
        if parameters.text("sort_by_field").as_deref() == Some("task_due_at") {
            let due = |task: &&Value| task["due_at"].as_str().unwrap_or_default().to_owned();
            found.sort_by_key(|task| std::cmp::Reverse(due(task)));
        }
        let pagination = page.pagination(found.len());
        Ok(Answer::json(200, &json!({ "pagination": pagination, "tasks": page.cut(found) })))
    }
}

impl Apollo {
    /// Every task, as Apollo writes them, in the order in which they were made.
    pub fn tasks(&self) -> Vec<Value> {
        self.team.lock().tasks.clone()
    }
}
