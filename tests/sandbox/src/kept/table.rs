//! Tables that know what has changed in them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What is kept under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// A key, and what is kept under it from now on, if anything is.
pub(crate) type Changed = (String, Option<String>);

/// What can be saved by key.
pub(crate) trait Kept {
    /// Takes what was kept, and knows from now on what changes.
    fn restore(&mut self, rows: Vec<Row>) -> Result<(), serde_json::Error>;
    /// What has changed since this was asked last.
    fn changes(&mut self) -> Vec<Changed>;
}

/// Values by key.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    all: BTreeMap<K, V>,
    /// The keys whose values may have changed, where that is of interest.
    touched: Option<BTreeSet<K>>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { all: BTreeMap::new(), touched: None }
    }
}

impl<K, V> Deref for Table<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &BTreeMap<K, V> {
        &self.all
    }
}

impl<K: Ord + Clone, V> Table<K, V> {
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.touch(&key);
        self.all.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.touch(key);
        self.all.remove(key)
    }

    /// The value, to be changed.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.touch(key);
        self.all.get_mut(key)
    }

    /// The value, to be changed; this one, if there is none.
    pub(crate) fn get_or_insert(&mut self, key: K, value: V) -> &mut V {
        self.touch(&key);
        self.all.entry(key).or_insert(value)
    }

    /// All values, to be changed.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        if let Some(touched) = &mut self.touched {
            touched.extend(self.all.keys().cloned());
        }
        self.all.values_mut()
    }

    fn touch(&mut self, key: &K) {
        if let Some(touched) = &mut self.touched {
            touched.insert(key.clone());
        }
    }
}

impl<K, V> Kept for Table<K, V>
where
    K: Ord + Clone + Serialize + DeserializeOwned,
    V: Serialize + DeserializeOwned,
{
    fn restore(&mut self, rows: Vec<Row>) -> Result<(), serde_json::Error> {
        for row in rows {
            self.all.insert(serde_json::from_str(&row.key)?, serde_json::from_str(&row.value)?);
        }
        self.touched = Some(BTreeSet::new());
        Ok(())
    }

    fn changes(&mut self) -> Vec<Changed> {
        let touched = self.touched.as_mut().map(std::mem::take).unwrap_or_default();
        touched.into_iter().map(|key| (text(&key), self.all.get(&key).map(text))).collect()
    }
}

/// Values in their order, to which others are only added.
#[derive(Debug)]
pub(crate) struct Log<V> {
    all: Vec<V>,
    saved: usize,
}

impl<V> Default for Log<V> {
    fn default() -> Self {
        Self { all: Vec::new(), saved: 0 }
    }
}

impl<V> Deref for Log<V> {
    type Target = Vec<V>;

    fn deref(&self) -> &Vec<V> {
        &self.all
    }
}

impl<V> Log<V> {
    pub(crate) fn push(&mut self, value: V) {
        self.all.push(value);
    }
}

impl<V: Serialize + DeserializeOwned> Kept for Log<V> {
    fn restore(&mut self, rows: Vec<Row>) -> Result<(), serde_json::Error> {
        self.all = rows.iter().map(|row| serde_json::from_str(&row.value)).collect::<Result<_, _>>()?;
        self.saved = self.all.len();
        Ok(())
    }

    fn changes(&mut self) -> Vec<Changed> {
        let added = self.all.iter().enumerate().skip(self.saved);
        let changes = added.map(|(index, value)| (position(index), Some(text(value)))).collect();
        self.saved = self.all.len();
        changes
    }
}

/// The key of a position: keys are in the order of the positions.
pub(crate) fn position(index: usize) -> String {
    format!("{index:020}")
}

/// A single value.
#[derive(Debug, Default)]
pub(crate) struct One<T> {
    value: T,
    saved: String,
}

impl<T> One<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value, saved: String::new() }
    }
}

impl<T> Deref for One<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for One<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Serialize + DeserializeOwned> Kept for One<T> {
    fn restore(&mut self, rows: Vec<Row>) -> Result<(), serde_json::Error> {
        if let Some(row) = rows.into_iter().next() {
            self.value = serde_json::from_str(&row.value)?;
            self.saved = row.value;
        }
        Ok(())
    }

    fn changes(&mut self) -> Vec<Changed> {
        let now = text(&self.value);
        if now == self.saved {
            return Vec::new();
        }
        self.saved.clone_from(&now);
        vec![(String::new(), Some(now))]
    }
}

/// As it is kept.
pub(crate) fn text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("what is kept is plain data")
}
