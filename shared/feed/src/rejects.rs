//! What was left out, and why: for those who make the batches.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// Something that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reject {
    /// In the unpacked file, from 1.
    pub(crate) line: u64,
    /// Its header. Blank, where it isn't one column's fault.
    pub(crate) column: String,
    pub(crate) what: Left,
    pub(crate) reason: &'static str,
}

/// How much was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// The value alone: the rest of the row is good.
    Value,
    /// The whole row.
    Row,
}

/// The first line of the rejects. The value itself isn't repeated: it may be personal, and stands in the batch.
const HEADER: &str = "line,column,left_out,reason\n";

/// What is to be kept, in CSV. The first piece begins with the header.
pub(crate) fn in_csv(rejects: &[Reject], is_first: bool) -> String {
    let mut text = if is_first { HEADER.to_owned() } else { String::new() };
    for Reject { line, column, what, reason } in rejects {
        let what = match what {
            Left::Value => "value",
            Left::Row => "row",
        };
        text.push_str(&format!("{line},\"{}\",{what},{reason}\n", column.replace('"', "\"\"")));
    }
    text
}

/// Where rejects are kept.
#[async_trait::async_trait]
pub trait KeepRejects: Send + Sync {
    /// Keeps a piece of them, of which so many bytes stand before it. A piece may come again, with the same before it: what
    /// was kept from there on is replaced.
    async fn keep(&self, before: u64, piece: &str) -> io::Result<()>;
}

/// Rejects in a file.
#[derive(Debug, Clone)]
pub struct RejectsFile {
    path: PathBuf,
}

impl RejectsFile {
    /// At this path. It is made with the first piece, which there always is.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

#[async_trait::async_trait]
impl KeepRejects for RejectsFile {
    async fn keep(&self, before: u64, piece: &str) -> io::Result<()> {
        let mut file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&self.path)?;
        file.set_len(before)?;
        file.seek(SeekFrom::Start(before))?;
        file.write_all(piece.as_bytes())?;
        file.sync_data()
    }
}
