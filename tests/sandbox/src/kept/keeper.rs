//! A state behind a lock, saved before the lock is free again.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::store::{Change, Part, StoreError};
use super::table::Kept;

/// A state that is made of tables.
pub(crate) trait Keep {
    /// All of its tables, by their names.
    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Kept)>;
    /// Puts right what follows from the tables, once they have been read.
    fn restored(&mut self) {}
}

/// A state that several calls share. The lock is held for one step of work and never over an await.
pub(crate) struct Keeper<T: Keep> {
    state: Mutex<T>,
    part: OnceLock<Part>,
}

impl<T: Keep> Keeper<T> {
    /// A state that ends with the process.
    pub(crate) fn new(state: T) -> Self {
        Self { state: Mutex::new(state), part: OnceLock::new() }
    }

    /// Takes the state that was kept here, and keeps it here from now on.
    pub(crate) fn keep_in(&self, part: Part) -> Result<(), StoreError> {
        let mut state = self.lock();
        for (name, table) in state.tables() {
            table.restore(part.rows(name)?).map_err(|error| StoreError::unreadable(name, error))?;
        }
        state.restored();
        drop(state);
        // It is kept in one place: a second would be a mistake in what starts the world.
        let _ = self.part.set(part);
        Ok(())
    }

    /// A test that panicked while it held the lock has failed already: the others may go on.
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Guard { state, part: self.part.get() }
    }
}

impl<T: Keep + Default> Default for Keeper<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// The state, for as long as it is locked.
pub(crate) struct Guard<'a, T: Keep> {
    state: MutexGuard<'a, T>,
    part: Option<&'a Part>,
}

impl<T: Keep> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.state
    }
}

impl<T: Keep> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.state
    }
}

impl<T: Keep> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        let Some(part) = self.part else { return };
        let mut changes: Vec<Change> = Vec::new();
        for (name, table) in self.state.tables() {
            changes.extend(table.changes().into_iter().map(|(key, value)| part.change(name, key, value)));
        }
        part.save(&changes);
    }
}
