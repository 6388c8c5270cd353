//! Whether the file has the shape that it is read by. Every value of another shape is named, not only the first.

use jiff::civil::Date;
use toml::{Table, Value};

use super::Problem;
use super::keys::{CRM, FALLBACK, PROVIDER};
use super::shape::{Key, Shape};
use super::vendor::{SecretKey, Vendors};
use crate::credits::Milli;
use crate::credits::money::{CurrencyAmount, NoMoney};

/// The key of every vendor's table that says which vendor it is.
const KIND: &str = "kind";

/// Goes through a document. What doesn't fit is noted and replaced by something that does, so that the rest can be read.
pub(super) struct Fit<'v> {
    pub(super) problems: Vec<Problem>,
    pub(super) vendors: &'v Vendors,
}

/// A key that differs from a known one by more than this is another word.
const TYPOS_MAX: usize = 2;
/// More of a wrong value than this is not repeated.
const SHOWN_MAX: usize = 60;

impl<'v> Fit<'v> {
    /// Before anything was read.
    pub(super) fn new(vendors: &'v Vendors) -> Self {
        Self { problems: Vec::new(), vendors }
    }

    /// Makes the value fit.
    pub(super) fn fit(&mut self, path: &str, value: &mut Value, shape: &Shape) {
        let fits = match (shape, &mut *value) {
            (Shape::Text(_) | Shape::Secret(_), Value::String(_)) | (Shape::Flag, Value::Boolean(_)) => true,
            (Shape::Day, Value::String(text)) => text.parse::<Date>().is_ok(),
            (Shape::Money, Value::String(text)) => text.parse::<CurrencyAmount>().is_ok(),
            (Shape::Whole(least, most), Value::Integer(number)) => (*least..=*most).contains(number),
            (Shape::Credits, Value::Integer(_) | Value::Float(_)) => is_amount(value),
            (Shape::List(of), Value::Array(items)) => {
                items.iter_mut().enumerate().for_each(|(i, item)| self.fit(&format!("{path}[{i}]"), item, of));
                true
            }
            (Shape::Named(of), Value::Table(table)) => {
                table.iter_mut().for_each(|(name, item)| self.fit(&below(path, name), item, of));
                true
            }
            (Shape::Table(keys), Value::Table(table)) => {
                self.table(path, table, &keys.iter().collect::<Vec<_>>());
                true
            }
            (Shape::Crm | Shape::Provider | Shape::Fallback, Value::Table(table)) => {
                self.vendor(path, table, shape);
                true
            }
            (shape, Value::String(text)) => {
                shape.words(self.vendors).is_some_and(|words| words.contains(&text.as_str()))
            }
            _ => false,
        };
        if !fits {
            let remedy = shape.remedy(path, value, self.vendors);
            self.problems.push(Problem::new(path, found(value, shape), shape.expected(self.vendors), remedy));
            *value = shape.example(self.vendors);
        }
    }

    /// The table of a vendor. Its kind comes first: the other keys go by it.
    fn vendor(&mut self, path: &str, table: &mut Table, shape: &Shape) {
        let own_of: fn(&Vendors, &str) -> OwnOf = if matches!(shape, Shape::Crm) { crm_keys } else { provider_keys };
        let common: Vec<&'static [Key]> = match shape {
            Shape::Crm => vec![CRM],
            Shape::Fallback => vec![PROVIDER, FALLBACK],
            _ => vec![PROVIDER],
        };
        let common: Vec<&Key> = common.into_iter().flatten().collect();
        let before = self.problems.len();
        let kind = common.iter().find(|key| key.name == KIND);
        kind.iter().for_each(|key| self.value(path, table, key));
        if self.problems.len() > before {
            // The others are judged by the vendor that most of them are keys of: that is the one that is meant.
            let kinds = common.iter().find_map(|key| key.shape.words(self.vendors)).unwrap_or_default();
            let there = |kind: &&str| {
                let (own, secrets) = own_of(self.vendors, kind);
                let names = own.iter().map(|key| key.name).chain(secrets.iter().map(|secret| secret.key));
                names.filter(|name| table.contains_key(*name)).count()
            };
            // Of several, the first.
            if let Some(meant) = kinds.into_iter().rev().max_by_key(there) {
                table.insert(KIND.to_owned(), Value::String(meant.to_owned()));
            }
        }
        let kind = table.get(KIND).and_then(Value::as_str).unwrap_or_default();
        let (own, secrets) = own_of(self.vendors, kind);
        let key = |secret: &SecretKey| Key { name: secret.key, shape: secret.role.shape(), needed: secret.needed };
        let secrets: Vec<Key> = secrets.iter().map(key).collect();
        let (first, rest): (Vec<&Key>, Vec<&Key>) = common.into_iter().partition(|key| key.name == KIND);
        self.table(path, table, &first.into_iter().chain(own).chain(&secrets).chain(rest).collect::<Vec<_>>());
    }

    fn table(&mut self, path: &str, table: &mut Table, keys: &[&Key]) {
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
        keys.iter().for_each(|key| self.value(path, table, key));
    }

    /// The value of one key of a table.
    fn value(&mut self, path: &str, table: &mut Table, key: &Key) {
        let path = below(path, key.name);
        match table.get_mut(key.name) {
            Some(value) => self.fit(&path, value, &key.shape),
            None if key.needed => {
                let example = key.shape.example(self.vendors);
                let remedy = match &key.shape {
                    Shape::Table(_) | Shape::Crm | Shape::Provider | Shape::Fallback => {
                        format!("Add the table [{path}].")
                    }
                    Shape::Named(_) => format!("Add it, such as `{} = {{ … }}`.", key.name),
                    _ => format!("Add it, such as `{} = {example}`.", key.name),
                };
                self.problems.push(Problem::new(path, "nothing", key.shape.expected(self.vendors), remedy));
                table.insert(key.name.to_owned(), example);
            }
            None => {}
        }
    }
}

/// The keys that only one vendor has, and those of them that name secrets.
type OwnOf = (&'static [Key], &'static [SecretKey]);

fn crm_keys(vendors: &Vendors, kind: &str) -> OwnOf {
    vendors.crm(kind).map_or((&[], &[]), |vendor| (vendor.keys, vendor.secrets))
}

fn provider_keys(vendors: &Vendors, kind: &str) -> OwnOf {
    vendors.provider(kind).map_or((&[], &[]), |vendor| (vendor.keys, vendor.secrets))
}

impl Shape {
    /// The words of which one has to be there.
    fn words(&self, vendors: &Vendors) -> Option<Vec<&'static str>> {
        match self {
            Self::OneOf(words) => Some(words.to_vec()),
            Self::CrmName => Some(vendors.crms.iter().map(|vendor| vendor.name).collect()),
            Self::ProviderName => Some(vendors.providers.iter().map(|vendor| vendor.name).collect()),
            Self::PriceListName => Some(vendors.price_lists().map(|(name, _)| name).collect()),
            _ => None,
        }
    }

    /// Something of this shape.
    pub(super) fn example(&self, vendors: &Vendors) -> Value {
        let table = |keys: &[Key]| {
            let needed = keys.iter().filter(|key| key.needed);
            Value::Table(needed.map(|key| (key.name.to_owned(), key.shape.example(vendors))).collect())
        };
        match self {
            Self::Text(example) | Self::Secret(example) => Value::String((*example).to_owned()),
            Self::Day => Value::String("2026-01-31".to_owned()),
            Self::Whole(least, _) => Value::Integer(*least),
            Self::Credits => Value::Integer(1),
            Self::Money => Value::String("0.025 USD".to_owned()),
            Self::Flag => Value::Boolean(true),
            Self::List(of) => Value::Array(vec![of.example(vendors)]),
            Self::Named(_) => Value::Table(Table::new()),
            Self::Table(keys) => table(keys),
            Self::Crm | Self::Provider | Self::Fallback => {
                let mut value = Value::Table(Table::new());
                Fit::new(vendors).fit("", &mut value, self);
                value
            }
            Self::OneOf(_) | Self::CrmName | Self::ProviderName | Self::PriceListName => {
                let words = self.words(vendors).unwrap_or_default();
                Value::String((*words.first().unwrap_or(&"")).to_owned())
            }
        }
    }

    fn expected(&self, vendors: &Vendors) -> String {
        if let Some(words) = self.words(vendors) {
            let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
            return if let [word] = words.as_slice() { word.clone() } else { format!("one of {}", words.join(", ")) };
        }
        match self {
            Self::Text(_) => format!("text in quotes, such as {}", self.example(vendors)),
            Self::Secret(_) => format!("the name of a secret in quotes, such as {}", self.example(vendors)),
            Self::Day => format!("a day in quotes, such as {}", self.example(vendors)),
            Self::Whole(least, i64::MAX) => format!("a whole number of at least {least}"),
            Self::Whole(least, most) => format!("a whole number from {least} to {most}"),
            Self::Credits => "0 to 10^12 credits with at most three decimals".to_owned(),
            Self::Money => NoMoney.to_string(),
            Self::Flag => "true or false".to_owned(),
            Self::List(Self::Table(_) | Self::Fallback) => "a list of tables".to_owned(),
            Self::List(of) => format!("a list, such as [{}]", of.example(vendors)),
            Self::Named(Self::Credits) => "amounts by the kind of credit, such as { credits = 100 }".to_owned(),
            Self::Named(Self::Money) => "money by the kind of credit, such as { credits = \"0.025 USD\" }".to_owned(),
            _ => "a table".to_owned(),
        }
    }

    fn remedy(&self, path: &str, found: &Value, vendors: &Vendors) -> String {
        match (self.words(vendors).as_deref(), found) {
            (Some([word]), _) => return format!("Write {word:?}."),
            (Some(words), Value::String(text)) => {
                return match nearest(text, words) {
                    Some(near) => format!("Write {near:?} if that is meant."),
                    None => "Write one of the words that are allowed.".to_owned(),
                };
            }
            (Some(_), _) => return "Write it in quotes.".to_owned(),
            (None, _) => {}
        }
        match (self, found) {
            (Self::Whole(..) | Self::Credits, Value::String(_)) => "Write a number, without quotes.".to_owned(),
            (Self::Whole(..) | Self::Credits, _) => "Write a number within these bounds.".to_owned(),
            (Self::Text(_) | Self::Secret(_), _) => "Write it in quotes.".to_owned(),
            (Self::Money, _) => "Write the amount and the currency's code of three letters, in quotes.".to_owned(),
            (Self::Day, Value::Datetime(_)) => "Put the day in quotes.".to_owned(),
            (Self::Day, _) => "Write year, month and day of a day that there is.".to_owned(),
            (Self::Flag, _) => "Write true or false, without quotes.".to_owned(),
            (Self::List(Self::Table(_) | Self::Fallback), _) => format!("Write it as [[{path}]]."),
            (Self::List(_), _) => "Put it in brackets.".to_owned(),
            _ => format!("Write it as a table, such as [{path}]."),
        }
    }

    /// Whether anything of this shape may be, or hold, a secret by mistake.
    fn may_hide_a_secret(&self) -> bool {
        match self {
            Self::Secret(_) | Self::Named(_) | Self::Table(_) | Self::Crm | Self::Provider | Self::Fallback => true,
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
