//! Which properties a CRM has, and whether what is to be written fits into them.

use std::fmt;

/// A property of a kind of record, as the CRM describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Its name in the API.
    pub name: String,
    /// What may be put into it.
    pub takes: Takes,
    /// Only the CRM itself sets it.
    pub is_read_only: bool,
}

/// What may be put into a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Takes {
    /// Any text, up to so many characters where the CRM says so.
    Text {
        /// The most characters.
        chars_max: Option<usize>,
    },
    /// A number.
    Number,
    /// A date and time.
    Instant,
    /// One of these values.
    Choice(Vec<String>),
    /// Something else, in the CRM's own word for it.
    Other(String),
}

/// What kind of value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// Text.
    Text,
    /// Digits, perhaps with a decimal point.
    Number,
    /// A date and time.
    Instant,
}

/// A property that the configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Where it is named, as a path in the configuration.
    pub path: String,
    /// Its name.
    pub property: String,
    /// What is written into it; `None` when it is only read.
    pub writes: Option<ValueKind>,
    /// Leadgate's own: one that `leadgate crm setup` may create.
    pub is_ours: bool,
}

/// What doesn't fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Where the property is named.
    pub path: String,
    /// Its name.
    pub property: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The CRM has none of that name, or our token may not see it.
    Missing,
    /// Only the CRM itself sets it.
    ReadOnly,
    /// It takes something else than what is written.
    Takes {
        /// What it takes.
        takes: Takes,
        /// What is written.
        writes: ValueKind,
    },
    /// It takes a few values only: any other that the provider has is left out.
    ChoiceOnly(Vec<String>),
    /// It takes fewer characters than a value may have: one that is longer is left out.
    Short(usize),
}

impl Problem {
    /// Whether some values can be written all the same: it is said, and is no mistake.
    pub fn is_partial(&self) -> bool {
        matches!(self, Self::ChoiceOnly(_) | Self::Short(_))
    }
}

/// Few values are longer, so that a property which takes as many is not worth a word: of one that is shorter, more than a few
/// are left out.
const CHARS_USUAL: usize = 40;
/// How many of a property's values are named.
const CHOICES_NAMED_MAX: usize = 5;

/// What of `named` doesn't fit into `there`.
pub fn misfits(named: &[Named], there: &[Property]) -> Vec<Misfit> {
    let misfit = |named: &Named| {
        let found = there.iter().find(|property| property.name == named.property);
        let problem = match (found, named.writes) {
            (None, _) => Problem::Missing,
            (Some(_), None) => return None,
            (Some(found), Some(_)) if found.is_read_only => Problem::ReadOnly,
            (Some(found), Some(writes)) => found.takes.problem(writes)?,
        };
        Some(Misfit { path: named.path.clone(), property: named.property.clone(), problem })
    };
    named.iter().filter_map(misfit).collect()
}

impl Takes {
    fn problem(&self, writes: ValueKind) -> Option<Problem> {
        match (self, writes) {
            (Self::Text { chars_max: Some(most) }, ValueKind::Text) if *most < CHARS_USUAL => {
                Some(Problem::Short(*most))
            }
            (Self::Text { .. }, _) | (Self::Number, ValueKind::Number) | (Self::Instant, ValueKind::Instant) => None,
            (Self::Choice(values), ValueKind::Text) => Some(Problem::ChoiceOnly(values.clone())),
            _ => Some(Problem::Takes { takes: self.clone(), writes }),
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, property, problem } = self;
        write!(f, "{path}: ")?;
        match problem {
            Problem::Missing => write!(
                f,
                "the CRM has no property {property:?} that the token may see: create it, correct the name, or let the \
                 token see it"
            ),
            Problem::ReadOnly => write!(f, "{property:?} is set by the CRM only: write into another property"),
            Problem::Takes { takes, writes } => {
                write!(f, "{property:?} takes {takes}, and {writes} is written: choose another property or field")
            }
            Problem::ChoiceOnly(values) => {
                write!(f, "{property:?} takes {} only; ", Takes::Choice(values.clone()))?;
                f.write_str("any other value is left out, and the rest is written")
            }
            Problem::Short(most) => {
                write!(f, "{property:?} takes {most} characters; a longer value is left out, and the rest is written")
            }
        }
    }
}

impl fmt::Display for Takes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { chars_max: None } => f.write_str("text"),
            Self::Text { chars_max: Some(most) } => write!(f, "text of {most} characters"),
            Self::Number => f.write_str("a number"),
            Self::Instant => f.write_str("a date and time"),
            Self::Choice(values) => {
                let named: Vec<&str> = values.iter().map(String::as_str).take(CHOICES_NAMED_MAX).collect();
                let more = values.len().saturating_sub(named.len());
                write!(f, "one of {}", named.join(", "))?;
                if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
            }
            Self::Other(word) => write!(f, "what the CRM calls {word:?}"),
        }
    }
}

impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Number => "a number",
            Self::Instant => "a date and time",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(property: &str, writes: Option<ValueKind>) -> Named {
        Named { path: format!("fields.{property}"), property: property.to_owned(), writes, is_ours: false }
    }

    fn there(name: &str, takes: Takes) -> Property {
        Property { name: name.to_owned(), takes, is_read_only: false }
    }

    #[test]
    fn what_does_not_fit_is_named_with_what_to_do() {
        let text = Takes::Text { chars_max: None };
        let stages = Takes::Choice(["lead", "customer"].map(str::to_owned).to_vec());
        let properties = [
            there("title", text.clone()),
            there("city", Takes::Text { chars_max: Some(20) }),
            there("state", Takes::Text { chars_max: Some(80) }),
            there("employees", Takes::Number),
            there("enriched", Takes::Instant),
            there("stage", stages),
            there("owner", Takes::Other("reference".to_owned())),
            Property { is_read_only: true, ..there("created", text) },
        ];
        let problem = |property: &str, writes| {
            misfits(&[named(property, writes)], &properties).pop().map(|misfit| misfit.problem)
        };
        let (text, number, instant) = (Some(ValueKind::Text), Some(ValueKind::Number), Some(ValueKind::Instant));
        for fits in [("title", text), ("title", number), ("title", instant), ("employees", number)] {
            assert_eq!(problem(fits.0, fits.1), None, "{fits:?}");
        }
        assert_eq!(problem("enriched", instant), None);
        assert_eq!(problem("owner", None), None, "what is only read may be anything");
        assert_eq!(problem("titel", text), Some(Problem::Missing));
        assert_eq!(problem("titel", None), Some(Problem::Missing));
        assert_eq!(problem("created", text), Some(Problem::ReadOnly));
        assert!(matches!(problem("employees", text), Some(Problem::Takes { .. })));
        assert!(matches!(problem("owner", text), Some(Problem::Takes { .. })));
        assert!(problem("stage", text).is_some_and(|problem| problem.is_partial()));
        assert_eq!(problem("city", text), Some(Problem::Short(20)));
        assert_eq!(problem("state", text), None);
        let said = misfits(&[named("employees", text)], &properties)[0].to_string();
        assert_eq!(
            said,
            "fields.employees: \"employees\" takes a number, and text is written: choose another property or field"
        );
    }
}
