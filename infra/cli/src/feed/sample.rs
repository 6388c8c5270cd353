//! A file as a feed could be.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use leadgate_sandbox::simulators::batches::{Contents, write_batch};
use serde_json::json;

use super::Arguments;
use crate::Outcome;
use crate::terminal::{count, object, say};

#[derive(clap::Args)]
pub(super) struct What {
    /// The file to be written.
    file: PathBuf,
    /// How many rows it has.
    #[arg(long, value_name = "ROWS", default_value_t = 10_000)]
    rows: u64,
    /// Which edition: of fifty businesses one has another owner in the next.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    edition: u64,
}

pub(super) fn run(arguments: &Arguments, what: &What) -> Outcome {
    let mut out = BufWriter::new(File::create(&what.file)?);
    let contents = write_batch(what.rows, what.edition, &mut out)?;
    out.flush()?;
    let Contents { rows, good, bad, bad_values, changed } = contents;
    if arguments.json {
        let said = json!({
            "file": what.file, "rows": rows, "good": good, "bad": bad, "bad_values": bad_values, "changed": changed,
        });
        println!("{}", object(said));
    } else {
        say(&format!("{}: {}", what.file.display(), count(rows, "row")));
        say(&format!("  {good} can be used, but for {}; {bad} can't", count(bad_values, "value")));
        say(&format!("  {changed} of the businesses were otherwise in the edition before"));
    }
    Ok(ExitCode::SUCCESS)
}
