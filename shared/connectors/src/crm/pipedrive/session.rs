//! What is remembered between calls: how much of the day's budget is left, and what stood in lists that a person may edit
//! at the same moment.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use leadgate_enrichment::crm::CrmError;
use leadgate_enrichment::ids::digest;
use reqwest::header::HeaderMap;

use super::classify::below_floor;
use super::wire::{LISTS, Row};
use crate::daily_budget::DailyBudget;

/// More persons are not remembered: they are read again before they are written.
const SEEN_MAX: usize = 10_000;

/// How much of the day's budget is left, and of how much, as the API is seen to say. The second name is the documented
/// one, which counts calls of older companies (pipedrive.readme.io, "Rate limiting").
const LEFT: [&str; 2] = ["x-daily-ratelimit-token-remaining", "x-daily-requests-left"];
const LIMIT: &str = "x-daily-ratelimit-token-limit";

/// What clients of one company share.
#[derive(Default)]
pub(super) struct Session(Mutex<Known>);

#[derive(Default)]
struct Known {
    budget: Option<DailyBudget>,
    /// By person: a digest of the primary e-mail address and one of the primary telephone number, as last read.
    seen: BTreeMap<String, [String; 2]>,
}

impl Session {
    /// Whether a call may be made: not while so little of the day's budget is left that it is others'.
    pub(super) fn check_floor(&self, floor: u64, now: Timestamp) -> Result<(), CrmError> {
        let known = self.known();
        let wait = known.budget.and_then(|budget| budget.wait(floor, now));
        wait.map_or(Ok(()), |wait| Err(below_floor(wait)))
    }

    pub(super) fn note_budget(&self, headers: &HeaderMap, at: Timestamp) {
        if let Some(left) = budget_left(headers) {
            self.known().budget = Some(DailyBudget { left, of: number(headers, LIMIT), at });
        }
    }

    /// These entries were the primary ones of the person when it was read.
    pub(super) fn note_seen(&self, id: &str, row: &Row) {
        let mut known = self.known();
        if known.seen.len() >= SEEN_MAX {
            known.seen.clear();
        }
        let seen = LISTS.map(|(property, _)| mark(row.property(property).as_deref().unwrap_or_default()));
        known.seen.insert(id.to_owned(), seen);
    }

    /// Whether the person's primary entry of this property was this one when it was last read. `None` if it was not read.
    pub(super) fn was_seen(&self, id: &str, property: &str, value: &str) -> Option<bool> {
        let place = LISTS.iter().position(|(name, _)| *name == property)?;
        Some(self.known().seen.get(id)?[place] == mark(value))
    }

    /// A step of work that panicked has left whole values.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is left of the day's budget, if the answer says so.
pub(super) fn budget_left(headers: &HeaderMap) -> Option<u64> {
    LEFT.iter().find_map(|name| number(headers, name))
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn mark(value: &str) -> String {
    digest(&[value.trim()])
}
