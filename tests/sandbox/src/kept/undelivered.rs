//! What has to be delivered elsewhere, and is kept until it was.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::table::{Changed, Kept, Row, Table};

/// Things to be told, in their order. What is being told is out of sight, but still kept: if the process ends meanwhile,
/// it is told anew.
#[derive(Debug)]
pub(crate) struct Undelivered<T> {
    all: Table<u64, T>,
    under_way: BTreeSet<u64>,
    next: u64,
}

impl<T> Default for Undelivered<T> {
    fn default() -> Self {
        Self { all: Table::default(), under_way: BTreeSet::new(), next: 0 }
    }
}

impl<T: Clone> Undelivered<T> {
    pub(crate) fn push(&mut self, thing: T) {
        self.all.insert(self.next, thing);
        self.next += 1;
    }

    /// What waits to be told.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &T> {
        self.all.iter().filter(|(number, _)| !self.under_way.contains(number)).map(|(_, thing)| thing)
    }

    /// What waits and is due, each with its number. From now on it is under way.
    pub(crate) fn take(&mut self, is_due: impl Fn(&T) -> bool) -> Vec<(u64, T)> {
        let under_way = &mut self.under_way;
        let due = self.all.iter().filter(|(number, thing)| !under_way.contains(number) && is_due(thing));
        let due: Vec<(u64, T)> = due.map(|(number, thing)| (*number, thing.clone())).collect();
        under_way.extend(due.iter().map(|(number, _)| *number));
        due
    }

    /// What has this number was told, or need not be told any more.
    pub(crate) fn done(&mut self, number: u64) {
        self.under_way.remove(&number);
        self.all.remove(&number);
    }

    /// Nothing of it is to be told any more.
    pub(crate) fn clear(&mut self) {
        let all: Vec<u64> = self.all.keys().copied().collect();
        all.into_iter().for_each(|number| self.done(number));
    }

    /// All of it, to be changed.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.all.values_mut()
    }
}

impl<T: Clone + Serialize + DeserializeOwned> Kept for Undelivered<T> {
    fn restore(&mut self, rows: Vec<Row>) -> Result<(), serde_json::Error> {
        self.all.restore(rows)?;
        self.next = self.all.last_key_value().map_or(0, |(last, _)| last + 1);
        Ok(())
    }

    fn changes(&mut self) -> Vec<Changed> {
        self.all.changes()
    }
}
