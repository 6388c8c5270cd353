//! What a write-back changed in the CRM, known for a while so that it can be undone.
//!
//! Of most records that is known for nothing: their first write-back fills blank fields, and a record keeps the fingerprints of
//! what was written into it anyway. What stood there has to be kept, sealed, only where something did.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::credits::ledger::PurchaseKind;
use crate::fingerprint::{Fingerprint, FingerprintKey};
use crate::ids::PurchaseId;
use crate::lead::patch::{Patch, is_same_number};
use crate::lead::record::Record;
use crate::lead::related;
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
    pub wrote: Wrote,
    /// The related record that it was written into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
}

/// What was written into a property.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Wrote {
    /// This. Only kept sealed.
    Value(String),
    /// Something with this fingerprint.
    #[serde(skip)]
    Known(Fingerprint),
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
            let within = related::named_for(patch, property).map(str::to_owned);
            (property.clone(), Change { before, wrote: Wrote::Value(wrote.clone()), within })
        };
        let values = patch.iter().filter(|(property, _)| !related::names_record(property));
        Self { purchase, kind, at, changes: values.map(change).collect() }
    }

    /// Whether the record itself remembers enough to undo `patch`, so that nothing has to be kept: nothing was written into it
    /// before, and every field is blank, or holds what a first try wrote.
    pub fn only_fills(record: &Record, kind: PurchaseKind, patch: &Patch, current: &Properties) -> bool {
        let changes_nothing = |(property, wrote): (&String, &String)| {
            value_of(current, property).is_none_or(|there| is_same(wrote, there))
        };
        !kind.is_asynchronous() && record.written.is_empty() && patch.iter().all(changes_nothing)
    }

    /// What the record itself remembers of a write-back that only filled blank fields. `others` were written since, and are
    /// kept by themselves.
    pub fn remembered(record: &Record, others: &[Self]) -> Option<Self> {
        let purchase = record.filled_by.clone()?;
        let is_its_own = |property: &String| !others.iter().any(|other| other.changes.contains_key(property));
        let written = record.written.iter().filter(|(property, _)| is_its_own(property));
        let change = |wrote: &Fingerprint| Change { before: None, wrote: Wrote::Known(wrote.clone()), within: None };
        let changes: BTreeMap<String, Change> = written.map(|(name, wrote)| (name.clone(), change(wrote))).collect();
        let (kind, at) = (PurchaseKind::Person, purchase.made_at());
        (!changes.is_empty()).then_some(Self { purchase, kind, at, changes })
    }

    /// What to do so that the record stands as it stood before. Only what still holds what we wrote is touched.
    pub fn undo(&self, current: &Properties, key: &FingerprintKey) -> Undoing {
        let mut undoing = Undoing::default();
        for (property, change) in &self.changes {
            let (there, record) = (value_of(current, property), related::record_of(current, property).flatten());
            if change.within.is_some() && change.within.as_deref() != record {
                undoing.changed_since.push(property.clone());
            } else if there == change.before.as_deref().map(str::trim) {
                undoing.restored_before.push(property.clone());
            } else if there.is_some_and(|there| is_ours(&change.wrote, there, record, key)) {
                undoing.restore.insert(property.clone(), change.before.clone().unwrap_or_default());
            } else {
                undoing.changed_since.push(property.clone());
            }
        }
        related::name_records(&mut undoing.restore, current);
        undoing
    }
}

/// Whether it is what we wrote, into the related record where it stands in one.
fn is_ours(wrote: &Wrote, there: &str, record: Option<&str>, key: &FingerprintKey) -> bool {
    match wrote {
        Wrote::Value(wrote) => is_same(wrote, there),
        Wrote::Known(wrote) => {
            let number = format!("+{}", there.chars().filter(char::is_ascii_digit).collect::<String>());
            let forms = [Some(there.to_owned()), Some(number), instant(there).map(|at| at.to_string())];
            let known = |form: String| record.map_or(form.clone(), |record| related::within(record, &form));
            forms.into_iter().flatten().any(|form| key.of(&known(form)) == *wrote)
        }
    }
}

/// Whether it is the same value. A CRM puts numbers and instants into forms of its own.
fn is_same(wrote: &str, there: &str) -> bool {
    let millis = |text: &str| instant(text).map(Timestamp::as_millisecond);
    wrote.trim() == there
        || is_same_number(wrote, there)
        || millis(wrote).is_some_and(|written| millis(there) == Some(written))
}

fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Fingerprints;
    use crate::fingerprint::tests::key;
    use crate::lead::record::Claim;

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
        let undoing = written.undo(&now, &key());
        let restore = [("at", ""), ("industry", "Engines"), ("mobile", ""), ("title", "")];
        assert_eq!(undoing.restore, restore.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(undoing.changed_since, ["city"]);

        let again = written.undo(&properties(&[("industry", "Engines"), ("city", "Paris")]), &key());
        assert!(again.restore.is_empty());
        assert_eq!(again.restored_before, ["at", "industry", "mobile", "title"]);
    }

    #[test]
    fn a_value_in_a_related_record_is_put_back_there_only() {
        let of = |company: &str, value: &str| properties(&[("companies.", company), ("companies.city", value)]);
        let patch = |values: &[(&str, &str)]| -> Patch {
            values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let (now, tenant) = (Timestamp::UNIX_EPOCH, "acme".parse().expect("a tenant"));
        let purchase = PurchaseId::derive(&tenant, "run", now);
        let wrote = patch(&[("companies.", "7"), ("companies.city", "London")]);
        let written = WriteBack::of((purchase.clone(), PurchaseKind::Person), now, &wrote, &of("7", "Paris"));
        let undoing = written.undo(&of("7", "London"), &key());
        assert_eq!(undoing.restore, patch(&[("companies.", "7"), ("companies.city", "Paris")]));
        for elsewhere in [of("8", "London"), of("8", "Paris"), properties(&[("companies.city", "London")])] {
            assert_eq!(written.undo(&elsewhere, &key()).changed_since, ["companies.city"], "{elsewhere:?}");
        }

        let claim = Claim { purchase, since: now, until: now };
        let record = Record { claim: Some(claim), ..Record::new("acme#crm#contact#1".parse().expect("a key"), now) };
        assert!(WriteBack::only_fills(&record, PurchaseKind::Person, &wrote, &of("7", "")));
        let record = record.written(key().of_all(&related::known_by(&wrote)), true, now);
        let remembered = WriteBack::remembered(&record, &[]).expect("it is remembered");
        let cleared = patch(&[("companies.", "7"), ("companies.city", "")]);
        assert_eq!(remembered.undo(&of("7", "London"), &key()).restore, cleared);
        assert_eq!(remembered.undo(&of("8", "London"), &key()).changed_since, ["companies.city"]);
    }

    #[test]
    fn a_first_write_into_blank_fields_is_undone_by_what_the_record_remembers() {
        let tenant = "acme".parse().expect("a tenant");
        let purchase = PurchaseId::derive(&tenant, "run", Timestamp::UNIX_EPOCH);
        let (now, until) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        let claim = Claim { purchase: purchase.clone(), since: now, until };
        let record = Record { claim: Some(claim), ..Record::new("acme#crm#contact#1".parse().expect("a key"), now) };
        let patch = |values: &[(&str, &str)]| -> Patch {
            values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let first =
            patch(&[("title", "CTO"), ("city", "London"), ("phone", "+15552000001"), ("at", "2026-01-15T10:00:00Z")]);
        let blank = properties(&[("title", " "), ("owner", "7")]);
        assert!(WriteBack::only_fills(&record, PurchaseKind::Person, &first, &blank));
        assert!(!WriteBack::only_fills(&record, PurchaseKind::Asynchronous, &first, &blank));
        assert!(!WriteBack::only_fills(&record, PurchaseKind::Person, &first, &properties(&[("city", "Paris")])));

        let record = record.written(key().of_all(&first), true, now);
        assert!(!WriteBack::only_fills(&record, PurchaseKind::Person, &first, &blank), "it was written before");
        let mobile = patch(&[("mobile", "+15552000002")]);
        let later = WriteBack::of((purchase.clone(), PurchaseKind::Asynchronous), now, &mobile, &blank);
        let record = record.collected(key().of_all(&mobile));
        let remembered = WriteBack::remembered(&record, &[later]).expect("it is remembered");
        assert_eq!((&remembered.purchase, remembered.kind), (&purchase, PurchaseKind::Person));
        let undoing = remembered.undo(
            &properties(&[
                ("title", "CTO"),
                ("city", "Paris"),
                ("phone", "+1 555-200-0001"),
                ("at", "2026-01-15T10:00:00.000Z"),
                ("mobile", "+15552000002"),
            ]),
            &key(),
        );
        assert_eq!(undoing.restore, patch(&[("title", ""), ("phone", ""), ("at", "")]));
        assert_eq!(undoing.changed_since, ["city"]);

        // Another purchase that writes nothing leaves it as it is; one that writes something keeps what it changes itself.
        let other = PurchaseId::derive(&tenant, "another run", now);
        let again = Record { claim: Some(Claim { purchase: other, since: now, until }), ..record };
        let unchanged = again.clone().written(Fingerprints::new(), false, now);
        assert_eq!(unchanged.filled_by, Some(purchase));
        let overwritten = again.written(key().of_all(&mobile), false, now);
        assert_eq!(WriteBack::remembered(&overwritten, &[]), None);
    }
}
