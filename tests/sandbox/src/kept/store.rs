//! One SQLite file with texts by table and key.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

use super::table::Row;

/// Why a store can't be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file can't be opened.
    #[error("{file} can't be opened: {why}")]
    Unopened {
        /// Which.
        file: String,
        /// What SQLite or the system said.
        why: String,
    },
    /// What is in a table is not what this version writes.
    #[error("what is kept in {table} can't be read: {why}")]
    Unreadable {
        /// Which.
        table: String,
        /// What was wrong.
        why: String,
    },
}

impl StoreError {
    pub(super) fn unreadable(table: &str, why: impl ToString) -> Self {
        Self::Unreadable { table: table.to_owned(), why: why.to_string() }
    }
}

/// A kill of the process loses nothing that was written to the file, whether or not the disk has it yet: so no write
/// waits for the disk.
const SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;";
const TABLE: &str = "CREATE TABLE IF NOT EXISTS kept (name TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (name, key)) STRICT, WITHOUT ROWID";
const READ: &str = "SELECT key, value FROM kept WHERE name = ? ORDER BY key";
const READ_ONE: &str = "SELECT value FROM kept WHERE name = ? AND key = ?";
const WRITE: &str = "INSERT INTO kept (name, key, value) VALUES (?, ?, ?)
    ON CONFLICT (name, key) DO UPDATE SET value = excluded.value";
const REMOVE: &str = "DELETE FROM kept WHERE name = ? AND key = ?";

/// The file, held open.
pub(super) struct Store {
    connection: Mutex<Connection>,
    file: String,
}

/// A row that is to be there with a value, or not to be there.
pub(crate) struct Change {
    pub(crate) table: String,
    pub(crate) key: String,
    pub(crate) value: Option<String>,
}

impl Store {
    /// Opens the file, or makes one that its owner alone may read: it holds secrets, and what is known of people.
    pub(super) fn open(file: &Path) -> Result<Self, StoreError> {
        let name = file.display().to_string();
        let unopened = |why: String| StoreError::Unopened { file: name.clone(), why };
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        options.open(file).map_err(|error| unopened(error.to_string()))?;
        let connection = Connection::open(file).and_then(|connection| {
            connection.execute_batch(SETTINGS)?;
            connection.execute_batch(TABLE)?;
            Ok(connection)
        });
        let connection = Mutex::new(connection.map_err(|error| unopened(error.to_string()))?);
        Ok(Self { connection, file: name })
    }

    /// What is in a table, in the order of its keys.
    pub(super) fn rows(&self, table: &str) -> Result<Vec<Row>, StoreError> {
        let read = |connection: &Connection| {
            let mut statement = connection.prepare_cached(READ)?;
            let rows = statement.query_map([table], |row| Ok(Row { key: row.get(0)?, value: row.get(1)? }))?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        read(&self.lock()).map_err(|error| StoreError::unreadable(table, error))
    }

    /// One value of a table.
    pub(super) fn value(&self, table: &str, key: &str) -> Result<Option<String>, StoreError> {
        let read = |connection: &Connection| {
            connection.prepare_cached(READ_ONE)?.query_row([table, key], |row| row.get(0)).optional()
        };
        read(&self.lock()).map_err(|error| StoreError::unreadable(table, error))
    }

    /// Saves all of it or nothing. The process ends where that fails: what went before is kept, as after a kill, and what
    /// isn't kept must not be answered.
    pub(super) fn save(&self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        if let Err(error) = self.write(changes) {
            eprintln!(
                "leadgate: {} can't be written to, so this ends here: {error}. What was answered is kept",
                self.file
            );
            std::process::exit(1);
        }
    }

    fn write(&self, changes: &[Change]) -> Result<(), rusqlite::Error> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        for Change { table, key, value } in changes {
            match value {
                Some(value) => transaction.prepare_cached(WRITE)?.execute(params![table, key, value])?,
                None => transaction.prepare_cached(REMOVE)?.execute(params![table, key])?,
            };
        }
        transaction.commit()
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of a store is about one thing: its tables are named after it.
#[derive(Clone)]
pub(crate) struct Part {
    store: Arc<Store>,
    name: String,
}

impl Part {
    pub(super) fn new(store: Arc<Store>, name: &str) -> Self {
        Self { store, name: name.to_owned() }
    }

    /// What is in one of its tables.
    pub(crate) fn rows(&self, table: &str) -> Result<Vec<Row>, StoreError> {
        self.store.rows(&self.table(table))
    }

    /// The row of one of its tables that is to have this value from now on, or not to be there.
    pub(crate) fn change(&self, table: &str, key: String, value: Option<String>) -> Change {
        Change { table: self.table(table), key, value }
    }

    /// Saves all of it or nothing.
    pub(crate) fn save(&self, changes: &[Change]) {
        self.store.save(changes);
    }

    fn table(&self, table: &str) -> String {
        format!("{}/{table}", self.name)
    }
}
