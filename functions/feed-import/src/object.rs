//! A batch in the bucket: read in ranges, so that memory holds one of them, and what is left out of it.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use leadgate_aws::objects::{ObjectError, ObjectVersion, Objects};
use leadgate_feed::{KeepRejects, Source, is_packed, unpacked};
use tokio::runtime::Handle;
use tokio::sync::watch;

/// So much is asked for at once: seldom enough that a call's time doesn't count, and a thirtieth of the memory.
const RANGE_BYTES: u64 = 8 * 1024 * 1024;
/// So much of it is looked at at once.
const BUFFER_BYTES: usize = 64 * 1024;
/// CSV gets a tenth as long when it is packed, seldom a thirtieth. What unpacks to more than this is no batch, and would be
/// read for hours.
const UNPACKED_PER_PACKED: u64 = 200;
/// The packed form has a few bytes of its own.
const UNPACKED_MIN: u64 = 1024 * 1024;

/// A version of an object.
pub(crate) struct ObjectSource {
    objects: Objects,
    object: ObjectVersion,
    runtime: Handle,
    ended: watch::Receiver<()>,
}

/// Reading ends when this is dropped, also a read that is under way: a thread that reads outlasts whoever started it.
pub(crate) struct Reading(#[expect(dead_code, reason = "it is dropped")] watch::Sender<()>);

impl ObjectSource {
    /// It is read on threads that may wait, from within a runtime.
    pub(crate) fn new(objects: Objects, object: ObjectVersion) -> (Arc<Self>, Reading) {
        let (reading, ended) = watch::channel(());
        (Arc::new(Self { objects, object, runtime: Handle::current(), ended }), Reading(reading))
    }

    fn ranges(&self, next: u64) -> Ranges {
        let (objects, object) = (self.objects.clone(), self.object.clone());
        let (runtime, ended) = (self.runtime.clone(), self.ended.clone());
        Ranges { objects, object, runtime, ended, next, of: 0, bytes: io::Cursor::default() }
    }
}

impl Source for ObjectSource {
    fn open(&self, byte: u64) -> io::Result<Box<dyn Read>> {
        let mut start = BufReader::with_capacity(BUFFER_BYTES, self.ranges(0));
        if is_packed(&mut start)? {
            let left = start.get_ref().of.saturating_mul(UNPACKED_PER_PACKED).max(UNPACKED_MIN);
            return skipped(Checked { inner: unpacked(start, 0)?, left }, byte);
        }
        if byte == 0 {
            return Ok(Box::new(start));
        }
        Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, self.ranges(byte))))
    }
}

/// What stands before a byte of what was packed is unpacked and thrown away: nothing packed can be read from its middle. A
/// gigabyte takes some seconds, and as much is fetched again as is skipped.
fn skipped(mut unpacked: Checked, byte: u64) -> io::Result<Box<dyn Read>> {
    io::copy(&mut (&mut unpacked).take(byte), &mut io::sink())?;
    Ok(Box::new(unpacked))
}

/// An object, range by range.
struct Ranges {
    objects: Objects,
    object: ObjectVersion,
    runtime: Handle,
    ended: watch::Receiver<()>,
    /// Where the next range begins.
    next: u64,
    /// So long is all of it, as far as that was told.
    of: u64,
    bytes: io::Cursor<Vec<u8>>,
}

impl Ranges {
    fn fetch(&mut self) -> io::Result<()> {
        let (objects, object, ended) = (&self.objects, &self.object, &mut self.ended);
        let (next, runtime) = (self.next, &self.runtime);
        let part = runtime.block_on(async {
            tokio::select! {
                biased;
                _ = ended.changed() => Err(io::Error::other("nobody reads it any more")),
                part = objects.read(object, next, RANGE_BYTES) => part.map_err(unreadable),
            }
        })?;
        self.next += part.bytes.len() as u64;
        self.of = part.of;
        self.bytes = io::Cursor::new(part.bytes);
        Ok(())
    }
}

impl Read for Ranges {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            return Ok(read);
        }
        self.fetch()?;
        self.bytes.read(buffer)
    }
}

/// What isn't there any more will not be there again: as broken as what can't be unpacked.
fn unreadable(error: ObjectError) -> io::Error {
    match error {
        ObjectError::Gone | ObjectError::Replaced => io::Error::new(io::ErrorKind::InvalidData, error),
        ObjectError::Store(error) => io::Error::other(error),
    }
}

/// What is unpacked, up to as much as a batch may have.
struct Checked {
    inner: Box<dyn Read>,
    left: u64,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let left = self.left.checked_sub(read as u64);
        self.left = left.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, TOO_MUCH))?;
        Ok(read)
    }
}

const TOO_MUCH: &str = "it unpacks to 200 times its size: that is no batch";

/// Rejects as objects, one for each piece that has any, named by what stands before it: in the order of their names they
/// are one CSV. A piece that comes again is written over the same.
pub(crate) struct RejectedObjects {
    pub(crate) objects: Objects,
    /// Ends with a slash.
    pub(crate) folder: String,
}

#[async_trait::async_trait]
impl KeepRejects for RejectedObjects {
    async fn keep(&self, before: u64, piece: &str) -> io::Result<()> {
        if piece.is_empty() {
            return Ok(());
        }
        let key = format!("{}{before:012}.csv", self.folder);
        self.objects.write(&key, "text/csv", piece.as_bytes().to_vec()).await.map_err(io::Error::other)
    }
}
