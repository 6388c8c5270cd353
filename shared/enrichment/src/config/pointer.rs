//! Where something stands in a JSON body.

use std::fmt;
use std::str::FromStr;

/// A JSON pointer (RFC 6901), such as `/contact/id`. The empty one is the whole body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(String);

/// It is no pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoPointer;

/// The longest one. A body isn't nested as deep as that, and messages name it.
const CHARS_MAX: usize = 200;

impl Pointer {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Pointer {
    type Err = NoPointer;

    fn from_str(text: &str) -> Result<Self, NoPointer> {
        let is_escape = |rest: &str| rest.starts_with(['0', '1']);
        let begins = text.is_empty() || text.starts_with('/');
        let is_short = text.chars().count() <= CHARS_MAX && !text.chars().any(char::is_control);
        let fits = begins && is_short && text.split('~').skip(1).all(is_escape);
        fits.then(|| Self(text.to_owned())).ok_or(NoPointer)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_begins_with_a_slash_and_escapes_with_digits() {
        for good in ["", "/", "/a", "/a/0/b c", "/a~1b/m~0n"] {
            assert_eq!(good.parse::<Pointer>().as_ref().map(Pointer::as_str), Ok(good));
        }
        for bad in ["a", "a/b", "$.a", "/a~", "/a~2", "/a~/b", "/a\n", &format!("/{}", "a".repeat(200))] {
            assert_eq!(bad.parse::<Pointer>(), Err(NoPointer), "{bad:?}");
        }
    }
}
