//! Lists of records, which HubSpot calls segments as well.

use serde_json::{Value, json};

use super::HubSpot;
use super::portal::Portal;
use crate::simulators::exchange::{Answer, Call};

/// The most members on a page, and how many when nothing is said.
const PAGE_MAX: usize = 250;
const PAGE_DEFAULT: usize = 100;

impl HubSpot {
    /// Somebody makes a list of records of a type (`0-1` are contacts) with these on it.
    pub fn make_list(&self, list: u64, object_type: &str, ids: &[String]) {
        let ids = ids.iter().filter_map(|id| id.parse().ok()).collect();
        self.portal.lock().lists.insert(list, (object_type.to_owned(), ids));
    }
}

impl Portal {
    pub(super) fn list_of(&mut self, list: &str) -> Answer {
        match list.parse().ok().and_then(|number: u64| self.lists.get(&number)) {
            Some((object_type, ids)) => {
                let list = json!({ "listId": list, "objectTypeId": object_type, "size": ids.len() });
                Answer::json(200, &json!({ "list": list }))
            }
            None => self.error(404, "OBJECT_NOT_FOUND", "List does not exist."),
        }
    }

    /// By ascending ids, after the one that is named.
    pub(super) fn members(&mut self, list: &str, call: &Call) -> Answer {
        let limit = call.parameter("limit").map_or(Some(PAGE_DEFAULT), |limit| limit.parse().ok());
        let Some(limit) = limit.filter(|limit| (1..=PAGE_MAX).contains(limit)) else {
            return self.error(400, "VALIDATION_ERROR", "A page has at most 250 members");
        };
        let after: u64 = call.parameter("after").and_then(|after| after.parse().ok()).unwrap_or_default();
        let Some((_, ids)) = list.parse().ok().and_then(|number: u64| self.lists.get(&number)) else {
            return self.error(404, "OBJECT_NOT_FOUND", "List does not exist.");
        };
        let mut left: Vec<u64> = ids.iter().copied().filter(|id| *id > after).collect();
        left.sort_unstable();
        let page: Vec<Value> = left.iter().take(limit).map(|id| json!({ "recordId": id.to_string() })).collect();
        let next = left.get(limit - 1).filter(|_| left.len() > limit);
        let paging = next.map(|last| json!({ "next": { "after": last.to_string() } }));
        Answer::json(200, &json!({ "total": ids.len(), "results": page, "paging": paging }))
    }
}
