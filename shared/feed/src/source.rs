//! Where a batch is read from.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

/// What a file that is packed with gzip begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// So much is read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// What a batch is read from. It stays the same for as long as it is read.
pub trait Source: Send + Sync {
    /// What it consists of from this byte on, unpacked. An error of the kind `InvalidData`, `InvalidInput` or
    /// `UnexpectedEof`, here or while it is read, says that it is broken; any other that it can't be read now.
    fn open(&self, byte: u64) -> io::Result<Box<dyn Read>>;
}

/// A file, packed with gzip or not.
#[derive(Debug, Clone)]
pub struct FileSource {
    path: PathBuf,
}

impl FileSource {
    /// The file at this path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Source for FileSource {
    fn open(&self, byte: u64) -> io::Result<Box<dyn Read>> {
        let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(&self.path)?);
        if is_packed(&mut file)? {
            return unpacked(file, byte);
        }
        file.seek(SeekFrom::Start(byte))?;
        Ok(Box::new(file))
    }
}

/// Whether what stands here, at its beginning, is packed with gzip.
pub fn is_packed(contents: &mut impl BufRead) -> io::Result<bool> {
    Ok(contents.fill_buf()?.starts_with(&GZIP))
}

/// What this is unpacked, from a byte on. What is packed can only be read from its beginning, so that what stands before
/// is unpacked and thrown away.
pub fn unpacked(packed: impl BufRead + 'static, byte: u64) -> io::Result<Box<dyn Read>> {
    let mut unpacked = MultiGzDecoder::new(packed);
    io::copy(&mut unpacked.by_ref().take(byte), &mut io::sink())?;
    Ok(Box::new(unpacked))
}

/// What tells a file's contents from any other.
pub fn file_version(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; BUFFER_BYTES]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(digest.finalize())),
            read => digest.update(&buffer[..read]),
        }
    }
}
