//! A file beside what it is about, a line for each step: what is interrupted goes on where it stopped.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Failure;

/// The file, which is this process's alone while it is open.
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// Opens it, and reads what is there.
    pub(crate) fn open<Line: DeserializeOwned>(path: &Path) -> Result<(Self, Vec<Line>), Failure> {
        let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
        let file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(wrong)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(format!("{}: another process is at work with it", path.display()).into());
            }
            Err(TryLockError::Error(error)) => return Err(wrong(error).into()),
        }
        let lines = read(&file, path)?;
        Ok((Self { file }, lines))
    }

    /// On the disk before anything is done that it stands for.
    pub(crate) fn write(&mut self, line: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(line)? + "\n";
        self.file.write_all(text.as_bytes())?;
        Ok(self.file.sync_data()?)
    }
}

fn read<Line: DeserializeOwned>(file: &File, path: &Path) -> Result<Vec<Line>, Failure> {
    let (mut whole, mut lines) = (0, Vec::new());
    let (mut reader, mut text) = (BufReader::new(file.try_clone()?), String::new());
    for number in 1.. {
        text.clear();
        let length = reader.read_line(&mut text)?;
        // The last line of a process that was killed while it wrote: nothing was done yet that it stands for.
        if length == 0 || !text.ends_with('\n') {
            break;
        }
        let line = serde_json::from_str(&text);
        lines.push(line.map_err(|error| format!("{}, line {number}: {error}", path.display()))?);
        whole += length as u64;
    }
    file.set_len(whole)?;
    Ok(lines)
}
