//! What is remembered between calls: how much of the day's budget is left, and what stood in lists that a person may edit
//! at the same moment.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use leadgate_enrichment::crm::CrmError;
use reqwest::header::HeaderMap;

use super::classify::below_floor;
use super::wire::{LISTS, Row};
use crate::daily_budget::DailyBudget;
use crate::seen::Seen;

/// How much of the day's budget is left, and of how much, as the API is seen to say. The second name is the documented
/// one, which counts calls of older companies (pipedrive.readme.io, "Rate limiting").
const LEFT: [&str; 2] = ["x-daily-ratelimit-token-remaining", "x-daily-requests-left"];
const LIMIT: &str = "x-daily-ratelimit-token-limit";

/// What clients of one company share.
#[derive(Default)]
pub(super) struct Session {
    budget: Mutex<Option<DailyBudget>>,
    seen: Seen,
}

impl Session {
    /// Whether a call may be made: not while so little of the day's budget is left that it is others'.
    pub(super) fn check_floor(&self, floor: u64, now: Timestamp) -> Result<(), CrmError> {
        let budget = *self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = budget.and_then(|budget| budget.wait(floor, now));
        wait.map_or(Ok(()), |wait| Err(below_floor(wait)))
    }

    pub(super) fn note_budget(&self, headers: &HeaderMap, at: Timestamp) {
        if let Some(left) = budget_left(headers) {
            let budget = DailyBudget { left, of: number(headers, LIMIT), at };
            *self.budget.lock().unwrap_or_else(PoisonError::into_inner) = Some(budget);
        }
    }

    /// These entries were the primary ones of the person when it was read.
    pub(super) fn note_seen(&self, id: &str, row: &Row) {
        self.seen.note(id, LISTS.map(|(property, _)| (property, row.property(property))));
    }

    /// Whether the person's primary entry of this property was this one when it was last read. `None` if it was not read.
    pub(super) fn was_seen(&self, id: &str, property: &str, value: &str) -> Option<bool> {
        self.seen.was(id, property, value)
    }
}

/// What is left of the day's budget, if the answer says so.
pub(super) fn budget_left(headers: &HeaderMap) -> Option<u64> {
    LEFT.iter().find_map(|name| number(headers, name))
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}
