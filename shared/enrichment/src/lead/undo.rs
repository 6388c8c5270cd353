//! What a write-back changed in the CRM, kept for a while so that it can be undone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::credits::ledger::PurchaseKind;
use crate::ids::PurchaseId;
use crate::lead::patch::{Patch, is_same_number};
use crate::person::{Properties, value_of};

/// What one write-back changed in one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteBack {
    /// The purchase that it wrote.
    pub purchase: PurchaseId,
    /// What that bought.
    pub kind: PurchaseKind,
    /// When.
    pub at: Timestamp,
    /// By property.
    pub changes: BTreeMap<String, Change>,
}

/// What happened to one property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What stood there; absent when it was blank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What was written.
    pub wrote: String,
}

/// What undoing comes to for one record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undoing {
    /// What is to be written: what stood there before, and nothing where it was blank.
    pub restore: Patch,
    /// Properties that were changed since, and stay as they are.
    pub changed_since: Vec<String>,
    /// Properties in which what stood there before stands already.
    pub restored_before: Vec<String>,
}

impl WriteBack {
    /// Of `patch`, in a record that has held `current`.
    pub fn of(
        (purchase, kind): (PurchaseId, PurchaseKind),
        at: Timestamp,
        patch: &Patch,
        current: &Properties,
    ) -> Self {
        let change = |(property, wrote): (&String, &String)| {
            let before = value_of(current, property).map(str::to_owned);
            (property.clone(), Change { before, wrote: wrote.clone() })
        };
        Self { purchase, kind, at, changes: patch.iter().map(change).collect() }
    }

    /// What to do so that the record stands as it stood before. Only what still holds what we wrote is touched.
    pub fn undo(&self, current: &Properties) -> Undoing {
        let mut undoing = Undoing::default();
        for (property, change) in &self.changes {
            let there = value_of(current, property);
            if there == change.before.as_deref().map(str::trim) {
                undoing.restored_before.push(property.clone());
            } else if there.is_some_and(|there| is_ours(&change.wrote, there)) {
                undoing.restore.insert(property.clone(), change.before.clone().unwrap_or_default());
            } else {
                undoing.changed_since.push(property.clone());
            }
        }
        undoing
    }
}

/// Whether it is what we wrote. A CRM puts numbers and instants into forms of its own.
fn is_ours(wrote: &str, there: &str) -> bool {
    let instant = |text: &str| text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
    wrote.trim() == there
        || is_same_number(wrote, there)
        || instant(wrote).is_some_and(|written| instant(there) == Some(written))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(values: &[(&str, &str)]) -> Properties {
        values.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect()
    }

    #[test]
    fn only_what_still_holds_what_we_wrote_is_put_back() {
        let before = properties(&[("industry", "Engines"), ("title", " ")]);
        let patch: Patch = [
            ("title", "CTO"),
            ("industry", "Machinery"),
            ("city", "London"),
            ("mobile", "+15552000001"),
            ("at", "2026-01-15T10:00:00Z"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let at = Timestamp::UNIX_EPOCH;
        let purchase = PurchaseId::derive(&"acme".parse().expect("a tenant"), "run", at);
        let written = WriteBack::of((purchase, PurchaseKind::Person), at, &patch, &before);

        let now = properties(&[
            ("title", "CTO"),
            ("industry", "Machinery"),
            ("city", "Paris"),
            ("mobile", "+1 555-200-0001"),
            ("at", "2026-01-15T10:00:00.000Z"),
        ]);
        let undoing = written.undo(&now);
        let restore = [("at", ""), ("industry", "Engines"), ("mobile", ""), ("title", "")];
        assert_eq!(undoing.restore, restore.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(undoing.changed_since, ["city"]);

        let again = written.undo(&properties(&[("industry", "Engines"), ("city", "Paris")]));
        assert!(again.restore.is_empty());
        assert_eq!(again.restored_before, ["at", "industry", "mobile", "title"]);
    }
}
