//! A batch in pieces, each with where the next begins.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::rc::Rc;

use leadgate_aws::feed::Place;
use leadgate_enrichment::config::Feed;

use crate::rejects::{Reject, in_csv};
use crate::row::{Header, Row};
use crate::source::Source;

/// So many rows are read, written and noted together: enough to fill many calls, and few enough to be kept in memory.
pub const PIECE_ROWS: u64 = 2_000;
/// The longest row, in bytes. A quote that is opened and never closed makes one row of all that follows.
const ROW_BYTES_MAX: usize = 1024 * 1024;
/// So much is read at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// Some rows that follow each other.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) businesses: Vec<Row>,
    pub(crate) rows: u64,
    pub(crate) rejected: u64,
    pub(crate) values_left_out: u64,
    /// What was left out, as it is kept.
    pub(crate) rejects: String,
    /// Where its rejects go.
    pub(crate) rejects_before: u64,
    /// Where the next piece begins.
    pub(crate) next: Place,
    /// Whether there is one.
    pub(crate) is_last: bool,
}

/// Why there is no further piece.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It is broken: whoever tries will read no further.
    Broken(String),
    /// It can't be read now.
    Now(io::Error),
}

/// Reads a batch.
pub(crate) struct Rows {
    header: Header,
    reader: csv::Reader<Limited>,
    watch: Rc<Watch>,
    /// Where the reader began.
    base: Place,
    at: Place,
    /// Why the piece that was read last ended before its time.
    ended: Option<Unread>,
}

/// Reads what is watched.
struct Limited {
    inner: Box<dyn Read>,
    watch: Rc<Watch>,
}

/// What the reader of rows doesn't tell.
struct Watch {
    /// So much may be read before that is allowed anew.
    allowance: Cell<usize>,
    /// What was read last.
    chunk: RefCell<Vec<u8>>,
    /// So much was read before it.
    before: Cell<u64>,
    /// The last byte of that.
    last_before: Cell<u8>,
}

impl Watch {
    fn new() -> Rc<Self> {
        let allowance = Cell::new(ROW_BYTES_MAX);
        Rc::new(Self { allowance, chunk: RefCell::default(), before: Cell::new(0), last_before: Cell::new(0) })
    }

    /// Whether a line ends before this byte, which is in what was read last or right behind it.
    fn ends_line(&self, byte: u64) -> bool {
        let at = usize::try_from(byte.saturating_sub(self.before.get())).unwrap_or(usize::MAX);
        let last = match at.checked_sub(1) {
            Some(at) => self.chunk.borrow().get(at).copied().unwrap_or_default(),
            None => self.last_before.get(),
        };
        last == b'\n'
    }
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let left = self.watch.allowance.get().checked_sub(read);
        let left = left.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, TOO_LONG))?;
        self.watch.allowance.set(left);
        let mut chunk = self.watch.chunk.borrow_mut();
        self.watch.before.set(self.watch.before.get() + chunk.len() as u64);
        self.watch.last_before.set(chunk.last().copied().unwrap_or_else(|| self.watch.last_before.get()));
        chunk.clear();
        chunk.extend_from_slice(&buffer[..read]);
        Ok(read)
    }
}

const TOO_LONG: &str = "a row is longer than 1 MB: a quote before it may have been opened and not closed";

impl Rows {
    /// Reads on from a place.
    pub(crate) fn open(feed: &Feed, source: &dyn Source, from: Place) -> Result<Self, Unread> {
        let (mut reader, watch) = limited(feed, source.open(0).map_err(unread(1))?);
        let mut headers = csv::ByteRecord::new();
        let has_header = reader.read_byte_record(&mut headers).map_err(unreadable(1))?;
        if !has_header {
            return Err(Unread::Broken("it is empty".to_owned()));
        }
        let header = Header::find(feed, &headers).map_err(Unread::Broken)?;
        if from.byte == 0 {
            let at = place(reader.position(), Place::default());
            return Ok(Self { header, reader, watch, base: Place::default(), at, ended: None });
        }
        let (reader, watch) = limited(feed, source.open(from.byte).map_err(unread(from.line))?);
        Ok(Self { header, reader, watch, base: from, at: from, ended: None })
    }

    /// The next piece, of so many rows. If reading fails within one, what was read before is a piece, and the failure comes after it.
    pub(crate) fn next(&mut self, count: u64) -> Result<Piece, Unread> {
        if let Some(ended) = self.ended.take() {
            return Err(ended);
        }
        let (mut businesses, mut rejects, mut record) = (Vec::new(), Vec::<Reject>::new(), csv::ByteRecord::new());
        let (mut rows, mut rejected, mut is_last) = (0, 0, false);
        while rows < count {
            self.watch.allowance.set(ROW_BYTES_MAX);
            let line = self.at.line;
            match self.reader.read_byte_record(&mut record).map_err(unreadable(line)) {
                Ok(true) => {}
                Ok(false) => {
                    is_last = true;
                    break;
                }
                Err(error) if rows == 0 => return Err(error),
                Err(error) => {
                    self.ended = Some(error);
                    break;
                }
            }
            let line = self.line_of(&record);
            self.at = Place { rejects: self.at.rejects, ..place(self.reader.position(), self.base) };
            let (business, wrong) = self.header.read(&record, line);
            rows += 1;
            rejected += u64::from(business.is_none());
            businesses.extend(business);
            rejects.extend(wrong);
        }
        let rejects_before = self.at.rejects;
        let text = in_csv(&rejects, rejects_before == 0);
        self.at.rejects += text.len() as u64;
        let values_left_out = rejects.len() as u64 - rejected;
        Ok(Piece { businesses, rows, rejected, values_left_out, rejects: text, rejects_before, next: self.at, is_last })
    }
}

impl Rows {
    /// Where a row begins that was just read. The reader stands behind it, and says where it stood before the lines
    /// without anything in them that may come first.
    fn line_of(&self, record: &csv::ByteRecord) -> u64 {
        let end = self.reader.position();
        let within: usize = record.iter().map(|value| value.iter().filter(|byte| **byte == b'\n').count()).sum();
        // Of the two characters that end a line in some files, the second is read with the next row.
        let ended = u64::from(self.watch.ends_line(end.byte()));
        place(end, self.base).line.saturating_sub(ended + within as u64)
    }
}

fn limited(feed: &Feed, inner: Box<dyn Read>) -> (csv::Reader<Limited>, Rc<Watch>) {
    let watch = Watch::new();
    let limited = Limited { inner, watch: watch.clone() };
    let mut builder = csv::ReaderBuilder::new();
    builder.delimiter(feed.delimiter).has_headers(false).flexible(true).buffer_capacity(BUFFER_BYTES);
    (builder.from_reader(limited), watch)
}

/// Where the reader stands, that began at `base`.
fn place(position: &csv::Position, base: Place) -> Place {
    let before = base.line.saturating_sub(1);
    Place { byte: base.byte + position.byte(), line: before + position.line(), rejects: 0 }
}

fn unreadable(line: u64) -> impl Fn(csv::Error) -> Unread {
    move |error| match error.into_kind() {
        csv::ErrorKind::Io(error) => unread(line)(error),
        other => Unread::Broken(format!("line {line}: {other:?}")),
    }
}

fn unread(line: u64) -> impl Fn(io::Error) -> Unread {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    move |error| match error.kind() {
        InvalidData | InvalidInput => Unread::Broken(format!("line {line}: {error}")),
        UnexpectedEof => Unread::Broken(format!("line {line}: it ends in the middle")),
        _ => Unread::Now(error),
    }
}

#[cfg(test)]
mod tests;
