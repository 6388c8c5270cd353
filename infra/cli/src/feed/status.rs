//! `leadgate feed status`.

use std::process::ExitCode;

use comfy_table::Table;
use leadgate_aws::feed::{DropState, FeedDrop};
use serde_json::{Value, json};

use super::Arguments;
use crate::Outcome;
use crate::books::Books;
use crate::terminal::{count, fitted, object, say};

/// More batches than this are counted and not shown.
const SHOWN_MAX: usize = 20;

pub(super) async fn run(arguments: &Arguments) -> Outcome {
    let books = Books::find(&arguments.place).await?;
    let drops = books.feed(arguments.feed_table.as_deref())?.drops(&books.tenant).await?;
    if arguments.json {
        println!("{}", object(json(&drops)));
    } else {
        text(&drops, &books);
    }
    Ok(ExitCode::SUCCESS)
}

/// Businesses that are in the table: each was new once.
pub(super) fn businesses(drops: &[FeedDrop]) -> u64 {
    drops.iter().map(|drop| drop.counts.new).sum()
}

fn text(drops: &[FeedDrop], books: &Books) {
    say(&format!("{}, feed of {}", books.place, books.tenant));
    let Some(last) = drops.first() else {
        say("Nothing was taken in yet: leadgate feed import FILE");
        return;
    };
    say(&format!("{} from {}", count(businesses(drops), "business"), count(drops.len(), "batch")));
    let mut table = Table::new();
    table.set_header(["made", "rows", "new", "changed", "as they were", "left out", "state", "batch"]);
    for drop in drops.iter().take(SHOWN_MAX) {
        let counts = &drop.counts;
        let made = drop.made_at.to_zoned(books.zone().clone()).strftime("%Y-%m-%d %H:%M").to_string();
        let figures = [counts.rows, counts.new, counts.changed, counts.unchanged, counts.rejected];
        let row = std::iter::once(made).chain(figures.iter().map(u64::to_string));
        table.add_row(row.chain([state(&drop.state), drop.object.clone()]));
    }
    println!("{}", fitted(table));
    if let Some(more) = drops.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        say(&format!("and {more} older"));
    }
    say(&format!("\nOf {} in {}:", count(told_of(last), "row"), last.object));
    let mut table = Table::new();
    table.set_header(["what", "is told of", ""]);
    for (word, figure) in &last.counts.told {
        table.add_row([word.clone(), figure.to_string(), percent(*figure, last)]);
    }
    for (word, figure) in &last.counts.told_by {
        table.add_row([format!("told by {}", word.replace('_', " ")), figure.to_string(), percent(*figure, last)]);
    }
    println!("{}", fitted(table));
}

fn state(state: &DropState) -> String {
    match state {
        DropState::Begun => "to be gone on with".to_owned(),
        DropState::Done => "done".to_owned(),
        DropState::Stopped(reason) => format!("stopped: {reason}"),
    }
}

/// The rows that were compared with what is stored.
fn told_of(drop: &FeedDrop) -> u64 {
    drop.counts.rows - drop.counts.rejected - drop.counts.repeated
}

fn percent(figure: u64, drop: &FeedDrop) -> String {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let share = figure as f64 / told_of(drop).max(1) as f64;
    format!("{:.1} %", share * 100.0)
}

fn json(drops: &[FeedDrop]) -> Value {
    let said = |drop: &FeedDrop| {
        json!({
            "object": drop.object, "drop": drop.id, "made_at": drop.made_at.to_string(), "state": state(&drop.state),
            "counts": drop.counts, "next_line": drop.place.line,
        })
    };
    json!({ "businesses": businesses(drops), "drops": drops.iter().map(said).collect::<Vec<_>>() })
}
