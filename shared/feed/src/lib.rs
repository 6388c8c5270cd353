//! Taking a batch feed of businesses in: read piece by piece in constant memory, compared with what is stored, written
//! where it differs, and noted how far that has come.
//!
//! | step | what | if it dies right after |
//! | --- | --- | --- |
//! | `begin` | the feed is leased to this run, and where the batch had come to is read | the lease runs out, and another goes on |
//! | `rows` | the next piece: rows as businesses, and what is wrong with the others | the piece is read again |
//! | `write` | what differs from what is stored: what each business is told by first, the business last | what was written is found as it is, and the rest is written |
//! | `rejects` | what was left out, each with its line, column and reason | the same is written over it |
//! | `note` | where the next piece begins, and what was found so far | nothing is read twice |
//!
//! So where a batch has come to is never ahead of what is written. A batch is a version of an object, read in one way: the
//! same once more is not even read, and another in which most is as it was costs reads and few writes.

mod import;

mod rows;

mod row;

mod rejects;

mod source;

pub use self::import::{Ended, Import, ImportError, What};
pub use self::rejects::{KeepRejects, RejectsFile};
pub use self::rows::PIECE_ROWS;
pub use self::source::{FileSource, Source, file_version, is_packed, unpacked};
