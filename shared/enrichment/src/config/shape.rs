//! Whether the file has the shape that it is read by. Every value of another shape is named, not only the first.

use jiff::civil::Date;
use toml::{Table, Value};

use super::Problem;
use crate::credits::Milli;

/// What a value has to be.
pub(super) enum Shape {
    /// Text, such as this.
    Text(&'static str),
    /// The name of a secret, such as this. What is found is never repeated: it may be the secret itself.
    Secret(&'static str),
    /// A day in quotes.
    Day,
    /// A whole number within these bounds.
    Whole(i64, i64),
    /// An amount of credits.
    Credits,
    /// True or false.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of these.
    List(&'static Shape),
    /// A table whose keys are up to who writes it.
    Named(&'static Shape),
    /// A table with these keys.
    Table(&'static [Key]),
}

/// A key of a table.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) needed: bool,
}

/// Goes through a document. What doesn't fit is noted and replaced by something that does, so that the rest can be read.
#[derive(Default)]
pub(super) struct Fit {
    pub(super) problems: Vec<Problem>,
}

/// A key that differs from a known one by more than this is another word.
const TYPOS_MAX: usize = 2;
/// More of a wrong value than this is not repeated.
const SHOWN_MAX: usize = 60;

impl Fit {
    /// Makes the value fit.
    pub(super) fn fit(&mut self, path: &str, value: &mut Value, shape: &Shape) {
        let fits = match (shape, &mut *value) {
            (Shape::Text(_) | Shape::Secret(_), Value::String(_)) | (Shape::Flag, Value::Boolean(_)) => true,
            (Shape::Day, Value::String(text)) => text.parse::<Date>().is_ok(),
            (Shape::Whole(least, most), Value::Integer(number)) => (*least..=*most).contains(number),
            (Shape::Credits, Value::Integer(_) | Value::Float(_)) => is_amount(value),
            (Shape::OneOf(words), Value::String(text)) => words.contains(&text.as_str()),
            (Shape::List(of), Value::Array(items)) => {
                items.iter_mut().enumerate().for_each(|(i, item)| self.fit(&format!("{path}[{i}]"), item, of));
                true
            }
            (Shape::Named(of), Value::Table(table)) => {
                table.iter_mut().for_each(|(name, item)| self.fit(&below(path, name), item, of));
                true
            }
            (Shape::Table(keys), Value::Table(table)) => {
                self.table(path, table, keys);
                true
            }
            _ => false,
        };
        if !fits {
            let remedy = shape.remedy(path, value);
            self.problems.push(Problem::new(path, found(value, shape), shape.expected(), remedy));
            *value = shape.example();
        }
    }

    fn table(&mut self, path: &str, table: &mut Table, keys: &[Key]) {
        let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
        let unknown: Vec<String> = table.keys().filter(|name| !names.contains(&name.as_str())).cloned().collect();
        for name in unknown {
            table.remove(&name);
            let remedy = match nearest(&name, &names) {
                Some(near) => format!("Write `{near}` if that is meant, or take the key out."),
                None => "Take the key out.".to_owned(),
            };
            let expected = format!("a key of this table: {}", names.join(", "));
            self.problems.push(Problem::new(below(path, &name), "an unknown key", expected, remedy));
        }
        for key in keys {
            let path = below(path, key.name);
            match table.get_mut(key.name) {
                Some(value) => self.fit(&path, value, &key.shape),
                None if key.needed => {
                    let example = key.shape.example();
                    let remedy = match &key.shape {
                        Shape::Table(_) => format!("Add the table [{path}]."),
                        Shape::Named(_) => format!("Add it, such as `{} = {{ … }}`.", key.name),
                        _ => format!("Add it, such as `{} = {example}`.", key.name),
                    };
                    self.problems.push(Problem::new(path, "nothing", key.shape.expected(), remedy));
                    table.insert(key.name.to_owned(), example);
                }
                None => {}
            }
        }
    }
}

impl Shape {
    /// Something of this shape.
    pub(super) fn example(&self) -> Value {
        match self {
            Self::Text(example) | Self::Secret(example) => Value::String((*example).to_owned()),
            Self::Day => Value::String("2026-01-31".to_owned()),
            Self::Whole(least, _) => Value::Integer(*least),
            Self::Credits => Value::Integer(1),
            Self::Flag => Value::Boolean(true),
            Self::OneOf(words) => Value::String((*words.first().unwrap_or(&"")).to_owned()),
            Self::List(of) => Value::Array(vec![of.example()]),
            Self::Named(_) => Value::Table(Table::new()),
            Self::Table(keys) => {
                let needed = keys.iter().filter(|key| key.needed);
                Value::Table(needed.map(|key| (key.name.to_owned(), key.shape.example())).collect())
            }
        }
    }

    fn expected(&self) -> String {
        match self {
            Self::Text(_) => format!("text in quotes, such as {}", self.example()),
            Self::Secret(_) => format!("the name of a secret in quotes, such as {}", self.example()),
            Self::Day => format!("a day in quotes, such as {}", self.example()),
            Self::Whole(least, i64::MAX) => format!("a whole number of at least {least}"),
            Self::Whole(least, most) => format!("a whole number from {least} to {most}"),
            Self::Credits => "0 to 10^12 credits with at most three decimals".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::OneOf([word]) => format!("{word:?}"),
            Self::OneOf(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
                format!("one of {}", words.join(", "))
            }
            Self::List(Self::Table(_)) => "a list of tables".to_owned(),
            Self::List(of) => format!("a list, such as [{}]", of.example()),
            Self::Named(Self::Credits) => "amounts by the kind of credit, such as { credits = 100 }".to_owned(),
            Self::Named(_) | Self::Table(_) => "a table".to_owned(),
        }
    }

    fn remedy(&self, path: &str, found: &Value) -> String {
        match (self, found) {
            (Self::OneOf([word]), _) => format!("Write {word:?}."),
            (Self::OneOf(words), Value::String(text)) => match nearest(text, words) {
                Some(near) => format!("Write {near:?} if that is meant."),
                None => "Write one of the words that are allowed.".to_owned(),
            },
            (Self::Whole(..) | Self::Credits, Value::String(_)) => "Write a number, without quotes.".to_owned(),
            (Self::Whole(..) | Self::Credits, _) => "Write a number within these bounds.".to_owned(),
            (Self::Text(_) | Self::Secret(_) | Self::OneOf(_), _) => "Write it in quotes.".to_owned(),
            (Self::Day, Value::Datetime(_)) => "Put the day in quotes.".to_owned(),
            (Self::Day, _) => "Write year, month and day of a day that there is.".to_owned(),
            (Self::Flag, _) => "Write true or false, without quotes.".to_owned(),
            (Self::List(Self::Table(_)), _) => format!("Write it as [[{path}]]."),
            (Self::List(_), _) => "Put it in brackets.".to_owned(),
            (Self::Named(_) | Self::Table(_), _) => format!("Write it as a table, such as [{path}]."),
        }
    }

    /// Whether anything of this shape may be, or hold, a secret by mistake.
    fn may_hide_a_secret(&self) -> bool {
        match self {
            Self::Secret(_) | Self::Named(_) | Self::Table(_) => true,
            Self::List(of) => of.may_hide_a_secret(),
            _ => false,
        }
    }
}

fn is_amount(value: &Value) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "what is not exact as a float is beyond the most credits")]
    let credits = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
    credits.is_some_and(|credits| Milli::from_decimal(credits).is_ok())
}

fn found(value: &Value, shape: &Shape) -> String {
    match value {
        Value::String(_) if shape.may_hide_a_secret() => "text (not shown)".to_owned(),
        Value::String(text) => {
            let short: String = text.chars().take(SHOWN_MAX).collect();
            let more = if short.len() < text.len() { "…" } else { "" };
            format!("{short:?}{more}")
        }
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Datetime(when) => format!("{when} without quotes"),
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    }
}

/// The path of a key in the table at `path`.
fn below(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    let name = if plain { name.to_owned() } else { format!("{name:?}") };
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// The known word that was probably meant.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let allowed = TYPOS_MAX.min(word.chars().count() / 2);
    let (distance, near) = known.iter().map(|known| (typos(word, known), *known)).min()?;
    (distance <= allowed).then_some(near)
}

/// How many characters have to be put in, taken out or changed (Levenshtein's distance). What is far too long is far off.
fn typos(word: &str, known: &str) -> usize {
    let known: Vec<char> = known.chars().collect();
    if word.chars().count() > known.len() + TYPOS_MAX {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=known.len()).collect();
    for (i, own) in word.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in known.iter().enumerate() {
            let changed = diagonal + usize::from(own != *other);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[known.len()]
}
