//! State behind a lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A value that several calls share. The lock is held for one step of work and never over an await.
#[derive(Debug, Default)]
pub(super) struct Guarded<T>(Mutex<T>);

impl<T> Guarded<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// A test that panicked while it held the lock has failed already: the others may go on.
    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
