//! What the last write-backs changed in a record, for as long as they may be undone: sealed, in an item beside it, or
//! remembered by the record itself.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::credits::ledger::PurchaseKind;
use leadgate_enrichment::ids::{PurchaseId, RecordKey};
use leadgate_enrichment::lead::record::Record;
use leadgate_enrichment::lead::undo::{Change, WriteBack};
use leadgate_enrichment::seal::SealingKey;
use serde::{Deserialize, Serialize};

use super::{Consistency, KEY, Records};
use crate::error::StoreError;
use crate::table::{Condition, Item, from_item, number, text, to_item};
use crate::usage::Step;

const KEEPING: &str = "keeping what a write-back changes";
const READING: &str = "reading what write-backs changed";
const FORGETTING: &str = "forgetting what write-backs changed";
/// When DynamoDB may forget it, in whole seconds. It takes its time, so that readers go by `until`.
const FORGET_AT: &str = "forget_at";
const PURCHASE: &str = "purchase";

/// An item. One without contents has been forgotten.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(default)]
    kind: PurchaseKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purchase: Option<PurchaseId>,
    #[serde(with = "millisecond::required")]
    at: Timestamp,
    #[serde(with = "millisecond::required")]
    until: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changes: Option<String>,
}

impl Records {
    /// Keeps what is about to be written, until a time. What the same purchase kept before stays: it knows what stood in
    /// the record before the first try.
    pub async fn keep_for_undo(
        &self,
        record: &RecordKey,
        written: &WriteBack,
        key: &SealingKey,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let name = name(record, written.kind);
        let unreadable = |error: serde_json::Error| StoreError::unreadable(KEEPING, error);
        let changes = serde_json::to_string(&written.changes).map_err(unreadable)?;
        let changes = key.seal(&name, &changes).ok_or_else(|| StoreError::unreadable(KEEPING, "it can't be sealed"))?;
        let kept = Kept {
            kind: written.kind,
            purchase: Some(written.purchase.clone()),
            at: written.at,
            until,
            changes: Some(changes),
        };
        let condition = Condition::absent_or_other(KEY, PURCHASE, text(written.purchase.as_str()));
        self.table.put_if(kept.item(name)?, condition, Step::Close, KEEPING).await?;
        Ok(())
    }

    /// What the last write-backs of a record changed, the latest first: those that aren't forgotten. What a record remembers
    /// itself is good for `window` after its purchase.
    pub async fn undoable(
        &self,
        record: &RecordKey,
        key: &SealingKey,
        window: Duration,
        now: Timestamp,
    ) -> Result<Vec<WriteBack>, StoreError> {
        let mut found = Vec::new();
        let mut itself: Option<Record> = None;
        let all = names(record).into_iter().chain([record.to_string()]);
        for item in self.items(all, Consistency::Strong, READING).await? {
            let name = item.get(KEY).and_then(|name| name.as_s().ok()).cloned().unwrap_or_default();
            if name == record.to_string() {
                itself = Some(from_item(item, READING)?);
                continue;
            }
            let kept: Kept = from_item(item, READING)?;
            let (Some(purchase), Some(changes)) = (kept.purchase, kept.changes) else { continue };
            if kept.until <= now {
                continue;
            }
            let changes = key.open(&name, &changes);
            let changes =
                changes.ok_or_else(|| StoreError::unreadable(READING, "it was sealed with another secret"))?;
            let changes: BTreeMap<String, Change> =
                serde_json::from_str(&changes).map_err(|error| StoreError::unreadable(READING, error))?;
            found.push(WriteBack { purchase, kind: kept.kind, at: kept.at, changes });
        }
        // A first try that did change something kept it, and knows better than the record, which saw the second.
        let is_kept = |written: &WriteBack| {
            found.iter().any(|other| other.purchase == written.purchase && other.kind == written.kind)
        };
        let remembered = itself.and_then(|record| WriteBack::remembered(&record, &found));
        let is_good = |written: &WriteBack| now < later(written.at, window) && !is_kept(written);
        if let Some(remembered) = remembered.filter(is_good) {
            found.push(remembered);
        }
        found.sort_by_key(|written| std::cmp::Reverse(written.at));
        Ok(found)
    }

    /// Forgets what was kept of a record, whatever it is. What a write-back that is under way keeps after that is
    /// forgotten at the end of its time.
    pub async fn forget_undo(&self, record: &RecordKey, now: Timestamp) -> Result<(), StoreError> {
        for item in self.items(names(record).into_iter(), Consistency::Strong, FORGETTING).await? {
            let Some(name) = item.get(KEY).and_then(|name| name.as_s().ok()).cloned() else { continue };
            let empty = Kept { kind: PurchaseKind::default(), purchase: None, at: now, until: now, changes: None };
            self.table.put(empty.item(name)?, Step::Erase, FORGETTING).await?;
        }
        Ok(())
    }
}

impl Kept {
    fn item(&self, name: String) -> Result<Item, StoreError> {
        let mut item = to_item(self, KEEPING)?;
        item.insert(KEY.to_owned(), text(name));
        item.insert(FORGET_AT.to_owned(), number(self.until.as_second() + 1));
        Ok(item)
    }
}

/// What comes at once and what is asynchronous are written at different times, and undone apart. It has more parts than a
/// record's name.
fn name(record: &RecordKey, kind: PurchaseKind) -> String {
    format!("{record}#undo#{}", if kind.is_asynchronous() { "asynchronous" } else { "at-once" })
}

fn names(record: &RecordKey) -> [String; 2] {
    [PurchaseKind::Person, PurchaseKind::Asynchronous].map(|kind| name(record, kind))
}
