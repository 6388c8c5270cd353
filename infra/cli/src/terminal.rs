//! What fits a terminal: the width of tables, and how many of something there are.

use std::io::{BufRead, IsTerminal};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::json;

/// The version of what `--json` prints. A field that is taken away, or means something else, makes a new one.
pub(crate) const SCHEMA: u32 = 2;

/// Asks a person whether to go on. `refusal` is said where nobody can be asked.
pub(crate) fn confirmed(question: &str, refusal: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        eprintln!("leadgate: {refusal}");
        return false;
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    let is_read = std::io::stdin().lock().read_line(&mut answer).is_ok();
    is_read && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Help is read best in lines of at most so many columns.
pub(crate) const HELP_WIDTH: usize = 100;

/// Nothing is set narrower than this.
const WIDTH_MIN: u16 = 40;
/// The last column of a table holds the longest text. With less room than this it is set below the others.
const LAST_COLUMN_MIN: usize = 20;

/// `1 lead`, `2 leads`, `2 entries`.
pub(crate) fn count(count: impl TryInto<u64>, noun: &str) -> String {
    let count: u64 = count.try_into().unwrap_or(u64::MAX);
    let many = match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o']) => format!("{stem}ies"),
        None if noun.ends_with("ch") || noun.ends_with('s') => format!("{noun}es"),
        _ => format!("{noun}s"),
    };
    if count == 1 { format!("1 {noun}") } else { format!("{count} {many}") }
}

/// One JSON object for a script: the version of its fields, then the fields in their own order.
pub(crate) fn object(body: impl Serialize) -> String {
    #[derive(Serialize)]
    struct Versioned<T> {
        schema: u32,
        #[serde(flatten)]
        body: T,
    }
    let whole = serde_json::to_string(&Versioned { schema: SCHEMA, body });
    whole.unwrap_or_else(|error| json!({ "schema": SCHEMA, "error": error.to_string() }).to_string())
}

/// The width of the terminal that standard output is, in columns. Nothing is set to any width for a file or a pipe.
pub(crate) fn width() -> Option<u16> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let (_, columns) = console::Term::stdout().size();
    Some(columns.max(WIDTH_MIN))
}

/// Lines of text that fit the terminal, or as they are for a pipe.
pub(crate) fn fitted_text(text: &str) -> String {
    let fitted = |width| text.lines().map(|line| hanging(line, usize::from(width))).collect::<Vec<_>>().join("\n");
    width().map_or_else(|| text.to_owned(), fitted)
}

/// Prints lines of text that fit the terminal.
pub(crate) fn say(text: &str) {
    println!("{}", fitted_text(text));
}

/// A line in as many as it needs: what doesn't fit stands further in than its beginning.
fn hanging(line: &str, room: usize) -> String {
    if line.chars().count() <= room {
        return line.to_owned();
    }
    let text = line.trim_start();
    let indent = " ".repeat(line.len() - text.len());
    let lines = wrapped(text, room.saturating_sub(indent.len() + HANGING.len()));
    format!("{indent}{}", lines.join(&format!("\n{indent}{HANGING}")))
}

/// How much further in.
const HANGING: &str = "  ";

/// The table as it fits the terminal, or plain columns for a pipe.
pub(crate) fn fitted(table: Table) -> String {
    fitted_to(table, width())
}

fn fitted_to(mut table: Table, width: Option<u16>) -> String {
    let Some(width) = width else {
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        return table.trim_fmt();
    };
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Disabled);
    let room = usize::from(width);
    if widest(&table) <= room {
        return table.to_string();
    }
    let columns = contents(&table);
    let last = columns.first().map_or(0, Vec::len).saturating_sub(1);
    let fixed: usize = (0..last).map(|column| longest(&columns, column) + 3).sum();
    if fixed + LAST_COLUMN_MIN + 4 > room {
        return blocks(&columns, table.header().is_some(), room);
    }
    // Names stay whole, to be copied: only the last column is wrapped.
    for column in table.column_iter_mut().take(last) {
        column.set_constraint(comfy_table::ColumnConstraint::ContentWidth);
    }
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.to_string()
}

/// What is in the cells, row by row; the header first, if there is one.
fn contents(table: &Table) -> Vec<Vec<String>> {
    let header = table.header().into_iter();
    header.chain(table.row_iter()).map(|row| row.cell_iter().map(comfy_table::Cell::content).collect()).collect()
}

fn widest(table: &Table) -> usize {
    table.lines().map(|line| line.chars().count()).max().unwrap_or_default()
}

fn longest(rows: &[Vec<String>], column: usize) -> usize {
    let cells = rows.iter().filter_map(|row| row.get(column));
    cells.flat_map(|cell| cell.lines()).map(|line| line.chars().count()).max().unwrap_or_default()
}

/// Each row as lines of its own, for a terminal that is too narrow for columns.
fn blocks(rows: &[Vec<String>], has_header: bool, room: usize) -> String {
    let (header, rows) = if has_header { (rows.first(), &rows[1..]) } else { (None, rows) };
    let mut text = String::new();
    for row in rows {
        for (i, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            let name = header.and_then(|header| header.get(i)).map_or_else(String::new, |name| format!("{name}: "));
            let indent = if i == 0 { "" } else { "  " };
            for line in wrapped(&format!("{name}{}", cell.replace('\n', "; ")), room - 2 * indent.len()) {
                text.push_str(&format!("{indent}{line}\n"));
            }
        }
        text.push('\n');
    }
    text.trim_end().to_owned()
}

/// Words in lines of at most so many characters. A word that is longer, such as an id, stays whole.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        if line > 0 && line + 1 + word.chars().count() > room {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_goes_on_further_in() {
        assert_eq!(hanging("  a line that fits", 18), "  a line that fits");
        assert_eq!(hanging("  one that does not fit", 16), "  one that\n    does not fit");
    }

    fn table() -> Table {
        let mut table = Table::new();
        table.set_header(["wallet", "kind", "opens", "granted", "details"]);
        table.add_row(["plan-2026-01-01-2026-02-01", "plan", "2026-01-01", "2500", "the plan's grant for this cycle"]);
        table
    }

    #[test]
    fn a_table_is_no_wider_than_the_terminal() {
        for width in [60, 80, 100, 200] {
            let text = fitted_to(table(), Some(width));
            let widest = text.lines().map(|line| line.chars().count()).max().expect("a line");
            assert!(widest <= usize::from(width), "{widest} columns in {width}:\n{text}");
            assert!(text.contains("plan-2026-01-01-2026-02-01"), "names stay whole:\n{text}");
        }
    }

    #[test]
    fn a_pipe_gets_plain_columns() {
        let text = fitted_to(table(), None);
        assert!(text.is_ascii() && text.lines().count() == 2, "{text}");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!((count(1_usize, "lead"), count(2_usize, "lead")), ("1 lead".to_owned(), "2 leads".to_owned()));
        assert_eq!(
            (count(0_u32, "older entry"), count(1_u64, "day")),
            ("0 older entries".to_owned(), "1 day".to_owned())
        );
        assert_eq!(
            (count(2_u32, "batch"), count(2_u32, "business")),
            ("2 batches".to_owned(), "2 businesses".to_owned())
        );
    }
}
