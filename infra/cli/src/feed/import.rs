//! `leadgate feed import`.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use leadgate_aws::feed::{Counts, DropState, FeedDrop};
use leadgate_enrichment::clock::whole_milliseconds;
use leadgate_feed::{Ended, FileSource, Import, PIECE_ROWS, RejectsFile, What as Imported, file_version};
use leadgate_lambda::clock::SystemClock;
use serde_json::json;

use super::{Arguments, written};
use crate::books::Books;
use crate::terminal::{count, object, say};
use crate::{Failure, Outcome, now};

#[derive(clap::Args)]
pub(super) struct What {
    /// The file.
    pub(super) file: PathBuf,
    /// Where to write what was left out [default: FILE.rejects.csv].
    #[arg(long, value_name = "FILE")]
    pub(super) rejects: Option<PathBuf>,
}

/// What an import came to.
pub(super) struct Done {
    pub(super) ended: Ended,
    pub(super) took: Duration,
    pub(super) rejects: PathBuf,
    /// What of the table's capacity it used.
    pub(super) write_units: f64,
    pub(super) read_units: f64,
}

pub(super) async fn run(arguments: &Arguments, what: &What) -> Outcome {
    let books = Books::find(&arguments.place).await?;
    let bar = if stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{bar:40} {binary_bytes} of {binary_total_bytes}, {msg}, {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_length(std::fs::metadata(&what.file).map(|file| file.len()).unwrap_or_default());
    let show = |drop: &FeedDrop| {
        // What is packed has more bytes than the file.
        bar.set_length(bar.length().unwrap_or_default().max(drop.place.byte));
        bar.set_position(drop.place.byte);
        bar.set_message(count(drop.counts.rows, "row"));
    };
    let done = import(&books, arguments, what, &show).await?;
    bar.finish_and_clear();
    let (drop, word) = match &done.ended {
        Ended::Here(drop) | Ended::OutOfTime(drop) => (drop, "taken in"),
        Ended::Before(drop) => (drop, "there already"),
        Ended::Busy(taken) => {
            let until = taken.until.map_or_else(|| "it is done".to_owned(), |until| until.to_string());
            return Err(
                format!("another import is at work on this feed: try again when it is done, or after {until}").into()
            );
        }
    };
    if arguments.json {
        println!("{}", object(done.json(drop)));
    } else {
        done.text(drop, word, &books.place).iter().for_each(|line| say(line));
    }
    Ok(if matches!(drop.state, DropState::Stopped(_)) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Takes the file in. An interruption from the keyboard ends it at once, and lets others go on.
pub(super) async fn import(
    books: &Books,
    arguments: &Arguments,
    what: &What,
    show: &(dyn Fn(&FeedDrop) + Send + Sync),
) -> Result<Done, Failure> {
    let unreadable = |error: std::io::Error| format!("{} can't be read: {error}", what.file.display());
    let made_at = made_at(&what.file).map_err(unreadable)?;
    let imported = Imported {
        tenant: &books.tenant,
        written: written(books)?,
        object: what.file.file_name().unwrap_or(what.file.as_os_str()).to_string_lossy().into_owned(),
        version: file_version(&what.file).map_err(unreadable)?,
        made_at,
        run: format!("leadgate-{}-{}", std::process::id(), now().as_nanosecond()),
    };
    let rejects = what.rejects.clone().unwrap_or_else(|| {
        let mut name = what.file.clone().into_os_string();
        name.push(".rejects.csv");
        name.into()
    });
    let (feed, clock) = (books.feed(arguments.feed_table.as_deref())?, SystemClock::new());
    let kept = RejectsFile::new(&rejects);
    let import = Import { feed: &feed, rejects: &kept, clock: &clock, piece_rows: PIECE_ROWS, progress: show };
    let began = Instant::now();
    let ended = tokio::select! {
        ended = import.run(&imported, Arc::new(FileSource::new(&what.file)), None) => ended?,
        _ = tokio::signal::ctrl_c() => {
            feed.release(&books.tenant, &imported.run).await?;
            return Err("interrupted: run it again, and it goes on where it was".into());
        }
    };
    let units = |all: std::collections::BTreeMap<&str, f64>| all.values().fold(0.0, |sum, units| sum + units);
    let (write_units, read_units) = (units(books.usage().write_units()), units(books.usage().read_units()));
    Ok(Done { ended, took: began.elapsed(), rejects, write_units, read_units })
}

fn made_at(file: &Path) -> std::io::Result<Timestamp> {
    let modified = std::fs::metadata(file)?.modified()?;
    Ok(whole_milliseconds(Timestamp::try_from(modified).unwrap_or(Timestamp::UNIX_EPOCH)))
}

impl Done {
    fn text(&self, drop: &FeedDrop, word: &str, place: &str) -> Vec<String> {
        let Counts { rows, new, changed, unchanged, older, repeated, rejected, values_left_out, .. } = &drop.counts;
        let mut lines = vec![
            format!("{} of {} {word}, {place}", count(*rows, "row"), drop.object),
            format!("  businesses: {new} new, {changed} changed, {unchanged} as they were"),
        ];
        if *older > 0 {
            lines.push(format!("  {older} stay as a file that was made later has them"));
        }
        if *repeated > 0 {
            lines.push(format!("  {repeated} rows are about a business that a later row is about"));
        }
        let why =
            if rejected + values_left_out > 0 { format!(": see {}", self.rejects.display()) } else { String::new() };
        lines.push(format!("  left out: {}, {}{why}", count(*rejected, "row"), count(*values_left_out, "value")));
        if let DropState::Stopped(reason) = &drop.state {
            lines.push(format!(
                "  STOPPED: {reason}. What stands before that is taken in; correct the file, and import it"
            ));
        }
        if let Some(rate) = self.rows_per_second(drop) {
            let memory =
                peak_memory().map_or_else(String::new, |peak| format!(", {} MB of memory at most", peak / 1_000_000));
            lines.push(format!("  {rate:.0} rows/s, {:.1} s{memory}", self.took.as_secs_f64()));
        }
        lines.push(format!("  DynamoDB: {:.0} write units, {:.0} read units", self.write_units, self.read_units));
        lines
    }

    fn json(&self, drop: &FeedDrop) -> serde_json::Value {
        let (state, reason) = match &drop.state {
            DropState::Begun => ("begun", None),
            DropState::Done => ("done", None),
            DropState::Stopped(reason) => ("stopped", Some(reason)),
        };
        json!({
            "object": drop.object, "drop": drop.id, "state": state, "reason": reason,
            "was_there": matches!(self.ended, Ended::Before(_)), "counts": drop.counts, "rejects": self.rejects,
            "seconds": self.took.as_secs_f64(), "rows_per_second": self.rows_per_second(drop),
            "peak_memory_bytes": peak_memory(), "write_units": self.write_units, "read_units": self.read_units,
        })
    }

    /// None, if nothing was read.
    fn rows_per_second(&self, drop: &FeedDrop) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let rows = drop.counts.rows as f64;
        (!matches!(self.ended, Ended::Before(_))).then(|| rows / self.took.as_secs_f64())
    }
}

/// The most memory that this process has had at once, where the system says it, in bytes.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
