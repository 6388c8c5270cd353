//! JSON from others, read without relying on its types.
//!
//! Vendors document a type and send another: numbers as text, an object where a list was. What we don't need must not
//! fail, and what we do need must fail with a sentence that says what was found. So every value is one of three kinds
//! here, each of which takes any JSON and remembers what it was: [`Scalar`], [`Loose`] (an object), [`List`].
//! What callers get to see is read through [`fields`], which leave out what they don't understand.

mod any;
pub(crate) mod fields;
mod read;

use std::collections::BTreeMap;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess};

pub(crate) use any::{FromAny, any};
pub(crate) use read::read;

/// What is said to be found where there is no value.
const NOTHING: &str = "nothing";

/// A value without parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Decimal(f64),
    /// True or false.
    Boolean(bool),
    /// Text.
    Text(String),
    /// Something else, in words.
    Other(&'static str),
}

impl Scalar {
    /// The text, if it is text.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is a whole one.
    pub(crate) fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The whole number, also when it is written with a fraction of nothing, or as digits in a text.
    pub(crate) fn to_integer(&self) -> Option<i64> {
        /// Beyond this, not every whole number has a decimal of its own.
        const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
        match self {
            Self::Integer(number) => Some(*number),
            #[expect(clippy::cast_possible_truncation, reason = "a whole number within the range is kept")]
            Self::Decimal(number) if number.fract() == 0.0 && number.abs() < EXACT_MAX => Some(*number as i64),
            Self::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        }
    }

    /// The number, also when it is written as text.
    pub(crate) fn to_decimal(&self) -> Option<f64> {
        match self {
            Self::Decimal(number) => Some(*number),
            _ => self.to_text()?.parse().ok(),
        }
    }

    /// Text, numbers and truth values as text.
    pub(crate) fn to_text(&self) -> Option<String> {
        match self {
            Self::Integer(number) => Some(number.to_string()),
            Self::Decimal(number) => Some(number.to_string()),
            Self::Boolean(truth) => Some(truth.to_string()),
            Self::Text(text) => Some(text.clone()),
            Self::Other(_) => None,
        }
    }

    /// The text, if it is a single word such as `VALIDATION_ERROR`: safe to log, unlike a vendor's sentences, which
    /// repeat the values that we sent.
    pub(crate) fn as_word(&self) -> Option<&str> {
        let in_words = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        self.as_text().filter(|text| (1..=64).contains(&text.len()) && text.chars().all(in_words))
    }

    /// What it is, in words: never the value.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Integer(_) | Self::Decimal(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::Text(_) => "text",
            Self::Other(kind) => kind,
        }
    }
}

/// An object, or something else in words.
#[derive(Debug)]
pub(crate) enum Loose<T> {
    /// An object.
    Object(T),
    /// Something else.
    Other(&'static str),
}

impl<T> Loose<T> {
    /// The object, if it is one.
    pub(crate) fn as_object(&self) -> Option<&T> {
        match self {
            Self::Object(object) => Some(object),
            Self::Other(_) => None,
        }
    }

    /// The object, if it is one.
    pub(crate) fn into_object(self) -> Option<T> {
        match self {
            Self::Object(object) => Some(object),
            Self::Other(_) => None,
        }
    }

    /// Whether it is there and says that there is nothing.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Other(kind) if *kind == any::NULL)
    }
}

/// A list of which at most `MOST` items are kept, or something else in words.
#[derive(Debug)]
pub(crate) enum List<T, const MOST: usize> {
    /// A list.
    Of {
        /// The first items.
        items: Vec<T>,
        /// How many there were.
        total: usize,
    },
    /// Something else.
    Other(&'static str),
}

impl<T, const MOST: usize> List<T, MOST> {
    /// The items kept; none if it isn't a list.
    pub(crate) fn items(&self) -> &[T] {
        match self {
            Self::Of { items, .. } => items,
            Self::Other(_) => &[],
        }
    }
}

impl<T, const MOST: usize> List<Loose<T>, MOST> {
    /// The objects among the items kept. `None` if there is anything else, other than nothing at all.
    pub(crate) fn objects(&self) -> Option<Vec<&T>> {
        match self {
            Self::Of { items, .. } => {
                let there = items.iter().filter(|item| !item.is_null());
                there.map(Loose::as_object).collect()
            }
            Self::Other(kind) => matches!(*kind, any::NULL | NOTHING).then(Vec::new),
        }
    }

    /// The objects among the items kept.
    pub(crate) fn into_objects(self) -> Vec<T> {
        match self {
            Self::Of { items, .. } => items.into_iter().filter_map(Loose::into_object).collect(),
            Self::Other(_) => Vec::new(),
        }
    }
}

/// An object whose keys are data: at most `MOST` entries of it are kept. Empty if it is none.
#[derive(Debug)]
pub(crate) struct Map<T, const MOST: usize>(pub(crate) BTreeMap<String, T>);

impl FromAny<'_> for Scalar {
    fn other(kind: &'static str) -> Self {
        Self::Other(kind)
    }

    fn boolean(truth: bool) -> Self {
        Self::Boolean(truth)
    }

    fn integer(number: i64) -> Self {
        Self::Integer(number)
    }

    fn decimal(number: f64) -> Self {
        Self::Decimal(number)
    }

    fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<'de, T: Deserialize<'de>> FromAny<'de> for Loose<T> {
    fn other(kind: &'static str) -> Self {
        Self::Other(kind)
    }

    fn object<A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(object)).map(Self::Object)
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> FromAny<'de> for List<T, MOST> {
    fn other(kind: &'static str) -> Self {
        Self::Other(kind)
    }

    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut items = Vec::new();
        while items.len() < MOST {
            let Some(item) = list.next_element()? else { break };
            items.push(item);
        }
        let mut total = items.len();
        while list.next_element::<IgnoredAny>()?.is_some() {
            total += 1;
        }
        Ok(Self::Of { items, total })
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> FromAny<'de> for Map<T, MOST> {
    fn other(_: &'static str) -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        let mut entries = BTreeMap::new();
        while entries.len() < MOST {
            let Some((key, value)) = object.next_entry()? else { break };
            entries.insert(key, value);
        }
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self(entries))
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any(deserializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any(deserializer)
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for List<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any(deserializer)
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Map<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any(deserializer)
    }
}

impl Default for Scalar {
    fn default() -> Self {
        Self::Other(NOTHING)
    }
}

impl<T> Default for Loose<T> {
    fn default() -> Self {
        Self::Other(NOTHING)
    }
}

impl<T, const MOST: usize> Default for List<T, MOST> {
    fn default() -> Self {
        Self::Other(NOTHING)
    }
}

impl<T, const MOST: usize> Default for Map<T, MOST> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}
