//! Reading JSON that isn't quite JSON.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a body, whatever a single value in it is made of: an escape for half of a surrogate pair, bytes that are no
/// UTF-8, and a field that is given twice would each fail the whole of it. The first two become U+FFFD, and of the fields
/// the last one counts. The error is that of the body as it is.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(body).or_else(|error| {
        let text = String::from_utf8_lossy(body);
        let value: Option<Value> = serde_json::from_str(&paired(&text)).ok();
        value.and_then(|value| serde_json::from_value(value).ok()).ok_or(error)
    })
}

/// The length of `\uD83D`.
const ESCAPE: usize = 6;

/// The same text, with U+FFFD for each escaped surrogate that has no partner.
fn paired(text: &str) -> Cow<'_, str> {
    let mut mended = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        let step = match surrogate(text, at) {
            Some(Half::First) if surrogate(text, at + ESCAPE) == Some(Half::Second) => 2 * ESCAPE,
            Some(_) => {
                mended.push_str(&text[copied..at]);
                mended.push_str("\\ufffd");
                copied = at + ESCAPE;
                ESCAPE
            }
            // Whatever is escaped is no backslash that begins an escape.
            None => 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
        };
        at += step;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    mended.push_str(&text[copied..]);
    Cow::Owned(mended)
}

#[derive(PartialEq, Eq)]
enum Half {
    First,
    Second,
}

/// Which half of a pair is escaped here, if one is.
fn surrogate(text: &str, at: usize) -> Option<Half> {
    let digits = text.get(at..at + ESCAPE)?.strip_prefix("\\u")?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xD800..=0xDBFF => Some(Half::First),
        0xDC00..=0xDFFF => Some(Half::Second),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_surrogates_without_a_partner_are_replaced() {
        for kept in ["", "\\", "\\u", "\\ud83d\\ude00", "a\\n\\\\ud83d", "\\u00e9", "caf\u{e9} \\u12"] {
            assert_eq!(paired(kept), kept);
        }
        assert_eq!(paired("a\\ud83db"), "a\\ufffdb");
        assert_eq!(paired("\\ude00\\ud83d\\ude00\\ud83d"), "\\ufffd\\ud83d\\ude00\\ufffd");
        assert_eq!(paired("\\ud83d\\ud83d\\ude00"), "\\ufffd\\ud83d\\ude00");
        assert_eq!(paired("\\\\\\ud83d"), "\\\\\\ufffd");
    }

    #[test]
    fn one_value_does_not_fail_the_others() {
        let read = |body: &[u8]| read::<Vec<std::collections::BTreeMap<String, String>>>(body).ok();
        let one = |name: &str, value: &str| Some(vec![std::iter::once((name.into(), value.into())).collect()]);
        assert_eq!(read(br#"[{"a":"x\ud800y"}]"#), one("a", "x\u{fffd}y"));
        assert_eq!(read(b"[{\"a\":\"\xff\"}]"), one("a", "\u{fffd}"));
        assert_eq!(read(br#"[{"a":1}]"#), None);
        assert_eq!(read(b"[{"), None);
    }
}
