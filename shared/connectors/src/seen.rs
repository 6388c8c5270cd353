//! What stood in values that a person may edit at the same moment. A CRM that is written a whole list at a time is read
//! right before it is written, and the list is left alone if a person has changed it since it was read for the decision.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use leadgate_enrichment::ids::digest;

/// More records are not remembered: they are read again before they are written.
const RECORDS_MAX: usize = 10_000;

/// By record and property: a digest of the value, as last read.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<BTreeMap<String, BTreeMap<&'static str, String>>>);

impl Seen {
    /// These were the values when the record was read.
    pub(crate) fn note(&self, id: &str, values: impl IntoIterator<Item = (&'static str, Option<String>)>) {
        let values = values.into_iter().map(|(property, value)| (property, mark(&value.unwrap_or_default())));
        let mut seen = self.seen();
        if seen.len() >= RECORDS_MAX {
            seen.clear();
        }
        seen.insert(id.to_owned(), values.collect());
    }

    /// Whether this was the property's value when the record was last read. `None` if it was not read.
    pub(crate) fn was(&self, id: &str, property: &str, value: &str) -> Option<bool> {
        Some(*self.seen().get(id)?.get(property)? == mark(value))
    }

    /// A step of work that panicked has left whole values.
    fn seen(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<&'static str, String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn mark(value: &str) -> String {
    digest(&[value.trim()])
}
