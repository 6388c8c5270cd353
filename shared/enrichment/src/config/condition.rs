//! What has to hold of a value, wherever rules are written.

use serde_json::Value;

use super::check::Checker;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// One of these, in small letters.
    OneOf(Vec<String>),
    Between(Option<i64>, Option<i64>),
}

impl Test {
    /// Whether it holds of this value. No list and no table fits any test.
    pub(super) fn holds(&self, value: &Value) -> bool {
        match self {
            Self::OneOf(words) => {
                let text = match value {
                    Value::String(text) => text.trim().to_lowercase(),
                    Value::Number(_) | Value::Bool(_) => value.to_string(),
                    _ => return false,
                };
                words.contains(&text)
            }
            Self::Between(least, most) => {
                let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
                #[expect(clippy::cast_precision_loss, reason = "the bounds are far below 2^53")]
                let within = |number: f64| {
                    least.is_none_or(|least| number >= least as f64) && most.is_none_or(|most| number <= most as f64)
                };
                number.is_some_and(within)
            }
        }
    }
}

/// A test as it is written.
pub(super) struct Written {
    pub(super) one_of: Option<Vec<String>>,
    pub(super) at_least: Option<i64>,
    pub(super) at_most: Option<i64>,
}

impl Checker<'_> {
    pub(super) fn test(&mut self, path: &str, written: Written) -> Option<Test> {
        match (written.one_of, written.at_least, written.at_most) {
            (Some(words), None, None) => {
                Some(Test::OneOf(words.iter().map(|word| word.trim().to_lowercase()).collect()))
            }
            (None, least, most) if least.is_some() || most.is_some() => Some(Test::Between(least, most)),
            (words, ..) => {
                let found = if words.is_some() { "words and a number" } else { "nothing that it should be" };
                let remedy = "Write `one_of`, or `at_least`, `at_most` or both.";
                self.problem(path, found, "words, or bounds of a number", remedy);
                None
            }
        }
    }
}
