//! State that outlasts the process. What changes under a lock is saved before the lock is free again, so that nothing is
//! answered that a kill could undo.
//!
//! A state is made of tables (`Table`, `Log`, `One`, `Undelivered`), which know what has changed in them. Where no
//! folder was named they remember nothing of that, and cost nothing.

mod folder;
mod keeper;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod undelivered;

pub use folder::{Belonging, Folder, FolderError};
pub(crate) use keeper::{Guard, Keep, Keeper};
pub(crate) use store::Part;
pub use store::StoreError;
pub(crate) use table::{Changed, Kept, Log, One, Row, Table, position, text};
pub(crate) use undelivered::Undelivered;
